//! Route tables: local routes, the user's routes, and what became of their targets.
//!
//! The longest prefix wins. Every CIDR block of the VPC has a `local` route, unless a route with exactly that destination
//! replaced it; routes more specific than a local one lead out of an interface of the VPC. Entries of prefix lists come after
//! all others of the same length, and count outside of the VPC's blocks only.
//! [Route priority](https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html)

use std::collections::BTreeMap;

use enishi_fabric::program::{self, TableId};
use enishi_fabric::{Cidr, Origin};
use enishi_state::World;
use enishi_state::ec2::{
    InternetGateway, NatGateway, NetworkInterface, NetworkInterfaceId, PrefixListEntry, PrefixListVersion,
    Route, RouteTable, RouteTarget, Vpc, VpcId,
};

use crate::network_interface::Live;
use crate::{subnet, vpc_peering_connection};

/// Linux keeps 253 to 255 for itself and 0 as unspecified; ours start well above.
const FIRST_TABLE: u32 = 1000;

/// What `DescribeRouteTables` says of a route.
/// [Route](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteState {
    /// The target is there.
    Active,
    /// The target is not: a detached gateway, a stopped instance, a deleted NAT gateway. Packets are dropped.
    Blackhole,
}

impl RouteState {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            RouteState::Active => "active",
            RouteState::Blackhole => "blackhole",
        }
    }
}

/// The state of a route of `table`. Local routes, which are not stored, are always active.
pub fn route_state(world: &World, table: &RouteTable, route: &Route) -> RouteState {
    match resolve(world, &table.vpc, &route.target) {
        program::RouteTarget::Blackhole => RouteState::Blackhole,
        _ => RouteState::Active,
    }
}

/// The tables that the subnets of live interfaces use, by their Linux number.
pub(crate) fn compile(world: &World, vpc: &Vpc, live: &[Live<'_>]) -> BTreeMap<TableId, program::RouteTable> {
    let mut tables = BTreeMap::new();
    for interface in live {
        let Some(row) = subnet::table_of(world, interface.subnet) else { continue };
        tables.entry(number(row)).or_insert_with(|| table(world, vpc, row));
    }
    tables
}

/// The Linux table of a route table.
pub(crate) fn number(row: &RouteTable) -> TableId {
    TableId(FIRST_TABLE.saturating_add(row.slot))
}

fn table(world: &World, vpc: &Vpc, row: &RouteTable) -> program::RouteTable {
    let route = |destination: Cidr, target| {
        let origin = Origin::rule(row.id.as_str(), &destination.to_string());
        (destination, program::Route { origin, target })
    };
    let local = vpc.cidrs.iter().map(|block| route(block.cidr, program::RouteTarget::Local));
    let stored = row.routes.iter().map(|(to, stored)| route(*to, resolve(world, &vpc.id, &stored.target)));
    let listed = row.prefix_list_routes.iter().rev().flat_map(|(list, stored)| {
        let target = resolve(world, &vpc.id, &stored.target);
        let newest = PrefixListVersion::newest(world, list);
        let entries = newest.into_iter().flat_map(|version| &version.entries);
        let outside = |entry: &&PrefixListEntry| !vpc.cidrs.iter().any(|block| block.cidr.covers(entry.cidr));
        entries.filter(outside).map(move |entry| route(entry.cidr, target.clone()))
    });
    // In this order, so that a stored route replaces the local one, and both those of prefix lists, of which the first counts.
    let routes = listed.chain(local).chain(stored).collect();
    program::RouteTable { origin: Origin::resource(row.id.as_str()), routes }
}

/// Where a route of a table of `vpc` leads.
fn resolve(world: &World, vpc: &VpcId, target: &RouteTarget) -> program::RouteTarget {
    match target {
        RouteTarget::Local => program::RouteTarget::Local,
        RouteTarget::InternetGateway(id) => {
            let attached = world.get::<InternetGateway>(id).and_then(|gateway| gateway.vpc.as_ref());
            if attached == Some(vpc) {
                program::RouteTarget::Internet
            } else {
                program::RouteTarget::Blackhole
            }
        }
        RouteTarget::NatGateway(id) => match world.get::<NatGateway>(id) {
            Some(gateway) => through(world, vpc, &gateway.network_interface, id.as_str()),
            None => program::RouteTarget::Blackhole,
        },
        RouteTarget::VpcPeeringConnection(id) => vpc_peering_connection::route(world, vpc, id),
        RouteTarget::NetworkInterface(id) => through(world, vpc, id, id.as_str()),
        RouteTarget::Instance(instance, interface) => through(world, vpc, interface, instance.as_str()),
    }
}

/// Out of a network interface, which must be live and in this VPC.
fn through(world: &World, vpc: &VpcId, id: &NetworkInterfaceId, gateway: &str) -> program::RouteTarget {
    let row = world.get::<NetworkInterface>(id).filter(|row| row.vpc == *vpc);
    match row.and_then(|row| Live::of(world, row)) {
        Some(live) => program::RouteTarget::Eni {
            interface: live.port(),
            via: live.row.primary_ip(),
            gateway: gateway.into(),
        },
        None => program::RouteTarget::Blackhole,
    }
}
