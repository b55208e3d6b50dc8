//! Hosted zones. [Working with hosted zones](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-working-with.html)

use enishi_fabric::dns::Name;
use serde::{Deserialize, Serialize};

use super::DelegationSetId;
use crate::ec2::VpcId;
use crate::id::name_id;
use crate::{AccountId, Keys, Region, Row, Timestamp};

name_id!(HostedZoneId, "a hosted zone: `Z…`, without `/hostedzone/`");

/// A VPC that sees a private hosted zone, or that may be associated with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VpcAssociation {
    /// The VPC's region.
    pub region: Region,
    /// The VPC, of this account or of another.
    pub vpc: VpcId,
}

/// A hosted zone. Its record sets are rows of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedZone {
    /// Its id.
    pub id: HostedZoneId,
    /// The account that owns it.
    pub account: AccountId,
    /// The domain.
    pub name: Name,
    /// What the creator called its request.
    pub caller_reference: String,
    /// The comment; empty comments are shown, absent ones are not.
    pub comment: Option<String>,
    /// Whether it is private: then [`HostedZone::vpcs`] is never empty.
    pub is_private: bool,
    /// The VPCs that see it, in the order of association.
    pub vpcs: Vec<VpcAssociation>,
    /// The VPCs of other accounts that may be associated with it.
    pub authorized: Vec<VpcAssociation>,
    /// The reusable delegation set that it was made with.
    pub delegation_set: Option<DelegationSetId>,
    /// Its four name servers, without a final dot.
    pub name_servers: Vec<String>,
    /// How many record sets it has, those that came with it included.
    pub record_sets: u64,
    /// When it was created.
    pub created: Timestamp,
}

impl Row for HostedZone {
    type Id = HostedZoneId;
    const TABLE: &'static str = "route53_hosted_zone";

    fn id(&self) -> HostedZoneId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("account", self.account.as_str());
        keys.add("caller_reference", &format!("{}/{}", self.account, self.caller_reference));
        keys.add("name", &self.name.to_string());
        for association in &self.vpcs {
            keys.add("vpc", association.vpc.as_str());
        }
        if !self.is_private {
            if let Some(domain) = self.name.top_level() {
                keys.add("top_level", &domain.to_string());
            }
            for server in &self.name_servers {
                keys.add("name_server", server);
            }
        }
        if let Some(set) = &self.delegation_set {
            keys.add("delegation_set", set.as_str());
        }
    }
}
