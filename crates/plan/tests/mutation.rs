//! Every mutation can be caught: there is a world, a packet and a verdict that it changes. Whether the scenario files do
//! catch each is for the scenarios' own test.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use enishi_fabric::{Flow, NamespaceName, Network, Packet, Program, Transport, Verdict};
use enishi_plan::{Mutation, plan, plan_with};
use enishi_state::ec2::RouteTarget;
use enishi_testkit::Random;
use enishi_testkit::flow::Probes;
use enishi_testkit::world::{Way, WorldBuilder, random_world, tcp};

/// What the ends of a flow see: whether the packet arrived, from which address, and whether the answer came back.
fn outcome(program: &Program, flow: &Flow) -> (Verdict, Ipv4Addr, Option<bool>) {
    let mut network = Network::new(program.clone());
    let trace = network.send(flow);
    let answered = network.reply(&trace).map(|answer| answer.arrives);
    (trace.verdict(), trace.last_packet().source, answered)
}

#[test]
fn no_mutation_is_no_change() {
    for seed in 0..20 {
        let world = random_world(seed);
        assert!(plan_with(&world, None) == plan(&world), "seed {seed}");
    }
}

#[test]
fn there_are_thirty_seven() {
    let distinct: BTreeSet<_> = Mutation::ALL.iter().collect();
    assert_eq!((Mutation::ALL.len(), distinct.len()), (37, 37));
}

#[test]
fn every_mutation_changes_a_verdict_in_some_world() {
    // Tracking shows only when a rule changes under a flow; see below. Random worlds have no resolver endpoints and no peerings that
    // wait: the scenarios `route53resolver/inbound_endpoint.txt` and `ec2/vpc_peering.txt` show theirs.
    let elsewhere =
        [Mutation::UntrackedNever, Mutation::ResolverEndpointUngated, Mutation::PeeringUnaccepted];
    let mut left: BTreeSet<_> =
        Mutation::ALL.iter().copied().filter(|mutation| !elsewhere.contains(mutation)).collect();
    for seed in 0..400 {
        let world = random_world(seed);
        let program = plan(&world);
        let (probes, mut random) = (Probes::of(&program), Random::new(seed));
        let flows: Vec<_> = (0..300).map(|_| probes.flow(&mut random)).collect();
        let right: Vec<_> = flows.iter().map(|flow| outcome(&program, flow)).collect();
        left.retain(|mutation| {
            let wrong = plan_with(&world, Some(*mutation));
            wrong == program || flows.iter().zip(&right).all(|(flow, right)| outcome(&wrong, flow) == *right)
        });
        if left.is_empty() {
            return;
        }
    }
    panic!("no random world shows {left:?}");
}

/// "If you remove the rule that allows it, an untracked flow is interrupted at once; a tracked one goes on."
#[test]
fn tracking_shows_when_a_rule_goes() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let gateway = w.internet_gateway(&vpc);
    let main = w.main_table(&vpc);
    w.route(&main, "0.0.0.0/0", RouteTarget::InternetGateway(gateway));
    let group = w.group(&vpc);
    let rule = w.group_rule(&group, Way::In, tcp(80, 80), "0.0.0.0/0");
    w.group_rule(&group, Way::Out, enishi_fabric::TrafficMatch::All, "0.0.0.0/0");
    let web = w.instance(&subnet, &[&group]);
    w.elastic_ip(&web);
    let before = w.world().clone();
    w.revoke(&rule);

    let packet = Packet {
        source: Ipv4Addr::new(198, 18, 0, 1),
        destination: Ipv4Addr::new(198, 18, 1, 1),
        transport: Transport::Tcp(40_000, 80),
    };
    let flow = Flow { from: NamespaceName::internet(), packet };
    let survives = |mutation| {
        let mut network = Network::new(plan_with(&before, mutation));
        let trace = network.send(&flow);
        assert!(trace.is_accepted(), "{trace}");
        assert!(network.reply(&trace).is_some_and(|answer| answer.arrives));
        network.apply(plan_with(w.world(), mutation));
        network.send(&flow).is_accepted()
    };
    assert!(!survives(None));
    assert!(survives(Some(Mutation::UntrackedNever)));
}
