//! Subnets. [Subnets for your VPC](https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html)

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use super::{AclAssociationId, NetworkAclId, RouteTableAssociationId, RouteTableId, VpcId};
use crate::id::id;
use crate::{Keys, Row, Scope};

id!(SubnetId, "subnet", "a subnet");
id!(SubnetCidrReservationId, "scr", "a subnet CIDR reservation");

/// A subnet: addresses of one VPC in one Availability Zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Account and region.
    pub scope: Scope,
    /// Its VPC.
    pub vpc: VpcId,
    /// A number that no other subnet of the VPC has, 1 to 255: its packet mark in the router.
    pub slot: u8,
    /// Its addresses.
    pub cidr: Cidr,
    /// The zone's name: `us-east-1a`.
    pub zone: String,
    /// The zone's id: `use1-az1`.
    pub zone_id: String,
    /// Whether instances get a public address at launch.
    pub map_public_ip_on_launch: bool,
    /// Whether it is the zone's default subnet.
    pub default_for_zone: bool,
    /// The explicitly associated route table; `None` is the VPC's main table.
    pub route_table: Option<(RouteTableAssociationId, RouteTableId)>,
    /// The network ACL; every subnet has exactly one.
    pub network_acl: (AclAssociationId, NetworkAclId),
    /// `ip-name` or `resource-name`.
    pub hostname_type: String,
    /// Whether DNS A queries for the resource name are answered.
    pub resource_name_dns_a: bool,
}

impl Subnet {
    /// How many addresses at the start AWS keeps: network, router, DNS, reserved.
    pub const RESERVED_LOW: u32 = 4;

    /// The router's address: the first after the network address.
    pub fn gateway(&self) -> Option<std::net::Ipv4Addr> {
        self.cidr.nth(1)
    }
}

impl Row for Subnet {
    type Id = SubnetId;
    const TABLE: &'static str = "subnet";

    fn id(&self) -> SubnetId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
        keys.add("network_acl", self.network_acl.1.as_str());
        keys.add("network_acl_association", self.network_acl.0.as_str());
        if let Some((association, table)) = &self.route_table {
            keys.add("route_table", table.as_str());
            keys.add("route_table_association", association.as_str());
        }
    }
}

/// A part of a subnet that is kept from automatic address assignment.
/// [Subnet CIDR reservations](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-cidr-reservation.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubnetCidrReservation {
    /// Its id.
    pub id: SubnetCidrReservationId,
    /// Account and region.
    pub scope: Scope,
    /// The subnet.
    pub subnet: SubnetId,
    /// The reserved block.
    pub cidr: Cidr,
    /// `prefix` or `explicit`.
    pub kind: String,
    /// The user's words.
    pub description: String,
}

impl Row for SubnetCidrReservation {
    type Id = SubnetCidrReservationId;
    const TABLE: &'static str = "subnet_cidr_reservation";

    fn id(&self) -> SubnetCidrReservationId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("subnet", self.subnet.as_str());
    }
}
