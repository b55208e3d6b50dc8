//! NAT gateways ("NAT gateways" in the VPC guide), and instances that forward.

use enishi_fabric::{Disposition, Flow, NamespaceName, Packet, Transport};

use crate::world::{INTERNET, World, assert_printed, converse, send};

fn private() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1 0.0.0.0/0=nat-1
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.1.0/24 rtb-priv open
         group sg-app vpc-1
         out sg-app sgr-1 all 0.0.0.0/0
         host i-private subnet-priv 10.0.1.10 sg-app
         host i-other subnet-priv 10.0.1.11 sg-app
         nat nat-1 subnet-pub 10.0.0.5
         eip eipalloc-nat 198.18.0.20 10.0.0.5 vpc-1",
    )
}

#[test]
fn out_through_the_gateway() {
    let trace = converse(&mut private().network(), "i-private -> 198.18.0.9 tcp/443");
    assert_printed(
        &trace,
        "i-private 10.0.1.10 -> 198.18.0.9:443 ACCEPTED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 nat-1 | snat | route rtb-pub 0.0.0.0/0 igw-1 | exits",
    );
    assert_eq!(trace.last_packet().source.to_string(), "198.18.0.20");
}

#[test]
fn the_answer_comes_back() {
    let mut network = private().network();
    let trace = send(&mut network, "i-private -> 198.18.0.9 tcp/443");
    let answer = network.reply(&trace).expect("it arrived");
    assert!(answer.arrives);
    assert_printed(
        &answer.trace,
        "198.18.0.9 -> 198.18.0.20:40000 ACCEPTED
           igw-1 | nat-1 | tracked | delivered i-private",
    );
}

#[test]
fn nothing_comes_in() {
    private().check(
        "internet -> 198.18.0.20 tcp/22",
        "198.18.0.9 -> 198.18.0.20:22 DENIED
           igw-1 | nat-1 has no such flow",
    );
    private().check(
        "i-private -> 10.0.0.5 icmp",
        "i-private 10.0.1.10 -> 10.0.0.5 icmp DENIED
           sg-out sgr-1 | nat-1 has no such flow",
    );
}

/// Somebody else than the one who was asked does not get in on the same port.
#[test]
fn an_open_port_is_open_to_one_peer() {
    let mut network = private().network();
    converse(&mut network, "i-private -> 198.18.0.9 udp/53");
    let packet = Packet {
        source: [198, 18, 0, 3].into(),
        destination: [198, 18, 0, 20].into(),
        transport: Transport::Udp(53, 40000),
    };
    let stranger = network.send(&Flow { from: NamespaceName::internet(), packet });
    assert_eq!(stranger.disposition, Disposition::NoSuchFlow);
    let asked = network
        .send(&Flow { from: NamespaceName::internet(), packet: Packet { source: INTERNET, ..packet } });
    assert!(asked.is_accepted(), "{asked}");
}

#[test]
fn ports_are_kept_while_they_are_free() {
    let mut network = private().network();
    let ports: Vec<_> = ["i-private:40000", "i-other:40000", "i-other:40001", "i-private:22"]
        .iter()
        .map(|sender| {
            let trace = converse(&mut network, &format!("{sender} -> 198.18.0.9 tcp/443"));
            trace.last_packet().transport.source_port()
        })
        .collect();
    assert_eq!(ports, [Some(40000), Some(1024), Some(40001), Some(1025)]);
    let elsewhere = converse(&mut network, "i-other:40000 -> 198.18.0.3 tcp/443");
    assert_eq!(elsewhere.last_packet().transport.source_port(), Some(40000));
}

#[test]
fn ping_through_the_gateway() {
    let mut network = private().network();
    converse(&mut network, "i-private -> 198.18.0.9 icmp");
    converse(&mut network, "i-other -> 198.18.0.9 icmp");
}

/// "A NAT gateway supports the following protocols: TCP, UDP, and ICMP."
#[test]
fn other_protocols_are_not_translated() {
    private().check(
        "i-private -> 198.18.0.9 proto/47",
        "i-private 10.0.1.10 -> 198.18.0.9 proto 47 DENIED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 nat-1 | nat-1 does not translate proto 47",
    );
}

#[test]
fn an_unasked_echo_reply_is_not_translated() {
    let mut network = private().network();
    let trace = send(&mut network, "i-private -> 198.18.0.9 icmp-reply");
    assert_eq!(trace.disposition, Disposition::NoSuchFlow);
}

/// "You can use a network ACL to control the traffic to and from the subnet in which the NAT gateway is located."
#[test]
fn the_acl_of_its_subnet_applies() {
    let world = private().without("subnet subnet-pub").with(
        "acl acl-nat vpc-1
         allow in acl-nat 100 all 10.0.0.0/16
         allow out acl-nat 100 all 0.0.0.0/0
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub acl-nat",
    );
    let mut network = world.network();
    let trace = send(&mut network, "i-private -> 198.18.0.9 tcp/443");
    assert!(trace.is_accepted(), "{trace}");
    assert_printed(
        &network.reply(&trace).expect("it arrived").trace,
        "198.18.0.9 -> 198.18.0.20:40000 DENIED
           igw-1 | acl-in acl-nat * denies",
    );
}

/// A private NAT gateway has no Elastic IP, so the internet gateway drops what it sends.
#[test]
fn a_private_gateway_does_not_reach_the_internet() {
    private().without("eip eipalloc-nat").check(
        "i-private -> 198.18.0.9 tcp/443",
        "i-private 10.0.1.10 -> 198.18.0.9:443 DENIED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 nat-1 | snat | route rtb-pub 0.0.0.0/0 igw-1 | igw-1 has no \
         public address for 10.0.0.5",
    );
}

#[test]
fn a_gateway_that_routes_to_itself() {
    let world = World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1 0.0.0.0/0=nat-1
         subnet subnet-1 vpc-1 10.0.0.0/24 rtb-1 open
         group sg-1 vpc-1
         out sg-1 sgr-1 all 0.0.0.0/0
         host i-1 subnet-1 10.0.0.10 sg-1
         nat nat-1 subnet-1 10.0.0.5",
    );
    world.check(
        "i-1 -> 198.18.0.9 tcp/443",
        "i-1 10.0.0.10 -> 198.18.0.9:443 DENIED
           sg-out sgr-1 | route rtb-1 0.0.0.0/0 nat-1 | snat | route rtb-1 0.0.0.0/0 nat-1 | loops",
    );
}

/// A route that sends an instance's packets back to it: its kernel takes its own source from outside for forged.
#[test]
fn an_instance_that_routes_to_itself() {
    let world = appliance().without("table rtb-pub").without("subnet subnet-pub").with(
        "table rtb-pub vpc-1 0.0.0.0/0=i-nat
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub open
         in sg-nat sgr-any all 0.0.0.0/0",
    );
    world.check(
        "i-nat -> 198.18.0.9 tcp/443",
        "i-nat 10.0.0.6 -> 198.18.0.9:443 DENIED
           sg-out sgr-nat-out | route rtb-pub 0.0.0.0/0 i-nat | sg-in sgr-any | loops",
    );
}

/// The longest way that a sensible network has.
#[test]
fn through_the_gateway_to_an_elastic_ip() {
    let world = private().with(
        "vpc vpc-2 10.0.0.0/16
         igw igw-2 vpc-2
         table rtb-2 vpc-2 0.0.0.0/0=igw
         subnet subnet-2 vpc-2 10.0.1.0/24 rtb-2 open
         group sg-web vpc-2
         in sg-web sgr-web tcp/443 198.18.0.20/32
         host i-web subnet-2 10.0.1.10 sg-web
         eip eipalloc-web 198.18.0.30 10.0.1.10 vpc-2",
    );
    assert_printed(
        &converse(&mut world.network(), "i-private -> 198.18.0.30 tcp/443"),
        "i-private 10.0.1.10 -> 198.18.0.30:443 ACCEPTED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 nat-1 | snat | route rtb-pub 0.0.0.0/0 igw-1 | internet | igw-2 \
         | sg-in sgr-web | delivered i-web",
    );
}

/// Two gateways in each other's way.
#[test]
fn gateways_that_route_to_each_other() {
    let world = World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1 0.0.0.0/0=nat-2
         table rtb-2 vpc-1 0.0.0.0/0=nat-1
         subnet subnet-1 vpc-1 10.0.1.0/24 rtb-1 open
         subnet subnet-2 vpc-1 10.0.2.0/24 rtb-2 open
         group sg-1 vpc-1
         out sg-1 sgr-1 all 0.0.0.0/0
         host i-1 subnet-1 10.0.1.10 sg-1
         nat nat-1 subnet-1 10.0.1.5
         nat nat-2 subnet-2 10.0.2.5",
    );
    assert_eq!(world.walk("i-1 -> 198.18.0.9 tcp/443").disposition, Disposition::Loop);
}

fn appliance() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1 0.0.0.0/0=i-nat
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.1.0/24 rtb-priv open
         group sg-app vpc-1
         out sg-app sgr-1 all 0.0.0.0/0
         group sg-nat vpc-1
         in sg-nat sgr-nat-in tcp/443 10.0.1.0/24
         out sg-nat sgr-nat-out tcp/443 0.0.0.0/0
         host i-app subnet-priv 10.0.1.10 sg-app
         host i-nat subnet-pub 10.0.0.6 sg-nat forwards
         eip eipalloc-nat 198.18.0.20 10.0.0.6 vpc-1",
    )
}

/// A NAT instance: its groups judge, and what its kernel does then is its own. Here it masquerades.
#[test]
fn an_instance_that_translates() {
    let mut network = appliance().network();
    let trace = send(&mut network, "i-app -> 198.18.0.9 tcp/443");
    assert_printed(
        &trace,
        "i-app 10.0.1.10 -> 198.18.0.9:443 UNDECIDED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 i-nat | sg-in sgr-nat-in | middlebox i-nat",
    );
    assert_eq!(network.reply(&trace), None);
    converse(&mut network, "i-nat -> 198.18.0.9 tcp/443");
    let answer = Packet {
        source: INTERNET,
        destination: [10, 0, 1, 10].into(),
        transport: Transport::Tcp(443, 40000),
    };
    let back = network.send(&Flow { from: NamespaceName::new("i-nat"), packet: answer });
    assert_printed(
        &back,
        "i-nat 198.18.0.9 -> 10.0.1.10:40000 ACCEPTED
           tracked | delivered i-app",
    );
    appliance().check(
        "i-app -> 198.18.0.9 tcp/80",
        "i-app 10.0.1.10 -> 198.18.0.9:80 DENIED
           sg-out sgr-1 | route rtb-priv 0.0.0.0/0 i-nat | sg-in no rule of sg-nat",
    );
}

/// One that does not translate passes the router twice under one tuple. Until it was answered each pass is judged; the
/// internet gateway translates only what a flow's first packet brings.
#[test]
fn an_instance_that_only_forwards() {
    let world = appliance().with(
        "host i-peer subnet-pub 10.0.0.7 sg-peer
         group sg-peer vpc-1
         in sg-peer sgr-peer tcp/443 10.0.1.0/24",
    );
    let mut network = world.network();
    send(&mut network, "i-app -> 10.0.0.7 tcp/443");
    let second = send(&mut network, "i-nat@10.0.1.10 -> 10.0.0.7 tcp/443");
    assert_printed(
        &second,
        "i-nat 10.0.1.10 -> 10.0.0.7:443 ACCEPTED
           sg-out sgr-nat-out | sg-in sgr-peer | delivered i-peer",
    );
    network.reply(&second).expect("it arrived");
    assert_printed(
        &send(&mut network, "i-nat@10.0.1.10 -> 10.0.0.7 tcp/443"),
        "i-nat 10.0.1.10 -> 10.0.0.7:443 ACCEPTED
           tracked | delivered i-peer",
    );

    let world = appliance().with("eip eipalloc-app 198.18.0.21 10.0.1.10 vpc-1");
    let mut network = world.network();
    send(&mut network, "i-app -> 198.18.0.9 tcp/443");
    let second = send(&mut network, "i-nat@10.0.1.10 -> 198.18.0.9 tcp/443");
    assert_eq!(second.disposition, Disposition::NotTranslated, "{second}");
}
