//! What a VPC's resolver knows: which names are its own, which go elsewhere, and which zones only it sees.
//! [Amazon DNS server](https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html)

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::Name;

/// The resolver of one VPC, part of its router.
///
/// The most specific name wins among rules, private zones and autodefined names; on a tie they count in that order.
/// [How DNS queries are routed](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-DSN-queries-to-vpc.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcResolver {
    /// The VPC (`vpc-…`).
    pub vpc: Arc<str>,
    /// Where its clients are, as latency and geographic routing see them.
    pub region: Arc<str>,
    /// The account that owns the VPC, for query logs.
    pub account: Arc<str>,
    /// Where it listens, on port 53: the VPC's base plus two and 169.254.169.253. A subset of the router's services.
    pub listen: BTreeSet<Ipv4Addr>,
    /// Resolver rules of the VPC, by domain.
    pub rules: BTreeMap<Name, ResolverRule>,
    /// Private hosted zones that the VPC sees, by apex; of two with one apex the first associated counts.
    pub private_zones: BTreeMap<Name, Arc<str>>,
    /// Domains in which a name that [`VpcResolver::names`] lacks does not exist: `ec2.internal`, `in-addr.arpa` blocks of the VPC.
    pub autodefined: BTreeSet<Name>,
    /// Host names and their addresses: instances' private names; public names of addresses that are in use in the VPC, which
    /// give the private address here.
    pub names: BTreeMap<Name, Vec<IpAddr>>,
    /// Reverse names and the host names they stand for.
    pub pointers: BTreeMap<Name, Name>,
    /// Where query logs go: the ids of the query log configurations of the VPC.
    pub logs: BTreeSet<Arc<str>>,
    /// The source address, ENI and instance of clients are found in this map: (ENI id, instance id).
    pub clients: BTreeMap<Ipv4Addr, (Arc<str>, Option<Arc<str>>)>,
}

/// A resolver rule that is associated with a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverRule {
    /// The rule (`rslvr-rr-…`).
    pub id: Arc<str>,
    /// What it does.
    pub action: RuleAction,
}

/// What a resolver rule does with queries for its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// Sends them to the targets out of an outbound endpoint.
    Forward {
        /// The endpoint (`rslvr-out-…`): a namespace of the program.
        endpoint: Arc<str>,
        /// Name servers; one of them is asked, another one if it does not answer.
        targets: Vec<SocketAddr>,
    },
    /// Resolves them as if no rule for a parent domain were there: `SYSTEM`.
    System,
}

/// A resolver endpoint: network interfaces that queries come in by, or leave from.
/// [Resolver endpoints](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-overview-forward-vpc-to-network.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolverEndpoint {
    /// Whether queries come in; else they leave.
    pub inbound: bool,
    /// The VPC whose resolver answers what comes in.
    pub vpc: Arc<str>,
}
