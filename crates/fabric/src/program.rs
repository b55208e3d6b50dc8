//! What the network has to be: one [`NamespaceProgram`] per network namespace, with every name in it.
//!
//! A program leaves its backend no choice. Namespaces, interfaces, marks, routing tables, chains and sets are all named
//! here, so that two backends given the same program build the same thing, and `enishi trace` can quote it.
//!
//! # A packet's way through a [`Router`]
//!
//! | stage | where in Linux | what decides |
//! |---|---|---|
//! | source check | `prerouting`, raw | [`Eni::source_dest_check`]: the source is one of the ENI's addresses |
//! | peering, in | `prerouting`, raw | [`PeeringPort::cidrs`]: what a peered VPC sends has a source in that VPC and goes to no address of the router itself |
//! | internet gateway, in | `prerouting`, dstnat | [`InternetPort::mappings`]: public to private, only on the IGW's interface |
//! | return | policy rule by the connection's mark | [`Eni::returns`]: an answer to what a load balancer sent on goes back into its ENI |
//! | route | policy rule by mark | the table of the subnet the packet came from; from the IGW and from peered VPCs: local addresses only |
//! | network ACL, out | `forward` | the source subnet's ACL, unless source and target share the subnet |
//! | network ACL, in | `forward` | the target subnet's ACL, unless source and target share the subnet |
//! | tracked? | `forward` | an established, tracked flow passes both groups' gates |
//! | group, egress | `forward` | the sending ENI's groups |
//! | group, ingress | `forward` | the receiving ENI's groups |
//! | destination check | `forward` | [`Eni::source_dest_check`]: the destination is one of the receiving ENI's addresses |
//! | internet gateway, out | `forward`, `postrouting` srcnat | [`InternetPort::mappings`]: private to public; without a mapping it is dropped |
//!
//! Traffic to the router itself ([`Router::services`], a subnet's gateway address) passes neither ACLs nor groups, but its
//! source is checked.
//!
//! # Tracked and untracked flows
//!
//! AWS does not track a TCP or UDP flow that a rule admits from everywhere while another rule of the ENI lets every
//! port out to everywhere in the other direction ("Untracked connections" in the EC2 guide). Such a flow is judged
//! packet by packet: removing the rule cuts it at once. [`Eni::untracked`] says, per ENI, in which direction that can
//! happen; [`GroupRule::is_everywhere`] says which rules do it. The two ends of a flow are classified apart.

mod network_balancer;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use self::network_balancer::{
    BalancedProtocol, BalancerTarget, FlowHash, Forward, HASH_SEED, Listener, ListenerAction, ListenerPort,
    NetworkBalancer, ReturnMark,
};
use crate::balancer::Balancer;
use crate::dns::{ResolverEndpoint, VpcResolver};
use crate::{Cidr, InterfaceName, Mac, NamespaceName, Origin, TrafficMatch};

/// The whole network, as a map of namespaces. Cloning it is cheap, and unchanged namespaces keep their pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// Every namespace that has to exist.
    pub namespaces: BTreeMap<NamespaceName, Arc<NamespaceProgram>>,
    /// What load balancers do in user space, by ARN or Classic Load Balancer.
    pub balancers: BTreeMap<Arc<str>, Arc<Balancer>>,
}

/// One network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceProgram {
    /// Its name.
    pub name: NamespaceName,
    /// Its interfaces besides `lo`. Each is one end of a veth pair whose other end the peer's program lists.
    pub interfaces: BTreeMap<InterfaceName, Interface>,
    /// What it does with packets.
    pub role: Role,
}

/// One end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its MTU in bytes, the Ethernet header not counted.
    pub mtu: u16,
    /// Where the other end is.
    pub peer: Endpoint,
    /// The other end's Ethernet address, so that neighbour entries need no ARP.
    pub peer_mac: Mac,
}

/// An interface in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The namespace.
    pub namespace: NamespaceName,
    /// The interface in it.
    pub interface: InterfaceName,
}

/// What a namespace does with packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A VPC.
    Router(Router),
    /// An instance, or anything else that only owns addresses.
    Host(Host),
    /// A NAT gateway.
    NatGateway(NatGateway),
    /// A node of a Network Load Balancer.
    NetworkBalancer(NetworkBalancer),
    /// The simulated internet.
    Internet(Internet),
}

/// The packet mark of a subnet within its VPC's router: 1 to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u8);

/// A Linux routing table number within a router. 0 to 255 are Linux's own and stay unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// A VPC: every ENI hangs on it by a veth pair of its own; there is no bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// The VPC.
    pub origin: Origin,
    /// The VPC's CIDR blocks, the primary first.
    pub cidrs: Vec<Cidr>,
    /// Addresses that the router itself answers: each subnet's gateway, the resolver at base+2 of the VPC, link-local
    /// service addresses such as 169.254.169.254. All are /32 on `lo`.
    pub services: BTreeSet<Ipv4Addr>,
    /// The subnets by their mark.
    pub subnets: BTreeMap<Mark, Subnet>,
    /// The ENIs by the router's end of their veth pair.
    pub enis: BTreeMap<InterfaceName, Eni>,
    /// The route tables by their Linux number.
    pub tables: BTreeMap<TableId, RouteTable>,
    /// The network ACLs in use, by AWS id (also the stem of their chain names: `{id}-in`, `{id}-out`).
    pub acls: BTreeMap<Arc<str>, NetworkAcl>,
    /// The security groups in use or referenced, by AWS id (also the stem of their chain and set names: `{id}-in`,
    /// `{id}-out`, `{id}-members`).
    pub groups: BTreeMap<Arc<str>, SecurityGroup>,
    /// The attached internet gateway.
    pub internet: Option<InternetPort>,
    /// The active VPC peering connections, by the router's end of their veth pair.
    pub peerings: BTreeMap<InterfaceName, PeeringPort>,
    /// The VPC's name resolution; none when the VPC does without (`enableDnsSupport`).
    pub resolver: Option<Arc<VpcResolver>>,
}

/// A subnet, as the router sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// The subnet.
    pub origin: Origin,
    /// Its addresses.
    pub cidr: Cidr,
    /// The table that routes what its ENIs send.
    pub table: TableId,
    /// The network ACL at its border: a key of [`Router::acls`].
    pub acl: Arc<str>,
}

/// An ENI, at the router's end of its veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eni {
    /// The network interface (`eni-…`).
    pub origin: Origin,
    /// Who uses it: an instance, a NAT gateway, a load balancer.
    pub owner: NamespaceName,
    /// The subnet it lives in.
    pub subnet: Mark,
    /// Its private addresses, the primary first.
    pub addresses: Vec<Ipv4Addr>,
    /// Whether foreign sources are dropped on the way in and foreign destinations on the way out.
    pub source_dest_check: bool,
    /// What filters it.
    pub gate: Gate,
    /// In which directions its flows may be untracked.
    pub untracked: Untracked,
    /// What marks the flows that come out of it with a source that is not one of its addresses: their answers go back into
    /// it, whatever the sender's subnet routes. For load balancers that keep their clients' addresses; no two ENIs of a
    /// router have the same. Behind such an ENI a [`Peer::Group`] that has it as a member matches every address.
    pub returns: Option<ReturnMark>,
}

impl Eni {
    /// Whether it is a member of a group under every address: see [`Eni::returns`].
    pub fn relays_for(&self, group: &str) -> bool {
        let groups = match &self.gate {
            Gate::Groups(groups) => groups.as_slice(),
            Gate::Open => &[],
        };
        self.returns.is_some() && groups.iter().any(|id| **id == *group)
    }
}

/// What filters an ENI besides its subnet's network ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// Security groups: keys of [`Router::groups`]. At least one.
    Groups(Vec<Arc<str>>),
    /// Nothing: AWS puts no security group on this kind of interface (NAT gateways, and Network Load Balancers that were
    /// made without).
    Open,
}

/// Per protocol and direction: whether a flow that a rule admits from everywhere stays untracked at this ENI, because
/// the other direction is open to everywhere on all ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Untracked {
    /// Inbound TCP flows.
    pub ingress_tcp: bool,
    /// Inbound UDP flows.
    pub ingress_udp: bool,
    /// Outbound TCP flows.
    pub egress_tcp: bool,
    /// Outbound UDP flows.
    pub egress_udp: bool,
}

/// A route table. The longest prefix wins; no two routes share a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTable {
    /// The route table.
    pub origin: Origin,
    /// Its routes by destination.
    pub routes: BTreeMap<Cidr, Route>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The route table and the destination.
    pub origin: Origin,
    /// Where to.
    pub target: RouteTarget,
}

/// The next hop of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTarget {
    /// Inside the VPC: the ENI that owns the destination address; dropped if none does. (Linux: `throw` to the main
    /// table, which holds one /32 per ENI address and ends in a blackhole.)
    Local,
    /// Out of this ENI of the router, whatever the destination: an instance, a NAT gateway, an appliance.
    Eni {
        /// A key of [`Router::enis`].
        interface: InterfaceName,
        /// The ENI's primary address, the next hop.
        via: Ipv4Addr,
        /// What the route names: the AWS id of the ENI, instance or NAT gateway.
        gateway: Arc<str>,
    },
    /// The internet gateway, which must be attached.
    Internet,
    /// A VPC peering connection: a key of [`Router::peerings`].
    Peering(InterfaceName),
    /// Dropped: AWS shows the route as `blackhole`.
    Blackhole,
}

/// A network ACL: stateless, first match decides, no match is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAcl {
    /// The network ACL.
    pub origin: Origin,
    /// For packets into the subnet, in ascending rule number.
    pub inbound: Vec<AclRule>,
    /// For packets out of the subnet, in ascending rule number.
    pub outbound: Vec<AclRule>,
}

/// A rule of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclRule {
    /// The ACL and the rule's number.
    pub origin: Origin,
    /// Whether a matching packet passes.
    pub allow: bool,
    /// The packet's protocol and destination port or ICMP type.
    pub traffic: TrafficMatch,
    /// The source (inbound) or destination (outbound).
    pub cidr: Cidr,
}

/// A security group: allow rules only, in no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The group.
    pub origin: Origin,
    /// What may come in.
    pub ingress: Vec<GroupRule>,
    /// What may go out.
    pub egress: Vec<GroupRule>,
    /// The private addresses of its members and the router interface each is behind: for a group of a peered VPC, the
    /// peering's. Traffic through a middlebox or from a public address is not from a member. Empty unless another group's rule
    /// refers to this group.
    pub members: BTreeSet<(InterfaceName, Ipv4Addr)>,
}

/// A rule of a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRule {
    /// The group and the rule's id (`sgr-…`).
    pub origin: Origin,
    /// The packet's protocol and destination port or ICMP type.
    pub traffic: TrafficMatch,
    /// The other end.
    pub peer: Peer,
}

impl GroupRule {
    /// Whether a TCP or UDP flow admitted by this rule can be untracked: the peer is everywhere.
    pub fn is_everywhere(&self) -> bool {
        matches!(self.peer, Peer::Cidr(Cidr::EVERYWHERE))
    }
}

/// The other end that a security group rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Addresses.
    Cidr(Cidr),
    /// The members of a group, a key of [`Router::groups`], and whatever comes from or goes to a member that is a load
    /// balancer with [`Eni::returns`].
    Group(Arc<str>),
}

/// A VPC's end of an active VPC peering connection: one interface of the router, whose other end is a router as well.
///
/// A peering is not transitive: through it come only packets from the other VPC's addresses, and they go only to this VPC's
/// interfaces. [VPC peering limitations](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-limitations)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeeringPort {
    /// The VPC peering connection (`pcx-…`).
    pub origin: Origin,
    /// The next hop on it (a link-local address with a permanent neighbour entry).
    pub next_hop: Ipv4Addr,
    /// The other VPC's CIDR blocks.
    pub cidrs: Vec<Cidr>,
}

/// The attached internet gateway: one interface of the router, and the 1:1 translation on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternetPort {
    /// The internet gateway.
    pub origin: Origin,
    /// The router's interface towards the internet.
    pub interface: InterfaceName,
    /// The next hop on it (a link-local address with a permanent neighbour entry).
    pub next_hop: Ipv4Addr,
    /// Public addresses by the private address they stand for.
    pub mappings: BTreeMap<Ipv4Addr, PublicAddress>,
}

/// A public address that an internet gateway translates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// The Elastic IP (`eipalloc-…`), or the ENI for an automatically assigned address.
    pub origin: Origin,
}

/// A namespace that only owns addresses: an instance, a resolver endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The instance.
    pub origin: Origin,
    /// Its devices in device order; the first carries the default route, the others route by source address. All devices of a
    /// resolver endpoint route by source address, as each stands for a machine of its own.
    pub devices: Vec<Device>,
    /// What it does for name resolution, if it is a resolver endpoint.
    pub resolver_endpoint: Option<ResolverEndpoint>,
}

/// A network device of a [`Host`], a [`NatGateway`] or a [`NetworkBalancer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// A key of [`NamespaceProgram::interfaces`].
    pub interface: InterfaceName,
    /// The ENI.
    pub origin: Origin,
    /// Its addresses, the primary first.
    pub addresses: Vec<Ipv4Addr>,
    /// The subnet's block.
    pub subnet: Cidr,
    /// The subnet's router.
    pub gateway: Ipv4Addr,
}

/// A NAT gateway: rewrites the source of what it forwards to one of its own private addresses, then sends it back to the
/// router. A public one has an Elastic IP mapped to each of them at the internet gateway.
///
/// It admits no flow from outside, forwards no port, and resets a TCP flow that was idle for [`NatGateway::idle_seconds`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatGateway {
    /// The NAT gateway.
    pub origin: Origin,
    /// Its only device.
    pub device: Device,
    /// Idle time in seconds after which a tracked flow is forgotten: 350 in AWS.
    pub idle_seconds: u32,
}

/// The simulated internet: one host that owns every public address that is not a customer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Internet {
    /// Its own address: the source of what it sends unless a process binds another.
    pub address: Ipv4Addr,
    /// The pool that Elastic IPs and public addresses come from; those not in [`Internet::routes`] are dropped.
    pub pool: Cidr,
    /// The part of the pool that belongs to the internet's own hosts.
    pub hosts: Cidr,
    /// Blocks that are not routed on the internet (RFC 1918, shared, link-local): dropped.
    pub unrouted: Vec<Cidr>,
    /// Mapped public addresses and the interface towards their VPC.
    pub routes: BTreeMap<Ipv4Addr, InterfaceName>,
    /// The next hop on every one of those interfaces (a link-local address with a permanent neighbour entry).
    pub next_hop: Ipv4Addr,
}
