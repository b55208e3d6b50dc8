//! Who gets requests.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use enishi_fabric::balancer::{Algorithm, Balancer, Health, Kind, Target, TargetGroup};

use super::super::fixture;
use super::super::snapshot::States;
use super::*;

fn target(n: u8, zone: &str, health: Health) -> Target {
    Target { zone: Some(zone.into()), health, ..fixture::target(n, 80) }
}

fn compile(states: &States, group: TargetGroup) -> Arc<Group> {
    compile_for(Kind::Application, states, group)
}

fn compile_for(kind: Kind, states: &States, group: TargetGroup) -> Arc<Group> {
    let group = Arc::new(group);
    let target_groups = BTreeMap::from([(group.arn.clone(), group.clone())]);
    let balancer = Balancer { kind, target_groups, ..fixture::balancer() };
    states.compile(&Arc::new(balancer)).groups[&group.arn].clone()
}

fn group(targets: Vec<Target>) -> TargetGroup {
    TargetGroup { targets, ..fixture::group("tg") }
}

fn states() -> States {
    States::new(1, "us-east-1a".into(), [3; 32])
}

/// How often each target, by the last byte of its address, is chosen.
fn shares(group: &Group, count: usize, now: i64) -> HashMap<u8, usize> {
    let mut random = Random::new(7);
    let mut shares = HashMap::new();
    for _ in 0..count {
        let target = group.choose(0, now, &mut random).expect("a target");
        *shares.entry(target.address.ip().octets()[3]).or_default() += 1;
    }
    shares
}

#[test]
fn healthy_targets_take_turns() {
    let targets = vec![
        target(1, "us-east-1a", Health::Healthy),
        target(2, "us-east-1b", Health::Healthy),
        target(3, "us-east-1a", Health::Unhealthy),
        target(4, "us-east-1a", Health::Draining),
        target(5, "us-east-1a", Health::Initial),
    ];
    let group = compile(&states(), group(targets));
    assert_eq!(shares(&group, 100, 0), HashMap::from([(1, 50), (2, 50)]));
}

/// "The load balancer routes requests only to the healthy instances."
#[test]
fn a_classic_load_balancer_does_not_fail_open() {
    let targets = vec![target(1, "us-east-1a", Health::Unhealthy), target(2, "us-east-1a", Health::Initial)];
    let open = compile(&states(), group(targets.clone()));
    assert!(open.choose(0, 0, &mut Random::new(7)).is_some());
    let classic = compile_for(Kind::Classic, &states(), group(targets));
    assert!(classic.choose(0, 0, &mut Random::new(7)).is_none());
    assert!(classic.keyed(classic.targets[0].key).is_none());
}

/// "the load balancer node … distributes traffic only across the registered targets in its Availability Zone"
#[test]
fn zones_keep_to_themselves_when_cross_zone_is_off() {
    let targets = vec![target(1, "us-east-1a", Health::Unhealthy), target(2, "us-east-1b", Health::Healthy)];
    let config = TargetGroup { cross_zone: false, ..group(targets) };
    assert_eq!(shares(&compile(&states(), config.clone()), 10, 0), HashMap::from([(1, 10)]));
    let other = States::new(1, "us-east-1b".into(), [3; 32]);
    assert_eq!(shares(&compile(&other, config.clone()), 10, 0), HashMap::from([(2, 10)]));
    let third = States::new(1, "us-east-1c".into(), [3; 32]);
    assert!(compile(&third, config).choose(0, 0, &mut Random::new(1)).is_none());
}

#[test]
fn all_are_used_when_none_is_healthy() {
    let targets = vec![
        target(1, "us-east-1a", Health::Unhealthy),
        target(2, "us-east-1b", Health::Initial),
        target(3, "us-east-1b", Health::Draining),
    ];
    let group = compile(&states(), group(targets));
    assert_eq!(shares(&group, 10, 0), HashMap::from([(1, 5), (2, 5)]));
    assert!(group.keyed(group.targets[0].key).is_some());
    assert!(group.keyed(group.targets[2].key).is_none());
}

#[test]
fn the_least_busy_gets_the_next() {
    let targets = (1..=3).map(|n| target(n, "us-east-1a", Health::Healthy)).collect();
    let config = TargetGroup { algorithm: Algorithm::LeastOutstandingRequests, ..group(targets) };
    let group = compile(&states(), config);
    group.targets[0].state.in_flight.store(2, Ordering::Relaxed);
    group.targets[1].state.in_flight.store(1, Ordering::Relaxed);
    assert_eq!(shares(&group, 10, 0), HashMap::from([(3, 10)]));
    group.targets[2].state.in_flight.store(1, Ordering::Relaxed);
    assert_eq!(shares(&group, 100, 0).len(), 2);
}

#[test]
fn a_new_target_starts_slowly() {
    let warm = target(1, "us-east-1a", Health::Healthy);
    let new = Target {
        since: 1_000_000,
        slow_start_until: Some(1_100_000),
        ..target(2, "us-east-1a", Health::Healthy)
    };
    let group = compile(&states(), group(vec![warm, new]));
    let share_at = |now| shares(&group, 10_000, now)[&2];
    assert!((500..1500).contains(&share_at(1_010_000)), "{}", share_at(1_010_000));
    assert!((3000..3700).contains(&share_at(1_050_000)));
    assert!((4900..5100).contains(&share_at(1_100_000)));
}

#[test]
fn what_is_in_flight_outlives_a_change() {
    let states = states();
    let targets = |n: u8| (1..=n).map(|n| target(n, "us-east-1a", Health::Healthy)).collect();
    let before = compile(&states, group(targets(2)));
    before.targets[0].state.in_flight.store(9, Ordering::Relaxed);
    let after = compile(&states, group(targets(1)));
    assert_eq!(after.targets[0].state.in_flight.load(Ordering::Relaxed), 9);
    assert!(before.targets[1].state.is_gone());
    assert!(!before.targets[0].state.is_gone());
}

/// "the load balancer … waits for the deregistration delay": also where no rule leads to a group any more.
#[test]
fn targets_of_a_group_that_is_used_no_more_have_time() {
    let states = states();
    let none = || states.compile(&Arc::new(fixture::balancer()));
    let with_delay = |seconds| TargetGroup {
        deregistration_delay_seconds: seconds,
        ..group(vec![target(1, "us-east-1a", Health::Healthy)])
    };
    let patient = compile(&states, with_delay(300)).targets[0].state.clone();
    none();
    assert!(!patient.is_gone());
    let again = compile(&states, with_delay(0)).targets[0].state.clone();
    assert!(Arc::ptr_eq(&patient, &again), "it is back before it was gone");
    none();
    assert!(patient.is_gone());
    let anew = compile(&states, with_delay(0)).targets[0].state.clone();
    assert!(!Arc::ptr_eq(&patient, &anew) && !anew.is_gone());
}
