//! The PROXY protocol: any bytes, and what is written for any addresses is read back.
#![no_main]

use std::net::SocketAddr;

use enishi_fabric::balancer::ProxyProtocol;
use enishi_proxy::balancer::proxy_protocol::{Header, header, read};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let found = read(data);
    if let Header::Complete(length, _) = found {
        assert!(length <= data.len());
        assert_eq!(read(&data[..length]), found);
    }
    if let Some((bytes, _)) = data.split_first_chunk::<36>() {
        let (from, rest) = bytes.split_at(18);
        let address = |bytes: &[u8]| -> SocketAddr {
            let port = u16::from_be_bytes([bytes[16], bytes[17]]);
            let mut octets = [0; 16];
            octets.copy_from_slice(&bytes[..16]);
            match data[0] % 2 {
                0 => (octets, port).into(),
                _ => ([octets[0], octets[1], octets[2], octets[3]], port).into(),
            }
        };
        let (from, to) = (address(from), address(rest));
        for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
            let written = header(version, from, to);
            assert!(matches!(read(&written), Header::Complete(length, Some(_)) if length == written.len()));
        }
    }
});
