//! Sockets of the simulated internet, for what is on it without being an instance: health checkers, resolvers.
//!
//! One thread enters the internet's namespace and stays; what it is handed runs there. A socket belongs to the namespace it
//! was made in, so whoever asked for it uses it anywhere afterwards.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use enishi_fabric::NamespaceName;
use enishi_kernel::{Backend, Namespaces};
use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

use super::keeper::KeptNamespaces;

type Job = Box<dyn FnOnce() + Send>;

/// The way to the thread that is in the internet. Clones lead to the same one.
#[derive(Debug, Clone, Default)]
pub struct InternetSockets {
    thread: Arc<Mutex<Option<Sender<Job>>>>,
}

impl InternetSockets {
    /// Runs `work` inside the internet's namespace. It must not block: everybody else waits for it.
    ///
    /// # Errors
    /// `NotConnected` while there is no internet, because there is no keeper; otherwise what `work` answers.
    pub async fn make<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (reply, answer) = oneshot::channel();
        self.submit(Box::new(move || {
            // Who asked may have given up meanwhile.
            let _ = reply.send(work());
        }))?;
        answer.await.unwrap_or_else(|_| Err(no_internet()))
    }

    /// Enters the internet of this machine, unless that was done before.
    pub(super) fn follow(&self, backend: &mut Backend<KeptNamespaces>) -> Option<String> {
        if self.thread.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return None;
        }
        let entered =
            backend.namespaces().open(&NamespaceName::internet()).and_then(|internet| self.enter(internet));
        entered.err().map(|error| format!("the internet cannot be entered: {error}"))
    }

    /// Leaves it: the keeper is gone, and the namespace with it.
    pub(super) fn leave(&self) {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn enter(&self, internet: OwnedFd) -> io::Result<()> {
        let (jobs, inbox) = channel::<Job>();
        std::thread::Builder::new().name("internet".to_owned()).spawn(move || {
            // As an ordinary user there is no way back to the host's namespace, so the thread is for this alone.
            if let Err(error) = setns(internet.as_fd(), CloneFlags::CLONE_NEWNET) {
                tracing::warn!(%error, "the internet cannot be entered");
                return;
            }
            for job in inbox {
                job();
            }
        })?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(jobs);
        Ok(())
    }

    fn submit(&self, job: Job) -> io::Result<()> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = thread.as_ref().ok_or_else(no_internet)?;
        jobs.send(job).map_err(|_| no_internet())
    }
}

fn no_internet() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "there is no internet at present")
}
