//! Health checks: what may be checked, what answers say of it, and the record sets that depend on it.

mod harness;
mod zones;

use std::net::Ipv4Addr;

use enishi_api::route53::{
    AlarmIdentifier, ChangeTagsForResourceRequest, CreateHealthCheckRequest, DeleteHealthCheckRequest,
    GetAccountLimitRequest, GetCheckerIpRangesRequest, GetHealthCheckCountRequest,
    GetHealthCheckLastFailureReasonRequest, GetHealthCheckRequest, GetHealthCheckStatusRequest, HealthCheck,
    HealthCheckConfig, ListHealthChecksRequest, ListTagsForResourceRequest, ResourceRecordSet, Tag,
    UpdateHealthCheckRequest, ops,
};
use enishi_cloud::outside::{Checked, Health, Supply, Want};
use enishi_cloud::tick::{Facts, tick};
use enishi_state::route53::HealthCheckId;
use enishi_state::{Read, Timestamp, Tx};
use enishi_wire::{Operation, Shape};
use harness::{Harness, text};
use zones::{alias, bare, batch, create, records, refused, weighted};

fn http() -> HealthCheckConfig {
    HealthCheckConfig { r#type: "HTTP".to_owned(), ip_address: text("198.18.1.7"), ..Default::default() }
}

fn calculated(children: &[&str], threshold: i32) -> HealthCheckConfig {
    HealthCheckConfig {
        r#type: "CALCULATED".to_owned(),
        health_threshold: Some(threshold),
        child_health_checks: Some(children.iter().map(|id| (*id).to_owned()).collect()),
        ..Default::default()
    }
}

fn request(reference: &str, config: HealthCheckConfig) -> CreateHealthCheckRequest {
    CreateHealthCheckRequest { caller_reference: reference.to_owned(), health_check_config: config }
}

fn check(harness: &mut Harness, reference: &str, config: HealthCheckConfig) -> HealthCheck {
    harness.ok::<ops::CreateHealthCheck>(request(reference, config)).health_check
}

fn get(id: &str) -> GetHealthCheckRequest {
    GetHealthCheckRequest { health_check_id: id.to_owned() }
}

fn delete(id: &str) -> DeleteHealthCheckRequest {
    DeleteHealthCheckRequest { health_check_id: id.to_owned() }
}

#[track_caller]
fn invalid(harness: &mut Harness, config: HealthCheckConfig, message: &str) {
    harness.message::<ops::CreateHealthCheck>(request("invalid", config), "InvalidInput", message);
}

#[test]
fn what_is_not_said_has_awss_defaults() {
    let mut harness = Harness::new();
    let made = harness.ok::<ops::CreateHealthCheck>(request("1", http()));
    let id = made.health_check.id.clone();
    assert_eq!(made.location, format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{id}"));
    assert_eq!((id.len(), made.health_check.health_check_version), (36, 1));
    let config = &made.health_check.health_check_config;
    assert_eq!(
        (config.port, config.request_interval, config.failure_threshold, config.enable_sni),
        (Some(80), Some(30), Some(3), Some(false))
    );
    assert_eq!(
        (config.inverted, config.disabled, config.measure_latency),
        (Some(false), Some(false), Some(false))
    );
    let https = HealthCheckConfig {
        r#type: "HTTPS_STR_MATCH".to_owned(),
        search_string: text("well"),
        fully_qualified_domain_name: text("www.example.test"),
        ip_address: None,
        ..http()
    };
    let config = check(&mut harness, "2", https).health_check_config;
    assert_eq!((config.port, config.enable_sni), (Some(443), Some(true)));
    let count = harness.ok::<ops::GetHealthCheckCount>(GetHealthCheckCountRequest::default());
    assert_eq!(count.health_check_count, 2);
    assert_eq!(harness.ok::<ops::GetHealthCheck>(get(&id)).health_check, made.health_check);
    harness.act_as("210987654321", "eu-west-1");
    harness.message::<ops::GetHealthCheck>(
        get(&id),
        "NoSuchHealthCheck",
        &format!("A health check with id {id} does not exist."),
    );
}

/// "If you send a CreateHealthCheck request with the same CallerReference ...": the four rules of the API reference.
#[test]
fn a_caller_reference_stands_for_one_check_also_after_its_end() {
    let mut harness = Harness::new();
    let first = check(&mut harness, "one", http());
    assert_eq!(check(&mut harness, "one", http()).id, first.id);
    let other = HealthCheckConfig { port: Some(81), ..http() };
    let fault = harness.fault::<ops::CreateHealthCheck>(request("one", other));
    assert_eq!((fault.code(), fault.status()), ("HealthCheckAlreadyExists", 409));
    assert_ne!(check(&mut harness, "two", http()).id, first.id);
    harness.ok::<ops::DeleteHealthCheck>(delete(&first.id));
    harness.code::<ops::CreateHealthCheck>(request("one", http()), "HealthCheckAlreadyExists");
    harness.now = harness.now.plus_seconds(2 * 24 * 3600);
    let mut tx = Tx::new(&harness.world, &harness.caller, harness.now, &mut harness.entropy);
    tick(&mut tx, &Facts::default());
    harness.world = tx.commit().expect("time keeps the invariants").world;
    assert_ne!(check(&mut harness, "one", http()).id, first.id);
}

#[test]
fn endpoints_are_on_the_internet_and_fit_their_type() {
    let mut harness = Harness::new();
    let domain = || text("www.example.test");
    let tcp = || HealthCheckConfig { r#type: "TCP".to_owned(), port: Some(22), ..http() };
    for address in
        ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.0.2.1", "100.64.0.1", "224.0.0.1", "0.0.0.0"]
    {
        invalid(
            &mut harness,
            HealthCheckConfig { ip_address: text(address), ..http() },
            &format!(
                "Invalid parameter : The IP address {address} is in a local, private, non-routable, or multicast range."
            ),
        );
    }
    for (config, message) in [
        (
            HealthCheckConfig { fully_qualified_domain_name: domain(), ..tcp() },
            "TCP health checks that have IP address must not have a fully qualified domain name specified.",
        ),
        (
            HealthCheckConfig {
                alarm_identifier: Some(AlarmIdentifier {
                    region: "us-east-1".to_owned(),
                    name: "a".to_owned(),
                }),
                ..http()
            },
            "Invalid parameter : Basic health checks must not have an metric region specified.",
        ),
        (
            HealthCheckConfig { ip_address: None, ..http() },
            "Invalid parameter : Basic health checks must have an IP address or a fully qualified domain name specified.",
        ),
        (
            HealthCheckConfig { port: None, ..tcp() },
            "Invalid parameter : TCP health checks must have a port specified.",
        ),
        (
            HealthCheckConfig { resource_path: text("/"), ..tcp() },
            "Invalid parameter : TCP health checks must not have a resource path specified.",
        ),
        (
            HealthCheckConfig { search_string: text("x"), ..http() },
            "Invalid parameter : Basic health checks must not have a search string specified.",
        ),
        (
            HealthCheckConfig { r#type: "HTTP_STR_MATCH".to_owned(), ..http() },
            "Invalid parameter : String matching health checks must have a search string specified.",
        ),
        (
            HealthCheckConfig { request_interval: Some(20), ..http() },
            "Invalid parameter : The request interval must be 10 or 30.",
        ),
        (
            HealthCheckConfig { regions: Some(vec!["us-east-1".to_owned(); 3]), ..http() },
            "Invalid parameter : At least 3 health check regions must be specified.",
        ),
        (
            HealthCheckConfig { ip_address: text("2001:db8::1"), ..http() },
            "Health checks of IPv6 addresses are not supported by Enishi.",
        ),
        (
            HealthCheckConfig { r#type: "CLOUDWATCH_METRIC".to_owned(), ip_address: None, ..http() },
            "Invalid parameter : CloudWatch metric health checks must have an alarm identifier specified.",
        ),
        (
            HealthCheckConfig { r#type: "RECOVERY_CONTROL".to_owned(), ip_address: None, ..http() },
            "Health checks that monitor routing controls are not supported by Enishi.",
        ),
    ] {
        invalid(&mut harness, config, message);
    }
    assert_eq!(check(&mut harness, "tcp", tcp()).health_check_config.port, Some(22));
}

#[test]
fn checks_of_alarms_want_one_that_route_53_can_watch() {
    use enishi_api::cloudwatch::{PutMetricAlarmInput, ops as cloudwatch};
    let mut harness = Harness::new();
    let alarm = |name: &str| PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        metric_name: text("Load"),
        namespace: text("App"),
        statistic: text("Average"),
        period: Some(60),
        evaluation_periods: Some(2),
        threshold: Some(1.0),
        comparison_operator: text("GreaterThanThreshold"),
        ..Default::default()
    };
    harness.ok::<cloudwatch::PutMetricAlarm>(alarm("good"));
    harness.ok::<cloudwatch::PutMetricAlarm>(PutMetricAlarmInput { period: Some(10), ..alarm("fast") });
    let some = PutMetricAlarmInput { datapoints_to_alarm: Some(1), ..alarm("some") };
    harness.ok::<cloudwatch::PutMetricAlarm>(some);
    let of = |name: &str| HealthCheckConfig {
        r#type: "CLOUDWATCH_METRIC".to_owned(),
        alarm_identifier: Some(AlarmIdentifier { region: "us-east-1".to_owned(), name: name.to_owned() }),
        insufficient_data_health_status: text("Unhealthy"),
        ..Default::default()
    };
    for (config, message) in [
        (of("none"), "Invalid parameter : The alarm none does not exist in us-east-1."),
        (of("fast"), "Invalid parameter : Health checks do not monitor alarms of high-resolution metrics."),
        (of("some"), "Invalid parameter : Health checks do not monitor \"M out of N\" alarms."),
        (
            HealthCheckConfig { port: Some(80), ..of("good") },
            "Invalid parameter : CloudWatch metric health checks must not have a port specified.",
        ),
        (
            HealthCheckConfig { insufficient_data_health_status: text("Maybe"), ..of("good") },
            "Invalid parameter : Maybe is no insufficient data health status.",
        ),
    ] {
        invalid(&mut harness, config, message);
    }
    let made = check(&mut harness, "good", of("good"));
    assert_eq!(
        made.health_check_config,
        HealthCheckConfig { inverted: Some(false), disabled: Some(false), ..of("good") }
    );
    let update = UpdateHealthCheckRequest {
        health_check_id: made.id.clone(),
        inverted: Some(true),
        ..Default::default()
    };
    let updated = harness.ok::<ops::UpdateHealthCheck>(update).health_check.health_check_config;
    assert_eq!((updated.inverted, updated.alarm_identifier), (Some(true), of("good").alarm_identifier));
    let status = GetHealthCheckStatusRequest { health_check_id: made.id };
    harness.code::<ops::GetHealthCheckStatus>(status, "InvalidInput");
}

#[test]
fn calculated_checks_count_others_which_therefore_stay() {
    let mut harness = Harness::new();
    let child = check(&mut harness, "child", http()).id;
    invalid(
        &mut harness,
        HealthCheckConfig { health_threshold: None, ..calculated(&[&child], 1) },
        "Invalid parameter : Calculated health checks must have a health threshold specified.",
    );
    invalid(
        &mut harness,
        HealthCheckConfig { port: Some(80), ..calculated(&[&child], 1) },
        "Invalid parameter : Calculated health checks must not have a port specified.",
    );
    invalid(
        &mut harness,
        calculated(&["nobody"], 1),
        "Invalid parameter : The child health check nobody does not exist.",
    );
    let parent = check(&mut harness, "parent", calculated(&[&child], 0));
    assert_eq!(parent.health_check_config.child_health_checks, Some(vec![child.clone()]));
    assert_eq!(parent.health_check_config.request_interval, None);
    let fault = harness.fault::<ops::CreateHealthCheck>(request("above", calculated(&[&parent.id], 1)));
    assert!(
        fault.message().ends_with("does not support calculated health checks of calculated health checks.")
    );
    harness.code::<ops::DeleteHealthCheck>(delete(&child), "HealthCheckInUse");
    let update = UpdateHealthCheckRequest {
        health_check_id: parent.id.clone(),
        reset_elements: Some(vec!["ChildHealthChecks".to_owned()]),
        ..Default::default()
    };
    let updated = harness.ok::<ops::UpdateHealthCheck>(update).health_check;
    assert_eq!(updated.health_check_config.child_health_checks, Some(Vec::new()));
    harness.ok::<ops::DeleteHealthCheck>(delete(&child));
    harness.code::<ops::GetHealthCheck>(get(&child), "NoSuchHealthCheck");
}

#[test]
fn an_update_changes_what_it_names_of_the_version_it_names() {
    let mut harness = Harness::new();
    let id = check(&mut harness, "1", HealthCheckConfig { resource_path: text("/health"), ..http() }).id;
    let update =
        |more: UpdateHealthCheckRequest| UpdateHealthCheckRequest { health_check_id: id.clone(), ..more };
    let changed = harness.ok::<ops::UpdateHealthCheck>(update(UpdateHealthCheckRequest {
        health_check_version: Some(1),
        port: Some(8080),
        inverted: Some(true),
        reset_elements: Some(vec!["ResourcePath".to_owned()]),
        ..Default::default()
    }));
    let (config, version) =
        (changed.health_check.health_check_config, changed.health_check.health_check_version);
    assert_eq!(
        (config.port, config.inverted, config.resource_path, version),
        (Some(8080), Some(true), None, 2)
    );
    let stale = update(UpdateHealthCheckRequest { health_check_version: Some(1), ..Default::default() });
    let fault = harness.fault::<ops::UpdateHealthCheck>(stale);
    assert_eq!((fault.code(), fault.status()), ("HealthCheckVersionMismatch", 409));
    let bad = update(UpdateHealthCheckRequest { health_threshold: Some(1), ..Default::default() });
    harness.message::<ops::UpdateHealthCheck>(
        bad,
        "InvalidInput",
        "Invalid parameter : Basic health checks must not have a health threshold specified.",
    );
    let named = HealthCheckConfig {
        ip_address: None,
        fully_qualified_domain_name: text("www.example.test"),
        ..http()
    };
    let named = check(&mut harness, "named", named).id;
    let address = UpdateHealthCheckRequest {
        health_check_id: named,
        ip_address: text("198.18.1.1"),
        ..Default::default()
    };
    harness.code::<ops::UpdateHealthCheck>(address, "InvalidInput");
}

#[test]
fn an_account_has_200_health_checks_at_most_and_lists_them_in_pages() {
    let mut harness = Harness::new();
    for n in 0..200 {
        check(&mut harness, &n.to_string(), http());
    }
    harness.code::<ops::CreateHealthCheck>(request("200", http()), "TooManyHealthChecks");
    let limit = GetAccountLimitRequest { r#type: "MAX_HEALTH_CHECKS_BY_OWNER".to_owned() };
    let limit = harness.ok::<ops::GetAccountLimit>(limit);
    assert_eq!((limit.limit.value, limit.count), (200, 200));
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let input = ListHealthChecksRequest { marker, max_items: text("90") };
        let page = harness.ok::<ops::ListHealthChecks>(input);
        seen.extend(page.health_checks.into_iter().map(|check| check.id));
        assert_eq!(page.is_truncated, page.next_marker.is_some());
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 200);
    assert!(seen.is_sorted());
}

#[test]
fn tags_hang_on_checks_and_go_with_them() {
    let mut harness = Harness::new();
    let id = check(&mut harness, "1", http()).id;
    let name = Tag { key: text("Name"), value: text("web") };
    harness.ok::<ops::ChangeTagsForResource>(ChangeTagsForResourceRequest {
        resource_type: "healthcheck".to_owned(),
        resource_id: id.clone(),
        add_tags: Some(vec![name.clone()]),
        remove_tag_keys: None,
    });
    let list =
        || ListTagsForResourceRequest { resource_type: "healthcheck".to_owned(), resource_id: id.clone() };
    let tags = harness.ok::<ops::ListTagsForResource>(list()).resource_tag_set.tags;
    assert_eq!(tags, Some(vec![name]));
    harness.ok::<ops::DeleteHealthCheck>(delete(&id));
    harness.code::<ops::ListTagsForResource>(list(), "NoSuchHealthCheck");
    assert!(harness.world.tags.is_empty());
}

/// Statuses are observations: the daemon supplies them, and answers list them by region.
#[test]
fn statuses_are_what_the_checkers_say() {
    let mut harness = Harness::new();
    let id = check(&mut harness, "1", http()).id;
    let ask = |harness: &Harness, supply: &Supply| {
        let input = GetHealthCheckStatusRequest { health_check_id: id.clone() };
        type Status = ops::GetHealthCheckStatus;
        let value = input.into_value();
        let read = Read { world: &harness.world, caller: &harness.caller, now: harness.now };
        let want = harness.cloud.wants(&read, Status::SERVICE.name, Status::NAME, &value);
        assert_eq!(want, Ok(Some(Want::Health(HealthCheckId::new(&id)))));
        let answer =
            harness.cloud.dispatch_read_with(&read, Status::SERVICE.name, Status::NAME, value, supply);
        <Status as Operation>::Output::from_value(answer.expect("an answer")).expect("its shape")
    };
    assert_eq!(ask(&harness, &Supply::default()).health_check_observations, []);
    let seen = |last: u8, status: &str| Checked {
        checker: Ipv4Addr::new(198, 18, 0, last),
        at: Timestamp(1_000),
        status: status.to_owned(),
    };
    let latest = vec![
        seen(243, "Failure: HTTP Status Code 503, Service Unavailable"),
        seen(240, "Success: HTTP Status Code 200, OK"),
    ];
    let health = Health { latest, last_failures: Vec::new() };
    let answer = ask(&harness, &Supply { health: Some(health), ..Default::default() });
    let told: Vec<_> = answer
        .health_check_observations
        .into_iter()
        .map(|one| (one.region, one.ip_address, one.status_report.and_then(|report| report.status)))
        .collect();
    assert_eq!(
        told,
        [
            (text("us-east-1"), text("198.18.0.240"), text("Success: HTTP Status Code 200, OK")),
            (
                text("eu-west-1"),
                text("198.18.0.243"),
                text("Failure: HTTP Status Code 503, Service Unavailable")
            ),
        ]
    );
    let unknown = GetHealthCheckStatusRequest { health_check_id: "nobody".to_owned() };
    harness.code::<ops::GetHealthCheckStatus>(unknown, "NoSuchHealthCheck");
    let parent = check(&mut harness, "parent", calculated(&[&id], 1)).id;
    let calculated = GetHealthCheckLastFailureReasonRequest { health_check_id: parent };
    harness.code::<ops::GetHealthCheckLastFailureReason>(calculated, "InvalidInput");
}

#[test]
fn checkers_come_from_the_range_that_is_told() {
    let mut harness = Harness::new();
    let ranges = harness.ok::<ops::GetCheckerIpRanges>(GetCheckerIpRangesRequest::default());
    assert_eq!(ranges.checker_ip_ranges, ["198.18.0.240/29"]);
}

fn failover(kind: &str, check: Option<&str>) -> ResourceRecordSet {
    ResourceRecordSet {
        set_identifier: text(kind),
        failover: text(kind),
        health_check_id: check.map(str::to_owned),
        ..records("www.example.test", "A", &["192.0.2.1"])
    }
}

#[test]
fn record_sets_depend_on_checks_that_exist() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let id = check(&mut harness, "1", http()).id;
    let with = |check: &str| ResourceRecordSet {
        health_check_id: text(check),
        ..weighted("www.example.test", "a", 1)
    };
    let fault =
        harness.fault::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", with("nobody"))]));
    assert_eq!((fault.code(), fault.status()), ("NoSuchHealthCheck", 404));
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", with(&id))]));
    // "Route 53 does not prevent you from deleting a health check even if it is associated with record sets."
    harness.ok::<ops::DeleteHealthCheck>(delete(&id));
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("DELETE", with(&id))]));
}

#[test]
fn failover_has_one_watched_primary_and_one_secondary() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let id = check(&mut harness, "1", http()).id;
    refused(
        &mut harness,
        &zone,
        vec![("CREATE", failover("PRIMARY", None))],
        "[A non-alias primary ResourceRecordSet must have an associated health check.]",
    );
    let pair = vec![("CREATE", failover("PRIMARY", Some(&id))), ("CREATE", failover("SECONDARY", None))];
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, pair));
    for kind in ["PRIMARY", "SECONDARY"] {
        let second = ResourceRecordSet { set_identifier: text("another"), ..failover(kind, Some(&id)) };
        let fault = harness.fault::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", second)]));
        assert_eq!(fault.code(), "InvalidChangeBatch");
        assert!(fault.message().contains(&format!("Failover={kind} cannot be created")), "{fault}");
    }
    let swapped = vec![
        ("UPSERT", ResourceRecordSet { failover: text("SECONDARY"), ..failover("PRIMARY", Some(&id)) }),
        ("UPSERT", ResourceRecordSet { failover: text("PRIMARY"), ..failover("SECONDARY", Some(&id)) }),
    ];
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, swapped));
}

#[test]
fn a_primary_alias_is_watched_by_its_target_or_by_a_check() {
    let mut harness = Harness::new();
    let zone = create(&mut harness, "example.test");
    let id = check(&mut harness, "1", http()).id;
    let target = records("target.example.test", "A", &["192.0.2.1"]);
    harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("CREATE", target)]));
    let primary = |evaluates: bool, check: Option<&str>| {
        let mut set = ResourceRecordSet {
            set_identifier: text("a"),
            failover: text("PRIMARY"),
            health_check_id: check.map(str::to_owned),
            ..alias("www.example.test", "A", bare(&zone), "target.example.test")
        };
        if let Some(target) = &mut set.alias_target {
            target.evaluate_target_health = evaluates;
        }
        set
    };
    refused(
        &mut harness,
        &zone,
        vec![("UPSERT", primary(false, None))],
        "[An alias primary ResourceRecordSet must evaluate target health or have an associated health check.]",
    );
    for set in [primary(true, None), primary(false, Some(&id))] {
        harness.ok::<ops::ChangeResourceRecordSets>(batch(&zone, vec![("UPSERT", set)]));
    }
}
