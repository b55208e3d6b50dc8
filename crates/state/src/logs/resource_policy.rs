//! Resource policies: which services may write to log groups.
//! [API_PutResourcePolicy](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html)

use serde::{Deserialize, Serialize};

use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(ResourcePolicyId, "a resource policy: account/region:name");

impl ResourcePolicyId {
    /// The id of the policy of that name.
    pub fn of(scope: &Scope, name: &str) -> Self {
        ResourcePolicyId::new(&format!("{scope}:{name}"))
    }
}

/// A resource policy of an account and region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// Account and region.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// The policy: JSON, as it was given.
    pub document: String,
    /// When it was put.
    pub updated: Timestamp,
}

impl Row for ResourcePolicy {
    type Id = ResourcePolicyId;
    const TABLE: &'static str = "logs_resource_policy";

    fn id(&self) -> ResourcePolicyId {
        ResourcePolicyId::of(&self.scope, &self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
