//! A namespace's program as the state of a Linux network namespace: the stages of [`enishi_fabric`]'s routers as chains,
//! routes and sets. One file per role.
//!
//! Everything is derived from the program alone, so equal programs give equal states.

mod host;
mod internet;
mod nat_gateway;
pub(crate) mod network_balancer;
mod router;

use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{Interface, NamespaceProgram, Role};
use enishi_fabric::{Cidr, Connection, IcmpMatch, InterfaceName, Packet, PortRange, Protocol, TrafficMatch};

use crate::netstate::loopback;
use crate::netstate::{
    Address, Clause, Data, Field, Key, Link, NetState, Network, RouteKey, RouteTarget, Value,
};

/// The state that the program asks for.
pub fn state(program: &NamespaceProgram) -> NetState {
    let filter = match &program.role {
        Role::Router(router) => Some(Arc::new(router::table(router))),
        Role::NatGateway(gateway) => Some(Arc::new(nat_gateway::table(gateway))),
        Role::NetworkBalancer(balancer) => Some(Arc::new(network_balancer::table(balancer))),
        Role::Host(_) | Role::Internet(_) => None,
    };
    NetState { network: Arc::new(network(program)), filter }
}

/// The same as [`state`], given the state of another program. What is the same is shared, and changes of rules, which are
/// the most frequent, cost what they change.
pub fn update(old: &NamespaceProgram, old_state: &NetState, new: &NamespaceProgram) -> NetState {
    let (Role::Router(before), Role::Router(after), Some(table)) = (&old.role, &new.role, &old_state.filter)
    else {
        return state(new);
    };
    if old.interfaces != new.interfaces || !router::differs_in_rules_only(before, after) {
        return state(new);
    }
    NetState {
        network: old_state.network.clone(),
        filter: Some(Arc::new(router::update(before, table, after))),
    }
}

/// What a tracked connection means that the kernel has with these tuples and this mark.
pub(crate) fn connection(
    program: &NamespaceProgram,
    original: Packet,
    reply: Packet,
    mark: u32,
) -> Connection {
    let returns = matches!(program.role, Role::Router(_)).then(|| router::returns(mark)).flatten();
    Connection { original, reply, returns }
}

fn network(program: &NamespaceProgram) -> Network {
    let mut state = Network::default();
    for (name, interface) in &program.interfaces {
        let link = Link { mac: interface.mac, mtu: interface.mtu, peer: Some(interface.peer.clone()) };
        state.links.insert(name.clone(), link);
    }
    set_common_sysctls(&mut state);
    match &program.role {
        Role::Router(router) => router::render(program, router, &mut state),
        Role::Host(host) => host::render(program, host, &mut state),
        Role::NatGateway(gateway) => nat_gateway::render(program, gateway, &mut state),
        Role::NetworkBalancer(balancer) => network_balancer::render(program, balancer, &mut state),
        Role::Internet(internet) => internet::render(program, internet, &mut state),
    }
    state
}

/// What hosts' distributions set differently, on `all`, `default` and every device: routes here are asymmetric on
/// purpose, and nobody is to be told of a shorter way around a filter. IPv6 is not part of a program yet.
fn set_common_sysctls(state: &mut Network) {
    let links = state.links.keys().map(|name| name.as_str());
    let mut values = Vec::new();
    for device in links.clone().chain(["all", "default"]) {
        for setting in ["rp_filter", "send_redirects", "accept_redirects"] {
            values.push((format!("ipv4/conf/{device}/{setting}"), "0"));
        }
    }
    values.extend(links.map(|device| (format!("ipv4/neigh/{device}/proxy_delay"), "0")));
    // A route in the packet would lead it past what was asked of its destination. Off for all is off for each.
    values.push(("ipv4/conf/all/accept_source_route".to_owned(), "0"));
    for device in ["all", "default"] {
        values.push((format!("ipv6/conf/{device}/disable_ipv6"), "1"));
    }
    for (path, value) in values {
        set(state, &path, value);
    }
}

fn set(state: &mut Network, path: &str, value: impl ToString) {
    state.sysctls.insert(path.to_owned(), value.to_string());
}

/// Passes packets on. That one of them is for a connection of the namespace's own is rare and not worth a look before its way is chosen
/// ([`ip_early_demux`](https://docs.kernel.org/networking/ip-sysctl.html)).
fn forwards(state: &mut Network) {
    set(state, "ipv4/ip_forward", 1);
    set(state, "ipv4/ip_early_demux", 0);
}

/// An address of its own, without a route.
fn add_address(state: &mut Network, interface: &InterfaceName, address: Ipv4Addr, prefix: u8) {
    state.addresses.insert(Address { interface: interface.clone(), address, prefix });
}

/// A next hop that needs no ARP: the other end of the veth pair.
fn add_next_hop(
    state: &mut Network,
    name: &InterfaceName,
    interface: Option<&Interface>,
    next_hop: Ipv4Addr,
) {
    if let Some(interface) = interface {
        state.neighbours.insert((name.clone(), next_hop), interface.peer_mac);
    }
}

/// A route out of an interface.
fn add_route(
    state: &mut Network,
    key: RouteKey,
    interface: &InterfaceName,
    via: Option<Ipv4Addr>,
    source: Option<Ipv4Addr>,
) {
    state.routes.insert(key, RouteTarget::Unicast { interface: interface.clone(), via, source });
}

/// What matches the protocol and the destination port or ICMP type. A header is only read after its protocol was.
fn traffic(traffic: TrafficMatch) -> Vec<Clause> {
    let protocol = match traffic.protocol() {
        Protocol::All => return Vec::new(),
        Protocol::Number(number) => Clause::Is(Field::Protocol, Value::Protocol(number)),
    };
    let mut clauses = vec![protocol];
    match traffic {
        TrafficMatch::All | TrafficMatch::Other(_) => {}
        TrafficMatch::Tcp(ports) | TrafficMatch::Udp(ports) => clauses.extend(destination_port(ports)),
        TrafficMatch::Icmp(IcmpMatch { kind, code }) => {
            clauses.extend(kind.map(|kind| Clause::Is(Field::IcmpType, Value::Byte(kind))));
            clauses.extend(code.map(|code| Clause::Is(Field::IcmpCode, Value::Byte(code))));
        }
    }
    clauses
}

fn destination_port(ports: PortRange) -> Option<Clause> {
    let value =
        if PortRange::from(ports) == ports.to() { Value::Port(ports.to()) } else { Value::Ports(ports) };
    (ports != PortRange::ALL).then_some(Clause::Is(Field::DestinationPort, value))
}

/// What matches an address of the block; nothing if every address does.
fn within(field: Field, block: Cidr) -> Option<Clause> {
    let value = if block.prefix() == 32 { Value::Address(block.network()) } else { Value::Network(block) };
    (block != Cidr::EVERYWHERE).then_some(Clause::Is(field, value))
}

/// A key of an interface and an address.
fn behind(interface: &InterfaceName, address: Ipv4Addr) -> Key {
    vec![Value::Interface(interface.clone()), Value::Address(address)]
}

/// An element of a set with a key of one part.
fn member(value: Value) -> (Key, Data) {
    (vec![value], Data::Member)
}
