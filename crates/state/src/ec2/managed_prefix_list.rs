//! Managed prefix lists. [Managed prefix lists](https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html)

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use crate::id::{id, name_id};
use crate::{Keys, Row, Scope, World};

id!(PrefixListId, "pl", "a managed prefix list");
name_id!(PrefixListVersionKey, "a version of a prefix list: the list's id, a slash, the version");

/// A set of IPv4 blocks that route tables and security group rules refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPrefixList {
    /// Its id.
    pub id: PrefixListId,
    /// Account and region.
    pub scope: Scope,
    /// The user's name for it; not unique.
    pub name: String,
    /// How many entries it may have, which is what it counts for where it is used.
    pub max_entries: u32,
    /// The newest version, which counts; from 1.
    pub version: i64,
    /// What the last change was.
    pub state: PrefixListState,
}

/// What became of a prefix list last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrefixListState {
    /// It was made.
    Created,
    /// Its name, size or entries were changed.
    Modified,
    /// An earlier version was put back.
    Restored,
    /// It kept its size, since these users cannot take another one.
    ModifyFailed(String),
    /// It was not deleted, since these users refer to it.
    DeleteFailed(String),
}

/// The entries of a prefix list from a version on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixListVersion {
    /// The list.
    pub list: PrefixListId,
    /// The version.
    pub version: i64,
    /// The entries, in ascending order, each block once.
    pub entries: Vec<PrefixListEntry>,
}

/// An entry of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrefixListEntry {
    /// The block.
    pub cidr: Cidr,
    /// The user's words.
    pub description: Option<String>,
}

impl PrefixListVersion {
    /// The key of a version.
    pub fn key(list: &PrefixListId, version: i64) -> PrefixListVersionKey {
        PrefixListVersionKey::new(&format!("{list}/{version}"))
    }

    /// The version of a list that counts now; `None`: there is no such list.
    pub fn newest<'w>(world: &'w World, list: &PrefixListId) -> Option<&'w PrefixListVersion> {
        let row = world.get::<ManagedPrefixList>(list)?;
        world.get::<PrefixListVersion>(&PrefixListVersion::key(list, row.version))
    }
}

impl Row for ManagedPrefixList {
    type Id = PrefixListId;
    const TABLE: &'static str = "managed_prefix_list";

    fn id(&self) -> PrefixListId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}

impl Row for PrefixListVersion {
    type Id = PrefixListVersionKey;
    const TABLE: &'static str = "prefix_list_version";

    fn id(&self) -> PrefixListVersionKey {
        PrefixListVersion::key(&self.list, self.version)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("list", self.list.as_str());
    }
}
