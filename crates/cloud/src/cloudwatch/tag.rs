//! Tags of alarms. [API_TagResource](https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_TagResource.html)

use enishi_api::cloudwatch::{
    ListTagsForResourceInput, ListTagsForResourceOutput, Tag as Shape, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput, ops,
};
use enishi_state::cloudwatch::{Alarm, AlarmId};
use enishi_state::{Read, Row, Tag, TagKey, Tx};
use enishi_wire::Fault;

use super::{alarm_arn, faults};
use crate::registry::Registry;

/// Tags of one alarm at most.
const TAGS: usize = 50;

pub(super) fn register(on: &mut Registry) {
    on.stored_write::<ops::TagResource>(tag_resource);
    on.stored_write::<ops::UntagResource>(untag_resource);
    on.stored_read::<ops::ListTagsForResource>(list_tags_for_resource);
}

/// The alarm that an ARN names exists.
fn check(read: &Read<'_>, arn: &str) -> Result<(), Fault> {
    let scope = &read.caller.scope;
    let name = arn.strip_prefix(&alarm_arn(scope, ""));
    let found = name.and_then(|name| read.world.get::<Alarm>(&AlarmId::of(scope, name)));
    found.map(|_| ()).ok_or_else(|| faults::no_such_resource(arn))
}

/// Tags an alarm, which need not exist yet.
pub(super) fn add(tx: &mut Tx<'_>, arn: &str, tags: Vec<Shape>) -> Result<(), Fault> {
    if let Some(tag) = tags.iter().find(|tag| tag.key.to_ascii_lowercase().starts_with("aws:")) {
        let message = format!("The tag key {} begins with the reserved prefix aws:.", tag.key);
        return Err(faults::invalid_value(message));
    }
    let scope = tx.caller().scope.clone();
    for tag in tags {
        tx.put(Tag {
            scope: scope.clone(),
            resource: arn.to_owned(),
            resource_type: "alarm".to_owned(),
            key: tag.key,
            value: tag.value,
        });
    }
    if tx.world().tags_of(arn).count() > TAGS {
        return Err(faults::invalid_value(format!("A resource can have {TAGS} tags at most.")));
    }
    Ok(())
}

/// Removes every tag of an alarm that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &str) {
    let keys: Vec<TagKey> = tx.world().tags_of(arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Tag>(&key);
    }
}

fn tag_resource(tx: &mut Tx<'_>, input: TagResourceInput) -> Result<TagResourceOutput, Fault> {
    check(&tx.read(), &input.resource_arn)?;
    add(tx, &input.resource_arn, input.tags)?;
    Ok(TagResourceOutput {})
}

fn untag_resource(tx: &mut Tx<'_>, input: UntagResourceInput) -> Result<UntagResourceOutput, Fault> {
    check(&tx.read(), &input.resource_arn)?;
    for key in &input.tag_keys {
        tx.remove::<Tag>(&TagKey::of(&input.resource_arn, key));
    }
    Ok(UntagResourceOutput {})
}

fn list_tags_for_resource(
    read: &Read<'_>,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, Fault> {
    check(read, &input.resource_arn)?;
    let tags = read.world.tags_of(&input.resource_arn);
    let shape = |tag: &Tag| Shape { key: tag.key.clone(), value: tag.value.clone() };
    Ok(ListTagsForResourceOutput { tags: Some(tags.map(shape).collect()) })
}
