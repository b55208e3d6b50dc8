//! The two printers of a [`Trace`].

use std::fmt;
use std::sync::Arc;

use super::{Disposition, Hop, Stage, Trace, Verdict};
use crate::{NamespaceName, Packet, Transport};

/// Two lines: what was sent and the verdict; then the hops, separated by ` | `.
///
/// Left out are hops that every packet has and this one passed: ACLs, checks, local routes, and the internet gateway or the
/// peering that the route before it names; and of two gates that tracking spared the packet, the second. What the sender's groups say comes before the route, as people read it, although routers
/// ask them after.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Headline(self))?;
        f.write_str("  ")?;
        let texts = reading_order(&self.hops).into_iter().filter(|hop| is_telling(hop)).map(brief);
        let mut texts: Vec<String> = texts.chain(remark(&self.disposition)).collect();
        texts.dedup();
        for (n, text) in texts.iter().enumerate() {
            if n > 0 {
                f.write_str(" | ")?;
            }
            f.write_str(text)?;
        }
        Ok(())
    }
}

/// Prints a trace with one line per hop: its number, namespace, stage, what decided, and the packet where it changed.
#[derive(Debug, Clone, Copy)]
pub struct HopByHop<'a>(pub(super) &'a Trace);

impl fmt::Display for HopByHop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HopByHop(trace) = self;
        write!(f, "{}", Headline(trace))?;
        let width = trace.hops.iter().map(|hop| hop.namespace.as_str().len()).max().unwrap_or_default();
        let mut packet = trace.flow.packet;
        for (n, hop) in trace.hops.iter().enumerate() {
            let stage = format!("{:<17}", hop.stage.to_string());
            let mut details = vec![detail(hop)];
            if hop.packet != packet {
                packet = hop.packet;
                details.push(format!("now {}", Ends(packet)));
            }
            details.retain(|text| !text.is_empty());
            let line = format!("{:<width$}  {stage}  {}", hop.namespace.as_str(), details.join(", "));
            write!(f, "\n{:>3}  {}", n + 1, line.trim_end())?;
        }
        match remark(&trace.disposition) {
            Some(text) => write!(f, "\n     {text}"),
            None => Ok(()),
        }
    }
}

/// `i-1 10.0.1.10 -> 198.18.0.9:443 ACCEPTED`. The internet needs no name, and TCP goes without saying.
struct Headline<'a>(&'a Trace);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trace { flow, .. } = self.0;
        if flow.from != NamespaceName::internet() {
            write!(f, "{} ", flow.from)?;
        }
        write!(f, "{} -> {}", flow.packet.source, flow.packet.destination)?;
        match flow.packet.transport {
            Transport::Tcp(_, port) => write!(f, ":{port}")?,
            Transport::Udp(_, port) => write!(f, ":{port} udp")?,
            Transport::Echo { reply: false, .. } => f.write_str(" icmp")?,
            Transport::Echo { reply: true, .. } => f.write_str(" icmp reply")?,
            Transport::Other(number) => write!(f, " proto {number}")?,
        }
        write!(f, " {}", self.0.verdict())
    }
}

/// Both ends of a packet, with ports.
struct Ends(Packet);

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ends(Packet { source, destination, transport }) = self;
        match transport {
            Transport::Tcp(from, to) | Transport::Udp(from, to) => {
                write!(f, "{source}:{from} -> {destination}:{to}")
            }
            Transport::Echo { id, .. } => write!(f, "{source} -> {destination} id {id}"),
            Transport::Other(_) => write!(f, "{source} -> {destination}"),
        }
    }
}

/// The hops with each router's [`Stage::GroupEgress`] moved before its [`Stage::Route`].
fn reading_order(hops: &[Hop]) -> Vec<&Hop> {
    let mut ordered: Vec<&Hop> = Vec::with_capacity(hops.len());
    let mut route = None;
    for hop in hops {
        match (hop.stage, route) {
            (Stage::GroupEgress, Some(position)) => ordered.insert(position, hop),
            _ => ordered.push(hop),
        }
        route = match hop.stage {
            Stage::Route => Some(ordered.len() - 1),
            Stage::AclOut | Stage::AclIn | Stage::Tracked => route,
            _ => None,
        };
    }
    ordered
}

/// Whether a hop belongs into the short form.
fn is_telling(hop: &Hop) -> bool {
    let usual = match hop.stage {
        Stage::SourceCheck
        | Stage::DestinationCheck
        | Stage::PeeringIn
        | Stage::AclIn
        | Stage::AclOut
        | Stage::InternetGatewayOut => true,
        Stage::Route => hop.target.as_deref() == Some(LOCAL),
        _ => false,
    };
    !(usual && hop.passed)
}

/// What a local route's target is called, as in AWS.
pub(crate) const LOCAL: &str = "local";

/// A hop in the short form.
fn brief(hop: &Hop) -> String {
    let stage = hop.stage;
    match stage {
        Stage::SourceCheck | Stage::DestinationCheck | Stage::AclOut | Stage::AclIn => prefixed(stage, hop),
        Stage::Route | Stage::GroupEgress | Stage::GroupIngress => prefixed(stage, hop),
        Stage::Return | Stage::PeeringIn => prefixed(stage, hop),
        Stage::BalancerOut if hop.passed => prefixed(stage, hop),
        Stage::Exits => stage.to_string(),
        Stage::Tracked => stage.to_string(),
        Stage::NatGatewayOut if hop.passed => stage.to_string(),
        Stage::Service | Stage::Middlebox | Stage::Delivered => format!("{stage} {}", hop.namespace),
        Stage::Internet if hop.passed => stage.to_string(),
        Stage::InternetGatewayIn if hop.passed => resource(hop).to_owned(),
        _ => detail(hop),
    }
}

fn prefixed(stage: Stage, hop: &Hop) -> String {
    format!("{stage} {}", detail(hop))
}

/// What decided at a hop, and how.
fn detail(hop: &Hop) -> String {
    let Packet { source, destination, .. } = hop.packet;
    let target = hop.target.as_deref().unwrap_or_default();
    match (hop.stage, hop.passed) {
        (Stage::SourceCheck, true) | (Stage::DestinationCheck, true) => eni(hop).to_owned(),
        (Stage::SourceCheck, false) => format!("{} does not own {source}", eni(hop)),
        (Stage::DestinationCheck, false) => format!("{} does not own {destination}", eni(hop)),
        (Stage::PeeringIn, true) => resource(hop).to_owned(),
        (Stage::PeeringIn, false) => format!("{} carries no {source} to {destination}", resource(hop)),
        (Stage::InternetGatewayIn, true) => format!("{} {target}", resource(hop)),
        (Stage::InternetGatewayIn, false) => format!("{} has no owner of {destination}", resource(hop)),
        (Stage::InternetGatewayOut, true) => format!("{} {target}", resource(hop)),
        (Stage::InternetGatewayOut, false) => format!("{} has no public address for {source}", resource(hop)),
        (Stage::Route, passed) => route(hop, target, passed),
        (Stage::AclOut | Stage::AclIn, passed) => {
            format!("{} {}", origin(hop), if passed { "allows" } else { "denies" })
        }
        (Stage::GroupEgress | Stage::GroupIngress, true) => rule(hop).to_owned(),
        (Stage::GroupEgress | Stage::GroupIngress, false) => format!("no rule of {target}"),
        (Stage::NatGatewayIn | Stage::NatGatewayOut, true) => resource(hop).to_owned(),
        (Stage::NatGatewayIn, false) => format!("{} has no such flow", resource(hop)),
        (Stage::NatGatewayOut, false) => match hop.packet.transport {
            Transport::Other(number) => format!("{} does not translate proto {number}", resource(hop)),
            _ => format!("{} has no free port", resource(hop)),
        },
        (Stage::Return, true) => target.to_owned(),
        (Stage::Return, false) => "to a load balancer that is gone".to_owned(),
        (Stage::BalancerOut, true) => format!("{} to {target}", origin(hop)),
        (Stage::BalancerOut, false) if target.is_empty() => format!("{} has no target", origin(hop)),
        (Stage::BalancerOut, false) => format!("{} has no free port", origin(hop)),
        (Stage::BalancerIn, true) => resource(hop).to_owned(),
        (Stage::BalancerIn, false) => format!("{} has no listener and no flow for it", resource(hop)),
        (Stage::Internet, true) => target.to_owned(),
        (Stage::Internet, false) => format!("internet has no owner of {destination}"),
        (Stage::Tracked, _) => eni(hop).to_owned(),
        (Stage::Service | Stage::Exits | Stage::Middlebox | Stage::Delivered, _) => String::new(),
    }
}

fn route(hop: &Hop, target: &str, passed: bool) -> String {
    let destination = hop.packet.destination;
    let text = match target {
        "" => format!("{} has none to {destination}", origin(hop)),
        LOCAL if !passed => format!("{} {LOCAL} has no owner of {destination}", origin(hop)),
        _ => format!("{} {target}", origin(hop)),
    };
    text.trim_start().to_owned()
}

fn origin(hop: &Hop) -> String {
    hop.origin.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn resource(hop: &Hop) -> &str {
    hop.origin.as_ref().map_or("", |origin| &origin.resource)
}

/// A security group rule by its own id: it is unique, the group's is not needed.
fn rule(hop: &Hop) -> &str {
    match &hop.origin {
        Some(origin) => origin.rule.as_ref().unwrap_or(&origin.resource),
        None => "",
    }
}

fn eni(hop: &Hop) -> &str {
    hop.eni.as_ref().map_or("", Arc::as_ref)
}

/// Why a packet ended that no stage denied.
fn remark(disposition: &Disposition) -> Option<String> {
    match disposition {
        Disposition::Loop => Some("loops".to_owned()),
        Disposition::Unplugged { namespace } => Some(format!("{namespace} is not plugged in")),
        Disposition::NoSuchSender => Some("no such sender".to_owned()),
        _ => None,
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::SourceCheck => "source check",
            Stage::PeeringIn => "pcx-in",
            Stage::InternetGatewayIn => "igw-in",
            Stage::Service => "answered by",
            Stage::Route => "route",
            Stage::AclOut => "acl-out",
            Stage::AclIn => "acl-in",
            Stage::Tracked => "tracked",
            Stage::GroupEgress => "sg-out",
            Stage::GroupIngress => "sg-in",
            Stage::DestinationCheck => "destination check",
            Stage::InternetGatewayOut => "igw-out",
            Stage::NatGatewayOut => "snat",
            Stage::NatGatewayIn => "nat-in",
            Stage::Return => "return",
            Stage::BalancerOut => "balance",
            Stage::BalancerIn => "nlb-in",
            Stage::Internet => "internet",
            Stage::Exits => "exits",
            Stage::Middlebox => "middlebox",
            Stage::Delivered => "delivered",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Accepted => "ACCEPTED",
            Verdict::Denied => "DENIED",
            Verdict::Undecided => "UNDECIDED",
        })
    }
}
