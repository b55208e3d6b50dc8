//! When to probe what, and what the results mean together: the checkers of all endpoints, without I/O.
//!
//! Each endpoint has several checkers, which probe it one after the other, spread over the interval; the first round comes within a
//! second, so that something is known soon. "The number of seconds between the time that Route 53 gets a response from your endpoint
//! and the time that it sends the next health check request" is the interval, so each checker probes again so long after its result.
//!
//! A checker that has no result yet counts as healthy ("Route 53 considers a new health check to be healthy until there's enough
//! data"). More than 18 % of the checkers make an endpoint healthy. A calculated check is healthy while enough of its children are.
//! A check that somebody else tells about is as it was told last. A disabled check counts as healthy. Inverting comes last, so that a check that is new or disabled *and* inverted is unhealthy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Outcome, ProbeSpec, Streak};

/// An endpoint is healthy when more than so many per cent of its checkers say so.
const QUORUM_PERCENT: usize = 18;

/// How long the first round of probes of an endpoint takes.
const FIRST_ROUND: Duration = Duration::from_secs(1);

/// The pause after a probe that could not be made.
const RETRY: Duration = Duration::from_secs(1);

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
    /// Somebody else says whether it is healthy; nothing is as it was.
    Told(Option<bool>),
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
    /// What somebody else told last.
    told: bool,
}

#[derive(Debug)]
struct Checker {
    streak: Streak,
    /// When it probes next; nothing while it does.
    next: Option<Instant>,
    /// The earliest time of its second probe: its place in the interval.
    place: Instant,
    /// Whether its first result counts at once.
    resumed: bool,
    latest: Option<Observation>,
    last_failure: Option<Observation>,
}

impl Panel {
    /// Begins to check, or goes on in another way: what is known stays known as long as the same endpoint is probed.
    pub fn put(&mut self, id: CheckId, check: Check, now: Instant) {
        self.install(id, check, now, false);
    }

    /// Goes on with a check that is not new, of which nothing is known any more: the first result of a checker counts at once,
    /// whatever the threshold.
    pub fn resume(&mut self, id: CheckId, check: Check, now: Instant) {
        self.install(id, check, now, true);
    }

    fn install(&mut self, id: CheckId, check: Check, now: Instant, resumed: bool) {
        let old = self.forget(&id);
        self.versions += 1;
        let mut entry =
            Entry { check, version: self.versions, checkers: BTreeMap::new(), verdict: true, told: true };
        if let Some(old) = &old {
            entry.verdict = old.verdict;
            entry.told = old.told;
        }
        if let Kind::Told(Some(healthy)) = entry.check.kind {
            entry.told = healthy;
        }
        if let Kind::Endpoint(endpoint) = &entry.check.kind
            && !entry.check.disabled
        {
            let mut known = old.filter(|old| old.probes_the_same(endpoint)).map(|old| old.checkers);
            let count = u32::try_from(endpoint.checkers.len()).unwrap_or(u32::MAX).max(1);
            for (place, address) in (0..).zip(&endpoint.checkers) {
                let first = now + FIRST_ROUND * place / count;
                let mut checker = Checker::new(now + endpoint.interval * place / count, resumed);
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
        let is_made = outcome.is_some();
        if let Some(outcome) = outcome {
            checker.record(Observation { checker: job.checker, at, outcome }, endpoint.threshold);
        }
        let usual = now + if is_made { endpoint.interval } else { RETRY };
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
                Kind::Told(_) => entry.told,
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
    fn new(place: Instant, resumed: bool) -> Self {
        Checker { streak: Streak::new(true), next: None, place, resumed, latest: None, last_failure: None }
    }

    fn record(&mut self, observation: Observation, threshold: u16) {
        let passed = observation.outcome.passed();
        if self.resumed && self.latest.is_none() {
            self.streak = Streak::new(passed);
        } else {
            self.streak.record(passed, threshold, threshold);
        }
        if !passed {
            self.last_failure = Some(observation.clone());
        }
        self.latest = Some(observation);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Failure, Protocol, Timeouts};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn endpoint(checkers: u8, interval: u64, threshold: u16) -> Check {
        let spec = ProbeSpec { protocol: Protocol::Tcp, timeouts: Timeouts::ROUTE53_TCP };
        let endpoint = Endpoint {
            target: Target::Address(([198, 18, 1, 0], 80).into()),
            spec: Arc::new(spec),
            checkers: (0..checkers).map(|n| Ipv4Addr::new(198, 18, 0, n)).collect(),
            interval: SECOND * u32::try_from(interval).expect("seconds"),
            threshold,
        };
        Check { kind: Kind::Endpoint(endpoint), inverted: false, disabled: false }
    }

    fn calculated(children: &[&str], threshold: usize) -> Check {
        let children = children.iter().map(|id| CheckId::from(*id)).collect();
        Check { kind: Kind::Calculated { children, threshold }, inverted: false, disabled: false }
    }

    /// A panel whose clock the test moves, and an endpoint whose state the test sets.
    struct Bench {
        panel: Panel,
        start: Instant,
        now: Instant,
        probes: Vec<(Duration, u8)>,
    }

    impl Bench {
        fn new() -> Self {
            let now = Instant::now();
            Bench { panel: Panel::default(), start: now, now, probes: Vec::new() }
        }

        fn put(&mut self, id: &str, check: Check) {
            self.panel.put(id.into(), check, self.now);
        }

        /// Lets time pass; probes are answered at once by what `up` says of the check and the checker.
        fn run(&mut self, until: Duration, up: impl Fn(&str, u8) -> bool) {
            let end = self.start + until;
            while let Some(next) = self.panel.next().filter(|next| *next <= end) {
                self.now = self.now.max(next);
                let job = self.panel.take(self.now).expect("something is due");
                let checker = job.checker.octets()[3];
                self.probes.push((self.now - self.start, checker));
                let passed = up(&job.check, checker);
                let outcome = if passed { Outcome::Connected } else { Outcome::Failed(Failure::Refused) };
                self.panel.report(&job, Some(outcome), self.now, SystemTime::UNIX_EPOCH);
            }
            self.now = end;
        }

        fn changes(&mut self) -> Vec<(String, bool)> {
            self.panel.changes().into_iter().map(|(id, healthy)| (id.to_string(), healthy)).collect()
        }
    }

    fn said(id: &str, healthy: bool) -> (String, bool) {
        (id.to_owned(), healthy)
    }

    /// "Every 10 seconds or every 30 seconds", by each checker.
    #[test]
    fn every_checker_probes_within_a_second_and_then_once_an_interval() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(8, 10, 1));
        bench.run(SECOND * 60, |_, _| true);
        for checker in 0..8 {
            let times: Vec<Duration> =
                bench.probes.iter().filter(|(_, by)| *by == checker).map(|(at, _)| *at).collect();
            assert!(times[0] < SECOND, "{times:?}");
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= SECOND * 10), "{times:?}");
            assert!(times[2..].windows(2).all(|pair| pair[1] - pair[0] == SECOND * 10), "{times:?}");
        }
        // Spread out: no time without a probe for longer than the interval's share.
        let late: Vec<Duration> =
            bench.probes.iter().map(|(at, _)| *at).filter(|at| *at > SECOND * 20).collect();
        assert!(late.windows(2).all(|pair| pair[1] - pair[0] == SECOND * 10 / 8), "{late:?}");
    }

    /// Seven of eight checkers have to see it, which takes less than an interval.
    #[test]
    fn an_endpoint_that_fails_is_unhealthy_within_an_interval_and_recovers_at_once() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(8, 10, 1));
        assert_eq!(bench.changes(), [said("a", true)]);
        bench.run(SECOND * 25, |_, _| true);
        assert_eq!(bench.changes(), []);
        bench.run(SECOND * 34, |_, _| false);
        assert_eq!(bench.changes(), [said("a", false)]);
        // Two checkers are more than 18 % of eight; one is not.
        bench.run(SECOND * 37, |_, _| true);
        assert_eq!(bench.changes(), [said("a", true)]);
    }

    /// "If more than 18% of health checkers report that an endpoint is healthy, Route 53 considers it healthy."
    #[test]
    fn more_than_18_per_cent_of_the_checkers_decide() {
        for (checkers, up, healthy) in
            [(8, 1, false), (8, 2, true), (3, 0, false), (3, 1, true), (5, 1, true), (6, 1, false)]
        {
            let mut bench = Bench::new();
            bench.put("a", endpoint(checkers, 10, 1));
            bench.run(SECOND * 30, |_, checker| checker < up);
            assert_eq!(bench.panel.healthy("a"), healthy, "{up} of {checkers}");
        }
    }

    #[test]
    fn as_many_results_in_a_row_as_the_threshold_says_change_a_checkers_mind() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(3, 10, 3));
        bench.run(SECOND * 15, |_, _| false);
        assert!(bench.panel.healthy("a"));
        bench.run(SECOND * 30, |_, _| false);
        assert!(!bench.panel.healthy("a"));
        bench.run(SECOND * 45, |_, _| true);
        assert!(!bench.panel.healthy("a"));
        bench.run(SECOND * 60, |_, _| true);
        assert!(bench.panel.healthy("a"));
    }

    /// "When you invert a new check, Route 53 considers it unhealthy until there's enough data"; "after you disable a health check,
    /// Route 53 considers the status of the health check to always be healthy".
    #[test]
    fn inverting_comes_last_and_disabled_checks_are_not_probed() {
        let mut bench = Bench::new();
        bench.put("new", Check { inverted: true, ..endpoint(3, 10, 1) });
        assert!(!bench.panel.healthy("new"));
        bench.run(SECOND * 2, |_, _| false);
        assert!(bench.panel.healthy("new"));
        bench.probes.clear();
        bench.put("new", Check { disabled: true, ..endpoint(3, 10, 1) });
        bench.run(SECOND * 60, |_, _| false);
        assert!(bench.panel.healthy("new") && bench.probes.is_empty());
        assert_eq!(bench.panel.observations("new"), []);
        bench.put("new", Check { disabled: true, inverted: true, ..endpoint(3, 10, 1) });
        assert!(!bench.panel.healthy("new"));
    }

    #[test]
    fn calculated_checks_count_their_children() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(3, 10, 1));
        bench.put("b", endpoint(3, 10, 1));
        bench.put("off", Check { disabled: true, ..endpoint(3, 10, 1) });
        bench.put("two of a, b", calculated(&["a", "b"], 2));
        bench.put("one of a, b", calculated(&["a", "b"], 1));
        bench.put("not both", Check { inverted: true, ..calculated(&["a", "b"], 2) });
        bench.put("with disabled", calculated(&["a", "off"], 1));
        bench.put("never", calculated(&["a"], 2));
        bench.put("always", calculated(&[], 0));
        bench.changes();
        bench.run(SECOND * 2, |check, _| check != "a");
        let changes = bench.changes();
        assert_eq!(changes.first(), Some(&said("a", false)));
        for (id, healthy) in [
            ("two of a, b", false),
            ("one of a, b", true),
            ("not both", true),
            ("with disabled", true),
            ("never", false),
            ("always", true),
        ] {
            assert_eq!(bench.panel.healthy(id), healthy, "{id}");
        }
        assert!(changes.contains(&said("two of a, b", false)) && changes.contains(&said("not both", true)));
        bench.panel.remove(&"a".into());
        assert!(bench.panel.healthy("two of a, b"), "what is gone passes");
        assert_eq!(bench.changes().iter().filter(|change| **change == said("two of a, b", true)).count(), 1);
    }

    #[test]
    fn what_is_told_holds_until_something_else_is() {
        let mut bench = Bench::new();
        let told = |healthy| Check { kind: Kind::Told(healthy), inverted: false, disabled: false };
        bench.put("a", told(None));
        assert!(bench.panel.healthy("a"), "a new one passes");
        bench.put("parent", calculated(&["a"], 1));
        bench.changes();
        for (healthy, verdict) in [(Some(false), false), (None, false), (Some(true), true), (None, true)] {
            bench.put("a", told(healthy));
            assert_eq!((bench.panel.healthy("a"), bench.panel.healthy("parent")), (verdict, verdict));
        }
        let inverted = Check { inverted: true, ..told(Some(true)) };
        bench.put("a", inverted);
        assert!(!bench.panel.healthy("a") && !bench.panel.healthy("parent"));
        assert_eq!(bench.changes().last(), Some(&said("parent", false)));
    }

    #[test]
    fn circles_of_calculated_checks_end() {
        let mut bench = Bench::new();
        bench.put("a", calculated(&["b"], 1));
        bench.put("b", calculated(&["a"], 1));
        bench.put("b", Check { inverted: true, ..calculated(&["a"], 1) });
        bench.panel.remove(&"a".into());
        bench.panel.remove(&"b".into());
        assert!(bench.panel.parents.is_empty() && bench.panel.checks.is_empty());
    }

    #[test]
    fn what_is_known_stays_known_while_the_same_endpoint_is_probed() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(3, 10, 1));
        bench.run(SECOND * 2, |_, _| false);
        bench.put("a", endpoint(3, 30, 2));
        assert!(!bench.panel.healthy("a"));
        assert_eq!(bench.panel.observations("a").len(), 3);
        let mut elsewhere = endpoint(3, 30, 2);
        if let Kind::Endpoint(endpoint) = &mut elsewhere.kind {
            endpoint.target = Target::Name("a.test".to_owned(), 80);
        }
        bench.put("a", elsewhere);
        assert!(bench.panel.healthy("a"));
        assert_eq!(bench.changes().last(), Some(&said("a", true)));
    }

    #[test]
    fn results_of_what_is_no_longer_asked_are_dropped() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(1, 10, 1));
        let job = bench.panel.take(bench.now).expect("a probe is due");
        assert!(bench.panel.take(bench.now).is_none(), "it is on its way");
        bench.put("a", endpoint(1, 30, 1));
        let failed = Some(Outcome::Failed(Failure::Refused));
        bench.panel.report(&job, failed.clone(), bench.now, SystemTime::UNIX_EPOCH);
        assert!(bench.panel.healthy("a"));
        bench.panel.remove(&"a".into());
        bench.panel.report(&job, failed, bench.now, SystemTime::UNIX_EPOCH);
        assert_eq!((bench.panel.next(), bench.panel.due.len()), (None, 0));
    }

    /// Without an internet to probe from nothing is learnt, and it is tried again soon.
    #[test]
    fn a_probe_that_could_not_be_made_says_nothing() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(1, 30, 1));
        let job = bench.panel.take(bench.now).expect("a probe is due");
        bench.panel.report(&job, None, bench.now, SystemTime::UNIX_EPOCH);
        assert!(bench.panel.healthy("a") && bench.panel.observations("a").is_empty());
        assert_eq!(bench.panel.next(), Some(bench.now + RETRY));
    }

    #[test]
    fn the_first_results_of_a_check_that_goes_on_count_at_once() {
        let mut bench = Bench::new();
        bench.panel.resume("a".into(), endpoint(8, 30, 10), bench.now);
        assert!(bench.panel.healthy("a"));
        bench.run(SECOND, |_, _| false);
        assert!(!bench.panel.healthy("a"));
        bench.run(SECOND * 100, |_, _| true);
        assert!(!bench.panel.healthy("a"), "later ones do not");
    }

    #[test]
    fn the_last_failure_outlives_successes() {
        let mut bench = Bench::new();
        bench.put("a", endpoint(1, 10, 1));
        bench.run(SECOND * 5, |_, _| false);
        bench.run(SECOND * 15, |_, _| true);
        let outcomes = |seen: Vec<Observation>| seen.into_iter().map(|seen| seen.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(bench.panel.observations("a")), [Outcome::Connected]);
        assert_eq!(outcomes(bench.panel.last_failures("a")), [Outcome::Failed(Failure::Refused)]);
    }
}
