//! Writing a zone as a zone file.

use std::fmt::Write as _;

use enishi_fabric::dns::{Content, RecordSet, RecordType, Routing, Zone};

use super::escape::to_decimal;

/// Writes a zone: the `SOA` first, then names in the order of `ListResourceRecordSets`. Record sets that a zone file cannot hold
/// are comments.
pub fn write(zone: &Zone) -> String {
    let mut sets: Vec<&RecordSet> = zone.record_sets.iter().collect();
    let is_soa = |set: &RecordSet| set.record_type == RecordType::SOA;
    sets.sort_by_key(|set| (!is_soa(set), set.name.clone(), set.record_type, set.identifier.clone()));
    let mut text = format!("; zone {}\n$ORIGIN {}\n", zone.id, to_decimal(&zone.name.to_string()));
    for set in sets {
        push_set(&mut text, set);
    }
    text
}

fn push_set(text: &mut String, set: &RecordSet) {
    let owner = to_decimal(&set.name.to_string());
    let policy = match &set.identifier {
        Some(identifier) => format!("{} {:?}, {}", set.record_type, identifier, set.routing),
        None => set.record_type.to_string(),
    };
    match &set.content {
        Content::Alias(alias) => {
            let target = to_decimal(&alias.name.to_string());
            let _ = writeln!(text, "; {owner} {policy}: alias of {target} in {}", alias.zone);
        }
        Content::Records { ttl, data } => {
            let comment = if set.routing == Routing::Simple { "" } else { "; " };
            if !comment.is_empty() {
                let _ = writeln!(text, "; {owner} {policy}:");
            }
            for data in data {
                let value = to_decimal(&data.text(set.record_type));
                let _ = writeln!(text, "{comment}{owner} {ttl} IN {} {value}", set.record_type);
            }
        }
    }
}
