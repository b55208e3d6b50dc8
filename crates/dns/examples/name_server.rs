//! Serves a zone file over UDP, for `bench/dns.py` and for trying the engine alone.
//!
//! ```text
//! name_server ADDRESS:PORT ORIGIN ZONE_FILE [routed]
//! ```
//!
//! With `routed` every A set of the file becomes four: the names in even places are weighted, the others are routed by
//! latency. Prints how long the zone took and what it needs once it answers, and ends with its standard input.

use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Instant;

use enishi_dns::server::{Responder, UdpServer};
use enishi_dns::{Store, ViewId, zonefile};
use enishi_fabric::dns::{Content, Name, Rdata, RecordSet, RecordType, Routing, Zone};

/// The regions that latency records of one name stand for.
const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "ap-northeast-1", "sa-east-1"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, origin, file, rest @ ..] = arguments.as_slice() else {
        return Err("usage: name_server ADDRESS:PORT ORIGIN ZONE_FILE [routed]".into());
    };
    let started = Instant::now();
    let name: Name = origin.parse()?;
    let mut record_sets = zonefile::read(&std::fs::read_to_string(file)?, &name)?;
    if rest.iter().any(|word| word == "routed") {
        record_sets = routed(record_sets);
    }
    let sets = record_sets.len();
    let store = Arc::new(Store::default());
    store.update(|edit| {
        edit.put_zone(Zone { id: "zone".into(), name, record_sets });
        edit.put_view(ViewId(0), &["zone".into()]);
        edit.put_servers([], Some(ViewId(0)));
    });
    let socket = UdpSocket::bind(address)?;
    let _server = UdpServer::start(vec![socket], &Responder::new(store, None), 1)?;
    println!("{sets} sets, {} ms, {} KiB", started.elapsed().as_millis(), resident()?);
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

/// Four sets for each A set.
fn routed(sets: Vec<RecordSet>) -> Vec<RecordSet> {
    let mut place = 0;
    let split = |set: RecordSet| {
        let Content::Records { ttl, data } = &set.content else { return vec![set] };
        if set.record_type != RecordType::A {
            return vec![set];
        }
        place += 1;
        let member = |(number, region): (u8, &&str)| {
            let routing = if place % 2 == 0 {
                Routing::Weighted(number + 1)
            } else {
                Routing::Latency((*region).into())
            };
            let data: Vec<Rdata> = data.clone();
            RecordSet {
                identifier: Some((*region).into()),
                routing,
                content: Content::Records { ttl: *ttl, data },
                ..set.clone()
            }
        };
        (0..).zip(&REGIONS).map(member).collect()
    };
    sets.into_iter().flat_map(split).collect()
}

/// Resident memory in KiB.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
