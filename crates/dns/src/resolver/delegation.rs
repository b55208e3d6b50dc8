//! Which name servers a zone has, as its parent says.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::dns::{Name, RecordType};

use super::bounded::Bounded;
use super::config::{Limits, RootHint};
use super::reply::Record;
use super::source::Source;
use crate::request::CLASS_IN;

/// Name servers of one delegation that are looked at.
const MOST_SERVERS: usize = 16;
/// Addresses of one of them.
const MOST_ADDRESSES: usize = 8;

/// A zone and its name servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delegation {
    pub(super) zone: Name,
    pub(super) servers: Vec<NameServer>,
    /// Seconds.
    pub(super) ttl: u32,
}

/// A name server, with the addresses that the delegation gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NameServer {
    pub(super) name: Name,
    pub(super) addresses: Vec<IpAddr>,
}

impl Delegation {
    /// The root.
    pub(super) fn root(hints: &[RootHint]) -> Self {
        let servers = hints
            .iter()
            .map(|hint| NameServer { name: hint.name.clone(), addresses: hint.addresses.clone() })
            .collect();
        Delegation { zone: Name::root(), servers, ttl: u32::MAX }
    }

    /// The delegation of `zone` in a referral from a server of `parent`. Glue counts for names within `parent` alone: about others
    /// its servers have nothing to say (RFC 5452, section 6; RFC 2181, section 5.4.1).
    pub(super) fn read(
        zone: &Name,
        parent: &Name,
        authority: &[Record],
        additional: &[Record],
        longest_ttl: u32,
    ) -> Self {
        let mut ttl = longest_ttl;
        let mut servers: Vec<NameServer> = Vec::new();
        let delegating = authority.iter().filter(|record| {
            record.record_type == RecordType::NS && record.class == CLASS_IN && record.owner == *zone
        });
        for record in delegating {
            let Ok(name) = Name::from_wire(record.data.as_wire()) else { continue };
            if servers.len() >= MOST_SERVERS || servers.iter().any(|server| server.name == name) {
                continue;
            }
            ttl = ttl.min(record.ttl);
            let addresses = if name.is_within(parent) { glue(&name, additional) } else { Vec::new() };
            servers.push(NameServer { name, addresses });
        }
        Delegation { zone: zone.clone(), servers, ttl }
    }

    fn bytes(&self) -> usize {
        self.servers.iter().map(|server| 96 + server.name.as_wire().len() + server.addresses.len() * 17).sum()
    }
}

fn glue(name: &Name, additional: &[Record]) -> Vec<IpAddr> {
    let addresses = additional.iter().filter(|record| record.class == CLASS_IN && record.owner == *name);
    addresses.filter_map(address).take(MOST_ADDRESSES).collect()
}

/// The address in a record.
pub(super) fn address(record: &Record) -> Option<IpAddr> {
    match record.record_type {
        RecordType::A => <[u8; 4]>::try_from(record.data.as_wire()).ok().map(IpAddr::from),
        RecordType::AAAA => <[u8; 16]>::try_from(record.data.as_wire()).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Delegations that were seen.
#[derive(Debug)]
pub(super) struct Delegations {
    seen: Bounded<(Duration, Arc<Delegation>)>,
    root: Arc<Delegation>,
}

impl Delegations {
    pub(super) fn new(hints: &[RootHint], limits: &Limits) -> Self {
        Delegations {
            seen: Bounded::new(limits.cache_entries / 4, limits.cache_bytes / 4),
            root: Arc::new(Delegation::root(hints)),
        }
    }

    /// The closest one to a name. What a parent has to say about its child (`DS`) is asked above `name`.
    pub(super) fn closest(
        &self,
        source: &Source,
        name: &Name,
        record_type: RecordType,
        now: Duration,
    ) -> Arc<Delegation> {
        let mut current = if record_type == RecordType::DS { name.parent() } else { Some(name.clone()) };
        while let Some(zone) = current.filter(|zone| !zone.is_root()) {
            if let Some((expires, delegation)) = self.seen.get(&key(source, &zone))
                && now < expires
            {
                return delegation;
            }
            current = zone.parent();
        }
        Arc::clone(&self.root)
    }

    pub(super) fn put(&self, source: &Source, delegation: &Arc<Delegation>, now: Duration) {
        let expires = now + Duration::from_secs(delegation.ttl.into());
        let value = (expires, Arc::clone(delegation));
        self.seen.put(&key(source, &delegation.zone), value, delegation.bytes());
    }

    /// Forgets one, so that its parent is asked again.
    pub(super) fn remove(&self, source: &Source, zone: &Name) {
        self.seen.remove(&key(source, zone));
    }

    pub(super) fn clear(&self) {
        self.seen.clear();
    }
}

fn key(source: &Source, zone: &Name) -> Vec<u8> {
    [&source.scope().to_be_bytes(), zone.as_wire()].concat()
}
