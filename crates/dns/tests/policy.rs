//! Routing policies: proportions within 3 sigma, places, health.

mod support;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use enishi_dns::{Asker, Entropy, Rcode, Store};
use enishi_fabric::dns::{
    Alias, CidrCollection, CidrLocation, Content, Failover, Geolocation, Place, PlaceTable, Rdata, RecordSet,
    RecordType, Routing,
};

fn set(owner: &str, identifier: &str, last: u8, routing: Routing, health: Option<&str>) -> RecordSet {
    RecordSet {
        name: support::name(owner),
        record_type: RecordType::A,
        identifier: Some(Arc::from(identifier)),
        routing,
        health_check: health.map(Arc::from),
        content: Content::Records { ttl: 60, data: vec![Rdata::a(Ipv4Addr::new(192, 0, 2, last))] },
    }
}

fn alias(owner: &str, identifier: &str, target: &str, routing: Routing) -> RecordSet {
    let target = Alias { zone: Arc::from("Z1"), name: support::name(target), evaluate_target_health: true };
    RecordSet { content: Content::Alias(target), ..set(owner, identifier, 0, routing, None) }
}

fn store(sets: Vec<RecordSet>) -> Store {
    let store = support::store_of(&[support::zone("Z1", "example.com", sets)]);
    let place = |continent: &str, country: &str, region: &str| Place {
        continent: Some(Arc::from(continent)),
        country: Some(Arc::from(country)),
        region: Some(Arc::from(region)),
        ..Place::default()
    };
    let rows = vec![
        ("203.0.113.0/24".parse().expect("a block"), place("EU", "DE", "eu-central-1")),
        ("198.51.100.0/24".parse().expect("a block"), place("AS", "JP", "ap-northeast-1")),
    ];
    store.update(|edit| edit.put_places(&PlaceTable { rows }));
    store
}

/// The last bytes of the addresses that `count` queries from an address get.
fn answers(store: &Store, from: [u8; 4], count: u64) -> HashMap<u8, u64> {
    let authority = store.load();
    let asker: Asker = authority.locate(IpAddr::from(from), 32);
    let mut entropy = Entropy::seeded(42);
    let mut seen = HashMap::new();
    for _ in 0..count {
        let name = support::name("www.example.com");
        let explained =
            authority.explain("Z1", &name, RecordType::A, &asker, &mut entropy).expect("the zone");
        assert_eq!(explained.rcode, Rcode::NoError);
        for record in explained.records {
            *seen.entry(*record.data.as_wire().last().expect("an address")).or_default() += 1;
        }
    }
    seen
}

fn one(store: &Store, from: [u8; 4]) -> Option<u8> {
    answers(store, from, 1).into_keys().next()
}

const JAPAN: [u8; 4] = [198, 51, 100, 1];
const GERMANY: [u8; 4] = [203, 0, 113, 1];
const NOWHERE: [u8; 4] = [192, 0, 2, 1];

#[test]
fn weights_hold_within_three_sigma() {
    let weighted =
        |name, last, weight| set("www.example.com", name, last, Routing::Weighted(weight), Some(name));
    let store = store(vec![weighted("a", 1, 10), weighted("b", 2, 30), weighted("zero", 3, 0)]);
    let seen = answers(&store, JAPAN, 10_000);
    let expected = 2_500.0f64;
    let sigma = (10_000.0 * 0.25 * 0.75f64).sqrt();
    assert!((seen[&1] as f64 - expected).abs() < 3.0 * sigma, "{seen:?}");
    assert_eq!(seen.get(&3), None, "a set of weight 0 answered");
    store.health().set("b", false);
    assert_eq!(answers(&store, JAPAN, 100).keys().copied().collect::<Vec<_>>(), [1]);
    store.health().set("a", false);
    assert_eq!(
        answers(&store, JAPAN, 100).keys().copied().collect::<Vec<_>>(),
        [3],
        "only weight 0 is healthy"
    );
    store.health().set("zero", false);
    assert_eq!(answers(&store, JAPAN, 1_000).len(), 2, "all count as healthy again");
}

#[test]
fn failover_follows_health_at_once() {
    let store = store(vec![
        set("www.example.com", "p", 1, Routing::Failover(Failover::Primary), Some("hc")),
        set("www.example.com", "s", 2, Routing::Failover(Failover::Secondary), Some("hc2")),
    ]);
    assert_eq!(one(&store, JAPAN), Some(1));
    store.health().set("hc", false);
    assert_eq!(one(&store, JAPAN), Some(2));
    store.health().set("hc2", false);
    assert_eq!(one(&store, JAPAN), Some(1), "with both unhealthy the primary answers");
}

#[test]
fn latency_goes_to_the_nearest_healthy_region() {
    let region =
        |name: &str, last| set("www.example.com", name, last, Routing::Latency(Arc::from(name)), Some(name));
    let store = store(vec![region("us-east-1", 1), region("eu-west-1", 2), region("ap-northeast-1", 3)]);
    assert_eq!(one(&store, JAPAN), Some(3));
    assert_eq!(one(&store, GERMANY), Some(2));
    store.health().set("eu-west-1", false);
    assert_eq!(one(&store, GERMANY), Some(1));
}

#[test]
fn geolocation_takes_the_smallest_area() {
    let area =
        |name: &str, last, area| set("www.example.com", name, last, Routing::Geolocation(area), Some(name));
    let country = |country: &str| Geolocation::Country { country: Arc::from(country), subdivision: None };
    let mut sets = vec![area("eu", 1, Geolocation::Continent(Arc::from("EU"))), area("de", 2, country("DE"))];
    let without_default = store(sets.clone());
    assert_eq!(one(&without_default, NOWHERE), None, "no set is for this client");
    sets.push(area("default", 3, Geolocation::Default));
    let store = store(sets);
    assert_eq!(one(&store, GERMANY), Some(2));
    assert_eq!(one(&store, JAPAN), Some(3));
    store.health().set("de", false);
    assert_eq!(one(&store, GERMANY), Some(1));
}

#[test]
fn addresses_choose_by_collection() {
    let at = |location: &str, last| {
        let routing = CidrLocation { collection: Arc::from("c1"), location: Arc::from(location) };
        set("www.example.com", location, last, Routing::Cidr(routing), None)
    };
    let store = store(vec![at("office", 1), at("*", 2)]);
    let blocks = vec!["198.51.100.0/24".parse().expect("a block")];
    let collection = CidrCollection { id: Arc::from("c1"), locations: vec![(Arc::from("office"), blocks)] };
    store.update(|edit| edit.put_collection(&collection));
    assert_eq!(one(&store, JAPAN), Some(1));
    assert_eq!(one(&store, GERMANY), Some(2));
}

#[test]
fn multivalue_gives_eight_healthy_sets() {
    let sets = (1..=10).map(|last| {
        let name = format!("hc{last}");
        set("www.example.com", &name, last, Routing::Multivalue, Some(&name))
    });
    let store = store(sets.collect());
    assert_eq!(answers(&store, JAPAN, 1).len(), 8);
    (1..=7).for_each(|last| store.health().set(&format!("hc{last}"), false));
    let mut seen: Vec<u8> = answers(&store, JAPAN, 1).into_keys().collect();
    seen.sort_unstable();
    assert_eq!(seen, [8, 9, 10]);
}

#[test]
fn an_alias_tree_is_as_healthy_as_its_leaves() {
    let store = store(vec![
        alias("www.example.com", "p", "eu.example.com", Routing::Failover(Failover::Primary)),
        set("www.example.com", "s", 9, Routing::Failover(Failover::Secondary), None),
        set("eu.example.com", "a", 1, Routing::Weighted(1), Some("a")),
        set("eu.example.com", "b", 2, Routing::Weighted(1), Some("b")),
    ]);
    assert_eq!(answers(&store, JAPAN, 200).len(), 2);
    store.health().set("a", false);
    assert_eq!(one(&store, JAPAN), Some(2));
    store.health().set("b", false);
    assert_eq!(one(&store, JAPAN), Some(9));
}
