//! What buckets can be told at AWS and not here: asked for, it is answered truly that nothing of it is configured; setting
//! it is refused.

use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result};

use super::Objects;
use super::buckets::owner;
use super::refusal::error;

/// Something that a bucket does not have.
#[derive(Debug, Clone, Copy)]
pub(super) enum Absent {
    /// Rules for pages of other sites.
    Cors,
    /// Default encryption.
    Encryption,
    /// Lifecycle rules.
    Lifecycle,
    /// Object Lock.
    ObjectLock,
    /// Blocking of public access.
    PublicAccessBlock,
    /// Replication.
    Replication,
    /// A static website.
    Website,
}

impl Absent {
    /// As policies name asking for it.
    fn action(self) -> &'static str {
        match self {
            Absent::Cors => "s3:GetBucketCORS",
            Absent::Encryption => "s3:GetEncryptionConfiguration",
            Absent::Lifecycle => "s3:GetLifecycleConfiguration",
            Absent::ObjectLock => "s3:GetBucketObjectLockConfiguration",
            Absent::PublicAccessBlock => "s3:GetBucketPublicAccessBlock",
            Absent::Replication => "s3:GetReplicationConfiguration",
            Absent::Website => "s3:GetBucketWebsite",
        }
    }

    fn error(self) -> S3Error {
        let (code, message) = match self {
            Absent::Cors => ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
            Absent::Encryption => (
                "ServerSideEncryptionConfigurationNotFoundError",
                "The server side encryption configuration was not found",
            ),
            Absent::Lifecycle => {
                ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
            }
            Absent::ObjectLock => (
                "ObjectLockConfigurationNotFoundError",
                "Object Lock configuration does not exist for this bucket",
            ),
            Absent::PublicAccessBlock => (
                "NoSuchPublicAccessBlockConfiguration",
                "The public access block configuration was not found",
            ),
            Absent::Replication => {
                ("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
            }
            Absent::Website => {
                ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
            }
        };
        error(code, 404, message)
    }
}

impl Objects {
    /// That the bucket has no such configuration, if the sender may know.
    pub(super) fn absent<T>(&self, request: &S3Request<T>, bucket: &str, what: Absent) -> S3Error {
        match self.bucket(request, bucket, what.action(), None) {
            Ok(_) => what.error(),
            Err(refused) => refused,
        }
    }

    /// The list that stands for object ownership by the bucket's owner.
    pub(super) fn bucket_acl(&self, request: &S3Request<GetBucketAclInput>) -> S3Result<GetBucketAclOutput> {
        let bucket = self.bucket(request, &request.input.bucket, "s3:GetBucketAcl", None)?;
        let account = bucket.scope.account.as_str();
        Ok(GetBucketAclOutput { grants: Some(vec![full_control(account)]), owner: Some(owner(account)) })
    }

    pub(super) async fn object_acl(
        &self,
        request: S3Request<GetObjectAclInput>,
    ) -> S3Result<GetObjectAclOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:GetObjectAcl", Some(&input.key))?;
        self.find(&request, &bucket, &input.key, input.version_id.as_deref()).await?;
        let account = bucket.scope.account.as_str();
        Ok(GetObjectAclOutput {
            grants: Some(vec![full_control(account)]),
            owner: Some(owner(account)),
            request_charged: None,
        })
    }

    pub(super) async fn object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<GetObjectTaggingOutput> {
        let input = &request.input;
        let bucket = self.bucket(&request, &input.bucket, "s3:GetObjectTagging", Some(&input.key))?;
        self.find(&request, &bucket, &input.key, input.version_id.as_deref()).await?;
        Ok(GetObjectTaggingOutput { tag_set: Vec::new(), version_id: None })
    }
}

fn full_control(account: &str) -> Grant {
    let owner = owner(account);
    let grantee = Grantee {
        display_name: None,
        email_address: None,
        id: owner.id,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    };
    Grant { grantee: Some(grantee), permission: Some(Permission::from_static(Permission::FULL_CONTROL)) }
}
