//! Tags: `AddTags`, `RemoveTags`, `DescribeTags`, by ARN.
//! [AddTags](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_AddTags.html)

use std::collections::BTreeSet;

use enishi_api::elbv2::{
    self as api, AddTagsInput, AddTagsOutput, DescribeTagsInput, DescribeTagsOutput, RemoveTagsInput,
    RemoveTagsOutput, TagDescription, ops,
};
use enishi_state::{Read, Row, Scope, Tag, TagKey, Tx, World};
use enishi_wire::Fault;

use super::{faults, find_listener, find_load_balancer, find_target_group, resource_of, rule, trust_store};
use crate::registry::Registry;

/// Tags of one resource at most.
const TAGS: usize = 50;
/// Resources that one request names at most.
const RESOURCES: usize = 20;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::AddTags>(add_tags);
    on.stored_write::<ops::RemoveTags>(remove_tags);
    on.stored_read::<ops::DescribeTags>(describe_tags);
}

/// Tags that came with a creation, checked.
#[derive(Debug, Default)]
pub(super) struct NewTags(Vec<api::Tag>);

impl NewTags {
    /// # Errors
    /// `DuplicateTagKeys`, `TooManyTags`, `ValidationError` for a key that is AWS's own.
    pub(super) fn parse(tags: Option<Vec<api::Tag>>) -> Result<Self, Fault> {
        let tags = tags.unwrap_or_default();
        let mut seen = BTreeSet::new();
        for tag in &tags {
            if !seen.insert(tag.key.as_str()) {
                return Err(faults::duplicate_tag_keys(&tag.key));
            }
            if tag.key.to_ascii_lowercase().starts_with("aws:") {
                return Err(faults::validation_error(
                    "aws: prefixed tag key names are not allowed for external use.",
                ));
            }
        }
        match tags.len() > TAGS {
            true => Err(faults::too_many_tags(TAGS)),
            false => Ok(NewTags(tags)),
        }
    }

    /// Tags a resource.
    pub(super) fn attach(self, tx: &mut Tx<'_>, arn: &str) {
        let scope = tx.caller().scope.clone();
        let kind = resource_of(arn).and_then(|resource| resource.split('/').next()).unwrap_or_default();
        for tag in self.0 {
            tx.put(Tag {
                scope: scope.clone(),
                resource: arn.to_owned(),
                resource_type: kind.to_owned(),
                key: tag.key,
                value: tag.value.unwrap_or_default(),
            });
        }
    }
}

/// Removes every tag of a resource that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

/// Refuses ARNs of what is not there.
fn check_resources(world: &World, scope: &Scope, arns: &[String]) -> Result<(), Fault> {
    if arns.len() > RESOURCES {
        return Err(faults::validation_error(format!(
            "Up to {RESOURCES} resources can be specified at a time"
        )));
    }
    arns.iter().try_for_each(|arn| check_resource(world, scope, arn))
}

fn check_resource(world: &World, scope: &Scope, arn: &str) -> Result<(), Fault> {
    let kind = resource_of(arn).and_then(|resource| resource.split('/').next());
    match kind {
        Some("loadbalancer") => find_load_balancer(world, scope, arn).map(drop),
        Some("targetgroup") => find_target_group(world, scope, arn).map(drop),
        Some("listener") => find_listener(world, scope, arn).map(drop),
        Some("listener-rule") => rule::find(world, scope, arn).map(drop),
        Some("truststore") => trust_store::find(world, scope, arn).map(drop),
        _ => Err(faults::invalid_arn(arn, "resource")),
    }
}

fn add_tags(tx: &mut Tx<'_>, input: AddTagsInput) -> Result<AddTagsOutput, Fault> {
    check_resources(tx.world(), &tx.caller().scope, &input.resource_arns)?;
    for arn in &input.resource_arns {
        NewTags::parse(Some(input.tags.clone()))?.attach(tx, arn);
        if tx.world().tags_of(arn).count() > TAGS {
            return Err(faults::too_many_tags(TAGS));
        }
    }
    Ok(AddTagsOutput {})
}

fn remove_tags(tx: &mut Tx<'_>, input: RemoveTagsInput) -> Result<RemoveTagsOutput, Fault> {
    check_resources(tx.world(), &tx.caller().scope, &input.resource_arns)?;
    for arn in &input.resource_arns {
        for key in &input.tag_keys {
            let key = TagKey::of(arn, key);
            if tx.world().get::<Tag>(&key).is_some() {
                tx.remove::<Tag>(&key);
            }
        }
    }
    Ok(RemoveTagsOutput {})
}

fn describe_tags(read: &Read<'_>, input: DescribeTagsInput) -> Result<DescribeTagsOutput, Fault> {
    check_resources(read.world, &read.caller.scope, &input.resource_arns)?;
    let tag = |tag: &Tag| api::Tag { key: tag.key.clone(), value: Some(tag.value.clone()) };
    let describe = |arn: &String| TagDescription {
        resource_arn: Some(arn.clone()),
        tags: Some(read.world.tags_of(arn).map(tag).collect()),
    };
    Ok(DescribeTagsOutput { tag_descriptions: Some(input.resource_arns.iter().map(describe).collect()) })
}
