//! A namespace's state as text: one line per thing, nftables as `nft` would write it. Golden files hold it.

use std::fmt::{self, Display, Formatter};

use super::filter::{
    BaseChain, ChainKind, Clause, Data, DataKind, Field, Hook, Kind, MarkSource, NatAddress, RejectWith,
    Rule, Table, Value, Verdict,
};
use super::{NetState, Network, Ownership, PolicyRule, RouteKey, RouteTarget};

impl Display for NetState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.network)?;
        match &self.filter {
            Some(table) => write!(f, "{table}"),
            None => Ok(()),
        }
    }
}

impl Display for Network {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.ownership == Ownership::Listed {
            writeln!(f, "shared with the instance")?;
        }
        for (name, link) in &self.links {
            write!(f, "link {name} {} mtu {}", link.mac, link.mtu)?;
            match &link.peer {
                Some(peer) => writeln!(f, " peer {}/{}", peer.namespace, peer.interface)?,
                None => writeln!(f)?,
            }
        }
        for address in &self.addresses {
            writeln!(f, "address {}/{} dev {}", address.address, address.prefix, address.interface)?;
        }
        for ((interface, address), mac) in &self.neighbours {
            writeln!(f, "neighbour {address} dev {interface} {mac}")?;
        }
        for rule in &self.rules {
            writeln!(f, "{rule}")?;
        }
        for (key, target) in &self.routes {
            writeln!(f, "{key} {target}")?;
        }
        for (path, value) in &self.sysctls {
            writeln!(f, "sysctl {path} = {value}")?;
        }
        Ok(())
    }
}

impl Display for PolicyRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}:", self.priority)?;
        if let Some((mark, mask)) = self.mark {
            write!(f, " fwmark {mark:#x}/{mask:#x}")?;
        }
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        if let Some(input) = &self.input {
            write!(f, " iif {input}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}

impl Display for RouteKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "route table {} {}", self.table, self.destination)?;
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        Ok(())
    }
}

impl Display for RouteTarget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            RouteTarget::Unicast { interface, via, source } => {
                if let Some(via) = via {
                    write!(f, "via {via} ")?;
                }
                write!(f, "dev {interface}")?;
                if let Some(source) = source {
                    write!(f, " src {source}")?;
                }
                Ok(())
            }
            RouteTarget::Local { interface } => write!(f, "local dev {interface}"),
            RouteTarget::Blackhole => f.write_str("blackhole"),
            RouteTarget::Throw => f.write_str("throw"),
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "table ip enishi {{")?;
        for (name, set) in &self.sets {
            let word = if set.data == DataKind::Member { "set" } else { "map" };
            write!(f, "\t{word} {name} {{\n\t\ttype {}", joined(&set.key, " . "))?;
            match set.data {
                DataKind::Member => {}
                DataKind::Verdict => write!(f, " : verdict")?,
                DataKind::Mark => write!(f, " : mark")?,
                DataKind::Address => write!(f, " : ipv4_addr")?,
                DataKind::Socket => write!(f, " : ipv4_addr . inet_service")?,
            }
            writeln!(f)?;
            if set.interval {
                writeln!(f, "\t\tflags interval")?;
            }
            for (key, data) in &set.elements {
                write!(f, "\t\t{}", joined(key, " . "))?;
                match data {
                    Data::Member => writeln!(f)?,
                    Data::Verdict(verdict) => writeln!(f, " : {verdict}")?,
                    Data::Mark(mark) => writeln!(f, " : {mark:#x}")?,
                    Data::Address(address) => writeln!(f, " : {address}")?,
                    Data::Socket(socket) => writeln!(f, " : {} . {}", socket.ip(), socket.port())?,
                }
            }
            writeln!(f, "\t}}")?;
        }
        for (name, chain) in &self.chains {
            writeln!(f, "\tchain {name} {{")?;
            if let Some(base) = &chain.base {
                writeln!(f, "\t\t{base}")?;
            }
            for rule in &chain.rules {
                writeln!(f, "\t\t{rule}")?;
            }
            writeln!(f, "\t}}")?;
        }
        writeln!(f, "}}")
    }
}

impl Display for BaseChain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ChainKind::Filter => "filter",
            ChainKind::Nat => "nat",
            ChainKind::Route => "route",
        };
        let hook = match self.hook {
            Hook::Prerouting => "prerouting",
            Hook::Input => "input",
            Hook::Forward => "forward",
            Hook::Output => "output",
            Hook::Postrouting => "postrouting",
        };
        let policy = if self.accept { "accept" } else { "drop" };
        write!(f, "type {kind} hook {hook} priority {}; policy {policy};", self.priority)
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", joined(&self.clauses, " "))?;
        if self.origin.is_empty() { Ok(()) } else { write!(f, " comment \"{}\"", self.origin) }
    }
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Clause::Is(field, value) => write!(f, "{field} {value}"),
            Clause::Not(field, value) => write!(f, "{field} != {value}"),
            Clause::AnyBit(Field::TrackState, bits) => write!(f, "ct state {}", names(*bits, &STATES)),
            Clause::AnyBit(Field::TrackStatus, bits) => write!(f, "ct status {}", names(*bits, &STATUSES)),
            Clause::AnyBit(field, bits) => write!(f, "{field} & {bits:#x} != 0"),
            Clause::Masked(field, mask, value) => write!(f, "{field} & {mask:#x} == {value:#x}"),
            Clause::In(key, set) => write!(f, "{} @{set}", joined(key, " . ")),
            Clause::NotIn(key, set) => write!(f, "{} != @{set}", joined(key, " . ")),
            Clause::Look(key, map) => write!(f, "{} vmap @{map}", joined(key, " . ")),
            Clause::SetMark(source) => write!(f, "meta mark set {source}"),
            Clause::SetTrackMark(source) => write!(f, "ct mark set {source}"),
            Clause::DestinationNat(address, None) => write!(f, "dnat to {address}"),
            Clause::DestinationNat(address, Some(port)) => write!(f, "dnat to {address}:{port}"),
            Clause::Spread(key, modulus, map) => {
                write!(f, "dnat to jhash {} mod {modulus} map @{map}", joined(key, " . "))
            }
            Clause::SourceNat(address, None) => write!(f, "snat to {address}"),
            Clause::SourceNat(address, Some(ports)) => write!(f, "snat to {address}:{ports}"),
            Clause::Then(verdict) => verdict.fmt(f),
            Clause::Reject(RejectWith::TcpReset) => f.write_str("reject with tcp reset"),
            Clause::Reject(RejectWith::Prohibited) => f.write_str("reject with icmp admin-prohibited"),
            Clause::Count => f.write_str("counter"),
            Clause::NoTrack => f.write_str("notrack"),
        }
    }
}

impl Display for MarkSource {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MarkSource::Value(mark) => write!(f, "{mark:#x}"),
            MarkSource::Map(key, map) => write!(f, "{} map @{map}", joined(key, " . ")),
            MarkSource::Computed(field, mask, bits) => write!(f, "{field} & {mask:#x} | {bits:#x}"),
        }
    }
}

impl Display for NatAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            NatAddress::Fixed(address) => address.fmt(f),
            NatAddress::Map(key, map) => write!(f, "{} map @{map}", joined(key, " . ")),
            NatAddress::Spread(key, modulus, map) => {
                write!(f, "jhash {} mod {modulus} map @{map}", joined(key, " . "))
            }
        }
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Accept => f.write_str("accept"),
            Verdict::Drop => f.write_str("drop"),
            Verdict::Return => f.write_str("return"),
            Verdict::Jump(chain) => write!(f, "jump {chain}"),
            Verdict::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Input => "iifname",
            Field::Output => "oifname",
            Field::Mark => "meta mark",
            Field::TrackMark => "ct mark",
            Field::Source => "ip saddr",
            Field::Destination => "ip daddr",
            Field::Protocol => "meta l4proto",
            Field::SourcePort => "th sport",
            Field::DestinationPort => "th dport",
            Field::IcmpType => "icmp type",
            Field::IcmpCode => "icmp code",
            Field::TcpFlags => "tcp flags",
            Field::TrackState => "ct state",
            Field::TrackStatus => "ct status",
            Field::TrackDirection => "ct direction",
        })
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Interface => "ifname",
            Kind::Mark => "mark",
            Kind::Address => "ipv4_addr",
            Kind::Protocol => "inet_proto",
            Kind::Port => "inet_service",
            Kind::Byte => "byte",
            Kind::Index => "index",
            Kind::Bits => "bits",
        })
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Interface(name) => write!(f, "\"{name}\""),
            Value::Mark(mark) => write!(f, "{mark:#x}"),
            Value::Address(address) => address.fmt(f),
            Value::Network(block) => block.fmt(f),
            Value::Protocol(1) => f.write_str("icmp"),
            Value::Protocol(6) => f.write_str("tcp"),
            Value::Protocol(17) => f.write_str("udp"),
            Value::Protocol(number) | Value::Byte(number) => number.fmt(f),
            Value::Port(port) => port.fmt(f),
            Value::Ports(ports) => ports.fmt(f),
            Value::Index(index) => index.fmt(f),
        }
    }
}

const STATES: [(u32, &str); 4] = [
    (Field::INVALID, "invalid"),
    (Field::ESTABLISHED, "established"),
    (Field::RELATED, "related"),
    (Field::NEW, "new"),
];
const STATUSES: [(u32, &str); 2] =
    [(Field::SOURCE_TRANSLATED, "snat"), (Field::DESTINATION_TRANSLATED, "dnat")];

fn names(bits: u32, known: &[(u32, &str)]) -> String {
    let names: Vec<_> = known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    names.join(",")
}

fn joined<T: Display>(parts: &[T], between: &str) -> String {
    let parts: Vec<_> = parts.iter().map(T::to_string).collect();
    parts.join(between)
}
