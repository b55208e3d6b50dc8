//! `GetMetricStatistics`.
//! [API_GetMetricStatistics](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html)
//!
//! Without a unit, data points of every unit come, each with its own.

use enishi_api::cloudwatch::{Datapoint, GetMetricStatisticsInput, GetMetricStatisticsOutput, ops};
use enishi_state::Read;
use enishi_wire::{Fault, Timestamp};

use super::metric::{Fetch, Job, Point, Reply};
use super::{Stat, faults, first_period, metric, period, reply};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Data points of one answer at most.
const DATAPOINTS: i64 = 1440;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::GetMetricStatistics>(want_points, get_metric_statistics);
}

fn want_points(read: &Read<'_>, input: &GetMetricStatisticsInput) -> Result<Want, Fault> {
    let period = period(input.period)?;
    stats(input)?;
    let (start, end) = (input.start_time.as_seconds(), input.end_time.as_seconds());
    if start >= end {
        let relation = if start == end { "not equal" } else { "be less than" };
        let message = format!("The parameter StartTime must {relation} parameter EndTime.");
        return Err(faults::invalid_value(message));
    }
    let points = (end - start).div_euclid(period.into());
    if points > DATAPOINTS {
        return Err(faults::invalid_combination(format!(
            "You have requested up to {points} datapoints, which exceeds the limit of {DATAPOINTS}. You may reduce the \
             datapoints requested by increasing Period, or decreasing the time range."
        )));
    }
    let scope = &read.caller.scope;
    let metric = metric(scope, &input.namespace, &input.metric_name, input.dimensions.as_deref());
    let start = first_period(start, period, read.now.seconds());
    let unit = input.unit.clone();
    Ok(Want::Metrics(Job::Fetch(vec![Fetch { metric, unit, start, end, period }])))
}

/// Statistics with the names that the request gave them.
type Named = Vec<(String, Stat)>;

/// The statistics that are asked for: the simple ones and the extended ones.
fn stats(input: &GetMetricStatisticsInput) -> Result<(Vec<Stat>, Named), Fault> {
    let simple = input.statistics.iter().flatten().filter_map(|name| Stat::simple(name)).collect();
    let mut extended = Vec::new();
    for name in input.extended_statistics.iter().flatten() {
        let stat = Stat::extended(name).ok_or_else(|| {
            faults::invalid_value(format!(
                "The value {name} for parameter ExtendedStatistics.member.1 is invalid."
            ))
        })?;
        extended.push((name.clone(), stat));
    }
    if input.statistics.is_none() && input.extended_statistics.is_none() {
        return Err(Fault::new("MissingParameter", "Must specify either Statistics or ExtendedStatistics."));
    }
    Ok((simple, extended))
}

fn get_metric_statistics(
    _: &Read<'_>,
    input: GetMetricStatisticsInput,
    supply: &Supply,
) -> Result<GetMetricStatisticsOutput, Fault> {
    let Reply::Points(found) = reply(supply)? else { return Err(faults::unavailable()) };
    let (simple, extended) = stats(&input)?;
    let points = found.iter().flatten();
    Ok(GetMetricStatisticsOutput {
        label: Some(input.metric_name),
        datapoints: Some(points.filter_map(|point| shape(point, &simple, &extended)).collect()),
    })
}

/// A data point; nothing where no statistic that is asked for can be told.
fn shape(point: &Point, simple: &[Stat], extended: &[(String, Stat)]) -> Option<Datapoint> {
    let asked = |stat: Stat| simple.contains(&stat).then(|| point.summary.statistic(&stat)).flatten();
    let told = |(name, stat): &(String, Stat)| Some((name.clone(), point.summary.statistic(stat)?));
    let extended: std::collections::BTreeMap<String, f64> = extended.iter().filter_map(told).collect();
    if simple.is_empty() && extended.is_empty() {
        return None;
    }
    Some(Datapoint {
        timestamp: Some(Timestamp::from_seconds(point.start)),
        sample_count: asked(Stat::SampleCount),
        average: asked(Stat::Average),
        sum: asked(Stat::Sum),
        minimum: asked(Stat::Minimum),
        maximum: asked(Stat::Maximum),
        unit: Some(point.unit.clone()),
        extended_statistics: (!extended.is_empty()).then_some(extended),
    })
}
