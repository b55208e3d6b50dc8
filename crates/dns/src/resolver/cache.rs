//! What was learnt, by where it was asked, name and type.

use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::dns::{Name, RecordType};

use super::bounded::Bounded;
use super::config::Limits;
use super::entry::{Entry, Part};
use super::source::Source;
use crate::rcode::Rcode;

/// Stands for every type of a name that does not exist: no record has this type.
const EVERY_TYPE: RecordType = RecordType(0);

/// A question to a source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) source: Arc<Source>,
    pub(super) name: Name,
    pub(super) record_type: RecordType,
}

impl Question {
    /// The cache's key.
    pub(super) fn key(&self) -> Vec<u8> {
        key(&self.source, self.name.as_wire(), self.record_type)
    }
}

/// What a look-up finds.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// The answer.
    Part(Part),
    /// It could not be had a moment ago.
    Failed,
    /// It has to be asked for.
    Missing,
}

/// Answers and failures.
#[derive(Debug)]
pub(super) struct Cache {
    entries: Bounded<Arc<Entry>>,
    /// Until when a question that failed is not asked again.
    failures: Bounded<Duration>,
    longest_stale: Duration,
    failure_ttl: Duration,
    stale_recheck: Duration,
}

impl Cache {
    pub(super) fn new(limits: &Limits) -> Self {
        Cache {
            entries: Bounded::new(limits.cache_entries, limits.cache_bytes),
            failures: Bounded::new(limits.cache_entries / 8, limits.cache_bytes / 8),
            longest_stale: limits.longest_stale,
            failure_ttl: Duration::from_secs(limits.failure_ttl.into()),
            stale_recheck: Duration::from_secs(limits.stale_recheck.into()),
        }
    }

    /// What is known now.
    pub(super) fn look_up(&self, question: &Question, now: Duration) -> Known {
        let key = question.key();
        if let Some(entry) = self.entries.get(&key).filter(|entry| entry.is_fresh(now)) {
            return Known::Part(Part::fresh(entry));
        }
        if let Some(entry) = self.cut_above(question, now) {
            return Known::Part(Part::fresh(entry));
        }
        if self.failures.get(&key).is_some_and(|until| now < until) {
            // RFC 8767, section 5: the failure recheck timer; until it ends, stale data is given at once.
            return self.look_up_stale(question, now).map_or(Known::Failed, Known::Part);
        }
        Known::Missing
    }

    /// What held once, if it is not too old (RFC 8767, section 4).
    pub(super) fn look_up_stale(&self, question: &Question, now: Duration) -> Option<Part> {
        let of_type = self.stale(self.entries.get(&question.key()), now);
        let every_type = || key(&question.source, question.name.as_wire(), EVERY_TYPE);
        of_type.or_else(|| self.stale(self.entries.get(&every_type()), now))
    }

    fn stale(&self, entry: Option<Arc<Entry>>, now: Duration) -> Option<Part> {
        entry
            .filter(|entry| entry.ttl > 0 && now < entry.expires() + self.longest_stale)
            .map(|entry| Part::stale(entry, now))
    }

    /// RFC 8020: "when a DNS resolver receives a response with a response code of NXDOMAIN, it means that the domain name which is
    /// thus denied AND ALL THE NAMES UNDER IT do not exist."
    fn cut_above(&self, question: &Question, now: Duration) -> Option<Arc<Entry>> {
        let mut name = question.name.as_wire();
        while name.len() > 1 {
            let key = key(&question.source, name, EVERY_TYPE);
            if let Some(entry) = self.entries.get(&key).filter(|entry| entry.is_fresh(now)) {
                return Some(entry);
            }
            let (length, rest) = name.split_first()?;
            name = rest.get(usize::from(*length)..)?;
        }
        None
    }

    /// Keeps an answer.
    pub(super) fn put(&self, question: &Question, entry: &Arc<Entry>) {
        if entry.ttl == 0 {
            // What held before is no longer so, and must not come back as stale.
            self.entries.remove(&question.key());
            return;
        }
        let bytes = entry.bytes();
        let every_type = key(&question.source, question.name.as_wire(), EVERY_TYPE);
        if entry.rcode == Rcode::NameError && entry.sets.is_empty() {
            self.entries.put(&every_type, Arc::clone(entry), bytes);
            self.entries.remove(&question.key());
        } else {
            self.entries.remove(&every_type);
            self.entries.put(&question.key(), Arc::clone(entry), bytes);
        }
    }

    /// Remembers that a question failed.
    pub(super) fn put_failure(&self, question: &Question, now: Duration) {
        let is_stale = self.look_up_stale(question, now).is_some();
        let until = now + if is_stale { self.stale_recheck } else { self.failure_ttl };
        self.failures.put(&question.key(), until, size_of::<Duration>());
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.entries.clear();
        self.failures.clear();
    }
}

fn key(source: &Source, name: &[u8], record_type: RecordType) -> Vec<u8> {
    let mut key = Vec::with_capacity(10 + name.len());
    key.extend_from_slice(&source.scope().to_be_bytes());
    key.extend_from_slice(&record_type.0.to_be_bytes());
    key.extend_from_slice(name);
    key
}
