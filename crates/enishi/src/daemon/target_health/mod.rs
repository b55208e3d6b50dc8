//! Health checks of load balancers' targets: nodes probe, and what they find out becomes rows.
//!
//! ```text
//!  Program ──balancers──► Targets ──due──► probe (a socket of a node) ──result──► Targets ──verdicts──► writer
//!     ▲                                                                                                   │
//!     └──────────────────────────────────────── rows of targets ◄─────────────────────────────────────────┘
//! ```
//!
//! [`Targets`] decides; here are its clock, its sockets and the way to the rows. Rows are what packets, names and the API follow,
//! so a verdict is in force when it is written, and a daemon that starts again goes on from them.
//!
//! Invariants: probes at the same time are bounded; one transaction at a time is on its way, with all that turned meanwhile; a
//! verdict that could not be written is written later, unless another one took its place.

mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use enishi_fabric::Program;
use enishi_proxy::health::TlsClient;
use enishi_proxy::health::serve::probe;
use enishi_proxy::health::targets::{Job, TargetId, Targets, Verdict};
use enishi_state::Tx;
use enishi_wire::Value;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::daemon_caller;
use super::health::rounds::{self, Due, Prober};
use super::reconcile::NodeSockets;
use super::writer::Writer;

/// Probes at the same time. Each has a socket and at most some 100 KiB; more wait.
const PROBES: usize = 512;

/// The pause after verdicts could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// The health checks of all load balancers.
#[derive(Clone)]
pub struct TargetHealthChecks {
    shared: Arc<Shared>,
}

struct Shared {
    targets: Mutex<Targets>,
    /// Something is due earlier than before.
    sooner: Notify,
    /// What turned and is no row yet.
    unwritten: Mutex<BTreeMap<TargetId, Verdict>>,
    /// There is something to write.
    turned: Notify,
    sockets: NodeSockets,
    tls: TlsClient,
}

impl TargetHealthChecks {
    /// Checks nothing yet. `writer` takes down what turns.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn start(sockets: NodeSockets, writer: Writer, runtime: &Handle) -> anyhow::Result<Self> {
        let tls = TlsClient::new().context("cannot check the health of targets")?;
        let shared = Arc::new(Shared {
            targets: Mutex::default(),
            sooner: Notify::new(),
            unwritten: Mutex::default(),
            turned: Notify::new(),
            sockets,
            tls,
        });
        runtime.spawn(rounds::run(shared.clone(), PROBES));
        runtime.spawn(write(shared.clone(), writer));
        Ok(TargetHealthChecks { shared })
    }

    /// Checks what the program says, once it is in force.
    pub fn follow(&self, program: &Program) {
        let mut targets = self.shared.targets();
        targets.follow(&program.balancers, Instant::now());
        self.shared.tell(&mut targets);
        drop(targets);
        self.shared.sooner.notify_one();
    }
}

impl fmt::Debug for TargetHealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetHealthChecks").finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic elsewhere cannot leave it half changed in a way that matters: the next result mends it.
    fn targets(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritten(&self) -> MutexGuard<'_, BTreeMap<TargetId, Verdict>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what turned, while nobody else can turn it again.
    fn tell(&self, targets: &mut Targets) {
        let changes = targets.changes();
        if changes.is_empty() {
            return;
        }
        for (id, verdict) in &changes {
            tracing::debug!(target_group = %id.group, target = %id.target, port = id.port, ?verdict, "a target turned");
        }
        self.unwritten().extend(changes);
        self.turned.notify_one();
    }
}

impl Prober for Shared {
    type Job = Job;

    fn due(&self, now: Instant) -> Due<Job> {
        let mut targets = self.targets();
        Due::of(targets.take(now), targets.next())
    }

    fn sooner(&self) -> &Notify {
        &self.sooner
    }

    async fn carry_out(self: Arc<Self>, job: Job) {
        let connect = self.sockets.connect(&job.node, Some(job.source), job.to);
        let outcome = probe(job.spec.clone(), &self.tls, connect).await;
        let mut targets = self.targets();
        targets.report(&job, outcome.as_ref(), Instant::now());
        self.tell(&mut targets);
    }
}

/// Writes down what turned, for as long as the daemon lives.
async fn write(shared: Arc<Shared>, writer: Writer) {
    loop {
        shared.turned.notified().await;
        let verdicts = std::mem::take(&mut *shared.unwritten());
        if verdicts.is_empty() {
            continue;
        }
        let observed = verdicts.clone();
        let change = Box::new(move |tx: &mut Tx<'_>| {
            rows::observe(tx, &observed);
            Ok(Value::Structure(Vec::new()))
        });
        if let Err(fault) = writer.change(daemon_caller(), change).await {
            tracing::warn!(%fault, "the health of targets could not be written down");
            tokio::time::sleep(RETRY).await;
            let mut unwritten = shared.unwritten();
            for (id, verdict) in verdicts {
                unwritten.entry(id).or_insert(verdict);
            }
            drop(unwritten);
            shared.turned.notify_one();
        }
    }
}
