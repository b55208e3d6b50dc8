//! Reading what name servers answer. Nothing of it is trusted: every name, count and length is checked, pointers go backwards
//! only, and a message that is wrong anywhere is wrong as a whole.

use enishi_fabric::dns::{Name, Rdata, RecordType};

use crate::request::HEADER;

/// The longest name in bytes (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;
/// Records that are read of one message.
const MOST_RECORDS: usize = 2_048;
const DNAME: RecordType = RecordType(39);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) id: u16,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    /// The code of the header; `OPT` may have more bits, which nothing here asks for.
    pub(super) rcode: u8,
    /// The question's name as it came back, in wire form with its letters' case.
    pub(super) question: Vec<u8>,
    pub(super) question_type: RecordType,
    pub(super) question_class: u16,
    pub(super) answer: Vec<Record>,
    pub(super) authority: Vec<Record>,
    pub(super) additional: Vec<Record>,
}

/// One record, its data's names uncompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) owner: Name,
    pub(super) record_type: RecordType,
    pub(super) class: u16,
    /// Seconds, of all 32 bits (RFC 8767, section 4); whoever keeps it caps it.
    pub(super) ttl: u32,
    pub(super) data: Rdata,
}

impl Reply {
    /// Reads an answer; nothing when it is malformed, or no answer to one question.
    pub(super) fn parse(bytes: &[u8]) -> Option<Reply> {
        let mut reader = Reader { bytes, position: 0 };
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let [questions, answers, authority, additional] = counts.map(usize::from);
        let is_answer_to_query = flags & 0xf800 == 0x8000;
        if !is_answer_to_query || questions != 1 || answers + authority + additional > MOST_RECORDS {
            return None;
        }
        let mut question = Vec::new();
        reader.name(&mut question)?;
        let (question_type, question_class) = (RecordType(reader.u16()?), reader.u16()?);
        let mut reply = Reply {
            id,
            authoritative: flags & 0x0400 != 0,
            truncated: flags & 0x0200 != 0,
            rcode: (flags & 15) as u8,
            question,
            question_type,
            question_class,
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
        };
        // A truncated message may end anywhere, and nothing of it is used.
        if !reply.truncated {
            reply.answer = reader.records(answers)?;
            reply.authority = reader.records(authority)?;
            reply.additional = reader.records(additional)?;
        }
        Some(reply)
    }

    /// Whether the server speaks EDNS.
    pub(super) fn has_edns(&self) -> bool {
        self.additional.iter().any(|record| record.record_type == RecordType::OPT)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.position..self.position.checked_add(length)?)?;
        self.position += length;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn records(&mut self, count: usize) -> Option<Vec<Record>> {
        (0..count).map(|_| self.record()).collect()
    }

    fn record(&mut self) -> Option<Record> {
        let mut owner = Vec::new();
        self.name(&mut owner)?;
        let owner = Name::from_wire(&owner).ok()?;
        let (record_type, class) = (RecordType(self.u16()?), self.u16()?);
        let ttl = u32::from_be_bytes(self.take(4)?.try_into().ok()?);
        let length = usize::from(self.u16()?);
        let end = self.position.checked_add(length)?;
        // Names in the data may point anywhere before them, but the data ends where it says.
        let mut inside = Reader { bytes: self.bytes.get(..end)?, position: self.position };
        let mut data = Vec::with_capacity(length);
        inside.data(record_type, end, &mut data)?;
        self.position = end;
        Some(Record { owner, record_type, class, ttl, data: Rdata::from_wire(&data).ok()? })
    }

    /// Copies a record's data with its names uncompressed: of the types of RFC 3597, section 4, alone.
    fn data(&mut self, record_type: RecordType, end: usize, out: &mut Vec<u8>) -> Option<()> {
        match record_type {
            RecordType::A => out.extend_from_slice(self.take(4)?),
            RecordType::AAAA => out.extend_from_slice(self.take(16)?),
            RecordType::NS | RecordType::CNAME | RecordType::PTR | DNAME | RecordType(3 | 4 | 7 | 8 | 9) => {
                self.name(out)?;
            }
            RecordType::MX | RecordType(18 | 21) => {
                out.extend_from_slice(self.take(2)?);
                self.name(out)?;
            }
            RecordType::SRV => {
                out.extend_from_slice(self.take(6)?);
                self.name(out)?;
            }
            RecordType(14 | 17) => {
                self.name(out)?;
                self.name(out)?;
            }
            RecordType::SOA => {
                self.name(out)?;
                self.name(out)?;
                out.extend_from_slice(self.take(20)?);
            }
            RecordType::NAPTR => {
                out.extend_from_slice(self.take(4)?);
                for _ in 0..3 {
                    let length = usize::from(*self.bytes.get(self.position)?);
                    out.extend_from_slice(self.take(1 + length)?);
                }
                self.name(out)?;
            }
            _ => out.extend_from_slice(self.take(end.checked_sub(self.position)?)?),
        }
        (self.position == end).then_some(())
    }

    /// Appends an uncompressed copy of the name here.
    fn name(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        let mut position = self.position;
        let mut followed = false;
        loop {
            let length = *self.bytes.get(position)?;
            match length {
                0..=63 => {
                    let step = 1 + usize::from(length);
                    out.extend_from_slice(self.bytes.get(position..position + step)?);
                    position += step;
                    if out.len() - start > LONGEST_NAME {
                        return None;
                    }
                    if !followed {
                        self.position = position;
                    }
                    if length == 0 {
                        return Some(());
                    }
                }
                0xc0.. => {
                    let low = *self.bytes.get(position + 1)?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    // RFC 1035, section 4.1.4: "a prior occurrence"; so this ends.
                    if target >= position || target < HEADER {
                        return None;
                    }
                    if !followed {
                        self.position = position + 2;
                    }
                    followed = true;
                    position = target;
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;

    /// `www.example.com. CNAME a.example.com.`, the address of that, and an `OPT`.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![0, 7, 0x84, 0, 0, 1, 0, 2, 0, 0, 0, 1];
        bytes.extend_from_slice(b"\x03wWw\x07example\x03com\0\0\x01\0\x01");
        bytes.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01a\xc0\x10");
        bytes.extend_from_slice(b"\xc0\x2d\0\x01\0\x01\x80\0\0\0\0\x04\xc0\0\x02\x01");
        bytes.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
        bytes
    }

    #[test]
    fn names_are_uncompressed() {
        let reply = Reply::parse(&sample()).expect("an answer");
        assert_eq!(reply.question, b"\x03wWw\x07example\x03com\0");
        assert!(reply.authoritative && reply.has_edns());
        let [alias, address] = reply.answer.as_slice() else { panic!("{reply:?}") };
        assert_eq!(alias.owner.to_string(), "www.example.com.");
        assert_eq!(alias.data.as_wire(), b"\x01a\x07example\x03com\0");
        assert_eq!((address.owner.to_string().as_str(), address.ttl), ("a.example.com.", 1 << 31));
    }

    #[test]
    fn pointers_go_backwards_and_data_ends_where_it_says() {
        let mut forwards = sample();
        forwards[34] = 0x40;
        assert_eq!(Reply::parse(&forwards), None);
        let mut self_pointer = sample();
        (self_pointer[33], self_pointer[34]) = (0xc0, 33);
        assert_eq!(Reply::parse(&self_pointer), None);
        let mut long = sample();
        long[44] = 5;
        assert_eq!(Reply::parse(&long), None);
        for length in 0..sample().len() {
            assert_eq!(Reply::parse(&sample()[..length]), None, "{length}");
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm() {
        let mut entropy = Entropy::seeded(1);
        for _ in 0..200_000 {
            let mut bytes = sample();
            for _ in 0..=entropy.below(4) {
                let at = entropy.below(bytes.len() as u32) as usize;
                bytes[at] = entropy.below(256) as u8;
            }
            if let Some(reply) = Reply::parse(&bytes) {
                assert!(reply.question.len() <= LONGEST_NAME);
            }
        }
    }
}
