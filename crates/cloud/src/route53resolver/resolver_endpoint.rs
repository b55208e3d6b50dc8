//! Resolver endpoints: `CreateResolverEndpoint`, `GetResolverEndpoint`, `ListResolverEndpoints`, `UpdateResolverEndpoint`,
//! `DeleteResolverEndpoint`.
//! [API_route53resolver_CreateResolverEndpoint](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_CreateResolverEndpoint.html)
//!
//! An endpoint has two to six addresses in subnets of one VPC, each with a network interface behind the endpoint's security
//! groups. It is `CREATING`, `UPDATING` or `DELETING` until the data plane has followed. Endpoints speak DNS over UDP and TCP
//! (`Do53`) on IPv4.

mod address;

use enishi_api::route53resolver::{
    self as api, CreateResolverEndpointRequest, CreateResolverEndpointResponse,
    DeleteResolverEndpointRequest, DeleteResolverEndpointResponse, GetResolverEndpointRequest,
    GetResolverEndpointResponse, ListResolverEndpointsRequest, ListResolverEndpointsResponse,
    UpdateResolverEndpointRequest, UpdateResolverEndpointResponse, ops,
};
use enishi_state::ec2::{SecurityGroupId, VpcId};
use enishi_state::route53resolver::{
    AddressState, Direction, Progress, ResolverEndpoint, ResolverEndpointId, ResolverRule,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::faults::{self, Kind};
use super::list::{self, Field};
use super::tag::{self, NewTags};
use super::{arn, check_name, count, shown, text, traced, was_requested};
use crate::ec2::managed;
use crate::quota;
use crate::registry::Registry;

const KIND: &str = "resolver-endpoint";
/// DNS over UDP and TCP.
const DO53: &str = "Do53";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateResolverEndpoint>(create_resolver_endpoint);
    on.read::<ops::GetResolverEndpoint>(get_resolver_endpoint);
    on.read::<ops::ListResolverEndpoints>(list_resolver_endpoints);
    on.write::<ops::UpdateResolverEndpoint>(update_resolver_endpoint);
    on.write::<ops::DeleteResolverEndpoint>(delete_resolver_endpoint);
    address::register(on);
}

fn create_resolver_endpoint(
    tx: &mut Tx<'_>,
    input: CreateResolverEndpointRequest,
) -> Result<CreateResolverEndpointResponse, Fault> {
    let direction = check(&input)?;
    let tags = NewTags::parse(input.tags)?;
    if was_requested::<ResolverEndpoint>(tx, &input.creator_request_id) {
        return Err(faults::creator_request_exists(Kind::Endpoint, &input.creator_request_id));
    }
    check_quota(tx)?;
    let wanted = address::parse(tx.world(), &tx.caller().scope, &input.ip_addresses)?;
    let vpc = address::common_vpc(&wanted)?;
    let groups = groups(tx.world(), &tx.caller().scope, &vpc, &input.security_group_ids)?;
    let id = ResolverEndpointId::generate(direction, tx.entropy());
    let addresses = address::attach(tx, &id, &groups, &wanted, 0)?;
    let row = ResolverEndpoint {
        id: id.clone(),
        scope: tx.caller().scope.clone(),
        creator_request_id: input.creator_request_id,
        name: input.name,
        direction,
        vpc,
        groups,
        addresses,
        progress: Progress::Creating { generation: tx.next_generation() },
        message: traced(tx, "Creating the Resolver Endpoint"),
        address_metrics: input.rni_enhanced_metrics_enabled.unwrap_or(false),
        target_metrics: input.target_name_server_metrics_enabled.unwrap_or(false),
        created: tx.now(),
        modified: tx.now(),
    };
    tags.attach(tx, &arn_of(&row), KIND);
    let shape = shape(&row);
    tx.put(row);
    Ok(CreateResolverEndpointResponse { resolver_endpoint: Some(shape) })
}

/// What a request says that can be judged by itself.
fn check(input: &CreateResolverEndpointRequest) -> Result<Direction, Fault> {
    check_name(input.name.as_deref())?;
    if input.outpost_arn.is_some() || input.preferred_instance_type.is_some() {
        return Err(faults::not_supported("OutpostArn", "Outposts are"));
    }
    check_type(input.resolver_endpoint_type.as_deref())?;
    check_protocols(input.protocols.as_deref())?;
    check_ipv6(input.dns64_enabled, input.ipv6_internet_access_enabled)?;
    let direction = match input.direction.as_str() {
        "INBOUND" => Direction::Inbound,
        "OUTBOUND" => Direction::Outbound,
        _ => return Err(faults::not_supported("Direction", "Inbound endpoints for delegation are")),
    };
    check_target_metrics(direction, input.target_name_server_metrics_enabled)?;
    Ok(direction)
}

fn check_type(endpoint_type: Option<&str>) -> Result<(), Fault> {
    match endpoint_type {
        None | Some("IPV4") => Ok(()),
        Some(_) => Err(faults::not_supported("ResolverEndpointType", "Resolver endpoints with IPv6 are")),
    }
}

fn check_protocols(protocols: Option<&[String]>) -> Result<(), Fault> {
    match protocols.unwrap_or_default().iter().find(|protocol| *protocol != DO53) {
        Some(protocol) => {
            Err(faults::not_supported("Protocols", &format!("The protocol {protocol} of endpoints is")))
        }
        None => Ok(()),
    }
}

fn check_ipv6(dns64: Option<bool>, internet_access: Option<bool>) -> Result<(), Fault> {
    match (dns64, internet_access) {
        (Some(true), _) => Err(faults::not_supported("Dns64Enabled", "DNS64 of resolver endpoints is")),
        (_, Some(true)) => Err(faults::not_supported(
            "Ipv6InternetAccessEnabled",
            "IPv6 internet access of resolver endpoints is",
        )),
        _ => Ok(()),
    }
}

fn check_target_metrics(direction: Direction, wanted: Option<bool>) -> Result<(), Fault> {
    match (direction, wanted) {
        (Direction::Inbound, Some(true)) => Err(faults::invalid_parameter(
            "TargetNameServerMetricsEnabled",
            "Target name server metrics are not supported for inbound Resolver endpoints.",
        )),
        _ => Ok(()),
    }
}

fn check_quota(tx: &Tx<'_>) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let existing = in_scope(tx.world(), scope).count();
    match quota::RESOLVER_ENDPOINTS.reached(tx.world(), scope, existing) {
        true => Err(faults::too_many_endpoints(&scope.account)),
        false => Ok(()),
    }
}

/// The security groups of a request, each once.
fn groups(world: &World, scope: &Scope, vpc: &VpcId, ids: &[String]) -> Result<Vec<SecurityGroupId>, Fault> {
    let mut groups: Vec<SecurityGroupId> = Vec::with_capacity(ids.len());
    for id in ids {
        let group = managed::group_of(world, scope, vpc, id).ok_or_else(|| {
            faults::invalid_parameter(
                "SecurityGroupIds",
                format!("The security group '{id}' does not exist in VPC '{vpc}'."),
            )
        })?;
        if !groups.contains(&group.id) {
            groups.push(group.id.clone());
        }
    }
    if groups.is_empty() {
        return Err(faults::invalid_parameter(
            "SecurityGroupIds",
            "At least one security group is required.",
        ));
    }
    let limit = quota::SECURITY_GROUPS_PER_INTERFACE.applied(world, scope);
    match groups.len() > limit {
        true => Err(faults::limit_exceeded(
            Kind::Endpoint,
            format!("A Resolver Endpoint can have at most {limit} security groups."),
        )),
        false => Ok(groups),
    }
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w ResolverEndpoint> + use<'w> {
    world.by::<ResolverEndpoint>("scope", &scope.to_string())
}

/// The caller's endpoint of that id.
///
/// # Errors
/// `ResourceNotFoundException`
pub(super) fn find<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w ResolverEndpoint, Fault> {
    let found = world.get::<ResolverEndpoint>(&ResolverEndpointId::new(id));
    found.filter(|row| row.scope == *scope).ok_or_else(|| faults::resource_not_found(Kind::Endpoint, id))
}

/// The same, if it is not being deleted.
///
/// # Errors
/// `ResourceNotFoundException`, `InvalidRequestException`
fn find_live(tx: &Tx<'_>, id: &str) -> Result<ResolverEndpoint, Fault> {
    let row = find(tx.world(), &tx.caller().scope, id)?;
    match row.progress.is_live() {
        true => Ok(row.clone()),
        false => Err(faults::invalid_request(format!(
            "Cannot update Resolver Endpoint \"{id}\" because it's being deleted."
        ))),
    }
}

fn arn_of(row: &ResolverEndpoint) -> String {
    arn(&row.scope, KIND, row.id.as_str())
}

fn status(row: &ResolverEndpoint) -> &'static str {
    match row.progress {
        Progress::Creating { .. } => "CREATING",
        Progress::Ready => "OPERATIONAL",
        Progress::Updating { .. } => "UPDATING",
        Progress::Deleting { .. } => "DELETING",
    }
}

fn shape(row: &ResolverEndpoint) -> api::ResolverEndpoint {
    let addresses = row.addresses.iter().filter(|address| address.state != AddressState::Detaching);
    api::ResolverEndpoint {
        id: text(&row.id),
        creator_request_id: Some(row.creator_request_id.clone()),
        arn: Some(arn_of(row)),
        name: row.name.clone(),
        security_group_ids: Some(row.groups.iter().map(ToString::to_string).collect()),
        direction: text(match row.direction {
            Direction::Inbound => "INBOUND",
            Direction::Outbound => "OUTBOUND",
        }),
        ip_address_count: count(addresses.count()),
        host_vpc_id: text(&row.vpc),
        status: text(status(row)),
        status_message: Some(row.message.clone()),
        creation_time: shown(row.created),
        modification_time: shown(row.modified),
        resolver_endpoint_type: text("IPV4"),
        protocols: Some(vec![DO53.to_owned()]),
        rni_enhanced_metrics_enabled: Some(row.address_metrics),
        target_name_server_metrics_enabled: Some(row.target_metrics),
        ..Default::default()
    }
}

fn get_resolver_endpoint(
    read: &Read<'_>,
    input: GetResolverEndpointRequest,
) -> Result<GetResolverEndpointResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.resolver_endpoint_id)?;
    Ok(GetResolverEndpointResponse { resolver_endpoint: Some(shape(row)) })
}

const FIELDS: &[Field<api::ResolverEndpoint>] = &[
    ("CreatorRequestId", |endpoint| endpoint.creator_request_id.iter().cloned().collect()),
    ("Direction", |endpoint| endpoint.direction.iter().cloned().collect()),
    ("HostVPCId", |endpoint| endpoint.host_vpc_id.iter().cloned().collect()),
    ("IpAddressCount", |endpoint| endpoint.ip_address_count.iter().map(ToString::to_string).collect()),
    ("Name", |endpoint| endpoint.name.iter().cloned().collect()),
    ("SecurityGroupIds", |endpoint| endpoint.security_group_ids.clone().unwrap_or_default()),
    ("Status", |endpoint| endpoint.status.iter().cloned().collect()),
];

fn list_resolver_endpoints(
    read: &Read<'_>,
    input: ListResolverEndpointsRequest,
) -> Result<ListResolverEndpointsResponse, Fault> {
    let shapes = in_scope(read.world, &read.caller.scope).map(shape).collect();
    let shapes = list::filter(shapes, input.filters, FIELDS)?;
    let id = |endpoint: &api::ResolverEndpoint| endpoint.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverEndpointsResponse {
        next_token: page.next_token,
        max_results: Some(page.limit),
        resolver_endpoints: Some(page.items),
    })
}

fn update_resolver_endpoint(
    tx: &mut Tx<'_>,
    input: UpdateResolverEndpointRequest,
) -> Result<UpdateResolverEndpointResponse, Fault> {
    let mut row = find_live(tx, &input.resolver_endpoint_id)?;
    check_name(input.name.as_deref())?;
    check_type(input.resolver_endpoint_type.as_deref())?;
    check_protocols(input.protocols.as_deref())?;
    check_ipv6(input.dns64_enabled, input.ipv6_internet_access_enabled)?;
    check_target_metrics(row.direction, input.target_name_server_metrics_enabled)?;
    if input.update_ip_addresses.is_some_and(|addresses| !addresses.is_empty()) {
        return Err(faults::not_supported("UpdateIpAddresses", "Resolver endpoints with IPv6 are"));
    }
    if let Some(name) = input.name {
        row.name = Some(name).filter(|name| !name.is_empty());
    }
    row.address_metrics = input.rni_enhanced_metrics_enabled.unwrap_or(row.address_metrics);
    row.target_metrics = input.target_name_server_metrics_enabled.unwrap_or(row.target_metrics);
    row.modified = tx.now();
    let shape = shape(&row);
    tx.put(row);
    Ok(UpdateResolverEndpointResponse { resolver_endpoint: Some(shape) })
}

fn delete_resolver_endpoint(
    tx: &mut Tx<'_>,
    input: DeleteResolverEndpointRequest,
) -> Result<DeleteResolverEndpointResponse, Fault> {
    let mut row = find(tx.world(), &tx.caller().scope, &input.resolver_endpoint_id)?.clone();
    let rules: Vec<&str> =
        tx.world().by::<ResolverRule>("endpoint", row.id.as_str()).map(|rule| rule.id.as_str()).collect();
    if !rules.is_empty() {
        return Err(faults::endpoint_has_rules(&rules));
    }
    if row.progress.is_live() {
        row.progress = Progress::Deleting { generation: tx.next_generation() };
        row.message = traced(tx, "Deleting ResolverEndpoint.");
        row.modified = tx.now();
        tx.put(row.clone());
    }
    Ok(DeleteResolverEndpointResponse { resolver_endpoint: Some(shape(&row)) })
}

/// The data plane has built, changed or removed the endpoint.
pub(super) fn settle(tx: &mut Tx<'_>, id: &ResolverEndpointId) {
    let Some(mut row) = tx.world().get::<ResolverEndpoint>(id).cloned() else { return };
    let now = tx.now();
    let live = row.progress.is_live();
    let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut row.addresses)
        .into_iter()
        .partition(|address| live && address.state != AddressState::Detaching);
    for address in &gone {
        managed::remove_managed(tx, &address.network_interface);
    }
    if !live {
        tag::remove_all(tx, &arn_of(&row));
        tx.remove::<ResolverEndpoint>(id);
        return;
    }
    row.addresses = kept;
    for address in row.addresses.iter_mut().filter(|address| address.state == AddressState::Creating) {
        address.state = AddressState::Attached;
        address.modified = now;
    }
    row.progress = Progress::Ready;
    row.message = "This Resolver Endpoint is operational.".to_owned();
    tx.put(row);
}
