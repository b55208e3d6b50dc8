//! Changes: `GetChange`, and how they come in force.
//! [API_GetChange](https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html)
//!
//! A change is `INSYNC` when its generation is realised: when every name server, and the resolver of every VPC that the zone is
//! associated with, answers by it. It is forgotten a month later, by [`crate::tick`].

use enishi_api::route53::{ChangeInfo, GetChangeRequest, GetChangeResponse, ops};
use enishi_state::route53::{Change, ChangeId, ChangeState};
use enishi_state::{Read, Row, Timestamp, Tx, World};
use enishi_wire::Fault;

use super::{bare, faults, fresh_id, shown};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetChange>(get_change);
}

/// Records that the transaction changes what name servers answer; in force when its generation is.
pub(super) fn begin(tx: &mut Tx<'_>, comment: Option<String>) -> ChangeInfo {
    let row = Change {
        id: ChangeId::new(&fresh_id(tx, "C", 20)),
        account: tx.caller().scope.account.clone(),
        state: ChangeState::Pending { generation: tx.next_generation() },
        submitted: tx.now(),
        comment,
    };
    let info = shape(&row);
    tx.put(row);
    info
}

/// How long changes are remembered. AWS does not say; its console shows those of about a month.
const REMEMBERED_SECONDS: i64 = 30 * 24 * 3600;

/// When the next change is forgotten.
pub(crate) fn next_to_forget(world: &World) -> Option<Timestamp> {
    world.in_order::<Change>("submitted").next().map(deadline)
}

/// The changes that are forgotten by now.
pub(crate) fn to_forget(world: &World, now: Timestamp) -> impl Iterator<Item = ChangeId> + use<'_> {
    world.in_order::<Change>("submitted").take_while(move |row| deadline(row) <= now).map(Row::id)
}

fn deadline(row: &Change) -> Timestamp {
    row.submitted.plus_seconds(REMEMBERED_SECONDS)
}

/// A change is in force.
pub(crate) fn settle(tx: &mut Tx<'_>, id: &ChangeId) {
    tx.modify::<Change>(id, |row| row.state = ChangeState::InSync);
}

fn shape(row: &Change) -> ChangeInfo {
    let status = match row.state {
        ChangeState::Pending { .. } => "PENDING",
        ChangeState::InSync => "INSYNC",
    };
    ChangeInfo {
        id: format!("/change/{}", row.id),
        status: status.to_owned(),
        submitted_at: shown(row.submitted),
        comment: row.comment.clone(),
    }
}

fn get_change(read: &Read<'_>, input: GetChangeRequest) -> Result<GetChangeResponse, Fault> {
    let id = bare(&input.id);
    let row = read.world.get::<Change>(&ChangeId::new(id));
    let row = row.filter(|row| row.account == read.caller.scope.account);
    Ok(GetChangeResponse { change_info: shape(row.ok_or_else(|| faults::no_such_change(id))?) })
}
