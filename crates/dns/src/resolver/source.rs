//! Where answers come from: what one source says is never mixed with what another one does.

use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use super::uplink::Path;

/// A source of answers.
#[derive(Debug, Clone)]
pub(super) struct Source {
    scope: u64,
    path: Path,
    targets: Vec<SocketAddr>,
}

impl Source {
    /// The simulated internet, asked from the root down.
    pub(super) fn internet(region: &Arc<str>) -> Self {
        Source::new(Path::Internet { region: Arc::clone(region) }, Vec::new())
    }

    /// Servers that resolve names themselves.
    pub(super) fn forwarders(path: Path, targets: Vec<SocketAddr>) -> Self {
        Source::new(path, targets)
    }

    fn new(path: Path, targets: Vec<SocketAddr>) -> Self {
        static KEYS: OnceLock<RandomState> = OnceLock::new();
        let scope = KEYS.get_or_init(RandomState::new).hash_one((&path, &targets));
        Source { scope, path, targets }
    }

    /// Stands for the source in caches.
    pub(super) fn scope(&self) -> u64 {
        self.scope
    }

    /// The way there.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether name servers are asked from the root down.
    pub(super) fn is_iterative(&self) -> bool {
        matches!(self.path, Path::Internet { .. })
    }

    /// Who is asked, when the source is not iterative.
    pub(super) fn targets(&self) -> &[SocketAddr] {
        &self.targets
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.targets == other.targets
    }
}

impl Eq for Source {}

impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scope.hash(state);
    }
}
