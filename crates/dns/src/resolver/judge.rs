//! What an answer says, and what of it counts: a server is heard about names within the zone that it was asked as a server of,
//! and about nothing else.

use std::time::Duration;

use enishi_fabric::dns::{Name, RecordType};

use super::config::Limits;
use super::delegation::Delegation;
use super::entry::{Entry, OwnedSet};
use super::reply::{Record, Reply};
use crate::rcode::Rcode;
use crate::request::CLASS_IN;

const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;

/// What a name server's answer comes to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// What it says about the name that was asked, then about names that its aliases lead to.
    Answer(Vec<Learnt>),
    /// Others know.
    Referral(Delegation),
    /// It does not serve the zone, or is broken: somebody else has to be asked.
    Useless,
}

/// What became known of a name and type.
#[derive(Debug)]
pub(super) struct Learnt {
    pub(super) name: Name,
    pub(super) entry: Entry,
}

/// A question, and the frame in which its answer is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) name: &'a Name,
    pub(super) record_type: RecordType,
    pub(super) limits: &'a Limits,
    pub(super) now: Duration,
}

impl Frame<'_> {
    /// Judges the answer of a name server of `zone`.
    pub(super) fn judge(&self, zone: &Name, reply: &Reply) -> Verdict {
        if !matches!(reply.rcode, NOERROR | NXDOMAIN) {
            return Verdict::Useless;
        }
        let chain = self.chain(reply, Some(zone));
        let mut learnt: Vec<Learnt> = Vec::with_capacity(chain.sets.len() + 1);
        for (index, set) in chain.sets.iter().enumerate() {
            let leads_to = chain.sets.get(index + 1).map(|set| set.owner.clone());
            let next = if self.is_alias(set) { leads_to.or_else(|| chain.end.clone()) } else { None };
            let entry = Entry::positive(vec![set.clone()], next, self.now);
            learnt.push(Learnt { name: set.owner.clone(), entry });
        }
        // Where the chain leaves the zone, its servers have no more to say.
        if let Some(end) = chain.end.filter(|end| end.is_within(zone)) {
            match self.nothing(reply, zone, &end) {
                Some(entry) => learnt.push(Learnt { name: end, entry }),
                None if learnt.is_empty() => return self.referral(reply, zone),
                None => {}
            }
        }
        if learnt.is_empty() { Verdict::Useless } else { Verdict::Answer(learnt) }
    }

    /// Reads the answer of a server that resolves names itself. It is believed as a whole, as far as it hangs together.
    pub(super) fn accept(&self, reply: &Reply) -> Option<Entry> {
        let rcode = match reply.rcode {
            NOERROR => Rcode::NoError,
            NXDOMAIN => Rcode::NameError,
            _ => return None,
        };
        let chain = self.chain(reply, None);
        let Some(end) = chain.end else { return Some(Entry::positive(chain.sets, None, self.now)) };
        let soa = self.soa(reply, &Name::root(), &end);
        let is_whole = rcode == Rcode::NameError || soa.is_some() || chain.sets.is_empty();
        let mut entry = if is_whole {
            Entry::negative(rcode, soa, self.now)
        } else {
            Entry::positive(Vec::new(), Some(end), self.now)
        };
        let aliases = chain.sets.iter().map(|set| set.records.ttl()).min();
        entry.ttl = match aliases {
            Some(aliases) if entry.soa.is_none() => aliases,
            Some(aliases) => aliases.min(entry.ttl),
            None => entry.ttl,
        };
        entry.sets = chain.sets;
        Some(entry)
    }

    /// Follows aliases from the question through the answer section, within `zone` if there is one.
    fn chain(&self, reply: &Reply, zone: Option<&Name>) -> Chain {
        let mut chain = Chain { sets: Vec::new(), end: Some(self.name.clone()) };
        for _ in 0..self.limits.aliases {
            let Some(name) = &chain.end else { break };
            if zone.is_some_and(|zone| !name.is_within(zone)) {
                break;
            }
            if let Some(set) = self.gather(name, self.record_type, &reply.answer) {
                chain.sets.push(set);
                chain.end = None;
                break;
            }
            let Some(set) = self.gather(name, RecordType::CNAME, &reply.answer) else { break };
            // RFC 2181, section 10.1: an alias has one canonical name; of several, the first.
            let target = set.records.records().next().and_then(|record| Name::from_wire(record.data).ok());
            let Some(target) = target else { break };
            let seen = chain.sets.iter().any(|set| set.owner == target) || target == set.owner;
            chain.sets.push(set);
            chain.end = Some(target);
            if seen {
                break;
            }
        }
        chain
    }

    fn gather(&self, name: &Name, record_type: RecordType, records: &[Record]) -> Option<OwnedSet> {
        let records = records.iter().filter(|record| record.class == CLASS_IN);
        OwnedSet::gather(name, record_type, records, self.limits.longest_ttl)
    }

    fn is_alias(&self, set: &OwnedSet) -> bool {
        set.record_type == RecordType::CNAME && self.record_type != RecordType::CNAME
    }

    /// That `end` does not exist, or has nothing of the type (RFC 2308, section 2).
    fn nothing(&self, reply: &Reply, zone: &Name, end: &Name) -> Option<Entry> {
        let soa = self.soa(reply, zone, end);
        let delegates = reply.authority.iter().any(|record| {
            record.record_type == RecordType::NS && record.owner != *zone && end.is_within(&record.owner)
        });
        let rcode = match reply.rcode {
            NXDOMAIN => Rcode::NameError,
            // NODATA of type 3 has no SOA, but is authoritative and delegates nothing.
            _ if soa.is_some() || (reply.authoritative && !delegates) => Rcode::NoError,
            _ => return None,
        };
        Some(Entry::negative(rcode, soa, self.now))
    }

    /// The `SOA` that says how long there is nothing. RFC 2308, section 5: its own TTL and its last field, whichever is less.
    fn soa(&self, reply: &Reply, zone: &Name, end: &Name) -> Option<OwnedSet> {
        let record = reply.authority.iter().find(|record| {
            record.record_type == RecordType::SOA
                && record.class == CLASS_IN
                && record.owner.is_within(zone)
                && end.is_within(&record.owner)
        })?;
        let minimum = record.data.as_wire().last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))?;
        let ttl = record.ttl.min(minimum).min(self.limits.longest_negative_ttl);
        Some(OwnedSet::new(record.owner.clone(), RecordType::SOA, ttl, std::slice::from_ref(&record.data)))
    }

    /// A delegation that is closer to the name. One that is not would lead round in circles (RFC 1034, section 5.3.3, step 4b).
    fn referral(&self, reply: &Reply, zone: &Name) -> Verdict {
        let closer = reply.authority.iter().find(|record| {
            record.record_type == RecordType::NS
                && record.class == CLASS_IN
                && record.owner != *zone
                && record.owner.is_within(zone)
                && self.name.is_within(&record.owner)
        });
        let Some(closer) = closer else { return Verdict::Useless };
        let delegation = Delegation::read(
            &closer.owner,
            zone,
            &reply.authority,
            &reply.additional,
            self.limits.longest_ttl,
        );
        if delegation.servers.is_empty() { Verdict::Useless } else { Verdict::Referral(delegation) }
    }
}

/// Aliases and what they lead to.
struct Chain {
    sets: Vec<OwnedSet>,
    /// The name whose records are not there; nothing when the last set is the answer.
    end: Option<Name>,
}
