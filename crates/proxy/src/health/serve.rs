//! Moves bytes between a probe and a socket.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::core::Probe;
use super::{Failure, Outcome, ProbeSpec, Protocol, TlsClient, http2};

/// Bytes that are read at once.
const PIECE: usize = 4096;

/// Probes the endpoint that `connect` connects to. Nothing comes of it when there is no network to probe from: `connect` says so
/// by `NotConnected`, which no endpoint can bring about.
pub async fn probe(
    spec: Arc<ProbeSpec>,
    tls: &TlsClient,
    connect: impl Future<Output = io::Result<TcpStream>>,
) -> Option<Outcome> {
    let mut probe = Probe::new(spec.clone(), Instant::now());
    match timeout_at(probe.deadline().into(), connect).await {
        Err(_) => probe.elapsed(),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotConnected => return None,
        Ok(Err(error)) => probe.broke(error.kind()),
        Ok(Ok(stream)) if matches!(spec.protocol, Protocol::Http2 { .. } | Protocol::Grpc { .. }) => {
            let exchange = http2::exchange(&spec.protocol, tls, stream);
            let deadline = spec.timeouts.status(probe.deadline(), Instant::now());
            let outcome = timeout_at(deadline.into(), exchange).await;
            return Some(outcome.unwrap_or(Outcome::Failed(Failure::StatusTimeout)));
        }
        Ok(Ok(stream)) => {
            probe.connected(tls, Instant::now());
            talk(&mut probe, &stream).await;
        }
    }
    probe.outcome().cloned()
}

/// Until there is an outcome.
async fn talk(probe: &mut Probe, stream: &TcpStream) {
    let mut piece = [0u8; PIECE];
    while probe.outcome().is_none() {
        let writes = !probe.outgoing().is_empty();
        let interest = if writes { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        match timeout_at(probe.deadline().into(), stream.ready(interest)).await {
            Err(_) => probe.elapsed(),
            Ok(Err(error)) => probe.broke(error.kind()),
            Ok(Ok(ready)) => {
                if writes && ready.is_writable() {
                    write(probe, stream);
                }
                if ready.is_readable() {
                    read(probe, stream, &mut piece);
                }
            }
        }
        // A socket that is always ready must not outlast the deadline.
        if probe.deadline() <= Instant::now() && probe.outcome().is_none() {
            probe.elapsed();
        }
    }
    // What ends a handshake is sent, as far as it can be at once.
    write(probe, stream);
}

fn write(probe: &mut Probe, stream: &TcpStream) {
    match stream.try_write(probe.outgoing()) {
        Ok(count) => probe.sent(count),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        // Whoever does not read may have answered all the same.
        Err(_) => probe.sent(usize::MAX),
    }
}

fn read(probe: &mut Probe, stream: &TcpStream, piece: &mut [u8]) {
    match stream.try_read(piece) {
        Ok(0) => probe.ended(),
        Ok(count) => probe.receive(piece.get(..count).unwrap_or_default(), Instant::now()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => probe.broke(error.kind()),
    }
}
