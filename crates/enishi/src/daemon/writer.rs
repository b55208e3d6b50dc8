//! The single writer: one thread that runs every change of the world, one after the other.
//!
//! A change runs as a [`Tx`] on the newest world and commits everything or nothing. The new world is published at once,
//! for readers; its delta goes to the journal, and the world to the reconcile loop. Who asked is answered with the
//! [`Receipt`] and waits, outside this thread, until the change is durable and in force.
//!
//! A handler that panics is a bug of ours and changes nothing: the caller sees `InternalError`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use enishi_state::{Caller, Delta, Entropy, Row, Tx, World, ec2, logs, quota, route53, s3, sts};
use enishi_wire::Fault;
use rand::Rng;
use tokio::sync::oneshot;

use super::clock;
use super::journal::Journal;
use super::reconcile::Mailbox;

/// Changes that may wait; more are refused as AWS throttles.
const QUEUE: usize = 8192;

/// How often a failed journal is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Tables that no packet ever sees the effect of.
const NOT_NETWORK: [&str; 13] = [
    enishi_state::Tag::TABLE,
    ec2::ClientToken::TABLE,
    ec2::KeyPair::TABLE,
    ec2::Image::TABLE,
    ec2::RegionDefaults::TABLE,
    logs::LogGroup::TABLE,
    logs::LogStream::TABLE,
    logs::ResourcePolicy::TABLE,
    route53::QueryLoggingConfig::TABLE,
    s3::Bucket::TABLE,
    sts::Session::TABLE,
    quota::Quota::TABLE,
    quota::QuotaRequest::TABLE,
];

/// The newest world, for readers without locks.
pub type Newest = Arc<ArcSwap<World>>;

/// What a change does.
pub type Change = Box<dyn FnOnce(&mut Tx<'_>) -> Result<enishi_wire::Value, Fault> + Send>;

/// What a carried out change has to wait for before its caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The generation that has to be durable.
    pub generation: u64,
    /// The generation that has to be realised, `0` when packets cannot tell.
    pub network: u64,
}

/// The answer to a change.
pub type Answer = Result<(enishi_wire::Value, Receipt), Fault>;

enum Job {
    Change { caller: Caller, change: Change, reply: oneshot::Sender<Answer> },
    Reset { reply: oneshot::Sender<Result<Receipt, Fault>> },
    Recover { reply: oneshot::Sender<()> },
}

/// The way to the writer thread.
#[derive(Debug, Clone)]
pub struct Writer {
    // Boxed: the queue is long, mostly empty, and made at once.
    jobs: SyncSender<Box<Job>>,
    newest: Newest,
}

impl Writer {
    /// Starts the thread on the world that the journal holds.
    pub fn start(journal: Journal, world: Arc<World>, mailbox: Arc<Mailbox>) -> std::io::Result<Self> {
        let newest = Arc::new(ArcSwap::from(world));
        let (jobs, receiver) = sync_channel(QUEUE);
        let mut thread = Thread {
            journal,
            newest: newest.clone(),
            mailbox,
            network: newest.load().generation,
            retry_at: Instant::now(),
            rolled_back: false,
        };
        std::thread::Builder::new().name("writer".into()).spawn(move || thread.run(&receiver))?;
        Ok(Writer { jobs, newest })
    }

    /// The newest world.
    pub fn newest(&self) -> &Newest {
        &self.newest
    }

    /// Carries out a change in the name of `caller`.
    pub async fn change(&self, caller: Caller, change: Change) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Change { caller, change, reply })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// The same from a thread that may block.
    pub fn change_blocking(&self, caller: Caller, change: Change) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Change { caller, change, reply })?;
        answer.blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Removes every resource of every account.
    pub async fn reset(&self) -> Result<Receipt, Fault> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Reset { reply })?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Returns once no reader sees what a failed journal has lost.
    pub async fn recover(&self) {
        let (reply, done) = oneshot::channel();
        if self.submit(Job::Recover { reply }).is_ok() {
            // A writer that stops ends its readers as well.
            let _ = done.await;
        }
    }

    fn submit(&self, job: Job) -> Result<(), Fault> {
        self.jobs.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => {
                Fault::new("RequestLimitExceeded", "Request limit exceeded.").with_status(503)
            }
            TrySendError::Disconnected(_) => stopped(),
        })
    }
}

fn stopped() -> Fault {
    Fault::unavailable("The service is stopping.")
}

struct Thread {
    journal: Journal,
    newest: Newest,
    mailbox: Arc<Mailbox>,
    /// The newest generation that packets can tell.
    network: u64,
    /// When a failed journal may be tried again.
    retry_at: Instant,
    /// Whether the failure at hand has been answered by going back to the durable world.
    rolled_back: bool,
}

impl Thread {
    fn run(&mut self, jobs: &Receiver<Box<Job>>) {
        while let Ok(job) = jobs.recv() {
            let ready = self.ready();
            match *job {
                Job::Change { caller, change, reply } => {
                    let answer = ready.and_then(|()| self.change(&caller, change));
                    // A caller that is gone does not undo what it asked for.
                    let _ = reply.send(answer);
                }
                Job::Reset { reply } => {
                    let _ = reply.send(ready.and_then(|()| self.reset()));
                }
                Job::Recover { reply } => {
                    let _ = reply.send(());
                }
            }
        }
    }

    /// Whether the journal takes changes; tries to revive one that does not.
    fn ready(&mut self) -> Result<(), Fault> {
        if !self.journal.has_failed() {
            return Ok(());
        }
        let floor = self.newest.load().generation;
        if !self.rolled_back {
            self.rolled_back = true;
            let mut durable = World::clone(&self.journal.durable());
            durable.generation = floor;
            self.replace(Arc::new(durable));
        }
        if Instant::now() >= self.retry_at {
            self.retry_at = Instant::now() + RETRY;
            if let Some(world) = self.journal.restart(floor) {
                self.rolled_back = false;
                self.replace(world);
                return Ok(());
            }
        }
        Err(not_durable())
    }

    fn change(&mut self, caller: &Caller, change: Change) -> Answer {
        let base = self.newest.load_full();
        let mut entropy = SystemEntropy;
        let mut tx = Tx::new(&base, caller, clock::now(), &mut entropy);
        let output = catch_unwind(AssertUnwindSafe(|| change(&mut tx))).unwrap_or_else(|_| {
            tracing::error!("a handler panicked; nothing was changed");
            Err(Fault::internal("An internal error has occurred"))
        })?;
        let commit = tx.commit().map_err(|conflict| {
            tracing::error!(%conflict, "a handler broke an invariant; nothing was changed");
            Fault::internal("An internal error has occurred")
        })?;
        if commit.delta.is_empty() {
            // A repeated request answers for what the first one did, so it waits for the same.
            return Ok((output, Receipt { generation: base.generation, network: self.network }));
        }
        let generation = commit.delta.generation;
        let is_network = touches_network(&commit.delta);
        if is_network {
            self.network = generation;
        }
        let world = Arc::new(commit.world);
        self.newest.store(world.clone());
        self.mailbox.put(world.clone(), commit.delta.clone(), is_network);
        self.journal.append(commit.delta, world);
        Ok((output, Receipt { generation, network: if is_network { generation } else { 0 } }))
    }

    /// The one change that is durable before anybody sees it: what runs cannot be brought back if the disk refuses, and its
    /// teardown would hold up that write.
    fn reset(&mut self) -> Result<Receipt, Fault> {
        let generation = self.newest.load().generation + 1;
        let world = Arc::new(World { generation, ..World::default() });
        if !self.journal.clear(world.clone()) {
            return Err(not_durable());
        }
        self.replace(world);
        Ok(Receipt { generation, network: 0 })
    }

    /// Goes on from another world.
    fn replace(&mut self, world: Arc<World>) {
        self.network = world.generation;
        let old = self.newest.swap(world.clone());
        // Whoever holds the old world last frees it; that should not be this thread.
        self.mailbox.replace(world, old);
    }
}

fn touches_network(delta: &Delta) -> bool {
    delta.rows().any(|(table, _)| !NOT_NETWORK.contains(&table))
}

/// What the caller of a lost change is answered.
pub fn not_durable() -> Fault {
    Fault::unavailable("The service cannot store changes at present.")
}

/// Randomness of the operating system's quality.
#[derive(Debug)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}
