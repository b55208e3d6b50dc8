//! Buckets: making, finding and deleting them; their policies and tags.

use enishi_cloud::s3 as rules;
use enishi_state::s3::Bucket;
use s3s::dto::*;
use s3s::{S3Request, S3Result};

use super::headers::{no_access_control_lists, timestamp};
use super::refusal::{access_denied, error, failed, invalid_argument, not_implemented};
use super::{Objects, identity};

/// Buckets of one page.
const PAGE: i32 = 10_000;

impl Objects {
    pub(super) async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<CreateBucketOutput> {
        let identity = identity(&request)?.clone();
        if identity.is_anonymous {
            return Err(access_denied());
        }
        let input = request.input;
        refuse_unsupported(&input)?;
        let location = format!("/{}", input.bucket);
        let constraint =
            input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
        let constraint = constraint.map(|constraint| constraint.as_str().to_owned());
        self.change(identity.caller, move |tx| {
            rules::create_bucket(tx, &input.bucket, constraint.as_deref())
        })
        .await?;
        Ok(CreateBucketOutput { location: Some(location) })
    }

    pub(super) async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<DeleteBucketOutput> {
        let objects = self.clone();
        // What was begun is done: a client that goes does not leave the bucket open to puts in the middle.
        let work = async move {
            let name = &request.input.bucket;
            let bucket = objects.bucket(&request, name, "s3:DeleteBucket", None)?;
            let _alone = objects.0.puts.clone().write_owned().await;
            let uid = bucket.uid;
            if objects.0.store.exists()
                && !objects.store().ask(move |index| index.is_empty(uid)).await.map_err(failed)?
            {
                return Err(error("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"));
            }
            objects.alter(&request, name, "s3:DeleteBucket", rules::delete_bucket).await?;
            objects.changed();
            Ok(DeleteBucketOutput {})
        };
        tokio::spawn(work).await.unwrap_or_else(|_| {
            Err(error("InternalError", 500, "We encountered an internal error. Please try again."))
        })
    }

    pub(super) fn head_bucket(&self, request: &S3Request<HeadBucketInput>) -> S3Result<HeadBucketOutput> {
        let bucket = self.bucket(request, &request.input.bucket, "s3:ListBucket", None)?;
        Ok(HeadBucketOutput {
            bucket_region: Some(bucket.scope.region.as_str().to_owned()),
            ..Default::default()
        })
    }

    pub(super) fn list_buckets(&self, request: &S3Request<ListBucketsInput>) -> S3Result<ListBucketsOutput> {
        let identity = identity(request)?;
        if identity.is_anonymous {
            return Err(access_denied());
        }
        let input = &request.input;
        let most = input.max_buckets.unwrap_or(PAGE);
        if !(1..=PAGE).contains(&most) {
            let text = "Argument max-buckets must be an integer between 1 and 10000";
            return Err(invalid_argument(text));
        }
        let most = usize::try_from(most).unwrap_or_default();
        let world = self.world();
        let account = &identity.caller.scope.account;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let after = input.continuation_token.as_deref().unwrap_or_default();
        let is_wanted = |bucket: &&Bucket| {
            bucket.name.starts_with(prefix)
                && bucket.name.as_str() > after
                && input.bucket_region.as_ref().is_none_or(|region| region == bucket.scope.region.as_str())
        };
        let mut found: Vec<&Bucket> =
            world.by::<Bucket>("account", account.as_str()).filter(is_wanted).collect();
        let is_truncated = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| is_truncated).map(|bucket| bucket.name.clone());
        let buckets = found.into_iter().map(|bucket| s3s::dto::Bucket {
            bucket_region: Some(bucket.scope.region.as_str().to_owned()),
            creation_date: Some(timestamp(bucket.created.0)),
            name: Some(bucket.name.clone()),
        });
        Ok(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            continuation_token: next,
            owner: Some(owner(account.as_str())),
            prefix: input.prefix.clone(),
        })
    }

    pub(super) fn bucket_location(
        &self,
        request: &S3Request<GetBucketLocationInput>,
    ) -> S3Result<GetBucketLocationOutput> {
        let bucket = self.bucket(request, &request.input.bucket, "s3:GetBucketLocation", None)?;
        let region = bucket.scope.region.as_str();
        let constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.to_owned()));
        Ok(GetBucketLocationOutput { location_constraint: constraint })
    }

    pub(super) async fn put_bucket_policy(&self, request: S3Request<PutBucketPolicyInput>) -> S3Result<()> {
        let document = request.input.policy.clone();
        let put = move |tx: &mut enishi_state::Tx<'_>, name: &str| rules::put_policy(tx, name, &document);
        self.alter(&request, &request.input.bucket, "s3:PutBucketPolicy", put).await
    }

    pub(super) fn bucket_policy(&self, request: &S3Request<GetBucketPolicyInput>) -> S3Result<String> {
        let bucket = self.bucket(request, &request.input.bucket, "s3:GetBucketPolicy", None)?;
        bucket.policy.ok_or_else(|| error("NoSuchBucketPolicy", 404, "The bucket policy does not exist"))
    }

    pub(super) async fn delete_bucket_policy(
        &self,
        request: S3Request<DeleteBucketPolicyInput>,
    ) -> S3Result<()> {
        self.alter(&request, &request.input.bucket, "s3:DeleteBucketPolicy", rules::delete_policy).await
    }

    pub(super) async fn put_bucket_tagging(&self, request: S3Request<PutBucketTaggingInput>) -> S3Result<()> {
        let tags = request
            .input
            .tagging
            .tag_set
            .iter()
            .map(|tag| (tag.key.clone().unwrap_or_default(), tag.value.clone().unwrap_or_default()));
        let tags: Vec<(String, String)> = tags.collect();
        let put = move |tx: &mut enishi_state::Tx<'_>, name: &str| rules::put_tags(tx, name, tags);
        self.alter(&request, &request.input.bucket, "s3:PutBucketTagging", put).await
    }

    pub(super) fn bucket_tagging(
        &self,
        request: &S3Request<GetBucketTaggingInput>,
    ) -> S3Result<GetBucketTaggingOutput> {
        let bucket = self.bucket(request, &request.input.bucket, "s3:GetBucketTagging", None)?;
        if bucket.tags.is_empty() {
            return Err(error("NoSuchTagSet", 404, "The TagSet does not exist"));
        }
        let tags = bucket.tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
        Ok(GetBucketTaggingOutput { tag_set: tags.collect() })
    }

    pub(super) async fn delete_bucket_tagging(
        &self,
        request: S3Request<DeleteBucketTaggingInput>,
    ) -> S3Result<()> {
        self.alter(&request, &request.input.bucket, "s3:PutBucketTagging", rules::delete_tags).await
    }
}

/// The owner of a bucket or an object, who is an account here.
pub(super) fn owner(account: &str) -> Owner {
    Owner { display_name: None, id: Some(owner_id(account)) }
}

/// An account as S3 names it: a canonical user id, 64 hexadecimal digits that say nothing but which one it is.
pub(super) fn owner_id(account: &str) -> String {
    let mut digest = enishi_wire::sigv4::Sha256::new();
    digest.update(account.as_bytes());
    digest.finish()
}

fn refuse_unsupported(input: &CreateBucketInput) -> S3Result<()> {
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let acl = input.acl.as_ref().map(BucketCannedACL::as_str);
    if grants.iter().any(|grant| grant.is_some()) || !matches!(acl, None | Some("private")) {
        return Err(no_access_control_lists());
    }
    if input.object_lock_enabled_for_bucket == Some(true) {
        return Err(not_implemented("Object Lock"));
    }
    let ownership = input.object_ownership.as_ref().map(ObjectOwnership::as_str);
    if !matches!(ownership, None | Some("BucketOwnerEnforced")) {
        return Err(not_implemented("object ownership other than BucketOwnerEnforced"));
    }
    match input.create_bucket_configuration.as_ref() {
        Some(
            CreateBucketConfiguration { bucket: Some(_), .. }
            | CreateBucketConfiguration { location: Some(_), .. },
        ) => Err(not_implemented("directory buckets")),
        _ => Ok(()),
    }
}
