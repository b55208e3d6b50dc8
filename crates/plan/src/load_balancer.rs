//! Load balancers: a namespace for each node, with the node's one device.
//! [How Elastic Load Balancing works](https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html)

use enishi_fabric::Origin;
use enishi_fabric::program::{Host, NamespaceProgram, Role};

use crate::network_interface::{Live, Owner};

/// The namespaces of the nodes that use live interfaces.
pub(crate) fn compile<'l>(live: &'l [Live<'_>]) -> impl Iterator<Item = NamespaceProgram> + use<'l> {
    live.iter().filter_map(|interface| match interface.owner {
        Owner::LoadBalancer(row) => Some(node(row.arn.as_str(), interface)),
        _ => None,
    })
}

fn node(origin: &str, interface: &Live<'_>) -> NamespaceProgram {
    NamespaceProgram {
        name: interface.namespace(),
        interfaces: [(interface.device_name(), interface.device_end())].into(),
        role: Role::Host(Host {
            origin: Origin::resource(origin),
            devices: vec![interface.device()],
            resolver_endpoint: None,
        }),
    }
}
