//! A node's way to its targets.

use std::net::SocketAddrV4;

use enishi_fabric::NamespaceName;
use enishi_proxy::balancer::serve::{Connecting, Connector};

use crate::daemon::reconcile::NodeSockets;

/// Connects from inside of a node's namespace, whose only address is the source.
pub struct NodeConnector {
    sockets: NodeSockets,
    namespace: NamespaceName,
}

impl NodeConnector {
    /// The way out of a node.
    pub fn new(sockets: NodeSockets, namespace: NamespaceName) -> Self {
        NodeConnector { sockets, namespace }
    }
}

impl Connector for NodeConnector {
    fn connect(&self, target: SocketAddrV4) -> Connecting {
        let (sockets, namespace) = (self.sockets.clone(), self.namespace.clone());
        Box::pin(async move { sockets.connect(&namespace, None, target).await })
    }
}
