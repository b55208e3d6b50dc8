//! What time does to VPC peering connections.
//!
//! A request that nobody accepts expires after a week. What is over is shown for two hours or two days, by whose doing it ended.
//! [Lifecycle](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle)

use enishi_state::ec2::{PeeringState, VpcPeeringConnection, VpcPeeringConnectionId};
use enishi_state::{Scope, Timestamp, Tx, World};

use crate::ec2::tag;

const HOURS: i64 = 2 * 3600;
const DAYS: i64 = 2 * 24 * 3600;

/// What is due.
pub(crate) enum Step {
    /// A request expires.
    Expires(VpcPeeringConnectionId),
    /// A connection is shown to nobody any more.
    Forgotten(VpcPeeringConnectionId),
}

/// What is due, and when.
fn steps(world: &World) -> impl Iterator<Item = (Timestamp, Step)> {
    let pending = world.by::<VpcPeeringConnection>("pending", "");
    let expiring = pending.filter_map(|row| Some((row.expires()?, Step::Expires(row.id.clone()))));
    let ended = world.by::<VpcPeeringConnection>("ended", "");
    let forgotten = ended.map(|row| {
        let sides = [&row.requester.scope, &row.accepter.scope].map(|scope| shown_for(row, scope));
        let seconds = sides.into_iter().flatten().max().unwrap_or_default();
        (row.since.plus_seconds(seconds), Step::Forgotten(row.id.clone()))
    });
    expiring.chain(forgotten)
}

/// When something is due next.
pub(crate) fn next_deadline(world: &World) -> impl Iterator<Item = Timestamp> {
    steps(world).map(|(at, _)| at)
}

/// Finds what is due at `now`.
pub(crate) fn due(world: &World, now: Timestamp, found: &mut dyn FnMut(Step)) {
    steps(world).filter(|(at, _)| *at <= now).for_each(|(_, step)| found(step));
}

/// Does it.
pub(crate) fn take(tx: &mut Tx<'_>, step: Step) {
    match step {
        Step::Expires(id) => {
            let now = tx.now();
            tx.modify::<VpcPeeringConnection>(&id, |row| {
                row.state = PeeringState::Expired;
                row.since = now;
            });
        }
        Step::Forgotten(id) => {
            tag::remove_all(tx, id.as_str());
            tx.remove::<VpcPeeringConnection>(&id);
        }
    }
}

/// Whether a side is still shown the connection.
pub(super) fn is_shown(row: &VpcPeeringConnection, scope: &Scope, now: Timestamp) -> bool {
    shown_for(row, scope).is_none_or(|seconds| now < row.since.plus_seconds(seconds))
}

/// For how many seconds a side is shown what is over; `None`: it is not over.
fn shown_for(row: &VpcPeeringConnection, scope: &Scope) -> Option<i64> {
    let (requester, accepter) = (&row.requester.scope.account, &row.accepter.scope.account);
    let (same, own) = (requester == accepter, &scope.account);
    match &row.state {
        PeeringState::PendingAcceptance | PeeringState::Active => None,
        PeeringState::Expired => Some(DAYS),
        PeeringState::Failed => Some(if own == requester { HOURS } else { 0 }),
        PeeringState::Rejected => Some(if same || own == accepter { HOURS } else { DAYS }),
        PeeringState::Deleted { by } => Some(if same || own == by { HOURS } else { DAYS }),
    }
}
