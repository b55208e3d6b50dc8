//! CIDR collections: `CreateCidrCollection` and its siblings.
//! [IP-based routing](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/routing-policy-ipbased.html)

use std::collections::BTreeSet;

use enishi_api::route53::{
    self as api, ChangeCidrCollectionRequest, ChangeCidrCollectionResponse, CidrBlockSummary,
    CidrCollectionChange, CollectionSummary, CreateCidrCollectionRequest, CreateCidrCollectionResponse,
    DeleteCidrCollectionRequest, DeleteCidrCollectionResponse, ListCidrBlocksRequest, ListCidrBlocksResponse,
    ListCidrCollectionsRequest, ListCidrCollectionsResponse, ListCidrLocationsRequest,
    ListCidrLocationsResponse, LocationSummary, ops,
};
use enishi_state::route53::{CidrCollection, CidrCollectionId, RecordSet};
use enishi_state::{AccountId, Read, Tx, World};
use enishi_wire::Fault;
use ipnet::IpNet;

use super::page::{self, Page};
use super::{change, faults, fresh_uuid, location};
use crate::registry::Registry;

/// The longest prefixes of blocks.
const LONGEST_V4: u8 = 24;
const LONGEST_V6: u8 = 48;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateCidrCollection>(create_cidr_collection);
    on.write::<ops::ChangeCidrCollection>(change_cidr_collection);
    on.write::<ops::DeleteCidrCollection>(delete_cidr_collection);
    on.read::<ops::ListCidrCollections>(list_cidr_collections);
    on.read::<ops::ListCidrLocations>(list_cidr_locations);
    on.read::<ops::ListCidrBlocks>(list_cidr_blocks);
}

fn own<'w>(world: &'w World, account: &AccountId, id: &str) -> Result<&'w CidrCollection, Fault> {
    let found = world.get::<CidrCollection>(&CidrCollectionId::new(id));
    found.filter(|row| row.account == *account).ok_or_else(faults::no_such_cidr_collection)
}

fn of<'w>(world: &'w World, account: &AccountId) -> impl Iterator<Item = &'w CidrCollection> + use<'w> {
    world.by::<CidrCollection>("account", account.as_str())
}

fn arn(row: &CidrCollection) -> String {
    format!("arn:aws:route53:::cidrcollection/{}", row.id)
}

fn create_cidr_collection(
    tx: &mut Tx<'_>,
    input: CreateCidrCollectionRequest,
) -> Result<CreateCidrCollectionResponse, Fault> {
    let account = tx.caller().scope.account.clone();
    let known = of(tx.world(), &account).find(|row| row.name == input.name).cloned();
    let row = match known {
        Some(row) if row.caller_reference == input.caller_reference => row,
        Some(_) => return Err(faults::cidr_collection_already_exists()),
        None => CidrCollection {
            id: CidrCollectionId::new(&fresh_uuid(tx)),
            account,
            name: input.name,
            caller_reference: input.caller_reference,
            version: 1,
            locations: Default::default(),
        },
    };
    let collection = api::CidrCollection {
        arn: Some(arn(&row)),
        id: Some(row.id.to_string()),
        name: Some(row.name.clone()),
        version: Some(row.version),
    };
    let location = location("cidrcollection", row.id.as_str());
    tx.put(row);
    Ok(CreateCidrCollectionResponse { collection: Some(collection), location: Some(location) })
}

fn change_cidr_collection(
    tx: &mut Tx<'_>,
    input: ChangeCidrCollectionRequest,
) -> Result<ChangeCidrCollectionResponse, Fault> {
    let mut row = own(tx.world(), &tx.caller().scope.account, &input.id)?.clone();
    if input.collection_version.is_some_and(|version| version != row.version) {
        return Err(faults::cidr_collection_version_mismatch());
    }
    for change in input.changes {
        let blocks: Result<BTreeSet<IpNet>, Fault> =
            change.cidr_list.iter().map(|text| block(text)).collect();
        apply(&mut row, &change, blocks?)?;
    }
    row.version += 1;
    let used = tx.world().by::<RecordSet>("cidr_collection", row.id.as_str());
    for set in used {
        if let enishi_fabric::dns::Routing::Cidr(used) = &set.set.routing
            && &*used.location != "*"
            && !row.locations.contains_key(&*used.location)
        {
            return Err(faults::cidr_block_in_use());
        }
    }
    tx.put(row);
    Ok(ChangeCidrCollectionResponse { id: change::begin(tx, None).id })
}

fn apply(
    row: &mut CidrCollection,
    change: &CidrCollectionChange,
    blocks: BTreeSet<IpNet>,
) -> Result<(), Fault> {
    if change.action == "PUT" {
        let elsewhere = |(name, held): (&String, &BTreeSet<IpNet>)| {
            *name != change.location_name && blocks.iter().any(|block| held.contains(block))
        };
        if row.locations.iter().any(elsewhere) {
            return Err(faults::cidr_block_in_use());
        }
        row.locations.entry(change.location_name.clone()).or_default().extend(blocks);
        return Ok(());
    }
    let Some(held) = row.locations.get_mut(&change.location_name) else { return Ok(()) };
    held.retain(|block| !blocks.contains(block));
    if held.is_empty() {
        row.locations.remove(&change.location_name);
    }
    Ok(())
}

/// A block of at most the longest prefix, its host bits zero.
fn block(text: &str) -> Result<IpNet, Fault> {
    let invalid = || faults::invalid_input(format!("Invalid CIDR block: {text}"));
    let net: IpNet = text.parse().map_err(|_| invalid())?;
    let longest = if net.addr().is_ipv4() { LONGEST_V4 } else { LONGEST_V6 };
    if net.prefix_len() <= longest && net.trunc() == net { Ok(net) } else { Err(invalid()) }
}

fn delete_cidr_collection(
    tx: &mut Tx<'_>,
    input: DeleteCidrCollectionRequest,
) -> Result<DeleteCidrCollectionResponse, Fault> {
    let row = own(tx.world(), &tx.caller().scope.account, &input.id)?.clone();
    let is_used = tx.world().by::<RecordSet>("cidr_collection", row.id.as_str()).next().is_some();
    if is_used || !row.locations.is_empty() {
        return Err(faults::cidr_collection_in_use());
    }
    tx.remove::<CidrCollection>(&row.id);
    Ok(DeleteCidrCollectionResponse {})
}

fn list_cidr_collections(
    read: &Read<'_>,
    input: ListCidrCollectionsRequest,
) -> Result<ListCidrCollectionsResponse, Fault> {
    let size = page::size(input.max_results.as_deref(), page::USUAL)?;
    let from = input.next_token.unwrap_or_default();
    let rows = of(read.world, &read.caller.scope.account).filter(|row| row.id.as_str() >= from.as_str());
    let Page { items, next } = page::cut(rows, size);
    let summary = |row: &CidrCollection| CollectionSummary {
        arn: Some(arn(row)),
        id: Some(row.id.to_string()),
        name: Some(row.name.clone()),
        version: Some(row.version),
    };
    Ok(ListCidrCollectionsResponse {
        next_token: next.map(|row| row.id.to_string()),
        cidr_collections: Some(items.into_iter().map(summary).collect()),
    })
}

fn list_cidr_locations(
    read: &Read<'_>,
    input: ListCidrLocationsRequest,
) -> Result<ListCidrLocationsResponse, Fault> {
    let row = own(read.world, &read.caller.scope.account, &input.collection_id)?;
    let size = page::size(input.max_results.as_deref(), page::USUAL)?;
    let from = input.next_token.unwrap_or_default();
    let Page { items, next } = page::cut(row.locations.keys().filter(|name| **name >= from), size);
    let summary = |name: &String| LocationSummary { location_name: Some(name.clone()) };
    Ok(ListCidrLocationsResponse {
        next_token: next.cloned(),
        cidr_locations: Some(items.into_iter().map(summary).collect()),
    })
}

fn list_cidr_blocks(read: &Read<'_>, input: ListCidrBlocksRequest) -> Result<ListCidrBlocksResponse, Fault> {
    let row = own(read.world, &read.caller.scope.account, &input.collection_id)?;
    let size = page::size(input.max_results.as_deref(), page::USUAL)?;
    let wanted = input.location_name;
    if wanted.as_ref().is_some_and(|name| !row.locations.contains_key(name)) {
        return Err(faults::no_such_cidr_location());
    }
    let skipped = match input.next_token.as_deref() {
        None | Some("") => 0,
        Some(token) => token.parse::<usize>().map_err(|_| faults::invalid_pagination_token())?,
    };
    let locations =
        row.locations.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name));
    let blocks = locations.flat_map(|(name, held)| held.iter().map(move |block| (name, block)));
    let Page { items, next } = page::cut(blocks.skip(skipped), size);
    let summary = |(name, block): (&String, &IpNet)| CidrBlockSummary {
        cidr_block: Some(block.to_string()),
        location_name: Some(name.clone()),
    };
    Ok(ListCidrBlocksResponse {
        next_token: next.map(|_| (skipped + size).to_string()),
        cidr_blocks: Some(items.into_iter().map(summary).collect()),
    })
}
