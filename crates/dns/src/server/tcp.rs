//! DNS over TCP (RFC 7766): two bytes of length before each message, many queries on a connection, answered in order.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Answers, Arrival, Responder, Said};
use crate::answer::Transport;
use crate::entropy::Entropy;

/// Connections that one listener serves at a time; others wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a connection may be without a whole query, or an answer without being taken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves on `listener`, made in the right namespace, until the future is dropped.
///
/// # Errors
/// The listener cannot be registered with the runtime.
pub async fn serve(listener: TcpListener, responder: Responder, seed: u64) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    accept(tokio::net::TcpListener::from_std(listener)?, responder, seed).await;
    Ok(())
}

/// Accepts connections and serves them, until the future is dropped; then they end, too.
pub(super) async fn accept<A: Answers>(listener: tokio::net::TcpListener, answers: A, seed: u64) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    for number in 0u64.. {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, or the client is gone: give others the time to close theirs.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let client = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let answers = answers.clone();
        connections.spawn(async move {
            let _place = place;
            // A client that goes away or sends nonsense is no one's error but its own.
            let _ = converse(stream, client, &answers, Entropy::seeded(seed ^ number)).await;
        });
    }
}

async fn converse<A: Answers>(
    mut stream: TcpStream,
    client: SocketAddr,
    answers: &A,
    mut entropy: Entropy,
) -> io::Result<()> {
    // A socket that listens on any address takes the one that the client connected to.
    let server = stream.local_addr()?.ip().to_canonical();
    let arrival = Arrival { client, server, transport: Transport::Tcp };
    let (mut query, mut answer, mut framed) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        timeout(PATIENCE, read_message(&mut stream, &mut query)).await??;
        match answers.answer(&query, &arrival, &mut entropy, &mut answer) {
            Said::Answer => {}
            Said::Nothing => return Ok(()),
            Said::Later(pending) => match pending.await {
                Some(made) => answer = made,
                None => return Ok(()),
            },
        }
        let Ok(length) = u16::try_from(answer.len()) else { return Ok(()) };
        framed.clear();
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&answer);
        // RFC 7766, section 8: length and message in one segment.
        timeout(PATIENCE, stream.write_all(&framed)).await??;
    }
}

async fn read_message(stream: &mut TcpStream, query: &mut Vec<u8>) -> io::Result<()> {
    let length = stream.read_u16().await?;
    query.resize(usize::from(length), 0);
    stream.read_exact(query).await?;
    Ok(())
}
