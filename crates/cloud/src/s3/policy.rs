//! Bucket policies. [Bucket policies](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html)
//!
//! A policy is judged whole or refused: one whose conditions Enishi does not judge would protect less, or more, than it
//! says.

use enishi_state::Tx;
use enishi_state::s3::{Bucket, BucketId};
use enishi_wire::Fault;
use serde_json::Value;

use super::{access, arn, faults};
use crate::policy::{items, not_judged, statements};

/// Bytes of a policy.
const BYTES: usize = 20 * 1024;

/// Condition keys that requests have here.
const CONDITION_KEYS: [&str; 7] = [
    "aws:principalaccount",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "s3:delimiter",
    "s3:prefix",
    "s3:x-amz-acl",
];

/// Gives a bucket a policy, instead of the one that it has.
///
/// # Errors
/// `NoSuchBucket`, `MalformedPolicy`, `NotImplemented`
pub fn put_policy(tx: &mut Tx<'_>, bucket: &str, document: &str) -> Result<(), Fault> {
    let bucket = access::find(tx.world(), bucket)?.name.clone();
    check(&bucket, document)?;
    tx.modify::<Bucket>(&BucketId::new(&bucket), |row| row.policy = Some(document.to_owned()));
    Ok(())
}

/// Takes a bucket's policy away, if it has one.
///
/// # Errors
/// `NoSuchBucket`
pub fn delete_policy(tx: &mut Tx<'_>, bucket: &str) -> Result<(), Fault> {
    let bucket = access::find(tx.world(), bucket)?.name.clone();
    tx.modify::<Bucket>(&BucketId::new(&bucket), |row| row.policy = None);
    Ok(())
}

fn check(bucket: &str, document: &str) -> Result<(), Fault> {
    if document.len() > BYTES {
        return Err(faults::malformed_policy("Policy exceeds the maximum allowed document size."));
    }
    let no_json = "Policies must be valid JSON and the first byte must be '{'";
    let policy = serde_json::from_str::<Value>(document).ok().filter(|policy| policy.is_object());
    let policy = policy.ok_or_else(|| faults::malformed_policy(no_json))?;
    if statements(&policy).next().is_none() {
        return Err(missing("Statement"));
    }
    statements(&policy).try_for_each(|statement| check_statement(bucket, statement))?;
    match not_judged(&policy, &CONDITION_KEYS) {
        None => Ok(()),
        Some(what) => Err(faults::not_implemented(&format!("{what} in bucket policies"))),
    }
}

fn check_statement(bucket: &str, statement: &Value) -> Result<(), Fault> {
    let has = |names: [&str; 2]| names.iter().any(|name| statement.get(*name).is_some());
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(other) => return Err(faults::malformed_policy(format!("Invalid effect: {other}"))),
        None => return Err(missing("Effect")),
    }
    match statement.get("Principal") {
        Some(Value::String(everybody)) if everybody == "*" => {}
        Some(Value::Object(_)) => {}
        Some(_) => return Err(faults::malformed_policy("Invalid principal in policy")),
        None if statement.get("NotPrincipal").is_some() => {}
        None => return Err(missing("Principal")),
    }
    if !has(["Action", "NotAction"]) {
        return Err(missing("Action"));
    }
    let mut actions = items(statement.get("Action")).chain(items(statement.get("NotAction")));
    let is_of_s3 =
        |action: &Value| action.as_str().is_some_and(|action| action == "*" || starts_with_s3(action));
    if !actions.all(is_of_s3) {
        return Err(faults::malformed_policy("Policy has invalid action"));
    }
    if !has(["Resource", "NotResource"]) {
        return Err(missing("Resource"));
    }
    let (bucket_arn, objects) = (arn(bucket), format!("{}/", arn(bucket)));
    let mut resources = items(statement.get("Resource")).chain(items(statement.get("NotResource")));
    let is_ours = |resource: &Value| {
        resource.as_str().is_some_and(|resource| resource == bucket_arn || resource.starts_with(&objects))
    };
    match resources.all(is_ours) {
        true => Ok(()),
        false => Err(faults::malformed_policy("Policy has invalid resource")),
    }
}

fn starts_with_s3(action: &str) -> bool {
    action.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:"))
}

fn missing(field: &str) -> Fault {
    faults::malformed_policy(format!("Missing required field {field}"))
}
