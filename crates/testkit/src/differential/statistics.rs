//! What was compared, so that a test can tell that it was enough.

use std::collections::BTreeMap;
use std::fmt;

use enishi_fabric::{Packet, Protocol, Stage};

use super::{DELIVERED, MIDDLEBOX};

/// Counts of what was sent and what decided.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// Random worlds, each with its changes.
    pub worlds: usize,
    /// Answers of packets that were delivered.
    pub answers: usize,
    /// Those of them that reached the sender as an answer.
    pub answers_arrived: usize,
    deciders: BTreeMap<String, usize>,
    protocols: BTreeMap<Protocol, usize>,
}

impl Statistics {
    pub(super) fn count(&mut self, decider: &str, packet: Packet) {
        *self.deciders.entry(decider.to_owned()).or_default() += 1;
        *self.protocols.entry(packet.transport.protocol()).or_default() += 1;
    }

    /// How many packets were sent, answers not counted.
    pub fn packets(&self) -> usize {
        self.deciders.values().sum()
    }

    /// The share of packets, in percent, that were delivered.
    pub fn delivered(&self) -> f64 {
        percent(self.count_of(DELIVERED), self.packets())
    }

    /// The share of packets, in percent, that a stage denied.
    pub fn denied(&self) -> f64 {
        percent(self.all_denied(), self.packets())
    }

    /// The share of packets, in percent, that this stage denied.
    pub fn denied_by(&self, stage: Stage) -> f64 {
        self.share(&stage.to_string())
    }

    pub(super) fn share(&self, decider: &str) -> f64 {
        percent(self.count_of(decider), self.packets())
    }

    fn all_denied(&self) -> usize {
        self.packets() - self.count_of(DELIVERED) - self.count_of(MIDDLEBOX)
    }

    fn count_of(&self, decider: &str) -> usize {
        self.deciders.get(decider).copied().unwrap_or_default()
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} worlds, {} packets", self.worlds, self.packets())?;
        for (decider, count) in &self.deciders {
            writeln!(f, "  {decider:<20} {count:>8} {:>5.1} %", percent(*count, self.packets()))?;
        }
        for (protocol, count) in &self.protocols {
            writeln!(f, "  {:<20} {count:>8}", protocol.to_string())?;
        }
        write!(f, "{} answers, {} of them arrived", self.answers, self.answers_arrived)
    }
}
