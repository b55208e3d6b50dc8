//! Tags of log groups, by ARN and by name as before 2022.
//! [API_TagResource](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html)

use std::collections::BTreeMap;

use enishi_api::logs::{
    ListTagsForResourceRequest, ListTagsForResourceResponse, ListTagsLogGroupRequest,
    ListTagsLogGroupResponse, TagLogGroupRequest, TagResourceRequest, UntagLogGroupRequest,
    UntagResourceRequest, ops,
};
use enishi_state::logs::{LogGroup, LogGroupId};
use enishi_state::{Read, Row, Scope, Tag, TagKey, Tx, World};
use enishi_wire::Fault;

use super::{faults, find_group, group_arn, parse_group_arn};
use crate::registry::Registry;

/// Tags of one group at most.
const TAGS: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::TagResource>(tag_resource);
    on.stored_write::<ops::UntagResource>(untag_resource);
    on.stored_read::<ops::ListTagsForResource>(list_tags_for_resource);
    on.stored_write::<ops::TagLogGroup>(tag_log_group);
    on.stored_write::<ops::UntagLogGroup>(untag_log_group);
    on.stored_read::<ops::ListTagsLogGroup>(list_tags_log_group);
}

/// Tags as a request gave them, checked.
///
/// # Errors
/// `InvalidParameterException`
pub(super) fn parse(tags: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Fault> {
    if let Some(key) = tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        let message = format!("Tag key '{key}' must not begin with the reserved prefix aws:.");
        return Err(faults::invalid_parameter(message));
    }
    Ok(tags)
}

/// Tags a resource.
pub(super) fn attach(tx: &mut Tx<'_>, arn: &str, tags: BTreeMap<String, String>) {
    let scope = tx.caller().scope.clone();
    for (key, value) in tags {
        tx.put(Tag {
            scope: scope.clone(),
            resource: arn.to_owned(),
            resource_type: "log-group".to_owned(),
            key,
            value,
        });
    }
}

/// Removes every tag of a resource that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

/// The ARN that tags hang on, of one that a request named; only groups are tagged.
fn taggable(world: &World, scope: &Scope, arn: &str) -> Result<String, Fault> {
    let (owner, name) = parse_group_arn(arn).ok_or_else(|| {
        faults::invalid_parameter(format!("'{arn}' is not a valid ARN of a resource that can be tagged."))
    })?;
    let found = world.get::<LogGroup>(&LogGroupId::of(&owner, name)).filter(|_| owner == *scope);
    found.map(|group| group_arn(scope, &group.name)).ok_or_else(faults::no_such_resource)
}

fn add(tx: &mut Tx<'_>, arn: &str, tags: BTreeMap<String, String>) -> Result<(), Fault> {
    let tags = parse(tags)?;
    let others = tx.world().tags_of(arn).filter(|tag| !tags.contains_key(&tag.key)).count();
    if others + tags.len() > TAGS {
        return Err(faults::too_many_tags());
    }
    attach(tx, arn, tags);
    Ok(())
}

fn remove(tx: &mut Tx<'_>, arn: &str, keys: &[String]) {
    for key in keys {
        tx.remove::<Tag>(&TagKey::of(arn, key));
    }
}

fn listed(world: &World, arn: &str) -> BTreeMap<String, String> {
    world.tags_of(arn).map(|tag| (tag.key.clone(), tag.value.clone())).collect()
}

fn tag_resource(tx: &mut Tx<'_>, input: TagResourceRequest) -> Result<(), Fault> {
    let arn = taggable(tx.world(), &tx.caller().scope, &input.resource_arn)?;
    add(tx, &arn, input.tags)
}

fn untag_resource(tx: &mut Tx<'_>, input: UntagResourceRequest) -> Result<(), Fault> {
    let arn = taggable(tx.world(), &tx.caller().scope, &input.resource_arn)?;
    remove(tx, &arn, &input.tag_keys);
    Ok(())
}

fn list_tags_for_resource(
    read: &Read<'_>,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Fault> {
    let arn = taggable(read.world, &read.caller.scope, &input.resource_arn)?;
    Ok(ListTagsForResourceResponse { tags: Some(listed(read.world, &arn)) })
}

fn arn_of(world: &World, scope: &Scope, name: &str) -> Result<String, Fault> {
    find_group(world, scope, name).map(|group| group_arn(scope, &group.name))
}

fn tag_log_group(tx: &mut Tx<'_>, input: TagLogGroupRequest) -> Result<(), Fault> {
    let arn = arn_of(tx.world(), &tx.caller().scope, &input.log_group_name)?;
    add(tx, &arn, input.tags)
}

fn untag_log_group(tx: &mut Tx<'_>, input: UntagLogGroupRequest) -> Result<(), Fault> {
    let arn = arn_of(tx.world(), &tx.caller().scope, &input.log_group_name)?;
    remove(tx, &arn, &input.tags);
    Ok(())
}

fn list_tags_log_group(
    read: &Read<'_>,
    input: ListTagsLogGroupRequest,
) -> Result<ListTagsLogGroupResponse, Fault> {
    let arn = arn_of(read.world, &read.caller.scope, &input.log_group_name)?;
    Ok(ListTagsLogGroupResponse { tags: Some(listed(read.world, &arn)) })
}
