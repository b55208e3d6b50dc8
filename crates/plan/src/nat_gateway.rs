//! NAT gateways: a namespace with one device that forwards what is routed to it, under its own addresses.
//! [NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html)

use enishi_fabric::program::{self, NamespaceProgram, Role};
use enishi_fabric::{NamespaceName, Origin};

use crate::network_interface::{Live, Owner};

/// After this many seconds a NAT gateway forgets an idle connection.
/// [Troubleshoot NAT gateways](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html)
const IDLE_SECONDS: u32 = 350;

/// The namespaces of the NAT gateways that use live interfaces.
pub(crate) fn compile<'l>(live: &'l [Live<'_>]) -> impl Iterator<Item = NamespaceProgram> + use<'l> {
    live.iter().filter_map(|interface| match interface.owner {
        Owner::NatGateway(row) => Some(gateway(row.id.as_str(), interface)),
        Owner::Instance(_)
        | Owner::ResolverEndpoint(_)
        | Owner::LoadBalancer(_)
        | Owner::ClassicLoadBalancer(_) => None,
    })
}

fn gateway(id: &str, interface: &Live<'_>) -> NamespaceProgram {
    NamespaceProgram {
        name: NamespaceName::new(id),
        interfaces: [(interface.device_name(), interface.device_end())].into(),
        role: Role::NatGateway(program::NatGateway {
            origin: Origin::resource(id),
            device: interface.device(),
            idle_seconds: IDLE_SECONDS,
        }),
    }
}
