//! The one place that reads the clock for the pure crates.

use std::time::{SystemTime, UNIX_EPOCH};

use enishi_state::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
