//! The search for a way: a packet through the program, and its answer.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{AclRule, Eni, Gate, GroupRule, Peer, Role, Router};
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
/// Packets that are tried for one path, at most.
const ATTEMPTS: usize = 256;
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

/// Looks for a way, between any interfaces of its ends.
pub(super) fn search(world: &World, path: &NetworkInsightsPath) -> Found {
    let (sources, destinations) = match (ends(world, &path.source), ends(world, &path.destination)) {
        (Ok(sources), Ok(destinations)) => (sources, destinations),
        (Err(why), _) | (_, Err(why)) => return Found::nothing(*why),
    };
    let program = enishi_plan::plan(world);
    let mut first = None;
    for source in sources {
        for destination in &destinations {
            let found = look(world, path, &program, source, *destination);
            let found = found.unwrap_or_else(|why| Found::nothing(*why));
            if found.explanations.is_empty() {
                return found;
            }
            first.get_or_insert(found);
        }
    }
    let nothing =
        || Found::nothing(explain::of("NO_PATH", [path.source.as_str(), path.destination.as_str()]));
    first.unwrap_or_else(nothing)
}

fn look(
    world: &World,
    path: &NetworkInsightsPath,
    program: &Program,
    source: End<'_>,
    destination: End<'_>,
) -> Result<Found, Box<PathExplanation>> {
    let packet = packet(world, path, source, destination)?;
    let from = match source {
        End::Interface(interface) => owner(program, interface)?,
        End::Gateway(_) => NamespaceName::internet(),
    };
    if let End::Interface(interface) = destination {
        owner(program, interface)?;
    }
    let mut first = None;
    for packet in packets(program, path, source, destination, packet) {
        let flow = Flow { from: from.clone(), packet };
        let found = attempt(world, path, destination, program, &flow);
        if found.explanations.is_empty() {
            return Ok(found);
        }
        first.get_or_insert(found);
    }
    let components = [path.source.as_str(), path.destination.as_str()];
    match (source, destination) {
        // A route that leads to what was between them says more.
        (End::Interface(from), End::Interface(to))
            if !connected(world, from, to) && !is_bad_route(first.as_ref()) =>
        {
            Err(explain::obstacle("DISCONNECTED_VPCS", components))
        }
        _ => first.ok_or_else(|| explain::obstacle("NO_PATH", components)),
    }
}

fn is_bad_route(found: Option<&Found>) -> bool {
    let explanations = found.into_iter().flat_map(|found| &found.explanations);
    explanations.last().is_some_and(|last| last.code == "BAD_STATE_ROUTE")
}

/// An end that is there, and up: an instance's network interfaces, the primary first.
fn ends<'w>(world: &'w World, id: &str) -> Result<Vec<End<'w>>, Box<PathExplanation>> {
    if let Ok(gateway) = InternetGatewayId::parse(id) {
        let row = world.get::<InternetGateway>(&gateway);
        let row = row.ok_or_else(|| explain::obstacle("NO_SOURCE_OR_DESTINATION", [id]))?;
        return match row.vpc {
            Some(_) => Ok(vec![End::Gateway(row)]),
            None => Err(explain::obstacle("UNASSOCIATED_COMPONENT", [id])),
        };
    }
    if let Ok(interface) = NetworkInterfaceId::parse(id) {
        let row = world.get::<NetworkInterface>(&interface);
        return row
            .map(|row| vec![End::Interface(row)])
            .ok_or_else(|| explain::obstacle("NO_SOURCE_OR_DESTINATION", [id]));
    }
    let instance = InstanceId::parse(id).ok().and_then(|id| world.get::<Instance>(&id));
    let instance = instance.ok_or_else(|| explain::obstacle("NO_SOURCE_OR_DESTINATION", [id]))?;
    let index = |row: &&NetworkInterface| row.attachment.as_ref().map(|attachment| attachment.device_index);
    let mut attached: Vec<&NetworkInterface> = world.by::<NetworkInterface>("instance", id).collect();
    attached.sort_by_key(index);
    match (attached.is_empty(), instance.state.is_up()) {
        (true, _) => Err(explain::obstacle("UNASSOCIATED_COMPONENT", [id])),
        (false, false) => Err(explain::obstacle("BAD_STATE", [id])),
        (false, true) => Ok(attached.into_iter().map(End::Interface).collect()),
    }
}

/// Whose network interface it is, if it is part of the network.
fn owner(program: &Program, interface: &NetworkInterface) -> Result<NamespaceName, Box<PathExplanation>> {
    let router = program.namespaces.get(&NamespaceName::new(interface.vpc.as_str()));
    let enis = match router.map(|namespace| &namespace.role) {
        Some(Role::Router(router)) => Some(&router.enis),
        _ => None,
    };
    let mut enis = enis.into_iter().flat_map(|enis| enis.values());
    let found = enis.find(|eni| *eni.origin.resource == *interface.id.as_str());
    found
        .map(|eni| eni.owner.clone())
        .ok_or_else(|| explain::obstacle("UNASSOCIATED_COMPONENT", [interface.id.as_str()]))
}

/// What the source sends; its ports do not matter yet.
fn packet(
    world: &World,
    path: &NetworkInsightsPath,
    source: End<'_>,
    destination: End<'_>,
) -> Result<Packet, Box<PathExplanation>> {
    let from = match source {
        End::Interface(interface) => interface.primary_ip(),
        End::Gateway(_) => OUTSIDE,
    };
    let to = match (source, destination) {
        (End::Interface(_), End::Interface(to)) => to.primary_ip(),
        (End::Gateway(gateway), End::Interface(to)) if gateway.vpc.as_ref() == Some(&to.vpc) => {
            let missing = || {
                let components = [gateway.id.as_str(), to.vpc.as_str(), to.id.as_str()];
                explain::obstacle("IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS", components)
            };
            public_ip(world, to).ok_or_else(missing)?
        }
        (End::Interface(from), End::Gateway(gateway)) if gateway.vpc.as_ref() == Some(&from.vpc) => OUTSIDE,
        _ => {
            let components = [path.source.as_str(), path.destination.as_str()];
            return Err(explain::obstacle("DISCONNECTED_VPCS", components));
        }
    };
    let (from, to) = (path.source_ip.unwrap_or(from), path.destination_ip.unwrap_or(to));
    let is_outside = |end| matches!(end, End::Gateway(_));
    if is_outside(source) && (from.is_private() || to.is_private())
        || is_outside(destination) && to.is_private()
    {
        let code = "IGW_EXPECTS_PUBLIC_ADDRESS";
        return Err(explain::obstacle(code, [path.source.as_str(), path.destination.as_str()]));
    }
    Ok(Packet { source: from, destination: to, transport: Transport::Tcp(SOURCE_PORT, 0) })
}

fn public_ip(world: &World, interface: &NetworkInterface) -> Option<Ipv4Addr> {
    let mut elastic = world.by::<Address>("network_interface", interface.id.as_str());
    let own = |row: &&Address| {
        row.association.as_ref().is_some_and(|association| association.private_ip == interface.primary_ip())
    };
    elastic.find(own).map(|row| row.public_ip).or(interface.auto_public_ip)
}

/// Whether two interfaces are in one VPC or in peered ones.
fn connected(world: &World, from: &NetworkInterface, to: &NetworkInterface) -> bool {
    from.vpc == to.vpc || enishi_plan::peering_of_pair(world, &from.vpc, &to.vpc).is_some()
}

/// What is tried: every port that is meant; and where anybody outside is meant, addresses that rules name.
fn packets(
    program: &Program,
    path: &NetworkInsightsPath,
    source: End<'_>,
    destination: End<'_>,
    packet: Packet,
) -> Vec<Packet> {
    let routers = program.namespaces.values().filter_map(|namespace| match &namespace.role {
        Role::Router(router) => Some(router),
        _ => None,
    });
    let routers: Vec<&Router> = routers.collect();
    let ports = match path.destination_port {
        Some(port) => vec![port],
        None => ports(&routers),
    };
    let outside = match (source, destination) {
        (End::Gateway(_), _) if path.source_ip.is_none() => outsiders(&routers),
        (_, End::Gateway(_)) if path.destination_ip.is_none() => outsiders(&routers),
        _ => Vec::new(),
    };
    let with_outsider = |address| match source {
        End::Gateway(_) => Packet { source: address, ..packet },
        End::Interface(_) => Packet { destination: address, ..packet },
    };
    let all = std::iter::once(packet).chain(outside.into_iter().map(with_outsider));
    let all = all.flat_map(|packet| ports.iter().map(move |port| with_port(packet, path.is_tcp, *port)));
    all.take(ATTEMPTS).collect()
}

fn with_port(packet: Packet, is_tcp: bool, port: u16) -> Packet {
    let transport = match is_tcp {
        true => Transport::Tcp(SOURCE_PORT, port),
        false => Transport::Udp(SOURCE_PORT, port),
    };
    Packet { transport, ..packet }
}

/// The ports at which some rule of the network begins, or has ended.
fn ports(routers: &[&Router]) -> Vec<u16> {
    let acls = routers.iter().flat_map(|router| router.acls.values());
    let acls = acls.flat_map(|acl| acl.inbound.iter().chain(&acl.outbound)).map(|rule| rule.traffic);
    let edges = acls.chain(group_rules(routers).map(|rule| rule.traffic)).flat_map(|traffic| match traffic {
        TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => {
            vec![ports.from(), ports.to().saturating_add(1)]
        }
        _ => Vec::new(),
    });
    let ports: BTreeSet<u16> = edges.filter(|port| *port > 0).collect();
    [443, 80, 22].into_iter().chain(ports).collect()
}

/// Public addresses that rules of groups name: the first of each block.
fn outsiders(routers: &[&Router]) -> Vec<Ipv4Addr> {
    let named = group_rules(routers).filter_map(|rule| match rule.peer {
        Peer::Cidr(block) if block != Cidr::EVERYWHERE => Some(block.network()),
        Peer::Cidr(_) | Peer::Group(_) => None,
    });
    let public: BTreeSet<Ipv4Addr> = named.filter(|address| !address.is_private()).collect();
    public.into_iter().collect()
}

fn group_rules<'p>(routers: &'p [&Router]) -> impl Iterator<Item = &'p GroupRule> {
    let groups = routers.iter().flat_map(|router| router.groups.values());
    groups.flat_map(|group| group.ingress.iter().chain(&group.egress))
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
    if explanations.is_empty() {
        explanations.push(explain::of("NO_PATH", [path.source.as_str(), path.destination.as_str()]));
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
            let denying = |eni: &&mut Eni| hop.eni.as_ref() == Some(&eni.origin.resource);
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
