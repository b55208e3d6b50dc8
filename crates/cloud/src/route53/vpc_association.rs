//! VPCs of private hosted zones, and the authorisations that let another account's VPC in.
//! [Associating more VPCs with a private hosted zone](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-associate-vpcs.html)

use enishi_api::route53::{
    AssociateVPCWithHostedZoneRequest, AssociateVPCWithHostedZoneResponse,
    CreateVPCAssociationAuthorizationRequest, CreateVPCAssociationAuthorizationResponse,
    DeleteVPCAssociationAuthorizationRequest, DeleteVPCAssociationAuthorizationResponse,
    DisassociateVPCFromHostedZoneRequest, DisassociateVPCFromHostedZoneResponse, HostedZoneOwner,
    HostedZoneSummary, ListHostedZonesByVPCRequest, ListHostedZonesByVPCResponse,
    ListVPCAssociationAuthorizationsRequest, ListVPCAssociationAuthorizationsResponse, VPC, ops,
};
use enishi_fabric::dns::Name;
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53::{HostedZone, HostedZoneId, VpcAssociation};
use enishi_state::{AccountId, Read, Region, ResourceId, Tx, World};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{bare, change, faults, own_zone};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateVPCWithHostedZone>(associate_vpc_with_hosted_zone);
    on.write::<ops::DisassociateVPCFromHostedZone>(disassociate_vpc_from_hosted_zone);
    on.write::<ops::CreateVPCAssociationAuthorization>(create_vpc_association_authorization);
    on.write::<ops::DeleteVPCAssociationAuthorization>(delete_vpc_association_authorization);
    on.read::<ops::ListVPCAssociationAuthorizations>(list_vpc_association_authorizations);
    on.read::<ops::ListHostedZonesByVPC>(list_hosted_zones_by_vpc);
}

pub(super) fn shape(row: &VpcAssociation) -> VPC {
    VPC { vpc_region: Some(row.region.to_string()), vpc_id: Some(row.vpc.to_string()) }
}

/// A VPC as a request names it; it need not exist.
fn parse(vpc: &VPC) -> Result<VpcAssociation, Fault> {
    let id = vpc.vpc_id.as_deref().unwrap_or_default();
    let region = vpc.vpc_region.as_deref().and_then(Region::new);
    match (VpcId::parse(id), region) {
        (Ok(vpc), Some(region)) => Ok(VpcAssociation { region, vpc }),
        _ => Err(faults::invalid_vpc_id(id)),
    }
}

/// A VPC of the account.
///
/// # Errors
/// `InvalidVPCId`
pub(super) fn own(world: &World, account: &AccountId, vpc: &VPC) -> Result<VpcAssociation, Fault> {
    let association = parse(vpc)?;
    let found = world.get::<Vpc>(&association.vpc);
    let is_own =
        found.is_some_and(|row| row.scope.account == *account && row.scope.region == association.region);
    if is_own { Ok(association) } else { Err(faults::invalid_vpc_id(association.vpc.as_str())) }
}

/// Checks that the VPC sees no other zone of that name.
///
/// # Errors
/// `ConflictingDomainExists`
pub(super) fn check_free(world: &World, association: &VpcAssociation, name: &Name) -> Result<(), Fault> {
    let mut zones = world.by::<HostedZone>("vpc", association.vpc.as_str());
    match zones.find(|zone| zone.name == *name) {
        Some(zone) => Err(faults::conflicting_domain_exists(
            association.vpc.as_str(),
            association.region.as_str(),
            zone.id.as_str(),
        )),
        None => Ok(()),
    }
}

/// The caller owns the VPC; the zone is its own, or its owner authorised the association.
fn associate_vpc_with_hosted_zone(
    tx: &mut Tx<'_>,
    input: AssociateVPCWithHostedZoneRequest,
) -> Result<AssociateVPCWithHostedZoneResponse, Fault> {
    let account = &tx.caller().scope.account;
    let id = bare(&input.hosted_zone_id);
    let zone = tx.world().get::<HostedZone>(&HostedZoneId::new(id)).cloned();
    let mut zone = zone.ok_or_else(|| faults::no_such_hosted_zone(id))?;
    let association = parse(&input.vpc)?;
    if zone.account != *account && !zone.authorized.contains(&association) {
        return Err(faults::not_authorized(id, association.vpc.as_str()));
    }
    own(tx.world(), account, &input.vpc)?;
    if !zone.is_private {
        return Err(faults::public_zone_vpc_association());
    }
    check_free(tx.world(), &association, &zone.name)?;
    zone.vpcs.push(association);
    tx.put(zone);
    Ok(AssociateVPCWithHostedZoneResponse { change_info: change::begin(tx, input.comment) })
}

fn disassociate_vpc_from_hosted_zone(
    tx: &mut Tx<'_>,
    input: DisassociateVPCFromHostedZoneRequest,
) -> Result<DisassociateVPCFromHostedZoneResponse, Fault> {
    let account = &tx.caller().scope.account;
    let id = bare(&input.hosted_zone_id);
    let zone = tx.world().get::<HostedZone>(&HostedZoneId::new(id)).cloned();
    let mut zone = zone.ok_or_else(|| faults::no_such_hosted_zone(id))?;
    let association = parse(&input.vpc)?;
    let owns_vpc = || own(tx.world(), account, &input.vpc).is_ok();
    if zone.account != *account && !(zone.vpcs.contains(&association) && owns_vpc()) {
        return Err(faults::no_such_hosted_zone(id));
    }
    let Some(at) = zone.vpcs.iter().position(|other| *other == association) else {
        return Err(faults::vpc_association_not_found(association.vpc.as_str(), id));
    };
    if zone.vpcs.len() == 1 {
        return Err(faults::last_vpc_association());
    }
    zone.vpcs.remove(at);
    tx.put(zone);
    Ok(DisassociateVPCFromHostedZoneResponse { change_info: change::begin(tx, input.comment) })
}

fn create_vpc_association_authorization(
    tx: &mut Tx<'_>,
    input: CreateVPCAssociationAuthorizationRequest,
) -> Result<CreateVPCAssociationAuthorizationResponse, Fault> {
    let mut zone = own_zone(tx.world(), &tx.caller().scope.account, &input.hosted_zone_id)?.clone();
    let association = parse(&input.vpc)?;
    if !zone.is_private {
        return Err(faults::invalid_input("You can't create an authorization for a public hosted zone."));
    }
    let response = CreateVPCAssociationAuthorizationResponse {
        hosted_zone_id: zone.id.to_string(),
        vpc: shape(&association),
    };
    if !zone.authorized.contains(&association) {
        zone.authorized.push(association);
        tx.put(zone);
    }
    Ok(response)
}

fn delete_vpc_association_authorization(
    tx: &mut Tx<'_>,
    input: DeleteVPCAssociationAuthorizationRequest,
) -> Result<DeleteVPCAssociationAuthorizationResponse, Fault> {
    let mut zone = own_zone(tx.world(), &tx.caller().scope.account, &input.hosted_zone_id)?.clone();
    let association = parse(&input.vpc)?;
    let Some(at) = zone.authorized.iter().position(|other| *other == association) else {
        return Err(faults::vpc_association_authorization_not_found(
            association.vpc.as_str(),
            zone.id.as_str(),
        ));
    };
    zone.authorized.remove(at);
    tx.put(zone);
    Ok(DeleteVPCAssociationAuthorizationResponse {})
}

fn list_vpc_association_authorizations(
    read: &Read<'_>,
    input: ListVPCAssociationAuthorizationsRequest,
) -> Result<ListVPCAssociationAuthorizationsResponse, Fault> {
    let zone = own_zone(read.world, &read.caller.scope.account, &input.hosted_zone_id)?;
    let size = page::size(input.max_results.as_deref(), page::USUAL)?;
    let from = input.next_token.unwrap_or_default();
    let mut authorized: Vec<&VpcAssociation> = zone.authorized.iter().collect();
    authorized.sort_by_key(|association| association.vpc.as_str());
    let rest = authorized.into_iter().filter(|association| association.vpc.as_str() >= from.as_str());
    let Page { items, next } = page::cut(rest, size);
    Ok(ListVPCAssociationAuthorizationsResponse {
        hosted_zone_id: zone.id.to_string(),
        next_token: next.map(|association| association.vpc.to_string()),
        vpcs: items.into_iter().map(shape).collect(),
    })
}

fn list_hosted_zones_by_vpc(
    read: &Read<'_>,
    input: ListHostedZonesByVPCRequest,
) -> Result<ListHostedZonesByVPCResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let account = &read.caller.scope.account;
    let vpc = VPC { vpc_region: Some(input.vpc_region), vpc_id: Some(input.vpc_id) };
    let association = own(read.world, account, &vpc)?;
    let from = input.next_token.unwrap_or_default();
    let zones = read.world.by::<HostedZone>("vpc", association.vpc.as_str());
    let Page { items, next } = page::cut(zones.filter(|zone| zone.id.as_str() >= from.as_str()), size);
    let summary = |zone: &HostedZone| HostedZoneSummary {
        hosted_zone_id: zone.id.to_string(),
        name: zone.name.to_string(),
        owner: HostedZoneOwner { owning_account: Some(zone.account.to_string()), owning_service: None },
    };
    Ok(ListHostedZonesByVPCResponse {
        hosted_zone_summaries: items.into_iter().map(summary).collect(),
        max_items: size.to_string(),
        next_token: next.map(|zone| zone.id.to_string()),
    })
}
