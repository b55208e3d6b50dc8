//! The kernel and the model agree about packets in random worlds. `ENISHI_WORLDS` says in how many, `ENISHI_SEED` from which
//! seed on; needs root or `unshare --map-root-user --net`.

use enishi_fabric::Stage;
use enishi_testkit::differential::{Differential, Statistics};

/// How many worlds a usual run compares.
const WORLDS: u64 = 60;

/// Every stage that can deny a packet.
const STAGES: [Stage; 15] = [
    Stage::SourceCheck,
    Stage::PeeringIn,
    Stage::InternetGatewayIn,
    Stage::Route,
    Stage::AclOut,
    Stage::AclIn,
    Stage::GroupEgress,
    Stage::GroupIngress,
    Stage::DestinationCheck,
    Stage::InternetGatewayOut,
    Stage::NatGatewayIn,
    Stage::NatGatewayOut,
    Stage::BalancerOut,
    Stage::BalancerIn,
    Stage::Internet,
];

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn kernel_and_model_agree() {
    let (worlds, first) = (setting("ENISHI_WORLDS", WORLDS), setting("ENISHI_SEED", 0));
    let mut differential = Differential::new().expect("a laboratory");
    for seed in first..first + worlds {
        let disagreement = differential.world(seed);
        if let Some(disagreement) = disagreement.unwrap_or_else(|error| panic!("seed {seed}: {error}")) {
            panic!("{disagreement}");
        }
    }
    println!("{}", differential.statistics());
    if worlds >= WORLDS {
        assert_telling(differential.statistics());
    }
}

/// Agreement says little if all packets arrive, or all fail at one stage.
fn assert_telling(statistics: &Statistics) {
    assert!(statistics.delivered() >= 30.0, "{statistics}");
    assert!(statistics.denied() >= 30.0, "{statistics}");
    for stage in STAGES {
        assert!(statistics.denied_by(stage) >= 3.0, "{stage}: {statistics}");
    }
    assert!(statistics.answers_arrived * 2 >= statistics.answers, "{statistics}");
}
