//! Every bug of the compiler that [`Mutation`] knows is caught by a verdict of some scenario. Kernel and model run the same
//! program, so only verdicts that a person wrote from AWS's pages can judge the compiler.

mod files;

use enishi_plan::{Mutation, plan_with};
use enishi_testkit::scenario::{FailureKind, Model, run_with};

#[test]
fn every_mutation_is_caught_by_a_verdict() {
    let scenarios = files::scenarios();
    let catches = |mutation: Mutation| {
        scenarios.iter().find_map(|(path, scenario)| {
            let compile = move |world: &_| plan_with(world, Some(mutation));
            let outcome = run_with(scenario, &mut Model::default(), compile).expect("the model does no I/O");
            let caught = outcome.failures.iter().find(|failure| failure.kind == FailureKind::Verdict)?;
            Some(format!("{}:{caught}", path.file_name()?.display()))
        })
    };
    let mut survivors = Vec::new();
    for &mutation in Mutation::ALL {
        match catches(mutation) {
            Some(by) => println!("{mutation:?} is caught by {by}"),
            None => survivors.push(mutation),
        }
    }
    assert!(survivors.is_empty(), "no scenario catches {survivors:?}");
}

/// The test above would pass if the compiler were not asked at all.
#[test]
fn without_a_mutation_nothing_is_caught() {
    for (path, scenario) in files::scenarios() {
        let outcome = run_with(&scenario, &mut Model::default(), |world| plan_with(world, None));
        let failures = outcome.expect("the model does no I/O").failures;
        assert!(failures.is_empty(), "{}:{}", path.display(), failures[0]);
    }
}
