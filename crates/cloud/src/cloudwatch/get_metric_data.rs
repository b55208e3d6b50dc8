//! `GetMetricData`. [API_GetMetricData](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html)
//!
//! Without a unit, data points of every unit are taken together. A page ends after so many values of all results; a token
//! says how many came before.

use enishi_api::cloudwatch::{GetMetricDataInput, GetMetricDataOutput, MetricDataResult, ops};
use enishi_state::Read;
use enishi_state::cloudwatch::MetricQuery;
use enishi_wire::{Fault, Timestamp};

use super::math::{Line, Range, Value};
use super::metric::{Job, Reply};
use super::{faults, first_period, query, reply};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Values of one page at most.
const DATAPOINTS: usize = 100_800;

/// Periods of all statistics of one request at most; AWS has a quota of data points per second.
const PERIODS: i64 = 2_000_000;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::GetMetricData>(want_points, get_metric_data);
}

fn want_points(read: &Read<'_>, input: &GetMetricDataInput) -> Result<Want, Fault> {
    let queries = query::parse(&read.caller.scope, &input.metric_data_queries)?;
    if !queries.iter().any(|query| query.is_returned) {
        return Err(faults::validation("At least one query must have ReturnData set to true."));
    }
    if input.start_time >= input.end_time {
        return Err(faults::validation("The parameter StartTime must be less than parameter EndTime."));
    }
    page(input)?;
    let fetches = query::fetches(&queries, |period| range(read, input, period));
    let periods = fetches.iter().map(|one| (one.end - one.start).div_euclid(i64::from(one.period.max(1))));
    if periods.sum::<i64>() > PERIODS {
        return Err(faults::validation(
            "The queries have too many periods; ask for less time, or longer ones.",
        ));
    }
    Ok(Want::Metrics(Job::Fetch(fetches)))
}

fn range(read: &Read<'_>, input: &GetMetricDataInput, period: u32) -> Range {
    let start = first_period(input.start_time.as_seconds(), period, read.now.seconds());
    Range { start, end: input.end_time.as_seconds() }
}

/// How many values come before the page, and how many are on it.
fn page(input: &GetMetricDataInput) -> Result<(usize, usize), Fault> {
    let limit = match input.max_datapoints {
        None => DATAPOINTS,
        Some(number) => {
            usize::try_from(number).ok().filter(|n| (1..=DATAPOINTS).contains(n)).ok_or_else(|| {
                faults::validation(format!("The parameter MaxDatapoints must be between 1 and {DATAPOINTS}."))
            })?
        }
    };
    let before = input.next_token.as_deref().map_or(Ok(0), str::parse);
    Ok((before.map_err(|_| faults::invalid_token())?, limit))
}

fn get_metric_data(
    read: &Read<'_>,
    input: GetMetricDataInput,
    supply: &Supply,
) -> Result<GetMetricDataOutput, Fault> {
    let Reply::Points(fetched) = reply(supply)? else { return Err(faults::unavailable()) };
    let queries = query::parse(&read.caller.scope, &input.metric_data_queries)?;
    let finest = queries.iter().filter_map(|query| Some(query.stat.as_ref()?.period)).min().unwrap_or(60);
    let values = query::evaluate(&queries, fetched, range(read, &input, finest))?;
    let (mut before, mut room) = page(&input)?;
    let shown = before;
    let is_ascending = input.scan_by.as_deref() == Some("TimestampAscending");
    let mut results = Vec::new();
    let mut has_more = false;
    for query in queries.iter().filter(|query| query.is_returned) {
        let value = values.get(&query.id).ok_or_else(faults::unavailable)?;
        for (label, line) in lines(query, value)? {
            let mut points: Vec<(i64, f64)> = line.points.iter().map(|(at, value)| (*at, *value)).collect();
            if !is_ascending {
                points.reverse();
            }
            let skipped = before.min(points.len());
            before -= skipped;
            let taken = room.min(points.len() - skipped);
            room -= taken;
            let is_cut = skipped + taken < points.len();
            has_more |= is_cut;
            results.push(result(query, label, &points[skipped..skipped + taken], is_cut));
        }
    }
    let next = input.max_datapoints.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(DATAPOINTS);
    Ok(GetMetricDataOutput {
        metric_data_results: Some(results),
        next_token: has_more.then(|| (shown + next).to_string()),
        messages: Some(Vec::new()),
    })
}

/// The time series of a result with their labels.
fn lines<'v>(query: &MetricQuery, value: &'v Value) -> Result<Vec<(String, &'v Line)>, Fault> {
    let label = || {
        let name = query.stat.as_ref().map(|stat| stat.metric.name.clone());
        query.label.clone().or(name).unwrap_or_else(|| query.id.clone())
    };
    match value {
        Value::Line(line) => Ok(vec![(label(), line)]),
        Value::Lines(lines) => Ok(lines
            .iter()
            .map(|(name, line)| (if name.is_empty() { label() } else { format!("{} {name}", label()) }, line))
            .collect()),
        Value::Number(_) | Value::Text(_) => Err(faults::validation(format!(
            "Error in expression '{}': the result is no time series.",
            query.id
        ))),
    }
}

fn result(query: &MetricQuery, label: String, points: &[(i64, f64)], is_cut: bool) -> MetricDataResult {
    MetricDataResult {
        id: Some(query.id.clone()),
        label: Some(label),
        timestamps: Some(points.iter().map(|(at, _)| Timestamp::from_seconds(*at)).collect()),
        values: Some(points.iter().map(|(_, value)| *value).collect()),
        status_code: Some(if is_cut { "PartialData" } else { "Complete" }.to_owned()),
        messages: None,
    }
}
