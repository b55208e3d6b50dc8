//! How long a group keeps its events. The event store drops older ones.
//! [API_PutRetentionPolicy](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)

use enishi_api::logs::{DeleteRetentionPolicyRequest, PutRetentionPolicyRequest, ops};
use enishi_state::logs::LogGroup;
use enishi_state::{Row, Tx};
use enishi_wire::Fault;

use super::{faults, find_group};
use crate::registry::Registry;

/// The days that AWS offers.
const DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::PutRetentionPolicy>(put_retention_policy);
    on.write::<ops::DeleteRetentionPolicy>(delete_retention_policy);
}

fn put_retention_policy(tx: &mut Tx<'_>, input: PutRetentionPolicyRequest) -> Result<(), Fault> {
    let group = find_group(tx.world(), &tx.caller().scope, &input.log_group_name)?.id();
    let days = u32::try_from(input.retention_in_days).ok().filter(|days| DAYS.contains(days));
    let days = days.ok_or_else(|| {
        let known: Vec<String> = DAYS.iter().map(u32::to_string).collect();
        let known = known.join(", ");
        faults::invalid_parameter(format!("Invalid retention value. Valid values are: [{known}]"))
    })?;
    tx.modify::<LogGroup>(&group, |row| row.retention_days = Some(days));
    Ok(())
}

fn delete_retention_policy(tx: &mut Tx<'_>, input: DeleteRetentionPolicyRequest) -> Result<(), Fault> {
    let group = find_group(tx.world(), &tx.caller().scope, &input.log_group_name)?.id();
    tx.modify::<LogGroup>(&group, |row| row.retention_days = None);
    Ok(())
}
