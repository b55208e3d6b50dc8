//! Query logging of public zones: a configuration names the log group of CloudWatch Logs that gets a line for every query.
//! [API_CreateQueryLoggingConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateQueryLoggingConfig.html)
//!
//! The lines are written by the daemon, for as long as the log group exists and a resource policy lets Route 53 write to it.

use enishi_api::route53::{
    self as api, CreateQueryLoggingConfigRequest, CreateQueryLoggingConfigResponse,
    DeleteQueryLoggingConfigRequest, DeleteQueryLoggingConfigResponse, GetQueryLoggingConfigRequest,
    GetQueryLoggingConfigResponse, ListQueryLoggingConfigsRequest, ListQueryLoggingConfigsResponse, ops,
};
use enishi_state::logs::{LogGroup, LogGroupId};
use enishi_state::route53::{HostedZone, HostedZoneId, QueryLoggingConfig, QueryLoggingConfigId};
use enishi_state::{AccountId, Read, Row, Tx, World};
use enishi_wire::Fault;

use super::{faults, fresh_uuid, location, own_zone};
use crate::logs::{Access, allows, parse_group_arn};
use crate::registry::Registry;

/// Where the log groups of query logging must be.
const REGION: &str = "us-east-1";
/// Who writes to them.
const SERVICE: &str = "route53.amazonaws.com";
/// Configurations of a page.
const PAGE: usize = 100;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateQueryLoggingConfig>(create_query_logging_config);
    on.write::<ops::DeleteQueryLoggingConfig>(delete_query_logging_config);
    on.read::<ops::GetQueryLoggingConfig>(get_query_logging_config);
    on.read::<ops::ListQueryLoggingConfigs>(list_query_logging_configs);
}

fn create_query_logging_config(
    tx: &mut Tx<'_>,
    input: CreateQueryLoggingConfigRequest,
) -> Result<CreateQueryLoggingConfigResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let zone = own_zone(tx.world(), &account, &input.hosted_zone_id)?;
    if zone.is_private {
        return Err(faults::invalid_input(
            "The hosted zone is private. You can configure query logging for public hosted zones only.",
        ));
    }
    let zone = zone.id.clone();
    let arn = input.cloud_watch_logs_log_group_arn;
    let malformed = || faults::invalid_input("The ARN for the CloudWatch Logs log group is invalid.");
    let (scope, name) = parse_group_arn(&arn).ok_or_else(malformed)?;
    if scope.region.as_str() != REGION || scope.account != account {
        return Err(malformed());
    }
    let group =
        tx.world().get::<LogGroup>(&LogGroupId::of(&scope, name)).ok_or_else(faults::no_such_log_group)?;
    if !may_write(tx.world(), group, &zone) {
        return Err(faults::insufficient_log_policy());
    }
    let group = group.id();
    if of_zone(tx.world(), &zone).is_some() {
        return Err(faults::query_logging_config_already_exists());
    }
    let id = QueryLoggingConfigId::new(&fresh_uuid(tx));
    let row = QueryLoggingConfig { id, account, zone, group, arn };
    let location = location("queryloggingconfig", row.id.as_str());
    let query_logging_config = shape(&row);
    tx.put(row);
    Ok(CreateQueryLoggingConfigResponse { query_logging_config, location })
}

/// Whether Route 53 may write the queries of the zone to the group.
fn may_write(world: &World, group: &LogGroup, zone: &HostedZoneId) -> bool {
    let resource = format!("{}:log-stream:{zone}/", crate::logs::group_arn(&group.scope, &group.name));
    let source = format!("arn:aws:route53:::hostedzone/{zone}");
    ["logs:CreateLogStream", "logs:PutLogEvents"].into_iter().all(|action| {
        let access = Access { service: SERVICE, action, resource: &resource, source: &source };
        allows(world, &group.scope, access)
    })
}

/// The configuration of a zone.
pub(super) fn of_zone<'w>(world: &'w World, zone: &HostedZoneId) -> Option<&'w QueryLoggingConfig> {
    world.by::<QueryLoggingConfig>("zone", zone.as_str()).next()
}

/// The group that queries of a zone are logged to now: it exists, and Route 53 may write to it.
pub fn destination(world: &World, zone: &HostedZoneId) -> Option<LogGroupId> {
    let group = &of_zone(world, zone)?.group;
    world.get::<LogGroup>(group).filter(|group| may_write(world, group, zone)).map(Row::id)
}

/// Removes the configuration of a zone that is being deleted.
pub(super) fn remove_of_zone(tx: &mut Tx<'_>, zone: &HostedZoneId) {
    if let Some(id) = of_zone(tx.world(), zone).map(Row::id) {
        tx.remove::<QueryLoggingConfig>(&id);
    }
}

/// # Errors
/// `NoSuchQueryLoggingConfig`
fn own<'w>(world: &'w World, account: &AccountId, id: &str) -> Result<&'w QueryLoggingConfig, Fault> {
    let row = world.get::<QueryLoggingConfig>(&QueryLoggingConfigId::new(id));
    row.filter(|row| row.account == *account).ok_or_else(faults::no_such_query_logging_config)
}

fn delete_query_logging_config(
    tx: &mut Tx<'_>,
    input: DeleteQueryLoggingConfigRequest,
) -> Result<DeleteQueryLoggingConfigResponse, Fault> {
    let id = own(tx.world(), &tx.caller().scope.account, &input.id)?.id();
    tx.remove::<QueryLoggingConfig>(&id);
    Ok(DeleteQueryLoggingConfigResponse::default())
}

fn get_query_logging_config(
    read: &Read<'_>,
    input: GetQueryLoggingConfigRequest,
) -> Result<GetQueryLoggingConfigResponse, Fault> {
    let row = own(read.world, &read.caller.scope.account, &input.id)?;
    Ok(GetQueryLoggingConfigResponse { query_logging_config: shape(row) })
}

fn list_query_logging_configs(
    read: &Read<'_>,
    input: ListQueryLoggingConfigsRequest,
) -> Result<ListQueryLoggingConfigsResponse, Fault> {
    let account = &read.caller.scope.account;
    let zone = input.hosted_zone_id.as_deref();
    let zone =
        zone.map(|id| own_zone(read.world, account, id)).transpose()?.map(|zone: &HostedZone| &zone.id);
    let after = input.next_token;
    let rows = read.world.by::<QueryLoggingConfig>("account", account.as_str());
    let rows = rows.filter(|row| {
        zone.is_none_or(|zone| row.zone == *zone)
            && after.as_ref().is_none_or(|after| *row.id.as_str() > **after)
    });
    let limit = input.max_results.and_then(|most| most.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let mut rows: Vec<&QueryLoggingConfig> = rows.take(limit + 1).collect();
    let is_last = rows.len() <= limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| !is_last).map(|row| row.id.to_string());
    Ok(ListQueryLoggingConfigsResponse {
        query_logging_configs: rows.into_iter().map(shape).collect(),
        next_token,
    })
}

fn shape(row: &QueryLoggingConfig) -> api::QueryLoggingConfig {
    api::QueryLoggingConfig {
        id: row.id.to_string(),
        hosted_zone_id: row.zone.to_string(),
        cloud_watch_logs_log_group_arn: row.arn.clone(),
    }
}
