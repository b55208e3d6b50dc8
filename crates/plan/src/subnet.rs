//! Subnets: a mark, and which route table and network ACL go with it.

use std::collections::BTreeMap;

use enishi_fabric::Origin;
use enishi_fabric::program::{self, Mark};
use enishi_state::World;
use enishi_state::ec2::{NetworkAcl, RouteTable, Subnet, Vpc};

use crate::network_interface::Live;
use crate::route_table;

/// The subnets that live interfaces are in, by mark. A subnet without one sends and receives nothing, so it is left out
/// and costs no rule.
pub(crate) fn compile(world: &World, live: &[Live<'_>]) -> BTreeMap<Mark, program::Subnet> {
    let mut subnets = BTreeMap::new();
    for interface in live {
        let row = interface.subnet;
        let Some(table) = table_of(world, row) else { continue };
        subnets.entry(mark(row)).or_insert_with(|| program::Subnet {
            origin: Origin::resource(row.id.as_str()),
            cidr: row.cidr,
            table: route_table::number(table),
            acl: row.network_acl.1.as_str().into(),
        });
    }
    subnets
}

/// The packet mark of a subnet.
pub(crate) fn mark(row: &Subnet) -> Mark {
    Mark(row.slot)
}

/// The route table of a subnet: the one explicitly associated, else the VPC's main table.
/// [Subnet route tables](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html)
pub(crate) fn table_of<'w>(world: &'w World, row: &Subnet) -> Option<&'w RouteTable> {
    match &row.route_table {
        Some((_, table)) => world.get(table),
        None => world.get(&world.get::<Vpc>(&row.vpc)?.main_route_table.1),
    }
}

/// Whether what a subnet needs is there. Committing a transaction makes sure of it, so this is `true` in every world that
/// was made by one.
pub(crate) fn is_complete(world: &World, row: &Subnet) -> bool {
    table_of(world, row).is_some() && world.get::<NetworkAcl>(&row.network_acl.1).is_some()
}
