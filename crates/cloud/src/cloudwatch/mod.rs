//! CloudWatch: metrics and alarms.
//! [What is Amazon CloudWatch?](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/WhatIsCloudWatch.html)
//!
//! What AWS promises: data points of metrics are found by namespace, name and dimensions, as statistics over periods; alarms
//! watch one and turn when it breaches a threshold for long enough. How we realise it: alarms are rows; data points live
//! in the daemon's metric store, which operations ask for a [`metric::Job`] (see [`crate::outside`]); the daemon fetches
//! what alarms watch once a period, and [`evaluation`] decides.
//!
//! Refused with a clear error: dashboards, anomaly detection, Metrics Insights, metric streams, composite alarms.
//! Tested in `tests/cloudwatch.rs` and `tests/cloudwatch_alarm.rs`.

mod alarm;
mod alarm_history;
pub mod evaluation;
mod faults;
mod get_metric_data;
mod get_metric_statistics;
mod list_metrics;
mod math;
pub mod metric;
mod put_metric_data;
mod query;
mod stat;
mod tag;

pub use alarm_history::{next_to_forget, to_forget};
pub use math::Expression;
pub use stat::Stat;

use enishi_api::cloudwatch::Dimension;
use enishi_state::Scope;
use enishi_state::cloudwatch::MetricId;
use enishi_wire::Fault;

use crate::outside::Supply;
use crate::registry::Registry;
use metric::Reply;

pub(crate) fn register(on: &mut Registry) {
    alarm::register(on);
    alarm_history::register(on);
    get_metric_data::register(on);
    get_metric_statistics::register(on);
    list_metrics::register(on);
    put_metric_data::register(on);
    tag::register(on);
}

/// The ARN of an alarm.
fn alarm_arn(scope: &Scope, name: &str) -> String {
    format!("arn:aws:cloudwatch:{}:{}:alarm:{name}", scope.region, scope.account)
}

/// What the metric store answered.
///
/// # Errors
/// `InternalServiceError` when nobody asked it.
fn reply(supply: &Supply) -> Result<&Reply, Fault> {
    supply.metrics.as_ref().ok_or_else(faults::unavailable)
}

/// The metric that a request names.
fn metric(scope: &Scope, namespace: &str, name: &str, dimensions: Option<&[Dimension]>) -> MetricId {
    let dimensions = dimensions.unwrap_or_default();
    let dimensions = dimensions.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
    MetricId::new(scope.clone(), namespace, name, dimensions)
}

fn dimensions(metric: &MetricId) -> Vec<Dimension> {
    let shape = |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
    metric.dimensions.iter().map(shape).collect()
}

/// Seconds of a period, which is 1, 5, 10, 20, 30 or a multiple of 60.
///
/// # Errors
/// `InvalidParameterValue`
fn period(seconds: i32) -> Result<u32, Fault> {
    let period = u32::try_from(seconds).ok().filter(|period| {
        matches!(period, 1 | 5 | 10 | 20 | 30) || (*period > 0 && *period % 60 == 0 && *period <= 86_400)
    });
    period.ok_or_else(|| {
        faults::invalid_value(format!("The value {seconds} for parameter Period is not a valid period."))
    })
}

/// The start of the first period of a request: "rounds the specified time stamp down" to the next second that a period of
/// this length, and data of this age, begins at.
fn first_period(start: i64, period: u32, now: i64) -> i64 {
    const DAY: i64 = 86_400;
    let unit = match now - start {
        age if age > 63 * DAY => 3600,
        age if age > 15 * DAY => 300,
        _ if period < 60 => i64::from(period),
        _ => 60,
    };
    start - start.rem_euclid(unit)
}
