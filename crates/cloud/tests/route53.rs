//! Route 53: zones, record sets in batches, and the messages of what is refused.

mod harness;

use enishi_api::route53::{
    AliasTarget, AssociateVPCWithHostedZoneRequest, Change, ChangeBatch, ChangeResourceRecordSetsRequest,
    CreateHostedZoneRequest, DeleteHostedZoneRequest, GeoLocation, GeoProximityLocation, GetChangeRequest,
    GetCheckerIpRangesRequest, GetHealthCheckRequest, GetHostedZoneRequest, HostedZoneConfig,
    ListHostedZonesByNameRequest, ListResourceRecordSetsRequest, ResourceRecord, ResourceRecordSet, VPC, ops,
};
use enishi_cloud::tick::{Facts, tick};
use enishi_state::{Tx, ec2};
use harness::{Harness, text};

fn create(harness: &mut Harness, name: &str) -> String {
    let input = CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: name.to_owned(),
        ..Default::default()
    };
    harness.ok::<ops::CreateHostedZone>(input).hosted_zone.id
}

fn records(name: &str, kind: &str, values: &[&str]) -> ResourceRecordSet {
    let records = values.iter().map(|value| ResourceRecord { value: (*value).to_owned() }).collect();
    ResourceRecordSet {
        name: name.to_owned(),
        r#type: kind.to_owned(),
        ttl: Some(60),
        resource_records: Some(records),
        ..Default::default()
    }
}

fn weighted(name: &str, id: &str, weight: i64) -> ResourceRecordSet {
    ResourceRecordSet { set_identifier: text(id), weight: Some(weight), ..records(name, "A", &["192.0.2.1"]) }
}

fn batch(zone: &str, changes: Vec<(&str, ResourceRecordSet)>) -> ChangeResourceRecordSetsRequest {
    let change = |(action, set): (&str, ResourceRecordSet)| Change {
        action: action.to_owned(),
        resource_record_set: set,
    };
    ChangeResourceRecordSetsRequest {
        hosted_zone_id: zone.to_owned(),
        change_batch: ChangeBatch { comment: None, changes: changes.into_iter().map(change).collect() },
    }
}

fn listed(harness: &mut Harness, zone: &str) -> Vec<(String, String)> {
    let input = ListResourceRecordSetsRequest { hosted_zone_id: zone.to_owned(), ..Default::default() };
    let sets = harness.ok::<ops::ListResourceRecordSets>(input).resource_record_sets;
    sets.into_iter().map(|set| (set.name, set.r#type)).collect()
}

#[track_caller]
fn refused(harness: &mut Harness, zone: &str, changes: Vec<(&str, ResourceRecordSet)>, message: &str) {
    harness.message::<ops::ChangeResourceRecordSets>(batch(zone, changes), "InvalidChangeBatch", message);
}

#[test]
fn a_zone_comes_with_ns_and_soa_and_goes_when_it_has_nothing_else() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "Example.test");
    let pair = |kind: &str| ("example.test.".to_owned(), kind.to_owned());
    assert_eq!(listed(&mut harness, &zone), [pair("NS"), pair("SOA")]);
    let set = records("www.example.test", "A", &["192.0.2.1"]);
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", set.clone())]));
    let get = GetHostedZoneRequest { id: zone.clone() };
    let shown = harness.ok::<ops::GetHostedZone>(get);
    assert_eq!(shown.hosted_zone.resource_record_set_count, Some(3));
    assert_eq!(shown.delegation_set.map(|set| set.name_servers.len()), Some(4));
    harness.code::<ops::DeleteHostedZone>(DeleteHostedZoneRequest { id: zone.clone() }, "HostedZoneNotEmpty");
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("DELETE", set)]));
    harness.ok::<ops::DeleteHostedZone>(DeleteHostedZoneRequest { id: zone.clone() });
    harness.message::<ops::GetHostedZone>(
        GetHostedZoneRequest { id: zone.clone() },
        "NoSuchHostedZone",
        &format!("No hosted zone found with ID: {}", zone.trim_start_matches("/hostedzone/")),
    );
    assert!(harness.world.record_sets.is_empty());
}

#[test]
fn a_caller_reference_is_used_once_and_zones_belong_to_accounts() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let again = CreateHostedZoneRequest {
        name: "other.test".to_owned(),
        caller_reference: "example.test".to_owned(),
        ..Default::default()
    };
    harness.code::<ops::CreateHostedZone>(again, "HostedZoneAlreadyExists");
    harness.act_as("210987654321", "us-east-1");
    harness.code::<ops::GetHostedZone>(GetHostedZoneRequest { id: zone }, "NoSuchHostedZone");
}

#[test]
fn a_batch_is_all_or_nothing_and_lists_every_problem() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let www = || records("www.example.test", "A", &["192.0.2.1"]);
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", www())]));
    refused(
        &mut harness,
        &zone,
        vec![
            ("CREATE", records("new.example.test", "A", &["192.0.2.2"])),
            ("CREATE", www()),
            ("DELETE", records("gone.example.test", "A", &["192.0.2.1"])),
        ],
        "[Tried to create resource record set [name='www.example.test.', type='A'] but it already exists, \
         Tried to delete resource record set [name='gone.example.test.', type='A'] but it was not found]",
    );
    assert_eq!(listed(&mut harness, &zone).len(), 3);
    refused(
        &mut harness,
        &zone,
        vec![("DELETE", records("www.example.test", "A", &["192.0.2.9"]))],
        "[Tried to delete resource record set [name='www.example.test.', type='A'] but the values provided do not match the current values]",
    );
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("DELETE", www()), ("CREATE", www())]));
}

#[test]
fn names_and_values_are_checked() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    for (set, message) in [
        (
            records("www.example.org", "A", &["192.0.2.1"]),
            "[RRSet with DNS name www.example.org. is not permitted in zone example.test.]",
        ),
        (
            records("example.test", "CNAME", &["www.example.test"]),
            "[RRSet of type CNAME with DNS name example.test. is not permitted at apex in zone example.test.]",
        ),
        (
            records("www.example.test", "A", &["1.2.3"]),
            "[Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with '1.2.3'']",
        ),
        (
            records("www.example.test", "TXT", &["bare"]),
            "[Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks) encountered with 'bare'']",
        ),
        (
            records("www.example.test", "A", &["192.0.2.1", "192.0.2.1"]),
            "[Duplicate Resource Record: '192.0.2.1']",
        ),
    ] {
        refused(&mut harness, &zone, vec![("UPSERT", set)], message);
    }
    let soa = listed_set(&mut harness, &zone, "SOA");
    refused(
        &mut harness,
        &zone,
        vec![("DELETE", soa)],
        "[A HostedZone must contain exactly one SOA record.]",
    );
}

fn listed_set(harness: &mut Harness, zone: &str, kind: &str) -> ResourceRecordSet {
    let input = ListResourceRecordSetsRequest { hosted_zone_id: zone.to_owned(), ..Default::default() };
    let sets = harness.ok::<ops::ListResourceRecordSets>(input).resource_record_sets;
    sets.into_iter().find(|set| set.r#type == kind).expect("a set of that type")
}

#[test]
fn policies_need_identifiers_and_do_not_mix() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let nameless = ResourceRecordSet { set_identifier: None, ..weighted("w.example.test", "", 1) };
    harness.message::<ops::ChangeResourceRecordSets>(
        batch(&zone, vec![("CREATE", nameless)]),
        "InvalidInput",
        "Invalid request: Missing field 'SetIdentifier' in Change with [Action=CREATE, Name=w.example.test, Type=A, SetIdentifier=null]",
    );
    let pair =
        vec![("CREATE", weighted("w.example.test", "a", 1)), ("CREATE", weighted("w.example.test", "b", 2))];
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, pair));
    let multivalue = ResourceRecordSet {
        weight: None,
        multi_value_answer: Some(true),
        ..weighted("w.example.test", "c", 1)
    };
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", multivalue)],
        "[RRSet with DNS name w.example.test., type A, SetIdentifier c cannot be created as a non-multivalue answer set exists with the same name and type.]",
    );
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("w.example.test", "A", &["192.0.2.1"]))],
        "[RRSet with DNS name w.example.test., type A cannot be created as other RRSets exist with the same name and type.]",
    );
    let slow = ResourceRecordSet { ttl: Some(61), ..weighted("w.example.test", "d", 1) };
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", slow)],
        "[RRSet with DNS name w.example.test. and type A, SetIdentifier d cannot be created as weighted sets must contain the same TTL.]",
    );
}

#[test]
fn an_alias_needs_its_target_and_nothing_else() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let id = zone.trim_start_matches("/hostedzone/").to_owned();
    let alias = |ttl| ResourceRecordSet {
        name: "example.test".to_owned(),
        r#type: "A".to_owned(),
        ttl,
        alias_target: Some(AliasTarget {
            hosted_zone_id: id.clone(),
            dns_name: "www.example.test".to_owned(),
            evaluate_target_health: false,
        }),
        ..Default::default()
    };
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", alias(None))],
        &format!(
            "[Tried to create an alias that targets www.example.test., type A in zone {id}, but that target was not found]"
        ),
    );
    harness.code::<ops::ChangeResourceRecordSets>(
        batch(&zone, vec![("CREATE", alias(Some(60)))]),
        "InvalidInput",
    );
    let both = vec![("CREATE", alias(None)), ("CREATE", records("www.example.test", "A", &["192.0.2.1"]))];
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, both));
}

#[test]
fn a_change_is_in_sync_once_its_generation_is_realised() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let set = records("www.example.test", "A", &["192.0.2.1"]);
    let info = harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", set)])).change_info;
    assert_eq!(info.status, "PENDING");
    let made = harness.world.generation;
    for (realised, status) in [(made - 1, "PENDING"), (made, "INSYNC")] {
        let facts = Facts { realised_generation: realised, ..Default::default() };
        let mut tx = Tx::new(&harness.world, &harness.caller, harness.now, &mut harness.entropy);
        tick(&mut tx, &facts);
        harness.world = tx.commit().expect("time keeps the invariants").world;
        let shown = harness.ok::<ops::GetChange>(GetChangeRequest { id: info.id.clone() });
        assert_eq!(shown.change_info.status, status);
    }
}

#[test]
fn private_zones_are_refused() {
    let mut harness = Harness::new();
    let row = harness.world.all::<ec2::Vpc>().next().expect("a default VPC");
    let vpc = VPC { vpc_region: Some(row.scope.region.to_string()), vpc_id: Some(row.id.to_string()) };
    let input = CreateHostedZoneRequest {
        name: "corp.test".to_owned(),
        caller_reference: "1".to_owned(),
        vpc: Some(vpc.clone()),
        ..Default::default()
    };
    harness.message::<ops::CreateHostedZone>(
        input.clone(),
        "InvalidInput",
        "Private hosted zones are not supported by Enishi.",
    );
    let config = HostedZoneConfig { comment: None, private_zone: Some(true) };
    let input = CreateHostedZoneRequest { vpc: None, hosted_zone_config: Some(config), ..input };
    harness.code::<ops::CreateHostedZone>(input, "InvalidInput");
    let zone = create(&mut harness, "example.test");
    harness.code::<ops::AssociateVPCWithHostedZone>(
        AssociateVPCWithHostedZoneRequest { hosted_zone_id: zone, vpc, comment: None },
        "UnsupportedOperationException",
    );
}

#[test]
fn what_answers_would_not_heed_is_refused() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let set = || ResourceRecordSet {
        set_identifier: text("a"),
        ..records("www.example.test", "A", &["192.0.2.1"])
    };
    let everywhere = GeoLocation { country_code: text("*"), ..Default::default() };
    let somewhere = GeoProximityLocation { aws_region: text("us-east-1"), ..Default::default() };
    let elsewhere = AliasTarget {
        hosted_zone_id: "Z35SXDOTRQ7X7K".to_owned(),
        dns_name: "lb.us-east-1.elb.amazonaws.com".to_owned(),
        evaluate_target_health: false,
    };
    for (set, what) in [
        (ResourceRecordSet { region: text("us-east-1"), ..set() }, "Latency record sets"),
        (ResourceRecordSet { failover: text("PRIMARY"), ..set() }, "Failover record sets"),
        (ResourceRecordSet { geo_location: Some(everywhere), ..set() }, "Geolocation record sets"),
        (ResourceRecordSet { geo_proximity_location: Some(somewhere), ..set() }, "Geoproximity record sets"),
        (
            ResourceRecordSet { weight: Some(1), health_check_id: text("check"), ..set() },
            "Record sets with a health check",
        ),
        (
            ResourceRecordSet {
                name: "www.example.test".to_owned(),
                r#type: "A".to_owned(),
                alias_target: Some(elsewhere),
                ..Default::default()
            },
            "Aliases to other hosted zones and to services",
        ),
    ] {
        harness.message::<ops::ChangeResourceRecordSets>(
            batch(&zone, vec![("UPSERT", set)]),
            "InvalidInput",
            &format!("{what} are not supported by Enishi."),
        );
    }
    assert_eq!(listed(&mut harness, &zone).len(), 2);
    let check = GetHealthCheckRequest { health_check_id: "check".to_owned() };
    harness.code::<ops::GetHealthCheck>(check, "UnsupportedOperationException");
    harness.code::<ops::GetCheckerIpRanges>(
        GetCheckerIpRangesRequest::default(),
        "UnsupportedOperationException",
    );
}

#[test]
fn zones_are_listed_by_reversed_name() {
    let mut harness = Harness::new();
    for name in ["b.test", "a.b.test", "a.test"] {
        create(&mut harness, name);
    }
    let input = ListHostedZonesByNameRequest { max_items: text("2"), ..Default::default() };
    let page = harness.ok::<ops::ListHostedZonesByName>(input);
    let names: Vec<&str> = page.hosted_zones.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(names, ["a.test.", "b.test."]);
    assert_eq!((page.is_truncated, page.next_dns_name.as_deref()), (true, Some("a.b.test.")));
}
