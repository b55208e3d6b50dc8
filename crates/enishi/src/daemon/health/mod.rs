//! Route 53's health checkers: they probe from the simulated internet, and name servers heed what they find out.
//!
//! ```text
//!  rows ──delta──► Panel ──due──► probe (a socket of the internet) ──result──► Panel ──turned──► name servers
//!                    └──observations──► GetHealthCheckStatus
//! ```
//!
//! The [`Panel`] decides; here are its clock, its sockets and its wires. Nothing of it is stored: a daemon that starts again
//! observes again, which takes about a second whatever the thresholds, and until then every check passes, as a new one does.
//!
//! Invariants: probes at the same time are bounded; what turned is heeded by the next query, in the order in which it turned.

mod definition;
pub mod rounds;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use enishi_cloud::outside::{Checked, Health};
use enishi_dns::Store;
use enishi_fabric::NamespaceName;
use enishi_proxy::health::panel::{CheckId, Job, Observation, Panel, Target};
use enishi_proxy::health::serve::probe;
use enishi_proxy::health::{Failure, Outcome, TlsClient};
use enishi_state::cloudwatch::Alarm;
use enishi_state::route53::HealthCheck;
use enishi_state::{Delta, Row, Timestamp, World};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::dns::PublicResolver;
use super::reconcile::NodeSockets;
use rounds::{Due, Prober};

/// Probes at the same time. Each has a socket and at most some 100 KiB; more wait.
const PROBES: usize = 512;

/// The health checks of all accounts.
#[derive(Clone)]
pub struct HealthChecks {
    shared: Arc<Shared>,
}

struct Shared {
    panel: Mutex<Panel>,
    /// The panel has something that is due earlier than before.
    sooner: Notify,
    names: Arc<Store>,
    resolver: PublicResolver,
    sockets: NodeSockets,
    tls: TlsClient,
}

impl HealthChecks {
    /// Checks what the world says, from now on. `names` heed the results; `resolver` finds endpoints that are given by name.
    ///
    /// # Errors
    /// When there is no TLS.
    pub fn start(
        world: &World,
        names: Arc<Store>,
        resolver: PublicResolver,
        sockets: NodeSockets,
        runtime: &Handle,
    ) -> anyhow::Result<Self> {
        let tls = TlsClient::new().context("cannot check health")?;
        let shared = Shared { panel: Mutex::default(), sooner: Notify::new(), names, resolver, sockets, tls };
        let checks = HealthChecks { shared: Arc::new(shared) };
        checks.change(|panel| {
            for row in world.all::<HealthCheck>() {
                panel.resume(id(row), definition::of(world, row), Instant::now());
            }
        });
        runtime.spawn(rounds::run(checks.shared.clone(), PROBES));
        Ok(checks)
    }

    /// Follows a transaction.
    pub fn update(&self, before: &World, after: &World, delta: &Delta) {
        let changed: Vec<_> = delta.changes::<HealthCheck>(before, after).collect();
        let alarms =
            delta.changes::<Alarm>(before, after).filter_map(|change| change.after.or(change.before));
        let followers: Vec<&HealthCheck> =
            alarms.flat_map(|alarm| after.by::<HealthCheck>("alarm", alarm.id().as_str())).collect();
        if changed.is_empty() && followers.is_empty() {
            return;
        }
        self.change(|panel| {
            for change in &changed {
                match (change.before, change.after) {
                    (_, Some(row)) => put(panel, after, row),
                    (Some(row), None) => panel.remove(&id(row)),
                    (None, None) => {}
                }
            }
            for row in followers {
                put(panel, after, row);
            }
        });
        for gone in changed.iter().filter(|change| change.after.is_none()).filter_map(|change| change.before)
        {
            self.shared.names.health().forget(gone.id.as_str());
        }
    }

    /// Goes on from another world.
    pub fn replace(&self, before: &World, after: &World) {
        let gone: Vec<&HealthCheck> =
            before.all().filter(|row: &&HealthCheck| after.get::<HealthCheck>(&row.id).is_none()).collect();
        self.change(|panel| {
            for row in &gone {
                panel.remove(&id(row));
            }
            for row in after.all::<HealthCheck>() {
                let is_other = before.get::<HealthCheck>(&row.id) != Some(row);
                if is_other || row.config.alarm.is_some() {
                    put(panel, after, row);
                }
            }
        });
        for row in gone {
            self.shared.names.health().forget(row.id.as_str());
        }
    }

    /// What the checkers of a check found out.
    pub fn health(&self, id: &str) -> Health {
        let panel = self.shared.panel();
        let told = |seen: Vec<Observation>| seen.iter().map(checked).collect();
        Health { latest: told(panel.observations(id)), last_failures: told(panel.last_failures(id)) }
    }

    /// Whether a check passes; one that is not known does.
    pub fn is_healthy(&self, id: &str) -> bool {
        self.shared.panel().healthy(id)
    }

    fn change(&self, change: impl FnOnce(&mut Panel)) {
        let mut panel = self.shared.panel();
        change(&mut panel);
        self.shared.tell(&mut panel);
        self.shared.sooner.notify_one();
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecks").finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic elsewhere cannot leave the panel half changed in a way that matters: the next result mends it.
    fn panel(&self) -> MutexGuard<'_, Panel> {
        self.panel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells name servers what turned, while nobody else can turn it again.
    fn tell(&self, panel: &mut Panel) {
        for (check, healthy) in panel.changes() {
            tracing::debug!(%check, healthy, "a health check turned");
            self.names.health().set(&check, healthy);
        }
    }
}

fn id(row: &HealthCheck) -> CheckId {
    row.id.as_str().into()
}

fn put(panel: &mut Panel, world: &World, row: &HealthCheck) {
    panel.put(id(row), definition::of(world, row), Instant::now());
}

fn checked(seen: &Observation) -> Checked {
    let since = seen.at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Checked {
        checker: seen.checker,
        at: Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        status: seen.outcome.to_string(),
    }
}

impl Prober for Shared {
    type Job = Job;

    fn due(&self, now: Instant) -> Due<Job> {
        let mut panel = self.panel();
        Due::of(panel.take(now), panel.next())
    }

    fn sooner(&self) -> &Notify {
        &self.sooner
    }

    async fn carry_out(self: Arc<Self>, job: Job) {
        let outcome = found_out(&self, &job).await;
        let mut panel = self.panel();
        panel.report(&job, outcome, Instant::now(), SystemTime::now());
        self.tell(&mut panel);
    }
}

/// What a probe found out; nothing when there is no internet to probe from.
async fn found_out(shared: &Shared, job: &Job) -> Option<Outcome> {
    let target = match &job.target {
        Target::Address(address) => *address,
        // "Route 53 uses only IPv4 to send health checks to the endpoint. If there's no record with a type of A for the name, the
        // health check fails with a DNS resolution failed error."
        Target::Name(name, port) => match shared.resolver.address(name).await {
            Some(address) => SocketAddr::new(address.into(), *port),
            None => return Some(Outcome::Failed(Failure::Unresolved)),
        },
    };
    probe(job.spec.clone(), &shared.tls, connect(&shared.sockets, job.checker, target)).await
}

async fn connect(sockets: &NodeSockets, checker: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    match target {
        SocketAddr::V4(target) => sockets.connect(&NamespaceName::internet(), Some(checker), target).await,
        SocketAddr::V6(_) => Err(io::ErrorKind::NetworkUnreachable.into()),
    }
}
