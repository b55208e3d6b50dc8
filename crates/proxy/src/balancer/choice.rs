//! Which target gets a request.
//! [Routing algorithms](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#modify-routing-algorithm)

use std::sync::atomic::Ordering;

use enishi_fabric::balancer::Algorithm;

use super::random::Random;
use super::snapshot::{Group, TargetPlan};

impl Group {
    /// The target for a new request of a worker at `now`, in milliseconds since 1970; `None`: there is none.
    pub fn choose(&self, worker: usize, now: i64, random: &mut Random) -> Option<&TargetPlan> {
        let count = self.eligible.len();
        if count == 0 {
            return None;
        }
        match self.config.algorithm {
            Algorithm::LeastOutstandingRequests => self.least_busy(random.below(count)),
            Algorithm::WeightedRandom | Algorithm::FlowHash => self.at(random.below(count)),
            Algorithm::RoundRobin => {
                // A target in its slow start lets some of its turns pass.
                for _ in 0..if self.has_slow_starters { count.min(64) } else { 0 } {
                    let target = self.next(worker, count)?;
                    if share(target, now) > random.fraction() {
                        return Some(target);
                    }
                }
                self.next(worker, count)
            }
        }
    }

    /// The target that stands behind a key, if it still gets requests of clients that stay with it.
    pub fn keyed(&self, key: u64) -> Option<&TargetPlan> {
        self.targets.iter().find(|target| target.key == key && target.is_usable)
    }

    fn at(&self, index: usize) -> Option<&TargetPlan> {
        self.targets.get(*self.eligible.get(index)?)
    }

    fn next(&self, worker: usize, count: usize) -> Option<&TargetPlan> {
        self.at(self.state.turns.take(worker, count))
    }

    /// Those with equally few requests take turns, by where the search begins.
    fn least_busy(&self, from: usize) -> Option<&TargetPlan> {
        let (before, behind) = self.eligible.split_at_checked(from)?;
        let targets = behind.iter().chain(before).filter_map(|index| self.targets.get(*index));
        targets.min_by_key(|target| target.state.in_flight.load(Ordering::Relaxed))
    }
}

/// The share of its turns that a target takes, growing linearly: "The load balancer linearly increases the number of requests that
/// it can send to a target in slow start mode."
fn share(target: &TargetPlan, now: i64) -> f64 {
    match target.slow_start {
        Some((began, ends)) if now < ends => {
            ((now.saturating_sub(began)) as f64 / ends.saturating_sub(began) as f64).clamp(0.01, 1.0)
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests;
