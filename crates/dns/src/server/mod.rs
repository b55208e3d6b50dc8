//! Moves queries and answers between sockets and the core.
//!
//! Sockets are handed in: whoever owns the namespaces makes them in the right one, several with `SO_REUSEPORT` where several
//! threads shall serve. A UDP socket of name servers gets a thread, those of VPCs' resolvers share some ([`Front`]); both take and
//! send datagrams in batches. TCP is served by tasks. A socket may be bound to any address: which server was asked is what the
//! datagram was sent to, or the stream connected to, and that is where the answer leaves from.
//!
//! Everything is bounded: datagrams in a batch, connections, and how long a connection may be silent (RFC 7766, section 6.2.3).

mod batch;
mod front;
mod recursors;
mod tcp;
mod udp;

use std::io::{self, PipeWriter};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use front::{Front, Service, Serving};
pub use recursors::Recursors;
pub use tcp::serve as serve_tcp;
use tokio::runtime::Handle;

use crate::answer::{Client, Outcome, Transport};
use crate::authority::{Store, ViewId};
use crate::entropy::Entropy;
use crate::resolver::Pending;

/// From whom to whom a query came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) client: SocketAddr,
    pub(crate) server: IpAddr,
    pub(crate) transport: Transport,
}

/// What there is to say to a query.
pub(crate) enum Said {
    /// An answer.
    Answer,
    /// Nothing at all.
    Nothing,
    /// An answer, once it is known.
    Later(Pending),
}

/// Answers queries, as whoever a socket belongs to.
pub(crate) trait Answers: Clone + Send + Sync + 'static {
    /// Answers a query into `out`.
    fn answer(&self, query: &[u8], arrival: &Arrival, entropy: &mut Entropy, out: &mut Vec<u8>) -> Said;

    /// Where answers that are made later are made.
    fn runtime(&self) -> Option<&Handle>;
}

/// Is told of every answer, on the thread that made it: it must not wait.
pub trait QueryLog: Send + Sync {
    /// One query was answered.
    fn record(&self, client: &Client, outcome: &Outcome<'_>);
}

/// What answers are made from, shared by all of a server's sockets.
#[derive(Clone)]
pub struct Responder {
    store: Arc<Store>,
    log: Option<Arc<dyn QueryLog>>,
    view: Option<ViewId>,
    recursors: Option<Arc<Recursors>>,
}

impl Responder {
    /// Answers from `store` and tells `log`. Which view answers is said by the address that a query was sent to; what is sent to
    /// an address that is nobody's is not answered.
    pub fn new(store: Arc<Store>, log: Option<Arc<dyn QueryLog>>) -> Self {
        Responder { store, log, view: None, recursors: None }
    }

    /// Answers every query from one view, whatever the address that it was sent to.
    #[must_use]
    pub fn for_view(self, view: ViewId) -> Self {
        Responder { view: Some(view), ..self }
    }

    /// Lets resolvers answer what is sent to their addresses.
    #[must_use]
    pub fn with_recursors(self, recursors: Arc<Recursors>) -> Self {
        Responder { recursors: Some(recursors), ..self }
    }
}

impl Answers for Responder {
    fn answer(&self, query: &[u8], arrival: &Arrival, entropy: &mut Entropy, out: &mut Vec<u8>) -> Said {
        if let Some(recursors) = &self.recursors
            && let Some(said) = recursors.answer(query, arrival, entropy, out)
        {
            return said;
        }
        let authority = self.store.borrow();
        let Some(view) = self.view.or_else(|| authority.view_of(arrival.server)) else {
            return Said::Nothing;
        };
        let client = Client { source: arrival.client.ip(), transport: arrival.transport, view };
        let Some(outcome) = authority.answer(query, &client, entropy, out) else { return Said::Nothing };
        if let Some(log) = &self.log {
            log.record(&client, &outcome);
        }
        Said::Answer
    }

    fn runtime(&self) -> Option<&Handle> {
        self.recursors.as_ref().map(|recursors| recursors.runtime())
    }
}

/// The threads that serve UDP sockets; dropping it stops them.
pub struct UdpServer {
    stop: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

impl UdpServer {
    /// Serves each socket on a thread of its own. `seed` drives the random choices of policies.
    ///
    /// # Errors
    /// A socket's options cannot be set, or a thread cannot be started.
    pub fn start(sockets: Vec<UdpSocket>, responder: &Responder, seed: u64) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let mut server = UdpServer { stop: Some(stop), threads: Vec::new() };
        for (index, socket) in sockets.into_iter().enumerate() {
            let entropy =
                Entropy::seeded(seed.wrapping_add(index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let bound = Arc::new(udp::Bound::new(socket, responder.clone())?);
            let stopped = stopped.try_clone()?;
            let thread = std::thread::Builder::new()
                .name(format!("dns-{index}"))
                .spawn(move || udp::run(&bound, &stopped, entropy))?;
            server.threads.push(thread);
        }
        Ok(server)
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        // Closing the pipe wakes every thread.
        self.stop = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
