//! Reading a query: the header, its one question, and EDNS.
//!
//! Only what an authoritative server has to look at is read. Everything is bounded by the message itself, and no name is
//! followed through a pointer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enishi_fabric::dns::RecordType;

use crate::rcode::Rcode;

/// The length of a header in bytes.
pub const HEADER: usize = 12;
/// The class of the internet.
pub const CLASS_IN: u16 = 1;
/// The class that stands for any (RFC 1035, section 3.2.5).
const CLASS_ANY: u16 = 255;
const OPTION_CLIENT_SUBNET: u16 = 8;
/// Records beside the question that a query may carry; more is refused.
const MOST_RECORDS: usize = 8;

/// A query with one question.
#[derive(Debug)]
pub struct Request<'a> {
    /// The id to answer with.
    pub id: u16,
    /// Whether recursion is desired; copied into the answer.
    pub recursion_desired: bool,
    /// The name as it was sent, uncompressed.
    pub name: &'a [u8],
    /// The type asked for.
    pub record_type: RecordType,
    /// The class asked for.
    pub class: u16,
    /// The whole question as it was sent.
    pub question: &'a [u8],
    /// What EDNS says.
    pub edns: Option<Edns>,
}

/// The `OPT` record of a query (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP message that the client takes, in bytes.
    pub payload: u16,
    /// The version, 0 being the only one there is.
    pub version: u8,
    /// The client's network, if a resolver passes it on.
    pub subnet: Option<Subnet>,
}

/// EDNS client subnet (RFC 7871).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    /// The network's first address.
    pub address: IpAddr,
    /// How many bits of it are known.
    pub prefix: u8,
}

/// Why bytes get no real answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reject {
    /// Too short for a header, or an answer itself: say nothing, so that two servers never talk to each other for ever.
    Ignore,
    /// Answer with a header alone.
    Refuse(Rcode),
}

/// Reads a query.
///
/// # Errors
/// What to do about bytes that are no query with one question.
pub fn parse(bytes: &[u8]) -> Result<Request<'_>, Reject> {
    let mut cursor = Cursor { bytes, position: 0 };
    let header: [u8; HEADER] =
        cursor.take(HEADER).and_then(|bytes| bytes.try_into().ok()).ok_or(Reject::Ignore)?;
    let [id_high, id_low, flags, _, qd_high, qd_low, an_high, an_low, ns_high, ns_low, ar_high, ar_low] =
        header;
    if flags & 0x80 != 0 {
        return Err(Reject::Ignore);
    }
    if (flags >> 3) & 0x0f != 0 {
        return Err(Reject::Refuse(Rcode::NotImplemented));
    }
    // RFC 9619: a query has exactly one question.
    if u16::from_be_bytes([qd_high, qd_low]) != 1 {
        return Err(Reject::Refuse(Rcode::FormatError));
    }
    let malformed = Reject::Refuse(Rcode::FormatError);
    let name = cursor.name().ok_or(malformed)?;
    let record_type = RecordType(cursor.u16().ok_or(malformed)?);
    let class = cursor.u16().ok_or(malformed)?;
    let question = bytes.get(HEADER..cursor.position).ok_or(malformed)?;
    let before = usize::from(u16::from_be_bytes([an_high, an_low]))
        + usize::from(u16::from_be_bytes([ns_high, ns_low]));
    let additional = usize::from(u16::from_be_bytes([ar_high, ar_low]));
    if before + additional > MOST_RECORDS {
        return Err(malformed);
    }
    for _ in 0..before {
        cursor.record().ok_or(malformed)?;
    }
    let edns = additional_records(&mut cursor, additional).ok_or(malformed)?;
    if cursor.position != bytes.len() {
        return Err(malformed);
    }
    Ok(Request {
        id: u16::from_be_bytes([id_high, id_low]),
        recursion_desired: flags & 1 != 0,
        name,
        record_type,
        class,
        question,
        edns,
    })
}

impl Request<'_> {
    /// Whether the class is one that records can be in here.
    pub fn class_is_internet(&self) -> bool {
        matches!(self.class, CLASS_IN | CLASS_ANY)
    }
}

fn additional_records(cursor: &mut Cursor<'_>, count: usize) -> Option<Option<Edns>> {
    let mut edns = None;
    for _ in 0..count {
        let record = cursor.record()?;
        if record.record_type != RecordType::OPT {
            continue;
        }
        // RFC 6891, section 6.1.1: more than one OPT is a format error; section 6.1.2: its name is the root.
        if edns.is_some() || record.name != [0] {
            return None;
        }
        let [_, version, _, _] = record.ttl;
        edns = Some(Edns { payload: record.class, version, subnet: options(record.data)? });
    }
    Some(edns)
}

/// Reads the options of an `OPT`; nothing when they are malformed.
fn options(data: &[u8]) -> Option<Option<Subnet>> {
    let mut cursor = Cursor { bytes: data, position: 0 };
    let mut subnet = None;
    while cursor.position < data.len() {
        let code = cursor.u16()?;
        let length = usize::from(cursor.u16()?);
        let value = cursor.take(length)?;
        if code == OPTION_CLIENT_SUBNET {
            subnet = Some(client_subnet(value)?);
        }
    }
    Some(subnet)
}

/// RFC 7871, section 6: the address is cut to the bytes that the prefix needs, further bits are 0, and a query's scope is 0.
fn client_subnet(value: &[u8]) -> Option<Subnet> {
    let (&[family_high, family_low, prefix, scope], address) = value.split_first_chunk::<4>()?;
    let width = match u16::from_be_bytes([family_high, family_low]) {
        1 => 32,
        2 => 128,
        _ => return None,
    };
    if prefix > width || scope != 0 || address.len() != usize::from(prefix).div_ceil(8) {
        return None;
    }
    let mut octets = [0u8; 16];
    for (to, from) in octets.iter_mut().zip(address) {
        *to = *from;
    }
    let bits = u128::from_be_bytes(octets);
    if prefix < 128 && bits << prefix != 0 {
        return None;
    }
    let address = match width {
        32 => IpAddr::V4(Ipv4Addr::from((bits >> 96) as u32)),
        _ => IpAddr::V6(Ipv6Addr::from(bits)),
    };
    Some(Subnet { address, prefix })
}

struct Record<'a> {
    name: &'a [u8],
    record_type: RecordType,
    class: u16,
    ttl: [u8; 4],
    data: &'a [u8],
}

struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.position..self.position.checked_add(length)?)?;
        self.position += length;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// An uncompressed name of at most 255 bytes. Nothing comes before a query's question that a pointer could point to.
    fn name(&mut self) -> Option<&'a [u8]> {
        let start = self.position;
        loop {
            let length = usize::from(*self.bytes.get(self.position)?);
            if length > 63 {
                return None;
            }
            self.position += 1 + length;
            if length == 0 {
                break;
            }
        }
        self.bytes.get(start..self.position).filter(|name| name.len() <= 255)
    }

    /// A name that may end in a pointer, which is not followed.
    fn skip_name(&mut self) -> Option<&'a [u8]> {
        let start = self.position;
        loop {
            let length = usize::from(*self.bytes.get(self.position)?);
            match length {
                0 => self.position += 1,
                1..=63 => self.position += 1 + length,
                0xc0.. => self.position += 2,
                _ => return None,
            }
            if length == 0 || length >= 0xc0 {
                break;
            }
        }
        self.bytes.get(start..self.position).filter(|name| name.len() <= 255)
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let name = self.skip_name()?;
        let record_type = RecordType(self.u16()?);
        let class = self.u16()?;
        let ttl = self.take(4)?.try_into().ok()?;
        let length = usize::from(self.u16()?);
        Some(Record { name, record_type, class, ttl, data: self.take(length)? })
    }
}
