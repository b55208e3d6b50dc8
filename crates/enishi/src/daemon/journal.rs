//! The journal thread: committed transactions in, durable generations out.
//!
//! While one batch is on its way to the disk, the transactions that are committed meanwhile gather for the next (group
//! commit). A failed write ends the batch and everything behind it: those transactions are *lost*, their callers are told,
//! and the writer goes back to the last durable world.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use enishi_state::{Delta, World};
use tokio::sync::watch;

use super::store::{Batch, Store, StoreError};

/// Transactions that may wait for the disk.
const QUEUE: usize = 4096;

/// How long a batch waits at most for transactions of clients that were just answered.
const LINGER: Duration = Duration::from_micros(400);

/// Opens the store and reads the world in it.
pub type Open = Box<dyn Fn() -> Result<(Store, World), StoreError> + Send>;

/// How far the journal is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The newest generation on disk.
    pub durable: u64,
    /// The generations that the last failure lost.
    pub lost: Option<RangeInclusive<u64>>,
    /// Why nothing can be written at present.
    pub failure: Option<Arc<str>>,
}

impl Progress {
    /// Whether the generation is on disk (`Some(true)`), lost (`Some(false)`) or on its way (`None`).
    pub fn settles(&self, generation: u64) -> Option<bool> {
        match &self.lost {
            Some(lost) if lost.contains(&generation) => Some(false),
            _ if self.durable >= generation => Some(true),
            _ => None,
        }
    }
}

/// What the writer hands over.
#[derive(Debug)]
enum Entry {
    /// A transaction and the world after it.
    Commit(Delta, Arc<World>),
    /// Everything was removed.
    Clear {
        /// The empty world.
        world: Arc<World>,
        /// Told once it is on disk; dropped if it is lost.
        durable: SyncSender<()>,
    },
    /// After a failure: open the store again and answer what is in it.
    Restart {
        /// The newest generation that was ever given out.
        floor: u64,
        /// Gets the world, or `None` if nothing can be written yet.
        reply: SyncSender<Option<Arc<World>>>,
    },
}

/// The writer's end of the journal.
#[derive(Debug)]
pub struct Journal {
    entries: SyncSender<Entry>,
    progress: watch::Receiver<Progress>,
    durable: Arc<ArcSwap<World>>,
}

impl Journal {
    /// Starts the thread. `world` is what the store holds; `open` opens it again after a failure.
    pub fn start(store: Store, open: Open, world: Arc<World>) -> std::io::Result<Self> {
        let (entries, receiver) = sync_channel(QUEUE);
        let (sender, progress) =
            watch::channel(Progress { durable: world.generation, ..Progress::default() });
        let durable = Arc::new(ArcSwap::from(world));
        let mut thread =
            Thread { store: Some(store), open, durable: durable.clone(), progress: sender, expected: 1 };
        std::thread::Builder::new().name("journal".into()).spawn(move || thread.run(&receiver))?;
        Ok(Journal { entries, progress, durable })
    }

    /// Appends a transaction. Blocks while the queue is full.
    pub fn append(&self, delta: Delta, world: Arc<World>) {
        // The thread lives as long as this sender.
        let _ = self.entries.send(Entry::Commit(delta, world));
    }

    /// Removes everything and waits until that is on disk; whether it is.
    pub fn clear(&self, world: Arc<World>) -> bool {
        let (durable, answer) = sync_channel(1);
        self.entries.send(Entry::Clear { world, durable }).is_ok() && answer.recv().is_ok()
    }

    /// Opens the store again after a failure and answers the world in it, whose generation is above `floor`, the newest
    /// that was ever given out; `None` if nothing can be written yet.
    pub fn restart(&self, floor: u64) -> Option<Arc<World>> {
        let (reply, answer) = sync_channel(1);
        self.entries.send(Entry::Restart { floor, reply }).ok()?;
        answer.recv().ok()?
    }

    /// How far it is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// The world on disk.
    pub fn durable(&self) -> Arc<World> {
        self.durable.load_full()
    }

    /// Whether the last write failed.
    pub fn has_failed(&self) -> bool {
        self.progress.borrow().failure.is_some()
    }
}

struct Thread {
    /// `None` after a failure.
    store: Option<Store>,
    open: Open,
    /// The world on disk.
    durable: Arc<ArcSwap<World>>,
    progress: watch::Sender<Progress>,
    /// How many transactions came together lately.
    expected: usize,
}

impl Thread {
    fn run(&mut self, entries: &Receiver<Entry>) {
        while let Ok(first) = entries.recv() {
            let mut batch = Batch::default();
            let mut world = None;
            let mut cleared = None;
            let mut count = 0;
            let gathered_until = Instant::now() + LINGER;
            let mut next = Some(first);
            while let Some(entry) = next {
                match entry {
                    Entry::Commit(delta, after) => {
                        batch.add(&delta);
                        world = Some(after);
                    }
                    Entry::Clear { world: empty, durable } => {
                        batch.clear(empty.generation);
                        world = Some(empty);
                        cleared = Some(durable);
                        // The writer waits, so nothing follows that could share this write.
                        break;
                    }
                    Entry::Restart { floor, reply } => {
                        let _ = reply.send(self.restart(floor));
                    }
                }
                count += 1;
                next = self.gather(entries, count, gathered_until);
            }
            if let Some(world) = world
                && self.write(&batch, world)
                && let Some(durable) = cleared
            {
                let _ = durable.send(());
                self.free();
            }
            // Halved, so that clients that left are not waited for, yet a straggler does not end the rhythm.
            self.expected = count.max(self.expected / 2);
        }
    }

    /// The next entry of this batch. Clients whose last request was answered a moment ago come back at once: waiting a
    /// fraction of a disk write for them saves them a whole one.
    fn gather(&self, entries: &Receiver<Entry>, count: usize, until: Instant) -> Option<Entry> {
        if let Ok(entry) = entries.try_recv() {
            return Some(entry);
        }
        if count >= self.expected {
            return None;
        }
        entries.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }

    /// Writes a batch; whether it is on disk.
    fn write(&mut self, batch: &Batch, world: Arc<World>) -> bool {
        let generation = batch.generation();
        let Some(store) = &mut self.store else {
            self.lose(generation);
            return false;
        };
        match store.write(batch, &world) {
            Ok(()) => {
                self.durable.store(world);
                self.progress.send_modify(|progress| progress.durable = generation);
                true
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be written; no further change is accepted");
                self.fail(&error, generation);
                false
            }
        }
    }

    fn free(&self) {
        if let Some(Err(error)) = self.store.as_ref().map(Store::free_old_epochs) {
            // The next write meets the same trouble, and its caller hears of it.
            tracing::warn!(%error, "removed rows could not be freed");
        }
    }

    fn fail(&mut self, error: &StoreError, generation: u64) {
        self.store = None;
        let failure: Arc<str> = error.to_string().into();
        let lost = self.durable.load().generation + 1..=generation;
        self.progress.send_modify(|progress| {
            progress.failure = Some(failure);
            progress.lost = Some(lost);
        });
    }

    /// Transactions that were committed before the writer heard of the failure.
    fn lose(&self, generation: u64) {
        self.progress.send_modify(|progress| {
            let start = progress.lost.as_ref().map_or(generation, |lost| *lost.start());
            progress.lost = Some(start..=generation);
        });
    }

    /// Opens the store again. What is in it counts: the failed batch may have reached the disk although the write
    /// reported an error, and a caller who was answered with a server's error cannot know.
    fn restart(&mut self, floor: u64) -> Option<Arc<World>> {
        self.store = None;
        // A reset that was lost is a generation that no reader has seen.
        let floor = self.progress.borrow().lost.as_ref().map_or(floor, |lost| floor.max(*lost.end()));
        let opened = (self.open)().and_then(|(mut store, mut world)| {
            world.generation = world.generation.max(floor) + 1;
            let mut probe = Batch::default();
            probe.at(world.generation);
            store.write(&probe, &world).map(|()| (store, Arc::new(world)))
        });
        match opened {
            Ok((store, world)) => {
                tracing::info!("the journal can be written again");
                self.store = Some(store);
                self.durable.store(world.clone());
                self.progress.send_modify(|progress| {
                    progress.failure = None;
                    progress.durable = world.generation;
                });
                Some(world)
            }
            Err(error) => {
                let failure: Arc<str> = error.to_string().into();
                self.progress.send_modify(|progress| progress.failure = Some(failure));
                None
            }
        }
    }
}
