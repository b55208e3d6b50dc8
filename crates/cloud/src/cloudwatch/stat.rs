//! Statistics by name.
//! [Statistics definitions](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html)
//!
//! Percentiles, trimmed means, counts and sums between percentages, the interquartile mean.
//! Bounds that are values instead of percentages (`TM(150:1000)`) and percentile ranks are refused.

/// A statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// How many values.
    SampleCount,
    /// Their mean.
    Average,
    /// Their sum.
    Sum,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// The value below which so many per cent are.
    Percentile(f64),
    /// Of the values between two percentages.
    Trimmed(Trim, f64, f64),
}

/// What is made of trimmed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// `TM`: their mean.
    Mean,
    /// `TC`: their number.
    Count,
    /// `TS`: their sum.
    Sum,
}

impl Trim {
    /// The result; nothing where nothing is left to have a mean.
    pub(super) fn of(self, values: &[(f64, f64)]) -> Option<f64> {
        let count: f64 = values.iter().map(|(_, count)| count).sum();
        let sum: f64 = values.iter().map(|(value, count)| value * count).sum();
        match self {
            Trim::Mean => (count > 0.0).then(|| sum / count),
            Trim::Count => Some(count),
            Trim::Sum => Some(sum),
        }
    }
}

impl Stat {
    /// The five that the API names in full.
    pub(super) fn simple(name: &str) -> Option<Self> {
        match name {
            "SampleCount" => Some(Stat::SampleCount),
            "Average" => Some(Stat::Average),
            "Sum" => Some(Stat::Sum),
            "Minimum" => Some(Stat::Minimum),
            "Maximum" => Some(Stat::Maximum),
            _ => None,
        }
    }

    /// The others: `p99.9`, `tm90`, `TM(10%:90%)`, `IQM`.
    pub(super) fn extended(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if lower == "iqm" {
            return Some(Stat::Trimmed(Trim::Mean, 25.0, 75.0));
        }
        let trim = |kind: &str| match kind {
            "tm" => Some(Trim::Mean),
            "tc" => Some(Trim::Count),
            "ts" => Some(Trim::Sum),
            _ => None,
        };
        if let Some((kind, bounds)) = lower.split_once('(') {
            let (low, high) = bounds.strip_suffix(')')?.split_once(':')?;
            let bound = |text: &str, open: f64| match text {
                "" => Some(open),
                text => percent(text.strip_suffix('%')?),
            };
            let (low, high) = (bound(low, 0.0)?, bound(high, 100.0)?);
            return (low < high).then_some(Stat::Trimmed(trim(kind)?, low, high));
        }
        if let Some(number) = lower.strip_prefix('p') {
            return percent(number).map(Stat::Percentile);
        }
        let (kind, number) = lower.split_at_checked(2)?;
        Some(Stat::Trimmed(trim(kind)?, 0.0, percent(number)?))
    }

    /// Any statistic.
    pub fn parse(name: &str) -> Option<Self> {
        Self::simple(name).or_else(|| Self::extended(name))
    }
}

/// A number from 0 to 100 with up to ten digits after the point.
fn percent(text: &str) -> Option<f64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.split_once('.').is_none_or(|(_, digits)| (1..=10).contains(&digits.len()));
    text.parse().ok().filter(|number: &f64| is_number && (0.0..=100.0).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::metric::Summary;

    #[test]
    fn names_are_read() {
        let cases = [
            ("Average", Some(Stat::Average)),
            ("p99.9", Some(Stat::Percentile(99.9))),
            ("P50", Some(Stat::Percentile(50.0))),
            ("tm90", Some(Stat::Trimmed(Trim::Mean, 0.0, 90.0))),
            ("TC(10%:90%)", Some(Stat::Trimmed(Trim::Count, 10.0, 90.0))),
            ("TS(:80%)", Some(Stat::Trimmed(Trim::Sum, 0.0, 80.0))),
            ("IQM", Some(Stat::Trimmed(Trim::Mean, 25.0, 75.0))),
            ("p100.1", None),
            ("p", None),
            ("p1e1", None),
            ("TM(150:1000)", None),
            ("PR(:300)", None),
            ("average", None),
            ("é", None),
        ];
        for (name, stat) in cases {
            assert_eq!(Stat::parse(name), stat, "{name}");
        }
    }

    #[test]
    fn statistics_of_known_and_unknown_distributions() {
        let mut summary = Summary::of(1.0);
        (2..=100).for_each(|value| summary.merge(&Summary::of(f64::from(value))));
        let stat = |name: &str| summary.statistic(&Stat::parse(name).expect("a statistic"));
        assert_eq!(stat("SampleCount"), Some(100.0));
        assert_eq!(stat("Average"), Some(50.5));
        assert_eq!(stat("p0"), Some(1.0));
        assert_eq!(stat("p100"), Some(100.0));
        assert_eq!(stat("p50"), Some(50.5));
        assert_eq!(stat("TC(10%:90%)"), Some(80.0));
        assert_eq!(stat("tm50"), Some(25.5));
        let mut unknown = summary.clone();
        unknown.merge(&Summary::of_set(3.0, 6.0, 1.0, 3.0));
        assert_eq!(unknown.statistic(&Stat::Percentile(50.0)), None);
        assert_eq!(unknown.statistic(&Stat::Sum), Some(5056.0));
    }

    #[test]
    fn many_values_stay_few() {
        let mut summary = Summary::of(0.0);
        (1..=20_000).for_each(|value| summary.merge(&Summary::of(f64::from(value))));
        assert!(summary.values.as_ref().is_some_and(|values| values.len() < 1200));
        let median = summary.statistic(&Stat::Percentile(50.0)).expect("known");
        assert!((9_900.0..10_100.0).contains(&median), "{median}");
    }
}
