//! Route tables. [Configure route tables](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html)
//!
//! A VPC has a main table, which subnets use that are not associated with one of their own. Local routes are not rows: a
//! table shows one for every CIDR block of its VPC, unless a route with that destination replaced it. Whether a route is
//! a blackhole is decided where routes are compiled ([`enishi_plan::route_state`]), so the answer is what packets see.

mod association;
mod destination;
mod route;

use enishi_api::ec2::{
    self, CreateRouteTableRequest, CreateRouteTableResult, DeleteRouteTableRequest,
    DescribeRouteTablesRequest, DescribeRouteTablesResult, RouteTableAssociation, RouteTableAssociationState,
    ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{
    InternetGatewayId, Route, RouteTable, RouteTableId, RouteTarget, Subnet, Vpc, VpcId,
};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, field};
use super::ids::{self, Resource};
use super::page::Page;
use super::tag::{self, NewTags};
use super::{client_token, counter, faults};
use crate::quota;
use crate::registry::Registry;

const FILTERS: &[Field<RouteTable>] = &[
    field("association.gateway-id", |_, _, _| {}),
    field("association.main", |world, row, values| {
        associations(world, row).for_each(|association| values.maybe(association.main));
    }),
    field("association.route-table-association-id", |world, row, values| {
        associations(world, row).for_each(|association| values.maybe(association.route_table_association_id));
    }),
    field("association.route-table-id", |world, row, values| {
        associations(world, row).for_each(|association| values.maybe(association.route_table_id));
    }),
    field("association.subnet-id", |world, row, values| {
        associations(world, row).for_each(|association| values.maybe(association.subnet_id));
    }),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("route-table-id", |_, row, values| values.add(&row.id)),
    field("route.destination-cidr-block", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.destination_cidr_block));
    }),
    field("route.destination-ipv6-cidr-block", |_, _, _| {}),
    field("route.destination-prefix-list-id", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.destination_prefix_list_id));
    }),
    field("route.egress-only-internet-gateway-id", |_, _, _| {}),
    field("route.gateway-id", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.gateway_id));
    }),
    field("route.instance-id", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.instance_id));
    }),
    field("route.nat-gateway-id", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.nat_gateway_id));
    }),
    field("route.origin", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.origin));
    }),
    field("route.state", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.state));
    }),
    field("route.transit-gateway-id", |_, _, _| {}),
    field("route.vpc-peering-connection-id", |world, row, values| {
        route::all(world, row).into_iter().for_each(|route| values.maybe(route.vpc_peering_connection_id));
    }),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateRouteTable>(create_route_table);
    on.write::<ops::DeleteRouteTable>(delete_route_table);
    on.read::<ops::DescribeRouteTables>(describe_route_tables);
    association::register(on);
    route::register(on);
}

/// Makes a table without routes of its own.
pub(crate) fn insert(tx: &mut Tx<'_>, vpc: &VpcId) -> RouteTableId {
    let taken = tx.world().by::<RouteTable>("vpc", vpc.as_str()).map(|table| table.slot);
    let slot = counter::lowest_free(0, taken);
    let id = RouteTableId::generate(tx.entropy());
    let scope = tx.caller().scope.clone();
    tx.put(RouteTable {
        id: id.clone(),
        scope,
        vpc: vpc.clone(),
        slot,
        routes: Default::default(),
        prefix_list_routes: Default::default(),
    });
    id
}

/// Adds the route of a default VPC's main table to the internet gateway.
pub(crate) fn add_default_route(tx: &mut Tx<'_>, vpc: &VpcId, gateway: InternetGatewayId) {
    let Some(main) = tx.world().get::<Vpc>(vpc).map(|vpc| vpc.main_route_table.1.clone()) else { return };
    tx.modify::<RouteTable>(&main, |table| {
        table.routes.insert(Cidr::EVERYWHERE, Route { target: RouteTarget::InternetGateway(gateway) });
    });
}

fn create_route_table(
    tx: &mut Tx<'_>,
    input: CreateRouteTableRequest,
) -> Result<CreateRouteTableResult, Fault> {
    let made = client_token::once(tx, "CreateRouteTable", input.client_token.as_deref(), &input, |tx| {
        let tags = NewTags::parse(input.tag_specifications.clone(), &[RouteTable::KIND])?;
        let scope = &tx.caller().scope;
        let vpc = ids::find::<Vpc>(tx.world(), scope, &input.vpc_id)?.id.clone();
        let existing = tx.world().by::<RouteTable>("vpc", vpc.as_str()).count();
        if quota::ROUTE_TABLES_PER_VPC.reached(tx.world(), scope, existing) {
            return Err(faults::route_table_limit_exceeded());
        }
        let id = insert(tx, &vpc);
        tags.attach(tx, RouteTable::KIND, id.as_str());
        Ok(vec![id.to_string()])
    })?;
    let id = made.first().map_or("", String::as_str);
    let row = ids::find::<RouteTable>(tx.world(), &tx.caller().scope, id)?;
    Ok(CreateRouteTableResult {
        route_table: Some(render(tx.world(), row)),
        client_token: input.client_token,
    })
}

fn delete_route_table(tx: &mut Tx<'_>, input: DeleteRouteTableRequest) -> Result<(), Fault> {
    let row = ids::find::<RouteTable>(tx.world(), &tx.caller().scope, &input.route_table_id)?;
    if associations(tx.world(), row).next().is_some() {
        return Err(faults::has_dependencies("routeTable", &row.id));
    }
    let id = row.id.clone();
    tag::remove_all(tx, id.as_str());
    tx.remove::<RouteTable>(&id);
    Ok(())
}

fn describe_route_tables(
    read: &Read<'_>,
    input: DescribeRouteTablesRequest,
) -> Result<DescribeRouteTablesResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 5..=100)?;
    let (rows, next_token) = describe(read, &input.route_table_ids, input.filters, FILTERS, &page)?;
    let route_tables = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeRouteTablesResult { route_tables: Some(route_tables), next_token })
}

fn render(world: &World, row: &RouteTable) -> ec2::RouteTable {
    ec2::RouteTable {
        associations: Some(associations(world, row).collect()),
        propagating_vgws: Some(vec![]),
        route_table_id: Some(row.id.to_string()),
        routes: Some(route::all(world, row)),
        tags: tag::of(world, row.id.as_str()),
        vpc_id: Some(row.vpc.to_string()),
        owner_id: Some(row.scope.account.to_string()),
    }
}

/// The main association first, then those of subnets.
fn associations<'w>(
    world: &'w World,
    row: &'w RouteTable,
) -> impl Iterator<Item = RouteTableAssociation> + use<'w> {
    let association = |id: String, subnet: Option<String>| RouteTableAssociation {
        main: Some(subnet.is_none()),
        route_table_association_id: Some(id),
        route_table_id: Some(row.id.to_string()),
        subnet_id: subnet,
        gateway_id: None,
        public_ipv4_pool: None,
        association_state: Some(associated()),
    };
    let main = world
        .by::<Vpc>("route_table", row.id.as_str())
        .map(move |vpc| association(vpc.main_route_table.0.to_string(), None));
    let subnets = world.by::<Subnet>("route_table", row.id.as_str()).filter_map(move |subnet| {
        let (id, _) = subnet.route_table.as_ref()?;
        Some(association(id.to_string(), Some(subnet.id.to_string())))
    });
    main.chain(subnets)
}

fn associated() -> RouteTableAssociationState {
    RouteTableAssociationState { state: Some("associated".to_owned()), status_message: None }
}
