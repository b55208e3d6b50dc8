//! Process 1 of an instance.
//!
//! Forked from the keeper, never executed: an instance starts no program of ours. It writes the files that a boot writes,
//! runs the user data of a first boot, serves SSH, reaps orphans, keeps the console, and ends in an orderly way on SIGTERM,
//! whether the keeper or somebody in the instance sends it (which is how an instance shuts itself down).
//!
//! Invariants: one thread, one poll loop; it never waits for a child; its memory is closed to the instance.

mod boot;
mod ssh;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2};

use crate::command::{Command, Streams, root_environment};
use crate::console::Console;
use crate::error::{Error, Step};
use crate::protocol::LaunchSpec;
use crate::rootfs::Entered;
use crate::syscall::{SingleThread, spawn};
use ssh::SshServer;

/// Exit status of an orderly shutdown.
pub(crate) const SHUTDOWN_STATUS: i32 = 0;

/// The init, ready to boot.
#[derive(Debug)]
pub(crate) struct Init {
    thread: SingleThread,
    spec: LaunchSpec,
    root: Entered,
    console: Console,
    /// What user data and services print comes in here.
    output: File,
    /// Where they print to.
    printer: OwnedFd,
    null: File,
    signals: SignalFd,
    ssh: Option<SshServer>,
    children: BTreeMap<Pid, Child>,
    stopping: bool,
}

/// A child whose end means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Child {
    UserData,
    SshKeygen,
    SshSession,
}

impl Init {
    /// Prepares what could fail, so that a launch fails as a whole.
    pub(crate) fn new(
        thread: SingleThread,
        spec: LaunchSpec,
        console: File,
        root: Entered,
    ) -> Result<Self, Error> {
        let mask: SigSet = [Signal::SIGCHLD, Signal::SIGTERM].into_iter().collect();
        SigSet::all().thread_set_mask().step("block signals")?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .step("make a signalfd")?;
        let (output, printer) = pipe2(OFlag::O_CLOEXEC).step("make a pipe")?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).step("make a pipe")?;
        let null = File::options().read(true).write(true).open("/dev/null").step("open /dev/null")?;
        Ok(Self {
            thread,
            spec,
            root,
            console: Console::new(console),
            output: output.into(),
            printer,
            null,
            signals,
            ssh: None,
            children: BTreeMap::new(),
            stopping: false,
        })
    }

    /// Boots and runs until the instance is to end. The exit status is the instance's.
    pub(crate) fn run(mut self) -> i32 {
        self.boot();
        loop {
            let ready = self.wait();
            if ready.output {
                self.print();
            }
            if ready.ssh {
                self.accept_ssh();
            }
            if ready.signals {
                while let Ok(Some(info)) = self.signals.read_signal() {
                    if i32::try_from(info.ssi_signo) == Ok(libc::SIGTERM) {
                        self.shut_down();
                    }
                }
            }
            if self.reap() && self.stopping {
                self.print();
                self.console.line("the instance has stopped");
                return SHUTDOWN_STATUS;
            }
        }
    }

    fn boot(&mut self) {
        self.console.line(&format!("{} boots", self.spec.id));
        for problem in boot::write_files(&self.spec, self.root) {
            self.console.line(&problem);
        }
        match SshServer::start(self.spec.ssh_host_key.as_deref()) {
            Ok(ssh) => self.ssh = Some(ssh),
            Err(reason) => self.console.line(&format!("no SSH: {reason}")),
        }
        if self.spec.first_boot && !self.spec.user_data.is_empty() {
            match boot::store_user_data(&self.spec.user_data) {
                Ok(script) => {
                    self.console.line("user data starts");
                    self.start(Child::UserData, &[script.to_owned()], None);
                }
                Err(reason) => self.console.line(&format!("user data: {reason}")),
            }
        }
        self.spec.user_data = Vec::new();
        self.spec.ssh_host_key = None;
    }

    /// Starts a program on the console, or on a connection.
    fn start(&mut self, what: Child, argv: &[String], connection: Option<&OwnedFd>) {
        let mut env = root_environment();
        env.extend(self.spec.env.clone());
        let printer = self.printer.as_fd();
        let (stdin, stdout) = match connection {
            Some(connection) => (connection.as_fd(), connection.as_fd()),
            None => (self.null.as_fd(), printer),
        };
        let command =
            Command { argv, env, cwd: Path::new("/"), streams: Streams::Three([stdin, stdout, printer]) };
        match spawn(self.thread, CloneFlags::empty(), || command.execute()) {
            Ok(child) => drop(self.children.insert(child.pid, what)),
            Err(error) => self.console.line(&format!("{what:?} did not start: {}", error.desc())),
        }
    }

    fn wait(&self) -> Ready {
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.ssh.as_ref().map(|ssh| PollFd::new(ssh.as_fd(), PollFlags::POLLIN)));
        if poll(&mut fds, PollTimeout::NONE).is_err() {
            return Ready::default();
        }
        let ready = |index: usize| fds.get(index).and_then(PollFd::any).unwrap_or(false);
        Ready { signals: ready(0), output: ready(1), ssh: ready(2) }
    }

    fn print(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = self.output.read(&mut buffer) {
            self.console.write(buffer.get(..length).unwrap_or_default());
        }
    }

    /// Reaps all that has ended. Whether there is nothing left to wait for.
    fn reap(&mut self) -> bool {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) => return false,
                Err(Errno::ECHILD) => return true,
                Ok(_) | Err(_) => continue,
            };
            match self.children.remove(&pid) {
                Some(Child::UserData) => {
                    self.print();
                    self.console.line(&format!("user data ended with status {status}"));
                }
                Some(Child::SshKeygen) => self.on_ssh_keys(status),
                Some(Child::SshSession) => {
                    if let Some(ssh) = &mut self.ssh {
                        ssh.session_ended();
                    }
                }
                None => {}
            }
        }
    }

    fn shut_down(&mut self) {
        if !self.stopping {
            self.stopping = true;
            self.ssh = None;
            self.console.line("the instance stops");
        }
        // All but ourselves; who ignores it is killed by the keeper's deadline.
        let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
        let _ = kill(Pid::from_raw(-1), Signal::SIGCONT);
    }

    fn accept_ssh(&mut self) {
        let Some(ssh) = &mut self.ssh else { return };
        let Some(connection) = ssh.accept() else { return };
        if ssh.has_keys() {
            self.start_session(&connection);
        } else if let Some(keygen) = ssh.hold(connection) {
            self.start(Child::SshKeygen, &keygen, None);
        }
    }

    fn start_session(&mut self, connection: &OwnedFd) {
        let Some(ssh) = &mut self.ssh else { return };
        ssh.session_started();
        self.start(Child::SshSession, &ssh::session(), Some(connection));
    }

    fn on_ssh_keys(&mut self, status: i32) {
        self.print();
        if status != 0 {
            self.console.line(&format!("ssh-keygen ended with status {status}"));
        }
        let held = self.ssh.as_mut().map(|ssh| ssh.keys_made(status == 0)).unwrap_or_default();
        for connection in held {
            self.start_session(&connection);
        }
    }
}

/// What woke the loop.
#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    signals: bool,
    output: bool,
    ssh: bool,
}
