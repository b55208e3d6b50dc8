//! A record set as responses show it.

use enishi_api::route53::{AliasTarget, ResourceRecord, ResourceRecordSet};
use enishi_fabric::dns::Content;
use enishi_state::route53::RecordSet;

use super::routing;

/// The response's record set.
pub(in crate::route53) fn shape(row: &RecordSet) -> ResourceRecordSet {
    let set = &row.set;
    let mut shape = ResourceRecordSet {
        name: set.name.to_string(),
        r#type: set.record_type.to_string(),
        set_identifier: set.identifier.as_deref().map(str::to_owned),
        health_check_id: set.health_check.as_deref().map(str::to_owned),
        ..Default::default()
    };
    routing::show(&set.routing, &mut shape);
    match &set.content {
        Content::Records { ttl, .. } => {
            let records = row.values.iter().map(|value| ResourceRecord { value: value.clone() });
            shape.ttl = Some(i64::from(*ttl));
            shape.resource_records = Some(records.collect());
        }
        Content::Alias(alias) => {
            shape.alias_target = Some(AliasTarget {
                hosted_zone_id: alias.zone.to_string(),
                dns_name: alias.name.to_string(),
                evaluate_target_health: alias.evaluate_target_health,
            });
        }
    }
    shape
}
