//! Public hosted zones on the wire: `enishi up --dns ADDRESS`.
//!
//! The reconcile loop applies what `plan` says changed; queries read the newest snapshot. One address stands for every name
//! server: it serves all public zones, as a resolver that follows every delegation would see them.

mod serve;

use std::net::SocketAddr;
use std::sync::Arc;

use enishi_dns::{Store, ViewId};
use enishi_plan::ZoneEdit;
use enishi_state::World;
use enishi_state::route53::{CidrCollection, HostedZone};

pub use serve::Listener;

/// Where name service is offered unless the user says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5353);

/// The view that every public zone is in.
const PUBLIC: ViewId = ViewId(0);

/// The name servers' snapshot.
#[derive(Debug, Clone, Default)]
pub struct NameServers {
    store: Arc<Store>,
}

impl NameServers {
    /// Answers by another world from now on.
    pub fn replace(&self, before: &World, after: &World) {
        let gone = before.all::<HostedZone>().map(|zone| ZoneEdit::Remove(zone.id.as_str().into()));
        let collections = before.all::<CidrCollection>();
        let collections = collections.map(|row| ZoneEdit::RemoveCollection(row.id.as_str().into()));
        self.apply(gone.chain(collections).chain(enishi_plan::zones(after)).collect());
    }

    /// Applies edits; all are in force when this returns, for every query that comes afterwards.
    pub fn apply(&self, edits: Vec<ZoneEdit>) {
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
                    ZoneEdit::Serve(zones) => store.put_view(PUBLIC, &zones),
                }
            }
        });
    }
}
