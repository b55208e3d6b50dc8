//! Internet gateways: one interface of the router, and 1:1 address translation on it.
//!
//! A packet leaves through the gateway only from a private address that has a public one.
//! [Internet gateways](https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html)

use std::net::Ipv4Addr;

use enishi_fabric::program::{Endpoint, Interface, InternetPort};
use enishi_fabric::{InterfaceName, Mac, NamespaceName, Origin};
use enishi_state::World;
use enishi_state::ec2::{InternetGateway, Vpc};

use crate::address;
use crate::network_interface::Live;

/// The internet's end of every link to a router: the router's next hop.
const INTERNET_SIDE: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);

/// The router's end of every link to the internet: the internet's next hop.
pub(crate) const ROUTER_SIDE: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 2);

const INTERNET_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x02]);
const ROUTER_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x03]);

/// Traffic over an internet gateway is limited to 1500.
/// [Network MTU](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html)
const MTU: u16 = 1500;

/// The internet gateway attached to a VPC, with the public addresses of its live interfaces.
pub(crate) fn compile(world: &World, vpc: &Vpc, live: &[Live<'_>]) -> Option<InternetPort> {
    let gateway = world.by::<InternetGateway>("vpc", vpc.id.as_str()).next()?;
    Some(InternetPort {
        origin: Origin::resource(gateway.id.as_str()),
        interface: InterfaceName::igw(),
        next_hop: INTERNET_SIDE,
        mappings: live.iter().flat_map(|interface| address::mappings(world, interface.row)).collect(),
    })
}

/// The router's end of the veth pair to the internet.
pub(crate) fn router_end(vpc: &Vpc) -> Interface {
    let peer = Endpoint { namespace: NamespaceName::internet(), interface: InterfaceName::vpc(vpc.slot) };
    Interface { mac: ROUTER_MAC, mtu: MTU, peer, peer_mac: INTERNET_MAC }
}

/// The internet's end of the veth pair to a router.
pub(crate) fn internet_end(router: &NamespaceName) -> Interface {
    let peer = Endpoint { namespace: router.clone(), interface: InterfaceName::igw() };
    Interface { mac: INTERNET_MAC, mtu: MTU, peer, peer_mac: ROUTER_MAC }
}
