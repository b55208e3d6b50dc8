//! Security groups: stateful, allow rules only, an egress gate and an ingress gate ("Control traffic to your AWS resources
//! using security groups" in the VPC guide).

use crate::world::{World, converse, send};

fn two_tiers() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         table rtb-1 vpc-1
         subnet subnet-a vpc-1 10.0.1.0/24 rtb-1 open
         subnet subnet-b vpc-1 10.0.2.0/24 rtb-1 open
         group sg-web vpc-1
         out sg-web sgr-web-out tcp/8080 10.0.0.0/16
         group sg-app vpc-1
         in sg-app sgr-app-in tcp/8080 sg-web
         host i-web subnet-a 10.0.1.10 sg-web
         host i-app subnet-b 10.0.2.20 sg-app
         host i-other subnet-a 10.0.1.11 sg-other
         group sg-other vpc-1
         out sg-other sgr-other-out all 0.0.0.0/0",
    )
}

#[test]
fn both_gates_admit() {
    two_tiers().check(
        "i-web -> 10.0.2.20 tcp/8080",
        "i-web 10.0.1.10 -> 10.0.2.20:8080 ACCEPTED
           sg-out sgr-web-out | sg-in sgr-app-in | delivered i-app",
    );
}

#[test]
fn the_egress_gate_denies() {
    two_tiers().check(
        "i-web -> 10.0.2.20 tcp/8081",
        "i-web 10.0.1.10 -> 10.0.2.20:8081 DENIED
           sg-out no rule of sg-web",
    );
}

#[test]
fn an_egress_accept_does_not_bypass_an_ingress_deny() {
    two_tiers().check(
        "i-other -> 10.0.2.20 tcp/8080",
        "i-other 10.0.1.11 -> 10.0.2.20:8080 DENIED
           sg-out sgr-other-out | sg-in no rule of sg-app",
    );
}

#[test]
fn a_group_without_rules_admits_nothing() {
    two_tiers().check(
        "i-app -> 10.0.1.10 tcp/80",
        "i-app 10.0.2.20 -> 10.0.1.10:80 DENIED
           sg-out no rule of sg-app",
    );
}

#[test]
fn answers_need_no_rule() {
    converse(&mut two_tiers().network(), "i-web -> 10.0.2.20 tcp/8080");
}

#[test]
fn several_groups_add_up() {
    let world = two_tiers().without("host i-app").with("host i-app subnet-b 10.0.2.20 sg-other,sg-app");
    world.check(
        "i-web -> 10.0.2.20 tcp/8080",
        "i-web 10.0.1.10 -> 10.0.2.20:8080 ACCEPTED
           sg-out sgr-web-out | sg-in sgr-app-in | delivered i-app",
    );
    world.check(
        "i-other -> 10.0.2.20 tcp/22",
        "i-other 10.0.1.11 -> 10.0.2.20:22 DENIED
           sg-out sgr-other-out | sg-in no rule of sg-other, sg-app",
    );
}

#[test]
fn a_reference_covers_every_private_address_of_its_members() {
    let world = two_tiers().without("host i-web").with("host i-web subnet-a 10.0.1.10,10.0.1.12 sg-web");
    assert!(world.walk("i-web@10.0.1.12 -> 10.0.2.20 tcp/8080").is_accepted());
}

/// A reference stands for the private addresses of the interfaces that are in the group, and only behind those interfaces:
/// not for what one of them forwards.
#[test]
fn a_reference_does_not_cover_what_a_member_forwards() {
    let world =
        two_tiers().without("host i-other").with("host i-other subnet-a 10.0.1.11 sg-web,sg-other forwards");
    assert!(world.walk("i-other -> 10.0.2.20 tcp/8080").is_accepted());
    world.check(
        "i-other@10.0.1.10 -> 10.0.2.20 tcp/8080",
        "i-other 10.0.1.10 -> 10.0.2.20:8080 DENIED
           sg-out sgr-web-out | sg-in no rule of sg-app",
    );
}

#[test]
fn egress_can_refer_to_a_group_too() {
    let world = two_tiers().without("out sg-web").with("out sg-web sgr-to-app tcp/8080 sg-app");
    assert!(world.walk("i-web -> 10.0.2.20 tcp/8080").is_accepted());
    world.check(
        "i-web -> 10.0.1.11 tcp/8080",
        "i-web 10.0.1.10 -> 10.0.1.11:8080 DENIED
           sg-out no rule of sg-web",
    );
}

#[test]
fn rules_match_protocols() {
    let world = two_tiers().with(
        "in sg-app sgr-ping icmp 10.0.1.0/24
         in sg-app sgr-dns udp/53 10.0.1.0/24
         in sg-app sgr-gre proto/47 10.0.1.0/24",
    );
    for (traffic, rule) in [("icmp", "sgr-ping"), ("udp/53", "sgr-dns"), ("proto/47", "sgr-gre")] {
        let mut network = world.network();
        let text = format!("i-other -> 10.0.2.20 {traffic}");
        let printed = converse(&mut network, &text).to_string();
        assert!(printed.contains(&format!("sg-in {rule}")), "{printed}");
    }
    assert!(!world.walk("i-other -> 10.0.2.20 udp/54").is_accepted());
    assert!(!world.walk("i-other -> 10.0.2.20 proto/50").is_accepted());
}

/// "For protocols other than TCP, UDP, or ICMP, only the IP address and protocol number is tracked": nothing says that an echo
/// reply without a request is refused, so the rules judge it. It opens no way for an answer.
#[test]
fn an_unasked_echo_reply_is_judged_by_the_rules() {
    let world = two_tiers().with("in sg-app sgr-ping icmp 10.0.1.0/24");
    assert!(world.walk("i-other -> 10.0.2.20 icmp-reply").is_accepted());
    assert!(!two_tiers().walk("i-other -> 10.0.2.20 icmp-reply").is_accepted());
    let mut network = world.network();
    converse(&mut network, "i-other -> 10.0.2.20 icmp");
    assert!(send(&mut network, "i-other -> 10.0.2.20 icmp-reply").is_accepted());
}
