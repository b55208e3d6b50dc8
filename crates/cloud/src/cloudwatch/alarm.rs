//! Metric alarms: `PutMetricAlarm` and its siblings.
//! [API_PutMetricAlarm](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html)
//!
//! An alarm's actions are kept. There is nothing here that they could reach (SNS topics and the like), so when the alarm turns
//! its history says that they failed, as AWS's does for a topic that does not exist. Actions on instances are refused.

mod describe;
mod put;

use enishi_api::cloudwatch::{
    DeleteAlarmsInput, DisableAlarmActionsInput, EnableAlarmActionsInput, SetAlarmStateInput, ops,
};
use enishi_state::Tx;
use enishi_state::cloudwatch::{Alarm, AlarmId, AlarmState, HistoryKind};
use enishi_wire::Fault;
use serde_json::json;

use super::{alarm_arn, alarm_history, faults, tag};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    put::register(on);
    describe::register(on);
    on.write::<ops::DeleteAlarms>(delete_alarms);
    on.write::<ops::SetAlarmState>(set_alarm_state);
    on.write::<ops::EnableAlarmActions>(enable_alarm_actions);
    on.write::<ops::DisableAlarmActions>(disable_alarm_actions);
}

/// The caller's alarm of that name.
fn own(tx: &Tx<'_>, name: &str) -> Option<Alarm> {
    tx.world().get::<Alarm>(&AlarmId::of(&tx.caller().scope, name)).cloned()
}

/// All or none.
fn delete_alarms(tx: &mut Tx<'_>, input: DeleteAlarmsInput) -> Result<(), Fault> {
    let gone: Vec<&str> =
        input.alarm_names.iter().filter(|name| own(tx, name).is_none()).map(String::as_str).collect();
    if !gone.is_empty() {
        return Err(faults::no_such_alarm(&format!("Alarms [{}] do not exist.", gone.join(", "))));
    }
    for name in &input.alarm_names {
        let Some(alarm) = own(tx, name) else { continue };
        let data =
            json!({ "version": "1.0", "type": "Delete", "deletedAlarm": alarm_history::shown(&alarm) });
        let summary = format!("Alarm \"{name}\" deleted");
        alarm_history::add(tx, &alarm, HistoryKind::ConfigurationUpdate, summary, &data);
        tag::remove_all(tx, &alarm_arn(&alarm.scope, name));
        tx.remove::<Alarm>(&AlarmId::of(&alarm.scope, name));
    }
    Ok(())
}

fn set_alarm_state(tx: &mut Tx<'_>, input: SetAlarmStateInput) -> Result<(), Fault> {
    let alarm = own(tx, &input.alarm_name)
        .ok_or_else(|| faults::no_such_alarm(&format!("Alarm {} does not exist.", input.alarm_name)))?;
    let state = AlarmState::parse(&input.state_value)
        .ok_or_else(|| faults::validation(format!("{} is no state.", input.state_value)))?;
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<serde_json::Value>(data).is_err()
    {
        return Err(Fault::new("InvalidFormat", "The parameter StateReasonData must be JSON."));
    }
    set_state(tx, alarm, state, input.state_reason, input.state_reason_data);
    Ok(())
}

/// Turns an alarm, which writes its history and does what it does.
pub(super) fn set_state(
    tx: &mut Tx<'_>,
    mut alarm: Alarm,
    state: AlarmState,
    reason: String,
    data: Option<String>,
) {
    let told = |state: AlarmState, reason: &str, data: Option<&str>| {
        let data = data.and_then(|data| serde_json::from_str::<serde_json::Value>(data).ok());
        json!({ "stateValue": state.name(), "stateReason": reason, "stateReasonData": data })
    };
    let before = told(alarm.state, &alarm.state_reason, alarm.state_reason_data.as_deref());
    let after = told(state, &reason, data.as_deref());
    let old = alarm.state;
    alarm.state = state;
    alarm.state_reason = reason;
    alarm.state_reason_data = data;
    alarm.state_updated = tx.now();
    if old != state {
        alarm.state_transitioned = tx.now();
        let summary = format!("Alarm updated from {} to {}", old.name(), state.name());
        let data = json!({ "version": "1.0", "oldState": before, "newState": after });
        alarm_history::add(tx, &alarm, HistoryKind::StateUpdate, summary, &data);
        if alarm.actions_enabled {
            for action in alarm.actions.of(state) {
                let error = format!("Resource: {action} does not exist");
                let summary = format!("Failed to execute action {action}. Received error: \"{error}\"");
                let data = json!({ "actionState": "Failed", "notificationResource": action, "error": error });
                alarm_history::add(tx, &alarm, HistoryKind::Action, summary, &data);
            }
        }
    }
    tx.put(alarm);
}

fn enable_alarm_actions(tx: &mut Tx<'_>, input: EnableAlarmActionsInput) -> Result<(), Fault> {
    switch_actions(tx, &input.alarm_names, true);
    Ok(())
}

fn disable_alarm_actions(tx: &mut Tx<'_>, input: DisableAlarmActionsInput) -> Result<(), Fault> {
    switch_actions(tx, &input.alarm_names, false);
    Ok(())
}

/// Names of no alarm are passed over, as AWS does.
fn switch_actions(tx: &mut Tx<'_>, names: &[String], enabled: bool) {
    for name in names {
        let Some(mut alarm) = own(tx, name) else { continue };
        alarm.actions_enabled = enabled;
        let data =
            json!({ "version": "1.0", "type": "Update", "updatedAlarm": alarm_history::shown(&alarm) });
        let summary = format!("Alarm \"{name}\" updated");
        alarm_history::add(tx, &alarm, HistoryKind::ConfigurationUpdate, summary, &data);
        tx.put(alarm);
    }
}
