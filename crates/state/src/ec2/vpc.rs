//! VPCs. [How Amazon VPC works](https://docs.aws.amazon.com/vpc/latest/userguide/how-it-works.html)

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use super::{DhcpOptionsId, RouteTableAssociationId, RouteTableId};
use crate::id::{id, name_id};
use crate::{Keys, Row, Scope, Timestamp};

id!(VpcId, "vpc", "a VPC");
id!(CidrAssociationId, "vpc-cidr-assoc", "the association of a CIDR block with a VPC");
name_id!(RegionDefaultsKey, "a region's defaults: account/region");

/// Where instances of a VPC may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tenancy {
    /// Shared hardware.
    Default,
    /// Single-tenant hardware.
    Dedicated,
    /// A dedicated host; only instances have it.
    Host,
}

/// A CIDR block of a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrAssociation {
    /// The association.
    pub id: CidrAssociationId,
    /// The block.
    pub cidr: Cidr,
}

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// Account and region.
    pub scope: Scope,
    /// A number that no other VPC has at the same time; interface names are made of it.
    pub slot: u32,
    /// Its CIDR blocks, the primary first.
    pub cidrs: Vec<CidrAssociation>,
    /// `default` or `dedicated`.
    pub tenancy: Tenancy,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Its DHCP option set; `None` is AWS's `default`, no options at all.
    pub dhcp_options: Option<DhcpOptionsId>,
    /// The attribute `enableDnsSupport`.
    pub dns_support: bool,
    /// The attribute `enableDnsHostnames`.
    pub dns_hostnames: bool,
    /// The attribute `enableNetworkAddressUsageMetrics`.
    pub network_address_usage_metrics: bool,
    /// The main route table and the id of its association.
    pub main_route_table: (RouteTableAssociationId, RouteTableId),
    /// When it was created.
    pub created: Timestamp,
}

impl Vpc {
    /// The primary CIDR block.
    pub fn primary_cidr(&self) -> Option<Cidr> {
        self.cidrs.first().map(|association| association.cidr)
    }
}

impl Row for Vpc {
    type Id = VpcId;
    const TABLE: &'static str = "vpc";

    fn id(&self) -> VpcId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("slot", &self.slot.to_string());
        keys.add("route_table_association", self.main_route_table.0.as_str());
        keys.add("route_table", self.main_route_table.1.as_str());
        if let Some(options) = &self.dhcp_options {
            keys.add("dhcp_options", options.as_str());
        }
    }
}

/// Marks that a region of an account has been given its default VPC (which its owner may have deleted since).
/// [Default VPCs](https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionDefaults {
    /// Account and region.
    pub scope: Scope,
}

impl RegionDefaults {
    /// The key of a scope's row.
    pub fn key(scope: &Scope) -> RegionDefaultsKey {
        RegionDefaultsKey::new(&scope.to_string())
    }
}

impl Row for RegionDefaults {
    type Id = RegionDefaultsKey;
    const TABLE: &'static str = "region_defaults";

    fn id(&self) -> RegionDefaultsKey {
        RegionDefaults::key(&self.scope)
    }
}
