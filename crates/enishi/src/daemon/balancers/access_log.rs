//! Access logs: lines are gathered where requests are served, and delivered into the user's bucket every five minutes.
//! [Access logs for your Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html),
//! [for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html)
//!
//! "Elastic Load Balancing logs requests on a best-effort basis": what comes faster than it can be kept, and what the bucket does not
//! take, is dropped. A daemon that ends delivers what it has.

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use enishi_cloud::s3::{Delivery, LogSource};
use enishi_fabric::balancer::{Balancer, Kind};
use enishi_proxy::balancer::record::{self, Record, RecordSink};
use enishi_state::elbv2::{self, LoadBalancer};
use enishi_state::{Entropy, Scope, Timestamp, World, elb};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::nodes::{ServingNode, ServingNodes};
use crate::daemon::clock;
use crate::daemon::s3::Objects;
use crate::daemon::writer::{SystemEntropy, Writer};

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
    writer: Writer,
    objects: Objects,
}

/// Where a load balancer's logs go.
struct Destination {
    bucket: String,
    prefix: String,
    scope: Scope,
}

impl Deliverer {
    /// Takes the logs of these nodes.
    pub fn new(nodes: ServingNodes, writer: Writer, objects: Objects) -> Self {
        Deliverer { nodes, writer, objects }
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
            let lines = node.log.take();
            if !lines.is_empty() {
                self.deliver_lines(&node, lines).await;
            }
        }
    }

    async fn deliver_lines(&self, node: &ServingNode, lines: Vec<u8>) {
        let balancer = node.config.load_full();
        let world = self.writer.newest().load_full();
        // Logs were switched off meanwhile.
        let Some(destination) = destination(&world, &balancer) else { return };
        let (data, content_type) = match balancer.kind {
            Kind::Classic => (Bytes::from(lines), "text/plain"),
            Kind::Application | Kind::Network => match compressed(&lines) {
                Ok(data) => (data, "application/x-gzip"),
                Err(error) => return tracing::warn!(%error, "an access log could not be compressed"),
            },
        };
        let key = key(&balancer, &destination, node.node.address, clock::now(), &random());
        let delivery = Delivery {
            bucket: &destination.bucket,
            key: &key,
            source: LogSource::LoadBalancer,
            scope: &destination.scope,
            arn: &balancer.arn,
        };
        if let Err(error) = self.objects.deliver(delivery, content_type, data).await {
            tracing::warn!(%error, load_balancer = %balancer.id, bucket = destination.bucket, "an access log was not delivered");
        }
    }
}

/// Where the logs go, if they are on.
fn destination(world: &World, balancer: &Balancer) -> Option<Destination> {
    if balancer.kind == Kind::Classic {
        let row = world.get::<elb::LoadBalancer>(&elb::LoadBalancerArn::new(&balancer.arn))?;
        let attributes = &row.attributes;
        return attributes.access_log.then(|| Destination {
            bucket: attributes.access_log_bucket.clone(),
            prefix: attributes.access_log_prefix.clone(),
            scope: row.scope.clone(),
        });
    }
    let row = world.get::<LoadBalancer>(&elbv2::LoadBalancerArn::new(&balancer.arn))?;
    (row.attribute("access_logs.s3.enabled") == "true").then(|| Destination {
        bucket: row.attribute("access_logs.s3.bucket").to_owned(),
        prefix: row.attribute("access_logs.s3.prefix").to_owned(),
        scope: row.scope.clone(),
    })
}

/// `prefix/AWSLogs/ACCOUNT/elasticloadbalancing/REGION/yyyy/mm/dd/ACCOUNT_elasticloadbalancing_REGION_app.NAME.ID_END_ADDRESS_RANDOM.log.gz`
fn key(balancer: &Balancer, to: &Destination, node: Ipv4Addr, now: Timestamp, random: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    let (day, end) = (time.strftime("%Y/%m/%d"), time.strftime("%Y%m%dT%H%MZ"));
    let Scope { account, region } = &to.scope;
    let name = balancer.id.replace('/', ".");
    let slash = if to.prefix.is_empty() { "" } else { "/" };
    let ending = if balancer.kind == Kind::Classic { "log" } else { "log.gz" };
    let address = balancer.nodes.values().find(|other| other.address == node).and_then(|other| other.public);
    let address = address.unwrap_or(node);
    format!(
        "{}{slash}AWSLogs/{account}/elasticloadbalancing/{region}/{day}/\
         {account}_elasticloadbalancing_{region}_{name}_{end}_{address}_{random}.{ending}",
        to.prefix
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
