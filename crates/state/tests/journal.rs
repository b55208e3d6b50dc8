//! What the journal stores is enough: replaying every touched row gives the world.

use enishi_state::{ReplayError, World};
use enishi_testkit::Random;
use enishi_testkit::world::{WorldBuilder, random_step};

#[test]
fn replaying_the_journal_gives_the_world() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        let mut replayed = World::default();
        for _ in 0..30 {
            random_step(&mut builder, &mut random);
            for step in builder.take_steps() {
                for (table, id) in step.delta.rows() {
                    let record = step.after.record(table, id);
                    replayed.replay(table, id, record.as_deref()).expect("a record that was just made");
                }
                if !step.delta.is_empty() {
                    replayed.generation = step.delta.generation;
                }
                assert!(replayed == step.after, "seed {seed}: generation {}", step.after.generation);
            }
        }
        assert!(replayed.generation > 0, "seed {seed}");
    }
}

#[test]
fn every_row_is_under_the_name_of_a_known_table() {
    let mut random = Random::new(7);
    let mut builder = WorldBuilder::new();
    (0..60).for_each(|_| random_step(&mut builder, &mut random));
    let touched: Vec<_> = builder.take_steps();
    for (table, _) in touched.iter().flat_map(|step| step.delta.rows()) {
        assert!(World::TABLES.contains(&table), "{table}");
    }
    let mut names = World::TABLES.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), World::TABLES.len(), "two tables share a name");
}

#[test]
fn a_journal_that_does_not_fit_is_refused() {
    let mut world = World::default();
    let unknown = world.replay("flux_capacitor", "x", None).expect_err("no such table");
    assert!(matches!(unknown, ReplayError::UnknownTable(name) if name == "flux_capacitor"));
    let id = world.replay("vpc", "subnet-00000001", None).expect_err("not an id of a VPC");
    assert!(matches!(id, ReplayError::Id { .. }));
    let row = world.replay("vpc", "vpc-00000001", Some(b"{}")).expect_err("not a VPC");
    assert!(matches!(row, ReplayError::Row { .. }));
    assert_eq!(world, World::default());
}
