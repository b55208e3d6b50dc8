//! Packets that probe a program: between everything that has an address, at the edges of every rule.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{Role, Router};
use enishi_fabric::{Flow, NamespaceName, Packet, PortRange, Program, TrafficMatch, Transport};

use crate::Random;

/// The simulated internet's own address.
const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// An address that routes of random worlds cover and no interface has.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

/// A host of the simulated internet.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);

/// The port that first packets come from.
const SOURCE_PORT: u16 = 40_000;

/// What flows through a program can be made of.
#[derive(Debug, Clone)]
pub struct Probes {
    senders: Vec<Sender>,
    far: Vec<Ipv4Addr>,
    ports: Vec<u16>,
}

/// Who may send, under which address, and what is near it: the addresses of its VPC.
#[derive(Debug, Clone)]
struct Sender {
    namespace: NamespaceName,
    address: Ipv4Addr,
    near: Arc<[Ipv4Addr]>,
}

impl Probes {
    /// The probes of a program.
    pub fn of(program: &Program) -> Self {
        let mut probes = Probes { senders: Vec::new(), far: vec![OUTSIDE], ports: Vec::new() };
        let mut ports = BTreeSet::from([22, 80, 443]);
        for namespace in program.namespaces.values() {
            if let Role::Router(router) = &namespace.role {
                let behind = |name| program.namespaces.get(&namespace.interfaces.get(name)?.peer.namespace);
                let peers = router.peerings.keys().filter_map(behind);
                let peers = peers.filter_map(|peer| match &peer.role {
                    Role::Router(router) => Some(router),
                    _ => None,
                });
                probes.add(router, peers.flat_map(hosts));
                ports.extend(edges(router));
            }
        }
        probes.ports = ports.into_iter().collect();
        // One packet of five comes from the internet, where a private address is tried as well.
        let private = probes.senders.first().map(|sender| sender.address);
        let internet = Sender {
            namespace: NamespaceName::internet(),
            address: INTERNET,
            near: private.into_iter().collect(),
        };
        let share = probes.senders.len() / 4 + 1;
        probes.senders.extend(std::iter::repeat_n(internet, share));
        probes
    }

    fn add(&mut self, router: &Router, peered: impl Iterator<Item = Ipv4Addr>) {
        let near: Arc<[_]> = hosts(router).chain(peered).collect();
        for eni in router.enis.values() {
            self.senders.extend(eni.addresses.iter().map(|address| Sender {
                namespace: eni.owner.clone(),
                address: *address,
                near: near.clone(),
            }));
        }
        let public = router.internet.iter().flat_map(|port| port.mappings.values());
        self.far.extend(public.map(|public| public.address));
    }

    /// A random first packet. Now and then its source is not the sender's own, or nobody has its destination.
    pub fn flow(&self, random: &mut Random) -> Flow {
        let sender = random.pick(&self.senders);
        let forged = random.chance(12);
        let source = if forged { random.pick(&self.senders).address } else { sender.address };
        let to_near = if sender.namespace == NamespaceName::internet() { 3 } else { 60 };
        let destination = match random.pick_any(&sender.near) {
            Some(_) if random.chance(3) => NOBODY,
            Some(near) if random.chance(to_near) => near,
            _ if random.chance(40) => OUTSIDE,
            _ => random.pick(&self.far),
        };
        let port = random.pick(&self.ports);
        let transport = match random.below(10) {
            0..=4 => Transport::Tcp(SOURCE_PORT, port),
            5..=7 => Transport::Udp(SOURCE_PORT, port),
            _ => Transport::Echo { id: 7, reply: false },
        };
        Flow { from: sender.namespace, packet: Packet { source, destination, transport } }
    }
}

/// The addresses of a VPC: its interfaces' and what its router answers.
fn hosts(router: &Router) -> impl Iterator<Item = Ipv4Addr> {
    let hosts = router.enis.values().flat_map(|eni| &eni.addresses).copied();
    let services = router.services.iter().filter(|service| !service.is_link_local()).copied();
    hosts.chain(services)
}

/// The first and last port of every rule, and their neighbours.
fn edges(router: &Router) -> impl Iterator<Item = u16> {
    let acls = router.acls.values().flat_map(|acl| acl.inbound.iter().chain(&acl.outbound));
    let groups = router.groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let traffic = acls.map(|rule| rule.traffic).chain(groups.map(|rule| rule.traffic));
    let ranges = traffic.filter_map(|traffic| match traffic {
        TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => Some(ports),
        _ => None,
    });
    ranges.flat_map(|range: PortRange| {
        let (from, to) = (range.from(), range.to());
        [from.saturating_sub(1), from, to, to.saturating_add(1)]
    })
}
