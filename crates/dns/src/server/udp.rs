//! One UDP socket's thread.

use std::io::{self, PipeReader};
use std::net::UdpSocket;
use std::sync::Arc;

use super::batch::{Batch, prepare, wait};
use super::{Answers, Arrival};
use crate::answer::Transport;
use crate::entropy::Entropy;

/// A UDP socket and what answers what comes by it.
pub(super) struct Bound<A> {
    socket: UdpSocket,
    answers: A,
    /// Where the socket is bound: the address that a datagram was sent to when the kernel does not say.
    local: std::net::IpAddr,
}

impl<A: Answers> Bound<A> {
    pub(super) fn new(socket: UdpSocket, answers: A) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        prepare(&socket)?;
        let local = socket.local_addr()?.ip();
        Ok(Bound { socket, answers, local })
    }

    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Takes what is there, at most a batch, and answers it; what cannot be answered at once when it can be. Says whether there
    /// may be more.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when nothing is there, or what is wrong with the socket.
    pub(super) fn serve(self: &Arc<Self>, batch: &mut Batch, entropy: &mut Entropy) -> io::Result<bool> {
        let more = batch.receive(&self.socket)?;
        batch.answer(
            |query, client, server, out| {
                let server = server.unwrap_or(self.local);
                let arrival = Arrival { client, server, transport: Transport::Udp };
                self.answers.answer(query, &arrival, entropy, out)
            },
            |pending, way_back| {
                let Some(runtime) = self.answers.runtime() else { return };
                // An answer to come does not keep the socket open: its address may be wanted again.
                let bound = Arc::downgrade(self);
                runtime.spawn(async move {
                    if let (Some(mut answer), Some(bound)) = (pending.await, bound.upgrade()) {
                        way_back.send(&bound.socket, &mut answer);
                    }
                });
            },
        );
        batch.send(&self.socket);
        Ok(more)
    }
}

/// Serves until the pipe closes or the socket fails.
pub(super) fn run<A: Answers>(bound: &Arc<Bound<A>>, stopped: &PipeReader, mut entropy: Entropy) {
    let mut batch = Batch::new();
    loop {
        let waited = match bound.serve(&mut batch, &mut entropy) {
            Ok(true) => continue,
            Ok(false) => wait(&bound.socket, stopped),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&bound.socket, stopped),
            Err(error) if is_transient(&error) => continue,
            Err(error) => Err(error),
        };
        match waited {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "a DNS socket failed");
                return;
            }
        }
    }
}

/// Whether an error is about an earlier answer (an ICMP message), or a signal.
pub(super) fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}
