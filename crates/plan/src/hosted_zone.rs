//! Hosted zones: what users' names resolve to.
//! [Working with hosted zones](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-working-with.html)
//!
//! A public zone is served by the four name servers of its delegation set. A private one is known, but served by none.

use std::collections::BTreeSet;
use std::sync::Arc;

use enishi_fabric::dns::{CidrCollection, Name, RecordType, Zone};
use enishi_state::route53::{self, HostedZone, HostedZoneId, RecordSetKey};
use enishi_state::{Delta, World};

use crate::name_server;
use crate::zone_edit::{NameServer, ZoneEdit};
use crate::{load_balancer_name, public_name};

/// Every zone and collection.
pub(crate) fn zones(world: &World) -> Vec<ZoneEdit> {
    let collections = world.all::<route53::CidrCollection>().map(collection).map(ZoneEdit::PutCollection);
    let zones = world.all::<HostedZone>().map(|zone| ZoneEdit::Put(compile(world, zone)));
    collections.chain(zones).collect()
}

/// What changed in zones and collections.
pub(crate) fn edits(before: &World, after: &World, delta: &Delta) -> Vec<ZoneEdit> {
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
            (None, Some(row)) => {
                whole.insert(row.id.clone());
                edits.push(ZoneEdit::Put(compile(after, row)));
            }
            (Some(row), None) => {
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
    for (zone, name, record_type) in names {
        if after.get::<HostedZone>(&zone).is_some() && !whole.contains(&zone) {
            edits.push(replace(after, &zone, name, record_type));
        }
    }
    edits
}

/// Which zones each name server answers for.
pub(crate) fn serve_all(world: &World) -> Vec<ZoneEdit> {
    let servers: BTreeSet<u16> = public(world).flat_map(numbers).collect();
    let serve = servers.into_iter().map(|number| serve(world, number));
    serve.chain([serve_every(world)]).collect()
}

/// What changed of that.
pub(crate) fn serve_edits(before: &World, after: &World, delta: &Delta) -> Vec<ZoneEdit> {
    let mut servers = BTreeSet::new();
    let mut zones_changed = false;
    for change in delta.changes::<HostedZone>(before, after) {
        let of = |row: Option<&HostedZone>| -> BTreeSet<u16> {
            row.filter(|row| !row.is_private).into_iter().flat_map(numbers).collect()
        };
        let (old, new) = (of(change.before), of(change.after));
        if change.before.is_some_and(|row| !row.is_private) != change.after.is_some_and(|row| !row.is_private)
        {
            zones_changed = true;
            servers.extend(old.union(&new));
        } else {
            servers.extend(old.symmetric_difference(&new));
        }
    }
    let serve = servers.into_iter().map(|number| serve(after, number));
    serve.chain(zones_changed.then(|| serve_every(after))).collect()
}

fn public(world: &World) -> impl Iterator<Item = &HostedZone> {
    world.all::<HostedZone>().filter(|zone| !zone.is_private)
}

fn numbers(row: &HostedZone) -> impl Iterator<Item = u16> + use<'_> {
    row.name_servers.iter().filter_map(|server| name_server::number(server))
}

fn serve(world: &World, number: u16) -> ZoneEdit {
    let zones = world.by::<HostedZone>("name_server", &name_server::text(number));
    ZoneEdit::Serve { server: NameServer::Route53(number), zones: ids(zones) }
}

/// Users' zones come first: whoever makes one for `amazonaws.com` wants to see it.
fn serve_every(world: &World) -> ZoneEdit {
    let amazon = public_name::zone_ids().chain(load_balancer_name::zone_ids());
    let zones = ids(public(world)).into_iter().chain(amazon).collect();
    ZoneEdit::Serve { server: NameServer::Every, zones }
}

/// The oldest first: it is the one that counts of two with the same name.
fn ids<'w>(zones: impl Iterator<Item = &'w HostedZone>) -> Vec<Arc<str>> {
    let mut zones: Vec<&HostedZone> = zones.collect();
    zones.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    zones.into_iter().map(|zone| zone.id.as_str().into()).collect()
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
