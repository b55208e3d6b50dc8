//! Geolocation databases: one made here byte by byte as the format's specification says, and ones that are broken.

mod support;

use std::net::IpAddr;
use std::sync::Arc;

use enishi_dns::mmdb::Mmdb;
use enishi_dns::places::{self, Locate};
use enishi_fabric::dns::Coordinates;
use proptest::prelude::*;

/// Writes values of the data section.
#[derive(Default)]
struct Data(Vec<u8>);

impl Data {
    fn head(&mut self, kind: u8, size: usize) {
        let size = u8::try_from(size).expect("a small value");
        assert!(size < 29, "longer sizes are written in another way");
        match kind {
            1..=7 => self.0.push(kind << 5 | size),
            // Extended types come after a zero.
            _ => self.0.extend([size, kind - 7]),
        }
    }

    fn text(&mut self, text: &str) {
        self.head(2, text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn double(&mut self, value: f64) {
        self.head(3, 8);
        self.0.extend(value.to_be_bytes());
    }

    fn number(&mut self, kind: u8, value: u64) {
        let bytes = value.to_be_bytes();
        let digits = &bytes[value.leading_zeros() as usize / 8..];
        self.head(kind, digits.len());
        self.0.extend_from_slice(digits);
    }

    /// A map with one entry, whose value comes next.
    fn map_of(&mut self, key: &str) {
        self.head(7, 1);
        self.text(key);
    }
}

/// The place of the only block: Paris, in Île-de-France.
fn paris() -> Vec<u8> {
    let mut data = Data::default();
    data.head(7, 4);
    data.text("continent");
    data.map_of("code");
    data.text("EU");
    data.text("country");
    data.map_of("iso_code");
    data.text("FR");
    data.text("subdivisions");
    data.head(11, 1);
    data.map_of("iso_code");
    data.text("IDF");
    data.text("location");
    data.head(7, 2);
    data.text("latitude");
    data.double(48.8566);
    data.text("longitude");
    data.double(2.3522);
    data.0
}

/// A database that knows one IPv4 block.
fn database(kind: &str, block: [u8; 4], prefix: u32, place: &[u8]) -> Vec<u8> {
    let bits = u32::from_be_bytes(block);
    let mut file = Vec::new();
    for depth in 0..prefix {
        // A node has a record for the bit 0 and one for the bit 1: the number of a node, that of nodes for "not known", or more
        // for data.
        let last = depth + 1 == prefix;
        let next = if last { prefix + 16 } else { depth + 1 };
        let records = if bits >> (31 - depth) & 1 == 0 { [next, prefix] } else { [prefix, next] };
        records.iter().for_each(|record| file.extend_from_slice(&record.to_be_bytes()[1..]));
    }
    file.extend([0; 16]);
    file.extend_from_slice(place);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let mut metadata = Data::default();
    metadata.head(7, 9);
    for (name, kind, value) in [
        ("node_count", 6, u64::from(prefix)),
        ("record_size", 5, 24),
        ("ip_version", 5, 4),
        ("binary_format_major_version", 5, 2),
        ("binary_format_minor_version", 5, 0),
        ("build_epoch", 9, 1_767_225_600),
    ] {
        metadata.text(name);
        metadata.number(kind, value);
    }
    metadata.text("database_type");
    metadata.text(kind);
    metadata.text("languages");
    metadata.head(11, 1);
    metadata.text("en");
    metadata.text("description");
    metadata.map_of("en");
    metadata.text("a test");
    file.extend(metadata.0);
    file
}

const BLOCK: [u8; 4] = [81, 2, 69, 0];

#[test]
fn a_place_is_found_with_its_block() {
    let known = Mmdb::new(database("GeoLite2-City", BLOCK, 24, &paris())).expect("a database");
    let (bits, place) = known.locate(IpAddr::from([81, 2, 69, 142])).expect("a place");
    assert_eq!(bits, 24);
    assert_eq!(place.continent.as_deref(), Some("EU"));
    assert_eq!((place.country.as_deref(), place.subdivision.as_deref()), (Some("FR"), Some("IDF")));
    assert_eq!(place.coordinates, Some(Coordinates { latitude: 4886, longitude: 235 }));
    assert_eq!(known.locate(IpAddr::from([81, 2, 70, 1])), None);
    assert_eq!(known.locate("2001:db8::1".parse().expect("an address")), None, "it has no IPv6");
}

#[test]
fn the_table_of_places_goes_before_the_database() {
    let store = support::store_of(&[]);
    let known = Mmdb::new(database("GeoLite2-Country", BLOCK, 24, &paris())).expect("a database");
    let table = places::read("81.2.69.128/25,,,,us-east-1").expect("a table");
    store.update(|edit| {
        edit.put_places(&table);
        edit.put_locator(Some(Arc::new(known)));
    });
    let authority = store.load();
    let country = |last: u8, prefix: u8| {
        let asker = authority.locate(IpAddr::from([81, 2, 69, last]), prefix);
        (asker.place.country.map(|country| country.to_string()), asker.place_prefix)
    };
    assert_eq!(country(200, 32), (Some("US".to_owned()), 25));
    assert_eq!(country(7, 32), (Some("FR".to_owned()), 24));
    // A client of which less is known than the block's length counts as at its network's address.
    assert_eq!(country(200, 24), (Some("FR".to_owned()), 24));
    assert_eq!(authority.locate(IpAddr::from([81, 2, 69, 7]), 8).place_prefix, 0);
}

#[test]
fn only_databases_of_places_are_taken() {
    let error = Mmdb::new(database("GeoLite2-ASN", BLOCK, 24, &paris())).expect_err("it has no places");
    assert!(error.to_string().contains("GeoLite2-ASN"), "{error}");
    assert!(Mmdb::new(b"not a database".to_vec()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A broken database says nothing, or something wrong; it never stops the name server.
    #[test]
    fn a_broken_database_is_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut: bool) {
        let mut file = database("GeoLite2-City", BLOCK, 24, &paris());
        for (at, byte) in &flips {
            let at = at.index(file.len());
            file[at] = *byte;
        }
        if cut && let Some((at, _)) = flips.first() {
            file.truncate(at.index(file.len()));
        }
        if let Ok(known) = Mmdb::new(file) {
            for last in [0, 1, 142, 255] {
                known.locate(IpAddr::from([81, 2, 69, last]));
            }
            known.locate("2001:db8::1".parse().expect("an address"));
        }
    }

    /// Tables of anything are read or refused, and a refusal names a line that there is.
    #[test]
    fn tables_of_anything_are_survived(text in "(?s)([0-9./:a-zA-Z,# \\-\n]|\\PC){0,200}") {
        let lines = text.lines().count();
        for error in [places::read(&text).err(), enishi_dns::LatencyMatrix::read(&text).err()].into_iter().flatten() {
            prop_assert!((1..=lines).contains(&error.line), "{error}");
        }
    }
}
