//! Properties of worlds that a cloud could be in.

use enishi_fabric::{Network, consistent, walk};
use proptest::prelude::*;

use crate::world::{World, flow};

/// Two VPCs with the same blocks; in each a public subnet whose hosts have Elastic IPs, and a private one behind a NAT
/// gateway. ACLs allow everything; groups are random.
fn world(rules: &[String]) -> World {
    let mut text = String::new();
    for n in [1, 2] {
        text += &format!(
            "vpc vpc-{n} 10.0.0.0/16
             igw igw-{n} vpc-{n}
             table rtb-pub{n} vpc-{n} 0.0.0.0/0=igw
             table rtb-priv{n} vpc-{n} 0.0.0.0/0=nat-{n}
             subnet subnet-pub{n} vpc-{n} 10.0.1.0/24 rtb-pub{n} open{n}
             subnet subnet-priv{n} vpc-{n} 10.0.2.0/24 rtb-priv{n} open{n}
             acl open{n} vpc-{n}
             allow in open{n} 100 all 0.0.0.0/0
             allow out open{n} 100 all 0.0.0.0/0
             group sg-a{n} vpc-{n}
             group sg-b{n} vpc-{n}
             host i-a{n} subnet-pub{n} 10.0.1.10,10.0.1.110 sg-a{n}
             host i-b{n} subnet-pub{n} 10.0.1.11 sg-a{n},sg-b{n}
             host i-c{n} subnet-priv{n} 10.0.2.10 sg-b{n}
             host i-d{n} subnet-priv{n} 10.0.2.11 sg-b{n}
             nat nat-{n} subnet-pub{n} 10.0.1.5
             eip eipalloc-a{n} 198.18.{n}.10 10.0.1.10 vpc-{n}
             eip eipalloc-b{n} 198.18.{n}.11 10.0.1.11 vpc-{n}
             eip eipalloc-n{n} 198.18.{n}.5 10.0.1.5 vpc-{n}\n"
        );
    }
    World::new(&text).with(&rules.join("\n"))
}

fn rule() -> impl Strategy<Value = String> {
    let peer = prop_oneof![
        Just("0.0.0.0/0".to_owned()),
        Just("10.0.0.0/16".to_owned()),
        Just("198.18.0.0/15".to_owned()),
        Just("sg-a{n}".to_owned()),
        Just("sg-b{n}".to_owned()),
    ];
    let traffic = prop::sample::select(vec!["all", "tcp", "tcp/80", "udp/53", "icmp", "proto/47"]);
    let group = prop::sample::select(vec!["sg-a", "sg-b"]);
    (prop::sample::select(vec!["in", "out"]), group, 1..=2u8, traffic, peer, 0..1000u16).prop_map(
        |(way, group, n, traffic, peer, id)| {
            let peer = peer.replace("{n}", &n.to_string());
            format!("{way} {group}{n} sgr-{id} {traffic} {peer}")
        },
    )
}

fn call() -> impl Strategy<Value = String> {
    let sender = (prop::sample::select(vec!["i-a", "i-b", "i-c", "i-d", "internet"]), 1..=2u8).prop_map(
        |(sender, n)| if sender == "internet" { sender.to_owned() } else { format!("{sender}{n}") },
    );
    let destination = prop_oneof![
        prop::sample::select(vec![
            "10.0.1.10",
            "10.0.1.110",
            "10.0.1.11",
            "10.0.2.10",
            "10.0.2.11",
            "10.0.0.2"
        ])
        .prop_map(str::to_owned),
        (1..=2u8, prop::sample::select(vec![5, 10, 11])).prop_map(|(n, host)| format!("198.18.{n}.{host}")),
        prop::sample::select(vec!["198.18.0.9", "8.8.8.8"]).prop_map(str::to_owned),
    ];
    let traffic = prop::sample::select(vec!["tcp/80", "tcp/80", "udp/53", "icmp", "tcp/50000", "proto/47"]);
    let port = prop::sample::select(vec![80u16, 53, 50000, 50001]);
    (sender, port, destination, traffic).prop_map(|(sender, port, destination, traffic)| {
        format!("{sender}:{port} -> {destination} {traffic}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Security groups are stateful: whatever was let through is answered, whoever talked before.
    #[test]
    fn what_is_accepted_is_answered(
        rules in prop::collection::vec(rule(), 0..14),
        calls in prop::collection::vec(call(), 1..20),
    ) {
        let program = world(&rules).program();
        let mut network = Network::new(program.clone());
        for call in calls {
            let trace = network.send(&flow(&program, &call));
            if trace.is_accepted() {
                let answer = network.reply(&trace).expect("accepted packets can be answered");
                prop_assert!(answer.arrives, "{}\n{}", trace.hop_by_hop(), answer.trace.hop_by_hop());
                let again = network.send(&trace.flow);
                prop_assert_eq!(again.last_packet(), trace.last_packet());
                prop_assert_eq!(again.disposition, trace.disposition);
            }
        }
    }

    /// A first packet does not depend on what else was sent, except through ports that are taken.
    #[test]
    fn the_same_program_gives_the_same_trace(
        rules in prop::collection::vec(rule(), 0..14),
        call in call(),
    ) {
        let program = world(&rules).program();
        let flow = flow(&program, &call);
        prop_assert_eq!(walk(&program, &flow), walk(&program, &flow));
        prop_assert_eq!(walk(&program, &flow), Network::new(program).send(&flow));
    }

    /// A program that is compiled again and comes out the same ends nothing.
    #[test]
    fn the_same_program_again_ends_nothing(
        rules in prop::collection::vec(rule(), 0..14),
        calls in prop::collection::vec(call(), 1..20),
    ) {
        let program = world(&rules).program();
        let mut network = Network::new(program.clone());
        let accepted: Vec<_> = calls
            .iter()
            .map(|call| network.send(&flow(&program, call)))
            .filter(|trace| trace.is_accepted())
            .collect();
        for trace in &accepted {
            network.reply(trace);
        }
        network.apply(world(&rules).program());
        for trace in &accepted {
            prop_assert!(network.send(&trace.flow).is_accepted());
        }
    }

    /// What a program made is consistent with it, so a daemon that adopts a running data plane ends nothing. What another
    /// program leaves of it is consistent with that one.
    #[test]
    fn what_a_change_leaves_is_consistent(
        rules in prop::collection::vec(rule(), 6..20),
        calls in prop::collection::vec(call(), 1..20),
        gone in prop::sample::subsequence(LOSSES.to_vec(), 0..LOSSES.len()),
    ) {
        let before = world(&rules);
        let program = before.program();
        let mut network = Network::new(program.clone());
        for call in calls {
            network.send(&flow(&program, &call));
        }
        all_consistent(&network)?;
        let after = gone.iter().fold(before, |world, line| world.without(line));
        network.apply(after.program());
        all_consistent(&network)?;
        let free = if gone.contains(&MOVING) { after } else { after.without(MOVING) };
        let moved = free.with("eip eipalloc-a1 198.18.1.10 10.0.1.110 vpc-1");
        network.apply(moved.program());
        all_consistent(&network)?;
    }
}

/// What a world can lose without losing what names it.
const LOSSES: [&str; 7] =
    ["host i-a1", "host i-b1", "host i-c2", MOVING, "eip eipalloc-b1", "eip eipalloc-n1", "eip eipalloc-n2"];

/// An Elastic IP that moves to another address.
const MOVING: &str = "eip eipalloc-a1";

fn all_consistent(network: &Network) -> Result<(), TestCaseError> {
    for (name, program) in &network.program().namespaces {
        for connection in network.connections(name) {
            prop_assert!(consistent(program, &connection), "{name}: {connection:?}");
        }
    }
    Ok(())
}
