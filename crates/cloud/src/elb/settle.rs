//! What becomes of registrations when their time is over: what drained is gone.

use enishi_state::elb::{Registration, RegistrationKey};
use enishi_state::{Row, Timestamp, Tx, World};

/// An instance that has drained.
#[derive(Debug)]
pub(crate) struct Drained(RegistrationKey);

/// Finds what is due.
pub(crate) fn due(world: &World, now: Timestamp, found: &mut dyn FnMut(Drained)) {
    for (row, _) in draining(world).filter(|(_, until)| *until <= now) {
        found(Drained(row.id()));
    }
}

/// When something is due next that only time brings.
pub(crate) fn next_deadline(world: &World) -> impl Iterator<Item = Timestamp> {
    draining(world).map(|(_, until)| until)
}

fn draining(world: &World) -> impl Iterator<Item = (&Registration, Timestamp)> {
    world.by::<Registration>("draining", "").filter_map(|row| Some((row, row.drains_until()?)))
}

/// Does it.
pub(crate) fn take(tx: &mut Tx<'_>, Drained(key): Drained) {
    tx.remove::<Registration>(&key);
}
