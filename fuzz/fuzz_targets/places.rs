//! What a user says about places: tables of any text, databases of any bytes. A refusal names a line that there is.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use enishi_dns::LatencyMatrix;
use enishi_dns::mmdb::Mmdb;
use enishi_dns::places::{self, Locate};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().count();
    if let Err(error) = places::read(&text) {
        assert!((1..=lines).contains(&error.line), "{error}");
    }
    if let Err(error) = LatencyMatrix::read(&text) {
        assert!((1..=lines).contains(&error.line), "{error}");
    }
    if let Ok(known) = Mmdb::new(data.to_vec()) {
        for bits in [0, 1 << 31, 0xc000_0201, u32::MAX] {
            known.locate(Ipv4Addr::from_bits(bits).into());
            known.locate(Ipv6Addr::from_bits(u128::from(bits) << 96).into());
        }
    }
});
