//! `DescribeAlarmHistory`, and how the history is written.
//! [API_DescribeAlarmHistory](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html)

use enishi_api::cloudwatch::{AlarmHistoryItem, DescribeAlarmHistoryInput, DescribeAlarmHistoryOutput, ops};
use enishi_state::cloudwatch::{Alarm, AlarmHistory, AlarmHistoryId, AlarmSource, HistoryKind};
use enishi_state::{Read, Row, Timestamp, Tx, World};
use enishi_wire::{Fault, Timestamp as Shown};
use serde_json::{Value as Json, json};

use super::{alarm_arn, faults};
use crate::registry::Registry;

/// "CloudWatch retains the history of an alarm even if you delete the alarm": for 30 days.
const KEPT_SECONDS: i64 = 30 * 24 * 3600;

/// Bytes of an entry's summary and data at most.
const SUMMARY_BYTES: usize = 255;
const DATA_BYTES: usize = 4095;

/// Entries of one page, where the request does not say.
const PAGE: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAlarmHistory>(describe_alarm_history);
}

/// Writes an entry.
pub(super) fn add(tx: &mut Tx<'_>, alarm: &Alarm, kind: HistoryKind, mut summary: String, data: &Json) {
    let mut data = data.to_string();
    for (text, most) in [(&mut summary, SUMMARY_BYTES), (&mut data, DATA_BYTES)] {
        text.truncate((0..=most).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
    }
    let mut entry = AlarmHistory {
        scope: alarm.scope.clone(),
        alarm: alarm.name.clone(),
        at: tx.now(),
        number: 0,
        kind,
        summary,
        data,
    };
    while tx.world().get::<AlarmHistory>(&entry.id()).is_some() {
        entry.number += 1;
    }
    tx.put(entry);
}

/// An alarm's configuration as the history has it.
pub(super) fn shown(alarm: &Alarm) -> Json {
    let source = match &alarm.source {
        AlarmSource::Metric(stat, _) => json!({
            "metricName": stat.metric.name,
            "namespace": stat.metric.namespace,
            "statistic": stat.stat,
            "period": stat.period,
        }),
        AlarmSource::Queries(queries) => {
            json!({ "metrics": queries.iter().map(|query| query.id.clone()).collect::<Vec<_>>() })
        }
    };
    let mut shown = json!({
        "alarmName": alarm.name,
        "alarmArn": alarm_arn(&alarm.scope, &alarm.name),
        "alarmDescription": alarm.description,
        "actionsEnabled": alarm.actions_enabled,
        "okActions": alarm.actions.ok,
        "alarmActions": alarm.actions.alarm,
        "insufficientDataActions": alarm.actions.insufficient_data,
        "evaluationPeriods": alarm.evaluation_periods,
        "datapointsToAlarm": alarm.datapoints_to_alarm,
        "threshold": alarm.threshold,
        "comparisonOperator": alarm.comparison.name(),
        "treatMissingData": alarm.missing_data.map(|treatment| treatment.name()),
        "stateValue": alarm.state.name(),
    });
    if let (Some(object), Json::Object(source)) = (shown.as_object_mut(), source) {
        object.extend(source);
    }
    shown
}

/// The newest first, unless the request says otherwise. The token of a page is how many entries came before.
fn describe_alarm_history(
    read: &Read<'_>,
    input: DescribeAlarmHistoryInput,
) -> Result<DescribeAlarmHistoryOutput, Fault> {
    let before = input.next_token.as_deref().map_or(Ok(0), str::parse::<usize>);
    let before = before.map_err(|_| faults::invalid_token())?;
    let limit = input.max_records.and_then(|number| usize::try_from(number).ok()).unwrap_or(PAGE);
    let is_wanted = |entry: &&AlarmHistory| {
        let at = Shown::from_millis(entry.at.0);
        input.alarm_name.as_ref().is_none_or(|name| *name == entry.alarm)
            && input.history_item_type.as_ref().is_none_or(|kind| kind == entry.kind.name())
            && input.start_date.is_none_or(|start| at >= start)
            && input.end_date.is_none_or(|end| at <= end)
    };
    let is_of_metric_alarms = input
        .alarm_types
        .as_ref()
        .is_none_or(|types| types.is_empty() || types.iter().any(|name| name == "MetricAlarm"));
    let all = read.world.by::<AlarmHistory>("scope", &read.caller.scope.to_string());
    let mut found: Vec<&AlarmHistory> = all.filter(|_| is_of_metric_alarms).filter(is_wanted).collect();
    found.sort_by_key(|entry| (entry.at, entry.number));
    if input.scan_by.as_deref() != Some("TimestampAscending") {
        found.reverse();
    }
    let has_more = found.len() > before.saturating_add(limit);
    let page = found.into_iter().skip(before).take(limit);
    Ok(DescribeAlarmHistoryOutput {
        alarm_history_items: Some(page.map(shape).collect()),
        next_token: has_more.then(|| (before + limit).to_string()),
    })
}

fn shape(entry: &AlarmHistory) -> AlarmHistoryItem {
    AlarmHistoryItem {
        alarm_name: Some(entry.alarm.clone()),
        alarm_type: Some("MetricAlarm".to_owned()),
        timestamp: Some(Shown::from_millis(entry.at.0)),
        history_item_type: Some(entry.kind.name().to_owned()),
        history_summary: Some(entry.summary.clone()),
        history_data: Some(entry.data.clone()),
        ..Default::default()
    }
}

/// The entries whose time is over.
pub fn to_forget(world: &World, now: Timestamp) -> impl Iterator<Item = AlarmHistoryId> {
    let is_over = move |entry: &&AlarmHistory| entry.at.plus_seconds(KEPT_SECONDS) <= now;
    world.in_order::<AlarmHistory>("at").take_while(is_over).map(Row::id)
}

/// When the next entry's time is over.
pub fn next_to_forget(world: &World) -> Option<Timestamp> {
    world.in_order::<AlarmHistory>("at").next().map(|entry| entry.at.plus_seconds(KEPT_SECONDS))
}
