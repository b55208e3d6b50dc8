//! Moves queries and answers between sockets and the core.
//!
//! Sockets are handed in: whoever owns the namespaces makes them in the right one, several with `SO_REUSEPORT` where several
//! threads shall serve. A UDP socket gets a thread, which takes and sends datagrams in batches; TCP is served by tasks.
//! Everything is bounded: datagrams in a batch, connections, and how long a connection may be silent (RFC 7766, section 6.2.3).

mod batch;
mod tcp;
mod udp;

use std::io::{self, PipeWriter};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

pub use tcp::serve as serve_tcp;

use crate::answer::{Client, Outcome, Transport};
use crate::authority::Store;
use crate::entropy::Entropy;

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
}

impl Responder {
    /// Answers from `store` and tells `log`.
    pub fn new(store: Arc<Store>, log: Option<Arc<dyn QueryLog>>) -> Self {
        Responder { store, log }
    }

    /// Answers a query that was sent to `server` into `out`; says whether there is something to send.
    fn respond(&self, query: &[u8], path: &Path, entropy: &mut Entropy, out: &mut Vec<u8>) -> bool {
        let authority = self.store.borrow();
        let Some(view) = authority.view_of(path.server) else { return false };
        let client = Client { source: path.client, transport: path.transport, view };
        let Some(outcome) = authority.answer(query, &client, entropy, out) else { return false };
        if let Some(log) = &self.log {
            log.record(&client, &outcome);
        }
        true
    }
}

/// From whom to whom a query came.
struct Path {
    client: IpAddr,
    server: IpAddr,
    transport: Transport,
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
            let worker = udp::Worker::new(socket, stopped.try_clone()?, responder.clone(), entropy)?;
            let thread =
                std::thread::Builder::new().name(format!("dns-{index}")).spawn(move || worker.run())?;
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
