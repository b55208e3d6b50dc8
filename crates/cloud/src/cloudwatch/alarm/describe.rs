//! `DescribeAlarms` and `DescribeAlarmsForMetric`.

use enishi_api::cloudwatch::{
    DescribeAlarmsForMetricInput, DescribeAlarmsForMetricOutput, DescribeAlarmsInput, DescribeAlarmsOutput,
    MetricAlarm, ops,
};
use enishi_state::Read;
use enishi_state::cloudwatch::{Alarm, AlarmSource, MetricStat, Statistic};
use enishi_wire::{Fault, Timestamp};

use crate::cloudwatch::{alarm_arn, dimensions, faults, metric, query};
use crate::registry::Registry;

/// Alarms of one page, where the request does not say.
const PAGE: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAlarms>(describe_alarms);
    on.read::<ops::DescribeAlarmsForMetric>(describe_alarms_for_metric);
}

fn of_caller<'w>(read: &Read<'w>) -> impl Iterator<Item = &'w Alarm> + use<'w> {
    read.world.by::<Alarm>("scope", &read.caller.scope.to_string())
}

/// In the order of names. The token of a page is the last name of the one before.
fn describe_alarms(read: &Read<'_>, input: DescribeAlarmsInput) -> Result<DescribeAlarmsOutput, Fault> {
    if input.alarm_names.is_some() && input.alarm_name_prefix.is_some() {
        return Err(faults::validation("AlarmNames and AlarmNamePrefix cannot be specified together."));
    }
    let wants_metric_alarms = input
        .alarm_types
        .as_ref()
        .is_none_or(|types| types.is_empty() || types.iter().any(|name| name == "MetricAlarm"));
    // Only composite alarms have parents and children.
    let is_family = input.children_of_alarm_name.is_some() || input.parents_of_alarm_name.is_some();
    let is_wanted = |alarm: &&Alarm| {
        let begins = |arn: &String, prefix: &String| arn.starts_with(prefix.as_str());
        let actions = [&alarm.actions.ok, &alarm.actions.alarm, &alarm.actions.insufficient_data];
        input.alarm_names.as_ref().is_none_or(|names| names.contains(&alarm.name))
            && input.alarm_name_prefix.as_ref().is_none_or(|prefix| alarm.name.starts_with(prefix))
            && input.state_value.as_ref().is_none_or(|state| state == alarm.state.name())
            && input.next_token.as_ref().is_none_or(|last| alarm.name > *last)
            && input
                .action_prefix
                .as_ref()
                .is_none_or(|prefix| actions.iter().any(|arns| arns.iter().any(|arn| begins(arn, prefix))))
    };
    let limit = input.max_records.and_then(|number| usize::try_from(number).ok()).unwrap_or(PAGE);
    let mut found: Vec<&Alarm> = match wants_metric_alarms && !is_family {
        true => of_caller(read).filter(is_wanted).take(limit + 1).collect(),
        false => Vec::new(),
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok(DescribeAlarmsOutput {
        next_token: found.last().filter(|_| has_more).map(|alarm| alarm.name.clone()),
        metric_alarms: Some(found.into_iter().map(shape).collect()),
        composite_alarms: Some(Vec::new()),
        ..Default::default()
    })
}

fn describe_alarms_for_metric(
    read: &Read<'_>,
    input: DescribeAlarmsForMetricInput,
) -> Result<DescribeAlarmsForMetricOutput, Fault> {
    let wanted =
        metric(&read.caller.scope, &input.namespace, &input.metric_name, input.dimensions.as_deref());
    let stat_name = input.statistic.or(input.extended_statistic);
    let fits = |stat: &MetricStat| {
        stat.metric == wanted
            && stat_name.as_ref().is_none_or(|name| *name == stat.stat)
            && input.period.is_none_or(|period| i64::from(period) == i64::from(stat.period))
            && (input.unit.is_none() || input.unit == stat.unit)
    };
    let found =
        of_caller(read).filter(|alarm| matches!(&alarm.source, AlarmSource::Metric(stat, _) if fits(stat)));
    Ok(DescribeAlarmsForMetricOutput { metric_alarms: Some(found.map(shape).collect()) })
}

/// An alarm as responses show it.
fn shape(alarm: &Alarm) -> MetricAlarm {
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let time = |time: enishi_state::Timestamp| Some(Timestamp::from_millis(time.0));
    let shown = MetricAlarm {
        alarm_name: Some(alarm.name.clone()),
        alarm_arn: Some(alarm_arn(&alarm.scope, &alarm.name)),
        alarm_description: alarm.description.clone(),
        alarm_configuration_updated_timestamp: time(alarm.configured),
        actions_enabled: Some(alarm.actions_enabled),
        ok_actions: Some(alarm.actions.ok.clone()),
        alarm_actions: Some(alarm.actions.alarm.clone()),
        insufficient_data_actions: Some(alarm.actions.insufficient_data.clone()),
        state_value: Some(alarm.state.name().to_owned()),
        state_reason: Some(alarm.state_reason.clone()),
        state_reason_data: alarm.state_reason_data.clone(),
        state_updated_timestamp: time(alarm.state_updated),
        state_transitioned_timestamp: time(alarm.state_transitioned),
        evaluation_periods: Some(number(alarm.evaluation_periods)),
        datapoints_to_alarm: alarm.datapoints_to_alarm.map(number),
        threshold: Some(alarm.threshold),
        comparison_operator: Some(alarm.comparison.name().to_owned()),
        treat_missing_data: alarm.missing_data.map(|treatment| treatment.name().to_owned()),
        evaluate_low_sample_count_percentile: alarm
            .ignores_few_samples
            .map(|ignores| if ignores { "ignore" } else { "evaluate" }.to_owned()),
        ..Default::default()
    };
    match &alarm.source {
        AlarmSource::Queries(queries) => {
            MetricAlarm { metrics: Some(queries.iter().map(query::shape).collect()), ..shown }
        }
        AlarmSource::Metric(stat, kind) => MetricAlarm {
            metric_name: Some(stat.metric.name.clone()),
            namespace: Some(stat.metric.namespace.clone()),
            dimensions: Some(dimensions(&stat.metric)),
            period: Some(number(stat.period)),
            unit: stat.unit.clone(),
            statistic: (*kind == Statistic::Simple).then(|| stat.stat.clone()),
            extended_statistic: (*kind == Statistic::Extended).then(|| stat.stat.clone()),
            ..shown
        },
    }
}
