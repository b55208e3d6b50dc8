//! `PutMetricAlarm`: an alarm is made, or what it watches is changed; then its state stays.

use enishi_api::cloudwatch::{PutMetricAlarmInput, ops};
use enishi_state::cloudwatch::{
    Alarm, AlarmActions, AlarmSource, AlarmState, Comparison, HistoryKind, MetricStat, MissingData, Statistic,
};
use enishi_state::{Scope, Tx};
use enishi_wire::Fault;
use serde_json::json;

use super::own;
use crate::cloudwatch::{Stat, alarm_arn, alarm_history, faults, metric, period, query, tag};
use crate::registry::Registry;

const DAY: u64 = 86_400;

/// Metrics of one expression at most.
const METRICS: usize = 10;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::PutMetricAlarm>(put_metric_alarm);
}

fn put_metric_alarm(tx: &mut Tx<'_>, input: PutMetricAlarmInput) -> Result<(), Fault> {
    refuse_unsupported(&input)?;
    let old = own(tx, &input.alarm_name);
    let tags = input.tags.clone().unwrap_or_default();
    let mut alarm = parse(tx, input)?;
    let (kind, verb) = if old.is_some() { ("Update", "updated") } else { ("Create", "created") };
    match old {
        Some(old) => {
            alarm = Alarm {
                state: old.state,
                state_reason: old.state_reason,
                state_reason_data: old.state_reason_data,
                state_updated: old.state_updated,
                state_transitioned: old.state_transitioned,
                ..alarm
            };
        }
        // "If you are using this operation to update an existing alarm, any tags you specify in this parameter are ignored."
        None => tag::add(tx, &alarm_arn(&alarm.scope, &alarm.name), tags)?,
    }
    let data =
        json!({ "version": "1.0", "type": kind, format!("{verb}Alarm"): alarm_history::shown(&alarm) });
    let summary = format!("Alarm \"{}\" {verb}", alarm.name);
    alarm_history::add(tx, &alarm, HistoryKind::ConfigurationUpdate, summary, &data);
    tx.put(alarm);
    Ok(())
}

fn refuse_unsupported(input: &PutMetricAlarmInput) -> Result<(), Fault> {
    let refused = [
        (input.threshold_metric_id.is_some(), "An alarm on an anomaly detection model (ThresholdMetricId)"),
        (input.evaluation_criteria.is_some(), "A PromQL alarm (EvaluationCriteria)"),
        (input.evaluation_interval.is_some(), "EvaluationInterval"),
        (input.evaluation_window.is_some(), "EvaluationWindow"),
        (input.warm_up_configuration.is_some(), "WarmUpConfiguration"),
        (input.action_configuration.is_some(), "ActionConfiguration"),
    ];
    match refused.into_iter().find(|(is_there, _)| *is_there) {
        Some((_, what)) => Err(faults::not_supported(what)),
        None => Ok(()),
    }
}

fn parse(tx: &Tx<'_>, input: PutMetricAlarmInput) -> Result<Alarm, Fault> {
    let now = tx.now();
    let scope = tx.caller().scope.clone();
    let source = source(&scope, &input)?;
    let evaluation_periods = positive(input.evaluation_periods, "EvaluationPeriods")?
        .ok_or_else(|| faults::missing("EvaluationPeriods"))?;
    let datapoints_to_alarm = positive(input.datapoints_to_alarm, "DatapointsToAlarm")?;
    if datapoints_to_alarm.is_some_and(|number| number > evaluation_periods) {
        let message = "DatapointsToAlarm must be less than or equal to EvaluationPeriods.";
        return Err(faults::validation(message));
    }
    let threshold = input.threshold.filter(|number| number.is_finite());
    let alarm = Alarm {
        scope,
        name: input.alarm_name,
        description: input.alarm_description,
        actions_enabled: input.actions_enabled.unwrap_or(true),
        actions: AlarmActions {
            ok: actions(input.ok_actions)?,
            alarm: actions(input.alarm_actions)?,
            insufficient_data: actions(input.insufficient_data_actions)?,
        },
        source,
        evaluation_periods,
        datapoints_to_alarm,
        threshold: threshold.ok_or_else(|| faults::missing("Threshold"))?,
        comparison: comparison(input.comparison_operator.as_deref())?,
        missing_data: input.treat_missing_data.as_deref().map(missing_data).transpose()?,
        ignores_few_samples: input
            .evaluate_low_sample_count_percentile
            .as_deref()
            .map(few_samples)
            .transpose()?,
        state: AlarmState::InsufficientData,
        state_reason: "Unchecked: Initial alarm creation".to_owned(),
        state_reason_data: None,
        state_updated: now,
        state_transitioned: now,
        configured: now,
    };
    check_span(&alarm)?;
    Ok(alarm)
}

fn positive(number: Option<i32>, name: &str) -> Result<Option<u32>, Fault> {
    let parsed = number.map(|number| u32::try_from(number).ok().filter(|number| *number > 0));
    match parsed {
        Some(None) => Err(faults::validation(format!("The parameter {name} must be greater than 0."))),
        other => Ok(other.flatten()),
    }
}

fn source(scope: &Scope, input: &PutMetricAlarmInput) -> Result<AlarmSource, Fault> {
    let Some(queries) = &input.metrics else { return metric_source(scope, input) };
    let is_metric = input.metric_name.is_some()
        || input.namespace.is_some()
        || input.statistic.is_some()
        || input.extended_statistic.is_some()
        || input.period.is_some()
        || input.dimensions.as_ref().is_some_and(|dimensions| !dimensions.is_empty());
    if is_metric {
        return Err(faults::validation(
            "If you use the Metrics parameter, you cannot include the Namespace, MetricName, Dimensions, Period, Unit, \
             Statistic, or ExtendedStatistic parameters of PutMetricAlarm in the same operation.",
        ));
    }
    let queries = query::parse(scope, queries)?;
    if queries.iter().filter(|query| query.stat.is_some()).count() > METRICS {
        return Err(faults::validation(format!("An alarm may have {METRICS} metrics at most.")));
    }
    if queries.iter().filter(|query| query.is_returned).count() != 1 {
        return Err(faults::validation("Exactly one element of the metrics list should return data."));
    }
    Ok(AlarmSource::Queries(queries))
}

fn metric_source(scope: &Scope, input: &PutMetricAlarmInput) -> Result<AlarmSource, Fault> {
    let name = input.metric_name.as_deref().ok_or_else(|| faults::missing("MetricName"))?;
    let namespace = input.namespace.as_deref().ok_or_else(|| faults::missing("Namespace"))?;
    let seconds = input.period.ok_or_else(|| faults::missing("Period"))?;
    let period = period(seconds).ok().filter(|period| *period >= 10).ok_or_else(|| {
        faults::validation(format!("Period {seconds} must be 10, 20, 30 or a multiple of 60."))
    })?;
    let (stat, kind) = match (&input.statistic, &input.extended_statistic) {
        (Some(stat), None) => (stat, Statistic::Simple),
        (None, Some(stat)) if Stat::extended(stat).is_some() => (stat, Statistic::Extended),
        (None, Some(stat)) => {
            return Err(faults::validation(format!(
                "The value {stat} for parameter ExtendedStatistic is not supported."
            )));
        }
        _ => {
            return Err(faults::invalid_combination(
                "Exactly one of Statistic and ExtendedStatistic must be specified.",
            ));
        }
    };
    let stat = MetricStat {
        metric: metric(scope, namespace, name, input.dimensions.as_deref()),
        period,
        stat: stat.clone(),
        unit: input.unit.clone(),
    };
    Ok(AlarmSource::Metric(stat, kind))
}

fn comparison(name: Option<&str>) -> Result<Comparison, Fault> {
    let name = name.ok_or_else(|| faults::missing("ComparisonOperator"))?;
    let found = Comparison::ALL.iter().find(|(_, known)| *known == name);
    found
        .map(|(comparison, _)| *comparison)
        .ok_or_else(|| faults::not_supported(&format!("The comparison {name}")))
}

fn missing_data(name: &str) -> Result<MissingData, Fault> {
    let found = MissingData::ALL.iter().find(|(_, known)| *known == name).map(|(treatment, _)| *treatment);
    found.ok_or_else(|| faults::validation(format!("Invalid treatMissingData value: {name}")))
}

fn few_samples(name: &str) -> Result<bool, Fault> {
    match name {
        "ignore" => Ok(true),
        "evaluate" => Ok(false),
        other => Err(faults::validation(format!(
            "Option {other} is not supported for EvaluateLowSampleCountPercentile."
        ))),
    }
}

fn actions(arns: Option<Vec<String>>) -> Result<Vec<String>, Fault> {
    let arns = arns.unwrap_or_default();
    for arn in &arns {
        if !arn.starts_with("arn:") || arn.split(':').count() < 6 {
            return Err(faults::validation(format!("Invalid arn syntax: {arn}")));
        }
        if arn.contains(":automate:") || arn.contains(":action/actions/AWS_EC2") {
            return Err(faults::not_supported("An alarm action on an instance"));
        }
    }
    Ok(arns)
}

fn check_span(alarm: &Alarm) -> Result<(), Fault> {
    let seconds = u64::from(alarm.period()) * u64::from(alarm.evaluation_periods);
    let (most, words) = if alarm.period() >= 3600 { (7 * DAY, "seven days") } else { (DAY, "a day") };
    if seconds <= most {
        return Ok(());
    }
    Err(faults::validation(format!(
        "Metrics cannot be checked across more than {words} (EvaluationPeriods * Period must be <= {most})."
    )))
}
