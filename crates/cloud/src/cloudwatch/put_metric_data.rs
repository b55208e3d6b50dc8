//! `PutMetricData`. [API_PutMetricData](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html)
//!
//! Data points are durable when it answers, and to be seen at once. What is wrong with several of them is told together,
//! one line each, as AWS does.

use enishi_api::cloudwatch::{MetricDatum, PutMetricDataInput, StatisticSet, ops};
use enishi_state::Read;
use enishi_wire::Fault;

use super::metric::{Datum, Job, Reply, Series, Summary};
use super::{faults, metric, reply};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Data points of one request at most, and values of one of them.
const DATA: usize = 1000;
const VALUES: usize = 150;

/// Seconds that a data point may be older than now, and newer.
const OLDEST: i64 = 14 * 24 * 3600;
const NEWEST: i64 = 2 * 3600;

/// "Values must be in the range of -2^360 to 2^360."
const GREATEST: f64 = 2.348_542_582_773_833_2e108;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::PutMetricData>(want_put, put_metric_data);
}

fn want_put(read: &Read<'_>, input: &PutMetricDataInput) -> Result<Want, Fault> {
    if input.entity_metric_data.as_ref().is_some_and(|data| !data.is_empty()) {
        return Err(faults::not_supported("EntityMetricData"));
    }
    if input.namespace.starts_with("AWS/") || input.namespace.starts_with(':') {
        let message = format!("The value {} for parameter Namespace is invalid.", input.namespace);
        return Err(faults::invalid_value(message));
    }
    let Some(data) = input.metric_data.as_ref().filter(|data| !data.is_empty()) else {
        return Err(faults::missing("MetricData"));
    };
    if data.len() > DATA {
        let message = format!("The collection MetricData must not have a size greater than {DATA}.");
        return Err(faults::invalid_value(message));
    }
    let mut stored = Vec::with_capacity(data.len());
    let mut wrong: Vec<Fault> = Vec::new();
    for (number, datum) in (1..).zip(data) {
        match parse(read, &input.namespace, datum, &format!("MetricData.member.{number}")) {
            Ok(datum) => stored.push(datum),
            Err(fault) => wrong.push(fault),
        }
    }
    match wrong.split_first() {
        None => Ok(Want::Metrics(Job::Put(stored))),
        Some((first, _)) => {
            let same = wrong.iter().filter(|fault| fault.code() == first.code());
            let lines: Vec<&str> = same.map(Fault::message).collect();
            Err(Fault::new(first.code().to_owned(), lines.join("\n")))
        }
    }
}

fn put_metric_data(_: &Read<'_>, _: PutMetricDataInput, supply: &Supply) -> Result<(), Fault> {
    match reply(supply)? {
        Reply::Stored => Ok(()),
        Reply::Full => Err(faults::too_many_metrics()),
        _ => Err(faults::unavailable()),
    }
}

/// A data point of a request; `at` is where it stands there.
fn parse(read: &Read<'_>, namespace: &str, datum: &MetricDatum, at: &str) -> Result<Datum, Fault> {
    let now = read.now.seconds();
    let time = datum.timestamp.map_or(now, |time| time.as_seconds());
    if time < now - OLDEST {
        let message = format!("The parameter {at}.Timestamp must specify a time within the past two weeks.");
        return Err(faults::invalid_value(message));
    }
    if time > now + NEWEST {
        let message =
            format!("The parameter {at}.Timestamp must specify a time no more than two hours in the future.");
        return Err(faults::invalid_value(message));
    }
    let width = match datum.storage_resolution {
        None | Some(60) => 60,
        Some(1) => 1,
        Some(other) => {
            let message = format!("The value {other} for parameter {at}.StorageResolution is invalid.");
            return Err(faults::invalid_value(message));
        }
    };
    check_dimensions(datum, at)?;
    let unit = datum.unit.clone().unwrap_or_else(|| "None".to_owned());
    let metric = metric(&read.caller.scope, namespace, &datum.metric_name, datum.dimensions.as_deref());
    Ok(Datum { series: Series { metric, unit }, at: time, width, summary: summary(datum, at)? })
}

fn check_dimensions(datum: &MetricDatum, at: &str) -> Result<(), Fault> {
    let dimensions = datum.dimensions.as_deref().unwrap_or_default();
    for (number, dimension) in (1..).zip(dimensions) {
        let is_printable = |text: &str| !text.chars().any(char::is_control);
        if dimension.name.starts_with(':')
            || !is_printable(&dimension.name)
            || !is_printable(&dimension.value)
        {
            let name = format!("{at}.Dimensions.member.{number}");
            return Err(faults::invalid_value(format!("The parameter {name} is invalid.")));
        }
        if dimensions.iter().take(number - 1).any(|other| other.name == dimension.name) {
            let message = format!("The dimension {} is given twice in {at}.Dimensions.", dimension.name);
            return Err(faults::invalid_value(message));
        }
    }
    Ok(())
}

fn summary(datum: &MetricDatum, at: &str) -> Result<Summary, Fault> {
    let values = datum.values.as_deref().unwrap_or_default();
    match (datum.value, &datum.statistic_values, values.is_empty()) {
        (Some(value), None, true) => Ok(Summary::of(number(value, &format!("{at}.Value"))?)),
        (None, Some(set), true) => statistic_set(set, at),
        (None, None, false) => value_array(values, datum.counts.as_deref(), at),
        (None, None, true) => Err(Fault::new(
            "MissingParameter",
            format!(
                "At least one of the parameters {at}.Value, {at}.Values or {at}.StatisticValues must be specified."
            ),
        )),
        _ => Err(faults::invalid_combination(format!(
            "The parameters {at}.Value, {at}.Values and {at}.StatisticValues are mutually exclusive and you have specified \
             more than one."
        ))),
    }
}

fn statistic_set(set: &StatisticSet, at: &str) -> Result<Summary, Fault> {
    let at = format!("{at}.StatisticValues");
    let count = number(set.sample_count, &format!("{at}.SampleCount"))?;
    let sum = number(set.sum, &format!("{at}.Sum"))?;
    let minimum = number(set.minimum, &format!("{at}.Minimum"))?;
    let maximum = number(set.maximum, &format!("{at}.Maximum"))?;
    if count <= 0.0 {
        return Err(faults::invalid_value(format!("The parameter {at}.SampleCount must be greater than 0.")));
    }
    if minimum > maximum {
        let message = format!("The parameter {at}.Maximum must be greater than {at}.Minimum.");
        return Err(faults::invalid_value(message));
    }
    Ok(Summary::of_set(count, sum, minimum, maximum))
}

fn value_array(values: &[f64], counts: Option<&[f64]>, at: &str) -> Result<Summary, Fault> {
    if values.len() > VALUES {
        let message = format!("The collection {at}.Values must not have a size greater than {VALUES}.");
        return Err(faults::invalid_value(message));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        let message = format!("The parameters {at}.Values and {at}.Counts must be of the same size.");
        return Err(faults::invalid_value(message));
    }
    let mut summary: Option<Summary> = None;
    for (index, value) in values.iter().enumerate() {
        let value = number(*value, &format!("{at}.Values.member.{}", index + 1))?;
        let count = counts.and_then(|counts| counts.get(index)).copied().unwrap_or(1.0);
        let name = format!("{at}.Counts.member.{}", index + 1);
        let count = number(count, &name)?;
        if count <= 0.0 {
            return Err(faults::invalid_value(format!("The parameter {name} must be greater than 0.")));
        }
        let one = Summary::of_many(value, count);
        match &mut summary {
            Some(summary) => summary.merge(&one),
            None => summary = Some(one),
        }
    }
    summary.ok_or_else(|| faults::missing(&format!("{at}.Values")))
}

/// A number that CloudWatch stores.
fn number(value: f64, at: &str) -> Result<f64, Fault> {
    if value.is_finite() && value.abs() <= GREATEST {
        return Ok(value);
    }
    Err(faults::invalid_value(format!("The value {value} for parameter {at} is invalid.")))
}
