//! Reusable delegation sets: four name servers for several zones.
//! [API_CreateReusableDelegationSet](https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateReusableDelegationSet.html)

use enishi_api::route53::{
    self as api, CreateReusableDelegationSetRequest, CreateReusableDelegationSetResponse,
    DeleteReusableDelegationSetRequest, DeleteReusableDelegationSetResponse, GetReusableDelegationSetRequest,
    GetReusableDelegationSetResponse, ListReusableDelegationSetsRequest, ListReusableDelegationSetsResponse,
    ops,
};
use enishi_fabric::dns::Name;
use enishi_state::route53::{DelegationSet, DelegationSetId, HostedZone};
use enishi_state::{AccountId, Read, Tx, World};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{bare, faults, fresh_id, limit, location, name_server, own_zone};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateReusableDelegationSet>(create_reusable_delegation_set);
    on.write::<ops::DeleteReusableDelegationSet>(delete_reusable_delegation_set);
    on.read::<ops::GetReusableDelegationSet>(get_reusable_delegation_set);
    on.read::<ops::ListReusableDelegationSets>(list_reusable_delegation_sets);
}

/// A delegation set of the account.
///
/// # Errors
/// `NoSuchDelegationSet`
pub(super) fn own<'w>(world: &'w World, account: &AccountId, id: &str) -> Result<&'w DelegationSet, Fault> {
    let found = world.get::<DelegationSet>(&DelegationSetId::new(bare(id)));
    found.filter(|set| set.account == *account).ok_or_else(|| faults::no_such_delegation_set(bare(id)))
}

/// The set's name servers, which must serve no zone of that name yet.
///
/// # Errors
/// `DelegationSetNotAvailable`; `LimitsExceeded` when the set has all the zones that it can have. The operation's page names no
/// error for that, so it is the one of other limits.
pub(super) fn available(world: &World, set: &DelegationSet, name: &Name) -> Result<Vec<String>, Fault> {
    if world.by::<HostedZone>("delegation_set", set.id.as_str()).count() >= limit::ZONES_PER_DELEGATION_SET {
        return Err(faults::limits_exceeded(limit::MAX_ZONES, set.id.as_str()));
    }
    let taken = name_server::serving(world, name);
    match set.name_servers.iter().any(|server| taken.contains(server)) {
        true => Err(faults::delegation_set_not_available()),
        false => Ok(set.name_servers.clone()),
    }
}

fn shape(row: &DelegationSet) -> api::DelegationSet {
    api::DelegationSet {
        id: Some(format!("/delegationset/{}", row.id)),
        caller_reference: Some(row.caller_reference.clone()),
        name_servers: row.name_servers.clone(),
    }
}

fn create_reusable_delegation_set(
    tx: &mut Tx<'_>,
    input: CreateReusableDelegationSetRequest,
) -> Result<CreateReusableDelegationSetResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let reference = format!("{account}/{}", input.caller_reference);
    if tx.world().by::<DelegationSet>("caller_reference", &reference).next().is_some() {
        return Err(faults::delegation_set_already_created());
    }
    limit::check_delegation_sets(tx.world(), &tx.caller().scope)?;
    let zone = match input.hosted_zone_id.as_deref() {
        None => None,
        Some(id) => {
            let zone =
                own_zone(tx.world(), &account, id).map_err(|_| faults::hosted_zone_not_found(bare(id)))?;
            if zone.delegation_set.is_some() {
                return Err(faults::delegation_set_already_reusable());
            }
            if zone.is_private {
                return Err(faults::invalid_input(
                    "A reusable delegation set cannot be made of the name servers of a private hosted zone.",
                ));
            }
            Some(zone.clone())
        }
    };
    let name_servers = match &zone {
        Some(zone) => zone.name_servers.clone(),
        None => name_server::draw(tx, &Name::root()),
    };
    let row = DelegationSet {
        id: DelegationSetId::new(&fresh_id(tx, "N", 20)),
        account,
        caller_reference: input.caller_reference,
        name_servers,
    };
    if let Some(zone) = zone {
        tx.put(HostedZone { delegation_set: Some(row.id.clone()), ..zone });
    }
    let response = CreateReusableDelegationSetResponse {
        delegation_set: shape(&row),
        location: location("delegationset", row.id.as_str()),
    };
    tx.put(row);
    Ok(response)
}

fn delete_reusable_delegation_set(
    tx: &mut Tx<'_>,
    input: DeleteReusableDelegationSetRequest,
) -> Result<DeleteReusableDelegationSetResponse, Fault> {
    let id = own(tx.world(), &tx.caller().scope.account, &input.id)?.id.clone();
    if tx.world().by::<HostedZone>("delegation_set", id.as_str()).next().is_some() {
        return Err(faults::delegation_set_in_use(id.as_str()));
    }
    tx.remove::<DelegationSet>(&id);
    Ok(DeleteReusableDelegationSetResponse {})
}

fn get_reusable_delegation_set(
    read: &Read<'_>,
    input: GetReusableDelegationSetRequest,
) -> Result<GetReusableDelegationSetResponse, Fault> {
    let row = own(read.world, &read.caller.scope.account, &input.id)?;
    Ok(GetReusableDelegationSetResponse { delegation_set: shape(row) })
}

fn list_reusable_delegation_sets(
    read: &Read<'_>,
    input: ListReusableDelegationSetsRequest,
) -> Result<ListReusableDelegationSetsResponse, Fault> {
    let size = page::size(input.max_items.as_deref(), page::USUAL)?;
    let marker = input.marker.unwrap_or_default();
    let rows = read.world.by::<DelegationSet>("account", read.caller.scope.account.as_str());
    let Page { items, next } = page::cut(rows.filter(|row| row.id.as_str() >= bare(&marker)), size);
    Ok(ListReusableDelegationSetsResponse {
        delegation_sets: items.into_iter().map(shape).collect(),
        marker: marker.clone(),
        is_truncated: next.is_some(),
        next_marker: next.map(|row| row.id.to_string()),
        max_items: size.to_string(),
    })
}
