//! Zone files: any text. What is read is written and read again as the same.
#![no_main]

use enishi_dns::zonefile;
use enishi_fabric::dns::{Name, Zone};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let name = Name::parse("example.com").expect("a name");
    let Ok(record_sets) = zonefile::read(&text, &name) else { return };
    let zone = Zone { id: "zone".into(), name, record_sets };
    let written = zonefile::write(&zone);
    let again = zonefile::read(&written, &zone.name).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again, zone.record_sets, "{written}");
});
