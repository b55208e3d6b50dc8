//! Counters, from which slots and public addresses are drawn.

use serde::{Deserialize, Serialize};

use crate::Row;
use crate::id::name_id;

name_id!(CounterKey, "a counter");

/// A counter that only goes up, so that what was just released is reused last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Its name: `vpc`, `network_interface`, `public_ip`.
    pub name: CounterKey,
    /// The next value.
    pub next: u64,
}

impl Row for Counter {
    type Id = CounterKey;
    const TABLE: &'static str = "counter";

    fn id(&self) -> CounterKey {
        self.name.clone()
    }
}
