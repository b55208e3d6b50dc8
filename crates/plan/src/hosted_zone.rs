//! Hosted zones: what the authoritative name servers answer from.
//! [Working with hosted zones](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-working-with.html)
//!
//! A zone may hold a million records and a change one, so zones are no part of the program that is compared whole: they
//! compile to [`ZoneEdit`]s. [`zones`] is everything there is; [`zone_edits`] is what a transaction changed, and costs what it
//! touched. Applied in order, all edits of a transaction together, they leave name servers as [`zones`] of the new world
//! would. Private zones belong to the VPC resolver and are not among them.

use std::collections::BTreeSet;
use std::sync::Arc;

use enishi_fabric::dns::{CidrCollection, Name, RecordSet, RecordType, Zone};
use enishi_state::route53::{self, HostedZone, HostedZoneId, RecordSetKey};
use enishi_state::{Delta, World};

/// One step from what name servers answer to what they shall answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneEdit {
    /// A zone with everything in it; replaces what was known of it.
    Put(Zone),
    /// A zone is gone.
    Remove(Arc<str>),
    /// All there is of a name and type in a zone; none deletes them.
    Replace {
        /// The zone's id.
        zone: Arc<str>,
        /// The name.
        name: Name,
        /// The type.
        record_type: RecordType,
        /// Every record set of that name and type.
        sets: Vec<RecordSet>,
    },
    /// A CIDR collection; replaces what was known of it.
    PutCollection(CidrCollection),
    /// A CIDR collection is gone.
    RemoveCollection(Arc<str>),
    /// Which zones are public, the oldest first: it is the one that counts of two with the same name.
    Serve(Vec<Arc<str>>),
}

/// Everything that name servers answer from.
pub fn zones(world: &World) -> Vec<ZoneEdit> {
    let collections = world.all::<route53::CidrCollection>().map(collection).map(ZoneEdit::PutCollection);
    let zones = public(world).map(|zone| ZoneEdit::Put(compile(world, zone)));
    collections.chain(zones).chain([serve(world)]).collect()
}

/// What a transaction that changed `delta` changed of it.
pub fn zone_edits(before: &World, after: &World, delta: &Delta) -> Vec<ZoneEdit> {
    let mut edits = Vec::new();
    for change in delta.changes::<route53::CidrCollection>(before, after) {
        match (change.before, change.after) {
            (_, Some(row)) => edits.push(ZoneEdit::PutCollection(collection(row))),
            (Some(row), None) => edits.push(ZoneEdit::RemoveCollection(row.id.as_str().into())),
            (None, None) => {}
        }
    }
    let mut whole: BTreeSet<HostedZoneId> = BTreeSet::new();
    for change in delta.changes::<HostedZone>(before, after) {
        match (change.before, change.after) {
            (None, Some(row)) if !row.is_private => {
                whole.insert(row.id.clone());
                edits.push(ZoneEdit::Put(compile(after, row)));
            }
            (Some(row), None) if !row.is_private => {
                whole.insert(row.id.clone());
                edits.push(ZoneEdit::Remove(row.id.as_str().into()));
            }
            _ => {}
        }
    }
    let mut names: BTreeSet<(HostedZoneId, Name, RecordType)> = BTreeSet::new();
    for change in delta.changes::<route53::RecordSet>(before, after) {
        let rows = [change.before, change.after].into_iter().flatten();
        names.extend(rows.map(|row| (row.zone.clone(), row.set.name.clone(), row.set.record_type)));
    }
    let is_public = |id: &HostedZoneId| after.get::<HostedZone>(id).is_some_and(|zone| !zone.is_private);
    for (zone, name, record_type) in names {
        if is_public(&zone) && !whole.contains(&zone) {
            edits.push(replace(after, &zone, name, record_type));
        }
    }
    if !whole.is_empty() {
        edits.push(serve(after));
    }
    edits
}

fn public(world: &World) -> impl Iterator<Item = &HostedZone> {
    world.all::<HostedZone>().filter(|zone| !zone.is_private)
}

fn serve(world: &World) -> ZoneEdit {
    let mut zones: Vec<&HostedZone> = public(world).collect();
    zones.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    ZoneEdit::Serve(zones.into_iter().map(|zone| zone.id.as_str().into()).collect())
}

fn compile(world: &World, row: &HostedZone) -> Zone {
    let start = RecordSetKey::new(&RecordSetKey::zone_prefix(&row.id));
    let rows = world.from::<route53::RecordSet>(&start).take_while(|set| set.zone == row.id);
    Zone {
        id: row.id.as_str().into(),
        name: row.name.clone(),
        record_sets: rows.map(|set| set.set.clone()).collect(),
    }
}

fn replace(world: &World, zone: &HostedZoneId, name: Name, record_type: RecordType) -> ZoneEdit {
    let start = RecordSetKey::of(zone, &name, record_type, None);
    let rows = world
        .from::<route53::RecordSet>(&start)
        .take_while(|row| row.zone == *zone && row.set.name == name && row.set.record_type == record_type);
    let sets = rows.map(|row| row.set.clone()).collect();
    ZoneEdit::Replace { zone: zone.as_str().into(), name, record_type, sets }
}

fn collection(row: &route53::CidrCollection) -> CidrCollection {
    let locations = row.locations.iter();
    let locations = locations.map(|(name, blocks)| (name.as_str().into(), blocks.iter().copied().collect()));
    CidrCollection { id: row.id.as_str().into(), locations: locations.collect() }
}
