//! What is set for the resolver of a VPC: reverse names, and DNSSEC validation, which there is none of.
//! [API_route53resolver_UpdateResolverConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_UpdateResolverConfig.html)
//!
//! Every VPC has a configuration; a list names those that were set. Its id is made of the VPC's, so that it is the same
//! before and after.

use enishi_api::route53resolver::{
    self as api, GetResolverConfigRequest, GetResolverConfigResponse, GetResolverDnssecConfigRequest,
    GetResolverDnssecConfigResponse, ListResolverConfigsRequest, ListResolverConfigsResponse,
    ListResolverDnssecConfigsRequest, ListResolverDnssecConfigsResponse, ResolverDnssecConfig,
    UpdateResolverConfigRequest, UpdateResolverConfigResponse, UpdateResolverDnssecConfigRequest,
    UpdateResolverDnssecConfigResponse, ops,
};
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53resolver::{Progress, ResolverConfig};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::list::{self, Field};
use super::{faults, own_vpc, text};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::GetResolverConfig>(get_resolver_config);
    on.read::<ops::ListResolverConfigs>(list_resolver_configs);
    on.write::<ops::UpdateResolverConfig>(update_resolver_config);
    on.stored_read::<ops::GetResolverDnssecConfig>(get_resolver_dnssec_config);
    on.stored_read::<ops::ListResolverDnssecConfigs>(list_resolver_dnssec_configs);
    on.stored_write::<ops::UpdateResolverDnssecConfig>(update_resolver_dnssec_config);
}

/// The id of what belongs to a VPC: another prefix before the VPC's digits.
fn id_of(prefix: &str, vpc: &VpcId) -> Option<String> {
    let digits = vpc.as_str().rsplit_once('-').map_or(vpc.as_str(), |(_, digits)| digits);
    text(format_args!("{prefix}-{digits}"))
}

fn shape(world: &World, scope: &Scope, vpc: &VpcId) -> api::ResolverConfig {
    let row = world.get::<ResolverConfig>(vpc);
    let status = match row.map(|row| (row.autodefined_reverse, row.progress)) {
        None | Some((true, Progress::Ready)) => "ENABLED",
        Some((false, Progress::Ready)) => "DISABLED",
        Some((true, _)) => "ENABLING",
        Some((false, _)) => "DISABLING",
    };
    api::ResolverConfig {
        id: id_of("rslvr-rc", vpc),
        resource_id: text(vpc),
        owner_id: text(&scope.account),
        autodefined_reverse: text(status),
    }
}

fn get_resolver_config(
    read: &Read<'_>,
    input: GetResolverConfigRequest,
) -> Result<GetResolverConfigResponse, Fault> {
    let vpc = own_vpc(read.world, &read.caller.scope, &input.resource_id)?;
    let resolver_config = Some(shape(read.world, &vpc.scope, &vpc.id));
    Ok(GetResolverConfigResponse { resolver_config })
}

fn list_resolver_configs(
    read: &Read<'_>,
    input: ListResolverConfigsRequest,
) -> Result<ListResolverConfigsResponse, Fault> {
    let rows = read.world.by::<ResolverConfig>("scope", &read.caller.scope.to_string());
    let shapes = rows.map(|row| shape(read.world, &row.scope, &row.vpc)).collect();
    let id = |config: &api::ResolverConfig| config.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverConfigsResponse { next_token: page.next_token, resolver_configs: Some(page.items) })
}

fn update_resolver_config(
    tx: &mut Tx<'_>,
    input: UpdateResolverConfigRequest,
) -> Result<UpdateResolverConfigResponse, Fault> {
    let vpc = own_vpc(tx.world(), &tx.caller().scope, &input.resource_id)?;
    let (scope, vpc) = (vpc.scope.clone(), vpc.id.clone());
    let autodefined_reverse = match input.autodefined_reverse_flag.as_str() {
        "ENABLE" => true,
        "DISABLE" => false,
        _ => {
            return Err(faults::not_supported(
                "AutodefinedReverseFlag",
                "Route 53 Profiles, which USE_LOCAL_RESOURCE_SETTING is for, are",
            ));
        }
    };
    let changes = enishi_state::route53resolver::has_autodefined_reverse(tx.world(), &vpc)
        != autodefined_reverse
        || tx.world().get::<ResolverConfig>(&vpc).is_none();
    if changes {
        let progress = Progress::Updating { generation: tx.next_generation() };
        tx.put(ResolverConfig { vpc: vpc.clone(), scope: scope.clone(), autodefined_reverse, progress });
    }
    Ok(UpdateResolverConfigResponse { resolver_config: Some(shape(tx.world(), &scope, &vpc)) })
}

fn dnssec_shape(vpc: &Vpc) -> ResolverDnssecConfig {
    ResolverDnssecConfig {
        id: id_of("rdsc", &vpc.id),
        owner_id: text(&vpc.scope.account),
        resource_id: text(&vpc.id),
        validation_status: text("DISABLED"),
    }
}

fn get_resolver_dnssec_config(
    read: &Read<'_>,
    input: GetResolverDnssecConfigRequest,
) -> Result<GetResolverDnssecConfigResponse, Fault> {
    let vpc = own_vpc(read.world, &read.caller.scope, &input.resource_id)?;
    Ok(GetResolverDnssecConfigResponse { resolver_dnssec_config: Some(dnssec_shape(vpc)) })
}

const DNSSEC_FIELDS: &[Field<ResolverDnssecConfig>] = &[
    ("Id", |config| config.id.iter().cloned().collect()),
    ("ResourceId", |config| config.resource_id.iter().cloned().collect()),
    ("ValidationStatus", |config| config.validation_status.iter().cloned().collect()),
];

/// Lists nothing: a configuration comes to be when validation is enabled.
fn list_resolver_dnssec_configs(
    _: &Read<'_>,
    input: ListResolverDnssecConfigsRequest,
) -> Result<ListResolverDnssecConfigsResponse, Fault> {
    let shapes = list::filter(Vec::new(), input.filters, DNSSEC_FIELDS)?;
    let id = |config: &ResolverDnssecConfig| config.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverDnssecConfigsResponse {
        next_token: page.next_token,
        resolver_dnssec_configs: Some(page.items),
    })
}

fn update_resolver_dnssec_config(
    tx: &mut Tx<'_>,
    input: UpdateResolverDnssecConfigRequest,
) -> Result<UpdateResolverDnssecConfigResponse, Fault> {
    let vpc = own_vpc(tx.world(), &tx.caller().scope, &input.resource_id)?;
    match input.validation.as_str() {
        "DISABLE" => {
            Ok(UpdateResolverDnssecConfigResponse { resolver_dnssec_config: Some(dnssec_shape(vpc)) })
        }
        "ENABLE" => Err(faults::not_supported("Validation", "DNSSEC validation is")),
        _ => Err(faults::not_supported(
            "Validation",
            "Route 53 Profiles, which USE_LOCAL_RESOURCE_SETTING is for, are",
        )),
    }
}
