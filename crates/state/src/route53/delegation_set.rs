//! Reusable delegation sets. [API_DelegationSet](https://docs.aws.amazon.com/Route53/latest/APIReference/API_DelegationSet.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{AccountId, Keys, Row};

name_id!(DelegationSetId, "a reusable delegation set: `N…`, without `/delegationset/`");

/// Four name servers that several hosted zones share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationSet {
    /// Its id.
    pub id: DelegationSetId,
    /// The account that owns it.
    pub account: AccountId,
    /// What the creator called its request.
    pub caller_reference: String,
    /// The four name servers, without a final dot.
    pub name_servers: Vec<String>,
}

impl Row for DelegationSet {
    type Id = DelegationSetId;
    const TABLE: &'static str = "route53_delegation_set";

    fn id(&self) -> DelegationSetId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        keys.add("caller_reference", &format!("{}/{}", self.account, self.caller_reference));
    }
}
