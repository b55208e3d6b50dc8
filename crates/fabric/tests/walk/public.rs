//! Public addresses: the internet gateway's 1:1 translation, and the internet ("Enable internet access for your VPC using
//! internet gateways" in the VPC guide).

use crate::world::{World, assert_printed, converse, send};

fn web() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1
         subnet subnet-pub vpc-1 10.0.1.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.2.0/24 rtb-priv open
         group sg-web vpc-1
         in sg-web sgr-http tcp/80 0.0.0.0/0
         out sg-web sgr-all all 10.0.0.0/8
         out sg-web sgr-net all 198.18.0.0/15
         host i-web subnet-pub 10.0.1.10 sg-web
         host i-two subnet-pub 10.0.1.11 sg-web
         host i-bare subnet-pub 10.0.1.12 sg-web
         host i-priv subnet-priv 10.0.2.10 sg-web
         eip eipalloc-web 198.18.0.20 10.0.1.10 vpc-1
         eip eipalloc-two 198.18.0.21 10.0.1.11 vpc-1
         eip eipalloc-priv 198.18.0.22 10.0.2.10 vpc-1",
    )
}

#[test]
fn from_the_internet() {
    let trace = converse(&mut web().network(), "internet -> 198.18.0.20 tcp/80");
    assert_printed(
        &trace,
        "198.18.0.9 -> 198.18.0.20:80 ACCEPTED
           igw-1 | sg-in sgr-http | delivered i-web",
    );
    assert_eq!(trace.last_packet().destination.to_string(), "10.0.1.10");
    web().check(
        "internet -> 198.18.0.20 tcp/22",
        "198.18.0.9 -> 198.18.0.20:22 DENIED
           igw-1 | sg-in no rule of sg-web",
    );
}

#[test]
fn to_the_internet() {
    let trace = converse(&mut web().network(), "i-web -> 198.18.0.9 tcp/443");
    assert_printed(
        &trace,
        "i-web 10.0.1.10 -> 198.18.0.9:443 ACCEPTED
           sg-out sgr-net | route rtb-pub 0.0.0.0/0 igw-1 | exits",
    );
    assert_eq!(trace.last_packet().source.to_string(), "198.18.0.20");
}

#[test]
fn without_a_public_address() {
    web().check(
        "i-bare -> 198.18.0.9 tcp/443",
        "i-bare 10.0.1.12 -> 198.18.0.9:443 DENIED
           sg-out sgr-net | route rtb-pub 0.0.0.0/0 igw-1 | igw-1 has no public address for 10.0.1.12",
    );
}

#[test]
fn without_a_route() {
    web().check(
        "i-priv -> 198.18.0.9 tcp/443",
        "i-priv 10.0.2.10 -> 198.18.0.9:443 DENIED
           route rtb-priv has none to 198.18.0.9",
    );
}

/// The gateway delivers to whoever has the address; it is the answer that finds no way.
#[test]
fn without_a_route_only_the_answer_is_lost() {
    let mut network = web().network();
    let trace = send(&mut network, "internet -> 198.18.0.22 tcp/80");
    assert!(trace.is_accepted(), "{trace}");
    let answer = network.reply(&trace).expect("it arrived");
    assert!(!answer.arrives);
    assert_printed(
        &answer.trace,
        "i-priv 10.0.2.10 -> 198.18.0.9:40000 DENIED
           route rtb-priv has none to 198.18.0.9",
    );
}

#[test]
fn without_a_gateway_a_route_is_a_blackhole() {
    let world = ["eip eipalloc-web", "eip eipalloc-two", "eip eipalloc-priv", "igw igw-1"]
        .iter()
        .fold(web(), |world, line| world.without(line));
    world.check(
        "i-web -> 198.18.0.9 tcp/443",
        "i-web 10.0.1.10 -> 198.18.0.9:443 DENIED
           route rtb-pub 0.0.0.0/0 blackhole",
    );
}

/// Traffic to a public address leaves the VPC and comes back: each side sees the other's public address.
#[test]
fn a_public_address_of_the_own_vpc_is_outside() {
    let mut network = web().network();
    let trace = converse(&mut network, "i-two -> 198.18.0.20 tcp/80");
    assert_printed(
        &trace,
        "i-two 10.0.1.11 -> 198.18.0.20:80 ACCEPTED
           sg-out sgr-net | route rtb-pub 0.0.0.0/0 igw-1 | internet | igw-1 | sg-in sgr-http | delivered i-web",
    );
    assert_eq!(trace.last_packet().to_string(), "198.18.0.21 -> 10.0.1.10:80 tcp");
    converse(&mut network, "i-web -> 198.18.0.20 tcp/80");
}

/// A group reference is about private addresses.
#[test]
fn a_reference_does_not_match_a_public_address() {
    let world = web().without("in sg-web sgr-http").with("in sg-web sgr-ref tcp/80 sg-web");
    assert!(world.walk("i-two -> 10.0.1.10 tcp/80").is_accepted());
    world.check(
        "i-two -> 198.18.0.20 tcp/80",
        "i-two 10.0.1.11 -> 198.18.0.20:80 DENIED
           sg-out sgr-net | route rtb-pub 0.0.0.0/0 igw-1 | internet | igw-1 | sg-in no rule of sg-web",
    );
}

#[test]
fn what_nobody_has_is_dropped_on_the_internet() {
    web().check(
        "internet -> 198.18.0.99 tcp/80",
        "198.18.0.9 -> 198.18.0.99:80 DENIED
           internet has no owner of 198.18.0.99",
    );
    web().check(
        "i-web -> 10.9.0.1 tcp/80",
        "i-web 10.0.1.10 -> 10.9.0.1:80 DENIED
           sg-out sgr-all | route rtb-pub 0.0.0.0/0 igw-1 | internet has no owner of 10.9.0.1",
    );
    let world = web().with("out sg-web sgr-world all 0.0.0.0/0");
    assert!(world.walk("i-web -> 8.8.8.8 udp/53").is_accepted());
    assert!(world.walk("i-web -> 198.18.0.3 udp/53").is_accepted());
}

/// The gateway translates only public addresses that it has: others' packets cannot come in under a private one.
#[test]
fn a_public_address_without_owner_behind_the_gateway() {
    let world = web().without("host i-two");
    world.check(
        "internet -> 198.18.0.21 tcp/80",
        "198.18.0.9 -> 198.18.0.21:80 DENIED
           igw-1 | route local has no owner of 10.0.1.11",
    );
}

#[test]
fn an_unasked_echo_reply_is_not_translated() {
    web().check(
        "internet -> 198.18.0.20 icmp-reply",
        "198.18.0.9 -> 198.18.0.20 icmp reply DENIED
           igw-1 has no owner of 198.18.0.20",
    );
}

#[test]
fn ping() {
    let world = web().with("in sg-web sgr-ping icmp 0.0.0.0/0");
    let mut network = world.network();
    converse(&mut network, "internet -> 198.18.0.20 icmp");
    converse(&mut network, "i-web -> 198.18.0.9 icmp");
    converse(&mut network, "i-two -> 198.18.0.20 icmp");
}

#[test]
fn the_same_blocks_in_two_vpcs() {
    let world = web().with(
        "vpc vpc-2 10.0.0.0/16
         igw igw-2 vpc-2
         table rtb-two vpc-2 0.0.0.0/0=igw
         subnet subnet-two vpc-2 10.0.1.0/24 rtb-two open
         group sg-two vpc-2
         in sg-two sgr-two-in tcp/80 0.0.0.0/0
         out sg-two sgr-two-out all 0.0.0.0/0
         host i-twin subnet-two 10.0.1.10 sg-two
         eip eipalloc-twin 198.18.0.30 10.0.1.10 vpc-2",
    );
    let mut network = world.network();
    assert_printed(
        &converse(&mut network, "internet -> 198.18.0.20 tcp/80"),
        "198.18.0.9 -> 198.18.0.20:80 ACCEPTED
           igw-1 | sg-in sgr-http | delivered i-web",
    );
    assert_printed(
        &converse(&mut network, "internet -> 198.18.0.30 tcp/80"),
        "198.18.0.9 -> 198.18.0.30:80 ACCEPTED
           igw-2 | sg-in sgr-two-in | delivered i-twin",
    );
    assert_printed(
        &send(&mut network, "i-twin -> 10.0.1.11 tcp/80"),
        "i-twin 10.0.1.10 -> 10.0.1.11:80 DENIED
           route rtb-two 10.0.0.0/16 local has no owner of 10.0.1.11",
    );
    converse(&mut network, "i-twin -> 198.18.0.20 tcp/80");
    converse(&mut network, "i-web -> 198.18.0.30 tcp/80");
}
