//! One UDP socket's thread.

use std::io::{self, PipeReader};
use std::net::UdpSocket;

use super::batch::{Batch, prepare, wait};
use super::{Path, Responder};
use crate::answer::Transport;
use crate::entropy::Entropy;

/// A socket and what answers it.
pub(super) struct Worker {
    socket: UdpSocket,
    stopped: PipeReader,
    responder: Responder,
    entropy: Entropy,
    /// Where the socket is bound: the address that a datagram was sent to when the kernel does not say.
    local: std::net::IpAddr,
}

impl Worker {
    pub(super) fn new(
        socket: UdpSocket,
        stopped: PipeReader,
        responder: Responder,
        entropy: Entropy,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        prepare(&socket)?;
        let local = socket.local_addr()?.ip();
        Ok(Worker { socket, stopped, responder, entropy, local })
    }

    /// Serves until the pipe closes or the socket fails.
    pub(super) fn run(mut self) {
        let mut batch = Batch::new();
        loop {
            match batch.receive(&self.socket) {
                Ok(()) => self.serve(&mut batch),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match wait(&self.socket, &self.stopped) {
                        Ok(true) => {}
                        Ok(false) => return,
                        Err(error) => {
                            tracing::warn!(%error, "a DNS socket cannot be waited for");
                            return;
                        }
                    }
                }
                // An ICMP error of an earlier answer, or a signal.
                Err(error) if transient(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a DNS socket failed");
                    return;
                }
            }
        }
    }

    fn serve(&mut self, batch: &mut Batch) {
        let Worker { responder, entropy, local, .. } = self;
        batch.answer(|query, client, server, out| {
            let path = Path { client, server: server.unwrap_or(*local), transport: Transport::Udp };
            responder.respond(query, &path, entropy, out)
        });
        batch.send(&self.socket);
    }
}

fn transient(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error.kind(), Interrupted | ConnectionRefused | HostUnreachable | NetworkUnreachable)
}
