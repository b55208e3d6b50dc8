//! Queries made by hand and answers read by an independent implementation.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use domain::base::iana::Rtype;
use domain::base::rdata::ComposeRecordData as _;
use domain::base::{Message, ParsedRecord};
use domain::rdata::AllRecordData;
use enishi_dns::{Client, Entropy, Store, Transport, ViewId, zonefile};
use enishi_fabric::dns::{Name, Rdata, RecordSet, RecordType, Zone};

pub const VIEW: ViewId = ViewId(1);

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn zone(id: &str, apex: &str, record_sets: Vec<RecordSet>) -> Zone {
    Zone { id: Arc::from(id), name: name(apex), record_sets }
}

/// A store that serves zone files as one view.
pub fn store(zones: &[(&str, &str)]) -> Store {
    let zones: Vec<Zone> = zones
        .iter()
        .map(|(apex, text)| {
            let sets = zonefile::read(text, &name(apex)).unwrap_or_else(|error| panic!("{apex}: {error}"));
            zone(apex, apex, sets)
        })
        .collect();
    store_of(&zones)
}

pub fn store_of(zones: &[Zone]) -> Store {
    let store = Store::default();
    store.update(|edit| {
        let ids: Vec<Arc<str>> = zones.iter().map(|zone| Arc::clone(&zone.id)).collect();
        zones.iter().for_each(|zone| edit.put_zone(zone.clone()));
        edit.put_view(VIEW, &ids);
        edit.put_servers([], Some(VIEW));
    });
    store
}

/// A query's bytes; `edns` is the payload size.
pub fn query(qname: &str, qtype: &str, edns: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    bytes.extend_from_slice(name(qname).as_wire());
    let record_type: RecordType = qtype.parse().expect(qtype);
    bytes.extend_from_slice(&record_type.0.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    if let Some(size) = edns {
        bytes.extend_from_slice(&[0, 0, 41]);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&[0; 6]);
    }
    bytes
}

pub fn client(transport: Transport) -> Client {
    Client { source: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)), transport, view: VIEW }
}

pub fn ask(store: &Store, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let authority = store.load();
    authority.answer(query, &client(transport), &mut Entropy::seeded(7), &mut out)?;
    Some(out)
}

/// An answer as text: the response code with flags, then one line per record, sorted within their sections.
pub fn show(answer: &[u8]) -> String {
    let message = Message::from_octets(answer).expect("a header");
    let header = message.header();
    let mut text = message.opt_rcode().to_string();
    for (set, flag) in [(header.aa(), " aa"), (header.tc(), " tc"), (header.ra(), " ra")] {
        text.push_str(if set { flag } else { "" });
    }
    text.push('\n');
    let sections = [
        ("answer", message.answer().expect("an answer section")),
        ("authority", message.authority().expect("an authority section")),
        ("additional", message.additional().expect("an additional section")),
    ];
    for (section, records) in sections {
        let mut lines: Vec<String> = records
            .map(|record| record.expect("a whole record"))
            .filter(|record| record.rtype() != Rtype::OPT)
            .map(|record| format!("{section} {}\n", show_record(&record)))
            .collect();
        lines.sort();
        text.extend(lines);
    }
    text
}

fn show_record(record: &ParsedRecord<'_, &[u8]>) -> String {
    let full = record.to_any_record::<AllRecordData<_, _>>().expect("readable data");
    let mut data = Vec::new();
    full.data().compose_rdata(&mut data).expect("room");
    let record_type = RecordType(record.rtype().to_int());
    let text = Rdata::from_wire(&data).expect("short data").text(record_type);
    let owner = record.owner().to_string().to_ascii_lowercase();
    format!("{owner}. {} {record_type} {text}", record.ttl().as_secs())
}
