//! Running a command in what runs already.
//!
//! Two forks: the first process moves into the target's namespaces (a pid namespace only takes in children, so it cannot be
//! the command itself), the second becomes the command, as a child of the keeper (`CLONE_PARENT`), which thus learns its exit
//! status first hand.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, setgroups};

use crate::capabilities;
use crate::channel;
use crate::command::{Command, Streams, root_environment};
use crate::error::{Error, Step};
use crate::launch;
use crate::protocol::{ExecSpec, Target};
use crate::syscall::{Process, SingleThread, close_others, spawn};

/// The first fork of a command needs no namespaces of its own.
pub(crate) const NAMESPACES: CloneFlags = CloneFlags::empty();
/// What a pod has of its own beside the network namespace that it joins.
pub(crate) const POD_NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID.union(CloneFlags::CLONE_NEWNS);

/// Everything the first fork needs to know.
#[derive(Debug)]
pub(crate) struct Door<'a> {
    pub(crate) thread: SingleThread,
    pub(crate) spec: &'a ExecSpec,
    /// More environment, of the instance.
    pub(crate) env: Option<&'a BTreeMap<String, String>>,
    /// The init of the target.
    pub(crate) inside: BorrowedFd<'a>,
    /// The user namespace of instances.
    pub(crate) user: Option<BorrowedFd<'a>>,
    /// Standard streams; without, the command gets a terminal.
    pub(crate) streams: Option<[BorrowedFd<'a>; 3]>,
    pub(crate) report: BorrowedFd<'a>,
    pub(crate) volatile: &'a Path,
}

/// A command that runs, as a child of the keeper.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) process: Process,
    /// The master side of its terminal.
    pub(crate) terminal: Option<OwnedFd>,
}

/// Reads what [`Door::run`] reports.
pub(crate) fn read_report(report: &OwnedFd) -> Result<Joined, Error> {
    let lost = || Error::Protocol("a command's first process ended without a report".into());
    let datagram = channel::receive(report).step("wait for a command to start")?.ok_or_else(lost)?;
    let pid = launch::parse_report(&datagram.bytes)?;
    let mut descriptors = datagram.descriptors.into_iter();
    let pidfd = descriptors.next().ok_or_else(lost)?;
    Ok(Joined { process: Process { pid: Pid::from_raw(pid), pidfd }, terminal: descriptors.next() })
}

impl Door<'_> {
    /// The body of the first fork.
    pub(crate) fn run(&self) -> i32 {
        match self.enter() {
            Ok(()) => 0,
            Err(error) => {
                launch::report(self.report, Err(error), &[]);
                1
            }
        }
    }

    fn enter(&self) -> Result<(), Error> {
        // Until it has become the command, the second fork is visible in the target, with our memory, descriptors and
        // program (`/proc/PID/exe`): nobody there may look at or attach to it. Executing the command undoes this.
        nix::sys::prctl::set_dumpable(false).step("hide the command's preparation")?;
        let mut needed = vec![self.inside, self.report];
        needed.extend(self.user);
        needed.extend(self.streams.into_iter().flatten());
        close_others(&needed);
        setns(self.inside, self.namespaces()).step("enter the target's namespaces")?;
        if let (Target::Namespace(_), Some(text)) = (&self.spec.target, &self.spec.resolv_conf) {
            replace_resolv_conf(self.volatile, text)?;
        }
        let terminal = if self.streams.is_none() { Some(Terminal::open()?) } else { None };
        let slave = terminal.as_ref().map(|terminal| terminal.slave.as_fd());
        let command =
            spawn(self.thread, CloneFlags::CLONE_PARENT, || self.command(slave)).step("fork the command")?;
        let mut descriptors = vec![command.pidfd.as_fd()];
        descriptors.extend(terminal.as_ref().map(|terminal| terminal.master.as_fd()));
        launch::report(self.report, Ok(command.pid.as_raw()), &descriptors);
        Ok(())
    }

    fn namespaces(&self) -> CloneFlags {
        match self.spec.target {
            Target::Instance(_) => launch::NAMESPACES | CloneFlags::CLONE_NEWNET,
            Target::Namespace(_) => POD_NAMESPACES | CloneFlags::CLONE_NEWNET,
        }
    }

    /// The body of the second fork.
    fn command(&self, slave: Option<BorrowedFd<'_>>) -> i32 {
        let streams = match (self.streams, slave) {
            (Some(three), _) => Streams::Three(three),
            (None, Some(slave)) => Streams::Terminal(slave),
            (None, None) => return 126,
        };
        // Refused where a single uid is mapped; then there are no groups to get rid of that would count.
        let _ = setgroups(&[Gid::from_raw(0)]);
        let home = match self.spec.target {
            Target::Instance(_) => {
                if capabilities::confine(self.user).is_err() {
                    return 126;
                }
                Path::new("/root")
            }
            Target::Namespace(_) => Path::new("/"),
        };
        let mut env = root_environment();
        env.extend(self.env.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        env.extend(self.spec.env.clone());
        let cwd = self.spec.cwd.as_deref().unwrap_or(home);
        Command { argv: &self.spec.argv, env, cwd, streams }.execute()
    }
}

/// A terminal of the target's own `/dev/pts`.
#[derive(Debug)]
struct Terminal {
    master: OwnedFd,
    slave: File,
}

impl Terminal {
    fn open() -> Result<Self, Error> {
        let master =
            posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).step("open a terminal")?;
        grantpt(&master).step("open a terminal")?;
        unlockpt(&master).step("unlock a terminal")?;
        let name = ptsname_r(&master).step("name a terminal")?;
        let slave = OpenOptions::new().read(true).write(true).open(&name).step(format!("open {name}"))?;
        Ok(Self { master: master.into(), slave })
    }
}

/// Lets this process and its children see `text` as `/etc/resolv.conf`.
fn replace_resolv_conf(volatile: &Path, text: &str) -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNS).step("make a mount namespace")?;
    let source = volatile.join(format!("resolv-{}", std::process::id()));
    fs::write(&source, text).step("write a resolv.conf")?;
    // It may be a link to a file under /run.
    let target = fs::canonicalize("/etc/resolv.conf").step("find /etc/resolv.conf")?;
    let none = None::<&Path>;
    let outcome = mount(Some(&source), &target, none, MsFlags::MS_BIND, none).step("mount /etc/resolv.conf");
    let _ = fs::remove_file(&source);
    outcome
}

/// The init of the commands in a bare network namespace: the host's files, `/proc` and `/sys` of its own namespaces.
pub(crate) fn pod(network: BorrowedFd<'_>, report: BorrowedFd<'_>) -> i32 {
    let outcome = prepare_pod(network, report);
    let ready = outcome.is_ok();
    launch::report(report, outcome.map(|()| 0), &[]);
    if !ready {
        return 1;
    }
    close_others(&[]);
    loop {
        // Orphans come to us and must be reaped; without children, wait for the next one.
        if waitpid(None, None) == Err(nix::errno::Errno::ECHILD) {
            let _ = SigSet::from(Signal::SIGCHLD).wait();
        }
    }
}

fn prepare_pod(network: BorrowedFd<'_>, report: BorrowedFd<'_>) -> Result<(), Error> {
    launch::die_with_parent(report)?;
    setns(network, CloneFlags::CLONE_NEWNET).step("enter the network namespace")?;
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).step("make mounts private")?;
    // Refused in some containers; then `ps` shows the host's processes and `/sys/class/net` the host's interfaces.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some("proc"), "/proc", Some("proc"), flags, none);
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), flags, none);
    nix::sys::prctl::set_name(c"init").step("name the init")
}
