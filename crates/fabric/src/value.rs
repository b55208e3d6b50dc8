//! Small values: addresses, ranges, names. Parsing is the only way in, so holding one proves it valid.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// Why a textual value was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(pub &'static str);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseError {}

/// An IPv4 CIDR block in canonical form: no host bits are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr(Ipv4Net);

impl Cidr {
    /// Every IPv4 address: `0.0.0.0/0`.
    pub const EVERYWHERE: Cidr = Cidr(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));

    /// A block that is known when compiling; a prefix above 32 or a set host bit does not compile in a `const`.
    ///
    /// # Panics
    /// When called at run time with such values: use it in constants only.
    pub const fn literal(network: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = network;
        assert!(prefix == 32 || u32::from_be_bytes(network) << prefix == 0);
        Cidr(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
    }

    /// The block of `prefix` bits (at most 32) that `address` lies in; host bits are cleared, as AWS does.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Result<Self, ParseError> {
        Ipv4Net::new(address, prefix)
            .map(|net| Cidr(net.trunc()))
            .map_err(|_| ParseError("a prefix length is 0 to 32"))
    }

    /// The block that holds `address` alone.
    pub fn host(address: Ipv4Addr) -> Self {
        Cidr(Ipv4Net::new_assert(address, 32))
    }

    /// Parses like [`str::parse`] but clears host bits instead of refusing them: `10.0.0.7/24` is `10.0.0.0/24`.
    pub fn parse_lenient(text: &str) -> Result<Self, ParseError> {
        parse_net(text).map(|net| Cidr(net.trunc()))
    }

    /// The first address.
    pub fn network(self) -> Ipv4Addr {
        self.0.network()
    }

    /// The last address.
    pub fn broadcast(self) -> Ipv4Addr {
        self.0.broadcast()
    }

    /// The prefix length in bits, 0 to 32.
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// How many addresses the block holds.
    pub fn size(self) -> u64 {
        1u64 << (32 - u32::from(self.prefix()))
    }

    /// The `n`th address of the block, counted from 0.
    pub fn nth(self, n: u32) -> Option<Ipv4Addr> {
        (u64::from(n) < self.size()).then(|| Ipv4Addr::from(u32::from(self.network()) + n))
    }

    /// Whether `address` lies in the block.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        self.0.contains(&address)
    }

    /// Whether `other` lies entirely in this block.
    pub fn covers(self, other: Cidr) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether the blocks share an address.
    pub fn overlaps(self, other: Cidr) -> bool {
        self.covers(other) || other.covers(self)
    }
}

fn parse_net(text: &str) -> Result<Ipv4Net, ParseError> {
    text.parse().map_err(|_| ParseError("an IPv4 CIDR block looks like 10.0.0.0/16"))
}

impl FromStr for Cidr {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let net = parse_net(text)?;
        if net.trunc() != net {
            return Err(ParseError("the CIDR block has host bits set"));
        }
        Ok(Cidr(net))
    }
}

impl TryFrom<String> for Cidr {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Cidr> for String {
    fn from(cidr: Cidr) -> String {
        cidr.to_string()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A range of TCP or UDP ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortRange {
    from: u16,
    to: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: PortRange = PortRange { from: 0, to: u16::MAX };

    /// The range `from..=to`; `from` must not exceed `to`.
    pub fn new(from: u16, to: u16) -> Result<Self, ParseError> {
        if from > to {
            return Err(ParseError("a port range starts at its lower port"));
        }
        Ok(PortRange { from, to })
    }

    /// The lowest port.
    pub fn from(self) -> u16 {
        self.from
    }

    /// The highest port.
    pub fn to(self) -> u16 {
        self.to
    }

    /// Whether `port` is in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.from..=self.to).contains(&port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

/// An IP protocol number, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// Every protocol; AWS writes `-1`.
    All,
    /// One protocol by its IANA number.
    Number(u8),
}

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Protocol = Protocol::Number(1);
    /// TCP.
    pub const TCP: Protocol = Protocol::Number(6);
    /// UDP.
    pub const UDP: Protocol = Protocol::Number(17);
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Protocol::All => f.write_str("all"),
            Protocol::ICMP => f.write_str("icmp"),
            Protocol::TCP => f.write_str("tcp"),
            Protocol::UDP => f.write_str("udp"),
            Protocol::Number(n) => write!(f, "{n}"),
        }
    }
}

/// ICMP types and codes that a rule covers; `None` is AWS's `-1`, any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IcmpMatch {
    /// The ICMP type.
    pub kind: Option<u8>,
    /// The ICMP code.
    pub code: Option<u8>,
}

impl IcmpMatch {
    /// Every type and code.
    pub const ANY: IcmpMatch = IcmpMatch { kind: None, code: None };
}

/// The part of a packet's header, besides its addresses, that security groups and network ACLs look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TrafficMatch {
    /// Every packet of every protocol.
    All,
    /// TCP to these destination ports.
    Tcp(PortRange),
    /// UDP to these destination ports.
    Udp(PortRange),
    /// ICMP of these types.
    Icmp(IcmpMatch),
    /// Every packet of another protocol, by number.
    Other(u8),
}

impl TrafficMatch {
    /// The protocol that is matched.
    pub fn protocol(self) -> Protocol {
        match self {
            TrafficMatch::All => Protocol::All,
            TrafficMatch::Tcp(_) => Protocol::TCP,
            TrafficMatch::Udp(_) => Protocol::UDP,
            TrafficMatch::Icmp(_) => Protocol::ICMP,
            TrafficMatch::Other(number) => Protocol::Number(number),
        }
    }
}

impl fmt::Display for TrafficMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrafficMatch::All => f.write_str("all"),
            TrafficMatch::Tcp(ports) => write!(f, "tcp/{ports}"),
            TrafficMatch::Udp(ports) => write!(f, "udp/{ports}"),
            TrafficMatch::Icmp(IcmpMatch { kind: None, .. }) => f.write_str("icmp"),
            TrafficMatch::Icmp(IcmpMatch { kind: Some(kind), code: None }) => write!(f, "icmp/{kind}"),
            TrafficMatch::Icmp(IcmpMatch { kind: Some(kind), code: Some(code) }) => {
                write!(f, "icmp/{kind}.{code}")
            }
            TrafficMatch::Other(number) => write!(f, "proto/{number}"),
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a network namespace: a resource id (`vpc-…`, `i-…`, `nat-…`) or `internet`.
    NamespaceName
}

impl NamespaceName {
    /// The simulated internet.
    pub fn internet() -> Self {
        Self::new("internet")
    }

    /// A namespace of this name.
    pub fn new(name: &str) -> Self {
        NamespaceName(name.into())
    }
}

name! {
    /// The name of a network interface; Linux allows 15 bytes.
    InterfaceName
}

impl InterfaceName {
    /// Checks the length (1 to 15 bytes) and the characters (ASCII letters, digits, `-`, `_`, `.`).
    pub fn new(name: &str) -> Result<Self, ParseError> {
        let valid = (1..=15).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && name != "."
            && name != "..";
        if !valid {
            return Err(ParseError("an interface name has 1 to 15 letters, digits, - _ or ."));
        }
        Ok(InterfaceName(name.into()))
    }

    /// `eth0`, `eth1`, …: a device as its instance sees it.
    pub fn device(index: u8) -> Self {
        InterfaceName(format!("eth{index}").into())
    }

    /// A router's end of the veth pair of the network interface with this slot.
    pub fn port(slot: u32) -> Self {
        InterfaceName(format!("e{slot}").into())
    }

    /// A router's interface towards the internet gateway.
    pub fn igw() -> Self {
        InterfaceName("igw".into())
    }

    /// A router's end of the veth pair of the VPC peering connection with this slot.
    pub fn peering(slot: u32) -> Self {
        InterfaceName(format!("pcx{slot}").into())
    }

    /// The internet's end of the veth pair to the VPC with this slot.
    pub fn vpc(slot: u32) -> Self {
        InterfaceName(format!("vpc{slot}").into())
    }
}

/// What a piece of a program came from: a resource and, where one decided, its rule.
///
/// Traces, flow logs and analyses name decisions by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Origin {
    /// The AWS id of the resource: `sg-…`, `acl-…`, `rtb-…`.
    pub resource: Arc<str>,
    /// The rule in it: `sgr-…`, a network ACL rule number, a route's destination.
    pub rule: Option<Arc<str>>,
}

impl Origin {
    /// A whole resource.
    pub fn resource(resource: &str) -> Self {
        Origin { resource: resource.into(), rule: None }
    }

    /// One rule of a resource.
    pub fn rule(resource: &str, rule: &str) -> Self {
        Origin { resource: resource.into(), rule: Some(rule.into()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        match &self.rule {
            Some(rule) => write!(f, " {rule}"),
            None => Ok(()),
        }
    }
}
