//! Buckets. [Buckets overview](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingBucket.html)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(BucketId, "a bucket: its name, which no other bucket of any account or region has");

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The owner, and the region that it was created in.
    pub scope: Scope,
    /// Its name, unique among all accounts and regions.
    pub name: String,
    /// What its objects are stored under. Random: a bucket that is made again under the same name has another.
    pub uid: u64,
    /// When it was created.
    pub created: Timestamp,
    /// The bucket policy: JSON, as it was given.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Row for Bucket {
    type Id = BucketId;
    const TABLE: &'static str = "s3_bucket";

    fn id(&self) -> BucketId {
        BucketId::new(&self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.scope.account.as_str());
    }
}
