//! Tags of certificates. [Tag ACM resources](https://docs.aws.amazon.com/acm/latest/userguide/tags.html)

use enishi_api::acm::{
    self as api, AddTagsToCertificateRequest, ListTagsForCertificateRequest, ListTagsForCertificateResponse,
    RemoveTagsFromCertificateRequest, ops,
};
use enishi_state::{Read, Row, Tag, TagKey, Tx};
use enishi_wire::Fault;

use super::{faults, find};
use crate::registry::Registry;

/// Tags of one certificate at most.
const TAGS: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::AddTagsToCertificate>(add_tags_to_certificate);
    on.stored_write::<ops::RemoveTagsFromCertificate>(remove_tags_from_certificate);
    on.stored_read::<ops::ListTagsForCertificate>(list_tags_for_certificate);
}

/// Tags that are to be attached, checked.
#[derive(Debug, Default)]
pub(super) struct NewTags(Vec<api::Tag>);

impl NewTags {
    /// # Errors
    /// `InvalidTagException`, `TooManyTagsException`
    pub(super) fn parse(tags: Vec<api::Tag>) -> Result<Self, Fault> {
        if tags.iter().any(|tag| tag.key.to_ascii_lowercase().starts_with("aws:")) {
            return Err(faults::invalid_tag("aws: prefixed tag key names are not allowed for external use."));
        }
        let repeats =
            |(at, tag): (usize, &api::Tag)| tags.iter().skip(at + 1).any(|other| other.key == tag.key);
        if tags.iter().enumerate().any(repeats) {
            return Err(faults::invalid_tag("Tag keys must be unique."));
        }
        match tags.len() > TAGS {
            true => Err(faults::too_many_tags()),
            false => Ok(NewTags(tags)),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tags a certificate.
    pub(super) fn attach(self, tx: &mut Tx<'_>, arn: &str) {
        let scope = tx.caller().scope.clone();
        for tag in self.0 {
            tx.put(Tag {
                scope: scope.clone(),
                resource: arn.to_owned(),
                resource_type: "acm:certificate".to_owned(),
                key: tag.key,
                value: tag.value.unwrap_or_default(),
            });
        }
    }
}

/// Removes every tag of a certificate that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

fn add_tags_to_certificate(tx: &mut Tx<'_>, input: AddTagsToCertificateRequest) -> Result<(), Fault> {
    let arn = find(tx.world(), &tx.caller().scope, &input.certificate_arn)?.arn.clone();
    NewTags::parse(input.tags)?.attach(tx, arn.as_str());
    match tx.world().tags_of(arn.as_str()).count() > TAGS {
        true => Err(faults::too_many_tags()),
        false => Ok(()),
    }
}

/// A tag that is named with a value is removed if it has that value.
fn remove_tags_from_certificate(
    tx: &mut Tx<'_>,
    input: RemoveTagsFromCertificateRequest,
) -> Result<(), Fault> {
    let arn = find(tx.world(), &tx.caller().scope, &input.certificate_arn)?.arn.clone();
    for tag in input.tags {
        let key = TagKey::of(arn.as_str(), &tag.key);
        let has_value = |row: &Tag| tag.value.as_ref().is_none_or(|value| *value == row.value);
        if tx.world().get::<Tag>(&key).is_some_and(has_value) {
            tx.remove::<Tag>(&key);
        }
    }
    Ok(())
}

fn list_tags_for_certificate(
    read: &Read<'_>,
    input: ListTagsForCertificateRequest,
) -> Result<ListTagsForCertificateResponse, Fault> {
    let row = find(read.world, &read.caller.scope, &input.certificate_arn)?;
    let tags = read.world.tags_of(row.arn.as_str());
    let tags = tags.map(|tag| api::Tag { key: tag.key.clone(), value: Some(tag.value.clone()) });
    Ok(ListTagsForCertificateResponse { tags: Some(tags.collect()) })
}
