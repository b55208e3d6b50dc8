//! CloudWatch Logs in the daemon: the event store, and what the cloud itself logs.
//!
//! ```text
//!  PutLogEvents ────────────────────────────► thread ──group commit──► logs.redb
//!  name servers, resolvers ──lines──► Sink ──────┘                        │
//!  GetLogEvents, FilterLogEvents ◄────────────snapshots───────────────────┘
//! ```
//!
//! Groups and streams are rows of the world, events are not. What is deleted there is swept from the store: on every change
//! of theirs, and every minute, which is also how retention happens.

mod public_queries;
mod resolver_queries;
mod sink;
mod store;
#[cfg(test)]
mod tests;
mod thread;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwapOption;
use enishi_cloud::logs::event::{Append, Job, Reply};
use enishi_dns::resolver::ResolverLog;
use enishi_dns::server::QueryLog;
use enishi_wire::Fault;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::journal::Progress;
use super::writer::Writer;
use public_queries::PublicQueries;
use resolver_queries::ResolverQueries;
pub use sink::Sink;
use store::{EventStore, EventStoreError};
use thread::{Outcome, Shared, Task, Thread};

/// How often is swept without a reason.
const SWEEP: Duration = Duration::from_secs(60);

/// The way to the event store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Logs {
    store: Shared,
    tasks: mpsc::Sender<Task>,
    writer: Writer,
    changed: Arc<Notify>,
    sink: Sink,
}

impl Logs {
    /// Opens the store, or makes it, and starts what works on it.
    ///
    /// # Errors
    /// The store cannot be opened, or a thread cannot be started.
    pub fn start(
        path: &Path,
        writer: Writer,
        progress: watch::Receiver<Progress>,
        runtime: &Handle,
    ) -> anyhow::Result<Self> {
        let store = EventStore::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let store: Shared = Arc::new(ArcSwapOption::from_pointee(store));
        let (tasks, mut receiver) = mpsc::channel(thread::QUEUE);
        let thread = Thread::new(path.to_owned(), store.clone(), writer.newest().clone());
        std::thread::Builder::new()
            .name("logs".into())
            .spawn(move || thread.run(&mut receiver))
            .context("cannot start a thread")?;
        let changed = Arc::new(Notify::new());
        runtime.spawn(sweep(tasks.clone(), writer.clone(), progress, changed.clone()));
        let sink = Sink::start(tasks.clone(), writer.clone(), runtime);
        Ok(Logs { store, tasks, writer, changed, sink })
    }

    /// Does what an operation wants of the store. Stored events are durable when this answers.
    ///
    /// # Errors
    /// `ServiceUnavailableException`
    pub async fn carry_out(&self, job: Job) -> Result<Reply, Fault> {
        let done = match job {
            Job::Append(append) if append.events.is_empty() => Ok(Reply::Appended(0)),
            Job::Append(append) => append_to(&self.tasks, append).await,
            job => self.read(job).await,
        };
        done.map_err(|error| {
            tracing::error!(%error, "the event store did not answer");
            Fault::new("ServiceUnavailableException", "Log events cannot be stored or read at present.")
                .with_status(503)
        })
    }

    async fn read(&self, job: Job) -> Outcome {
        let store = self.store.load_full().ok_or(EventStoreError::Closed)?;
        // A search may look at many events.
        let read = tokio::task::spawn_blocking(move || store.read(&job));
        read.await.unwrap_or(Err(EventStoreError::Panicked))
    }

    /// Groups or streams have changed, durably.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    /// Where the cloud itself logs to.
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Gets the queries of public hosted zones.
    pub fn public_queries(&self) -> Arc<dyn QueryLog> {
        Arc::new(PublicQueries::new(self.writer.newest().clone(), self.sink.clone()))
    }

    /// Gets the queries of VPCs.
    pub fn resolver_queries(&self) -> Arc<dyn ResolverLog> {
        Arc::new(ResolverQueries::new(self.writer.newest().clone(), self.sink.clone()))
    }
}

/// Hands events to the thread and waits until they are durable.
async fn append_to(tasks: &mpsc::Sender<Task>, append: Append) -> Outcome {
    let (reply, outcome) = oneshot::channel();
    tasks.send(Task::Append(append, reply)).await.map_err(|_| EventStoreError::Closed)?;
    outcome.await.unwrap_or(Err(EventStoreError::Closed))
}

/// Sweeps the store by worlds that are durable: a row that a crash brings back must find its events.
async fn sweep(
    tasks: mpsc::Sender<Task>,
    writer: Writer,
    mut progress: watch::Receiver<Progress>,
    changed: Arc<Notify>,
) {
    loop {
        let world = writer.newest().load_full();
        let settled = progress.wait_for(|progress| progress.settles(world.generation).is_some()).await;
        let is_durable = match settled.map(|progress| progress.settles(world.generation)) {
            Ok(is_durable) => is_durable == Some(true),
            // The journal is gone, and the daemon with it.
            Err(_) => return,
        };
        if is_durable && tasks.send(Task::Sweep(world)).await.is_err() {
            return;
        }
        // Whether it was woken or not, it sweeps.
        let _ = tokio::time::timeout(SWEEP, changed.notified()).await;
    }
}
