//! What is true of Route 53's rows.
//!
//! A zone may have many record sets and a change touch one, so that what holds of a zone as a whole is checked by what changed:
//! a count that was right before is right after it moved by as many sets as came and went.

use std::collections::{BTreeMap, BTreeSet};

use enishi_fabric::dns::{RecordType, Routing};

use super::{Verdict, missing, unused};
use crate::route53::{
    CidrCollection, CidrCollectionId, DelegationSet, HostedZone, HostedZoneId, RecordSet, RecordSetKey,
};
use crate::{Change, Conflict, Delta, Row, World};

/// Checks the rows that a transaction touched.
pub(super) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    let mut moved: BTreeMap<HostedZoneId, i64> = BTreeMap::new();
    for change in delta.changes::<RecordSet>(before, after) {
        if let Some(set) = change.after {
            record_set_holds(after, set)?;
        }
        let arrived = i64::from(change.after.is_some()) - i64::from(change.before.is_some());
        if let Some(row) = change.after.or(change.before) {
            *moved.entry(row.zone.clone()).or_default() += arrived;
        }
    }
    for change in delta.changes::<HostedZone>(before, after) {
        zone_holds(after, &change)?;
        if let Some(row) = change.after.or(change.before) {
            moved.entry(row.id.clone()).or_default();
        }
    }
    for (zone, moved) in moved {
        sets_of_zone_hold(before, after, &zone, moved)?;
    }
    for change in delta.changes::<CidrCollection>(before, after) {
        if let Change { before: Some(row), after: None } = change {
            unused::<RecordSet>(after, &row.id, "cidr_collection", row.id.as_str())?;
        }
    }
    for change in delta.changes::<DelegationSet>(before, after) {
        if let Change { before: Some(row), after: None } = change {
            unused::<HostedZone>(after, &row.id, "delegation_set", row.id.as_str())?;
        }
    }
    Ok(())
}

fn record_set_holds(world: &World, row: &RecordSet) -> Verdict {
    let id = row.id();
    let Some(zone) = world.get::<HostedZone>(&row.zone) else { return missing(&id, &row.zone) };
    let set = &row.set;
    ensure!(set.name.is_within(&zone.name), "{id} is not within {}", zone.name);
    ensure!(
        set.identifier.is_some() == (set.routing != Routing::Simple),
        "{id}: a routing policy comes with an identifier"
    );
    if let Routing::Cidr(location) = &set.routing {
        let collection = CidrCollectionId::new(&location.collection);
        if world.get::<CidrCollection>(&collection).is_none() {
            return missing(&id, &collection);
        }
    }
    // A set without a policy is the first of its name and type, so one look tells whether it shares them.
    let simple = RecordSetKey::of(&row.zone, &set.name, set.record_type, None);
    let mut here = world
        .from::<RecordSet>(&simple)
        .take_while(|other| {
            other.zone == row.zone && other.set.name == set.name && other.set.record_type == set.record_type
        })
        .take(2);
    let has_simple = here.next().is_some_and(|first| first.set.identifier.is_none());
    ensure!(
        !has_simple || here.next().is_none(),
        "{id} shares its name and type with a set without a policy"
    );
    Ok(())
}

fn zone_holds(world: &World, change: &Change<'_, HostedZone>) -> Verdict {
    let Some(row) = change.after else { return Ok(()) };
    let id = &row.id;
    if change.before.is_some_and(|before| before.is_private != row.is_private || before.name != row.name) {
        return Err(Conflict(format!("{id} changed its kind or its name")));
    }
    ensure!(row.is_private != row.vpcs.is_empty(), "{id}: a private zone has VPCs, a public one has none");
    if change.before.is_none_or(|before| before.vpcs != row.vpcs) {
        vpcs_hold(world, row)?;
    }
    match &row.delegation_set {
        Some(set) if world.get::<DelegationSet>(set).is_none() => missing(id, set),
        _ => Ok(()),
    }
}

/// A VPC sees one zone of a name only.
fn vpcs_hold(world: &World, row: &HostedZone) -> Verdict {
    let (id, mut seen) = (&row.id, BTreeSet::new());
    for association in &row.vpcs {
        let vpc = &association.vpc;
        ensure!(seen.insert(vpc), "{id} is associated with {vpc} twice");
        let mut others = world.by::<HostedZone>("vpc", vpc.as_str());
        if let Some(other) = others.find(|other| other.id != *id && other.name == row.name) {
            return Err(Conflict(format!("{id}: {vpc} sees {} of the same name too", other.id)));
        }
    }
    Ok(())
}

/// Checks a zone whose sets were touched: `moved` more of them than before.
fn sets_of_zone_hold(before: &World, after: &World, id: &HostedZoneId, moved: i64) -> Verdict {
    let Some(zone) = after.get::<HostedZone>(id) else {
        let start = RecordSetKey::new(&RecordSetKey::zone_prefix(id));
        return match after.from::<RecordSet>(&start).next().filter(|row| row.zone == *id) {
            Some(row) => Err(Conflict(format!("{id} is gone, but {} is in it", row.id()))),
            None => Ok(()),
        };
    };
    let counted = before.get::<HostedZone>(id).map_or(0, |zone| zone.record_sets);
    ensure!(
        counted.checked_add_signed(moved) == Some(zone.record_sets),
        "{id} counts {} record sets, {counted} before {moved} more",
        zone.record_sets
    );
    for required in [RecordType::NS, RecordType::SOA] {
        let key = RecordSetKey::of(id, &zone.name, required, None);
        ensure!(after.get::<RecordSet>(&key).is_some(), "{id} has no {required} at its apex");
    }
    Ok(())
}
