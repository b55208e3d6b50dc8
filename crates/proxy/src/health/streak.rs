//! Changing one's mind only after several results in a row.

/// Whether something is healthy, as one observer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    healthy: bool,
    /// Results in a row that say otherwise.
    against: u16,
}

impl Streak {
    /// An observer that begins with an opinion.
    pub fn new(healthy: bool) -> Self {
        Streak { healthy, against: 0 }
    }

    /// The opinion.
    pub fn healthy(self) -> bool {
        self.healthy
    }

    /// Takes a result in: the opinion turns to healthy after `rise` successes in a row, to unhealthy after `fall` failures. A
    /// threshold of 0 counts as 1.
    pub fn record(&mut self, passed: bool, rise: u16, fall: u16) {
        if passed == self.healthy {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        if self.against >= if passed { rise } else { fall }.max(1) {
            *self = Streak::new(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_in_a_row_change_a_mind() {
        let mut streak = Streak::new(true);
        for (passed, healthy) in [
            (false, true),
            (false, true),
            (true, true),
            (false, true),
            (false, true),
            (false, false),
            (true, false),
            (false, false),
            (true, false),
            (true, true),
        ] {
            streak.record(passed, 2, 3);
            assert_eq!(streak.healthy(), healthy);
        }
    }

    #[test]
    fn a_threshold_of_one_or_none_turns_at_once() {
        for threshold in [0, 1] {
            let mut streak = Streak::new(true);
            streak.record(false, threshold, threshold);
            assert!(!streak.healthy());
        }
    }
}
