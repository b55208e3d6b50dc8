//! Instances: which of them run, compared with which of them should.
//!
//! A row that is up wants its boot to run; every other row, and no row, wants none. What runs is known from the keeper:
//! its inventory at first, its events from then on. Nothing is remembered that the keeper or the boot files do not know,
//! so a new daemon comes to the same conclusions.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use enishi_cloud::tick::{Observed, Process};
use enishi_compute::{Client, ErrorKind, Event, ExitCause, InstanceState as Kept};
use enishi_state::ResourceId;
use enishi_state::World;
use enishi_state::ec2::{Instance, InstanceId, InstanceState};

use super::keeper::{Keeper, KeeperFiles};
use super::launch::{Launch, Launcher, remember_boot, remembered_boot, spec};
use super::mailbox::Mailbox;

/// How long the processes of an instance may take to end when it is stopped.
const GRACE: Duration = Duration::from_secs(10);

/// The same for a reboot.
const REBOOT_GRACE: Duration = Duration::from_secs(5);

/// What an instance does at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The keeper is told to start it.
    Launching {
        /// Which boot.
        boot: u32,
    },
    /// It runs.
    Running {
        /// Which boot.
        boot: u32,
    },
    /// It was told to end, its files are kept.
    Stopping,
    /// No process runs.
    Stopped {
        /// The boot that ended.
        boot: u32,
        /// Whether it ended by itself.
        by_itself: bool,
    },
    /// It could not be started.
    Failed {
        /// Which boot.
        boot: u32,
        /// Why.
        error: String,
    },
    /// It and its files are being removed.
    Terminating,
}

/// The instances of the keeper.
#[derive(Debug)]
pub struct Instances {
    client: Client,
    launcher: Launcher,
    files: KeeperFiles,
    phases: BTreeMap<String, Phase>,
}

impl Instances {
    /// Asks the keeper what there is.
    pub fn new(keeper: Keeper, files: &KeeperFiles, mailbox: Arc<Mailbox>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(files.consoles())?;
        let mut client = keeper.connect()?;
        let mut phases = BTreeMap::new();
        for report in client.inventory()?.instances {
            let boot = remembered_boot(files, &report.id).unwrap_or(0);
            let phase = match report.state {
                Kept::Starting => Phase::Launching { boot },
                Kept::Running => Phase::Running { boot },
                Kept::Stopping => Phase::Stopping,
                // A new keeper knows of files only; whatever ran in them ended with the one before.
                Kept::Stopped if keeper.is_new => continue,
                Kept::Stopped => Phase::Stopped { boot, by_itself: true },
                Kept::Terminating => Phase::Terminating,
            };
            phases.insert(report.id, phase);
        }
        let launcher = Launcher::start(keeper.connect()?, files.clone(), mailbox)?;
        Ok(Instances { client, launcher, files: files.clone(), phases })
    }

    /// What each instance does, as [`enishi_cloud::tick`] wants to know it.
    pub fn observed(&self) -> BTreeMap<InstanceId, Observed> {
        let observed = |(id, phase): (&String, &Phase)| Some((InstanceId::parse(id).ok()?, observed(phase)));
        self.phases.iter().filter_map(observed).collect()
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.phases.values().filter(|phase| matches!(phase, Phase::Running { .. })).count()
    }

    /// Takes in an event of the keeper.
    pub fn observe(&mut self, event: Event) {
        match event {
            Event::InstanceStarted { id, .. } => {
                // Also the second half of a reboot.
                if let Some(phase @ Phase::Launching { .. }) = self.phases.get_mut(&id)
                    && let Phase::Launching { boot } = *phase
                {
                    *phase = Phase::Running { boot };
                }
            }
            Event::InstanceExited { id, cause, .. } => self.exited(id, cause),
            Event::InstanceTerminated { id } => {
                self.phases.remove(&id);
            }
            Event::ExecExited { .. } => {}
        }
    }

    fn exited(&mut self, id: String, cause: ExitCause) {
        let by_itself = cause != ExitCause::Requested;
        let boot = match self.phases.get(&id) {
            // The first half of a reboot.
            Some(Phase::Launching { .. }) if !by_itself => return,
            Some(Phase::Launching { boot } | Phase::Running { boot }) => *boot,
            Some(Phase::Stopping) => remembered_boot(&self.files, &id).unwrap_or(0),
            _ => return,
        };
        self.phases.insert(id, Phase::Stopped { boot, by_itself });
    }

    /// A launch came to an end.
    pub fn launched(&mut self, id: &str, boot: u32, result: Result<(), String>) {
        if self.phases.get(id) != Some(&Phase::Launching { boot }) {
            return;
        }
        let phase = match result {
            Ok(()) => Phase::Running { boot },
            Err(error) => {
                tracing::error!(instance = id, error, "an instance could not be started");
                Phase::Failed { boot, error }
            }
        };
        self.phases.insert(id.to_owned(), phase);
    }

    /// Ends what must not run.
    pub fn end(&mut self, world: &World) -> Vec<String> {
        let (mut errors, mut gone) = (Vec::new(), Vec::new());
        for (id, phase) in &mut self.phases {
            let row = InstanceId::parse(id).ok().and_then(|id| world.get::<Instance>(&id));
            let result = match row.map(|row| row.state) {
                Some(InstanceState::Pending | InstanceState::Running) => continue,
                Some(InstanceState::Stopping | InstanceState::Stopped) => match phase {
                    Phase::Launching { .. } | Phase::Running { .. } => {
                        self.client.stop(id, GRACE).map(|()| Phase::Stopping)
                    }
                    _ => continue,
                },
                None | Some(InstanceState::ShuttingDown | InstanceState::Terminated) => match phase {
                    Phase::Terminating => continue,
                    _ => self.client.terminate(id).map(|()| Phase::Terminating),
                },
            };
            match result {
                Ok(next) => *phase = next,
                Err(error) if error.kind() == ErrorKind::NotFound => gone.push(id.clone()),
                Err(error) => errors.push(format!("{id}: {error}")),
            }
        }
        for id in gone {
            self.phases.remove(&id);
        }
        errors
    }

    /// Starts what must run and does not.
    pub fn begin(&mut self, world: &World) {
        for instance in world.all::<Instance>().filter(|instance| instance.state.is_up()) {
            let id = instance.id.as_str();
            match self.phases.get(id) {
                None => self.launch(world, instance),
                Some(Phase::Stopped { boot, .. } | Phase::Failed { boot, .. }) if *boot < instance.boot => {
                    self.launch(world, instance);
                }
                Some(Phase::Running { boot }) if *boot < instance.boot => self.reboot(instance),
                _ => {}
            }
        }
    }

    fn launch(&mut self, world: &World, instance: &Instance) {
        let boot = instance.boot;
        self.phases.insert(instance.id.as_str().to_owned(), Phase::Launching { boot });
        self.launcher.launch(Launch { boot, spec: spec(world, instance, &self.files) });
    }

    fn reboot(&mut self, instance: &Instance) {
        let (id, boot) = (instance.id.as_str(), instance.boot);
        match self.client.reboot(id, REBOOT_GRACE) {
            Ok(()) => {
                remember_boot(&self.files, id, boot);
                self.phases.insert(id.to_owned(), Phase::Launching { boot });
            }
            Err(error) => tracing::warn!(instance = id, %error, "an instance could not be rebooted"),
        }
    }

    /// Removes the consoles and boot files of instances that are no more, an hour after their end: as long as AWS shows
    /// them.
    pub fn sweep(&self, world: &World) {
        let directory = self.files.consoles();
        let remains = |path: &Path| {
            let id = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let row = InstanceId::parse(id).ok().and_then(|id| world.get::<Instance>(&id));
            row.is_some() || self.phases.contains_key(id)
        };
        let files = std::fs::read_dir(&directory).into_iter().flatten().flatten().map(|file| file.path());
        for file in files.filter(|file| !remains(file)) {
            if let Err(error) = std::fs::remove_file(&file) {
                tracing::warn!(file = %file.display(), %error, "a file of an instance that is no more stays");
            }
        }
    }

    /// Whether every row is as it wants to be.
    pub fn is_settled(&self, world: &World) -> bool {
        let rows = world.all::<Instance>().all(|instance| match instance.state {
            InstanceState::Running => {
                self.phases.get(instance.id.as_str()) == Some(&Phase::Running { boot: instance.boot })
            }
            InstanceState::Stopped | InstanceState::Terminated => true,
            _ => false,
        });
        let passing =
            |phase: &Phase| matches!(phase, Phase::Launching { .. } | Phase::Stopping | Phase::Terminating);
        rows && !self.phases.values().any(passing)
    }
}

fn observed(phase: &Phase) -> Observed {
    let (boot, process) = match phase {
        Phase::Running { boot } => (*boot, Process::Running),
        // There are processes, of no boot that anybody waits for.
        Phase::Launching { .. } | Phase::Stopping | Phase::Terminating => (0, Process::Running),
        Phase::Stopped { boot, by_itself } => (*boot, Process::Exited { by_itself: *by_itself }),
        Phase::Failed { boot, error } => (*boot, Process::Failed(error.clone())),
    };
    Observed { boot, process }
}
