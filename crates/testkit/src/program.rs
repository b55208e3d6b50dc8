//! Programs in tests: printed for golden files, and checked for keys that lead nowhere.

use std::fmt::{Display, Write};

use enishi_fabric::dns::{RuleAction, VpcResolver};
use enishi_fabric::program::{
    Device, Eni, FlowHash, Gate, Internet, InternetPort, ListenerAction, NamespaceProgram, NetworkBalancer,
    Peer, Role, RouteTarget, Router, Untracked,
};
use enishi_fabric::{Cidr, Program, Protocol, TrafficMatch};

/// Everything that a program says, one fact per line.
pub fn describe(program: &Program) -> String {
    let mut page = Page::default();
    for namespace in program.namespaces.values() {
        page.namespace(namespace);
    }
    page.0
}

/// What a program refers to but does not hold, and ends of veth pairs that do not agree. Empty in a sound program.
pub fn dangling(program: &Program) -> Vec<String> {
    let mut dangling = Vec::new();
    for (name, namespace) in &program.namespaces {
        if *name != namespace.name {
            dangling.push(format!("{name} is called {}", namespace.name));
        }
        unpaired(program, namespace, &mut dangling);
        match &namespace.role {
            Role::Router(router) => router_dangling(namespace, router, &mut dangling),
            Role::Host(host) => devices_dangling(namespace, &host.devices, &mut dangling),
            Role::NatGateway(nat) => {
                devices_dangling(namespace, std::slice::from_ref(&nat.device), &mut dangling);
            }
            Role::NetworkBalancer(balancer) => {
                devices_dangling(namespace, std::slice::from_ref(&balancer.device), &mut dangling);
            }
            Role::Internet(internet) => {
                for (address, interface) in &internet.routes {
                    if !namespace.interfaces.contains_key(interface) {
                        dangling.push(format!("internet: {address} over {interface}"));
                    }
                }
            }
        }
    }
    dangling
}

fn unpaired(program: &Program, namespace: &NamespaceProgram, dangling: &mut Vec<String>) {
    for (name, interface) in &namespace.interfaces {
        let peer = program.namespaces.get(&interface.peer.namespace);
        let other = peer.and_then(|peer| peer.interfaces.get(&interface.peer.interface));
        let agrees = other.is_some_and(|other| {
            other.peer.namespace == namespace.name
                && other.peer.interface == *name
                && (other.mac, other.peer_mac, other.mtu)
                    == (interface.peer_mac, interface.mac, interface.mtu)
        });
        if !agrees {
            dangling.push(format!("{} {name}: the other end does not agree", namespace.name));
        }
    }
}

fn router_dangling(namespace: &NamespaceProgram, router: &Router, dangling: &mut Vec<String>) {
    let name = &namespace.name;
    let mut want = |holds: bool, what: &dyn Display| {
        if !holds {
            dangling.push(format!("{name}: {what}"));
        }
    };
    for subnet in router.subnets.values() {
        want(router.tables.contains_key(&subnet.table), &subnet.origin);
        want(router.acls.contains_key(&subnet.acl), &subnet.acl);
    }
    for (interface, eni) in &router.enis {
        want(namespace.interfaces.contains_key(interface), interface);
        want(router.subnets.contains_key(&eni.subnet), &eni.origin);
        if let Gate::Groups(groups) = &eni.gate {
            want(!groups.is_empty(), &eni.origin);
            groups.iter().for_each(|group| want(router.groups.contains_key(group), group));
        }
    }
    for route in router.tables.values().flat_map(|table| table.routes.values()) {
        match &route.target {
            RouteTarget::Eni { interface, via, .. } => {
                let eni = router.enis.get(interface);
                want(eni.is_some_and(|eni| eni.addresses.first() == Some(via)), &route.origin);
            }
            RouteTarget::Internet => want(router.internet.is_some(), &route.origin),
            // Its other VPC may have no router.
            RouteTarget::Peering(_) | RouteTarget::Local | RouteTarget::Blackhole => {}
        }
    }
    for group in router.groups.values() {
        for rule in group.ingress.iter().chain(&group.egress) {
            if let Peer::Group(peer) = &rule.peer {
                want(router.groups.contains_key(peer), &rule.origin);
            }
        }
        for (interface, address) in &group.members {
            let eni = router.enis.get(interface);
            let own = eni.is_some_and(|eni| eni.addresses.contains(address));
            let peering = router.peerings.get(interface);
            let peered = peering.is_some_and(|port| port.cidrs.iter().any(|cidr| cidr.contains(*address)));
            want(own || peered, &group.origin);
        }
    }
    for (interface, port) in &router.peerings {
        want(namespace.interfaces.contains_key(interface), &port.origin);
    }
    if let Some(port) = &router.internet {
        want(namespace.interfaces.contains_key(&port.interface), &port.interface);
        for private in port.mappings.keys() {
            want(router.enis.values().any(|eni| eni.addresses.contains(private)), private);
        }
    }
}

fn devices_dangling(namespace: &NamespaceProgram, devices: &[Device], dangling: &mut Vec<String>) {
    let named: Vec<_> = devices.iter().map(|device| &device.interface).collect();
    let held: Vec<_> = namespace.interfaces.keys().collect();
    let mut sorted = named.clone();
    sorted.sort();
    if sorted != held {
        dangling.push(format!("{}: devices {named:?}, interfaces {held:?}", namespace.name));
    }
}

/// Lines of text; writing to a `String` cannot fail.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, indent: usize, text: impl Display) {
        writeln!(self.0, "{:indent$}{text}", "", indent = indent * 2).expect("a String takes everything");
    }

    fn namespace(&mut self, namespace: &NamespaceProgram) {
        let kind = match &namespace.role {
            Role::Router(_) => "router",
            Role::Host(_) => "host",
            Role::NatGateway(_) => "NAT gateway",
            Role::NetworkBalancer(_) => "network balancer",
            Role::Internet(_) => "internet",
        };
        self.line(0, format_args!("{kind} {}", namespace.name));
        for (name, interface) in &namespace.interfaces {
            let peer = &interface.peer;
            let text = format!("{} mtu {} to {}", interface.mac, interface.mtu, interface.peer_mac);
            self.line(1, format_args!("link {name} {text} {}/{}", peer.namespace, peer.interface));
        }
        match &namespace.role {
            Role::Router(router) => self.router(router),
            Role::Host(host) => host.devices.iter().for_each(|device| self.device(device)),
            Role::NatGateway(nat) => {
                self.device(&nat.device);
                self.line(1, format_args!("idle {} s", nat.idle_seconds));
            }
            Role::NetworkBalancer(balancer) => self.balancer(balancer),
            Role::Internet(internet) => self.internet(internet),
        }
    }

    fn balancer(&mut self, balancer: &NetworkBalancer) {
        self.device(&balancer.device);
        if balancer.transparent {
            self.line(1, "transparent");
        }
        for (at, listener) in &balancer.listeners {
            let forward = match &listener.action {
                ListenerAction::Local => None,
                ListenerAction::Forward(forward) => Some(forward),
            };
            let at = format!("{} {}", Protocol::from(at.protocol), at.port);
            let Some(forward) = forward else {
                self.line(1, format_args!("listener {at} {} local", listener.origin));
                continue;
            };
            let hash = match forward.hash {
                FlowHash::Flow => "by flow",
                FlowHash::Source => "by source",
            };
            let client = if forward.preserve_client_ip { "client seen" } else { "client hidden" };
            let ends = if forward.ends_unlisted { " ends unlisted" } else { "" };
            let idle = forward.idle_seconds;
            let how = format!("{hash} {client} idle {idle} s{ends}");
            self.line(1, format_args!("listener {at} {} {how}", listener.origin));
            for target in &forward.targets {
                self.line(2, format_args!("target {} {}", target.socket(), target.origin));
            }
            for target in &forward.draining {
                self.line(2, format_args!("draining {target}"));
            }
            for target in &forward.severed {
                self.line(2, format_args!("severed {target}"));
            }
        }
    }

    /// What a VPC's resolver knows.
    fn resolver(&mut self, resolver: &VpcResolver) {
        let VpcResolver { vpc, region, listen, .. } = resolver;
        self.line(1, format_args!("resolver of {vpc} in {region} at {}", list(listen)));
        self.line(2, format_args!("own {}", list(&resolver.autodefined)));
        for (domain, rule) in &resolver.rules {
            let action = match &rule.action {
                RuleAction::System => "resolved as ever".to_owned(),
                RuleAction::Forward { endpoint, targets } => format!("to {} by {endpoint}", list(targets)),
            };
            self.line(2, format_args!("rule {} {domain} {action}", rule.id));
        }
        for (domain, zone) in &resolver.private_zones {
            self.line(2, format_args!("zone {domain} {zone}"));
        }
        for (name, addresses) in &resolver.names {
            self.line(2, format_args!("{name} {}", list(addresses)));
        }
        for (name, target) in &resolver.pointers {
            self.line(2, format_args!("{name} {target}"));
        }
        for (address, (eni, instance)) in &resolver.clients {
            let instance = instance.as_deref().unwrap_or("nobody");
            self.line(2, format_args!("client {address} {eni} of {instance}"));
        }
        for log in &resolver.logs {
            self.line(2, format_args!("log {log}"));
        }
    }

    fn router(&mut self, router: &Router) {
        self.line(1, format_args!("blocks {}", list(&router.cidrs)));
        self.line(1, format_args!("services {}", list(&router.services)));
        if let Some(resolver) = &router.resolver {
            self.resolver(resolver);
        }
        for (mark, subnet) in &router.subnets {
            let filter = format!("table {} acl {}", subnet.table.0, subnet.acl);
            self.line(1, format_args!("subnet {} {} {} {filter}", mark.0, subnet.origin, subnet.cidr));
        }
        for (name, eni) in &router.enis {
            self.line(1, format_args!("eni {name} {}", eni_text(eni)));
        }
        for (number, table) in &router.tables {
            self.line(1, format_args!("table {} {}", number.0, table.origin));
            for (to, route) in &table.routes {
                self.line(2, format_args!("{to} {}", target(&route.target)));
            }
        }
        for acl in router.acls.values() {
            self.line(1, format_args!("acl {}", acl.origin));
            for (way, rules) in [("in", &acl.inbound), ("out", &acl.outbound)] {
                for rule in rules {
                    let verdict = if rule.allow { "allow" } else { "deny" };
                    let number = rule.origin.rule.as_deref().unwrap_or_default();
                    self.line(2, format_args!("{way} {number} {verdict} {} {}", rule.traffic, rule.cidr));
                }
            }
        }
        self.groups(router);
        for (name, port) in &router.peerings {
            let blocks = list(&port.cidrs);
            self.line(1, format_args!("peering {} on {name} via {} to {blocks}", port.origin, port.next_hop));
        }
        if let Some(port) = &router.internet {
            self.port(port);
        }
    }

    fn groups(&mut self, router: &Router) {
        for group in router.groups.values() {
            self.line(1, format_args!("group {}", group.origin));
            for (way, rules) in [("in", &group.ingress), ("out", &group.egress)] {
                for rule in rules {
                    let id = rule.origin.rule.as_deref().unwrap_or_default();
                    self.line(2, format_args!("{way} {id} {}", admitted(rule.traffic, &rule.peer)));
                }
            }
            for (interface, address) in &group.members {
                self.line(2, format_args!("member {interface} {address}"));
            }
        }
    }

    fn port(&mut self, port: &InternetPort) {
        self.line(1, format_args!("internet {} on {} via {}", port.origin, port.interface, port.next_hop));
        for (private, public) in &port.mappings {
            self.line(2, format_args!("{private} is {} {}", public.address, public.origin));
        }
    }

    fn device(&mut self, device: &Device) {
        let at = format!("in {} via {}", device.subnet, device.gateway);
        let addresses = list(&device.addresses);
        self.line(1, format_args!("device {} {} {addresses} {at}", device.interface, device.origin));
    }

    fn internet(&mut self, internet: &Internet) {
        self.line(1, format_args!("address {} pool {}", internet.address, internet.pool));
        self.line(1, format_args!("hosts {} next hop {}", internet.hosts, internet.next_hop));
        self.line(1, format_args!("unrouted {}", list(&internet.unrouted)));
        for (address, interface) in &internet.routes {
            self.line(1, format_args!("route {address} {interface}"));
        }
    }
}

fn eni_text(eni: &Eni) -> String {
    let check = if eni.source_dest_check { "checked" } else { "unchecked" };
    let gate = match &eni.gate {
        Gate::Groups(groups) => list(groups),
        Gate::Open => "open".into(),
    };
    let addresses = list(&eni.addresses);
    let untracked = untracked(eni.untracked);
    let returns = eni.returns.map(|mark| format!(" returns {}", mark.number())).unwrap_or_default();
    let what = format!("{} of {} in {}", eni.origin, eni.owner, eni.subnet.0);
    format!("{what} {addresses} {check} {gate} {untracked}{returns}")
}

fn untracked(untracked: Untracked) -> String {
    let flags = [
        (untracked.ingress_tcp, "in-tcp"),
        (untracked.ingress_udp, "in-udp"),
        (untracked.egress_tcp, "out-tcp"),
        (untracked.egress_udp, "out-udp"),
    ];
    let set: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if set.is_empty() { "tracked".into() } else { format!("untracked {}", set.join(",")) }
}

fn target(target: &RouteTarget) -> String {
    match target {
        RouteTarget::Local => "local".into(),
        RouteTarget::Eni { interface, via, gateway } => format!("{gateway} over {interface} via {via}"),
        RouteTarget::Internet => "internet".into(),
        RouteTarget::Peering(interface) => format!("peering over {interface}"),
        RouteTarget::Blackhole => "blackhole".into(),
    }
}

fn admitted(traffic: TrafficMatch, peer: &Peer) -> String {
    match peer {
        Peer::Cidr(Cidr::EVERYWHERE) => format!("{traffic} everywhere"),
        Peer::Cidr(cidr) => format!("{traffic} {cidr}"),
        Peer::Group(group) => format!("{traffic} {group}"),
    }
}

fn list<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" ")
}
