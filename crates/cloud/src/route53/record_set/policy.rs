//! What is true of the record sets of one name and type: they have one policy, and no two of them stand for the same.
//!
//! The messages for weighted, latency and multivalue answer sets are as AWS words them; no recorded ones are known for the
//! other policies, so theirs follow that of latency.

use enishi_fabric::dns::{
    CidrLocation, Content, Coordinates, Failover, Geolocation, Geoproximity, Location, RecordType, Routing,
};
use enishi_state::route53::{HostedZone, RecordSet};

/// Record sets of one name and type at most, but for geoproximity's.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-records)
const SETS: usize = 100;

/// Geoproximity record sets of one name and type at most.
const GEOPROXIMITY_SETS: usize = 30;

/// Checks one set against the others of its name and type.
pub(super) fn check(zone: &HostedZone, row: &RecordSet, siblings: &[&RecordSet], problems: &mut Vec<String>) {
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
    if let Some(reason) = unsuitable(zone, row) {
        problems.push(format!("{this} cannot be created as {reason}."));
        return;
    }
    if siblings.iter().any(|other| kind(&other.set.routing) != kind(&row.set.routing)) {
        problems.push(format!("{this} {}", mixed(&row.set.routing)));
        return;
    }
    if siblings.iter().any(|other| differs_in_ttl(row, other)) {
        problems.push(format!(
            "RRSet with DNS name {name} and type {record_type}, SetIdentifier {identifier} cannot be created as weighted sets must contain the same TTL."
        ));
        return;
    }
    if let Some(spot) = spot(&row.set.routing)
        && siblings.iter().any(|other| spot_of(other).as_ref() == Some(&spot))
    {
        let Spot { name, noun, sets } = spot;
        problems.push(format!(
            "{this}, and {name} cannot be created because a {sets} RRSet with the same name, type and {noun} already exists."
        ));
        return;
    }
    if siblings.iter().any(|other| differs_in_collection(row, other)) {
        problems.push(format!("{this} cannot be created as CIDR sets must use the same CIDR collection."));
        return;
    }
    let most = if matches!(row.set.routing, Routing::Geoproximity(_)) { GEOPROXIMITY_SETS } else { SETS };
    if siblings.len() >= most {
        problems.push(format!(
            "Exceeded limit on number of {} RRSets for {name}, type {record_type} in this zone.",
            kind(&row.set.routing)
        ));
    }
}

/// Why a set cannot have its policy, whatever else there is.
fn unsuitable(zone: &HostedZone, row: &RecordSet) -> Option<&'static str> {
    let record_type = row.set.record_type;
    match &row.set.routing {
        _ if matches!(record_type, RecordType::NS | RecordType::SOA) => {
            Some("RRSets of this type have simple routing")
        }
        Routing::Multivalue
            if record_type == RecordType::CNAME || matches!(row.set.content, Content::Alias(_)) =>
        {
            Some("a multivalue answer RRSet is neither an alias nor a CNAME")
        }
        // The guide's "Choosing a routing policy": the only one that it does not allow in private hosted zones.
        Routing::Cidr(_) if zone.is_private => {
            Some("IP-based routing is not supported in private hosted zones")
        }
        _ => None,
    }
}

/// What is wrong with a set beside those of another policy.
fn mixed(routing: &Routing) -> String {
    match routing {
        Routing::Multivalue => {
            "cannot be created because a non multivalue answer rrset exists with the same name and type."
                .to_owned()
        }
        _ => format!("cannot be created as a non-{} set exists with the same name and type.", kind(routing)),
    }
}

/// How messages call a policy's sets.
fn kind(routing: &Routing) -> &'static str {
    match routing {
        Routing::Simple => "simple",
        Routing::Weighted(_) => "weighted",
        Routing::Latency(_) => "latency",
        Routing::Failover(_) => "failover",
        Routing::Geolocation(_) => "geolocation",
        Routing::Geoproximity(_) => "geoproximity",
        Routing::Multivalue => "multivalue answer",
        Routing::Cidr(_) => "CIDR",
    }
}

fn differs_in_ttl(row: &RecordSet, other: &RecordSet) -> bool {
    match (&row.set.routing, &row.set.content, &other.set.content) {
        (Routing::Weighted(_), Content::Records { ttl, .. }, Content::Records { ttl: other, .. }) => {
            ttl != other
        }
        _ => false,
    }
}

fn differs_in_collection(row: &RecordSet, other: &RecordSet) -> bool {
    match (&row.set.routing, &other.set.routing) {
        (Routing::Cidr(one), Routing::Cidr(other)) => one.collection != other.collection,
        _ => false,
    }
}

/// What a set stands for, where two sets must not stand for the same.
#[derive(Debug, PartialEq, Eq)]
struct Spot {
    /// How messages name it.
    name: String,
    /// What it is.
    noun: &'static str,
    /// Sets of which policy have one.
    sets: &'static str,
}

fn spot_of(row: &RecordSet) -> Option<Spot> {
    spot(&row.set.routing)
}

fn spot(routing: &Routing) -> Option<Spot> {
    let (name, noun) = match routing {
        Routing::Simple | Routing::Weighted(_) | Routing::Multivalue => return None,
        Routing::Latency(region) => (format!("Region Name={region}"), "region"),
        Routing::Failover(Failover::Primary) => ("Failover=PRIMARY".to_owned(), "failover"),
        Routing::Failover(Failover::Secondary) => ("Failover=SECONDARY".to_owned(), "failover"),
        Routing::Geolocation(area) => (area_name(area), "location"),
        Routing::Geoproximity(Geoproximity { at, .. }) => (location_name(at), "location"),
        Routing::Cidr(CidrLocation { location, .. }) => (format!("LocationName={location}"), "location"),
    };
    Some(Spot { name, noun, sets: kind(routing) })
}

fn area_name(area: &Geolocation) -> String {
    match area {
        Geolocation::Continent(code) => format!("ContinentCode={code}"),
        Geolocation::Country { country, subdivision: None } => format!("CountryCode={country}"),
        Geolocation::Country { country, subdivision: Some(part) } => {
            format!("CountryCode={country}, SubdivisionCode={part}")
        }
        Geolocation::Default => "CountryCode=*".to_owned(),
    }
}

fn location_name(at: &Location) -> String {
    match at {
        Location::Region(region) => format!("Region Name={region}"),
        Location::Coordinates(Coordinates { latitude, longitude }) => {
            format!(
                "Coordinates={},{}",
                super::routing::degrees(*latitude),
                super::routing::degrees(*longitude)
            )
        }
    }
}
