//! With which rights we do all this: as root, or as root of a user namespace.
//!
//! Making network namespaces, mounting and giving away capabilities take root. An ordinary user becomes that in a user
//! namespace of their own, together with a mount namespace; **not** with a network namespace, since the daemon listens on the
//! host's.
//!
//! The keeper lives in the namespaces of the daemon that started it. A later daemon of the same user joins it there: the
//! owner of a user namespace may enter it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, User, getegid, geteuid, pipe2};

use crate::channel;
use crate::error::{Error, Step};
use crate::syscall::{SingleThread, spawn};

/// With which rights this process works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As root of the host.
    Root,
    /// As root of a user namespace in which `ids` user ids exist: 1, or the user's subordinate ids as well.
    Rootless {
        /// How many user ids are mapped.
        ids: u64,
    },
}

impl Mode {
    /// Whether we are root of the host.
    pub fn is_root(self) -> bool {
        self == Self::Root
    }

    /// What does not work in this mode, one sentence each.
    pub fn costs(self) -> Vec<&'static str> {
        let mut costs = Vec::new();
        if let Self::Rootless { ids } = self {
            costs.push("files of the host that only root may read are missing in instances");
            costs.push(
                "files of the host outside of /etc can be replaced in instances, but not changed in place",
            );
            if ids == 1 {
                costs.push("instances have one user, root: sshd, su and package managers need subordinate ids (/etc/subuid, newuidmap)");
            }
        }
        costs
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Rootless { ids: 1 } => f.write_str("rootless, one user id"),
            Self::Rootless { ids } => write!(f, "rootless, {ids} user ids"),
        }
    }
}

/// Makes this process able to do its work. Root stays as it is; an ordinary user enters the user and mount namespaces of the
/// keeper that listens at `socket`, or makes new ones. The network namespace and the working directory stay the same.
///
/// Must be the first act of the process, before it starts a thread.
///
/// # Errors
/// When the process has threads already, or user namespaces are not available.
pub fn enter_or_create(socket: &Path) -> Result<Mode, Error> {
    if is_capable()? {
        return Ok(mode());
    }
    let thread = SingleThread::prove().step("prove that the process has one thread")?;
    let directory = std::env::current_dir().step("find the working directory")?;
    match channel::connect_to(socket) {
        Ok(connection) => {
            let keeper = channel::peer(&connection).step("find the keeper's process")?;
            join(keeper.pid())?;
        }
        Err(_) => create(thread)?,
    }
    // Entering a mount namespace has moved us to its root.
    std::env::set_current_dir(&directory).step(format!("return to {}", directory.display()))?;
    Ok(mode())
}

/// Whether we are in a user namespace that maps not all ids, and so are not root of the host.
pub(crate) fn is_inside() -> bool {
    mapped_ids() < u64::from(u32::MAX)
}

fn mode() -> Mode {
    if is_inside() { Mode::Rootless { ids: mapped_ids() } } else { Mode::Root }
}

fn mapped_ids() -> u64 {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let count = |line: &str| line.split_whitespace().nth(2)?.parse::<u64>().ok();
    map.lines().filter_map(count).sum()
}

/// Whether this process may already do what we need: `CAP_SYS_ADMIN` (21) and `CAP_NET_ADMIN` (12).
fn is_capable() -> Result<bool, Error> {
    const NEEDED: u64 = 1 << 21 | 1 << 12;
    let status = fs::read_to_string("/proc/self/status").step("read /proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    Ok(geteuid().is_root() && mask & NEEDED == NEEDED)
}

fn join(keeper: i32) -> Result<(), Error> {
    let open = |name: &str| File::open(format!("/proc/{keeper}/ns/{name}"));
    let (user, mounts) =
        (open("user").step("open the keeper's user namespace")?, open("mnt").step("open its mounts")?);
    setns(&user, CloneFlags::CLONE_NEWUSER).step("enter the keeper's user namespace")?;
    setns(&mounts, CloneFlags::CLONE_NEWNS).step("enter the keeper's mount namespace")
}

fn create(thread: SingleThread) -> Result<(), Error> {
    let (uid, gid) = (geteuid(), getegid());
    let ranges = subordinate_ranges(uid);
    let me = Pid::this();
    let (go, wait) = {
        let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).step("make a pipe")?;
        (File::from(writer), File::from(reader))
    };
    // newuidmap has to run outside of the namespace that it maps: it is started by a child that stays behind.
    let mapper = match &ranges {
        Some(ranges) => {
            let mapper = spawn(thread, CloneFlags::empty(), || {
                crate::syscall::close_others(&[wait.as_fd()]);
                i32::from(map_ranges(&wait, me, ranges).is_err())
            });
            Some(mapper.step("fork")?)
        }
        None => None,
    };
    drop(wait);
    let unshared = unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .step("make a user namespace (are they allowed for users? see `enishi doctor`)");
    let told = unshared.is_ok().then(|| (&go).write_all(b"x"));
    drop(go);
    let mapped =
        mapper.is_some_and(|mapper| matches!(waitpid(mapper.pid, None), Ok(WaitStatus::Exited(_, 0))));
    unshared?;
    if !(mapped && matches!(told, Some(Ok(())))) {
        map_single(uid, gid)?;
    }
    let none = None::<&Path>;
    nix::mount::mount(none, "/", none, nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_PRIVATE, none)
        .step("make mounts private")
}

/// The user's subordinate ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ranges {
    uid: u32,
    gid: u32,
    /// First and count, of user and group ids.
    users: (u32, u32),
    groups: (u32, u32),
}

impl std::fmt::Display for Ranges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((uid, uids), (gid, gids)) = (self.users, self.groups);
        write!(f, "{uids} users from {uid}, {gids} groups from {gid}")
    }
}

/// What `/etc/subuid` and `/etc/subgid` give the user, if the tools that apply it are there.
pub(crate) fn subordinate_ranges(uid: Uid) -> Option<Ranges> {
    let tools = ["newuidmap", "newgidmap"];
    if !tools.iter().all(|tool| find_tool(tool).is_some()) {
        return None;
    }
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name).unwrap_or_default();
    let range = |path: &str| {
        let table = fs::read_to_string(path).ok()?;
        range_in(&table, &name, uid.as_raw())
    };
    let (users, groups) = (range("/etc/subuid")?, range("/etc/subgid")?);
    Some(Ranges { uid: uid.as_raw(), gid: getegid().as_raw(), users, groups })
}

/// A line of subuid(5): `name-or-uid:first:count`. Too small a range does not hold the users of a system.
fn range_in(table: &str, name: &str, uid: u32) -> Option<(u32, u32)> {
    const USEFUL: u32 = 65_534;
    let uid = uid.to_string();
    table.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let who = fields.next().filter(|who| !who.is_empty() && (*who == name || *who == uid));
        who?;
        let range = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (range.1 >= USEFUL).then_some(range)
    })
}

pub(crate) fn find_tool(name: &str) -> Option<std::path::PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.exists())
}

/// In the child that stays behind: waits until `pid` is in its namespace and maps it.
fn map_ranges(wait: &File, pid: Pid, ranges: &Ranges) -> io::Result<()> {
    let mut byte = [0];
    (&*wait).read_exact(&mut byte)?;
    let map = |tool: &str, own: u32, (first, count): (u32, u32)| {
        let path = find_tool(tool).ok_or(io::ErrorKind::NotFound)?;
        let arguments = [pid.as_raw() as u32, 0, own, 1, 1, first, count].map(|number| number.to_string());
        let status = Command::new(path)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{tool}: {status}"))) }
    };
    // Groups first: if that fails, no id is mapped and the single map still works.
    map("newgidmap", ranges.gid, ranges.groups)?;
    map("newuidmap", ranges.uid, ranges.users)
}

/// What any process may do for itself: its own user and group become root, nobody else exists.
fn map_single(uid: Uid, gid: Gid) -> Result<(), Error> {
    let is_empty = |file: &str| fs::read_to_string(file).is_ok_and(|map| map.trim().is_empty());
    let write = |file: &str, text: String| fs::write(file, text).step(format!("write {file}"));
    // newgidmap may have worked where newuidmap did not.
    if is_empty("/proc/self/gid_map") {
        write("/proc/self/setgroups", "deny".into())?;
        write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    }
    write("/proc/self/uid_map", format!("0 {uid} 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subordinate_ids_are_found_by_name_or_number() {
        let table = "other:1:65536\nme:100000:65536\n1001:200000:65536\nsmall:300000:10\n";
        assert_eq!(range_in(table, "me", 5), Some((100_000, 65_536)));
        assert_eq!(range_in(table, "nobody", 1001), Some((200_000, 65_536)));
        assert_eq!(range_in(table, "small", 6), None);
        assert_eq!(range_in(table, "", 7), None);
        assert_eq!(range_in("garbage\n:::\n", "", 7), None);
    }

    #[test]
    fn the_mode_says_what_it_costs() {
        assert!(Mode::Root.costs().is_empty());
        assert_eq!(Mode::Rootless { ids: 65_537 }.costs().len(), 2);
        assert!(Mode::Rootless { ids: 1 }.costs().iter().any(|cost| cost.contains("sshd")));
        assert_eq!(Mode::Rootless { ids: 1 }.to_string(), "rootless, one user id");
    }
}
