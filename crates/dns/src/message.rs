//! Writing an answer: sections in order, names compressed, whole record sets or none.

use enishi_fabric::dns::RecordType;

use crate::rcode::Rcode;
use crate::request::{Edns, HEADER, Request, Subnet};
use crate::rrset::{QUESTION_POINTER, Record, Rrset};

/// The largest UDP answer in bytes: what passes an Ethernet and an IPv6 tunnel unfragmented (DNS flag day 2020).
pub const LARGEST_UDP: usize = 1232;
/// The largest UDP answer without EDNS (RFC 1035, section 2.3.4).
pub const SMALLEST_UDP: usize = 512;
/// The largest message over TCP.
pub const LARGEST_TCP: usize = 65_535;
/// Positions remembered as targets of pointers.
const MOST_TARGETS: usize = 48;
/// The first position that a pointer cannot reach.
const BEYOND_POINTERS: usize = 0x4000;
const OPT_LENGTH: usize = 11;

/// A section of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Records that answer the question.
    Answer,
    /// `SOA` of negative answers, `NS` of referrals.
    Authority,
    /// Glue.
    Additional,
}

/// An answer in the making.
pub struct Message<'b> {
    bytes: &'b mut Vec<u8>,
    limit: usize,
    counts: [u16; 3],
    targets: [u16; MOST_TARGETS],
    target_count: usize,
    truncated: bool,
    authoritative: bool,
}

/// Answers a query that cannot be read: its header, and nothing else, so never more bytes than were sent.
pub fn header_only(request: &[u8], rcode: Rcode, out: &mut Vec<u8>) {
    out.clear();
    let Some([id_high, id_low, flags, _]) = request.first_chunk::<4>() else { return };
    out.extend_from_slice(&[*id_high, *id_low, 0x80 | (flags & 0x79), (rcode.number() & 15) as u8]);
    out.resize(HEADER, 0);
}

impl<'b> Message<'b> {
    /// Starts the answer to `request` in `bytes`, which is cleared; at most `limit` bytes long.
    pub fn new(request: &Request<'_>, bytes: &'b mut Vec<u8>, limit: usize) -> Self {
        bytes.clear();
        bytes.resize(HEADER, 0);
        bytes.extend_from_slice(request.question);
        let reserved = request.edns.map_or(0, |edns| opt_length(&edns));
        Message {
            bytes,
            limit: limit.saturating_sub(reserved),
            counts: [0; 3],
            targets: [0; MOST_TARGETS],
            target_count: 0,
            truncated: false,
            authoritative: true,
        }
    }

    /// Says that the answer is a referral.
    pub fn not_authoritative(&mut self) {
        self.authoritative = false;
    }

    /// Marks the answer as cut short.
    pub fn truncate(&mut self) {
        self.truncated = true;
    }

    /// How many records a section has.
    pub fn count(&self, section: Section) -> u16 {
        self.counts.get(section as usize).copied().unwrap_or_default()
    }

    /// Appends a record set, starting with its record `first`; nothing of it when it does not fit. Returns where the last record's
    /// data starts.
    pub fn push(
        &mut self,
        section: Section,
        owner: u16,
        record_type: RecordType,
        set: &Rrset,
        first: u16,
    ) -> Option<u16> {
        let start = self.bytes.len();
        let targets = self.target_count;
        let data = if owner == QUESTION && names_in(record_type).is_none() {
            self.copy(set, first)
        } else {
            self.render(owner, record_type, set, first)
        };
        if self.bytes.len() > self.limit {
            self.bytes.truncate(start);
            self.target_count = targets;
            return None;
        }
        if let Some(count) = self.counts.get_mut(section as usize) {
            *count += set.count();
        }
        Some(data)
    }

    /// Appends a record set of any owner, compressed; nothing of it when it does not fit.
    pub fn push_at(
        &mut self,
        section: Section,
        owner: &[u8],
        record_type: RecordType,
        set: &Rrset,
    ) -> Option<()> {
        let start = self.bytes.len();
        let targets = self.target_count;
        for record in set.records() {
            self.name(owner);
            self.body(record_type, record);
            if self.bytes.len() > self.limit {
                self.bytes.truncate(start);
                self.target_count = targets;
                return None;
            }
        }
        if let Some(count) = self.counts.get_mut(section as usize) {
            *count += set.count();
        }
        Some(())
    }

    /// Copies records whose owner is the question and whose data has no names to compress.
    fn copy(&mut self, set: &Rrset, first: u16) -> u16 {
        let (head, tail) = set.wire().split_at_checked(set.start_of(first)).unwrap_or((&[], set.wire()));
        self.bytes.extend_from_slice(tail);
        self.bytes.extend_from_slice(head);
        0
    }

    fn render(&mut self, owner: u16, record_type: RecordType, set: &Rrset, first: u16) -> u16 {
        let mut last = 0;
        let first = usize::from(first);
        for record in set.records().skip(first).chain(set.records().take(first)) {
            if self.bytes.len() > self.limit {
                break;
            }
            self.bytes.extend_from_slice(&(0xc000 | owner).to_be_bytes());
            last = self.body(record_type, record);
        }
        last
    }

    /// Writes a record after its owner and returns where its data starts.
    fn body(&mut self, record_type: RecordType, record: Record<'_>) -> u16 {
        self.bytes.extend_from_slice(record.fixed);
        let start = self.bytes.len();
        match names_in(record_type) {
            None => self.bytes.extend_from_slice(record.data),
            Some(Names { before, count }) => {
                let (head, mut rest) = record.data.split_at_checked(before).unwrap_or((record.data, &[]));
                self.bytes.extend_from_slice(head);
                for _ in 0..count {
                    let end = name_length(rest);
                    let (name, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                    self.name(name);
                    rest = tail;
                }
                self.bytes.extend_from_slice(rest);
                let length = (self.bytes.len() - start) as u16;
                if let Some(field) = self.bytes.get_mut(start - 2..start) {
                    field.copy_from_slice(&length.to_be_bytes());
                }
            }
        }
        start.min(BEYOND_POINTERS - 1) as u16
    }

    /// Writes a name, with a pointer for the longest suffix that the message already has (RFC 1035, section 4.1.4).
    fn name(&mut self, name: &[u8]) {
        if self.target_count == 0 {
            self.remember(HEADER);
        }
        let mut rest = name;
        let mut written = 0;
        while let Some((&length, tail)) = rest.split_first().filter(|(length, _)| **length > 0) {
            if let Some(target) = self.target(rest) {
                self.bytes.extend_from_slice(name.get(..written).unwrap_or_default());
                let start = self.bytes.len() - written;
                self.bytes.extend_from_slice(&(0xc000 | target).to_be_bytes());
                self.remember(start);
                return;
            }
            written += 1 + usize::from(length);
            rest = tail.get(usize::from(length)..).unwrap_or_default();
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.remember(start);
    }

    /// Where a name stands in the message.
    fn target(&self, name: &[u8]) -> Option<u16> {
        let known = self.targets.get(..self.target_count)?;
        known.iter().copied().find(|target| self.same(usize::from(*target), name))
    }

    /// Whether the name at `position` is `name`, whatever the letters' case.
    fn same(&self, mut position: usize, mut name: &[u8]) -> bool {
        loop {
            let Some(&length) = self.bytes.get(position) else { return false };
            if length >= 0xc0 {
                let low = usize::from(self.bytes.get(position + 1).copied().unwrap_or_default());
                let target = usize::from(length & 0x3f) << 8 | low;
                // Pointers go backwards only, so this ends.
                if target >= position {
                    return false;
                }
                position = target;
                continue;
            }
            let step = 1 + usize::from(length);
            let (Some(mine), Some(theirs)) = (self.bytes.get(position..position + step), name.get(..step))
            else {
                return false;
            };
            if !mine.eq_ignore_ascii_case(theirs) {
                return false;
            }
            if length == 0 {
                return true;
            }
            position += step;
            name = name.get(step..).unwrap_or_default();
        }
    }

    /// Makes every label of the name at `start` a target, up to where a pointer takes over.
    fn remember(&mut self, start: usize) {
        let mut position = start;
        while let Some(&length) = self.bytes.get(position) {
            if length == 0 || length >= 0xc0 || position >= BEYOND_POINTERS {
                return;
            }
            let Some(slot) = self.targets.get_mut(self.target_count) else { return };
            *slot = position as u16;
            self.target_count += 1;
            position += 1 + usize::from(length);
        }
    }

    /// Writes the header and `OPT`. `scope` is how much of the client's network the answer was made for, in bits.
    pub fn finish(self, request: &Request<'_>, rcode: Rcode, scope: u8) {
        if let Some(edns) = request.edns {
            push_opt(self.bytes, rcode, edns.subnet, scope);
        }
        let [answers, authority, additional] = self.counts;
        let additional = additional + u16::from(request.edns.is_some());
        let authoritative = self.authoritative && matches!(rcode, Rcode::NoError | Rcode::NameError);
        let flags = 0x8000
            | u16::from(authoritative) << 10
            | u16::from(self.truncated) << 9
            | u16::from(request.recursion_desired) << 8
            | (rcode.number() & 15);
        let fields = [request.id, flags, 1, answers, authority, additional];
        for (to, from) in self.bytes.chunks_exact_mut(2).zip(fields) {
            to.copy_from_slice(&from.to_be_bytes());
        }
    }
}

fn opt_length(edns: &Edns) -> usize {
    OPT_LENGTH + edns.subnet.map_or(0, |subnet| 8 + usize::from(subnet.prefix).div_ceil(8))
}

fn push_opt(bytes: &mut Vec<u8>, rcode: Rcode, subnet: Option<Subnet>, scope: u8) {
    bytes.push(0);
    bytes.extend_from_slice(&RecordType::OPT.0.to_be_bytes());
    bytes.extend_from_slice(&(LARGEST_UDP as u16).to_be_bytes());
    bytes.extend_from_slice(&[(rcode.number() >> 4) as u8, 0, 0, 0]);
    let Some(subnet) = subnet else {
        bytes.extend_from_slice(&[0, 0]);
        return;
    };
    let octets = usize::from(subnet.prefix).div_ceil(8);
    let (family, address) = match subnet.address {
        std::net::IpAddr::V4(address) => (1u8, address.octets().to_vec()),
        std::net::IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    bytes.extend_from_slice(&(8 + octets as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, 8]);
    bytes.extend_from_slice(&(4 + octets as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, family, subnet.prefix, scope]);
    bytes.extend_from_slice(address.get(..octets).unwrap_or_default());
}

/// Where names are in the data of a type that may be compressed (RFC 3597, section 4).
struct Names {
    before: usize,
    count: usize,
}

fn names_in(record_type: RecordType) -> Option<Names> {
    match record_type {
        RecordType::NS | RecordType::CNAME | RecordType::PTR => Some(Names { before: 0, count: 1 }),
        RecordType::MX => Some(Names { before: 2, count: 1 }),
        RecordType::SOA => Some(Names { before: 0, count: 2 }),
        _ => None,
    }
}

fn name_length(bytes: &[u8]) -> usize {
    let mut position = 0;
    while let Some(&length) = bytes.get(position) {
        position += 1 + usize::from(length);
        if length == 0 {
            break;
        }
    }
    position
}

/// The pointer that owners of a direct answer have.
pub const QUESTION: u16 = u16::from_be_bytes(QUESTION_POINTER) & 0x3fff;
