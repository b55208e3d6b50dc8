//! CloudWatch's operations: what is asked of the metric store, and alarms as rows.

mod harness;

use enishi_api::cloudwatch::{
    DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmsInput, MetricDatum, PutMetricAlarmInput,
    PutMetricDataInput, SetAlarmStateInput, ops,
};
use enishi_cloud::cloudwatch::metric::{Job, Summary};
use enishi_cloud::outside::Want;
use enishi_state::Read;
use enishi_wire::{Fault, Shape, Timestamp};

use harness::{Harness, text};

fn wanted(h: &Harness, input: PutMetricDataInput) -> Result<Option<Want>, Fault> {
    let read = Read { world: &h.world, caller: &h.caller, now: h.now };
    h.cloud.wants(&read, "cloudwatch", "PutMetricData", &input.into_value())
}

fn datum(value: f64) -> MetricDatum {
    MetricDatum { metric_name: "Load".to_owned(), value: Some(value), ..Default::default() }
}

fn put(data: Vec<MetricDatum>) -> PutMetricDataInput {
    PutMetricDataInput { namespace: "App".to_owned(), metric_data: Some(data), ..Default::default() }
}

fn alarm(name: &str) -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: name.to_owned(),
        metric_name: text("Load"),
        namespace: text("App"),
        statistic: text("Average"),
        period: Some(60),
        evaluation_periods: Some(3),
        threshold: Some(70.0),
        comparison_operator: text("GreaterThanThreshold"),
        ..Default::default()
    }
}

#[test]
fn data_points_are_checked_together() {
    let h = Harness::new();
    let Ok(Some(Want::Metrics(Job::Put(data)))) = wanted(&h, put(vec![datum(2.0)])) else {
        panic!("a job of the metric store");
    };
    assert_eq!((data[0].at, data[0].width), (h.now.seconds(), 60));
    assert_eq!(data[0].summary, Summary::of(2.0));
    let old = MetricDatum { timestamp: Some(Timestamp::from_seconds(0)), ..datum(1.0) };
    let fault = wanted(&h, put(vec![old.clone(), datum(1.0), old])).expect_err("a fault");
    assert_eq!(fault.code(), "InvalidParameterValue");
    assert_eq!(
        fault.message(),
        "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.\n\
         The parameter MetricData.member.3.Timestamp must specify a time within the past two weeks."
    );
    let both = MetricDatum { values: Some(vec![1.0]), ..datum(1.0) };
    for (input, code) in [
        (put(vec![]), "MissingParameter"),
        (put(vec![datum(f64::NAN)]), "InvalidParameterValue"),
        (put(vec![both]), "InvalidParameterCombination"),
        (
            PutMetricDataInput { namespace: "AWS/EC2".to_owned(), ..put(vec![datum(1.0)]) },
            "InvalidParameterValue",
        ),
    ] {
        assert_eq!(wanted(&h, input).expect_err("a fault").code(), code);
    }
}

#[test]
fn alarms_live_and_leave_a_history() {
    let mut h = Harness::new();
    h.ok::<ops::PutMetricAlarm>(alarm("high"));
    let shown = |h: &mut Harness| {
        h.ok::<ops::DescribeAlarms>(DescribeAlarmsInput::default()).metric_alarms.expect("alarms")
    };
    assert_eq!(shown(&mut h)[0].state_value, text("INSUFFICIENT_DATA"));
    h.now = h.now.plus_seconds(1);
    let state = SetAlarmStateInput {
        alarm_name: "high".to_owned(),
        state_value: "ALARM".to_owned(),
        state_reason: "a drill".to_owned(),
        ..Default::default()
    };
    h.ok::<ops::SetAlarmState>(state.clone());
    assert_eq!(shown(&mut h)[0].state_reason, text("a drill"));
    h.now = h.now.plus_seconds(1);
    h.ok::<ops::PutMetricAlarm>(PutMetricAlarmInput { threshold: Some(80.0), ..alarm("high") });
    assert_eq!(shown(&mut h)[0].state_value, text("ALARM"), "what is changed keeps its state");
    h.now = h.now.plus_seconds(1);
    h.ok::<ops::DeleteAlarms>(DeleteAlarmsInput { alarm_names: vec!["high".to_owned()] });
    assert_eq!(shown(&mut h), []);
    let history = h.ok::<ops::DescribeAlarmHistory>(DescribeAlarmHistoryInput::default());
    let items = history.alarm_history_items.expect("items");
    let summaries: Vec<String> = items.into_iter().filter_map(|item| item.history_summary).collect();
    assert_eq!(
        summaries,
        [
            "Alarm \"high\" deleted",
            "Alarm \"high\" updated",
            "Alarm updated from INSUFFICIENT_DATA to ALARM",
            "Alarm \"high\" created"
        ]
    );
    h.code::<ops::SetAlarmState>(state, "ResourceNotFound");
}

#[test]
fn alarms_that_cannot_be_are_refused() {
    let mut h = Harness::new();
    let cases = [
        (PutMetricAlarmInput { evaluation_periods: Some(1441), ..alarm("a") }, "ValidationError"),
        (PutMetricAlarmInput { datapoints_to_alarm: Some(4), ..alarm("a") }, "ValidationError"),
        (PutMetricAlarmInput { period: Some(7), ..alarm("a") }, "ValidationError"),
        (PutMetricAlarmInput { alarm_actions: Some(vec!["x".to_owned()]), ..alarm("a") }, "ValidationError"),
        (
            PutMetricAlarmInput { extended_statistic: text("p90"), ..alarm("a") },
            "InvalidParameterCombination",
        ),
        (PutMetricAlarmInput { threshold: None, ..alarm("a") }, "MissingParameter"),
    ];
    for (input, code) in cases {
        h.code::<ops::PutMetricAlarm>(input, code);
    }
}
