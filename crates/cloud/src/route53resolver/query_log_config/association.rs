//! Whose queries are logged: `AssociateResolverQueryLogConfig`, `DisassociateResolverQueryLogConfig`,
//! `GetResolverQueryLogConfigAssociation`, `ListResolverQueryLogConfigAssociations`.

use enishi_api::route53resolver::{
    AssociateResolverQueryLogConfigRequest, AssociateResolverQueryLogConfigResponse,
    DisassociateResolverQueryLogConfigRequest, DisassociateResolverQueryLogConfigResponse,
    GetResolverQueryLogConfigAssociationRequest, GetResolverQueryLogConfigAssociationResponse,
    ListResolverQueryLogConfigAssociationsRequest, ListResolverQueryLogConfigAssociationsResponse,
    ResolverQueryLogConfigAssociation, ops,
};
use enishi_state::route53resolver::{Progress, QueryLogAssociation, QueryLogAssociationId, QueryLogConfig};
use enishi_state::{Read, ResourceId, Tx, World};
use enishi_wire::Fault;

use super::super::faults::{self, Kind};
use super::super::list::{self, Field};
use super::super::{count, own_vpc, shown, text};
use super::{associations, find, has_destination};
use crate::registry::Registry;

/// VPCs of a configuration at most.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-resolver)
const VPCS: usize = 100;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateResolverQueryLogConfig>(associate_resolver_query_log_config);
    on.write::<ops::DisassociateResolverQueryLogConfig>(disassociate_resolver_query_log_config);
    on.read::<ops::GetResolverQueryLogConfigAssociation>(get_resolver_query_log_config_association);
    on.read::<ops::ListResolverQueryLogConfigAssociations>(list_resolver_query_log_config_associations);
}

fn associate_resolver_query_log_config(
    tx: &mut Tx<'_>,
    input: AssociateResolverQueryLogConfigRequest,
) -> Result<AssociateResolverQueryLogConfigResponse, Fault> {
    let scope = tx.caller().scope.clone();
    let config = find(tx.world(), &scope, &input.resolver_query_log_config_id)?.clone();
    let vpc = own_vpc(tx.world(), &scope, &input.resource_id)?.id.clone();
    if associations(tx.world(), &config).any(|row| row.vpc == vpc) {
        return Err(faults::already_exists(
            Kind::QueryLogAssociation,
            format!(
                "The query logging configuration \"{}\" is associated with \"{vpc}\" already.",
                config.id
            ),
        ));
    }
    if associations(tx.world(), &config).count() >= VPCS {
        let message = format!("A query logging configuration can have at most {VPCS} associations.");
        return Err(faults::limit_exceeded(Kind::QueryLogAssociation, message));
    }
    let row = QueryLogAssociation {
        id: QueryLogAssociationId::generate(tx.entropy()),
        scope,
        config: config.id,
        vpc,
        progress: Progress::Creating { generation: tx.next_generation() },
        created: tx.now(),
    };
    let shape = shape(tx.world(), &row);
    tx.put(row);
    Ok(AssociateResolverQueryLogConfigResponse { resolver_query_log_config_association: Some(shape) })
}

fn disassociate_resolver_query_log_config(
    tx: &mut Tx<'_>,
    input: DisassociateResolverQueryLogConfigRequest,
) -> Result<DisassociateResolverQueryLogConfigResponse, Fault> {
    let config = find(tx.world(), &tx.caller().scope, &input.resolver_query_log_config_id)?;
    let found =
        associations(tx.world(), config).find(|row| row.vpc.as_str() == input.resource_id).ok_or_else(|| {
            faults::no_such(
                Kind::QueryLogAssociation,
                format!(
                    "The query logging configuration \"{}\" is not associated with \"{}\".",
                    config.id, input.resource_id
                ),
            )
        });
    let mut row = found?.clone();
    if row.progress.is_live() {
        row.progress = Progress::Deleting { generation: tx.next_generation() };
        tx.put(row.clone());
    }
    Ok(DisassociateResolverQueryLogConfigResponse {
        resolver_query_log_config_association: Some(shape(tx.world(), &row)),
    })
}

fn shape(world: &World, row: &QueryLogAssociation) -> ResolverQueryLogConfigAssociation {
    let config = world.get::<QueryLogConfig>(&row.config);
    let is_lost = config.is_some_and(|config| !has_destination(world, config));
    let (status, error, message) = match row.progress {
        Progress::Deleting { .. } => ("DELETING", "NONE", ""),
        _ if is_lost => ("FAILED", "DESTINATION_NOT_FOUND", "The log destination does not exist."),
        Progress::Creating { .. } => ("CREATING", "NONE", ""),
        Progress::Ready | Progress::Updating { .. } => ("ACTIVE", "NONE", ""),
    };
    ResolverQueryLogConfigAssociation {
        id: text(&row.id),
        resolver_query_log_config_id: text(&row.config),
        resource_id: text(&row.vpc),
        status: text(status),
        error: text(error),
        error_message: text(message),
        creation_time: shown(row.created),
    }
}

fn get_resolver_query_log_config_association(
    read: &Read<'_>,
    input: GetResolverQueryLogConfigAssociationRequest,
) -> Result<GetResolverQueryLogConfigAssociationResponse, Fault> {
    let id = &input.resolver_query_log_config_association_id;
    let parsed = QueryLogAssociationId::parse(id).ok();
    let found = parsed.and_then(|id| read.world.get::<QueryLogAssociation>(&id));
    let row = found
        .filter(|row| row.scope == read.caller.scope)
        .ok_or_else(|| faults::resource_not_found(Kind::QueryLogAssociation, id))?;
    Ok(GetResolverQueryLogConfigAssociationResponse {
        resolver_query_log_config_association: Some(shape(read.world, row)),
    })
}

const FIELDS: &[Field<ResolverQueryLogConfigAssociation>] = &[
    ("CreationTime", |association| association.creation_time.iter().cloned().collect()),
    ("Error", |association| association.error.iter().cloned().collect()),
    ("Id", |association| association.id.iter().cloned().collect()),
    ("ResolverQueryLogConfigId", |association| {
        association.resolver_query_log_config_id.iter().cloned().collect()
    }),
    ("ResourceId", |association| association.resource_id.iter().cloned().collect()),
    ("Status", |association| association.status.iter().cloned().collect()),
];

fn list_resolver_query_log_config_associations(
    read: &Read<'_>,
    input: ListResolverQueryLogConfigAssociationsRequest,
) -> Result<ListResolverQueryLogConfigAssociationsResponse, Fault> {
    let rows = read.world.by::<QueryLogAssociation>("scope", &read.caller.scope.to_string());
    let shapes: Vec<_> = rows.map(|row| shape(read.world, row)).collect();
    let total = shapes.len();
    let mut shapes = list::filter(shapes, input.filters, FIELDS)?;
    let filtered = shapes.len();
    list::sort(&mut shapes, input.sort_by.as_deref(), input.sort_order.as_deref(), FIELDS)?;
    let id = |association: &ResolverQueryLogConfigAssociation| association.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverQueryLogConfigAssociationsResponse {
        next_token: page.next_token,
        total_count: count(total),
        total_filtered_count: count(filtered),
        resolver_query_log_config_associations: Some(page.items),
    })
}
