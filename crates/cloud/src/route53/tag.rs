//! Tags of hosted zones and health checks.
//! [API_ChangeTagsForResource](https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeTagsForResource.html)

use enishi_api::route53::{
    self as api, ChangeTagsForResourceRequest, ChangeTagsForResourceResponse, ListTagsForResourceRequest,
    ListTagsForResourceResponse, ListTagsForResourcesRequest, ListTagsForResourcesResponse, ResourceTagSet,
    ops,
};
use enishi_state::{AccountId, Read, Row, Tag, TagKey, Tx, World};
use enishi_wire::Fault;

use super::{bare, faults, health_check, own_zone};
use crate::registry::Registry;

/// Tags of one resource at most.
const TAGS: usize = 10;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::ChangeTagsForResource>(change_tags_for_resource);
    on.stored_read::<ops::ListTagsForResource>(list_tags_for_resource);
    on.stored_read::<ops::ListTagsForResources>(list_tags_for_resources);
}

/// What tags hang on: kind and id.
fn resource(kind: &str, id: &str) -> String {
    format!("route53/{kind}/{id}")
}

/// Removes every tag of a resource that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, kind: &str, id: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(&resource(kind, id)).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

fn check(world: &World, account: &AccountId, kind: &str, id: &str) -> Result<(), Fault> {
    match kind {
        "hostedzone" => own_zone(world, account, id).map(|_| ()),
        _ => health_check::own(world, account, id).map(|_| ()),
    }
}

fn change_tags_for_resource(
    tx: &mut Tx<'_>,
    input: ChangeTagsForResourceRequest,
) -> Result<ChangeTagsForResourceResponse, Fault> {
    let scope = tx.caller().scope.clone();
    let id = bare(&input.resource_id).to_owned();
    check(tx.world(), &scope.account, &input.resource_type, &id)?;
    let resource = resource(&input.resource_type, &id);
    for key in input.remove_tag_keys.unwrap_or_default() {
        tx.remove::<Tag>(&TagKey::of(&resource, &key));
    }
    for tag in input.add_tags.unwrap_or_default() {
        let key = tag
            .key
            .filter(|key| !key.is_empty())
            .ok_or_else(|| faults::invalid_input("Tag key must not be empty"))?;
        tx.put(Tag {
            scope: scope.clone(),
            resource: resource.clone(),
            resource_type: input.resource_type.clone(),
            key,
            value: tag.value.unwrap_or_default(),
        });
    }
    if tx.world().tags_of(&resource).count() > TAGS {
        return Err(faults::invalid_input(format!("A resource can have at most {TAGS} tags.")));
    }
    Ok(ChangeTagsForResourceResponse {})
}

fn tag_set(read: &Read<'_>, kind: &str, id: &str) -> Result<ResourceTagSet, Fault> {
    let id = bare(id);
    check(read.world, &read.caller.scope.account, kind, id)?;
    let tag = |tag: &Tag| api::Tag { key: Some(tag.key.clone()), value: Some(tag.value.clone()) };
    Ok(ResourceTagSet {
        resource_type: Some(kind.to_owned()),
        resource_id: Some(id.to_owned()),
        tags: Some(read.world.tags_of(&resource(kind, id)).map(tag).collect()),
    })
}

fn list_tags_for_resource(
    read: &Read<'_>,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Fault> {
    let resource_tag_set = tag_set(read, &input.resource_type, &input.resource_id)?;
    Ok(ListTagsForResourceResponse { resource_tag_set })
}

fn list_tags_for_resources(
    read: &Read<'_>,
    input: ListTagsForResourcesRequest,
) -> Result<ListTagsForResourcesResponse, Fault> {
    let sets: Result<_, Fault> =
        input.resource_ids.iter().map(|id| tag_set(read, &input.resource_type, id)).collect();
    Ok(ListTagsForResourcesResponse { resource_tag_sets: sets? })
}
