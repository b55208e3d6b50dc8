//! Connections to targets, and the ones that wait for their next request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::balancer::{TargetProtocol, TargetVersion};
use tokio::time::{Instant, timeout};

use super::buffer::{self, Buffer};
use super::http2::Http2Target;
use super::local::{Local, Worker};
use super::stream::{Io, Stream};
use crate::balancer::http1::ResponseParser;
use crate::balancer::snapshot::{Group, TargetPlan, TargetState};

/// "The load balancer failed to establish a connection to the target before the connection timeout expired (10 seconds)."
pub(super) const CONNECT: Duration = Duration::from_secs(10);
/// How many exchanges' memory a worker keeps.
const MEMORIES: usize = 256;

/// A connection to a target that speaks HTTP/1.
#[derive(Debug)]
pub(super) struct Http1Target {
    pub(super) io: Io,
    pub(super) memory: Box<Memory>,
}

/// What an exchange over HTTP/1 works in. It is the worker's and not the connection's: a few stay in its caches and serve thousands of
/// connections, which hold nothing while they wait.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) input: Buffer,
    pub(super) out: Vec<u8>,
    pub(super) parser: ResponseParser,
}

impl Worker {
    fn memory(&self) -> Box<Memory> {
        let unused = self.memories.borrow_mut().pop();
        unused.unwrap_or_else(|| {
            let input = Buffer::new(self.buffers.clone());
            Box::new(Memory { input, out: Vec::with_capacity(1024), parser: ResponseParser::default() })
        })
    }

    fn recycle(&self, mut memory: Box<Memory>) {
        let mut memories = self.memories.borrow_mut();
        if memories.len() < MEMORIES && memory.input.is_empty() && memory.out.capacity() <= buffer::SIZE {
            memory.input.release();
            memory.parser.reset();
            memories.push(memory);
        }
    }
}

/// A target that can be asked.
#[derive(Debug)]
pub(super) enum Target {
    Http1(Http1Target),
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

/// One worker's connections to targets that speak HTTP/2. Those of HTTP/1 wait in [`TargetState`].
#[derive(Default)]
pub(super) struct Pools {
    open: RefCell<HashMap<usize, Open>>,
}

struct Open {
    /// Keeps the key, which is its address, from being used again.
    state: Arc<TargetState>,
    targets: Vec<Http2Target>,
}

fn key(state: &Arc<TargetState>) -> usize {
    Arc::as_ptr(state).addr()
}

impl Pools {
    fn take(&self, state: &Arc<TargetState>) -> Option<Http2Target> {
        let mut open = self.open.borrow_mut();
        let open = open.get_mut(&key(state))?;
        open.targets.retain(Http2Target::is_open);
        open.targets.iter().find(|target| target.has_room()).cloned()
    }

    fn share(&self, state: &Arc<TargetState>, target: &Http2Target) {
        let mut open = self.open.borrow_mut();
        let open =
            open.entry(key(state)).or_insert_with(|| Open { state: state.clone(), targets: Vec::new() });
        open.targets.push(target.clone());
    }

    /// Ends what waits longer than `limit`, was ended by its target, or belongs to a target that is gone.
    fn sweep(&self, limit: Duration) {
        let now = Instant::now();
        self.open.borrow_mut().retain(|_, open| {
            open.targets.retain(|target| target.is_open() && !target.is_idle_for(now, limit));
            !(open.state.is_gone() || open.targets.is_empty())
        });
    }
}

impl Local {
    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, state: &TargetState, target: Http1Target) {
        self.worker.recycle(target.memory);
        if !state.is_gone() {
            state.waiting.give(self.worker.index, target.io);
        }
    }

    /// Ends connections to targets that wait longer than `limit`, were ended, or belong to a target that is gone.
    pub(super) fn sweep(&self, limit: Duration) {
        self.pools.sweep(limit);
        self.shared.states.sweep(self.worker.index, limit);
    }
}

/// A connection to a target that waits, if `may_reuse`; those of HTTP/2 are shared in any case.
pub(super) fn waiting(local: &Local, group: &Group, plan: &TargetPlan, may_reuse: bool) -> Option<Target> {
    match group.config.version {
        TargetVersion::Http1 if may_reuse => {
            let io = plan.state.waiting.take(local.worker.index)?;
            Some(Target::Http1(Http1Target { io, memory: local.worker.memory() }))
        }
        TargetVersion::Http1 => None,
        TargetVersion::Http2 | TargetVersion::Grpc => local.pools.take(&plan.state).map(Target::Http2),
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
    Ok(Target::Http1(Http1Target { io: Io::new(stream), memory: local.worker.memory() }))
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
