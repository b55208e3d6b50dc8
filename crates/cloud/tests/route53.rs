//! Route 53: zones, record sets in batches, and the messages of what is refused.

mod harness;
mod zones;

use enishi_api::route53::{
    ChangeTagsForResourceRequest, CreateHostedZoneRequest, DeleteHostedZoneRequest, GetChangeRequest,
    GetHostedZoneRequest, ListHostedZonesByNameRequest, ListHostedZonesRequest,
    ListResourceRecordSetsRequest, ListTagsForResourceRequest, ResourceRecordSet, Tag,
    UpdateHostedZoneCommentRequest, ops,
};
use enishi_cloud::tick::{Facts, needs_tick, next_deadline, tick};
use enishi_state::Tx;
use harness::{Harness, text};
use zones::{alias, bare, batch, change, create, listed, listed_set, records, refused, weighted};

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
        "[RRSet with DNS name w.example.test., type A, SetIdentifier c cannot be created because a non multivalue answer rrset exists with the same name and type.]",
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
    let other = create(&mut harness, "other.test");
    change(&mut harness, &other, vec![("CREATE", records("www.other.test", "A", &["192.0.2.1"]))]);
    let apex = |zone: &str, target: &str| alias("example.test", "A", bare(zone), target);
    let target = |zone: &str, name: &str, why: &str| {
        format!("[Tried to create an alias that targets {name}., type A in zone {}, but {why}]", bare(zone))
    };
    let (outside, missing) =
        ("the alias target name does not lie within the target zone", "that target was not found");
    // Targets are record sets of the same zone and names of services; those of other zones are not.
    for (id, name, why) in [
        (zone.as_str(), "www.example.test", missing),
        (zone.as_str(), "www.other.test", outside),
        (other.as_str(), "www.other.test", missing),
        (other.as_str(), "www.example.test", outside),
        ("Z0UNKNOWN", "www.example.test", outside),
        ("Z35SXDOTRQ7X7K", "web-1.us-east-1.elb.amazonaws.com", missing),
        ("Z35SXDOTRQ7X7K", "web-1.us-west-2.elb.amazonaws.com", outside),
    ] {
        refused(&mut harness, &zone, vec![("CREATE", apex(id, name))], &target(id, name, why));
    }
    let with_ttl = ResourceRecordSet { ttl: Some(60), ..apex(&zone, "www.example.test") };
    harness.code::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", with_ttl)]), "InvalidInput");
    let www = || records("www.example.test", "A", &["192.0.2.1"]);
    change(&mut harness, &zone, vec![("CREATE", apex(&zone, "www.example.test")), ("CREATE", www())]);
    // The type is the target's.
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", alias("example.test", "AAAA", bare(&zone), "www.example.test"))],
        &format!(
            "[Tried to create an alias that targets www.example.test., type AAAA in zone {}, but that target was not found]",
            bare(&zone)
        ),
    );
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
        settle(&mut harness, &facts);
        let shown = harness.ok::<ops::GetChange>(GetChangeRequest { id: info.id.clone() });
        assert_eq!(shown.change_info.status, status);
    }
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

#[test]
fn changes_are_forgotten_after_thirty_days() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let set = records("www.example.test", "A", &["192.0.2.1"]);
    let info = harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", set)])).change_info;
    let realised = Facts { realised_generation: harness.world.generation, ..Default::default() };
    settle(&mut harness, &realised);
    let deadline = harness.now.plus_seconds(30 * 24 * 3600);
    assert_eq!(next_deadline(&harness.world), Some(deadline));
    assert!(!needs_tick(&harness.world, &realised, harness.now));
    let get = |id: &str| GetChangeRequest { id: id.to_owned() };
    harness.ok::<ops::GetChange>(get(&info.id));
    harness.now = deadline;
    settle(&mut harness, &realised);
    let message = format!("Could not find resource with ID: {}", bare(&info.id));
    harness.message::<ops::GetChange>(get(&info.id), "NoSuchChange", &message);
    assert!(harness.world.route53_changes.is_empty());
}

fn settle(harness: &mut Harness, facts: &Facts) {
    let mut tx = Tx::new(&harness.world, &harness.caller, harness.now, &mut harness.entropy);
    tick(&mut tx, facts);
    harness.world = tx.commit().expect("time keeps the invariants").world;
}

/// [GetChange](https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html): `/change/C…`, and what it answers.
#[test]
fn a_change_has_an_id_of_its_own_account() {
    let mut harness = Harness::new();
    let input = CreateHostedZoneRequest {
        name: "example.test".to_owned(),
        caller_reference: "1".to_owned(),
        ..Default::default()
    };
    let info = harness.ok::<ops::CreateHostedZone>(input).change_info;
    let id = info.id.strip_prefix("/change/C").expect("a change");
    assert!(
        id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
        "{id}"
    );
    for id in [info.id.clone(), bare(&info.id).to_owned()] {
        assert_eq!(harness.ok::<ops::GetChange>(GetChangeRequest { id }).change_info.status, "PENDING");
    }
    harness.act_as("210987654321", "us-east-1");
    harness.code::<ops::GetChange>(GetChangeRequest { id: info.id }, "NoSuchChange");
    harness.message::<ops::GetChange>(
        GetChangeRequest { id: "C0".to_owned() },
        "NoSuchChange",
        "Could not find resource with ID: C0",
    );
}

/// [DNS domain name format](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html)
#[test]
fn names_of_zones_are_domain_names() {
    let mut harness = Harness::new();
    for name in ["", ".", "a..test", "*.example.test", "bücher.test", "a b.test"] {
        let input = CreateHostedZoneRequest {
            name: name.to_owned(),
            caller_reference: "1".to_owned(),
            ..Default::default()
        };
        harness.message::<ops::CreateHostedZone>(
            input,
            "InvalidDomainName",
            &format!("{name} is not a valid domain name."),
        );
    }
    let starred = create(&mut harness, "a.*.test");
    let shown = harness.ok::<ops::GetHostedZone>(GetHostedZoneRequest { id: starred }).hosted_zone;
    assert_eq!(shown.name, r"a.\052.test.");
}

/// [UpdateHostedZoneComment](https://docs.aws.amazon.com/Route53/latest/APIReference/API_UpdateHostedZoneComment.html)
#[test]
fn a_comment_and_tags_are_kept_until_the_zone_goes() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    for comment in [text("for tests"), text(""), None] {
        let input = UpdateHostedZoneCommentRequest { id: zone.clone(), comment: comment.clone() };
        let shown = harness.ok::<ops::UpdateHostedZoneComment>(input).hosted_zone;
        assert_eq!(shown.config.and_then(|config| config.comment), comment);
    }
    let tag = Tag { key: text("Name"), value: text("zone") };
    harness.ok::<ops::ChangeTagsForResource>(ChangeTagsForResourceRequest {
        resource_type: "hostedzone".to_owned(),
        resource_id: bare(&zone).to_owned(),
        add_tags: Some(vec![tag.clone()]),
        remove_tag_keys: None,
    });
    let of = ListTagsForResourceRequest {
        resource_type: "hostedzone".to_owned(),
        resource_id: bare(&zone).to_owned(),
    };
    let shown = harness.ok::<ops::ListTagsForResource>(of.clone()).resource_tag_set.tags;
    assert_eq!(shown, Some(vec![tag]));
    harness.ok::<ops::DeleteHostedZone>(DeleteHostedZoneRequest { id: zone });
    harness.code::<ops::ListTagsForResource>(of, "NoSuchHostedZone");
    assert!(harness.world.tags.is_empty());
}

/// [ListHostedZones](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZones.html)
#[test]
fn lists_go_on_where_they_were_cut() {
    let mut harness = Harness::new();
    let mut made: Vec<String> = (0..5).map(|n| create(&mut harness, &format!("z{n}.test"))).collect();
    made.sort();
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let input = ListHostedZonesRequest { marker, max_items: text("2"), ..Default::default() };
        let page = harness.ok::<ops::ListHostedZones>(input);
        seen.extend(page.hosted_zones.into_iter().map(|zone| zone.id));
        if !page.is_truncated {
            break;
        }
        marker = page.next_marker;
    }
    assert_eq!(seen, made);
    let zone = &made[0];
    let names: Vec<String> = (0..7).map(|n| format!("n{n}.{}", name_of(&mut harness, zone))).collect();
    let sets = names.iter().map(|name| ("CREATE", weighted(name, "only", 1))).collect();
    change(&mut harness, zone, sets);
    let mut seen = Vec::new();
    let mut input = ListResourceRecordSetsRequest {
        hosted_zone_id: zone.clone(),
        max_items: text("3"),
        ..Default::default()
    };
    loop {
        let page = harness.ok::<ops::ListResourceRecordSets>(input.clone());
        seen.extend(page.resource_record_sets.into_iter().map(|set| set.name));
        if !page.is_truncated {
            break;
        }
        input.start_record_name = page.next_record_name;
        input.start_record_type = page.next_record_type;
        input.start_record_identifier = page.next_record_identifier;
    }
    assert_eq!(seen.len(), names.len() + 2);
    assert!(names.iter().all(|name| seen.contains(name)), "{seen:?}");
    input.max_items = text("none");
    harness.code::<ops::ListResourceRecordSets>(input, "InvalidInput");
}

fn name_of(harness: &mut Harness, zone: &str) -> String {
    harness.ok::<ops::GetHostedZone>(GetHostedZoneRequest { id: zone.to_owned() }).hosted_zone.name
}
