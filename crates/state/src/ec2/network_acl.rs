//! Network ACLs. [Control subnet traffic with network access control lists](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html)

use std::collections::BTreeMap;

use enishi_fabric::{Cidr, TrafficMatch};
use serde::{Deserialize, Serialize};

use super::VpcId;
use crate::id::id;
use crate::{Keys, Row, Scope};

id!(NetworkAclId, "acl", "a network ACL");
id!(AclAssociationId, "aclassoc", "the association of a network ACL with a subnet");

/// A network ACL. The final rule `*` (32767, deny all) is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// Account and region.
    pub scope: Scope,
    /// Its VPC.
    pub vpc: VpcId,
    /// Whether new subnets of the VPC get it.
    pub is_default: bool,
    /// Inbound rules by number, 1 to 32766.
    pub inbound: BTreeMap<u16, AclEntry>,
    /// Outbound rules by number, 1 to 32766.
    pub outbound: BTreeMap<u16, AclEntry>,
}

/// A rule of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    /// Allow or deny.
    pub allow: bool,
    /// What it covers.
    pub traffic: TrafficMatch,
    /// The source (inbound) or destination (outbound).
    pub cidr: Cidr,
}

impl Row for NetworkAcl {
    type Id = NetworkAclId;
    const TABLE: &'static str = "network_acl";

    fn id(&self) -> NetworkAclId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
    }
}
