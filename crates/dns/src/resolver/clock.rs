//! Time as an argument.

use std::time::{Duration, Instant, SystemTime};

/// Tells the time; tests have one that they move.
pub trait Clock: Send + Sync {
    /// Time since some start, never running backwards: what caches count in.
    fn elapsed(&self) -> Duration;

    /// The time of day, for logs.
    fn wall(&self) -> SystemTime;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        SystemClock(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
