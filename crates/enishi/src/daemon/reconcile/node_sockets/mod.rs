//! Sockets of other network namespaces: of the simulated internet, of load balancers' nodes and of the routers of their VPCs.
//!
//! A socket belongs to the namespace it was made in and is used from anywhere afterwards. One thread goes from namespace to
//! namespace and makes them, as an ordinary user has no way back to the host's; where nothing is to be done it rests in an
//! empty namespace of its own, so that none is kept alive by a visitor. Those that many connections leave from have sockets
//! in store ([`Room`]), so that a connection as a rule needs no other thread.
//!
//! Invariants: what waits is bounded; a namespace that left the program is let go with the next round.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::Instant;

use arc_swap::ArcSwap;
use enishi_fabric::{NamespaceName, Program};
use enishi_kernel::{Backend, Namespaces};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

use super::keeper::KeptNamespaces;
use room::Room;

/// Visits that may wait; more are refused.
const QUEUE: usize = 8192;

/// The way to the thread that makes sockets. Clones lead to the same one.
#[derive(Clone)]
pub struct NodeSockets {
    shared: Arc<Shared>,
}

struct Shared {
    rooms: ArcSwap<BTreeMap<NamespaceName, Arc<Room>>>,
    visits: SyncSender<Visit>,
}

/// What the thread is asked for.
struct Visit {
    room: Arc<Room>,
    work: Box<dyn FnOnce() + Send>,
}

impl NodeSockets {
    /// Starts the thread. There is no namespace to go to yet.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start() -> io::Result<Self> {
        let (visits, inbox) = sync_channel(QUEUE);
        std::thread::Builder::new().name("sockets".to_owned()).spawn(move || Visitor::new().run(&inbox))?;
        Ok(NodeSockets { shared: Arc::new(Shared { rooms: ArcSwap::default(), visits }) })
    }

    /// Runs `work` inside a namespace. It must not block: everybody else waits for it.
    ///
    /// # Errors
    /// `NotConnected` when there is no such namespace (any more), `ResourceBusy` when too much waits; otherwise what `work`
    /// answers.
    #[allow(dead_code, reason = "load balancers' listeners are to be made so")]
    pub async fn make<T: Send + 'static>(
        &self,
        namespace: &NamespaceName,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let room = self.room(namespace)?;
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move || {
            // Who asked may have given up meanwhile.
            let _ = reply.send(work());
        });
        self.visit(Visit { room, work })?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Connects from inside a namespace, from one of its addresses if `source` says which. Small writes are sent at once
    /// (`TCP_NODELAY`).
    ///
    /// # Errors
    /// As [`NodeSockets::make`]; otherwise why there is no connection.
    pub async fn connect(
        &self,
        namespace: &NamespaceName,
        source: Option<Ipv4Addr>,
        target: SocketAddrV4,
    ) -> io::Result<TcpStream> {
        let socket = self.stream_socket(namespace).await?;
        if let Some(source) = source {
            bind(&socket, SocketAddrV4::new(source, 0))?;
        }
        TcpSocket::from_std_stream(socket.into()).connect(target.into()).await
    }

    /// Connects from inside a namespace under an address that is not its own, from the same port if that is free. Only where
    /// answers are led back to processes ([`enishi_fabric::program::NetworkBalancer::transparent`]).
    ///
    /// # Errors
    /// As [`NodeSockets::make`]; otherwise why there is no connection.
    pub async fn connect_as(
        &self,
        namespace: &NamespaceName,
        source: SocketAddrV4,
        target: SocketAddrV4,
    ) -> io::Result<TcpStream> {
        match self.connect_under(namespace, source, target).await {
            // Another connection between the two has the port, or had it until just now.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable) =>
            {
                self.connect_under(namespace, SocketAddrV4::new(*source.ip(), 0), target).await
            }
            connected => connected,
        }
    }

    async fn connect_under(
        &self,
        namespace: &NamespaceName,
        source: SocketAddrV4,
        target: SocketAddrV4,
    ) -> io::Result<TcpStream> {
        let socket = self.stream_socket(namespace).await?;
        socket.set_ip_transparent_v4(true)?;
        // A client may use a port for several listeners at a time, whose targets differ.
        socket.set_reuse_address(true)?;
        bind(&socket, source)?;
        TcpSocket::from_std_stream(socket.into()).connect(target.into()).await
    }

    /// A socket for a connection, neither bound nor connected, that does not block.
    ///
    /// # Errors
    /// As [`NodeSockets::make`].
    pub async fn stream_socket(&self, namespace: &NamespaceName) -> io::Result<socket2::Socket> {
        let room = self.room(namespace)?;
        let (taken, is_due) = room.take()?;
        if is_due {
            let filled = room.clone();
            let work = Box::new(move || filled.fill(Instant::now()));
            if let Err(error) = self.visit(Visit { room: room.clone(), work }) {
                room.give_up();
                return Err(error);
            }
        }
        match taken {
            room::Taken::Socket(socket) => Ok(socket),
            room::Taken::Waiting(socket) => socket.await.unwrap_or_else(|_| Err(gone())),
        }
    }

    /// Leads to the namespaces of the program that sockets are wanted in, and to no others. Answers what failed.
    pub(super) fn follow(&self, program: &Program, backend: &mut Backend<KeptNamespaces>) -> Vec<String> {
        self.replace(&wanted(program), |name| backend.namespaces().open(name))
    }

    /// Lets all namespaces go: the keeper is gone, and they with it.
    pub(super) fn leave(&self) {
        self.shared.rooms.store(Arc::default());
    }

    fn replace(
        &self,
        wanted: &BTreeSet<NamespaceName>,
        mut open: impl FnMut(&NamespaceName) -> io::Result<OwnedFd>,
    ) -> Vec<String> {
        let rooms = self.shared.rooms.load();
        if rooms.len() == wanted.len() && rooms.keys().eq(wanted) {
            return Vec::new();
        }
        let mut errors = Vec::new();
        let mut next = BTreeMap::new();
        for name in wanted {
            let room = match rooms.get(name) {
                Some(room) => Ok(room.clone()),
                None => open(name).map(|namespace| Arc::new(Room::new(namespace))),
            };
            match room {
                Ok(room) => drop(next.insert(name.clone(), room)),
                Err(error) => errors.push(format!("{name}: sockets: {error}")),
            }
        }
        self.shared.rooms.store(Arc::new(next));
        errors
    }

    fn room(&self, namespace: &NamespaceName) -> io::Result<Arc<Room>> {
        self.shared.rooms.load().get(namespace).cloned().ok_or_else(gone)
    }

    fn visit(&self, visit: Visit) -> io::Result<()> {
        self.shared.visits.try_send(visit).map_err(|error| match error {
            TrySendError::Full(_) => io::ErrorKind::ResourceBusy.into(),
            TrySendError::Disconnected(_) => gone(),
        })
    }
}

impl fmt::Debug for NodeSockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSockets").finish_non_exhaustive()
    }
}

/// Binds a socket for a connection. Port 0 is chosen with the target, so that a source has as many connections to each target as
/// there are ports.
fn bind(socket: &socket2::Socket, source: SocketAddrV4) -> io::Result<()> {
    setsockopt(socket, IpBindAddressNoPort, &true)?;
    socket.bind(&SocketAddr::V4(source).into())
}

/// The namespaces that sockets are wanted in.
fn wanted(program: &Program) -> BTreeSet<NamespaceName> {
    let internet = NamespaceName::internet();
    let internet = program.namespaces.contains_key(&internet).then_some(internet);
    let balancers = program.balancers.values().flat_map(|balancer| {
        let nodes = balancer.nodes.keys().cloned();
        nodes.chain([NamespaceName::new(&balancer.vpc)])
    });
    // An interface that is not live has no namespace, whatever the load balancer says.
    balancers.filter(|name| program.namespaces.contains_key(name)).chain(internet).collect()
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "there is no such network namespace at present")
}

/// The thread.
struct Visitor {
    /// Where it rests, if it could make such a place.
    home: Option<OwnedFd>,
    /// Where it is, unless at home.
    place: Option<Arc<Room>>,
}

impl Visitor {
    /// Belongs to the thread that calls it from now on.
    fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
        };
        let home = make();
        if let Err(error) = &home {
            tracing::warn!(%error, "no namespace of its own for the thread that makes sockets");
        }
        Visitor { home: home.ok(), place: None }
    }

    /// Does what it is asked for, until nobody can ask any more.
    fn run(&mut self, inbox: &Receiver<Visit>) {
        loop {
            let visit = match inbox.try_recv() {
                Ok(visit) => visit,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.rest();
                    let Ok(visit) = inbox.recv() else { return };
                    visit
                }
            };
            self.receive(visit);
        }
    }

    fn receive(&mut self, visit: Visit) {
        if let Err(error) = self.enter(&visit.room) {
            tracing::warn!(%error, "cannot enter a network namespace");
            // Who waits sees that nobody answers.
            visit.room.give_up();
            return;
        }
        (visit.work)();
    }

    fn enter(&mut self, room: &Arc<Room>) -> io::Result<()> {
        if self.place.as_ref().is_some_and(|place| Arc::ptr_eq(place, room)) {
            return Ok(());
        }
        setns(room.namespace(), CloneFlags::CLONE_NEWNET)?;
        self.place = Some(room.clone());
        Ok(())
    }

    /// Goes home.
    fn rest(&mut self) {
        let Some(home) = &self.home else { return };
        if self.place.is_none() {
            return;
        }
        match setns(home.as_fd(), CloneFlags::CLONE_NEWNET) {
            Ok(()) => self.place = None,
            Err(error) => tracing::warn!(%error, "the thread that makes sockets cannot go home"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any file does where nobody goes.
    fn open(_: &NamespaceName) -> io::Result<OwnedFd> {
        File::open("/dev/null").map(OwnedFd::from)
    }

    fn names(names: &[&str]) -> BTreeSet<NamespaceName> {
        names.iter().map(|name| NamespaceName::new(name)).collect()
    }

    #[test]
    fn namespaces_are_opened_once_and_let_go() {
        let sockets = NodeSockets::start().expect("a thread");
        let (one, two) = (NamespaceName::new("eni-1"), NamespaceName::new("eni-2"));
        assert_eq!(sockets.replace(&names(&["eni-1"]), open), Vec::<String>::new());
        let first = sockets.room(&one).expect("a room");
        assert_eq!(sockets.replace(&names(&["eni-1", "eni-2"]), open), Vec::<String>::new());
        assert!(Arc::ptr_eq(&first, &sockets.room(&one).expect("a room")));
        assert!(sockets.room(&two).is_ok());
        let failing = |_: &NamespaceName| Err(io::ErrorKind::NotFound.into());
        assert_eq!(
            sockets.replace(&names(&["eni-2", "eni-3"]), failing),
            ["eni-3: sockets: entity not found"]
        );
        assert_eq!(
            sockets.room(&one).map(drop).map_err(|error| error.kind()),
            Err(io::ErrorKind::NotConnected)
        );
        assert_eq!(Arc::strong_count(&first), 1, "nobody holds a namespace that is gone");
        sockets.leave();
        assert!(sockets.room(&two).is_err());
    }

    #[tokio::test]
    async fn what_cannot_be_entered_is_an_error() {
        let sockets = NodeSockets::start().expect("a thread");
        let name = NamespaceName::new("eni-1");
        assert_eq!(sockets.replace(&names(&["eni-1"]), open), Vec::<String>::new());
        let made = sockets.make(&name, || Ok(())).await.map_err(|error| error.kind());
        assert_eq!(made, Err(io::ErrorKind::NotConnected));
        let target = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let connected = sockets.connect(&name, None, target).await.map(drop).map_err(|error| error.kind());
        assert_eq!(connected, Err(io::ErrorKind::NotConnected));
    }
}
