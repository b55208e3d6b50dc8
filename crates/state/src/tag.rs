//! Tags, written once for every kind of resource.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Keys, Row, Scope, id::name_id};

name_id!(
    TagKey,
    "a tag: the resource id, a newline, the tag's key; for a shared resource, another newline and the scope"
);

impl TagKey {
    /// The key of the tag `key` on `resource`.
    pub fn of(resource: &str, key: &str) -> Self {
        TagKey::new(&format!("{resource}\n{key}"))
    }
}

/// A tag on a resource. [Tag your Amazon EC2 resources](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Account and region of the resource.
    pub scope: Scope,
    /// The resource: an id such as `vpc-…`, or an ARN for services that tag by ARN.
    pub resource: String,
    /// AWS's name of the kind of resource, as `DescribeTags` answers it: `vpc`, `elastic-ip`.
    pub resource_type: String,
    /// The tag's key.
    pub key: String,
    /// The tag's value.
    pub value: String,
}

impl Tag {
    /// Whether the resource has two owners, each with tags of his own: a VPC peering connection.
    fn is_of_one_side(&self) -> bool {
        self.resource.starts_with("pcx-")
    }

    /// The account that owns the resource.
    pub fn account(&self) -> &AccountId {
        &self.scope.account
    }
}

impl Row for Tag {
    type Id = TagKey;
    const TABLE: &'static str = "tag";

    fn id(&self) -> TagKey {
        match self.is_of_one_side() {
            true => TagKey::new(&format!("{}\n{}\n{}", self.resource, self.key, self.scope)),
            false => TagKey::of(&self.resource, &self.key),
        }
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("resource", &self.resource);
        keys.add("scope", &self.scope.to_string());
    }
}
