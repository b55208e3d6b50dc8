//! When alarms turn. The daemon fetches what an alarm watches and asks here; nothing here waits or reads a clock.
//! [Alarm evaluation](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html),
//! [Configuring how CloudWatch alarms treat missing data](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html)
//!
//! An alarm is looked at once a minute, one of shorter periods every ten seconds. Its periods are counted back from then: the
//! most recent `EvaluationPeriods` that have data decide, out of two more than that. Where fewer have data:
//!
//! | missing data | the alarm |
//! |---|---|
//! | `breaching`, `notBreaching` | counts what is missing as that |
//! | `missing` | has insufficient data, if there are none at all |
//! | `ignore` | stays, if there are none at all, or all there are breach but are too few |
//!
//! With `missing`, points that all breach are enough when the first of them is as long ago as `DatapointsToAlarm` says: the
//! periods since then had their chance. Before that the alarm stays.

use enishi_state::cloudwatch::{Alarm, AlarmId, AlarmSource, AlarmState, MissingData};
use enishi_state::{Timestamp, Tx};
use enishi_wire::Timestamp as Shown;
use serde_json::json;

use super::math::{Line, Range, Value};
use super::metric::{Fetch, Point};
use super::{alarm, query};

/// Periods before the evaluation periods that stand in for missing ones.
const SPARE: u32 = 2;

/// Seconds between two looks at an alarm.
pub fn interval(alarm: &Alarm) -> i64 {
    if alarm.period() < 60 { 10 } else { 60 }
}

/// The second that the newest period of an alarm ends at, at this time.
pub fn end(alarm: &Alarm, now: Timestamp) -> i64 {
    let interval = interval(alarm);
    now.seconds() - now.seconds().rem_euclid(interval)
}

fn range(alarm: &Alarm, end: i64) -> Range {
    let periods = i64::from(alarm.evaluation_periods.saturating_add(SPARE));
    Range { start: end - periods * i64::from(alarm.period()), end }
}

/// What has to be fetched to look at an alarm's periods up to a second.
pub fn fetches(alarm: &Alarm, end: i64) -> Vec<Fetch> {
    let range = range(alarm, end);
    match &alarm.source {
        AlarmSource::Metric(stat, _) => vec![query::fetch(stat, range)],
        AlarmSource::Queries(queries) => query::fetches(queries, |_| range),
    }
}

/// What an alarm turns to.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The state.
    pub state: AlarmState,
    /// Why, for people.
    pub reason: String,
    /// Why, as JSON.
    pub data: String,
}

/// The state that the data make; nothing when the alarm stays as it is.
pub fn verdict(alarm: &Alarm, fetched: &[Vec<Point>], end: i64, now: Timestamp) -> Option<Verdict> {
    let line = watched(alarm, fetched, end)?;
    let periods = periods(alarm, &line, end);
    let state = decide(alarm, &periods)?;
    (state != alarm.state).then(|| Verdict {
        state,
        reason: reason(alarm, &periods, state),
        data: data(alarm, &periods, now),
    })
}

/// The time series that the alarm compares; nothing when it cannot be computed, which leaves the alarm as it is.
fn watched(alarm: &Alarm, fetched: &[Vec<Point>], end: i64) -> Option<Line> {
    match &alarm.source {
        AlarmSource::Metric(stat, _) => fetched.first().map(|points| few_ignored(alarm, stat, points)),
        AlarmSource::Queries(queries) => {
            let returned = queries.iter().find(|query| query.is_returned)?;
            match query::evaluate(queries, fetched, range(alarm, end)).ok()?.remove(&returned.id)? {
                Value::Line(line) => Some(line),
                _ => None,
            }
        }
    }
}

/// `EvaluateLowSampleCountPercentile: ignore` leaves percentiles of fewer samples out than they need to mean something.
fn few_ignored(alarm: &Alarm, stat: &enishi_state::cloudwatch::MetricStat, points: &[Point]) -> Line {
    let mut line = query::line(stat, points);
    if alarm.ignores_few_samples == Some(true)
        && let Some(super::Stat::Percentile(percent)) = super::Stat::parse(&stat.stat)
    {
        // "At least 10/(1-percentile) data points" above the median, "10/percentile" below.
        let share = if percent >= 50.0 { 1.0 - percent / 100.0 } else { percent / 100.0 };
        let enough = |at: &i64| {
            let counts = points.iter().filter(|point| point.start == *at).map(|point| point.summary.count);
            counts.sum::<f64>() * share >= 10.0
        };
        line.points.retain(|at, _| enough(at));
    }
    line
}

/// A period: its start, and its value if it has one.
type Period = (i64, Option<f64>);

/// The newest first.
fn periods(alarm: &Alarm, line: &Line, end: i64) -> Vec<Period> {
    let period = i64::from(alarm.period());
    let count = i64::from(alarm.evaluation_periods.saturating_add(SPARE));
    let starts = (1..=count).map(|back| end - back * period);
    starts.map(|start| (start, line.points.get(&start).copied())).collect()
}

fn breaches(alarm: &Alarm, value: f64) -> bool {
    alarm.comparison.breaches(value, alarm.threshold)
}

/// The most recent points that count, the newest first.
fn deciding<'p>(alarm: &Alarm, periods: &'p [Period]) -> Vec<(usize, &'p Period)> {
    let number = usize::try_from(alarm.evaluation_periods).unwrap_or(usize::MAX);
    periods.iter().enumerate().filter(|(_, (_, value))| value.is_some()).take(number).collect()
}

fn decide(alarm: &Alarm, periods: &[Period]) -> Option<AlarmState> {
    let present = deciding(alarm, periods);
    let needed = alarm.datapoints_to_alarm();
    let wanted = usize::try_from(alarm.evaluation_periods).unwrap_or(usize::MAX);
    let bad =
        present.iter().filter(|(_, (_, value))| value.is_some_and(|value| breaches(alarm, value))).count();
    let missing = wanted.saturating_sub(present.len());
    let state = |is_bad: bool| Some(if is_bad { AlarmState::Alarm } else { AlarmState::Ok });
    if missing == 0 || bad >= needed {
        return state(bad >= needed);
    }
    let all_bad = bad == present.len();
    match alarm.missing_data.unwrap_or(MissingData::Missing) {
        MissingData::Breaching => state(bad + missing >= needed),
        MissingData::NotBreaching => state(false),
        MissingData::Ignore if all_bad => None,
        MissingData::Missing if present.is_empty() => Some(AlarmState::InsufficientData),
        MissingData::Missing if all_bad => {
            let oldest = present.last().map_or(0, |(back, _)| back + 1);
            (oldest >= needed).then_some(AlarmState::Alarm)
        }
        MissingData::Ignore | MissingData::Missing => state(false),
    }
}

/// Why, in AWS's words.
fn reason(alarm: &Alarm, periods: &[Period], state: AlarmState) -> String {
    let present = deciding(alarm, periods);
    let wanted = usize::try_from(alarm.evaluation_periods).unwrap_or(usize::MAX);
    let missing = wanted.saturating_sub(present.len());
    let plural = |number: usize, noun: &str| {
        if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
    };
    let verb = |number: usize| if number == 1 { "was" } else { "were" };
    if state == AlarmState::InsufficientData {
        return format!("Insufficient Data: {} {} unknown.", plural(missing, "datapoint"), verb(missing));
    }
    if present.is_empty() {
        let how = match alarm.missing_data {
            Some(MissingData::Breaching) => "Breaching",
            _ => "NonBreaching",
        };
        return format!(
            "Threshold Crossed: no datapoints were received for {} and {} {} treated as [{how}].",
            plural(missing, "period"),
            plural(missing, "missing datapoint"),
            verb(missing)
        );
    }
    let is_alarm = state == AlarmState::Alarm;
    let mut told = present;
    told.retain(|(_, (_, value))| value.is_some_and(|value| breaches(alarm, value)) == is_alarm);
    let values: Vec<String> = told
        .iter()
        .map(|(_, (at, value))| format!("{:?} ({})", value.unwrap_or_default(), day_and_time(*at)))
        .collect();
    let not = if is_alarm { "" } else { "not " };
    let out_of =
        if wanted > 1 { format!(" out of the last {}", plural(wanted, "datapoint")) } else { String::new() };
    let subject = if wanted > 1 { told.len().to_string() } else { plural(told.len(), "datapoint") };
    let least = if is_alarm {
        alarm.datapoints_to_alarm()
    } else {
        (wanted + 1).saturating_sub(alarm.datapoints_to_alarm())
    };
    let turn = if is_alarm { "OK -> ALARM" } else { "ALARM -> OK" };
    format!(
        "Threshold Crossed: {subject}{out_of} [{}] {} {not}{} the threshold ({:?}) (minimum {} for {turn} transition).",
        values.join(", "),
        verb(told.len()),
        compared(alarm),
        alarm.threshold,
        plural(least, "datapoint"),
    )
}

fn compared(alarm: &Alarm) -> &'static str {
    use enishi_state::cloudwatch::Comparison;
    match alarm.comparison {
        Comparison::GreaterOrEqual => "greater than or equal to",
        Comparison::Greater => "greater than",
        Comparison::Less => "less than",
        Comparison::LessOrEqual => "less than or equal to",
    }
}

/// `29/11/26 03:15:00`, as AWS writes it in reasons.
fn day_and_time(at: i64) -> String {
    let text = Shown::from_seconds(at).date_time();
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    format!("{}/{}/{} {}", part(8..10), part(5..7), part(2..4), part(11..19))
}

fn data(alarm: &Alarm, periods: &[Period], now: Timestamp) -> String {
    let present = deciding(alarm, periods);
    let values: Vec<f64> = present.iter().rev().filter_map(|(_, (_, value))| *value).collect();
    let date = |millis: i64| Shown::from_millis(millis).date_time_millis().replace('Z', "+0000");
    let mut data = json!({
        "version": "1.0",
        "queryDate": date(now.0),
        "period": alarm.period(),
        "recentDatapoints": values,
        "threshold": alarm.threshold,
    });
    if let (Some((_, (start, _))), Some(object)) = (present.last(), data.as_object_mut()) {
        object.insert("startDate".to_owned(), date(start * 1000).into());
    }
    if let (AlarmSource::Metric(stat, _), Some(object)) = (&alarm.source, data.as_object_mut()) {
        object.insert("statistic".to_owned(), stat.stat.clone().into());
    }
    data.to_string()
}

/// Turns an alarm, unless it was put again or turned otherwise since the verdict.
pub fn turn(tx: &mut Tx<'_>, judged: &Alarm, verdict: Verdict) {
    let id = AlarmId::of(&judged.scope, &judged.name);
    let now = tx.world().get::<Alarm>(&id);
    let is_same =
        |row: &&Alarm| row.configured == judged.configured && row.state_updated == judged.state_updated;
    if let Some(row) = now.filter(is_same).cloned() {
        alarm::set_state(tx, row, verdict.state, verdict.reason, Some(verdict.data));
    }
}

#[cfg(test)]
mod tests;
