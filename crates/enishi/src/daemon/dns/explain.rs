//! `enishi dns`: what is answered, and why, without a packet.
//!
//! It asks the snapshot that the name servers answer from. From an instance the resolver of its VPC is asked first, as its
//! queries are.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use enishi_dns::resolver::{Decision, decide};
use enishi_dns::{Asker, Authority, Entropy, ExplainedRecord, Explanation, Rcode};
use enishi_fabric::dns::region::RegionPlace;
use enishi_fabric::dns::{Name, Rdata, RecordType, VpcResolver};
use enishi_fabric::program::Role;
use enishi_plan::NameServer;
use enishi_state::World;
use http::StatusCode;
use serde_json::{Value, json};

use super::answer::entropy;
use super::{NameServers, view};
use crate::daemon::endpoint::names;

/// `CNAME`s followed from zone to zone.
const MOST_HOPS: usize = 8;

/// Delegations followed for one name.
const MOST_REFERRALS: usize = 8;

/// The TTL that a VPC's own names are answered with.
const LOCAL_TTL: u32 = 60;

type Refusal = (StatusCode, String);

/// What a person wants to know.
#[derive(Debug)]
pub struct Question<'q> {
    /// The name.
    pub name: &'q str,
    /// The type: `A`.
    pub record_type: &'q str,
    /// A region, an address, or an instance; without one the client is a program on this machine that asks the name service
    /// itself.
    pub from: Option<&'q str>,
    /// Whether VPC resolvers ask the machine's own name servers for what the registry does not have.
    pub host_dns: bool,
}

impl NameServers {
    /// What a client gets for a name, and why. An instance's question goes from the root down, if its VPC does not have the
    /// name; any other client asks the name servers of the hosted zone, whether or not it is delegated.
    ///
    /// # Errors
    /// When the question cannot be understood, or there is no such client.
    pub fn explain(&self, world: &World, question: &Question<'_>) -> Result<Value, Refusal> {
        let Question { name, record_type, from, host_dns } = *question;
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let owner = Name::parse(name).map_err(|error| bad(format!("{name:?} is no domain name: {error}")))?;
        let record_type: RecordType =
            record_type.parse().map_err(|_| bad(format!("{record_type:?} is no record type")))?;
        let client = client(world, from)?;
        let authority = self.store().load();
        let mut asking = Asking {
            authority: &authority,
            asker: authority.locate(client.address, whole(client.address)),
            inside: client.inside,
            host_dns,
            entropy: entropy(),
            found: Explanation {
                rcode: Rcode::NoError,
                records: Vec::new(),
                referral: Vec::new(),
                why: client.why,
            },
            elsewhere: false,
        };
        asking.resolve(&owner, record_type);
        Ok(shown(&owner, record_type, &client.name, &asking))
    }
}

/// Who asks.
struct Client {
    name: String,
    /// The address that name servers see.
    address: IpAddr,
    /// The instance that is behind a VPC's resolver.
    inside: Option<Inside>,
    why: Vec<String>,
}

/// A client in a VPC.
struct Inside {
    address: IpAddr,
    resolver: Option<Arc<VpcResolver>>,
}

impl Client {
    fn at(name: String, address: IpAddr) -> Self {
        Client { name, address, inside: None, why: Vec::new() }
    }
}

/// Who asks from a place that is known: for private hosted zones that of the VPC's region.
fn asker_in(region: &str, address: IpAddr) -> Asker {
    let place = RegionPlace::of(region).map(RegionPlace::place).unwrap_or_default();
    Asker { address, prefix: whole(address), place, place_prefix: 0 }
}

fn whole(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn client(world: &World, from: Option<&str>) -> Result<Client, Refusal> {
    let Some(from) = from else {
        return Ok(Client::at("this machine".to_owned(), IpAddr::V4(Ipv4Addr::LOCALHOST)));
    };
    if let Ok(address) = from.parse() {
        return Ok(Client::at(from.to_owned(), address));
    }
    if RegionPlace::of(from).is_some() {
        let address = IpAddr::V4(enishi_plan::region_address(from));
        return Ok(Client::at(from.to_owned(), address));
    }
    instance(world, from)
}

fn instance(world: &World, name: &str) -> Result<Client, Refusal> {
    let row = names::instance(world, name).map_err(|(status, text)| match status {
        StatusCode::NOT_FOUND => {
            (status, format!("{name:?} is no region, no address, and no instance's id or Name tag"))
        }
        status => (status, text),
    })?;
    let interfaces = names::interfaces(world, row);
    let first = interfaces
        .first()
        .ok_or_else(|| (StatusCode::CONFLICT, format!("{name} has no network interface")))?;
    let vpc = &first.vpc;
    let program = enishi_plan::plan(world);
    let resolver = program.namespaces.values().find_map(|namespace| match &namespace.role {
        Role::Router(router) => router.resolver.clone().filter(|resolver| *resolver.vpc == *vpc.as_str()),
        _ => None,
    });
    let why = match &resolver {
        Some(resolver) => {
            let listen: Vec<String> = resolver.listen.iter().map(ToString::to_string).collect();
            format!("the resolver of {vpc} at {} is asked", listen.join(" and "))
        }
        None => format!("{vpc} has no resolver, as enableDnsSupport is off: nothing answers"),
    };
    Ok(Client {
        name: format!("{} in {vpc}", row.id),
        address: IpAddr::V4(enishi_plan::region_address(row.scope.region.as_str())),
        inside: Some(Inside { address: IpAddr::V4(first.primary_ip()), resolver }),
        why: vec![why],
    })
}

/// One question on its way.
struct Asking<'a> {
    authority: &'a Authority,
    /// The client as public name servers see it.
    asker: Asker,
    inside: Option<Inside>,
    /// Whether VPC resolvers ask the machine's own name servers for what the registry does not have.
    host_dns: bool,
    entropy: Entropy,
    found: Explanation,
    /// Whether somebody else has the answer, whom nobody asked.
    elsewhere: bool,
}

impl Asking<'_> {
    /// Follows the name from zone to zone.
    fn resolve(&mut self, name: &Name, record_type: RecordType) {
        let mut owner = name.clone();
        for _ in 0..MOST_HOPS {
            self.step(&owner, record_type);
            let last = self.found.records.last().filter(|record| {
                record.record_type == RecordType::CNAME
                    && !matches!(record_type, RecordType::CNAME | RecordType::ANY)
            });
            let Some(next) = last.and_then(|record| Name::from_wire(record.data.as_wire()).ok()) else {
                return;
            };
            if next == owner || self.found.rcode != Rcode::NoError {
                return;
            }
            self.say(format!("{owner} is a CNAME for {next}, which is looked up next"));
            owner = next;
        }
        self.say(format!("no more than {MOST_HOPS} CNAMEs are followed"));
    }

    fn step(&mut self, name: &Name, record_type: RecordType) {
        let Some(inside) = self.inside.take() else { return self.ask_public(name, record_type) };
        match &inside.resolver {
            Some(resolver) => self.ask_vpc(resolver, inside.address, name, record_type),
            None => {
                self.found.rcode = Rcode::ServerFailure;
                self.elsewhere = true;
            }
        }
        self.inside = Some(inside);
    }

    fn ask_vpc(&mut self, resolver: &VpcResolver, client: IpAddr, name: &Name, record_type: RecordType) {
        let decision = decide(resolver, name);
        self.say(reason(&decision));
        match decision {
            Decision::PrivateZone { zone, .. } => {
                let outside = std::mem::replace(&mut self.asker, asker_in(&resolver.region, client));
                self.ask_zone(&zone, name, record_type);
                self.asker = outside;
            }
            Decision::Own { addresses, pointer, .. } => {
                self.answer_own(name, record_type, &addresses, pointer)
            }
            Decision::Nothing { exists, .. } => {
                self.found.rcode = if exists { Rcode::NoError } else { Rcode::NameError };
            }
            Decision::Forward { .. } => {
                self.elsewhere = true;
                self.say(
                    "what they answer is not known here; `enishi exec INSTANCE dig NAME` asks them"
                        .to_owned(),
                );
            }
            Decision::Public => self.descend(name, record_type),
        }
    }

    fn say(&mut self, why: String) {
        self.found.why.push(why);
    }

    /// From the root down, as recursion does: a zone counts only if it is delegated.
    fn descend(&mut self, name: &Name, record_type: RecordType) {
        let mut server = NameServer::Root.address().map(IpAddr::V4);
        for _ in 0..MOST_REFERRALS {
            let Some(view) = server.and_then(|server| self.authority.view_of(server)) else {
                self.elsewhere = true;
                self.say(
                    "none of these name servers is one of Route 53's, so what they answer is not known here"
                        .to_owned(),
                );
                return;
            };
            let Some(zone) = self.authority.closest(view, name, record_type) else {
                self.found.rcode = Rcode::ServerFailure;
                self.say(format!("no hosted zone of these name servers holds {name}"));
                return;
            };
            self.ask_zone(&zone, name, record_type);
            let servers = std::mem::take(&mut self.found.referral);
            if servers.is_empty() {
                // The zones of the registry have their names for ids.
                if self.found.rcode == Rcode::NameError && self.host_dns && zone.ends_with('.') {
                    self.elsewhere = true;
                    self.say("so this machine's own name servers are asked (--host-dns)".to_owned());
                }
                return;
            }
            server = servers.iter().find_map(|server| self.address_of(server));
        }
    }

    /// The address of one of Amazon's own name servers.
    fn address_of(&mut self, server: &Name) -> Option<IpAddr> {
        let views = [NameServer::Amazon, NameServer::TopLevel].map(view);
        let zone = views.into_iter().find_map(|view| self.authority.closest(view, server, RecordType::A))?;
        let found = self.authority.explain(&zone, server, RecordType::A, &self.asker, &mut self.entropy)?;
        let record = found.records.iter().find(|record| record.record_type == RecordType::A)?;
        let octets: [u8; 4] = record.data.as_wire().try_into().ok()?;
        Some(IpAddr::from(octets))
    }

    /// The closest public zone, whether or not it is delegated.
    fn ask_public(&mut self, name: &Name, record_type: RecordType) {
        match self.authority.closest(view(NameServer::Every), name, record_type) {
            Some(zone) => self.ask_zone(&zone, name, record_type),
            None => {
                self.found.rcode = Rcode::NameError;
                self.say(format!("no public hosted zone holds {name}"));
            }
        }
    }

    fn ask_zone(&mut self, zone: &str, name: &Name, record_type: RecordType) {
        let explained = self.authority.explain(zone, name, record_type, &self.asker, &mut self.entropy);
        match explained {
            Some(explained) => {
                self.found.rcode = explained.rcode;
                self.found.referral = explained.referral;
                self.found.records.extend(explained.records);
                self.found.why.extend(explained.why);
            }
            None => {
                self.found.rcode = Rcode::ServerFailure;
                self.say(format!("hosted zone {zone} is not in force yet"));
            }
        }
    }

    fn answer_own(
        &mut self,
        name: &Name,
        record_type: RecordType,
        addresses: &[IpAddr],
        pointer: Option<Name>,
    ) {
        let data: Vec<Rdata> = match record_type {
            RecordType::PTR => pointer.iter().map(Rdata::name).collect(),
            _ => addresses
                .iter()
                .filter_map(|address| match (address, record_type) {
                    (IpAddr::V4(address), RecordType::A) => Some(Rdata::a(*address)),
                    (IpAddr::V6(address), RecordType::AAAA) => Some(Rdata::aaaa(*address)),
                    _ => None,
                })
                .collect(),
        };
        if data.is_empty() {
            self.say(format!("{name} exists, but has no {record_type}"));
        }
        let record = |data| ExplainedRecord { name: name.clone(), record_type, ttl: LOCAL_TTL, data };
        self.found.records.extend(data.into_iter().map(record));
    }
}

/// What a VPC's resolver does with a name, for people.
fn reason(decision: &Decision) -> String {
    match decision {
        Decision::PrivateZone { zone, domain } => {
            format!(
                "the VPC sees the private hosted zone {zone} for {domain}, the most specific domain that is known"
            )
        }
        Decision::Own { domain: Some(domain), .. } => {
            format!("{domain} is the VPC's own: its names are those of its network interfaces")
        }
        Decision::Own { domain: None, .. } => {
            "the name of a resource of the VPC, or of a peered one, which has the private address inside"
                .to_owned()
        }
        Decision::Nothing { domain, .. } => format!("{domain} is the VPC's own, and has no such name"),
        Decision::Forward { rule, domain, endpoint, targets } => {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            format!("the rule {rule} for {domain} forwards to {} out of {endpoint}", targets.join(" or "))
        }
        Decision::Public => {
            "no rule, private hosted zone or name of the VPC has it, so the internet is asked".to_owned()
        }
    }
}

fn shown(owner: &Name, record_type: RecordType, from: &str, asking: &Asking<'_>) -> Value {
    let found = &asking.found;
    let asked =
        |record: &&ExplainedRecord| record_type == RecordType::ANY || record.record_type == record_type;
    let answered = found.rcode == Rcode::NoError && found.records.iter().any(|record| asked(&record));
    let verdict = match found.rcode {
        Rcode::ServerFailure if asking.elsewhere => "no answer".to_owned(),
        _ if asking.elsewhere => "answered elsewhere".to_owned(),
        Rcode::NoError if !answered => format!("NOERROR, no {record_type}"),
        rcode => rcode.to_string(),
    };
    let records: Vec<Value> = found
        .records
        .iter()
        .map(|record| {
            json!({
                "name": record.name.to_string(),
                "ttl": record.ttl,
                "type": record.record_type.to_string(),
                "data": record.data.text(record.record_type),
            })
        })
        .collect();
    let mut text: String = found.records.iter().map(line).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("{owner} {record_type} from {from}: {verdict}\n"));
    let reasons = found.why.iter().zip(1..).map(|(why, number)| format!("{number:3}. {why}"));
    text.push_str(&reasons.collect::<Vec<_>>().join("\n"));
    json!({
        "name": owner.to_string(),
        "type": record_type.to_string(),
        "from": from,
        "rcode": found.rcode.to_string(),
        "answered": answered,
        "elsewhere": asking.elsewhere,
        "records": records,
        "why": found.why,
        "text": text,
    })
}

/// A record as `dig` prints it.
fn line(record: &ExplainedRecord) -> String {
    let data = record.data.text(record.record_type);
    format!("{}\t{}\tIN\t{}\t{data}\n", record.name, record.ttl, record.record_type)
}
