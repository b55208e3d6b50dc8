//! What one node and its target groups counted, under CloudWatch's names.

use std::sync::Arc;

use enishi_cloud::cloudwatch::metric::Summary;
use enishi_fabric::balancer::{Balancer, Kind, Target, TargetGroup};
use enishi_proxy::balancer::counters::{GroupMetric, Metric, ResponseTimes};
use enishi_proxy::balancer::snapshot::GroupState;
use enishi_state::{AccountId, Region, Scope};

use super::capacity::Usage;
use super::{Seen, SeenGroup};
use crate::daemon::balancers::nodes::ServingNode;
use crate::daemon::metrics::Metrics;

/// What an engine counted since the last time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Engine {
    /// All of it.
    pub(super) all: Usage,
    /// What came to TLS listeners of a Network Load Balancer.
    pub(super) tls: Usage,
}

impl Engine {
    fn take(&mut self, metric: Metric, added: u64) {
        match metric {
            Metric::NewConnectionCount => self.all.new = added,
            Metric::ActiveConnectionCount => self.all.active = added,
            Metric::ProcessedBytes => self.all.bytes = added,
            Metric::ChargedRuleEvaluations => self.all.rules = added,
            Metric::NewTlsConnections => self.tls.new = added,
            Metric::ActiveTlsConnections => self.tls.active = added,
            Metric::TlsBytes => self.tls.bytes = added,
            _ => {}
        }
    }

    /// What is not TLS's. Workers count one after the other, so the parts may be ahead of the whole.
    pub(super) fn without_tls(&self) -> Usage {
        Usage {
            new: self.all.new.saturating_sub(self.tls.new),
            active: self.all.active.saturating_sub(self.tls.active),
            bytes: self.all.bytes.saturating_sub(self.tls.bytes),
            rules: 0,
        }
    }
}

/// What is recorded of one node.
pub(super) struct Recorder<'a> {
    metrics: &'a Metrics,
    balancer: &'a Balancer,
    zone: &'a str,
    scope: Scope,
}

impl<'a> Recorder<'a> {
    pub(super) fn of(metrics: &'a Metrics, balancer: &'a Balancer, zone: &'a str) -> Option<Self> {
        let scope =
            Scope { account: AccountId::new(&balancer.account)?, region: Region::new(&balancer.region)? };
        Some(Recorder { metrics, balancer, zone, scope })
    }

    /// Its dimensions: the load balancer alone, and with the zone.
    fn record(&self, name: &str, group: Option<&str>, unit: &str, summary: &Summary) {
        let group = group.filter(|_| self.balancer.kind != Kind::Classic);
        let group = group.map(|group| ("TargetGroup", group));
        let mut dimensions: Vec<_> = [self.itself()].into_iter().chain(group).collect();
        self.put(name, &dimensions, unit, summary);
        dimensions.push(("AvailabilityZone", self.zone));
        self.put(name, &dimensions, unit, summary);
    }

    /// The dimension that names the load balancer.
    fn itself(&self) -> (&'static str, &'a str) {
        let name = if self.balancer.kind == Kind::Classic { "LoadBalancerName" } else { "LoadBalancer" };
        (name, &self.balancer.id)
    }

    fn put(&self, name: &str, dimensions: &[(&str, &str)], unit: &str, summary: &Summary) {
        let namespace = match self.balancer.kind {
            Kind::Application => "AWS/ApplicationELB",
            Kind::Network => "AWS/NetworkELB",
            Kind::Classic => "AWS/ELB",
        };
        self.metrics.record(&self.scope, namespace, name, dimensions, unit, summary);
    }

    pub(super) fn count(&self, name: &str, group: Option<&str>, count: u64) {
        self.record(name, group, unit(name), &summary(count));
    }

    /// What there is in the node's zone.
    pub(super) fn in_zone(&self, name: &str, count: u64) {
        let dimensions = [self.itself(), ("AvailabilityZone", self.zone)];
        self.put(name, &dimensions, unit(name), &summary(count));
    }

    /// What there is in all zones together.
    pub(super) fn overall(&self, name: &str, count: u64) {
        self.put(name, &[self.itself()], unit(name), &summary(count));
    }

    /// Capacity units, which only the load balancer as a whole has.
    pub(super) fn capacity(&self, name: &str, units: f64) {
        self.put(name, &[self.itself()], "Count", &Summary::of(units));
    }

    /// What a node and its target groups counted since the last time. Gauges whose samples are added up are recorded once a minute.
    pub(super) fn node(&self, node: &ServingNode, seen: &mut Seen, with_gauges: bool) -> Engine {
        let counters = node.engine.counters();
        let mut engine = Engine::default();
        seen.node.resize(Metric::ALL.len(), 0);
        for (metric, last) in Metric::ALL.into_iter().zip(&mut seen.node) {
            let now = counters.get(metric);
            let is_gauge = matches!(metric, Metric::ActiveConnectionCount | Metric::ActiveTlsConnections);
            let added = if is_gauge { now } else { now.wrapping_sub(*last) };
            *last = now;
            engine.take(metric, added);
            if let Some(name) = self.name(metric).filter(|_| added > 0 && (with_gauges || !is_gauge)) {
                self.count(name, None, added);
            }
        }
        let groups = node.engine.groups();
        seen.groups.retain(|arn, _| groups.iter().any(|(other, _)| other == arn));
        for (arn, state) in groups {
            let Some(group) = self.balancer.target_groups.get(&arn) else { continue };
            let seen = seen.groups.entry(arn).or_insert_with(|| SeenGroup::new(&state));
            // It was gone for a while.
            if !Arc::ptr_eq(&seen.state, &state) {
                *seen = SeenGroup::new(&state);
            }
            self.group(group, &state, seen);
        }
        engine
    }

    fn group(&self, group: &TargetGroup, state: &GroupState, seen: &mut SeenGroup) {
        for (metric, last) in GroupMetric::ALL.into_iter().zip(&mut seen.counts) {
            let now = state.counters.get(metric);
            let added = now.wrapping_sub(*last);
            *last = now;
            if let Some(name) = self.group_name(metric).filter(|_| added > 0) {
                self.of_group(name, group, "Count", &summary(added), metric != GroupMetric::RequestCount);
                if metric == GroupMetric::RequestCount {
                    self.per_target(group, added);
                }
            }
        }
        self.response_times(group, state.counters.response_times(), seen);
    }

    /// What a target group counted counts for the load balancer as well, unless that counts it itself.
    fn of_group(&self, name: &str, group: &TargetGroup, unit: &str, summary: &Summary, also_whole: bool) {
        self.record(name, Some(&group.id), unit, summary);
        // A Classic Load Balancer has no groups that could be named.
        if also_whole && self.balancer.kind != Kind::Classic {
            self.record(name, None, unit, summary);
        }
    }

    /// "This count uses the total number of requests received by the target group, divided by the number of healthy targets in the
    /// target group. If there are no healthy targets in the target group, it is divided by the total number of registered targets."
    // There are fewer than 2^53 of both.
    #[allow(clippy::cast_precision_loss)]
    fn per_target(&self, group: &TargetGroup, requests: u64) {
        let count =
            |counts: fn(&Target) -> bool| group.targets.iter().filter(|target| counts(target)).count();
        let (healthy, registered) = (count(Target::is_healthy), count(Target::is_registered));
        let targets = if healthy > 0 { healthy } else { registered };
        if targets == 0 {
            return;
        }
        let summary = Summary::of(requests as f64 / targets as f64);
        let name = "RequestCountPerTarget";
        self.record(name, Some(&group.id), "Count", &summary);
        // Alone among all, it has dimensions without the load balancer.
        let mut dimensions = vec![("TargetGroup", &*group.id)];
        self.put(name, &dimensions, "Count", &summary);
        dimensions.push(("AvailabilityZone", self.zone));
        self.put(name, &dimensions, "Count", &summary);
    }

    fn response_times(&self, group: &TargetGroup, now: ResponseTimes, seen: &mut SeenGroup) {
        let added = match &seen.times {
            Some(last) => now.since(last),
            None => now.since(&ResponseTimes::default()),
        };
        let name = if self.balancer.kind == Kind::Classic { "Latency" } else { "TargetResponseTime" };
        for (seconds, times) in added {
            #[allow(clippy::cast_precision_loss)]
            self.of_group(name, group, "Seconds", &Summary::of_many(seconds, times as f64), true);
        }
        seen.times = Some(now);
    }

    /// How many targets are healthy, as the node's zone sees them.
    pub(super) fn health(&self) {
        for group in self.balancer.target_groups.values() {
            let mine = group.targets.iter().filter(|target| {
                target.is_registered() && target.zone.as_deref().is_none_or(|zone| zone == self.zone)
            });
            let (healthy, unhealthy): (Vec<_>, Vec<_>) = mine.partition(|target| target.is_healthy());
            let count = |targets: Vec<_>| u64::try_from(targets.len()).unwrap_or_default();
            self.count("HealthyHostCount", Some(&group.id), count(healthy));
            self.count("UnHealthyHostCount", Some(&group.id), count(unhealthy));
        }
    }

    /// CloudWatch's name of what nodes count. Classic Load Balancers have few, and of Network Load Balancers most are flows.
    fn name(&self, metric: Metric) -> Option<&'static str> {
        match (self.balancer.kind, metric) {
            (Kind::Application, metric) => metric.name(),
            (Kind::Network, Metric::ClientTlsNegotiationErrorCount) => metric.name(),
            (Kind::Classic, Metric::RequestCount) => Some("RequestCount"),
            (Kind::Classic, Metric::HttpCodeElb4xxCount) => Some("HTTPCode_ELB_4XX"),
            (Kind::Classic, Metric::HttpCodeElb5xxCount) => Some("HTTPCode_ELB_5XX"),
            (Kind::Network | Kind::Classic, _) => None,
        }
    }

    fn group_name(&self, metric: GroupMetric) -> Option<&'static str> {
        match (self.balancer.kind, metric) {
            (Kind::Application, metric) => Some(metric.name()),
            (Kind::Network, GroupMetric::TargetTlsNegotiationErrorCount) => Some(metric.name()),
            (Kind::Classic, GroupMetric::HttpCodeTarget2xxCount) => Some("HTTPCode_Backend_2XX"),
            (Kind::Classic, GroupMetric::HttpCodeTarget3xxCount) => Some("HTTPCode_Backend_3XX"),
            (Kind::Classic, GroupMetric::HttpCodeTarget4xxCount) => Some("HTTPCode_Backend_4XX"),
            (Kind::Classic, GroupMetric::HttpCodeTarget5xxCount) => Some("HTTPCode_Backend_5XX"),
            (Kind::Classic, GroupMetric::TargetConnectionErrorCount) => Some("BackendConnectionErrors"),
            (Kind::Network | Kind::Classic, _) => None,
        }
    }
}

fn unit(name: &str) -> &'static str {
    if name.starts_with("ProcessedBytes") { "Bytes" } else { "Count" }
}

// Counts of a minute stay below 2^53.
#[allow(clippy::cast_precision_loss)]
fn summary(count: u64) -> Summary {
    Summary::of(count as f64)
}
