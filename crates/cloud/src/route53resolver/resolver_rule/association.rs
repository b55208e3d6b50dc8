//! Where rules hold: `AssociateResolverRule`, `DisassociateResolverRule`, `GetResolverRuleAssociation`,
//! `ListResolverRuleAssociations`.
//! [API_route53resolver_AssociateResolverRule](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_AssociateResolverRule.html)

use enishi_api::route53resolver::{
    self as api, AssociateResolverRuleRequest, AssociateResolverRuleResponse,
    DisassociateResolverRuleRequest, DisassociateResolverRuleResponse, GetResolverRuleAssociationRequest,
    GetResolverRuleAssociationResponse, ListResolverRuleAssociationsRequest,
    ListResolverRuleAssociationsResponse, ops,
};
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53resolver::{
    Direction, Progress, ResolverEndpoint, ResolverRule, ResolverRuleAssociation, ResolverRuleAssociationId,
};
use enishi_state::{Read, ResourceId, Scope, Tx, World};
use enishi_wire::Fault;

use super::super::faults::{self, Kind};
use super::super::list::{self, Field};
use super::super::{check_name, own_vpc, text, traced};
use super::{autodefined, find_own};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateResolverRule>(associate_resolver_rule);
    on.write::<ops::DisassociateResolverRule>(disassociate_resolver_rule);
    on.read::<ops::GetResolverRuleAssociation>(get_resolver_rule_association);
    on.read::<ops::ListResolverRuleAssociations>(list_resolver_rule_associations);
}

fn associate_resolver_rule(
    tx: &mut Tx<'_>,
    input: AssociateResolverRuleRequest,
) -> Result<AssociateResolverRuleResponse, Fault> {
    let scope = tx.caller().scope.clone();
    check_name(input.name.as_deref())?;
    let rule = find_own(tx.world(), &scope, &input.resolver_rule_id)?.clone();
    let vpc = own_vpc(tx.world(), &scope, &input.vpc_id)?.id.clone();
    check_domain(tx.world(), &rule, &vpc)?;
    check_targets(tx.world(), &rule, &vpc)?;
    let existing = in_scope(tx.world(), &scope).count();
    if quota::RESOLVER_RULE_ASSOCIATIONS.reached(tx.world(), &scope, existing) {
        return Err(faults::limit_exceeded(
            Kind::RuleAssociation,
            format!("Account '{}' has exceeded 'max-rule-associations'.", scope.account),
        ));
    }
    let row = ResolverRuleAssociation {
        id: ResolverRuleAssociationId::generate(tx.entropy()),
        scope,
        rule: rule.id,
        vpc,
        name: input.name,
        progress: Progress::Creating { generation: tx.next_generation() },
        message: traced(tx, "Creating the association."),
    };
    let shape = shape(&row);
    tx.put(row);
    Ok(AssociateResolverRuleResponse { resolver_rule_association: Some(shape) })
}

/// A VPC has one rule for a domain, counting those that are on their way out.
fn check_domain(world: &World, rule: &ResolverRule, vpc: &VpcId) -> Result<(), Fault> {
    let rules = world.by::<ResolverRuleAssociation>("vpc", vpc.as_str()).map(|association| &association.rule);
    let is_same = |other: &&ResolverRule| other.domain == rule.domain;
    match rules.filter_map(|id| world.get::<ResolverRule>(id)).find(is_same) {
        Some(taken) => Err(faults::domain_is_taken(&taken.id)),
        None => Ok(()),
    }
}

/// A rule must not send a VPC's queries to an inbound endpoint in that VPC, whence they would come back.
///
/// # Errors
/// `InvalidRequestException`
pub(super) fn check_targets(world: &World, rule: &ResolverRule, vpc: &VpcId) -> Result<(), Fault> {
    let endpoints = world.by::<ResolverEndpoint>("vpc", vpc.as_str());
    let mut inbound = endpoints
        .filter(|endpoint| endpoint.direction == Direction::Inbound)
        .flat_map(ResolverEndpoint::live_addresses);
    match inbound.any(|address| rule.targets.iter().any(|target| target.ip == address.ip)) {
        true => Err(faults::target_is_inbound_endpoint(&rule.id, vpc)),
        false => Ok(()),
    }
}

fn disassociate_resolver_rule(
    tx: &mut Tx<'_>,
    input: DisassociateResolverRuleRequest,
) -> Result<DisassociateResolverRuleResponse, Fault> {
    let scope = &tx.caller().scope;
    let rule = find_own(tx.world(), scope, &input.resolver_rule_id)?;
    let vpc = own_vpc(tx.world(), scope, &input.vpc_id)?;
    let associated =
        tx.world().by::<ResolverRuleAssociation>("rule", rule.id.as_str()).find(|row| row.vpc == vpc.id);
    let missing = || {
        let message = format!("Resolver Rule \"{}\" is not associated with VPC \"{}\".", rule.id, vpc.id);
        faults::no_such(Kind::RuleAssociation, message)
    };
    let mut row = associated.ok_or_else(missing)?.clone();
    if row.progress.is_live() {
        row.progress = Progress::Deleting { generation: tx.next_generation() };
        row.message = traced(tx, "Deleting Association");
        tx.put(row.clone());
    }
    Ok(DisassociateResolverRuleResponse { resolver_rule_association: Some(shape(&row)) })
}

fn in_scope<'w>(
    world: &'w World,
    scope: &Scope,
) -> impl Iterator<Item = &'w ResolverRuleAssociation> + use<'w> {
    world.by::<ResolverRuleAssociation>("scope", &scope.to_string())
}

fn shape(row: &ResolverRuleAssociation) -> api::ResolverRuleAssociation {
    api::ResolverRuleAssociation {
        id: text(&row.id),
        resolver_rule_id: text(&row.rule),
        name: row.name.clone(),
        vpc_id: text(&row.vpc),
        status: text(match row.progress {
            Progress::Creating { .. } => "CREATING",
            Progress::Ready | Progress::Updating { .. } => "COMPLETE",
            Progress::Deleting { .. } => "DELETING",
        }),
        status_message: Some(row.message.clone()),
    }
}

fn get_resolver_rule_association(
    read: &Read<'_>,
    input: GetResolverRuleAssociationRequest,
) -> Result<GetResolverRuleAssociationResponse, Fault> {
    let (scope, id) = (&read.caller.scope, &input.resolver_rule_association_id);
    let missing = || faults::resource_not_found(Kind::RuleAssociation, id);
    let shape = match autodefined::associated_vpc(id) {
        Some(vpc) => autodefined::association(&own_vpc(read.world, scope, vpc).map_err(|_| missing())?.id),
        None => {
            let parsed = ResolverRuleAssociationId::parse(id).ok();
            let row = parsed.and_then(|id| read.world.get::<ResolverRuleAssociation>(&id));
            shape(row.filter(|row| row.scope == *scope).ok_or_else(missing)?)
        }
    };
    Ok(GetResolverRuleAssociationResponse { resolver_rule_association: Some(shape) })
}

const FIELDS: &[Field<api::ResolverRuleAssociation>] = &[
    ("Name", |association| association.name.iter().cloned().collect()),
    ("ResolverRuleId", |association| association.resolver_rule_id.iter().cloned().collect()),
    ("Status", |association| association.status.iter().cloned().collect()),
    ("VPCId", |association| association.vpc_id.iter().cloned().collect()),
];

fn list_resolver_rule_associations(
    read: &Read<'_>,
    input: ListResolverRuleAssociationsRequest,
) -> Result<ListResolverRuleAssociationsResponse, Fault> {
    let scope = &read.caller.scope;
    let vpcs = read.world.by::<Vpc>("scope", &scope.to_string());
    let autodefined = vpcs.map(|vpc| autodefined::association(&vpc.id));
    let shapes = autodefined.chain(in_scope(read.world, scope).map(shape)).collect();
    let shapes = list::filter(shapes, input.filters, FIELDS)?;
    let id = |association: &api::ResolverRuleAssociation| association.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverRuleAssociationsResponse {
        next_token: page.next_token,
        max_results: Some(page.limit),
        resolver_rule_associations: Some(page.items),
    })
}
