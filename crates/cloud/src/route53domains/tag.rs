//! Tags of domains.
//! [API_domains_UpdateTagsForDomain](https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_UpdateTagsForDomain.html)

use enishi_api::route53domains::{
    self as api, DeleteTagsForDomainRequest, DeleteTagsForDomainResponse, ListTagsForDomainRequest,
    ListTagsForDomainResponse, UpdateTagsForDomainRequest, UpdateTagsForDomainResponse, ops,
};
use enishi_state::route53domains::DomainId;
use enishi_state::{Read, Row, Tag, TagKey, Tx};
use enishi_wire::Fault;

use super::{faults, own};
use crate::registry::Registry;

/// AWS's name of the kind of resource.
const KIND: &str = "domain";

/// Tags of one domain at most.
const TAGS: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::UpdateTagsForDomain>(update_tags_for_domain);
    on.stored_write::<ops::DeleteTagsForDomain>(delete_tags_for_domain);
    on.stored_read::<ops::ListTagsForDomain>(list_tags_for_domain);
}

/// What tags hang on.
fn resource(id: &DomainId) -> String {
    format!("route53domains/{KIND}/{id}")
}

/// Removes every tag of a domain that changes hands or is deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, id: &DomainId) {
    let keys: Vec<TagKey> = tx.world().tags_of(&resource(id)).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

fn update_tags_for_domain(
    tx: &mut Tx<'_>,
    input: UpdateTagsForDomainRequest,
) -> Result<UpdateTagsForDomainResponse, Fault> {
    let resource = resource(&own(tx.world(), tx.caller(), &input.domain_name)?.0.id());
    let scope = tx.caller().scope.clone();
    for tag in input.tags_to_update.unwrap_or_default() {
        let key = tag.key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| faults::invalid_input("A tag has no key."))?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid_input(format!(
                "The tag key {key} is reserved: it begins with aws:."
            )));
        }
        tx.put(Tag {
            scope: scope.clone(),
            resource: resource.clone(),
            resource_type: KIND.to_owned(),
            key,
            value: tag.value.unwrap_or_default(),
        });
    }
    if tx.world().tags_of(&resource).count() > TAGS {
        return Err(faults::invalid_input(format!("A domain can have at most {TAGS} tags.")));
    }
    Ok(UpdateTagsForDomainResponse {})
}

fn delete_tags_for_domain(
    tx: &mut Tx<'_>,
    input: DeleteTagsForDomainRequest,
) -> Result<DeleteTagsForDomainResponse, Fault> {
    let resource = resource(&own(tx.world(), tx.caller(), &input.domain_name)?.0.id());
    for key in input.tags_to_delete {
        tx.remove::<Tag>(&TagKey::of(&resource, &key));
    }
    Ok(DeleteTagsForDomainResponse {})
}

fn list_tags_for_domain(
    read: &Read<'_>,
    input: ListTagsForDomainRequest,
) -> Result<ListTagsForDomainResponse, Fault> {
    let id = own(read.world, read.caller, &input.domain_name)?.0.id();
    let tags = read.world.tags_of(&resource(&id));
    let tags = tags.map(|tag| api::Tag { key: Some(tag.key.clone()), value: Some(tag.value.clone()) });
    Ok(ListTagsForDomainResponse { tag_list: Some(tags.collect()) })
}
