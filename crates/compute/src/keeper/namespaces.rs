//! The pinned network namespaces, and the pods that hold the commands run in them.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Error, ErrorKind, Step};
use crate::guests::Guests;
use crate::link;
use crate::protocol::check_name;
use crate::syscall::Process;

/// More namespaces than this are refused.
const MAX_NAMESPACES: usize = 8192;

#[derive(Debug)]
pub(super) struct Namespaces {
    pinned: BTreeMap<String, Namespace>,
    /// The keeper's own, empty one.
    home: File,
}

#[derive(Debug)]
pub(super) struct Namespace {
    fd: OwnedFd,
    /// The init that the commands in this namespace live under, from the first of them on.
    pub(super) pod: Option<Process>,
}

impl Namespaces {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { pinned: BTreeMap::new(), home: current()? })
    }

    /// Makes a namespace, of the instances if they are given.
    pub(super) fn create(&mut self, name: &str, guests: Option<&Guests>) -> Result<OwnedFd, Error> {
        check_name("namespace name", name)?;
        if self.pinned.contains_key(name) {
            return Err(Error::refused(ErrorKind::AlreadyExists, format!("namespace {name} exists")));
        }
        if self.pinned.len() >= MAX_NAMESPACES {
            return Err(Error::refused(
                ErrorKind::Limit,
                format!("there are already {MAX_NAMESPACES} namespaces"),
            ));
        }
        let fd = match guests {
            Some(guests) => guests.network()?,
            None => self.make()?,
        };
        let copy = fd.try_clone().step("duplicate a descriptor")?;
        self.pinned.insert(name.to_owned(), Namespace { fd, pod: None });
        Ok(copy)
    }

    /// By moving into a new one and back home, which is ours and therefore always open to us.
    fn make(&self) -> Result<OwnedFd, Error> {
        unshare(CloneFlags::CLONE_NEWNET).step("make a network namespace")?;
        let made = link::up_loopback().and_then(|()| current());
        setns(&self.home, CloneFlags::CLONE_NEWNET).step("return to the keeper's network namespace")?;
        Ok(OwnedFd::from(made?))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Result<&mut Namespace, Error> {
        self.pinned.get_mut(name).ok_or_else(|| not_found(name))
    }

    pub(super) fn open(&self, name: &str) -> Result<OwnedFd, Error> {
        self.pinned.get(name).ok_or_else(|| not_found(name))?.fd.try_clone().step("duplicate a descriptor")
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<Namespace, Error> {
        self.pinned.remove(name).ok_or_else(|| not_found(name))
    }

    /// At most `count` names after `after`, ordered.
    pub(super) fn page(&self, after: &str, count: usize) -> Vec<String> {
        let range = (Bound::Excluded(after), Bound::Unbounded);
        self.pinned.range::<str, _>(range).take(count).map(|(name, _)| name.clone()).collect()
    }

    /// Those that have a pod.
    pub(super) fn pods(&self) -> impl Iterator<Item = &Process> {
        self.pinned.values().filter_map(|namespace| namespace.pod.as_ref())
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn current() -> Result<File, Error> {
    File::open("/proc/self/ns/net").step("open the network namespace")
}

fn not_found(name: &str) -> Error {
    Error::refused(ErrorKind::NotFound, format!("there is no namespace {name}"))
}
