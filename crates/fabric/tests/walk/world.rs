//! Small worlds written as text, one resource a line, compiled to programs by hand: these tests judge what a program
//! means, so they do not lean on the compiler.
//!
//! ```text
//! vpc ID CIDR[,CIDR]             igw ID VPC                      table ID VPC [DESTINATION=TARGET]...
//! acl ID VPC                     allow|deny in|out ACL NUMBER TRAFFIC CIDR
//! subnet ID VPC CIDR TABLE ACL   group ID VPC                    in|out GROUP RULE TRAFFIC PEER
//! host ID SUBNET ADDRESS[,ADDRESS] GROUP[,GROUP] [forwards]      nat ID SUBNET ADDRESS
//! eip ID PUBLIC PRIVATE VPC
//! nlb ID SUBNET ADDRESS GROUP[,GROUP]|- [transparent]
//! listener NLB tcp/PORT|udp/PORT local
//! listener NLB tcp/PORT|udp/PORT TARGET[,TARGET]|- [hide] [sticky] [ends] [drain=TARGET] [sever=TARGET]
//! ```
//!
//! Targets are `igw`, `blackhole`, a host or a NAT gateway. TRAFFIC is `all`, `tcp`, `udp`, `icmp`, `tcp/80`,
//! `udp/53-54`, `proto/47`. Every table has the local routes of its VPC, and the ACL `open` allows everything. A host that
//! is named twice has two devices. The TARGET of a load balancer is `ADDRESS:PORT`; it sees the client unless `hide`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use enishi_fabric::program::*;
use enishi_fabric::{
    Cidr, Flow, IcmpMatch, InterfaceName, Mac, NamespaceName, Network, Origin, Packet, PortRange, Program,
    Trace, TrafficMatch, Transport, walk,
};

/// Where hosts send from unless told.
pub const PORT: u16 = 40000;

/// The internet's own address.
pub const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 9);

/// The lines of a world.
#[derive(Debug, Clone)]
pub struct World(Vec<String>);

impl World {
    pub fn new(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        World(lines.filter(|line| !line.is_empty()).collect())
    }

    pub fn with(&self, text: &str) -> Self {
        let mut lines = self.0.clone();
        lines.extend(World::new(text).0);
        World(lines)
    }

    /// Without the one line that starts so.
    pub fn without(&self, start: &str) -> Self {
        let (gone, kept): (Vec<_>, Vec<_>) = self.0.iter().cloned().partition(|line| line.starts_with(start));
        assert_eq!(gone.len(), 1, "{start:?} is the start of one line, not of {gone:?}");
        World(kept)
    }

    pub fn program(&self) -> Program {
        let mut build = Build::default();
        for pass in [Build::networks, Build::contents, Build::routes] {
            for line in &self.0 {
                pass(&mut build, line);
            }
        }
        build.finish()
    }

    pub fn network(&self) -> Network {
        Network::new(self.program())
    }

    /// Walks a first packet: see [`flow`].
    pub fn walk(&self, text: &str) -> Trace {
        let program = self.program();
        walk(&program, &flow(&program, text))
    }

    /// Asserts the whole printed trace of a first packet. Indentation does not matter.
    #[track_caller]
    pub fn check(&self, text: &str, expected: &str) {
        assert_printed(&self.walk(text), expected);
    }
}

/// Compares what a trace prints, line by line, without indentation.
#[track_caller]
pub fn assert_printed(trace: &Trace, expected: &str) {
    let trimmed = |text: &str| text.trim().lines().map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(&trace.to_string()), trimmed(expected), "\n{}", trace.hop_by_hop());
}

/// Sends what [`flow`] reads.
pub fn send(network: &mut Network, text: &str) -> Trace {
    let flow = flow(network.program(), text);
    network.send(&flow)
}

/// Sends a packet that must arrive, and its answer, which must arrive too.
#[track_caller]
pub fn converse(network: &mut Network, text: &str) -> Trace {
    let trace = send(network, text);
    assert!(trace.is_accepted(), "{trace}");
    let answer = network.reply(&trace).expect("an accepted packet can be answered");
    assert!(answer.arrives, "{}\n{}", trace.hop_by_hop(), answer.trace.hop_by_hop());
    trace
}

/// Reads `SENDER[@SOURCE][:PORT] -> DESTINATION TRAFFIC`. The source is the sender's first address unless given.
pub fn flow(program: &Program, text: &str) -> Flow {
    let [sender, "->", destination, traffic] = words(text)[..] else { panic!("not a flow: {text}") };
    let (sender, port) = sender.split_once(':').map_or((sender, PORT), |(s, p)| (s, p.parse().unwrap()));
    let (sender, source) = sender.split_once('@').map_or((sender, None), |(s, a)| (s, Some(address(a))));
    let from = NamespaceName::new(sender);
    let source = source.unwrap_or_else(|| match &program.namespaces[&from].role {
        Role::Host(host) => host.devices[0].addresses[0],
        Role::NatGateway(nat) => nat.device.addresses[0],
        Role::NetworkBalancer(balancer) => balancer.device.addresses[0],
        Role::Internet(internet) => internet.address,
        Role::Router(_) => panic!("{sender} needs a source"),
    });
    let transport = match traffic.split_once('/') {
        Some(("tcp", to)) => Transport::Tcp(port, to.parse().unwrap()),
        Some(("udp", to)) => Transport::Udp(port, to.parse().unwrap()),
        Some(("proto", number)) => Transport::Other(number.parse().unwrap()),
        None if traffic == "icmp" => Transport::Echo { id: port, reply: false },
        None if traffic == "icmp-reply" => Transport::Echo { id: port, reply: true },
        _ => panic!("not traffic: {traffic}"),
    };
    Flow { from, packet: Packet { source, destination: address(destination), transport } }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn address(text: &str) -> Ipv4Addr {
    text.parse().unwrap_or_else(|_| panic!("not an address: {text}"))
}

fn socket(text: &str) -> SocketAddrV4 {
    text.parse().unwrap_or_else(|_| panic!("not an address and port: {text}"))
}

fn cidr(text: &str) -> Cidr {
    text.parse().unwrap_or_else(|_| panic!("not a block: {text}"))
}

fn traffic(text: &str) -> TrafficMatch {
    let (protocol, ports) = text.split_once('/').unwrap_or((text, "0-65535"));
    let range = || {
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        PortRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    };
    match protocol {
        "all" => TrafficMatch::All,
        "tcp" => TrafficMatch::Tcp(range()),
        "udp" => TrafficMatch::Udp(range()),
        "icmp" => TrafficMatch::Icmp(IcmpMatch::ANY),
        "proto" => TrafficMatch::Other(ports.parse().unwrap()),
        _ => panic!("not traffic: {text}"),
    }
}

/// The compiler's state: routers under construction, and the nodes around them.
#[derive(Default)]
struct Build {
    routers: BTreeMap<String, NamespaceProgram>,
    nodes: BTreeMap<NamespaceName, NamespaceProgram>,
    /// The VPC and the mark of a subnet; the VPC of a group, a table, an ACL; the VPC and port of a host's first device.
    subnets: BTreeMap<String, (String, Mark)>,
    vpcs: BTreeMap<String, String>,
    ports: BTreeMap<String, (String, InterfaceName)>,
    tables: BTreeMap<String, TableId>,
    public: BTreeMap<Ipv4Addr, InterfaceName>,
}

impl Build {
    fn router(&mut self, vpc: &str) -> &mut Router {
        match &mut self.routers.get_mut(vpc).unwrap_or_else(|| panic!("no {vpc}")).role {
            Role::Router(router) => router,
            _ => unreachable!("routers are routers"),
        }
    }

    fn router_of(&mut self, id: &str) -> &mut Router {
        let vpc = self.vpcs.get(id).unwrap_or_else(|| panic!("no {id}")).clone();
        self.router(&vpc)
    }

    /// VPCs and what hangs on them by name.
    fn networks(&mut self, line: &str) {
        match words(line)[..] {
            ["vpc", id, blocks] => self.vpc(id, blocks),
            ["igw", id, vpc] => {
                let port = InternetPort {
                    origin: Origin::resource(id),
                    interface: InterfaceName::igw(),
                    next_hop: Ipv4Addr::new(169, 254, 0, 1),
                    mappings: BTreeMap::new(),
                };
                self.router(vpc).internet = Some(port);
            }
            ["acl", id, vpc] => self.acl(id, vpc),
            ["table", id, vpc, ..] => self.table(id, vpc),
            ["group", id, vpc] => {
                let group = SecurityGroup {
                    origin: Origin::resource(id),
                    ingress: Vec::new(),
                    egress: Vec::new(),
                    members: BTreeSet::new(),
                };
                self.vpcs.insert(id.to_owned(), vpc.to_owned());
                self.router(vpc).groups.insert(id.into(), group);
            }
            ["subnet", id, vpc, block, table, acl] => self.subnet(id, vpc, block, table, acl),
            _ => {}
        }
    }

    fn vpc(&mut self, id: &str, blocks: &str) {
        let cidrs: Vec<Cidr> = blocks.split(',').map(cidr).collect();
        let resolver = cidrs[0].nth(2).unwrap();
        let role = Role::Router(Router {
            origin: Origin::resource(id),
            cidrs,
            services: BTreeSet::from([resolver, Ipv4Addr::new(169, 254, 169, 254)]),
            subnets: BTreeMap::new(),
            enis: BTreeMap::new(),
            tables: BTreeMap::new(),
            acls: BTreeMap::new(),
            groups: BTreeMap::new(),
            internet: None,
            peerings: BTreeMap::new(),
            resolver: None,
        });
        let to_internet = plug("internet", &vpc_port(id));
        let interfaces = BTreeMap::from([(InterfaceName::igw(), to_internet)]);
        self.routers
            .insert(id.to_owned(), NamespaceProgram { name: NamespaceName::new(id), interfaces, role });
        self.acl("open", id);
        for way in ["in", "out"] {
            let origin = Origin::rule("open", "100");
            let (traffic, cidr) = (TrafficMatch::All, Cidr::EVERYWHERE);
            self.acl_rule(id, "open", way, AclRule { origin, allow: true, traffic, cidr });
        }
    }

    fn acl(&mut self, id: &str, vpc: &str) {
        let acl = NetworkAcl { origin: Origin::resource(id), inbound: Vec::new(), outbound: Vec::new() };
        self.vpcs.insert(id.to_owned(), vpc.to_owned());
        self.router(vpc).acls.insert(id.into(), acl);
    }

    fn acl_rule(&mut self, vpc: &str, acl: &str, way: &str, rule: AclRule) {
        let acl = self.router(vpc).acls.get_mut(acl).unwrap_or_else(|| panic!("no {acl}"));
        let rules = if way == "out" { &mut acl.outbound } else { &mut acl.inbound };
        rules.push(rule);
        rules.sort_by_key(|rule| rule.origin.rule.as_ref().and_then(|n| n.parse::<u32>().ok()));
    }

    fn table(&mut self, id: &str, vpc: &str) {
        let number = TableId(256 + self.tables.len() as u32);
        self.tables.insert(id.to_owned(), number);
        self.vpcs.insert(id.to_owned(), vpc.to_owned());
        let router = self.router(vpc);
        let local = router.cidrs.iter().map(|&cidr| {
            (cidr, Route { origin: Origin::rule(id, &cidr.to_string()), target: RouteTarget::Local })
        });
        let table = RouteTable { origin: Origin::resource(id), routes: local.collect() };
        router.tables.insert(number, table);
    }

    fn subnet(&mut self, id: &str, vpc: &str, block: &str, table: &str, acl: &str) {
        let table = *self.tables.get(table).unwrap_or_else(|| panic!("{table} comes before {id}"));
        let router = self.router(vpc);
        let mark = Mark(1 + router.subnets.len() as u8);
        let subnet = Subnet { origin: Origin::resource(id), cidr: cidr(block), table, acl: acl.into() };
        router.services.insert(subnet.cidr.nth(1).unwrap());
        router.subnets.insert(mark, subnet);
        self.subnets.insert(id.to_owned(), (vpc.to_owned(), mark));
    }

    /// Rules, nodes and addresses.
    fn contents(&mut self, line: &str) {
        match words(line)[..] {
            [verb @ ("allow" | "deny"), way, acl, number, what, block] => {
                let vpc = self.vpcs[acl].clone();
                let rule = AclRule {
                    origin: Origin::rule(acl, number),
                    allow: verb == "allow",
                    traffic: traffic(what),
                    cidr: cidr(block),
                };
                self.acl_rule(&vpc, acl, way, rule);
            }
            [way @ ("in" | "out"), group, rule, what, peer] => {
                let peer =
                    if peer.starts_with("sg-") { Peer::Group(peer.into()) } else { Peer::Cidr(cidr(peer)) };
                let rule = GroupRule { origin: Origin::rule(group, rule), traffic: traffic(what), peer };
                let group = self.router_of(group).groups.get_mut(group).unwrap();
                if way == "in" { group.ingress.push(rule) } else { group.egress.push(rule) }
            }
            ["host", id, subnet, addresses, groups, ref options @ ..] => {
                let gate = Gate::Groups(groups.split(',').map(Arc::from).collect());
                let check = !options.contains(&"forwards");
                self.node(id, subnet, addresses, gate, check);
            }
            ["nat", id, subnet, address] => self.node(id, subnet, address, Gate::Open, false),
            ["nlb", id, subnet, address, groups, ref options @ ..] => {
                let listed = || Gate::Groups(groups.split(',').map(Arc::from).collect());
                self.node(id, subnet, address, if groups == "-" { Gate::Open } else { listed() }, false);
                self.balancer(id, options.contains(&"transparent"));
            }
            ["eip", id, public, private, vpc] => {
                let mapping = PublicAddress { address: address(public), origin: Origin::resource(id) };
                let port = self.router(vpc).internet.as_mut().unwrap_or_else(|| panic!("{vpc} has no igw"));
                port.mappings.insert(address(private), mapping);
                self.public.insert(address(public), vpc_port(vpc));
            }
            _ => {}
        }
    }

    /// A node's next device, and the router's port for it.
    fn node(&mut self, id: &str, subnet: &str, addresses: &str, gate: Gate, check: bool) {
        let (vpc, mark) = self.subnets.get(subnet).unwrap_or_else(|| panic!("no {subnet}")).clone();
        let addresses: Vec<Ipv4Addr> = addresses.split(',').map(address).collect();
        let name = NamespaceName::new(id);
        let nat = matches!(gate, Gate::Open);
        let devices = match self.nodes.get(&name).map(|node| &node.role) {
            Some(Role::Host(host)) => host.devices.clone(),
            _ => Vec::new(),
        };
        let n = devices.len() as u8;
        let port = InterfaceName::new(&format!("{id}.{n}")).unwrap();
        let stem = id.strip_prefix("i-").unwrap_or(id);
        let origin =
            Origin::resource(&if n == 0 { format!("eni-{stem}") } else { format!("eni-{stem}.{n}") });
        let router = self.router(&vpc);
        let block = router.subnets[&mark].cidr;
        let eni = Eni {
            origin: origin.clone(),
            owner: name.clone(),
            subnet: mark,
            addresses: addresses.clone(),
            source_dest_check: check,
            gate,
            untracked: Untracked::default(),
            returns: None,
        };
        router.enis.insert(port.clone(), eni);
        let eth = InterfaceName::device(n);
        let router = self.routers.get_mut(&vpc).unwrap();
        router.interfaces.insert(port.clone(), plug(id, &eth));
        let device = Device {
            interface: eth.clone(),
            origin,
            addresses,
            subnet: block,
            gateway: block.nth(1).unwrap(),
        };
        self.ports.entry(id.to_owned()).or_insert((vpc.clone(), port.clone()));
        let node = self.nodes.entry(name.clone()).or_insert_with(|| NamespaceProgram {
            name,
            interfaces: BTreeMap::new(),
            role: Role::Host(Host { origin: Origin::resource(id), devices, resolver_endpoint: None }),
        });
        node.interfaces.insert(eth, plug(&vpc, &port));
        match &mut node.role {
            Role::Host(host) if !nat => host.devices.push(device),
            role => {
                *role =
                    Role::NatGateway(NatGateway { origin: Origin::resource(id), device, idle_seconds: 350 });
            }
        }
    }

    /// Makes a load balancer of a node.
    fn balancer(&mut self, id: &str, transparent: bool) {
        let name = NamespaceName::new(id);
        let (vpc, port) = self.ports[id].clone();
        let router = self.router(&vpc);
        let marks = router.enis.values().filter(|eni| eni.returns.is_some()).count() as u32;
        router.enis.get_mut(&port).unwrap().returns = Some(ReturnMark::new(marks + 1).unwrap());
        let node = self.nodes.get_mut(&name).unwrap();
        let device = match &node.role {
            Role::Host(host) => host.devices[0].clone(),
            Role::NatGateway(nat) => nat.device.clone(),
            _ => panic!("{id} is there already"),
        };
        let listeners = BTreeMap::new();
        let origin = Origin::resource(id);
        node.role = Role::NetworkBalancer(NetworkBalancer { origin, device, listeners, transparent });
    }

    fn listener(&mut self, id: &str, port: &str, targets: &str, options: &[&str]) {
        let (protocol, number) = port.split_once('/').expect("tcp/PORT or udp/PORT");
        let protocol = if protocol == "tcp" { BalancedProtocol::Tcp } else { BalancedProtocol::Udp };
        let sockets = |start: &str| -> BTreeSet<SocketAddrV4> {
            options.iter().filter_map(|option| option.strip_prefix(start)).map(socket).collect()
        };
        let target = |text: &str| {
            let (to, origin) = (socket(text), Origin::rule("tg-1", text));
            BalancerTarget { origin, address: *to.ip(), port: to.port() }
        };
        let action = match targets {
            "local" => ListenerAction::Local,
            _ => ListenerAction::Forward(Forward {
                targets: targets.split(',').filter(|text| *text != "-").map(target).collect(),
                hash: if options.contains(&"sticky") { FlowHash::Source } else { FlowHash::Flow },
                preserve_client_ip: !options.contains(&"hide"),
                idle_seconds: if protocol == BalancedProtocol::Tcp { 350 } else { 120 },
                draining: sockets("drain="),
                severed: sockets("sever="),
                ends_unlisted: options.contains(&"ends"),
            }),
        };
        let node = self.nodes.get_mut(&NamespaceName::new(id)).unwrap_or_else(|| panic!("no {id}"));
        let Role::NetworkBalancer(balancer) = &mut node.role else { panic!("{id} is no load balancer") };
        let listener = Listener { origin: Origin::rule(id, port), action };
        balancer.listeners.insert(ListenerPort { protocol, port: number.parse().unwrap() }, listener);
    }

    /// Routes lead to nodes, and listeners belong to some, so they come last.
    fn routes(&mut self, line: &str) {
        if let ["listener", id, port, targets, ref options @ ..] = words(line)[..] {
            self.listener(id, port, targets, options);
        }
        let ["table", id, _, ref routes @ ..] = words(line)[..] else { return };
        let number = self.tables[id];
        for route in routes {
            let (destination, target) = route.split_once('=').expect("DESTINATION=TARGET");
            let target = match target {
                "igw" => RouteTarget::Internet,
                "blackhole" => RouteTarget::Blackhole,
                node => {
                    let (_, interface) = self.ports.get(node).unwrap_or_else(|| panic!("no {node}")).clone();
                    let via = self.router_of(id).enis[&interface].addresses[0];
                    RouteTarget::Eni { interface, via, gateway: node.into() }
                }
            };
            let route = Route { origin: Origin::rule(id, destination), target };
            let table = self.router_of(id).tables.get_mut(&number).unwrap();
            table.routes.insert(cidr(destination), route);
        }
    }

    fn finish(mut self) -> Program {
        for namespace in self.routers.values_mut() {
            if let Role::Router(router) = &mut namespace.role {
                fill_members(router);
                fill_untracked(router);
            }
        }
        let internet = Internet {
            address: INTERNET,
            pool: cidr("198.18.0.0/15"),
            hosts: cidr("198.18.0.0/28"),
            unrouted: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"]
                .map(cidr)
                .to_vec(),
            routes: self.public,
            next_hop: Ipv4Addr::new(169, 254, 0, 2),
        };
        let ports = self.routers.keys().map(|vpc| (vpc_port(vpc), plug(vpc, &InterfaceName::igw())));
        let internet = NamespaceProgram {
            name: NamespaceName::internet(),
            interfaces: ports.collect(),
            role: Role::Internet(internet),
        };
        let all = self.routers.into_values().chain(self.nodes.into_values()).chain([internet]);
        let namespaces = all.map(|program| (program.name.clone(), Arc::new(program))).collect();
        Program { namespaces, ..Program::default() }
    }
}

fn vpc_port(vpc: &str) -> InterfaceName {
    InterfaceName::new(vpc).unwrap()
}

fn plug(namespace: &str, interface: &InterfaceName) -> Interface {
    let peer = Endpoint { namespace: NamespaceName::new(namespace), interface: interface.clone() };
    Interface { mac: Mac([2, 0, 0, 0, 0, 1]), mtu: 9001, peer, peer_mac: Mac([2, 0, 0, 0, 0, 2]) }
}

fn fill_members(router: &mut Router) {
    for (interface, eni) in &router.enis {
        let Gate::Groups(groups) = &eni.gate else { continue };
        for id in groups {
            let group = router.groups.get_mut(id).unwrap_or_else(|| panic!("no {id}"));
            group.members.extend(eni.addresses.iter().map(|&address| (interface.clone(), address)));
        }
    }
}

/// "Untracked connections" in the EC2 guide: the other direction is open to everywhere on all ports.
fn fill_untracked(router: &mut Router) {
    let open = |rules: &[GroupRule], everything: TrafficMatch| {
        rules.iter().any(|rule| {
            rule.is_everywhere() && (rule.traffic == TrafficMatch::All || rule.traffic == everything)
        })
    };
    for eni in router.enis.values_mut() {
        let Gate::Groups(ids) = &eni.gate else { continue };
        let groups: Vec<&SecurityGroup> = ids.iter().filter_map(|id| router.groups.get(id)).collect();
        let tcp = TrafficMatch::Tcp(PortRange::ALL);
        let udp = TrafficMatch::Udp(PortRange::ALL);
        eni.untracked = Untracked {
            ingress_tcp: groups.iter().any(|group| open(&group.egress, tcp)),
            ingress_udp: groups.iter().any(|group| open(&group.egress, udp)),
            egress_tcp: groups.iter().any(|group| open(&group.ingress, tcp)),
            egress_udp: groups.iter().any(|group| open(&group.ingress, udp)),
        };
    }
}
