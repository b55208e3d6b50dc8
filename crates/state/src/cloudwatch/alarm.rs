//! Alarms. [Using Amazon CloudWatch alarms](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html)

use serde::{Deserialize, Serialize};

use super::{MetricQuery, MetricStat};
use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(AlarmId, "an alarm: account/region:name");

impl AlarmId {
    /// The id of the alarm of that name. Ids sort by name within an account and region.
    pub fn of(scope: &Scope, name: &str) -> Self {
        AlarmId::new(&format!("{scope}:{name}"))
    }
}

/// A state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmState {
    /// The metric is within the threshold.
    Ok,
    /// It is outside.
    Alarm,
    /// Not known: the alarm is new, or there are no data.
    InsufficientData,
}

impl AlarmState {
    /// AWS's name.
    pub fn name(self) -> &'static str {
        match self {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// How a value is compared with the threshold; the alarm is about values for which it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Comparison {
    /// Every comparison with AWS's name.
    pub const ALL: [(Comparison, &'static str); 4] = [
        (Comparison::GreaterOrEqual, "GreaterThanOrEqualToThreshold"),
        (Comparison::Greater, "GreaterThanThreshold"),
        (Comparison::Less, "LessThanThreshold"),
        (Comparison::LessOrEqual, "LessThanOrEqualToThreshold"),
    ];

    /// AWS's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Whether it is true of a value.
    pub fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Greater => value > threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }
}

/// What periods without data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingData {
    /// Outside of the threshold.
    Breaching,
    /// Within it.
    NotBreaching,
    /// No reason to leave the state.
    Ignore,
    /// Missing.
    Missing,
}

impl MissingData {
    /// Every treatment with AWS's name.
    pub const ALL: [(MissingData, &'static str); 4] = [
        (MissingData::Breaching, "breaching"),
        (MissingData::NotBreaching, "notBreaching"),
        (MissingData::Ignore, "ignore"),
        (MissingData::Missing, "missing"),
    ];

    /// AWS's name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }
}

/// Which of the two members of requests named the statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statistic {
    /// `Statistic`.
    Simple,
    /// `ExtendedStatistic`: a percentile and its like.
    Extended,
}

/// What an alarm watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlarmSource {
    /// A metric.
    Metric(MetricStat, Statistic),
    /// Queries, one of which is returned.
    Queries(Vec<MetricQuery>),
}

/// What an alarm does when its state turns: ARNs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmActions {
    /// To OK.
    pub ok: Vec<String>,
    /// To ALARM.
    pub alarm: Vec<String>,
    /// To INSUFFICIENT_DATA.
    pub insufficient_data: Vec<String>,
}

impl AlarmActions {
    /// What is done when the state turns to this.
    pub fn of(&self, state: AlarmState) -> &[String] {
        match state {
            AlarmState::Ok => &self.ok,
            AlarmState::Alarm => &self.alarm,
            AlarmState::InsufficientData => &self.insufficient_data,
        }
    }
}

/// A metric alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in account and region.
    pub name: String,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// Whether it does anything when its state turns.
    pub actions_enabled: bool,
    /// What it does.
    pub actions: AlarmActions,
    /// What it watches.
    pub source: AlarmSource,
    /// How many periods are looked at.
    pub evaluation_periods: u32,
    /// How many of them must breach; `None` is all.
    pub datapoints_to_alarm: Option<u32>,
    /// The threshold.
    pub threshold: f64,
    /// How values are compared with it.
    pub comparison: Comparison,
    /// What periods without data are; `None` is [`MissingData::Missing`].
    pub missing_data: Option<MissingData>,
    /// Whether percentiles of too few samples leave the state alone.
    pub ignores_few_samples: Option<bool>,
    /// Its state.
    pub state: AlarmState,
    /// Why, for people.
    pub state_reason: String,
    /// Why, as JSON.
    pub state_reason_data: Option<String>,
    /// When state or reason changed last.
    pub state_updated: Timestamp,
    /// When the state changed last.
    pub state_transitioned: Timestamp,
    /// When it was put last.
    pub configured: Timestamp,
}

impl Alarm {
    /// The periods that must breach.
    pub fn datapoints_to_alarm(&self) -> usize {
        usize::try_from(self.datapoints_to_alarm.unwrap_or(self.evaluation_periods)).unwrap_or(usize::MAX)
    }

    /// The statistics that it is computed from.
    pub fn stats(&self) -> impl Iterator<Item = &MetricStat> {
        let (one, many) = match &self.source {
            AlarmSource::Metric(stat, _) => (Some(stat), None),
            AlarmSource::Queries(queries) => (None, Some(queries)),
        };
        one.into_iter().chain(many.into_iter().flatten().filter_map(|query| query.stat.as_ref()))
    }

    /// Seconds of one of its periods.
    pub fn period(&self) -> u32 {
        let of_expression = match &self.source {
            AlarmSource::Metric(..) => None,
            AlarmSource::Queries(queries) => {
                queries.iter().find(|query| query.is_returned).and_then(|query| query.period)
            }
        };
        of_expression.or_else(|| self.stats().map(|stat| stat.period).max()).unwrap_or(60)
    }
}

impl Row for Alarm {
    type Id = AlarmId;
    const TABLE: &'static str = "cloudwatch_alarm";

    fn id(&self) -> AlarmId {
        AlarmId::of(&self.scope, &self.name)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
