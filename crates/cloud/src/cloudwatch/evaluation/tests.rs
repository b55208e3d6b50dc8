//! The tables of AWS's page, line by line.

use enishi_state::cloudwatch::{AlarmActions, Comparison, MetricId, MetricStat, Statistic};
use enishi_state::{AccountId, Region, Scope};

use super::super::metric::Summary;
use super::*;

const END: i64 = 6000;

fn alarm(needed: u32, wanted: u32, missing_data: MissingData) -> Alarm {
    let scope = Scope { account: AccountId::zero(), region: Region::us_east_1() };
    let metric = MetricId::new(scope.clone(), "App", "Load", Vec::new());
    let stat = MetricStat { metric, period: 60, stat: "Average".to_owned(), unit: None };
    Alarm {
        scope,
        name: "a".to_owned(),
        description: None,
        actions_enabled: true,
        actions: AlarmActions::default(),
        source: AlarmSource::Metric(stat, Statistic::Simple),
        evaluation_periods: wanted,
        datapoints_to_alarm: Some(needed),
        threshold: 70.0,
        comparison: Comparison::Greater,
        missing_data: Some(missing_data),
        ignores_few_samples: None,
        state: AlarmState::InsufficientData,
        state_reason: String::new(),
        state_reason_data: None,
        state_updated: Timestamp(0),
        state_transitioned: Timestamp(0),
        configured: Timestamp(0),
    }
}

/// `0` is within the threshold, `X` is not, `-` is missing; the newest is last.
fn decided(alarm: &Alarm, picture: &str) -> Option<AlarmState> {
    let count = picture.split(' ').count() as i64;
    let points = picture.split(' ').enumerate().filter(|(_, mark)| *mark != "-").map(|(at, mark)| Point {
        start: END - (count - at as i64) * 60,
        unit: "None".to_owned(),
        summary: Summary::of(if mark == "X" { 99.0 } else { 1.0 }),
    });
    let line = watched(alarm, &[points.collect()], END).expect("a line");
    decide(alarm, &periods(alarm, &line, END))
}

#[test]
fn missing_data_are_treated_as_the_page_says() {
    use MissingData::{Breaching, Ignore, Missing, NotBreaching};
    const OK: Option<AlarmState> = Some(AlarmState::Ok);
    const BAD: Option<AlarmState> = Some(AlarmState::Alarm);
    const UNKNOWN: Option<AlarmState> = Some(AlarmState::InsufficientData);
    const STAYS: Option<AlarmState> = None;
    // Missing, ignore, breaching, not breaching.
    let cases = [
        (3, "0 - X - X", [OK, OK, OK, OK]),
        (3, "- - - - 0", [OK, OK, OK, OK]),
        (3, "- - - - -", [UNKNOWN, STAYS, BAD, OK]),
        (3, "0 X X - X", [BAD, BAD, BAD, BAD]),
        (3, "- - X - -", [BAD, STAYS, BAD, OK]),
        (2, "0 - X - X", [BAD, BAD, BAD, BAD]),
        (2, "0 0 X 0 X", [BAD, BAD, BAD, BAD]),
        (2, "0 - X - -", [OK, OK, BAD, OK]),
        (2, "- - - - 0", [OK, OK, BAD, OK]),
        (2, "- - - X -", [BAD, STAYS, BAD, OK]),
        // A first point that breaches waits for more.
        (2, "- - - - X", [STAYS, STAYS, BAD, OK]),
    ];
    for (needed, picture, states) in cases {
        for (missing_data, state) in [Missing, Ignore, Breaching, NotBreaching].into_iter().zip(states) {
            let found = decided(&alarm(needed, 3, missing_data), picture);
            assert_eq!(found, state, "{needed} of 3, {picture}, {missing_data:?}");
        }
    }
}

#[test]
fn reasons_are_in_awss_words() {
    let point =
        |start: i64, value: f64| Point { start, unit: "None".to_owned(), summary: Summary::of(value) };
    let said = |alarm: &Alarm, points: Vec<Point>| {
        verdict(alarm, &[points], END, Timestamp(END * 1000)).expect("a verdict").reason
    };
    assert_eq!(
        said(&alarm(1, 1, MissingData::Missing), vec![point(END - 60, 99.5)]),
        "Threshold Crossed: 1 datapoint [99.5 (01/01/70 01:39:00)] was greater than the threshold (70.0) (minimum 1 \
         datapoint for OK -> ALARM transition)."
    );
    assert_eq!(
        said(
            &alarm(2, 3, MissingData::Missing),
            vec![point(END - 60, 1.0), point(END - 120, 2.0), point(END - 180, 99.0)]
        ),
        "Threshold Crossed: 2 out of the last 3 datapoints [1.0 (01/01/70 01:39:00), 2.0 (01/01/70 01:38:00)] were not \
         greater than the threshold (70.0) (minimum 2 datapoints for ALARM -> OK transition)."
    );
    assert_eq!(
        said(&alarm(3, 3, MissingData::Breaching), Vec::new()),
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]."
    );
    let mut known = alarm(3, 3, MissingData::Missing);
    known.state = AlarmState::Ok;
    assert_eq!(said(&known, Vec::new()), "Insufficient Data: 3 datapoints were unknown.");
}

#[test]
fn percentiles_of_few_samples_can_be_ignored() {
    let mut alarm = alarm(1, 1, MissingData::Missing);
    if let AlarmSource::Metric(stat, _) = &mut alarm.source {
        stat.stat = "p90".to_owned();
    }
    let points = |count: f64| {
        vec![vec![Point { start: END - 60, unit: "None".to_owned(), summary: Summary::of_many(99.0, count) }]]
    };
    let judged =
        |alarm: &Alarm, count: f64| verdict(alarm, &points(count), END, Timestamp(0)).map(|v| v.state);
    assert_eq!(judged(&alarm, 5.0), Some(AlarmState::Alarm));
    alarm.ignores_few_samples = Some(true);
    assert_eq!(judged(&alarm, 5.0), None);
    assert_eq!(judged(&alarm, 101.0), Some(AlarmState::Alarm));
}
