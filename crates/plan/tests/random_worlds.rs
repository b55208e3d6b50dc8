//! Random worlds are worth testing with: packets pass and fail in them, and every stage decides a part.

use std::collections::BTreeMap;

use enishi_fabric::{Disposition, Verdict, walk};
use enishi_plan::plan;
use enishi_testkit::Random;
use enishi_testkit::flow::Probes;
use enishi_testkit::world::random_world;

/// A short name of where a packet ended.
fn ending(disposition: &Disposition) -> &'static str {
    match disposition {
        Disposition::Delivered { .. } => "delivered",
        Disposition::Exits { .. } => "exits",
        Disposition::Service { .. } => "service",
        Disposition::DeliveredToMiddlebox { .. } => "middlebox",
        Disposition::DeniedBySecurityGroup => "security group",
        Disposition::DeniedByNetworkAcl => "network ACL",
        Disposition::NoRoute => "no route",
        Disposition::Blackhole => "blackhole",
        Disposition::NotTranslated => "not translated",
        Disposition::NotPeered => "not peered",
        Disposition::SourceCheck => "source check",
        Disposition::DestinationCheck => "destination check",
        Disposition::NoSuchFlow => "no such flow",
        Disposition::NoFreePort => "no free port",
        Disposition::NoListener => "no listener",
        Disposition::NoTarget => "no target",
        Disposition::Unreachable => "unreachable",
        Disposition::Loop => "loop",
        Disposition::Unplugged { .. } => "unplugged",
        Disposition::NoSuchSender => "no such sender",
    }
}

#[test]
fn random_worlds_decide_at_every_stage() {
    let (mut endings, mut verdicts) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, u32>::new());
    let (worlds, packets) = (200, 50);
    for seed in 0..worlds {
        let program = plan(&random_world(seed));
        let (probes, mut random) = (Probes::of(&program), Random::new(seed));
        for _ in 0..packets {
            let trace = walk(&program, &probes.flow(&mut random));
            *endings.entry(ending(&trace.disposition)).or_default() += 1;
            *verdicts.entry(trace.verdict()).or_default() += 1;
        }
    }
    let all = worlds as u32 * packets;
    let percent = |count: Option<&u32>| count.copied().unwrap_or_default() * 100 / all;
    assert!(percent(verdicts.get(&Verdict::Accepted)) >= 30, "{verdicts:?} {endings:?}");
    assert!(percent(verdicts.get(&Verdict::Denied)) >= 30, "{verdicts:?} {endings:?}");
    let deciding = [
        "delivered",
        "exits",
        "service",
        "security group",
        "network ACL",
        "no route",
        "blackhole",
        "not translated",
        "source check",
        "destination check",
        "no such flow",
    ];
    for ending in deciding {
        assert!(percent(endings.get(ending)) >= 2, "too little ends as {ending}: {endings:?}");
    }
    for ending in ["middlebox", "not peered", "unreachable"] {
        assert!(endings.contains_key(ending), "nothing ends as {ending}: {endings:?}");
    }
    assert_eq!(endings.get("unplugged"), None, "{endings:?}");
    assert_eq!(endings.get("no such sender"), None, "{endings:?}");
}
