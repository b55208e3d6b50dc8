//! Load balancers in random worlds: what the planner makes step by step is what compiling the whole world makes.

use enishi_cloud::Cloud;
use enishi_fabric::program::Role;
use enishi_plan::{Planner, plan};
use enishi_testkit::Random;
use enishi_testkit::program::dangling;
use enishi_testkit::world::{WorldBuilder, random_load_balancer_step, random_step};

#[test]
fn updating_is_compiling() {
    let cloud = Cloud::new();
    let (mut served, mut nodes) = (0, 0);
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        for _ in 0..8 {
            random_step(&mut builder, &mut random);
        }
        let mut planner = Planner::new(builder.world());
        builder.take_steps();
        for _ in 0..120 {
            random_load_balancer_step(&mut builder, &mut random, &cloud);
            for step in builder.take_steps() {
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
            }
        }
        let program = planner.program();
        assert_eq!(dangling(program), Vec::<String>::new(), "seed {seed}");
        served += program.balancers.values().filter(|balancer| !balancer.target_groups.is_empty()).count();
        let is_node = |role: &Role| matches!(role, Role::NetworkBalancer(node) if !node.listeners.is_empty());
        nodes += program.namespaces.values().filter(|namespace| is_node(&namespace.role)).count();
    }
    assert!(served > 0 && nodes > 0, "{served} load balancers have target groups, {nodes} nodes listeners");
}
