//! VPCs of private hosted zones: which VPC sees which zone.
//! [Associating more VPCs with a private hosted zone](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-associate-vpcs.html)
//!
//! A VPC of another account is associated by that account, once the zone's owner has authorised it (see
//! [`authorization`](super::vpc_authorization)); either account ends the association. A private zone keeps one association at
//! least. Deleting a VPC deletes no association: as in AWS the zone goes on listing it, and its owner may remove it.
//!
//! The VPC's resolver answers from the zone when the change is `INSYNC`.

use enishi_api::route53::{
    AssociateVPCWithHostedZoneRequest, AssociateVPCWithHostedZoneResponse,
    DisassociateVPCFromHostedZoneRequest, DisassociateVPCFromHostedZoneResponse, HostedZoneOwner,
    HostedZoneSummary, ListHostedZonesByVPCRequest, ListHostedZonesByVPCResponse, VPC, ops,
};
use enishi_fabric::dns::Name;
use enishi_state::ec2::{Vpc, VpcId};
use enishi_state::route53::{HostedZone, HostedZoneId, VpcAssociation};
use enishi_state::{AccountId, Read, Region, ResourceId, Tx, World};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{bare, change, faults, limit};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AssociateVPCWithHostedZone>(associate_vpc_with_hosted_zone);
    on.write::<ops::DisassociateVPCFromHostedZone>(disassociate_vpc_from_hosted_zone);
    on.read::<ops::ListHostedZonesByVPC>(list_hosted_zones_by_vpc);
}

pub(super) fn shape(row: &VpcAssociation) -> VPC {
    VPC { vpc_region: Some(row.region.to_string()), vpc_id: Some(row.vpc.to_string()) }
}

/// A VPC as a request names it; it need not exist.
///
/// # Errors
/// `InvalidVPCId`
pub(super) fn parse(vpc: &VPC) -> Result<VpcAssociation, Fault> {
    let id = vpc.vpc_id.as_deref().unwrap_or_default();
    let region = vpc.vpc_region.as_deref().and_then(Region::new);
    match (VpcId::parse(id), region) {
        (Ok(vpc), Some(region)) => Ok(VpcAssociation { region, vpc }),
        _ => Err(faults::invalid_vpc_id(id)),
    }
}

/// The account whose VPC it is, when there is such a VPC in that region.
fn owner<'w>(world: &'w World, association: &VpcAssociation) -> Option<&'w AccountId> {
    let row = world.get::<Vpc>(&association.vpc).filter(|row| row.scope.region == association.region);
    row.map(|row| &row.scope.account)
}

/// A VPC of the account.
///
/// # Errors
/// `InvalidVPCId`
pub(super) fn own(world: &World, account: &AccountId, vpc: &VPC) -> Result<VpcAssociation, Fault> {
    let association = parse(vpc)?;
    match owner(world, &association) {
        Some(owner) if owner == account => Ok(association),
        _ => Err(faults::invalid_vpc_id(association.vpc.as_str())),
    }
}

/// Checks that the VPC sees no zone of that name yet. Zones whose names overlap are fine: the most specific one answers.
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

/// A zone of any account.
fn any_zone(world: &World, id: &str) -> Result<HostedZone, Fault> {
    let zone = world.get::<HostedZone>(&HostedZoneId::new(id)).cloned();
    zone.ok_or_else(|| faults::no_such_hosted_zone(id))
}

/// The caller owns the VPC; the zone is its own, or its owner authorised the association.
fn associate_vpc_with_hosted_zone(
    tx: &mut Tx<'_>,
    input: AssociateVPCWithHostedZoneRequest,
) -> Result<AssociateVPCWithHostedZoneResponse, Fault> {
    let account = &tx.caller().scope.account;
    let mut zone = any_zone(tx.world(), bare(&input.hosted_zone_id))?;
    let association = parse(&input.vpc)?;
    let vpc = association.vpc.as_str();
    match owner(tx.world(), &association) {
        Some(owner) if owner == account => {}
        Some(_) => return Err(faults::vpc_has_not_authorized(vpc)),
        None => return Err(faults::invalid_vpc_id(vpc)),
    }
    if zone.account != *account && !zone.authorized.contains(&association) {
        return Err(faults::vpc_has_not_authorized(vpc));
    }
    if !zone.is_private {
        return Err(faults::public_zone_vpc_association());
    }
    check_free(tx.world(), &association, &zone.name)?;
    if zone.vpcs.len() >= limit::VPCS_PER_ZONE {
        return Err(faults::limits_exceeded(limit::MAX_VPCS, zone.id.as_str()));
    }
    zone.vpcs.push(association);
    tx.put(zone);
    Ok(AssociateVPCWithHostedZoneResponse { change_info: change::begin(tx, input.comment) })
}

/// The caller owns the zone, or the VPC. The zone's owner may name a VPC that exists no more.
fn disassociate_vpc_from_hosted_zone(
    tx: &mut Tx<'_>,
    input: DisassociateVPCFromHostedZoneRequest,
) -> Result<DisassociateVPCFromHostedZoneResponse, Fault> {
    let account = &tx.caller().scope.account;
    let id = bare(&input.hosted_zone_id);
    let mut zone = any_zone(tx.world(), id)?;
    let association = parse(&input.vpc)?;
    let at = zone.vpcs.iter().position(|other| *other == association);
    let owns_vpc = owner(tx.world(), &association) == Some(account);
    if zone.account != *account && (at.is_none() || !owns_vpc) {
        return Err(faults::no_such_hosted_zone(id));
    }
    let Some(at) = at else {
        return Err(faults::vpc_association_not_found(association.vpc.as_str(), id));
    };
    if zone.vpcs.len() == 1 {
        return Err(faults::last_vpc_association());
    }
    zone.vpcs.remove(at);
    tx.put(zone);
    Ok(DisassociateVPCFromHostedZoneResponse { change_info: change::begin(tx, input.comment) })
}

/// Whoever owns them, the zones that a VPC of the caller sees.
fn list_hosted_zones_by_vpc(
    read: &Read<'_>,
    input: ListHostedZonesByVPCRequest,
) -> Result<ListHostedZonesByVPCResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let vpc = VPC { vpc_region: Some(input.vpc_region), vpc_id: Some(input.vpc_id) };
    let association =
        parse(&vpc).map_err(|_| faults::invalid_input("The VPC ID or the VPC region is not valid."))?;
    if owner(read.world, &association) != Some(&read.caller.scope.account) {
        return Err(faults::vpc_not_owned(association.vpc.as_str()));
    }
    let from = input.next_token.unwrap_or_default();
    page::check_token(&from)?;
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
