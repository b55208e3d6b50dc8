//! Route 53's routing by latency and by geography: what is taken, what is refused and how; `TestDNSAnswer`; zone files.

mod harness;

use enishi_api::route53::{
    Change, ChangeBatch, ChangeResourceRecordSetsRequest, CidrRoutingConfig, Coordinates,
    CreateCidrCollectionRequest, CreateHostedZoneRequest, GeoLocation, GeoProximityLocation,
    ListResourceRecordSetsRequest, ResourceRecord, ResourceRecordSet, TestDNSAnswerRequest, VPC, ops,
};
use enishi_cloud::outside::{DnsAnswer, Supply, Want};
use enishi_cloud::zone_import::Import;
use enishi_fabric::dns::{self, Content, Name, Rdata, RecordType, Routing};
use enishi_state::route53::{HostedZone, HostedZoneId};
use enishi_state::{Read, ec2};
use enishi_wire::{Fault, Operation, Shape};
use harness::{Harness, text};

fn create(harness: &mut Harness, name: &str) -> String {
    let input = CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: name.to_owned(),
        ..Default::default()
    };
    harness.ok::<ops::CreateHostedZone>(input).hosted_zone.id
}

fn create_private(harness: &mut Harness, name: &str) -> String {
    let row = harness.world.all::<ec2::Vpc>().next().expect("a default VPC");
    let vpc = VPC { vpc_region: Some(row.scope.region.to_string()), vpc_id: Some(row.id.to_string()) };
    let input = CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: "private".to_owned(),
        vpc: Some(vpc),
        ..Default::default()
    };
    harness.ok::<ops::CreateHostedZone>(input).hosted_zone.id
}

fn set(identifier: &str) -> ResourceRecordSet {
    ResourceRecordSet {
        name: "www.example.test".to_owned(),
        r#type: "A".to_owned(),
        set_identifier: text(identifier),
        ttl: Some(60),
        resource_records: Some(vec![ResourceRecord { value: "192.0.2.1".to_owned() }]),
        ..Default::default()
    }
}

fn latency(identifier: &str, region: &str) -> ResourceRecordSet {
    ResourceRecordSet { region: text(region), ..set(identifier) }
}

fn area(identifier: &str, continent: &str, country: &str, part: &str) -> ResourceRecordSet {
    let code = |code: &str| Some(code.to_owned()).filter(|code| !code.is_empty());
    let location = GeoLocation {
        continent_code: code(continent),
        country_code: code(country),
        subdivision_code: code(part),
    };
    ResourceRecordSet { geo_location: Some(location), ..set(identifier) }
}

fn near(identifier: &str, location: GeoProximityLocation) -> ResourceRecordSet {
    ResourceRecordSet { geo_proximity_location: Some(location), ..set(identifier) }
}

fn at(latitude: &str, longitude: &str) -> GeoProximityLocation {
    let point = Coordinates { latitude: latitude.to_owned(), longitude: longitude.to_owned() };
    GeoProximityLocation { coordinates: Some(point), ..Default::default() }
}

fn in_region(region: &str, bias: i32) -> GeoProximityLocation {
    GeoProximityLocation { aws_region: text(region), bias: Some(bias), ..Default::default() }
}

fn batch(zone: &str, sets: impl IntoIterator<Item = ResourceRecordSet>) -> ChangeResourceRecordSetsRequest {
    let change = |set| Change { action: "CREATE".to_owned(), resource_record_set: set };
    let changes = sets.into_iter().map(change).collect();
    ChangeResourceRecordSetsRequest {
        hosted_zone_id: zone.to_owned(),
        change_batch: ChangeBatch { comment: None, changes },
    }
}

fn listed(harness: &mut Harness, zone: &str) -> Vec<ResourceRecordSet> {
    let input = ListResourceRecordSetsRequest { hosted_zone_id: zone.to_owned(), ..Default::default() };
    let sets = harness.ok::<ops::ListResourceRecordSets>(input).resource_record_sets;
    sets.into_iter().filter(|set| set.set_identifier.is_some()).collect()
}

#[track_caller]
fn refused(harness: &mut Harness, zone: &str, sets: Vec<ResourceRecordSet>, code: &str, message: &str) {
    harness.message::<ops::ChangeResourceRecordSets>(batch(zone, sets), code, message);
}

#[test]
fn every_place_comes_back_as_it_was_given() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let group = GeoProximityLocation {
        local_zone_group: text("us-west-2-lax-1"),
        bias: Some(-99),
        ..Default::default()
    };
    let private = create_private(&mut harness, "example.test");
    let kinds = [
        vec![latency("a", "eu-west-1"), latency("b", "us-gov-west-1")],
        vec![
            area("a", "EU", "", ""),
            area("b", "", "JP", ""),
            area("c", "", "US", ""),
            area("d", "", "US", "CA"),
            area("e", "", "*", ""),
        ],
        vec![
            near("a", in_region("us-east-1", 99)),
            near("b", group),
            near("c", GeoProximityLocation { bias: Some(0), ..at("49.22", "-74.01") }),
        ],
    ];
    for zone in [&zone, &private] {
        for sets in &kinds {
            harness.ok::<ops::ChangeResourceRecordSets>(batch(zone, sets.clone()));
            let there = listed(&mut harness, zone);
            let given =
                sets.iter().map(|set| ResourceRecordSet { name: format!("{}.", set.name), ..set.clone() });
            assert_eq!(there, given.collect::<Vec<_>>());
            let gone = sets
                .iter()
                .map(|set| Change { action: "DELETE".to_owned(), resource_record_set: set.clone() });
            let change_batch = ChangeBatch { comment: None, changes: gone.collect() };
            let input = ChangeResourceRecordSetsRequest { hosted_zone_id: zone.clone(), change_batch };
            harness.ok::<ops::ChangeResourceRecordSets>(input);
        }
    }
}

#[test]
fn places_that_are_none_are_refused() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let both = GeoProximityLocation { aws_region: text("us-east-1"), ..at("1", "1") };
    let group = GeoProximityLocation { local_zone_group: text("mars-1-a"), ..Default::default() };
    for (set, message) in [
        (area("a", "XX", "", ""), "The specified geographic location is not valid."),
        (area("a", "EU", "DE", ""), "The specified geographic location is not valid."),
        (area("a", "", "DE", "BE"), "The specified geographic location is not valid."),
        (
            near("a", at("40.7128", "-74.01")),
            "Invalid XML ; cvc-pattern-valid: Value '40.7128' is not facet-valid with respect to pattern '[-+]?[0-9]{1,2}(\\.[0-9]{0,2})?' for type 'Latitude'.",
        ),
        (near("a", at("1", "181")), "Longitude must be between -180 and 180: 181"),
        (
            near("a", in_region("us-east-1", 100)),
            "Invalid XML ; cvc-maxInclusive-valid: Value '100' is not facet-valid with respect to maxInclusive '99' for type 'Bias'.",
        ),
        (
            near("a", in_region("us-east-1", -100)),
            "Invalid XML ; cvc-minInclusive-valid: Value '-100' is not facet-valid with respect to minInclusive '-99' for type 'Bias'.",
        ),
        (
            near("a", both),
            "Invalid request: Expected exactly one of [AWSRegion, LocalZoneGroup, or Coordinates] in GeoProximityLocation",
        ),
        (near("a", group), "The Local Zone Group mars-1-a is not valid."),
    ] {
        refused(&mut harness, &zone, vec![set], "InvalidInput", message);
    }
    let fault = harness.fault::<ops::ChangeResourceRecordSets>(batch(&zone, [latency("a", "mars-north-1")]));
    assert!(fault.message().contains("cvc-enumeration-valid: Value 'mars-north-1'"), "{fault}");
}

#[test]
fn two_sets_do_not_stand_for_one_place() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let prefix = "RRSet with DNS name www.example.test., type A, SetIdentifier b";
    for (pair, message) in [
        (
            [latency("a", "eu-west-1"), latency("b", "eu-west-1")],
            format!(
                "{prefix}, and Region Name=eu-west-1 cannot be created because a latency RRSet with the same name, type and region already exists."
            ),
        ),
        (
            [area("a", "", "US", "CA"), area("b", "", "US", "CA")],
            format!(
                "{prefix}, and CountryCode=US, SubdivisionCode=CA cannot be created because a geolocation RRSet with the same name, type and location already exists."
            ),
        ),
        (
            [near("a", at("49.2", "0")), near("b", at("49.20", "0.0"))],
            format!(
                "{prefix}, and Coordinates=49.20,0.00 cannot be created because a geoproximity RRSet with the same name, type and location already exists."
            ),
        ),
        (
            [area("a", "", "US", ""), latency("b", "eu-west-1")],
            format!("{prefix} cannot be created as a non-latency set exists with the same name and type."),
        ),
    ] {
        let [first, second] = pair;
        harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, [first.clone()]));
        refused(&mut harness, &zone, vec![second], "InvalidChangeBatch", &format!("[{message}]"));
        let change_batch = ChangeBatch {
            comment: None,
            changes: vec![Change { action: "DELETE".to_owned(), resource_record_set: first }],
        };
        let input = ChangeResourceRecordSetsRequest { hosted_zone_id: zone.clone(), change_batch };
        harness.ok::<ops::ChangeResourceRecordSets>(input);
    }
}

#[test]
fn a_name_has_thirty_geoproximity_sets_at_most() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let sets = (0..30).map(|number| near(&format!("s{number}"), at(&number.to_string(), "0")));
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, sets));
    refused(
        &mut harness,
        &zone,
        vec![near("last", at("-1", "0"))],
        "InvalidChangeBatch",
        "[Exceeded limit on number of geoproximity RRSets for www.example.test., type A in this zone.]",
    );
}

#[test]
fn private_zones_have_every_policy_but_the_ip_based() {
    let mut harness = Harness::new();
    let zone = create_private(&mut harness, "example.test");
    let input = CreateCidrCollectionRequest { name: "c".to_owned(), caller_reference: "c".to_owned() };
    let collection = harness.ok::<ops::CreateCidrCollection>(input).collection.expect("a collection");
    let config =
        CidrRoutingConfig { collection_id: collection.id.expect("an id"), location_name: "*".to_owned() };
    refused(
        &mut harness,
        &zone,
        vec![ResourceRecordSet { cidr_routing_config: Some(config), ..set("a") }],
        "InvalidChangeBatch",
        "[RRSet with DNS name www.example.test., type A, SetIdentifier a cannot be created as IP-based routing is not supported in private hosted zones.]",
    );
}

fn question(zone: &str) -> TestDNSAnswerRequest {
    TestDNSAnswerRequest {
        hosted_zone_id: zone.to_owned(),
        record_name: "www.example.test".to_owned(),
        record_type: "A".to_owned(),
        ..Default::default()
    }
}

/// What the daemon is asked for, and what it makes of that.
fn answer(harness: &Harness, input: TestDNSAnswerRequest) -> Result<(Option<Want>, Vec<String>), Fault> {
    let (service, name) = ("route53", <ops::TestDNSAnswer as Operation>::NAME);
    let value = input.into_value();
    let read = Read { world: &harness.world, caller: &harness.caller, now: harness.now };
    let want = harness.cloud.wants(&read, service, name, &value)?;
    let dns_answer = DnsAnswer { rcode: "NOERROR".to_owned(), data: vec!["192.0.2.1".to_owned()] };
    let supply = Supply { dns_answer: Some(dns_answer), ..Supply::default() };
    let output = harness.cloud.dispatch_read_with(&read, service, name, value, &supply)?;
    let output = <ops::TestDNSAnswer as Operation>::Output::from_value(output).expect("its shape");
    assert_eq!((output.protocol.as_str(), output.response_code.as_str()), ("UDP", "NOERROR"));
    assert!(output.nameserver.starts_with("ns-"), "{}", output.nameserver);
    Ok((want, output.record_data))
}

#[test]
fn a_test_asks_from_where_it_is_told() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let asked = |input| {
        let (want, data) = answer(&harness, input).expect("an answer");
        assert_eq!(data, ["192.0.2.1"]);
        match want {
            Some(Want::DnsAnswer(question)) => (question.address.to_string(), question.prefix),
            other => panic!("{other:?}"),
        }
    };
    let virginia = enishi_plan::region_address("us-east-1").to_string();
    assert_eq!(asked(question(&zone)), (virginia, 32));
    let resolver = |ip: &str| TestDNSAnswerRequest { resolver_ip: text(ip), ..question(&zone) };
    assert_eq!(asked(resolver("203.0.113.9")), ("203.0.113.9".to_owned(), 32));
    let subnet = |ip: &str, mask: Option<&str>| TestDNSAnswerRequest {
        edns0_client_subnet_ip: text(ip),
        edns0_client_subnet_mask: mask.map(str::to_owned),
        ..resolver("203.0.113.9")
    };
    assert_eq!(asked(subnet("198.51.100.9", None)), ("198.51.100.9".to_owned(), 24));
    assert_eq!(asked(subnet("198.51.100.9", Some("32"))), ("198.51.100.9".to_owned(), 32));
    assert_eq!(asked(subnet("2001:db8::1", None)), ("2001:db8::1".to_owned(), 64));
    let refusal = |input| answer(&harness, input).expect_err("it is refused").code().to_owned();
    assert_eq!(refusal(subnet("198.51.100.9", Some("33"))), "InvalidInput");
    assert_eq!(refusal(resolver("nobody")), "InvalidInput");
    assert_eq!(refusal(question("Z0")), "NoSuchHostedZone");
    let elsewhere = TestDNSAnswerRequest { record_name: "example.org".to_owned(), ..question(&zone) };
    assert_eq!(refusal(elsewhere), "InvalidInput");
    let private = create_private(&mut harness, "example.test");
    assert_eq!(answer(&harness, question(&private)).expect_err("it is private").code(), "InvalidInput");
}

fn record(name: &str, last: u8) -> dns::RecordSet {
    dns::RecordSet {
        name: Name::parse(name).expect(name),
        record_type: RecordType::A,
        identifier: None,
        routing: Routing::Simple,
        health_check: None,
        content: Content::Records { ttl: 60, data: vec![Rdata::a([192, 0, 2, last].into())] },
    }
}

#[test]
fn an_import_is_one_batch_of_what_differs() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, [latency("a", "eu-west-1")]));
    let row = |harness: &Harness| {
        let id = HostedZoneId::new(zone.trim_start_matches("/hostedzone/"));
        harness.world.get::<HostedZone>(&id).cloned().expect("the zone")
    };
    let import = |harness: &mut Harness, sets: &[dns::RecordSet], replace| {
        let zone = row(harness);
        let import = Import::new(&harness.world, &zone, sets.to_vec(), replace);
        let counts = [import.created, import.changed, import.deleted, import.unchanged];
        if let Some(request) = import.request(&zone) {
            harness.run::<ops::ChangeResourceRecordSets>(request)?;
        }
        Ok::<_, Fault>(counts)
    };
    let (a, b) = (record("a.example.test", 1), record("b.example.test", 2));
    assert_eq!(import(&mut harness, &[a.clone(), b.clone()], false).expect("it fits"), [2, 0, 0, 0]);
    let changed = record("b.example.test", 3);
    assert_eq!(import(&mut harness, &[a.clone(), changed.clone()], false).expect("it fits"), [0, 1, 0, 1]);
    assert_eq!(import(&mut harness, std::slice::from_ref(&changed), true).expect("it fits"), [0, 0, 1, 1]);
    assert_eq!(listed(&mut harness, &zone).len(), 1, "a set with a policy has no form in a file, and stays");
    // In its place a simple set fits only if it goes.
    let simple = record("www.example.test", 4);
    let refusal = import(&mut harness, std::slice::from_ref(&simple), false).expect_err("it is in the way");
    assert_eq!(refusal.code(), "InvalidChangeBatch");
    assert_eq!(import(&mut harness, &[changed, simple], true).expect("it fits"), [0, 1, 0, 1]);
    assert_eq!(listed(&mut harness, &zone).len(), 0);
}
