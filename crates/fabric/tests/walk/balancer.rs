//! Network Load Balancers ("What is a Network Load Balancer?", "Edit target group attributes", "Update the security groups
//! for your Network Load Balancer" in their guide).

use std::collections::BTreeMap;

use enishi_fabric::{Disposition, Network, Purge, Trace, consistent, invalidate};

use crate::world::{World, assert_printed, converse, send};

/// A load balancer in a public subnet, its targets in a private one, a client in a third.
fn balanced() -> World {
    World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-priv vpc-1
         subnet subnet-pub vpc-1 10.0.0.0/24 rtb-pub open
         subnet subnet-priv vpc-1 10.0.1.0/24 rtb-priv open
         subnet subnet-far vpc-1 10.0.2.0/24 rtb-priv open
         group sg-nlb vpc-1
         in sg-nlb sgr-in tcp/80-443 0.0.0.0/0
         in sg-nlb sgr-dns udp/53 0.0.0.0/0
         out sg-nlb sgr-out all 10.0.0.0/16
         group sg-app vpc-1
         in sg-app sgr-nlb tcp/8080 sg-nlb
         in sg-app sgr-udp udp/5353 sg-nlb
         out sg-app sgr-any all 10.0.0.0/16
         host i-1 subnet-priv 10.0.1.11 sg-app
         host i-2 subnet-priv 10.0.1.12 sg-app
         host i-3 subnet-priv 10.0.1.13 sg-app
         host i-client subnet-far 10.0.2.10 sg-app
         nlb nlb-1 subnet-pub 10.0.0.5 sg-nlb
         eip eipalloc-1 198.18.0.20 10.0.0.5 vpc-1",
    )
}

const THREE: &str = "listener nlb-1 tcp/80 10.0.1.11:8080,10.0.1.12:8080,10.0.1.13:8080";

fn receiver(trace: &Trace) -> String {
    match &trace.disposition {
        Disposition::Delivered { namespace, .. } => namespace.to_string(),
        other => panic!("{other:?}: {}", trace.hop_by_hop()),
    }
}

#[test]
fn a_flow_from_the_internet_reaches_a_target_under_the_clients_address() {
    let world = balanced().with("listener nlb-1 tcp/80 10.0.1.11:8080");
    let mut network = world.network();
    let trace = converse(&mut network, "internet -> 198.18.0.20 tcp/80");
    assert_printed(
        &trace,
        "198.18.0.9 -> 198.18.0.20:80 ACCEPTED
           igw-1 | sg-in sgr-in | balance nlb-1 tcp/80 to tg-1 10.0.1.11:8080 | sg-out sgr-out | sg-in sgr-nlb | delivered i-1",
    );
    assert_eq!(trace.last_packet().to_string(), "198.18.0.9 -> 10.0.1.11:8080 tcp");
    let answer = network.reply(&trace).expect("it arrived");
    assert_printed(
        &answer.trace,
        "i-1 10.0.1.11 -> 198.18.0.9:40000 ACCEPTED
           return nlb-1 | tracked | nlb-1 | route rtb-pub 0.0.0.0/0 igw-1 | tracked | exits",
    );
}

#[test]
fn the_choice_is_a_hash_of_the_flow() {
    let world = balanced().with(THREE);
    let mut network = world.network();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for port in 20_000..21_000 {
        let text = format!("i-client:{port} -> 10.0.0.5 tcp/80");
        let first = receiver(&converse(&mut network, &text));
        assert_eq!(receiver(&send(&mut network, &text)), first, "a flow stays where it is");
        assert_eq!(receiver(&world.walk(&text)), first, "and the choice depends on nothing else");
        *counts.entry(first).or_default() += 1;
    }
    // Three sigma of 1000 flows, each with one chance in three.
    assert_eq!(counts.len(), 3);
    assert!(counts.values().all(|count| (288..=379).contains(count)), "{counts:?}");
}

#[test]
fn a_sticky_client_stays_with_its_target() {
    let world = balanced().with(&format!("{THREE} sticky"));
    let mut network = world.network();
    let first = receiver(&converse(&mut network, "i-client:20000 -> 10.0.0.5 tcp/80"));
    for port in 20_001..20_050 {
        let text = format!("i-client:{port} -> 10.0.0.5 tcp/80");
        assert_eq!(receiver(&converse(&mut network, &text)), first);
    }
    let others: Vec<_> = (1..40)
        .map(|n| receiver(&world.walk(&format!("internet@8.8.4.{n} -> 198.18.0.20 tcp/80"))))
        .collect();
    assert!(others.iter().any(|other| *other != first), "{others:?}");
}

/// "When client IP preservation is disabled, the source IP address is the private IP address of the load balancer."
#[test]
fn a_hidden_client_is_seen_as_the_load_balancer() {
    let world = balanced().with("listener nlb-1 tcp/80 10.0.1.11:8080 hide");
    let mut network = world.network();
    let trace = converse(&mut network, "internet -> 198.18.0.20 tcp/80");
    assert_eq!(trace.last_packet().to_string(), "10.0.0.5 -> 10.0.1.11:8080 tcp");
    let low = converse(&mut network, "internet:500 -> 198.18.0.20 tcp/80");
    assert!(low.last_packet().transport.source_port() >= Some(1024), "{low}");
}

/// "Internal load balancers do not support hairpinning or loopback": the target would get its own address as the source.
#[test]
fn a_target_reaches_itself_only_if_it_is_hidden() {
    let world = balanced().with("in sg-app sgr-self tcp/8080 10.0.0.0/16");
    let kept = world.with("listener nlb-1 tcp/80 10.0.1.11:8080");
    assert_eq!(kept.walk("i-1 -> 10.0.0.5 tcp/80").disposition, Disposition::Loop);
    converse(&mut kept.network(), "i-2 -> 10.0.0.5 tcp/80");
    converse(
        &mut world.with("listener nlb-1 tcp/80 10.0.1.11:8080 hide").network(),
        "i-1 -> 10.0.0.5 tcp/80",
    );
}

#[test]
fn datagrams_are_balanced_too() {
    let world = balanced().with("listener nlb-1 udp/53 10.0.1.12:5353");
    let trace = converse(&mut world.network(), "i-client -> 10.0.0.5 udp/53");
    assert_eq!(trace.last_packet().to_string(), "10.0.2.10 -> 10.0.1.12:5353 udp");
    assert_eq!(world.walk("i-client -> 10.0.0.5 tcp/80").disposition, Disposition::NoListener);
}

#[test]
fn what_nothing_listens_for_is_dropped() {
    let world = balanced().with("listener nlb-1 tcp/80 -");
    world.check(
        "internet -> 198.18.0.20 tcp/80",
        "198.18.0.9 -> 198.18.0.20:80 DENIED
           igw-1 | sg-in sgr-in | nlb-1 tcp/80 has no target",
    );
    world.check(
        "internet -> 198.18.0.20 tcp/81",
        "198.18.0.9 -> 198.18.0.20:81 DENIED
           igw-1 | sg-in sgr-in | nlb-1 has no listener and no flow for it",
    );
    world.check(
        "internet -> 198.18.0.20 tcp/22",
        "198.18.0.9 -> 198.18.0.20:22 DENIED
           igw-1 | sg-in no rule of sg-nlb",
    );
}

/// "You can reference the security group of the load balancer" as a source; of a client's group that is not so, as the
/// packet comes from the load balancer's interface. Addresses match as they are.
#[test]
fn groups_of_targets_see_the_load_balancer_and_the_clients_address() {
    let listener = "listener nlb-1 tcp/80 10.0.1.11:8080";
    let base = balanced().with(listener).without("in sg-app sgr-nlb");
    let denied = base.walk("i-client -> 10.0.0.5 tcp/80");
    assert_eq!(denied.disposition, Disposition::DeniedBySecurityGroup);
    for (rule, passes) in [
        ("in sg-app sgr-x tcp/8080 sg-nlb", true),
        ("in sg-app sgr-x tcp/8080 10.0.2.10/32", true),
        ("in sg-app sgr-x tcp/8080 10.0.0.5/32", false),
        ("in sg-app sgr-x tcp/8080 sg-app", false),
        ("in sg-app sgr-x tcp/80 sg-nlb", false),
    ] {
        let trace = base.with(rule).walk("i-client -> 10.0.0.5 tcp/80");
        assert_eq!(trace.is_accepted(), passes, "{rule}: {trace}");
    }
    // A load balancer that was made without groups is not filtered itself.
    let open = balanced()
        .without("nlb nlb-1")
        .with("nlb nlb-1 subnet-pub 10.0.0.5 -\n in sg-app sgr-x tcp/8080 10.0.2.0/24")
        .with(listener);
    converse(&mut open.network(), "i-client -> 10.0.0.5 tcp/80");
    assert_eq!(open.walk("internet -> 198.18.0.20 tcp/80").disposition, Disposition::DeniedBySecurityGroup);
}

/// The network ACLs of both subnets judge both legs, each with the addresses that the packet has there.
#[test]
fn network_acls_judge_both_legs() {
    let base = balanced()
        .with("listener nlb-1 tcp/80 10.0.1.11:8080")
        .without("subnet subnet-priv")
        .without("host i-1")
        .without("host i-2")
        .without("host i-3");
    let base = base.with(
        "acl acl-1 vpc-1
         allow out acl-1 100 all 0.0.0.0/0
         subnet subnet-priv vpc-1 10.0.1.0/24 rtb-priv acl-1
         host i-1 subnet-priv 10.0.1.11 sg-app",
    );
    for (rule, disposition) in [
        ("allow in acl-1 100 tcp/8080 10.0.2.10/32", None),
        ("allow in acl-1 100 tcp/8080 10.0.0.5/32", Some(Disposition::DeniedByNetworkAcl)),
        ("allow in acl-1 100 tcp/80 10.0.2.10/32", Some(Disposition::DeniedByNetworkAcl)),
    ] {
        let world = base.with(rule);
        let trace = world.walk("i-client -> 10.0.0.5 tcp/80");
        match disposition {
            None => assert!(trace.is_accepted(), "{rule}: {trace}"),
            Some(disposition) => assert_eq!(trace.disposition, disposition, "{rule}"),
        }
    }
    // The answer passes the target's subnet's ACL towards the client's address.
    let world = base.with("allow in acl-1 100 all 0.0.0.0/0\n deny out acl-1 50 all 10.0.2.0/24");
    let mut network = world.network();
    let trace = send(&mut network, "i-client -> 10.0.0.5 tcp/80");
    let answer = network.reply(&trace).expect("the request arrives");
    assert_eq!(answer.trace.disposition, Disposition::DeniedByNetworkAcl);
}

#[test]
fn flows_survive_a_change_of_targets() {
    let one = |targets: &str| balanced().with(&format!("listener nlb-1 tcp/80 {targets}"));
    let first = one("10.0.1.11:8080");
    for (after, goes_on) in [
        ("10.0.1.11:8080,10.0.1.12:8080", true),
        ("10.0.1.12:8080", true),
        ("-", true),
        ("10.0.1.12:8080 ends", false),
        ("10.0.1.12:8080 ends drain=10.0.1.11:8080", true),
        ("10.0.1.12:8080 sever=10.0.1.11:8080", false),
        ("10.0.1.11:8080 hide", true),
    ] {
        let mut network = first.network();
        let trace = converse(&mut network, "i-client -> 10.0.0.5 tcp/80");
        network.apply(one(after).program());
        all_consistent(&network);
        let again = send(&mut network, "i-client -> 10.0.0.5 tcp/80");
        let kept = again.is_accepted() && again.last_packet() == trace.last_packet();
        assert_eq!(kept, goes_on, "{after}: {again}");
        let answer = network.reply(&trace).expect("it arrived");
        assert_eq!(answer.arrives, goes_on, "{after}: {}", answer.trace);
    }
}

#[test]
fn a_listener_ends_with_its_flows() {
    let world = balanced().with(THREE);
    for after in ["", "listener nlb-1 tcp/80 local", "listener nlb-1 tcp/81 10.0.1.11:8080"] {
        let mut network = world.network();
        let trace = converse(&mut network, "i-client -> 10.0.0.5 tcp/80");
        network.apply(balanced().with(after).program());
        all_consistent(&network);
        assert!(!network.reply(&trace).expect("it arrived").arrives, "{after}");
    }
}

#[test]
fn a_load_balancer_that_goes_takes_its_flows_along() {
    let world = balanced().with("listener nlb-1 tcp/80 10.0.1.11:8080");
    let mut network = world.network();
    let trace = converse(&mut network, "i-client -> 10.0.0.5 tcp/80");
    let gone = balanced().without("nlb nlb-1").without("eip eipalloc-1").program();
    let vpc = enishi_fabric::NamespaceName::new("vpc-1");
    let purges = invalidate(&world.program().namespaces[&vpc], &gone.namespaces[&vpc]);
    assert!(purges.iter().any(|purge| matches!(purge, Purge::Returned(_))), "{purges:?}");
    network.apply(gone);
    all_consistent(&network);
    assert_eq!(network.connections(&vpc).count(), 0);
    let answer = network.reply(&trace).expect("it arrived");
    assert_eq!(answer.trace.disposition, Disposition::DeniedBySecurityGroup, "it is a flow of its own now");
}

/// TLS listeners end connections in the node: what they say to targets, they say themselves.
#[test]
fn a_process_in_the_node_takes_what_is_local_and_speaks_for_its_clients() {
    let world = balanced().with("listener nlb-1 tcp/443 local");
    let trace = converse(&mut world.network(), "internet -> 198.18.0.20 tcp/443");
    assert_eq!(receiver(&trace), "nlb-1");
    converse(&mut world.network(), "nlb-1 -> 10.0.1.11 tcp/8080");
    let far = "nlb-1@198.18.0.9 -> 10.0.1.11 tcp/8080";
    let mut network = world.network();
    let trace = send(&mut network, far);
    assert!(!network.reply(&trace).expect("it arrives").arrives);
    let transparent = world
        .without("nlb nlb-1")
        .without("listener nlb-1")
        .without("eip eipalloc-1")
        .with("nlb nlb-1 subnet-pub 10.0.0.5 sg-nlb transparent\n listener nlb-1 tcp/443 local");
    let trace = converse(&mut transparent.network(), far);
    assert_eq!(trace.last_packet().source.to_string(), "198.18.0.9");
}

/// A client that has the same ports towards a target directly and through a load balancer has one flow, not two.
#[test]
fn a_flow_that_exists_already_is_not_balanced_twice() {
    let world =
        balanced().with("listener nlb-1 tcp/80 10.0.1.11:8080\n in sg-app sgr-direct tcp/8080 10.0.2.0/24");
    let mut network = world.network();
    converse(&mut network, "i-client -> 10.0.1.11 tcp/8080");
    let trace = send(&mut network, "i-client -> 10.0.0.5 tcp/80");
    assert!(!network.reply(&trace).expect("it arrives").arrives);
}

#[track_caller]
fn all_consistent(network: &Network) {
    for (name, program) in &network.program().namespaces {
        for connection in network.connections(name) {
            assert!(consistent(program, &connection), "{name}: {connection:?}");
        }
    }
}
