//! What names a metric, and what is asked of one.
//! [Concepts](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html)

use serde::{Deserialize, Serialize};

use crate::Scope;

/// A metric: every other namespace, name or set of dimensions is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricId {
    /// Account and region.
    pub scope: Scope,
    /// Its namespace: `AWS/ApplicationELB`.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Names and values of its dimensions, by name.
    pub dimensions: Vec<(String, String)>,
}

impl MetricId {
    /// A metric; its dimensions may come in any order.
    pub fn new(scope: Scope, namespace: &str, name: &str, mut dimensions: Vec<(String, String)>) -> Self {
        dimensions.sort();
        MetricId { scope, namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }
}

/// One statistic of a metric over periods of one length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStat {
    /// The metric.
    pub metric: MetricId,
    /// Seconds of a period.
    pub period: u32,
    /// The statistic, as it was written: `Average`, `p99.9`.
    pub stat: String,
    /// Only data points of this unit.
    pub unit: Option<String>,
}

/// A query of `GetMetricData`, or of an alarm on a metric math expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricQuery {
    /// Its name in expressions.
    pub id: String,
    /// A statistic.
    pub stat: Option<MetricStat>,
    /// Or an expression over the others.
    pub expression: Option<String>,
    /// What the result is called.
    pub label: Option<String>,
    /// Whether the result is wanted, or only used by others.
    pub is_returned: bool,
    /// Seconds of a period of an expression.
    pub period: Option<u32>,
}
