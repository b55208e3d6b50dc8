//! Flows at the edges of everything that a program compares with.

use std::net::Ipv4Addr;

use enishi_fabric::program::{Peer, Role, Router};
use enishi_fabric::{Cidr, Flow, NamespaceName, Packet, Program, Transport};

use super::balancers;
use crate::Random;
use crate::flow::Probes;

/// The lowest port of flows that share it with no other.
const FIRST_OWN_PORT: u16 = 20_000;
/// Ports that an address translator may have to replace: one that many flows use, one below the range of NAT gateways.
const REPLACEABLE: [u16; 2] = [4_242, 500];

/// A generator of flows, more pointed than [`Probes`]: also addresses next to the borders of blocks, other protocols, and
/// answers that nobody asked for.
pub(super) struct Edges {
    probes: Probes,
    addresses: Vec<Ipv4Addr>,
    /// NAT gateways and load balancers: no process runs in one that could send.
    silent: Vec<NamespaceName>,
    /// Where load balancers are, which choose by the port that they see.
    choosing: Vec<Ipv4Addr>,
}

impl Edges {
    pub(super) fn of(program: &Program) -> Self {
        let routers = program.namespaces.values().filter_map(|namespace| match &namespace.role {
            Role::Router(router) => Some(router),
            _ => None,
        });
        let mut addresses: Vec<_> = routers.flat_map(blocks).flat_map(border).collect();
        addresses.sort();
        addresses.dedup();
        let silent = program
            .namespaces
            .values()
            .filter(|namespace| matches!(namespace.role, Role::NatGateway(_) | Role::NetworkBalancer(_)));
        let silent = silent.map(|namespace| namespace.name.clone()).collect();
        Edges {
            probes: Probes::of(program),
            addresses,
            silent,
            choosing: balancers::addresses(program).into_iter().collect(),
        }
    }

    /// A flow of [`Probes`] whose sender may send.
    fn probe(&self, random: &mut Random) -> Flow {
        loop {
            let flow = self.probes.flow(random);
            if !self.silent.contains(&flow.from) {
                return flow;
            }
        }
    }

    /// A random flow. `n` gives it a source port of its own, in most cases.
    pub(super) fn flow(&self, random: &mut Random, n: u16) -> Flow {
        let Flow { from, mut packet } = self.probe(random);
        let edge = random.pick_any(&self.addresses);
        match edge {
            Some(edge) if from == NamespaceName::internet() && random.chance(50) => packet.source = edge,
            Some(edge) if random.chance(12) => packet.destination = edge,
            _ => {}
        }
        if let Some(balancer) = random.pick_any(&self.choosing)
            && random.chance(12)
        {
            packet.destination = balancer;
            packet.transport = listened_for(random, packet.transport);
        }
        let own = FIRST_OWN_PORT + n % 40_000;
        // The model replaces a port by the lowest: a gateway that is asked for that one would meet itself, in the model alone.
        let replaceable = random.chance(6)
            && packet.transport.destination_port() != Some(1024)
            && !self.choosing.contains(&packet.destination);
        let port = if replaceable { random.pick(&REPLACEABLE) } else { own };
        packet.transport = match (packet.transport, random.below(100)) {
            (_, 0..7) => Transport::Other(47),
            (_, 7..9) => Transport::Echo { id: port, reply: true },
            (Transport::Tcp(_, to), _) => Transport::Tcp(port, to),
            (Transport::Udp(_, to), _) => Transport::Udp(port, to),
            (Transport::Echo { reply, .. }, _) => Transport::Echo { id: port, reply },
            (other, _) => other,
        };
        Flow { from, packet }
    }
}

/// To a port that load balancers may listen on.
fn listened_for(random: &mut Random, transport: Transport) -> Transport {
    let port = random.pick(&balancers::PORTS);
    match transport {
        Transport::Tcp(from, _) => Transport::Tcp(from, port),
        Transport::Udp(from, _) => Transport::Udp(from, port),
        portless => portless,
    }
}

/// Whether an address translator may have to give a flow another port, which kernel and model choose differently: one of
/// [`REPLACEABLE`], or a service's that answers over a NAT gateway which it was not asked over.
pub(super) fn may_change_port(packet: Packet) -> bool {
    let (source, destination) = (packet.transport.source_port(), packet.transport.destination_port());
    let below_range = source.is_some_and(|port| port < 1024);
    below_range || [source, destination].into_iter().flatten().any(|port| REPLACEABLE.contains(&port))
}

fn blocks(router: &Router) -> impl Iterator<Item = Cidr> {
    let acls = router.acls.values().flat_map(|acl| acl.inbound.iter().chain(&acl.outbound));
    let groups = router.groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
    let peers = groups.filter_map(|rule| match rule.peer {
        Peer::Cidr(cidr) => Some(cidr),
        Peer::Group(_) => None,
    });
    let routes = router.tables.values().flat_map(|table| table.routes.keys().copied());
    let subnets = router.subnets.values().map(|subnet| subnet.cidr);
    acls.map(|rule| rule.cidr).chain(peers).chain(routes).chain(subnets)
}

/// The first and last address of a block and those next to it, but for what no packet can have as its source. That includes
/// broadcast addresses, which end in 255 in random worlds: "we do not support broadcast in a VPC".
fn border(block: Cidr) -> impl Iterator<Item = Ipv4Addr> {
    let (first, last) = (u32::from(block.network()), u32::from(block.broadcast()));
    let near = [first.saturating_sub(1), first, first.saturating_add(1), last, last.saturating_add(1)];
    let usable = |address: &Ipv4Addr| {
        let [first, .., last] = address.octets();
        first != 0 && first != 127 && first < 224 && last != 255
    };
    near.into_iter().map(Ipv4Addr::from).filter(usable)
}
