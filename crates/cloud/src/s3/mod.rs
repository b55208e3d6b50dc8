//! Amazon S3's buckets: names, owners, policies, tags, and who may do what with them.
//! [General purpose buckets](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket.html)
//!
//! Unlike the other services S3 is no table of operations here: requests carry gigabytes, so the daemon reads and answers
//! them and keeps the objects (decision 12). What it does to buckets, and whether it may do something for somebody, is
//! decided by these functions.
//!
//! * A bucket's owner may do everything that the bucket policy does not deny, and may always change the policy.
//! * Others may do what the policy allows them. There are no access control lists: object ownership is
//!   `BucketOwnerEnforced`, as it is for new buckets at AWS.

mod access;
mod bucket;
mod delivery;
mod faults;
mod name;
mod policy;
mod tag;

pub use access::{Requester, Use, find, permitted};
pub use bucket::{create_bucket, delete_bucket};
pub use delivery::{Delivery, LogSource, Refused, access_log_test_key, may_deliver};
pub use policy::{delete_policy, put_policy};
pub use tag::{delete_tags, put_tags};

/// The ARN of a bucket.
fn arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}

/// The ARN of an object.
fn object_arn(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}
