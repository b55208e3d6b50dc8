//! Everything that is answered from, as one immutable snapshot.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use enishi_fabric::dns::{CidrCollection, Name, Place, PlaceTable, RecordSet, RecordType, Zone as ZoneData};
use ipnet::IpNet;

use crate::folded::Folded;
use crate::health::Health;
use crate::places::Locate;
use crate::policy::Asker;
use crate::prefix_map::PrefixMap;
use crate::region::LatencyMatrix;
use crate::table::NameTable;
use crate::zone::Zone;

/// The zones that one set of name servers answers for: a delegation set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub u32);

/// A snapshot of all zones and of what policies look at.
#[derive(Debug, Clone, Default)]
pub struct Authority {
    zones: HashMap<Arc<str>, Arc<Zone>>,
    views: HashMap<ViewId, View>,
    addresses: HashMap<IpAddr, ViewId>,
    default_view: Option<ViewId>,
    collections: HashMap<Arc<str>, Arc<PrefixMap<Arc<str>>>>,
    places: Arc<PrefixMap<Place>>,
    locator: Option<Arc<dyn Locate>>,
    latencies: Arc<LatencyMatrix>,
}

#[derive(Debug, Clone, Default)]
struct View {
    ids: Vec<Arc<str>>,
    zones: NameTable<Zone>,
}

impl Authority {
    /// A zone by its id.
    pub fn zone(&self, id: &str) -> Option<&Zone> {
        self.zones.get(id).map(Arc::as_ref)
    }

    /// The zone of a view that is closest to a name. `DS` is asked of the parent (RFC 4035, section 3.1.4.1).
    pub fn find(&self, view: ViewId, name: &Folded, record_type: RecordType) -> Option<&Zone> {
        let zones = &self.views.get(&view)?.zones;
        let from = |skip| (skip..=name.depth()).find_map(|skip| zones.get(name, skip)).map(Arc::as_ref);
        if record_type == RecordType::DS
            && let Some(parent) = from(1)
        {
            return Some(parent);
        }
        from(0)
    }

    /// The id of the zone of a view that is closest to a name.
    pub fn closest(&self, view: ViewId, name: &Name, record_type: RecordType) -> Option<Arc<str>> {
        let found = self.find(view, &Folded::new(name.as_wire())?, record_type);
        found.map(|zone| Arc::clone(zone.id()))
    }

    /// The view of the name server that has an address; the default one for an address that is no name server's.
    pub fn view_of(&self, server: IpAddr) -> Option<ViewId> {
        self.addresses.get(&server).copied().or(self.default_view)
    }

    /// Where an address is, as far as `prefix` bits of it tell: as the table of places says, else the locator.
    pub fn locate(&self, address: IpAddr, prefix: u8) -> Asker {
        let network = || IpNet::new(address, prefix).map_or(address, |network| network.trunc().addr());
        let told = self.places.find(address, prefix).map(|(bits, place)| (bits, place.clone()));
        let found = told.or_else(|| self.locator.as_ref()?.locate(network()));
        let (bits, place) = found.unwrap_or_default();
        let place_prefix = bits.min(prefix);
        Asker { address, prefix, place, place_prefix }
    }

    pub(crate) fn collection(&self, id: &str) -> Option<&PrefixMap<Arc<str>>> {
        self.collections.get(id).map(Arc::as_ref)
    }

    pub(crate) fn latencies(&self) -> &LatencyMatrix {
        &self.latencies
    }
}

/// Holds the newest [`Authority`]. Readers never wait; one update at a time is made.
#[derive(Debug, Default)]
pub struct Store {
    current: ArcSwap<Authority>,
    health: Health,
    updating: std::sync::Mutex<()>,
}

/// Changes that come into force together.
pub struct Edit<'a> {
    authority: Authority,
    health: &'a Health,
}

impl Store {
    /// The newest snapshot.
    pub fn load(&self) -> Arc<Authority> {
        self.current.load_full()
    }

    /// The newest snapshot for the length of one answer, without counting references.
    pub(crate) fn borrow(&self) -> arc_swap::Guard<Arc<Authority>> {
        self.current.load()
    }

    /// The status of health checks.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Makes changes; all are in force for every query that is read after this returns, and no query sees only some.
    pub fn update<T>(&self, change: impl FnOnce(&mut Edit<'_>) -> T) -> T {
        let _one_at_a_time = self.updating.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut edit = Edit { authority: Authority::clone(&self.current.load()), health: &self.health };
        let result = change(&mut edit);
        self.current.store(Arc::new(edit.authority));
        result
    }
}

impl Edit<'_> {
    /// Adds a zone or replaces it as a whole. What it is made of is freed on the way, so that a large one needs little more
    /// memory than in the end.
    pub fn put_zone(&mut self, data: ZoneData) {
        let zone = Arc::new(Zone::compile(data, self.health));
        self.install(zone);
    }

    /// Takes a zone away from everywhere.
    pub fn remove_zone(&mut self, id: &str) {
        let Some(zone) = self.authority.zones.remove(id) else { return };
        for view in self.authority.views.values_mut() {
            view.drop_zone(&zone);
        }
    }

    /// Makes `sets` all there is of a name and type in a zone; none deletes them. The cost does not depend on the zone's size.
    pub fn replace(&mut self, zone: &str, name: &Name, record_type: RecordType, sets: &[RecordSet]) {
        let Some(old) = self.authority.zones.get(zone) else { return };
        let mut new = Zone::clone(old);
        new.replace(name, record_type, sets, self.health);
        self.install(Arc::new(new));
    }

    /// Says which zones a view has; of two with one name the first counts.
    pub fn put_view(&mut self, id: ViewId, zones: &[Arc<str>]) {
        let mut view = View { ids: zones.to_vec(), zones: NameTable::default() };
        for zone in zones.iter().rev().filter_map(|zone| self.authority.zones.get(zone)) {
            view.zones.insert(Arc::clone(zone));
        }
        self.authority.views.insert(id, view);
    }

    /// Says which views the name servers' addresses stand for, and which one every other address does.
    pub fn put_servers(
        &mut self,
        addresses: impl IntoIterator<Item = (IpAddr, ViewId)>,
        default: Option<ViewId>,
    ) {
        self.authority.addresses = addresses.into_iter().collect();
        self.authority.default_view = default;
    }

    /// Takes a view away.
    pub fn remove_view(&mut self, id: ViewId) {
        self.authority.views.remove(&id);
    }

    /// Adds or replaces a CIDR collection.
    pub fn put_collection(&mut self, collection: &CidrCollection) {
        let blocks = collection
            .locations
            .iter()
            .flat_map(|(location, blocks)| blocks.iter().map(move |block| (*block, Arc::clone(location))));
        self.authority.collections.insert(Arc::clone(&collection.id), Arc::new(blocks.collect()));
    }

    /// Takes a CIDR collection away.
    pub fn remove_collection(&mut self, id: &str) {
        self.authority.collections.remove(id);
    }

    /// Says where addresses are.
    pub fn put_places(&mut self, table: &PlaceTable) {
        self.authority.places = Arc::new(table.rows.iter().cloned().collect());
    }

    /// Says who is asked about addresses that the table of places does not have.
    pub fn put_locator(&mut self, locator: Option<Arc<dyn Locate>>) {
        self.authority.locator = locator;
    }

    /// Says how far regions are from each other.
    pub fn put_latencies(&mut self, matrix: LatencyMatrix) {
        self.authority.latencies = Arc::new(matrix);
    }

    fn install(&mut self, zone: Arc<Zone>) {
        for view in self.authority.views.values_mut() {
            view.refresh(&zone);
        }
        self.authority.zones.insert(Arc::clone(zone.id()), zone);
    }
}

impl View {
    /// Puts a zone's newest snapshot in place, unless another zone of the same name comes first.
    fn refresh(&mut self, zone: &Arc<Zone>) {
        if !self.ids.contains(zone.id()) {
            return;
        }
        let position = |id: &Arc<str>| self.ids.iter().position(|other| other == id);
        let Some(name) = Folded::new(zone.apex().as_wire()) else { return };
        let current = self.zones.get(&name, 0).and_then(|current| position(current.id()));
        if current.is_none_or(|current| position(zone.id()) <= Some(current)) {
            self.zones.insert(Arc::clone(zone));
        }
    }

    fn drop_zone(&mut self, zone: &Zone) {
        self.ids.retain(|id| id != zone.id());
        let Some(name) = Folded::new(zone.apex().as_wire()) else { return };
        if self.zones.get(&name, 0).is_some_and(|current| current.id() == zone.id()) {
            self.zones.remove(&name);
        }
    }
}
