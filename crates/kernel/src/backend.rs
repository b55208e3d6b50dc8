//! Makes namespaces match a program, and keeps them so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use enishi_fabric::program::{Endpoint, NamespaceProgram, Program};
use enishi_fabric::{InterfaceName, NamespaceName, Purge, consistent, invalidate};
use nix::errno::Errno;

use crate::delta::Delta;
use crate::live::{ApplyError, Live};
use crate::namespaces::{Namespaces, Visitor};
use crate::netlink::route::{self, VethEnd};
use crate::netstate::NetState;
use crate::render;
use crate::transaction::Transaction;
use crate::watch::Watch;

/// The Linux backend: the namespaces of one host.
pub struct Backend<N> {
    namespaces: N,
    visitor: Visitor,
    watch: Watch,
    entries: BTreeMap<NamespaceName, Entry>,
    /// Whether namespaces that an earlier process left have been looked at.
    adopted: bool,
}

struct Entry {
    live: Live,
    program: Arc<NamespaceProgram>,
    wanted: Arc<NetState>,
    /// Whether [`Live::state`] is what is there; after a failure it may not be.
    known: bool,
    /// The tracked connections to end as soon as the rest is in force.
    purges: BTreeSet<Purge>,
    /// Whether the namespace was taken over: then connections may have been made under any earlier program.
    adopted: bool,
}

impl Entry {
    /// Ends the connections that must not outlive what was changed. Only once that is in force: before, the next packet
    /// would make them anew. If it fails, it stays due.
    fn forget(&mut self) -> Result<(), ApplyError> {
        if !self.known || self.purges.is_empty() && !self.adopted {
            return Ok(());
        }
        let (purges, adopted, program) = (&self.purges, self.adopted, &self.program);
        self.live.forget(|original, reply, mark| {
            let connection = render::connection(program, original, reply, mark);
            purges.iter().any(|purge| purge.ends(&connection)) || adopted && !consistent(program, &connection)
        })?;
        self.purges.clear();
        self.adopted = false;
        Ok(())
    }
}

/// What [`Backend::reconcile`] did.
#[derive(Debug, Default)]
pub struct Report {
    /// The namespaces in which something differed.
    pub changed: Vec<NamespaceName>,
    /// What could not be done. Without failures the whole program is in force.
    pub failures: Vec<Failure>,
}

/// A namespace that is not as it has to be. The next [`Backend::reconcile`] tries again.
#[derive(Debug, thiserror::Error)]
#[error("{namespace}: {error}")]
pub struct Failure {
    /// The namespace.
    pub namespace: NamespaceName,
    /// Why.
    #[source]
    pub error: ApplyError,
}

/// One namespace on its way to what it has to be.
struct Work {
    name: NamespaceName,
    wanted: Arc<NetState>,
    delta: Delta,
    transaction: Transaction,
}

impl<N: Namespaces> Backend<N> {
    /// A backend that has looked at nothing yet. `notify` is called, from another thread, when somebody else changed
    /// something: then [`Backend::reconcile`] is due, if only for that.
    pub fn new(namespaces: N, notify: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        Ok(Backend {
            namespaces,
            visitor: Visitor::start()?,
            watch: Watch::start(Box::new(notify))?,
            entries: BTreeMap::new(),
            adopted: false,
        })
    }

    /// Brings everything to what `program` says. Namespaces whose part of the program is the one applied last, by
    /// pointer, are not looked at unless somebody else changed something in them or they failed.
    pub fn reconcile(&mut self, program: &Program) -> Report {
        self.bring_about(program, false)
    }

    /// The same, but looks at everything, also at what announces no changes (sysctls). Due once a minute.
    pub fn audit(&mut self, program: &Program) -> Report {
        self.bring_about(program, true)
    }

    /// The thread that enters namespaces, for others that need something done in one.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Who keeps the namespaces.
    pub fn namespaces(&mut self) -> &mut N {
        &mut self.namespaces
    }

    fn bring_about(&mut self, program: &Program, look_at_all: bool) -> Report {
        let mut report = Report::default();
        let gone = self.gone(program, &mut report);
        let suspects = self.watch.suspects();
        let mut todo = Vec::new();
        for (name, wanted) in &program.namespaces {
            let look = look_at_all || suspects.contains(name);
            match self.prepare(name, wanted, look, look_at_all) {
                Ok(true) => todo.push(name.clone()),
                Ok(false) => {}
                Err(error) => report.fail(name, error),
            }
        }
        self.check_pairs(&mut report);
        let again = self.apply(todo, &mut report);
        let again = again.into_iter().filter(|name| self.look_again(name, &mut report)).collect();
        // Applying twice is enough: the second time nothing is deleted that others depend on.
        self.apply(again, &mut report);
        for (name, entry) in &mut self.entries {
            if let Err(error) = entry.forget() {
                report.fail(name, error);
            }
        }
        for name in gone {
            self.remove(&name, &mut report);
        }
        report
    }

    /// The namespaces that the program does not have: of this process, and the first time those that another left.
    fn gone(&mut self, program: &Program, report: &mut Report) -> BTreeSet<NamespaceName> {
        let absent = |name: &&NamespaceName| !program.namespaces.contains_key(*name);
        let mut gone: BTreeSet<_> = self.entries.keys().filter(absent).cloned().collect();
        if !self.adopted {
            match self.namespaces.list() {
                Ok(names) => {
                    self.adopted = true;
                    gone.extend(names.iter().filter(absent).cloned());
                }
                Err(error) => report.fail(&NamespaceName::new("*"), error.into()),
            }
        }
        gone
    }

    /// Gets a namespace ready to be compared; false if there is nothing to compare.
    fn prepare(
        &mut self,
        name: &NamespaceName,
        program: &Arc<NamespaceProgram>,
        look: bool,
        thoroughly: bool,
    ) -> Result<bool, ApplyError> {
        let Some(entry) = self.entries.get_mut(name) else {
            let entry = self.enter(name, program)?;
            self.entries.insert(name.clone(), entry);
            return Ok(true);
        };
        let same = Arc::ptr_eq(&entry.program, program);
        if same && entry.known && !look {
            return Ok(false);
        }
        if !same {
            entry.wanted = Arc::new(render::update(&entry.program, &entry.wanted, program));
            entry.purges.extend(invalidate(&entry.program, program));
            entry.program = program.clone();
        }
        if look || !entry.known {
            entry.known = false;
            entry.live.observe(&entry.wanted, thoroughly.then_some(&self.visitor))?;
            entry.known = true;
        }
        Ok(true)
    }

    /// Looks where the interfaces of namespaces that were taken over lead. A pair that somebody made anew under equal names while
    /// nobody looked would join the wrong two.
    fn check_pairs(&mut self, report: &mut Report) {
        let adopted = self.entries.iter().filter(|(_, entry)| entry.adopted && entry.known);
        let adopted: Vec<NamespaceName> = adopted.map(|(name, _)| name.clone()).collect();
        let mut wrong = Vec::new();
        for name in adopted {
            match self.miswired(&name) {
                Ok(interfaces) => wrong.push((name, interfaces)),
                Err(error) => self.failed(&name, error.into(), report),
            }
        }
        for (name, interfaces) in wrong {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.live.disown(&interfaces);
            }
        }
    }

    /// The interfaces of a namespace whose other end is another one than the program says.
    fn miswired(&mut self, name: &NamespaceName) -> io::Result<Vec<InterfaceName>> {
        let Some(entry) = self.entries.get(name) else { return Ok(Vec::new()) };
        let wanted = entry.wanted.clone();
        let mut wrong = Vec::new();
        for (interface, link) in &wanted.network.links {
            let Some(peer) = &link.peer else { continue };
            let Some(there) = self.entries.get(&peer.namespace) else { continue };
            // Without its other end it is made anew in any case.
            let Some(index) = there.live.index(&peer.interface) else { continue };
            let namespace = there.live.namespace().try_clone_to_owned()?;
            let Some(entry) = self.entries.get_mut(name) else { continue };
            if entry.live.index(interface).is_some()
                && !entry.live.leads_to(interface, namespace.as_fd(), index)?
            {
                wrong.push(interface.clone());
            }
        }
        Ok(wrong)
    }

    /// Makes a namespace, or takes over one that exists with what is in it.
    fn enter(&mut self, name: &NamespaceName, program: &Arc<NamespaceProgram>) -> Result<Entry, ApplyError> {
        let wanted = Arc::new(render::state(program));
        let (fd, existed) = match self.namespaces.open(name) {
            Ok(fd) => (fd, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (self.namespaces.create(program)?, false)
            }
            Err(error) => return Err(error.into()),
        };
        let (mut live, listeners) = Live::open(fd, &self.visitor)?;
        self.watch.add(name, listeners, live.route.port(), live.generation())?;
        if existed {
            live.observe(&wanted, Some(&self.visitor))?;
        }
        Ok(Entry {
            live,
            program: program.clone(),
            wanted,
            known: true,
            purges: BTreeSet::new(),
            adopted: existed,
        })
    }

    /// Reads back a namespace in which something was deleted that other things may have depended on.
    fn look_again(&mut self, name: &NamespaceName, report: &mut Report) -> bool {
        let Some(entry) = self.entries.get_mut(name) else { return false };
        let seen = entry.live.observe(&entry.wanted, None);
        entry.known = seen.is_ok();
        seen.map_err(|error| report.fail(name, error.into())).is_ok()
    }

    /// Brings namespaces to what they have to be: what closes in all of them first, what opens last. Returns those that
    /// have to be looked at again.
    fn apply(&mut self, names: Vec<NamespaceName>, report: &mut Report) -> BTreeSet<NamespaceName> {
        let mut works = Vec::new();
        for name in names {
            match self.work(&name) {
                Ok(work) => works.extend(work),
                Err(error) => self.failed(&name, error, report),
            }
        }
        report.changed.extend(works.iter().map(|work| work.name.clone()));
        works.iter().for_each(|work| self.announce_deletions(work));
        self.step(&mut works, report, |entry, work, _| entry.live.close(&work.delta));
        for opens_only in [false, true] {
            self.step(&mut works, report, |entry, work, _| {
                if work.transaction.opens_only() != opens_only {
                    return Ok(());
                }
                entry.live.filter(std::mem::take(&mut work.transaction), &work.wanted)
            });
        }
        let mut again = self.make_links(&mut works, report);
        self.step(&mut works, report, |entry, work, visitor| {
            entry.live.links(&work.delta, &work.wanted)?;
            entry.live.sysctls(&work.delta, &work.wanted, visitor)
        });
        self.step(&mut works, report, |entry, work, _| {
            entry.live.open_up(&work.delta, &work.wanted)?;
            entry.live.state = work.wanted.clone();
            Ok(())
        });
        self.step(&mut works, report, |entry, work, _| entry.live.await_links(&work.delta));
        // The kernel forgets what hangs on an address, and neighbours where an Ethernet address is set.
        let unsettled = works
            .into_iter()
            .filter(|work| !work.delta.addresses_gone.is_empty() || !work.delta.links_changed.is_empty());
        again.extend(unsettled.map(|work| work.name));
        again
    }

    /// Tells the watch which interfaces are about to go, each with the other end of its pair.
    fn announce_deletions(&self, work: &Work) {
        let doom = |namespace: &NamespaceName, interface: &InterfaceName| {
            let index = self.entries.get(namespace).and_then(|entry| entry.live.index(interface));
            index.into_iter().for_each(|index| self.watch.doom(namespace, index));
        };
        let links = self.entries.get(&work.name).map(|entry| &entry.live.state.network.links);
        for interface in work.delta.links_gone.iter().chain(&work.delta.links_new) {
            doom(&work.name, interface);
            let link = links.and_then(|links| links.get(interface));
            if let Some(peer) = link.and_then(|link| link.peer.as_ref()) {
                doom(&peer.namespace, &peer.interface);
            }
        }
    }

    /// What a namespace needs, if anything.
    fn work(&mut self, name: &NamespaceName) -> Result<Option<Work>, ApplyError> {
        let Some(entry) = self.entries.get_mut(name) else { return Ok(None) };
        let wanted = entry.wanted.clone();
        let delta = Delta::between(&entry.live.state, &wanted);
        if delta.is_empty() {
            return Ok(None);
        }
        let transaction =
            if delta.filter { entry.live.transaction(&wanted)? } else { Transaction::default() };
        Ok(Some(Work { name: name.clone(), wanted, delta, transaction }))
    }

    /// Does one step for every namespace; those in which it fails drop out.
    fn step(
        &mut self,
        works: &mut Vec<Work>,
        report: &mut Report,
        mut step: impl FnMut(&mut Entry, &mut Work, &Visitor) -> Result<(), ApplyError>,
    ) {
        works.retain_mut(|work| {
            let Some(entry) = self.entries.get_mut(&work.name) else { return false };
            match step(entry, work, &self.visitor) {
                Ok(()) => true,
                Err(error) => {
                    entry.known = false;
                    report.fail(&work.name, error);
                    false
                }
            }
        });
    }

    /// Makes the missing veth pairs. Returns the namespaces whose end was believed to exist and is a new one now.
    fn make_links(&mut self, works: &mut Vec<Work>, report: &mut Report) -> BTreeSet<NamespaceName> {
        let missing: BTreeSet<Endpoint> = works
            .iter()
            .flat_map(|work| {
                work.delta.links_new.iter().map(|interface| (work.name.clone(), interface.clone()))
            })
            .map(|(namespace, interface)| Endpoint { namespace, interface })
            .collect();
        let mut made = BTreeSet::new();
        let mut again = BTreeSet::new();
        for end in &missing {
            if made.contains(end) {
                continue;
            }
            match self.make_pair(end) {
                Ok(peer) => {
                    if !missing.contains(&peer) {
                        again.insert(peer.namespace.clone());
                    }
                    made.insert(peer);
                }
                Err(error) => {
                    works.retain(|work| work.name != end.namespace);
                    self.failed(&end.namespace, error, report);
                }
            }
        }
        again
    }

    /// Makes the pair of which `end` is one end; returns the other.
    fn make_pair(&mut self, end: &Endpoint) -> Result<Endpoint, ApplyError> {
        let lacking = |what: &str| io::Error::other(format!("{}: {what}", end.interface));
        let entry = self.entries.get(&end.namespace).ok_or_else(|| lacking("its namespace is not open"))?;
        let (link, peer) = entry
            .wanted
            .network
            .links
            .get(&end.interface)
            .and_then(|link| Some((link, link.peer.clone()?)))
            .ok_or_else(|| lacking("its other end is not known"))?;
        let there = self
            .entries
            .get(&peer.namespace)
            .ok_or_else(|| lacking("the other end's namespace is not open"))?;
        let peer_link = there
            .wanted
            .network
            .links
            .get(&peer.interface)
            .ok_or_else(|| lacking("the other end is not in the program"))?;
        let here = VethEnd { name: &end.interface, mac: link.mac, mtu: link.mtu };
        let far = VethEnd { name: &peer.interface, mac: peer_link.mac, mtu: peer_link.mtu };
        let request = route::add_veth(here, far, there.live.namespace());
        match self.request(&end.namespace, request.clone())? {
            Err(Errno::EEXIST) => {
                // Half of it is there, with another other half.
                for side in [end, &peer] {
                    self.delete_link(&side.namespace, &side.interface)?;
                }
                self.request(&end.namespace, request)?
            }
            outcome => outcome,
        }
        .map_err(|source| ApplyError::Refused {
            what: format!("add the veth pair of {}", end.interface),
            source,
        })?;
        Ok(peer)
    }

    fn request(
        &mut self,
        namespace: &NamespaceName,
        request: crate::netlink::message::Message,
    ) -> io::Result<Result<(), Errno>> {
        let entry = self.entries.get_mut(namespace).ok_or(io::ErrorKind::NotFound)?;
        let outcomes = entry.live.route.requests(&mut [request])?;
        Ok(outcomes.into_iter().next().unwrap_or(Ok(())))
    }

    fn delete_link(
        &mut self,
        namespace: &NamespaceName,
        interface: &InterfaceName,
    ) -> Result<(), ApplyError> {
        match self.request(namespace, route::delete_link(interface))? {
            Ok(()) | Err(Errno::ENODEV) => Ok(()),
            Err(source) => Err(ApplyError::Refused { what: format!("delete {interface}"), source }),
        }
    }

    fn failed(&mut self, name: &NamespaceName, error: ApplyError, report: &mut Report) {
        if let Some(entry) = self.entries.get_mut(name) {
            entry.known = false;
        }
        report.fail(name, error);
    }

    fn remove(&mut self, name: &NamespaceName, report: &mut Report) {
        self.watch.remove(name);
        self.entries.remove(name);
        if let Err(error) = self.namespaces.delete(name) {
            report.fail(name, error.into());
        }
        report.changed.push(name.clone());
    }
}

impl Report {
    fn fail(&mut self, namespace: &NamespaceName, error: ApplyError) {
        self.failures.push(Failure { namespace: namespace.clone(), error });
    }
}
