//! DNS over TCP (RFC 7766): two bytes of length before each message, many queries on a connection. What is known is answered in
//! order; what has to be asked of others is answered when it is known, and holds up nothing else.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Answers, Arrival, Responder, Said};
use crate::answer::Transport;
use crate::entropy::Entropy;

/// Connections that one listener serves at a time; others wait to be accepted.
const CONNECTIONS: usize = 256;
/// Those of one client: nobody keeps the others out.
const CONNECTIONS_OF_ONE: usize = 64;
/// Queries of a connection that are being answered at a time; more are not read before.
const PIPELINED: usize = 16;
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
    let clients = Clients::default();
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
        let Some(guest) = clients.admit(client.ip()) else { continue };
        let answers = answers.clone();
        connections.spawn(async move {
            let _places = (place, guest);
            // A client that goes away or sends nonsense is no one's error but its own.
            let _ = converse(stream, client, &answers, Entropy::seeded(seed ^ number)).await;
        });
    }
}

/// How many connections each client has.
#[derive(Clone, Default)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection that counts while this lives.
struct Guest {
    clients: Clients,
    address: IpAddr,
}

impl Clients {
    fn admit(&self, address: IpAddr) -> Option<Guest> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count == CONNECTIONS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Guest { clients: self.clone(), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What a connection is at: bytes that came, and answers that are being made.
struct Conversation {
    stream: TcpStream,
    inbox: Vec<u8>,
    pending: JoinSet<Option<Vec<u8>>>,
    framed: Vec<u8>,
}

async fn converse<A: Answers>(
    stream: TcpStream,
    client: SocketAddr,
    answers: &A,
    mut entropy: Entropy,
) -> io::Result<()> {
    // A socket that listens on any address takes the one that the client connected to.
    let server = stream.local_addr()?.ip().to_canonical();
    let arrival = Arrival { client, server, transport: Transport::Tcp };
    let (inbox, framed) = (Vec::new(), Vec::new());
    let mut conversation = Conversation { stream, inbox, pending: JoinSet::new(), framed };
    let (mut query, mut answer) = (Vec::new(), Vec::new());
    let mut deadline = Instant::now() + PATIENCE;
    let mut is_open = true;
    while is_open || !conversation.pending.is_empty() {
        // RFC 7766, section 6.2.1.1: "The server SHOULD process TCP queries concurrently, just as it would for UDP."
        while conversation.pending.len() < PIPELINED && take_message(&mut conversation.inbox, &mut query) {
            deadline = Instant::now() + PATIENCE;
            match answers.answer(&query, &arrival, &mut entropy, &mut answer) {
                Said::Answer => conversation.send(&answer).await?,
                Said::Nothing => return Ok(()),
                Said::Later(pending) => drop(conversation.pending.spawn(pending)),
            }
        }
        let has_room = conversation.pending.len() < PIPELINED;
        tokio::select! {
            read = conversation.stream.read_buf(&mut conversation.inbox), if is_open && has_room => {
                // The client has no more to say; what it asked for is still answered.
                is_open = read? > 0;
            }
            Some(made) = conversation.pending.join_next() => {
                let Ok(Some(made)) = made else { return Ok(()) };
                conversation.send(&made).await?;
                deadline = Instant::now() + PATIENCE;
            }
            () = sleep_until(deadline), if conversation.pending.is_empty() => return Ok(()),
        }
    }
    Ok(())
}

impl Conversation {
    async fn send(&mut self, answer: &[u8]) -> io::Result<()> {
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        self.framed.clear();
        self.framed.extend_from_slice(&length.to_be_bytes());
        self.framed.extend_from_slice(answer);
        // RFC 7766, section 8: length and message in one segment.
        timeout(PATIENCE, self.stream.write_all(&self.framed)).await?
    }
}

/// Takes the first message out of what came, if it is whole. What came is never much longer than a message: nothing more is read
/// before it is taken.
fn take_message(inbox: &mut Vec<u8>, message: &mut Vec<u8>) -> bool {
    let Some((length, rest)) = inbox.split_first_chunk::<2>() else { return false };
    let length = usize::from(u16::from_be_bytes(*length));
    let Some(whole) = rest.get(..length) else { return false };
    message.clear();
    message.extend_from_slice(whole);
    inbox.drain(..2 + length);
    true
}
