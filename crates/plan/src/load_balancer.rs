//! Load balancers: a namespace for each node, with the node's one device; and what user space does there.
//! [How Elastic Load Balancing works](https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html)
//!
//! A [`Balancer`] is compiled apart from the namespaces, so that a change of a rule, of a target or of its health compiles one
//! load balancer again and no VPC. Nodes of Network Load Balancers send flows to targets themselves, so these are an exception.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enishi_fabric::balancer::{
    self, AccessLogs, Attributes, Balancer, DesyncMitigation, ForwardedFor, Kind, Node,
};
use enishi_fabric::program::{Host, NamespaceProgram, Role};
use enishi_fabric::{NamespaceName, Origin};
use enishi_state::ec2::NetworkInterface;
use enishi_state::elbv2::{
    Listener, LoadBalancer, LoadBalancerArn, LoadBalancerKind, LoadBalancerZone, Rule, TargetGroup,
    TargetGroupArn,
};
use enishi_state::{World, elb};

use crate::network_interface::{Live, Owner};
use crate::{address, classic_load_balancer, listener, network_balancer, target_group};

/// The namespaces of the nodes that use live interfaces.
pub(crate) fn compile<'l>(
    world: &'l World,
    live: &'l [Live<'_>],
) -> impl Iterator<Item = NamespaceProgram> + use<'l> {
    live.iter().filter_map(|interface| match interface.owner {
        Owner::LoadBalancer(row) => Some(node(interface, role(world, row, interface))),
        Owner::ClassicLoadBalancer(row) => Some(node(interface, host(row.arn().as_str(), interface))),
        _ => None,
    })
}

fn node(interface: &Live<'_>, role: Role) -> NamespaceProgram {
    NamespaceProgram {
        name: interface.namespace(),
        interfaces: [(interface.device_name(), interface.device_end())].into(),
        role,
    }
}

fn role(world: &World, row: &LoadBalancer, interface: &Live<'_>) -> Role {
    match row.kind {
        LoadBalancerKind::Network => Role::NetworkBalancer(network_balancer::node(world, row, interface)),
        LoadBalancerKind::Application => host(row.arn.as_str(), interface),
    }
}

fn host(origin: &str, interface: &Live<'_>) -> Role {
    Role::Host(Host {
        origin: Origin::resource(origin),
        devices: vec![interface.device()],
        resolver_endpoint: None,
    })
}

/// What the load balancer of that ARN does in user space, of whatever kind it is.
pub(crate) fn of_arn(world: &World, arn: &str) -> Option<Balancer> {
    let found = world.get::<LoadBalancer>(&LoadBalancerArn::new(arn));
    let classic = || world.get::<elb::LoadBalancer>(&elb::LoadBalancerArn::new(arn));
    found
        .map(|row| balancer(world, row))
        .or_else(|| classic().map(|row| classic_load_balancer::balancer(world, row)))
}

/// What a load balancer does in user space.
pub(crate) fn balancer(world: &World, row: &LoadBalancer) -> Balancer {
    let listeners = listener::compile(world, row);
    let groups = used_groups(world, &row.arn);
    let groups = groups.iter().filter_map(|arn| world.get::<TargetGroup>(arn));
    Balancer {
        arn: row.arn.as_str().into(),
        id: row.id_text().into(),
        account: row.scope.account.as_str().into(),
        region: row.scope.region.as_str().into(),
        vpc: row.vpc.as_str().into(),
        dns_name: row.dns_name().into(),
        kind: match row.kind {
            LoadBalancerKind::Application => Kind::Application,
            LoadBalancerKind::Network => Kind::Network,
        },
        nodes: nodes(world, &row.zones),
        listeners,
        target_groups: groups
            .map(|group| (group.arn.as_str().into(), Arc::new(target_group::compile(world, row, group))))
            .collect(),
        attributes: Arc::new(attributes(row)),
    }
}

/// The nodes in these zones whose interfaces are live.
pub fn nodes(world: &World, zones: &[LoadBalancerZone]) -> BTreeMap<NamespaceName, Node> {
    let node = |interface: &NetworkInterface, zone: &str| Node {
        zone: zone.into(),
        address: interface.primary_ip(),
        public: address::mappings(world, interface).get(&interface.primary_ip()).map(|public| public.address),
    };
    let zones = zones.iter().filter_map(|zone| {
        let interface = world.get::<NetworkInterface>(&zone.network_interface)?;
        Live::of(world, interface)?;
        Some((NamespaceName::new(interface.id.as_str()), node(interface, &zone.zone)))
    });
    zones.collect()
}

/// The target groups that a load balancer's listeners and rules name.
fn used_groups(world: &World, arn: &LoadBalancerArn) -> BTreeSet<TargetGroupArn> {
    let mut groups = BTreeSet::new();
    for listener in world.by::<Listener>("load_balancer", arn.as_str()) {
        let rules = world.by::<Rule>("listener", listener.arn.as_str());
        let actions = rules.flat_map(|rule| &rule.actions).chain(&listener.default_actions);
        groups.extend(actions.flat_map(|action| action.target_groups()).cloned());
    }
    groups
}

/// The load balancers that name a target group, and those that have them as targets.
pub(crate) fn users(world: &World, group: &TargetGroupArn) -> BTreeSet<LoadBalancerArn> {
    let by_rule = world.by::<Rule>("target_group", group.as_str());
    let by_rule = by_rule.filter_map(|rule| world.get::<Listener>(&rule.listener));
    let listeners = world.by::<Listener>("target_group", group.as_str()).chain(by_rule);
    listeners.map(|listener| listener.load_balancer.clone()).collect()
}

/// The load balancers that an interface is a node of: at most one.
pub(crate) fn of_node<'w>(
    world: &'w World,
    interface: &NetworkInterface,
) -> impl Iterator<Item = LoadBalancerArn> + use<'w> {
    world.by::<LoadBalancer>("network_interface", interface.id.as_str()).map(|row| row.arn.clone())
}

fn attributes(row: &LoadBalancer) -> Attributes {
    let text = |key| row.attribute(key);
    let on = |key| row.attribute(key) == "true";
    let number = |key, default| row.attribute(key).parse().unwrap_or(default);
    let usual = balancer::Attributes::default();
    Attributes {
        idle_timeout_seconds: number("idle_timeout.timeout_seconds", usual.idle_timeout_seconds),
        client_keep_alive_seconds: number("client_keep_alive.seconds", usual.client_keep_alive_seconds),
        desync_mitigation: match text("routing.http.desync_mitigation_mode") {
            "monitor" => DesyncMitigation::Monitor,
            "strictest" => DesyncMitigation::Strictest,
            _ => DesyncMitigation::Defensive,
        },
        drop_invalid_header_fields: on("routing.http.drop_invalid_header_fields.enabled"),
        preserve_host_header: on("routing.http.preserve_host_header.enabled"),
        tls_version_and_cipher_headers: on("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        forwarded_client_port: on("routing.http.xff_client_port.enabled"),
        forwarded_for: match text("routing.http.xff_header_processing.mode") {
            "preserve" => ForwardedFor::Preserve,
            "remove" => ForwardedFor::Remove,
            _ => ForwardedFor::Append,
        },
        http2: on("routing.http2.enabled"),
        access_logs: on("access_logs.s3.enabled").then(|| AccessLogs {
            bucket: text("access_logs.s3.bucket").into(),
            prefix: text("access_logs.s3.prefix").into(),
        }),
    }
}
