//! An instance: its devices' addresses, and a way to each subnet's router.
//!
//! Everything leaves through the router, neighbours of the same subnet too: there is no shared link to ask on. The first
//! device carries the default route; what has another device's address as its source leaves through that device, as
//! Amazon Linux sets it up ("Configure your Amazon Linux instance using ec2-net-utils" in the EC2 guide). In a resolver
//! endpoint that is so for the first device too.

use enishi_fabric::Cidr;
use enishi_fabric::program::{Device, Host, NamespaceProgram};

use super::{add_address, add_next_hop, add_route, set};
use crate::netstate::{MAIN_TABLE, Network, Ownership, PolicyRule, RouteKey};

/// The table of a device that routes by source, plus the device's index.
const DEVICE_TABLE: u32 = 1000;
const DEVICE_PRIORITY: u32 = 1000;

pub(super) fn render(program: &NamespaceProgram, host: &Host, state: &mut Network) {
    state.ownership = Ownership::Listed;
    set(state, "ipv4/ip_forward", 0);
    for (index, device) in (0..).zip(&host.devices) {
        add_device(program, device, state);
        let source = device.addresses.first().copied();
        if index == 0 {
            let default = RouteKey::new(MAIN_TABLE, Cidr::EVERYWHERE);
            add_route(state, default, &device.interface, Some(device.gateway), source);
            if host.resolver_endpoint.is_none() {
                continue;
            }
        }
        let table = DEVICE_TABLE + index;
        let default = RouteKey::new(table, Cidr::EVERYWHERE);
        add_route(state, default, &device.interface, Some(device.gateway), source);
        for address in &device.addresses {
            state.rules.insert(PolicyRule {
                priority: DEVICE_PRIORITY + index,
                mark: None,
                source: Some(Cidr::host(*address)),
                input: None,
                table,
            });
        }
    }
    // A further device is the way to its subnet, the earliest where several are in one; the first device's way is the
    // default route.
    let first = host.devices.first().map(|first| first.subnet);
    for device in host.devices.iter().skip(1).filter(|device| Some(device.subnet) != first) {
        let key = RouteKey::new(MAIN_TABLE, device.subnet);
        if !state.routes.contains_key(&key) {
            add_route(state, key, &device.interface, Some(device.gateway), device.addresses.first().copied());
        }
    }
}

/// A device's addresses, and the neighbour that is its gateway.
pub(super) fn add_device(program: &NamespaceProgram, device: &Device, state: &mut Network) {
    for address in &device.addresses {
        add_address(state, &device.interface, *address, device.subnet.prefix());
    }
    add_next_hop(state, &device.interface, program.interfaces.get(&device.interface), device.gateway);
    // So that an instance may name the gateway in routes of its own. Of several devices in one subnet the first has it.
    let gateway = RouteKey::new(MAIN_TABLE, Cidr::host(device.gateway));
    if !state.routes.contains_key(&gateway) {
        add_route(state, gateway, &device.interface, None, device.addresses.first().copied());
    }
}
