//! What operations and alarms ask of the metric store, and what it answers. The store is the daemon's; here is what it must
//! do, and the arithmetic of what it keeps.
//!
//! A data point is a [`Summary`] of values: their number, sum, least and greatest, and, as far as they are known, how
//! they are distributed. Data points of one second or minute are merged into one. Merging is all that happens to data:
//! into the periods of a request, and into longer ones with age (see [`TIERS`]).
//!
//! Page: [Metrics retention](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html)

use enishi_state::cloudwatch::MetricId;

use super::stat::Stat;

/// Seconds that a stored data point covers, and seconds that it is kept; then it is merged into one of the next tier.
/// "Data points with a period of less than 60 seconds are available for 3 hours … 60 seconds (1 minute) are available for
/// 15 days … 300 seconds … 63 days … 3600 seconds … 455 days".
pub const TIERS: [(u32, i64); 4] = [(1, 3 * HOUR), (60, 15 * DAY), (300, 63 * DAY), (3600, 455 * DAY)];

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Different values of one data point whose number is kept exactly.
const EXACT_VALUES: usize = 128;

/// What a value is rounded to where there are more: about one per cent, as coarse as AWS's own percentiles.
const RATIO: f64 = 1.01;

/// The data of one metric in one unit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// The metric.
    pub metric: MetricId,
    /// AWS's name of the unit: `Count`, `None`.
    pub unit: String,
}

/// What is known of some values.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
    /// The values and how many there are of each, by value; nothing when a statistic set came without them.
    pub values: Option<Vec<(f64, f64)>>,
}

impl Summary {
    /// One value.
    pub fn of(value: f64) -> Self {
        Self::of_many(value, 1.0)
    }

    /// The same value several times.
    pub fn of_many(value: f64, count: f64) -> Self {
        Summary {
            count,
            sum: value * count,
            minimum: value,
            maximum: value,
            values: Some(vec![(value, count)]),
        }
    }

    /// A statistic set: "percentile statistics are not available … unless the SampleCount value is 1 … or Min and Max are
    /// equal".
    pub fn of_set(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let is_one = count == 1.0 || minimum == maximum;
        Summary { count, sum, minimum, maximum, values: is_one.then(|| vec![(minimum, count)]) }
    }

    /// Both together.
    pub fn merge(&mut self, other: &Summary) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.values = match (self.values.take(), &other.values) {
            (Some(values), Some(others)) => Some(merged(values, others)),
            _ => None,
        };
    }

    /// A statistic; nothing where the distribution that it wants is not known.
    pub fn statistic(&self, stat: &Stat) -> Option<f64> {
        match stat {
            Stat::SampleCount => Some(self.count),
            Stat::Sum => Some(self.sum),
            Stat::Average => (self.count > 0.0).then(|| self.sum / self.count),
            Stat::Minimum => Some(self.minimum),
            Stat::Maximum => Some(self.maximum),
            Stat::Percentile(percent) => percentile(self.values.as_deref()?, *percent),
            Stat::Trimmed(kind, low, high) => kind.of(&trimmed(self.values.as_deref()?, *low, *high)),
        }
    }
}

/// Where there are many values, new ones are rounded, and all are once when it begins.
fn merged(mut values: Vec<(f64, f64)>, others: &[(f64, f64)]) -> Vec<(f64, f64)> {
    for (value, count) in others {
        let is_coarse = values.len() > EXACT_VALUES;
        let value = if is_coarse { rounded(*value) } else { *value };
        match values.binary_search_by(|(known, _)| known.total_cmp(&value)) {
            Ok(at) => values[at].1 += count,
            Err(at) => values.insert(at, (value, *count)),
        }
        if !is_coarse && values.len() > EXACT_VALUES {
            values = sorted(values.into_iter().map(|(value, count)| (rounded(value), count)).collect());
        }
    }
    values
}

/// By value, each once.
fn sorted(mut values: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    values.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1 += later.1;
        }
        is_same
    });
    values
}

/// The nearest power of [`RATIO`].
fn rounded(value: f64) -> f64 {
    match value == 0.0 || !value.is_finite() {
        true => value,
        false => value.signum() * RATIO.powf((value.abs().ln() / RATIO.ln()).round()),
    }
}

fn total(values: &[(f64, f64)]) -> f64 {
    values.iter().map(|(_, count)| count).sum()
}

/// The least value that so many per cent of the values do not exceed, between neighbours in proportion.
fn percentile(values: &[(f64, f64)], percent: f64) -> Option<f64> {
    let last = values.last()?.0;
    let place = percent / 100.0 * (total(values) - 1.0).max(0.0);
    let mut before = 0.0;
    for (at, (value, count)) in values.iter().enumerate() {
        let end = before + count - 1.0;
        if place <= end {
            return Some(*value);
        }
        if place < before + count {
            let next = values.get(at + 1).map_or(*value, |(next, _)| *next);
            return Some(value + (next - value) * (place - end));
        }
        before += count;
    }
    Some(last)
}

/// The values between two percentages, the ones at the edges in part.
fn trimmed(values: &[(f64, f64)], low: f64, high: f64) -> Vec<(f64, f64)> {
    let total = total(values);
    let (from, to) = (low / 100.0 * total, high / 100.0 * total);
    let mut before = 0.0;
    let mut kept = Vec::new();
    for (value, count) in values {
        let inside = (before + count).min(to) - before.max(from);
        if inside > 0.0 {
            kept.push((*value, inside));
        }
        before += count;
    }
    kept
}

/// What the metric store has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// Store data points durably; [`Reply::Stored`].
    Put(Vec<Datum>),
    /// Data points by period, for each of these; [`Reply::Points`].
    Fetch(Vec<Fetch>),
    /// Metrics by name; [`Reply::Metrics`].
    List(Listing),
}

/// A data point to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Of what.
    pub series: Series,
    /// Seconds since 1970.
    pub at: i64,
    /// Seconds that it covers: 1 or 60.
    pub width: u32,
    /// The values.
    pub summary: Summary,
}

/// Which data points of a metric are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// The metric.
    pub metric: MetricId,
    /// Of this unit only.
    pub unit: Option<String>,
    /// The start of the first period, in seconds since 1970.
    pub start: i64,
    /// The end, which no data point reaches.
    pub end: i64,
    /// Seconds of a period.
    pub period: u32,
}

/// The values of one period.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its start, in seconds since 1970.
    pub start: i64,
    /// Their unit.
    pub unit: String,
    /// The values.
    pub summary: Summary,
}

/// Which metrics are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Those that are listed after this one, and of its account and region.
    pub after: MetricId,
    /// Of this namespace only.
    pub namespace: Option<String>,
    /// Of this name only.
    pub name: Option<String>,
    /// With these dimensions only; without a value, with any.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Which had data since then, in seconds since 1970.
    pub since: i64,
    /// How many at most.
    pub limit: usize,
}

impl Listing {
    /// Whether the metric is wanted, age apart.
    pub fn wants(&self, metric: &MetricId) -> bool {
        let has = |(name, value): &(String, Option<String>)| {
            metric.dimensions.iter().any(|(n, v)| n == name && value.as_ref().is_none_or(|value| value == v))
        };
        metric.scope == self.after.scope
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == metric.namespace)
            && self.name.as_ref().is_none_or(|name| *name == metric.name)
            && self.dimensions.iter().all(has)
    }
}

/// The metric store's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The data points are durable.
    Stored,
    /// There are too many metrics already.
    Full,
    /// For each of what was wanted the periods that have data, by start and unit.
    Points(Vec<Vec<Point>>),
    /// The metrics, and whether there are more.
    Metrics(Vec<MetricId>, bool),
}
