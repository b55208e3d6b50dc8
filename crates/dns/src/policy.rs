//! Routing policies at answer time: which of a name's record sets is the answer.
//!
//! What AWS promises is in the guide's "Choosing a routing policy" and "How Amazon Route 53 chooses records when health checking
//! is configured". Unhealthy sets are passed over; when every set is unhealthy, all count as healthy ("fail open"). An alias
//! with `EvaluateTargetHealth` is as healthy as what it points to.
//!
//! Where the guide is silent: an alias chain deeper than 16 counts as unhealthy, and a client whose place is unknown is sent to
//! the first latency or geoproximity set that is healthy.

use std::fmt::Write as _;
use std::net::IpAddr;

use enishi_fabric::dns::{Failover, Geolocation, Place, RecordType, Routing};

use crate::authority::Authority;
use crate::entropy::Entropy;
use crate::folded::Folded;
use crate::region;
use crate::rrset::Rrset;
use crate::zone::{Found, Member, Set, Source, Zone};

/// Sets that a multivalue answer has at most (the guide's "Multivalue answer routing").
const MOST_VALUES: usize = 8;
/// Aliases followed from one record.
const DEEPEST_ALIAS: usize = 16;

/// Who asks: everything that a policy may look at.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The client's address, or its network's by EDNS client subnet.
    pub address: IpAddr,
    /// How many bits of the address are known.
    pub prefix: u8,
    /// Where the client is.
    pub place: Place,
    /// How many bits of the address the place was found by.
    pub place_prefix: u8,
}

/// Chooses record sets for one query.
pub struct Chooser<'a> {
    authority: &'a Authority,
    entropy: &'a mut Entropy,
    /// The asker, found when the first policy wants to know.
    asker: AskerSource<'a>,
    scope: u8,
    why: Option<&'a mut Vec<String>>,
    /// Whether the account says already where the client is.
    said_place: bool,
}

enum AskerSource<'a> {
    Unknown { address: IpAddr, prefix: u8 },
    Known(Box<Asker>),
    Given(&'a Asker),
}

/// The chosen records: several with multivalue routing.
pub type Chosen<'z> = Vec<&'z Rrset>;

impl<'a> Chooser<'a> {
    /// For a client at an address of which `prefix` bits are known.
    pub fn new(authority: &'a Authority, entropy: &'a mut Entropy, address: IpAddr, prefix: u8) -> Self {
        Chooser {
            authority,
            entropy,
            asker: AskerSource::Unknown { address, prefix },
            scope: 0,
            why: None,
            said_place: false,
        }
    }

    /// For a client that is described.
    pub fn described(authority: &'a Authority, entropy: &'a mut Entropy, asker: &'a Asker) -> Self {
        Chooser {
            authority,
            entropy,
            asker: AskerSource::Given(asker),
            scope: 0,
            why: None,
            said_place: false,
        }
    }

    /// For a client that is described, with an account of every decision.
    pub fn explaining(
        authority: &'a Authority,
        entropy: &'a mut Entropy,
        asker: &'a Asker,
        why: &'a mut Vec<String>,
    ) -> Self {
        Chooser {
            authority,
            entropy,
            asker: AskerSource::Given(asker),
            scope: 0,
            why: Some(why),
            said_place: false,
        }
    }

    /// How many bits of the client's address the choices depended on.
    pub fn scope(&self) -> u8 {
        self.scope
    }

    /// A random start for the records of a set.
    pub fn rotation(&mut self, set: &Rrset) -> u16 {
        if set.count() < 2 { 0 } else { self.entropy.below(u32::from(set.count())) as u16 }
    }

    /// The records that answer, none when no set is for this client.
    pub fn choose<'z>(&mut self, zone: &'z Zone, set: &'z Set) -> Chosen<'z>
    where
        'a: 'z,
    {
        let mut chosen = Vec::new();
        self.collect(zone, set, 0, &mut chosen);
        chosen
    }

    fn collect<'z>(&mut self, zone: &'z Zone, set: &'z Set, depth: usize, chosen: &mut Chosen<'z>)
    where
        'a: 'z,
    {
        for member in self.members(zone, set, depth) {
            if chosen.len() >= MOST_VALUES {
                return;
            }
            match &member.source {
                Source::Records(records) => chosen.push(records),
                Source::Alias(alias) => {
                    self.say(|text| {
                        let _ = write!(text, "alias to {} in zone {}", alias.name, alias.zone);
                    });
                    if let Some((zone, set)) = self.target(zone, member, set.record_type)
                        && depth < DEEPEST_ALIAS
                    {
                        self.collect(zone, set, depth + 1, chosen);
                    }
                }
            }
        }
    }

    /// The members that the policy picks.
    fn members<'z>(&mut self, zone: &'z Zone, set: &'z Set, depth: usize) -> Vec<&'z Member>
    where
        'a: 'z,
    {
        let Some(first) = set.members.first() else { return Vec::new() };
        if matches!(first.routing, Routing::Simple) {
            return vec![first];
        }
        self.say(|text| {
            let (count, policy) = (set.members.len(), first.routing.policy());
            let sets = if count == 1 { "set" } else { "sets" };
            let _ =
                write!(text, "{policy} routing between {count} record {sets} of type {}", set.record_type);
        });
        let healthy: Vec<&Member> =
            set.members.iter().filter(|member| self.healthy(zone, member, set.record_type, depth)).collect();
        self.say_health(set, &healthy);
        let all: Vec<&Member> = set.members.iter().collect();
        match &first.routing {
            Routing::Simple => vec![first],
            Routing::Weighted(_) => self.weighted(&all, &healthy).into_iter().collect(),
            Routing::Latency(_) => self.nearest(&all, &healthy, Self::latency).into_iter().collect(),
            Routing::Geoproximity(_) => {
                self.nearest(&all, &healthy, Self::biased_distance).into_iter().collect()
            }
            Routing::Failover(_) => self.failover(&all, &healthy).into_iter().collect(),
            Routing::Geolocation(_) => self.geolocation(&all, &healthy).into_iter().collect(),
            Routing::Cidr(_) => self.cidr(&all, &healthy).into_iter().collect(),
            Routing::Multivalue => self.multivalue(all, healthy),
        }
    }

    /// Weight over the sum of weights. Sets of weight 0 answer only when no other is healthy, or when all weigh 0.
    fn weighted<'z>(&mut self, all: &[&'z Member], healthy: &[&'z Member]) -> Option<&'z Member> {
        let weight = |member: &Member| match member.routing {
            Routing::Weighted(weight) => u32::from(weight),
            _ => 0,
        };
        let candidates = if healthy.is_empty() { all } else { healthy };
        let sum: u32 = candidates.iter().map(|member| weight(member)).sum();
        let chosen = if sum == 0 {
            candidates.get(self.entropy.below(candidates.len() as u32) as usize).copied()
        } else {
            let mut left = self.entropy.below(sum);
            candidates.iter().copied().find(|member| match left.checked_sub(weight(member)) {
                Some(rest) => {
                    left = rest;
                    false
                }
                None => true,
            })
        };
        self.say_chosen(chosen, |text, member| {
            let _ = write!(text, "weight {} of {sum}", weight(member));
        });
        chosen
    }

    fn nearest<'z>(
        &mut self,
        all: &[&'z Member],
        healthy: &[&'z Member],
        measure: impl Fn(&Authority, &Place, &Member) -> Option<f64>,
    ) -> Option<&'z Member> {
        let candidates = if healthy.is_empty() { all } else { healthy };
        let authority = self.authority;
        let place = self.locate().place;
        let far = |member: &Member| measure(authority, &place, member).unwrap_or(f64::MAX);
        let chosen = candidates.iter().copied().min_by(|one, other| far(one).total_cmp(&far(other)));
        self.say(|text| {
            let shown = candidates.iter().filter_map(|member| {
                let (what, distance) = (resource(&member.routing)?, measure(authority, &place, member)?);
                Some(match member.routing {
                    Routing::Latency(_) => format!("{what} {:.1} ms", distance / 1000.0),
                    _ => format!("{what} {distance:.0} km"),
                })
            });
            let shown: Vec<String> = shown.collect();
            let of = match chosen.map(|member| &member.routing) {
                Some(Routing::Latency(_)) => "round trips",
                _ => "distances with bias",
            };
            match shown.as_slice() {
                [] => text.push_str("nothing can be measured: the first healthy record set counts"),
                shown => {
                    let _ = write!(text, "{of}: {}", shown.join(", "));
                }
            }
        });
        self.say_chosen(chosen, |text, member| {
            let known = measure(authority, &place, member).is_some();
            text.push_str(match member.routing {
                _ if !known => "the first one",
                Routing::Latency(_) => "least latency",
                _ => "nearest",
            });
        });
        chosen
    }

    fn latency(authority: &Authority, place: &Place, member: &Member) -> Option<f64> {
        let Routing::Latency(region) = &member.routing else { return None };
        authority.latencies().latency(place, region).map(f64::from)
    }

    /// The guide's "Geoproximity routing": a positive bias shrinks the distance by that per cent, a negative one divides by it.
    fn biased_distance(_: &Authority, place: &Place, member: &Member) -> Option<f64> {
        let Routing::Geoproximity(proximity) = &member.routing else { return None };
        let distance = region::of(place)?.distance(region::resource(&proximity.at)?);
        let bias = f64::from(proximity.bias.clamp(-99, 99)) / 100.0;
        Some(if bias >= 0.0 { distance * (1.0 - bias) } else { distance / (1.0 + bias) })
    }

    /// The primary, or while it is unhealthy and the secondary is not, the secondary.
    fn failover<'z>(&mut self, all: &[&'z Member], healthy: &[&'z Member]) -> Option<&'z Member> {
        let is_primary = |member: &&&Member| matches!(member.routing, Routing::Failover(Failover::Primary));
        let chosen = healthy
            .iter()
            .find(is_primary)
            .or(healthy.first())
            .or(all.iter().find(is_primary))
            .or(all.first());
        let chosen = chosen.copied();
        self.say_chosen(chosen, |text, member| {
            let primary = is_primary(&&member);
            text.push_str(if primary { "the primary" } else { "the secondary: the primary is unhealthy" });
        });
        chosen
    }

    /// The smallest area around the client that has a healthy set, then larger ones, then the default; the smallest one when none
    /// is healthy.
    fn geolocation<'z>(&mut self, all: &[&'z Member], healthy: &[&'z Member]) -> Option<&'z Member> {
        let place = self.locate().place;
        let place = &place;
        let smallest = |members: &[&'z Member]| {
            let fitting =
                members.iter().copied().filter_map(|member| Some((specificity(place, member)?, member)));
            fitting.max_by_key(|(specificity, _)| *specificity).map(|(_, member)| member)
        };
        let chosen = smallest(healthy).or_else(|| smallest(all));
        self.say_chosen(chosen, |text, member| {
            if let Routing::Geolocation(area) = &member.routing {
                let _ = write!(text, "{area}");
            }
        });
        chosen
    }

    /// The location whose block holds the client most specifically, else the location `*`.
    fn cidr<'z>(&mut self, all: &[&'z Member], healthy: &[&'z Member]) -> Option<&'z Member> {
        let collection = all.iter().find_map(|member| match &member.routing {
            Routing::Cidr(location) => Some(&location.collection),
            _ => None,
        })?;
        let (address, prefix) = self.client();
        let authority = self.authority;
        let blocks = authority.collection(collection);
        let found = blocks.and_then(|blocks| blocks.find(address, prefix));
        // No block is smaller than this, so that all clients of such a network have one answer.
        let smallest = blocks.map_or(0, |blocks| blocks.longest(address));
        self.scope = self.scope.max(smallest.min(prefix));
        let named = |members: &[&'z Member], wanted: &str| {
            members.iter().copied().find(
                |member| matches!(&member.routing, Routing::Cidr(location) if &*location.location == wanted),
            )
        };
        let location = found.map(|(_, location)| &**location);
        let chosen = location
            .and_then(|location| named(healthy, location))
            .or_else(|| named(healthy, "*"))
            .or_else(|| location.and_then(|location| named(all, location)))
            .or_else(|| named(all, "*"));
        self.say_chosen(chosen, |text, _| {
            let _ = match found {
                Some((bits, location)) => write!(text, "{address} is in {location} by a /{bits}"),
                None => write!(text, "no block holds {address}"),
            };
        });
        chosen
    }

    /// Up to eight healthy sets in random order; up to eight unhealthy ones when there are no others.
    fn multivalue<'z>(&mut self, all: Vec<&'z Member>, healthy: Vec<&'z Member>) -> Vec<&'z Member> {
        let mut candidates = if healthy.is_empty() { all } else { healthy };
        let count = candidates.len().min(MOST_VALUES);
        for position in 0..count {
            let other = position + self.entropy.below((candidates.len() - position) as u32) as usize;
            candidates.swap(position, other);
        }
        candidates.truncate(count);
        self.say(|text| {
            let _ = write!(text, "{count} healthy sets in random order");
        });
        candidates
    }

    fn healthy(&self, zone: &Zone, member: &Member, record_type: RecordType, depth: usize) -> bool {
        if member.health.as_ref().is_some_and(|(_, flag)| !flag.healthy()) {
            return false;
        }
        match &member.source {
            Source::Alias(alias) if alias.evaluate_target_health => {
                depth < DEEPEST_ALIAS
                    && self.target(zone, member, record_type).is_some_and(|(zone, set)| {
                        set.members.iter().any(|member| self.healthy(zone, member, record_type, depth + 1))
                    })
            }
            _ => true,
        }
    }

    /// The set that an alias points to, in its own zone or another.
    fn target<'z>(
        &self,
        zone: &'z Zone,
        member: &'z Member,
        record_type: RecordType,
    ) -> Option<(&'z Zone, &'z Set)>
    where
        'a: 'z,
    {
        let Source::Alias(alias) = &member.source else { return None };
        let zone = if alias.zone == *zone.id() { zone } else { self.authority.zone(&alias.zone)? };
        let name = Folded::new(alias.name.as_wire()).filter(|_| alias.name.is_within(zone.apex()))?;
        match zone.find(&name) {
            Found::Node { node, .. } => node.set(record_type).map(|set| (zone, set)),
            _ => None,
        }
    }

    fn client(&self) -> (IpAddr, u8) {
        match &self.asker {
            AskerSource::Unknown { address, prefix } => (*address, *prefix),
            AskerSource::Known(asker) => (asker.address, asker.prefix),
            AskerSource::Given(asker) => (asker.address, asker.prefix),
        }
    }

    fn locate(&mut self) -> Asker {
        if let AskerSource::Unknown { address, prefix } = self.asker {
            self.asker = AskerSource::Known(Box::new(self.authority.locate(address, prefix)));
        }
        let asker = match &self.asker {
            AskerSource::Known(asker) => asker.as_ref().clone(),
            AskerSource::Given(asker) => (*asker).clone(),
            AskerSource::Unknown { address, prefix } => self.authority.locate(*address, *prefix),
        };
        // Another client of the place's block may be in a smaller block of its own, so the answer is for this subnet alone.
        self.scope = self.scope.max(asker.prefix);
        if !self.said_place {
            self.said_place = true;
            self.say(|text| {
                let _ = write!(
                    text,
                    "the client {}/{} is {}",
                    asker.address,
                    asker.prefix,
                    shown_place(&asker.place)
                );
            });
        }
        asker
    }

    fn say(&mut self, write: impl FnOnce(&mut String)) {
        if let Some(why) = &mut self.why {
            let mut text = String::new();
            write(&mut text);
            why.push(text);
        }
    }

    fn say_chosen(&mut self, chosen: Option<&Member>, reason: impl FnOnce(&mut String, &Member)) {
        self.say(|text| match chosen {
            Some(member) => {
                let _ = write!(text, "{}: ", member.identifier.as_deref().unwrap_or("-"));
                reason(text, member);
            }
            None => text.push_str("no record set is for this client"),
        });
    }

    fn say_health(&mut self, set: &Set, healthy: &[&Member]) {
        if self.why.is_none() {
            return;
        }
        for member in
            set.members.iter().filter(|member| !healthy.iter().any(|other| std::ptr::eq(*other, *member)))
        {
            self.say(|text| {
                let _ = write!(text, "{}: unhealthy", member.identifier.as_deref().unwrap_or("-"));
                if let Some((id, _)) = &member.health {
                    let _ = write!(text, " (health check {id})");
                }
            });
        }
        if healthy.is_empty() {
            self.say(|text| text.push_str("every record set is unhealthy, so all count as healthy"));
        }
    }
}

/// What a set says about where its resource is.
fn resource(routing: &Routing) -> Option<String> {
    match routing {
        Routing::Latency(region) => Some(region.to_string()),
        Routing::Geoproximity(location) => Some(location.to_string()),
        _ => None,
    }
}

/// Where a client is, for people.
fn shown_place(place: &Place) -> String {
    let mut parts = Vec::new();
    let country = place.country.as_ref().map(|country| match &place.subdivision {
        Some(part) => format!("in {part}, {country}"),
        None => format!("in {country}"),
    });
    parts.extend(country);
    parts.extend(place.continent.as_ref().map(|continent| format!("on the continent {continent}")));
    parts.extend(place.region.as_ref().map(|region| format!("in the region {region}")));
    parts.extend(place.coordinates.map(|point| format!("at {point}")));
    if parts.is_empty() { "at a place that nothing is known of".to_owned() } else { parts.join(", ") }
}

/// How closely a geolocation set fits a place; nothing when it does not.
fn specificity(place: &Place, member: &Member) -> Option<u8> {
    let Routing::Geolocation(area) = &member.routing else { return None };
    match area {
        Geolocation::Default => Some(0),
        Geolocation::Continent(continent) => (place.continent.as_ref() == Some(continent)).then_some(1),
        Geolocation::Country { country, subdivision } => {
            if place.country.as_ref() != Some(country) {
                return None;
            }
            match subdivision {
                None => Some(2),
                Some(_) => (place.subdivision == *subdivision).then_some(3),
            }
        }
    }
}
