//! An answer in the making: from alias to alias, each name asked of whoever answers for it in the VPC.
//!
//! An alias is followed wherever it leads: out of a private hosted zone into the internet, and from there back to names that the
//! VPC has of its own. That is how an instance that is known by an alias for its public host name is found by its private address
//! ([DNS attributes for your VPC](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html)).

use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::dns::{Name, Rdata, RecordType};

use super::cache::Question;
use super::entry::{Entry, OwnedSet, Part};
use super::recursor::Failure;
use super::vpc::{Route, Vpc, autodefined_soa};
use crate::authority::Authority;
use crate::entropy::Entropy;
use crate::folded::Folded;
use crate::policy::Asker;
use crate::rcode::Rcode;

/// The TTL in seconds of the answer to a query for everything.
const ANY_TTL: u32 = 3_600;

/// What the names of one VPC are answered from.
pub(super) struct Knowledge<'k> {
    pub(super) vpc: &'k Vpc,
    pub(super) authority: &'k Authority,
    pub(super) asker: &'k Asker,
    pub(super) entropy: &'k mut Entropy,
    pub(super) now: Duration,
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Chain {
    record_type: RecordType,
    /// The name to go on with; nothing when the answer is complete.
    next: Option<Name>,
    parts: Vec<Part>,
    rcode: Rcode,
    is_keepable: bool,
    only_local: bool,
    most_aliases: usize,
}

/// What has to happen next.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing: the answer is complete.
    Done,
    /// A question has to be asked, and its answer supplied.
    Ask(Question),
}

impl Chain {
    /// Starts with the name asked for.
    pub(super) fn new(name: Name, record_type: RecordType, most_aliases: usize) -> Self {
        Chain {
            record_type,
            next: Some(name),
            parts: Vec::new(),
            rcode: Rcode::NoError,
            is_keepable: true,
            only_local: true,
            most_aliases,
        }
    }

    /// Goes on as far as the VPC itself knows.
    pub(super) fn advance(&mut self, knowledge: &mut Knowledge<'_>) -> Progress {
        while let Some(name) = &self.next {
            let Some(folded) = Folded::new(name.as_wire()) else {
                self.fail();
                return Progress::Done;
            };
            let entry = match knowledge.vpc.route(&folded) {
                Route::Ask(_) if self.record_type == RecordType::ANY => Some(any(name, knowledge.now)),
                Route::Ask(source) => {
                    self.only_local = false;
                    let (source, name) = (Arc::clone(source), name.clone());
                    return Progress::Ask(Question { source, name, record_type: self.record_type });
                }
                Route::Zone(zone) => knowledge.authority.answer_within(
                    zone,
                    name,
                    self.record_type,
                    knowledge.asker,
                    knowledge.entropy,
                    knowledge.now,
                ),
                Route::Local(local, domain) => Some(match local.records(name, self.record_type) {
                    Some(set) => Entry::positive(vec![set], None, knowledge.now),
                    None => {
                        nothing(domain.unwrap_or(name), name, self.record_type, Rcode::NoError, knowledge.now)
                    }
                }),
                Route::Nothing { domain, exists } => {
                    let rcode = if exists { Rcode::NoError } else { Rcode::NameError };
                    Some(nothing(domain, name, self.record_type, rcode, knowledge.now))
                }
            };
            // What a policy chooses is for this client, and what the VPC knows is as near as a copy of it.
            self.is_keepable = false;
            match entry {
                Some(entry) => self.add(Part::fresh(Arc::new(entry))),
                None => self.fail(),
            }
        }
        Progress::Done
    }

    /// Takes the answer to a question.
    pub(super) fn supply(&mut self, answer: Result<Part, Failure>) {
        match answer {
            Ok(part) => self.add(part),
            Err(_) => self.fail(),
        }
    }

    /// The response code.
    pub(super) fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// What the answer is made of.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether other clients of the VPC get the same answer until it ends.
    pub(super) fn is_keepable(&self) -> bool {
        self.is_keepable && self.rcode != Rcode::ServerFailure
    }

    /// Whether nobody else had to be asked.
    pub(super) fn is_only_local(&self) -> bool {
        self.only_local
    }

    fn add(&mut self, part: Part) {
        self.is_keepable &= part.stale_until.is_none();
        self.rcode = part.entry.rcode;
        self.next = part.entry.next.clone();
        self.parts.push(part);
        let Some(next) = &self.next else { return };
        // RFC 1034, section 3.6.2: "CNAME chains should be followed and CNAME loops signalled as an error."
        let mut owners = self.parts.iter().flat_map(|part| part.entry.sets.iter().map(|set| &set.owner));
        let aliases = self.parts.iter().map(|part| part.entry.sets.len()).sum::<usize>();
        if aliases > self.most_aliases || owners.any(|owner| owner == next) {
            self.fail();
        }
    }

    fn fail(&mut self) {
        self.parts.clear();
        self.next = None;
        self.rcode = Rcode::ServerFailure;
    }
}

/// What a query for everything gets (RFC 8482, section 4.2): too little to be worth a forged query.
fn any(name: &Name, now: Duration) -> Entry {
    let said = Rdata::parse(RecordType::HINFO, "\"RFC8482\" \"\"").into_iter();
    let said: Vec<Rdata> = said.collect();
    Entry::positive(vec![OwnedSet::new(name.clone(), RecordType::HINFO, ANY_TTL, &said)], None, now)
}

/// An autodefined domain has nothing of the name, or of the type; but its own `SOA`.
fn nothing(domain: &Name, name: &Name, record_type: RecordType, rcode: Rcode, now: Duration) -> Entry {
    let soa: Option<OwnedSet> = autodefined_soa(domain);
    match soa {
        Some(soa) if record_type == RecordType::SOA && domain == name => {
            Entry::positive(vec![soa], None, now)
        }
        soa => Entry::negative(rcode, soa, now),
    }
}
