//! Route tables. [Configure route tables](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html)

use std::collections::BTreeMap;

use enishi_fabric::Cidr;
use serde::{Deserialize, Serialize};

use super::{
    InstanceId, InternetGatewayId, NatGatewayId, NetworkInterfaceId, PrefixListId, VpcId,
    VpcPeeringConnectionId,
};
use crate::id::id;
use crate::{Keys, Row, Scope};

id!(RouteTableId, "rtb", "a route table");
id!(RouteTableAssociationId, "rtbassoc", "the association of a route table");

/// A route table. The local routes of the VPC's CIDR blocks are computed, not stored, unless one was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its id.
    pub id: RouteTableId,
    /// Account and region.
    pub scope: Scope,
    /// Its VPC.
    pub vpc: VpcId,
    /// A number that no other route table of the VPC has, from 0; the Linux table is 1000 + slot.
    pub slot: u32,
    /// Routes by destination, besides the local ones.
    pub routes: BTreeMap<Cidr, Route>,
    /// Routes whose destinations are the entries of a managed prefix list.
    #[serde(default)]
    pub prefix_list_routes: BTreeMap<PrefixListId, Route>,
}

/// A route that a user made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub target: RouteTarget,
}

/// The target of a route. Whether it is a blackhole is computed from the target's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteTarget {
    /// A replaced local route that was put back.
    Local,
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A network interface.
    NetworkInterface(NetworkInterfaceId),
    /// A VPC peering connection.
    VpcPeeringConnection(VpcPeeringConnectionId),
    /// An instance with exactly one network interface, which is stored too.
    Instance(InstanceId, NetworkInterfaceId),
}

impl Row for RouteTable {
    type Id = RouteTableId;
    const TABLE: &'static str = "route_table";

    fn id(&self) -> RouteTableId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
        for list in self.prefix_list_routes.keys() {
            keys.add("prefix_list", list.as_str());
        }
        for route in self.routes.values().chain(self.prefix_list_routes.values()) {
            match &route.target {
                RouteTarget::Local => {}
                RouteTarget::InternetGateway(id) => keys.add("target", id.as_str()),
                RouteTarget::NatGateway(id) => keys.add("target", id.as_str()),
                RouteTarget::NetworkInterface(id) => keys.add("target", id.as_str()),
                RouteTarget::VpcPeeringConnection(id) => keys.add("target", id.as_str()),
                RouteTarget::Instance(instance, interface) => {
                    keys.add("target", instance.as_str());
                    keys.add("target", interface.as_str());
                }
            }
        }
    }
}
