//! A node's way to its targets, and to the identity providers of its logins.

use std::io;
use std::net::SocketAddrV4;

use enishi_fabric::NamespaceName;
use enishi_proxy::balancer::serve::{Connecting, Connector, Resolving};
use tokio::runtime::Handle;

use crate::daemon::dns::PublicResolver;
use crate::daemon::reconcile::NodeSockets;

/// Connects from inside of a node's namespace, whose only address is the source where a client's is not to be seen.
pub struct NodeConnector {
    sockets: NodeSockets,
    namespace: NamespaceName,
    resolver: PublicResolver,
    /// Where names are looked up: who wants to know one has a runtime that nothing else is to be done in.
    runtime: Handle,
}

impl NodeConnector {
    /// The way out of a node.
    pub fn new(
        sockets: NodeSockets,
        namespace: NamespaceName,
        resolver: PublicResolver,
        runtime: Handle,
    ) -> Self {
        NodeConnector { sockets, namespace, resolver, runtime }
    }
}

impl Connector for NodeConnector {
    fn connect(&self, target: SocketAddrV4, client: Option<SocketAddrV4>) -> Connecting {
        let (sockets, namespace) = (self.sockets.clone(), self.namespace.clone());
        Box::pin(async move {
            match client {
                Some(client) => sockets.connect_as(&namespace, client, target).await,
                None => sockets.connect(&namespace, None, target).await,
            }
        })
    }

    /// "The DNS for the endpoints must be publicly resolvable, even if they resolve to private IP addresses."
    fn resolve(&self, name: &str) -> Resolving {
        let (resolver, name) = (self.resolver.clone(), name.to_owned());
        let looked_up = self.runtime.spawn(async move { resolver.address(&name).await });
        Box::pin(async move {
            let found = looked_up.await.ok().flatten();
            found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
        })
    }
}
