//! Query logging configurations. They name a CloudWatch Logs log group; there is none to name until that service exists,
//! so every creation is refused as AWS refuses an unknown group.
//! [API_CreateQueryLoggingConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateQueryLoggingConfig.html)

use enishi_api::route53::{
    CreateQueryLoggingConfigRequest, CreateQueryLoggingConfigResponse, DeleteQueryLoggingConfigRequest,
    DeleteQueryLoggingConfigResponse, GetQueryLoggingConfigRequest, GetQueryLoggingConfigResponse,
    ListQueryLoggingConfigsRequest, ListQueryLoggingConfigsResponse, ops,
};
use enishi_state::Read;
use enishi_wire::Fault;

use super::{faults, own_zone};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::CreateQueryLoggingConfig>(create_query_logging_config);
    on.stored_read::<ops::DeleteQueryLoggingConfig>(delete_query_logging_config);
    on.stored_read::<ops::GetQueryLoggingConfig>(get_query_logging_config);
    on.stored_read::<ops::ListQueryLoggingConfigs>(list_query_logging_configs);
}

fn create_query_logging_config(
    read: &Read<'_>,
    input: CreateQueryLoggingConfigRequest,
) -> Result<CreateQueryLoggingConfigResponse, Fault> {
    own_zone(read.world, &read.caller.scope.account, &input.hosted_zone_id)?;
    Err(faults::no_such_log_group())
}

fn delete_query_logging_config(
    _: &Read<'_>,
    _: DeleteQueryLoggingConfigRequest,
) -> Result<DeleteQueryLoggingConfigResponse, Fault> {
    Err(faults::no_such_query_logging_config())
}

fn get_query_logging_config(
    _: &Read<'_>,
    _: GetQueryLoggingConfigRequest,
) -> Result<GetQueryLoggingConfigResponse, Fault> {
    Err(faults::no_such_query_logging_config())
}

fn list_query_logging_configs(
    read: &Read<'_>,
    input: ListQueryLoggingConfigsRequest,
) -> Result<ListQueryLoggingConfigsResponse, Fault> {
    if let Some(id) = &input.hosted_zone_id {
        own_zone(read.world, &read.caller.scope.account, id)?;
    }
    Ok(ListQueryLoggingConfigsResponse { query_logging_configs: Vec::new(), next_token: None })
}
