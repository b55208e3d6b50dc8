//! The address of an endpoint that is given by name.
//!
//! "Route 53 uses only IPv4 to send health checks to the endpoint. If there's no record with a type of A for the name, the health
//! check fails with a DNS resolution failed error." The name servers are asked as by a resolver that follows every delegation.

use std::net::Ipv4Addr;

use enishi_dns::{Authority, Client, Entropy, Store, Transport};
use enishi_fabric::dns::{Name, RecordType};
use enishi_plan::NameServer;
use rand::Rng;

use crate::daemon::dns::view;

/// CNAMEs that are followed from zone to zone.
const MOST_HOPS: usize = 8;

/// Labels and pointers of one name (RFC 1035, section 3.1: a name has at most 127 labels).
const MOST_STEPS: usize = 256;

/// A header (RFC 1035, section 4.1.1) of a query with one question that wants no recursion.
const HEADER: [u8; 12] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];

/// An IPv4 address of a name, as `source` sees it.
pub fn address(names: &Store, name: &str, source: Ipv4Addr) -> Option<Ipv4Addr> {
    let mut wire = Name::parse(name).ok()?.as_wire().to_vec();
    let authority = names.load();
    for _ in 0..MOST_HOPS {
        let answer = ask(&authority, &wire, source)?;
        let records = records(&answer)?;
        if let Some(address) = records.iter().find_map(Record::address) {
            return Some(address);
        }
        wire = records.iter().rev().find_map(|record| record.alias(&answer))?;
    }
    None
}

fn ask(authority: &Authority, wire: &[u8], source: Ipv4Addr) -> Option<Vec<u8>> {
    let internet_class = 1u16.to_be_bytes();
    let query = [&HEADER, wire, &RecordType::A.0.to_be_bytes(), &internet_class].concat();
    let client = Client { source: source.into(), transport: Transport::Tcp, view: view(NameServer::Every) };
    let mut answer = Vec::new();
    let mut entropy = Entropy::seeded(rand::rng().next_u64());
    authority.answer(&query, &client, &mut entropy, &mut answer)?;
    Some(answer)
}

/// A record of an answer section.
struct Record<'m> {
    record_type: RecordType,
    /// Where its data begins in the message.
    at: usize,
    data: &'m [u8],
}

impl Record<'_> {
    fn address(&self) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.data.try_into().ok().filter(|_| self.record_type == RecordType::A)?;
        Some(octets.into())
    }

    fn alias(&self, message: &[u8]) -> Option<Vec<u8>> {
        let (name, _) = name_at(message, self.at).filter(|_| self.record_type == RecordType::CNAME)?;
        Some(name)
    }
}

/// The records of the answer section (RFC 1035, section 4.1).
fn records(message: &[u8]) -> Option<Vec<Record<'_>>> {
    let number = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
    let (questions, answers) = (number(4)?, number(6)?);
    let mut at = HEADER.len();
    for _ in 0..questions {
        at = name_at(message, at)?.1 + 4;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        at = name_at(message, at)?.1;
        let (record_type, length) = (RecordType(number(at)?), usize::from(number(at + 8)?));
        at += 10;
        records.push(Record { record_type, at, data: message.get(at..at + length)? });
        at += length;
    }
    Some(records)
}

/// The name at a place of a message, whole, and where what comes behind it begins (RFC 1035, section 4.1.4).
fn name_at(message: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut name = Vec::new();
    let mut behind = None;
    for _ in 0..MOST_STEPS {
        let length = *message.get(at)?;
        match length {
            0 => {
                name.push(0);
                return Some((name, behind.unwrap_or(at + 1)));
            }
            0xc0.. => {
                behind.get_or_insert(at + 2);
                at = usize::from(u16::from_be_bytes([length & 0x3f, *message.get(at + 1)?]));
            }
            1..0x40 => {
                name.extend_from_slice(message.get(at..=at + usize::from(length))?);
                at += 1 + usize::from(length);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use enishi_fabric::dns::{Content, Rdata, RecordSet, Routing, Zone};

    use super::*;

    fn set(name: &str, record_type: RecordType, value: &str) -> RecordSet {
        RecordSet {
            name: Name::parse(name).expect("a name"),
            record_type,
            identifier: None,
            routing: Routing::Simple,
            health_check: None,
            content: Content::Records {
                ttl: 60,
                data: vec![Rdata::parse(record_type, value).expect("a value")],
            },
        }
    }

    fn zone(id: &str, name: &str, sets: Vec<RecordSet>) -> Zone {
        let soa = set(name, RecordType::SOA, "ns.test. admin.test. 1 7200 900 1209600 86400");
        let name = Name::parse(name).expect("a name");
        Zone { id: id.into(), name, record_sets: sets.into_iter().chain([soa]).collect() }
    }

    #[test]
    fn names_are_followed_from_zone_to_zone() {
        let store = Store::default();
        store.update(|edit| {
            edit.put_zone(zone(
                "Z1",
                "one.test",
                vec![
                    set("www.one.test", RecordType::CNAME, "web.two.test"),
                    set("loop.one.test", RecordType::CNAME, "loop.two.test"),
                ],
            ));
            edit.put_zone(zone(
                "Z2",
                "two.test",
                vec![
                    set("web.two.test", RecordType::CNAME, "a.two.test"),
                    set("a.two.test", RecordType::A, "198.18.1.7"),
                    set("loop.two.test", RecordType::CNAME, "loop.one.test"),
                    set("v6.two.test", RecordType::AAAA, "2001:db8::1"),
                ],
            ));
            let zones: [Arc<str>; 2] = ["Z1".into(), "Z2".into()];
            edit.put_view(view(NameServer::Every), &zones);
        });
        let found = |name: &str| address(&store, name, Ipv4Addr::new(198, 18, 0, 240));
        assert_eq!(found("www.one.test"), Some(Ipv4Addr::new(198, 18, 1, 7)));
        for none in
            ["loop.one.test", "v6.two.test", "nobody.two.test", "elsewhere.example", "not a..name", ""]
        {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn names_that_do_not_end_are_given_up() {
        assert_eq!(name_at(&[0xc0, 0], 0), None);
        assert_eq!(name_at(&[3, b'a'], 0), None);
        assert_eq!(name_at(&[0x80, 0], 0), None);
        assert_eq!(name_at(&[1, b'a', 0, 0xc0, 0], 3), Some((vec![1, b'a', 0], 5)));
    }
}
