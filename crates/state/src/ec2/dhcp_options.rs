//! DHCP option sets. [DHCP option sets](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html)

use serde::{Deserialize, Serialize};

use crate::id::id;
use crate::{Keys, Row, Scope};

id!(DhcpOptionsId, "dopt", "a DHCP option set");

/// One option and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpConfiguration {
    /// `domain-name`, `domain-name-servers`, …
    pub key: String,
    /// Its values.
    pub values: Vec<String>,
}

/// A DHCP option set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub id: DhcpOptionsId,
    /// Account and region.
    pub scope: Scope,
    /// Its options.
    pub configurations: Vec<DhcpConfiguration>,
}

impl Row for DhcpOptions {
    type Id = DhcpOptionsId;
    const TABLE: &'static str = "dhcp_options";

    fn id(&self) -> DhcpOptionsId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
