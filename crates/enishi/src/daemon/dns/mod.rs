//! Name service: hosted zones and the registry on the wire.
//!
//! The reconcile loop applies what `plan` says changed; queries read the newest snapshot. Who is asked decides which zones
//! count: on the simulated internet every name server has its address and serves what is delegated to it; the socket for the
//! user's own programs (`enishi up --dns ADDRESS`) stands for all name servers, as a resolver that follows every delegation
//! would see them.

mod answer;
mod explain;
mod listener;
mod places;
mod resolution;
#[cfg(test)]
mod tests;
mod ways;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use enishi_dns::{Store, ViewId};
use enishi_plan::{Delegations, NameServer, ZoneEdit, zone_edits, zones};
use enishi_state::{Delta, World};

pub use explain::Question;
pub use listener::{Listener, seed};
pub use places::{PlaceFiles, Places};
pub use resolution::{PUBLIC_RESOLVER, PublicResolver, Resolution, Sources};

/// Where name service is offered unless the user says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5353);

/// The name servers' snapshot.
#[derive(Debug, Clone)]
pub struct NameServers {
    store: Arc<Store>,
    delegations: Arc<Delegations>,
}

impl NameServers {
    /// Answers by a world. `delegations` are the domains that are registered elsewhere.
    pub fn new(world: &World, delegations: Delegations) -> Self {
        let servers = NameServers { store: Arc::default(), delegations: Arc::new(delegations) };
        let listed = NameServer::all().filter_map(|server| Some((server.address()?.into(), view(server))));
        servers.store.update(|store| store.put_servers(listed, None));
        servers.apply(zones(world, &servers.delegations));
        servers
    }

    /// What is answered from.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Answers by the next world; all of it is in force when this returns, for every query that comes afterwards. Says whether
    /// a delegation changed.
    pub fn update(&self, before: &World, after: &World, delta: &Delta) -> bool {
        let edits = zone_edits(before, after, delta, &self.delegations);
        let delegates = edits.iter().any(ZoneEdit::is_delegation);
        self.apply(edits);
        delegates
    }

    /// Answers by another world, as [`NameServers::update`].
    pub fn replace(&self, before: &World, after: &World) {
        let gone = zones(before, &self.delegations).into_iter().filter_map(inverse);
        self.apply(gone.chain(zones(after, &self.delegations)).collect());
    }

    fn apply(&self, edits: Vec<ZoneEdit>) {
        if edits.is_empty() {
            return;
        }
        self.store.update(|store| {
            for edit in edits {
                match edit {
                    ZoneEdit::Put(zone) => store.put_zone(zone),
                    ZoneEdit::Remove(id) => store.remove_zone(&id),
                    ZoneEdit::Replace { zone, name, record_type, sets } => {
                        store.replace(&zone, &name, record_type, &sets);
                    }
                    ZoneEdit::PutCollection(collection) => store.put_collection(&collection),
                    ZoneEdit::RemoveCollection(id) => store.remove_collection(&id),
                    ZoneEdit::Serve { server, zones } if zones.is_empty() => store.remove_view(view(server)),
                    ZoneEdit::Serve { server, zones } => store.put_view(view(server), &zones),
                }
            }
        });
    }
}

/// The view of a name server.
pub fn view(server: NameServer) -> ViewId {
    /// Route 53's name servers come after the others.
    const ROUTE_53: u32 = 16;
    ViewId(match server {
        NameServer::Every => 0,
        NameServer::Root => 1,
        NameServer::TopLevel => 2,
        NameServer::Amazon => 3,
        NameServer::Route53(number) => ROUTE_53 + u32::from(number),
    })
}

/// What takes back one of the edits that make everything.
fn inverse(edit: ZoneEdit) -> Option<ZoneEdit> {
    match edit {
        ZoneEdit::Put(zone) => Some(ZoneEdit::Remove(zone.id)),
        ZoneEdit::PutCollection(collection) => Some(ZoneEdit::RemoveCollection(collection.id)),
        ZoneEdit::Serve { server, .. } => Some(ZoneEdit::Serve { server, zones: Vec::new() }),
        ZoneEdit::Remove(_) | ZoneEdit::Replace { .. } | ZoneEdit::RemoveCollection(_) => None,
    }
}
