//! One question to one server: a datagram, and a stream when the answer does not fit into one.
//!
//! RFC 5452: a new socket with a port of its own for each question, a random id, letters of random case, and only an answer that
//! has all of them right from the address that was asked counts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use enishi_fabric::dns::{Name, RecordType};
use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::reply::Reply;
use super::uplink::{Path, Uplinks};
use crate::LARGEST_UDP;
use crate::request::{CLASS_IN, HEADER};

/// Datagrams that answer something else before the question is asked again over a stream, where they cannot be forged blindly.
const MOST_STRANGERS: usize = 8;
const FORMERR: u8 = 1;

/// What to ask whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) path: &'a Path,
    pub(super) server: SocketAddr,
    pub(super) name: &'a Name,
    pub(super) record_type: RecordType,
    /// Whether the server shall resolve the name itself.
    pub(super) recursive: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// None came in time.
    Silence,
    /// It cannot be reached.
    Unreachable,
    /// What came cannot be read.
    Nonsense,
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Trouble::Unreachable
    }
}

/// Asks, and waits up to `patience` for each of the datagram's and the stream's answer.
pub(super) async fn exchange(
    uplinks: &dyn Uplinks,
    ask: &Ask<'_>,
    patience: Duration,
) -> Result<Reply, Trouble> {
    let query = Query::new(ask, true);
    let reply = attempt(uplinks, ask, &query, patience).await?;
    // RFC 6891, section 7: a server that does not know EDNS says FORMERR without an OPT.
    if reply.rcode == FORMERR && !reply.has_edns() {
        return attempt(uplinks, ask, &Query::new(ask, false), patience).await;
    }
    Ok(reply)
}

async fn attempt(
    uplinks: &dyn Uplinks,
    ask: &Ask<'_>,
    query: &Query,
    patience: Duration,
) -> Result<Reply, Trouble> {
    let datagram = timeout(patience, by_datagram(uplinks, ask, query)).await;
    match datagram.map_err(|_| Trouble::Silence)?? {
        Some(reply) if !reply.truncated => Ok(reply),
        // RFC 7766, section 5: "the resolver SHOULD resend the query over TCP".
        _ => {
            let stream = timeout(patience, by_stream(uplinks, ask, query)).await;
            let reply = stream.map_err(|_| Trouble::Silence)??;
            if reply.truncated { Err(Trouble::Nonsense) } else { Ok(reply) }
        }
    }
}

/// The answer; nothing when a stream has to be tried.
async fn by_datagram(uplinks: &dyn Uplinks, ask: &Ask<'_>, query: &Query) -> Result<Option<Reply>, Trouble> {
    let socket = uplinks.udp(ask.path, ask.server)?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket)?;
    socket.connect(ask.server).await?;
    socket.send(&query.bytes).await?;
    let mut buffer = vec![0; 4096];
    for _ in 0..MOST_STRANGERS {
        let length = socket.recv(&mut buffer).await?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if !query.has_id_of(bytes) {
            continue;
        }
        match Reply::parse(bytes) {
            None => return Err(Trouble::Nonsense),
            Some(reply) if query.is_answered_by(&reply) => return Ok(Some(reply)),
            // The right question in other letters: a server that does not keep them.
            Some(reply) if query.is_alike(&reply) => return Ok(None),
            Some(_) => {}
        }
    }
    Ok(None)
}

async fn by_stream(uplinks: &dyn Uplinks, ask: &Ask<'_>, query: &Query) -> Result<Reply, Trouble> {
    let socket = uplinks.tcp(ask.path, ask.server)?;
    let mut stream = socket.connect(ask.server).await?;
    let length = u16::try_from(query.bytes.len()).map_err(|_| Trouble::Nonsense)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&query.bytes);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    let reply = Reply::parse(&bytes).ok_or(Trouble::Nonsense)?;
    // A stream cannot be forged from afar, so letters do not matter.
    if reply.id == query.id && query.is_alike(&reply) { Ok(reply) } else { Err(Trouble::Nonsense) }
}

/// A query as it is sent.
struct Query {
    bytes: Vec<u8>,
    id: u16,
    /// The name in the letters that were sent.
    name: Vec<u8>,
    record_type: RecordType,
}

impl Query {
    fn new(ask: &Ask<'_>, edns: bool) -> Self {
        let mut random = rand::rng();
        let mut secret = [0u8; 34];
        random.fill_bytes(&mut secret);
        let [id_high, id_low, case @ ..] = secret;
        let name = in_random_case(ask.name.as_wire(), &case);
        let mut bytes =
            vec![id_high, id_low, u8::from(ask.recursive), 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
        debug_assert_eq!(bytes.len(), HEADER);
        bytes.extend_from_slice(&name);
        bytes.extend_from_slice(&ask.record_type.0.to_be_bytes());
        bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
        if edns {
            bytes.extend_from_slice(&[0, 0, RecordType::OPT.0 as u8]);
            bytes.extend_from_slice(&(LARGEST_UDP as u16).to_be_bytes());
            bytes.extend_from_slice(&[0; 6]);
        }
        Query { bytes, id: u16::from_be_bytes([id_high, id_low]), name, record_type: ask.record_type }
    }

    fn has_id_of(&self, answer: &[u8]) -> bool {
        answer.starts_with(&self.id.to_be_bytes())
    }

    fn is_answered_by(&self, reply: &Reply) -> bool {
        reply.id == self.id && reply.question == self.name && self.is_alike(reply)
    }

    fn is_alike(&self, reply: &Reply) -> bool {
        reply.question.eq_ignore_ascii_case(&self.name)
            && reply.question_type == self.record_type
            && reply.question_class == CLASS_IN
    }
}

/// Flips letters by the bits of `case`. Length bytes are below 64 and so no letters.
fn in_random_case(name: &[u8], case: &[u8; 32]) -> Vec<u8> {
    let bits = case.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    name.iter()
        .zip(bits)
        .map(|(byte, bit)| if byte.is_ascii_alphabetic() { byte ^ bit << 5 } else { *byte })
        .collect()
}
