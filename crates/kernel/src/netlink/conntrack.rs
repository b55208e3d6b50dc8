//! The connection tracking family (`linux/netfilter/nfnetlink_conntrack.h`): forgetting connections by address.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;

use nix::errno::Errno;

use super::message::{Attributes, Message, Received};
use super::socket::Socket;

const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
const FIXED: usize = 4;
const HEADER: [u8; FIXED] = [2, 0, 0, 0];

const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const IDENTITY: u16 = 12;
const ZONE: u16 = 18;
const TUPLE_ADDRESSES: u16 = 1;
const SOURCE: u16 = 1;
const DESTINATION: u16 = 2;

/// Forgets every connection that has one of these addresses on either side of either direction. Returns how many.
pub(crate) fn forget(socket: &mut Socket, addresses: &BTreeSet<Ipv4Addr>) -> io::Result<usize> {
    let request = Message::new(GET, 0).fixed(&HEADER);
    let mut deletions: Vec<Message> = socket.dump(request, Vec::new, |deletions, entry| {
        if uses(entry, addresses) {
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

/// Forgets every connection of the namespace.
pub(crate) fn forget_all(socket: &mut Socket) -> io::Result<()> {
    let outcomes = socket.requests(&mut [Message::new(DELETE, 0).fixed(&HEADER)])?;
    outcomes.into_iter().try_for_each(|outcome| outcome.map_err(io::Error::from))
}

fn uses(entry: Received<'_>, addresses: &BTreeSet<Ipv4Addr>) -> bool {
    let attributes = entry.attributes(FIXED);
    [ORIGINAL, REPLY].iter().filter_map(|kind| attributes.find_kind(*kind)).any(|tuple| {
        let parts = Attributes(Attributes(tuple).find_kind(TUPLE_ADDRESSES).unwrap_or_default());
        [SOURCE, DESTINATION].iter().filter_map(|kind| parts.find_kind(*kind)).any(|bytes| {
            <[u8; 4]>::try_from(bytes).is_ok_and(|octets| addresses.contains(&Ipv4Addr::from(octets)))
        })
    })
}

/// The request that deletes just this entry: its number guards against a new one with the same tuple.
fn delete(entry: Received<'_>) -> Message {
    let mut message = Message::new(DELETE, 0).fixed(&HEADER);
    let attributes = entry.attributes(FIXED);
    for kind in [ORIGINAL, IDENTITY, ZONE] {
        if let Some(payload) = attributes.find_kind(kind) {
            if kind == ORIGINAL {
                message.nest(kind, |tuple| tuple.raw(payload));
            } else {
                message.attribute(kind, payload);
            }
        }
    }
    message
}
