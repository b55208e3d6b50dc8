//! What load balancers count, once a minute, under CloudWatch's names.
//! [Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html),
//! [Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html),
//! [Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html)
//!
//! Engines and the kernel's tables count upwards; here are the differences. How many targets are healthy is the program's. What is
//! read is remembered with the node, and a node that goes is read a last time.

mod capacity;
mod flows;
mod recorder;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use enishi_fabric::balancer::{Balancer, Kind};
use enishi_proxy::balancer::counters::{GroupMetric, ResponseTimes};
use enishi_proxy::balancer::snapshot::GroupState;

use super::nodes::{ServingNode, ServingNodes};
use crate::daemon::metrics::Metrics;
use capacity::Usage;
pub use flows::NodeFlows;
use recorder::Recorder;

const MINUTE: Duration = Duration::from_secs(60);

/// What was counted of a node up to the last time.
#[derive(Debug)]
pub struct Seen {
    at: Instant,
    node: Vec<u64>,
    groups: BTreeMap<Arc<str>, SeenGroup>,
    flows: Option<NodeFlows>,
}

#[derive(Debug)]
struct SeenGroup {
    state: Arc<GroupState>,
    counts: Vec<u64>,
    times: Option<ResponseTimes>,
}

impl SeenGroup {
    fn new(state: &Arc<GroupState>) -> Self {
        SeenGroup { state: state.clone(), counts: vec![0; GroupMetric::ALL.len()], times: None }
    }
}

impl Seen {
    /// Nothing yet of a node that begins now; its flows, if the kernel forwards them.
    pub fn new(flows: Option<NodeFlows>) -> Self {
        Seen { at: Instant::now(), node: Vec::new(), groups: BTreeMap::new(), flows }
    }
}

/// When something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    /// A minute is over. Only then gauges are read whose samples would be added up.
    Minute,
    /// Somebody wants to know.
    Asked,
    /// The node is gone.
    Last,
}

/// Counts.
#[derive(Debug, Clone)]
pub struct Counting {
    metrics: Metrics,
    nodes: ServingNodes,
}

impl Counting {
    /// Counts what these nodes do.
    pub fn new(metrics: Metrics, nodes: ServingNodes) -> Self {
        Counting { metrics, nodes }
    }

    /// Counts for as long as the daemon lives.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(MINUTE).await;
            self.all(Occasion::Minute).await;
        }
    }

    /// Counts what has happened up to now, so that whoever asks CloudWatch sees it.
    pub async fn now(&self) {
        self.all(Occasion::Asked).await;
        self.metrics.flush().await;
    }

    /// Counts what a node did until it was gone.
    pub async fn last(&self, node: &ServingNode) {
        let mut used = Used::new(&node.config.load_full());
        self.node(node, Occasion::Last, &mut used).await;
        self.consumed(&used);
    }

    async fn all(&self, occasion: Occasion) {
        let mut used: BTreeMap<Arc<str>, Used> = BTreeMap::new();
        for node in self.nodes.all().into_values() {
            let balancer = node.config.load_full();
            let used = used.entry(balancer.arn.clone()).or_insert_with(|| Used::new(&balancer));
            self.node(&node, occasion, used).await;
        }
        used.values().for_each(|used| self.consumed(used));
    }

    async fn node(&self, node: &ServingNode, occasion: Occasion, used: &mut Used) {
        let Some(recorder) = Recorder::of(&self.metrics, &used.balancer, &node.node.zone) else { return };
        let mut seen = node.seen.lock().await;
        let now = Instant::now();
        used.seconds = used.seconds.max((now - seen.at).as_secs_f64());
        seen.at = now;
        let engine = recorder.node(node, &mut seen, occasion == Occasion::Minute);
        match used.balancer.kind {
            Kind::Network => {
                let kernel = match seen.flows.as_mut().filter(|_| occasion != Occasion::Last) {
                    Some(flows) => flows.added().await,
                    None => None,
                };
                let flows = flows::Counted::new(engine, kernel.unwrap_or_default());
                flows.record(&recorder);
                used.tcp.add(flows.tcp);
                used.udp.add(flows.udp);
                used.tls.add(flows.tls);
            }
            Kind::Application | Kind::Classic => used.requests.add(engine.all),
        }
        if occasion != Occasion::Last {
            recorder.health();
        }
    }

    /// "The number of load balancer capacity units (LCU) used by your load balancer."
    fn consumed(&self, used: &Used) {
        let Some(recorder) = Recorder::of(&self.metrics, &used.balancer, "") else { return };
        match used.balancer.kind {
            Kind::Classic => {}
            Kind::Application => {
                let units = used.requests.consumed(capacity::APPLICATION, used.seconds);
                recorder.capacity("ConsumedLCUs", units);
            }
            Kind::Network => {
                let protocols = [
                    ("ConsumedLCUs_TCP", &used.tcp, capacity::TCP),
                    ("ConsumedLCUs_UDP", &used.udp, capacity::UDP),
                    ("ConsumedLCUs_TLS", &used.tls, capacity::TLS),
                ];
                let units = protocols.map(|(name, usage, unit)| (name, usage.consumed(unit, used.seconds)));
                flows::record_active(&recorder, &used.tcp, &used.udp, &used.tls);
                units
                    .iter()
                    .filter(|(_, units)| *units > 0.0)
                    .for_each(|(name, units)| recorder.capacity(name, *units));
                recorder.capacity("ConsumedLCUs", units.iter().map(|(_, units)| units).sum());
            }
        }
    }
}

/// What a load balancer used since the last time, over all its nodes.
struct Used {
    balancer: Arc<Balancer>,
    seconds: f64,
    requests: Usage,
    tcp: Usage,
    udp: Usage,
    tls: Usage,
}

impl Used {
    fn new(balancer: &Arc<Balancer>) -> Self {
        let nothing = Usage::default();
        Used {
            balancer: balancer.clone(),
            seconds: 0.0,
            requests: nothing,
            tcp: nothing,
            udp: nothing,
            tls: nothing,
        }
    }
}
