//! The nodes that serve, for what looks at them from time to time: metrics and access logs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::{Balancer, Node};
use enishi_proxy::balancer::serve as engine;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::access_log::{AccessLog, Deliverer};
use super::metrics::{Counting, Seen};

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
    /// What has been counted of it.
    pub seen: Mutex<Seen>,
}

/// All nodes that serve. Clones lead to the same ones.
#[derive(Clone)]
pub struct ServingNodes {
    nodes: Arc<RwLock<BTreeMap<NamespaceName, Arc<ServingNode>>>>,
    gone: UnboundedSender<Arc<ServingNode>>,
}

impl fmt::Debug for ServingNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServingNodes").finish_non_exhaustive()
    }
}

impl ServingNodes {
    /// None yet, and where those appear that serve no more. They close when they are dropped.
    pub fn new() -> (Self, UnboundedReceiver<Arc<ServingNode>>) {
        let (gone, receiver) = unbounded_channel();
        (ServingNodes { nodes: Arc::default(), gone }, receiver)
    }

    /// All of them at present.
    pub fn all(&self) -> BTreeMap<NamespaceName, Arc<ServingNode>> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says which nodes serve from now on.
    pub(super) fn publish(&self, nodes: BTreeMap<NamespaceName, Arc<ServingNode>>) {
        let mut all = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        for (name, node) in std::mem::replace(&mut *all, nodes) {
            if all.get(&name).is_none_or(|other| !Arc::ptr_eq(other, &node)) {
                // Nobody listens any more when the daemon ends.
                let _ = self.gone.send(node);
            }
        }
    }
}

/// Counts and logs what nodes did until they were gone.
pub async fn bury(mut gone: UnboundedReceiver<Arc<ServingNode>>, counting: Counting, logs: Deliverer) {
    while let Some(node) = gone.recv().await {
        counting.last(&node).await;
        let rest = logs.rest(&node);
        // Its connections close; only then there is time to deliver.
        drop(node);
        if let Some(rest) = rest {
            logs.deliver_rest(rest).await;
        }
    }
}
