//! Route 53's quotas: what they count, and that they hold.
//! [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html)

mod harness;
mod zones;

use enishi_api::route53::{
    CreateHostedZoneRequest, CreateReusableDelegationSetRequest, GetAccountLimitRequest,
    GetHostedZoneLimitRequest, GetReusableDelegationSetLimitRequest, ops,
};
use enishi_api::service_quotas::{
    GetServiceQuotaRequest, RequestServiceQuotaIncreaseRequest, ops as quota_ops,
};
use harness::Harness;
use zones::{bare, change, create, records, refused};

fn account(harness: &mut Harness, kind: &str) -> (i64, i64) {
    let shown = harness.ok::<ops::GetAccountLimit>(GetAccountLimitRequest { r#type: kind.to_owned() });
    assert_eq!(shown.limit.r#type, kind);
    (shown.limit.value, shown.count)
}

fn raise(harness: &mut Harness, code: &str, to: f64) {
    harness.ok::<quota_ops::RequestServiceQuotaIncrease>(RequestServiceQuotaIncreaseRequest {
        service_code: "route53".to_owned(),
        quota_code: code.to_owned(),
        desired_value: to,
        ..Default::default()
    });
}

fn zone(n: usize) -> CreateHostedZoneRequest {
    CreateHostedZoneRequest {
        name: format!("z{n}.test"),
        caller_reference: n.to_string(),
        ..Default::default()
    }
}

#[test]
fn an_account_has_five_hundred_zones_unless_it_asks_for_more() {
    let mut harness = Harness::new();
    for n in 0..500 {
        harness.ok::<ops::CreateHostedZone>(zone(n));
    }
    assert_eq!(account(&mut harness, "MAX_HOSTED_ZONES_BY_OWNER"), (500, 500));
    harness.message::<ops::CreateHostedZone>(
        zone(500),
        "TooManyHostedZones",
        "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more hosted zones.",
    );
    // The quota is one for all regions.
    harness.act_as("123456789012", "eu-west-1");
    raise(&mut harness, "L-4EA4796A", 501.0);
    let get = GetServiceQuotaRequest {
        service_code: "route53".to_owned(),
        quota_code: "L-4EA4796A".to_owned(),
        ..Default::default()
    };
    harness.act_as("123456789012", "us-east-1");
    let shown = harness.ok::<quota_ops::GetServiceQuota>(get).quota.expect("a quota");
    assert_eq!((shown.value, shown.global_quota), (Some(501.0), Some(true)));
    harness.ok::<ops::CreateHostedZone>(zone(500));
    assert_eq!(account(&mut harness, "MAX_HOSTED_ZONES_BY_OWNER"), (501, 501));
    // Another account has its own.
    harness.act_as("210987654321", "us-east-1");
    harness.ok::<ops::CreateHostedZone>(zone(0));
    assert_eq!(account(&mut harness, "MAX_HOSTED_ZONES_BY_OWNER"), (500, 1));
}

#[test]
fn a_zone_has_ten_thousand_record_sets_unless_its_owner_asks_for_more() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let set = |n: usize| ("CREATE", records(&format!("r{n}.example.test"), "A", &["192.0.2.1"]));
    for first in (0..9_000).step_by(1_000) {
        change(&mut harness, &zone, (first..first + 1_000).map(set).collect());
    }
    change(&mut harness, &zone, (9_000..9_998).map(set).collect());
    let limit =
        GetHostedZoneLimitRequest { hosted_zone_id: zone.clone(), r#type: "MAX_RRSETS_BY_ZONE".to_owned() };
    let shown = harness.ok::<ops::GetHostedZoneLimit>(limit.clone());
    assert_eq!((shown.limit.value, shown.count), (10_000, 10_000));
    let message = format!("[Exceeded limit MAX_RRSETS_BY_ZONE for zone: {}]", bare(&zone));
    refused(&mut harness, &zone, vec![set(9_998)], &message);
    // One goes, one comes.
    let (_, gone) = set(0);
    change(&mut harness, &zone, vec![("DELETE", gone), set(9_998)]);
    raise(&mut harness, "L-E209CC9F", 10_001.0);
    change(&mut harness, &zone, vec![set(9_999)]);
    let shown = harness.ok::<ops::GetHostedZoneLimit>(limit.clone());
    assert_eq!((shown.limit.value, shown.count), (10_001, 10_001));
    let other = GetHostedZoneLimitRequest { r#type: "MAX_NONSENSE".to_owned(), ..limit };
    harness.code::<ops::GetHostedZoneLimit>(other, "InvalidInput");
}

#[test]
fn delegation_sets_are_counted_and_have_a_hundred_zones() {
    let mut harness = Harness::new();
    let set = |n: usize| CreateReusableDelegationSetRequest {
        caller_reference: n.to_string(),
        hosted_zone_id: None,
    };
    let first = harness.ok::<ops::CreateReusableDelegationSet>(set(0)).delegation_set.id;
    for n in 0..100 {
        let input = CreateHostedZoneRequest { delegation_set_id: first.clone(), ..zone(n) };
        harness.ok::<ops::CreateHostedZone>(input);
    }
    let limit = GetReusableDelegationSetLimitRequest {
        delegation_set_id: first.clone().unwrap_or_default(),
        r#type: "MAX_ZONES_BY_REUSABLE_DELEGATION_SET".to_owned(),
    };
    let shown = harness.ok::<ops::GetReusableDelegationSetLimit>(limit);
    assert_eq!((shown.limit.value, shown.count), (100, 100));
    let input = CreateHostedZoneRequest { delegation_set_id: first, ..zone(100) };
    harness.code::<ops::CreateHostedZone>(input, "LimitsExceeded");
    for n in 1..100 {
        harness.ok::<ops::CreateReusableDelegationSet>(set(n));
    }
    assert_eq!(account(&mut harness, "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER"), (100, 100));
    harness.code::<ops::CreateReusableDelegationSet>(set(100), "LimitsExceeded");
    assert_eq!(account(&mut harness, "MAX_HEALTH_CHECKS_BY_OWNER"), (200, 0));
    assert_eq!(account(&mut harness, "MAX_TRAFFIC_POLICIES_BY_OWNER"), (50, 0));
    let nonsense = GetAccountLimitRequest { r#type: "MAX_NONSENSE".to_owned() };
    harness.code::<ops::GetAccountLimit>(nonsense, "InvalidInput");
}
