//! What name servers answer from, and what a transaction changed of it.
//!
//! A zone may hold a million records and a change one, so zones are no part of the program that is compared whole: they
//! compile to [`ZoneEdit`]s. [`zones`] is everything there is; [`zone_edits`] is what a transaction changed, and costs what it
//! touched. Applied in order, all edits of a transaction together, they leave name servers as [`zones`] of the new world
//! would. Private zones are compiled as well, but no name server serves them: VPC resolvers look into them.
//!
//! The zones besides users' own: the registry's (`registry.rs`), those of public host names (`public_name.rs`) and of load
//! balancers (`load_balancer_name.rs`).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::dns::{CidrCollection, Content, Name, Rdata, RecordSet, RecordType, Routing, Zone};
use enishi_state::{Delta, World};

use crate::registry::Delegations;
use crate::{hosted_zone, load_balancer_name, public_name, registry};

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
    /// Which zones a name server answers for; of two with the same name the first counts. Every zone is known by then.
    Serve {
        /// The name server.
        server: NameServer,
        /// The ids of its zones; none, and it refuses every query.
        zones: Vec<Arc<str>>,
    },
}

impl ZoneEdit {
    /// Whether it changes where a domain is delegated to, which caches otherwise remember for days.
    pub fn is_delegation(&self) -> bool {
        match self {
            ZoneEdit::Replace { zone, record_type, .. } => {
                *record_type == RecordType::NS && registry::is_registry(zone)
            }
            ZoneEdit::Put(zone) => registry::is_registry(&zone.id),
            ZoneEdit::Remove(zone) => registry::is_registry(zone),
            _ => false,
        }
    }
}

/// A name server, or several that answer for the same zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameServer {
    /// Stands for all name servers below the top-level domains: what a user's own machine asks.
    Every,
    /// The root's.
    Root,
    /// That of the top-level domains.
    TopLevel,
    /// Amazon's own, for `amazonaws.com` and the names of Route 53's servers.
    Amazon,
    /// `ns-N.awsdns-MM.TLD` of Route 53.
    Route53(u16),
}

impl NameServer {
    /// How many name servers Route 53 has.
    pub const ROUTE_53: u16 = 2048;

    /// The server's address; [`NameServer::Every`] has none.
    ///
    /// Those of Route 53, of the root's `a` and of `a.gtld-servers.net` are the real ones, so that what is written down
    /// elsewhere stays true. Amazon's own is one of many in Route 53's block.
    pub fn address(self) -> Option<Ipv4Addr> {
        match self {
            NameServer::Every => None,
            NameServer::Root => Some(Ipv4Addr::new(198, 41, 0, 4)),
            NameServer::TopLevel => Some(Ipv4Addr::new(192, 5, 6, 30)),
            NameServer::Amazon => Some(Ipv4Addr::new(205, 251, 200, 1)),
            NameServer::Route53(number) => {
                let [high, low] = number.to_be_bytes();
                Some(Ipv4Addr::new(205, 251, 192 + high, low))
            }
        }
    }

    /// Every name server that has an address.
    pub fn all() -> impl Iterator<Item = NameServer> {
        let own = [NameServer::Root, NameServer::TopLevel, NameServer::Amazon];
        own.into_iter().chain((0..NameServer::ROUTE_53).map(NameServer::Route53))
    }
}

/// Everything that name servers answer from.
pub fn zones(world: &World, delegations: &Delegations) -> Vec<ZoneEdit> {
    let mut edits = hosted_zone::zones(world);
    edits.extend(registry::zones(world, delegations));
    edits.extend(load_balancer_name::zones(world));
    edits.extend(public_name::zones(world));
    edits.extend(hosted_zone::serve_all(world));
    edits
}

/// What a transaction that changed `delta` changed of it.
pub fn zone_edits(before: &World, after: &World, delta: &Delta, delegations: &Delegations) -> Vec<ZoneEdit> {
    let mut edits = hosted_zone::edits(before, after, delta);
    edits.extend(registry::edits(before, after, delta, delegations));
    edits.extend(load_balancer_name::edits(before, after, delta));
    edits.extend(public_name::edits(before, after, delta));
    edits.extend(hosted_zone::serve_edits(before, after, delta));
    edits
}

/// Makes the difference between two versions of the records of some names and types in a zone.
pub(crate) fn difference(zone: &Arc<str>, before: Vec<RecordSet>, after: Vec<RecordSet>) -> Vec<ZoneEdit> {
    let key = |set: &RecordSet| (set.name.clone(), set.record_type);
    let keys: BTreeSet<_> = before.iter().chain(&after).map(key).collect();
    let of = |sets: &[RecordSet], wanted: &(Name, RecordType)| -> Vec<RecordSet> {
        sets.iter().filter(|set| key(set) == *wanted).cloned().collect()
    };
    let changed = keys.into_iter().filter(|wanted| of(&before, wanted) != of(&after, wanted));
    let edit = |wanted: (Name, RecordType)| {
        let sets = of(&after, &wanted);
        let (name, record_type) = wanted;
        ZoneEdit::Replace { zone: zone.clone(), name, record_type, sets }
    };
    changed.map(edit).collect()
}

/// The id of a zone that is no user's: its name, which no hosted zone's id looks like.
pub(crate) fn id_of(name: &Name) -> Arc<str> {
    name.to_string().into()
}

/// Parses one of this crate's own names.
pub(crate) fn own_name(text: &str) -> Name {
    // They are all valid; a test says so.
    Name::parse(text).unwrap_or_else(|_| Name::root())
}

/// A record set with simple routing.
pub(crate) fn simple(name: Name, record_type: RecordType, ttl: u32, data: Vec<Rdata>) -> RecordSet {
    let content = Content::Records { ttl, data };
    RecordSet { name, record_type, identifier: None, routing: Routing::Simple, health_check: None, content }
}

/// `SOA` and `NS` of a zone that is no user's. What does not exist is not remembered (a minimum of zero), so that what is made
/// through the API is there for everybody who asks afterwards.
pub(crate) fn apex(zone: &Name, server: &Name, ttl: u32) -> [RecordSet; 2] {
    let soa = format!("{server} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 0");
    let soa = Rdata::parse(RecordType::SOA, &soa).into_iter().collect();
    [
        simple(zone.clone(), RecordType::SOA, 900, soa),
        simple(zone.clone(), RecordType::NS, ttl, vec![Rdata::name(server)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_zones_are_whole() {
        let edits = zones(&World::default(), &Delegations::default());
        let zones: Vec<_> = edits
            .iter()
            .filter_map(|edit| match edit {
                ZoneEdit::Put(zone) => Some(zone),
                _ => None,
            })
            .collect();
        let roots = zones.iter().filter(|zone| zone.name.is_root()).count();
        assert_eq!(roots, 1, "a name that does not parse is the root");
        for zone in &zones {
            for set in &zone.record_sets {
                let Content::Records { data, .. } = &set.content else { panic!("an alias in {}", zone.name) };
                assert!(!data.is_empty(), "{} {}", set.name, set.record_type);
                assert!(set.name.is_within(&zone.name), "{} in {}", set.name, zone.name);
                assert!(!set.name.is_root() || zone.name.is_root(), "{} in {}", set.name, zone.name);
            }
            for record_type in [RecordType::SOA, RecordType::NS] {
                let at_apex = |set: &RecordSet| set.name == zone.name && set.record_type == record_type;
                assert_eq!(zone.record_sets.iter().filter(|set| at_apex(set)).count(), 1, "{}", zone.name);
            }
        }
    }

    #[test]
    fn name_servers_have_the_addresses_that_aws_gives_them() {
        let address = |number| NameServer::Route53(number).address().expect("an address").to_string();
        assert_eq!(address(0), "205.251.192.0");
        assert_eq!(address(1536), "205.251.198.0");
        assert_eq!(address(2047), "205.251.199.255");
        let addresses: BTreeSet<_> = NameServer::all().filter_map(NameServer::address).collect();
        assert_eq!(addresses.len(), usize::from(NameServer::ROUTE_53) + 3, "no two share one");
    }
}
