//! Properties of any program, however broken: names that lead nowhere, interfaces plugged into the wrong ends, roles that
//! do not fit.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use enishi_fabric::program::*;
use enishi_fabric::{
    Cidr, Connection, Disposition, Flow, IcmpMatch, InterfaceName, Mac, NamespaceName, Network, Origin,
    Packet, PortRange, Program, TrafficMatch, Transport, Verdict, consistent, invalidate, walk,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn namespace_name() -> impl Strategy<Value = NamespaceName> {
    select(vec!["vpc-1", "vpc-2", "i-1", "i-2", "nat-1", "internet", "nowhere"]).prop_map(NamespaceName::new)
}

fn interface_name() -> impl Strategy<Value = InterfaceName> {
    select(vec!["e0", "e1", "igw", "eth0"]).prop_map(|name| InterfaceName::new(name).expect("a valid name"))
}

fn id() -> impl Strategy<Value = Arc<str>> {
    select(vec!["a", "b", "c"]).prop_map(Arc::from)
}

fn origin() -> impl Strategy<Value = Origin> {
    (id(), option::of(id())).prop_map(|(resource, rule)| Origin { resource, rule })
}

fn address() -> impl Strategy<Value = Ipv4Addr> {
    select(vec![
        [10, 0, 0, 1],
        [10, 0, 0, 2],
        [10, 0, 0, 3],
        [10, 0, 1, 4],
        [198, 18, 0, 9],
        [198, 18, 0, 20],
        [8, 8, 8, 8],
    ])
    .prop_map(Ipv4Addr::from)
}

fn cidr() -> impl Strategy<Value = Cidr> {
    (address(), select(vec![0, 8, 24, 30, 32]))
        .prop_map(|(address, prefix)| Cidr::containing(address, prefix).expect("a valid prefix"))
}

fn port() -> impl Strategy<Value = u16> {
    select(vec![0, 80, 1024, u16::MAX])
}

fn traffic() -> impl Strategy<Value = TrafficMatch> {
    let ports =
        prop_oneof![Just(PortRange::ALL), port().prop_map(|p| PortRange::new(p, p).expect("in order"))];
    prop_oneof![
        4 => Just(TrafficMatch::All),
        1 => ports.clone().prop_map(TrafficMatch::Tcp),
        1 => ports.prop_map(TrafficMatch::Udp),
        1 => option::of(0..9u8).prop_map(|kind| TrafficMatch::Icmp(IcmpMatch { kind, code: None })),
        1 => Just(TrafficMatch::Other(47)),
    ]
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        (port(), port()).prop_map(|(from, to)| Transport::Tcp(from, to)),
        (port(), port()).prop_map(|(from, to)| Transport::Udp(from, to)),
        (port(), any::<bool>()).prop_map(|(id, reply)| Transport::Echo { id, reply }),
        Just(Transport::Other(47)),
    ]
}

fn packet() -> impl Strategy<Value = Packet> {
    (address(), address(), transport()).prop_map(|(source, destination, transport)| Packet {
        source,
        destination,
        transport,
    })
}

fn flow() -> impl Strategy<Value = Flow> {
    (namespace_name(), packet()).prop_map(|(from, packet)| Flow { from, packet })
}

fn interface() -> impl Strategy<Value = Interface> {
    (namespace_name(), interface_name()).prop_map(|(namespace, interface)| Interface {
        mac: Mac([2, 0, 0, 0, 0, 1]),
        mtu: 9001,
        peer: Endpoint { namespace, interface },
        peer_mac: Mac([2, 0, 0, 0, 0, 2]),
    })
}

fn mark() -> impl Strategy<Value = Mark> {
    (1..4u8).prop_map(Mark)
}

fn table_id() -> impl Strategy<Value = TableId> {
    (256..259u32).prop_map(TableId)
}

fn eni() -> impl Strategy<Value = Eni> {
    let gate = prop_oneof![Just(Gate::Open), vec(id(), 0..3).prop_map(Gate::Groups)];
    let untracked = any::<(bool, bool)>().prop_map(|(ingress, egress)| Untracked {
        ingress_tcp: ingress,
        ingress_udp: ingress,
        egress_tcp: egress,
        egress_udp: egress,
    });
    let returns = option::of((1..3u32).prop_map(|mark| ReturnMark::new(mark).expect("in range")));
    (origin(), namespace_name(), mark(), vec(address(), 0..3), any::<bool>(), gate, untracked, returns)
        .prop_map(|(origin, owner, subnet, addresses, source_dest_check, gate, untracked, returns)| Eni {
            origin,
            owner,
            subnet,
            addresses,
            source_dest_check,
            gate,
            untracked,
            returns,
        })
}

fn route() -> impl Strategy<Value = Route> {
    let target = prop_oneof![
        3 => Just(RouteTarget::Local),
        2 => (interface_name(), address(), id())
            .prop_map(|(interface, via, gateway)| RouteTarget::Eni { interface, via, gateway }),
        2 => Just(RouteTarget::Internet),
        1 => Just(RouteTarget::Blackhole),
    ];
    (origin(), target).prop_map(|(origin, target)| Route { origin, target })
}

fn acl() -> impl Strategy<Value = NetworkAcl> {
    let rule = || {
        (origin(), prop::bool::weighted(0.8), traffic(), cidr())
            .prop_map(|(origin, allow, traffic, cidr)| AclRule { origin, allow, traffic, cidr })
    };
    (origin(), vec(rule(), 0..4), vec(rule(), 0..4)).prop_map(|(origin, inbound, outbound)| NetworkAcl {
        origin,
        inbound,
        outbound,
    })
}

fn group() -> impl Strategy<Value = SecurityGroup> {
    let rule = || {
        let peer = prop_oneof![cidr().prop_map(Peer::Cidr), id().prop_map(Peer::Group)];
        (origin(), traffic(), peer).prop_map(|(origin, traffic, peer)| GroupRule { origin, traffic, peer })
    };
    (origin(), vec(rule(), 0..4), vec(rule(), 0..4), btree_set((interface_name(), address()), 0..4))
        .prop_map(|(origin, ingress, egress, members)| SecurityGroup { origin, ingress, egress, members })
}

fn internet_port() -> impl Strategy<Value = InternetPort> {
    let public = (address(), origin()).prop_map(|(address, origin)| PublicAddress { address, origin });
    (origin(), interface_name(), btree_map(address(), public, 0..4)).prop_map(
        |(origin, interface, mappings)| InternetPort {
            origin,
            interface,
            next_hop: Ipv4Addr::new(169, 254, 0, 1),
            mappings,
        },
    )
}

fn router() -> impl Strategy<Value = Router> {
    let subnet = (origin(), cidr(), table_id(), id()).prop_map(|(origin, cidr, table, acl)| Subnet {
        origin,
        cidr,
        table,
        acl,
    });
    let table = (origin(), btree_map(cidr(), route(), 0..4))
        .prop_map(|(origin, routes)| RouteTable { origin, routes });
    (
        (origin(), vec(cidr(), 0..2), btree_set(address(), 0..2)),
        btree_map(mark(), subnet, 0..4),
        btree_map(interface_name(), eni(), 0..4),
        btree_map(table_id(), table, 0..4),
        btree_map(id(), acl(), 0..4),
        btree_map(id(), group(), 0..4),
        option::of(internet_port()),
    )
        .prop_map(|((origin, cidrs, services), subnets, enis, tables, acls, groups, internet)| Router {
            origin,
            cidrs,
            services,
            subnets,
            enis,
            tables,
            acls,
            groups,
            internet,
            peerings: BTreeMap::new(),
            resolver: None,
        })
}

fn device() -> impl Strategy<Value = Device> {
    (interface_name(), origin(), vec(address(), 0..3), cidr(), address()).prop_map(
        |(interface, origin, addresses, subnet, gateway)| Device {
            interface,
            origin,
            addresses,
            subnet,
            gateway,
        },
    )
}

fn internet() -> impl Strategy<Value = Internet> {
    (address(), cidr(), cidr(), vec(cidr(), 0..2), btree_map(address(), interface_name(), 0..4)).prop_map(
        |(address, pool, hosts, unrouted, routes)| Internet {
            address,
            pool,
            hosts,
            unrouted,
            routes,
            next_hop: Ipv4Addr::new(169, 254, 0, 2),
        },
    )
}

fn balanced() -> impl Strategy<Value = BalancedProtocol> {
    select(vec![BalancedProtocol::Tcp, BalancedProtocol::Udp])
}

fn forward() -> impl Strategy<Value = Forward> {
    let target = (origin(), address(), port()).prop_map(|(origin, address, port)| BalancerTarget {
        origin,
        address,
        port,
    });
    let socket = || (address(), port()).prop_map(|(address, port)| SocketAddrV4::new(address, port));
    let hash = select(vec![FlowHash::Flow, FlowHash::Source]);
    let flags = any::<(bool, bool)>();
    (vec(target, 0..3), hash, flags, btree_set(socket(), 0..2), btree_set(socket(), 0..2)).prop_map(
        |(targets, hash, (preserve_client_ip, ends_unlisted), draining, severed)| Forward {
            targets,
            hash,
            preserve_client_ip,
            idle_seconds: 350,
            draining,
            severed,
            ends_unlisted,
        },
    )
}

fn balancer() -> impl Strategy<Value = NetworkBalancer> {
    let action =
        prop_oneof![1 => Just(ListenerAction::Local), 3 => forward().prop_map(ListenerAction::Forward)];
    let key = (balanced(), port()).prop_map(|(protocol, port)| ListenerPort { protocol, port });
    let listener = (origin(), action).prop_map(|(origin, action)| Listener { origin, action });
    (origin(), device(), btree_map(key, listener, 0..4), any::<bool>()).prop_map(
        |(origin, device, listeners, transparent)| NetworkBalancer { origin, device, listeners, transparent },
    )
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        3 => router().prop_map(Role::Router),
        1 => (origin(), vec(device(), 0..3)).prop_map(|(origin, devices)| Role::Host(Host { origin, devices, resolver_endpoint: None })),
        1 => (origin(), device())
            .prop_map(|(origin, device)| Role::NatGateway(NatGateway { origin, device, idle_seconds: 350 })),
        1 => balancer().prop_map(Role::NetworkBalancer),
        1 => internet().prop_map(Role::Internet),
    ]
}

fn namespace(name: NamespaceName) -> impl Strategy<Value = NamespaceProgram> {
    (btree_map(interface_name(), interface(), 0..5), role())
        .prop_map(move |(interfaces, role)| NamespaceProgram { name: name.clone(), interfaces, role })
}

fn program() -> impl Strategy<Value = Program> {
    btree_set(namespace_name(), 1..7)
        .prop_flat_map(|names: BTreeSet<NamespaceName>| names.into_iter().map(namespace).collect::<Vec<_>>())
        .prop_map(|namespaces| Program {
            namespaces: namespaces
                .into_iter()
                .map(|namespace| (namespace.name.clone(), Arc::new(namespace)))
                .collect::<BTreeMap<_, _>>(),
            ..Program::default()
        })
}

/// More hops than 32 crossings can make.
const MANY: usize = 32 * 12;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Whatever the program, a walk ends, says where, and prints.
    #[test]
    fn a_walk_is_total_and_bounded(program in program(), flow in flow()) {
        let trace = walk(&program, &flow);
        prop_assert!(trace.hops.len() <= MANY);
        prop_assert!(!trace.to_string().is_empty() && !trace.hop_by_hop().to_string().is_empty());
        let (last, passed) = trace.hops.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
        prop_assert!(passed.iter().all(|hop| hop.passed), "{}", trace);
        let silent = matches!(
            trace.disposition,
            Disposition::Loop | Disposition::Unplugged { .. } | Disposition::NoSuchSender
        );
        let denied = trace.verdict() == Verdict::Denied;
        prop_assert_eq!(last.is_some_and(|hop| !hop.passed), denied && !silent, "{}", trace);
        prop_assert_eq!(walk(&program, &flow), trace);
    }

    /// So do conversations through changing programs.
    #[test]
    fn a_network_is_total(programs in vec(program(), 1..4), flows in vec(flow(), 1..6)) {
        let mut network = Network::default();
        for program in programs {
            network.apply(program);
            for flow in &flows {
                let trace = network.send(flow);
                let answered = network.reply(&trace);
                prop_assert_eq!(answered.is_some(), trace.is_accepted());
            }
        }
    }

    /// A program that does not change ends nothing, and what it ends it names once, in order.
    #[test]
    fn invalidation_is_total(old in program(), new in program(), original in packet(), reply in packet()) {
        for (name, old) in &old.namespaces {
            prop_assert_eq!(invalidate(old, old), vec![]);
            consistent(old, &Connection { original, reply, returns: None });
            if let Some(new) = new.namespaces.get(name) {
                prop_assert!(invalidate(old, new).is_sorted_by(|a, b| a < b));
            }
        }
    }
}
