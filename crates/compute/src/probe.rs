//! What `enishi doctor` asks this machine about compute: each answer with what it costs if the thing is missing.
//!
//! Whatever can be tried is tried, in a child process with namespaces of its own, instead of concluded from versions and
//! settings.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::channel;
use crate::error::{Error, Step};
use crate::guests;
use crate::link;
use crate::rootfs;
use crate::share::Share;
use crate::syscall::{SingleThread, spawn};
use crate::userns;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What was asked for, e.g. `overlay`.
    pub name: String,
    /// Whether it is there and works.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What does not work without it.
    pub cost: String,
    /// Whether there is no network or no instance without it.
    pub needed: bool,
}

impl Probe {
    fn new(name: &str, cost: &str, outcome: Result<String, Error>) -> Self {
        let (ok, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        Self { name: name.into(), ok, detail, cost: cost.into(), needed: false }
    }

    fn needed(self) -> Self {
        Self { needed: true, ..self }
    }
}

/// Asks everything. `data_dir` is where private layers of instances would be; it need not exist.
///
/// Must be called while the process has one thread, since some answers are found in a forked child. Nothing is left behind.
pub fn all(data_dir: &Path) -> Vec<Probe> {
    let mut probes = vec![subordinate_ids(), sshd(), tun(), limits(), share()];
    match try_in_child(data_dir) {
        Ok(tried) => probes.splice(0..0, tried).for_each(drop),
        Err(error) => probes.insert(0, Probe::new("rights", "nothing works", Err(error)).needed()),
    }
    probes
}

fn subordinate_ids() -> Probe {
    let cost = "rootless instances have one user: no sshd, su or package manager in them";
    let outcome = if geteuid().is_root() {
        Ok("not needed as root".to_owned())
    } else {
        match userns::subordinate_ranges(geteuid()) {
            Some(ranges) => Ok(ranges.to_string()),
            None => {
                missing("newuidmap, newgidmap and 65536 ids for this user in /etc/subuid and /etc/subgid")
            }
        }
    };
    Probe::new("subordinate ids", cost, outcome)
}

fn sshd() -> Probe {
    let tools = ["/usr/sbin/sshd", "/usr/bin/ssh-keygen"];
    let outcome = match tools.iter().find(|tool| !Path::new(tool).exists()) {
        Some(tool) => missing(tool),
        None => Ok(tools.join(", ")),
    };
    Probe::new("sshd", "no SSH into instances that run the host's image", outcome)
}

fn tun() -> Probe {
    let outcome = OpenOptions::new().read(true).write(true).open("/dev/net/tun").step("open /dev/net/tun");
    Probe::new("tun", "VPN software in instances does not work", outcome.map(|_| "/dev/net/tun opens".into()))
}

/// Enough for the largest world that is promised: 200 VPCs and 200 instances, with room.
fn limits() -> Probe {
    const NAMESPACES: u64 = 2_000;
    const DESCRIPTORS: u64 = 4_096;
    let mut low = Vec::new();
    for kind in ["user", "net", "mnt", "pid", "uts", "ipc"] {
        let file = format!("/proc/sys/user/max_{kind}_namespaces");
        let value = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let wanted = if kind == "user" { 8 } else { NAMESPACES };
        if let Some(value) = value.filter(|value| *value < wanted) {
            low.push(format!("user.max_{kind}_namespaces is {value}, below {wanted}"));
        }
    }
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && hard < DESCRIPTORS
    {
        low.push(format!("the hard limit of open files is {hard}, below {DESCRIPTORS}"));
    }
    let outcome = if low.is_empty() {
        Ok("namespaces and open files suffice for thousands of instances".to_owned())
    } else {
        Err(std::io::Error::other(low.join("; "))).step("limits")
    };
    Probe::new("limits", "fewer VPCs and instances than AWS's quotas allow", outcome)
}

fn share() -> Probe {
    let outcome = Share::new().map(|_| "instances have one share of the processors together".to_owned());
    Probe::new("processor share", "many busy instances slow the daemon down", outcome)
}

fn missing<T>(what: &str) -> Result<T, Error> {
    Err(std::io::Error::other("not there")).step(what)
}

/// Forks a child that gets the rights we would work with, and tries what needs them.
fn try_in_child(data_dir: &Path) -> Result<Vec<Probe>, Error> {
    let thread = SingleThread::prove().step("prove that the process has one thread")?;
    let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
    let child = spawn(thread, CloneFlags::empty(), || {
        let bytes = serde_json::to_vec(&try_everything(thread, data_dir)).unwrap_or_default();
        i32::from(channel::send(&theirs, &bytes, &[]).is_err())
    })
    .step("fork")?;
    drop(theirs);
    let datagram = channel::receive(&ours).step("wait for the child that tries")?;
    let _ = waitpid(child.pid, None);
    let datagram = datagram.ok_or_else(|| Error::Protocol("the child that tries has died".into()))?;
    serde_json::from_slice(&datagram.bytes).map_err(|error| Error::Protocol(error.to_string()))
}

fn try_everything(thread: SingleThread, data_dir: &Path) -> Vec<Probe> {
    // No keeper can be listening there, so this makes namespaces of its own.
    let rights = userns::enter_or_create(Path::new("/nonexistent"));
    let described = rights.map(|mode| {
        let costs = mode.costs();
        if costs.is_empty() { mode.to_string() } else { format!("{mode}: {}", costs.join("; ")) }
    });
    let able = described.is_ok();
    let rights = Probe::new("rights", "nothing works: neither root nor user namespaces", described);
    let mut probes = vec![rights.needed()];
    if !able {
        return probes;
    }
    let network =
        unshare(CloneFlags::CLONE_NEWNET).step("make a network namespace").and_then(|()| link::up_loopback());
    probes.push(
        Probe::new("network namespaces", "nothing works", network.map(|()| "made, lo is up".into())).needed(),
    );
    let guests = guests::attempt(thread).map(|()| "instances own their networks and no others".into());
    probes.push(Probe::new(
        "instances' user namespace",
        "no NAT instances: root cannot set up a network",
        guests,
    ));
    probes.push(Probe::new("nf_tables", "no security groups, NACLs or NAT", nf_tables()).needed());
    probes.push(Probe::new("overlay", "no instances", overlay(data_dir)).needed());
    probes.push(Probe::new("proc", "no instances: a container around us masks /proc", proc(thread)).needed());
    probes
}

/// Asks nf_tables for its generation (`NFT_MSG_GETGEN`), which any kernel that has it answers.
fn nf_tables() -> Result<String, Error> {
    const GET_GENERATION: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8 | libc::NFT_MSG_GETGEN as u16;
    let mut message = Vec::with_capacity(20);
    message.extend(20u32.to_ne_bytes());
    message.extend(GET_GENERATION.to_ne_bytes());
    message.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([libc::AF_UNSPEC as u8, 0, 0, 0]);
    let exchange = || {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(2, 0))?;
        sendto(fd.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = [0; 512];
        recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        let kind = u16::from_ne_bytes([answer[4], answer[5]]);
        if kind == libc::NLMSG_ERROR as u16 { Err(nix::errno::Errno::EOPNOTSUPP) } else { Ok(()) }
    };
    exchange().step("ask nf_tables for its generation").map(|()| "the kernel answers".into())
}

/// Mounts an instance's overlay, on the disk of the data directory or else on a tmpfs.
fn overlay(data_dir: &Path) -> Result<String, Error> {
    let none = None::<&Path>;
    // Our own root's mounts are not seen by anybody.
    unshare(CloneFlags::CLONE_NEWNS).step("make a mount namespace")?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).step("make mounts private")?;
    let on_disk = data_dir.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/tmp"));
    let on_disk = on_disk.join(format!(".enishi-probe-{}", std::process::id()));
    let tried = rootfs::try_layer(&on_disk);
    let _ = fs::remove_dir_all(&on_disk);
    if tried.is_ok() {
        return Ok(format!("files of instances are kept under {}", data_dir.display()));
    }
    let memory = Path::new("/tmp");
    mount(Some("tmpfs"), memory, Some("tmpfs"), MsFlags::empty(), none).step("mount a tmpfs")?;
    rootfs::try_layer(&memory.join("probe"))?;
    Ok(format!("files of instances are in memory: the disk of {} cannot hold them", data_dir.display()))
}

/// Whether a pid namespace can have its own `/proc`.
fn proc(thread: SingleThread) -> Result<String, Error> {
    let namespaces = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
    let child = spawn(thread, namespaces, || mount_proc(theirs.as_fd())).step("make a pid namespace")?;
    drop(theirs);
    let outcome = crate::launch::read_report(&ours);
    let ended = waitpid(child.pid, None);
    outcome?;
    match ended {
        Ok(WaitStatus::Exited(_, 0)) => Ok("each instance has its own".into()),
        other => Err(std::io::Error::other(format!("{other:?}"))).step("mount /proc"),
    }
}

fn mount_proc(report: BorrowedFd<'_>) -> i32 {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mounted = mount(Some("proc"), "/proc", Some("proc"), flags, None::<&Path>).step("mount /proc");
    let outcome = mounted.and_then(|()| File::open("/proc/1/status").step("read /proc"));
    crate::launch::report(report, outcome.map(|_| 0), &[]);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_cost() {
        let probe = Probe::new("x", "no y", missing("z"));
        assert!(!probe.ok && probe.detail == "z: not there" && probe.cost == "no y", "{probe:?}");
    }

    #[test]
    fn a_process_with_threads_is_told_so() {
        // The test harness runs each test in a thread of its own.
        let probes = all(Path::new("/tmp"));
        let rights = &probes[0];
        assert!(!rights.ok && rights.detail.contains("threads"), "{rights:?}");
    }
}
