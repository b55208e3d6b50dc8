//! A load balancer's configuration as one node uses it: rules and patterns compiled, targets chosen from in constant time.
//!
//! A snapshot is made once for each new [`Balancer`] and never changes. What outlives it (requests in flight, counters, whose turn
//! it is) is kept beside it in [`States`] and found again by ARN and address.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use enishi_fabric::balancer::{
    Action, Balancer, FixedResponse, Health, Kind, Listener, Redirect, Rule, TargetGroup,
};

use super::counters::GroupCounters;
use super::login::Login;
use super::rewrite::Rewrites;
use super::rules::Rules;
use super::serve::Waiting;
use super::turns::Turns;

/// What a node knows.
#[derive(Debug)]
pub struct Snapshot {
    /// What it was made from.
    pub balancer: Arc<Balancer>,
    /// The listeners by port.
    pub listeners: BTreeMap<u16, Arc<ListenerPlan>>,
    /// The target groups by ARN.
    pub groups: HashMap<Arc<str>, Arc<Group>>,
}

/// A listener, compiled.
#[derive(Debug)]
pub struct ListenerPlan {
    /// What it was made from.
    pub listener: Arc<Listener>,
    /// Which requests each of the rules is for.
    pub rules: Rules,
    /// What is done, rule by rule.
    pub steps: Vec<Step>,
    /// Who may go on, rule by rule.
    pub logins: Vec<Option<Login>>,
}

/// What is done with the requests of a rule.
#[derive(Debug)]
pub enum Step {
    /// They are forwarded.
    Forward(ForwardPlan),
    /// Clients are sent elsewhere.
    Redirect(Redirect),
    /// They are answered.
    Fixed(FixedResponse),
}

/// Which groups requests are forwarded to.
#[derive(Debug)]
pub struct ForwardPlan {
    /// The groups, each with the sum of the weights up to and with its own.
    pub groups: Vec<(Arc<Group>, u32)>,
    /// For how many seconds a client stays with its group, if it does.
    pub stickiness_seconds: Option<u32>,
    /// What is changed before requests are forwarded.
    pub rewrites: Rewrites,
}

impl ForwardPlan {
    /// The group for a number: each gets its share of them. `None`: no group has a weight.
    pub fn group(&self, number: u64) -> Option<&Arc<Group>> {
        if let [(only, weight)] = self.groups.as_slice() {
            return (*weight > 0).then_some(only);
        }
        let (_, total) = self.groups.last()?;
        let at = u32::try_from(number.checked_rem(u64::from(*total))?).unwrap_or_default();
        self.groups.iter().find(|(_, upto)| at < *upto).map(|(group, _)| group)
    }
}

/// A target group, as one zone's node uses it.
#[derive(Debug)]
pub struct Group {
    /// What it was made from.
    pub config: Arc<TargetGroup>,
    /// What its load balancer is.
    pub kind: Kind,
    /// All its targets, as configured.
    pub targets: Vec<TargetPlan>,
    /// Those that get new requests.
    pub eligible: Vec<usize>,
    /// Whether one of those had a slow start, which may be over.
    pub has_slow_starters: bool,
    /// What outlives the snapshot.
    pub state: Arc<GroupState>,
}

/// A target, as a node uses it.
#[derive(Debug)]
pub struct TargetPlan {
    /// Where it is.
    pub address: SocketAddrV4,
    /// What stands for it in cookies.
    pub key: u64,
    /// When its slow start began and ends, in milliseconds since 1970; `None`: it gets its full share.
    pub slow_start: Option<(i64, i64)>,
    /// Whether it gets requests of clients that stay with it.
    pub is_usable: bool,
    /// What outlives the snapshot.
    pub state: Arc<TargetState>,
}

/// What is remembered of a target group.
#[derive(Debug)]
pub struct GroupState {
    /// Whose turn it is.
    pub turns: Turns,
    /// What was counted.
    pub counters: GroupCounters,
}

/// What is remembered of a target in a group.
#[derive(Debug)]
pub struct TargetState {
    /// Requests that are not answered yet.
    pub in_flight: AtomicU32,
    /// Connections to it that wait for their next request.
    pub(super) waiting: Waiting,
    /// When it is gone, in milliseconds since [`BEGAN`].
    gone_at: AtomicU64,
}

/// A target that is there.
const NEVER: u64 = u64::MAX;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(NEVER - 1)
}

impl TargetState {
    fn new(workers: usize) -> Self {
        let (in_flight, gone_at) = (AtomicU32::new(0), AtomicU64::new(NEVER));
        TargetState { in_flight, waiting: Waiting::new(workers), gone_at }
    }

    /// Whether it is gone: it was deregistered, or nothing leads to it any more, and its time to finish is over.
    #[inline]
    pub fn is_gone(&self) -> bool {
        match self.gone_at.load(Ordering::Relaxed) {
            NEVER => false,
            at => now() >= at,
        }
    }

    fn stay(&self) {
        self.gone_at.store(NEVER, Ordering::Relaxed);
    }

    /// It has so much time left, or less if it had less.
    fn leave(&self, after: Duration) {
        let at = now().saturating_add(u64::try_from(after.as_millis()).unwrap_or(NEVER)).min(NEVER - 1);
        self.gone_at.fetch_min(at, Ordering::Relaxed);
    }
}

/// What outlives snapshots.
#[derive(Debug)]
pub struct States {
    workers: usize,
    zone: Arc<str>,
    secret: [u8; 32],
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    groups: HashMap<Arc<str>, Arc<GroupState>>,
    targets: HashMap<(Arc<str>, SocketAddrV4), KnownTarget>,
}

#[derive(Debug)]
struct KnownTarget {
    state: Arc<TargetState>,
    /// The deregistration delay of its group, as it was the last time.
    delay: Duration,
}

impl KnownTarget {
    fn new(workers: usize) -> Self {
        KnownTarget { state: Arc::new(TargetState::new(workers)), delay: Duration::ZERO }
    }
}

impl States {
    /// For a node in this zone that so many workers run; the secret is the one of all nodes of the load balancer.
    pub fn new(workers: usize, zone: Arc<str>, secret: [u8; 32]) -> Self {
        States { workers, zone, secret, known: Mutex::default() }
    }

    fn login(&self, rule: &Rule) -> Option<Login> {
        rule.authenticate.as_ref().map(|config| Login::new(config, &self.secret))
    }

    /// The counters of target groups, by ARN.
    pub fn groups(&self) -> Vec<(Arc<str>, Arc<GroupState>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.groups.iter().map(|(arn, state)| (arn.clone(), state.clone())).collect()
    }

    /// Ends connections to targets that wait for a worker longer than `limit`, and those to targets that are gone.
    pub(super) fn sweep(&self, worker: usize, limit: Duration) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for state in known.targets.values().map(|target| &target.state) {
            let limit = if state.is_gone() { Duration::ZERO } else { limit };
            state.waiting.sweep(worker, limit);
        }
    }

    /// Ends all connections to targets that wait.
    pub(super) fn clear(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.targets.values().for_each(|target| target.state.waiting.clear());
    }

    /// Compiles a configuration.
    pub fn compile(&self, balancer: &Arc<Balancer>) -> Snapshot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let groups: HashMap<_, _> = balancer
            .target_groups
            .values()
            .map(|group| (group.arn.clone(), Arc::new(self.group(balancer.kind, group, &mut known))))
            .collect();
        let used: HashSet<*const TargetState> = groups
            .values()
            .flat_map(|group: &Arc<Group>| group.targets.iter().map(|target| Arc::as_ptr(&target.state)))
            .collect();
        // A target that leaves its group was draining, and its delay is over; or it is down. One whose group leaves, because no rule
        // names it any more, begins to drain now.
        known.targets.retain(|(group, _), target| {
            if used.contains(&Arc::as_ptr(&target.state)) {
                return true;
            }
            let is_over = balancer.target_groups.contains_key(group);
            target.state.leave(if is_over { Duration::ZERO } else { target.delay });
            !target.state.is_gone()
        });
        known.groups.retain(|arn, _| balancer.target_groups.contains_key(arn));
        let listener = |listener: &Arc<Listener>| {
            Arc::new(ListenerPlan {
                rules: Rules::new(&listener.rules),
                steps: listener.rules.iter().map(|rule| step(rule, &groups)).collect(),
                logins: listener.rules.iter().map(|rule| self.login(rule)).collect(),
                listener: listener.clone(),
            })
        };
        let listeners = balancer.listeners.iter().map(|(port, config)| (*port, listener(config))).collect();
        Snapshot { balancer: balancer.clone(), listeners, groups }
    }

    fn group(&self, kind: Kind, config: &Arc<TargetGroup>, known: &mut Known) -> Group {
        let state = known.groups.entry(config.arn.clone()).or_insert_with(|| {
            let (turns, counters) = (Turns::new(self.workers), GroupCounters::new(self.workers));
            Arc::new(GroupState { turns, counters })
        });
        let state = state.clone();
        let targets: Vec<TargetPlan> = config
            .targets
            .iter()
            .map(|target| {
                let address = SocketAddrV4::new(target.address, target.port);
                let known = known.targets.entry((config.arn.clone(), address));
                let known = known.or_insert_with(|| KnownTarget::new(self.workers));
                known.delay = Duration::from_secs(u64::from(config.deregistration_delay_seconds));
                let state = known.state.clone();
                state.stay();
                let key = key(&config.arn, &target.id, target.port);
                let slow_start = target.slow_start_until.map(|until| (target.since, until));
                TargetPlan { address, key, slow_start, is_usable: false, state }
            })
            .collect();
        let mut group = Group {
            config: config.clone(),
            kind,
            targets,
            eligible: Vec::new(),
            has_slow_starters: false,
            state,
        };
        self.elect(&mut group);
        group
    }

    /// "If a target group contains only unhealthy registered targets, the load balancer routes requests to all those targets,
    /// regardless of their health status." Zones are looked at each for itself when cross-zone load balancing is off.
    /// A Classic Load Balancer ["routes requests only to the healthy
    /// instances"](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html).
    fn elect(&self, group: &mut Group) {
        let config = group.config.clone();
        let is_near = |zone: &Option<Arc<str>>| {
            config.cross_zone || zone.as_ref().is_none_or(|zone| **zone == *self.zone)
        };
        let near = || config.targets.iter().enumerate().filter(|(_, target)| is_near(&target.zone));
        let mut eligible: Vec<usize> =
            near().filter(|(_, target)| target.is_healthy()).map(|(index, _)| index).collect();
        let fails_open = eligible.is_empty() && group.kind != Kind::Classic;
        if fails_open {
            eligible = near().filter(|(_, target)| target.is_registered()).map(|(index, _)| index).collect();
        }
        for (index, target) in config.targets.iter().enumerate() {
            // A client stays with its target over zones, but not with one that is ill, unless all are.
            let is_usable = target.is_healthy() || (fails_open && target.health != Health::Draining);
            if let Some(plan) = group.targets.get_mut(index) {
                plan.is_usable = is_usable;
            }
        }
        group.has_slow_starters = !fails_open
            && eligible
                .iter()
                .filter_map(|index| group.targets.get(*index))
                .any(|target| target.slow_start.is_some());
        group.eligible = eligible;
    }
}

fn step(rule: &Arc<Rule>, groups: &HashMap<Arc<str>, Arc<Group>>) -> Step {
    match &rule.action {
        Action::Redirect(redirect) => Step::Redirect(redirect.clone()),
        Action::Fixed(fixed) => Step::Fixed(fixed.clone()),
        Action::Forward(forward) => {
            let mut sum = 0u32;
            // A single group gets everything, whatever its weight says.
            let is_single = forward.groups.len() == 1;
            let weighted = forward.groups.iter().filter_map(|(arn, weight)| {
                let group = groups.get(arn)?;
                sum += if is_single { 1 } else { u32::from(*weight) };
                Some((group.clone(), sum))
            });
            Step::Forward(ForwardPlan {
                groups: weighted.collect(),
                stickiness_seconds: forward.stickiness_seconds,
                rewrites: Rewrites::new(&rule.rewrites),
            })
        }
    }
}

/// A number that stands for a target, or with an empty id for a group, in cookies: FNV-1a over its names.
pub fn key(group: &str, id: &str, port: u16) -> u64 {
    let port = port.to_be_bytes();
    let bytes = group.bytes().chain([0]).chain(id.bytes()).chain([0]).chain(port);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
