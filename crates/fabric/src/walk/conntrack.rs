//! Connection tracking and address translation of one namespace, as Linux does them.
//!
//! A [`Packet`] is a tuple: its addresses, protocol and ports, or echo type and identifier. An entry holds the tuple of the
//! packets that its initiator sends and the tuple of those that answer; where they are not mirror images, the difference is
//! the translation.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;

use crate::invalidate::Purge;
use crate::program::ReturnMark;
use crate::{Connection, Packet, Transport};

/// The tracked connections of one namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    entries: BTreeMap<u64, Entry>,
    /// Which entry and direction a tuple belongs to: both tuples of every entry.
    tuples: BTreeMap<Packet, (u64, Direction)>,
    next: u64,
}

/// A flow.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// What the initiator sends, before translation.
    original: Packet,
    /// What answers it, before translation.
    reply: Packet,
    /// Whether a packet in the reply direction was seen.
    answered: bool,
    /// Whether the initiator's egress gate leaves the flow untracked.
    initiator_untracked: bool,
    /// Whether the responder's ingress gate leaves the flow untracked.
    responder_untracked: bool,
    /// In a router: the load balancer that the answers go back to.
    returns: Option<ReturnMark>,
    /// Whether a process of the namespace sent the first packet.
    own: bool,
}

impl Entry {
    fn connection(&self) -> Connection {
        Connection { original: self.original, reply: self.reply, returns: self.returns }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Original,
    Reply,
}

/// An end of a packet, as the namespace sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Sender,
    Receiver,
}

/// The source ports that a namespace may give to flows.
#[derive(Debug, Clone)]
pub(super) enum Ports {
    /// Whatever the flow has; another only if the tuple is taken.
    Any,
    /// Only these.
    Within(RangeInclusive<u16>),
}

impl Ports {
    fn allow(&self, port: u16) -> bool {
        match self {
            Ports::Any => true,
            Ports::Within(range) => range.contains(&port),
        }
    }

    fn range(self) -> RangeInclusive<u16> {
        match self {
            Ports::Any => 1024..=u16::MAX,
            Ports::Within(range) => range,
        }
    }
}

/// No port is left to translate a flow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PortsExhausted;

/// The state of one packet while it is in a namespace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tracking {
    /// The entry, if it outlived an earlier packet.
    slot: Option<u64>,
    entry: Entry,
    direction: Direction,
    /// Whether the packet belongs to a flow or may start one.
    valid: bool,
}

impl Table {
    /// Looks a packet up. One in reply direction makes its flow established, whatever happens to it afterwards.
    pub(super) fn track(&mut self, packet: Packet) -> Tracking {
        let Some((slot, direction)) = self.tuples.get(&packet).copied() else { return Tracking::new(packet) };
        let Some(entry) = self.entries.get_mut(&slot) else { return Tracking::new(packet) };
        entry.answered |= direction == Direction::Reply;
        Tracking { slot: Some(slot), entry: *entry, direction, valid: true }
    }

    /// The packet leaves the namespace: its flow is kept. Its source port or echo identifier stays as it is if the tuple is
    /// free and the port is one of `ports`; else it becomes the first of them that is free. Linux picks one at random.
    pub(super) fn settle(&mut self, tracking: &mut Tracking, ports: Ports) -> Result<(), PortsExhausted> {
        if !tracking.valid || tracking.slot.is_some() {
            return Ok(());
        }
        tracking.entry.reply = self.free_reply(tracking.entry.reply, ports).ok_or(PortsExhausted)?;
        let slot = self.next;
        self.next += 1;
        tracking.slot = Some(slot);
        self.tuples.insert(tracking.entry.original, (slot, Direction::Original));
        self.tuples.insert(tracking.entry.reply, (slot, Direction::Reply));
        self.entries.insert(slot, tracking.entry);
        Ok(())
    }

    fn free_reply(&self, wanted: Packet, ports: Ports) -> Option<Packet> {
        let free = |reply: &Packet| !self.tuples.contains_key(reply);
        let sent = wanted.reply();
        let port = sent.transport.source_port();
        if port.is_none_or(|port| ports.allow(port)) && free(&wanted) {
            return Some(wanted);
        }
        port?;
        let with_port = |port| Packet { transport: with_source_port(sent.transport, port), ..sent };
        ports.range().map(|port| with_port(port).reply()).find(free)
    }

    /// At this end a rule that is open to everywhere admitted the packet: the flow is untracked there. Lasts as long as
    /// the flow.
    pub(super) fn leave_untracked(&mut self, tracking: &mut Tracking, end: End) {
        match tracking.role(end) {
            Role::Initiator => tracking.entry.initiator_untracked = true,
            Role::Responder => tracking.entry.responder_untracked = true,
        }
        if let Some(entry) = tracking.slot.and_then(|slot| self.entries.get_mut(&slot)) {
            *entry = tracking.entry;
        }
    }

    /// Each flow, the oldest first.
    pub(super) fn connections(&self) -> impl Iterator<Item = Connection> {
        self.entries.values().map(Entry::connection)
    }

    /// Ends connections.
    pub(super) fn purge(&mut self, purges: &[Purge]) {
        let tuples = &mut self.tuples;
        self.entries.retain(|_, entry| {
            let ended = purges.iter().any(|purge| purge.ends(&entry.connection()));
            if ended {
                tuples.remove(&entry.original);
                tuples.remove(&entry.reply);
            }
            !ended
        });
    }
}

enum Role {
    Initiator,
    Responder,
}

impl Tracking {
    /// The state of a packet that belongs to no known flow. An echo reply does not start one.
    fn new(packet: Packet) -> Self {
        let entry = Entry {
            original: packet,
            reply: packet.reply(),
            answered: false,
            initiator_untracked: false,
            responder_untracked: false,
            returns: None,
            own: false,
        };
        let valid = !matches!(packet.transport, Transport::Echo { reply: true, .. });
        Tracking { slot: None, entry, direction: Direction::Original, valid }
    }

    /// Whether packets went both ways.
    pub(super) fn is_established(&self) -> bool {
        self.slot.is_some() && self.entry.answered
    }

    /// Whether the packet is the first of its flow, whose translation is still to be decided.
    pub(super) fn is_first(&self) -> bool {
        self.valid && self.slot.is_none()
    }

    /// Whether the packet only answers, but nothing was asked.
    pub(super) fn is_invalid(&self) -> bool {
        !self.valid
    }

    /// Whether the packet answers.
    pub(super) fn is_reply(&self) -> bool {
        self.direction == Direction::Reply
    }

    /// Whether a process of the namespace began the flow.
    pub(super) fn is_own(&self) -> bool {
        self.entry.own
    }

    /// A process of the namespace sends the packet.
    pub(super) fn begin(&mut self) {
        if self.is_first() {
            self.entry.own = true;
        }
    }

    /// The load balancer that answers go back to.
    pub(super) fn returns(&self) -> Option<ReturnMark> {
        self.entry.returns
    }

    /// Decides that answers go back to a load balancer. Only for a first packet.
    pub(super) fn return_to(&mut self, mark: ReturnMark) {
        if self.is_first() {
            self.entry.returns = Some(mark);
        }
    }

    /// What the flow's initiator sends.
    pub(super) fn asked(&self) -> Packet {
        self.entry.original
    }

    /// Whether the flow goes on under its initiator's address.
    pub(super) fn keeps_source(&self) -> bool {
        self.entry.original.source == self.entry.reply.destination
    }

    /// Whether the destination was translated by the flow's first packet.
    pub(super) fn is_redirected(&self) -> bool {
        let (asked, sent) = (self.entry.original, self.entry.reply.reply());
        (asked.destination, asked.transport.destination_port())
            != (sent.destination, sent.transport.destination_port())
    }

    /// Whether the flow is untracked at this end of the packet.
    pub(super) fn is_untracked(&self, end: End) -> bool {
        match self.role(end) {
            Role::Initiator => self.entry.initiator_untracked,
            Role::Responder => self.entry.responder_untracked,
        }
    }

    fn role(&self, end: End) -> Role {
        match (end, self.direction) {
            (End::Sender, Direction::Original) | (End::Receiver, Direction::Reply) => Role::Initiator,
            (End::Receiver, Direction::Original) | (End::Sender, Direction::Reply) => Role::Responder,
        }
    }

    /// Decides that the flow goes to another address. Only for a first packet.
    pub(super) fn translate_destination(&mut self, to: Ipv4Addr) {
        if self.is_first() {
            self.entry.reply.source = to;
        }
    }

    /// Decides that the flow goes to another address and port. Only for a first packet.
    pub(super) fn redirect(&mut self, to: SocketAddrV4) {
        if self.is_first() {
            let sent = self.entry.reply.reply();
            let transport = match sent.transport {
                Transport::Tcp(from, _) => Transport::Tcp(from, to.port()),
                Transport::Udp(from, _) => Transport::Udp(from, to.port()),
                portless => portless,
            };
            self.entry.reply = Packet { destination: *to.ip(), transport, ..sent }.reply();
        }
    }

    /// Decides that the flow comes from another address. Only for a first packet.
    pub(super) fn translate_source(&mut self, to: Ipv4Addr) {
        if self.is_first() {
            self.entry.reply.destination = to;
        }
    }

    /// The packet as its receiver shall see it.
    fn translated(&self) -> Packet {
        match self.direction {
            Direction::Original => self.entry.reply.reply(),
            Direction::Reply => self.entry.original.reply(),
        }
    }

    /// Translates the destination: what Linux does before routing.
    pub(super) fn before_routing(&self, packet: Packet) -> Packet {
        let Packet { destination, transport, .. } = self.translated();
        Packet { destination, transport: with_destination_port(packet.transport, transport), ..packet }
    }

    /// Translates the source: what Linux does after routing.
    pub(super) fn after_routing(&self, packet: Packet) -> Packet {
        let Packet { source, transport, .. } = self.translated();
        let transport = match transport.source_port() {
            Some(port) => with_source_port(packet.transport, port),
            None => packet.transport,
        };
        Packet { source, transport, ..packet }
    }
}

fn with_source_port(transport: Transport, port: u16) -> Transport {
    match transport {
        Transport::Tcp(_, to) => Transport::Tcp(port, to),
        Transport::Udp(_, to) => Transport::Udp(port, to),
        Transport::Echo { reply, .. } => Transport::Echo { id: port, reply },
        Transport::Other(number) => Transport::Other(number),
    }
}

/// An echo's identifier belongs to the initiator: it goes with its source in requests, with the destination in replies.
fn with_destination_port(transport: Transport, from: Transport) -> Transport {
    match (transport, from) {
        (Transport::Tcp(port, _), Transport::Tcp(_, to)) => Transport::Tcp(port, to),
        (Transport::Udp(port, _), Transport::Udp(_, to)) => Transport::Udp(port, to),
        (Transport::Echo { reply: true, .. }, Transport::Echo { id, .. }) => {
            Transport::Echo { id, reply: true }
        }
        (transport, _) => transport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(source: [u8; 4], destination: [u8; 4], transport: Transport) -> Packet {
        Packet { source: source.into(), destination: destination.into(), transport }
    }

    #[test]
    fn a_dropped_first_packet_leaves_nothing_behind() {
        let mut table = Table::default();
        let first = packet([10, 0, 0, 1], [10, 0, 0, 2], Transport::Tcp(5000, 80));
        assert!(table.track(first).is_first());
        assert!(table.track(first).is_first());
        assert!(table.track(first.reply()).is_first());
    }

    #[test]
    fn a_flow_is_established_by_its_first_answer() {
        let mut table = Table::default();
        let first = packet([10, 0, 0, 1], [10, 0, 0, 2], Transport::Udp(5000, 53));
        table.settle(&mut table.clone().track(first), Ports::Any).expect("ports are free");
        assert!(!table.track(first).is_first());
        assert!(!table.track(first).is_established());
        assert!(table.track(first.reply()).is_established());
        assert!(table.track(first).is_established());
    }

    #[test]
    fn a_taken_port_is_replaced_and_restored_in_the_answer() {
        let mut table = Table::default();
        let nat = Ipv4Addr::new(10, 0, 0, 9);
        let mut sent = Vec::new();
        for source in [[10, 0, 0, 1], [10, 0, 0, 2]] {
            let first = packet(source, [198, 18, 0, 9], Transport::Tcp(5000, 443));
            let mut tracking = table.track(first);
            tracking.translate_source(nat);
            table.settle(&mut tracking, Ports::Within(1024..=u16::MAX)).expect("ports are free");
            sent.push((first, tracking.after_routing(first)));
        }
        let ports: Vec<_> = sent.iter().map(|(_, out)| out.transport.source_port()).collect();
        assert_eq!(ports, [Some(5000), Some(1024)]);
        for (first, out) in sent {
            let tracking = table.track(out.reply());
            assert_eq!(tracking.after_routing(tracking.before_routing(out.reply())), first.reply());
        }
    }

    #[test]
    fn ports_run_out() {
        let mut table = Table::default();
        for (host, expected) in [(1, Ok(())), (2, Ok(())), (3, Err(PortsExhausted))] {
            let first = packet([10, 0, 0, host], [198, 18, 0, 9], Transport::Tcp(5000, 443));
            let mut tracking = table.track(first);
            tracking.translate_source([10, 0, 0, 9].into());
            assert_eq!(table.settle(&mut tracking, Ports::Within(7000..=7001)), expected);
        }
    }

    #[test]
    fn echo_identifiers_are_translated_like_ports() {
        let mut table = Table::default();
        let nat = Ipv4Addr::new(10, 0, 0, 9);
        let echo = Transport::Echo { id: 5000, reply: false };
        for (host, id) in [(1, 5000), (2, 1024)] {
            let request = packet([10, 0, 0, host], [198, 18, 0, 9], echo);
            let mut tracking = table.track(request);
            tracking.translate_source(nat);
            table.settle(&mut tracking, Ports::Within(1024..=u16::MAX)).expect("identifiers are free");
            let out = tracking.after_routing(tracking.before_routing(request));
            assert_eq!((out.source, out.transport), (nat, Transport::Echo { id, reply: false }));
            let tracking = table.track(out.reply());
            assert_eq!(tracking.after_routing(tracking.before_routing(out.reply())), request.reply());
        }
    }

    #[test]
    fn an_echo_reply_starts_no_flow() {
        let mut table = Table::default();
        let reply = packet([10, 0, 0, 1], [10, 0, 0, 2], Transport::Echo { id: 7, reply: true });
        let mut tracking = table.track(reply);
        assert!(!tracking.is_first());
        table.settle(&mut tracking, Ports::Any).expect("nothing to settle");
        assert!(!table.track(reply.reply()).is_established());
    }
}
