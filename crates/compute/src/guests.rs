//! The user namespace that instances live in.
//!
//! Whoever has `CAP_NET_ADMIN` over a network namespace may change its interfaces from any other one, and an instance
//! knows a name for its router's: the other end of its veth pair (`IFLA_TARGET_NETNSID`). Capabilities count in the user
//! namespace that owns the network namespace. So instances get one of their own, below the keeper's: they own their network
//! and nothing else, and root in an instance has no more rights over the routers, or over the host, than any user has.
//!
//! One serves all instances, because an instance has no name for the network of another. Every id is mapped to itself,
//! files look the same from both sides.
//!
//! Where the host does not allow user namespaces, instances run without, and [`crate::capabilities`] takes `NET_ADMIN` from
//! them.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::pipe2;

use crate::channel;
use crate::error::{Error, Step};
use crate::launch;
use crate::link;
use crate::syscall::{SingleThread, close_others, spawn};

/// The user namespace, as far as there is one.
#[derive(Debug)]
pub(crate) struct Guests {
    thread: SingleThread,
    user: Option<File>,
}

impl Guests {
    /// Makes it; without one if this host does not allow it, which the keeper's log says.
    pub(crate) fn new(thread: SingleThread) -> Self {
        let user = make(thread);
        if let Err(error) = &user {
            eprintln!("instances cannot change their own network: {error}");
        }
        Guests { thread, user: user.ok() }
    }

    /// What a child of the keeper needs to [`enter`].
    pub(crate) fn user(&self) -> Option<BorrowedFd<'_>> {
        self.user.as_ref().map(File::as_fd)
    }

    /// A new network namespace that instances own, with `lo` up.
    pub(crate) fn network(&self) -> Result<OwnedFd, Error> {
        let (ours, theirs) = channel::report_pair().step("make a socket pair")?;
        let child = spawn(self.thread, CloneFlags::empty(), || {
            let made = self.unshare_network();
            let fds: Vec<_> = made.iter().map(AsFd::as_fd).collect();
            launch::report(theirs.as_fd(), made.as_ref().map(|_| 0).map_err(refusal), &fds);
            0
        })
        .step("fork")?;
        drop(theirs);
        let datagram = channel::receive(&ours).step("wait for a network namespace");
        let _ = waitpid(child.pid, None);
        let lost = || Error::Protocol("the process that makes a network namespace has died".into());
        let datagram = datagram?.ok_or_else(lost)?;
        launch::parse_report(&datagram.bytes)?;
        datagram.descriptors.into_iter().next().ok_or_else(lost)
    }

    fn unshare_network(&self) -> Result<File, Error> {
        enter(self.user())?;
        unshare(CloneFlags::CLONE_NEWNET).step("make a network namespace")?;
        link::up_loopback()?;
        File::open("/proc/self/ns/net").step("open the network namespace")
    }
}

fn refusal(error: &Error) -> Error {
    Error::refused(error.kind(), error.to_string())
}

/// Moves this process into the user namespace, where it has every capability until it gives them up.
pub(crate) fn enter(user: Option<BorrowedFd<'_>>) -> Result<(), Error> {
    match user {
        Some(user) => setns(user, CloneFlags::CLONE_NEWUSER).step("enter the instances' user namespace"),
        None => Ok(()),
    }
}

/// Whether this host allows it.
pub(crate) fn attempt(thread: SingleThread) -> Result<(), Error> {
    make(thread).map(drop)
}

/// A child makes it by being born there, and waits until we have mapped the ids and hold it.
fn make(thread: SingleThread) -> Result<File, Error> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).step("make a pipe")?;
    let child = spawn(thread, CloneFlags::CLONE_NEWUSER, || {
        close_others(&[reader.as_fd()]);
        let Ok(reader) = reader.try_clone() else { return 1 };
        // Nothing is ever written: it ends when we, or our process, let go of the other end.
        let _ = File::from(reader).read(&mut [0]);
        0
    })
    .step("make a user namespace for instances (user.max_user_namespaces?)")?;
    let held = map_and_open(child.pid.as_raw());
    drop(writer);
    let _ = waitpid(child.pid, None);
    held
}

fn map_and_open(pid: i32) -> Result<File, Error> {
    for map in ["gid_map", "uid_map"] {
        let ours = fs::read_to_string(format!("/proc/self/{map}")).step(format!("read our {map}"))?;
        fs::write(format!("/proc/{pid}/{map}"), onto_itself(&ours)).step(format!("write a {map}"))?;
    }
    File::open(format!("/proc/{pid}/ns/user")).step("open the instances' user namespace")
}

/// The map of a namespace below one with `map`, in which each id is itself.
fn onto_itself(map: &str) -> String {
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (first, count) = (fields.next()?, fields.nth(1)?);
        Some(format!("{first} {first} {count}\n"))
    };
    map.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_itself() {
        assert_eq!(onto_itself("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(onto_itself("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
        assert_eq!(onto_itself(""), "");
    }
}
