//! Tags of endpoints, rules and query logging configurations, by ARN.
//! [API_route53resolver_TagResource](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_TagResource.html)

use enishi_api::route53resolver::{
    self as api, ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest,
    TagResourceResponse, UntagResourceRequest, UntagResourceResponse, ops,
};
use enishi_state::route53resolver::{QueryLogConfig, ResolverEndpoint, ResolverRule};
use enishi_state::{Holds, Read, ResourceId, Row, Scope, Tag, TagKey, Tx, World};
use enishi_wire::Fault;

use super::faults::{self, Kind};
use super::{arn, list};
use crate::registry::Registry;

/// Tags of one resource at most.
const TAGS: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::TagResource>(tag_resource);
    on.stored_write::<ops::UntagResource>(untag_resource);
    on.stored_read::<ops::ListTagsForResource>(list_tags_for_resource);
}

/// Tags that came with a creation, checked.
#[derive(Debug, Default)]
pub(super) struct NewTags(Vec<api::Tag>);

impl NewTags {
    /// # Errors
    /// `InvalidTagException`, `LimitExceededException`
    pub(super) fn parse(tags: Option<Vec<api::Tag>>) -> Result<Self, Fault> {
        let tags = tags.unwrap_or_default();
        let is_reserved = |tag: &&api::Tag| tag.key.to_ascii_lowercase().starts_with("aws:");
        if let Some(tag) = tags.iter().find(is_reserved) {
            return Err(faults::invalid_tag(format!(
                "The tag key '{}' begins with the reserved prefix aws:.",
                tag.key
            )));
        }
        match tags.len() > TAGS {
            true => Err(too_many()),
            false => Ok(NewTags(tags)),
        }
    }

    /// Tags a resource.
    pub(super) fn attach(self, tx: &mut Tx<'_>, resource: &str, kind: &str) {
        let scope = tx.caller().scope.clone();
        for tag in self.0 {
            tx.put(Tag {
                scope: scope.clone(),
                resource: resource.to_owned(),
                resource_type: kind.to_owned(),
                key: tag.key,
                value: tag.value,
            });
        }
    }
}

fn too_many() -> Fault {
    Fault::new("LimitExceededException", format!("A resource can have at most {TAGS} tags."))
}

/// Removes every tag of a resource that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, resource: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(resource).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

/// The kind of the caller's resource with this ARN.
///
/// # Errors
/// `InvalidParameterException`, `ResourceNotFoundException`
fn kind_of(world: &World, scope: &Scope, resource: &str) -> Result<&'static str, Fault> {
    let malformed = || faults::invalid_parameter("ResourceArn", format!("'{resource}' is not a valid ARN."));
    if !resource.starts_with("arn:aws:route53resolver:") {
        return Err(malformed());
    }
    let (prefix, id) = resource.rsplit_once('/').ok_or_else(malformed)?;
    let (kind, exists, what) = match prefix.rsplit_once(':').map(|(_, kind)| kind) {
        Some("resolver-endpoint") => {
            ("resolver-endpoint", exists::<ResolverEndpoint>(world, id), Kind::Endpoint)
        }
        Some("resolver-rule") => ("resolver-rule", exists::<ResolverRule>(world, id), Kind::Rule),
        Some("resolver-query-log-config") => {
            ("resolver-query-log-config", exists::<QueryLogConfig>(world, id), Kind::QueryLogConfig)
        }
        _ => return Err(malformed()),
    };
    match exists && arn(scope, kind, id) == resource {
        true => Ok(kind),
        false => Err(faults::resource_not_found(what, id)),
    }
}

fn exists<R: Row>(world: &World, id: &str) -> bool
where
    World: Holds<R>,
{
    R::Id::parse(id).is_ok_and(|id| world.get::<R>(&id).is_some())
}

fn tag_resource(tx: &mut Tx<'_>, input: TagResourceRequest) -> Result<TagResourceResponse, Fault> {
    let kind = kind_of(tx.world(), &tx.caller().scope, &input.resource_arn)?;
    NewTags::parse(Some(input.tags))?.attach(tx, &input.resource_arn, kind);
    match tx.world().tags_of(&input.resource_arn).count() > TAGS {
        true => Err(too_many()),
        false => Ok(TagResourceResponse {}),
    }
}

fn untag_resource(tx: &mut Tx<'_>, input: UntagResourceRequest) -> Result<UntagResourceResponse, Fault> {
    kind_of(tx.world(), &tx.caller().scope, &input.resource_arn)?;
    for key in input.tag_keys {
        tx.remove::<Tag>(&TagKey::of(&input.resource_arn, &key));
    }
    Ok(UntagResourceResponse {})
}

fn list_tags_for_resource(
    read: &Read<'_>,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, Fault> {
    kind_of(read.world, &read.caller.scope, &input.resource_arn)?;
    let tag = |tag: &Tag| api::Tag { key: tag.key.clone(), value: tag.value.clone() };
    let tags = read.world.tags_of(&input.resource_arn).map(tag).collect();
    let page = list::page(tags, input.max_results, input.next_token.as_deref(), |tag| tag.key.clone())?;
    Ok(ListTagsForResourceResponse { tags: Some(page.items), next_token: page.next_token })
}
