//! Whose turn it is among targets that take turns.
//!
//! Few targets take their turns one by one. Of many, each worker takes a run at a time: its part of the targets, in their order. So it
//! meets the same targets in round after round, and its connections to them are used again by itself. Every run is of the same length
//! and begins where the last one did end, so all targets get equally many requests, but for the runs that are under way.

use std::sync::atomic::{AtomicUsize, Ordering};

/// From so many targets on workers take runs: with fewer, connections are used often enough by everybody.
const MANY: usize = 64;

/// Turns. They go on over changes of how many targets there are.
#[derive(Debug)]
pub struct Turns {
    /// Where the next run begins.
    next: AtomicUsize,
    /// What is left of each worker's run.
    runs: Box<[Run]>,
}

/// In a cache line of its own: nobody but its worker touches it.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Run {
    at: AtomicUsize,
    end: AtomicUsize,
}

impl Turns {
    /// For so many workers.
    pub fn new(workers: usize) -> Self {
        Turns { next: AtomicUsize::new(0), runs: (0..workers).map(|_| Run::default()).collect() }
    }

    /// The number of the target, of `count`, that gets this worker's next request. `count` is not 0.
    pub fn take(&self, worker: usize, count: usize) -> usize {
        let turn = match self.runs.get(worker) {
            Some(run) if count >= MANY => self.of_run(run, count / self.runs.len()),
            _ => self.next.fetch_add(1, Ordering::Relaxed),
        };
        turn % count
    }

    fn of_run(&self, run: &Run, length: usize) -> usize {
        let mut at = run.at.load(Ordering::Relaxed);
        if at == run.end.load(Ordering::Relaxed) {
            at = self.next.fetch_add(length.max(1), Ordering::Relaxed);
            run.end.store(at + length.max(1), Ordering::Relaxed);
        }
        run.at.store(at + 1, Ordering::Relaxed);
        at
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn few_take_their_turns_one_by_one() {
        let turns = Turns::new(2);
        let taken: Vec<usize> = (0..6).map(|n| turns.take(n % 2, 3)).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_worker_meets_the_same_ones_of_many_again() {
        let turns = Turns::new(2);
        let mut met = [BTreeSet::new(), BTreeSet::new()];
        for n in 0..10_000 {
            met[n % 2].insert(turns.take(n % 2, 100));
        }
        assert_eq!(met, [(0..50).collect(), (50..100).collect()]);
    }

    /// However unevenly workers are asked, and whether or not the targets can be shared out evenly.
    #[test]
    fn all_of_many_get_equally_many() {
        let turns = Turns::new(3);
        let mut counts = [0i32; 100];
        for n in 0..9_999 {
            let worker = if n % 7 == 0 { 1 } else { usize::from(n > 5_000) * 2 };
            counts[turns.take(worker, 100)] += 1;
        }
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(most - least <= 3, "{least} to {most}");
    }

    #[test]
    fn numbers_stay_below_a_count_that_changes() {
        let turns = Turns::new(2);
        for n in 0..5_000 {
            let count = 1 + n * 37 % 300;
            assert!(turns.take(n % 2, count) < count);
        }
    }
}
