//! Reachability Analyzer: what leads where, and everything that is in the way.

mod harness;
mod lab;

use enishi_api::ec2::{
    self, CreateNetworkInsightsPathRequest, DeleteNetworkInsightsAnalysisRequest,
    DeleteNetworkInsightsPathRequest, DescribeNetworkInsightsAnalysesRequest, NetworkInsightsAnalysis,
    PathComponent, StartNetworkInsightsAnalysisRequest, ops,
};
use harness::text;
use lab::Lab;

fn path(source: &str, destination: &str, port: i32) -> CreateNetworkInsightsPathRequest {
    CreateNetworkInsightsPathRequest {
        source: source.to_owned(),
        destination: text(destination),
        protocol: "TCP".to_owned(),
        destination_port: Some(port),
        ..Default::default()
    }
}

#[track_caller]
fn create(lab: &mut Lab, input: CreateNetworkInsightsPathRequest) -> String {
    let made = lab.h.ok::<ops::CreateNetworkInsightsPath>(input).network_insights_path.unwrap();
    made.network_insights_path_id.unwrap()
}

/// Analyses a path, as `DescribeNetworkInsightsAnalyses` answers it.
#[track_caller]
fn analyse(lab: &mut Lab, path: &str, through: &[&str]) -> NetworkInsightsAnalysis {
    let started = lab.h.ok::<ops::StartNetworkInsightsAnalysis>(StartNetworkInsightsAnalysisRequest {
        network_insights_path_id: path.to_owned(),
        filter_in_arns: through.iter().map(|arn| (*arn).to_owned()).collect(),
        ..Default::default()
    });
    let started = started.network_insights_analysis.unwrap();
    assert_eq!((started.status.as_deref(), started.network_path_found), (Some("running"), None));
    let input = DescribeNetworkInsightsAnalysesRequest {
        network_insights_analysis_ids: vec![started.network_insights_analysis_id.unwrap()],
        ..Default::default()
    };
    let mut found =
        lab.h.ok::<ops::DescribeNetworkInsightsAnalyses>(input).network_insights_analyses.unwrap();
    let found = found.remove(0);
    assert_eq!(found.status.as_deref(), Some("succeeded"));
    found
}

#[track_caller]
fn analyse_new(lab: &mut Lab, input: CreateNetworkInsightsPathRequest) -> NetworkInsightsAnalysis {
    let path = create(lab, input);
    analyse(lab, &path, &[])
}

/// The kinds of the components in their order.
fn kinds(components: Option<&Vec<PathComponent>>) -> Vec<String> {
    let kind = |component: &PathComponent| {
        let id = component.component.as_ref().unwrap().id.clone().unwrap();
        id.rsplit_once('-').unwrap().0.to_owned()
    };
    components.into_iter().flatten().map(kind).collect()
}

fn codes(found: &NetworkInsightsAnalysis) -> Vec<&str> {
    found.explanations.iter().flatten().map(|found| found.explanation_code.as_deref().unwrap()).collect()
}

fn authorize(lab: &mut Lab, group: &str, port: i32) {
    lab.h.ok::<ops::AuthorizeSecurityGroupIngress>(ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: text(group),
        ip_protocol: text("tcp"),
        from_port: Some(port),
        to_port: Some(port),
        cidr_ip: text("0.0.0.0/0"),
        ..Default::default()
    });
}

/// Routes everything else to the internet gateway.
fn lead_out(lab: &mut Lab, gateway: &str) {
    let filter = ec2::Filter { name: text("vpc-id"), values: vec![lab.vpc.clone()] };
    let input = ec2::DescribeRouteTablesRequest { filters: vec![filter], ..Default::default() };
    let table = lab.h.ok::<ops::DescribeRouteTables>(input).route_tables.unwrap().remove(0);
    lab.h.ok::<ops::CreateRoute>(ec2::CreateRouteRequest {
        route_table_id: table.route_table_id.unwrap(),
        destination_cidr_block: text("0.0.0.0/0"),
        gateway_id: text(gateway),
        ..Default::default()
    });
}

/// The default group of the lab's VPC, which all its instances have.
fn group(lab: &mut Lab) -> String {
    let filter = |name: &str, value: &str| ec2::Filter { name: text(name), values: vec![value.to_owned()] };
    let filters = vec![filter("vpc-id", &lab.vpc.clone()), filter("group-name", "default")];
    let input = ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
    lab.h.ok::<ops::DescribeSecurityGroups>(input).security_groups.unwrap().remove(0).group_id.unwrap()
}

#[test]
fn a_path_inside_a_vpc() {
    let mut lab = Lab::new();
    let web = lab.running();
    lab.subnet = lab.add_subnet("10.0.2.0/24", "us-east-1b");
    let app = lab.running();
    let found = analyse_new(&mut lab, path(&web, &app, 8080));
    assert_eq!((found.network_path_found, codes(&found)), (Some(true), vec![]));
    let way = ["i", "eni", "sg", "acl", "rtb", "acl", "sg", "eni", "i"];
    assert_eq!(kinds(found.forward_path_components.as_ref()), way);
    assert_eq!(kinds(found.return_path_components.as_ref()), way);
    let forward = found.forward_path_components.unwrap();
    let header = forward[0].outbound_header.as_ref().unwrap();
    assert_eq!(header.protocol.as_deref(), Some("6"));
    assert_eq!(header.destination_port_ranges.as_ref().unwrap()[0].from, Some(8080));
    let rule = forward[2].security_group_rule.as_ref().unwrap();
    assert_eq!((rule.direction.as_deref(), rule.cidr.as_deref()), (Some("egress"), Some("0.0.0.0/0")));
    let rule = forward[3].acl_rule.as_ref().unwrap();
    assert_eq!(
        (rule.egress, rule.rule_number, rule.protocol.as_deref()),
        (Some(true), Some(100), Some("all"))
    );
    let route = forward[4].route_table_route.as_ref().unwrap();
    assert_eq!(
        (route.destination_cidr.as_deref(), route.gateway_id.as_deref()),
        (Some("10.0.0.0/16"), Some("local"))
    );
    assert_eq!(forward[1].attached_to.as_ref().unwrap().id, Some(web));
    let to = forward[8].inbound_header.as_ref().unwrap().destination_addresses.as_ref().unwrap();
    assert!(to[0].starts_with("10.0.2.") && to[0].ends_with("/32"), "{to:?}");
    // The answer is let through since its flow is known.
    assert_eq!(found.return_path_components.unwrap()[2].security_group_rule, None);
}

#[test]
fn everything_in_the_way_is_explained() {
    let mut lab = Lab::new();
    let web = lab.running();
    let near = lab.subnet.clone();
    lab.subnet = lab.add_subnet("10.0.2.0/24", "us-east-1b");
    let app = lab.running();
    // Another group at the receiver, which admits nobody, and an ACL at its subnet that denies all.
    let closed = lab.h.ok::<ops::CreateSecurityGroup>(ec2::CreateSecurityGroupRequest {
        vpc_id: text(&lab.vpc),
        group_name: "closed".to_owned(),
        description: "closed".to_owned(),
        ..Default::default()
    });
    let closed = closed.group_id.unwrap();
    lab.h.ok::<ops::ModifyInstanceAttribute>(ec2::ModifyInstanceAttributeRequest {
        instance_id: app.clone(),
        groups: vec![closed.clone()],
        ..Default::default()
    });
    let acl = lab.h.ok::<ops::CreateNetworkAcl>(ec2::CreateNetworkAclRequest {
        vpc_id: lab.vpc.clone(),
        ..Default::default()
    });
    let acl = acl.network_acl.unwrap().network_acl_id.unwrap();
    let filter = ec2::Filter { name: text("association.subnet-id"), values: vec![lab.subnet.clone()] };
    let input = ec2::DescribeNetworkAclsRequest { filters: vec![filter], ..Default::default() };
    let associations =
        lab.h.ok::<ops::DescribeNetworkAcls>(input).network_acls.unwrap().remove(0).associations;
    let of_subnet = associations.unwrap().into_iter().find(|one| one.subnet_id == text(&lab.subnet)).unwrap();
    lab.h.ok::<ops::ReplaceNetworkAclAssociation>(ec2::ReplaceNetworkAclAssociationRequest {
        association_id: of_subnet.network_acl_association_id.unwrap(),
        network_acl_id: acl.clone(),
        ..Default::default()
    });
    let found = analyse_new(&mut lab, path(&web, &app, 8080));
    assert_eq!(found.network_path_found, Some(false));
    assert_eq!(
        codes(&found),
        ["SUBNET_ACL_RESTRICTION", "ENI_SG_RULES_MISMATCH", "SUBNET_ACL_RESTRICTION"],
        "into the subnet, into the instance, and the answer out of the subnet"
    );
    assert_eq!(found.forward_path_components, None);
    let explained = found.explanations.unwrap();
    assert_eq!(explained[0].acl.as_ref().unwrap().id, Some(acl));
    assert_eq!(explained[0].direction.as_deref(), Some("ingress"));
    let denied = explained[0].acl_rule.as_ref().unwrap();
    assert_eq!((denied.rule_number, denied.rule_action.as_deref()), (Some(32767), Some("deny")));
    assert_eq!(explained[1].security_groups.as_ref().unwrap()[0].id, text(&closed));
    assert_eq!(explained[1].subnet.as_ref().unwrap().id, text(&lab.subnet));
    assert_eq!(explained[2].direction.as_deref(), Some("egress"));
    assert_ne!(near, lab.subnet);
}

#[test]
fn a_path_of_an_internet_gateway() {
    let mut lab = Lab::new();
    let gateway = lab.add_gateway();
    let web = lab.running();
    let out = analyse_new(&mut lab, path(&web, &gateway, 443));
    assert_eq!(codes(&out), ["NO_ROUTE_TO_DESTINATION"]);
    let explained = &out.explanations.as_ref().unwrap()[0];
    assert_eq!(explained.destination.as_ref().unwrap().id, text(&gateway));
    assert!(explained.route_table.is_some());
    lead_out(&mut lab, &gateway);
    let out = analyse_new(&mut lab, path(&web, &gateway, 443));
    assert_eq!(codes(&out), ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]);
    let into = analyse_new(&mut lab, path(&gateway, &web, 443));
    assert_eq!(codes(&into), ["IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"]);

    let (allocation, _) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(ec2::AssociateAddressRequest {
        allocation_id: text(&allocation),
        instance_id: text(&web),
        ..Default::default()
    });
    let out = analyse_new(&mut lab, path(&web, &gateway, 443));
    assert_eq!(kinds(out.forward_path_components.as_ref()), ["i", "eni", "sg", "acl", "rtb", "igw"]);
    assert_eq!(kinds(out.return_path_components.as_ref()), ["igw", "acl", "sg", "eni", "i"]);
    let into = analyse_new(&mut lab, path(&gateway, &web, 443));
    assert_eq!(codes(&into), ["ENI_SG_RULES_MISMATCH"]);
    let group = group(&mut lab);
    authorize(&mut lab, &group, 443);
    let into = create(&mut lab, path(&gateway, &web, 443));
    let found = analyse(&mut lab, &into, &[]);
    assert_eq!(kinds(found.forward_path_components.as_ref()), ["igw", "acl", "sg", "eni", "i"]);
    assert_eq!(kinds(found.return_path_components.as_ref()), ["i", "eni", "sg", "acl", "rtb", "igw"]);
    // Any port will do where none is said.
    let any = CreateNetworkInsightsPathRequest { destination_port: None, ..path(&gateway, &web, 0) };
    assert_eq!(analyse_new(&mut lab, any).network_path_found, Some(true));
    // A group that admits one office only: without a source address, its own is tried.
    let office =
        CreateNetworkInsightsPathRequest { source_ip: text("203.0.113.7"), ..path(&gateway, &web, 8443) };
    assert_eq!(codes(&analyse_new(&mut lab, office.clone())), ["ENI_SG_RULES_MISMATCH"]);
    lab.h.ok::<ops::AuthorizeSecurityGroupIngress>(ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: text(&group),
        ip_protocol: text("tcp"),
        from_port: Some(8443),
        to_port: Some(8443),
        cidr_ip: text("203.0.113.0/24"),
        ..Default::default()
    });
    for input in [office, path(&gateway, &web, 8443)] {
        assert_eq!(analyse_new(&mut lab, input).network_path_found, Some(true));
    }
    let private =
        CreateNetworkInsightsPathRequest { source_ip: text("10.9.9.9"), ..path(&gateway, &web, 443) };
    assert_eq!(codes(&analyse_new(&mut lab, private)), ["IGW_EXPECTS_PUBLIC_ADDRESS"]);
    // A component that the path has to lead through.
    let arn = |id: &str| format!("arn:aws:ec2:us-east-1:123456789012:security-group/{id}");
    assert_eq!(analyse(&mut lab, &into, &[&arn(&group)]).network_path_found, Some(true));
    let missed = analyse(&mut lab, &into, &[&arn("sg-0123456789abcdef0")]);
    assert_eq!(codes(&missed), ["COMPONENT_FILTER_RESTRICTION"]);
}

#[test]
fn ends_that_are_down_or_apart() {
    let mut lab = Lab::new();
    let (web, app) = (lab.running(), lab.running());
    let path_id = create(&mut lab, path(&web, &app, 80));
    lab.h.ok::<ops::StopInstances>(ec2::StopInstancesRequest {
        instance_ids: vec![app.clone()],
        ..Default::default()
    });
    lab.settle();
    let found = analyse(&mut lab, &path_id, &[]);
    assert_eq!(codes(&found), ["BAD_STATE"]);
    assert_eq!(found.explanations.unwrap()[0].component.as_ref().unwrap().id, text(&app));
    lab.h.code::<ops::CreateNetworkInsightsPath>(path(&web, &web, 80), "InvalidParameterValue");
    let mut other = path(&web, "i-0123456789abcdef0", 80);
    lab.h.code::<ops::CreateNetworkInsightsPath>(other.clone(), "NetworkInsightsDestination.NotFound");
    other.destination = None;
    lab.h.code::<ops::CreateNetworkInsightsPath>(other, "MissingParameter");
    lab.h.code::<ops::CreateNetworkInsightsPath>(
        path("eni-0123456789abcdef0", &web, 80),
        "NetworkInsightsSource.NotFound",
    );
    let sctp = CreateNetworkInsightsPathRequest { protocol: "sctp".to_owned(), ..path(&web, &app, 80) };
    lab.h.code::<ops::CreateNetworkInsightsPath>(sctp, "InvalidParameterValue");

    let deletion =
        DeleteNetworkInsightsPathRequest { network_insights_path_id: path_id.clone(), ..Default::default() };
    lab.h.code::<ops::DeleteNetworkInsightsPath>(deletion.clone(), "AnalysisExistsForNetworkInsightsPath");
    let id = found.network_insights_analysis_id.unwrap();
    let analysis =
        DeleteNetworkInsightsAnalysisRequest { network_insights_analysis_id: id, ..Default::default() };
    lab.h.ok::<ops::DeleteNetworkInsightsAnalysis>(analysis.clone());
    lab.h.code::<ops::DeleteNetworkInsightsAnalysis>(analysis, "InvalidNetworkInsightsAnalysisId.NotFound");
    lab.h.ok::<ops::DeleteNetworkInsightsPath>(deletion.clone());
    lab.h.code::<ops::DeleteNetworkInsightsPath>(deletion, "InvalidNetworkInsightsPathId.NotFound");
}

#[test]
fn a_path_through_a_nat_gateway_and_one_through_a_peering() {
    let mut lab = Lab::with_gateway();
    let public = lab.subnet.clone();
    let gateways = lab.h.ok::<ops::DescribeInternetGateways>(Default::default()).internet_gateways.unwrap();
    let vpc = text(&lab.vpc);
    let own = |row: &&ec2::InternetGateway| row.attachments.iter().flatten().any(|one| one.vpc_id == vpc);
    let gateway = gateways.iter().find(own).unwrap().internet_gateway_id.clone().unwrap();
    lead_out(&mut lab, &gateway);
    let (allocation, _) = lab.allocate();
    let nat = lab.h.ok::<ops::CreateNatGateway>(ec2::CreateNatGatewayRequest {
        subnet_id: text(&public),
        allocation_id: text(&allocation),
        ..Default::default()
    });
    let nat = nat.nat_gateway.unwrap().nat_gateway_id.unwrap();
    lab.subnet = lab.add_subnet("10.0.2.0/24", "us-east-1b");
    let app = lab.running();
    lab.settle();
    let table = lab.h.ok::<ops::CreateRouteTable>(ec2::CreateRouteTableRequest {
        vpc_id: lab.vpc.clone(),
        ..Default::default()
    });
    let table = table.route_table.unwrap().route_table_id.unwrap();
    lab.h.ok::<ops::AssociateRouteTable>(ec2::AssociateRouteTableRequest {
        route_table_id: table.clone(),
        subnet_id: text(&lab.subnet),
        ..Default::default()
    });
    lab.h.ok::<ops::CreateRoute>(ec2::CreateRouteRequest {
        route_table_id: table.clone(),
        destination_cidr_block: text("0.0.0.0/0"),
        nat_gateway_id: text(&nat),
        ..Default::default()
    });
    let found = analyse_new(&mut lab, path(&app, &gateway, 443));
    assert_eq!(codes(&found), Vec::<&str>::new());
    // As recorded: the NAT gateway's interface before and after it, without a group.
    let way = ["i", "eni", "sg", "acl", "rtb", "acl", "eni", "nat", "eni", "acl", "rtb", "igw"];
    assert_eq!(kinds(found.forward_path_components.as_ref()), way);

    let first = lab.vpc.clone();
    let other = ec2::CreateVpcRequest { cidr_block: text("10.1.0.0/16"), ..Default::default() };
    let other = lab.h.ok::<ops::CreateVpc>(other).vpc.unwrap().vpc_id.unwrap();
    lab.vpc = other.clone();
    lab.subnet = lab.add_subnet("10.1.0.0/24", "us-east-1a");
    let peer = lab.running();
    let apart = analyse_new(&mut lab, path(&peer, &app, 8080));
    assert_eq!(codes(&apart), ["DISCONNECTED_VPCS"]);
    let pcx = lab.h.ok::<ops::CreateVpcPeeringConnection>(ec2::CreateVpcPeeringConnectionRequest {
        vpc_id: other.clone(),
        peer_vpc_id: text(&first),
        ..Default::default()
    });
    let pcx = pcx.vpc_peering_connection.unwrap().vpc_peering_connection_id.unwrap();
    lab.h.ok::<ops::AcceptVpcPeeringConnection>(ec2::AcceptVpcPeeringConnectionRequest {
        vpc_peering_connection_id: pcx.clone(),
        ..Default::default()
    });
    let route = |table: &str, to: &str| ec2::CreateRouteRequest {
        route_table_id: table.to_owned(),
        destination_cidr_block: text(to),
        vpc_peering_connection_id: text(&pcx),
        ..Default::default()
    };
    let filter = ec2::Filter { name: text("vpc-id"), values: vec![other.clone()] };
    let input = ec2::DescribeRouteTablesRequest { filters: vec![filter], ..Default::default() };
    let main = lab.h.ok::<ops::DescribeRouteTables>(input).route_tables.unwrap().remove(0);
    lab.h.ok::<ops::CreateRoute>(route(&main.route_table_id.unwrap(), "10.0.0.0/16"));
    // The receiver's group admits nobody; the answer would go to the NAT gateway, and from there to the internet.
    let half = analyse_new(&mut lab, path(&peer, &app, 8080));
    assert_eq!(codes(&half), ["ENI_SG_RULES_MISMATCH", "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS"]);
    lab.h.ok::<ops::CreateRoute>(route(&table, "10.1.0.0/16"));
    lab.vpc = first.clone();
    let group = group(&mut lab);
    authorize(&mut lab, &group, 8080);
    let found = analyse_new(&mut lab, path(&peer, &app, 8080));
    assert_eq!(codes(&found), Vec::<&str>::new());
    let forward = found.forward_path_components.unwrap();
    assert_eq!(kinds(Some(&forward)), ["i", "eni", "sg", "acl", "rtb", "pcx", "acl", "sg", "eni", "i"]);
    let vpcs = [&forward[5].source_vpc, &forward[5].destination_vpc];
    assert_eq!(vpcs.map(|vpc| vpc.as_ref().unwrap().id.clone()), [text(&other), text(&first)]);
}
