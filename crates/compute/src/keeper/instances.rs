//! The life of instances, seen from outside: launch, stop, reboot, terminate, and what follows when their init ends.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::clients::ReplyTo;
use super::server::{Outcome, Role, Server};
use crate::channel;
use crate::error::{Error, ErrorKind, Refusal, Step};
use crate::init;
use crate::launch;
use crate::protocol::{Event, ExitCause, InstanceReport, InstanceState, LaunchSpec, Reply, check_name};
use crate::rootfs;
use crate::syscall::{Process, close_others, spawn};

/// More instances than this are refused.
const MAX_INSTANCES: usize = 4096;
/// An instance whose file system is not ready by then is given up.
const SETUP: Duration = Duration::from_secs(60);
/// The longest grace of a stop.
const MAX_GRACE: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Instances {
    known: BTreeMap<String, Instance>,
    /// Launches that wait for the shared layer.
    waiting: Vec<(ReplyTo, LaunchSpec)>,
}

#[derive(Debug)]
struct Instance {
    /// What it was launched with, as a later boot needs it: without user data.
    spec: LaunchSpec,
    digest: u64,
    state: InstanceState,
    process: Option<Process>,
    /// While starting: where its first process reports, and who waits for that.
    report: Option<OwnedFd>,
    launched_by: Option<ReplyTo>,
    /// When to kill it.
    deadline: Option<Instant>,
    /// Whether it starts again when it has ended.
    reboot: bool,
    /// Whether it has never been up: a launch that fails leaves nothing of it.
    fresh: bool,
}

impl Instances {
    /// Where starting instances report.
    pub(super) fn reports(&self) -> impl Iterator<Item = (&str, BorrowedFd<'_>)> {
        self.known.iter().filter_map(|(id, instance)| Some((id.as_str(), instance.report.as_ref()?.as_fd())))
    }

    pub(super) fn page(&self, after: &str, count: usize) -> Vec<InstanceReport> {
        let range = (Bound::Excluded(after), Bound::Unbounded);
        let report = |(id, instance): (&String, &Instance)| InstanceReport {
            id: id.clone(),
            namespace: instance.spec.namespace.clone(),
            state: instance.state,
            pid: instance.process.as_ref().map(|process| process.pid.as_raw()),
            digest: instance.digest,
        };
        self.known.range::<str, _>(range).take(count).map(report).collect()
    }

    /// An instance with a process in `namespace`.
    pub(super) fn living_in(&self, namespace: &str) -> Option<&str> {
        let lives = |instance: &Instance| instance.process.is_some() && instance.spec.namespace == namespace;
        self.known.iter().find(|(_, instance)| lives(instance)).map(|(id, _)| id.as_str())
    }

    /// The init of a running instance.
    pub(super) fn running(&self, id: &str) -> Result<(&LaunchSpec, &Process), Error> {
        let instance = self.known.get(id).ok_or_else(|| not_found(id))?;
        match (&instance.process, instance.state) {
            (Some(process), InstanceState::Running) => Ok((&instance.spec, process)),
            (_, state) => {
                Err(Error::refused(ErrorKind::InUse, format!("instance {id} is {state:?}, not running")))
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.known.values().filter_map(|instance| instance.deadline).min()
    }

    pub(super) fn kill_overdue(&mut self, now: Instant) {
        for instance in self.known.values_mut() {
            if instance.deadline.is_some_and(|deadline| deadline <= now) {
                instance.kill();
            }
        }
    }

    pub(super) fn kill_all(&mut self) {
        for instance in self.known.values_mut() {
            instance.reboot = false;
            instance.kill();
        }
    }
}

impl Instance {
    fn kill(&mut self) {
        self.deadline = None;
        if let Some(process) = &self.process {
            process.signal(Signal::SIGKILL);
        }
    }
}

impl Server {
    /// Begins the preparation of the layer that all rootless instances share.
    pub(super) fn start_base(&mut self) -> Result<(), Error> {
        if !rootfs::needs_base() {
            return Ok(());
        }
        let volatile = self.paths.volatile.clone();
        let builder = spawn(self.thread, CloneFlags::empty(), || {
            close_others(&[]);
            rootfs::build_base(&volatile)
        })
        .step("fork")?;
        self.children.insert(builder.pid, Role::BaseBuilder);
        self.base = rootfs::Base::Building;
        Ok(())
    }

    pub(super) fn on_base_built(&mut self, status: i32) {
        self.base = if status == 0 { rootfs::Base::Ready } else { rootfs::Base::Failed };
        if self.is_shutting_down() {
            return;
        }
        for (to, spec) in std::mem::take(&mut self.instances.waiting) {
            match self.launch(to, spec) {
                Ok(_) => {}
                Err(error) => self.clients.reply(to, Err(Refusal::from(error))),
            }
        }
    }

    pub(super) fn launch(&mut self, to: ReplyTo, spec: LaunchSpec) -> Outcome {
        spec.check()?;
        self.namespaces.get_mut(&spec.namespace)?;
        match self.instances.known.get(&spec.id).map(|instance| instance.state) {
            None | Some(InstanceState::Stopped) => {}
            Some(state) => {
                return Err(Error::refused(ErrorKind::InUse, format!("instance {} is {state:?}", spec.id)));
            }
        }
        if self.instances.known.len() + self.instances.waiting.len() >= MAX_INSTANCES {
            return Err(Error::refused(
                ErrorKind::Limit,
                format!("there are already {MAX_INSTANCES} instances"),
            ));
        }
        match self.base {
            rootfs::Base::Building => self.instances.waiting.push((to, spec)),
            rootfs::Base::Failed => {
                let text = "the layer that rootless instances share could not be made, see keeper.log";
                return Err(Error::refused(ErrorKind::Failed, text));
            }
            rootfs::Base::Ready | rootfs::Base::NotNeeded => {
                let digest = spec.digest();
                self.start(spec, digest, Some(to))?;
            }
        }
        Ok(None)
    }

    /// Forks the first process of an instance. Its report decides about the rest.
    fn start(&mut self, spec: LaunchSpec, digest: u64, launched_by: Option<ReplyTo>) -> Result<(), Error> {
        let fresh = !self.instances.known.contains_key(&spec.id) && !self.has_files(&spec.id);
        let namespace = self.namespaces.get_mut(&spec.namespace)?;
        let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
        let share = self.share.as_ref();
        let child = launch::Child {
            thread: self.thread,
            spec: &spec,
            paths: &self.paths,
            namespace: namespace.as_fd(),
            user: self.guests.user(),
            report: theirs.as_fd(),
        };
        let process = spawn(self.thread, launch::NAMESPACES, || {
            if let Some(share) = share {
                share.join();
            }
            child.run()
        })
        .step("fork an instance")?;
        self.children.insert(process.pid, Role::Instance(spec.id.clone()));
        let later = LaunchSpec { user_data: Vec::new(), ssh_host_key: None, first_boot: false, ..spec };
        let instance = Instance {
            digest,
            state: InstanceState::Starting,
            process: Some(process),
            report: Some(ours),
            launched_by,
            deadline: Some(Instant::now() + SETUP),
            reboot: false,
            fresh,
            spec: later,
        };
        self.instances.known.insert(instance.spec.id.clone(), instance);
        Ok(())
    }

    /// The first process has its file system ready, or says why not.
    pub(super) fn on_report(&mut self, id: &str) {
        let Some(instance) = self.instances.known.get_mut(id) else { return };
        let Some(report) = instance.report.take() else { return };
        let outcome = launch::read_report(&report);
        let pid = instance.process.as_ref().map_or(Pid::from_raw(0), |process| process.pid).as_raw();
        let waiting = instance.launched_by.take();
        match outcome {
            // It may have been asked to stop meanwhile; then its exit says the rest.
            Ok(()) => {
                if instance.state == InstanceState::Starting {
                    instance.state = InstanceState::Running;
                    instance.deadline = None;
                }
                instance.fresh = false;
                if let Some(to) = waiting {
                    self.clients.reply(to, Ok((Reply::Launched { pid }, None)));
                }
                self.tell(&Event::InstanceStarted { id: id.to_owned(), pid });
            }
            Err(error) => {
                eprintln!("keeper: instance {id}: {error}");
                if instance.fresh {
                    instance.state = InstanceState::Terminating;
                }
                instance.kill();
                if let Some(to) = waiting {
                    self.clients.reply(to, Err(Refusal::from(error)));
                }
            }
        }
    }

    pub(super) fn stop(&mut self, id: &str, grace_ms: u64, reboot: bool) -> Result<(), Error> {
        let instance = self.instances.known.get_mut(id).ok_or_else(|| not_found(id))?;
        let (Some(process), InstanceState::Starting | InstanceState::Running | InstanceState::Stopping) =
            (&instance.process, instance.state)
        else {
            return Err(Error::refused(ErrorKind::InUse, format!("instance {id} is {:?}", instance.state)));
        };
        process.signal(Signal::SIGTERM);
        let deadline = Instant::now() + Duration::from_millis(grace_ms).min(MAX_GRACE);
        instance.deadline = Some(match instance.state {
            // Asked again, perhaps with less patience.
            InstanceState::Stopping => instance.deadline.map_or(deadline, |earlier| earlier.min(deadline)),
            _ => deadline,
        });
        instance.state = InstanceState::Stopping;
        instance.reboot = reboot;
        Ok(())
    }

    pub(super) fn terminate(&mut self, id: &str) -> Result<(), Error> {
        check_name("instance id", id)?;
        if let Some(instance) = self.instances.known.get_mut(id) {
            let already = instance.state == InstanceState::Terminating;
            instance.state = InstanceState::Terminating;
            instance.reboot = false;
            instance.kill();
            // With a process, its exit leads on.
            return if already || instance.process.is_some() { Ok(()) } else { self.remove_files(id) };
        }
        // A keeper before us may have left files.
        if !self.has_files(id) {
            return Err(not_found(id));
        }
        self.remove_files(id)
    }

    fn has_files(&self, id: &str) -> bool {
        self.paths.private(id).iter().any(|path| path.exists())
    }

    /// Removes the private files of an instance in a child: there may be many.
    fn remove_files(&mut self, id: &str) -> Result<(), Error> {
        let private = self.paths.private(id);
        let remover = spawn(self.thread, CloneFlags::empty(), || {
            close_others(&[]);
            rootfs::remove(&private)
        })
        .step("fork")?;
        self.children.insert(remover.pid, Role::Remover(id.to_owned()));
        Ok(())
    }

    pub(super) fn on_removed(&mut self, id: &str, status: i32) {
        if status != 0 {
            eprintln!("keeper: instance {id}: its files could not all be removed");
        }
        self.instances.known.remove(id);
        self.tell(&Event::InstanceTerminated { id: id.to_owned() });
    }

    pub(super) fn on_instance_exit(&mut self, id: &str, status: i32) {
        // What it had to say may still be unread.
        self.on_report(id);
        let Some(instance) = self.instances.known.get_mut(id) else { return };
        instance.process = None;
        instance.deadline = None;
        let cause = match instance.state {
            InstanceState::Stopping | InstanceState::Terminating => ExitCause::Requested,
            _ if status == init::SHUTDOWN_STATUS => ExitCause::Guest,
            _ => ExitCause::Killed,
        };
        let terminating = instance.state == InstanceState::Terminating;
        let reboot = std::mem::take(&mut instance.reboot);
        if !terminating {
            instance.state = InstanceState::Stopped;
        }
        let (spec, digest) = (instance.spec.clone(), instance.digest);
        self.tell(&Event::InstanceExited { id: id.to_owned(), status, cause });
        let next = if terminating {
            self.remove_files(id)
        } else if reboot {
            self.start(spec, digest, None)
        } else {
            Ok(())
        };
        if let Err(error) = next {
            eprintln!("keeper: instance {id}: {error}");
            if terminating {
                self.on_removed(id, 1);
            }
        }
    }
}

fn not_found(id: &str) -> Error {
    Error::refused(ErrorKind::NotFound, format!("there is no instance {id}"))
}
