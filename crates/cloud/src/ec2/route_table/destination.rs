//! Destinations of routes: a block, or the entries of a prefix list.
//!
//! [Route priority](https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html): of equal prefixes the local route
//! comes first, then static ones, then those of prefix lists. Entries inside of the VPC's own blocks are ignored.

use std::fmt;

use enishi_fabric::Cidr;
use enishi_state::ec2::{ManagedPrefixList, Route, RouteTable, RouteTarget, Subnet};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

use crate::ec2::{cidr, faults, ids};

/// Reserved for AWS services: no route may lie in it.
const SERVICES: Cidr = Cidr::literal([169, 254, 168, 0], 22);

/// Where packets go that a route is for.
pub(super) enum Destination {
    /// Addresses.
    Block(Cidr),
    /// The addresses of a prefix list.
    List(ManagedPrefixList),
}

/// As messages name it.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Block(block) => block.fmt(f),
            Destination::List(list) => list.id.fmt(f),
        }
    }
}

impl Destination {
    /// The one destination of a request.
    pub(super) fn parse(
        world: &World,
        scope: &Scope,
        ipv4: Option<&str>,
        ipv6: Option<&str>,
        prefix_list: Option<&str>,
    ) -> Result<Self, Fault> {
        match (ipv4, ipv6, prefix_list) {
            (Some(block), None, None) => cidr::parse("destinationCidrBlock", block).map(Destination::Block),
            (None, Some(_), None) => Err(faults::ipv6_not_supported()),
            (None, None, Some(id)) => {
                let row = ids::find::<ManagedPrefixList>(world, scope, id)?;
                Ok(Destination::List(row.clone()))
            }
            (None, None, None) => Err(faults::missing_parameter("destinationCidrBlock")),
            _ => Err(faults::invalid_parameter_combination("A route has exactly one destination.")),
        }
    }

    /// Whether a route of the user's leads there.
    pub(super) fn is_in(&self, table: &RouteTable) -> bool {
        match self {
            Destination::Block(block) => table.routes.contains_key(block),
            Destination::List(list) => table.prefix_list_routes.contains_key(&list.id),
        }
    }

    /// Whether it is that of a local route.
    pub(super) fn is_local(&self, local: &[Cidr]) -> bool {
        match self {
            Destination::Block(block) => local.contains(block),
            Destination::List(_) => false,
        }
    }

    /// Adds or replaces the route.
    pub(super) fn put(self, table: &mut RouteTable, route: Route) {
        match self {
            Destination::Block(block) => table.routes.insert(block, route),
            Destination::List(list) => table.prefix_list_routes.insert(list.id, route),
        };
    }

    /// Removes the route.
    pub(super) fn remove(self, table: &mut RouteTable) {
        match self {
            Destination::Block(block) => table.routes.remove(&block),
            Destination::List(list) => table.prefix_list_routes.remove(&list.id),
        };
    }

    /// What AWS says of destinations in the VPC, and of those that it keeps for itself.
    pub(super) fn check(
        &self,
        world: &World,
        table: &RouteTable,
        local: &[Cidr],
        target: &RouteTarget,
    ) -> Result<(), Fault> {
        let Destination::Block(destination) = *self else { return Ok(()) };
        if SERVICES.covers(destination) {
            let why = format!("It lies in {SERVICES}, which is reserved for AWS services.");
            return Err(faults::invalid_value("destinationCidrBlock", destination, &why));
        }
        if !local.iter().any(|block| block.covers(destination)) {
            return Ok(());
        }
        if matches!(target, RouteTarget::InternetGateway(_)) {
            return Err(faults::route_inside_vpc(destination));
        }
        let is_subnet =
            world.by::<Subnet>("vpc", table.vpc.as_str()).any(|subnet| subnet.cidr == destination);
        match is_subnet || local.contains(&destination) {
            true => Ok(()),
            false => Err(faults::invalid_value(
                "destinationCidrBlock",
                destination,
                "A route more specific than the local route must have the CIDR block of a subnet as its destination.",
            )),
        }
    }
}
