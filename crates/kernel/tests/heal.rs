//! What somebody changes by hand is changed back; what runs is adopted by the next process without a flap.

mod lab;

use std::io::{Read, Write};

use enishi_fabric::Program;
use lab::{Kept, Lab, World};

fn world() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-1 vpc-1 0.0.0.0/0=igw
         subnet s-1 vpc-1 10.0.1.0/24 rtb-1 open
         group sg-1 vpc-1
         in sg-1 sgr-1 tcp 0.0.0.0/0
         in sg-1 sgr-2 udp/7 0.0.0.0/0
         out sg-1 sgr-3 all 0.0.0.0/0
         host i-a s-1 10.0.1.10 sg-1
         host i-b s-1 10.0.1.11 sg-1
         eip eip-1 198.18.0.20 10.0.1.10 vpc-1",
    )
}

#[test]
fn vandalism_is_undone() {
    let mut lab = Lab::new(&world());
    for (namespace, command) in [
        ("vpc-1", "nft flush ruleset"),
        ("vpc-1", "nft flush chain ip enishi sg-1-in"),
        ("vpc-1", "nft insert rule ip enishi egress drop"),
        ("vpc-1", "nft delete element ip enishi igw-to-private { 198.18.0.20 }"),
        ("vpc-1", "nft delete table ip enishi"),
        ("vpc-1", "ip link del i-a.0"),
        ("vpc-1", "ip link set i-a.0 down"),
        ("vpc-1", "ip route flush table 200"),
        ("vpc-1", "ip route del 10.0.1.10/32 table 200"),
        ("vpc-1", "ip rule del fwmark 1/0xff"),
        ("vpc-1", "ip rule del fwmark 0x100/0x100"),
        ("vpc-1", "ip neigh flush all nud permanent"),
        ("i-a", "ip addr flush dev eth0"),
        ("i-a", "ip link del eth0"),
        ("i-a", "ip route del default"),
        ("internet", "ip route del 198.18.0.20"),
    ] {
        assert!(lab.agrees("internet -> 198.18.0.20 udp/7"), "before {command}");
        lab.run(namespace, command);
        // What was damaged may be on one of these ways only.
        let passes = |lab: &mut Lab, way: &str| lab.probe(way).is_some_and(|(_, answered)| answered);
        lab.heal(|lab| passes(lab, "internet -> 198.18.0.20 udp/7") && passes(lab, "i-a -> 10.0.1.11 udp/7"));
        assert!(lab.agrees("i-a -> 10.0.1.11 udp/7"), "after {command}");
        lab.reconcile();
    }
}

#[test]
fn without_its_rules_a_router_passes_nothing() {
    let mut lab = Lab::new(&world());
    for command in
        ["nft flush ruleset", "nft delete table ip enishi", "nft flush chain ip enishi source-check"]
    {
        lab.run("vpc-1", command);
        for flow in ["i-b -> 10.0.1.10 udp/8", "i-b -> 10.0.1.10 udp/7", "internet -> 198.18.0.20 udp/8"] {
            assert!(lab.probe(flow).is_none(), "{command}: {flow}");
        }
        assert_eq!(
            lab.run("vpc-1", "ip route get 10.0.1.10 from 10.0.1.1").lines().count(),
            2,
            "the router's own"
        );
        lab.heal(|lab| lab.probe("i-b -> 10.0.1.10 udp/7").is_some_and(|(_, answered)| answered));
        assert!(!lab.agrees("i-b -> 10.0.1.10 udp/8"));
        lab.reconcile();
    }
}

#[test]
fn an_audit_finds_what_is_not_announced() {
    let mut lab = Lab::new(&world());
    lab.run("vpc-1", "sysctl -qw net.ipv4.ip_forward=0 net.ipv4.conf.all.rp_filter=1");
    assert!(lab.probe("internet -> 198.18.0.20 udp/7").is_none());
    let report = lab::assert_sound(lab.backend.audit(&lab.program.clone()));
    assert_eq!(report.changed.len(), 1, "{report:?}");
    assert!(lab.agrees("internet -> 198.18.0.20 udp/7"));
    assert!(lab.backend.audit(&lab.program.clone()).changed.is_empty());
}

#[test]
fn what_an_instance_sets_for_itself_stays() {
    let mut lab = Lab::new(&world());
    for command in [
        "sysctl -qw net.ipv4.ip_forward=1",
        "ip addr add 172.17.0.1/16 dev lo",
        "ip route add 172.18.0.0/16 via 10.0.1.1",
        "ip rule add from 172.17.0.0/16 lookup 77",
        "nft add table ip mine",
    ] {
        lab.run("i-b", command);
    }
    lab::assert_sound(lab.backend.audit(&lab.program.clone()));
    lab.change(&world().with("host i-b s-1 10.0.1.12 sg-1"));
    assert_eq!(lab.run("i-b", "sysctl -n net.ipv4.ip_forward").trim(), "1");
    assert!(lab.run("i-b", "ip -4 addr").contains("172.17.0.1/16"));
    assert!(lab.run("i-b", "ip route").contains("172.18.0.0/16"));
    assert!(lab.run("i-b", "ip rule").contains("lookup 77"));
    assert!(lab.run("i-b", "nft list tables").contains("mine"));
}

#[test]
fn the_next_process_adopts_without_a_flap() {
    let mut lab = Lab::new(&world());
    let server = lab.listen("i-a", 80);
    let mut client = lab.connect("i-b", "10.0.1.10:80").unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    let links = lab.run("vpc-1", "ip -o link");
    let rules = lab.run("vpc-1", "nft -a list ruleset");

    let Lab { kept, program, .. } = lab;
    let mut next = Lab::adopt(kept, program);
    let report = next.reconcile();
    assert!(report.changed.is_empty(), "{report:?}");
    assert_eq!(next.run("vpc-1", "ip -o link"), links, "the same interfaces");
    assert_eq!(next.run("vpc-1", "nft -a list ruleset"), rules, "the same rules, by handle");
    let mut text = [0; 5];
    client.write_all(b"hello").unwrap();
    accepted.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"hello");
}

/// The cables of two instances are swapped, and everything is named as before.
#[test]
fn a_pair_that_was_rewired_while_nobody_ran_is_made_anew() {
    let mut lab = Lab::new(&world());
    for command in [
        "ip link set i-a.0 down",
        "ip link set i-b.0 down",
        "ip link set i-a.0 name other",
        "ip link set i-b.0 name i-a.0",
        "ip link set other name i-b.0",
    ] {
        lab.run("vpc-1", command);
    }
    let Lab { kept, program, .. } = lab;
    let mut next = Lab::adopt(kept, program);
    next.reconcile();
    assert!(next.agrees("i-a -> 10.0.1.11 udp/7"));
    assert!(next.agrees("i-b -> 10.0.1.10 udp/7"));
    assert!(next.agrees("internet -> 198.18.0.20 udp/7"));
    assert!(next.backend.audit(&next.program.clone()).changed.is_empty(), "nothing is left to do");
}

#[test]
fn a_change_while_nobody_ran_is_made_up_for() {
    let lab = Lab::new(&world());
    let Lab { kept, .. } = lab;
    let mut next = Lab::adopt(kept, Program::default());
    next.change(&world().without("eip eip-1").without("host i-b").with(
        "host i-c s-1 10.0.1.11 sg-1\n eip eip-1 198.18.0.20 10.0.1.11 vpc-1\n in sg-1 sgr-4 udp/9 0.0.0.0/0",
    ));
    assert!(next.agrees("internet -> 198.18.0.20 udp/9"));
    assert!(next.agrees("i-a -> 10.0.1.11 udp/9"));
    assert!(next.kept.names().iter().all(|name| name != "i-b"), "the namespace of i-b is gone");
}

#[test]
fn an_empty_program_leaves_nothing() {
    let mut lab = Lab::new(&world());
    lab.program = Program::default();
    let report = lab.reconcile();
    assert_eq!(report.changed.len(), 4);
    assert!(lab.kept.names().is_empty());
    let _: Kept = lab.kept;
}
