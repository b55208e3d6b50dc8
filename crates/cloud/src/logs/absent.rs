//! What there is none of, because its creation is refused: AWS's answer for an account that has none either.

use enishi_api::logs::{
    DescribeAccountPoliciesRequest, DescribeAccountPoliciesResponse, DescribeDestinationsRequest,
    DescribeDestinationsResponse, DescribeExportTasksRequest, DescribeExportTasksResponse,
    DescribeMetricFiltersRequest, DescribeMetricFiltersResponse, DescribeQueriesRequest,
    DescribeQueriesResponse, DescribeSubscriptionFiltersRequest, DescribeSubscriptionFiltersResponse, ops,
};
use enishi_state::Read;
use enishi_wire::Fault;

use super::find_group;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeMetricFilters>(describe_metric_filters);
    on.stored_read::<ops::DescribeSubscriptionFilters>(describe_subscription_filters);
    on.stored_read::<ops::DescribeExportTasks>(describe_export_tasks);
    on.stored_read::<ops::DescribeDestinations>(describe_destinations);
    on.stored_read::<ops::DescribeQueries>(describe_queries);
    on.stored_read::<ops::DescribeAccountPolicies>(describe_account_policies);
}

fn describe_metric_filters(
    read: &Read<'_>,
    input: DescribeMetricFiltersRequest,
) -> Result<DescribeMetricFiltersResponse, Fault> {
    if let Some(name) = &input.log_group_name {
        find_group(read.world, &read.caller.scope, name)?;
    }
    Ok(DescribeMetricFiltersResponse { metric_filters: Some(Vec::new()), next_token: None })
}

fn describe_subscription_filters(
    read: &Read<'_>,
    input: DescribeSubscriptionFiltersRequest,
) -> Result<DescribeSubscriptionFiltersResponse, Fault> {
    find_group(read.world, &read.caller.scope, &input.log_group_name)?;
    Ok(DescribeSubscriptionFiltersResponse { subscription_filters: Some(Vec::new()), next_token: None })
}

fn describe_export_tasks(
    _: &Read<'_>,
    _: DescribeExportTasksRequest,
) -> Result<DescribeExportTasksResponse, Fault> {
    Ok(DescribeExportTasksResponse { export_tasks: Some(Vec::new()), next_token: None })
}

fn describe_destinations(
    _: &Read<'_>,
    _: DescribeDestinationsRequest,
) -> Result<DescribeDestinationsResponse, Fault> {
    Ok(DescribeDestinationsResponse { destinations: Some(Vec::new()), next_token: None })
}

fn describe_queries(_: &Read<'_>, _: DescribeQueriesRequest) -> Result<DescribeQueriesResponse, Fault> {
    Ok(DescribeQueriesResponse { queries: Some(Vec::new()), next_token: None })
}

fn describe_account_policies(
    _: &Read<'_>,
    _: DescribeAccountPoliciesRequest,
) -> Result<DescribeAccountPoliciesResponse, Fault> {
    Ok(DescribeAccountPoliciesResponse { account_policies: Some(Vec::new()), next_token: None })
}
