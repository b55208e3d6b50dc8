//! What becomes of rows when the data plane has followed, or a time is over.
//!
//! | row | becomes | when |
//! |---|---|---|
//! | load balancer provisioning | active | its generation is realised |
//! | target draining | gone | its deregistration delay is over |

use enishi_state::elbv2::{LoadBalancer, LoadBalancerArn, LoadBalancerState, Target, TargetKey};
use enishi_state::{Row, Timestamp, Tx, World};

use super::load_balancer;

/// Something that is due.
#[derive(Debug)]
pub(crate) enum Step {
    /// A load balancer is built.
    LoadBalancer(LoadBalancerArn),
    /// A target has drained.
    Drained(TargetKey),
}

/// Finds what is due.
pub(crate) fn due(world: &World, realised_generation: u64, now: Timestamp, found: &mut dyn FnMut(Step)) {
    for row in world.by::<LoadBalancer>("unsettled", "") {
        if let LoadBalancerState::Provisioning { generation } = row.state
            && generation <= realised_generation
        {
            found(Step::LoadBalancer(row.arn.clone()));
        }
    }
    for (row, _) in draining(world).filter(|(_, until)| *until <= now) {
        found(Step::Drained(row.id()));
    }
}

fn draining(world: &World) -> impl Iterator<Item = (&Target, Timestamp)> {
    world.by::<Target>("draining", "").filter_map(|row| Some((row, row.drains_until()?)))
}

/// When something is due next that only time brings.
pub(crate) fn next_deadline(world: &World) -> impl Iterator<Item = Timestamp> {
    draining(world).map(|(_, until)| until)
}

/// Does it.
pub(crate) fn take(tx: &mut Tx<'_>, step: Step) {
    match step {
        Step::LoadBalancer(arn) => load_balancer::settle(tx, &arn),
        Step::Drained(key) => {
            tx.remove::<Target>(&key);
        }
    }
}
