//! Paths and analyses as responses show them. Recorded analyses write protocols of headers as numbers, addresses as blocks, and the
//! origin of routes in lower case.

use enishi_api::ec2::{
    self, AnalysisAclRule, AnalysisComponent, AnalysisPacketHeader, AnalysisRouteTableRoute,
    AnalysisSecurityGroupRule, Explanation, PathComponent, PortRange,
};
use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{
    NetworkInsightsAnalysis, NetworkInsightsPath, PathExplanation, PathHeader, PathHop, PathRule, RulePeer,
    SecurityGroupRule,
};
use enishi_state::{Scope, World};
use enishi_wire::Timestamp;

use crate::arn;
use crate::ec2::ids::Resource;
use crate::ec2::{protocol, tag};

pub(super) fn protocol(row: &NetworkInsightsPath) -> &'static str {
    if row.is_tcp { "tcp" } else { "udp" }
}

pub(super) fn path(world: &World, row: &NetworkInsightsPath) -> ec2::NetworkInsightsPath {
    let component = |id: &String| component(world, &row.scope, id).and_then(|component| component.arn);
    ec2::NetworkInsightsPath {
        network_insights_path_id: Some(row.id.to_string()),
        network_insights_path_arn: Some(arn::ec2(&row.scope, NetworkInsightsPath::KIND, row.id.as_str())),
        created_date: Some(Timestamp::from_millis(row.created.0)),
        source: Some(row.source.clone()),
        destination: Some(row.destination.clone()),
        source_arn: component(&row.source),
        destination_arn: component(&row.destination),
        source_ip: row.source_ip.map(|address| address.to_string()),
        destination_ip: row.destination_ip.map(|address| address.to_string()),
        protocol: Some(protocol(row).to_owned()),
        destination_port: row.destination_port.map(i32::from),
        tags: tag::of(world, row.id.as_str()),
        ..Default::default()
    }
}

/// As the call that starts an analysis answers it.
pub(super) fn started(world: &World, row: &NetworkInsightsAnalysis) -> ec2::NetworkInsightsAnalysis {
    let filters = |arns: &[String]| (!arns.is_empty()).then(|| arns.to_vec());
    ec2::NetworkInsightsAnalysis {
        network_insights_analysis_id: Some(row.id.to_string()),
        network_insights_analysis_arn: Some(arn::ec2(
            &row.scope,
            NetworkInsightsAnalysis::KIND,
            row.id.as_str(),
        )),
        network_insights_path_id: Some(row.path.to_string()),
        filter_in_arns: filters(&row.filter_in),
        start_date: Some(Timestamp::from_millis(row.started.0)),
        status: Some("running".to_owned()),
        tags: tag::of(world, row.id.as_str()),
        ..Default::default()
    }
}

pub(super) fn analysis(world: &World, row: &NetworkInsightsAnalysis) -> ec2::NetworkInsightsAnalysis {
    let components = |hops: &[PathHop]| {
        let numbered = (1..).zip(hops);
        let shape = |(number, hop)| PathComponent {
            sequence_number: Some(number),
            ..path_hop(world, &row.scope, hop)
        };
        (!hops.is_empty()).then(|| numbered.map(shape).collect())
    };
    let explanations = row.explanations.iter().map(|found| explanation(world, &row.scope, found));
    ec2::NetworkInsightsAnalysis {
        status: Some("succeeded".to_owned()),
        network_path_found: Some(row.explanations.is_empty()),
        forward_path_components: components(&row.forward),
        return_path_components: components(&row.back),
        explanations: (!row.explanations.is_empty()).then(|| explanations.collect()),
        ..started(world, row)
    }
}

/// A component by its id; its name is the tag `Name`.
pub(super) fn component(world: &World, scope: &Scope, id: &str) -> Option<AnalysisComponent> {
    let kind = match id.rsplit_once('-').map_or("", |(prefix, _)| prefix) {
        "i" => "instance",
        "eni" => "network-interface",
        "igw" => "internet-gateway",
        "sg" => "security-group",
        "acl" => "network-acl",
        "rtb" => "route-table",
        "nat" => "natgateway",
        "pcx" => "vpc-peering-connection",
        "subnet" => "subnet",
        "vpc" => "vpc",
        _ => "",
    };
    let name = world.tags_of(id).find(|tag| tag.key == "Name").map(|tag| tag.value.clone());
    (!id.is_empty()).then(|| AnalysisComponent {
        id: Some(id.to_owned()),
        arn: (!kind.is_empty()).then(|| arn::ec2(scope, kind, id)),
        name,
    })
}

fn path_hop(world: &World, scope: &Scope, hop: &PathHop) -> PathComponent {
    let named = |id: &Option<String>| id.as_ref().and_then(|id| component(world, scope, id));
    let rule = hop.rule.as_ref();
    PathComponent {
        component: component(world, scope, &hop.component),
        attached_to: named(&hop.attached_to),
        subnet: named(&hop.subnet),
        vpc: named(&hop.vpc),
        source_vpc: hop.vpcs.as_ref().and_then(|(from, _)| component(world, scope, from)),
        destination_vpc: hop.vpcs.as_ref().and_then(|(_, to)| component(world, scope, to)),
        inbound_header: hop.inbound.as_ref().map(header),
        outbound_header: hop.outbound.as_ref().map(header),
        acl_rule: rule.and_then(acl_rule),
        security_group_rule: rule.and_then(|rule| group_rule(world, &hop.component, rule)),
        route_table_route: rule.and_then(route),
        additional_details: Some(vec![]),
        explanations: Some(vec![]),
        ..Default::default()
    }
}

fn header(header: &PathHeader) -> AnalysisPacketHeader {
    let port = |port: Option<u16>| {
        port.map(|port| vec![PortRange { from: Some(port.into()), to: Some(port.into()) }])
    };
    AnalysisPacketHeader {
        destination_addresses: Some(vec![Cidr::host(header.destination).to_string()]),
        destination_port_ranges: port(header.destination_port),
        protocol: Some(header.protocol.to_string()),
        source_addresses: Some(vec![Cidr::host(header.source).to_string()]),
        source_port_ranges: port(header.source_port),
    }
}

fn direction(egress: bool) -> String {
    if egress { "egress" } else { "ingress" }.to_owned()
}

/// AWS writes `all` for every protocol, and no ports for all of them.
fn protocol_of(traffic: TrafficMatch) -> String {
    match traffic {
        TrafficMatch::All => "all".to_owned(),
        other => protocol::name(other.protocol()),
    }
}

fn ports_of(traffic: TrafficMatch) -> Option<PortRange> {
    match traffic {
        TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => {
            Some(PortRange { from: Some(ports.from().into()), to: Some(ports.to().into()) })
        }
        TrafficMatch::All | TrafficMatch::Icmp(_) | TrafficMatch::Other(_) => None,
    }
}

fn acl_rule(rule: &PathRule) -> Option<AnalysisAclRule> {
    let PathRule::Acl { number, egress, allow, traffic, cidr } = rule else { return None };
    Some(AnalysisAclRule {
        cidr: Some(cidr.to_string()),
        egress: Some(*egress),
        port_range: ports_of(*traffic),
        protocol: Some(protocol_of(*traffic)),
        rule_action: Some(if *allow { "allow" } else { "deny" }.to_owned()),
        rule_number: Some((*number).into()),
    })
}

fn group_rule(world: &World, group: &str, rule: &PathRule) -> Option<AnalysisSecurityGroupRule> {
    let PathRule::Group { id, egress, traffic, peer } = rule else { return None };
    let group = world.get::<SecurityGroupRule>(id).map_or(group, |row| row.group.as_str()).to_owned();
    let referred = peer.group().map(ToString::to_string);
    Some(AnalysisSecurityGroupRule {
        cidr: match peer {
            RulePeer::Cidr(cidr) => Some(cidr.to_string()),
            RulePeer::PrefixList(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => None,
        },
        direction: Some(direction(*egress)),
        security_group_id: Some(referred.unwrap_or(group)),
        port_range: ports_of(*traffic),
        prefix_list_id: peer.prefix_list().map(ToString::to_string),
        protocol: Some(protocol_of(*traffic)),
    })
}

fn route(rule: &PathRule) -> Option<AnalysisRouteTableRoute> {
    let PathRule::Route { destination, target } = rule else { return None };
    let is_local = target == "local";
    let of = |prefix: &str| Some(target.clone()).filter(|target| target.starts_with(prefix));
    Some(AnalysisRouteTableRoute {
        destination_cidr: Some(destination.to_string()),
        gateway_id: of("igw-").or_else(|| is_local.then(|| target.clone())),
        instance_id: of("i-"),
        nat_gateway_id: of("nat-"),
        network_interface_id: of("eni-"),
        vpc_peering_connection_id: of("pcx-"),
        origin: Some(if is_local { "createroutetable" } else { "createroute" }.to_owned()),
        state: Some(if target == "blackhole" { "blackhole" } else { "active" }.to_owned()),
        ..Default::default()
    })
}

/// Each component stands in the member that is for its kind.
fn explanation(world: &World, scope: &Scope, found: &PathExplanation) -> Explanation {
    let of = |prefix: &'static str| found.components.iter().filter(move |id| id.starts_with(prefix));
    let first = |prefix: &'static str| of(prefix).next().and_then(|id| component(world, scope, id));
    let groups: Vec<AnalysisComponent> = of("sg-").filter_map(|id| component(world, scope, id)).collect();
    let whole = |index: usize| found.components.get(index).and_then(|id| component(world, scope, id));
    if is_about_ends(&found.code) {
        return Explanation {
            component: whole(0),
            destination: whole(1),
            explanation_code: Some(found.code.clone()),
            ..Default::default()
        };
    }
    let rule = found.rule.as_ref();
    let is_missing_route = found.code == "NO_ROUTE_TO_DESTINATION";
    Explanation {
        acl: first("acl-"),
        acl_rule: rule.and_then(acl_rule),
        address: found.address.map(|address| address.to_string()),
        destination: if is_missing_route { whole(2) } else { None },
        direction: found.egress.map(direction),
        explanation_code: Some(found.code.clone()),
        internet_gateway: first("igw-").filter(|_| !is_missing_route),
        nat_gateway: first("nat-"),
        network_interface: first("eni-").filter(|_| !is_missing_route),
        route_table: first("rtb-"),
        route_table_route: rule.and_then(route),
        security_groups: (!groups.is_empty()).then_some(groups),
        state: (found.code == "BAD_STATE_ROUTE").then(|| "blackhole".to_owned()),
        subnet: first("subnet-"),
        vpc: first("vpc-"),
        vpc_peering_connection: first("pcx-"),
        ..Default::default()
    }
}

/// Whether an explanation is about the path's ends, or about a component that it should lead through.
fn is_about_ends(code: &str) -> bool {
    [
        "BAD_STATE",
        "COMPONENT_FILTER_RESTRICTION",
        "DISCONNECTED_VPCS",
        "IGW_EXPECTS_PUBLIC_ADDRESS",
        "NO_PATH",
        "NO_SOURCE_OR_DESTINATION",
        "UNASSOCIATED_COMPONENT",
    ]
    .contains(&code)
}
