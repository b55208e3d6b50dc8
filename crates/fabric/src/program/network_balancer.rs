//! A node of a Network Load Balancer: what it listens on, and where flows go.
//!
//! What AWS promises ("What is a Network Load Balancer?" in the guide of Network Load Balancers): every zone has a node
//! with a network interface of its own. A node chooses a target for each new flow, by a hash, and sends the flow's packets
//! there; connections end at the target, not at the node. Targets see the client's address and port, unless client IP
//! preservation is off: then they see the node's ("Edit target group attributes").
//!
//! We realise it with one namespace for each node, which translates destinations and sends packets back into the VPC's
//! router. For the answers to find their way, its ENI has a [`ReturnMark`]. The choice is a function of the first packet,
//! see [`Forward::choose`], so that kernel and model make the same one. AWS hashes TCP's first sequence number too, which
//! is in no [`Packet`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use super::Device;
use crate::jhash::jhash;
use crate::{Origin, Packet, ParseError, Protocol, Transport};

/// A node of a Network Load Balancer.
///
/// What is addressed to it and no listener takes is dropped, and so is what is not: it forwards nothing but the flows of
/// its listeners. A TCP packet in the middle of a connection that it does not know (any more) is answered with a reset:
/// "If a client or a target sends data after the idle timeout period elapses, it receives a TCP RST packet".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkBalancer {
    /// The load balancer.
    pub origin: Origin,
    /// Its only device.
    pub device: Device,
    /// What it listens on. A listener of AWS for `TCP_UDP` is two of these.
    pub listeners: BTreeMap<ListenerPort, Listener>,
    /// Whether processes in the namespace may send under foreign addresses (`IP_TRANSPARENT`) and get the answers: for
    /// [`ListenerAction::Local`] listeners that keep their clients' addresses.
    pub transparent: bool,
}

impl NetworkBalancer {
    /// Whether an address is one of the node's.
    pub fn owns(&self, address: Ipv4Addr) -> bool {
        self.device.addresses.contains(&address)
    }

    /// The listener that a packet is addressed to, whoever sent it.
    pub fn listener(&self, packet: Packet) -> Option<&Listener> {
        let port = ListenerPort::of(packet).filter(|_| self.owns(packet.destination))?;
        self.listeners.get(&port)
    }
}

/// A protocol and a port that a node listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerPort {
    /// The protocol.
    pub protocol: BalancedProtocol,
    /// The port.
    pub port: u16,
}

impl ListenerPort {
    /// What a packet asks for.
    pub fn of(packet: Packet) -> Option<Self> {
        let (protocol, port) = match packet.transport {
            Transport::Tcp(_, port) => (BalancedProtocol::Tcp, port),
            Transport::Udp(_, port) => (BalancedProtocol::Udp, port),
            Transport::Echo { .. } | Transport::Other(_) => return None,
        };
        Some(ListenerPort { protocol, port })
    }
}

/// A protocol that flows to targets have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BalancedProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl BalancedProtocol {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            BalancedProtocol::Tcp => 6,
            BalancedProtocol::Udp => 17,
        }
    }
}

impl From<BalancedProtocol> for Protocol {
    fn from(protocol: BalancedProtocol) -> Self {
        Protocol::Number(protocol.number())
    }
}

/// What a node does at one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The listener.
    pub origin: Origin,
    /// What it does with flows.
    pub action: ListenerAction,
}

/// What a listener does with flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerAction {
    /// A process in the node's namespace takes them (TLS, proxy protocol).
    Local,
    /// They go to targets.
    Forward(Forward),
}

/// How flows go to targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Who gets new flows. Only those that shall: unhealthy targets are left out, unless all are (fail-open). Without any,
    /// TCP is answered with a reset and UDP is dropped.
    pub targets: Vec<BalancerTarget>,
    /// What the choice depends on.
    pub hash: FlowHash,
    /// Whether targets see the client's address and port. Else they see the node's address and a port from 1024 on.
    pub preserve_client_ip: bool,
    /// Idle time in seconds after which a flow is forgotten: in AWS 350 for TCP unless configured (60 to 6000), 120 for UDP.
    pub idle_seconds: u32,
    /// Targets that get no new flows and keep those they have: they are being deregistered.
    pub draining: BTreeSet<SocketAddrV4>,
    /// Targets that get no new flows and lose those they have: they are unhealthy, and their group has
    /// `target_health_state.unhealthy.connection_termination.enabled`.
    pub severed: BTreeSet<SocketAddrV4>,
    /// Whether flows end whose target is in none of the three lists any more
    /// (`deregistration_delay.connection_termination.enabled`). Else they go on until they end or are idle.
    pub ends_unlisted: bool,
}

impl Forward {
    /// Who gets a new flow: the first packet, as the node receives it, decides. The hash is Linux's `jhash` with
    /// [`HASH_SEED`], scaled down to the number of targets.
    pub fn choose(&self, packet: Packet) -> Option<&BalancerTarget> {
        let count = u32::try_from(self.targets.len()).ok()?;
        let scaled = (u64::from(self.hash.of(packet)) * u64::from(count)) >> 32;
        self.targets.get(usize::try_from(scaled).ok()?)
    }

    /// Whether a flow to this target goes on.
    pub fn keeps(&self, target: SocketAddrV4) -> bool {
        self.targets.iter().any(|listed| listed.socket() == target)
            || self.draining.contains(&target)
            || !self.ends_unlisted && !self.severed.contains(&target)
    }

    /// Everybody to whom flows may be under way, as far as is known.
    pub(crate) fn known(&self) -> impl Iterator<Item = SocketAddrV4> {
        self.targets.iter().map(BalancerTarget::socket).chain(self.draining.iter().copied())
    }
}

/// Who gets flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalancerTarget {
    /// The target group and the target.
    pub origin: Origin,
    /// The target's address.
    pub address: Ipv4Addr,
    /// The target's port.
    pub port: u16,
}

impl BalancerTarget {
    /// Its address and port.
    pub fn socket(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.address, self.port)
    }
}

/// Any fixed number: without one the kernel picks its own.
pub const HASH_SEED: u32 = 1;

/// What the choice of a target depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowHash {
    /// Both addresses, both ports and the protocol: every flow is chosen for.
    Flow,
    /// The source address: all flows of a client go to one target, as long as the targets are the same
    /// (`stickiness.type` = `source_ip`).
    Source,
}

impl FlowHash {
    fn of(self, packet: Packet) -> u32 {
        let source = packet.source.octets();
        match self {
            FlowHash::Source => jhash(&source, HASH_SEED),
            FlowHash::Flow => {
                // As nftables loads them: every field takes whole registers of four bytes.
                let port = |port: Option<u16>| {
                    let [high, low] = port.unwrap_or_default().to_be_bytes();
                    [high, low, 0, 0]
                };
                let protocol = ListenerPort::of(packet).map_or(0, |listener| listener.protocol.number());
                let key = [
                    source,
                    port(packet.transport.source_port()),
                    packet.destination.octets(),
                    port(packet.transport.destination_port()),
                    [protocol, 0, 0, 0],
                ];
                jhash(key.as_flattened(), HASH_SEED)
            }
        }
    }
}

/// Marks, within a router, the flows that one load balancer sends on under its clients' addresses: 1 to 8388607.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnMark(u32);

impl ReturnMark {
    /// The highest mark: 23 bits of a packet's mark are free.
    pub const LAST: u32 = (1 << 23) - 1;

    /// The mark with this number.
    pub fn new(number: u32) -> Result<Self, ParseError> {
        match number {
            1..=Self::LAST => Ok(ReturnMark(number)),
            _ => Err(ParseError("a return mark is a number from 1 to 8388607")),
        }
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }
}
