//! Target groups as one load balancer uses them: where their targets are, and how they are.
//! [Registered targets](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html)
//!
//! A target that no node can use is left out: an instance that is not up, an address in a zone that the load balancer has no
//! node in, an address that is a load balancer's. AWS calls those `unused`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use enishi_fabric::balancer::{
    Algorithm, Health, HealthCheck, HealthPort, HealthProtocol, Matcher, ProxyProtocol, Stickiness, Target,
    TargetGroup, TargetProtocol, TargetVersion, UnhealthyConnections,
};
use enishi_state::World;
use enishi_state::ec2::{Instance, InstanceId, NetworkInterface, Subnet};
use enishi_state::elbv2::{
    self as rows, LoadBalancer, LoadBalancerArn, TargetGroupProtocol, TargetHealth, TargetType,
};
use enishi_state::{ResourceId, Row};

/// How probes call themselves.
const USER_AGENT: &str = "ELB-HealthChecker/2.0";

/// Compiles a target group for a load balancer.
pub(crate) fn compile(world: &World, balancer: &LoadBalancer, row: &rows::TargetGroup) -> TargetGroup {
    let on = |key| row.attribute(key) == "true";
    let number = |key, default| row.attribute(key).parse().unwrap_or(default);
    TargetGroup {
        arn: row.arn.as_str().into(),
        id: row.id_text().into(),
        protocol: protocol(row.protocol),
        version: match row.version {
            Some(rows::TargetVersion::Http2) => TargetVersion::Http2,
            Some(rows::TargetVersion::Grpc) => TargetVersion::Grpc,
            Some(rows::TargetVersion::Http1) | None => TargetVersion::Http1,
        },
        algorithm: algorithm(row),
        stickiness: stickiness(row),
        cross_zone: crosses_zones(balancer, row),
        deregistration_delay_seconds: number("deregistration_delay.timeout_seconds", 300),
        preserve_client_ip: row.preserves_client_ip(),
        terminate_on_deregistration: on("deregistration_delay.connection_termination.enabled"),
        unhealthy_connections: match on("target_health_state.unhealthy.connection_termination.enabled") {
            true => UnhealthyConnections::Cut,
            false => UnhealthyConnections::Keep,
        },
        proxy_protocol: on("proxy_protocol_v2.enabled").then_some(ProxyProtocol::V2),
        health_check: Arc::new(health_check(row)),
        targets: targets(world, balancer, row),
    }
}

/// The target groups that have a target of that id.
pub(crate) fn of_target<'w>(
    world: &'w World,
    id: &str,
) -> impl Iterator<Item = rows::TargetGroupArn> + use<'w> {
    world.by::<rows::Target>("target", id).map(|row| row.target_group.clone())
}

fn protocol(protocol: TargetGroupProtocol) -> TargetProtocol {
    match protocol {
        TargetGroupProtocol::Http => TargetProtocol::Http,
        TargetGroupProtocol::Https => TargetProtocol::Https,
        TargetGroupProtocol::Tcp => TargetProtocol::Tcp,
        TargetGroupProtocol::Tls => TargetProtocol::Tls,
        TargetGroupProtocol::Udp => TargetProtocol::Udp,
        TargetGroupProtocol::TcpUdp => TargetProtocol::TcpUdp,
    }
}

fn algorithm(row: &rows::TargetGroup) -> Algorithm {
    match row.attribute("load_balancing.algorithm.type") {
        _ if !row.protocol.is_application() => Algorithm::FlowHash,
        "least_outstanding_requests" => Algorithm::LeastOutstandingRequests,
        "weighted_random" => Algorithm::WeightedRandom,
        _ => Algorithm::RoundRobin,
    }
}

fn stickiness(row: &rows::TargetGroup) -> Option<Stickiness> {
    if row.attribute("stickiness.enabled") != "true" {
        return None;
    }
    let seconds = |key| row.attribute(key).parse().ok();
    Some(match row.attribute("stickiness.type") {
        "app_cookie" => Stickiness::AppCookie {
            name: row.attribute("stickiness.app_cookie.cookie_name").into(),
            seconds: seconds("stickiness.app_cookie.duration_seconds"),
        },
        "source_ip" => Stickiness::SourceIp,
        "source_ip_dest_ip" => Stickiness::SourceIpDestIp,
        _ => Stickiness::LbCookie { seconds: seconds("stickiness.lb_cookie.duration_seconds") },
    })
}

/// Whether nodes send to targets of other zones: as the target group says, else as the load balancer does.
fn crosses_zones(balancer: &LoadBalancer, row: &rows::TargetGroup) -> bool {
    const KEY: &str = "load_balancing.cross_zone.enabled";
    match row.attribute(KEY) {
        "true" => true,
        "false" => false,
        _ => balancer.attribute(KEY) == "true",
    }
}

fn health_check(row: &rows::TargetGroup) -> HealthCheck {
    let check = &row.health_check;
    let tls = check.protocol == TargetGroupProtocol::Https;
    let matcher = check.matcher.as_deref().unwrap_or_default();
    let (protocol, matcher) = match (check.protocol, row.version) {
        (TargetGroupProtocol::Http | TargetGroupProtocol::Https, Some(rows::TargetVersion::Grpc)) => {
            (HealthProtocol::Grpc { tls }, Matcher::Grpc(ranges(matcher)))
        }
        (TargetGroupProtocol::Http | TargetGroupProtocol::Https, Some(rows::TargetVersion::Http2)) => {
            (HealthProtocol::Http2 { tls }, Matcher::Http(ranges(matcher)))
        }
        (TargetGroupProtocol::Http, _) => (HealthProtocol::Http, Matcher::Http(ranges(matcher))),
        (TargetGroupProtocol::Https, _) => (HealthProtocol::Https, Matcher::Http(ranges(matcher))),
        _ => (HealthProtocol::Tcp, Matcher::Connected),
    };
    HealthCheck {
        protocol,
        port: check.port.map_or(HealthPort::Traffic, HealthPort::Port),
        path: check.path.as_deref().unwrap_or("/").into(),
        interval_seconds: check.interval_seconds,
        timeout_seconds: check.timeout_seconds,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        matcher,
        user_agent: USER_AGENT.into(),
    }
}

/// The statuses of a matcher: `200-299,301`. What is not a status was refused when it was set.
fn ranges(matcher: &str) -> Vec<RangeInclusive<u16>> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.trim().parse().ok()?..=to.trim().parse().ok()?)
    };
    matcher.split(',').filter_map(range).collect()
}

/// The targets that the load balancer's nodes can use, in the order of their ids and ports.
fn targets(world: &World, balancer: &LoadBalancer, group: &rows::TargetGroup) -> Vec<Target> {
    let zones: BTreeSet<&str> = balancer.zones.iter().map(|zone| zone.zone.as_str()).collect();
    let rows = world.by::<rows::Target>("target_group", group.arn.as_str());
    let mut targets: Vec<Target> = rows
        .flat_map(|row| places(world, group, row).into_iter().map(move |place| target(row, place)))
        .filter(|target| target.zone.as_deref().is_none_or(|zone| zones.contains(zone)))
        .collect();
    targets.sort_by(|a, b| (&a.id, a.port, a.address).cmp(&(&b.id, b.port, b.address)));
    targets
}

fn target(row: &rows::Target, (address, zone): Place) -> Target {
    Target {
        id: row.target.as_str().into(),
        address,
        port: row.port,
        zone: zone.map(Arc::from),
        health: match row.health {
            TargetHealth::Initial => Health::Initial,
            TargetHealth::Healthy => Health::Healthy,
            TargetHealth::Unhealthy { .. } => Health::Unhealthy,
            TargetHealth::Draining { .. } => Health::Draining,
        },
        since: row.since.0,
        slow_start_until: row.slow_start_until.map(|until| until.0),
    }
}

/// An address, and its zone if it is in one.
pub(crate) type Place = (Ipv4Addr, Option<String>);

/// Where a target is: an Application Load Balancer is wherever its nodes are.
fn places(world: &World, group: &rows::TargetGroup, row: &rows::Target) -> Vec<Place> {
    match group.target_type {
        TargetType::Instance => instance(world, &row.target).into_iter().collect(),
        TargetType::Ip if group.has_reserved(world, &row.target) => Vec::new(),
        TargetType::Ip => {
            row.target.parse().ok().map(|ip| (ip, zone_of(world, group, row, ip))).into_iter().collect()
        }
        TargetType::Alb => {
            let balancer = world.get::<LoadBalancer>(&LoadBalancerArn::new(&row.target));
            let zones = balancer.into_iter().flat_map(|balancer| &balancer.zones);
            let interfaces = zones.filter_map(|zone| world.get::<NetworkInterface>(&zone.network_interface));
            interfaces.map(|interface| (interface.primary_ip(), Some(interface.zone.clone()))).collect()
        }
    }
}

/// Where an instance is that is up: its first interface's address.
pub(crate) fn instance(world: &World, id: &str) -> Option<Place> {
    let row = world.get::<Instance>(&InstanceId::parse(id).ok()?).filter(|row| row.state.is_up())?;
    let first = |interface: &&NetworkInterface| {
        interface.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0)
    };
    let interface = world.by::<NetworkInterface>("instance", row.id().as_str()).find(first)?;
    Some((interface.primary_ip(), Some(interface.zone.clone())))
}

/// The zone of an address: `all`, which is none, or that of its subnet. Addresses outside of the VPC are in none.
fn zone_of(world: &World, group: &rows::TargetGroup, row: &rows::Target, ip: Ipv4Addr) -> Option<String> {
    if row.zone.as_deref() == Some("all") {
        return None;
    }
    let mut subnets = world.by::<Subnet>("vpc", group.vpc.as_str());
    subnets.find(|subnet| subnet.cidr.contains(ip)).map(|subnet| subnet.zone.clone())
}
