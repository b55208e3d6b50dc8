//! Makes load balancers of some instances of a random program: every part of a Network Load Balancer that the kernel
//! knows, also in combinations that no cloud could be in.
//!
//! Which instances, and what they listen for, follows from the seed, the instance and the state of the world alone, so
//! that most load balancers stay what they are when a world changes, and some get other targets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use enishi_fabric::program::{
    BalancedProtocol, BalancerTarget, Device, FlowHash, Forward, Gate, Listener, ListenerAction,
    ListenerPort, NetworkBalancer, ReturnMark, Role, Router,
};
use enishi_fabric::{InterfaceName, NamespaceName, Origin, Program};

use crate::Random;

/// The share of instances, in percent, that become load balancers.
const SHARE: usize = 20;
/// What load balancers may listen on.
pub(super) const PORTS: [u16; 3] = [22, 80, 443];

/// An instance that becomes a load balancer.
struct Candidate {
    name: NamespaceName,
    device: Device,
    router: NamespaceName,
    port: InterfaceName,
}

/// The same program with load balancers. `state` counts the changes of the world.
pub(super) fn with_balancers(program: &Program, seed: u64, state: usize) -> Program {
    let mut program = program.clone();
    for candidate in candidates(&program, seed) {
        let targets = targets(&program, &candidate);
        let mut random = randomness(seed, candidate.name.as_str());
        let mut whims = randomness(seed.wrapping_add(state as u64), candidate.name.as_str());
        let node = program.namespaces.get_mut(&candidate.name).map(Arc::make_mut);
        if let Some(node) = node {
            node.role = Role::NetworkBalancer(NetworkBalancer {
                origin: Origin::resource(candidate.name.as_str()),
                device: candidate.device,
                listeners: listeners(&targets, &mut random, &mut whims),
                transparent: random.chance(30),
            });
        }
        let router =
            program.namespaces.get_mut(&candidate.router).map(|router| &mut Arc::make_mut(router).role);
        if let Some(Role::Router(router)) = router {
            plug(router, &candidate.port, random.chance(25));
        }
    }
    program
}

/// The addresses of load balancers, public ones among them. A node chooses by the source port that it sees, so nobody may
/// send to them whose port an address translator could replace.
pub(super) fn addresses(program: &Program) -> BTreeSet<Ipv4Addr> {
    let mut addresses = BTreeSet::new();
    for namespace in program.namespaces.values() {
        if let Role::NetworkBalancer(balancer) = &namespace.role {
            addresses.extend(&balancer.device.addresses);
        }
    }
    let ports = program.namespaces.values().filter_map(|namespace| match &namespace.role {
        Role::Router(router) => router.internet.as_ref(),
        _ => None,
    });
    let mappings = ports.flat_map(|port| &port.mappings);
    let public =
        mappings.filter(|(private, _)| addresses.contains(*private)).map(|(_, public)| public.address);
    let public: Vec<_> = public.collect();
    addresses.extend(public);
    addresses
}

fn randomness(seed: u64, name: &str) -> Random {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    Random::new(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn candidates(program: &Program, seed: u64) -> Vec<Candidate> {
    let hosts = program.namespaces.iter().filter_map(|(name, namespace)| match &namespace.role {
        Role::Host(host) if host.resolver_endpoint.is_none() => Some((name, namespace, host)),
        _ => None,
    });
    let candidates = hosts.filter_map(|(name, namespace, host)| {
        let [device] = host.devices.as_slice() else { return None };
        let peer = &namespace.interfaces.get(&device.interface)?.peer;
        let chosen = randomness(seed.wrapping_add(1 << 32), name.as_str()).chance(SHARE);
        chosen.then(|| Candidate {
            name: name.clone(),
            device: device.clone(),
            router: peer.namespace.clone(),
            port: peer.interface.clone(),
        })
    });
    candidates.collect()
}

/// Who could be a target: everything with an address in the same VPC but the load balancer itself.
fn targets(program: &Program, candidate: &Candidate) -> Vec<(Ipv4Addr, Origin)> {
    let Some(Role::Router(router)) = program.namespaces.get(&candidate.router).map(|router| &router.role)
    else {
        return Vec::new();
    };
    let others = router.enis.iter().filter(|(port, _)| **port != candidate.port);
    others.flat_map(|(_, eni)| eni.addresses.iter().map(|address| (*address, eni.origin.clone()))).collect()
}

/// `random` says what lasts, `whims` what changes from state to state.
fn listeners(
    targets: &[(Ipv4Addr, Origin)],
    random: &mut Random,
    whims: &mut Random,
) -> BTreeMap<ListenerPort, Listener> {
    let mut listeners = BTreeMap::new();
    for protocol in [BalancedProtocol::Tcp, BalancedProtocol::Udp] {
        for port in PORTS {
            let kind = random.below(100);
            let forward = forward(targets, random, whims);
            let action = match kind {
                0..10 => continue,
                10..25 => ListenerAction::Local,
                _ => ListenerAction::Forward(forward),
            };
            let origin = Origin::rule("listener", &port.to_string());
            listeners.insert(ListenerPort { protocol, port }, Listener { origin, action });
        }
    }
    listeners
}

fn forward(targets: &[(Ipv4Addr, Origin)], random: &mut Random, whims: &mut Random) -> Forward {
    let count = if random.chance(40) { 0 } else { random.between(1, 3) };
    let port = random.pick(&PORTS);
    let mut listed: Vec<_> = (0..count).filter_map(|_| random.pick_any(targets)).collect();
    if whims.chance(30) {
        listed.pop();
    }
    if whims.chance(30) {
        listed.extend(whims.pick_any(targets));
    }
    let some = |whims: &mut Random| -> BTreeSet<SocketAddrV4> {
        let some = whims.pick_any(targets).filter(|_| whims.chance(30));
        some.map(|(address, _)| SocketAddrV4::new(address, port)).into_iter().collect()
    };
    Forward {
        targets: listed
            .into_iter()
            .map(|(address, origin)| BalancerTarget { origin, address, port })
            .collect(),
        hash: random.pick(&[FlowHash::Flow, FlowHash::Flow, FlowHash::Source]),
        preserve_client_ip: random.chance(70),
        idle_seconds: 350,
        draining: some(whims),
        severed: some(whims),
        ends_unlisted: random.chance(40),
    }
}

fn plug(router: &mut Router, port: &InterfaceName, open: bool) {
    let number = port.as_str().trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u32>();
    let Some(eni) = router.enis.get_mut(port) else { return };
    eni.source_dest_check = false;
    eni.returns = number.ok().and_then(|number| ReturnMark::new(number + 1).ok());
    if open {
        let groups = std::mem::replace(&mut eni.gate, Gate::Open);
        let Gate::Groups(groups) = groups else { return };
        for group in groups {
            let group = router.groups.get_mut(&group);
            group.into_iter().for_each(|group| group.members.retain(|(member, _)| member != port));
        }
    }
}
