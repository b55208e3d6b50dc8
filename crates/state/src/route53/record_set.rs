//! Record sets. [Working with records](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/rrsets-working-with.html)

use enishi_fabric::dns::{self, Name, RecordType};
use serde::{Deserialize, Serialize};

use super::HostedZoneId;
use crate::id::name_id;
use crate::{Keys, Row};

name_id!(
    RecordSetKey,
    "a record set: zone, name, type and identifier, in the order of `ListResourceRecordSets`"
);

impl RecordSetKey {
    /// The key of the set of that name, type and identifier. Keys sort as Route 53 lists: by labels from the last to the
    /// first, then by type, then by identifier.
    pub fn of(zone: &HostedZoneId, name: &Name, record_type: RecordType, identifier: Option<&str>) -> Self {
        let identifier = identifier.unwrap_or_default();
        RecordSetKey::new(&format!("{}{record_type} {identifier}", Self::name_prefix(zone, name)))
    }

    /// What the keys of all sets of a name begin with.
    pub fn name_prefix(zone: &HostedZoneId, name: &Name) -> String {
        let text = name.to_string();
        let labels: Vec<&str> = text.split('.').filter(|label| !label.is_empty()).rev().collect();
        // The end of a name sorts before a further label; a name's text has neither of the two.
        format!("{zone} {} ", labels.join("!"))
    }

    /// What the keys of all sets of a zone begin with.
    pub fn zone_prefix(zone: &HostedZoneId) -> String {
        format!("{zone} ")
    }
}

/// A record set of a hosted zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// The zone.
    pub zone: HostedZoneId,
    /// What it means.
    pub set: dns::RecordSet,
    /// Its values as they were given, which is how they are listed; empty for an alias.
    pub values: Vec<String>,
}

impl Row for RecordSet {
    type Id = RecordSetKey;
    const TABLE: &'static str = "route53_record_set";

    fn id(&self) -> RecordSetKey {
        RecordSetKey::of(&self.zone, &self.set.name, self.set.record_type, self.set.identifier.as_deref())
    }

    fn keys(&self, keys: &mut Keys) {
        if let Some(check) = &self.set.health_check {
            keys.add("health_check", check);
        }
        if let dns::Routing::Cidr(location) = &self.set.routing {
            keys.add("cidr_collection", &location.collection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_route_53_lists() {
        let zone = HostedZoneId::new("Z1");
        let key = |name: &str, record_type: &str| {
            RecordSetKey::of(&zone, &name.parse().expect(name), record_type.parse().expect(record_type), None)
        };
        let sorted = [
            key("example.com", "A"),
            key("example.com", "NS"),
            key("*.example.com", "A"),
            key("a.example.com", "TXT"),
            key("z.a.example.com", "A"),
            key("a-b.example.com", "A"),
            key("b.example.com", "A"),
        ];
        let mut keys = sorted.clone();
        keys.reverse();
        keys.sort();
        assert_eq!(keys, sorted);
    }
}
