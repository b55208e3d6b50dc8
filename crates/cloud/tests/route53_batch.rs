//! What `ChangeResourceRecordSets` refuses, message by message.
//! [ChangeResourceRecordSets](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html)
//!
//! Messages are those that AWS answers where they are on record in public; otherwise the test names the page that states the rule.

mod harness;
mod zones;

use enishi_api::route53::{Change, ChangeBatch, ChangeResourceRecordSetsRequest, ResourceRecordSet, ops};
use harness::{Harness, text};
use zones::{alias, bare, batch, change, create, invalid, listed, listed_set, records, refused, weighted};

fn zone() -> (Harness, String) {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    (harness, zone)
}

fn bad_value(problem: &str, value: &str) -> String {
    format!("[Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}'']")
}

/// [Supported DNS record types](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html)
#[test]
fn every_type_takes_values_of_its_own_form() {
    let (mut harness, zone) = zone();
    let good: &[(&str, &str)] = &[
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("CAA", r#"0 issue "ca.example.net""#),
        ("CNAME", "www.example.net"),
        ("DS", "12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"),
        ("HTTPS", "1 . alpn=h2"),
        ("MX", "10 mail.example.net"),
        ("NAPTR", r#"100 50 "u" "E2U+sip" "!^.*$!sip:info@example.net!" ."#),
        ("NS", "ns1.example.net."),
        ("PTR", "host.example.net"),
        ("SPF", r#""v=spf1 -all""#),
        ("SRV", "1 10 5269 xmpp.example.net."),
        ("SSHFP", "4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("SVCB", "1 svc.example.net port=8443"),
        ("TLSA", "3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("TXT", r#""one" "two""#),
    ];
    for (kind, value) in good {
        let name = format!("{}.example.test", kind.to_lowercase());
        change(&mut harness, &zone, vec![("CREATE", records(&name, kind, &[value]))]);
    }
    assert_eq!(listed(&mut harness, &zone).len(), good.len() + 2);
    let bad: &[(&str, &str, &str)] = &[
        ("A", "192.0.2", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
        ("A", "192.0.2.1 192.0.2.2", "ARRDATANotSingleField (Value contains spaces)"),
        ("AAAA", "192.0.2.1", "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"),
        ("AAAA", "::1 ::2", "AAAARRDATANotSingleField (Value contains spaces)"),
        ("CAA", "0 issue", "CAARRDATANotThreeFields (CAA record doesn't have 3 fields)"),
        ("CAA", r#"256 issue "x""#, "UnsupportedValue (Value is not valid for the record type)"),
        ("CNAME", "a..b", "DomainLabelEmpty (Domain label is empty)"),
        ("CNAME", "a b", "CNAMERRDATANotSingleField (Value contains spaces)"),
        ("CNAME", "", "DomainNameEmpty (Domain name is empty)"),
        ("DS", "12345 13 2 xyz", "UnsupportedValue (Value is not valid for the record type)"),
        ("HTTPS", "1 . nonsense=1", "UnsupportedValue (Value is not valid for the record type)"),
        ("MX", "mail.example.net", "MXRRDATANotTwoFields (MX record doesn't have 2 fields)"),
        ("MX", "65536 mail.example.net", "UnsupportedValue (Value is not valid for the record type)"),
        ("NAPTR", "100 50 u", "UnsupportedValue (Value is not valid for the record type)"),
        ("NS", "ns1 ns2", "NSRRDATANotSingleField (Value contains spaces)"),
        ("PTR", "a..b", "DomainLabelEmpty (Domain label is empty)"),
        ("SPF", "v=spf1", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("SRV", "1 10 host.example.net", "SRVRRDATANotFourFields (SRV record doesn't have 4 fields)"),
        ("SSHFP", "4 2", "UnsupportedValue (Value is not valid for the record type)"),
        ("SVCB", "one svc", "UnsupportedValue (Value is not valid for the record type)"),
        ("TLSA", "3 1 1 0", "UnsupportedValue (Value is not valid for the record type)"),
        ("TXT", "bare", "InvalidCharacterString (Value should be enclosed in quotation marks)"),
        ("TXT", r#""open"#, "InvalidCharacterString (Value should be enclosed in quotation marks)"),
    ];
    for (kind, value, problem) in bad {
        let set = records("bad.example.test", kind, &[value]);
        refused(&mut harness, &zone, vec![("UPSERT", set)], &bad_value(problem, value));
    }
    let long = format!("\"{}\"", "x".repeat(256));
    let set = records("bad.example.test", "TXT", &[&long]);
    refused(
        &mut harness,
        &zone,
        vec![("UPSERT", set)],
        &bad_value("CharacterStringTooLong (Value is too long)", &long),
    );
    let many = vec![format!("\"{}\"", "x".repeat(250)); 16].join(" ");
    let set = records("bad.example.test", "TXT", &[&many]);
    refused(
        &mut harness,
        &zone,
        vec![("UPSERT", set)],
        &bad_value("TXTRDATATooLong (Value is too long)", &many),
    );
}

#[test]
fn a_type_is_one_of_route_53() {
    let (mut harness, zone) = zone();
    for kind in ["HINFO", "TYPE65280", "ANY", "a"] {
        invalid(
            &mut harness,
            &zone,
            vec![("CREATE", records("x.example.test", kind, &["x"]))],
            &format!(
                "Invalid XML ; cvc-enumeration-valid: Value '{kind}' is not facet-valid with respect to enumeration '[SOA, A, TXT, NS, CNAME, MX, NAPTR, PTR, SRV, SPF, AAAA, CAA, DS, TLSA, SSHFP, SVCB, HTTPS]'. It must be a value from the enumeration."
            ),
        );
    }
}

/// [ResourceRecordSet](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html): TTL, SetIdentifier.
#[test]
fn numbers_and_identifiers_have_bounds() {
    let (mut harness, zone) = zone();
    let with = |ttl| ResourceRecordSet { ttl: Some(ttl), ..records("x.example.test", "A", &["192.0.2.1"]) };
    change(&mut harness, &zone, vec![("UPSERT", with(0))]);
    change(&mut harness, &zone, vec![("UPSERT", with(2_147_483_647))]);
    for (ttl, facet) in [(-1, "minInclusive"), (2_147_483_648, "maxInclusive"), (i64::MAX, "maxInclusive")] {
        invalid(
            &mut harness,
            &zone,
            vec![("UPSERT", with(ttl))],
            &format!(
                "Invalid XML ; cvc-{facet}-valid: Value '{ttl}' is not facet-valid with respect to {facet} for type 'TTL'."
            ),
        );
    }
    let long = "i".repeat(129);
    for (identifier, facet) in [("", "minLength"), (long.as_str(), "maxLength")] {
        invalid(
            &mut harness,
            &zone,
            vec![("CREATE", weighted("w.example.test", identifier, 1))],
            &format!(
                "Invalid XML ; cvc-{facet}-valid: Value '{identifier}' is not facet-valid with respect to {facet} for type 'ResourceRecordSetIdentifier'."
            ),
        );
    }
    change(&mut harness, &zone, vec![("CREATE", weighted("w.example.test", &"i".repeat(128), 1))]);
}

/// [DNS domain name format](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html)
#[test]
fn names_are_within_the_zone_and_escaped() {
    let (mut harness, zone) = zone();
    let a = |name: &str| records(name, "A", &["192.0.2.1"]);
    for name in ["www.example.org", "badexample.test", "test", "."] {
        let shown = if name == "." { ".".to_owned() } else { format!("{name}.") };
        refused(
            &mut harness,
            &zone,
            vec![("CREATE", a(name))],
            &format!("[RRSet with DNS name {shown} is not permitted in zone example.test.]"),
        );
    }
    let label = format!("{}.example.test", "a".repeat(64));
    let long = format!("{}example.test", "abcdefgh.".repeat(30));
    for (name, problem) in [
        ("", "DomainNameEmpty (Domain name is empty)"),
        ("a..example.test", "DomainLabelEmpty (Domain label is empty)"),
        (label.as_str(), "DomainLabelTooLong (Domain label is too long)"),
        (long.as_str(), "DomainNameTooLong (Domain name is too long)"),
        ("a b.example.test", "UnsupportedCharacter (Value contains unsupported characters)"),
        ("bücher.example.test", "UnsupportedCharacter (Value contains unsupported characters)"),
        ("*a.example.test", "UnsupportedCharacter (Value contains unsupported characters)"),
    ] {
        refused(
            &mut harness,
            &zone,
            vec![("CREATE", a(name))],
            &format!("[FATAL problem: {problem} encountered with '{name}']"),
        );
    }
    let names = [
        r"a\040b.example.test",
        "*.example.test",
        "a.*.example.test",
        "UPPER.Example.Test.",
        "a!b.example.test",
    ];
    change(&mut harness, &zone, names.iter().map(|name| ("CREATE", a(name))).collect());
    let listed: Vec<String> = listed(&mut harness, &zone).into_iter().map(|(name, _)| name).collect();
    for shown in [
        r"a\040b.example.test.",
        r"\052.example.test.",
        r"a.\052.example.test.",
        "upper.example.test.",
        r"a\041b.example.test.",
    ] {
        assert!(listed.iter().any(|name| name == shown), "{shown} in {listed:?}");
    }
    // The same name, however it is written.
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", a(r"\141\041B.example.test"))],
        r"[Tried to create resource record set [name='a\041b.example.test.', type='A'] but it already exists]",
    );
}

/// RFC 1034, section 3.6.2; [CNAME record type](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html#CNAMEFormat)
#[test]
fn a_cname_is_alone_and_not_at_the_apex() {
    let (mut harness, zone) = zone();
    let cname = |name: &str| records(name, "CNAME", &["www.example.net"]);
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", cname("example.test"))],
        "[RRSet of type CNAME with DNS name example.test. is not permitted at apex in zone example.test.]",
    );
    change(
        &mut harness,
        &zone,
        vec![("CREATE", cname("c.example.test")), ("CREATE", records("a.example.test", "A", &["192.0.2.1"]))],
    );
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("c.example.test", "TXT", &[r#""x""#]))],
        "[RRSet of type TXT with DNS name c.example.test. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.test.]",
    );
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", cname("a.example.test"))],
        "[RRSet of type CNAME with DNS name a.example.test. is not permitted as it conflicts with other records with the same DNS name in zone example.test.]",
    );
    // One goes as the other comes.
    change(
        &mut harness,
        &zone,
        vec![("DELETE", records("a.example.test", "A", &["192.0.2.1"])), ("CREATE", cname("a.example.test"))],
    );
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("d.example.test", "CNAME", &["one.example.net", "two.example.net"]))],
        "[RRSet of type CNAME can only have one Resource Record]",
    );
}

/// [SOA and NS records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html)
#[test]
fn ns_and_soa_stay_at_the_apex() {
    let (mut harness, zone) = zone();
    let (soa, ns) = (listed_set(&mut harness, &zone, "SOA"), listed_set(&mut harness, &zone, "NS"));
    refused(
        &mut harness,
        &zone,
        vec![("DELETE", soa.clone())],
        "[A HostedZone must contain exactly one SOA record.]",
    );
    refused(
        &mut harness,
        &zone,
        vec![("DELETE", ns.clone())],
        "[A HostedZone must contain at least one NS record for the zone itself.]",
    );
    let moved = ResourceRecordSet { name: "sub.example.test".to_owned(), ..soa.clone() };
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", moved)],
        "[RRSet of type SOA with DNS name sub.example.test. is not permitted in zone example.test.]",
    );
    // "You can't use the * as a wildcard for records that have a type of NS", says the page on the format of names.
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("*.example.test", "NS", &["ns1.example.net"]))],
        r"[RRSet of type NS with DNS name \052.example.test. is not permitted in zone example.test.]",
    );
    for kind in ["NS", "SOA"] {
        refused(
            &mut harness,
            &zone,
            vec![("UPSERT", alias("example.test", kind, bare(&zone), "www.example.test"))],
            &format!("[RRSet of type {kind} cannot be an alias.]"),
        );
    }
    let shorter = |set: ResourceRecordSet| ResourceRecordSet { ttl: Some(60), ..set };
    change(&mut harness, &zone, vec![("UPSERT", shorter(soa)), ("UPSERT", shorter(ns))]);
    change(&mut harness, &zone, vec![("CREATE", records("sub.example.test", "NS", &["ns1.example.net"]))]);
}

#[test]
fn values_are_distinct_and_four_hundred_at_most() {
    let (mut harness, zone) = zone();
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("x.example.test", "AAAA", &["::1", "0:0::1"]))],
        "[Duplicate Resource Record: '0:0::1']",
    );
    let values: Vec<String> = (0..401).map(|n| format!("192.0.{}.{}", n / 256, n % 256)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    change(&mut harness, &zone, vec![("CREATE", records("x.example.test", "A", &values[..400]))]);
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", records("y.example.test", "A", &values))],
        "[Cannot have more than 400 records in a RRSet.]",
    );
}

/// [Quotas on ChangeResourceRecordSets](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-requests-changeresourcerecordsets)
#[test]
fn a_batch_has_a_thousand_records_and_upserts_count_twice() {
    let (mut harness, zone) = zone();
    let one = |n: usize| records(&format!("r{n}.example.test"), "A", &["192.0.2.1"]);
    let two = |n: usize| records(&format!("r{n}.example.test"), "A", &["192.0.2.1", "192.0.2.2"]);
    let many = "[Number of records limit of 1000 exceeded.]";
    refused(&mut harness, &zone, (0..1001).map(|n| ("CREATE", one(n))).collect(), many);
    refused(&mut harness, &zone, (0..501).map(|n| ("CREATE", two(n))).collect(), many);
    refused(&mut harness, &zone, (0..501).map(|n| ("UPSERT", one(n))).collect(), many);
    refused(&mut harness, &zone, (0..251).map(|n| ("UPSERT", two(n))).collect(), many);
    change(&mut harness, &zone, (0..1000).map(|n| ("CREATE", one(n))).collect());
    change(&mut harness, &zone, (0..500).map(|n| ("UPSERT", one(n))).collect());
    // An alias counts as one record.
    let to = |n: usize| ("CREATE", alias(&format!("a{n}.example.test"), "A", bare(&zone), "r0.example.test"));
    refused(&mut harness, &zone, (0..1001).map(to).collect(), many);
    change(&mut harness, &zone, (0..1000).map(to).collect());

    let text = format!("\"{}\"", "x".repeat(253));
    let long = |n: usize| records(&format!("t{n}.example.test"), "TXT", &[&text]);
    let over = "[RDATA character limit of 32000 exceeded.]";
    refused(&mut harness, &zone, (0..126).map(|n| ("CREATE", long(n))).collect(), over);
    refused(&mut harness, &zone, (0..63).map(|n| ("UPSERT", long(n))).collect(), over);
    change(&mut harness, &zone, (0..125).map(|n| ("CREATE", long(n))).collect());
    let none = ChangeResourceRecordSetsRequest {
        hosted_zone_id: zone,
        change_batch: ChangeBatch { comment: None, changes: Vec::<Change>::new() },
    };
    harness.code::<ops::ChangeResourceRecordSets>(none, "InvalidInput");
}

/// [Change](https://docs.aws.amazon.com/Route53/latest/APIReference/API_Change.html)
#[test]
fn actions_are_what_they_say() {
    let (mut harness, zone) = zone();
    let set = |value: &str| records("x.example.test", "A", &[value]);
    invalid(&mut harness, &zone, vec![("REPLACE", set("192.0.2.1"))], "Invalid action: REPLACE");
    change(&mut harness, &zone, vec![("UPSERT", set("192.0.2.1"))]);
    change(&mut harness, &zone, vec![("UPSERT", set("192.0.2.2"))]);
    let twice = vec![("DELETE", set("192.0.2.2")), ("DELETE", set("192.0.2.2"))];
    let message =
        "[The request contains an invalid set of changes for a resource record set 'A x.example.test.']";
    refused(&mut harness, &zone, twice, message);
    refused(&mut harness, &zone, vec![("UPSERT", set("192.0.2.3")), ("UPSERT", set("192.0.2.4"))], message);
    // Whatever differs from the set as it is keeps it from being deleted.
    let current = "[Tried to delete resource record set [name='x.example.test.', type='A'] but the values provided do not match the current values]";
    let slower = ResourceRecordSet { ttl: Some(61), ..set("192.0.2.2") };
    for wrong in [set("192.0.2.1"), slower, records("x.example.test", "A", &["192.0.2.2", "192.0.2.3"])] {
        refused(&mut harness, &zone, vec![("DELETE", wrong)], current);
    }
    refused(
        &mut harness,
        &zone,
        vec![("DELETE", weighted("w.example.test", "a", 1))],
        "[Tried to delete resource record set [name='w.example.test.', type='A', set identifier='a'] but it was not found]",
    );
    change(&mut harness, &zone, vec![("DELETE", set("192.0.2.2"))]);
    assert_eq!(listed(&mut harness, &zone).len(), 2);
    harness.code::<ops::ChangeResourceRecordSets>(
        batch("Z0", vec![("CREATE", set("192.0.2.1"))]),
        "NoSuchHostedZone",
    );
}

/// [ResourceRecordSet](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html)
#[test]
fn a_set_has_records_or_an_alias() {
    let (mut harness, zone) = zone();
    let shown = "[Action=CREATE, Name=x.example.test, Type=A, SetIdentifier=null]";
    let expected = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]";
    let full = || records("x.example.test", "A", &["192.0.2.1"]);
    for (set, found) in [
        (ResourceRecordSet { ttl: None, ..full() }, "none"),
        (ResourceRecordSet { resource_records: None, ..full() }, "none"),
        (ResourceRecordSet { resource_records: Some(Vec::new()), ..full() }, "none"),
        (
            ResourceRecordSet {
                alias_target: alias("x", "A", bare(&zone), "y.example.test").alias_target,
                ..full()
            },
            "more than one",
        ),
    ] {
        let message = format!("Invalid request: {expected}, but found {found} in Change with {shown}");
        invalid(&mut harness, &zone, vec![("CREATE", set)], &message);
    }
    let policy = ResourceRecordSet { traffic_policy_instance_id: text("instance"), ..full() };
    invalid(
        &mut harness,
        &zone,
        vec![("CREATE", policy)],
        "Traffic policy instances are not supported by Enishi.",
    );
}
