//! Making and deleting buckets.

use std::collections::BTreeMap;

use enishi_state::s3::{Bucket, BucketId};
use enishi_state::{Entropy, Region, Scope, Tx};
use enishi_wire::Fault;

use super::{access, faults, name};
use crate::region;

/// Buckets of one account at most.
/// [Bucket quotas](https://docs.aws.amazon.com/AmazonS3/latest/userguide/BucketRestrictions.html)
const BUCKETS: usize = 10_000;

/// Makes a bucket for the caller, in the region of `constraint` (`LocationConstraint`) or in `us-east-1`.
///
/// In `us-east-1` making a bucket that one has already succeeds, as it does at AWS.
///
/// # Errors
/// `InvalidBucketName`, `IllegalLocationConstraintException`, `InvalidLocationConstraint`, `BucketAlreadyExists`,
/// `BucketAlreadyOwnedByYou`, `TooManyBuckets`
pub fn create_bucket(tx: &mut Tx<'_>, bucket: &str, constraint: Option<&str>) -> Result<(), Fault> {
    if !name::is_valid(bucket) {
        return Err(faults::invalid_bucket_name());
    }
    let caller = &tx.caller().scope;
    let region = location(&caller.region, constraint)?;
    if let Some(other) = tx.world().get::<Bucket>(&BucketId::new(bucket)) {
        return match (other.scope.account == caller.account, region == Region::us_east_1()) {
            (true, true) => Ok(()),
            (true, false) => Err(faults::bucket_already_owned_by_you()),
            (false, _) => Err(faults::bucket_already_exists()),
        };
    }
    if tx.world().by::<Bucket>("account", caller.account.as_str()).count() >= BUCKETS {
        return Err(faults::too_many_buckets());
    }
    let uid = random(tx.entropy());
    tx.put(Bucket {
        scope: Scope { account: caller.account.clone(), region },
        name: bucket.to_owned(),
        uid,
        created: tx.now(),
        policy: None,
        tags: BTreeMap::new(),
    });
    Ok(())
}

/// The region of a new bucket. Only the endpoint of `us-east-1` makes buckets elsewhere.
fn location(endpoint: &Region, constraint: Option<&str>) -> Result<Region, Fault> {
    let home = Region::us_east_1();
    let wanted = match constraint.filter(|constraint| !constraint.is_empty()) {
        None if *endpoint == home => return Ok(home),
        None => return Err(faults::illegal_location_constraint("unspecified")),
        Some("EU") => "eu-west-1",
        Some(wanted) => wanted,
    };
    let is_known = |region: &Region| region::info(region).is_some() || region == endpoint;
    let region = Region::new(wanted).filter(|region| *region != home && is_known(region));
    let region = region.ok_or_else(faults::invalid_location_constraint)?;
    match *endpoint == home || *endpoint == region {
        true => Ok(region),
        false => Err(faults::illegal_location_constraint(wanted)),
    }
}

/// Deletes a bucket, which has no object any more.
///
/// # Errors
/// `NoSuchBucket`
pub fn delete_bucket(tx: &mut Tx<'_>, bucket: &str) -> Result<(), Fault> {
    let id = access::find(tx.world(), bucket).map(|bucket| BucketId::new(&bucket.name))?;
    tx.remove::<Bucket>(&id);
    Ok(())
}

fn random(entropy: &mut dyn Entropy) -> u64 {
    let mut bytes = [0u8; 8];
    entropy.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
