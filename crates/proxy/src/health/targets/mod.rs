//! When to probe which target of a load balancer, and what the results mean: the targets of all load balancers, without I/O.
//! [Health checks](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html)
//!
//! At AWS each node checks for itself; here the node in the target's zone asks for all of them, the first one where the load
//! balancer has none there. "After your target is registered, it must pass one health check to be considered healthy"; from then
//! on the thresholds count. "The time that it takes for the target to respond does not affect the interval": an interval is from
//! the beginning of one probe to that of the next.
//!
//! What is known goes out as [`Verdict`]s and comes back in the load balancers that [`Targets::follow`] is shown. What comes back is
//! believed at the first sight of them all, so that a daemon that starts again goes on; a target that turns up later is new
//! whatever is said of it, as one whose load balancer or instance was away.

mod opinion;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::{
    Balancer, Health, HealthCheck, HealthPort, HealthProtocol, Kind, Node, Target, TargetGroup,
};

use super::{Outcome, ProbeSpec};
use opinion::Opinion;
pub use opinion::{Reason, Verdict};

/// The pause after a probe that could not be made.
const RETRY: Duration = Duration::from_secs(1);

/// Names a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    /// Its load balancer.
    pub balancer: Arc<str>,
    /// Its target group.
    pub group: Arc<str>,
    /// What the user registered.
    pub target: Arc<str>,
    /// At which port.
    pub port: u16,
}

/// A probe that has to be made now.
#[derive(Debug, Clone)]
pub struct Job {
    /// Of which target.
    pub id: TargetId,
    /// In which namespace it begins.
    pub node: NamespaceName,
    /// From which address.
    pub source: Ipv4Addr,
    /// Where it leads.
    pub to: SocketAddrV4,
    /// How.
    pub spec: Arc<ProbeSpec>,
    /// To which registration it belongs.
    version: u64,
}

/// All targets.
#[derive(Debug, Default)]
pub struct Targets {
    balancers: BTreeMap<Arc<str>, Arc<Balancer>>,
    entries: BTreeMap<TargetId, Entry>,
    due: BTreeSet<(Instant, TargetId)>,
    versions: u64,
    changes: Vec<(TargetId, Verdict)>,
    /// Whether load balancers have been seen before.
    has_begun: bool,
    /// How many targets went on with what was known of them.
    resumed: u32,
}

#[derive(Debug)]
struct Entry {
    version: u64,
    kind: Kind,
    check: Arc<HealthCheck>,
    /// Where it is, seldom more than one address; they are probed in turn.
    places: Vec<Place>,
    turn: usize,
    /// Since when it is said to be as it is: tells a registration from the one before.
    since: i64,
    opinion: Opinion,
    /// When the next probe is due; nothing while one is made.
    next: Option<Instant>,
    /// When the last one began.
    begun: Instant,
}

/// An address of a target, and the node that asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    node: NamespaceName,
    source: Ipv4Addr,
    to: SocketAddrV4,
    host: String,
}

/// A target as a load balancer has it.
struct Wanted<'b> {
    kind: Kind,
    check: &'b Arc<HealthCheck>,
    health: Health,
    since: i64,
    places: Vec<Place>,
}

impl Targets {
    /// Probes the targets of these load balancers, and no others. Costs what changed of them, which pointers tell.
    pub fn follow(&mut self, balancers: &BTreeMap<Arc<str>, Arc<Balancer>>, now: Instant) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        let same = self.balancers.len() == balancers.len()
            && self
                .balancers
                .iter()
                .zip(balancers)
                .all(|((a, old), (b, new))| a == b && Arc::ptr_eq(old, new));
        if same {
            return;
        }
        let old = std::mem::replace(&mut self.balancers, balancers.clone());
        for arn in old.keys().filter(|arn| !balancers.contains_key(*arn)) {
            self.retain(arn, None, |_| false);
        }
        for (arn, balancer) in balancers {
            match old.get(arn) {
                Some(old) if Arc::ptr_eq(old, balancer) => {}
                old => self.follow_one(old.map(Arc::as_ref), balancer, is_first, now),
            }
        }
    }

    fn follow_one(&mut self, old: Option<&Balancer>, balancer: &Balancer, is_first: bool, now: Instant) {
        let arn = &balancer.arn;
        self.retain(arn, None, |id| balancer.target_groups.contains_key(&id.group));
        let same_nodes = old.is_some_and(|old| {
            old.nodes == balancer.nodes && old.listeners.keys().next() == balancer.listeners.keys().next()
        });
        for (name, group) in &balancer.target_groups {
            if same_nodes && old.and_then(|old| old.target_groups.get(name)) == Some(group) {
                continue;
            }
            let wanted = wanted(balancer, group);
            self.retain(arn, Some(name), |id| wanted.contains_key(id));
            for (id, wanted) in wanted {
                self.put(id, wanted, is_first, now);
            }
        }
    }

    /// Forgets the targets of a load balancer, or of one of its groups, that are not to be kept.
    fn retain(&mut self, balancer: &Arc<str>, group: Option<&Arc<str>>, keep: impl Fn(&TargetId) -> bool) {
        let nothing: Arc<str> = Arc::from("");
        let start = TargetId {
            balancer: balancer.clone(),
            group: group.unwrap_or(&nothing).clone(),
            target: nothing.clone(),
            port: 0,
        };
        let of = |id: &&TargetId| id.balancer == *balancer && group.is_none_or(|group| id.group == *group);
        let ids = self.entries.range(start..).map(|(id, _)| id).take_while(of);
        let gone: Vec<TargetId> = ids.filter(|id| !keep(id)).cloned().collect();
        for id in gone {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &TargetId) {
        if let Some(Entry { next: Some(at), .. }) = self.entries.remove(id) {
            self.due.remove(&(at, id.clone()));
        }
    }

    fn put(&mut self, id: TargetId, wanted: Wanted<'_>, is_first: bool, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let is_new = wanted.health == Health::Initial && wanted.since != entry.since;
            if !is_new {
                entry.update(wanted);
                let sooner = now + Duration::from_secs(entry.check.interval_seconds.into());
                if let Some(next) = entry.next.filter(|next| *next > sooner) {
                    entry.next = Some(sooner);
                    self.due.remove(&(next, id.clone()));
                    self.due.insert((sooner, id));
                }
                return;
            }
            self.forget(&id);
        }
        let is_known = wanted.health != Health::Initial;
        let next = if is_known && is_first { self.place(wanted.check, now) } else { now };
        let opinion = Opinion::new(if is_first { wanted.health } else { Health::Initial });
        if is_known && !is_first {
            self.changes.push((id.clone(), Verdict::Initial));
        }
        self.versions += 1;
        let entry = Entry {
            version: self.versions,
            kind: wanted.kind,
            check: wanted.check.clone(),
            places: wanted.places,
            turn: 0,
            since: wanted.since,
            opinion,
            next: Some(next),
            begun: now,
        };
        self.due.insert((next, id.clone()));
        self.entries.insert(id, entry);
    }

    /// Where in the interval a target has its place that goes on: they are spread out, however many come.
    fn place(&mut self, check: &HealthCheck, now: Instant) -> Instant {
        // Steps of the golden section fill an interval evenly at any time.
        self.resumed = self.resumed.wrapping_add(1);
        let share = self.resumed.wrapping_mul(618) % 1000;
        now + Duration::from_secs(check.interval_seconds.into()) * share / 1000
    }

    /// When the next probe is due.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A probe that is due; each is due again only after its [`Targets::report`].
    pub fn take(&mut self, now: Instant) -> Option<Job> {
        loop {
            if self.next()? > now {
                return None;
            }
            let (_, id) = self.due.pop_first()?;
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let turn = entry.turn.checked_rem(entry.places.len());
            let Some(place) = turn.and_then(|turn| entry.places.get(turn)) else { continue };
            entry.next = None;
            entry.begun = now;
            entry.turn = entry.turn.wrapping_add(1);
            let spec = spec::of(&entry.check, entry.kind, &place.host);
            let Place { node, source, to, .. } = place.clone();
            return Some(Job { id, node, source, to, spec: Arc::new(spec), version: entry.version });
        }
    }

    /// What came of a probe; nothing when it could not be made at all, which says nothing about the target.
    pub fn report(&mut self, job: &Job, outcome: Option<&Outcome>, now: Instant) {
        let Some(entry) = self.entries.get_mut(&job.id).filter(|entry| entry.version == job.version) else {
            return;
        };
        let interval = Duration::from_secs(entry.check.interval_seconds.into());
        let next = match outcome {
            Some(_) => (entry.begun + interval).max(now),
            None => now + RETRY,
        };
        entry.next = Some(next);
        self.due.insert((next, job.id.clone()));
        let verdict = outcome.and_then(|outcome| entry.opinion.record(outcome, &entry.check, entry.kind));
        self.changes.extend(verdict.map(|verdict| (job.id.clone(), verdict)));
    }

    /// What turned since the last call, in order.
    pub fn changes(&mut self) -> Vec<(TargetId, Verdict)> {
        std::mem::take(&mut self.changes)
    }
}

impl Entry {
    /// Goes on with the same target, which may be asked in another way.
    fn update(&mut self, wanted: Wanted<'_>) {
        self.kind = wanted.kind;
        self.check = wanted.check.clone();
        self.places = wanted.places;
        self.since = wanted.since;
    }
}

/// The targets of a group that are probed: those that are registered and that some node can ask.
fn wanted<'b>(balancer: &Balancer, group: &'b TargetGroup) -> BTreeMap<TargetId, Wanted<'b>> {
    let mut wanted: BTreeMap<TargetId, Wanted<'b>> = BTreeMap::new();
    if group.health_check.protocol == HealthProtocol::Off {
        return wanted;
    }
    for target in group.targets.iter().filter(|target| target.is_registered()) {
        let Some(place) = place(balancer, &group.health_check, target) else { continue };
        let id = TargetId {
            balancer: balancer.arn.clone(),
            group: group.arn.clone(),
            target: target.id.clone(),
            port: target.port,
        };
        let entry = wanted.entry(id).or_insert_with(|| Wanted {
            kind: balancer.kind,
            check: &group.health_check,
            health: target.health,
            since: target.since,
            places: Vec::new(),
        });
        entry.places.push(place);
    }
    wanted
}

/// Who asks a target, and where.
fn place(balancer: &Balancer, check: &HealthCheck, target: &Target) -> Option<Place> {
    let beside = |(_, node): &(&NamespaceName, &Node)| target.zone.as_ref() == Some(&node.zone);
    let mut nodes = balancer.nodes.iter();
    let (name, node) = nodes.clone().find(beside).or_else(|| nodes.next())?;
    let port = match check.port {
        HealthPort::Traffic => target.port,
        HealthPort::Port(port) => port,
    };
    let to = SocketAddrV4::new(target.address, port);
    // "The host header in the health check request contains the IP address of the load balancer node and the listener port, not the
    // IP address of the target and the health check port" (Network Load Balancers).
    let host = match balancer.kind {
        Kind::Network => {
            let port = balancer.listeners.keys().next().copied().unwrap_or(port);
            SocketAddrV4::new(node.address, port).to_string()
        }
        Kind::Application | Kind::Classic => to.to_string(),
    };
    Some(Place { node: name.clone(), source: node.address, to, host })
}

#[cfg(test)]
mod tests;
