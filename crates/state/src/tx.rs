//! Transactions: how the world changes.

use std::collections::BTreeSet;

use crate::{Caller, Holds, ResourceId, Row, Timestamp, World, invariants};

/// A source of randomness that is handed in, so that every run can be replayed.
pub trait Entropy {
    /// Fills `bytes` with randomness.
    fn fill(&mut self, bytes: &mut [u8]);
}

/// A snapshot and who reads it, when.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    /// The world.
    pub world: &'a World,
    /// Who asks.
    pub caller: &'a Caller,
    /// The time of the request.
    pub now: Timestamp,
}

/// A transaction on the world. Dropping it changes nothing.
pub struct Tx<'a> {
    world: World,
    touched: BTreeSet<(&'static str, String)>,
    base: &'a World,
    entropy: &'a mut dyn Entropy,
    caller: &'a Caller,
    now: Timestamp,
}

impl<'a> Tx<'a> {
    /// Opens a transaction on `base`.
    pub fn new(base: &'a World, caller: &'a Caller, now: Timestamp, entropy: &'a mut dyn Entropy) -> Self {
        Tx { world: base.clone(), touched: BTreeSet::new(), base, entropy, caller, now }
    }

    /// Who asks. The borrow outlives the transaction's own, so rows can be changed while it is held.
    pub fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// The time of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Randomness for ids and secrets.
    pub fn entropy(&mut self) -> &mut dyn Entropy {
        self.entropy
    }

    /// The world as this transaction has it so far.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world as it was when the transaction began.
    pub fn base(&self) -> &'a World {
        self.base
    }

    /// A reader's view of the world as this transaction has it so far.
    pub fn read(&self) -> Read<'_> {
        Read { world: &self.world, caller: self.caller, now: self.now }
    }

    /// The generation that committing leads to.
    pub fn next_generation(&self) -> u64 {
        self.base.generation + 1
    }

    /// Inserts or replaces a row.
    pub fn put<R: Row>(&mut self, row: R)
    where
        World: Holds<R>,
    {
        self.touched.insert((R::TABLE, row.id().as_str().to_owned()));
        self.world.table_mut().put(row);
    }

    /// Changes a row in place; says whether it was there. The closure must not change the row's id.
    pub fn modify<R: Row>(&mut self, id: &R::Id, change: impl FnOnce(&mut R)) -> bool
    where
        World: Holds<R>,
    {
        let Some(mut row) = self.world.get::<R>(id).cloned() else { return false };
        change(&mut row);
        debug_assert_eq!(row.id(), *id);
        self.put(row);
        true
    }

    /// Removes a row; says whether it was there.
    pub fn remove<R: Row>(&mut self, id: &R::Id) -> bool
    where
        World: Holds<R>,
    {
        self.touched.insert((R::TABLE, id.as_str().to_owned()));
        Holds::<R>::table_mut(&mut self.world).remove(id)
    }

    /// Ends the transaction. Invariants are checked; a transaction that touched nothing yields an empty delta and the same
    /// generation.
    pub fn commit(mut self) -> Result<Commit, Conflict> {
        if self.touched.is_empty() {
            return Ok(Commit { world: self.world, delta: Delta::default() });
        }
        self.world.generation = self.next_generation();
        let delta = Delta { generation: self.world.generation, touched: self.touched };
        invariants::check(self.base, &self.world, &delta)?;
        Ok(Commit { world: self.world, delta })
    }
}

/// A committed transaction.
#[derive(Debug)]
pub struct Commit {
    /// The new world.
    pub world: World,
    /// What changed.
    pub delta: Delta,
}

/// A transaction that would have left the world in a state that AWS does not allow. It is a bug of the handler, which
/// should have refused with AWS's error; the caller sees `InternalError`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the change breaks an invariant: {0}")]
pub struct Conflict(pub String);

/// Which rows a transaction touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// The generation that the transaction led to; 0 if it touched nothing.
    pub generation: u64,
    touched: BTreeSet<(&'static str, String)>,
}

/// A touched row, before and after.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a, R> {
    /// The row before, if there was one.
    pub before: Option<&'a R>,
    /// The row after, if there is one.
    pub after: Option<&'a R>,
}

impl Delta {
    /// Whether nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Adds what a later transaction touched, so that both can be looked at as one.
    pub fn merge(&mut self, later: Delta) {
        self.generation = self.generation.max(later.generation);
        self.touched.extend(later.touched);
    }

    /// Table and id of every touched row.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.touched.iter().map(|(table, id)| (*table, id.as_str()))
    }

    /// The touched rows of one kind, as they were in `before` and are in `after`.
    pub fn changes<'a, R: Row>(
        &'a self,
        before: &'a World,
        after: &'a World,
    ) -> impl Iterator<Item = Change<'a, R>>
    where
        World: Holds<R>,
    {
        let of_kind =
            self.touched.range((R::TABLE, String::new())..).take_while(|(table, _)| *table == R::TABLE);
        of_kind.filter_map(|(_, id)| {
            let id = R::Id::parse(id).ok()?;
            Some(Change { before: before.get::<R>(&id), after: after.get::<R>(&id) })
        })
    }
}
