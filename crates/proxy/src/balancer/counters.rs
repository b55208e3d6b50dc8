//! What is counted: of a load balancer's node, and of each target group there.
//!
//! Names are CloudWatch's ([CloudWatch metrics for your Application Load
//! Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html)). Everything
//! only grows, but for gauges; who reads once a minute takes differences. Each worker counts for itself, so that counting costs
//! no more than an addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)] // CloudWatch's names, explained on the page above.
pub enum Metric {
    RequestCount,
    GrpcRequestCount,
    /// A gauge.
    ActiveConnectionCount,
    NewConnectionCount,
    RejectedConnectionCount,
    ClientTlsNegotiationErrorCount,
    ProcessedBytes,
    RuleEvaluations,
    HttpFixedResponseCount,
    HttpRedirectCount,
    HttpCodeElb3xxCount,
    HttpCodeElb4xxCount,
    HttpCodeElb5xxCount,
    HttpCodeElb500Count,
    HttpCodeElb502Count,
    HttpCodeElb503Count,
    HttpCodeElb504Count,
    DesyncMitigationModeNonCompliantRequestCount,
    DroppedInvalidHeaderRequestCount,
    ForwardedInvalidHeaderRequestCount,
    ElbAuthSuccess,
    ElbAuthFailure,
    ElbAuthError,
    /// Rules that were looked at beyond the ten that are free with each request. No metric of CloudWatch: like all that follow.
    ChargedRuleEvaluations,
    /// Connections to TLS listeners of Network Load Balancers; the others of their connections in user space are TCP's.
    NewTlsConnections,
    /// A gauge.
    ActiveTlsConnections,
    TlsBytes,
}

/// "We add … 10 free rule evaluations per request" ([pricing](https://aws.amazon.com/elasticloadbalancing/pricing/)).
const FREE_RULES: u64 = 10;

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 27] = [
        Metric::RequestCount,
        Metric::GrpcRequestCount,
        Metric::ActiveConnectionCount,
        Metric::NewConnectionCount,
        Metric::RejectedConnectionCount,
        Metric::ClientTlsNegotiationErrorCount,
        Metric::ProcessedBytes,
        Metric::RuleEvaluations,
        Metric::HttpFixedResponseCount,
        Metric::HttpRedirectCount,
        Metric::HttpCodeElb3xxCount,
        Metric::HttpCodeElb4xxCount,
        Metric::HttpCodeElb5xxCount,
        Metric::HttpCodeElb500Count,
        Metric::HttpCodeElb502Count,
        Metric::HttpCodeElb503Count,
        Metric::HttpCodeElb504Count,
        Metric::DesyncMitigationModeNonCompliantRequestCount,
        Metric::DroppedInvalidHeaderRequestCount,
        Metric::ForwardedInvalidHeaderRequestCount,
        Metric::ElbAuthSuccess,
        Metric::ElbAuthFailure,
        Metric::ElbAuthError,
        Metric::ChargedRuleEvaluations,
        Metric::NewTlsConnections,
        Metric::ActiveTlsConnections,
        Metric::TlsBytes,
    ];

    /// CloudWatch's name, if it has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Metric::RequestCount => "RequestCount",
            Metric::GrpcRequestCount => "GrpcRequestCount",
            Metric::ActiveConnectionCount => "ActiveConnectionCount",
            Metric::NewConnectionCount => "NewConnectionCount",
            Metric::RejectedConnectionCount => "RejectedConnectionCount",
            Metric::ClientTlsNegotiationErrorCount => "ClientTLSNegotiationErrorCount",
            Metric::ProcessedBytes => "ProcessedBytes",
            Metric::RuleEvaluations => "RuleEvaluations",
            Metric::HttpFixedResponseCount => "HTTP_Fixed_Response_Count",
            Metric::HttpRedirectCount => "HTTP_Redirect_Count",
            Metric::HttpCodeElb3xxCount => "HTTPCode_ELB_3XX_Count",
            Metric::HttpCodeElb4xxCount => "HTTPCode_ELB_4XX_Count",
            Metric::HttpCodeElb5xxCount => "HTTPCode_ELB_5XX_Count",
            Metric::HttpCodeElb500Count => "HTTPCode_ELB_500_Count",
            Metric::HttpCodeElb502Count => "HTTPCode_ELB_502_Count",
            Metric::HttpCodeElb503Count => "HTTPCode_ELB_503_Count",
            Metric::HttpCodeElb504Count => "HTTPCode_ELB_504_Count",
            Metric::DesyncMitigationModeNonCompliantRequestCount => {
                "DesyncMitigationMode_NonCompliant_Request_Count"
            }
            Metric::DroppedInvalidHeaderRequestCount => "DroppedInvalidHeaderRequestCount",
            Metric::ForwardedInvalidHeaderRequestCount => "ForwardedInvalidHeaderRequestCount",
            Metric::ElbAuthSuccess => "ELBAuthSuccess",
            Metric::ElbAuthFailure => "ELBAuthFailure",
            Metric::ElbAuthError => "ELBAuthError",
            Metric::ChargedRuleEvaluations
            | Metric::NewTlsConnections
            | Metric::ActiveTlsConnections
            | Metric::TlsBytes => return None,
        })
    }
}

/// What is counted of a target group at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[allow(missing_docs)] // CloudWatch's names.
pub enum GroupMetric {
    RequestCount,
    HttpCodeTarget2xxCount,
    HttpCodeTarget3xxCount,
    HttpCodeTarget4xxCount,
    HttpCodeTarget5xxCount,
    TargetConnectionErrorCount,
    TargetTlsNegotiationErrorCount,
}

impl GroupMetric {
    /// All of them.
    pub const ALL: [GroupMetric; 7] = [
        GroupMetric::RequestCount,
        GroupMetric::HttpCodeTarget2xxCount,
        GroupMetric::HttpCodeTarget3xxCount,
        GroupMetric::HttpCodeTarget4xxCount,
        GroupMetric::HttpCodeTarget5xxCount,
        GroupMetric::TargetConnectionErrorCount,
        GroupMetric::TargetTlsNegotiationErrorCount,
    ];

    /// CloudWatch's name.
    pub fn name(self) -> &'static str {
        match self {
            GroupMetric::RequestCount => "RequestCount",
            GroupMetric::HttpCodeTarget2xxCount => "HTTPCode_Target_2XX_Count",
            GroupMetric::HttpCodeTarget3xxCount => "HTTPCode_Target_3XX_Count",
            GroupMetric::HttpCodeTarget4xxCount => "HTTPCode_Target_4XX_Count",
            GroupMetric::HttpCodeTarget5xxCount => "HTTPCode_Target_5XX_Count",
            GroupMetric::TargetConnectionErrorCount => "TargetConnectionErrorCount",
            GroupMetric::TargetTlsNegotiationErrorCount => "TargetTLSNegotiationErrorCount",
        }
    }
}

/// Steps of the histogram of response times: eight to each doubling, from 1 µs to about 4 hours.
const STEPS: usize = 8 * 34;

/// One worker's counters of something.
#[derive(Debug)]
#[repr(align(128))]
struct Shard<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Shard<N> {
    fn default() -> Self {
        Shard(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// A counter is written by its own worker alone: no addition is lost, and none locks the bus.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
}

/// The counters of a node.
#[derive(Debug)]
pub struct Counters {
    shards: Box<[Shard<{ Metric::ALL.len() }>]>,
}

impl Counters {
    pub(super) fn new(workers: usize) -> Self {
        Counters { shards: (0..workers).map(|_| Shard::default()).collect() }
    }

    #[inline]
    pub(super) fn add(&self, worker: usize, metric: Metric, count: u64) {
        if let Some(shard) = self.shards.get(worker) {
            add(&shard.0[metric as usize], count);
        }
    }

    /// A request matched the rule of that index. "The default rule is not counted."
    pub(super) fn matched(&self, worker: usize, rule: usize, rules: usize) {
        let looked_at = (rule + 1).min(rules.saturating_sub(1)) as u64;
        self.add(worker, Metric::RuleEvaluations, looked_at);
        self.add(worker, Metric::ChargedRuleEvaluations, looked_at.saturating_sub(FREE_RULES));
    }

    /// What an answer of the load balancer's own counts as.
    pub(super) fn answered(&self, worker: usize, status: u16) {
        let class = match status {
            300..=399 => Metric::HttpCodeElb3xxCount,
            400..=499 => Metric::HttpCodeElb4xxCount,
            500..=599 => Metric::HttpCodeElb5xxCount,
            _ => return,
        };
        self.add(worker, class, 1);
        let single = match status {
            500 => Metric::HttpCodeElb500Count,
            502 => Metric::HttpCodeElb502Count,
            503 => Metric::HttpCodeElb503Count,
            504 => Metric::HttpCodeElb504Count,
            _ => return,
        };
        self.add(worker, single, 1);
    }

    /// What has been counted since the node began; of a gauge, what is.
    pub fn get(&self, metric: Metric) -> u64 {
        let values = self.shards.iter().map(|shard| shard.0[metric as usize].load(Ordering::Relaxed));
        values.fold(0, u64::wrapping_add)
    }
}

/// The counters of a target group at a node.
#[derive(Debug)]
pub struct GroupCounters {
    shards: Box<[Shard<{ GroupMetric::ALL.len() }>]>,
    times: Box<[Shard<{ STEPS + 1 }>]>,
}

impl GroupCounters {
    pub(super) fn new(workers: usize) -> Self {
        GroupCounters {
            shards: (0..workers).map(|_| Shard::default()).collect(),
            times: (0..workers).map(|_| Shard::default()).collect(),
        }
    }

    #[inline]
    pub(super) fn add(&self, worker: usize, metric: GroupMetric, count: u64) {
        if let Some(shard) = self.shards.get(worker) {
            add(&shard.0[metric as usize], count);
        }
    }

    /// A target answered with `status`, so long after the request had left.
    pub(super) fn answered(&self, worker: usize, status: u16, after: Duration) {
        let class = match status {
            200..=299 => GroupMetric::HttpCodeTarget2xxCount,
            300..=399 => GroupMetric::HttpCodeTarget3xxCount,
            400..=499 => GroupMetric::HttpCodeTarget4xxCount,
            500..=599 => GroupMetric::HttpCodeTarget5xxCount,
            _ => return,
        };
        self.add(worker, class, 1);
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX).max(1);
        if let Some(times) = self.times.get(worker) {
            add(&times.0[step(micros)], 1);
            add(&times.0[STEPS], micros);
        }
    }

    /// What has been counted since the node began.
    pub fn get(&self, metric: GroupMetric) -> u64 {
        let values = self.shards.iter().map(|shard| shard.0[metric as usize].load(Ordering::Relaxed));
        values.fold(0, u64::wrapping_add)
    }

    /// `TargetResponseTime` since the node began.
    pub fn response_times(&self) -> ResponseTimes {
        let sum = |index: usize| {
            self.times.iter().map(|times| times.0[index].load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
        };
        ResponseTimes { micros: sum(STEPS), steps: (0..STEPS).map(sum).collect() }
    }
}

/// How long targets took to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseTimes {
    /// All times together, in microseconds.
    pub micros: u64,
    steps: Vec<u64>,
}

impl ResponseTimes {
    /// What was added since `earlier`: how often a time of about so many seconds was seen (9 % apart), the shortest first.
    pub fn since(&self, earlier: &ResponseTimes) -> Vec<(f64, u64)> {
        let counts = self.steps.iter().enumerate().filter_map(|(step, count)| {
            let added = count.wrapping_sub(earlier.steps.get(step).copied().unwrap_or_default());
            (added > 0).then(|| (middle(step), added))
        });
        counts.collect()
    }
}

/// The step of a time in microseconds, at least 1: the position of its highest bit, and the three bits below.
fn step(micros: u64) -> usize {
    let doubling = 63 - u64::from(micros.leading_zeros());
    let below = if doubling >= 3 { (micros >> (doubling - 3)) & 7 } else { (micros << (3 - doubling)) & 7 };
    usize::try_from(doubling * 8 + below).unwrap_or(STEPS).min(STEPS - 1)
}

/// The middle of a step, in seconds.
fn middle(step: usize) -> f64 {
    let doubling = i32::try_from(step / 8).unwrap_or_default();
    let part = f64::from(u8::try_from(step % 8).unwrap_or_default());
    f64::from(2.0f32).powi(doubling) * (1.0 + (part + 0.5) / 8.0) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        assert!(Metric::ALL.iter().enumerate().all(|(index, metric)| *metric as usize == index));
        assert!(GroupMetric::ALL.iter().enumerate().all(|(index, metric)| *metric as usize == index));
    }

    #[test]
    fn workers_count_together() {
        let counters = Counters::new(2);
        counters.add(0, Metric::RequestCount, 2);
        counters.add(1, Metric::RequestCount, 3);
        counters.answered(1, 502);
        let read = |metric| counters.get(metric);
        assert_eq!((read(Metric::RequestCount), read(Metric::HttpCodeElb5xxCount)), (5, 1));
        assert_eq!((read(Metric::HttpCodeElb502Count), read(Metric::HttpCodeElb503Count)), (1, 0));
    }

    #[test]
    fn the_default_rule_and_ten_others_are_free() {
        let counters = Counters::new(1);
        for (rule, rules) in [(0, 1), (0, 13), (10, 13), (12, 13)] {
            counters.matched(0, rule, rules);
        }
        let read = |metric| counters.get(metric);
        assert_eq!(
            (read(Metric::RuleEvaluations), read(Metric::ChargedRuleEvaluations)),
            (1 + 11 + 12, 1 + 2)
        );
    }

    #[test]
    fn times_are_known_within_a_tenth() {
        let counters = GroupCounters::new(1);
        let before = counters.response_times();
        for micros in [1u64, 2, 3, 5, 9, 100, 12_345, 1_000_000, 60_000_000] {
            counters.answered(0, 200, Duration::from_micros(micros));
        }
        let after = counters.response_times();
        assert_eq!(after.micros, 61_012_465);
        let seen = after.since(&before);
        assert_eq!(seen.iter().map(|(_, count)| count).sum::<u64>(), 9);
        let (last, _) = seen[seen.len() - 1];
        assert!((last - 60.0).abs() < 6.0, "{last}");
    }
}
