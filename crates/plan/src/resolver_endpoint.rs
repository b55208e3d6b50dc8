//! Resolver endpoints: a namespace each, with a device for every address.
//! [Resolver endpoints](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-DSN-queries-to-vpc.html)
//!
//! At AWS every address is a machine of its own, which answers from where it was asked and forwards from where it stands.
//! In one namespace that takes routes by source for every device, see [`Host::devices`]. What listens and what forwards is
//! not the kernel's: it binds one of the devices' addresses, for queries that leave each in turn.

use std::collections::BTreeMap;

use enishi_fabric::dns::ResolverEndpoint;
use enishi_fabric::program::{Host, NamespaceProgram, Role};
use enishi_fabric::{NamespaceName, Origin};
use enishi_state::route53resolver::{self as rows, Direction, ResolverEndpointId};

use crate::network_interface::{Live, Owner};

/// The namespaces of the endpoints that use live interfaces.
pub(crate) fn compile<'l>(live: &'l [Live<'_>]) -> impl Iterator<Item = NamespaceProgram> + use<'l> {
    let mut endpoints: BTreeMap<&ResolverEndpointId, (&rows::ResolverEndpoint, Vec<&Live<'_>>)> =
        BTreeMap::new();
    for interface in live {
        if let Owner::ResolverEndpoint(row) = interface.owner {
            endpoints.entry(&row.id).or_insert_with(|| (row, Vec::new())).1.push(interface);
        }
    }
    endpoints.into_values().map(|(row, interfaces)| host(row, interfaces))
}

fn host(row: &rows::ResolverEndpoint, mut live: Vec<&Live<'_>>) -> NamespaceProgram {
    live.sort_by_key(|interface| interface.row.attachment.as_ref().map(|attachment| attachment.device_index));
    let interfaces = live.iter().map(|interface| (interface.device_name(), interface.device_end()));
    NamespaceProgram {
        name: NamespaceName::new(row.id.as_str()),
        interfaces: interfaces.collect(),
        role: Role::Host(Host {
            origin: Origin::resource(row.id.as_str()),
            devices: live.iter().map(|interface| interface.device()).collect(),
            resolver_endpoint: Some(ResolverEndpoint {
                inbound: row.direction == Direction::Inbound,
                vpc: row.vpc.as_str().into(),
            }),
        }),
    }
}
