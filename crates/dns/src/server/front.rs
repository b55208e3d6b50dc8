//! The sockets of many VPCs' resolvers on few threads.
//!
//! Each thread waits for all of its sockets together and takes a batch from each that has datagrams. What caches, private hosted
//! zones and the VPC's own names answer is answered right there; the rest by tasks of a runtime, through the same socket.

use std::collections::HashMap;
use std::io::{self, PipeWriter};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{Shutdown, shutdown};
use rand::Rng as _;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::batch::Batch;
use super::udp::{Bound, is_transient};
use super::{Answers, Arrival, Said, tcp};
use crate::entropy::Entropy;
use crate::resolver::{Resolvers, Slot};

/// Stands for the pipe whose end stops a thread.
const STOP: u64 = u64::MAX;
/// Sockets told of at once.
const EVENTS: usize = 64;

/// What a set of sockets serves.
#[derive(Debug)]
pub struct Service {
    /// The VPC whose resolver answers, as [`Resolvers::put`] knows it; it may be put later.
    pub vpc: Arc<str>,
    /// The inbound resolver endpoint that queries come in by.
    pub endpoint: Option<Arc<str>>,
    /// Bound sockets; bound to any address, each answer leaves from the address that was asked.
    pub udp: Vec<UdpSocket>,
    /// Listening sockets.
    pub tcp: Vec<TcpListener>,
}

/// Threads that serve the resolvers of VPCs; dropping it stops them, and everything it serves.
pub struct Front {
    shared: Arc<Shared>,
    stop: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

/// A service that is being served; dropping it ends that.
pub struct Serving {
    shared: Arc<Shared>,
    tokens: Vec<u64>,
    streams: Vec<Streams>,
}

/// A listener that is being served.
struct Streams {
    listener: TcpListener,
    task: AbortHandle,
}

struct Shared {
    resolvers: Arc<Resolvers>,
    runtime: Handle,
    workers: Vec<Worker>,
    next: AtomicU64,
}

/// What a thread waits for.
struct Worker {
    epoll: Epoll,
    sockets: RwLock<HashMap<u64, Arc<Bound<VpcAnswers>>>>,
}

/// Answers as the resolver of a VPC.
#[derive(Clone)]
struct VpcAnswers {
    resolvers: Arc<Resolvers>,
    slot: Arc<Slot>,
    endpoint: Option<Arc<str>>,
    runtime: Handle,
}

impl Answers for VpcAnswers {
    fn answer(&self, query: &[u8], arrival: &Arrival, entropy: &mut Entropy, out: &mut Vec<u8>) -> Said {
        self.resolvers.respond(&self.slot, self.endpoint.as_ref(), query, arrival, entropy, out)
    }

    fn runtime(&self) -> Option<&Handle> {
        Some(&self.runtime)
    }
}

impl Front {
    /// Starts threads without sockets. Streams, and what has to be asked of others, are tasks of `runtime`.
    ///
    /// # Errors
    /// There are no descriptors or threads left.
    pub fn start(threads: usize, resolvers: Arc<Resolvers>, runtime: Handle) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let workers = (0..threads.max(1))
            .map(|_| {
                let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
                epoll.add(&stopped, EpollEvent::new(EpollFlags::EPOLLIN, STOP))?;
                Ok(Worker { epoll, sockets: RwLock::default() })
            })
            .collect::<io::Result<Vec<Worker>>>()?;
        let shared = Arc::new(Shared { resolvers, runtime, workers, next: AtomicU64::new(0) });
        let mut front = Front { shared, stop: Some(stop), threads: Vec::new() };
        for index in 0..front.shared.workers.len() {
            let (shared, stopped) = (Arc::clone(&front.shared), stopped.try_clone()?);
            let run = move || {
                // The pipe has to stay open for as long as it is waited for.
                let _stopped = stopped;
                if let Some(worker) = shared.workers.get(index) {
                    worker.run(Entropy::seeded(rand::rng().next_u64()));
                }
            };
            front.threads.push(std::thread::Builder::new().name(format!("resolver-{index}")).spawn(run)?);
        }
        Ok(front)
    }

    /// Serves sockets until the result is dropped.
    ///
    /// # Errors
    /// A socket is not one, or there are no descriptors left. Nothing is served then.
    pub fn serve(&self, service: Service) -> io::Result<Serving> {
        let shared = &self.shared;
        let answers = VpcAnswers {
            resolvers: Arc::clone(&shared.resolvers),
            slot: shared.resolvers.slot(&service.vpc),
            endpoint: service.endpoint,
            runtime: shared.runtime.clone(),
        };
        // From here on, whatever fails, dropping this undoes what was done.
        let mut serving = Serving { shared: Arc::clone(shared), tokens: Vec::new(), streams: Vec::new() };
        for socket in service.udp {
            let bound = Arc::new(Bound::new(socket, answers.clone())?);
            let token = shared.next.fetch_add(1, Ordering::Relaxed);
            serving.tokens.push(token);
            shared.worker(token)?.add(token, bound)?;
        }
        for listener in service.tcp {
            listener.set_nonblocking(true)?;
            let served = {
                let _runtime = shared.runtime.enter();
                tokio::net::TcpListener::from_std(listener.try_clone()?)?
            };
            let seed = rand::rng().next_u64();
            let task = shared.runtime.spawn(tcp::accept(served, answers.clone(), seed)).abort_handle();
            serving.streams.push(Streams { listener, task });
        }
        Ok(serving)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // Closing the pipe wakes every thread.
        self.stop = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        for token in &self.tokens {
            if let Ok(worker) = self.shared.worker(*token) {
                worker.remove(*token);
            }
        }
        for Streams { listener, task } in &self.streams {
            task.abort();
            // The task ends when the runtime gets to it. Until then the address would not be free for another listener.
            let _ = shutdown(listener.as_raw_fd(), Shutdown::Both);
        }
    }
}

impl Shared {
    fn worker(&self, token: u64) -> io::Result<&Worker> {
        let index = token as usize % self.workers.len().max(1);
        self.workers.get(index).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

impl Worker {
    fn add(&self, token: u64, bound: Arc<Bound<VpcAnswers>>) -> io::Result<()> {
        let mut sockets = self.sockets.write().unwrap_or_else(PoisonError::into_inner);
        self.epoll.add(bound.socket(), EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        sockets.insert(token, bound);
        Ok(())
    }

    /// Takes a socket away; it is closed when this returns.
    fn remove(&self, token: u64) {
        let removed = self.sockets.write().unwrap_or_else(PoisonError::into_inner).remove(&token);
        let Some(bound) = removed else { return };
        let _ = self.epoll.delete(bound.socket());
        // Nobody but a task that is sending one datagram, without waiting, has it still.
        while Arc::strong_count(&bound) > 1 {
            std::thread::yield_now();
        }
    }

    /// Answers a batch of what a socket has; says whether there may be more.
    fn serve(&self, token: u64, batch: &mut Batch, entropy: &mut Entropy) -> io::Result<bool> {
        // Whoever takes the socket away waits for the end of the batch.
        let sockets = self.sockets.read().unwrap_or_else(PoisonError::into_inner);
        sockets.get(&token).map_or(Ok(false), |bound| bound.serve(batch, entropy))
    }

    fn run(&self, mut entropy: Entropy) {
        let mut batch = Batch::new();
        let mut events = vec![EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => {
                    tracing::warn!(%error, "the resolvers' sockets cannot be waited for");
                    return;
                }
            };
            for event in events.iter().take(count) {
                if event.data() == STOP {
                    return;
                }
                match self.serve(event.data(), &mut batch, &mut entropy) {
                    // What is left makes the socket ready again.
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_transient(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a resolver's socket failed");
                        self.remove(event.data());
                    }
                }
            }
        }
    }
}
