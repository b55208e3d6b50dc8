//! The one thread that changes the metric store. While a transaction is on its way to the disk, data points gather for the
//! next (group commit). Once an hour it merges what is old into longer periods, in small steps between them.
//!
//! A failed write closes the store; it is opened again a second later.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use enishi_cloud::cloudwatch::metric::{Datum, Reply};
use tokio::sync::{mpsc, oneshot};

use super::store::{MetricStore, MetricStoreError};
use crate::daemon::clock;

/// Requests that may wait.
pub const QUEUE: usize = 64;

/// Data points of one transaction at most, but for one more request.
const GROUP: usize = 20_000;

/// How long a store that failed stays closed.
const RETRY: Duration = Duration::from_secs(1);

/// How often old data are merged.
const SWEEP: Duration = Duration::from_secs(3600);

/// How a request ended.
pub type Outcome = Result<Reply, MetricStoreError>;

/// What the thread is told.
#[derive(Debug)]
pub enum Task {
    /// Store data points.
    Put(Vec<Datum>, oneshot::Sender<Outcome>),
}

/// The store for readers; `None` after a failure.
pub type Shared = Arc<ArcSwapOption<MetricStore>>;

/// What the thread works with.
#[derive(Debug)]
pub struct Thread {
    path: PathBuf,
    store: Shared,
    retry_at: Instant,
    sweep_at: Instant,
    /// The series that the sweep goes on with.
    sweeping: Option<u64>,
}

impl Thread {
    /// Works on the store at `path`, which `store` holds.
    pub fn new(path: PathBuf, store: Shared) -> Self {
        let now = Instant::now();
        Thread { path, store, retry_at: now, sweep_at: now + SWEEP, sweeping: Some(0) }
    }

    /// Works until nobody can tell it anything any more.
    pub fn run(mut self, tasks: &mut mpsc::Receiver<Task>) {
        loop {
            if self.sweeping.is_none() && Instant::now() >= self.sweep_at {
                self.sweep_at = Instant::now() + SWEEP;
                self.sweeping = Some(0);
            }
            let first = match self.sweeping {
                None => tasks.blocking_recv(),
                Some(from) => match tasks.try_recv() {
                    Ok(task) => Some(task),
                    Err(mpsc::error::TryRecvError::Empty) => {
                        self.sweep(from);
                        continue;
                    }
                    Err(mpsc::error::TryRecvError::Disconnected) => None,
                },
            };
            let Some(first) = first else { return };
            self.group(first, tasks);
        }
    }

    /// Stores what has gathered.
    fn group(&mut self, first: Task, tasks: &mut mpsc::Receiver<Task>) {
        let mut batches = Vec::new();
        let mut replies = Vec::new();
        let mut count = 0;
        let mut next = Some(first);
        while let Some(Task::Put(data, reply)) = next {
            count += data.len();
            batches.push(data);
            replies.push(reply);
            next = if count >= GROUP { None } else { tasks.try_recv().ok() };
        }
        let written = self.opened().and_then(|store| store.put(&batches));
        match written {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever does not wait for the answer does not want it.
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) => {
                self.close(&error);
                for reply in replies {
                    let _ = reply.send(Err(MetricStoreError::Closed));
                }
            }
        }
    }

    fn sweep(&mut self, from: u64) {
        match self.opened().and_then(|store| store.sweep(from, clock::now().seconds())) {
            Ok(next) => self.sweeping = next,
            Err(error) => {
                // The next sweep finds it again.
                self.sweeping = None;
                self.close(&error);
            }
        }
    }

    /// The store, opened again if it failed and some time has passed.
    fn opened(&mut self) -> Result<Arc<MetricStore>, MetricStoreError> {
        if let Some(store) = self.store.load_full() {
            return Ok(store);
        }
        if Instant::now() < self.retry_at {
            return Err(MetricStoreError::Closed);
        }
        let store = Arc::new(MetricStore::open(&self.path)?);
        self.store.store(Some(store.clone()));
        tracing::info!("metrics can be stored again");
        Ok(store)
    }

    /// A database that failed in the middle of something is not used any further.
    fn close(&mut self, error: &MetricStoreError) {
        if !matches!(error, MetricStoreError::Closed) {
            tracing::error!(%error, "metrics cannot be stored");
            self.store.store(None);
            self.retry_at = Instant::now() + RETRY;
        }
    }
}
