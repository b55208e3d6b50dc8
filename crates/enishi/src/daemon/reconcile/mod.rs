//! The reconcile loop: one thread that makes the machine what the newest world says.
//!
//! It takes no input but *look again*: the mailbox holds the newest world, and what happened in between is skipped. Each
//! round compiles the world to a program, ends instances that must not run, lets the kernel backend make the network so,
//! tells who waits for it, starts instances that must run, and gives [`tick`] what came true.
//!
//! Invariants: a failure is logged, shown by `enishi status` and tried again with a growing pause, it never ends the
//! thread; nothing here is needed to answer a read.

mod instances;
mod keeper;
mod launch;
mod listening;
mod mailbox;
mod metadata;
mod name_service;
mod node_sockets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use enishi_cloud::tick::{Facts, needs_tick, next_deadline, tick};
use enishi_fabric::Program;
use enishi_kernel::Backend;
use enishi_plan::Planner;
use enishi_state::ec2::NatGateway;
use enishi_state::{Caller, Tx, World};
use enishi_wire::Value;
use tokio::sync::watch;

pub use keeper::{KeeperFiles, KeptNamespaces, console_file};
pub use listening::inside;
pub use mailbox::Mailbox;
pub use node_sockets::NodeSockets;

use super::balancers::Balancers;
use super::certificates::Certificates;
use super::dns::Resolution;
use super::health::HealthChecks;
use super::target_health::TargetHealthChecks;
use super::writer::Writer;
use super::{clock, daemon_caller};
use instances::Instances;
use keeper::Keeper;
use mailbox::{Letter, News};
use metadata::MetadataService;
use name_service::NameService;
use tokio::runtime::Handle;

/// How often everything is looked at, when nothing happens. What somebody changes by hand is announced and comes back at
/// once; this finds what the kernel does not announce.
const PERIOD: Duration = Duration::from_secs(60);

/// The shortest wait for something that only time brings.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Failed tries after which callers stop waiting for the network.
const TRIES: u32 = 5;

/// How far the machine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Realised {
    /// The newest generation that is in force, or that could not be brought into force in several tries.
    pub generation: u64,
    /// The newest generation at which nothing was pending either.
    pub settled: u64,
    /// What failed at the last try.
    pub errors: Vec<String>,
    /// Instances that run.
    pub instances_running: usize,
    /// Network namespaces that exist.
    pub namespaces: usize,
}

/// What follows the world besides the kernel.
pub struct Services {
    /// Name servers and resolvers.
    pub resolution: Resolution,
    /// Health checks.
    pub health: HealthChecks,
    /// Proofs of certificates' domains.
    pub certificates: Certificates,
    /// Health checks of load balancers' targets.
    pub target_health: TargetHealthChecks,
    /// The way into the simulated internet and into load balancers' nodes.
    pub sockets: NodeSockets,
    /// Load balancers.
    pub balancers: Balancers,
}

/// The reconcile thread, from outside.
#[derive(Debug)]
pub struct Reconciler {
    mailbox: Arc<Mailbox>,
    realised: watch::Receiver<Realised>,
    thread: std::thread::JoinHandle<()>,
}

impl Reconciler {
    /// Starts the thread.
    pub fn start(
        files: KeeperFiles,
        world: Arc<World>,
        mailbox: Arc<Mailbox>,
        writer: Writer,
        services: Services,
        runtime: Handle,
    ) -> std::io::Result<Self> {
        let Services { resolution, health, certificates, target_health, sockets, balancers } = services;
        let (sender, realised) = watch::channel(Realised::default());
        let planner = Planner::new(&world);
        let thread = Thread {
            files,
            mailbox: mailbox.clone(),
            writer,
            runtime,
            realised: sender,
            world,
            program: planner.program().clone(),
            planner,
            resolution,
            health,
            certificates,
            target_health,
            sockets,
            balancers,
            machine: None,
            failures: 0,
            audit_at: Instant::now() + PERIOD,
            in_force: 0,
            caller: daemon_caller(),
        };
        let thread = std::thread::Builder::new().name("reconcile".into()).spawn(move || thread.run())?;
        Ok(Reconciler { mailbox, realised, thread })
    }

    /// How far it is.
    pub fn realised(&self) -> watch::Receiver<Realised> {
        self.realised.clone()
    }

    /// Ends the thread; with `everything` also every instance and the keeper.
    pub fn stop(self, everything: bool) {
        self.mailbox.stop(everything);
        if self.thread.join().is_err() {
            tracing::error!("the reconcile thread panicked");
        }
    }
}

/// What exists only while a keeper is connected.
struct Machine {
    backend: Backend<KeptNamespaces>,
    instances: Instances,
    metadata: MetadataService,
    name_service: NameService,
}

struct Thread {
    files: KeeperFiles,
    mailbox: Arc<Mailbox>,
    writer: Writer,
    runtime: Handle,
    realised: watch::Sender<Realised>,
    world: Arc<World>,
    planner: Planner,
    program: Program,
    resolution: Resolution,
    health: HealthChecks,
    certificates: Certificates,
    target_health: TargetHealthChecks,
    sockets: NodeSockets,
    balancers: Balancers,
    machine: Option<Machine>,
    failures: u32,
    audit_at: Instant,
    /// The newest generation that is in force.
    in_force: u64,
    /// In whose name states move on.
    caller: Caller,
}

impl Thread {
    fn run(mut self) {
        loop {
            let errors = self.round();
            self.failures = if errors.is_empty() { 0 } else { self.failures + 1 };
            self.publish(errors);
            let letter = self.mailbox.take(Instant::now() + self.pause());
            if let Some(everything) = letter.stop {
                self.stop(everything);
                return;
            }
            self.read(letter);
        }
    }

    fn pause(&self) -> Duration {
        match self.failures {
            0 => PERIOD.min(self.until_due()),
            n => FIRST_PAUSE.saturating_mul(1 << n.min(16)).min(LONGEST_PAUSE),
        }
    }

    /// How long nothing is due that only time brings. What is due and does not move on is not looked at all the time.
    fn until_due(&self) -> Duration {
        let left = next_deadline(&self.world).map(|at| at.0.saturating_sub(clock::now().0));
        left.map_or(PERIOD, |millis| {
            Duration::from_millis(u64::try_from(millis).unwrap_or(0)).max(SHORTEST_WAIT)
        })
    }

    /// Takes in what the mailbox held.
    fn read(&mut self, letter: Letter) {
        if let Some((world, delta)) = letter.world {
            match delta {
                Some(delta) => {
                    self.resolution.update(&self.world, &world, &delta);
                    self.health.update(&self.world, &world, &delta);
                    self.program = self.planner.update(&self.world, &world, &delta);
                }
                None => {
                    self.resolution.replace(&self.world, &world);
                    self.health.replace(&self.world, &world);
                    self.planner = Planner::new(&world);
                    self.program = self.planner.program().clone();
                }
            }
            self.world = world;
        }
        for news in letter.news {
            match (news, &mut self.machine) {
                (News::KeeperLost, machine) => {
                    *machine = None;
                    self.resolution.ways().clear();
                    self.balancers.leave();
                    self.sockets.leave();
                }
                (News::Launched { id, boot, result }, Some(machine)) => {
                    machine.instances.launched(&id, boot, result);
                }
                (News::Event(event), Some(machine)) => machine.instances.observe(event),
                (_, None) => {}
            }
        }
        drop(letter.retired);
    }

    /// Makes everything so, as far as it goes; answers what failed.
    fn round(&mut self) -> Vec<String> {
        if self.machine.is_none() {
            match self.connect() {
                Ok(machine) => self.machine = Some(self.adopt(machine)),
                Err(error) => return vec![format!("{error:#}")],
            }
        }
        let Some(machine) = &mut self.machine else { return Vec::new() };
        let mut errors = machine.instances.end(&self.world);
        if let Err(error) = machine.backend.namespaces().bury() {
            errors.push(error.to_string());
        }
        let report = if self.audit_at <= Instant::now() {
            self.audit_at = Instant::now() + PERIOD;
            machine.instances.sweep(&self.world);
            machine.backend.audit(&self.program)
        } else {
            machine.backend.reconcile(&self.program)
        };
        errors.extend(report.failures.iter().map(ToString::to_string));
        errors.extend(machine.name_service.follow(&self.program, &mut self.resolution, &mut machine.backend));
        errors.extend(self.sockets.follow(&self.program, &mut machine.backend));
        errors.extend(self.balancers.follow(&self.program, &mut machine.backend));
        // The network is in force now, whatever the instances do.
        if errors.is_empty() {
            let generation = self.world.generation;
            self.realised.send_if_modified(|realised| {
                let ahead = realised.generation < generation;
                realised.generation = realised.generation.max(generation);
                ahead
            });
        }
        if errors.is_empty() {
            self.in_force = self.world.generation;
        }
        errors.extend(machine.metadata.follow(&self.program, &mut machine.backend));
        self.target_health.follow(&self.program);
        machine.instances.begin(&self.world);
        let facts = Facts {
            realised_generation: self.in_force,
            instances: machine.instances.observed(),
            certificates: self.certificates.observe(&self.world, clock::now()),
        };
        self.tick(facts);
        errors
    }

    /// Lets states move on, in the newest world.
    fn tick(&self, facts: Facts) {
        if !needs_tick(&self.writer.newest().load(), &facts, clock::now()) {
            return;
        }
        let change = move |tx: &mut Tx<'_>| {
            tick(tx, &facts);
            Ok(Value::Structure(Vec::new()))
        };
        if let Err(fault) = self.writer.change_blocking(self.caller.clone(), Box::new(change)) {
            tracing::warn!(%fault, "what happened could not be written down");
        }
    }

    /// Lets load balancers whose nodes are there accept again at once: looking at all namespaces takes longer, and their clients
    /// wait. What is not there yet fails, and is followed once it is.
    fn adopt(&mut self, mut machine: Machine) -> Machine {
        let _ = self.sockets.follow(&self.program, &mut machine.backend);
        let _ = self.balancers.follow(&self.program, &mut machine.backend);
        machine
    }

    fn connect(&mut self) -> anyhow::Result<Machine> {
        let keeper = Keeper::ensure(&self.files, &self.mailbox)?;
        let mailbox = self.mailbox.clone();
        let backend = Backend::new(KeptNamespaces::new(keeper.connect()?), move || mailbox.nudge())?;
        let instances = Instances::new(keeper, &self.files, self.mailbox.clone())?;
        instances.sweep(&self.world);
        let metadata = MetadataService::new(self.runtime.clone(), self.writer.newest().clone());
        let name_service = NameService::new(self.runtime.clone());
        Ok(Machine { backend, instances, metadata, name_service })
    }

    fn publish(&self, errors: Vec<String>) {
        for error in &errors {
            // The first failure of a series is often a matter of order (an instance that is just ending).
            if self.failures >= 2 {
                tracing::warn!(%error, tries = self.failures, "the network is not as it should be");
            }
        }
        let generation = self.world.generation;
        let pending = self.world.by::<NatGateway>("unsettled", "").next().is_some();
        let settled = errors.is_empty()
            && !pending
            && self.machine.as_ref().is_some_and(|machine| machine.instances.is_settled(&self.world));
        let running = self.machine.as_ref().map_or(0, |machine| machine.instances.running());
        let gave_up = self.failures >= TRIES;
        let namespaces = self.program.namespaces.len();
        self.realised.send_if_modified(|realised| {
            let before = realised.clone();
            if errors.is_empty() || gave_up {
                realised.generation = realised.generation.max(generation);
            }
            if settled {
                realised.settled = generation;
            }
            realised.errors = errors;
            realised.instances_running = running;
            realised.namespaces = namespaces;
            *realised != before
        });
    }

    fn stop(mut self, everything: bool) {
        let Some(machine) = self.machine.take() else {
            if everything {
                keeper::shutdown(&self.files.socket);
            }
            return;
        };
        drop(machine.backend);
        if everything {
            keeper::shutdown(&self.files.socket);
        }
    }
}
