//! Records as they go on the wire, made once when a zone is compiled.

use enishi_fabric::dns::{Rdata, RecordType};

use crate::request::CLASS_IN;

/// Bytes of a record before its data when its owner is a pointer.
pub const RECORD_HEADER: usize = 12;
/// A pointer to the question's name, right after the header.
pub const QUESTION_POINTER: [u8; 2] = [0xc0, 12];
/// Records of one set that are answered with at most; Route 53 allows 400 values.
const MOST_RECORDS: usize = 4096;

/// Records of one owner and type, each with a pointer to the question for its owner: the answer to most queries, ready to copy.
#[derive(Debug, Clone)]
pub struct Rrset {
    wire: Box<[u8]>,
    count: u16,
}

/// One record of an [`Rrset`].
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Type, class, TTL and the data's length, 10 bytes.
    pub fixed: &'a [u8],
    /// The data, with its names uncompressed.
    pub data: &'a [u8],
}

impl Rrset {
    /// Renders records.
    pub fn new(record_type: RecordType, ttl: u32, data: &[Rdata]) -> Self {
        let data = data.get(..MOST_RECORDS).unwrap_or(data);
        let length = data.iter().map(|data| RECORD_HEADER + data.as_wire().len()).sum();
        let mut wire = Vec::with_capacity(length);
        for data in data {
            wire.extend_from_slice(&QUESTION_POINTER);
            wire.extend_from_slice(&record_type.0.to_be_bytes());
            wire.extend_from_slice(&CLASS_IN.to_be_bytes());
            wire.extend_from_slice(&ttl.to_be_bytes());
            wire.extend_from_slice(&(data.as_wire().len() as u16).to_be_bytes());
            wire.extend_from_slice(data.as_wire());
        }
        Rrset { wire: wire.into_boxed_slice(), count: data.len() as u16 }
    }

    /// How many records there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// All records as they are answered to a question for their owner.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Where the record with this index starts in [`Rrset::wire`].
    pub fn start_of(&self, index: u16) -> usize {
        self.records().take(usize::from(index)).map(|record| RECORD_HEADER + record.data.len()).sum()
    }

    /// The records one by one.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest: &[u8] = &self.wire;
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_at_checked(RECORD_HEADER)?;
            let (fixed, length) = (head.get(2..)?, head.last_chunk::<2>()?);
            let (data, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = tail;
            Some(Record { fixed, data })
        })
    }

    /// Seconds.
    pub fn ttl(&self) -> u32 {
        self.wire.get(6..10).and_then(|ttl| ttl.try_into().ok()).map_or(0, u32::from_be_bytes)
    }
}
