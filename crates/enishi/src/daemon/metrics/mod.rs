//! CloudWatch in the daemon: the metric store, the daemon's own counters, and the alarms that watch both.
//!
//! ```text
//!  PutMetricData ──────────────────► thread ──group commit──► metrics.redb
//!  Metrics::record ──► Sink ──minute──┘                            │
//!  GetMetricData, GetMetricStatistics ◄──────snapshots─────────────┤
//!  alarms: rows ◄──turn── writer ◄──verdict── Alarms ◄─────────────┘
//! ```
//!
//! Alarms are rows of the world, data points are not. What was acknowledged is durable; what the daemon counts by itself is
//! stored once a minute, so that a killed daemon loses the minute that it was in.
//!
//! # Counting
//! A part of the daemon that has something to count hands it to [`Metrics::record`], which costs a lock and a look-up:
//!
//! ```ignore
//! let dimensions = [("LoadBalancer", "app/web/50dc6c495c0c9188")];
//! metrics.record(&scope, "AWS/ApplicationELB", "RequestCount", &dimensions, "Count", Summary::of_many(1.0, 250.0));
//! ```
//!
//! It goes to the minute of the call, together with what else came for that metric. Who counts a million things a minute
//! adds them up first and records a [`Summary`] once a minute.

mod alarms;
pub mod health_checks;
mod sink;
mod store;
#[cfg(test)]
mod tests;
mod thread;

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwapOption;
use enishi_cloud::cloudwatch::metric::{Datum, Job, Reply, Series, Summary};
use enishi_state::Scope;
use enishi_state::cloudwatch::MetricId;
use enishi_wire::Fault;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

use super::clock;
use super::writer::Writer;
use sink::Sink;
use store::{MetricStore, MetricStoreError};
use thread::{Outcome, Shared, Task, Thread};

/// The way to the metric store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    store: Shared,
    tasks: mpsc::Sender<Task>,
    sink: Sink,
    changed: Arc<Notify>,
}

impl Metrics {
    /// Opens the store, or makes it, and starts what works on it.
    ///
    /// # Errors
    /// The store cannot be opened, or a thread cannot be started.
    pub fn start(path: &Path, writer: Writer, runtime: &Handle) -> anyhow::Result<Self> {
        let store = MetricStore::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let store: Shared = Arc::new(ArcSwapOption::from_pointee(store));
        let (tasks, mut receiver) = mpsc::channel(thread::QUEUE);
        let thread = Thread::new(path.to_owned(), store.clone());
        std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || thread.run(&mut receiver))
            .context("cannot start a thread")?;
        let metrics = Metrics { store, tasks, sink: Sink::default(), changed: Arc::new(Notify::new()) };
        runtime.spawn(sink::flush_by_the_minute(metrics.clone()));
        runtime.spawn(alarms::watch(metrics.clone(), writer));
        Ok(metrics)
    }

    /// Counts something of the daemon's own; see the module. `dimensions` may come in any order, `unit` is one of AWS's.
    pub fn record(
        &self,
        scope: &Scope,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        unit: &str,
        summary: &Summary,
    ) {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let metric = MetricId::new(scope.clone(), namespace, name, dimensions.collect());
        self.sink.add(Series { metric, unit: unit.to_owned() }, summary, clock::now().seconds());
    }

    /// Stores what was recorded, the minute that is not over too. A daemon that ends does this last.
    pub async fn flush(&self) {
        self.store_recorded(i64::MAX).await;
    }

    /// Stores what was recorded for minutes that begin before `until`.
    async fn store_recorded(&self, until: i64) {
        let data = self.sink.take(until);
        if data.is_empty() {
            return;
        }
        match self.put(data).await {
            Ok(Reply::Full) => tracing::warn!("there are too many metrics: some were not stored"),
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the daemon's own metrics were not stored"),
        }
    }

    /// Does what an operation wants of the store. Stored data points are durable when this answers.
    ///
    /// # Errors
    /// `InternalServiceError`
    pub async fn carry_out(&self, job: Job) -> Result<Reply, Fault> {
        let done = match job {
            Job::Put(data) => self.put(data).await,
            job => self.read(job).await,
        };
        done.map_err(|error| {
            tracing::error!(%error, "the metric store did not answer");
            Fault::new("InternalServiceError", "Metrics cannot be stored or read at present.")
                .with_status(500)
        })
    }

    /// Alarms have changed, durably.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    async fn put(&self, data: Vec<Datum>) -> Outcome {
        let (reply, outcome) = oneshot::channel();
        self.tasks.send(Task::Put(data, reply)).await.map_err(|_| MetricStoreError::Closed)?;
        outcome.await.unwrap_or(Err(MetricStoreError::Closed))
    }

    async fn read(&self, job: Job) -> Outcome {
        let store = self.store.load_full().ok_or(MetricStoreError::Closed)?;
        // A request may look at many data points.
        let read = tokio::task::spawn_blocking(move || store.read(&job));
        read.await.unwrap_or(Err(MetricStoreError::Panicked))
    }
}
