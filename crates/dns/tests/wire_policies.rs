//! Every routing policy over a real socket: by the client's subnet, or by 10,000 answers within 3 sigma.

mod support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use domain::base::Message;
use domain::base::iana::Rtype;
use domain::base::opt::ClientSubnet;
use domain::rdata::A;
use enishi_dns::server::{Responder, UdpServer};
use enishi_dns::{LatencyMatrix, Store, places};
use enishi_fabric::dns::region::REGIONS;
use enishi_fabric::dns::{
    CidrCollection, CidrLocation, Content, Coordinates, Failover, Geolocation, Geoproximity, Location, Rdata,
    RecordSet, RecordType, Routing,
};

/// Queries on the way at the same time: few enough for any socket's buffer.
const BATCH: u16 = 50;

/// Answers of a statistical test.
const ANSWERS: u64 = 10_000;

const NAME: &str = "www.example.com";

/// Where the tests' clients are: a /24 each.
const PLACES: &str = "\
203.0.113.0/24,EU,DE,,eu-central-1
198.51.100.0/24,,,,ap-northeast-1
192.0.2.0/24,NA,US,CA,us-west-1
100.64.1.0/24,NA,US,WA,us-west-2
100.64.2.0/24,EU,FR,,,48.86,2.35
100.64.3.0/24,NA,MX
100.64.4.0/24,,,,,39.74,-104.99";

const GERMANY: [u8; 4] = [203, 0, 113, 9];
const JAPAN: [u8; 4] = [198, 51, 100, 9];
const CALIFORNIA: [u8; 4] = [192, 0, 2, 9];
const WASHINGTON: [u8; 4] = [100, 64, 1, 9];
const FRANCE: [u8; 4] = [100, 64, 2, 9];
const MEXICO: [u8; 4] = [100, 64, 3, 9];
const DENVER: [u8; 4] = [100, 64, 4, 9];
const NOWHERE: [u8; 4] = [100, 64, 99, 9];

/// A name server on loopback and a client of it.
struct Wire {
    store: Arc<Store>,
    client: UdpSocket,
    _server: UdpServer,
}

impl Wire {
    fn serve(sets: Vec<RecordSet>) -> Self {
        let store = Arc::new(support::store_of(&[support::zone("Z1", "example.com", sets)]));
        let table = places::read(PLACES).expect("a table");
        store.update(|edit| edit.put_places(&table));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.connect(socket.local_addr().expect("an address")).expect("a route");
        client.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let responder = Responder::new(Arc::clone(&store), None);
        // One socket and one seed: the same answers in every run.
        let server = UdpServer::start(vec![socket], &responder, 7).expect("a server");
        Wire { store, client, _server: server }
    }

    /// How often each address is in the answers to `count` queries for a client's /24.
    fn answers(&self, from: [u8; 4], count: u64) -> BTreeMap<u8, u64> {
        let mut seen = BTreeMap::new();
        let mut left = count;
        while left > 0 {
            let batch = left.min(u64::from(BATCH)) as u16;
            (0..batch).for_each(|id| self.ask(id, from));
            for _ in 0..batch {
                self.read(&mut seen);
            }
            left -= u64::from(batch);
        }
        seen
    }

    fn ask(&self, id: u16, [a, b, c, _]: [u8; 4]) {
        let mut query = support::query(NAME, "A", Some(1232));
        query[..2].copy_from_slice(&id.to_be_bytes());
        // RFC 7871, section 6: family 1, 24 bits of source, scope 0.
        let option = [0, 8, 0, 7, 0, 1, 24, 0, a, b, c];
        let length = query.len() - 2;
        query[length..].copy_from_slice(&(option.len() as u16).to_be_bytes());
        query.extend_from_slice(&option);
        assert_eq!(self.client.send(&query).expect("the query leaves"), query.len());
    }

    fn read(&self, seen: &mut BTreeMap<u8, u64>) -> Option<u8> {
        let mut answer = [0u8; 1232];
        let length = self.client.recv(&mut answer).expect("an answer");
        let message = Message::from_octets(&answer[..length]).expect("a message");
        assert_eq!(message.header().rcode().to_string(), "NOERROR");
        for record in message.answer().expect("answers").limit_to::<A>() {
            *seen.entry(record.expect("an address").data().addr().octets()[3]).or_default() += 1;
        }
        let opt = message.opt().expect("an OPT record");
        opt.opt().iter::<ClientSubnet>().next().map(|subnet| subnet.expect("a subnet").scope_prefix_len())
    }

    /// The one address that a client gets.
    fn one(&self, from: [u8; 4]) -> Option<u8> {
        let seen = self.answers(from, 1);
        assert!(seen.len() <= 1, "{seen:?}");
        seen.into_keys().next()
    }

    /// How many bits of the client's subnet an answer is for.
    fn scope(&self, from: [u8; 4]) -> Option<u8> {
        self.ask(1, from);
        self.read(&mut BTreeMap::new())
    }
}

fn set(identifier: &str, last: u8, routing: Routing) -> RecordSet {
    RecordSet {
        name: support::name(NAME),
        record_type: RecordType::A,
        identifier: Some(Arc::from(identifier)),
        routing,
        health_check: Some(Arc::from(identifier)),
        content: Content::Records { ttl: 60, data: vec![Rdata::a(Ipv4Addr::new(10, 0, 0, last))] },
    }
}

/// Whether a count is within 3 standard deviations of what chance gives.
#[track_caller]
fn within_three_sigma(count: u64, chance: f64) {
    let expected = ANSWERS as f64 * chance;
    let sigma = (ANSWERS as f64 * chance * (1.0 - chance)).sqrt();
    assert!(
        (count as f64 - expected).abs() < 3.0 * sigma,
        "{count} of {ANSWERS}, expected {expected:.0} ± {sigma:.0}"
    );
}

#[test]
fn weights_are_proportions() {
    let weights = [(1, 1u8), (2, 9), (3, 50), (4, 90), (5, 255), (6, 0)];
    let sum: f64 = weights.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let wire = Wire::serve(
        weights
            .iter()
            .map(|(last, weight)| set(&format!("w{last}"), *last, Routing::Weighted(*weight)))
            .collect(),
    );
    let seen = wire.answers(JAPAN, ANSWERS);
    assert_eq!(seen.values().sum::<u64>(), ANSWERS);
    for (last, weight) in weights.iter().filter(|(_, weight)| *weight > 0) {
        within_three_sigma(seen.get(last).copied().unwrap_or_default(), f64::from(*weight) / sum);
    }
    assert_eq!(seen.get(&6), None, "a set of weight 0 answered");
    assert_eq!(wire.scope(JAPAN), Some(0), "the answer is for every client");
}

#[test]
fn multivalue_answers_have_eight_of_the_healthy() {
    let wire =
        Wire::serve((1..=12).map(|last| set(&format!("m{last}"), last, Routing::Multivalue)).collect());
    let seen = wire.answers(JAPAN, ANSWERS);
    assert_eq!(seen.values().sum::<u64>(), 8 * ANSWERS);
    (1..=12).for_each(|last| within_three_sigma(seen[&last], 8.0 / 12.0));
    (1..=9).for_each(|last| wire.store.health().set(&format!("m{last}"), false));
    assert_eq!(wire.answers(JAPAN, 1).into_keys().collect::<Vec<_>>(), [10, 11, 12]);
}

#[test]
fn latency_takes_the_nearest_healthy_region() {
    let regions = ["us-east-1", "us-west-2", "eu-west-1", "ap-northeast-1"];
    let sets =
        regions.iter().zip(1..).map(|(region, last)| set(region, last, Routing::Latency(Arc::from(*region))));
    let wire = Wire::serve(sets.collect());
    for (client, last) in [(GERMANY, 3), (FRANCE, 3), (JAPAN, 4), (CALIFORNIA, 2), (DENVER, 2)] {
        assert_eq!(wire.one(client), Some(last), "{client:?}");
        assert_eq!(wire.scope(client), Some(24));
    }
    assert_eq!(wire.one(NOWHERE), Some(1), "a client of unknown place gets the first");
    assert_eq!(wire.scope(NOWHERE), Some(24), "and nobody else by it");
    wire.store.health().set("eu-west-1", false);
    assert_eq!(wire.one(GERMANY), Some(1));
    wire.store.health().set("eu-west-1", true);
    // The user's own measurements go before estimates, also for clients whose region is only the nearest one.
    let matrix =
        LatencyMatrix::read("from,us-east-1,us-west-2,eu-west-1\neu-central-1,5,,30\neu-west-3,9,8,7\n");
    let matrix = matrix.expect("a table");
    wire.store.update(|edit| edit.put_latencies(matrix));
    assert_eq!((wire.one(GERMANY), wire.one(FRANCE)), (Some(1), Some(3)));
}

#[test]
fn every_region_is_its_own_best() {
    let sets = REGIONS.iter().zip(1..);
    let sets = sets.map(|(region, last)| set(region.name, last, Routing::Latency(Arc::from(region.name))));
    let wire = Wire::serve(sets.collect());
    let table: String = REGIONS
        .iter()
        .zip(1..)
        .map(|(region, last)| format!("100.100.{last}.0/24,,,,{}\n", region.name))
        .collect();
    let table = places::read(&table).expect("a table");
    wire.store.update(|edit| edit.put_places(&table));
    for (region, last) in REGIONS.iter().zip(1..) {
        let got = wire.one([100, 100, last, 1]).expect("an answer");
        let twin = |number: u8| REGIONS[usize::from(number) - 1].coordinates;
        assert_eq!(twin(got), region.coordinates, "{}", region.name);
    }
}

#[test]
fn geolocation_takes_the_smallest_area() {
    let country = |country: &str, part: Option<&str>| Geolocation::Country {
        country: Arc::from(country),
        subdivision: part.map(Arc::from),
    };
    let areas = [
        ("eu", Geolocation::Continent(Arc::from("EU"))),
        ("de", country("DE", None)),
        ("us", country("US", None)),
        ("ca", country("US", Some("CA"))),
        ("na", Geolocation::Continent(Arc::from("NA"))),
    ];
    let sets =
        areas.into_iter().zip(1..).map(|((name, area), last)| set(name, last, Routing::Geolocation(area)));
    let mut sets: Vec<RecordSet> = sets.collect();
    let without_default = Wire::serve(sets.clone());
    let clients = [
        (GERMANY, Some(2)),
        (FRANCE, Some(1)),
        (CALIFORNIA, Some(4)),
        (WASHINGTON, Some(3)),
        (MEXICO, Some(5)),
    ];
    for (client, last) in clients.into_iter().chain([(JAPAN, None), (NOWHERE, None)]) {
        assert_eq!(without_default.one(client), last, "{client:?}");
    }
    sets.push(set("default", 9, Routing::Geolocation(Geolocation::Default)));
    let wire = Wire::serve(sets);
    for (client, last) in clients.into_iter().chain([(JAPAN, Some(9)), (NOWHERE, Some(9))]) {
        assert_eq!(wire.one(client), last, "{client:?}");
    }
    wire.store.health().set("ca", false);
    assert_eq!(wire.one(CALIFORNIA), Some(3));
    wire.store.health().set("us", false);
    assert_eq!(wire.one(CALIFORNIA), Some(5));
    wire.store.health().set("na", false);
    assert_eq!(wire.one(CALIFORNIA), Some(9));
}

#[test]
fn a_bias_moves_the_border() {
    let near = |name: &str, last, at, bias| set(name, last, Routing::Geoproximity(Geoproximity { at, bias }));
    let virginia = || Location::Region(Arc::from("us-east-1"));
    let seattle = || Location::Region(Arc::from("us-west-2-sea-1"));
    let paris = || Location::Coordinates(Coordinates { latitude: 4886, longitude: 235 });
    let wire = |bias| {
        Wire::serve(vec![
            near("virginia", 1, virginia(), bias),
            near("seattle", 2, seattle(), 0),
            near("paris", 3, paris(), 0),
        ])
    };
    // Denver is 1,650 km from Seattle and 2,350 km from Virginia.
    let even = wire(0);
    assert_eq!(
        [DENVER, CALIFORNIA, FRANCE, GERMANY].map(|client| even.one(client)),
        [Some(2), Some(2), Some(3), Some(3)]
    );
    assert_eq!(wire(20).one(DENVER), Some(2));
    assert_eq!(wire(40).one(DENVER), Some(1));
    assert_eq!((wire(99).one(GERMANY), wire(99).one(FRANCE)), (Some(1), Some(3)));
    even.store.health().set("seattle", false);
    assert_eq!(even.one(DENVER), Some(1));
}

#[test]
fn failover_follows_health_at_once() {
    let wire = Wire::serve(vec![
        set("p", 1, Routing::Failover(Failover::Primary)),
        set("s", 2, Routing::Failover(Failover::Secondary)),
    ]);
    for (primary, secondary, last) in [(true, true, 1), (false, true, 2), (false, false, 1), (true, false, 1)]
    {
        wire.store.health().set("p", primary);
        wire.store.health().set("s", secondary);
        assert_eq!(wire.answers(JAPAN, 100), BTreeMap::from([(last, 100)]));
    }
}

#[test]
fn addresses_choose_by_the_longest_block() {
    let at = |location: &str, last| {
        let routing = CidrLocation { collection: Arc::from("c1"), location: Arc::from(location) };
        set(location, last, Routing::Cidr(routing))
    };
    let wire = Wire::serve(vec![at("office", 1), at("country", 2), at("*", 3)]);
    let blocks = |text: &str| vec![text.parse().expect("a block")];
    let locations =
        vec![(Arc::from("country"), blocks("203.0.0.0/16")), (Arc::from("office"), blocks("203.0.113.0/24"))];
    wire.store.update(|edit| edit.put_collection(&CidrCollection { id: Arc::from("c1"), locations }));
    assert_eq!((wire.one(GERMANY), wire.scope(GERMANY)), (Some(1), Some(24)));
    assert_eq!((wire.one([203, 0, 7, 1]), wire.scope([203, 0, 7, 1])), (Some(2), Some(24)));
    // An answer to a client in no block must not be kept for those that are in one.
    assert_eq!((wire.one(JAPAN), wire.scope(JAPAN)), (Some(3), Some(24)));
}

#[test]
fn the_types_of_records_are_apart() {
    let wire = Wire::serve(vec![set("a", 1, Routing::Weighted(1))]);
    let query = support::query(NAME, "AAAA", None);
    wire.client.send(&query).expect("the query leaves");
    let mut answer = [0u8; 512];
    let length = wire.client.recv(&mut answer).expect("an answer");
    let message = Message::from_octets(&answer[..length]).expect("a message");
    assert_eq!(message.header_counts().ancount(), 0);
    assert_eq!(message.first_question().map(|question| question.qtype()), Some(Rtype::AAAA));
}
