//! What is true of a hosted zone's record sets together, after every batch.

use std::collections::BTreeSet;

use enishi_fabric::dns::{self, Alias, Content, Failover, Geolocation, Location, Name, RecordType, Routing};
use enishi_state::World;
use enishi_state::route53::{CidrCollection, CidrCollectionId, HostedZone, RecordSet, RecordSetKey};
use enishi_wire::Fault;

use super::parse::{Action, Parsed};
use crate::route53::faults;

/// Checks that what the record sets refer to exists, and that answers would heed what they say.
///
/// # Errors
/// `InvalidInput`
pub(super) fn references(world: &World, zone: &HostedZone, parsed: &[Parsed]) -> Result<(), Fault> {
    for Parsed { row, .. } in parsed.iter().filter(|change| change.action != Action::Delete) {
        supported(zone, &row.set)?;
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

/// Refuses what the name servers could not answer by yet: nothing watches health, so that failover would never happen, and
/// where a client is and how far from a region is unknown. Aliases lead to record sets of their own zone only: the names of
/// other services do not exist.
fn supported(zone: &HostedZone, set: &dns::RecordSet) -> Result<(), Fault> {
    if set.health_check.is_some() {
        return Err(faults::not_supported("Record sets with a health check"));
    }
    match &set.routing {
        Routing::Latency(_) => return Err(faults::not_supported("Latency record sets")),
        Routing::Failover(_) => return Err(faults::not_supported("Failover record sets")),
        Routing::Geolocation(_) => return Err(faults::not_supported("Geolocation record sets")),
        Routing::Geoproximity(_) => return Err(faults::not_supported("Geoproximity record sets")),
        Routing::Simple | Routing::Weighted(_) | Routing::Multivalue | Routing::Cidr(_) => {}
    }
    match &set.content {
        Content::Alias(alias) if *alias.zone != *zone.id.as_str() => {
            Err(faults::not_supported("Aliases to other hosted zones and to services"))
        }
        _ => Ok(()),
    }
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
        check_policy(row, &siblings, problems);
        if let Content::Alias(alias) = &row.set.content {
            check_alias(world, zone, row, alias, problems);
        }
    }
    if touched.contains(&zone.name) {
        check_apex(world, zone, problems);
    }
    problems.dedup();
}

/// The record sets of a name.
fn at<'w>(world: &'w World, zone: &HostedZone, name: &Name) -> impl Iterator<Item = &'w RecordSet> + use<'w> {
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
            "RRSet of type {record_type} with DNS name {name} is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone {}",
            zone.name
        ));
    }
}

/// All sets of a name and type have one policy, and no two of them stand for the same.
fn check_policy(row: &RecordSet, siblings: &[&RecordSet], problems: &mut Vec<String>) {
    let (name, record_type) = (&row.set.name, row.set.record_type);
    let Some(identifier) = row.set.identifier.as_deref() else {
        if !siblings.is_empty() {
            problems.push(format!(
                "RRSet with DNS name {name}, type {record_type} cannot be created as other RRSets exist with the same name and type."
            ));
        }
        return;
    };
    let this = format!("RRSet with DNS name {name}, type {record_type}, SetIdentifier {identifier}");
    if matches!(record_type, RecordType::NS | RecordType::SOA) {
        problems.push(format!("{this} cannot be created as RRSets of this type have simple routing."));
    }
    if row.set.routing == Routing::Multivalue
        && (record_type == RecordType::CNAME || matches!(row.set.content, Content::Alias(_)))
    {
        problems.push(format!(
            "{this} cannot be created as a multivalue answer RRSet is neither an alias nor a CNAME."
        ));
    }
    let kind = kind(&row.set.routing);
    for other in siblings {
        if std::mem::discriminant(&other.set.routing) != std::mem::discriminant(&row.set.routing) {
            problems.push(format!(
                "{this} cannot be created as a non-{kind} set exists with the same name and type."
            ));
            return;
        }
        if let (Routing::Weighted(_), Content::Records { ttl, .. }, Content::Records { ttl: other, .. }) =
            (&row.set.routing, &row.set.content, &other.set.content)
            && ttl != other
        {
            problems.push(format!(
                "RRSet with DNS name {name} and type {record_type}, SetIdentifier {identifier} cannot be created as weighted sets must contain the same TTL."
            ));
            return;
        }
        if let Some(what) =
            place(&row.set.routing).filter(|what| place(&other.set.routing).as_ref() == Some(what))
        {
            problems.push(format!(
                "{this}, and {what} cannot be created because a RRSet with the same name, type, and {what} already exists."
            ));
            return;
        }
    }
}

/// How messages call a policy's sets.
fn kind(routing: &Routing) -> &'static str {
    match routing {
        Routing::Simple => "simple",
        Routing::Weighted(_) => "weighted",
        Routing::Latency(_) => "latency",
        Routing::Failover(_) => "failover",
        Routing::Geolocation(_) => "GEO",
        Routing::Geoproximity(_) => "geoproximity",
        Routing::Multivalue => "multivalue answer",
        Routing::Cidr(_) => "CIDR",
    }
}

/// What a set stands for, where two sets must not stand for the same.
fn place(routing: &Routing) -> Option<String> {
    Some(match routing {
        Routing::Simple | Routing::Weighted(_) | Routing::Multivalue => return None,
        Routing::Latency(region) => format!("region={region}"),
        Routing::Failover(Failover::Primary) => "failover=PRIMARY".to_owned(),
        Routing::Failover(Failover::Secondary) => "failover=SECONDARY".to_owned(),
        Routing::Geolocation(Geolocation::Continent(code)) => format!("continent={code}"),
        Routing::Geolocation(Geolocation::Country { country, subdivision: None }) => {
            format!("country={country}")
        }
        Routing::Geolocation(Geolocation::Country { country, subdivision: Some(part) }) => {
            format!("country={country}, subdivision={part}")
        }
        Routing::Geolocation(Geolocation::Default) => "country=*".to_owned(),
        Routing::Geoproximity(location) => match &location.at {
            Location::Region(region) => format!("region={region}"),
            Location::Coordinates(point) => format!("coordinates={},{}", point.latitude, point.longitude),
        },
        Routing::Cidr(location) => format!("location={}", location.location),
    })
}

/// An alias needs its target.
fn check_alias(world: &World, zone: &HostedZone, row: &RecordSet, alias: &Alias, problems: &mut Vec<String>) {
    let target = format!(
        "Tried to create an alias that targets {}, type {} in zone {}, but",
        alias.name, row.set.record_type, alias.zone
    );
    if !alias.name.is_within(&zone.name) {
        problems.push(format!("{target} the alias target name does not lie within the target zone"));
        return;
    }
    let is_itself = |other: &RecordSet| other.set.name == row.set.name;
    let mut targets = at(world, zone, &alias.name);
    if !targets.any(|other| other.set.record_type == row.set.record_type && !is_itself(other)) {
        problems.push(format!("{target} that target was not found"));
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
