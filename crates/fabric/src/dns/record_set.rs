//! Record sets and their routing policies, as a hosted zone holds them.

use std::fmt;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::place::Coordinates;
use super::{Name, Rdata, RecordType};

/// A hosted zone and everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// The hosted zone's id, without `/hostedzone/`.
    pub id: Arc<str>,
    /// The apex.
    pub name: Name,
    /// In any order.
    pub record_sets: Vec<RecordSet>,
}

/// One resource record set: the unit of `ChangeResourceRecordSets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// The owner; may be a wildcard.
    pub name: Name,
    /// The type of every record in it.
    pub record_type: RecordType,
    /// Tells the sets of one name and type apart; absent with simple routing.
    pub identifier: Option<Arc<str>>,
    /// When this set is the answer.
    pub routing: Routing,
    /// The health check that must pass for this set to be the answer.
    pub health_check: Option<Arc<str>>,
    /// The answer.
    pub content: Content,
}

/// A health check that never passes, for record sets of services whose resource is not well: such a set answers who asks for it by
/// name, while aliases with `EvaluateTargetHealth` pass it over. No health check of a user is called so.
pub const UNHEALTHY: &str = "unhealthy";

/// What a record set answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Records of its own.
    Records {
        /// Seconds.
        ttl: u32,
        /// The data, one per record.
        data: Vec<Rdata>,
    },
    /// Whatever another record set answers.
    Alias(Alias),
}

/// An alias record's target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The id of the hosted zone that holds the target. Balancers and endpoints live in zones of their own.
    pub zone: Arc<str>,
    /// The target's name.
    pub name: Name,
    /// Whether this set counts as unhealthy while its target is.
    pub evaluate_target_health: bool,
}

/// A routing policy: the guide's "Choosing a routing policy".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Routing {
    /// The only set of its name and type.
    Simple,
    /// In proportion to the weight, 0 to 255.
    Weighted(u8),
    /// The region with the least latency to the client wins.
    Latency(Arc<str>),
    /// The primary while it is healthy.
    Failover(Failover),
    /// By where the client is.
    Geolocation(Geolocation),
    /// By the distance to the client, with a bias.
    Geoproximity(Geoproximity),
    /// Up to eight healthy sets together.
    Multivalue,
    /// By the client's address block.
    Cidr(CidrLocation),
}

/// Which of the two failover sets this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failover {
    /// Answers while healthy.
    Primary,
    /// Answers while the primary is not.
    Secondary,
}

/// The part of the world that a geolocation set is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Geolocation {
    /// A continent by its two letters.
    Continent(Arc<str>),
    /// A country, or a part of it.
    Country {
        /// Two letters of ISO 3166-1.
        country: Arc<str>,
        /// Such as a state of the US.
        subdivision: Option<Arc<str>>,
    },
    /// Everywhere else, and clients whose place is unknown: country code `*`.
    Default,
}

/// Where a geoproximity set's resource is, and how much more traffic it draws.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geoproximity {
    /// The resource's place.
    pub at: Location,
    /// -99 to 99; positive values shrink the distance, negative ones stretch it.
    pub bias: i8,
}

/// A resource's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Location {
    /// An AWS region.
    Region(Arc<str>),
    /// Anywhere else.
    Coordinates(Coordinates),
}

/// One location of a CIDR collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrLocation {
    /// The collection's id.
    pub collection: Arc<str>,
    /// The location's name; `*` is where clients go that no block holds.
    pub location: Arc<str>,
}

/// Named sets of address blocks, for IP-based routing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CidrCollection {
    /// The collection's id.
    pub id: Arc<str>,
    /// Each location's blocks.
    pub locations: Vec<(Arc<str>, Vec<IpNet>)>,
}

impl Routing {
    /// The policy's name in the guide.
    pub fn policy(&self) -> &'static str {
        match self {
            Routing::Simple => "simple",
            Routing::Weighted(_) => "weighted",
            Routing::Latency(_) => "latency",
            Routing::Failover(_) => "failover",
            Routing::Geolocation(_) => "geolocation",
            Routing::Geoproximity(_) => "geoproximity",
            Routing::Multivalue => "multivalue answer",
            Routing::Cidr(_) => "IP-based",
        }
    }
}

impl fmt::Display for Routing {
    /// The policy with what the set says about itself: `weighted 10`, `latency eu-west-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.policy())?;
        match self {
            Routing::Simple | Routing::Multivalue => Ok(()),
            Routing::Weighted(weight) => write!(f, " {weight}"),
            Routing::Latency(region) => write!(f, " {region}"),
            Routing::Failover(Failover::Primary) => f.write_str(" primary"),
            Routing::Failover(Failover::Secondary) => f.write_str(" secondary"),
            Routing::Geolocation(area) => write!(f, " {area}"),
            Routing::Geoproximity(location) => write!(f, " {location}"),
            Routing::Cidr(location) => write!(f, " {} of {}", location.location, location.collection),
        }
    }
}

impl fmt::Display for Geolocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Geolocation::Default => f.write_str("default"),
            Geolocation::Continent(code) => write!(f, "continent {code}"),
            Geolocation::Country { country, subdivision: None } => write!(f, "country {country}"),
            Geolocation::Country { country, subdivision: Some(part) } => write!(f, "{part} in {country}"),
        }
    }
}

impl fmt::Display for Geoproximity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Location::Region(region) => f.write_str(region)?,
            Location::Coordinates(point) => write!(f, "{point}")?,
        }
        if self.bias == 0 { Ok(()) } else { write!(f, " (bias {:+})", self.bias) }
    }
}
