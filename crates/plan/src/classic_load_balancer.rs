//! Classic Load Balancers, as what user space does of them.
//! [How Classic Load Balancers work](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/introduction.html)
//!
//! A listener sends all to one target group, which AWS does not show: the registered instances at an instance port, in a
//! protocol, with a stickiness. The instances are the same in all groups, and so is their health, which only the first
//! group's check finds out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enishi_fabric::balancer::{
    self as program, AccessLogs, Action, Algorithm, AlpnPolicy, Attributes, Balancer, DesyncMitigation,
    Forward, Health, HealthPort, HealthProtocol, Kind, ListenerAttributes, Matcher, MutualAuthentication,
    ProxyProtocol, Rule, Stickiness, Target, TargetGroup, TargetProtocol, TargetVersion, Tls,
    UnhealthyConnections,
};
use enishi_state::World;
use enishi_state::ec2::{InstanceId, NetworkInterface};
use enishi_state::elb::{
    InstanceHealth, Listener, ListenerProtocol, LoadBalancer, LoadBalancerArn, Ping, Policy, PolicyKind,
    Registration,
};

use crate::{listener as listeners_of, load_balancer, target_group};

/// How probes call themselves.
const USER_AGENT: &str = "ELB-HealthChecker/1.0";

/// The negotiation policy of a listener that has none.
const USUAL_POLICY: &str = "ELBSecurityPolicy-2016-08";

/// What a load balancer does in user space.
pub(crate) fn balancer(world: &World, row: &LoadBalancer) -> Balancer {
    let arn = row.arn();
    Balancer {
        arn: arn.as_str().into(),
        id: row.name.as_str().into(),
        account: row.scope.account.as_str().into(),
        region: row.scope.region.as_str().into(),
        vpc: row.vpc.as_str().into(),
        dns_name: row.dns_name().into(),
        kind: Kind::Classic,
        nodes: load_balancer::nodes(world, &row.zones),
        listeners: listeners(world, row),
        target_groups: target_groups(world, row),
        attributes: Arc::new(attributes(row)),
    }
}

/// The load balancers that an instance is registered with.
pub(crate) fn of_instance<'w>(
    world: &'w World,
    instance: &InstanceId,
) -> impl Iterator<Item = LoadBalancerArn> + use<'w> {
    world.by::<Registration>("instance", instance.as_str()).map(|row| row.load_balancer.clone())
}

/// The load balancers that an interface is a node of: at most one.
pub(crate) fn of_node<'w>(
    world: &'w World,
    interface: &NetworkInterface,
) -> impl Iterator<Item = LoadBalancerArn> + use<'w> {
    world.by::<LoadBalancer>("network_interface", interface.id.as_str()).map(LoadBalancer::arn)
}

/// The policies of those names.
fn policies<'r>(row: &'r LoadBalancer, names: &'r [String]) -> impl Iterator<Item = &'r Policy> {
    names.iter().filter_map(|name| row.policies.get(name))
}

/// A listener whose certificate is gone is left out: it could answer nobody.
fn listeners(world: &World, row: &LoadBalancer) -> BTreeMap<u16, Arc<program::Listener>> {
    let compile = |(port, one): (&u16, &Listener)| Some((*port, Arc::new(listener(world, row, *port, one)?)));
    row.listeners.iter().filter_map(compile).collect()
}

fn listener(world: &World, row: &LoadBalancer, port: u16, one: &Listener) -> Option<program::Listener> {
    let arn: Arc<str> = format!("{}:{port}", row.name).into();
    let rule = Rule {
        arn: arn.clone(),
        priority: None,
        conditions: Vec::new(),
        authenticate: None,
        rewrites: Vec::new(),
        action: Action::Forward(Forward { groups: vec![(group_key(row, one), 1)], stickiness_seconds: None }),
    };
    let tls = match one.protocol.is_secure() {
        true => Some(Arc::new(tls(world, row, one)?)),
        false => None,
    };
    Some(program::Listener {
        arn,
        port,
        protocol: match one.protocol {
            ListenerProtocol::Http => program::ListenerProtocol::Http,
            ListenerProtocol::Https => program::ListenerProtocol::Https,
            ListenerProtocol::Tcp => program::ListenerProtocol::Tcp,
            ListenerProtocol::Ssl => program::ListenerProtocol::Tls,
        },
        tls,
        rules: vec![Arc::new(rule)],
        attributes: Arc::new(ListenerAttributes {
            tcp_idle_timeout_seconds: row.attributes.idle_timeout_seconds,
            ..ListenerAttributes::default()
        }),
    })
}

fn tls(world: &World, row: &LoadBalancer, one: &Listener) -> Option<Tls> {
    let policy = policies(row, &one.policies).find_map(|policy| match &policy.kind {
        PolicyKind::SslNegotiation { reference } => reference.as_deref(),
        _ => None,
    });
    Some(Tls {
        policy: policy.unwrap_or(USUAL_POLICY).into(),
        default: listeners_of::certificate(world, one.certificate.as_deref()?)?,
        others: Vec::new(),
        alpn: AlpnPolicy::None,
        mutual: MutualAuthentication::Off,
    })
}

fn stickiness(row: &LoadBalancer, one: &Listener) -> Option<Stickiness> {
    policies(row, &one.policies).find_map(|policy| match &policy.kind {
        PolicyKind::AppCookieStickiness { cookie } => {
            Some(Stickiness::AppCookie { name: cookie.as_str().into(), seconds: None })
        }
        PolicyKind::LbCookieStickiness { seconds } => Some(Stickiness::LbCookie { seconds: *seconds }),
        _ => None,
    })
}

/// Listeners with the same key share a group.
fn group_key(row: &LoadBalancer, one: &Listener) -> Arc<str> {
    let sticky = |policy: &&String| {
        row.policies.get(*policy).is_some_and(|policy| {
            matches!(
                policy.kind,
                PolicyKind::AppCookieStickiness { .. } | PolicyKind::LbCookieStickiness { .. }
            )
        })
    };
    let sticky = one.policies.iter().find(sticky).map_or("", String::as_str);
    format!("{}/{}:{}/{sticky}", row.arn(), one.instance_protocol.name(), one.instance_port).into()
}

fn target_groups(world: &World, row: &LoadBalancer) -> BTreeMap<Arc<str>, Arc<TargetGroup>> {
    let by_key: BTreeMap<Arc<str>, &Listener> =
        row.listeners.values().map(|one| (group_key(row, one), one)).collect();
    let compile = |(at, (key, one)): (usize, (Arc<str>, &Listener))| {
        let group = target_group(world, row, &key, one, at == 0);
        (key, Arc::new(group))
    };
    by_key.into_iter().enumerate().map(compile).collect()
}

fn target_group(
    world: &World,
    row: &LoadBalancer,
    key: &Arc<str>,
    one: &Listener,
    is_checked: bool,
) -> TargetGroup {
    let backends = row.backends.get(&one.instance_port).map_or(&[] as &[String], Vec::as_slice);
    let announces = |policy: &Policy| matches!(policy.kind, PolicyKind::ProxyProtocol { is_on: true });
    TargetGroup {
        arn: key.clone(),
        id: key.clone(),
        protocol: match one.instance_protocol {
            ListenerProtocol::Http => TargetProtocol::Http,
            ListenerProtocol::Https => TargetProtocol::Https,
            ListenerProtocol::Tcp => TargetProtocol::Tcp,
            ListenerProtocol::Ssl => TargetProtocol::Tls,
        },
        version: TargetVersion::Http1,
        // "the least outstanding requests routing algorithm for HTTP and HTTPS listeners", "round robin [...] for TCP".
        algorithm: match one.instance_protocol.is_http() {
            true => Algorithm::LeastOutstandingRequests,
            false => Algorithm::RoundRobin,
        },
        stickiness: stickiness(row, one),
        cross_zone: row.attributes.cross_zone,
        deregistration_delay_seconds: row.attributes.draining_seconds.unwrap_or(0),
        preserve_client_ip: false,
        terminate_on_deregistration: true,
        unhealthy_connections: UnhealthyConnections::Keep,
        proxy_protocol: policies(row, backends).any(announces).then_some(ProxyProtocol::V1),
        health_check: Arc::new(health_check(row, is_checked)),
        targets: targets(world, row, one.instance_port),
    }
}

fn health_check(row: &LoadBalancer, is_checked: bool) -> program::HealthCheck {
    let check = &row.health_check;
    let ok = || Matcher::Http(vec![200..=200]);
    let (protocol, path, matcher) = match &check.ping {
        _ if !is_checked => (HealthProtocol::Off, "", Matcher::Connected),
        Ping::Tcp => (HealthProtocol::Tcp, "", Matcher::Connected),
        Ping::Ssl => (HealthProtocol::Tls, "", Matcher::Connected),
        Ping::Http(path) => (HealthProtocol::Http, path.as_str(), ok()),
        Ping::Https(path) => (HealthProtocol::Https, path.as_str(), ok()),
    };
    program::HealthCheck {
        protocol,
        port: HealthPort::Port(check.port),
        path: path.into(),
        interval_seconds: check.interval_seconds,
        timeout_seconds: check.timeout_seconds,
        healthy_threshold: check.healthy_threshold,
        unhealthy_threshold: check.unhealthy_threshold,
        matcher,
        user_agent: USER_AGENT.into(),
    }
}

/// The instances that are up, in zones that are enabled.
fn targets(world: &World, row: &LoadBalancer, port: u16) -> Vec<Target> {
    let zones: BTreeSet<&str> = row.zones.iter().map(|zone| zone.zone.as_str()).collect();
    let registered = world.by::<Registration>("load_balancer", row.arn().as_str());
    let place = |one: &Registration| {
        let (address, zone) = target_group::instance(world, one.instance.as_str())?;
        let zone = zone.filter(|zone| zones.contains(zone.as_str()))?;
        Some(Target {
            id: one.instance.as_str().into(),
            address,
            port,
            zone: Some(zone.into()),
            health: match one.health {
                InstanceHealth::Initial => Health::Initial,
                InstanceHealth::InService => Health::Healthy,
                InstanceHealth::OutOfService => Health::Unhealthy,
                InstanceHealth::Draining { .. } => Health::Draining,
            },
            since: one.since.0,
            slow_start_until: None,
        })
    };
    let mut targets: Vec<Target> = registered.filter_map(place).collect();
    targets.sort_by(|a, b| a.id.cmp(&b.id));
    targets
}

fn attributes(row: &LoadBalancer) -> Attributes {
    Attributes {
        idle_timeout_seconds: row.attributes.idle_timeout_seconds,
        desync_mitigation: match row.attributes.desync_mitigation_mode.as_str() {
            "monitor" => DesyncMitigation::Monitor,
            "strictest" => DesyncMitigation::Strictest,
            _ => DesyncMitigation::Defensive,
        },
        http2: false,
        access_logs: row.attributes.access_log.then(|| AccessLogs {
            bucket: row.attributes.access_log_bucket.as_str().into(),
            prefix: row.attributes.access_log_prefix.as_str().into(),
        }),
        ..Attributes::default()
    }
}
