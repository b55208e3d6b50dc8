//! The kernel and the model agree about packets in random worlds. `ENISHI_WORLDS` says in how many, `ENISHI_SEED` from which
//! seed on; needs root or `unshare --map-root-user --net`.

use enishi_testkit::differential::Differential;

/// How many worlds a usual run compares.
const WORLDS: u64 = 60;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn kernel_and_model_agree() {
    let (worlds, first) = (setting("ENISHI_WORLDS", WORLDS), setting("ENISHI_SEED", 0));
    let mut differential = Differential::new().expect("a laboratory");
    for seed in first..first + worlds {
        if let Some(disagreement) = differential.world(seed).expect(&format!("seed {seed}")) {
            panic!("{disagreement}");
        }
    }
    println!("{}", differential.statistics());
}
