//! When to probe what, and what the results mean together: the checkers of all endpoints, without I/O.
//!
//! Each endpoint has several checkers, which probe it one after the other, spread over the interval; the first round comes within a
//! second, so that something is known soon. "The number of seconds between the time that Route 53 gets a response from your endpoint
//! and the time that it sends the next health check request" is the interval, so each checker probes again so long after its result.
//!
//! A checker that has no result yet counts as healthy ("Route 53 considers a new health check to be healthy until there's enough
//! data"). More than 18 % of the checkers make an endpoint healthy. A calculated check is healthy while enough of its children are.
//! A disabled check counts as healthy. Inverting comes last, so that a check that is new or disabled *and* inverted is unhealthy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Outcome, ProbeSpec, Streak};

/// An endpoint is healthy when more than so many per cent of its checkers say so.
const QUORUM_PERCENT: usize = 18;

/// How long the first round of probes of an endpoint takes.
const FIRST_ROUND: Duration = Duration::from_secs(1);

/// Calculated checks above one another. Deeper ones count as healthy.
const DEEPEST: usize = 8;

/// Names a check.
pub type CheckId = Arc<str>;

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How.
    pub kind: Kind,
    /// Whether healthy means unhealthy.
    pub inverted: bool,
    /// Whether nothing is looked at, which counts as healthy.
    pub disabled: bool,
}

/// How something is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An endpoint is probed.
    Endpoint(Endpoint),
    /// Other checks are counted.
    Calculated {
        /// Which.
        children: Vec<CheckId>,
        /// How many of them must be healthy.
        threshold: usize,
    },
}

/// What is probed, by whom and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub target: Target,
    /// How.
    pub spec: Arc<ProbeSpec>,
    /// From where: the addresses of the checkers.
    pub checkers: Vec<Ipv4Addr>,
    /// The pause of one checker between a result and the next probe.
    pub interval: Duration,
    /// Results in a row that change a checker's mind.
    pub threshold: u16,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// At an address.
    Address(SocketAddr),
    /// At the address that a name has at the time of the probe, and a port.
    Name(String, u16),
}

/// A probe that has to be made now.
#[derive(Debug, Clone)]
pub struct Job {
    /// For which check.
    pub check: CheckId,
    /// By which checker.
    pub checker: Ipv4Addr,
    /// Of what.
    pub target: Target,
    /// How.
    pub spec: Arc<ProbeSpec>,
    /// Which definition of the check it belongs to.
    version: u64,
}

/// A result of one checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The checker.
    pub checker: Ipv4Addr,
    /// When.
    pub at: SystemTime,
    /// What it found.
    pub outcome: Outcome,
}

/// All checks.
#[derive(Debug, Default)]
pub struct Panel {
    checks: BTreeMap<CheckId, Entry>,
    /// Which calculated checks count a check.
    parents: BTreeMap<CheckId, BTreeSet<CheckId>>,
    due: BTreeSet<(Instant, CheckId, Ipv4Addr)>,
    versions: u64,
    changes: Vec<(CheckId, bool)>,
}

#[derive(Debug)]
struct Entry {
    check: Check,
    version: u64,
    checkers: BTreeMap<Ipv4Addr, Checker>,
    /// What was said last.
    verdict: bool,
}

#[derive(Debug)]
struct Checker {
    streak: Streak,
    /// When it probes next; nothing while it does.
    next: Option<Instant>,
    /// The earliest time of its second probe: its place in the interval.
    place: Instant,
    latest: Option<Observation>,
    last_failure: Option<Observation>,
}

impl Panel {
    /// Begins to check, or goes on in another way: what is known stays known as long as the same endpoint is probed.
    pub fn put(&mut self, id: CheckId, check: Check, now: Instant) {
        let old = self.forget(&id);
        self.versions += 1;
        let mut entry = Entry { check, version: self.versions, checkers: BTreeMap::new(), verdict: true };
        if let Some(old) = &old {
            entry.verdict = old.verdict;
        }
        if let Kind::Endpoint(endpoint) = &entry.check.kind
            && !entry.check.disabled
        {
            let mut known = old.filter(|old| old.probes_the_same(endpoint)).map(|old| old.checkers);
            let count = u32::try_from(endpoint.checkers.len()).unwrap_or(u32::MAX).max(1);
            for (place, address) in (0..).zip(&endpoint.checkers) {
                let first = now + FIRST_ROUND * place / count;
                let mut checker = Checker::new(now + endpoint.interval * place / count);
                if let Some(old) = known.as_mut().and_then(|known| known.remove(address)) {
                    checker = Checker { place: checker.place, ..old };
                }
                checker.next = Some(first);
                self.due.insert((first, id.clone(), *address));
                entry.checkers.insert(*address, checker);
            }
        }
        if let Kind::Calculated { children, .. } = &entry.check.kind {
            for child in children {
                self.parents.entry(child.clone()).or_default().insert(id.clone());
            }
        }
        self.checks.insert(id.clone(), entry);
        // Said in any case: who listens may have heard of it before.
        let verdict = self.healthy(&id);
        self.say(&id, verdict);
        self.tell_parents(&id);
    }

    /// Ends a check. Who asks for it hears that it is healthy.
    pub fn remove(&mut self, id: &CheckId) {
        if self.forget(id).is_some() {
            self.changes.push((id.clone(), true));
            self.tell_parents(id);
        }
    }

    /// When the next probe is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _, _)| *at)
    }

    /// A probe that is due; each is due again only after its [`Panel::report`].
    pub fn take(&mut self, now: Instant) -> Option<Job> {
        loop {
            if self.next()? > now {
                return None;
            }
            let (_, id, address) = self.due.pop_first()?;
            let Some(entry) = self.checks.get_mut(&id) else { continue };
            let Kind::Endpoint(endpoint) = &entry.check.kind else { continue };
            let Some(checker) = entry.checkers.get_mut(&address) else { continue };
            checker.next = None;
            return Some(Job {
                target: endpoint.target.clone(),
                spec: endpoint.spec.clone(),
                check: id,
                checker: address,
                version: entry.version,
            });
        }
    }

    /// What came of a probe; nothing when it could not be made at all, which says nothing about the endpoint.
    pub fn report(&mut self, job: &Job, outcome: Option<Outcome>, now: Instant, at: SystemTime) {
        let Some(entry) = self.checks.get_mut(&job.check).filter(|entry| entry.version == job.version) else {
            return;
        };
        let Kind::Endpoint(endpoint) = &entry.check.kind else { return };
        let Some(checker) = entry.checkers.get_mut(&job.checker) else { return };
        let is_first = checker.latest.is_none();
        if let Some(outcome) = outcome {
            checker.record(Observation { checker: job.checker, at, outcome }, endpoint.threshold);
        }
        let usual = now + endpoint.interval;
        let next = if is_first && checker.place > now { checker.place.min(usual) } else { usual };
        checker.next = Some(next);
        self.due.insert((next, job.check.clone(), job.checker));
        let verdict = self.healthy(&job.check);
        if self.checks.get(&job.check).is_some_and(|entry| entry.verdict != verdict) {
            self.say(&job.check, verdict);
            self.tell_parents(&job.check);
        }
    }

    /// Whether a check passes; one that is not known does.
    pub fn healthy(&self, id: &str) -> bool {
        self.healthy_within(id, DEEPEST)
    }

    /// What turned since the last call, in order.
    pub fn changes(&mut self) -> Vec<(CheckId, bool)> {
        std::mem::take(&mut self.changes)
    }

    /// The newest result of each checker that has one.
    pub fn observations(&self, id: &str) -> Vec<Observation> {
        self.seen(id, |checker| checker.latest.clone())
    }

    /// The newest failure of each checker that has seen one.
    pub fn last_failures(&self, id: &str) -> Vec<Observation> {
        self.seen(id, |checker| checker.last_failure.clone())
    }

    fn seen(&self, id: &str, what: impl Fn(&Checker) -> Option<Observation>) -> Vec<Observation> {
        self.checks.get(id).into_iter().flat_map(|entry| entry.checkers.values()).filter_map(what).collect()
    }

    fn healthy_within(&self, id: &str, depth: usize) -> bool {
        let Some(entry) = self.checks.get(id).filter(|_| depth > 0) else { return true };
        let check = &entry.check;
        let healthy = check.disabled
            || match &check.kind {
                Kind::Endpoint(_) => {
                    let healthy = entry.checkers.values().filter(|checker| checker.streak.healthy()).count();
                    healthy * 100 > entry.checkers.len() * QUORUM_PERCENT
                }
                Kind::Calculated { children, threshold } => {
                    let healthy = children.iter().filter(|child| self.healthy_within(child, depth - 1));
                    healthy.count() >= *threshold
                }
            };
        healthy != check.inverted
    }

    fn say(&mut self, id: &CheckId, verdict: bool) {
        if let Some(entry) = self.checks.get_mut(id) {
            entry.verdict = verdict;
            self.changes.push((id.clone(), verdict));
        }
    }

    /// Looks again at the calculated checks above a check.
    fn tell_parents(&mut self, id: &CheckId) {
        let mut open: Vec<CheckId> = self.parents.get(id).into_iter().flatten().cloned().collect();
        let mut seen = BTreeSet::new();
        while let Some(parent) = open.pop() {
            if !seen.insert(parent.clone()) {
                continue;
            }
            let verdict = self.healthy(&parent);
            if self.checks.get(&parent).is_some_and(|entry| entry.verdict != verdict) {
                self.say(&parent, verdict);
                open.extend(self.parents.get(&parent).into_iter().flatten().cloned());
            }
        }
    }

    fn forget(&mut self, id: &CheckId) -> Option<Entry> {
        let entry = self.checks.remove(id)?;
        for (address, checker) in &entry.checkers {
            if let Some(at) = checker.next {
                self.due.remove(&(at, id.clone(), *address));
            }
        }
        if let Kind::Calculated { children, .. } = &entry.check.kind {
            for child in children {
                if let Some(parents) = self.parents.get_mut(child) {
                    parents.remove(id);
                    if parents.is_empty() {
                        self.parents.remove(child);
                    }
                }
            }
        }
        Some(entry)
    }
}

impl Entry {
    fn probes_the_same(&self, endpoint: &Endpoint) -> bool {
        matches!(&self.check.kind, Kind::Endpoint(old) if old.target == endpoint.target && old.spec == endpoint.spec)
    }
}

impl Checker {
    fn new(place: Instant) -> Self {
        Checker { streak: Streak::new(true), next: None, place, latest: None, last_failure: None }
    }

    fn record(&mut self, observation: Observation, threshold: u16) {
        let passed = observation.outcome.passed();
        self.streak.record(passed, threshold, threshold);
        if !passed {
            self.last_failure = Some(observation.clone());
        }
        self.latest = Some(observation);
    }
}
