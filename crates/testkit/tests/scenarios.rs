//! Every file of `tests/scenarios`, on the model and on the kernel. `UPDATE=1` rewrites the printed traces; the kernel needs
//! root or `unshare --map-root-user --net`.

mod files;

use enishi_testkit::lab::Lab;
use enishi_testkit::scenario::{FailureKind, Model, Testbed, run};

/// Runs all files and reports every line that was not as it says.
fn all_on<T: Testbed>(mut testbed: impl FnMut() -> T, may_update: bool) {
    let update = may_update && std::env::var_os("UPDATE").is_some();
    let (mut failures, mut verdicts) = (Vec::new(), 0);
    let mut testbed = testbed();
    for (path, scenario) in files::scenarios() {
        let outcome =
            run(&scenario, &mut testbed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        verdicts += outcome.verdicts;
        for failure in outcome.failures {
            if update && failure.kind == FailureKind::Golden {
                let text = scenario.with_golden(&outcome.golden);
                std::fs::write(&path, text).expect("a writable scenario");
            } else {
                failures.push(format!("{}:{failure}", path.display()));
            }
        }
    }
    println!("{verdicts} verdicts");
    assert!(verdicts > 0, "no verdict was checked");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn scenarios_on_the_model() {
    all_on(Model::default, true);
}

#[test]
fn scenarios_on_the_kernel() {
    all_on(|| Lab::new().expect("a laboratory"), false);
}
