//! Tags of load balancers, by name.
//! [Tag your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/add-remove-tags.html)

use std::collections::BTreeSet;

use enishi_api::elb::{
    self as api, AddTagsInput, AddTagsOutput, DescribeTagsInput, DescribeTagsOutput, RemoveTagsInput,
    RemoveTagsOutput, TagDescription, ops,
};
use enishi_state::{Read, Row, Tag, TagKey, Tx};
use enishi_wire::Fault;

use super::{faults, find};
use crate::registry::Registry;

/// Tags of one load balancer at most.
const TAGS: usize = 50;

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
    pub(super) fn parse(tags: Vec<api::Tag>) -> Result<Self, Fault> {
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

    /// Tags a load balancer.
    pub(super) fn attach(self, tx: &mut Tx<'_>, arn: &str) {
        let scope = tx.caller().scope.clone();
        for tag in self.0 {
            tx.put(Tag {
                scope: scope.clone(),
                resource: arn.to_owned(),
                resource_type: "loadbalancer".to_owned(),
                key: tag.key,
                value: tag.value.unwrap_or_default(),
            });
        }
    }
}

/// Removes every tag of a load balancer that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

fn add_tags(tx: &mut Tx<'_>, input: AddTagsInput) -> Result<AddTagsOutput, Fault> {
    for name in &input.load_balancer_names {
        let arn = find(tx.world(), &tx.caller().scope, name)?.arn();
        NewTags::parse(input.tags.clone())?.attach(tx, arn.as_str());
        if tx.world().tags_of(arn.as_str()).count() > TAGS {
            return Err(faults::too_many_tags(TAGS));
        }
    }
    Ok(AddTagsOutput {})
}

fn remove_tags(tx: &mut Tx<'_>, input: RemoveTagsInput) -> Result<RemoveTagsOutput, Fault> {
    for name in &input.load_balancer_names {
        let arn = find(tx.world(), &tx.caller().scope, name)?.arn();
        for key in input.tags.iter().filter_map(|tag| tag.key.as_deref()) {
            let key = TagKey::of(arn.as_str(), key);
            if tx.world().get::<Tag>(&key).is_some() {
                tx.remove::<Tag>(&key);
            }
        }
    }
    Ok(RemoveTagsOutput {})
}

fn describe_tags(read: &Read<'_>, input: DescribeTagsInput) -> Result<DescribeTagsOutput, Fault> {
    let describe = |name: &String| -> Result<TagDescription, Fault> {
        let arn = find(read.world, &read.caller.scope, name)?.arn();
        let tag = |tag: &Tag| api::Tag { key: tag.key.clone(), value: Some(tag.value.clone()) };
        Ok(TagDescription {
            load_balancer_name: Some(name.clone()),
            tags: Some(read.world.tags_of(arn.as_str()).map(tag).collect()),
        })
    };
    let descriptions = input.load_balancer_names.iter().map(describe).collect::<Result<_, _>>()?;
    Ok(DescribeTagsOutput { tag_descriptions: Some(descriptions) })
}
