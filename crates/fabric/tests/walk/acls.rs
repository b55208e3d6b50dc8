//! Network ACLs: stateless, per subnet, in order, not inside a subnet ("Control subnet traffic with network access control
//! lists" in the VPC guide).

use crate::world::{World, assert_printed, converse, send};

fn guarded() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1
         acl acl-b vpc-1
         allow in acl-b 100 tcp/80 10.0.1.0/24
         deny in acl-b 90 tcp/80 10.0.1.66/32
         allow out acl-b 100 tcp/1024-65535 10.0.1.0/24
         subnet subnet-a vpc-1 10.0.1.0/24 rtb-1 open
         subnet subnet-b vpc-1 10.0.2.0/24 rtb-1 acl-b
         group sg-1 vpc-1
         in sg-1 sgr-in all 10.0.0.0/16
         out sg-1 sgr-out all 10.0.0.0/16
         host i-a subnet-a 10.0.1.10 sg-1
         host i-bad subnet-a 10.0.1.66 sg-1
         host i-b subnet-b 10.0.2.20 sg-1
         host i-c subnet-b 10.0.2.21 sg-1",
    )
}

#[test]
fn allowed_in_and_answered_from_an_allowed_port() {
    converse(&mut guarded().network(), "i-a -> 10.0.2.20 tcp/80");
}

#[test]
fn the_lowest_number_decides() {
    guarded().check(
        "i-bad -> 10.0.2.20 tcp/80",
        "i-bad 10.0.1.66 -> 10.0.2.20:80 DENIED
           acl-in acl-b 90 denies",
    );
}

#[test]
fn no_match_is_denied() {
    guarded().check(
        "i-a -> 10.0.2.20 tcp/81",
        "i-a 10.0.1.10 -> 10.0.2.20:81 DENIED
           acl-in acl-b * denies",
    );
    guarded().check(
        "i-b -> 10.0.1.10 tcp/80",
        "i-b 10.0.2.20 -> 10.0.1.10:80 DENIED
           acl-out acl-b * denies",
    );
}

/// "responses to allowed inbound traffic are subject to the rules for outbound traffic (and vice versa)".
#[test]
fn an_answer_to_a_forgotten_ephemeral_port_is_denied() {
    let mut network = guarded().network();
    let trace = send(&mut network, "i-a:1023 -> 10.0.2.20 tcp/80");
    assert!(trace.is_accepted(), "{trace}");
    let answer = network.reply(&trace).expect("it arrived");
    assert!(!answer.arrives);
    assert_printed(
        &answer.trace,
        "i-b 10.0.2.20 -> 10.0.1.10:1023 DENIED
           acl-out acl-b * denies",
    );
}

#[test]
fn not_inside_a_subnet() {
    converse(&mut guarded().network(), "i-b -> 10.0.2.21 tcp/22");
}

#[test]
fn a_change_cuts_what_is_tracked() {
    let mut network = guarded().network();
    converse(&mut network, "i-a -> 10.0.2.20 tcp/80");
    network.apply(guarded().without("allow in acl-b 100").program());
    let trace = send(&mut network, "i-a -> 10.0.2.20 tcp/80");
    assert_printed(
        &trace,
        "i-a 10.0.1.10 -> 10.0.2.20:80 DENIED
           acl-in acl-b * denies",
    );
}

/// An answer that an ACL drops has been seen by connection tracking: the flow is established.
#[test]
fn a_dropped_answer_still_establishes_the_flow() {
    let mut network = guarded().network();
    let trace = send(&mut network, "i-a:1023 -> 10.0.2.20 tcp/80");
    assert!(!network.reply(&trace).expect("it arrived").arrives);
    let again = send(&mut network, "i-a:1023 -> 10.0.2.20 tcp/80");
    assert_printed(
        &again,
        "i-a 10.0.1.10 -> 10.0.2.20:80 ACCEPTED
           tracked | delivered i-b",
    );
}

/// What comes from the internet has no subnet to leave: only the receiver's ACL judges, by the private address.
#[test]
fn the_internet_has_no_acl() {
    let world = guarded().with(
        "igw igw-1 vpc-1
         eip eipalloc-b 198.18.0.20 10.0.2.20 vpc-1
         allow in acl-b 110 tcp/443 198.18.0.0/28
         in sg-1 sgr-world tcp/443 0.0.0.0/0",
    );
    let trace = world.walk("internet -> 198.18.0.20 tcp/443");
    assert!(trace.is_accepted(), "{trace}");
    let stages: Vec<String> = trace.hops.iter().map(|hop| hop.stage.to_string()).collect();
    assert_eq!(stages, ["igw-in", "acl-in", "sg-in", "destination check", "delivered"]);
}

/// The resolver, the metadata service and the router itself are filtered by neither ("Network ACL basics" in the VPC
/// guide).
#[test]
fn services_pass_neither_acls_nor_groups() {
    let world = guarded().with(
        "group sg-none vpc-1
         host i-mute subnet-b 10.0.2.30 sg-none",
    );
    for service in ["10.0.0.2", "169.254.169.254", "10.0.2.1", "10.0.1.1"] {
        let mut network = world.network();
        let trace = converse(&mut network, &format!("i-mute -> {service} udp/53"));
        assert_printed(&trace, &format!("i-mute 10.0.2.30 -> {service}:53 udp ACCEPTED\n answered by vpc-1"));
    }
}
