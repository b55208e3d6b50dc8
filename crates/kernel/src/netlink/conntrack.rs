//! The connection tracking family (`linux/netfilter/nfnetlink_conntrack.h`): forgetting and counting connections.

use std::io;
use std::net::Ipv4Addr;

use enishi_fabric::{Packet, Transport};
use nix::errno::Errno;

use super::message::{Attributes, Message, Received, net_number};
use super::socket::Socket;

const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
const FIXED: usize = 4;
const HEADER: [u8; FIXED] = [2, 0, 0, 0];

const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const STATE: u16 = 4;
const STATE_TCP: u16 = 1;
const TCP_STATE: u16 = 1;
/// `TCP_CONNTRACK_SYN_SENT`, and with `SYN_RECV` between them `TCP_CONNTRACK_ESTABLISHED`.
const SYN_SENT: u8 = 1;
const ESTABLISHED: u8 = 3;
const MARK: u16 = 8;
const IDENTITY: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const SOURCE: u16 = 1;
const DESTINATION: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
const ICMP_IDENTIFIER: u16 = 4;
const ICMP_TYPE: u16 = 5;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// Counts flows whose destination was translated: those of TCP that began and did not end, and those of UDP.
pub(crate) fn redirected(socket: &mut Socket) -> io::Result<(u64, u64)> {
    let request = Message::new(GET, 0).fixed(&HEADER);
    socket.dump(
        request,
        || (0, 0),
        |(tcp, udp), entry| {
            let attributes = entry.attributes(FIXED);
            let tuple = |kind| attributes.find_kind(kind).and_then(|bytes| parse_tuple(Attributes(bytes)));
            let (Some(original), Some(reply)) = (tuple(ORIGINAL), tuple(REPLY)) else { return };
            let is_redirected = original.destination != reply.source
                || original.transport.destination_port() != reply.transport.source_port();
            match original.transport {
                Transport::Tcp(..) if is_redirected && is_open(attributes) => *tcp += 1,
                Transport::Udp(..) if is_redirected => *udp += 1,
                _ => {}
            }
        },
    )
}

/// Whether a TCP connection is being made or there.
fn is_open(entry: Attributes<'_>) -> bool {
    let state = || Attributes(Attributes(entry.find_kind(STATE)?).find_kind(STATE_TCP)?).find_kind(TCP_STATE);
    matches!(state(), Some([SYN_SENT..=ESTABLISHED, ..]))
}

/// Forgets every connection for which `ends` says so of its original tuple, its reply tuple and its mark. Returns how many.
pub(crate) fn forget(socket: &mut Socket, ends: impl Fn(Packet, Packet, u32) -> bool) -> io::Result<usize> {
    let request = Message::new(GET, 0).fixed(&HEADER);
    let mut deletions: Vec<Message> = socket.dump(request, Vec::new, |deletions, entry| {
        let attributes = entry.attributes(FIXED);
        let tuple = |kind| attributes.find_kind(kind).and_then(|bytes| parse_tuple(Attributes(bytes)));
        let mark = attributes.find_kind(MARK).and_then(net_number).unwrap_or(0);
        if let (Some(original), Some(reply)) = (tuple(ORIGINAL), tuple(REPLY))
            && ends(original, reply, mark)
        {
            deletions.push(delete(entry));
        }
    })?;
    let outcomes = socket.requests(&mut deletions)?;
    for outcome in &outcomes {
        match outcome {
            // Gone by itself meanwhile.
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err((*error).into()),
        }
    }
    Ok(outcomes.len())
}

fn parse_tuple(tuple: Attributes<'_>) -> Option<Packet> {
    let addresses = Attributes(tuple.find_kind(TUPLE_ADDRESSES)?);
    let address = |kind| Some(Ipv4Addr::from(<[u8; 4]>::try_from(addresses.find_kind(kind)?).ok()?));
    let protocol = Attributes(tuple.find_kind(TUPLE_PROTOCOL)?);
    let short = |kind| Some(u16::from_be_bytes(protocol.find_kind(kind)?.try_into().ok()?));
    let byte = |kind| protocol.find_kind(kind).and_then(|bytes| bytes.first().copied());
    let ports = || Some((short(SOURCE_PORT)?, short(DESTINATION_PORT)?));
    let transport = match (byte(PROTOCOL_NUMBER)?, byte(ICMP_TYPE)) {
        (TCP, _) => ports().map(|(from, to)| Transport::Tcp(from, to))?,
        (UDP, _) => ports().map(|(from, to)| Transport::Udp(from, to))?,
        (ICMP, Some(kind @ (ECHO_REPLY | ECHO_REQUEST))) => {
            Transport::Echo { id: short(ICMP_IDENTIFIER)?, reply: kind == ECHO_REPLY }
        }
        (number, _) => Transport::Other(number),
    };
    Some(Packet { source: address(SOURCE)?, destination: address(DESTINATION)?, transport })
}

/// The request that deletes just this entry: its number guards against a new one with the same tuple.
fn delete(entry: Received<'_>) -> Message {
    let mut message = Message::new(DELETE, 0).fixed(&HEADER);
    let attributes = entry.attributes(FIXED);
    for kind in [ORIGINAL, IDENTITY, ZONE] {
        match attributes.find_kind(kind) {
            Some(tuple) if kind == ORIGINAL => message.nest(kind, |nest| nest.raw(tuple)),
            Some(number) => message.attribute(kind, number),
            None => {}
        }
    }
    message
}
