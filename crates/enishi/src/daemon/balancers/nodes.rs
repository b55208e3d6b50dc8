//! The nodes that serve, for what looks at them from time to time: metrics and access logs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::{Balancer, Node};
use enishi_proxy::balancer::serve as engine;

use super::access_log::AccessLog;

/// A node that serves.
pub struct ServingNode {
    /// Its load balancer.
    pub config: Arc<ArcSwap<Balancer>>,
    /// Where it is.
    pub node: Node,
    /// What serves there.
    pub engine: engine::Node,
    /// What is to be logged of its requests.
    pub log: Arc<AccessLog>,
}

/// All nodes that serve. Clones lead to the same ones.
#[derive(Clone, Default)]
pub struct ServingNodes(Arc<Mutex<BTreeMap<NamespaceName, Arc<ServingNode>>>>);

impl fmt::Debug for ServingNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingNodes").finish_non_exhaustive()
    }
}

impl ServingNodes {
    /// All of them at present.
    pub fn all(&self) -> BTreeMap<NamespaceName, Arc<ServingNode>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says which nodes serve from now on.
    pub(super) fn publish(&self, nodes: BTreeMap<NamespaceName, Arc<ServingNode>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
    }
}
