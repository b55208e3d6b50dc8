//! The search for a way: a packet through the program, and its answer.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{AclRule, Gate, Role, Router};
use enishi_fabric::{
    Cidr, Disposition, Flow, NamespaceName, Network, Packet, Program, Stage, Trace, TrafficMatch, Transport,
};
use enishi_state::ec2::{
    Address, Instance, InstanceId, InternetGateway, InternetGatewayId, NetworkInsightsPath, NetworkInterface,
    NetworkInterfaceId, PathExplanation, PathHop,
};
use enishi_state::{ResourceId, World};

use super::explain::{self, explain};
use super::hop::hops;

/// Where packets come from whose source port is anybody's.
const SOURCE_PORT: u16 = 49_152;
/// The simulated internet's own address: what a path from or to an internet gateway comes from or goes to unless another is said.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Ports that are tried for a path of any port, at most.
const PORTS: usize = 64;
/// What is taken out of one packet's way, at most.
const OBSTACLES: usize = 16;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) forward: Vec<PathHop>,
    pub(super) back: Vec<PathHop>,
    pub(super) explanations: Vec<PathExplanation>,
}

impl Found {
    fn nothing(explanation: PathExplanation) -> Self {
        Found { explanations: vec![explanation], ..Found::default() }
    }
}

/// An end of a path.
#[derive(Clone, Copy)]
enum End<'w> {
    Interface(&'w NetworkInterface),
    Gateway(&'w InternetGateway),
}

/// Looks for a way.
pub(super) fn search(world: &World, path: &NetworkInsightsPath) -> Found {
    look(world, path).unwrap_or_else(Found::nothing)
}

fn look(world: &World, path: &NetworkInsightsPath) -> Result<Found, PathExplanation> {
    let (source, destination) = (end(world, &path.source)?, end(world, &path.destination)?);
    let packet = packet(world, path, source, destination)?;
    let program = enishi_plan::plan(world);
    let from = match source {
        End::Interface(interface) => owner(&program, interface)?,
        End::Gateway(_) => NamespaceName::internet(),
    };
    if let End::Interface(interface) = destination {
        owner(&program, interface)?;
    }
    let mut first = None;
    for port in ports(&program, path) {
        let flow = Flow { from: from.clone(), packet: with_port(packet, path.is_tcp, port) };
        let found = attempt(world, path, destination, &program, &flow);
        if found.explanations.is_empty() {
            return Ok(found);
        }
        first.get_or_insert(found);
    }
    first.ok_or_else(|| explain::of("NO_PATH", [path.source.as_str(), path.destination.as_str()]))
}

/// An end that is there, and up.
fn end<'w>(world: &'w World, id: &str) -> Result<End<'w>, PathExplanation> {
    if let Ok(gateway) = InternetGatewayId::parse(id) {
        let row = world.get::<InternetGateway>(&gateway);
        let row = row.ok_or_else(|| explain::of("NO_SOURCE_OR_DESTINATION", [id]))?;
        return match row.vpc {
            Some(_) => Ok(End::Gateway(row)),
            None => Err(explain::of("UNASSOCIATED_COMPONENT", [id])),
        };
    }
    if let Ok(interface) = NetworkInterfaceId::parse(id) {
        let row = world.get::<NetworkInterface>(&interface);
        return row.map(End::Interface).ok_or_else(|| explain::of("NO_SOURCE_OR_DESTINATION", [id]));
    }
    let instance = InstanceId::parse(id).ok().and_then(|id| world.get::<Instance>(&id));
    let instance = instance.ok_or_else(|| explain::of("NO_SOURCE_OR_DESTINATION", [id]))?;
    if !instance.state.is_up() {
        return Err(explain::of("BAD_STATE", [id]));
    }
    let mut attached = world.by::<NetworkInterface>("instance", id);
    let is_first = |row: &&NetworkInterface| {
        row.attachment.as_ref().is_some_and(|attachment| attachment.device_index == 0)
    };
    attached.find(is_first).map(End::Interface).ok_or_else(|| explain::of("UNASSOCIATED_COMPONENT", [id]))
}

/// Whose network interface it is, if it is part of the network.
fn owner(program: &Program, interface: &NetworkInterface) -> Result<NamespaceName, PathExplanation> {
    let router = program.namespaces.get(&NamespaceName::new(interface.vpc.as_str()));
    let enis = match router.map(|namespace| &namespace.role) {
        Some(Role::Router(router)) => Some(&router.enis),
        _ => None,
    };
    let mut enis = enis.into_iter().flat_map(|enis| enis.values());
    let found = enis.find(|eni| *eni.origin.resource == *interface.id.as_str());
    found
        .map(|eni| eni.owner.clone())
        .ok_or_else(|| explain::of("UNASSOCIATED_COMPONENT", [interface.id.as_str()]))
}

/// What the source sends; its ports do not matter yet.
fn packet(
    world: &World,
    path: &NetworkInsightsPath,
    source: End<'_>,
    destination: End<'_>,
) -> Result<Packet, PathExplanation> {
    let from = match source {
        End::Interface(interface) => interface.primary_ip(),
        End::Gateway(_) => OUTSIDE,
    };
    let to = match (source, destination) {
        (End::Interface(_), End::Interface(to)) => to.primary_ip(),
        (End::Gateway(gateway), End::Interface(to)) if gateway.vpc.as_ref() == Some(&to.vpc) => {
            let missing = || {
                let components = [gateway.id.as_str(), to.vpc.as_str(), to.id.as_str()];
                explain::of("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", components)
            };
            public_ip(world, to).ok_or_else(missing)?
        }
        (End::Interface(from), End::Gateway(gateway)) if gateway.vpc.as_ref() == Some(&from.vpc) => OUTSIDE,
        _ => {
            let components = [path.source.as_str(), path.destination.as_str()];
            return Err(explain::of("DISCONNECTED_VPCS", components));
        }
    };
    let (from, to) = (path.source_ip.unwrap_or(from), path.destination_ip.unwrap_or(to));
    Ok(Packet { source: from, destination: to, transport: Transport::Tcp(SOURCE_PORT, 0) })
}

fn public_ip(world: &World, interface: &NetworkInterface) -> Option<Ipv4Addr> {
    let mut elastic = world.by::<Address>("network_interface", interface.id.as_str());
    let own = |row: &&Address| {
        row.association.as_ref().is_some_and(|association| association.private_ip == interface.primary_ip())
    };
    elastic.find(own).map(|row| row.public_ip).or(interface.auto_public_ip)
}

fn with_port(packet: Packet, is_tcp: bool, port: u16) -> Packet {
    let transport = match is_tcp {
        true => Transport::Tcp(SOURCE_PORT, port),
        false => Transport::Udp(SOURCE_PORT, port),
    };
    Packet { transport, ..packet }
}

/// The port of a path; or, where any will do, those at which some rule of the network begins.
fn ports(program: &Program, path: &NetworkInsightsPath) -> Vec<u16> {
    if let Some(port) = path.destination_port {
        return vec![port];
    }
    let routers = program.namespaces.values().filter_map(|namespace| match &namespace.role {
        Role::Router(router) => Some(router),
        _ => None,
    });
    let of_router = |router: &Router| -> Vec<u16> {
        let acls = router.acls.values().flat_map(|acl| acl.inbound.iter().chain(&acl.outbound));
        let groups = router.groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
        let traffic = acls.map(|rule| rule.traffic).chain(groups.map(|rule| rule.traffic));
        let from = traffic.filter_map(|traffic| match traffic {
            TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => Some(ports.from()),
            _ => None,
        });
        from.collect()
    };
    let ports: BTreeSet<u16> = routers.flat_map(of_router).filter(|port| *port > 0).collect();
    [443, 80, 22].into_iter().chain(ports).take(PORTS).collect()
}

/// Sends a packet; takes away what denies it or its answer, one after the other, and says what that was.
fn attempt(
    world: &World,
    path: &NetworkInsightsPath,
    destination: End<'_>,
    program: &Program,
    flow: &Flow,
) -> Found {
    let mut program = program.clone();
    let mut explanations = Vec::new();
    for _ in 0..OBSTACLES {
        let mut network = Network::new(program.clone());
        let trace = network.send(flow);
        let blocked = match arrives(&trace, destination) {
            false => trace,
            true => match network.reply(&trace) {
                Some(answer) if answer.arrives && explanations.is_empty() => {
                    let forward = hops(world, &program, &trace, path);
                    let back = hops(world, &program, &answer.trace, path);
                    return Found { forward, back, explanations };
                }
                Some(answer) if answer.arrives => break,
                Some(answer) => answer.trace,
                None => break,
            },
        };
        explanations.push(explain(world, &program, &blocked, path));
        if !lift(&mut program, &blocked) {
            break;
        }
    }
    Found { explanations, ..Found::default() }
}

/// Whether the packet ended where the path does.
fn arrives(trace: &Trace, destination: End<'_>) -> bool {
    match destination {
        End::Interface(interface) => {
            let owned =
                interface.addresses.iter().any(|address| address.ip == trace.last_packet().destination);
            owned && matches!(trace.disposition, Disposition::Delivered { .. })
        }
        End::Gateway(gateway) => {
            let left = trace.hops.iter().any(|hop| {
                let by = hop.origin.as_ref().is_some_and(|origin| *origin.resource == *gateway.id.as_str());
                hop.stage == Stage::InternetGatewayOut && hop.passed && by
            });
            left && matches!(trace.disposition, Disposition::Exits { .. })
        }
    }
}

/// Takes a group or an ACL that denied a packet away; other obstacles cannot be.
fn lift(program: &mut Program, blocked: &Trace) -> bool {
    let Some(hop) = blocked.denied_by() else { return false };
    let Some(namespace) = program.namespaces.get_mut(&hop.namespace) else { return false };
    let Role::Router(router) = &mut Arc::make_mut(namespace).role else { return false };
    match blocked.disposition {
        Disposition::DeniedBySecurityGroup => {
            let denying =
                |eni: &&mut enishi_fabric::program::Eni| hop.eni.as_ref() == Some(&eni.origin.resource);
            let eni = router.enis.values_mut().find(denying);
            eni.map(|eni| eni.gate = Gate::Open).is_some()
        }
        Disposition::DeniedByNetworkAcl => {
            let id = hop.origin.as_ref().map(|origin| &*origin.resource).unwrap_or_default();
            let Some(acl) = router.acls.get_mut(id) else { return false };
            let rule = AclRule {
                origin: acl.origin.clone(),
                allow: true,
                traffic: TrafficMatch::All,
                cidr: Cidr::EVERYWHERE,
            };
            match hop.stage {
                Stage::AclOut => acl.outbound = vec![rule],
                _ => acl.inbound = vec![rule],
            }
            true
        }
        _ => false,
    }
}
