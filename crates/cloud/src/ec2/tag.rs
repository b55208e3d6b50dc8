//! Tags: `CreateTags`, `DeleteTags`, `DescribeTags`, and tags given at creation.
//! [Tag your Amazon EC2 resources](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html)
//!
//! What AWS promises: at most 50 tags a resource, keys of 1 to 128 and values of up to 256 characters, keys that start
//! with `aws:` are AWS's own and do not count. Tags that come with a creation are made with it or not at all.

use std::collections::BTreeSet;

use enishi_api::ec2::{
    self, CreateTagsRequest, DeleteTagsRequest, DescribeTagsRequest, DescribeTagsResult, TagDescription,
    TagSpecification, ops,
};
use enishi_state::{Read, Row, Scope, Tag, TagKey, Tx, World};
use enishi_wire::Fault;

use super::faults;
use super::filter::{Field, Filters, field};
use super::ids;
use super::page::{self, Page};
use crate::registry::Registry;

const TAGS_PER_RESOURCE: usize = 50;
const KEY_LENGTH: usize = 128;
const VALUE_LENGTH: usize = 256;
const RESOURCES_PER_REQUEST: usize = 1000;

const FILTERS: &[Field<Tag>] = &[
    field("key", |_, tag, values| values.add(&tag.key)),
    field("resource-id", |_, tag, values| values.add(&tag.resource)),
    field("resource-type", |_, tag, values| values.add(&tag.resource_type)),
    field("value", |_, tag, values| values.add(&tag.value)),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateTags>(create_tags);
    on.write::<ops::DeleteTags>(delete_tags);
    on.read::<ops::DescribeTags>(describe_tags);
}

/// The tags of a resource as responses show them; empty where it has none.
pub(crate) fn of(world: &World, resource: &str) -> Option<Vec<ec2::Tag>> {
    Some(world.tags_of(resource).map(shape).collect())
}

/// The tags that one side of a shared resource gave it.
pub(crate) fn of_side(world: &World, resource: &str, scope: &Scope) -> Option<Vec<ec2::Tag>> {
    Some(world.tags_of(resource).filter(|tag| tag.scope == *scope).map(shape).collect())
}

fn shape(tag: &Tag) -> ec2::Tag {
    ec2::Tag { key: Some(tag.key.clone()), value: Some(tag.value.clone()) }
}

/// The tags of a resource whose responses leave the set out where it has none.
pub(crate) fn if_any(world: &World, resource: &str) -> Option<Vec<ec2::Tag>> {
    of(world, resource).filter(|tags| !tags.is_empty())
}

/// Removes every tag of a resource that is being deleted.
pub(crate) fn remove_all(tx: &mut Tx<'_>, resource: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(resource).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

/// The `TagSpecifications` of a creation, checked.
#[derive(Debug, Default)]
pub(crate) struct NewTags(Vec<(String, Vec<(String, String)>)>);

impl NewTags {
    /// Checks the specifications; `kinds` are the kinds of resource that the operation creates.
    ///
    /// # Errors
    /// `InvalidParameterValue` for another kind and for malformed tags, `TagLimitExceeded`.
    pub(crate) fn parse(specifications: Vec<TagSpecification>, kinds: &[&str]) -> Result<Self, Fault> {
        let mut new = Vec::new();
        let mut seen = BTreeSet::new();
        for specification in specifications {
            let kind = specification.resource_type.unwrap_or_default();
            if kind.is_empty() {
                return Err(faults::invalid_parameter_value(
                    "Tag specification resource type must have a value",
                ));
            }
            if !kinds.contains(&kind.as_str()) {
                return Err(faults::invalid_parameter_value(format!(
                    "'{kind}' is not a valid taggable resource type for this operation."
                )));
            }
            if !seen.insert(kind.clone()) {
                return Err(faults::invalid_parameter_value(format!(
                    "Tag specification for resource type '{kind}' must not be given more than once"
                )));
            }
            if specification.tags.is_empty() {
                return Err(faults::invalid_parameter_value("Tag specification must have at least one tag"));
            }
            let tags = pairs(specification.tags)?;
            if tags.len() > TAGS_PER_RESOURCE {
                return Err(faults::tag_limit_exceeded());
            }
            new.push((kind, tags));
        }
        Ok(NewTags(new))
    }

    /// Tags a new resource with what was specified for its kind.
    pub(crate) fn attach(&self, tx: &mut Tx<'_>, kind: &str, resource: &str) {
        for (_, tags) in self.0.iter().filter(|(of, _)| of == kind) {
            for (key, value) in tags {
                put(tx, kind, resource, key, value);
            }
        }
    }
}

fn create_tags(tx: &mut Tx<'_>, input: CreateTagsRequest) -> Result<(), Fault> {
    let tags = pairs(input.tags)?;
    if tags.is_empty() {
        return Err(faults::missing_parameter("tagSet"));
    }
    for (resource, kind) in kinds_of(tx.world(), &tx.read(), input.resources)? {
        if !have_room(&tx.read(), &resource, &tags) {
            return Err(faults::tag_limit_exceeded());
        }
        for (key, value) in &tags {
            put(tx, kind, &resource, key, value);
        }
    }
    Ok(())
}

/// Whether the resource may have these tags besides those it has; AWS's own do not count.
fn have_room(read: &Read<'_>, resource: &str, tags: &[(String, String)]) -> bool {
    let own = own_tags(read, resource);
    let existing = own.map(|tag| tag.key.as_str()).filter(|key| !is_reserved(key));
    let keys: BTreeSet<&str> = tags.iter().map(|(key, _)| key.as_str()).chain(existing).collect();
    keys.len() <= TAGS_PER_RESOURCE
}

/// The tags of a resource that are the caller's: of a shared one his side's.
fn own_tags<'w>(read: &Read<'w>, resource: &str) -> impl Iterator<Item = &'w Tag> + use<'w> {
    let scope = &read.caller.scope;
    read.world.tags_of(resource).filter(move |tag| tag.scope == *scope)
}

fn delete_tags(tx: &mut Tx<'_>, input: DeleteTagsRequest) -> Result<(), Fault> {
    for wanted in &input.tags {
        check_key(wanted.key.as_deref().unwrap_or_default())?;
    }
    for (resource, _) in kinds_of(tx.world(), &tx.read(), input.resources)? {
        // Without tags all of the user's go; a tag without a value goes whatever its value is.
        let goes = |tag: &&Tag| match input.tags.is_empty() {
            true => !is_reserved(&tag.key),
            false => input.tags.iter().any(|wanted| {
                wanted.key.as_deref() == Some(tag.key.as_str())
                    && wanted.value.as_ref().is_none_or(|value| *value == tag.value)
            }),
        };
        let keys: Vec<TagKey> = own_tags(&tx.read(), &resource).filter(goes).map(Row::id).collect();
        for key in keys {
            tx.remove::<Tag>(&key);
        }
    }
    Ok(())
}

fn describe_tags(read: &Read<'_>, input: DescribeTagsRequest) -> Result<DescribeTagsResult, Fault> {
    let filters = Filters::parse(split_tag_filters(input.filters), FILTERS)?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let scope = read.caller.scope.to_string();
    // Other services tag by ARN or by a path; an id of EC2 has neither character.
    let own = read.world.by::<Tag>("scope", &scope).filter(|tag| !tag.resource.contains([':', '/']));
    let tags = own.filter(|tag| filters.accept(read.world, "", tag));
    let (tags, next_token) = page.of(tags.collect(), |tag| tag.id().as_str().to_owned());
    let description = |tag: &Tag| TagDescription {
        key: Some(tag.key.clone()),
        resource_id: Some(tag.resource.clone()),
        resource_type: Some(tag.resource_type.clone()),
        value: Some(tag.value.clone()),
    };
    Ok(DescribeTagsResult { next_token, tags: Some(tags.into_iter().map(description).collect()) })
}

/// Here `tag:KEY` means the tag itself, not another tag of its resource: it is a filter on key and one on value.
fn split_tag_filters(filters: Vec<ec2::Filter>) -> Vec<ec2::Filter> {
    let mut split = Vec::with_capacity(filters.len());
    for filter in filters {
        match filter.name.as_deref().and_then(|name| name.strip_prefix("tag:")) {
            Some(key) => {
                let key = key.replace('\\', r"\\").replace('*', r"\*").replace('?', r"\?");
                split.push(ec2::Filter { name: Some("key".to_owned()), values: vec![key] });
                split.push(ec2::Filter { name: Some("value".to_owned()), values: filter.values });
            }
            None => split.push(filter),
        }
    }
    split
}

/// The resources of a request with their kinds; each must exist.
fn kinds_of(
    world: &World,
    read: &Read<'_>,
    resources: Vec<String>,
) -> Result<Vec<(String, &'static str)>, Fault> {
    if resources.is_empty() {
        return Err(faults::missing_parameter("resourceIdSet"));
    }
    if resources.len() > RESOURCES_PER_REQUEST {
        return Err(faults::invalid_parameter_value("The maximum number of resources in a request is 1000."));
    }
    let with_kind = |resource: String| {
        let kind = ids::kind_of(world, &read.caller.scope, &resource)?;
        Ok((resource, kind))
    };
    resources.into_iter().map(with_kind).collect()
}

fn put(tx: &mut Tx<'_>, kind: &str, resource: &str, key: &str, value: &str) {
    let row = Tag {
        scope: tx.caller().scope.clone(),
        resource: resource.to_owned(),
        resource_type: kind.to_owned(),
        key: key.to_owned(),
        value: value.to_owned(),
    };
    tx.put(row);
}

/// Checks the tags of a request: keys and values, and that no key comes twice.
fn pairs(tags: Vec<ec2::Tag>) -> Result<Vec<(String, String)>, Fault> {
    let mut seen = BTreeSet::new();
    let mut pairs = Vec::with_capacity(tags.len());
    for tag in tags {
        let key = tag.key.unwrap_or_default();
        let value = tag.value.unwrap_or_default();
        check_key(&key)?;
        if value.chars().count() > VALUE_LENGTH {
            return Err(faults::invalid_parameter_value(format!(
                "Tag value exceeds the maximum length of {VALUE_LENGTH} characters"
            )));
        }
        if !seen.insert(key.clone()) {
            return Err(faults::invalid_parameter_value(format!("Duplicate tag key '{key}' specified.")));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() {
        return Err(faults::invalid_parameter_value("Tag key cannot be empty"));
    }
    if key.chars().count() > KEY_LENGTH {
        return Err(faults::invalid_parameter_value(format!(
            "Tag key exceeds the maximum length of {KEY_LENGTH} characters"
        )));
    }
    if is_reserved(key) {
        return Err(faults::invalid_parameter_value(
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    Ok(())
}

/// Whether AWS keeps the key for itself; the prefix counts in any case of letters.
fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}
