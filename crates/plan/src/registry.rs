//! The registry: the root zone, the top-level domains, and who answers for the domains in them.
//! [How internet traffic is routed to your website](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/welcome-dns-service.html)
//!
//! A resolver starts at the root like on the real internet and follows what it is told: the root zone delegates every
//! top-level domain that is in use, those delegate registered domains to the name servers that their owners set, and
//! `awsdns-NN.TLD` has the addresses of Route 53's name servers. A domain below a second level, such as `co.uk`, is delegated
//! by its top-level domain at once.
//!
//! A domain that nobody registered here, but that has a public hosted zone, is delegated where the user says so
//! ([`Delegations`]): it stands for one that is registered elsewhere. The oldest zone of that name counts.
//!
//! The zones have their names for ids.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use enishi_fabric::dns::{Name, Rdata, RecordSet, RecordType, Zone};
use enishi_state::route53::HostedZone;
use enishi_state::route53domains::Domain;
use enishi_state::{Delta, World};

use crate::zone_edit::{NameServer, ZoneEdit, apex, difference, id_of, own_name, simple};
use crate::{name_server, public_name};

/// How long a delegation may be remembered, in seconds: what the registries of `com` and `net` say.
const DELEGATION_TTL: u32 = 172_800;

/// Top-level domains that there always are: Amazon's own names need them.
const ALWAYS: [&str; 5] = ["arpa", "com", "net", "org", "uk"];

/// The root's name server.
pub const ROOT_SERVER: &str = "a.root-servers.net.";

/// The name server of every top-level domain.
const TOP_LEVEL_SERVER: &str = "a.gtld-servers.net.";

/// Domains that the registry delegates to their hosted zone although nobody registered them here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delegations {
    all: bool,
    domains: BTreeSet<Name>,
}

impl Delegations {
    /// Every domain that has a public hosted zone.
    pub fn all() -> Self {
        Delegations { all: true, domains: BTreeSet::new() }
    }

    /// These domains.
    pub fn of(domains: impl IntoIterator<Item = Name>) -> Self {
        Delegations { all: false, domains: domains.into_iter().collect() }
    }

    fn include(&self, domain: &Name) -> bool {
        self.all || self.domains.contains(domain)
    }
}

/// Whether a zone is the root or a top-level domain.
pub(crate) fn is_registry(zone: &str) -> bool {
    zone.ends_with('.') && zone.matches('.').count() == 1
}

/// Every zone of the registry.
pub(crate) fn zones(world: &World, delegations: &Delegations) -> Vec<ZoneEdit> {
    let registry = Registry { world, delegations };
    let top_levels = registry.top_levels();
    let puts = top_levels.iter().map(|domain| ZoneEdit::Put(registry.top_level(domain)));
    let mut edits: Vec<ZoneEdit> = puts.chain([ZoneEdit::Put(root(&top_levels))]).collect();
    edits.extend(name_server_zones().map(ZoneEdit::Put));
    edits.push(ZoneEdit::Serve { server: NameServer::Root, zones: vec![id_of(&Name::root())] });
    edits.push(serve(&top_levels));
    edits
}

/// The names of the zones that Amazon's own name server has here.
pub(crate) fn amazon_zone_ids() -> impl Iterator<Item = Arc<str>> {
    stripes().map(|(number, domain)| id_of(&stripe(number, domain)))
}

/// What a transaction that changed `delta` changed of it.
pub(crate) fn edits(
    before: &World,
    after: &World,
    delta: &Delta,
    delegations: &Delegations,
) -> Vec<ZoneEdit> {
    let old = Registry { world: before, delegations };
    let new = Registry { world: after, delegations };
    let mut edits = Vec::new();
    let mut reshaped = BTreeSet::new();
    for domain in touched(before, after, delta) {
        let Some(top_level) = domain.top_level() else { continue };
        if old.has(&top_level) && new.has(&top_level) {
            edits.extend(difference(&id_of(&top_level), old.delegation(&domain), new.delegation(&domain)));
        } else if old.has(&top_level) != new.has(&top_level) {
            reshaped.insert(top_level);
        }
    }
    if reshaped.is_empty() {
        return edits;
    }
    let root = id_of(&Name::root());
    for domain in reshaped {
        let (before, after) = (old.has(&domain), new.has(&domain));
        edits.push(match after {
            true => ZoneEdit::Put(new.top_level(&domain)),
            false => ZoneEdit::Remove(id_of(&domain)),
        });
        let delegation = |is: bool| is.then(|| top_level_delegation(&domain)).into_iter().collect();
        edits.extend(difference(&root, delegation(before), delegation(after)));
    }
    edits.push(serve(&new.top_levels()));
    edits
}

/// The domains whose delegation a delta can have an effect on.
fn touched(before: &World, after: &World, delta: &Delta) -> BTreeSet<Name> {
    let domains = delta.changes::<Domain>(before, after);
    let domains = domains.into_iter().flat_map(|change| [change.before, change.after]).flatten();
    let mut touched: BTreeSet<Name> = domains.map(|row| row.name.clone()).collect();
    for change in delta.changes::<HostedZone>(before, after) {
        // The row also counts record sets; only these two matter here.
        let what = |row: Option<&HostedZone>| {
            row.filter(|row| !row.is_private).map(|row| (row.name.clone(), row.name_servers.clone()))
        };
        if what(change.before) != what(change.after) {
            let rows = [change.before, change.after].into_iter().flatten();
            touched.extend(rows.map(|row| row.name.clone()));
        }
    }
    touched
}

/// The registry of a world.
#[derive(Debug, Clone, Copy)]
struct Registry<'a> {
    world: &'a World,
    delegations: &'a Delegations,
}

impl Registry<'_> {
    /// Every top-level domain that is in use.
    fn top_levels(self) -> BTreeSet<Name> {
        let registered = self.world.all::<Domain>().map(|row| row.name.clone());
        let hosted = self.world.all::<HostedZone>().map(|row| row.name.clone());
        let delegated = registered.chain(hosted).filter(|domain| self.is_delegated(domain));
        let in_use = delegated.filter_map(|domain| domain.top_level());
        ALWAYS.into_iter().map(own_name).chain(in_use).collect()
    }

    /// Whether a top-level domain is in use.
    fn has(self, top_level: &Name) -> bool {
        let text = top_level.to_string();
        ALWAYS.contains(&text.trim_end_matches('.'))
            || self.domains(&text).iter().any(|domain| self.is_delegated(domain))
    }

    /// The domains in a top-level domain that may be delegated.
    fn domains(self, top_level: &str) -> BTreeSet<Name> {
        let registered = self.world.by::<Domain>("top_level", top_level).map(|row| row.name.clone());
        let hosted = self.world.by::<HostedZone>("top_level", top_level).map(|row| row.name.clone());
        registered.chain(hosted).collect()
    }

    fn is_delegated(self, domain: &Name) -> bool {
        !self.servers(domain).is_empty()
    }

    /// Where a domain is delegated to: names, and addresses of those inside of the domain.
    fn servers(self, domain: &Name) -> Vec<(Name, Vec<IpAddr>)> {
        if is_reserved(domain) {
            return Vec::new();
        }
        if let Some(row) = self.world.get::<Domain>(&Domain::key(domain)) {
            let servers = row.delegation().iter();
            return servers.map(|server| (server.name.clone(), server.glue.clone())).collect();
        }
        if !self.delegations.include(domain) {
            return Vec::new();
        }
        let zones = self.world.by::<HostedZone>("name", &domain.to_string()).filter(|zone| !zone.is_private);
        let oldest = zones.min_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        let names = oldest.into_iter().flat_map(|zone| &zone.name_servers);
        names.filter_map(|name| Some((Name::parse(name).ok()?, Vec::new()))).collect()
    }

    /// The records of a domain in its top-level domain's zone.
    fn delegation(self, domain: &Name) -> Vec<RecordSet> {
        delegate(domain, &self.servers(domain))
    }

    /// The zone of a top-level domain.
    fn top_level(self, domain: &Name) -> Zone {
        let text = domain.to_string();
        let mut record_sets: Vec<RecordSet> =
            apex(domain, &own_name(TOP_LEVEL_SERVER), DELEGATION_TTL).into();
        record_sets.extend(own_records(&text));
        record_sets.extend(self.domains(&text).iter().flat_map(|domain| self.delegation(domain)));
        Zone { id: id_of(domain), name: domain.clone(), record_sets }
    }
}

/// Whether a domain is nobody's to register: the root, a top-level domain, one of the registry's own or of Amazon's.
fn is_reserved(domain: &Name) -> bool {
    let text = domain.to_string();
    let is_stripe = || text.starts_with("awsdns-") && stripes().any(|(n, end)| stripe(n, end) == *domain);
    domain.parent().is_none_or(|parent| parent.is_root())
        || [ROOT_SERVER, TOP_LEVEL_SERVER].map(own_name).contains(domain)
        || public_name::zone_ids().any(|zone| *zone == *text)
        || is_stripe()
}

/// `NS` of a domain, and the addresses of those name servers that are inside of it.
fn delegate(domain: &Name, servers: &[(Name, Vec<IpAddr>)]) -> Vec<RecordSet> {
    if servers.is_empty() {
        return Vec::new();
    }
    let names = servers.iter().map(|(name, _)| Rdata::name(name)).collect();
    let mut sets = vec![simple(domain.clone(), RecordType::NS, DELEGATION_TTL, names)];
    for (name, glue) in servers.iter().filter(|(name, _)| name.is_within(domain)) {
        let v4 = glue.iter().filter_map(|address| match address {
            IpAddr::V4(address) => Some(Rdata::a(*address)),
            IpAddr::V6(_) => None,
        });
        let v6 = glue.iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Rdata::aaaa(*address)),
        });
        for (record_type, data) in [(RecordType::A, v4.collect::<Vec<_>>()), (RecordType::AAAA, v6.collect())]
        {
            if !data.is_empty() {
                sets.push(simple(name.clone(), record_type, DELEGATION_TTL, data));
            }
        }
    }
    sets
}

/// The root zone.
fn root(top_levels: &BTreeSet<Name>) -> Zone {
    let mut record_sets: Vec<RecordSet> =
        apex(&Name::root(), &own_name(ROOT_SERVER), 518_400).into_iter().collect();
    record_sets.extend(top_levels.iter().map(top_level_delegation));
    for (name, server) in [(ROOT_SERVER, NameServer::Root), (TOP_LEVEL_SERVER, NameServer::TopLevel)] {
        record_sets.extend(host(own_name(name), server));
    }
    Zone { id: id_of(&Name::root()), name: Name::root(), record_sets }
}

fn top_level_delegation(domain: &Name) -> RecordSet {
    let server = Rdata::name(&own_name(TOP_LEVEL_SERVER));
    simple(domain.clone(), RecordType::NS, DELEGATION_TTL, vec![server])
}

/// What a top-level domain has besides its customers' domains: the registry's own hosts, and Amazon's domains.
fn own_records(top_level: &str) -> Vec<RecordSet> {
    let mut sets = Vec::new();
    for (number, domain) in
        stripes().filter(|(_, domain)| own_name(domain).top_level() == Some(own_name(top_level)))
    {
        let zone = stripe(number, domain);
        sets.push(simple(
            zone.clone(),
            RecordType::NS,
            DELEGATION_TTL,
            vec![Rdata::name(&stripe_server(number, domain))],
        ));
        sets.extend(host(stripe_server(number, domain), NameServer::Amazon));
        sets.extend(stripe_hosts(number, domain));
    }
    match top_level {
        "net." => {
            sets.extend(host(own_name(ROOT_SERVER), NameServer::Root));
            sets.extend(host(own_name(TOP_LEVEL_SERVER), NameServer::TopLevel));
        }
        "com." | "arpa." => sets.extend(public_name::delegations(top_level)),
        _ => {}
    }
    sets
}

fn serve(top_levels: &BTreeSet<Name>) -> ZoneEdit {
    ZoneEdit::Serve { server: NameServer::TopLevel, zones: top_levels.iter().map(id_of).collect() }
}

/// The zones with the addresses of Route 53's name servers: `awsdns-00.com` to `awsdns-63.co.uk`.
fn name_server_zones() -> impl Iterator<Item = Zone> {
    stripes().map(|(number, domain)| {
        let name = stripe(number, domain);
        let server = stripe_server(number, domain);
        let mut record_sets: Vec<RecordSet> = apex(&name, &server, DELEGATION_TTL).into();
        record_sets.extend(host(server, NameServer::Amazon));
        record_sets.extend(stripe_hosts(number, domain));
        Zone { id: id_of(&name), name, record_sets }
    })
}

/// The middle part and the end of the names of Route 53's name servers, in all combinations.
fn stripes() -> impl Iterator<Item = (u16, &'static str)> {
    let numbers = 0..name_server::STRIPES;
    numbers.flat_map(|number| name_server::DOMAINS.into_iter().map(move |domain| (number, domain)))
}

fn stripe(number: u16, domain: &str) -> Name {
    own_name(&format!("awsdns-{number:02}.{domain}"))
}

fn stripe_server(number: u16, domain: &str) -> Name {
    own_name(&format!("g-ns-{number}.awsdns-{number:02}.{domain}"))
}

/// The addresses of the name servers in one such zone.
fn stripe_hosts(number: u16, domain: &str) -> impl Iterator<Item = RecordSet> {
    let index = name_server::DOMAINS.into_iter().position(|other| other == domain).unwrap_or_default();
    let first = index as u16 * name_server::PER_DOMAIN;
    let numbers =
        (first..first + name_server::PER_DOMAIN).filter(move |n| n % name_server::STRIPES == number);
    numbers.filter_map(|n| host(own_name(&name_server::text(n)), NameServer::Route53(n)))
}

/// The address of a name server.
pub(crate) fn host(name: Name, server: NameServer) -> Option<RecordSet> {
    Some(simple(name, RecordType::A, DELEGATION_TTL, vec![Rdata::a(server.address()?)]))
}
