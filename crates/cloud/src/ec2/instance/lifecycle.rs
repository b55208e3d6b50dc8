//! `StartInstances`, `StopInstances`, `RebootInstances`, `TerminateInstances`, and the steps that [`crate::tick`] takes.
//!
//! What AWS promises: an operation on several instances changes all or none; asking for the state that an instance is in
//! already, or on its way to, is no error. A stopped instance keeps its interfaces, private addresses and Elastic IPs; a
//! terminated one loses all interfaces, and those with `DeleteOnTermination` are deleted.
//!
//! | from | start | stop | reboot | terminate |
//! |---|---|---|---|---|
//! | pending | (nothing) | refused | (nothing) | shutting-down |
//! | running | (nothing) | stopping | boots again | shutting-down |
//! | stopping | refused | (nothing) | refused | shutting-down |
//! | stopped | pending | (nothing) | refused | shutting-down |
//! | shutting-down, terminated | refused | refused | refused | (nothing) |

use enishi_api::ec2::{
    self as api, InstanceStateChange, RebootInstancesRequest, StartInstancesRequest, StartInstancesResult,
    StopInstancesRequest, StopInstancesResult, TerminateInstancesRequest, TerminateInstancesResult, ops,
};
use enishi_state::ec2::{
    Instance, InstanceId, InstanceState, NetworkInterface, NetworkInterfaceId, StateReason, StateReasonCode,
};
use enishi_state::{Timestamp, Tx};
use enishi_wire::Fault;

use super::super::address::association;
use super::super::{faults, ids, network_interface, tag, volume};
use crate::elb;
use crate::elbv2::target;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::StartInstances>(start_instances);
    on.write::<ops::StopInstances>(stop_instances);
    on.write::<ops::RebootInstances>(reboot_instances);
    on.write::<ops::TerminateInstances>(terminate_instances);
}

fn start_instances(tx: &mut Tx<'_>, input: StartInstancesRequest) -> Result<StartInstancesResult, Fault> {
    let changes = each(tx, &input.instance_ids, |tx, row| match row.state {
        InstanceState::Pending | InstanceState::Running => Ok(()),
        InstanceState::Stopped => start(tx, row),
        InstanceState::Stopping | InstanceState::ShuttingDown | InstanceState::Terminated => {
            Err(faults::incorrect_instance_state(format!(
                "The instance '{}' is not in a state from which it can be started.",
                row.id
            )))
        }
    })?;
    Ok(StartInstancesResult { starting_instances: Some(changes) })
}

fn stop_instances(tx: &mut Tx<'_>, input: StopInstancesRequest) -> Result<StopInstancesResult, Fault> {
    if input.hibernate.unwrap_or(false) {
        return Err(faults::unsupported_operation("Hibernation is not supported by Enishi."));
    }
    let changes = each(tx, &input.instance_ids, |tx, row| match row.state {
        InstanceState::Stopping | InstanceState::Stopped => Ok(()),
        InstanceState::Running if row.disable_api_stop => {
            Err(faults::protected(&row.id, "stopped", "disableApiStop"))
        }
        InstanceState::Running => {
            begin_end(tx, &row.id, InstanceState::Stopping, user_initiated());
            Ok(())
        }
        InstanceState::Pending => Err(faults::incorrect_instance_state(format!(
            "Instance '{}' cannot be stopped as it has never reached the 'running' state.",
            row.id
        ))),
        InstanceState::ShuttingDown | InstanceState::Terminated => Err(faults::incorrect_instance_state(
            format!("This instance '{}' is not in a state from which it can be stopped.", row.id),
        )),
    })?;
    Ok(StopInstancesResult { stopping_instances: Some(changes) })
}

fn reboot_instances(tx: &mut Tx<'_>, input: RebootInstancesRequest) -> Result<(), Fault> {
    each(tx, &input.instance_ids, |tx, row| match row.state {
        // One that is starting is about to boot anyway.
        InstanceState::Pending => Ok(()),
        InstanceState::Running => {
            let generation = tx.next_generation();
            tx.modify::<Instance>(&row.id, |row| {
                row.boot = row.boot.saturating_add(1);
                row.generation = generation;
            });
            Ok(())
        }
        _ => Err(faults::incorrect_instance_state(format!(
            "This instance '{}' is not in a state from which it can be rebooted.",
            row.id
        ))),
    })?;
    Ok(())
}

fn terminate_instances(
    tx: &mut Tx<'_>,
    input: TerminateInstancesRequest,
) -> Result<TerminateInstancesResult, Fault> {
    let changes = each(tx, &input.instance_ids, |tx, row| match row.state {
        InstanceState::ShuttingDown | InstanceState::Terminated => Ok(()),
        _ if row.disable_api_termination => {
            Err(faults::protected(&row.id, "terminated", "disableApiTermination"))
        }
        _ => {
            begin_end(tx, &row.id, InstanceState::ShuttingDown, user_initiated());
            Ok(())
        }
    })?;
    Ok(TerminateInstancesResult { terminating_instances: Some(changes) })
}

/// Does something with each instance, and tells its state before and after.
fn each(
    tx: &mut Tx<'_>,
    requested: &[String],
    mut act: impl FnMut(&mut Tx<'_>, &Instance) -> Result<(), Fault>,
) -> Result<Vec<InstanceStateChange>, Fault> {
    if requested.is_empty() {
        return Err(faults::missing_parameter("instancesSet"));
    }
    let rows: Vec<Instance> = ids::select::<Instance>(&tx.read(), requested)?.into_iter().cloned().collect();
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        act(tx, &row)?;
        let current = tx.world().get::<Instance>(&row.id).map_or(row.state, |changed| changed.state);
        changes.push(InstanceStateChange {
            instance_id: Some(row.id.to_string()),
            current_state: Some(state(current)),
            previous_state: Some(state(row.state)),
        });
    }
    Ok(changes)
}

/// A state as responses show it.
pub(super) fn state(of: InstanceState) -> api::InstanceState {
    api::InstanceState { code: Some(of.code()), name: Some(of.name().to_owned()) }
}

fn user_initiated() -> StateReason {
    StateReason {
        code: StateReasonCode::UserInitiated,
        message: "Client.UserInitiatedShutdown: User initiated shutdown".to_owned(),
    }
}

fn start(tx: &mut Tx<'_>, row: &Instance) -> Result<(), Fault> {
    let (now, generation) = (tx.now(), tx.next_generation());
    tx.modify::<Instance>(&row.id, |row| {
        row.state = InstanceState::Pending;
        row.state_reason = None;
        row.state_transition_reason = String::new();
        row.launched = now;
        row.boot = row.boot.saturating_add(1);
        row.generation = generation;
    });
    match primary(tx, &row.id) {
        Some(interface) => association::restore_automatic(tx, &interface),
        None => Ok(()),
    }
}

fn primary(tx: &Tx<'_>, instance: &InstanceId) -> Option<NetworkInterfaceId> {
    let row = tx.world().get::<Instance>(instance)?;
    super::launch::primary_interface(tx.world(), row).map(|interface| interface.id.clone())
}

/// Begins to stop or terminate an instance: its automatic public address is released at once, as are, when it is to be
/// terminated, the Elastic IPs.
pub(crate) fn begin_end(tx: &mut Tx<'_>, instance: &InstanceId, to: InstanceState, reason: StateReason) {
    let (now, generation) = (tx.now(), tx.next_generation());
    tx.modify::<Instance>(instance, |row| {
        row.state = to;
        row.state_transition_reason = match reason.code {
            StateReasonCode::UserInitiated => format!("User initiated ({})", gmt(now)),
            StateReasonCode::InstanceInitiated | StateReasonCode::InternalError => String::new(),
        };
        row.state_reason = Some(reason);
        row.generation = generation;
    });
    target::instance_ends(tx, instance);
    elb::instance::instance_ends(tx, instance);
    for interface in interfaces(tx, instance) {
        association::release_automatic(tx, &interface.id);
        if to == InstanceState::ShuttingDown {
            association::detach_all(tx, &interface);
        }
    }
}

/// The instance's processes are gone: it is stopped.
pub(crate) fn finish_stop(tx: &mut Tx<'_>, instance: &InstanceId) {
    tx.modify::<Instance>(instance, |row| row.state = InstanceState::Stopped);
}

/// The instance's processes are gone for good: it is terminated, and its interfaces are deleted or detached.
pub(crate) fn finish_terminate(tx: &mut Tx<'_>, instance: &InstanceId) {
    let now = tx.now();
    tx.modify::<Instance>(instance, |row| {
        row.state = InstanceState::Terminated;
        row.terminated = Some(now);
        row.private_dns_name = String::new();
    });
    volume::release(tx, instance);
    target::instance_is_gone(tx, instance);
    elb::instance::instance_is_gone(tx, instance);
    for interface in interfaces(tx, instance) {
        let deletes =
            interface.attachment.as_ref().is_some_and(|attachment| attachment.delete_on_termination);
        match deletes {
            true => network_interface::remove(tx, &interface),
            false => {
                tx.modify::<NetworkInterface>(&interface.id, |row| row.attachment = None);
            }
        }
    }
}

/// Forgets an instance that was terminated long ago.
pub(crate) fn forget(tx: &mut Tx<'_>, instance: &InstanceId) {
    tag::remove_all(tx, instance.as_str());
    tx.remove::<Instance>(instance);
}

fn interfaces(tx: &Tx<'_>, instance: &InstanceId) -> Vec<NetworkInterface> {
    tx.world().by::<NetworkInterface>("instance", instance.as_str()).cloned().collect()
}

/// `2026-11-22 19:47:24 GMT`
fn gmt(at: Timestamp) -> String {
    let text = enishi_wire::Timestamp::from_seconds(at.seconds()).date_time();
    format!("{} GMT", text.replace('T', " ").trim_end_matches('Z'))
}
