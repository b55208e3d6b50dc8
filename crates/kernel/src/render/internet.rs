//! The simulated internet: one host that answers for every public address that is nobody else's, and routes those that a
//! VPC has mapped to it.

use enishi_fabric::Cidr;
use enishi_fabric::program::{Internet, NamespaceProgram};

use super::{add_address, add_next_hop, add_route, loopback, set};
use crate::netstate::{MAIN_TABLE, Network, RouteKey, RouteTarget};

pub(super) fn render(program: &NamespaceProgram, internet: &Internet, state: &mut Network) {
    set(state, "ipv4/ip_forward", 1);
    let main = |destination| RouteKey::new(MAIN_TABLE, destination);
    add_address(state, &loopback(), internet.address, 32);
    for block in internet.unrouted.iter().chain([&internet.pool]) {
        state.routes.insert(main(*block), RouteTarget::Blackhole);
    }
    for block in [Cidr::EVERYWHERE, internet.hosts] {
        state.routes.insert(main(block), RouteTarget::Local { interface: loopback() });
    }
    for (name, interface) in &program.interfaces {
        add_next_hop(state, name, Some(interface), internet.next_hop);
    }
    for (address, interface) in &internet.routes {
        let key = main(Cidr::host(*address));
        add_route(state, key, interface, Some(internet.next_hop), Some(internet.address));
    }
}
