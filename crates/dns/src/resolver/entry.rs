//! What is known about a name and type: records, an alias to go on with, or that there is nothing.

use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::dns::{Name, Rdata, RecordType};

use super::reply::Record;
use crate::rcode::Rcode;
use crate::rrset::Rrset;

/// The TTL of a stale answer in seconds (RFC 8767, section 4: "a value of 30 seconds is RECOMMENDED").
const STALE_TTL: u32 = 30;

/// One part of an answer, as it was learnt.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// `NOERROR` or `NXDOMAIN`.
    pub(super) rcode: Rcode,
    /// Record sets in the order of the answer.
    pub(super) sets: Vec<OwnedSet>,
    /// The `SOA` of a negative answer.
    pub(super) soa: Option<OwnedSet>,
    /// The name that an alias leads to, when the answer does not hold what is there.
    pub(super) next: Option<Name>,
    /// When it was learnt.
    pub(super) learnt: Duration,
    /// How long it holds, in seconds; 0 is for the one question that it answers.
    pub(super) ttl: u32,
}

/// A record set with its owner.
#[derive(Debug, Clone)]
pub(super) struct OwnedSet {
    pub(super) owner: Name,
    pub(super) record_type: RecordType,
    pub(super) records: Rrset,
}

/// An [`Entry`] in use, and until when.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) entry: Arc<Entry>,
    /// Set for a stale entry: the end of its short new life.
    pub(super) stale_until: Option<Duration>,
}

impl OwnedSet {
    pub(super) fn new(owner: Name, record_type: RecordType, ttl: u32, data: &[Rdata]) -> Self {
        OwnedSet { owner, record_type, records: Rrset::new(record_type, ttl, data) }
    }

    /// Gathers the records of one owner and type. RFC 2181, section 5.2: differing TTLs are an error, and the least counts;
    /// section 5: "there is no such thing as duplicate records".
    pub(super) fn gather<'r>(
        owner: &Name,
        record_type: RecordType,
        records: impl Iterator<Item = &'r Record>,
        longest_ttl: u32,
    ) -> Option<Self> {
        let mut data: Vec<Rdata> = Vec::new();
        let mut ttl = longest_ttl;
        for record in records.filter(|record| record.record_type == record_type && record.owner == *owner) {
            ttl = ttl.min(record.ttl);
            data.push(record.data.clone());
        }
        if data.len() > 1 {
            let mut seen = std::collections::HashSet::new();
            data.retain(|data| seen.insert(data.clone()));
        }
        (!data.is_empty()).then(|| OwnedSet::new(owner.clone(), record_type, ttl, &data))
    }

    fn bytes(&self) -> usize {
        self.owner.as_wire().len() + self.records.wire().len() + size_of::<OwnedSet>()
    }
}

impl Entry {
    /// Records, or an alias, of one name.
    pub(super) fn positive(sets: Vec<OwnedSet>, next: Option<Name>, learnt: Duration) -> Self {
        let ttl = sets.iter().map(|set| set.records.ttl()).min().unwrap_or_default();
        Entry { rcode: Rcode::NoError, sets, soa: None, next, learnt, ttl }
    }

    /// Nothing of a type, or no such name, for as long as the `SOA` says; without one for this time alone (RFC 2308, section 5).
    pub(super) fn negative(rcode: Rcode, soa: Option<OwnedSet>, learnt: Duration) -> Self {
        let ttl = soa.as_ref().map_or(0, |soa| soa.records.ttl());
        Entry { rcode, sets: Vec::new(), soa, next: None, learnt, ttl }
    }

    /// Whether it holds now.
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        now < self.expires()
    }

    /// When it stops to hold.
    pub(super) fn expires(&self) -> Duration {
        self.learnt + Duration::from_secs(self.ttl.into())
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let sets = self.sets.iter().chain(&self.soa);
        size_of::<Entry>() + sets.map(OwnedSet::bytes).sum::<usize>()
    }
}

impl Part {
    /// What holds.
    pub(super) fn fresh(entry: Arc<Entry>) -> Self {
        Part { entry, stale_until: None }
    }

    /// What held once and nothing better is there for.
    pub(super) fn stale(entry: Arc<Entry>, now: Duration) -> Self {
        Part { entry, stale_until: Some(now + Duration::from_secs(STALE_TTL.into())) }
    }

    /// When a set of it stops to hold.
    pub(super) fn expiry_of(&self, set: &OwnedSet) -> Duration {
        self.stale_until.unwrap_or(self.entry.learnt + Duration::from_secs(set.records.ttl().into()))
    }
}
