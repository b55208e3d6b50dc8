//! Who may use a bucket.

use enishi_state::s3::{Bucket, BucketId};
use enishi_state::{AccountId, World};
use enishi_wire::Fault;

use super::{arn, faults, name, object_arn};
use crate::policy::{self, Access, Principal, Verdict};

/// What only the owner's policy is about: a policy that denies everything can still be taken away.
const OF_THE_OWNER: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Requester<'a> {
    /// The account; nobody's for a request without a signature where those are demanded.
    pub account: Option<&'a AccountId>,
    /// The ARN of the session, if it is one.
    pub session: Option<&'a str>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// The action as policies name it: `s3:GetObject`.
    pub action: &'a str,
    /// The object's key; none for what is done to the bucket.
    pub key: Option<&'a str>,
    /// What else conditions may be about: keys of [`super::policy::CONDITION_KEYS`] with the request's values.
    pub context: &'a [(&'a str, &'a str)],
}

/// The bucket of that name.
///
/// # Errors
/// `InvalidBucketName`, `NoSuchBucket`
pub fn find<'w>(world: &'w World, bucket: &str) -> Result<&'w Bucket, Fault> {
    let found = world.get::<Bucket>(&BucketId::new(bucket));
    found.ok_or_else(|| match name::is_valid(bucket) {
        true => faults::no_such_bucket(),
        false => faults::invalid_bucket_name(),
    })
}

/// The bucket of that name, if the requester may use it so.
///
/// # Errors
/// `InvalidBucketName`, `NoSuchBucket`, `AccessDenied`
pub fn permitted<'w>(
    world: &'w World,
    bucket: &str,
    requester: Requester<'_>,
    what: Use<'_>,
) -> Result<&'w Bucket, Fault> {
    let bucket = find(world, bucket)?;
    let is_owner = requester.account == Some(&bucket.scope.account);
    if is_owner && OF_THE_OWNER.contains(&what.action) {
        return Ok(bucket);
    }
    let account = requester.account.map_or("anonymous", AccountId::as_str);
    let principal = match requester.account {
        Some(account) => Principal::Account { account: account.as_str(), session: requester.session },
        None => Principal::Anonymous,
    };
    let mut context = what.context.to_vec();
    context.extend([("aws:principalaccount", account), ("aws:securetransport", "false")]);
    match judge(bucket, principal, what.action, what.key, &context) {
        Verdict::Allowed => Ok(bucket),
        Verdict::Silent if is_owner => Ok(bucket),
        Verdict::Silent | Verdict::Denied => Err(faults::access_denied()),
    }
}

/// What the policy of a bucket says; nothing if there is none.
pub(super) fn judge(
    bucket: &Bucket,
    principal: Principal<'_>,
    action: &str,
    key: Option<&str>,
    context: &[(&str, &str)],
) -> Verdict {
    let Some(document) = bucket.policy.as_deref().and_then(|policy| serde_json::from_str(policy).ok()) else {
        return Verdict::Silent;
    };
    let resource = match key {
        Some(key) => object_arn(&bucket.name, key),
        None => arn(&bucket.name),
    };
    policy::judge(&document, Access { principal, action, resource: &resource, context })
}
