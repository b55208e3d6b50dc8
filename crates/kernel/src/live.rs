//! One namespace at work: its sockets, what is known to be in it, and the steps that change it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use enishi_fabric::{InterfaceName, Packet};
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;

use crate::delta::Delta;
use crate::namespaces::Visitor;
use crate::netlink::message::Message;
use crate::netlink::nftables::{self, CommitError};
use crate::netlink::route::FarEnd;
use crate::netlink::socket::Socket;
use crate::netlink::{conntrack, route};
use crate::netstate::{LOOPBACK, NetState, Network, Ownership, RouteTarget, Table, TableError, loopback};
use crate::observe;
use crate::sysctl;
use crate::transaction::{Handles, Transaction};

/// How long an interface may take to come up: tens of microseconds on an idle machine.
const LINK_PATIENCE: Duration = Duration::from_secs(2);
const LINK_PAUSE: Duration = Duration::from_micros(100);

/// Why a namespace is not as it has to be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The program makes no sense to the kernel; trying again does not help.
    #[error("nftables: {0}")]
    Table(#[from] TableError),
    /// The kernel refused a change.
    #[error("{what}: {source}")]
    Refused {
        /// The change.
        what: String,
        /// The kernel's answer.
        #[source]
        source: Errno,
    },
    /// The conversation with the kernel failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<CommitError> for ApplyError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Stale => {
                ApplyError::Io(io::Error::other("the ruleset keeps changing under our hands"))
            }
            CommitError::Refused { what, error } => {
                ApplyError::Refused { what: format!("nftables: {what}"), source: error }
            }
            CommitError::Io(error) => ApplyError::Io(error),
        }
    }
}

/// A namespace that the backend holds open.
#[derive(Debug)]
pub(crate) struct Live {
    fd: OwnedFd,
    pub(crate) route: Socket,
    netfilter: Socket,
    indexes: BTreeMap<InterfaceName, u32>,
    /// Where the other ends of pairs were, when it was looked last.
    far: BTreeMap<InterfaceName, FarEnd>,
    handles: Handles,
    /// The ruleset's generation after our last transaction, shared with who watches for others'.
    generation: Arc<AtomicU32>,
    /// What is in the namespace.
    pub(crate) state: Arc<NetState>,
}

/// The sockets of a namespace that hear of changes.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) route: Socket,
    pub(crate) nftables: Socket,
}

impl Live {
    /// Opens a namespace. It is taken to be empty until [`Live::observe`] says otherwise.
    pub(crate) fn open(fd: OwnedFd, visitor: &Visitor) -> io::Result<(Self, Listeners)> {
        let (mut route, mut netfilter, listeners) = visitor.visit(fd.as_fd(), || {
            let route = Socket::open(SockProtocol::NetlinkRoute, 0)?;
            let netfilter = Socket::open(SockProtocol::NetlinkNetFilter, 0)?;
            let listeners = Listeners {
                route: Socket::open(SockProtocol::NetlinkRoute, route::GROUPS)?,
                nftables: Socket::open(SockProtocol::NetlinkNetFilter, nftables::GROUPS)?,
            };
            Ok((route, netfilter, listeners))
        })?;
        route.requests(&mut [route::link_up(LOOPBACK)])?;
        let generation = Arc::new(AtomicU32::new(nftables::generation(&mut netfilter)?));
        // In every namespace, as it is its first interface.
        let indexes = BTreeMap::from([(loopback(), 1)]);
        let state = Arc::default();
        let (far, handles) = (BTreeMap::new(), Handles::default());
        let live = Live { fd, route, netfilter, indexes, far, handles, generation, state };
        Ok((live, listeners))
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The generation of the ruleset that is ours.
    pub(crate) fn generation(&self) -> Arc<AtomicU32> {
        self.generation.clone()
    }

    /// Reads everything that counts for `wanted` back into [`Live::state`]. Sysctls cost a visit each time.
    pub(crate) fn observe(&mut self, wanted: &NetState, visitor: Option<&Visitor>) -> io::Result<()> {
        self.route.requests(&mut [route::link_up(LOOPBACK)])?;
        let observed = observe::network(&mut self.route, &wanted.network)?;
        let mut network = observed.network;
        // The kernel says who has the other end of a veth pair in numbers only, but that never changes while the interface lives.
        for (name, link) in &mut network.links {
            if self.indexes.get(name) == observed.indexes.get(name) {
                link.peer = self.state.network.links.get(name).and_then(|known| known.peer.clone());
            }
        }
        self.indexes = observed.indexes;
        self.far = observed.far;
        network.sysctls = match visitor {
            // An instance sets its own once it runs (a NAT instance turns forwarding on): ours are first values only.
            _ if network.ownership == Ownership::Listed => wanted.network.sysctls.clone(),
            Some(visitor) => {
                let paths: Vec<_> = wanted.network.sysctls.keys().cloned().collect();
                visitor.visit(self.fd.as_fd(), move || Ok(sysctl::read(&paths)))?
            }
            None => self.state.network.sysctls.clone(),
        };
        let filter = self.observe_filter(wanted)?;
        self.state = Arc::new(NetState { network: Arc::new(network), filter });
        Ok(())
    }

    fn observe_filter(&mut self, wanted: &NetState) -> io::Result<Option<Arc<Table>>> {
        // The generation first: a change meanwhile makes it stale, which the next transaction sees.
        let generation = nftables::generation(&mut self.netfilter)?;
        self.handles = Handles::default();
        let found = observe::filter(&mut self.netfilter, wanted.filter.as_deref())?;
        self.generation.store(generation, Ordering::Release);
        Ok(found.map(|(table, handles)| {
            self.handles = handles;
            Arc::new(table)
        }))
    }

    /// First step: takes away routes, policy rules, neighbours and interfaces.
    pub(crate) fn close(&mut self, delta: &Delta) -> Result<(), ApplyError> {
        let mut requests: Vec<_> = delta.routes_gone.iter().map(route::delete_route).collect();
        requests.extend(delta.rules_gone.iter().map(route::delete_rule));
        for (interface, address) in &delta.neighbours_gone {
            requests.extend(self.index(interface).map(|index| route::delete_neighbour(index, *address)));
        }
        requests.extend(delta.links_gone.iter().map(route::delete_link));
        self.delete(requests, "delete routes and interfaces")?;
        for interface in &delta.links_gone {
            self.indexes.remove(interface);
        }
        Ok(())
    }

    /// The transaction that brings the nftables table to `wanted`.
    pub(crate) fn transaction(&self, wanted: &NetState) -> Result<Transaction, ApplyError> {
        let old = self.state.filter.as_deref().map(|table| (table, &self.handles));
        Ok(Transaction::between(old, wanted.filter.as_deref())?)
    }

    /// Second step: commits a transaction. If what is there is not what it builds on, looks again and patches that; if
    /// the kernel refuses even that, replaces the table.
    pub(crate) fn filter(&mut self, transaction: Transaction, wanted: &NetState) -> Result<(), ApplyError> {
        match self.commit(transaction) {
            Err(CommitError::Stale | CommitError::Refused { .. }) => {}
            result => return Ok(result?),
        }
        let filter = self.observe_filter(wanted)?;
        self.state = Arc::new(NetState { network: self.state.network.clone(), filter });
        let again = self.transaction(wanted)?;
        match self.commit(again) {
            Err(CommitError::Refused { what, error }) => {
                tracing::warn!(%what, %error, "replacing the whole table")
            }
            result => return Ok(result?),
        }
        let Some(table) = wanted.filter.as_deref() else { return Ok(()) };
        self.generation.store(nftables::generation(&mut self.netfilter)?, Ordering::Release);
        Ok(self.commit(Transaction::replacement(table)?)?)
    }

    fn commit(&mut self, transaction: Transaction) -> Result<(), CommitError> {
        if transaction.is_empty() {
            return Ok(());
        }
        let now = self.generation.load(Ordering::Acquire);
        let generation = transaction.commit(&mut self.netfilter, &mut self.handles, now, &self.generation)?;
        self.generation.store(generation, Ordering::Release);
        Ok(())
    }

    /// Third step: learns the numbers of new interfaces and sets what differs on others.
    pub(crate) fn links(&mut self, delta: &Delta, wanted: &NetState) -> Result<(), ApplyError> {
        for name in &delta.links_new {
            let link = self.link(name)?;
            self.indexes.insert(link.name, link.index);
        }
        let changed =
            delta.links_changed.iter().filter_map(|name| Some((name, wanted.network.links.get(name)?)));
        let changed = changed
            .map(|(name, link)| route::set_link(route::VethEnd { name, mac: link.mac, mtu: link.mtu }));
        let mut requests: Vec<_> = delta.links_new.iter().map(|name| route::link_up(name.as_str())).collect();
        requests.extend(changed);
        self.change(requests, "set an interface")
    }

    /// Writes sysctls. After the filter, as that makes the kernel load connection tracking, which brings some of them.
    pub(crate) fn sysctls(
        &self,
        delta: &Delta,
        wanted: &NetState,
        visitor: &Visitor,
    ) -> Result<(), ApplyError> {
        let value = |path: &String| Some((path.clone(), wanted.network.sysctls.get(path)?.clone()));
        let values: Vec<_> = delta.sysctls.iter().filter_map(value).collect();
        if values.is_empty() {
            return Ok(());
        }
        Ok(visitor.visit(self.fd.as_fd(), move || sysctl::write(&values))?)
    }

    /// Fourth step: gives addresses, neighbours, policy rules and routes; then takes away addresses, so that an interface
    /// which changes its only one is never without (the kernel would drop its routes).
    pub(crate) fn open_up(&mut self, delta: &Delta, wanted: &NetState) -> Result<(), ApplyError> {
        let mut requests = Vec::new();
        for address in &delta.addresses_new {
            requests.push(route::add_address(
                self.known(&address.interface)?,
                address.address,
                address.prefix,
            ));
        }
        for key in &delta.neighbours_new {
            if let Some(mac) = wanted.network.neighbours.get(key) {
                requests.push(route::add_neighbour(self.known(&key.0)?, key.1, *mac));
            }
        }
        self.change(requests, "add addresses and neighbours")?;
        // Routes that others need as their way to a next hop come first by the order of their keys; `onlink` does the rest.
        let mut requests = Vec::new();
        for key in &delta.routes_new {
            if let Some(target) = wanted.network.routes.get(key) {
                requests.push(route::add_route(key, target, self.route_index(target)?));
            }
        }
        requests.extend(delta.rules_new.iter().map(route::add_rule));
        self.change(requests, "add routes")?;
        let mut requests = Vec::new();
        for address in &delta.addresses_gone {
            let index = self.index(&address.interface);
            requests.extend(index.map(|index| route::delete_address(index, address.address, address.prefix)));
        }
        self.delete(requests, "delete addresses")
    }

    /// Fifth step: waits until new interfaces pass packets. The kernel connects the end that came up first to the other
    /// from a work queue; until then it drops what is sent.
    pub(crate) fn await_links(&mut self, delta: &Delta) -> Result<(), ApplyError> {
        let deadline = Instant::now() + LINK_PATIENCE;
        for name in &delta.links_new {
            while !self.link(name)?.running {
                if Instant::now() > deadline {
                    return Err(
                        io::Error::new(io::ErrorKind::TimedOut, format!("{name} does not come up")).into()
                    );
                }
                std::thread::sleep(LINK_PAUSE);
            }
        }
        Ok(())
    }

    fn link(&mut self, name: &InterfaceName) -> io::Result<route::Link> {
        let link = self.route.ask(
            route::get_link(name),
            || None,
            |link, message| *link = route::parse_link(message),
        )?;
        link.ok_or_else(|| io::Error::other(format!("the interface {name} cannot be read back")))
    }

    /// Last step: forgets the tracked connections for which `ends` says so of their two tuples and their mark.
    pub(crate) fn forget(&mut self, ends: impl Fn(Packet, Packet, u32) -> bool) -> Result<(), ApplyError> {
        let count = conntrack::forget(&mut self.netfilter, ends)?;
        tracing::debug!(count, "connections forgotten");
        Ok(())
    }

    /// Whether the other end of an interface's pair is the interface of that number in another namespace, as far as the kernel
    /// says so.
    pub(crate) fn leads_to(
        &mut self,
        interface: &InterfaceName,
        namespace: BorrowedFd<'_>,
        index: u32,
    ) -> io::Result<bool> {
        let Some(far) = self.far.get(interface).copied() else { return Ok(true) };
        if far.index != index {
            return Ok(false);
        }
        let id = self.route.ask(
            route::get_namespace_id(namespace),
            || None,
            |id, message| *id = route::parse_namespace_id(message),
        )?;
        Ok(id == far.namespace)
    }

    /// Takes interfaces for absent, so that they are made anew.
    pub(crate) fn disown(&mut self, interfaces: &[InterfaceName]) {
        if interfaces.is_empty() {
            return;
        }
        let mut network = Network::clone(&self.state.network);
        network.links.retain(|name, _| !interfaces.contains(name));
        self.state = Arc::new(NetState { network: Arc::new(network), filter: self.state.filter.clone() });
    }

    /// The kernel's number of an interface, if it is there.
    pub(crate) fn index(&self, interface: &InterfaceName) -> Option<u32> {
        self.indexes.get(interface).copied()
    }

    fn known(&self, interface: &InterfaceName) -> io::Result<u32> {
        self.index(interface).ok_or_else(|| io::Error::other(format!("there is no interface {interface}")))
    }

    fn route_index(&self, target: &RouteTarget) -> io::Result<Option<u32>> {
        target.interface().map(|interface| self.known(interface)).transpose()
    }

    fn change(&mut self, mut requests: Vec<Message>, what: &str) -> Result<(), ApplyError> {
        let outcomes = self.route.requests(&mut requests)?;
        match outcomes.into_iter().filter_map(Result::err).find(|error| *error != Errno::EEXIST) {
            Some(source) => Err(ApplyError::Refused { what: what.to_owned(), source }),
            None => Ok(()),
        }
    }

    /// Like [`Live::change`], but what is not there any more counts as deleted.
    fn delete(&mut self, mut requests: Vec<Message>, what: &str) -> Result<(), ApplyError> {
        const GONE: [Errno; 4] = [Errno::ESRCH, Errno::ENOENT, Errno::ENODEV, Errno::EADDRNOTAVAIL];
        let outcomes = self.route.requests(&mut requests)?;
        match outcomes.into_iter().filter_map(Result::err).find(|error| !GONE.contains(error)) {
            Some(source) => Err(ApplyError::Refused { what: what.to_owned(), source }),
            None => Ok(()),
        }
    }
}
