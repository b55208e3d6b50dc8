//! CloudWatch with the real binary: what a client was told is stored survives `kill -9`, alarms turn by themselves, and names
//! fail over when they do.

mod harness;

use std::time::{SystemTime, UNIX_EPOCH};

use harness::{Daemon, until};
use serde_json::{Value, json};

/// Calls an operation of CloudWatch; it must succeed.
fn ok(daemon: &Daemon, operation: &str, input: &Value) -> Value {
    let target = format!("GraniteServiceVersion20100801.{operation}");
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
    let answer = daemon.send("POST", "/", &headers, input.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
    answer.json()
}

/// The start of the minute so many minutes ago, in seconds since 1970.
fn minute(back: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    now - now % 60 - back * 60
}

fn put(daemon: &Daemon, back: u64, value: f64) {
    let datum = json!({ "MetricName": "Load", "Timestamp": minute(back), "Value": value });
    ok(daemon, "PutMetricData", &json!({ "Namespace": "App", "MetricData": [datum] }));
}

fn state(daemon: &Daemon) -> String {
    let shown = ok(daemon, "DescribeAlarms", &json!({ "AlarmNames": ["busy"] }));
    shown["MetricAlarms"][0]["StateValue"].as_str().expect("an alarm").to_owned()
}

#[test]
fn acknowledged_data_points_survive_kill_9() {
    let mut daemon = Daemon::start();
    let start = minute(5);
    for round in 0..3 {
        for _ in 0..5 {
            put(&daemon, 4, 1.0);
        }
        daemon.kill_and_restart();
        let input = json!({
            "Namespace": "App", "MetricName": "Load", "StartTime": start, "EndTime": minute(0) + 120, "Period": 3600,
            "Statistics": ["SampleCount"],
        });
        let found = ok(&daemon, "GetMetricStatistics", &input);
        assert_eq!(found["Datapoints"][0]["SampleCount"], json!(f64::from(5 * (round + 1))), "{found}");
    }
}

#[test]
fn alarms_turn_and_names_fail_over() {
    let daemon = Daemon::start_with(&["--delegate", "all"]);
    let alarm = |threshold: f64| {
        json!({
            "AlarmName": "busy", "Namespace": "App", "MetricName": "Load", "Statistic": "Average", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
        })
    };
    // Minutes that are over, and the one that may be by the time of the look.
    (0..4).for_each(|back| put(&daemon, back, 50.0));
    ok(&daemon, "PutMetricAlarm", &alarm(70.0));
    until("there is enough data", || state(&daemon) == "OK");
    let zone = daemon.create_zone("example.com", None).id;
    let check = |reference: &str, insufficient: &str| {
        daemon.health_check(
            reference,
            &format!(
                "<Type>CLOUDWATCH_METRIC</Type><AlarmIdentifier><Region>us-east-1</Region><Name>busy</Name></AlarmIdentifier>\
                 <InsufficientDataHealthStatus>{insufficient}</InsufficientDataHealthStatus>"
            ),
        )
    };
    let names = [("healthy", "Healthy"), ("unhealthy", "Unhealthy"), ("last", "LastKnownStatus")];
    for (name, insufficient) in names {
        let check = check(name, insufficient);
        for (kind, address, health) in [
            ("PRIMARY", "198.18.3.1", format!("<HealthCheckId>{check}</HealthCheckId>")),
            ("SECONDARY", "198.18.3.2", String::new()),
        ] {
            daemon.put_record_set(
                &zone,
                &format!(
                    "<Name>{name}.example.com</Name><Type>A</Type><SetIdentifier>{kind}</SetIdentifier><Failover>{kind}</Failover>\
                     <TTL>5</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>\
                     {health}"
                ),
            );
        }
    }
    let lead_to = |addresses: [&str; 3]| {
        names
            .iter()
            .zip(addresses)
            .all(|((name, _), address)| daemon.addresses(&format!("{name}.example.com")) == [address])
    };
    let (first, second) = ("198.18.3.1", "198.18.3.2");
    until("names lead to the first", || lead_to([first; 3]));

    ok(&daemon, "PutMetricAlarm", &alarm(20.0));
    until("the alarm turns", || state(&daemon) == "ALARM");
    until("names fail over", || lead_to([second; 3]));
    // The checks stay as they were, or are what they were told to be.
    let reason = json!({ "AlarmName": "busy", "StateValue": "INSUFFICIENT_DATA", "StateReason": "a drill" });
    until("insufficient data are heeded", || {
        // Set again, should a minute end in between, after which the alarm is looked at.
        ok(&daemon, "SetAlarmState", &reason);
        lead_to([first, second, second])
    });
    ok(&daemon, "PutMetricAlarm", &alarm(70.0));
    until("the alarm is over", || state(&daemon) == "OK" && lead_to([first; 3]));
    let history = ok(&daemon, "DescribeAlarmHistory", &json!({ "HistoryItemType": "StateUpdate" }));
    assert!(history["AlarmHistoryItems"].as_array().is_some_and(|items| items.len() >= 4), "{history}");
}
