//! Record sets: `ChangeResourceRecordSets`, `ListResourceRecordSets`.
//! [Working with records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/rrsets-working-with.html)

mod alias;
mod batch;
mod failover;
mod parse;
mod policy;
mod routing;
mod rule;
pub(super) mod shape;
mod value;

use enishi_api::route53::{ListResourceRecordSetsRequest, ListResourceRecordSetsResponse, ops};
use enishi_fabric::dns::{Name, RecordType};
use enishi_state::Read;
use enishi_state::route53::{RecordSet, RecordSetKey};
use enishi_wire::Fault;

use super::page::{self, Page};
use super::{faults, own_zone};
use crate::registry::Registry;

/// Record sets of one page at most.
const PAGE: usize = 300;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ChangeResourceRecordSets>(batch::change_resource_record_sets);
    on.read::<ops::ListResourceRecordSets>(list_resource_record_sets);
}

fn list_resource_record_sets(
    read: &Read<'_>,
    input: ListResourceRecordSetsRequest,
) -> Result<ListResourceRecordSetsResponse, Fault> {
    let zone = own_zone(read.world, &read.caller.scope.account, &input.hosted_zone_id)?;
    let size = page::size(input.max_items.as_deref(), PAGE)?;
    let name = match input.start_record_name.as_deref() {
        None if input.start_record_type.is_some() => {
            return Err(faults::invalid_input(
                "The request includes a StartRecordType but no StartRecordName.",
            ));
        }
        None => None,
        Some(text) => Some(
            Name::parse(text).map_err(|_| faults::invalid_input(format!("Invalid domain name: {text}")))?,
        ),
    };
    let record_type = input.start_record_type.as_deref().map(str::parse::<RecordType>).transpose();
    let record_type = record_type.map_err(|_| faults::invalid_input("Invalid record type"))?;
    if record_type.is_none() && input.start_record_identifier.is_some() {
        return Err(faults::invalid_input(
            "The request includes a StartRecordIdentifier but no StartRecordName and StartRecordType.",
        ));
    }
    let start = match (&name, record_type) {
        (None, _) => RecordSetKey::new(&RecordSetKey::zone_prefix(&zone.id)),
        (Some(name), None) => RecordSetKey::new(&RecordSetKey::name_prefix(&zone.id, name)),
        (Some(name), Some(kind)) => {
            RecordSetKey::of(&zone.id, name, kind, input.start_record_identifier.as_deref())
        }
    };
    let rows = read.world.from::<RecordSet>(&start).take_while(|row| row.zone == zone.id);
    let Page { items, next } = page::cut(rows, size);
    Ok(ListResourceRecordSetsResponse {
        resource_record_sets: items.into_iter().map(shape::shape).collect(),
        is_truncated: next.is_some(),
        next_record_name: next.map(|row| row.set.name.to_string()),
        next_record_type: next.map(|row| row.set.record_type.to_string()),
        next_record_identifier: next.and_then(|row| row.set.identifier.as_deref().map(str::to_owned)),
        max_items: size.to_string(),
    })
}
