//! Security groups and their rules.
//! [Security groups](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html)

use enishi_fabric::{Cidr, TrafficMatch};
use serde::{Deserialize, Serialize};

use super::{PrefixListId, VpcId, VpcPeeringConnectionId};
use crate::id::id;
use crate::{AccountId, Keys, Row, Scope};

id!(SecurityGroupId, "sg", "a security group");
id!(SecurityGroupRuleId, "sgr", "a security group rule");

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Account and region.
    pub scope: Scope,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its name, unique in the VPC; `default` is the VPC's own.
    pub name: String,
    /// The user's words.
    pub description: String,
}

impl Row for SecurityGroup {
    type Id = SecurityGroupId;
    const TABLE: &'static str = "security_group";

    fn id(&self) -> SecurityGroupId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
    }
}

/// The other end of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RulePeer {
    /// IPv4 addresses.
    Cidr(Cidr),
    /// The entries of a managed prefix list.
    PrefixList(PrefixListId),
    /// The members of a group of the same VPC, and the account that owns it.
    Group(SecurityGroupId, AccountId),
    /// The members of a group of a peered VPC. Either may be gone: the rule is stale then and allows nothing.
    PeeredGroup {
        /// The group.
        group: SecurityGroupId,
        /// The account that owns it.
        account: AccountId,
        /// Its VPC.
        vpc: VpcId,
        /// The connection to it.
        peering: VpcPeeringConnectionId,
    },
}

impl RulePeer {
    /// The group, if it is one.
    pub fn group(&self) -> Option<&SecurityGroupId> {
        match self {
            RulePeer::Group(group, _) | RulePeer::PeeredGroup { group, .. } => Some(group),
            RulePeer::Cidr(_) | RulePeer::PrefixList(_) => None,
        }
    }

    /// The prefix list, if it is one.
    pub fn prefix_list(&self) -> Option<&PrefixListId> {
        match self {
            RulePeer::PrefixList(list) => Some(list),
            RulePeer::Cidr(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => None,
        }
    }

    /// The account that owns the group.
    pub fn group_owner(&self) -> Option<&AccountId> {
        match self {
            RulePeer::Group(_, account) | RulePeer::PeeredGroup { account, .. } => Some(account),
            RulePeer::Cidr(_) | RulePeer::PrefixList(_) => None,
        }
    }
}

/// A rule of a security group: it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its id.
    pub id: SecurityGroupRuleId,
    /// Account and region.
    pub scope: Scope,
    /// The group.
    pub group: SecurityGroupId,
    /// Outbound instead of inbound.
    pub egress: bool,
    /// What it allows. AWS's IpProtocol, FromPort and ToPort follow from it.
    pub traffic: TrafficMatch,
    /// The source or destination.
    pub peer: RulePeer,
    /// The user's words.
    pub description: Option<String>,
}

impl Row for SecurityGroupRule {
    type Id = SecurityGroupRuleId;
    const TABLE: &'static str = "security_group_rule";

    fn id(&self) -> SecurityGroupRuleId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("group", self.group.as_str());
        if let RulePeer::PrefixList(list) = &self.peer {
            keys.add("prefix_list", list.as_str());
        }
        if let Some(group) = self.peer.group() {
            keys.add("referenced_group", group.as_str());
        }
    }
}
