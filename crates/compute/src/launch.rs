//! The first process of an instance, from its fork to the moment when it becomes the instance's init.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Gid, setgroups, sethostname};

use crate::capabilities;
use crate::channel;
use crate::error::{Error, ErrorKind, Refusal, Step};
use crate::init::Init;
use crate::keeper::Paths;
use crate::protocol::LaunchSpec;
use crate::rootfs;
use crate::syscall::{SingleThread, close_others};

/// The namespaces that an instance has of its own, beside the network namespace that it joins.
pub(crate) const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWNS)
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC);

/// Everything the first process needs to know.
#[derive(Debug)]
pub(crate) struct Child<'a> {
    pub(crate) thread: SingleThread,
    pub(crate) spec: &'a LaunchSpec,
    pub(crate) paths: &'a Paths,
    pub(crate) namespace: BorrowedFd<'a>,
    /// The user namespace of instances.
    pub(crate) user: Option<BorrowedFd<'a>>,
    pub(crate) report: BorrowedFd<'a>,
}

impl Child<'_> {
    /// Becomes the instance's init. Its exit status is the instance's.
    pub(crate) fn run(&self) -> i32 {
        let init = match self.prepare() {
            Ok(init) => init,
            Err(error) => {
                report(self.report, Err(error), &[]);
                return 1;
            }
        };
        report(self.report, Ok(0), &[]);
        init.run()
    }

    fn prepare(&self) -> Result<Init, Error> {
        let mut needed = vec![self.namespace, self.report];
        needed.extend(self.user);
        close_others(&needed);
        let console = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.spec.console)
            .step(format!("open the console file {}", self.spec.console.display()))?;
        setns(self.namespace, CloneFlags::CLONE_NEWNET).step("enter the network namespace")?;
        sethostname(&self.spec.hostname).step("set the host name")?;
        let root = rootfs::enter(self.spec, self.paths)?;
        // Refused where a single uid is mapped; then there are no groups to get rid of that would count.
        let _ = setgroups(&[Gid::from_raw(0)]);
        prctl::set_name(c"init").step("name the init")?;
        capabilities::confine(self.user)?;
        // Our memory is a copy of the keeper's: nobody in the instance may look at it.
        prctl::set_dumpable(false).step("hide the init's memory")?;
        die_with_parent(self.report)?;
        Init::new(self.thread, self.spec.clone(), console, root)
    }
}

/// Ends this process when its parent ends, also if that has happened already: the other end of `report` is the parent's.
pub(crate) fn die_with_parent(report: BorrowedFd<'_>) -> Result<(), Error> {
    prctl::set_pdeathsig(Signal::SIGKILL).step("tie the process to the keeper")?;
    let mut fds = [PollFd::new(report, PollFlags::empty())];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        _ => Err(Error::Disconnected),
    }
}

/// Tells the keeper how a child's preparation went.
pub(crate) fn report(to: BorrowedFd<'_>, outcome: Result<i32, Error>, descriptors: &[BorrowedFd<'_>]) {
    let outcome: Result<i32, Refusal> = outcome.map_err(Refusal::from);
    // If the keeper has gone there is nobody to tell, and this process ends with it.
    if let Ok(bytes) = serde_json::to_vec(&outcome) {
        let _ = channel::send(&to, &bytes, descriptors);
    }
}

/// What [`report`] sent.
pub(crate) fn parse_report(bytes: &[u8]) -> Result<i32, Error> {
    let outcome: Result<i32, Refusal> =
        serde_json::from_slice(bytes).map_err(|error| Error::Protocol(error.to_string()))?;
    Ok(outcome?)
}

/// Reads the report of a child; blocks no longer than the socket's receive timeout.
pub(crate) fn read_report(from: &OwnedFd) -> Result<(), Error> {
    match channel::receive(&from.as_fd()).step("wait for a child's report")? {
        Some(datagram) => parse_report(&datagram.bytes).map(drop),
        None => Err(Error::refused(ErrorKind::Failed, "the process ended before it was ready")),
    }
}
