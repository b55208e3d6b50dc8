//! Queries: statistics of metrics, and expressions over them. `GetMetricData` and alarms have the same.
//! [API_MetricDataQuery](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html)

use std::collections::{BTreeMap, BTreeSet};

use enishi_api::cloudwatch::{self as api, MetricDataQuery};
use enishi_state::Scope;
use enishi_state::cloudwatch::{MetricQuery, MetricStat};
use enishi_wire::Fault;

use super::math::{self, Line, Range, Value};
use super::metric::{Fetch, Point, Summary};
use super::{Expression, Stat, dimensions, faults, metric, period};

/// Queries of one request at most, and expressions over each other.
const QUERIES: usize = 500;

/// Reads queries.
///
/// # Errors
/// `ValidationError`, `InvalidParameterValue`
pub(super) fn parse(scope: &Scope, queries: &[MetricDataQuery]) -> Result<Vec<MetricQuery>, Fault> {
    if queries.is_empty() || queries.len() > QUERIES {
        let message = format!("The collection MetricDataQueries must have 1 to {QUERIES} members.");
        return Err(faults::validation(message));
    }
    let mut seen = BTreeSet::new();
    let mut parsed = Vec::with_capacity(queries.len());
    for query in queries {
        check_id(&query.id)?;
        if !seen.insert(query.id.as_str()) {
            let message = format!("The value {} for parameter MetricDataQueries.Id is not unique.", query.id);
            return Err(faults::validation(message));
        }
        if query.account_id.as_ref().is_some_and(|account| account != scope.account.as_str()) {
            return Err(faults::not_supported("A query of another account's metrics"));
        }
        if query.label.as_ref().is_some_and(|label| label.contains("${")) {
            return Err(faults::not_supported("A dynamic label"));
        }
        parsed.push(one(scope, query)?);
    }
    check_expressions(&parsed)?;
    Ok(parsed)
}

fn check_id(id: &str) -> Result<(), Fault> {
    let is_word = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word && id.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(faults::validation(format!(
        "The value {id} for parameter MetricDataQueries.Id is invalid: it must begin with a lower-case letter and have \
         letters, digits and underscores only."
    )))
}

fn one(scope: &Scope, query: &MetricDataQuery) -> Result<MetricQuery, Fault> {
    let stat = match (&query.metric_stat, &query.expression) {
        (Some(stat), None) => Some(metric_stat(scope, stat)?),
        (None, Some(_)) => None,
        _ => {
            let message = format!("The query {} must have either MetricStat or Expression.", query.id);
            return Err(faults::validation(message));
        }
    };
    if stat.is_some() && query.period.is_some() {
        let message = format!("The query {} has a MetricStat and so must not have a Period.", query.id);
        return Err(faults::validation(message));
    }
    Ok(MetricQuery {
        id: query.id.clone(),
        stat,
        expression: query.expression.clone(),
        label: query.label.clone(),
        is_returned: query.return_data.unwrap_or(true),
        period: query.period.map(period).transpose()?,
    })
}

fn metric_stat(scope: &Scope, stat: &api::MetricStat) -> Result<MetricStat, Fault> {
    let (Some(namespace), Some(name)) = (&stat.metric.namespace, &stat.metric.metric_name) else {
        return Err(faults::validation("A metric must have a Namespace and a MetricName."));
    };
    if Stat::parse(&stat.stat).is_none() {
        return Err(faults::validation(format!(
            "The value {} for parameter Stat is not supported.",
            stat.stat
        )));
    }
    Ok(MetricStat {
        metric: metric(scope, namespace, name, stat.metric.dimensions.as_deref()),
        period: period(stat.period)?,
        stat: stat.stat.clone(),
        unit: stat.unit.clone(),
    })
}

/// Every expression can be read, names what there is, and not itself.
fn check_expressions(queries: &[MetricQuery]) -> Result<(), Fault> {
    let by_id: BTreeMap<&str, &MetricQuery> =
        queries.iter().map(|query| (query.id.as_str(), query)).collect();
    for query in queries {
        let Some(text) = &query.expression else { continue };
        let names = read(query, text)?.names();
        if let Some(unknown) = names.iter().find(|name| !by_id.contains_key(name.as_str())) {
            return Err(wrong(query, &format!("{unknown} is no id of a query")));
        }
    }
    order(queries).map(drop)
}

fn read(query: &MetricQuery, text: &str) -> Result<Expression, Fault> {
    if text.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select")) {
        return Err(faults::not_supported("Metrics Insights"));
    }
    Expression::parse(text).map_err(|why| wrong(query, &why))
}

fn wrong(query: &MetricQuery, why: &str) -> Fault {
    faults::validation(format!("Error in expression '{}': {why}.", query.id))
}

/// The expressions, those that others need before them.
fn order(queries: &[MetricQuery]) -> Result<Vec<(&MetricQuery, Expression)>, Fault> {
    let mut open = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for query in queries {
        match &query.expression {
            Some(text) => open.push((query, read(query, text)?)),
            None => drop(known.insert(query.id.clone())),
        }
    }
    let mut ordered = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let is_ready = |(_, expression): &(&MetricQuery, Expression)| {
            expression.names().iter().all(|name| known.contains(name))
        };
        let (ready, rest): (Vec<_>, Vec<_>) = open.into_iter().partition(is_ready);
        if let ([], [(query, _), ..]) = (ready.as_slice(), rest.as_slice()) {
            return Err(wrong(query, "it needs itself"));
        }
        known.extend(ready.iter().map(|(query, _)| query.id.clone()));
        ordered.extend(ready);
        open = rest;
    }
    Ok(ordered)
}

/// What has to be fetched for the queries, one for each statistic.
pub(super) fn fetches(queries: &[MetricQuery], range: impl Fn(u32) -> Range) -> Vec<Fetch> {
    queries
        .iter()
        .filter_map(|query| query.stat.as_ref())
        .map(|stat| fetch(stat, range(stat.period)))
        .collect()
}

pub(super) fn fetch(stat: &MetricStat, range: Range) -> Fetch {
    Fetch {
        metric: stat.metric.clone(),
        unit: stat.unit.clone(),
        start: range.start,
        end: range.end,
        period: stat.period,
    }
}

/// The statistic's values, units together.
pub(super) fn line(stat: &MetricStat, points: &[Point]) -> Line {
    let mut summaries: BTreeMap<i64, Summary> = BTreeMap::new();
    for point in points {
        summaries
            .entry(point.start)
            .and_modify(|summary| summary.merge(&point.summary))
            .or_insert_with(|| point.summary.clone());
    }
    let wanted = Stat::parse(&stat.stat);
    let value = |summary: &Summary| wanted.as_ref().and_then(|wanted| summary.statistic(wanted));
    let points = summaries.into_iter().filter_map(|(at, summary)| Some((at, value(&summary)?)));
    Line { period: stat.period, points: points.collect() }
}

/// The results of all queries by id.
///
/// # Errors
/// `ValidationError` for what cannot be computed.
pub(super) fn evaluate(
    queries: &[MetricQuery],
    fetched: &[Vec<Point>],
    range: Range,
) -> Result<BTreeMap<String, Value>, Fault> {
    let mut values = BTreeMap::new();
    let mut metrics = Vec::new();
    let stats = queries.iter().filter_map(|query| Some((query, query.stat.as_ref()?)));
    for ((query, stat), points) in stats.zip(fetched) {
        values.insert(query.id.clone(), Value::Line(line(stat, points)));
        metrics.push(query.id.clone());
    }
    for (query, expression) in order(queries)? {
        let scope = math::Scope { values: &values, metrics: &metrics, range };
        let value = math::evaluate(&expression, &scope).map_err(|why| wrong(query, &why))?;
        values.insert(query.id.clone(), value);
    }
    Ok(values)
}

/// A query as responses show it.
pub(super) fn shape(query: &MetricQuery) -> MetricDataQuery {
    let metric_stat = query.stat.as_ref().map(|stat| api::MetricStat {
        metric: api::Metric {
            namespace: Some(stat.metric.namespace.clone()),
            metric_name: Some(stat.metric.name.clone()),
            dimensions: Some(dimensions(&stat.metric)),
        },
        period: i32::try_from(stat.period).unwrap_or(i32::MAX),
        stat: stat.stat.clone(),
        unit: stat.unit.clone(),
    });
    MetricDataQuery {
        id: query.id.clone(),
        metric_stat,
        expression: query.expression.clone(),
        label: query.label.clone(),
        return_data: Some(query.is_returned),
        period: query.period.map(|period| i32::try_from(period).unwrap_or(i32::MAX)),
        account_id: None,
    }
}
