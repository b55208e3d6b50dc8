//! CIDR collections, for IP-based routing. [IP-based routing](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-ipbased.html)

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{AccountId, Keys, Row};

name_id!(CidrCollectionId, "a CIDR collection: a UUID");

/// Named locations, each a set of blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrCollection {
    /// Its id.
    pub id: CidrCollectionId,
    /// The account that owns it.
    pub account: AccountId,
    /// Its name, unique in the account.
    pub name: String,
    /// What the creator called its request.
    pub caller_reference: String,
    /// Counts the changes, from 1.
    pub version: i64,
    /// The blocks of each location; no location is empty.
    pub locations: BTreeMap<String, BTreeSet<IpNet>>,
}

impl Row for CidrCollection {
    type Id = CidrCollectionId;
    const TABLE: &'static str = "route53_cidr_collection";

    fn id(&self) -> CidrCollectionId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
    }
}
