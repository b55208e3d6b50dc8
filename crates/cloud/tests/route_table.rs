//! Route tables: routes, states, associations, dependencies.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn vpc(harness: &mut Harness, cidr: &str) -> String {
    let input = ec2::CreateVpcRequest { cidr_block: text(cidr), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn subnet(harness: &mut Harness, vpc: &str, cidr: &str) -> String {
    let input =
        ec2::CreateSubnetRequest { vpc_id: vpc.to_owned(), cidr_block: text(cidr), ..Default::default() };
    harness.ok::<ops::CreateSubnet>(input).subnet.unwrap().subnet_id.unwrap()
}

fn table(harness: &mut Harness, vpc: &str) -> String {
    let input = ec2::CreateRouteTableRequest { vpc_id: vpc.to_owned(), ..Default::default() };
    harness.ok::<ops::CreateRouteTable>(input).route_table.unwrap().route_table_id.unwrap()
}

fn gateway(harness: &mut Harness, vpc: &str) -> String {
    let gateway = harness.ok::<ops::CreateInternetGateway>(Default::default()).internet_gateway.unwrap();
    let id = gateway.internet_gateway_id.unwrap();
    harness.ok::<ops::AttachInternetGateway>(ec2::AttachInternetGatewayRequest {
        internet_gateway_id: id.clone(),
        vpc_id: vpc.to_owned(),
        dry_run: None,
    });
    id
}

fn describe(harness: &mut Harness, table: &str) -> ec2::RouteTable {
    let input =
        ec2::DescribeRouteTablesRequest { route_table_ids: vec![table.to_owned()], ..Default::default() };
    harness.ok::<ops::DescribeRouteTables>(input).route_tables.unwrap().remove(0)
}

fn to_gateway(table: &str, destination: &str, gateway: &str) -> ec2::CreateRouteRequest {
    ec2::CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: text(destination),
        gateway_id: text(gateway),
        ..Default::default()
    }
}

fn delete_route(table: &str, destination: &str) -> ec2::DeleteRouteRequest {
    ec2::DeleteRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: text(destination),
        ..Default::default()
    }
}

#[test]
fn a_route_to_a_detached_gateway_is_a_blackhole() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let table = table(&mut harness, &vpc);
    let gateway = gateway(&mut harness, &vpc);
    let created = harness.ok::<ops::CreateRoute>(to_gateway(&table, "0.0.0.0/0", &gateway));
    assert_eq!(created.r#return, Some(true));
    let state = |harness: &mut Harness| {
        let routes = describe(harness, &table).routes.unwrap();
        let shown: Vec<String> = routes
            .iter()
            .map(|r| {
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                format!(
                    "{} {} {} {}",
                    part(&r.destination_cidr_block),
                    part(&r.gateway_id),
                    part(&r.origin),
                    part(&r.state)
                )
            })
            .collect();
        shown
    };
    assert_eq!(
        state(&mut harness),
        [
            "10.0.0.0/16 local CreateRouteTable active".to_owned(),
            format!("0.0.0.0/0 {gateway} CreateRoute active")
        ]
    );
    harness.ok::<ops::DetachInternetGateway>(ec2::DetachInternetGatewayRequest {
        internet_gateway_id: gateway.clone(),
        vpc_id: vpc.clone(),
        dry_run: None,
    });
    assert_eq!(state(&mut harness)[1], format!("0.0.0.0/0 {gateway} CreateRoute blackhole"));
}

#[test]
fn routes_are_refused_with_the_words_of_aws() {
    let mut harness = Harness::new();
    let one = vpc(&mut harness, "10.0.0.0/16");
    let two = vpc(&mut harness, "10.1.0.0/16");
    let table = table(&mut harness, &one);
    let own = gateway(&mut harness, &one);
    let foreign = gateway(&mut harness, &two);
    harness.ok::<ops::CreateRoute>(to_gateway(&table, "0.0.0.0/0", &own));
    harness.message::<ops::CreateRoute>(
        to_gateway(&table, "0.0.0.0/0", &own),
        "RouteAlreadyExists",
        "The route identified by 0.0.0.0/0 already exists.",
    );
    harness.code::<ops::CreateRoute>(to_gateway(&table, "10.0.0.0/16", &own), "RouteAlreadyExists");
    harness.message::<ops::CreateRoute>(
        to_gateway(&table, "10.0.1.0/24", &own),
        "InvalidParameterValue",
        "The destination CIDR block 10.0.1.0/24 is equal to or more specific than one of this VPC's CIDR blocks. This \
         route can target only an interface or an instance.",
    );
    harness.message::<ops::CreateRoute>(
        to_gateway(&table, "8.0.0.0/8", &foreign),
        "InvalidParameterValue",
        &format!("route table {table} and network gateway {foreign} belong to different networks"),
    );
    harness.code::<ops::CreateRoute>(to_gateway(&table, "8.0.0.0/8", "igw-0"), "InvalidGatewayID.NotFound");
    harness.code::<ops::CreateRoute>(to_gateway("rtb-0", "8.0.0.0/8", &own), "InvalidRouteTableID.NotFound");
    harness.code::<ops::CreateRoute>(to_gateway(&table, "8.0.0.0/64", &own), "InvalidParameterValue");
    harness.code::<ops::CreateRoute>(to_gateway(&table, "169.254.168.0/24", &own), "InvalidParameterValue");
    let targetless = ec2::CreateRouteRequest { gateway_id: None, ..to_gateway(&table, "8.0.0.0/8", "") };
    harness.code::<ops::CreateRoute>(targetless, "MissingParameter");
    let nat = ec2::CreateRouteRequest {
        gateway_id: None,
        nat_gateway_id: text("nat-0123456789abcdef0"),
        ..to_gateway(&table, "8.0.0.0/8", "")
    };
    harness.message::<ops::CreateRoute>(
        nat,
        "InvalidNatGatewayID.NotFound",
        "The natGateway ID 'nat-0123456789abcdef0' does not exist",
    );
    harness.message::<ops::DeleteRoute>(
        delete_route(&table, "9.0.0.0/8"),
        "InvalidRoute.NotFound",
        &format!("no route with destination-cidr-block 9.0.0.0/8 in route table {table}"),
    );
    harness.message::<ops::DeleteRoute>(
        delete_route(&table, "10.0.0.0/16"),
        "InvalidParameterValue",
        &format!("cannot remove local route 10.0.0.0/16 in route table {table}"),
    );
    harness.ok::<ops::DeleteRoute>(delete_route(&table, "0.0.0.0/0"));
    let replace = ec2::ReplaceRouteRequest {
        route_table_id: table.clone(),
        destination_cidr_block: text("0.0.0.0/0"),
        gateway_id: Some(own),
        ..Default::default()
    };
    harness.message::<ops::ReplaceRoute>(
        replace,
        "InvalidParameterValue",
        "There is no route defined for '0.0.0.0/0' in the route table. Use CreateRoute instead.",
    );
}

#[test]
fn subnets_and_the_main_association_move() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let subnet = subnet(&mut harness, &vpc, "10.0.0.0/24");
    let (one, two) = (table(&mut harness, &vpc), table(&mut harness, &vpc));
    let associate = |table: &str| ec2::AssociateRouteTableRequest {
        route_table_id: table.to_owned(),
        subnet_id: Some(subnet.clone()),
        ..Default::default()
    };
    let made = harness.ok::<ops::AssociateRouteTable>(associate(&one));
    assert_eq!(made.association_state.unwrap().state.as_deref(), Some("associated"));
    let first = made.association_id.unwrap();
    harness.code::<ops::AssociateRouteTable>(associate(&two), "Resource.AlreadyAssociated");
    harness.message::<ops::DeleteRouteTable>(
        ec2::DeleteRouteTableRequest { route_table_id: one.clone(), dry_run: None },
        "DependencyViolation",
        &format!("The routeTable '{one}' has dependencies and cannot be deleted."),
    );
    let replace = |association: &str, table: &str| ec2::ReplaceRouteTableAssociationRequest {
        association_id: association.to_owned(),
        route_table_id: table.to_owned(),
        dry_run: None,
    };
    let second =
        harness.ok::<ops::ReplaceRouteTableAssociation>(replace(&first, &two)).new_association_id.unwrap();
    assert_ne!(first, second);
    harness.code::<ops::ReplaceRouteTableAssociation>(replace(&first, &two), "InvalidAssociationID.NotFound");
    harness.ok::<ops::DeleteRouteTable>(ec2::DeleteRouteTableRequest { route_table_id: one, dry_run: None });
    let disassociate =
        |id: &str| ec2::DisassociateRouteTableRequest { association_id: id.to_owned(), dry_run: None };
    harness.ok::<ops::DisassociateRouteTable>(disassociate(&second));
    harness.code::<ops::DisassociateRouteTable>(disassociate(&second), "InvalidAssociationID.NotFound");

    let filters = vec![
        ec2::Filter { name: text("association.main"), values: vec!["true".to_owned()] },
        ec2::Filter { name: text("vpc-id"), values: vec![vpc.clone()] },
    ];
    let main = ec2::DescribeRouteTablesRequest { filters, ..Default::default() };
    let old = harness.ok::<ops::DescribeRouteTables>(main.clone()).route_tables.unwrap().remove(0);
    let association = old.associations.unwrap()[0].route_table_association_id.clone().unwrap();
    harness.code::<ops::DisassociateRouteTable>(disassociate(&association), "InvalidParameterValue");
    harness.ok::<ops::ReplaceRouteTableAssociation>(replace(&association, &two));
    let new = harness.ok::<ops::DescribeRouteTables>(main).route_tables.unwrap().remove(0);
    assert_eq!(new.route_table_id, Some(two));
    let old = ec2::DeleteRouteTableRequest { route_table_id: old.route_table_id.unwrap(), dry_run: None };
    harness.ok::<ops::DeleteRouteTable>(old);
    harness.ok::<ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: subnet, dry_run: None });
    harness.ok::<ops::DeleteVpc>(ec2::DeleteVpcRequest { vpc_id: vpc, dry_run: None });
    let tables = harness.world.all::<enishi_state::ec2::RouteTable>().count();
    assert_eq!(tables, 1, "the new main table went with its VPC");
}

#[test]
fn a_client_token_makes_one_table() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let input =
        ec2::CreateRouteTableRequest { vpc_id: vpc, client_token: text("once"), ..Default::default() };
    let first = harness.ok::<ops::CreateRouteTable>(input.clone());
    let second = harness.ok::<ops::CreateRouteTable>(input.clone());
    assert_eq!(first, second);
    assert_eq!(first.client_token.as_deref(), Some("once"));
    let other = ec2::CreateRouteTableRequest { vpc_id: "vpc-0123456789abcdef0".to_owned(), ..input };
    harness.code::<ops::CreateRouteTable>(other, "IdempotentParameterMismatch");
}
