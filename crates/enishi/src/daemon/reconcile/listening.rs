//! What listens inside of namespaces: sockets that the program wants, and no others.
//!
//! A socket is bound by the thread that visits namespaces and belongs to its namespace from then on; who serves it runs where
//! it likes.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;

use enishi_fabric::NamespaceName;
use enishi_kernel::{Backend, Namespaces};
use tokio::task::JoinHandle;

use super::keeper::KeptNamespaces;

/// Where something listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The namespace.
    pub namespace: NamespaceName,
    /// The addresses in it.
    pub addresses: BTreeSet<Ipv4Addr>,
}

/// One kind of service in many places. What serves a place stops when it is dropped.
#[derive(Debug)]
pub struct Listening<T> {
    what: &'static str,
    serving: BTreeMap<Place, T>,
}

impl<T: Serves> Listening<T> {
    /// Listens nowhere yet. `what` is for messages.
    pub fn new(what: &'static str) -> Self {
        Listening { what, serving: BTreeMap::new() }
    }

    /// Listens in the `wanted` places and in no other, each started by `start`. Answers what failed.
    pub fn follow(
        &mut self,
        wanted: &BTreeSet<Place>,
        mut start: impl FnMut(&Place) -> io::Result<T>,
    ) -> Vec<String> {
        // First, so that a place that moved on to other addresses frees those that it keeps.
        self.serving.retain(|place, serving| wanted.contains(place) && serving.is_serving());
        let mut errors = Vec::new();
        for place in wanted {
            if self.serving.contains_key(place) {
                continue;
            }
            match start(place) {
                Ok(serving) => drop(self.serving.insert(place.clone(), serving)),
                Err(error) => errors.push(format!("{}: {}: {error}", place.namespace, self.what)),
            }
        }
        errors
    }
}

/// Something that serves until it is dropped, or until it fails.
pub trait Serves {
    /// Whether it still does.
    fn is_serving(&self) -> bool;
}

/// A task that serves.
#[derive(Debug)]
pub struct ServingTask(pub JoinHandle<()>);

impl Serves for ServingTask {
    fn is_serving(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for ServingTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does `work` inside of a namespace.
///
/// # Errors
/// When there is no such namespace, it cannot be entered, or `work` fails.
pub fn inside<T: Send + 'static>(
    namespace: &NamespaceName,
    backend: &mut Backend<KeptNamespaces>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let namespace = backend.namespaces().open(namespace)?;
    backend.visitor().visit(namespace.as_fd(), work)
}
