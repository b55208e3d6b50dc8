//! What a zone file changes: the one batch that makes a zone's record sets those of the file.
//!
//! The batch is a `ChangeResourceRecordSets` like any other, so that what comes in is checked and limited as at AWS.

use std::collections::{BTreeMap, BTreeSet};

use enishi_api::route53::{
    Change, ChangeBatch, ChangeResourceRecordSetsRequest, ResourceRecord, ResourceRecordSet,
};
use enishi_fabric::dns::{self, Content, Name, RecordType, Routing};
use enishi_state::World;
use enishi_state::route53::{HostedZone, RecordSet, RecordSetKey};

use super::record_set::shape;

/// The changes that an import needs, and how many of each kind there are.
#[derive(Debug, Default)]
pub struct Import {
    changes: Vec<Change>,
    /// Record sets that are made.
    pub created: usize,
    /// Record sets that get other records.
    pub changed: usize,
    /// Record sets that go.
    pub deleted: usize,
    /// Record sets that are as the file says already.
    pub unchanged: usize,
    /// Record sets of the file that every zone has of its own, which stay as they are: `SOA` and `NS` of the zone itself.
    pub own: usize,
}

/// The record sets of a zone, in the order of `ListResourceRecordSets`.
pub fn record_sets<'w>(world: &'w World, zone: &HostedZone) -> impl Iterator<Item = &'w RecordSet> + use<'w> {
    let id = zone.id.clone();
    let start = RecordSetKey::new(&RecordSetKey::zone_prefix(&id));
    world.from::<RecordSet>(&start).take_while(move |row| row.zone == id)
}

/// Whether a zone file can hold the set: aliases and routing policies have no form there.
pub fn has_form(set: &dns::RecordSet) -> bool {
    set.routing == Routing::Simple && matches!(set.content, Content::Records { .. })
}

impl Import {
    /// Compares a zone with the record sets of a file. With `replace`, sets that the file does not have go, but for those that
    /// it could not hold: an exported zone that is imported again changes nothing.
    pub fn new(world: &World, zone: &HostedZone, sets: Vec<dns::RecordSet>, replace: bool) -> Self {
        let mut import = Import::default();
        let mut there: BTreeMap<(Name, RecordType), Vec<&RecordSet>> = BTreeMap::new();
        for row in record_sets(world, zone).filter(|row| !is_own(zone, &row.set)) {
            there.entry((row.set.name.clone(), row.set.record_type)).or_default().push(row);
        }
        let mut told = BTreeSet::new();
        let mut puts = Vec::new();
        for set in sets {
            if is_own(zone, &set) {
                import.own += 1;
                continue;
            }
            let key = (set.name.clone(), set.record_type);
            let rows = there.get(&key).map(Vec::as_slice).unwrap_or_default();
            match rows {
                [] => import.created += 1,
                [row] if same(&row.set, &set) => {
                    import.unchanged += 1;
                    told.insert(key);
                    continue;
                }
                _ => import.changed += 1,
            }
            // Sets with a policy have to go first; a batch that leaves them there is refused, by AWS's own rule.
            let in_the_way = rows.iter().filter(|row| replace && row.set.identifier.is_some());
            import.changes.extend(in_the_way.map(|row| change("DELETE", shape::shape(row))));
            puts.push(change(if rows.is_empty() { "CREATE" } else { "UPSERT" }, simple(&set)));
            told.insert(key);
        }
        if replace {
            let gone = there.iter().filter(|(key, _)| !told.contains(key)).flat_map(|(_, rows)| rows);
            for row in gone.filter(|row| has_form(&row.set)) {
                import.deleted += 1;
                import.changes.push(change("DELETE", shape::shape(row)));
            }
        }
        import.changes.extend(puts);
        import
    }

    /// The batch; nothing when there is nothing to change.
    pub fn request(self, zone: &HostedZone) -> Option<ChangeResourceRecordSetsRequest> {
        (!self.changes.is_empty()).then(|| ChangeResourceRecordSetsRequest {
            hosted_zone_id: zone.id.as_str().to_owned(),
            change_batch: ChangeBatch { comment: Some("zone file".to_owned()), changes: self.changes },
        })
    }
}

/// Whether it is one of the sets that every zone comes with; a file from elsewhere has other name servers in them.
fn is_own(zone: &HostedZone, set: &dns::RecordSet) -> bool {
    set.name == zone.name && matches!(set.record_type, RecordType::SOA | RecordType::NS)
}

/// Whether a set says the same; the order of records does not matter.
fn same(there: &dns::RecordSet, given: &dns::RecordSet) -> bool {
    match (&there.content, &given.content) {
        (Content::Records { ttl, data }, Content::Records { ttl: given_ttl, data: given }) => {
            has_form(there)
                && ttl == given_ttl
                && data.len() == given.len()
                && data.iter().all(|record| given.contains(record))
        }
        _ => false,
    }
}

fn change(action: &str, resource_record_set: ResourceRecordSet) -> Change {
    Change { action: action.to_owned(), resource_record_set }
}

/// A record set of a file as requests carry it.
fn simple(set: &dns::RecordSet) -> ResourceRecordSet {
    let (ttl, values) = match &set.content {
        Content::Records { ttl, data } => {
            (i64::from(*ttl), data.iter().map(|data| data.text(set.record_type)).collect())
        }
        Content::Alias(_) => (0, Vec::new()),
    };
    ResourceRecordSet {
        name: set.name.to_string(),
        r#type: set.record_type.to_string(),
        ttl: Some(ttl),
        resource_records: Some(values.into_iter().map(|value| ResourceRecord { value }).collect()),
        ..Default::default()
    }
}
