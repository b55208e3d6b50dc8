//! The ways out of resolvers: sockets made in the namespace that a question leaves from.
//!
//! To the simulated internet a region's resolvers go from their region's address, so that name servers see where the question
//! comes from; out of an outbound endpoint from one of its addresses, each in turn, as at AWS. To the machine's own name
//! servers they go like any program of the machine.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use enishi_dns::resolver::{Path, Uplinks};
use enishi_fabric::NamespaceName;
use enishi_kernel::Visitor;
use tokio::net::TcpSocket;

/// The namespaces that questions leave from.
#[derive(Debug)]
pub struct Ways {
    visitor: Visitor,
    exits: RwLock<BTreeMap<NamespaceName, Exit>>,
    turn: AtomicUsize,
}

/// A namespace and the addresses of its own that questions may have.
#[derive(Debug)]
pub struct Exit {
    /// The namespace.
    pub namespace: OwnedFd,
    /// Its addresses; empty for the internet, where the region decides.
    pub addresses: Vec<Ipv4Addr>,
}

impl Ways {
    /// No way out yet but the machine's own.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new() -> io::Result<Self> {
        Ok(Ways { visitor: Visitor::start()?, exits: RwLock::default(), turn: AtomicUsize::new(0) })
    }

    /// Makes these all the ways there are. `open` opens a namespace that was not known.
    ///
    /// # Errors
    /// The first error of `open`; what could be opened is in force.
    pub fn replace(
        &self,
        wanted: BTreeMap<NamespaceName, Vec<Ipv4Addr>>,
        mut open: impl FnMut(&NamespaceName) -> io::Result<OwnedFd>,
    ) -> io::Result<()> {
        let mut exits = self.exits.write().unwrap_or_else(PoisonError::into_inner);
        exits.retain(|name, _| wanted.contains_key(name));
        let mut result = Ok(());
        for (name, addresses) in wanted {
            if let Some(exit) = exits.get_mut(&name) {
                exit.addresses = addresses;
                continue;
            }
            match open(&name) {
                Ok(namespace) => drop(exits.insert(name, Exit { namespace, addresses })),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    /// Forgets every namespace.
    pub fn clear(&self) {
        self.exits.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Makes a socket where the path begins, from the address that it begins with.
    fn make<T: Send + 'static>(
        &self,
        path: &Path,
        server: SocketAddr,
        work: impl FnOnce(SocketAddrV4) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if !server.is_ipv4() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let from = |address| SocketAddrV4::new(address, 0);
        let (name, region) = match path {
            Path::Internet { region } => (NamespaceName::internet(), Some(region)),
            Path::Endpoint { id } => (NamespaceName::new(id), None),
            Path::Host => return work(from(Ipv4Addr::UNSPECIFIED)),
        };
        let exits = self.exits.read().unwrap_or_else(PoisonError::into_inner);
        let exit = exits.get(&name).ok_or(io::ErrorKind::NetworkUnreachable)?;
        let address = match region {
            Some(region) => enishi_plan::region_address(region),
            None => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed).checked_rem(exit.addresses.len());
                let address = turn.and_then(|turn| exit.addresses.get(turn)).copied();
                address.ok_or(io::ErrorKind::NetworkUnreachable)?
            }
        };
        self.visitor.visit(exit.namespace.as_fd(), move || work(from(address)))
    }
}

impl Uplinks for Ways {
    fn udp(&self, path: &Path, server: SocketAddr) -> io::Result<UdpSocket> {
        self.make(path, server, UdpSocket::bind)
    }

    fn tcp(&self, path: &Path, server: SocketAddr) -> io::Result<TcpSocket> {
        self.make(path, server, |from| {
            let socket = TcpSocket::new_v4()?;
            socket.bind(from.into())?;
            Ok(socket)
        })
    }
}
