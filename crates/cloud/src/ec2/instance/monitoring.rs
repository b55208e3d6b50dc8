//! `MonitorInstances` and `UnmonitorInstances`: detailed monitoring is kept and shown.

use enishi_api::ec2::{
    InstanceMonitoring, MonitorInstancesRequest, MonitorInstancesResult, UnmonitorInstancesRequest,
    UnmonitorInstancesResult, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{Instance, InstanceId};
use enishi_wire::Fault;

use super::super::{faults, ids};
use super::shape;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::MonitorInstances>(monitor_instances);
    on.stored_write::<ops::UnmonitorInstances>(unmonitor_instances);
}

fn monitor_instances(
    tx: &mut Tx<'_>,
    input: MonitorInstancesRequest,
) -> Result<MonitorInstancesResult, Fault> {
    Ok(MonitorInstancesResult { instance_monitorings: Some(set(tx, &input.instance_ids, true)?) })
}

fn unmonitor_instances(
    tx: &mut Tx<'_>,
    input: UnmonitorInstancesRequest,
) -> Result<UnmonitorInstancesResult, Fault> {
    Ok(UnmonitorInstancesResult { instance_monitorings: Some(set(tx, &input.instance_ids, false)?) })
}

fn set(tx: &mut Tx<'_>, requested: &[String], on: bool) -> Result<Vec<InstanceMonitoring>, Fault> {
    if requested.is_empty() {
        return Err(faults::missing_parameter("instancesSet"));
    }
    let ids: Vec<InstanceId> =
        ids::select::<Instance>(&tx.read(), requested)?.into_iter().map(|row| row.id.clone()).collect();
    let mut shown = Vec::with_capacity(ids.len());
    for id in ids {
        tx.modify::<Instance>(&id, |row| row.monitoring = on);
        shown.push(InstanceMonitoring {
            instance_id: Some(id.to_string()),
            monitoring: tx.world().get::<Instance>(&id).map(shape::monitoring),
        });
    }
    Ok(shown)
}
