//! What load balancers count, once a minute, under CloudWatch's names.
//! [Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html),
//! [Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html),
//! [Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html)
//!
//! Engines count upwards; here are the differences. How many targets are healthy is the program's. The kernel's flows of Network Load
//! Balancers are not counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use enishi_cloud::cloudwatch::metric::Summary;
use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::{Balancer, Kind};
use enishi_proxy::balancer::counters::{GroupMetric, Metric, ResponseTimes};
use enishi_state::{AccountId, Region, Scope};

use super::nodes::{ServingNode, ServingNodes};
use crate::daemon::metrics::Metrics;

const MINUTE: Duration = Duration::from_secs(60);

/// What was counted of a node up to the last time.
#[derive(Default)]
struct Seen {
    node: Vec<u64>,
    groups: BTreeMap<Arc<str>, SeenGroup>,
}

#[derive(Default)]
struct SeenGroup {
    counts: Vec<u64>,
    times: Option<ResponseTimes>,
}

/// Counts for as long as the daemon lives.
pub async fn count(metrics: Metrics, nodes: ServingNodes) {
    let mut seen: BTreeMap<NamespaceName, Seen> = BTreeMap::new();
    loop {
        tokio::time::sleep(MINUTE).await;
        let nodes = nodes.all();
        seen.retain(|name, _| nodes.contains_key(name));
        for (name, node) in &nodes {
            let balancer = node.config.load_full();
            if let Some(recorder) = Recorder::of(&metrics, &balancer, &node.node.zone) {
                recorder.node(node, seen.entry(name.clone()).or_default());
                recorder.health();
            }
        }
    }
}

/// What is recorded of one node.
struct Recorder<'a> {
    metrics: &'a Metrics,
    balancer: &'a Balancer,
    zone: &'a str,
    scope: Scope,
}

impl<'a> Recorder<'a> {
    fn of(metrics: &'a Metrics, balancer: &'a Balancer, zone: &'a str) -> Option<Self> {
        let scope =
            Scope { account: AccountId::new(&balancer.account)?, region: Region::new(&balancer.region)? };
        Some(Recorder { metrics, balancer, zone, scope })
    }

    /// Its dimensions: the load balancer alone, and with the zone.
    fn record(&self, name: &str, group: Option<&str>, unit: &str, summary: &Summary) {
        let (namespace, balancer) = match self.balancer.kind {
            Kind::Application => ("AWS/ApplicationELB", "LoadBalancer"),
            Kind::Network => ("AWS/NetworkELB", "LoadBalancer"),
            Kind::Classic => ("AWS/ELB", "LoadBalancerName"),
        };
        let group = group.filter(|_| self.balancer.kind != Kind::Classic);
        let mut dimensions = vec![(balancer, &*self.balancer.id)];
        dimensions.extend(group.map(|group| ("TargetGroup", group)));
        self.metrics.record(&self.scope, namespace, name, &dimensions, unit, summary);
        dimensions.push(("AvailabilityZone", self.zone));
        self.metrics.record(&self.scope, namespace, name, &dimensions, unit, summary);
    }

    fn count(&self, name: &str, group: Option<&str>, count: u64) {
        let unit = if name == "ProcessedBytes" { "Bytes" } else { "Count" };
        // Counts of a minute stay below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let summary = Summary::of(count as f64);
        self.record(name, group, unit, &summary);
    }

    /// What a node and its target groups counted since the last time.
    fn node(&self, node: &ServingNode, seen: &mut Seen) {
        let counters = node.engine.counters();
        seen.node.resize(Metric::ALL.len(), 0);
        for (metric, last) in Metric::ALL.into_iter().zip(&mut seen.node) {
            let now = counters.get(metric);
            let added = match metric {
                Metric::ActiveConnectionCount => now,
                _ => now.wrapping_sub(*last),
            };
            *last = now;
            if let Some(name) = self.name(metric).filter(|_| added > 0) {
                self.count(name, None, added);
            }
        }
        for (arn, state) in node.engine.groups() {
            let Some(group) = self.balancer.target_groups.get(&arn) else { continue };
            let seen = seen.groups.entry(arn.clone()).or_default();
            seen.counts.resize(GroupMetric::ALL.len(), 0);
            for (metric, last) in GroupMetric::ALL.into_iter().zip(&mut seen.counts) {
                let now = state.counters.get(metric);
                let added = now.wrapping_sub(*last);
                *last = now;
                if let Some(name) = self.group_name(metric).filter(|_| added > 0) {
                    self.count(name, Some(&group.id), added);
                }
            }
            self.response_times(&group.id, state.counters.response_times(), seen);
        }
    }

    fn response_times(&self, group: &str, now: ResponseTimes, seen: &mut SeenGroup) {
        let added = match &seen.times {
            Some(last) => now.since(last),
            None => now.since(&ResponseTimes::default()),
        };
        let name = if self.balancer.kind == Kind::Classic { "Latency" } else { "TargetResponseTime" };
        for (seconds, times) in added {
            #[allow(clippy::cast_precision_loss)]
            self.record(name, Some(group), "Seconds", &Summary::of_many(seconds, times as f64));
        }
        seen.times = Some(now);
    }

    /// How many targets are healthy, as the node's zone sees them.
    fn health(&self) {
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

    /// CloudWatch's name of what nodes count; Classic Load Balancers have few.
    fn name(&self, metric: Metric) -> Option<&'static str> {
        if self.balancer.kind != Kind::Classic {
            return Some(metric.name());
        }
        match metric {
            Metric::RequestCount => Some("RequestCount"),
            Metric::HttpCodeElb4xxCount => Some("HTTPCode_ELB_4XX"),
            Metric::HttpCodeElb5xxCount => Some("HTTPCode_ELB_5XX"),
            _ => None,
        }
    }

    fn group_name(&self, metric: GroupMetric) -> Option<&'static str> {
        if self.balancer.kind != Kind::Classic {
            return Some(metric.name());
        }
        match metric {
            GroupMetric::HttpCodeTarget2xxCount => Some("HTTPCode_Backend_2XX"),
            GroupMetric::HttpCodeTarget3xxCount => Some("HTTPCode_Backend_3XX"),
            GroupMetric::HttpCodeTarget4xxCount => Some("HTTPCode_Backend_4XX"),
            GroupMetric::HttpCodeTarget5xxCount => Some("HTTPCode_Backend_5XX"),
            GroupMetric::TargetConnectionErrorCount => Some("BackendConnectionErrors"),
            _ => None,
        }
    }
}
