//! Nodes of Network Load Balancers: which flows go where.
//! [Network Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html)
//!
//! A node sends to the healthy targets of its zone, or of all zones when cross-zone load balancing is on; to all registered
//! ones when none of those is healthy ("fails open"). What needs user space (TLS, Proxy Protocol) is a process's, see
//! [`crate::listener`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use enishi_fabric::Origin;
use enishi_fabric::balancer::{Health, Stickiness, Target, TargetGroup, UnhealthyConnections};
use enishi_fabric::program::{
    BalancedProtocol, BalancerTarget, FlowHash, Forward, Listener, ListenerAction, ListenerPort,
    NetworkBalancer,
};
use enishi_state::World;
use enishi_state::elbv2::{self as rows, ListenerProtocol, LoadBalancer};

use crate::network_interface::Live;
use crate::{listener, target_group};

/// After this many seconds a UDP flow is forgotten.
/// [Connection idle timeout](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html#connection-idle-timeout)
const UDP_IDLE_SECONDS: u32 = 120;

/// The node that an interface is.
pub(crate) fn node(world: &World, balancer: &LoadBalancer, interface: &Live<'_>) -> NetworkBalancer {
    let rows = world.by::<rows::Listener>("load_balancer", balancer.arn.as_str());
    let rows: Vec<&rows::Listener> = rows.collect();
    let listeners = rows.iter().flat_map(|row| listeners(world, balancer, interface, row));
    NetworkBalancer {
        origin: Origin::resource(balancer.id_text()),
        device: interface.device(),
        listeners: listeners.collect(),
        transparent: rows.iter().any(|row| keeps_clients_in_user_space(world, row)),
    }
}

/// What a listener of AWS is in the kernel: one thing for each protocol.
fn listeners(
    world: &World,
    balancer: &LoadBalancer,
    interface: &Live<'_>,
    row: &rows::Listener,
) -> BTreeMap<ListenerPort, Listener> {
    let protocols: &[BalancedProtocol] = match row.protocol {
        ListenerProtocol::Udp => &[BalancedProtocol::Udp],
        ListenerProtocol::TcpUdp => &[BalancedProtocol::Tcp, BalancedProtocol::Udp],
        _ => &[BalancedProtocol::Tcp],
    };
    let ports = protocols.iter().map(|protocol| {
        let action = match listener::is_relayed(world, row) {
            true => ListenerAction::Local,
            false => ListenerAction::Forward(forward(world, balancer, interface, row, *protocol)),
        };
        let port = ListenerPort { protocol: *protocol, port: row.port };
        // An ARN can be longer than the 128 bytes that the kernel keeps of an origin.
        let id = row.arn.as_str().rsplit('/').next().unwrap_or_default();
        (port, Listener { origin: Origin::rule(balancer.id_text(), id), action })
    });
    ports.collect()
}

fn forward(
    world: &World,
    balancer: &LoadBalancer,
    interface: &Live<'_>,
    row: &rows::Listener,
    protocol: BalancedProtocol,
) -> Forward {
    let group = used_group(world, row).map(|group| target_group::compile(world, balancer, group));
    let idle_seconds = match protocol {
        BalancedProtocol::Udp => UDP_IDLE_SECONDS,
        BalancedProtocol::Tcp => listener::attributes(row).tcp_idle_timeout_seconds,
    };
    match group {
        Some(group) => to_group(&group, &interface.row.zone, idle_seconds),
        None => Forward {
            targets: Vec::new(),
            hash: FlowHash::Flow,
            preserve_client_ip: true,
            idle_seconds,
            draining: BTreeSet::new(),
            severed: BTreeSet::new(),
            ends_unlisted: true,
        },
    }
}

/// How the node of a zone sends to a target group.
fn to_group(group: &TargetGroup, zone: &str, idle_seconds: u32) -> Forward {
    let reachable =
        |target: &&Target| group.cross_zone || target.zone.as_deref().is_none_or(|other| other == zone);
    let reachable: Vec<&Target> = group.targets.iter().filter(reachable).collect();
    let fails_open = !reachable.iter().any(|target| target.is_healthy());
    let gets_flows = |target: &Target| target.is_healthy() || (fails_open && target.is_registered());
    let targets: Vec<BalancerTarget> =
        reachable.iter().filter(|target| gets_flows(target)).map(|target| chosen(group, target)).collect();
    let with = |health: Health| {
        let such = group.targets.iter().filter(move |target| target.health == health);
        such.map(socket).collect::<BTreeSet<SocketAddrV4>>()
    };
    Forward {
        hash: match group.stickiness {
            Some(Stickiness::SourceIp | Stickiness::SourceIpDestIp) => FlowHash::Source,
            _ => FlowHash::Flow,
        },
        preserve_client_ip: group.preserve_client_ip,
        idle_seconds,
        draining: with(Health::Draining),
        severed: match group.unhealthy_connections {
            UnhealthyConnections::Cut if !fails_open => with(Health::Unhealthy),
            _ => BTreeSet::new(),
        },
        ends_unlisted: group.terminate_on_deregistration,
        targets,
    }
}

fn chosen(group: &TargetGroup, target: &Target) -> BalancerTarget {
    BalancerTarget { origin: Origin::rule(&group.id, &target.id), address: target.address, port: target.port }
}

fn socket(target: &Target) -> SocketAddrV4 {
    SocketAddrV4::new(target.address, target.port)
}

/// The target group that a listener forwards to; a Network Load Balancer's has one.
fn used_group<'w>(world: &'w World, row: &rows::Listener) -> Option<&'w rows::TargetGroup> {
    let mut groups = row.default_actions.iter().flat_map(|action| action.target_groups());
    groups.find_map(|arn| world.get::<rows::TargetGroup>(arn))
}

/// Whether user space connects to a listener's targets under its clients' addresses.
fn keeps_clients_in_user_space(world: &World, row: &rows::Listener) -> bool {
    listener::is_relayed(world, row)
        && used_group(world, row).is_some_and(rows::TargetGroup::preserves_client_ip)
}
