//! Clauses to nftables expressions, and values to the bytes that registers and sets hold.
//!
//! Each clause loads its fields into registers from the first one on, then compares or acts on them; no clause relies on
//! what another left there. Registers are four bytes; an interface name takes four of them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use enishi_fabric::program::HASH_SEED;
use enishi_fabric::{Cidr, InterfaceName, PortRange};

use crate::netlink::message::{Message, string};
use crate::netlink::nftables::{DATA_VALUE, append_verdict};
use crate::netstate::{Clause, Data, Field, Key, Kind, MarkSource, NatAddress, RejectWith, Value, Verdict};

const LIST_ITEM: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;

/// The register that holds verdicts.
const VERDICT: u32 = 0;
/// The first of the sixteen data registers of four bytes.
const FIRST: u32 = 8;
const SECOND: u32 = 9;

const EQUAL: u32 = 0;
const DIFFERENT: u32 = 1;
const FAMILY_IPV4: u32 = 2;
const SOURCE_NAT: u32 = 0;
const DESTINATION_NAT: u32 = 1;
const NAME_LENGTH: usize = 16;

/// Bytes of a value of this kind.
pub(crate) fn length(kind: Kind) -> u32 {
    match kind {
        Kind::Interface => 16,
        Kind::Mark | Kind::Address | Kind::Index | Kind::Bits => 4,
        Kind::Port => 2,
        Kind::Protocol | Kind::Byte => 1,
    }
}

/// Registers that a value of this kind takes.
pub(crate) fn words(kind: Kind) -> u32 {
    length(kind).div_ceil(4)
}

/// Appends a single value as registers and sets hold it. Blocks and ranges append their first value.
pub(crate) fn value(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Interface(name) => bytes.extend_from_slice(&padded(name)),
        Value::Mark(number) | Value::Index(number) => bytes.extend_from_slice(&number.to_ne_bytes()),
        Value::Address(address) => bytes.extend_from_slice(&address.octets()),
        Value::Network(block) => bytes.extend_from_slice(&block.network().octets()),
        Value::Protocol(number) | Value::Byte(number) => bytes.push(*number),
        Value::Port(port) => bytes.extend_from_slice(&port.to_be_bytes()),
        Value::Ports(ports) => bytes.extend_from_slice(&PortRange::from(*ports).to_be_bytes()),
    }
}

fn padded(name: &InterfaceName) -> [u8; NAME_LENGTH] {
    let mut bytes = [0; NAME_LENGTH];
    for (place, byte) in bytes.iter_mut().zip(name.as_str().bytes()) {
        *place = byte;
    }
    bytes
}

/// The inverse of [`value`] for all parts of a key.
pub(crate) fn parse_key(mut bytes: &[u8], kinds: &[Kind]) -> Option<Key> {
    let mut key = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let length = usize::try_from(length(*kind)).ok()?;
        let part = bytes.get(..length)?;
        key.push(match kind {
            Kind::Interface => Value::Interface(InterfaceName::new(string(part)?).ok()?),
            Kind::Mark => Value::Mark(u32::from_ne_bytes(part.try_into().ok()?)),
            Kind::Index => Value::Index(u32::from_ne_bytes(part.try_into().ok()?)),
            Kind::Address => Value::Address(Ipv4Addr::from(<[u8; 4]>::try_from(part).ok()?)),
            Kind::Protocol => Value::Protocol(*part.first()?),
            Kind::Byte => Value::Byte(*part.first()?),
            Kind::Port => Value::Port(u16::from_be_bytes(part.try_into().ok()?)),
            Kind::Bits => return None,
        });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(key)
}

/// The blocks that cover the ranges of a dumped interval set: addresses, and whether one ends a range.
pub(crate) fn blocks(bounds: impl IntoIterator<Item = (Ipv4Addr, bool)>) -> BTreeMap<Key, Data> {
    let mut bounds: Vec<_> = bounds.into_iter().collect();
    // Where one range ends at the next one's start, the end comes first.
    bounds.sort_unstable_by_key(|(address, end)| (*address, !end));
    let mut blocks = BTreeMap::new();
    let mut open = None;
    for (address, end) in bounds {
        if !end {
            open = Some(address);
        } else if let Some(first) = open.take() {
            let last = u32::from(address).saturating_sub(1).into();
            blocks.extend(cover(first, last));
        }
    }
    if let Some(first) = open {
        blocks.extend(cover(first, Ipv4Addr::BROADCAST));
    }
    blocks
}

fn cover(first: Ipv4Addr, last: Ipv4Addr) -> impl Iterator<Item = (Key, Data)> {
    let subnets = ipnet::Ipv4Subnets::new(first, last, 0);
    let blocks = subnets.filter_map(|net| Cidr::containing(net.addr(), net.prefix_len()).ok());
    blocks.map(|block| (vec![Value::Network(block)], Data::Member))
}

/// Appends the expressions of a rule to the list that holds them.
pub(crate) fn clauses(list: &mut Message, clauses: &[Clause]) {
    let mut out = Expressions(list);
    for clause in clauses {
        out.clause(clause);
    }
}

struct Expressions<'a>(&'a mut Message);

impl Expressions<'_> {
    fn clause(&mut self, clause: &Clause) {
        match clause {
            Clause::Is(field, value) => self.compare(*field, value, EQUAL),
            Clause::Not(field, value) => self.compare(*field, value, DIFFERENT),
            Clause::AnyBit(field, bits) => {
                self.load(*field, FIRST);
                self.mask(*field, *bits, 0);
                self.cmp(DIFFERENT, &number(*field, 0));
            }
            Clause::Masked(field, mask, value) => {
                self.load(*field, FIRST);
                self.mask(*field, *mask, 0);
                self.cmp(EQUAL, &number(*field, *value));
            }
            Clause::In(key, set) => self.lookup(key, set, None, false),
            Clause::NotIn(key, set) => self.lookup(key, set, None, true),
            Clause::Look(key, map) => self.lookup(key, map, Some(VERDICT), false),
            Clause::SetMark(source) => {
                self.mark(source);
                self.expression("meta", |meta| {
                    meta.net32(2, 3);
                    meta.net32(3, FIRST);
                });
            }
            Clause::SetTrackMark(source) => {
                self.mark(source);
                self.expression("ct", |ct| {
                    ct.net32(2, 3);
                    ct.net32(4, FIRST);
                });
            }
            Clause::DestinationNat(address, port) => {
                self.nat_address(address);
                self.nat(DESTINATION_NAT, port.map(|port| (port, port)));
            }
            Clause::Spread(key, modulus, map) => {
                self.spread(key, *modulus, map);
                // The map's data fill two registers: the address, then the port.
                self.expression("nat", |nat| {
                    nat.net32(1, DESTINATION_NAT);
                    nat.net32(2, FAMILY_IPV4);
                    nat.net32(3, FIRST);
                    nat.net32(5, SECOND);
                });
            }
            Clause::SourceNat(address, ports) => {
                self.nat_address(address);
                self.nat(SOURCE_NAT, ports.map(|ports| (PortRange::from(ports), ports.to())));
            }
            Clause::Then(verdict) => self.verdict(verdict),
            Clause::Reject(with) => {
                let (kind, code) = match with {
                    RejectWith::TcpReset => (1, 0),
                    RejectWith::Prohibited => (0, 13),
                };
                self.expression("reject", |reject| {
                    reject.net32(1, kind);
                    reject.attribute(2, &[code]);
                });
            }
            Clause::Count => self.expression("counter", |_| {}),
            Clause::NoTrack => self.expression("notrack", |_| {}),
        }
    }

    fn expression(&mut self, name: &str, fill: impl FnOnce(&mut Message)) {
        self.0.nest(LIST_ITEM, |expression| {
            expression.text(EXPRESSION_NAME, name);
            expression.nest(EXPRESSION_DATA, fill);
        });
    }

    fn load(&mut self, field: Field, register: u32) {
        match field {
            Field::Input => self.meta(6, register),
            Field::Output => self.meta(7, register),
            Field::Mark => self.meta(3, register),
            Field::Protocol => self.meta(16, register),
            Field::TrackMark => self.track(3, register),
            Field::TrackState => self.track(0, register),
            Field::TrackStatus => self.track(2, register),
            Field::TrackDirection => self.track(1, register),
            Field::Source => self.payload(NETWORK, 12, 4, register),
            Field::Destination => self.payload(NETWORK, 16, 4, register),
            Field::SourcePort => self.payload(TRANSPORT, 0, 2, register),
            Field::DestinationPort => self.payload(TRANSPORT, 2, 2, register),
            Field::IcmpType => self.payload(TRANSPORT, 0, 1, register),
            Field::IcmpCode => self.payload(TRANSPORT, 1, 1, register),
            Field::TcpFlags => self.payload(TRANSPORT, 13, 1, register),
        }
    }

    /// Loads fields one after another; returns the bytes they take.
    fn load_key(&mut self, key: &[Field]) -> u32 {
        let mut used = 0;
        for field in key {
            self.load(*field, FIRST + used);
            used += words(field.kind());
        }
        match key {
            [single] => length(single.kind()),
            _ => used * 4,
        }
    }

    fn meta(&mut self, key: u32, register: u32) {
        self.expression("meta", |meta| {
            meta.net32(1, register);
            meta.net32(2, key);
        });
    }

    fn track(&mut self, key: u32, register: u32) {
        self.expression("ct", |ct| {
            ct.net32(1, register);
            ct.net32(2, key);
        });
    }

    fn payload(&mut self, base: u32, offset: u32, length: u32, register: u32) {
        self.expression("payload", |payload| {
            payload.net32(1, register);
            payload.net32(2, base);
            payload.net32(3, offset);
            payload.net32(4, length);
        });
    }

    fn compare(&mut self, field: Field, value: &Value, operation: u32) {
        match value {
            Value::Network(block) => self.compare_block(field, *block, operation),
            Value::Ports(PortRange::ALL) if operation == EQUAL => {}
            Value::Ports(ports) if PortRange::from(*ports) != ports.to() => {
                self.load(field, FIRST);
                self.expression("range", |range| {
                    range.net32(1, FIRST);
                    range.net32(2, operation);
                    range.nest(3, |from| from.attribute(DATA_VALUE, &PortRange::from(*ports).to_be_bytes()));
                    range.nest(4, |to| to.attribute(DATA_VALUE, &ports.to().to_be_bytes()));
                });
            }
            single => {
                self.load(field, FIRST);
                let mut bytes = Vec::with_capacity(NAME_LENGTH);
                self::value(&mut bytes, single);
                self.cmp(operation, &bytes);
            }
        }
    }

    /// A prefix of whole bytes is compared by loading just these; any other is masked.
    fn compare_block(&mut self, field: Field, block: Cidr, operation: u32) {
        let offset = if field == Field::Source { 12 } else { 16 };
        let network = block.network().octets();
        let bytes = u32::from(block.prefix() / 8);
        match (block.prefix(), operation) {
            (0, EQUAL) => {}
            (8 | 16 | 24 | 32, _) => {
                self.payload(NETWORK, offset, bytes, FIRST);
                self.cmp(operation, network.get(..bytes as usize).unwrap_or(&network));
            }
            (prefix, _) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                self.payload(NETWORK, offset, 4, FIRST);
                self.bitwise(&mask.to_be_bytes(), &[0; 4]);
                self.cmp(operation, &network);
            }
        }
    }

    fn cmp(&mut self, operation: u32, bytes: &[u8]) {
        self.expression("cmp", |cmp| {
            cmp.net32(1, FIRST);
            cmp.net32(2, operation);
            cmp.nest(3, |data| data.attribute(DATA_VALUE, bytes));
        });
    }

    fn mask(&mut self, field: Field, mask: u32, xor: u32) {
        self.bitwise(&number(field, mask), &number(field, xor));
    }

    fn bitwise(&mut self, mask: &[u8], xor: &[u8]) {
        let length = u32::try_from(mask.len()).unwrap_or(4);
        self.expression("bitwise", |bitwise| {
            bitwise.net32(1, FIRST);
            bitwise.net32(2, FIRST);
            bitwise.net32(3, length);
            bitwise.nest(4, |data| data.attribute(DATA_VALUE, mask));
            bitwise.nest(5, |data| data.attribute(DATA_VALUE, xor));
        });
    }

    fn lookup(&mut self, key: &[Field], set: &str, result: Option<u32>, inverted: bool) {
        self.load_key(key);
        self.lookup_loaded(set, result, inverted);
    }

    fn lookup_loaded(&mut self, set: &str, result: Option<u32>, inverted: bool) {
        self.expression("lookup", |lookup| {
            lookup.text(1, set);
            lookup.net32(2, FIRST);
            if let Some(register) = result {
                lookup.net32(3, register);
            }
            if inverted {
                lookup.net32(5, 1);
            }
        });
    }

    fn mark(&mut self, source: &MarkSource) {
        match source {
            MarkSource::Value(mark) => self.immediate(FIRST, &mark.to_ne_bytes()),
            MarkSource::Map(key, map) => self.lookup(key, map, Some(FIRST), false),
            MarkSource::Computed(field, mask, bits) => {
                self.load(*field, FIRST);
                if (*mask, *bits) != (u32::MAX, 0) {
                    self.mask(*field, *mask, *bits);
                }
            }
        }
    }

    fn nat_address(&mut self, address: &NatAddress) {
        match address {
            NatAddress::Fixed(address) => self.immediate(FIRST, &address.octets()),
            NatAddress::Map(key, map) => self.lookup(key, map, Some(FIRST), false),
            NatAddress::Spread(key, modulus, map) => self.spread(key, *modulus, map),
        }
    }

    /// Asks a map from index with a hash of the fields, scaled down to the modulus.
    fn spread(&mut self, key: &[Field], modulus: u32, map: &str) {
        let length = self.load_key(key);
        self.expression("hash", |hash| {
            hash.net32(1, FIRST);
            hash.net32(2, FIRST);
            hash.net32(3, length);
            hash.net32(4, modulus);
            hash.net32(5, HASH_SEED);
        });
        self.lookup_loaded(map, Some(FIRST), false);
    }

    fn nat(&mut self, kind: u32, ports: Option<(u16, u16)>) {
        const THIRD: u32 = SECOND + 1;
        if let Some((low, high)) = ports {
            self.immediate(SECOND, &low.to_be_bytes());
            self.immediate(THIRD, &high.to_be_bytes());
        }
        self.expression("nat", |nat| {
            nat.net32(1, kind);
            nat.net32(2, FAMILY_IPV4);
            nat.net32(3, FIRST);
            if ports.is_some() {
                nat.net32(5, SECOND);
                nat.net32(6, THIRD);
            }
        });
    }

    fn immediate(&mut self, register: u32, bytes: &[u8]) {
        self.expression("immediate", |immediate| {
            immediate.net32(1, register);
            immediate.nest(2, |data| data.attribute(DATA_VALUE, bytes));
        });
    }

    fn verdict(&mut self, verdict: &Verdict) {
        self.expression("immediate", |immediate| {
            immediate.net32(1, VERDICT);
            immediate.nest(2, |data| append_verdict(data, verdict));
        });
    }
}

const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

/// A number as the register of `field` holds it.
fn number(field: Field, number: u32) -> Vec<u8> {
    match length(field.kind()) {
        1 => vec![number.to_le_bytes()[0]],
        _ => number.to_ne_bytes().to_vec(),
    }
}
