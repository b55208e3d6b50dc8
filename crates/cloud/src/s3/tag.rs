//! Tags of buckets. [API_PutBucketTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html)

use std::collections::BTreeMap;

use enishi_state::Tx;
use enishi_state::s3::{Bucket, BucketId};
use enishi_wire::Fault;

use super::{access, faults};

/// Tags of one bucket at most, and characters of a key and a value.
const TAGS: usize = 50;
const KEY: usize = 128;
const VALUE: usize = 256;

/// Gives a bucket tags, instead of those that it has.
///
/// # Errors
/// `NoSuchBucket`, `InvalidTag`
pub fn put_tags(tx: &mut Tx<'_>, bucket: &str, tags: Vec<(String, String)>) -> Result<(), Fault> {
    let bucket = access::find(tx.world(), bucket)?.name.clone();
    if tags.len() > TAGS {
        return Err(faults::invalid_tag("Bucket tag count cannot be greater than 50"));
    }
    let mut unique = BTreeMap::new();
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY {
            return Err(faults::invalid_tag("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > VALUE {
            return Err(faults::invalid_tag("The TagValue you have provided is invalid"));
        }
        if key.starts_with("aws:") {
            return Err(faults::invalid_tag("System tags cannot be added/updated by requester"));
        }
        if unique.insert(key, value).is_some() {
            return Err(faults::invalid_tag("Cannot provide multiple Tags with the same key"));
        }
    }
    tx.modify::<Bucket>(&BucketId::new(&bucket), |row| row.tags = unique);
    Ok(())
}

/// Takes a bucket's tags away.
///
/// # Errors
/// `NoSuchBucket`
pub fn delete_tags(tx: &mut Tx<'_>, bucket: &str) -> Result<(), Fault> {
    let bucket = access::find(tx.world(), bucket)?.name.clone();
    tx.modify::<Bucket>(&BucketId::new(&bucket), |row| row.tags.clear());
    Ok(())
}
