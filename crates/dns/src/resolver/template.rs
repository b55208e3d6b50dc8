//! Answers as bytes that are ready but for the id, the letters of the question, the TTLs and `OPT`.

use std::time::Duration;

use enishi_fabric::dns::RecordType;

use super::entry::{OwnedSet, Part};
use crate::answer::Transport;
use crate::message::{LARGEST_TCP, LARGEST_UDP, Message, SMALLEST_UDP, Section};
use crate::rcode::Rcode;
use crate::request::{CLASS_IN, HEADER, Request};

const OPT_LENGTH: usize = 11;
/// A record before its data when its owner is a pointer.
const RECORD_HEADER: usize = 12;
/// Where its TTL is then.
const TTL_IN_RECORD: usize = 6;

/// A complete answer to a name and type.
#[derive(Debug)]
pub(super) struct Template {
    rcode: Rcode,
    answers: u16,
    authority: u16,
    /// The message after its question, at the place where it will be.
    body: Box<[u8]>,
    /// Where TTLs are in the body, and the second at which each ends.
    ttls: Box<[(u16, u32)]>,
    /// Records at the end of the body that may be in any order.
    turning: Option<Turning>,
    expires: Duration,
}

/// Records of one length, which take turns at being first.
#[derive(Debug, Clone, Copy)]
struct Turning {
    start: usize,
    length: usize,
    count: u32,
}

/// What an answer is made of.
#[derive(Debug, Default)]
pub(super) struct Material<'p> {
    pub(super) answers: Vec<(&'p OwnedSet, Duration)>,
    pub(super) soa: Option<(&'p OwnedSet, Duration)>,
}

impl<'p> Material<'p> {
    /// Takes the sets of the parts of an answer; the last one may be negative.
    pub(super) fn of(parts: &'p [Part]) -> Self {
        let mut material = Material::default();
        for part in parts {
            material.answers.extend(part.entry.sets.iter().map(|set| (set, part.expiry_of(set))));
            material.soa = part.entry.soa.as_ref().map(|soa| (soa, part.expiry_of(soa)));
        }
        material
    }
}

impl Template {
    /// Renders an answer to the question `name` (in wire form) and type.
    pub(super) fn render(
        name: &[u8],
        record_type: RecordType,
        rcode: Rcode,
        material: &Material<'_>,
        now: Duration,
    ) -> Option<Self> {
        let mut question = name.to_vec();
        question.extend_from_slice(&record_type.0.to_be_bytes());
        question.extend_from_slice(&CLASS_IN.to_be_bytes());
        let request = Request {
            id: 0,
            recursion_desired: true,
            name,
            record_type,
            class: CLASS_IN,
            question: &question,
            edns: None,
        };
        let mut bytes = Vec::with_capacity(512);
        let mut message = Message::new(&request, &mut bytes, LARGEST_TCP - OPT_LENGTH);
        for (set, _) in &material.answers {
            message.push_at(Section::Answer, set.owner.as_wire(), set.record_type, &set.records)?;
        }
        if let Some((soa, _)) = &material.soa {
            message.push_at(Section::Authority, soa.owner.as_wire(), soa.record_type, &soa.records)?;
        }
        let (answers, authority) = (message.count(Section::Answer), message.count(Section::Authority));
        message.finish(&request, rcode, 0);
        let body = bytes.split_off(HEADER + question.len());
        let expiries = material.answers.iter().chain(&material.soa);
        let ends = expiries.clone().flat_map(|(set, end)| {
            std::iter::repeat_n(end.as_secs() as u32, usize::from(set.records.count()))
        });
        let ttls: Box<[(u16, u32)]> = ttl_positions(&body).zip(ends).collect();
        let expires = expiries.map(|(_, end)| *end).min().unwrap_or(now);
        let turning = match (&material.soa, material.answers.last()) {
            (None, Some((set, _))) => Turning::of(set, body.len(), &ttls),
            _ => None,
        };
        Some(Template { rcode, answers, authority, body: body.into_boxed_slice(), ttls, turning, expires })
    }

    /// Whether it holds now.
    pub(super) fn is_fresh(&self, now: Duration) -> bool {
        now < self.expires
    }

    /// When its first record stops to hold.
    pub(super) fn expires(&self) -> Duration {
        self.expires
    }

    /// How the question was answered.
    pub(super) fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Template>() + self.body.len() + self.ttls.len() * 8
    }

    /// Writes the answer to `request`. `turn` is any number: it says which record comes first.
    pub(super) fn write(&self, reply: &Heading<'_>, now: Duration, turn: u32, out: &mut Vec<u8>) {
        let opt = if reply.request.edns.is_some() { OPT_LENGTH } else { 0 };
        let length = HEADER + reply.request.question.len() + self.body.len() + opt;
        if length > reply.limit() {
            // RFC 2181, section 9: the client ignores what is there and asks again by stream.
            reply.write(self.rcode, true, [0, 0], out);
            reply.write_opt(self.rcode, out);
            return;
        }
        reply.write(self.rcode, false, [self.answers, self.authority], out);
        let start = out.len();
        match self.turning.filter(|turning| turning.count > 1) {
            None => out.extend_from_slice(&self.body),
            Some(turning) => {
                let first = turning.length * (turn % turning.count) as usize;
                let (head, records) = self.body.split_at_checked(turning.start).unwrap_or((&self.body, &[]));
                let (before, after) = records.split_at_checked(first).unwrap_or((records, &[]));
                out.extend_from_slice(head);
                out.extend_from_slice(after);
                out.extend_from_slice(before);
            }
        }
        let now = now.as_secs() as u32;
        for (position, end) in &self.ttls {
            let position = start + usize::from(*position);
            if let Some(ttl) = out.get_mut(position..position + 4) {
                ttl.copy_from_slice(&end.saturating_sub(now).to_be_bytes());
            }
        }
        reply.write_opt(self.rcode, out);
    }
}

impl Turning {
    /// The records of the last set, when they are addresses: those have one length, and nothing points into them.
    fn of(set: &OwnedSet, end: usize, ttls: &[(u16, u32)]) -> Option<Self> {
        let data = match set.record_type {
            RecordType::A => 4,
            RecordType::AAAA => 16,
            _ => return None,
        };
        let length = RECORD_HEADER + data;
        let count = usize::from(set.records.count());
        let start = end.checked_sub(length * count)?;
        // An owner that the message did not have before is written out, and then the records differ.
        let tail = ttls.get(ttls.len().checked_sub(count)?..)?;
        let are_alike = tail
            .iter()
            .enumerate()
            .all(|(index, (position, _))| usize::from(*position) == start + index * length + TTL_IN_RECORD);
        are_alike.then_some(Turning { start, length, count: count as u32 })
    }
}

/// Where the TTLs are in records whose owners end in pointers or not.
fn ttl_positions(body: &[u8]) -> impl Iterator<Item = u16> {
    let mut position = 0usize;
    std::iter::from_fn(move || {
        loop {
            let length = *body.get(position)?;
            match length {
                0 => position += 1,
                1..=63 => position += 1 + usize::from(length),
                _ => position += 2,
            }
            if length == 0 || length >= 0xc0 {
                break;
            }
        }
        let ttl = position + 4;
        let length = body.get(ttl + 4..ttl + 6)?;
        position = ttl + 6 + usize::from(u16::from_be_bytes(length.try_into().ok()?));
        u16::try_from(ttl).ok()
    })
}

/// What an answer takes over from its query.
#[derive(Debug)]
pub(super) struct Heading<'q> {
    pub(super) request: &'q Request<'q>,
    /// Whether the client does not want data to be checked (RFC 4035, section 3.2.2: copied).
    pub(super) checking_disabled: bool,
    pub(super) transport: Transport,
}

impl Heading<'_> {
    /// Writes an answer without records.
    pub(super) fn write_empty(&self, rcode: Rcode, out: &mut Vec<u8>) {
        self.write(rcode, false, [0, 0], out);
        self.write_opt(rcode, out);
    }

    fn limit(&self) -> usize {
        match (self.transport, self.request.edns) {
            (Transport::Tcp, _) => LARGEST_TCP,
            (Transport::Udp, Some(edns)) => usize::from(edns.payload).clamp(SMALLEST_UDP, LARGEST_UDP),
            (Transport::Udp, None) => SMALLEST_UDP,
        }
    }

    fn write(&self, rcode: Rcode, truncated: bool, counts: [u16; 2], out: &mut Vec<u8>) {
        let [answers, authority] = counts;
        // QR and RA are set, AA and AD never: what a resolver says is not authoritative, and not validated.
        let flags = 0x8080
            | u16::from(truncated) << 9
            | u16::from(self.request.recursion_desired) << 8
            | u16::from(self.checking_disabled) << 4
            | (rcode.number() & 15);
        out.clear();
        let additional = u16::from(self.request.edns.is_some());
        for field in [self.request.id, flags, 1, answers, authority, additional] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(self.request.question);
    }

    fn write_opt(&self, rcode: Rcode, out: &mut Vec<u8>) {
        if self.request.edns.is_none() {
            return;
        }
        out.extend_from_slice(&[0, 0, RecordType::OPT.0 as u8]);
        out.extend_from_slice(&(LARGEST_UDP as u16).to_be_bytes());
        out.extend_from_slice(&[(rcode.number() >> 4) as u8, 0, 0, 0, 0, 0]);
    }
}
