//! Commands that clients run in instances and in bare namespaces.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};

use super::clients::ClientId;
use super::server::{Outcome, Role, Server};
use crate::channel;
use crate::error::{Error, ErrorKind, Step};
use crate::join::{self, Joined};
use crate::protocol::{Event, ExecId, ExecSpec, Reply, Target};
use crate::syscall::{Process, spawn};

/// More commands than this at a time are refused.
const MAX_EXECS: usize = 1024;
/// What a command gets between the hang-up of its client and its end.
const HANG_UP_GRACE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Execs {
    running: BTreeMap<ExecId, Exec>,
    last: u64,
}

#[derive(Debug)]
struct Exec {
    client: ClientId,
    process: Process,
    /// When to kill it, after its client has gone.
    deadline: Option<Instant>,
}

impl Exec {
    /// Signals the command's process group, which carries its pid: not reused before we have reaped it.
    fn signal(&self, signal: Signal) {
        let _ = killpg(self.process.pid, signal);
        // In the moments before the command leads its own group, the process itself gets it.
        self.process.signal(signal);
    }
}

impl Execs {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.running.values().filter_map(|exec| exec.deadline).min()
    }

    pub(super) fn kill_overdue(&mut self, now: Instant) {
        for exec in self.running.values_mut() {
            if exec.deadline.is_some_and(|deadline| deadline <= now) {
                exec.deadline = None;
                exec.signal(Signal::SIGKILL);
            }
        }
    }

    pub(super) fn kill_all(&mut self) {
        for exec in self.running.values() {
            exec.signal(Signal::SIGKILL);
        }
    }
}

impl Server {
    pub(super) fn exec(
        &mut self,
        client: ClientId,
        spec: &ExecSpec,
        terminal: bool,
        streams: &[OwnedFd],
    ) -> Outcome {
        if spec.argv.first().is_none_or(String::is_empty) {
            return Err(Error::refused(ErrorKind::Invalid, "there is no command"));
        }
        let streams = match (terminal, streams) {
            (true, []) => None,
            (false, [stdin, stdout, stderr]) => Some([stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]),
            _ => {
                return Err(Error::refused(
                    ErrorKind::Invalid,
                    "a command takes three streams, or a terminal",
                ));
            }
        };
        if self.execs.running.len() >= MAX_EXECS {
            return Err(Error::refused(ErrorKind::Limit, format!("{MAX_EXECS} commands are running")));
        }
        if let Target::Namespace(name) = &spec.target {
            self.ensure_pod(name)?;
        }
        let Joined { process, terminal } = self.join(spec, streams)?;
        self.execs.last += 1;
        let exec = ExecId(self.execs.last);
        self.children.insert(process.pid, Role::Exec(exec));
        self.execs.running.insert(exec, Exec { client, process, deadline: None });
        Ok(Some((Reply::Running { exec }, terminal)))
    }

    /// Sends a process into the target, which forks the command as a child of ours and ends.
    fn join(
        &mut self,
        spec: &ExecSpec,
        streams: Option<[std::os::fd::BorrowedFd<'_>; 3]>,
    ) -> Result<Joined, Error> {
        let (inside, env) = match &spec.target {
            Target::Instance(id) => {
                let (instance, process) = self.instances.running(id)?;
                (process, Some(&instance.env))
            }
            Target::Namespace(name) => {
                let lost = || Error::refused(ErrorKind::NotFound, format!("namespace {name} has no pod"));
                (self.namespaces.get_mut(name)?.pod.as_ref().ok_or_else(lost)?, None)
            }
        };
        let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
        let share = self.share.as_ref();
        let door = join::Door {
            thread: self.thread,
            spec,
            env,
            inside: inside.pidfd.as_fd(),
            user: self.guests.user(),
            streams,
            report: theirs.as_fd(),
            volatile: &self.paths.volatile,
        };
        spawn(self.thread, join::NAMESPACES, || {
            if let Some(share) = share {
                share.join();
            }
            door.run()
        })
        .step("fork a command")?;
        drop(theirs);
        join::read_report(&ours)
    }

    /// The first command in a bare namespace gets an init to live under: what it leaves running in the background ends with
    /// the namespace, or with us.
    fn ensure_pod(&mut self, name: &str) -> Result<(), Error> {
        let namespace = self.namespaces.get_mut(name)?;
        if namespace.pod.as_ref().is_some_and(|pod| self.children.contains_key(&pod.pid)) {
            return Ok(());
        }
        let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
        let fd = namespace.as_fd();
        let pod =
            spawn(self.thread, join::POD_NAMESPACES, || join::pod(fd, theirs.as_fd())).step("fork a pod")?;
        drop(theirs);
        self.children.insert(pod.pid, Role::Pod);
        let outcome = crate::launch::read_report(&ours);
        if outcome.is_err() {
            pod.signal(Signal::SIGKILL);
        }
        outcome?;
        namespace.pod = Some(pod);
        Ok(())
    }

    pub(super) fn on_exec_exit(&mut self, id: ExecId, status: i32) {
        if let Some(exec) = self.execs.running.remove(&id) {
            self.clients.tell(exec.client, Event::ExecExited { exec: id, status });
        }
    }

    pub(super) fn signal_exec(&mut self, client: ClientId, id: ExecId, signal: i32) -> Result<(), Error> {
        let signal = Signal::try_from(signal)
            .map_err(|_| Error::refused(ErrorKind::Invalid, format!("{signal} is not a signal")))?;
        if let Some(exec) = self.execs.running.get(&id).filter(|exec| exec.client == client) {
            exec.signal(signal);
        }
        Ok(())
    }

    pub(super) fn hang_up_execs_of(&mut self, client: ClientId) {
        for exec in self.execs.running.values_mut().filter(|exec| exec.client == client) {
            exec.signal(Signal::SIGHUP);
            exec.deadline = Some(Instant::now() + HANG_UP_GRACE);
        }
    }
}
