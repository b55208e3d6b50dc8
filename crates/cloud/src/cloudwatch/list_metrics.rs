//! `ListMetrics`. [API_ListMetrics](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html)
//!
//! Metrics that had data in the past two weeks, in the order of namespace, name and dimensions; at AWS in none.

use enishi_api::cloudwatch::{ListMetricsInput, ListMetricsOutput, Metric, ops};
use enishi_state::Read;
use enishi_state::cloudwatch::MetricId;
use enishi_wire::Fault;

use super::metric::{Job, Listing, Reply};
use super::{dimensions, faults, reply};
use crate::outside::{Supply, Want};
use crate::registry::Registry;

/// Metrics of one answer.
const PAGE: usize = 500;

/// "ListMetrics doesn't return information about metrics if those metrics haven't reported data in the past two weeks."
const LISTED_SECONDS: i64 = 14 * 24 * 3600;

/// `PT3H`.
const RECENT_SECONDS: i64 = 3 * 3600;

pub(super) fn register(on: &mut Registry) {
    on.prepared::<ops::ListMetrics>(want_metrics, list_metrics);
}

fn want_metrics(read: &Read<'_>, input: &ListMetricsInput) -> Result<Want, Fault> {
    if input.include_linked_accounts == Some(true) {
        return Err(faults::not_supported("Cross-account observability (IncludeLinkedAccounts)"));
    }
    let after = match &input.next_token {
        None => MetricId::new(read.caller.scope.clone(), "", "", Vec::new()),
        Some(token) => parse_token(token)
            .filter(|metric| metric.scope == read.caller.scope)
            .ok_or_else(faults::invalid_token)?,
    };
    let dimensions = input.dimensions.iter().flatten();
    let age = if input.recently_active.is_some() { RECENT_SECONDS } else { LISTED_SECONDS };
    Ok(Want::Metrics(Job::List(Listing {
        after,
        namespace: input.namespace.clone(),
        name: input.metric_name.clone(),
        dimensions: dimensions.map(|filter| (filter.name.clone(), filter.value.clone())).collect(),
        since: read.now.seconds() - age,
        limit: PAGE,
    })))
}

fn list_metrics(_: &Read<'_>, _: ListMetricsInput, supply: &Supply) -> Result<ListMetricsOutput, Fault> {
    let Reply::Metrics(metrics, has_more) = reply(supply)? else { return Err(faults::unavailable()) };
    let next_token = metrics.last().filter(|_| *has_more).map(token);
    Ok(ListMetricsOutput {
        metrics: Some(metrics.iter().map(shape).collect()),
        next_token,
        owning_accounts: None,
    })
}

fn shape(metric: &MetricId) -> Metric {
    Metric {
        namespace: Some(metric.namespace.clone()),
        metric_name: Some(metric.name.clone()),
        dimensions: Some(dimensions(metric)),
    }
}

/// The last metric of the page before.
fn token(metric: &MetricId) -> String {
    serde_json::to_string(metric).unwrap_or_default()
}

fn parse_token(token: &str) -> Option<MetricId> {
    serde_json::from_str(token).ok()
}
