//! What programs become on Linux, in full: one file of `tests/golden` per namespace. `UPDATE=1` rewrites them.

mod lab;

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use enishi_fabric::program::{Endpoint, Interface, PeeringPort, Role, Route, RouteTarget};
use enishi_fabric::{InterfaceName, Mac, NamespaceName, Origin};
use enishi_kernel::render;
use lab::{World, balanced, plugged, two_tiers};

#[test]
fn rendered_states_are_as_before() {
    // A second device and a second address of the NAT gateway, for what depends on there being several.
    let world = two_tiers()
        .with("host i-web prv 10.0.2.20 sg-app forwards")
        .without("nat nat-1")
        .with("nat nat-1 pub 10.0.1.30,10.0.1.31");
    for (name, program) in &plugged(world.program(), &Default::default()).namespaces {
        if ["vpc-1", "i-web", "nat-1", "internet"].contains(&name.as_str()) {
            golden(&format!("{name}.nft"), &render::state(program).to_string());
        }
    }
}

#[test]
fn rendered_load_balancers_are_as_before() {
    let world = balanced().without("nlb nlb-1").with(
        "nlb nlb-1 pub 10.0.1.5 sg-nlb transparent
         listener nlb-1 tcp/80 10.0.2.11:8080,10.0.2.12:8080
         listener nlb-1 tcp/81 10.0.2.11:8081 hide sticky
         listener nlb-1 tcp/443 local
         listener nlb-1 udp/53 -",
    );
    for (name, program) in &plugged(world.program(), &Default::default()).namespaces {
        match name.as_str() {
            "nlb-1" => golden("nlb-1.nft", &render::state(program).to_string()),
            "vpc-1" => golden("balanced.nft", &render::state(program).to_string()),
            _ => {}
        }
    }
}

#[test]
fn a_rendered_peering_is_as_before() {
    let mut program = plugged(two_tiers().program(), &Default::default());
    let namespace = program.namespaces.values_mut().find(|program| program.name.as_str() == "vpc-1").unwrap();
    let namespace = Arc::make_mut(namespace);
    let Role::Router(router) = &mut namespace.role else { panic!("not a router") };
    let name = InterfaceName::peering(7);
    let port = PeeringPort {
        origin: Origin::resource("pcx-1"),
        next_hop: Ipv4Addr::new(169, 254, 0, 4),
        cidrs: vec!["10.1.0.0/16".parse().unwrap(), "10.64.0.0/16".parse().unwrap()],
    };
    router.peerings.insert(name.clone(), port);
    let table = router.tables.values_mut().next().unwrap();
    let route = Route { origin: table.origin.clone(), target: RouteTarget::Peering(name.clone()) };
    table.routes.insert("10.0.0.0/8".parse().unwrap(), route);
    let group = router.groups.values_mut().next().unwrap();
    group.members.insert((name.clone(), Ipv4Addr::new(10, 1, 0, 10)));
    let peer = Endpoint { namespace: NamespaceName::new("vpc-2"), interface: name.clone() };
    let (mac, peer_mac) = (Mac([2, 0, 0, 0, 0, 4]), Mac([2, 0, 0, 0, 0, 5]));
    namespace.interfaces.insert(name, Interface { mac, mtu: 9001, peer, peer_mac });
    golden("peered.nft", &render::state(namespace).to_string());
}

#[test]
fn what_a_router_lacks_is_a_blackhole() {
    let world = World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1 0.0.0.0/0=igw
         subnet s-1 vpc-1 10.0.1.0/24 rtb-1 open",
    );
    let program = world.program();
    let router = program.namespaces.values().find(|program| program.name.as_str() == "vpc-1").unwrap();
    let text = render::state(router).to_string();
    assert!(text.contains("route table 256 0.0.0.0/0 blackhole"), "{text}");
}

#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = expected.lines().zip(text.lines()).find(|(expected, found)| expected != found);
    assert_eq!(differ, None, "{name}: the first line that differs; UPDATE=1 rewrites the file");
    assert_eq!(expected.len(), text.len(), "{name}");
}
