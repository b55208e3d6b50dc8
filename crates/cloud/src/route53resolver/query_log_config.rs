//! Resolver query logging: configurations and the VPCs that they are associated with.
//! [API_route53resolver_CreateResolverQueryLogConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_CreateResolverQueryLogConfig.html)
//!
//! Queries are logged to a log group of CloudWatch Logs of the same region. When the group is gone, configurations and
//! associations say so.

mod association;

use enishi_api::route53resolver::{
    self as api, CreateResolverQueryLogConfigRequest, CreateResolverQueryLogConfigResponse,
    DeleteResolverQueryLogConfigRequest, DeleteResolverQueryLogConfigResponse,
    GetResolverQueryLogConfigRequest, GetResolverQueryLogConfigResponse, ListResolverQueryLogConfigsRequest,
    ListResolverQueryLogConfigsResponse, ops,
};
use enishi_state::logs::{LogGroup, LogGroupId};
use enishi_state::route53resolver::{QueryLogAssociation, QueryLogConfig, QueryLogConfigId};
use enishi_state::{Read, ResourceId, Scope, Tx, World};
use enishi_wire::Fault;

use super::faults::{self, Kind};
use super::list::{self, Field};
use super::tag::{self, NewTags};
use super::{arn, check_name, count, shown, text, was_requested};
use crate::logs::parse_group_arn;
use crate::registry::Registry;

const KIND: &str = "resolver-query-log-config";
/// Configurations of a region at most.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-resolver)
const CONFIGS: usize = 20;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateResolverQueryLogConfig>(create_resolver_query_log_config);
    on.read::<ops::GetResolverQueryLogConfig>(get_resolver_query_log_config);
    on.read::<ops::ListResolverQueryLogConfigs>(list_resolver_query_log_configs);
    on.write::<ops::DeleteResolverQueryLogConfig>(delete_resolver_query_log_config);
    association::register(on);
}

fn create_resolver_query_log_config(
    tx: &mut Tx<'_>,
    input: CreateResolverQueryLogConfigRequest,
) -> Result<CreateResolverQueryLogConfigResponse, Fault> {
    let scope = tx.caller().scope.clone();
    check_name(Some(&input.name))?;
    let tags = NewTags::parse(input.tags)?;
    if was_requested::<QueryLogConfig>(tx, &input.creator_request_id) {
        return Err(faults::creator_request_exists(Kind::QueryLogConfig, &input.creator_request_id));
    }
    let log_group = destination(tx.world(), &scope, &input.destination_arn)?;
    if in_scope(tx.world(), &scope).count() >= CONFIGS {
        let message = format!("Account '{}' has exceeded 'max-query-log-configs'.", scope.account);
        return Err(faults::limit_exceeded(Kind::QueryLogConfig, message));
    }
    let row = QueryLogConfig {
        id: QueryLogConfigId::generate(tx.entropy()),
        scope,
        creator_request_id: input.creator_request_id,
        name: input.name,
        destination: input.destination_arn,
        log_group,
        created: tx.now(),
    };
    tags.attach(tx, &arn_of(&row), KIND);
    let shape = shape(tx.world(), &row);
    tx.put(row);
    Ok(CreateResolverQueryLogConfigResponse { resolver_query_log_config: Some(shape) })
}

/// The log group of an ARN.
///
/// # Errors
/// `InvalidParameterException`, `InvalidRequestException`
fn destination(world: &World, scope: &Scope, destination: &str) -> Result<LogGroupId, Fault> {
    const MEMBER: &str = "DestinationArn";
    if destination.starts_with("arn:aws:s3:::") {
        return Err(faults::not_supported(MEMBER, "Query logs in S3 buckets are"));
    }
    if destination.starts_with("arn:aws:firehose:") || destination.starts_with("arn:aws:kinesis:") {
        return Err(faults::not_supported(MEMBER, "Query logs in Firehose streams are"));
    }
    let malformed =
        || faults::invalid_parameter(MEMBER, format!("'{destination}' is not the ARN of a log destination."));
    let (owner, name) = parse_group_arn(destination).ok_or_else(malformed)?;
    if owner.region != scope.region {
        let message = format!("The log destination '{destination}' is not in region {}.", scope.region);
        return Err(faults::invalid_parameter(MEMBER, message));
    }
    let id = LogGroupId::of(&owner, name);
    match world.get::<LogGroup>(&id).is_some() && owner == *scope {
        true => Ok(id),
        false => Err(faults::invalid_request(format!("The log destination '{destination}' does not exist."))),
    }
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w QueryLogConfig> + use<'w> {
    world.by::<QueryLogConfig>("scope", &scope.to_string())
}

/// The caller's configuration of that id.
///
/// # Errors
/// `ResourceNotFoundException`
fn find<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w QueryLogConfig, Fault> {
    let found = QueryLogConfigId::parse(id).ok().and_then(|id| world.get::<QueryLogConfig>(&id));
    found
        .filter(|row| row.scope == *scope)
        .ok_or_else(|| faults::resource_not_found(Kind::QueryLogConfig, id))
}

fn arn_of(row: &QueryLogConfig) -> String {
    arn(&row.scope, KIND, row.id.as_str())
}

/// Whether what logs go to is there.
fn has_destination(world: &World, row: &QueryLogConfig) -> bool {
    world.get::<LogGroup>(&row.log_group).is_some()
}

fn associations<'w>(
    world: &'w World,
    row: &QueryLogConfig,
) -> impl Iterator<Item = &'w QueryLogAssociation> + use<'w> {
    world.by::<QueryLogAssociation>("config", row.id.as_str())
}

fn shape(world: &World, row: &QueryLogConfig) -> api::ResolverQueryLogConfig {
    api::ResolverQueryLogConfig {
        id: text(&row.id),
        owner_id: text(&row.scope.account),
        status: text(if has_destination(world, row) { "CREATED" } else { "FAILED" }),
        share_status: text("NOT_SHARED"),
        association_count: count(associations(world, row).count()),
        arn: Some(arn_of(row)),
        name: Some(row.name.clone()),
        destination_arn: Some(row.destination.clone()),
        creator_request_id: Some(row.creator_request_id.clone()),
        creation_time: shown(row.created),
    }
}

fn get_resolver_query_log_config(
    read: &Read<'_>,
    input: GetResolverQueryLogConfigRequest,
) -> Result<GetResolverQueryLogConfigResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.resolver_query_log_config_id)?;
    Ok(GetResolverQueryLogConfigResponse { resolver_query_log_config: Some(shape(read.world, row)) })
}

const FIELDS: &[Field<api::ResolverQueryLogConfig>] = &[
    ("Arn", |config| config.arn.iter().cloned().collect()),
    ("AssociationCount", |config| config.association_count.iter().map(ToString::to_string).collect()),
    ("CreationTime", |config| config.creation_time.iter().cloned().collect()),
    ("CreatorRequestId", |config| config.creator_request_id.iter().cloned().collect()),
    ("Destination", |_| vec!["CloudWatchLogs".to_owned()]),
    ("DestinationArn", |config| config.destination_arn.iter().cloned().collect()),
    ("Id", |config| config.id.iter().cloned().collect()),
    ("Name", |config| config.name.iter().cloned().collect()),
    ("OwnerId", |config| config.owner_id.iter().cloned().collect()),
    ("ShareStatus", |config| config.share_status.iter().cloned().collect()),
    ("Status", |config| config.status.iter().cloned().collect()),
];

fn list_resolver_query_log_configs(
    read: &Read<'_>,
    input: ListResolverQueryLogConfigsRequest,
) -> Result<ListResolverQueryLogConfigsResponse, Fault> {
    let shapes: Vec<_> = in_scope(read.world, &read.caller.scope).map(|row| shape(read.world, row)).collect();
    let total = shapes.len();
    let mut shapes = list::filter(shapes, input.filters, FIELDS)?;
    let filtered = shapes.len();
    list::sort(&mut shapes, input.sort_by.as_deref(), input.sort_order.as_deref(), FIELDS)?;
    let id = |config: &api::ResolverQueryLogConfig| config.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverQueryLogConfigsResponse {
        next_token: page.next_token,
        total_count: count(total),
        total_filtered_count: count(filtered),
        resolver_query_log_configs: Some(page.items),
    })
}

fn delete_resolver_query_log_config(
    tx: &mut Tx<'_>,
    input: DeleteResolverQueryLogConfigRequest,
) -> Result<DeleteResolverQueryLogConfigResponse, Fault> {
    let id = &input.resolver_query_log_config_id;
    let row = find(tx.world(), &tx.caller().scope, id)?.clone();
    if associations(tx.world(), &row).next().is_some() {
        return Err(faults::invalid_request(format!(
            "The query logging configuration \"{id}\" cannot be deleted because VPCs are associated with it."
        )));
    }
    let deleted = api::ResolverQueryLogConfig { status: text("DELETING"), ..shape(tx.world(), &row) };
    tag::remove_all(tx, &arn_of(&row));
    tx.remove::<QueryLogConfig>(&row.id);
    Ok(DeleteResolverQueryLogConfigResponse { resolver_query_log_config: Some(deleted) })
}
