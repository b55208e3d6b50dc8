//! Authorisations: a zone's owner lets another account associate its VPC.
//! [Associating a VPC and a private hosted zone of different accounts](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-associate-vpcs-different-accounts.html)
//!
//! An authorisation stays after it was used; without it an association stays as it is. The VPC need not exist: whether it does
//! is not the business of the zone's owner.

use enishi_api::route53::{
    CreateVPCAssociationAuthorizationRequest, CreateVPCAssociationAuthorizationResponse,
    DeleteVPCAssociationAuthorizationRequest, DeleteVPCAssociationAuthorizationResponse,
    ListVPCAssociationAuthorizationsRequest, ListVPCAssociationAuthorizationsResponse, ops,
};
use enishi_state::route53::VpcAssociation;
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::vpc_association::{parse, shape};
use super::{faults, limit, own_zone};
use crate::registry::Registry;

/// Authorisations of one page at most.
const PAGE: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateVPCAssociationAuthorization>(create_vpc_association_authorization);
    on.write::<ops::DeleteVPCAssociationAuthorization>(delete_vpc_association_authorization);
    on.read::<ops::ListVPCAssociationAuthorizations>(list_vpc_association_authorizations);
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
        if zone.authorized.len() >= limit::AUTHORIZATIONS_PER_ZONE {
            return Err(faults::too_many_vpc_association_authorizations());
        }
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
    let size = page::size(input.max_results.as_deref(), PAGE)?;
    let from = input.next_token.unwrap_or_default();
    page::check_token(&from)?;
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
