//! What the resolver of one VPC does with a name.
//!
//! [How queries are routed](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network.html):
//! the most specific domain counts, and of one domain a rule before a private hosted zone before an autodefined name. A rule of
//! type `SYSTEM` means what would be without rules.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use enishi_fabric::dns::{Name, Rdata, RecordType, RuleAction, VpcResolver};

use super::entry::OwnedSet;
use super::source::Source;
use super::uplink::Path;
use crate::folded::Folded;

/// The TTL in seconds of the names that a VPC has of itself, and of their absence. No document says what AWS's is.
const LOCAL_TTL: u32 = 60;

/// A compiled [`VpcResolver`].
#[derive(Debug)]
pub(super) struct Vpc {
    pub(super) id: Arc<str>,
    pub(super) region: Arc<str>,
    pub(super) account: Arc<str>,
    /// Tells this state of this VPC from every other one in caches.
    pub(super) generation: u64,
    pub(super) logs: BTreeSet<Arc<str>>,
    pub(super) clients: HashMap<Ipv4Addr, (Arc<str>, Option<Arc<str>>)>,
    domains: HashMap<Box<[u8]>, Domain>,
    internet: Arc<Source>,
}

/// What is known of one name and what is below it.
#[derive(Debug, Default)]
struct Domain {
    rule: Option<Rule>,
    zone: Option<Arc<str>>,
    autodefined: Option<Name>,
    local: Option<Local>,
}

#[derive(Debug)]
enum Rule {
    Forward(Arc<Source>),
    System,
}

/// A name that the VPC has of itself.
#[derive(Debug, Default)]
pub(super) struct Local {
    addresses: Vec<IpAddr>,
    pointer: Option<Name>,
    /// Whether no autodefined domain is around it, so that it counts as one.
    stands_alone: bool,
}

/// Who answers for a name.
#[derive(Debug)]
pub(super) enum Route<'v> {
    /// A private hosted zone, by its id.
    Zone(&'v Arc<str>),
    /// The VPC itself. Without an autodefined domain around it the name stands for itself.
    Local(&'v Local, Option<&'v Name>),
    /// Nobody: an autodefined domain does not have it. `exists` says that it has names below it.
    Nothing {
        /// The domain.
        domain: &'v Name,
        /// Whether names below it exist.
        exists: bool,
    },
    /// Others.
    Ask(&'v Arc<Source>),
}

impl Vpc {
    /// Compiles what a VPC's resolver knows.
    pub(super) fn compile(data: &VpcResolver, generation: u64) -> Self {
        let mut domains: HashMap<Box<[u8]>, Domain> = HashMap::new();
        for (name, rule) in &data.rules {
            let rule = match &rule.action {
                RuleAction::Forward { endpoint, targets } => {
                    let path = Path::Endpoint { id: Arc::clone(endpoint) };
                    Rule::Forward(Arc::new(Source::forwarders(path, targets.clone())))
                }
                RuleAction::System => Rule::System,
            };
            domain(&mut domains, name).rule = Some(rule);
        }
        for (name, zone) in &data.private_zones {
            domain(&mut domains, name).zone = Some(Arc::clone(zone));
        }
        for name in &data.autodefined {
            domain(&mut domains, name).autodefined = Some(name.clone());
        }
        for (name, addresses) in &data.names {
            local(&mut domains, name, &data.autodefined).addresses = addresses.clone();
        }
        for (name, target) in &data.pointers {
            local(&mut domains, name, &data.autodefined).pointer = Some(target.clone());
        }
        Vpc {
            id: Arc::clone(&data.vpc),
            region: Arc::clone(&data.region),
            account: Arc::clone(&data.account),
            generation,
            logs: data.logs.clone(),
            clients: data.clients.iter().map(|(address, ids)| (*address, ids.clone())).collect(),
            domains,
            internet: Arc::new(Source::internet(&data.region)),
        }
    }

    /// Who answers for a name.
    pub(super) fn route(&self, name: &Folded) -> Route<'_> {
        let mut heed_rules = true;
        let mut exists = false;
        let mut itself: Option<&Local> = None;
        for skip in 0..=name.depth() {
            let Some(domain) = self.domains.get(name.suffix(skip)) else { continue };
            match &domain.rule {
                Some(Rule::Forward(source)) if heed_rules => {
                    return match itself.filter(|local| local.stands_alone) {
                        None => Route::Ask(source),
                        Some(local) => Route::Local(local, None),
                    };
                }
                Some(Rule::System) => heed_rules = false,
                _ => {}
            }
            if let Some(zone) = &domain.zone {
                return match itself.filter(|local| local.stands_alone) {
                    None => Route::Zone(zone),
                    Some(local) => Route::Local(local, None),
                };
            }
            if skip == 0
                && let Some(local) = &domain.local
            {
                exists = true;
                itself = Some(local).filter(|local| local.is_something());
            }
            if let Some(around) = &domain.autodefined {
                return match itself {
                    Some(local) => Route::Local(local, Some(around)),
                    None => Route::Nothing { domain: around, exists: exists || skip == 0 },
                };
            }
        }
        match itself {
            Some(local) => Route::Local(local, None),
            None => Route::Ask(&self.internet),
        }
    }
}

fn domain<'d>(domains: &'d mut HashMap<Box<[u8]>, Domain>, name: &Name) -> &'d mut Domain {
    domains.entry(name.as_wire().into()).or_default()
}

/// The place of a local name. The names between it and its autodefined domain exist with it (RFC 8020, section 2).
fn local<'d>(
    domains: &'d mut HashMap<Box<[u8]>, Domain>,
    name: &Name,
    autodefined: &BTreeSet<Name>,
) -> &'d mut Local {
    let mut above = name.parent();
    while let Some(current) = above.filter(|current| !current.is_root()) {
        if autodefined.contains(&current) || !autodefined.iter().any(|domain| current.is_within(domain)) {
            break;
        }
        domain(domains, &current).local.get_or_insert_default();
        above = current.parent();
    }
    let local = domain(domains, name).local.get_or_insert_default();
    local.stands_alone = !autodefined.iter().any(|domain| name.is_within(domain));
    local
}

impl Local {
    fn is_something(&self) -> bool {
        !self.addresses.is_empty() || self.pointer.is_some()
    }

    /// Its records of a type.
    pub(super) fn records(&self, owner: &Name, record_type: RecordType) -> Option<OwnedSet> {
        if record_type == RecordType::ANY {
            let types = [RecordType::A, RecordType::AAAA, RecordType::PTR];
            return types.into_iter().find_map(|record_type| self.records(owner, record_type));
        }
        let data: Vec<Rdata> = match record_type {
            RecordType::PTR => self.pointer.iter().map(Rdata::name).collect(),
            _ => self
                .addresses
                .iter()
                .filter_map(|address| match address {
                    IpAddr::V4(address) if record_type == RecordType::A => Some(Rdata::a(*address)),
                    IpAddr::V6(address) if record_type == RecordType::AAAA => Some(Rdata::aaaa(*address)),
                    _ => None,
                })
                .collect(),
        };
        (!data.is_empty()).then(|| OwnedSet::new(owner.clone(), record_type, LOCAL_TTL, &data))
    }
}

/// The `SOA` of an autodefined domain: of its fields only the last one, the TTL of absence, means something.
pub(super) fn autodefined_soa(domain: &Name) -> Option<OwnedSet> {
    let server = domain.child("ns0").unwrap_or_else(|_| domain.clone());
    let text = format!("{server} hostmaster.amazon.com. 2012103100 3600 3600 3600 {LOCAL_TTL}");
    let data = Rdata::parse(RecordType::SOA, &text).ok()?;
    Some(OwnedSet::new(domain.clone(), RecordType::SOA, LOCAL_TTL, &[data]))
}
