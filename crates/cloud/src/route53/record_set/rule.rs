//! What is true of a hosted zone's record sets together, after every batch.

use std::collections::BTreeSet;

use enishi_fabric::dns::{Content, Name, RecordType, Routing};
use enishi_state::World;
use enishi_state::route53::{CidrCollection, CidrCollectionId, HostedZone, RecordSet, RecordSetKey};
use enishi_wire::Fault;

use super::alias;
use super::failover;
use super::parse::{Action, Parsed};
use super::policy;
use crate::route53::{faults, health_check};

/// Checks that what the record sets refer to exists.
///
/// # Errors
/// `NoSuchHealthCheck`, `InvalidInput`
pub(super) fn references(world: &World, zone: &HostedZone, parsed: &[Parsed]) -> Result<(), Fault> {
    for Parsed { row, .. } in parsed.iter().filter(|change| change.action != Action::Delete) {
        if let Some(check) = &row.set.health_check {
            health_check::own(world, &zone.account, check)?;
        }
        if let Routing::Cidr(location) = &row.set.routing {
            let found = world.get::<CidrCollection>(&CidrCollectionId::new(&location.collection));
            let Some(found) = found.filter(|row| row.account == zone.account) else {
                return Err(faults::invalid_input("The CIDR collection you specified, doesn't exist."));
            };
            if &*location.location != "*" && !found.locations.contains_key(&*location.location) {
                return Err(faults::invalid_input(
                    "The CIDR collection location doesn't match any locations in your account.",
                ));
            }
        }
    }
    Ok(())
}

/// Checks the touched names as they came out.
pub(super) fn check(
    world: &World,
    zone: &HostedZone,
    parsed: &[Parsed],
    touched: &BTreeSet<Name>,
    problems: &mut Vec<String>,
) {
    for Parsed { row, .. } in parsed.iter().filter(|change| change.action != Action::Delete) {
        let name = &row.set.name;
        let sets: Vec<&RecordSet> = at(world, zone, name).collect();
        check_cname(zone, row, &sets, problems);
        let siblings: Vec<&RecordSet> = sets
            .into_iter()
            .filter(|other| {
                other.set.record_type == row.set.record_type && other.set.identifier != row.set.identifier
            })
            .collect();
        policy::check(zone, row, &siblings, problems);
        failover::check(row, problems);
        if let Content::Alias(alias) = &row.set.content {
            alias::check(world, zone, row, alias, problems);
        }
    }
    if touched.contains(&zone.name) {
        check_apex(world, zone, problems);
    }
    problems.dedup();
}

/// The record sets of a name.
pub(super) fn at<'w>(
    world: &'w World,
    zone: &HostedZone,
    name: &Name,
) -> impl Iterator<Item = &'w RecordSet> + use<'w> {
    let start = RecordSetKey::new(&RecordSetKey::name_prefix(&zone.id, name));
    let (zone, name) = (zone.id.clone(), name.clone());
    world.from::<RecordSet>(&start).take_while(move |row| row.zone == zone && row.set.name == name)
}

/// RFC 1034, section 3.6.2: a name with a CNAME has nothing else. An apex has an SOA, so never a CNAME.
fn check_cname(zone: &HostedZone, row: &RecordSet, sets: &[&RecordSet], problems: &mut Vec<String>) {
    let (name, record_type) = (&row.set.name, row.set.record_type);
    if record_type == RecordType::CNAME {
        if *name == zone.name {
            problems.push(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {}",
                zone.name
            ));
        } else if sets.iter().any(|other| other.set.record_type != RecordType::CNAME) {
            problems.push(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {}",
                zone.name
            ));
        }
    } else if sets.iter().any(|other| other.set.record_type == RecordType::CNAME) {
        problems.push(format!(
            "RRSet of type {record_type} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {}",
            zone.name
        ));
    }
}

fn check_apex(world: &World, zone: &HostedZone, problems: &mut Vec<String>) {
    let count =
        |wanted: RecordType| at(world, zone, &zone.name).filter(|row| row.set.record_type == wanted).count();
    if count(RecordType::SOA) != 1 {
        problems.push("A HostedZone must contain exactly one SOA record.".to_owned());
    }
    if count(RecordType::NS) == 0 {
        problems.push("A HostedZone must contain at least one NS record for the zone itself.".to_owned());
    }
}
