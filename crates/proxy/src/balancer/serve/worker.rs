//! The threads that serve, and how connections come to them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use enishi_fabric::balancer::ListenerProtocol;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::local::{Entered, Local, Shared, Worker};
use super::log::Client;
use super::stream::Stream;
use super::{client, http2, raw, schedule};
use crate::balancer::counters::Metric;

/// Connections that a worker serves for one node at most.
const CONNECTIONS: usize = 50_000;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often unused connections to targets are looked through.
const SWEEP: Duration = Duration::from_secs(5);
/// How long to wait before accepting again when that failed: usually there are no descriptors.
const PAUSE: Duration = Duration::from_millis(10);

/// What a worker is told.
pub(super) enum Message {
    /// To accept connections, until the sender of `closed` is gone.
    Listen { shared: Arc<Shared>, port: u16, listener: net::TcpListener, closed: watch::Receiver<bool> },
    /// To serve a connection that another worker accepted.
    Serve { shared: Arc<Shared>, port: u16, stream: net::TcpStream, peer: SocketAddr, entered: Entered },
    /// To close all that belongs to a node.
    Forget(Arc<Shared>),
}

/// How to reach workers.
#[derive(Clone)]
pub(super) struct Senders(Arc<[mpsc::UnboundedSender<Message>]>);

impl Senders {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Tells one of the workers; those whose threads are gone do not listen.
    pub(super) fn send(&self, index: usize, message: Message) {
        if let Some(sender) = index.checked_rem(self.0.len()).and_then(|index| self.0.get(index)) {
            let _ = sender.send(message);
        }
    }
}

/// Threads that serve, until they are dropped.
pub struct Workers {
    senders: Senders,
}

impl Workers {
    /// Starts so many threads, at least one.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(count: usize) -> io::Result<Self> {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..count.max(1)).map(|_| mpsc::unbounded_channel()).unzip();
        let senders = Senders(senders.into());
        for (index, receiver) in receivers.into_iter().enumerate() {
            let runtime =
                move || Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            // A thread has to know the others, but must not keep them alive.
            let others = Arc::downgrade(&senders.0);
            thread::Builder::new().name(format!("balancer-{index}")).spawn(move || {
                // Refused, it costs speed only.
                let _ = schedule::without_interrupting();
                let Ok(runtime) = runtime() else { return };
                runtime.block_on(Thread::new(index, others).run(receiver));
            })?;
        }
        Ok(Workers { senders })
    }

    pub(super) fn senders(&self) -> Senders {
        self.senders.clone()
    }
}

/// A worker's thread.
struct Thread {
    worker: Rc<Worker>,
    others: std::sync::Weak<[mpsc::UnboundedSender<Message>]>,
    nodes: Rc<RefCell<HashMap<usize, Here>>>,
}

/// A node at one worker.
struct Here {
    local: Rc<Local>,
    tasks: Vec<AbortHandle>,
}

impl Thread {
    fn new(index: usize, others: std::sync::Weak<[mpsc::UnboundedSender<Message>]>) -> Rc<Self> {
        Rc::new(Thread { worker: Rc::new(Worker::new(index)), others, nodes: Rc::default() })
    }

    async fn run(self: Rc<Self>, mut receiver: mpsc::UnboundedReceiver<Message>) {
        let mut sweep = interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = receiver.recv() => match message {
                    None => return,
                    Some(message) => self.take(message),
                },
                _ = sweep.tick() => self.sweep(),
            }
        }
    }

    fn take(self: &Rc<Self>, message: Message) {
        match message {
            Message::Listen { shared, port, listener, closed } => {
                let thread = self.clone();
                let accepting = spawn_local({
                    let shared = shared.clone();
                    async move { thread.accept(shared, port, listener, closed).await }
                });
                self.remember(&shared, accepting.abort_handle());
            }
            Message::Serve { shared, port, stream, peer, entered } => {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    self.serve(&shared, port, stream, peer, entered);
                }
            }
            Message::Forget(shared) => {
                let here = self.nodes.borrow_mut().remove(&Arc::as_ptr(&shared).addr());
                here.into_iter().flat_map(|here| here.tasks).for_each(|task| task.abort());
                shared.states.clear();
            }
        }
    }

    fn sweep(&self) {
        for here in self.nodes.borrow_mut().values_mut() {
            here.tasks.retain(|task| !task.is_finished());
            here.local.sweep(client::idle(&here.local.live()));
        }
    }

    fn local(&self, shared: &Arc<Shared>) -> Rc<Local> {
        let mut nodes = self.nodes.borrow_mut();
        let here = nodes.entry(Arc::as_ptr(shared).addr()).or_insert_with(|| Here {
            local: Rc::new(Local::new(shared.clone(), self.worker.clone())),
            tasks: Vec::new(),
        });
        here.local.clone()
    }

    fn remember(&self, shared: &Arc<Shared>, task: AbortHandle) {
        self.local(shared);
        if let Some(here) = self.nodes.borrow_mut().get_mut(&Arc::as_ptr(shared).addr()) {
            if here.tasks.len() == here.tasks.capacity() {
                here.tasks.retain(|task| !task.is_finished());
            }
            here.tasks.push(task);
        }
    }

    /// Accepts connections, and gives each to the worker that has the fewest.
    async fn accept(
        self: Rc<Self>,
        shared: Arc<Shared>,
        port: u16,
        listener: net::TcpListener,
        mut closed: watch::Receiver<bool>,
    ) {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        loop {
            let accepted = tokio::select! {
                // The channel says nothing; it ends.
                _ = closed.changed() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.share(&shared, port, stream, peer);
        }
    }

    fn share(self: &Rc<Self>, shared: &Arc<Shared>, port: u16, stream: TcpStream, peer: SocketAddr) {
        let own = self.worker.index;
        let load = |index: usize| {
            shared.connections.get(index).map_or(usize::MAX, |load| load.load(Ordering::Relaxed))
        };
        let least =
            (0..shared.connections.len()).min_by_key(|index| (load(*index), *index != own)).unwrap_or(own);
        shared.counters.add(own, Metric::NewConnectionCount, 1);
        if load(least) >= CONNECTIONS {
            shared.counters.add(own, Metric::RejectedConnectionCount, 1);
            return;
        }
        let entered = shared.enter(least);
        if least == own {
            return self.serve(shared, port, stream, peer, entered);
        }
        let Ok(stream) = stream.into_std() else { return };
        if let Some(other) = self.others.upgrade().and_then(|others| others.get(least).cloned()) {
            let _ = other.send(Message::Serve { shared: shared.clone(), port, stream, peer, entered });
        }
    }

    fn serve(&self, shared: &Arc<Shared>, port: u16, stream: TcpStream, peer: SocketAddr, entered: Entered) {
        let _ = stream.set_nodelay(true);
        let local = self.local(shared);
        let serving = spawn_local(async move {
            connection(local, port, stream, peer).await;
            drop(entered);
        });
        self.remember(shared, serving.abort_handle());
    }
}

/// Finds out what a connection speaks, and serves it.
async fn connection(local: Rc<Local>, port: u16, stream: TcpStream, peer: SocketAddr) {
    let live = local.live();
    let Some(listener) = live.snapshot.listeners.get(&port) else { return };
    let Ok(own) = stream.local_addr() else { return };
    let protocol = listener.listener.protocol;
    let is_tls = matches!(protocol, ListenerProtocol::Https | ListenerProtocol::Tls);
    let id = local.connection_id();
    let (stream, tls) = if is_tls {
        let Some((config, tls)) = live.tls.get(&port) else { return };
        let Some(acceptor) = tls.acceptor() else { return };
        let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
            return local.count(Metric::ClientTlsNegotiationErrorCount, 1);
        };
        let info = tls.info(config, stream.get_ref().1);
        (Stream::Server(Box::new(stream)), Some(Box::new(info)))
    } else {
        (Stream::Plain(stream), None)
    };
    drop(live);
    let is_http2 = tls.as_ref().is_some_and(|tls| tls.is_http2);
    let client = Client { address: peer, local: own, port, tls, id };
    match protocol {
        ListenerProtocol::Tcp | ListenerProtocol::Tls => Box::pin(raw::serve(local, client, stream)).await,
        ListenerProtocol::Http | ListenerProtocol::Https if is_http2 => {
            Box::pin(http2::serve(local, client, stream)).await
        }
        ListenerProtocol::Http | ListenerProtocol::Https => client::serve(local, client, stream).await,
    }
}
