//! Moves bytes: workers, listeners, connections.
//!
//! [`Workers`] are threads, one to a core, each with a runtime of its own. A connection belongs to one worker from when it is
//! accepted, and all that its requests need (buffers, connections to targets, counters) belongs to the same worker, so that no
//! request waits for another thread; a connection to a target that one worker has left alone may become another's
//! (`waiting.rs`). A [`Node`] is one load balancer in one zone; all nodes share the workers.

mod body;
mod buffer;
mod client;
mod exchange;
mod forward;
mod http2;
mod local;
mod log;
mod login;
mod raw;
mod schedule;
mod stream;
mod target;
mod timer;
mod tunnel;
mod waiting;
mod worker;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use enishi_fabric::balancer::Balancer;
use tokio::net::TcpStream;

use self::local::Shared;
pub(super) use self::waiting::Waiting;
pub use self::worker::Workers;
use self::worker::{Message, Senders};
use super::counters::Counters;
use super::login::Signer;
use super::record::RecordSink;
use super::snapshot::GroupState;

/// A connection that is being made.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// A name that is being looked up.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Ipv4Addr>> + Send>>;

/// Makes connections in the node's network.
pub trait Connector: Send + Sync {
    /// Connects to a target, which is to see `client` as who connects, or else the node. The future is polled in the runtime that
    /// will use the connection.
    fn connect(&self, target: SocketAddrV4, client: Option<SocketAddrV4>) -> Connecting;

    /// The address of an identity provider. Without names, only providers that are named by their address are asked.
    fn resolve(&self, name: &str) -> Resolving {
        let _ = name;
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }
}

/// What a node is made of.
pub struct Setup {
    /// The load balancer's configuration; what is stored there later is obeyed from the next request on.
    pub config: Arc<ArcSwap<Balancer>>,
    /// The node's zone.
    pub zone: Arc<str>,
    /// The node's address.
    pub address: Ipv4Addr,
    /// Makes connections to targets.
    pub connector: Arc<dyn Connector>,
    /// Takes records of requests.
    pub records: Arc<dyn RecordSink>,
    /// What cookies are encrypted with: the same for all nodes of a load balancer, and after a restart.
    pub secret: [u8; 32],
    /// Signs what targets are told of users who logged in; without, they are told less.
    pub signer: Option<Signer>,
    /// The certificates, PEM, that vouch for identity providers.
    pub authorities: Arc<str>,
}

/// A load balancer in one zone. Dropping it closes everything at once.
pub struct Node {
    shared: Arc<Shared>,
    senders: Senders,
    listeners: Mutex<Vec<(u16, tokio::sync::watch::Sender<bool>)>>,
}

impl Node {
    /// Begins a node that does not listen yet.
    pub fn start(workers: &Workers, setup: Setup) -> Self {
        let senders = workers.senders();
        let shared = Arc::new(Shared::new(setup, senders.count()));
        Node { shared, senders, listeners: Mutex::default() }
    }

    /// Serves the configured listener of this port on a socket that is bound and listens, in the node's network. A socket that was
    /// served for the port before is closed.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking.
    pub fn listen(&self, port: u16, listener: TcpListener) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let (open, closed) = tokio::sync::watch::channel(false);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|(other, _)| *other != port);
        listeners.push((port, open));
        self.senders
            .send(usize::from(port), Message::Listen { shared: self.shared.clone(), port, listener, closed });
        Ok(())
    }

    /// Takes no more connections at a port; those that are there stay.
    pub fn close(&self, port: u16) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|(other, _)| *other != port);
    }

    /// The ports that are served.
    pub fn ports(&self) -> Vec<u16> {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().map(|(port, _)| *port).collect()
    }

    /// What was counted.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// What was counted of target groups, by ARN.
    pub fn groups(&self) -> Vec<(Arc<str>, Arc<GroupState>)> {
        self.shared.states.groups()
    }

    /// Connections of clients.
    pub fn connections(&self) -> usize {
        self.shared.connections.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Takes no more connections, lets requests finish for as long as `grace`, then closes what is left.
    pub async fn stop(self, grace: Duration) {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let deadline = tokio::time::Instant::now() + grace;
        while self.connections() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for index in 0..self.senders.count() {
            self.senders.send(index, Message::Forget(self.shared.clone()));
        }
    }
}
