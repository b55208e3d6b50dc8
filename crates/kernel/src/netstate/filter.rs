//! The nftables table of a namespace as data: a closed set of matches and statements, typed so that a lookup whose key
//! does not fit its set is refused here (the kernel compares lengths only, and would match garbage).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use enishi_fabric::{Cidr, InterfaceName, PortRange};

/// The table `ip enishi` of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Chains by name. Shared, so that an unchanged chain is recognised by its pointer.
    pub chains: BTreeMap<Arc<str>, Arc<Chain>>,
    /// Sets and maps by name.
    pub sets: BTreeMap<Arc<str>, Arc<Set>>,
}

/// A chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Where the kernel calls it; a chain without is only jumped to.
    pub base: Option<BaseChain>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// How the kernel calls a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseChain {
    /// When.
    pub hook: Hook,
    /// What it may do.
    pub kind: ChainKind,
    /// Its place among the chains of the hook; the lowest is called first.
    pub priority: i32,
    /// Whether a packet that no rule decided passes.
    pub accept: bool,
}

/// A place in a packet's way through the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// On arrival, before the route is chosen.
    Prerouting,
    /// To a local process.
    Input,
    /// Through the namespace.
    Forward,
    /// From a local process.
    Output,
    /// On the way out, after the route is chosen.
    Postrouting,
}

/// What a base chain may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// Pass or drop.
    Filter,
    /// Translate addresses; only the first packet of a flow comes here.
    Nat,
    /// Like a filter on output, but a changed mark chooses the route anew.
    Route,
}

/// A rule: clauses from left to right; the first that does not match ends it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What it does.
    pub clauses: Vec<Clause>,
    /// What it came from; the kernel keeps it as the rule's comment. At most 128 bytes.
    pub origin: Arc<str>,
}

impl Rule {
    /// A rule that came from `origin`.
    pub fn new(origin: impl Into<Arc<str>>, clauses: impl Into<Vec<Clause>>) -> Self {
        Rule { clauses: clauses.into(), origin: origin.into() }
    }
}

/// A match or a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Clause {
    /// The field has the value (or lies in the network or range that is the value).
    Is(Field, Value),
    /// The opposite of [`Clause::Is`].
    Not(Field, Value),
    /// One of these bits of the field is set.
    AnyBit(Field, u32),
    /// Under the mask the field has this value: field, mask, value.
    Masked(Field, u32, u32),
    /// The fields together are an element of the set.
    In(Vec<Field>, Arc<str>),
    /// The fields together are no element of the set.
    NotIn(Vec<Field>, Arc<str>),
    /// What the map of verdicts says for the fields; goes on if it says nothing.
    Look(Vec<Field>, Arc<str>),
    /// Sets the packet's mark.
    SetMark(MarkSource),
    /// Sets the mark of the tracked connection.
    SetTrackMark(MarkSource),
    /// Rewrites the destination, and the port if given.
    DestinationNat(NatAddress, Option<u16>),
    /// Rewrites destination and port to what a map from index to address and port says, asked with a hash of these fields
    /// scaled down to a number: fields, number, map.
    Spread(Vec<Field>, u32, Arc<str>),
    /// Rewrites the source, to ports of this range if given.
    SourceNat(NatAddress, Option<PortRange>),
    /// Ends or continues elsewhere.
    Then(Verdict),
    /// Refuses and tells the sender.
    Reject(RejectWith),
    /// Counts packets and bytes.
    Count,
    /// Leaves the packet out of connection tracking.
    NoTrack,
}

/// Something about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The interface that it came in on.
    Input,
    /// The interface that it goes out on.
    Output,
    /// Its mark.
    Mark,
    /// Its connection's mark.
    TrackMark,
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// Protocol number.
    Protocol,
    /// TCP or UDP source port.
    SourcePort,
    /// TCP or UDP destination port.
    DestinationPort,
    /// ICMP type.
    IcmpType,
    /// ICMP code.
    IcmpCode,
    /// TCP flags as bits: FIN 1, SYN 2, RST 4, ACK 16.
    TcpFlags,
    /// Connection state as bits: [`Field::INVALID`], [`Field::ESTABLISHED`], [`Field::RELATED`], [`Field::NEW`].
    TrackState,
    /// Connection status as bits: [`Field::CONFIRMED`], [`Field::SOURCE_TRANSLATED`], [`Field::DESTINATION_TRANSLATED`].
    TrackStatus,
    /// 0 in the direction of the connection's first packet, 1 in the other.
    TrackDirection,
}

impl Field {
    /// Bit of [`Field::TrackState`]: belongs to no connection that makes sense.
    pub const INVALID: u32 = 1;
    /// Bit of [`Field::TrackState`]: of a connection that has seen packets both ways.
    pub const ESTABLISHED: u32 = 2;
    /// Bit of [`Field::TrackState`]: an ICMP error about a known connection, or a connection that a known one announced.
    pub const RELATED: u32 = 4;
    /// Bit of [`Field::TrackState`]: of a connection that has seen packets one way only.
    pub const NEW: u32 = 8;
    /// Bit of [`Field::TrackStatus`]: an earlier packet of the connection left the namespace (`IPS_CONFIRMED`).
    pub const CONFIRMED: u32 = 8;
    /// Bit of [`Field::TrackStatus`]: the source is translated (`IPS_SRC_NAT`).
    pub const SOURCE_TRANSLATED: u32 = 16;
    /// Bit of [`Field::TrackStatus`]: the destination is translated (`IPS_DST_NAT`).
    pub const DESTINATION_TRANSLATED: u32 = 32;

    /// What its values are.
    pub fn kind(self) -> Kind {
        match self {
            Field::Input | Field::Output => Kind::Interface,
            Field::Mark | Field::TrackMark => Kind::Mark,
            Field::Source | Field::Destination => Kind::Address,
            Field::Protocol => Kind::Protocol,
            Field::SourcePort | Field::DestinationPort => Kind::Port,
            Field::IcmpType | Field::IcmpCode | Field::TcpFlags | Field::TrackDirection => Kind::Byte,
            Field::TrackState | Field::TrackStatus => Kind::Bits,
        }
    }
}

/// The type of a field or of a part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An interface's name.
    Interface,
    /// A mark.
    Mark,
    /// An IPv4 address.
    Address,
    /// A protocol number.
    Protocol,
    /// A port.
    Port,
    /// One byte.
    Byte,
    /// A number that counts from 0.
    Index,
    /// Bits, which are no key of a set.
    Bits,
}

/// A value of a field, or several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// An interface.
    Interface(InterfaceName),
    /// A mark.
    Mark(u32),
    /// An address.
    Address(Ipv4Addr),
    /// Every address of a block. In a set only if that is [`Set::interval`].
    Network(Cidr),
    /// A protocol number.
    Protocol(u8),
    /// A port.
    Port(u16),
    /// Every port of a range. Not in a set.
    Ports(PortRange),
    /// One byte.
    Byte(u8),
    /// A number that counts from 0.
    Index(u32),
}

impl Value {
    /// The kind of field that can have it.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Interface(_) => Kind::Interface,
            Value::Mark(_) => Kind::Mark,
            Value::Address(_) | Value::Network(_) => Kind::Address,
            Value::Protocol(_) => Kind::Protocol,
            Value::Port(_) | Value::Ports(_) => Kind::Port,
            Value::Byte(_) => Kind::Byte,
            Value::Index(_) => Kind::Index,
        }
    }
}

/// Where a mark comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MarkSource {
    /// A number.
    Value(u32),
    /// A map of marks, asked with these fields; the rule ends if it says nothing.
    Map(Vec<Field>, Arc<str>),
    /// `(field & mask) | bits`, of [`Field::Mark`] or [`Field::TrackMark`]: field, mask, bits. The bits must lie
    /// outside the mask.
    Computed(Field, u32, u32),
}

/// Where a translated address comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NatAddress {
    /// One address.
    Fixed(Ipv4Addr),
    /// A map of addresses, asked with these fields; the rule ends if it says nothing.
    Map(Vec<Field>, Arc<str>),
    /// A map from index to address, asked with a hash of these fields modulo a number.
    Spread(Vec<Field>, u32, Arc<str>),
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes this base chain.
    Accept,
    /// It is gone.
    Drop,
    /// Back to the calling chain; in a base chain, to its policy.
    Return,
    /// On in another chain, and back here after it.
    Jump(Arc<str>),
    /// On in another chain, not back here.
    Goto(Arc<str>),
}

/// How a sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectWith {
    /// A TCP reset.
    TcpReset,
    /// ICMP "communication administratively prohibited".
    Prohibited,
}

/// A key of a set: one value per part.
pub type Key = Vec<Value>;

/// A set or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// The kinds of the key's parts.
    pub key: Vec<Kind>,
    /// What an element maps to.
    pub data: DataKind,
    /// Elements are blocks of addresses; the key has one part. Overlapping blocks are merged before the kernel sees them.
    pub interval: bool,
    /// The elements.
    pub elements: BTreeMap<Key, Data>,
}

impl Set {
    /// An empty set with these kinds of key.
    pub fn of(key: impl Into<Vec<Kind>>) -> Self {
        Set::map(key, DataKind::Member)
    }

    /// An empty map from these kinds of key.
    pub fn map(key: impl Into<Vec<Kind>>, data: DataKind) -> Self {
        Set { key: key.into(), data, interval: false, elements: BTreeMap::new() }
    }

    /// A set of address blocks.
    pub fn networks(blocks: impl IntoIterator<Item = Cidr>) -> Self {
        let elements = blocks.into_iter().map(|block| (vec![Value::Network(block)], Data::Member)).collect();
        Set { interval: true, elements, ..Set::of([Kind::Address]) }
    }

    /// The same with these elements too.
    pub fn with(mut self, elements: impl IntoIterator<Item = (Key, Data)>) -> Self {
        self.elements.extend(elements);
        self
    }

    /// Whether elements of `other` can be turned into elements of this one without making the set anew.
    pub(crate) fn same_shape(&self, other: &Set) -> bool {
        self.key == other.key && self.data == other.data && self.interval == other.interval
    }

    /// The blocks of an interval set as disjoint ranges that do not touch: first and last address.
    pub(crate) fn ranges(&self) -> BTreeMap<Ipv4Addr, Ipv4Addr> {
        let mut ranges = BTreeMap::new();
        let mut open: Option<(Ipv4Addr, Ipv4Addr)> = None;
        let mut blocks: Vec<_> = self.elements.keys().filter_map(|key| key.first().and_then(range)).collect();
        blocks.sort_unstable();
        for (first, last) in blocks {
            match &mut open {
                Some((_, end)) if u32::from(first) <= u32::from(*end).saturating_add(1) => {
                    *end = last.max(*end)
                }
                _ => ranges.extend(open.replace((first, last))),
            }
        }
        ranges.extend(open);
        ranges
    }
}

fn range(value: &Value) -> Option<(Ipv4Addr, Ipv4Addr)> {
    match value {
        Value::Network(block) => Some((block.network(), block.broadcast())),
        Value::Address(address) => Some((*address, *address)),
        _ => None,
    }
}

/// What the elements of a set map to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataKind {
    /// Nothing: a set.
    Member,
    /// A verdict.
    Verdict,
    /// A mark.
    Mark,
    /// An address.
    Address,
    /// An address and a port.
    Socket,
}

/// What an element maps to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// Nothing.
    Member,
    /// A verdict.
    Verdict(Verdict),
    /// A mark.
    Mark(u32),
    /// An address.
    Address(Ipv4Addr),
    /// An address and a port.
    Socket(SocketAddrV4),
}

impl Data {
    /// Its kind.
    pub fn kind(&self) -> DataKind {
        match self {
            Data::Member => DataKind::Member,
            Data::Verdict(_) => DataKind::Verdict,
            Data::Mark(_) => DataKind::Mark,
            Data::Address(_) => DataKind::Address,
            Data::Socket(_) => DataKind::Socket,
        }
    }
}

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A rule, an element or a verdict names a chain that does not exist.
    #[error("{user} refers to the missing chain {chain}")]
    NoChain {
        /// The chain or set that names it.
        user: Arc<str>,
        /// The name.
        chain: Arc<str>,
    },
    /// A rule names a set that does not exist.
    #[error("chain {chain} refers to the missing set {set}")]
    NoSet {
        /// The chain of the rule.
        chain: Arc<str>,
        /// The name.
        set: Arc<str>,
    },
    /// A rule asks a set with fields that its key or data does not fit, or compares a field with a value of another kind.
    #[error("chain {chain}: {clause} does not fit the types")]
    Mismatch {
        /// The chain of the rule.
        chain: Arc<str>,
        /// The clause as text.
        clause: String,
    },
    /// An element does not fit its set.
    #[error("set {set} holds an element of another type")]
    Element {
        /// The set.
        set: Arc<str>,
    },
    /// A set's key has no parts, a part that cannot be one, or more than the kernel's 64 bytes.
    #[error("set {set} has an impossible key")]
    Shape {
        /// The set.
        set: Arc<str>,
    },
    /// The origin of a rule is longer than 128 bytes.
    #[error("chain {chain}: the origin of a rule is too long")]
    Origin {
        /// The chain of the rule.
        chain: Arc<str>,
    },
}

/// The longest comment that `nft` prints.
const LONGEST_ORIGIN: usize = 128;

impl Table {
    /// Checks a chain: everything it names exists and fits.
    pub(crate) fn check_chain(&self, name: &Arc<str>, rules: &[Rule]) -> Result<(), TableError> {
        for rule in rules {
            if rule.origin.len() > LONGEST_ORIGIN {
                return Err(TableError::Origin { chain: name.clone() });
            }
            for clause in &rule.clauses {
                self.check_clause(name, clause)?;
            }
        }
        Ok(())
    }

    /// Checks a set and these elements of it.
    pub(crate) fn check_elements<'a>(
        &self,
        name: &Arc<str>,
        set: &Set,
        elements: impl IntoIterator<Item = (&'a Key, &'a Data)>,
    ) -> Result<(), TableError> {
        let words: usize = set.key.iter().map(|kind| if *kind == Kind::Interface { 4 } else { 1 }).sum();
        let fits = !set.key.is_empty() && words <= 16 && !set.key.contains(&Kind::Bits);
        if !fits || set.interval && (set.key != [Kind::Address] || set.data != DataKind::Member) {
            return Err(TableError::Shape { set: name.clone() });
        }
        for (key, data) in elements {
            let fits = key.len() == set.key.len()
                && key.iter().zip(&set.key).all(|(value, kind)| value.kind() == *kind);
            let single =
                set.interval || !key.iter().any(|v| matches!(v, Value::Network(_) | Value::Ports(_)));
            if !fits || !single || data.kind() != set.data {
                return Err(TableError::Element { set: name.clone() });
            }
            if let Data::Verdict(verdict) = data {
                self.check_verdict(name, verdict)?;
            }
        }
        Ok(())
    }

    fn check_clause(&self, chain: &Arc<str>, clause: &Clause) -> Result<(), TableError> {
        let lookup = |key: &[Field], name: &Arc<str>, data: DataKind| {
            let set = self
                .sets
                .get(name)
                .ok_or_else(|| TableError::NoSet { chain: chain.clone(), set: name.clone() })?;
            Ok(set.data == data && key.iter().map(|field| field.kind()).eq(set.key.iter().copied()))
        };
        let mark = |source: &MarkSource| match source {
            MarkSource::Value(_) => Ok(true),
            MarkSource::Map(key, map) => lookup(key, map, DataKind::Mark),
            MarkSource::Computed(field, mask, bits) => Ok(field.kind() == Kind::Mark && mask & bits == 0),
        };
        let spread = |key: &[Field], modulus: u32, map: &Arc<str>, data: DataKind| {
            let missing = || TableError::NoSet { chain: chain.clone(), set: map.clone() };
            let set = self.sets.get(map).ok_or_else(missing)?;
            Ok(!key.is_empty() && modulus > 0 && set.data == data && set.key == [Kind::Index])
        };
        let nat = |address: &NatAddress| match address {
            NatAddress::Fixed(_) => Ok(true),
            NatAddress::Map(key, map) => lookup(key, map, DataKind::Address),
            NatAddress::Spread(key, modulus, map) => spread(key, *modulus, map, DataKind::Address),
        };
        let fits = match clause {
            Clause::Is(field, value) | Clause::Not(field, value) => value.kind() == field.kind(),
            Clause::AnyBit(field, _) | Clause::Masked(field, ..) => {
                matches!(field.kind(), Kind::Bits | Kind::Mark | Kind::Byte)
            }
            Clause::In(key, set) | Clause::NotIn(key, set) => lookup(key, set, DataKind::Member)?,
            Clause::Look(key, map) => lookup(key, map, DataKind::Verdict)?,
            Clause::SetMark(source) | Clause::SetTrackMark(source) => mark(source)?,
            Clause::DestinationNat(address, _) | Clause::SourceNat(address, _) => nat(address)?,
            Clause::Spread(key, modulus, map) => spread(key, *modulus, map, DataKind::Socket)?,
            Clause::Then(verdict) => return self.check_verdict(chain, verdict),
            Clause::Reject(_) | Clause::Count | Clause::NoTrack => true,
        };
        if fits {
            Ok(())
        } else {
            Err(TableError::Mismatch { chain: chain.clone(), clause: clause.to_string() })
        }
    }

    fn check_verdict(&self, user: &Arc<str>, verdict: &Verdict) -> Result<(), TableError> {
        match verdict {
            Verdict::Jump(chain) | Verdict::Goto(chain) if !self.chains.contains_key(chain) => {
                Err(TableError::NoChain { user: user.clone(), chain: chain.clone() })
            }
            _ => Ok(()),
        }
    }
}
