//! Routes of a route table.
//! [Route table concepts](https://docs.aws.amazon.com/vpc/latest/userguide/RouteTables.html)
//!
//! What AWS promises: one target per destination; a route may be more specific than the local one if its destination is
//! a subnet's whole block and its target a NAT gateway or a network interface; the local route itself can be replaced by
//! such a target and put back, but not removed.

use enishi_api::ec2::{
    self, CreateRouteRequest, CreateRouteResult, DeleteRouteRequest, ReplaceRouteRequest, ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{
    Instance, InternetGateway, NatGateway, NetworkInterface, Route, RouteTable, RouteTarget, Vpc,
    VpcPeeringConnection,
};
use enishi_state::{Scope, Tx, World};
use enishi_wire::Fault;

use super::destination::Destination;
use crate::ec2::managed_prefix_list::weight_of_routes;
use crate::ec2::{faults, ids};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateRoute>(create_route);
    on.write::<ops::DeleteRoute>(delete_route);
    on.write::<ops::ReplaceRoute>(replace_route);
}

/// Every route of a table, the local ones first, as responses show them.
pub(super) fn all(world: &World, table: &RouteTable) -> Vec<ec2::Route> {
    let local = local_blocks(world, table).into_iter().filter(|block| !table.routes.contains_key(block)).map(
        |block| ec2::Route {
            gateway_id: Some("local".to_owned()),
            ..rendered(block, "CreateRouteTable", "active")
        },
    );
    let own = table.routes.iter().map(|(destination, route)| render(world, table, *destination, route));
    let lists = table.prefix_list_routes.iter().map(|(list, route)| ec2::Route {
        destination_prefix_list_id: Some(list.to_string()),
        ..led(world, table, route)
    });
    local.chain(own).chain(lists).collect()
}

fn local_blocks(world: &World, table: &RouteTable) -> Vec<Cidr> {
    let vpc = world.get::<Vpc>(&table.vpc);
    vpc.map(|vpc| vpc.cidrs.iter().map(|block| block.cidr).collect()).unwrap_or_default()
}

fn rendered(destination: Cidr, origin: &str, state: &str) -> ec2::Route {
    ec2::Route {
        destination_cidr_block: Some(destination.to_string()),
        origin: Some(origin.to_owned()),
        state: Some(state.to_owned()),
        ..Default::default()
    }
}

fn render(world: &World, table: &RouteTable, destination: Cidr, route: &Route) -> ec2::Route {
    let mut shown = led(world, table, route);
    shown.destination_cidr_block = Some(destination.to_string());
    shown
}

/// A route without its destination.
fn led(world: &World, table: &RouteTable, route: &Route) -> ec2::Route {
    let state = enishi_plan::route_state(world, table, route).name();
    let mut shown = ec2::Route {
        origin: Some("CreateRoute".to_owned()),
        state: Some(state.to_owned()),
        ..Default::default()
    };
    match &route.target {
        RouteTarget::Local => shown.gateway_id = Some("local".to_owned()),
        RouteTarget::InternetGateway(id) => shown.gateway_id = Some(id.to_string()),
        RouteTarget::VpcPeeringConnection(id) => shown.vpc_peering_connection_id = Some(id.to_string()),
        RouteTarget::NatGateway(id) => shown.nat_gateway_id = Some(id.to_string()),
        RouteTarget::NetworkInterface(id) => {
            shown.network_interface_id = Some(id.to_string());
            let attachment = world.get::<NetworkInterface>(id).and_then(|row| row.attachment.as_ref());
            if let Some(instance) = attachment.and_then(|attachment| attachment.instance.as_ref()) {
                shown.instance_id = Some(instance.to_string());
                shown.instance_owner_id = attachment.map(|attachment| attachment.instance_owner.to_string());
            }
        }
        RouteTarget::Instance(instance, interface) => {
            shown.instance_id = Some(instance.to_string());
            shown.instance_owner_id =
                world.get::<Instance>(instance).map(|row| row.scope.account.to_string());
            shown.network_interface_id = Some(interface.to_string());
        }
    }
    shown
}

fn create_route(tx: &mut Tx<'_>, input: CreateRouteRequest) -> Result<CreateRouteResult, Fault> {
    let scope = &tx.caller().scope;
    let table = ids::find::<RouteTable>(tx.world(), scope, &input.route_table_id)?;
    let destination = Destination::parse(
        tx.world(),
        scope,
        input.destination_cidr_block.as_deref(),
        input.destination_ipv6_cidr_block.as_deref(),
        input.destination_prefix_list_id.as_deref(),
    )?;
    let wanted = Wanted {
        gateway: input.gateway_id.as_deref(),
        nat_gateway: input.nat_gateway_id.as_deref(),
        network_interface: input.network_interface_id.as_deref(),
        instance: input.instance_id.as_deref(),
        peering: input.vpc_peering_connection_id.as_deref(),
        others: [
            (input.transit_gateway_id.as_deref(), "InvalidTransitGatewayID.NotFound"),
            (input.egress_only_internet_gateway_id.as_deref(), "InvalidGatewayID.NotFound"),
            (input.vpc_endpoint_id.as_deref(), "InvalidVpcEndpointId.NotFound"),
            (input.carrier_gateway_id.as_deref(), "InvalidCarrierGatewayID.NotFound"),
            (input.local_gateway_id.as_deref(), "InvalidLocalGatewayID.NotFound"),
            (input.core_network_arn.as_deref(), "InvalidCoreNetworkArn.NotFound"),
        ],
    };
    let target = wanted.resolve(tx.world(), scope, table)?;
    let local = local_blocks(tx.world(), table);
    if destination.is_in(table) || destination.is_local(&local) {
        return Err(faults::route_already_exists(destination));
    }
    destination.check(tx.world(), table, &local, &target)?;
    let weight = match &destination {
        Destination::Block(_) => 1,
        Destination::List(list) => list.max_entries as usize,
    };
    let limit = quota::ROUTES_PER_ROUTE_TABLE.applied(tx.world(), scope);
    if weight_of_routes(tx.world(), table) + weight > limit {
        return Err(faults::route_limit_exceeded());
    }
    let id = table.id.clone();
    tx.modify::<RouteTable>(&id, |row| destination.put(row, Route { target }));
    Ok(CreateRouteResult { r#return: Some(true) })
}

fn replace_route(tx: &mut Tx<'_>, input: ReplaceRouteRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let table = ids::find::<RouteTable>(tx.world(), scope, &input.route_table_id)?;
    let destination = Destination::parse(
        tx.world(),
        scope,
        input.destination_cidr_block.as_deref(),
        input.destination_ipv6_cidr_block.as_deref(),
        input.destination_prefix_list_id.as_deref(),
    )?;
    let local = local_blocks(tx.world(), table);
    let is_local = destination.is_local(&local);
    if !is_local && !destination.is_in(table) {
        return Err(faults::no_route_to_replace(destination));
    }
    let id = table.id.clone();
    if input.local_target == Some(true) || (is_local && input.gateway_id.as_deref() == Some("local")) {
        if !is_local {
            return Err(faults::invalid_value(
                "localTarget",
                true,
                "The destination is not that of a local route.",
            ));
        }
        tx.modify::<RouteTable>(&id, |row| destination.remove(row));
        return Ok(());
    }
    let wanted = Wanted {
        gateway: input.gateway_id.as_deref(),
        nat_gateway: input.nat_gateway_id.as_deref(),
        network_interface: input.network_interface_id.as_deref(),
        instance: input.instance_id.as_deref(),
        peering: input.vpc_peering_connection_id.as_deref(),
        others: [
            (input.transit_gateway_id.as_deref(), "InvalidTransitGatewayID.NotFound"),
            (input.egress_only_internet_gateway_id.as_deref(), "InvalidGatewayID.NotFound"),
            (input.vpc_endpoint_id.as_deref(), "InvalidVpcEndpointId.NotFound"),
            (input.carrier_gateway_id.as_deref(), "InvalidCarrierGatewayID.NotFound"),
            (input.local_gateway_id.as_deref(), "InvalidLocalGatewayID.NotFound"),
            (input.core_network_arn.as_deref(), "InvalidCoreNetworkArn.NotFound"),
        ],
    };
    let target = wanted.resolve(tx.world(), scope, table)?;
    destination.check(tx.world(), table, &local, &target)?;
    tx.modify::<RouteTable>(&id, |row| destination.put(row, Route { target }));
    Ok(())
}

fn delete_route(tx: &mut Tx<'_>, input: DeleteRouteRequest) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let table = ids::find::<RouteTable>(tx.world(), scope, &input.route_table_id)?;
    let destination = Destination::parse(
        tx.world(),
        scope,
        input.destination_cidr_block.as_deref(),
        input.destination_ipv6_cidr_block.as_deref(),
        input.destination_prefix_list_id.as_deref(),
    )?;
    if destination.is_local(&local_blocks(tx.world(), table)) {
        return Err(faults::invalid_parameter_value(format!(
            "cannot remove local route {destination} in route table {}",
            table.id
        )));
    }
    if !destination.is_in(table) {
        return Err(faults::invalid_route_not_found(&table.id, destination));
    }
    let id = table.id.clone();
    tx.modify::<RouteTable>(&id, |row| destination.remove(row));
    Ok(())
}

/// The targets that a request names.
struct Wanted<'i> {
    gateway: Option<&'i str>,
    nat_gateway: Option<&'i str>,
    network_interface: Option<&'i str>,
    instance: Option<&'i str>,
    peering: Option<&'i str>,
    /// Kinds of which there are none, and the code that says so.
    others: [(Option<&'i str>, &'static str); 6],
}

impl Wanted<'_> {
    /// The one target, which must exist in the table's VPC.
    fn resolve(&self, world: &World, scope: &Scope, table: &RouteTable) -> Result<RouteTarget, Fault> {
        let named = [self.gateway, self.nat_gateway, self.network_interface, self.instance, self.peering];
        let count = named.iter().flatten().count() + self.others.iter().filter_map(|(id, _)| *id).count();
        match count {
            0 => {
                return Err(faults::missing_parameter(
                    "gatewayId, natGatewayId, networkInterfaceId or instanceId",
                ));
            }
            1 => {}
            _ => return Err(faults::invalid_parameter_combination("A route has exactly one target.")),
        }
        if let Some(id) = self.gateway {
            return internet_gateway(world, scope, table, id);
        }
        if let Some(id) = self.nat_gateway {
            return nat_gateway(world, scope, table, id);
        }
        if let Some(id) = self.network_interface {
            let row = ids::find::<NetworkInterface>(world, scope, id)?;
            return match row.vpc == table.vpc {
                true => Ok(RouteTarget::NetworkInterface(row.id.clone())),
                false => Err(faults::different_networks("route table", &table.id, "interface", id)),
            };
        }
        if let Some(id) = self.instance {
            return instance(world, scope, table, id);
        }
        if let Some(id) = self.peering {
            return peering(world, scope, table, id);
        }
        let other = self.others.iter().find_map(|(id, code)| Some(((*id)?, *code)));
        let (id, code) = other.unwrap_or_default();
        Err(Fault::new(code, format!("The ID '{id}' does not exist")))
    }
}

fn internet_gateway(
    world: &World,
    scope: &Scope,
    table: &RouteTable,
    id: &str,
) -> Result<RouteTarget, Fault> {
    let row = ids::find::<InternetGateway>(world, scope, id)
        .map_err(|_| faults::invalid_gateway_id_not_found(id))?;
    match row.vpc.as_ref() == Some(&table.vpc) {
        true => Ok(RouteTarget::InternetGateway(row.id.clone())),
        false => Err(faults::different_networks("route table", &table.id, "network gateway", id)),
    }
}

fn nat_gateway(world: &World, scope: &Scope, table: &RouteTable, id: &str) -> Result<RouteTarget, Fault> {
    let row = ids::find::<NatGateway>(world, scope, id).ok().filter(|row| row.is_live());
    let row = row.ok_or_else(|| faults::invalid_nat_gateway_id_not_found(id))?;
    match row.vpc == table.vpc {
        true => Ok(RouteTarget::NatGateway(row.id.clone())),
        false => Err(faults::different_networks("route table", &table.id, "nat gateway", id)),
    }
}

/// A connection that waits to be accepted leads nowhere yet; one that is over is no target.
fn peering(world: &World, scope: &Scope, table: &RouteTable, id: &str) -> Result<RouteTarget, Fault> {
    let row = ids::find::<VpcPeeringConnection>(world, scope, id)?;
    if row.state.is_ended() {
        return Err(faults::invalid_vpc_peering_connection_id_not_found(id));
    }
    match row.sides(&table.vpc) {
        Some(_) => Ok(RouteTarget::VpcPeeringConnection(row.id.clone())),
        None => Err(faults::different_networks("route table", &table.id, "network gateway", id)),
    }
}

/// An instance stands for its network interface, of which it must have exactly one.
fn instance(world: &World, scope: &Scope, table: &RouteTable, id: &str) -> Result<RouteTarget, Fault> {
    let row = ids::find::<Instance>(world, scope, id)?;
    if row.vpc != table.vpc {
        return Err(faults::different_networks("route table", &table.id, "instance", id));
    }
    let mut interfaces = world.by::<NetworkInterface>("instance", id);
    match (interfaces.next(), interfaces.next()) {
        (Some(one), None) => Ok(RouteTarget::Instance(row.id.clone(), one.id.clone())),
        (Some(_), Some(_)) => Err(faults::invalid_instance_id_many_interfaces(id)),
        (None, _) => Err(faults::invalid_instance_id_not_found(id)),
    }
}
