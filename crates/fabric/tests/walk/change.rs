//! What a change of program ends: [`enishi_fabric::invalidate`] and [`enishi_fabric::consistent`].

use std::net::Ipv4Addr;

use enishi_fabric::program::{NamespaceProgram, Role};
use enishi_fabric::{
    Connection, Disposition, NamespaceName, Packet, Purge, Transport, consistent, invalidate,
};

use crate::world::{INTERNET, World, assert_printed, converse, send};

fn web() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1 0.0.0.0/0=nat-1
         subnet subnet-pub vpc-1 10.0.1.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.2.0/24 rtb-priv open
         group sg-web vpc-1
         in sg-web sgr-http tcp/80 198.18.0.0/15
         out sg-web sgr-out all 198.18.0.0/15
         group sg-shut vpc-1
         host i-old subnet-pub 10.0.1.10 sg-web
         host i-new subnet-pub 10.0.1.11 sg-web
         host i-priv subnet-priv 10.0.2.10 sg-web
         nat nat-1 subnet-pub 10.0.1.5
         eip eipalloc-web 198.18.0.20 10.0.1.10 vpc-1
         eip eipalloc-nat 198.18.0.21 10.0.1.5 vpc-1",
    )
}

fn purges(before: &World, after: &World, namespace: &str) -> Vec<Purge> {
    let name = NamespaceName::new(namespace);
    invalidate(&before.program().namespaces[&name], &after.program().namespaces[&name])
}

fn address(last: [u8; 4]) -> Purge {
    Purge::Address(Ipv4Addr::from(last))
}

const CALL: &str = "internet -> 198.18.0.20 tcp/80";

#[test]
fn a_moved_elastic_ip_never_reaches_its_old_instance() {
    let mut network = web().network();
    let old = converse(&mut network, CALL);
    let moved = web().without("eip eipalloc-web").with("eip eipalloc-web 198.18.0.20 10.0.1.11 vpc-1");
    assert_eq!(purges(&web(), &moved, "vpc-1"), [address([198, 18, 0, 20])]);
    network.apply(moved.program());
    assert_printed(
        &send(&mut network, CALL),
        "198.18.0.9 -> 198.18.0.20:80 ACCEPTED
           igw-1 | sg-in sgr-http | delivered i-new",
    );
    let late = network.reply(&old).expect("it arrived");
    assert_eq!(late.trace.disposition, Disposition::NotTranslated);
}

#[test]
fn a_removed_elastic_ip() {
    let mut network = web().network();
    let old = converse(&mut network, "i-old -> 198.18.0.9 tcp/443");
    network.apply(web().without("eip eipalloc-web").program());
    let late = network.reply(&old).expect("it arrived");
    assert_eq!(late.trace.disposition, Disposition::Unreachable);
    assert_eq!(send(&mut network, "i-old -> 198.18.0.9 tcp/443").disposition, Disposition::NotTranslated);
}

/// Associating an Elastic IP releases the automatic public address: flows under the old one end.
#[test]
fn a_replaced_public_address() {
    let mut network = web().network();
    let old = converse(&mut network, "i-old -> 198.18.0.9 tcp/443");
    let replaced = web().without("eip eipalloc-web").with("eip eipalloc-next 198.18.0.30 10.0.1.10 vpc-1");
    assert_eq!(purges(&web(), &replaced, "vpc-1"), [address([198, 18, 0, 20])]);
    network.apply(replaced.program());
    assert!(!network.reply(&old).expect("it arrived").arrives);
    let trace = converse(&mut network, "i-old -> 198.18.0.9 tcp/443");
    assert_eq!(trace.last_packet().source, Ipv4Addr::new(198, 18, 0, 30));
}

/// A replacement under the same address inherits no flow of its predecessor.
#[test]
fn a_replaced_instance() {
    let mut network = web().network();
    converse(&mut network, CALL);
    let replaced = web().without("host i-old").with("host i-next subnet-pub 10.0.1.10 sg-shut");
    assert_eq!(purges(&web(), &replaced, "vpc-1"), [address([10, 0, 1, 10])]);
    network.apply(replaced.program());
    assert_printed(
        &send(&mut network, CALL),
        "198.18.0.9 -> 198.18.0.20:80 DENIED
           igw-1 | sg-in no rule of sg-shut",
    );
}

/// The private subnet with another table.
fn routed(world: &World, routes: &str) -> World {
    let without = world.without("subnet subnet-priv").with(&format!("table rtb-next vpc-1 {routes}"));
    without.with("subnet subnet-priv vpc-1 10.0.2.0/24 rtb-next open")
}

/// "Enable internet access": with the Elastic IP and the route in place, the flow goes on under the public address. One that
/// keeps its port would otherwise be dropped for as long as it lasts, since it once left untranslated, for the NAT gateway.
#[test]
fn a_route_that_leads_to_the_internet_gateway_instead() {
    let call = "i-priv -> 198.18.0.9 udp/53";
    let with_eip = web().with("eip eipalloc-priv 198.18.0.22 10.0.2.10 vpc-1");
    let public = routed(&with_eip, "0.0.0.0/0=igw");
    let mut network = with_eip.network();
    assert_eq!(converse(&mut network, call).last_packet().source, Ipv4Addr::new(198, 18, 0, 21));
    let block = |text: &str| text.parse().expect("a block");
    let led = Purge::Route { from: block("10.0.2.0/24"), to: block("0.0.0.0/0") };
    assert_eq!(purges(&with_eip, &public, "vpc-1"), [led]);
    network.apply(public.program());
    assert_eq!(converse(&mut network, call).last_packet().source, Ipv4Addr::new(198, 18, 0, 22));
    assert_eq!(purges(&public, &with_eip, "vpc-1"), [led]);
    network.apply(with_eip.program());
    assert_eq!(converse(&mut network, call).last_packet().source, Ipv4Addr::new(198, 18, 0, 21));
}

/// What went to the internet gateway while nobody had the address goes on as the router's own, untranslated.
#[test]
fn an_address_that_the_router_begins_to_answer() {
    let after = web().with("subnet subnet-new vpc-1 10.0.3.0/24 rtb-pub open");
    assert_eq!(purges(&web(), &after, "vpc-1"), [address([10, 0, 3, 1])]);
    assert_eq!(purges(&after, &web(), "vpc-1"), [address([10, 0, 3, 1])]);
}

/// Routes that lead elsewhere than to the gateway, before and after, end nothing.
#[test]
fn a_route_inside_the_vpc_ends_nothing() {
    let after = routed(&web(), "0.0.0.0/0=nat-1 10.9.0.0/16=i-old");
    assert_eq!(purges(&web(), &after, "vpc-1"), []);
}

#[test]
fn a_moved_secondary_address() {
    let before = web().without("host i-old").with("host i-old subnet-pub 10.0.1.10,10.0.1.50 sg-web");
    let after = web().without("host i-new").with("host i-new subnet-pub 10.0.1.11,10.0.1.50 sg-web");
    assert_eq!(purges(&before, &after, "vpc-1"), [address([10, 0, 1, 50])]);
}

#[test]
fn a_removed_gateway_ends_what_it_mapped() {
    let after = ["eip eipalloc-web", "eip eipalloc-nat", "igw igw-1"]
        .iter()
        .fold(web(), |world, line| world.without(line));
    assert_eq!(purges(&web(), &after, "vpc-1"), [address([198, 18, 0, 20]), address([198, 18, 0, 21])]);
}

#[test]
fn rules_groups_acls_and_routes_end_nothing() {
    let after = web()
        .without("in sg-web")
        .without("host i-new")
        .with("host i-new subnet-pub 10.0.1.11 sg-shut forwards")
        .with("deny in open 1 all 0.0.0.0/0")
        .without("table rtb-priv")
        .without("subnet subnet-priv")
        .with("table rtb-priv vpc-1")
        .with("subnet subnet-priv vpc-1 10.0.2.0/24 rtb-priv open");
    assert_eq!(purges(&web(), &after, "vpc-1"), []);
    assert_eq!(purges(&web(), &web(), "nat-1"), []);
}

#[test]
fn a_nat_gateway_that_loses_an_address() {
    let before = web().without("nat nat-1").with("nat nat-1 subnet-pub 10.0.1.5,10.0.1.6");
    assert_eq!(purges(&before, &web(), "nat-1"), [address([10, 0, 1, 6])]);
    assert_eq!(purges(&web(), &before, "nat-1"), []);
}

#[test]
fn another_role_under_the_same_name() {
    let name = NamespaceName::new("nat-1");
    let program = web().program();
    let nat = &program.namespaces[&name];
    let host = NamespaceProgram {
        role: program.namespaces[&NamespaceName::new("i-old")].role.clone(),
        ..NamespaceProgram::clone(nat)
    };
    assert_eq!(invalidate(nat, &host), [Purge::All]);
}

#[test]
fn a_removed_namespace_forgets() {
    let mut network = web().network();
    let trace = converse(&mut network, "i-priv -> 198.18.0.9 tcp/443");
    let without =
        web().without("eip eipalloc-nat").without("table rtb-priv").without("subnet subnet-priv").with(
            "table rtb-priv vpc-1
             subnet subnet-priv vpc-1 10.0.2.0/24 rtb-priv open",
        );
    network.apply(without.without("nat nat-1").program());
    network.apply(web().program());
    assert_eq!(network.reply(&trace).expect("it arrived").trace.disposition, Disposition::NoSuchFlow);
}

fn tcp(source: [u8; 4], from: u16, destination: [u8; 4], to: u16) -> Packet {
    Packet { source: source.into(), destination: destination.into(), transport: Transport::Tcp(from, to) }
}

fn connection(original: Packet, reply: Packet) -> Connection {
    Connection { original, reply, returns: None }
}

#[test]
fn tuples_of_a_router() {
    let program = web().program();
    let router = &program.namespaces[&NamespaceName::new("vpc-1")];
    let internet = INTERNET.octets();
    let (web, public) = ([10, 0, 1, 10], [198, 18, 0, 20]);
    let good = [
        (tcp(web, 5000, [10, 0, 1, 11], 80), tcp([10, 0, 1, 11], 80, web, 5000)),
        (tcp(web, 5000, internet, 443), tcp(internet, 443, public, 5000)),
        (tcp(internet, 5000, public, 80), tcp(web, 80, internet, 5000)),
        (tcp(web, 5000, [10, 0, 0, 2], 53), tcp([10, 0, 0, 2], 53, web, 5000)),
        (tcp([10, 0, 2, 10], 5000, internet, 443), tcp(internet, 443, [10, 0, 2, 10], 5000)),
    ];
    for (original, reply) in good {
        assert!(consistent(router, &connection(original, reply)), "{original} / {reply}");
    }
    let bad = [
        (tcp([10, 0, 1, 99], 5000, web, 80), tcp(web, 80, [10, 0, 1, 99], 5000)),
        (tcp(web, 5000, [10, 0, 1, 99], 80), tcp([10, 0, 1, 99], 80, web, 5000)),
        (tcp(web, 5000, internet, 443), tcp(internet, 443, [198, 18, 0, 99], 5000)),
        (tcp(internet, 5000, public, 80), tcp([10, 0, 1, 11], 80, internet, 5000)),
        (tcp(internet, 5000, [198, 18, 0, 99], 80), tcp(web, 80, internet, 5000)),
    ];
    for (original, reply) in bad {
        assert!(!consistent(router, &connection(original, reply)), "{original} / {reply}");
    }
}

#[test]
fn tuples_of_a_nat_gateway() {
    let program = web().program();
    let nat = &program.namespaces[&NamespaceName::new("nat-1")];
    assert!(matches!(nat.role, Role::NatGateway(_)));
    let (inside, internet) = ([10, 0, 2, 10], INTERNET.octets());
    let out = tcp(inside, 5000, internet, 443);
    assert!(consistent(nat, &connection(out, tcp(internet, 443, [10, 0, 1, 5], 1024))));
    assert!(!consistent(nat, &connection(out, tcp(internet, 443, [10, 0, 1, 6], 1024))));
    assert!(!consistent(nat, &connection(out, out.reply())));
}
