//! The incremental planner has the program that a full compilation makes, and programs are sound.

use std::sync::Arc;

use enishi_fabric::{NamespaceName, Program};
use enishi_plan::{Planner, plan};
use enishi_state::World;
use enishi_testkit::Random;
use enishi_testkit::program::dangling;
use enishi_testkit::world::{Way, WorldBuilder, random_step, random_world, tcp};

/// Whether two programs share a namespace's pointer.
fn same(a: &Program, b: &Program, name: &str) -> bool {
    let get = |program: &Program| program.namespaces.get(&NamespaceName::new(name)).cloned();
    get(a).zip(get(b)).is_some_and(|(a, b)| Arc::ptr_eq(&a, &b))
}

#[test]
fn updating_is_compiling() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        let mut planner = Planner::new(builder.world());
        for _ in 0..30 {
            random_step(&mut builder, &mut random);
            for step in builder.take_steps() {
                let old = planner.program().clone();
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
                for (name, namespace) in &new.namespaces {
                    if old.namespaces.get(name) == Some(namespace) {
                        assert!(same(&old, &new, name.as_str()), "seed {seed}: {name} lost its pointer");
                    }
                }
            }
        }
    }
}

#[test]
fn programs_refer_to_what_they_hold() {
    for seed in 0..400 {
        let program = plan(&random_world(seed));
        assert_eq!(dangling(&program), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn the_same_world_has_the_same_program() {
    for seed in 0..40 {
        let (one, two) = (random_world(seed), random_world(seed));
        assert!(one == two, "seed {seed}");
        assert!(plan(&one) == plan(&two), "seed {seed}");
    }
}

#[test]
fn a_rule_changes_the_router_of_its_vpc_alone() {
    let mut w = WorldBuilder::new();
    let vpcs = [w.vpc("10.0.0.0/16"), w.vpc("10.0.0.0/16")];
    for vpc in &vpcs {
        let subnet = w.subnet(vpc, "10.0.1.0/24");
        let group = w.default_group(vpc);
        w.instance(&subnet, &[&group]);
    }
    let mut planner = Planner::new(w.world());
    let old = planner.program().clone();
    w.take_steps();
    let group = w.default_group(&vpcs[0]);
    w.group_rule(&group, Way::In, tcp(80, 80), "0.0.0.0/0");
    let step = w.take_steps().remove(0);
    let new = planner.update(&step.before, &step.after, &step.delta);
    let changed: Vec<_> = new.namespaces.keys().filter(|name| !same(&old, &new, name.as_str())).collect();
    assert_eq!(changed, [&NamespaceName::new(vpcs[0].as_str())]);
}

#[test]
fn a_planner_that_missed_a_change_catches_up() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let mut planner = Planner::new(&World::default());
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let group = w.default_group(&vpc);
    w.instance(&subnet, &[&group]);
    let last = w.take_steps().pop().expect("the last change");
    assert_eq!(planner.update(&last.before, &last.after, &last.delta), plan(w.world()));

    w.delete_vpc(&vpc);
    w.vpc("10.1.0.0/16");
    let last = w.take_steps().pop().expect("the last change");
    assert_eq!(planner.update(&last.before, &last.after, &last.delta), plan(w.world()));
}
