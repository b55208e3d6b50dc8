//! The simulated internet: one namespace, linked to every router whose VPC has an internet gateway.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use enishi_fabric::program::{Internet, NamespaceProgram, Role};
use enishi_fabric::{Cidr, InterfaceName, NamespaceName};
use enishi_state::ec2::{INTERNET_HOSTS, PUBLIC_POOL};

use crate::internet_gateway;

/// The internet's own address.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Blocks that no router of the internet forwards to: RFC 1122 "this network" and loopback, RFC 1918 private, RFC 6598
/// shared, RFC 3927 link-local, RFC 5771 multicast, RFC 1112 reserved.
const UNROUTED: [Cidr; 9] = [
    Cidr::literal([0, 0, 0, 0], 8),
    Cidr::literal([10, 0, 0, 0], 8),
    Cidr::literal([100, 64, 0, 0], 10),
    Cidr::literal([127, 0, 0, 0], 8),
    Cidr::literal([169, 254, 0, 0], 16),
    Cidr::literal([172, 16, 0, 0], 12),
    Cidr::literal([192, 168, 0, 0], 16),
    Cidr::literal([224, 0, 0, 0], 4),
    Cidr::literal([240, 0, 0, 0], 4),
];

/// What a VPC with an internet gateway contributes to the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The internet's interface towards it.
    pub(crate) interface: InterfaceName,
    /// Its router.
    pub(crate) router: NamespaceName,
    /// Its mapped public addresses.
    pub(crate) addresses: Vec<Ipv4Addr>,
}

/// The internet, given its links.
pub(crate) fn compile<'l>(links: impl Iterator<Item = &'l Link> + Clone) -> NamespaceProgram {
    let interfaces =
        links.clone().map(|link| (link.interface.clone(), internet_gateway::internet_end(&link.router)));
    let routes: BTreeMap<_, _> = links
        .clone()
        .flat_map(|link| link.addresses.iter().map(|address| (*address, link.interface.clone())))
        .collect();
    NamespaceProgram {
        name: NamespaceName::internet(),
        interfaces: interfaces.collect(),
        role: Role::Internet(Internet {
            address: ADDRESS,
            pool: PUBLIC_POOL,
            hosts: INTERNET_HOSTS,
            unrouted: UNROUTED.to_vec(),
            routes,
            next_hop: internet_gateway::ROUTER_SIDE,
        }),
    }
}
