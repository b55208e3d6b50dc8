//! Access logs: lines are gathered where requests are served, and delivered into the user's bucket every five minutes.
//! [Access logs for your Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html),
//! [for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html)
//!
//! "Elastic Load Balancing logs requests on a best-effort basis": what comes faster than it can be kept, and what the bucket does not
//! take, is dropped. A daemon that ends, and a load balancer that is deleted, deliver what they have.

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use enishi_cloud::s3::{Delivery, LogSource};
use enishi_fabric::balancer::{AccessLogs, Balancer, Kind};
use enishi_proxy::balancer::record::{self, Record, RecordSink};
use enishi_state::{AccountId, Entropy, Region, Scope, Timestamp};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::nodes::{ServingNode, ServingNodes};
use crate::daemon::clock;
use crate::daemon::s3::Objects;
use crate::daemon::writer::SystemEntropy;

/// How often logs are delivered.
const PERIOD: Duration = Duration::from_secs(300);

/// The most that is kept of a node between two deliveries, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// What is to be logged of a node's requests.
#[derive(Debug)]
pub struct AccessLog {
    line: fn(&Record<'_>) -> String,
    lines: Mutex<Vec<u8>>,
}

impl AccessLog {
    /// Nothing yet, of a load balancer of that kind.
    pub fn new(kind: Kind) -> Self {
        let line = match kind {
            Kind::Classic => record::classic_line,
            Kind::Application | Kind::Network => record::line,
        };
        AccessLog { line, lines: Mutex::default() }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RecordSink for AccessLog {
    fn record(&self, record: &Record<'_>) {
        let line = (self.line)(record);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() + line.len() < MOST {
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
    }
}

/// Takes logs to their buckets.
#[derive(Debug, Clone)]
pub struct Deliverer {
    nodes: ServingNodes,
    objects: Objects,
}

/// What is to be delivered of a node.
pub struct Rest {
    lines: Vec<u8>,
    balancer: Arc<Balancer>,
    node: Ipv4Addr,
}

impl Deliverer {
    /// Takes the logs of these nodes.
    pub fn new(nodes: ServingNodes, objects: Objects) -> Self {
        Deliverer { nodes, objects }
    }

    /// Delivers for as long as the daemon lives.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            self.deliver().await;
        }
    }

    /// Delivers what there is.
    pub async fn deliver(&self) {
        for node in self.nodes.all().into_values() {
            if let Some(rest) = self.rest(&node) {
                self.deliver_rest(rest).await;
            }
        }
    }

    /// Takes what there is of a node.
    pub fn rest(&self, node: &ServingNode) -> Option<Rest> {
        let lines = node.log.take();
        let balancer = node.config.load_full();
        (!lines.is_empty()).then_some(Rest { lines, balancer, node: node.node.address })
    }

    /// Delivers what was taken.
    pub async fn deliver_rest(&self, rest: Rest) {
        let Rest { lines, balancer, node } = rest;
        // Logs were switched off meanwhile, or there is no such account.
        let Some(AccessLogs { bucket, prefix }) = &balancer.attributes.access_logs else { return };
        let (account, region) = (AccountId::new(&balancer.account), Region::new(&balancer.region));
        let (Some(account), Some(region)) = (account, region) else { return };
        let (data, content_type) = match balancer.kind {
            Kind::Classic => (Bytes::from(lines), "text/plain"),
            Kind::Application | Kind::Network => match compressed(&lines) {
                Ok(data) => (data, "application/x-gzip"),
                Err(error) => return tracing::warn!(%error, "an access log could not be compressed"),
            },
        };
        let key = key(&balancer, prefix, node, clock::now(), &random());
        let delivery = Delivery {
            bucket,
            key: &key,
            source: LogSource::LoadBalancer,
            scope: &Scope { account, region },
            arn: &balancer.arn,
        };
        if let Err(error) = self.objects.deliver(delivery, content_type, data).await {
            tracing::warn!(%error, load_balancer = %balancer.id, %bucket, "an access log was not delivered");
        }
    }
}

/// `prefix/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/yyyy/mm/dd/ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_END_ADDRESS_RANDOM.log.gz`
fn key(balancer: &Balancer, prefix: &str, node: Ipv4Addr, now: Timestamp, random: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let (day, end) = (time.strftime("%Y/%m/%d"), time.strftime("%Y%m%dT%H%MZ"));
    let (account, region) = (&balancer.account, &balancer.region);
    let name = balancer.id.replace('/', ".");
    let slash = if prefix.is_empty() { "" } else { "/" };
    let ending = if balancer.kind == Kind::Classic { "log" } else { "log.gz" };
    let address = balancer.nodes.values().find(|other| other.address == node).and_then(|other| other.public);
    let address = address.unwrap_or(node);
    format!(
        "{prefix}{slash}AWSLogs/{account}/elasticloadbalancing/{region}/{day}/\
         {account}_elasticloadbalancing_{region}_{name}_{end}_{address}_{random}.{ending}"
    )
}

fn compressed(lines: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(lines)?;
    encoder.finish().map(Bytes::from)
}

/// Eight letters and digits, so that no two files have one name.
fn random() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0u8; 8];
    SystemEntropy.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
