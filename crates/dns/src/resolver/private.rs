//! Answers out of private hosted zones.
//!
//! [Considerations](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html): "if there's
//! a matching private hosted zone but there's no record that matches the domain name and type in the request, Resolver doesn't
//! forward the request to a public DNS resolver. Instead, it returns NXDOMAIN". Where clients are is the region of the VPC.

use std::net::IpAddr;
use std::time::Duration;

use enishi_fabric::dns::region::RegionPlace;
use enishi_fabric::dns::{Name, Place, Rdata, RecordType};

use super::entry::{Entry, OwnedSet};
use crate::answer::{matching, next_name};
use crate::authority::Authority;
use crate::entropy::Entropy;
use crate::folded::Folded;
use crate::policy::{Asker, Chooser};
use crate::rcode::Rcode;
use crate::rrset::Rrset;
use crate::zone::{Found, Zone};

/// `CNAME`s followed within the zone.
const MOST_HOPS: usize = 8;

/// Who asks in a VPC: at its address, in its region.
pub(super) fn asker(client: IpAddr, region: &str) -> Asker {
    let prefix = if client.is_ipv4() { 32 } else { 128 };
    let place = RegionPlace::of(region)
        .map_or_else(|| Place { region: Some(region.into()), ..Place::default() }, |region| region.place());
    Asker { address: client, prefix, place, place_prefix: 0 }
}

impl Authority {
    /// What a zone answers to a name within it, by its id and in no view. An alias that leaves the zone is where to go on. Nothing
    /// when there is no such zone.
    pub(super) fn answer_within(
        &self,
        zone: &str,
        name: &Name,
        record_type: RecordType,
        asker: &Asker,
        entropy: &mut Entropy,
        now: Duration,
    ) -> Option<Entry> {
        let zone = self.zone(zone)?;
        let mut chooser = Chooser::described(self, entropy, asker);
        let mut owner = name.clone();
        let mut sets: Vec<OwnedSet> = Vec::new();
        for _ in 0..MOST_HOPS {
            if !owner.is_within(zone.apex()) {
                return Some(Entry::positive(sets, Some(owner), now));
            }
            let node = match zone.find(&Folded::new(owner.as_wire())?) {
                Found::Node { node, .. } | Found::Cut { node, exact: true } => node,
                // Name servers of a private zone are reached by forwarding rules, so a delegation hides what is below it.
                Found::Cut { .. } | Found::Nothing => return Some(end(zone, Rcode::NameError, sets, now)),
            };
            let Some(set) = matching(node, record_type) else {
                return Some(end(zone, Rcode::NoError, sets, now));
            };
            let chosen = chooser.choose(zone, set);
            let Some(merged) = merge(&owner, set.record_type, &chosen) else {
                return Some(end(zone, Rcode::NoError, sets, now));
            };
            sets.push(merged);
            match next_name(set, record_type, &chosen).and_then(|next| Name::from_wire(next).ok()) {
                Some(next) => owner = next,
                None => return Some(Entry::positive(sets, None, now)),
            }
        }
        // Aliases without end: the names so far, as where to go on, are found to be a loop.
        Some(Entry::positive(sets, Some(owner), now))
    }
}

/// There is nothing more.
fn end(zone: &Zone, rcode: Rcode, sets: Vec<OwnedSet>, now: Duration) -> Entry {
    let soa = zone.negative().map(|soa| OwnedSet {
        owner: zone.apex().clone(),
        record_type: RecordType::SOA,
        records: soa.clone(),
    });
    Entry { sets, ..Entry::negative(rcode, soa, now) }
}

/// The chosen record sets as one.
fn merge(owner: &Name, record_type: RecordType, chosen: &[&Rrset]) -> Option<OwnedSet> {
    if let [only] = chosen {
        return Some(OwnedSet { owner: owner.clone(), record_type, records: Rrset::clone(only) });
    }
    let ttl = chosen.iter().map(|set| set.ttl()).min()?;
    let records = chosen.iter().flat_map(|set| set.records());
    let data: Vec<Rdata> = records.filter_map(|record| Rdata::from_wire(record.data).ok()).collect();
    Some(OwnedSet::new(owner.clone(), record_type, ttl, &data))
}
