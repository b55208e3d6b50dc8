//! Packets and flows, as a program sees them.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Serialize, Serializer};

use crate::{Protocol, TrafficMatch};

/// The header of an IPv4 packet, as far as networks decide on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub transport: Transport,
}

/// The transport header of a [`Packet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP; ports of source and destination.
    Tcp(u16, u16),
    /// UDP; ports of source and destination.
    Udp(u16, u16),
    /// An ICMP echo request or its reply, with its identifier.
    Echo {
        /// The identifier, which plays the role of a port in address translation.
        id: u16,
        /// Whether it is the reply.
        reply: bool,
    },
    /// Another protocol, by number.
    Other(u8),
}

/// A packet and who sends it: where it enters the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The namespace whose process sends the first packet.
    pub from: crate::NamespaceName,
    /// The first packet.
    pub packet: Packet,
}

impl Packet {
    /// The packet that answers this one: both ends swapped.
    pub fn reply(self) -> Packet {
        let transport = match self.transport {
            Transport::Tcp(from, to) => Transport::Tcp(to, from),
            Transport::Udp(from, to) => Transport::Udp(to, from),
            Transport::Echo { id, reply } => Transport::Echo { id, reply: !reply },
            Transport::Other(number) => Transport::Other(number),
        };
        Packet { source: self.destination, destination: self.source, transport }
    }

    /// Whether the protocol and the destination port or ICMP type match. Addresses are not looked at.
    pub fn matches(self, traffic: TrafficMatch) -> bool {
        match (traffic, self.transport) {
            (TrafficMatch::All, _) => true,
            (TrafficMatch::Tcp(ports), Transport::Tcp(_, port)) => ports.contains(port),
            (TrafficMatch::Udp(ports), Transport::Udp(_, port)) => ports.contains(port),
            (TrafficMatch::Icmp(icmp), Transport::Echo { reply, .. }) => {
                let kind = if reply { 0 } else { 8 };
                icmp.kind.is_none_or(|k| k == kind) && icmp.code.is_none_or(|c| c == 0)
            }
            (TrafficMatch::Other(a), Transport::Other(b)) => a == b,
            _ => false,
        }
    }
}

impl Transport {
    /// The IP protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Transport::Tcp(..) => Protocol::TCP,
            Transport::Udp(..) => Protocol::UDP,
            Transport::Echo { .. } => Protocol::ICMP,
            Transport::Other(number) => Protocol::Number(number),
        }
    }

    /// The source port, or the echo identifier.
    pub fn source_port(self) -> Option<u16> {
        match self {
            Transport::Tcp(port, _) | Transport::Udp(port, _) | Transport::Echo { id: port, .. } => {
                Some(port)
            }
            Transport::Other(_) => None,
        }
    }

    /// The destination port; an echo has none.
    pub fn destination_port(self) -> Option<u16> {
        match self {
            Transport::Tcp(_, port) | Transport::Udp(_, port) => Some(port),
            Transport::Echo { .. } | Transport::Other(_) => None,
        }
    }
}

impl Serialize for Packet {
    /// One flat object: `source`, `destination`, `protocol` (its IANA number), `source_port` (or the echo identifier) and
    /// `destination_port`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Header {
            source: Ipv4Addr,
            destination: Ipv4Addr,
            protocol: u8,
            #[serde(skip_serializing_if = "Option::is_none")]
            source_port: Option<u16>,
            #[serde(skip_serializing_if = "Option::is_none")]
            destination_port: Option<u16>,
        }
        let protocol = match self.transport {
            Transport::Tcp(..) => 6,
            Transport::Udp(..) => 17,
            Transport::Echo { .. } => 1,
            Transport::Other(number) => number,
        };
        Header {
            source: self.source,
            destination: self.destination,
            protocol,
            source_port: self.transport.source_port(),
            destination_port: self.transport.destination_port(),
        }
        .serialize(serializer)
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Tcp(_, to) | Transport::Udp(_, to) => {
                write!(f, "{} -> {}:{to} {}", self.source, self.destination, self.transport.protocol())
            }
            Transport::Echo { .. } | Transport::Other(_) => {
                write!(f, "{} -> {} {}", self.source, self.destination, self.transport.protocol())
            }
        }
    }
}
