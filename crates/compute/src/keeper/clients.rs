//! The connections of the keeper's clients.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::channel::{self, Datagram};
use crate::error::Refusal;
use crate::protocol::{Event, Message, Reply};

/// More clients than this are turned away.
const MAX_CLIENTS: usize = 256;
/// A client that leaves this many messages unread is cut off.
const MAX_UNREAD: usize = 4096;

/// Names a connection for as long as the keeper lives; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientId(u64);

/// Where a reply goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReplyTo {
    pub(super) client: ClientId,
    pub(super) seq: u64,
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    connections: BTreeMap<ClientId, Connection>,
    next: u64,
}

#[derive(Debug)]
struct Connection {
    socket: OwnedFd,
    outbox: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
    subscribed: bool,
    broken: bool,
}

impl Clients {
    /// Takes in all who wait at the listener.
    pub(super) fn accept(&mut self, listener: &OwnedFd) {
        // An error other than "try again" concerns one connection; the next round of the loop sees the rest.
        while let Ok(socket) = channel::accept(listener) {
            if self.connections.len() >= MAX_CLIENTS || !is_one_of_us(&socket) {
                continue;
            }
            let connection = Connection { socket, outbox: VecDeque::new(), subscribed: false, broken: false };
            self.connections.insert(ClientId(self.next), connection);
            self.next += 1;
        }
    }

    /// What to poll: each connection, and whether something waits to be sent on it.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (ClientId, BorrowedFd<'_>, bool)> {
        self.connections.iter().map(|(id, client)| (*id, client.socket.as_fd(), !client.outbox.is_empty()))
    }

    /// One request of a client, if there is one. A client that has gone or sends nonsense is marked broken.
    pub(super) fn receive(&mut self, id: ClientId) -> Option<Datagram> {
        let connection = self.connections.get_mut(&id)?;
        match channel::receive(&connection.socket) {
            Ok(Some(datagram)) => Some(datagram),
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            Ok(None) | Err(_) => {
                connection.broken = true;
                None
            }
        }
    }

    pub(super) fn reply(&mut self, to: ReplyTo, result: Result<(Reply, Option<OwnedFd>), Refusal>) {
        let (result, descriptor) = match result {
            Ok((reply, descriptor)) => (Ok(reply), descriptor),
            Err(refusal) => (Err(refusal), None),
        };
        self.send(to.client, &Message::Reply { seq: to.seq, result }, descriptor);
    }

    pub(super) fn tell(&mut self, id: ClientId, event: Event) {
        self.send(id, &Message::Event(event), None);
    }

    pub(super) fn tell_subscribers(&mut self, event: &Event) {
        let subscribed: Vec<ClientId> =
            self.connections.iter().filter(|(_, client)| client.subscribed).map(|(id, _)| *id).collect();
        for id in subscribed {
            self.tell(id, event.clone());
        }
    }

    pub(super) fn subscribe(&mut self, id: ClientId) {
        if let Some(client) = self.connections.get_mut(&id) {
            client.subscribed = true;
        }
    }

    pub(super) fn mark_broken(&mut self, id: ClientId) {
        if let Some(client) = self.connections.get_mut(&id) {
            client.broken = true;
        }
    }

    /// Sends what was left unsent, as far as the client takes it.
    pub(super) fn flush(&mut self, id: ClientId) {
        let Some(client) = self.connections.get_mut(&id) else { return };
        while let Some((bytes, descriptor)) = client.outbox.front() {
            match transmit(&client.socket, bytes, descriptor.as_ref()) {
                Ok(()) => drop(client.outbox.pop_front()),
                Err(Errno::EAGAIN) => return,
                Err(_) => {
                    client.broken = true;
                    return;
                }
            }
        }
    }

    /// Lets go of the broken connections and says which they were.
    pub(super) fn bury(&mut self) -> Vec<ClientId> {
        let gone: Vec<ClientId> =
            self.connections.iter().filter(|(_, client)| client.broken).map(|(id, _)| *id).collect();
        for id in &gone {
            self.connections.remove(id);
        }
        gone
    }

    fn send(&mut self, id: ClientId, message: &Message, descriptor: Option<OwnedFd>) {
        let Some(client) = self.connections.get_mut(&id) else { return };
        // Our own types always serialise; if not, the client notices by its missing reply.
        let Ok(bytes) = serde_json::to_vec(message) else { return };
        if client.outbox.len() >= MAX_UNREAD {
            client.broken = true;
            return;
        }
        client.outbox.push_back((bytes, descriptor));
        self.flush(id);
    }
}

fn transmit(socket: &OwnedFd, bytes: &[u8], descriptor: Option<&OwnedFd>) -> nix::Result<()> {
    match descriptor {
        Some(fd) => channel::send(socket, bytes, &[fd.as_fd()]),
        None => channel::send(socket, bytes, &[]),
    }
}

/// Only our own user may ask anything, and never from inside an instance: root there is the same user, but its pid is one of
/// several (`NSpid` in proc_pid_status(5) lists one per nested pid namespace).
fn is_one_of_us(socket: &OwnedFd) -> bool {
    let Ok(peer) = channel::peer(socket) else { return false };
    let status = fs::read_to_string(format!("/proc/{}/status", peer.pid())).unwrap_or_default();
    let pids = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .map(|pids| pids.split_whitespace().count());
    peer.uid() == geteuid().as_raw() && pids == Some(1)
}
