//! The one thread that changes the event store. While a transaction is on its way to the disk, batches gather for the next
//! (group commit). Deleting goes on in small steps between them, so that it delays nobody.
//!
//! A stream whose row is gone gets nothing more: it is looked for in the newest world right before its events are written,
//! and what was written before the row went is swept. A failed write closes the store; it is opened again a second later.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use enishi_cloud::logs::event::{Append, Reply, event_bytes};
use enishi_state::World;
use enishi_state::logs::{LogGroup, LogStream};
use tokio::sync::{mpsc, oneshot};

use super::store::{EventStore, EventStoreError, Expiry};
use crate::daemon::clock;
use crate::daemon::writer::Newest;

/// Batches that may wait.
pub const QUEUE: usize = 64;

/// Batches of one transaction at most, and their bytes.
const GROUP: usize = 256;
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Events that are deleted in one step.
const EXPIRED: usize = 5_000;

/// How long a store that failed stays closed.
const RETRY: Duration = Duration::from_secs(1);

const DAY: i64 = 24 * 60 * 60 * 1000;

/// How an append ended.
pub type Outcome = Result<Reply, EventStoreError>;

/// What the thread is told.
#[derive(Debug)]
pub enum Task {
    /// Store events.
    Append(Append, oneshot::Sender<Outcome>),
    /// Delete what no row of this world, which is durable, keeps.
    Sweep(Arc<World>),
}

/// The store for readers; `None` after a failure.
pub type Shared = Arc<ArcSwapOption<EventStore>>;

/// What the thread works with.
#[derive(Debug)]
pub struct Thread {
    path: PathBuf,
    store: Shared,
    newest: Newest,
    /// What is to be deleted.
    expiries: VecDeque<Expiry>,
    retry_at: Instant,
}

impl Thread {
    /// Works on the store at `path`, which `store` holds.
    pub fn new(path: PathBuf, store: Shared, newest: Newest) -> Self {
        Thread { path, store, newest, expiries: VecDeque::new(), retry_at: Instant::now() }
    }

    /// Works until nobody can tell it anything any more.
    pub fn run(mut self, tasks: &mut mpsc::Receiver<Task>) {
        loop {
            let first = match self.expiries.is_empty() {
                true => tasks.blocking_recv(),
                false => match tasks.try_recv() {
                    Ok(task) => Some(task),
                    Err(mpsc::error::TryRecvError::Empty) => {
                        self.expire();
                        continue;
                    }
                    Err(mpsc::error::TryRecvError::Disconnected) => None,
                },
            };
            let Some(first) = first else { return };
            self.group(first, tasks);
        }
    }

    /// Carries out what has gathered.
    fn group(&mut self, first: Task, tasks: &mut mpsc::Receiver<Task>) {
        let mut appends = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(task) = next {
            match task {
                Task::Append(append, reply) => {
                    bytes += append.events.iter().map(|event| event_bytes(&event.message)).sum::<usize>();
                    appends.push((append, reply));
                }
                Task::Sweep(world) => self.sweep(&world),
            }
            let is_full = appends.len() >= GROUP || bytes >= GROUP_BYTES;
            next = if is_full { None } else { tasks.try_recv().ok() };
        }
        if !appends.is_empty() {
            self.append(appends);
        }
        if !self.expiries.is_empty() {
            self.expire();
        }
    }

    fn append(&mut self, appends: Vec<(Append, oneshot::Sender<Outcome>)>) {
        let world = self.newest.load_full();
        let lives = |append: &Append| {
            world.get::<LogStream>(&append.stream).is_some_and(|stream| stream.uid == append.uid)
        };
        let (live, gone): (Vec<_>, Vec<_>) = appends.into_iter().partition(|(append, _)| lives(append));
        for (_, reply) in gone {
            // Whoever does not wait for the answer does not want it.
            let _ = reply.send(Ok(Reply::Gone));
        }
        let (batches, replies): (Vec<Append>, Vec<_>) = live.into_iter().unzip();
        let written = self.opened().and_then(|store| store.append(&batches, clock::now().0));
        match written {
            Ok(ends) => {
                for (reply, end) in replies.into_iter().zip(ends) {
                    let _ = reply.send(Ok(Reply::Appended(end)));
                }
            }
            Err(error) => {
                self.close(&error);
                for reply in replies {
                    let _ = reply.send(Err(EventStoreError::Closed));
                }
            }
        }
    }

    /// The store, opened again if it failed and some time has passed.
    fn opened(&mut self) -> Result<Arc<EventStore>, EventStoreError> {
        if let Some(store) = self.store.load_full() {
            return Ok(store);
        }
        if Instant::now() < self.retry_at {
            return Err(EventStoreError::Closed);
        }
        let store = Arc::new(EventStore::open(&self.path)?);
        self.store.store(Some(store.clone()));
        tracing::info!("log events can be stored again");
        Ok(store)
    }

    /// A database that failed in the middle of something is not used any further.
    fn close(&mut self, error: &EventStoreError) {
        if !matches!(error, EventStoreError::Closed) {
            tracing::error!(%error, "log events cannot be stored");
            self.store.store(None);
            self.retry_at = Instant::now() + RETRY;
        }
    }

    /// Finds out what is to be deleted. A stream that is not in `world` may be newer than that; then it is in the newest.
    fn sweep(&mut self, world: &World) {
        let newest = self.newest.load_full();
        let now = clock::now().0;
        let mut kept: BTreeMap<u64, i64> = BTreeMap::new();
        for world in [world, &newest] {
            for stream in world.all::<LogStream>() {
                let days = world.get::<LogGroup>(&stream.group).and_then(|group| group.retention_days);
                let since = days.map_or(i64::MIN, |days| now - i64::from(days) * DAY);
                kept.insert(stream.uid, since);
            }
        }
        let known = self.opened().and_then(|store| store.streams());
        let known = match known {
            Ok(known) => known,
            Err(error) => return self.close(&error),
        };
        self.expiries = known
            .into_iter()
            .filter_map(|(stream, known)| match kept.get(&stream) {
                None => Some(Expiry { stream, until: i64::MAX }),
                Some(since) if known.events > 0 && known.first < *since => {
                    Some(Expiry { stream, until: *since })
                }
                Some(_) => None,
            })
            .collect();
    }

    /// Deletes a few of the events that are to go.
    fn expire(&mut self) {
        let Some(expiry) = self.expiries.front().copied() else { return };
        match self.opened().and_then(|store| store.expire(expiry, EXPIRED)) {
            Ok(true) => drop(self.expiries.pop_front()),
            Ok(false) => {}
            Err(error) => {
                // The next sweep finds them again.
                self.expiries.clear();
                self.close(&error);
            }
        }
    }
}
