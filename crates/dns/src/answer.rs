//! The authoritative algorithm: bytes of a query in, bytes of its answer out.
//!
//! RFC 1034, section 4.3.2, as Route 53 does it: within the closest zone, `CNAME`s followed as long as they stay in the zone,
//! delegations referred to, wildcards synthesised, negative answers with the `SOA`. A query for `ANY` gets one of the name's
//! record sets (RFC 8482, section 4.1).

use std::net::IpAddr;

use enishi_fabric::dns::{Name, Rdata, RecordType};

use crate::authority::{Authority, ViewId};
use crate::entropy::Entropy;
use crate::folded::Folded;
use crate::message::{LARGEST_TCP, LARGEST_UDP, Message, QUESTION, SMALLEST_UDP, Section, header_only};
use crate::policy::{Asker, Chooser};
use crate::rcode::Rcode;
use crate::request::{Reject, Request, parse};
use crate::rrset::Rrset;
use crate::zone::{Found, Node, Set, Source, Zone};

/// `CNAME`s followed in one answer.
const MOST_HOPS: usize = 8;

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A stream.
    Tcp,
}

/// Who sent a query, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// The sender.
    pub source: IpAddr,
    /// How it came.
    pub transport: Transport,
    /// The zones of the name server that it was sent to.
    pub view: ViewId,
}

/// What was answered, for query logs.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// The zone that answered.
    pub zone: Option<&'a Zone>,
    /// The response code.
    pub rcode: Rcode,
    /// The type asked for.
    pub record_type: Option<RecordType>,
    /// The name asked for, as it was sent, in wire form.
    pub name: &'a [u8],
    /// The client's network, if a resolver passed it on.
    pub subnet: Option<(IpAddr, u8)>,
}

/// What a described client would be answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The response code.
    pub rcode: Rcode,
    /// Records in the order of the answer.
    pub records: Vec<ExplainedRecord>,
    /// The name servers that the name is delegated to, when others answer for it.
    pub referral: Vec<Name>,
    /// Every decision on the way, for people.
    pub why: Vec<String>,
}

/// A record of an [`Explanation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRecord {
    /// The owner.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// Seconds.
    pub ttl: u32,
    /// The data.
    pub data: Rdata,
}

impl Authority {
    /// Answers a query into `out`; nothing when there is nothing to say.
    pub fn answer<'a>(
        &'a self,
        request: &'a [u8],
        client: &Client,
        entropy: &mut Entropy,
        out: &mut Vec<u8>,
    ) -> Option<Outcome<'a>> {
        let request = match parse(request) {
            Ok(request) => request,
            Err(Reject::Ignore) => return None,
            Err(Reject::Refuse(rcode)) => {
                header_only(request, rcode, out);
                return Some(Outcome { zone: None, rcode, record_type: None, name: &[], subnet: None });
            }
        };
        let mut message = Message::new(&request, out, limit(&request, client.transport));
        let subnet = request.edns.and_then(|edns| edns.subnet).map(|subnet| (subnet.address, subnet.prefix));
        let whole = if client.source.is_ipv4() { 32 } else { 128 };
        let (address, prefix) = subnet.filter(|(_, prefix)| *prefix > 0).unwrap_or((client.source, whole));
        let mut chooser = Chooser::new(self, entropy, address, prefix);
        let mut name = Folded::empty();
        let (zone, rcode) = match self.admit(&request, client.view, &mut name) {
            Err(rcode) => (None, rcode),
            Ok(zone) => {
                let mut answering = Answering { zone, message: &mut message, chooser: &mut chooser };
                (Some(zone), answering.run(&mut name, request.record_type))
            }
        };
        let scope = chooser.scope();
        message.finish(&request, rcode, scope);
        Some(Outcome { zone, rcode, record_type: Some(request.record_type), name: request.name, subnet })
    }

    /// The zone that a well-formed query is for, and the name in it.
    fn admit(&self, request: &Request<'_>, view: ViewId, name: &mut Folded) -> Result<&Zone, Rcode> {
        if request.edns.is_some_and(|edns| edns.version != 0) {
            return Err(Rcode::BadVersion);
        }
        match request.record_type {
            RecordType::AXFR | RecordType::IXFR => return Err(Rcode::Refused),
            RecordType::MAILA | RecordType::MAILB => return Err(Rcode::NotImplemented),
            RecordType::OPT | RecordType(0 | 249 | 250) => return Err(Rcode::FormatError),
            _ => {}
        }
        if !request.class_is_internet() {
            return Err(Rcode::Refused);
        }
        name.fold(request.name).ok_or(Rcode::FormatError)?;
        self.find(view, name, request.record_type).ok_or(Rcode::Refused)
    }

    /// What a zone answers a client, and why: `TestDNSAnswer` and `enishi dns`. Nothing when there is no such zone or the name is
    /// outside of it.
    pub fn explain(
        &self,
        zone: &str,
        name: &Name,
        record_type: RecordType,
        asker: &Asker,
        entropy: &mut Entropy,
    ) -> Option<Explanation> {
        let zone = self.zone(zone).filter(|zone| name.is_within(zone.apex()))?;
        let mut why = vec![format!("zone {} answers for {}", zone.id(), zone.apex())];
        let mut referral = Vec::new();
        let mut records = Vec::new();
        let mut owner = name.clone();
        let mut rcode = Rcode::NoError;
        for _ in 0..MOST_HOPS {
            let folded = Folded::new(owner.as_wire())?;
            let node = match zone.find(&folded) {
                Found::Node { node, synthesised } => {
                    if synthesised {
                        why.push(format!("{owner} is made from a wildcard"));
                    }
                    node
                }
                Found::Cut { node, exact } if exact && record_type == RecordType::DS => node,
                Found::Cut { node, .. } => {
                    referral = servers(node);
                    let shown: Vec<String> = referral.iter().map(ToString::to_string).collect();
                    why.push(format!("{owner} is delegated to {}", shown.join(", ")));
                    break;
                }
                Found::Nothing => {
                    rcode = Rcode::NameError;
                    why.push(format!("{owner} does not exist in zone {}", zone.id()));
                    break;
                }
            };
            let Some(set) = matching(node, record_type) else {
                why.push(format!("{owner} exists, but has no {record_type}"));
                break;
            };
            let chosen = Chooser::explaining(self, entropy, asker, &mut why).choose(zone, set);
            for record in chosen.iter().flat_map(|set| set.records()) {
                let ttl = chosen.first().map_or(0, |set| set.ttl());
                let data = Rdata::from_wire(record.data).ok()?;
                records.push(ExplainedRecord {
                    name: owner.clone(),
                    record_type: set.record_type,
                    ttl,
                    data,
                });
            }
            match next_name(set, record_type, &chosen).and_then(|next| Name::from_wire(next).ok()) {
                Some(next) if next.is_within(zone.apex()) => {
                    why.push(format!("{owner} is a CNAME for {next}, which is in the same zone"));
                    owner = next;
                }
                _ => break,
            }
        }
        Some(Explanation { rcode, records, referral, why })
    }
}

/// One query being answered from its zone.
struct Answering<'q, 'b, 'c, 'z> {
    zone: &'z Zone,
    message: &'q mut Message<'b>,
    chooser: &'q mut Chooser<'c>,
}

impl<'c: 'z, 'z> Answering<'_, '_, 'c, 'z> {
    fn run(&mut self, name: &mut Folded, record_type: RecordType) -> Rcode {
        let mut owner = QUESTION;
        for _ in 0..MOST_HOPS {
            let node = match self.zone.find(name) {
                Found::Node { node, .. } => node,
                Found::Cut { node, exact } if exact && record_type == RecordType::DS => node,
                Found::Cut { node, .. } => {
                    self.refer(node);
                    return Rcode::NoError;
                }
                Found::Nothing => {
                    self.negative();
                    return Rcode::NameError;
                }
            };
            let Some(set) = matching(node, record_type) else {
                self.negative();
                return Rcode::NoError;
            };
            let chosen = self.chooser.choose(self.zone, set);
            if chosen.is_empty() {
                self.negative();
                return Rcode::NoError;
            }
            let Some(data) = self.push_all(owner, set.record_type, &chosen) else { return Rcode::NoError };
            match next_name(set, record_type, &chosen).and_then(|next| name.fold(next)) {
                Some(()) if self.holds(name) => owner = data,
                _ => return Rcode::NoError,
            }
        }
        Rcode::NoError
    }

    /// Appends an answer; `TC` is set when it does not fit (RFC 2181, section 9).
    fn push_all(&mut self, owner: u16, record_type: RecordType, sets: &[&Rrset]) -> Option<u16> {
        let mut data = 0;
        for set in sets {
            let first = self.chooser.rotation(set);
            match self.message.push(Section::Answer, owner, record_type, set, first) {
                Some(position) => data = position,
                None => {
                    self.message.truncate();
                    return None;
                }
            }
        }
        Some(data)
    }

    /// RFC 2308, sections 2 and 3: the `SOA` goes into the authority section.
    fn negative(&mut self) {
        let Some(soa) = self.zone.negative() else { return };
        if self
            .message
            .push_at(Section::Authority, self.zone.apex().as_wire(), RecordType::SOA, soa)
            .is_none()
        {
            self.message.truncate();
        }
    }

    /// RFC 1034, section 4.3.2, step 3b: the delegation's `NS`, and the addresses of those that are in this zone.
    fn refer(&mut self, node: &'z Node) {
        if self.message.count(Section::Answer) == 0 {
            self.message.not_authoritative();
        }
        let Some(set) = node.set(RecordType::NS) else { return };
        let Some(Source::Records(servers)) = set.members.first().map(|member| &member.source) else { return };
        if self.message.push_at(Section::Authority, node_name(node), RecordType::NS, servers).is_none() {
            self.message.truncate();
            return;
        }
        for server in servers.records() {
            let Some(name) = Folded::new(server.data).filter(|name| self.holds(name)) else { continue };
            let Some(target) = self.zone.exact(&name) else { continue };
            for record_type in [RecordType::A, RecordType::AAAA] {
                let Some(Source::Records(glue)) =
                    target.set(record_type).and_then(|set| set.members.first()).map(|member| &member.source)
                else {
                    continue;
                };
                if self.message.push_at(Section::Additional, server.data, record_type, glue).is_none() {
                    // RFC 9471, section 2: in-domain glue that does not fit means TC.
                    self.message.truncate();
                    return;
                }
            }
        }
    }

    fn holds(&self, name: &Folded) -> bool {
        let apex = self.zone.apex();
        let skip = name.depth().checked_sub(apex.labels().count());
        skip.is_some_and(|skip| name.suffix(skip) == apex.as_wire())
    }
}

/// The name servers of a delegation.
fn servers(node: &Node) -> Vec<Name> {
    let first = node.set(RecordType::NS).and_then(|set| set.members.first());
    match first.map(|member| &member.source) {
        Some(Source::Records(servers)) => {
            servers.records().filter_map(|server| Name::from_wire(server.data).ok()).collect()
        }
        _ => Vec::new(),
    }
}

fn node_name(node: &Node) -> &[u8] {
    crate::table::Named::name(node)
}

/// The sets that answer a type: its own, else `CNAME`'s; any for `ANY`.
pub(crate) fn matching(node: &Node, record_type: RecordType) -> Option<&Set> {
    if record_type == RecordType::ANY {
        return node.set(RecordType::CNAME).or(node.sets().first());
    }
    node.set(record_type).or_else(|| node.set(RecordType::CNAME))
}

/// The name to go on with when the answer so far is a `CNAME`.
pub(crate) fn next_name<'z>(set: &Set, asked: RecordType, chosen: &[&'z Rrset]) -> Option<&'z [u8]> {
    if set.record_type != RecordType::CNAME || matches!(asked, RecordType::CNAME | RecordType::ANY) {
        return None;
    }
    chosen.first()?.records().next().map(|record| record.data)
}

fn limit(request: &Request<'_>, transport: Transport) -> usize {
    match transport {
        Transport::Tcp => LARGEST_TCP,
        Transport::Udp => match request.edns {
            Some(edns) => usize::from(edns.payload).clamp(SMALLEST_UDP, LARGEST_UDP),
            None => SMALLEST_UDP,
        },
    }
}
