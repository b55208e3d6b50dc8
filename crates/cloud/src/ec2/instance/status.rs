//! `DescribeInstanceStatus`.
//! [Status checks](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html)
//!
//! An instance that runs passes its checks: what they look for, a broken host, ends it here.

use enishi_api::ec2::{
    DescribeInstanceStatusRequest, DescribeInstanceStatusResult, InstanceStatus, InstanceStatusDetails,
    InstanceStatusSummary, OperatorResponse, ops,
};
use enishi_state::ec2::{Instance, InstanceState, Subnet};
use enishi_state::{Read, World};
use enishi_wire::Fault;

use super::super::filter::{Field, Filters, field};
use super::super::page::{self, Page};
use super::super::{faults, ids};
use super::lifecycle::state;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeInstanceStatus>(describe_instance_status);
}

/// `ok` for an instance that runs, else `not-applicable`.
fn summary(row: &Instance) -> &'static str {
    match row.state {
        InstanceState::Running => "ok",
        InstanceState::Pending => "initializing",
        _ => "not-applicable",
    }
}

fn reachability(row: &Instance) -> Option<&'static str> {
    match row.state {
        InstanceState::Running => Some("passed"),
        InstanceState::Pending => Some("initializing"),
        _ => None,
    }
}

const FILTERS: &[Field<Instance>] = &[
    field("availability-zone", |_, row, values| values.add(&row.zone)),
    field("availability-zone-id", |world, row, values| {
        values.maybe(world.get::<Subnet>(&row.subnet).map(|subnet| &subnet.zone_id));
    }),
    field("event.code", |_, _, _| {}),
    field("event.description", |_, _, _| {}),
    field("event.instance-event-id", |_, _, _| {}),
    field("event.not-after", |_, _, _| {}),
    field("event.not-before", |_, _, _| {}),
    field("event.not-before-deadline", |_, _, _| {}),
    field("instance-state-code", |_, row, values| values.add(row.state.code())),
    field("instance-state-name", |_, row, values| values.add(row.state.name())),
    field("instance-status.reachability", |_, row, values| values.maybe(reachability(row))),
    field("instance-status.status", |_, row, values| values.add(summary(row))),
    field("operator.managed", |_, _, values| values.add(false)),
    field("system-status.reachability", |_, row, values| values.maybe(reachability(row))),
    field("system-status.status", |_, row, values| values.add(summary(row))),
];

fn describe_instance_status(
    read: &Read<'_>,
    input: DescribeInstanceStatusRequest,
) -> Result<DescribeInstanceStatusResult, Fault> {
    if input.max_results.is_some() && !input.instance_ids.is_empty() {
        return Err(faults::invalid_parameter_combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let filters = Filters::parse(input.filters, FILTERS)?;
    let mut rows = ids::select::<Instance>(read, &input.instance_ids)?;
    let all = input.include_all_instances.unwrap_or(false);
    rows.retain(|row| {
        let listed = all || row.state == InstanceState::Running;
        listed && filters.accept(read.world, row.id.as_str(), row)
    });
    let (rows, next_token) = page.of(rows, |row| row.id.to_string());
    let instance_statuses = Some(rows.into_iter().map(|row| shape(read.world, row)).collect());
    Ok(DescribeInstanceStatusResult { instance_statuses, next_token })
}

fn shape(world: &World, row: &Instance) -> InstanceStatus {
    let checks = || {
        let details = reachability(row).map(|status| {
            vec![InstanceStatusDetails {
                name: Some("reachability".to_owned()),
                status: Some(status.to_owned()),
                ..Default::default()
            }]
        });
        Some(InstanceStatusSummary { details, status: Some(summary(row).to_owned()) })
    };
    InstanceStatus {
        availability_zone: Some(row.zone.clone()),
        availability_zone_id: world.get::<Subnet>(&row.subnet).map(|subnet| subnet.zone_id.clone()),
        operator: Some(OperatorResponse { managed: Some(false), ..Default::default() }),
        instance_id: Some(row.id.to_string()),
        instance_state: Some(state(row.state)),
        instance_status: checks(),
        system_status: checks(),
        ..Default::default()
    }
}
