//! What outlives a rule, and what does not ("Security group connection tracking" in the EC2 guide).

use enishi_fabric::Disposition;

use crate::world::{World, assert_printed, converse, send};

/// One server whose rule is narrow, so that its flows are tracked.
fn tracked() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1
         subnet subnet-1 vpc-1 10.0.1.0/24 rtb-1 open
         group sg-client vpc-1
         out sg-client sgr-client all 10.0.0.0/16
         group sg-server vpc-1
         in sg-server sgr-server tcp/80 10.0.0.0/16
         out sg-server sgr-open all 0.0.0.0/0
         host i-client subnet-1 10.0.1.10 sg-client
         host i-server subnet-1 10.0.1.20 sg-server",
    )
}

/// The same, open to everywhere both ways.
fn untracked() -> World {
    tracked().without("in sg-server").with("in sg-server sgr-world tcp/80 0.0.0.0/0")
}

const CALL: &str = "i-client -> 10.0.1.20 tcp/80";

/// "When you change a security group rule, its tracked connections are not immediately interrupted."
#[test]
fn a_tracked_flow_outlives_its_rule() {
    let mut network = tracked().network();
    let first = converse(&mut network, CALL);
    network.apply(tracked().without("in sg-server").without("out sg-client").program());
    assert_printed(
        &send(&mut network, CALL),
        "i-client 10.0.1.10 -> 10.0.1.20:80 ACCEPTED
           tracked | delivered i-server",
    );
    assert!(network.reply(&first).expect("it arrived").arrives);
    let other_port = send(&mut network, "i-client:40001 -> 10.0.1.20 tcp/80");
    assert_eq!(other_port.disposition, Disposition::DeniedBySecurityGroup);
}

#[test]
fn an_untracked_flow_ends_with_its_rule() {
    let mut network = untracked().network();
    converse(&mut network, CALL);
    assert_printed(
        &send(&mut network, CALL),
        "i-client 10.0.1.10 -> 10.0.1.20:80 ACCEPTED
           tracked | sg-in sgr-world | delivered i-server",
    );
    network.apply(untracked().without("in sg-server").program());
    assert_printed(
        &send(&mut network, CALL),
        "i-client 10.0.1.10 -> 10.0.1.20:80 DENIED
           tracked | sg-in no rule of sg-server",
    );
}

/// "The response traffic is therefore allowed to flow based on the inbound or outbound rule that permits the response
/// traffic, and not on tracking information."
#[test]
fn the_answers_of_an_untracked_flow_are_judged() {
    let mut network = untracked().network();
    let first = converse(&mut network, CALL);
    network.apply(untracked().without("out sg-server").program());
    assert_printed(
        &network.reply(&first).expect("it arrived").trace,
        "i-server 10.0.1.20 -> 10.0.1.10:40000 DENIED
           sg-out no rule of sg-server",
    );
}

#[test]
fn a_flow_is_untracked_by_any_rule_that_is_open() {
    let both = untracked().with("in sg-server sgr-narrow tcp/80 10.0.0.0/16");
    let mut network = both.network();
    converse(&mut network, CALL);
    network.apply(tracked().without("in sg-server").program());
    assert_eq!(send(&mut network, CALL).disposition, Disposition::DeniedBySecurityGroup);
}

/// Without a rule for everything the other way, the flow is tracked.
#[test]
fn one_open_direction_is_tracked() {
    let world = untracked().without("out sg-server").with("out sg-server sgr-some tcp/443 0.0.0.0/0");
    let mut network = world.network();
    converse(&mut network, CALL);
    network.apply(world.without("in sg-server").program());
    assert!(send(&mut network, CALL).is_accepted());
}

#[test]
fn the_initiators_end_is_untracked_by_its_egress_rule() {
    let world = tracked()
        .without("out sg-client")
        .with("out sg-client sgr-any all 0.0.0.0/0\n in sg-client sgr-back all 0.0.0.0/0");
    let mut network = world.network();
    let first = converse(&mut network, CALL);
    network.apply(world.without("in sg-client").program());
    assert_printed(
        &network.reply(&first).expect("it arrived").trace,
        "i-server 10.0.1.20 -> 10.0.1.10:40000 DENIED
           tracked | sg-in no rule of sg-client",
    );
    network.apply(world.without("out sg-client").program());
    assert_eq!(send(&mut network, CALL).disposition, Disposition::DeniedBySecurityGroup);
}

/// "ICMP traffic is always tracked, regardless of rules."
#[test]
fn icmp_is_always_tracked() {
    let world = tracked().with("in sg-server sgr-all all 0.0.0.0/0");
    let call = "i-client -> 10.0.1.20 icmp";
    let mut network = world.network();
    converse(&mut network, call);
    network.apply(tracked().program());
    assert!(send(&mut network, call).is_accepted());
}

/// "For protocols other than TCP, UDP, or ICMP, only the IP address and protocol number is tracked": the other side may
/// start.
#[test]
fn other_protocols_are_tracked_by_address() {
    let world = tracked().with("in sg-server sgr-gre proto/47 10.0.0.0/16").without("out sg-server");
    let mut network = world.network();
    assert!(!send(&mut network, "i-server -> 10.0.1.10 proto/47").is_accepted());
    converse(&mut network, "i-client -> 10.0.1.20 proto/47");
    assert!(send(&mut network, "i-server -> 10.0.1.10 proto/47").is_accepted());
}

/// Until the answer, a flow is not established: the rules of the day judge it.
#[test]
fn an_unanswered_flow_is_judged_again() {
    let mut network = tracked().network();
    let first = send(&mut network, CALL);
    assert!(first.is_accepted());
    network.apply(tracked().without("in sg-server").program());
    assert_eq!(send(&mut network, CALL).disposition, Disposition::DeniedBySecurityGroup);
    assert!(network.reply(&first).expect("it arrived").arrives);
    assert!(send(&mut network, CALL).is_accepted());
}

/// A packet that the receiver's gate drops leaves no flow that its sender could lean on.
#[test]
fn a_dropped_packet_makes_no_flow() {
    let world = tracked().without("out sg-server");
    let mut network = world.network();
    assert!(!send(&mut network, "i-client:80 -> 10.0.1.20 tcp/81").is_accepted());
    assert!(!send(&mut network, "i-server:81 -> 10.0.1.10 tcp/80").is_accepted());
}
