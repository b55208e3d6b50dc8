//! CloudWatch: alarms and their history. Metrics are not rows: they are many, and live in a store of their own.

mod alarm;
mod alarm_history;
mod metric;

pub use alarm::{Alarm, AlarmActions, AlarmId, AlarmSource, AlarmState, Comparison, MissingData, Statistic};
pub use alarm_history::{AlarmHistory, AlarmHistoryId, HistoryKind};
pub use metric::{MetricId, MetricQuery, MetricStat};
