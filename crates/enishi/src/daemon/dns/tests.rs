//! The name servers answer after every change as they would if they had been started with the world as it is (decision 7).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use enishi_dns::{Authority, Client, Entropy, Transport};
use enishi_fabric::dns::{Name, RecordType};
use enishi_plan::{Delegations, NameServer};
use enishi_state::World;
use enishi_state::route53::{HostedZone, RecordSet};
use enishi_testkit::Random;
use enishi_testkit::world::{WorldBuilder, random_step, random_zone_step};

use super::{NameServers, view};

const TYPES: [RecordType; 6] =
    [RecordType::A, RecordType::AAAA, RecordType::TXT, RecordType::NS, RecordType::SOA, RecordType::CNAME];

/// A query of one question.
fn query(name: &Name, record_type: RecordType) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(name.as_wire());
    bytes.extend_from_slice(&record_type.0.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    bytes
}

/// The answer of a name server; the same seed chooses the same among weighted sets.
fn answer(authority: &Authority, server: NameServer, query: &[u8]) -> Vec<u8> {
    let source = IpAddr::V4(Ipv4Addr::new(198, 18, 5, 5));
    let client = Client { source, transport: Transport::Tcp, view: view(server) };
    let mut out = Vec::new();
    let _ = authority.answer(query, &client, &mut Entropy::seeded(7), &mut out);
    out
}

/// Every name that there is or was, what lies above and below, and the registry's.
fn names(world: &World, seen: &mut BTreeSet<Name>) {
    let sets = world.all::<RecordSet>().map(|row| row.set.name.clone());
    for name in sets.chain(world.all::<HostedZone>().map(|row| row.name.clone())).collect::<Vec<_>>() {
        seen.extend(name.child("nothing"));
        seen.extend(name.parent());
        seen.insert(name);
    }
}

/// Every kind of name server, and those of Route 53 that have zones.
fn servers(world: &World) -> BTreeSet<NameServer> {
    let number = |server: &String| server.strip_prefix("ns-")?.split('.').next()?.parse::<u16>().ok();
    let route53 = world.all::<HostedZone>().flat_map(|zone| zone.name_servers.iter().filter_map(number));
    let own = [NameServer::Every, NameServer::Root, NameServer::TopLevel, NameServer::Amazon];
    own.into_iter().chain(route53.map(NameServer::Route53)).collect()
}

#[test]
fn answers_are_those_of_name_servers_started_now() {
    let mut compared = 0;
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        builder.vpc("10.0.0.0/16");
        builder.take_steps();
        let followed = NameServers::new(builder.world(), Delegations::all());
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            for _ in 0..15 {
                match random.chance(80) {
                    true => random_zone_step(&mut builder, &mut random),
                    false => random_step(&mut builder, &mut random),
                }
                for step in builder.take_steps() {
                    followed.update(&step.before, &step.after, &step.delta);
                }
                names(builder.world(), &mut seen);
            }
            let world = builder.world();
            let started = NameServers::new(world, Delegations::all());
            let (followed, started) = (followed.store().load(), started.store().load());
            for server in servers(world) {
                for name in &seen {
                    for record_type in TYPES {
                        let query = query(name, record_type);
                        let (have, want) =
                            (answer(&followed, server, &query), answer(&started, server, &query));
                        assert!(
                            have == want,
                            "seed {seed}: {server:?} about {name} {record_type}:\n{have:02x?}\n{want:02x?}"
                        );
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 10_000, "{compared} answers are too few");
}
