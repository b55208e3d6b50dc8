//! Connections to targets, and the ones that wait for their next request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::balancer::{TargetProtocol, TargetVersion};
use tokio::time::{Instant, timeout};

use super::buffer::Buffer;
use super::http2::Http2Target;
use super::local::Local;
use super::stream::{Io, Stream};
use crate::balancer::http1::ResponseParser;
use crate::balancer::snapshot::{Group, TargetPlan, TargetState};

/// "The load balancer failed to establish a connection to the target before the connection timeout expired (10 seconds)."
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// How many connections to one target wait at most, at each worker.
const IDLE: usize = 512;

/// A connection to a target that speaks HTTP/1.
#[derive(Debug)]
pub(super) struct Http1Target {
    pub(super) io: Io,
    pub(super) input: Buffer,
    pub(super) out: Vec<u8>,
    pub(super) parser: ResponseParser,
}

/// A target that can be asked.
#[derive(Debug)]
pub(super) enum Target {
    Http1(Box<Http1Target>),
    Http2(Http2Target),
}

/// Why a target cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    /// It refuses, or cannot be reached: 502.
    Refused,
    /// It does not answer: 504.
    Silent,
    /// TLS does not come about: 502.
    Tls,
}

/// One worker's waiting connections.
#[derive(Default)]
pub(super) struct Pools {
    idle: RefCell<HashMap<usize, Waiting>>,
}

struct Waiting {
    /// Keeps the key, which is its address, from being used again.
    state: Arc<TargetState>,
    http1: Vec<(Instant, Box<Http1Target>)>,
    http2: Vec<Http2Target>,
}

fn key(state: &Arc<TargetState>) -> usize {
    Arc::as_ptr(state).addr()
}

impl Pools {
    /// The connection that was used last, if one is alive.
    fn take_http1(&self, state: &Arc<TargetState>) -> Option<Box<Http1Target>> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&key(state))?;
        while let Some((_, target)) = waiting.http1.pop() {
            if target.io.is_quiet() {
                return Some(target);
            }
        }
        None
    }

    fn take_http2(&self, state: &Arc<TargetState>) -> Option<Http2Target> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&key(state))?;
        waiting.http2.retain(Http2Target::is_open);
        waiting.http2.iter().find(|target| target.has_room()).cloned()
    }

    /// Keeps a connection for the next request.
    pub(super) fn give(&self, state: &Arc<TargetState>, mut target: Box<Http1Target>) {
        if state.is_gone() {
            return;
        }
        target.input.release();
        target.parser.reset();
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.entry(key(state)).or_insert_with(|| Waiting::new(state));
        if waiting.http1.len() < IDLE {
            waiting.http1.push((Instant::now(), target));
        }
    }

    fn share(&self, state: &Arc<TargetState>, target: &Http2Target) {
        let mut idle = self.idle.borrow_mut();
        idle.entry(key(state)).or_insert_with(|| Waiting::new(state)).http2.push(target.clone());
    }

    /// Ends what waits longer than `limit`, was ended by its target, or belongs to a target that is gone.
    pub(super) fn sweep(&self, limit: Duration) {
        let now = Instant::now();
        self.idle.borrow_mut().retain(|_, waiting| {
            if waiting.state.is_gone() {
                return false;
            }
            waiting
                .http1
                .retain(|(since, target)| now.duration_since(*since) < limit && target.io.is_quiet());
            waiting.http2.retain(|target| target.is_open() && !target.is_idle_for(now, limit));
            !(waiting.http1.is_empty() && waiting.http2.is_empty())
        });
    }
}

impl Waiting {
    fn new(state: &Arc<TargetState>) -> Self {
        Waiting { state: state.clone(), http1: Vec::new(), http2: Vec::new() }
    }
}

/// A connection to a target that waits, if `may_reuse`; those of HTTP/2 are shared in any case.
pub(super) fn waiting(local: &Local, group: &Group, plan: &TargetPlan, may_reuse: bool) -> Option<Target> {
    match group.config.version {
        TargetVersion::Http1 if may_reuse => local.pools.take_http1(&plan.state).map(Target::Http1),
        TargetVersion::Http1 => None,
        TargetVersion::Http2 | TargetVersion::Grpc => local.pools.take_http2(&plan.state).map(Target::Http2),
    }
}

/// A new connection to a target.
pub(super) async fn begin(local: &Local, group: &Group, plan: &TargetPlan) -> Result<Target, Unreachable> {
    let is_http2 = group.config.version != TargetVersion::Http1;
    let is_tls = matches!(group.config.protocol, TargetProtocol::Https | TargetProtocol::Tls);
    let stream = connect(local, plan.address, None, is_tls, is_http2).await?;
    if is_http2 {
        let target = Http2Target::begin(stream).await.map_err(|_| Unreachable::Refused)?;
        local.pools.share(&plan.state, &target);
        return Ok(Target::Http2(target));
    }
    Ok(Target::Http1(Box::new(Http1Target {
        io: Io::new(stream),
        input: Buffer::new(local.worker.buffers.clone()),
        out: Vec::with_capacity(1024),
        parser: ResponseParser::default(),
    })))
}

/// Connects, under the address of `client` if given, and over TLS if wanted. "SSL handshake timeout (10 seconds)"
pub(super) async fn connect(
    local: &Local,
    address: SocketAddrV4,
    client: Option<SocketAddrV4>,
    is_tls: bool,
    is_http2: bool,
) -> Result<Stream, Unreachable> {
    let connected = timeout(CONNECT, local.shared.connector.connect(address, client)).await;
    let stream = match connected {
        Err(_) => return Err(Unreachable::Silent),
        Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => return Err(Unreachable::Silent),
        Ok(Err(_)) => return Err(Unreachable::Refused),
        Ok(Ok(stream)) => stream,
    };
    // Whatever is written is a whole message or as much of it as there is.
    let _ = stream.set_nodelay(true);
    if !is_tls {
        return Ok(Stream::Plain(stream));
    }
    let handshake = local.shared.target_tls.connect(stream, is_http2);
    match timeout(CONNECT, handshake).await {
        Ok(Ok(stream)) => Ok(Stream::Client(Box::new(stream))),
        Ok(Err(_)) | Err(_) => Err(Unreachable::Tls),
    }
}
