//! Network namespaces: who makes and keeps them, and how work is done inside one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use enishi_fabric::NamespaceName;
use enishi_fabric::program::NamespaceProgram;
use nix::sched::{CloneFlags, setns, unshare};

/// Who makes network namespaces and keeps them alive.
///
/// The daemon's keeper does, in a process of its own, so that they outlive the daemon; [`PrivateNamespaces`] does within
/// this process.
pub trait Namespaces: Send {
    /// The names of all namespaces that exist.
    fn list(&mut self) -> io::Result<Vec<NamespaceName>>;
    /// Makes the namespace of a program. Root of an instance gets rights over its own (a program with the role of a host) and
    /// over no other. Fails with [`io::ErrorKind::AlreadyExists`] if there is one of this name.
    fn create(&mut self, program: &NamespaceProgram) -> io::Result<OwnedFd>;
    /// Opens a namespace. Fails with [`io::ErrorKind::NotFound`] if there is none.
    fn open(&mut self, name: &NamespaceName) -> io::Result<OwnedFd>;
    /// Lets a namespace go, if there is one of this name; it ends when its last process and descriptor do.
    fn delete(&mut self, name: &NamespaceName) -> io::Result<()>;
}

/// Namespaces held by descriptors of this process: they end with it.
#[derive(Debug, Default)]
pub struct PrivateNamespaces {
    held: BTreeMap<NamespaceName, OwnedFd>,
}

impl Namespaces for PrivateNamespaces {
    fn list(&mut self) -> io::Result<Vec<NamespaceName>> {
        Ok(self.held.keys().cloned().collect())
    }

    fn create(&mut self, program: &NamespaceProgram) -> io::Result<OwnedFd> {
        if self.held.contains_key(&program.name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let fd = unshared()?;
        let copy = fd.try_clone()?;
        self.held.insert(program.name.clone(), fd);
        Ok(copy)
    }

    fn open(&mut self, name: &NamespaceName) -> io::Result<OwnedFd> {
        self.held.get(name).ok_or(io::ErrorKind::NotFound)?.try_clone()
    }

    fn delete(&mut self, name: &NamespaceName) -> io::Result<()> {
        self.held.remove(name);
        Ok(())
    }
}

/// A new network namespace. A thread of its own makes it, so that the caller stays where it is.
fn unshared() -> io::Result<OwnedFd> {
    let make = || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
    };
    std::thread::spawn(make).join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that enters namespaces and never comes back: as an ordinary user there is no way back to the host's.
#[derive(Debug)]
pub struct Visitor {
    jobs: Option<Sender<(OwnedFd, Job)>>,
    thread: Option<JoinHandle<()>>,
}

impl Visitor {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let (jobs, inbox) = channel::<(OwnedFd, Job)>();
        let thread = std::thread::Builder::new().name("netns".to_owned()).spawn(move || {
            for (namespace, job) in inbox {
                // Without having entered, the job's answer is dropped unsent, which its sender sees.
                match setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET) {
                    Ok(()) => job(),
                    Err(error) => tracing::warn!(%error, "cannot enter a network namespace"),
                }
            }
        })?;
        Ok(Visitor { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` on the thread, inside the namespace, and returns what it returned.
    pub fn visit<T: Send + 'static>(
        &self,
        namespace: BorrowedFd<'_>,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (answer, result) = channel();
        let job: Job = Box::new(move || {
            // The receiver waits below for as long as this runs.
            let _ = answer.send(work());
        });
        let gone = || io::Error::other("cannot work inside the network namespace");
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send((namespace.try_clone_to_owned()?, job)).map_err(|_| gone())?;
        result.recv().map_err(|_| gone())?
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A job that panicked has shown itself already.
            let _ = thread.join();
        }
    }
}
