//! Amazon S3: buckets. Objects are not rows: they are many and large, and live in a store of their own under
//! [`Bucket::uid`], which is never used twice.

mod bucket;

pub use bucket::{Bucket, BucketId};
