//! Which tracked connections a change of program ends.
//!
//! A tracked connection outlives the rules that admitted it. AWS wants that of security groups: removing a rule leaves
//! flows alone that are tracked ("Security group connection tracking" in the EC2 guide). So changes of group rules, of
//! group members and of an interface's groups purge nothing. Untracked flows need no purge, because every packet of theirs
//! is judged; nor do network ACLs and routes, which judge and lead every packet; nor source and destination checks.
//!
//! One kind of route is more than a way: at the internet gateway a flow's first packet decides its translation, for good. So
//! where a route begins or ceases to lead there, the flows that it leads start anew, as with AWS, whose gateway translates
//! packet by packet. The same goes for addresses that the router itself begins or ceases to answer.
//!
//! What must not outlive a change is an *address*: when it is taken from an interface, or a public address no longer
//! stands for a private one, a tracked connection would carry packets to whoever has the address next, past its groups,
//! or to the old owner of an Elastic IP. The purge belongs into the same apply as the change, before the API answers.

//!
//! A load balancer's flows outlive a change of its targets: only what [`Forward::keeps`] not any more ends, and what came
//! in at a listener that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::program::{
    BalancedProtocol, Eni, Forward, Listener, ListenerAction, ListenerPort, NamespaceProgram, NatGateway,
    NetworkBalancer, ReturnMark, Role, RouteTable, RouteTarget, Router,
};
use crate::{Cidr, InterfaceName, NamespaceName, Origin, Packet};

/// A tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// What its initiator sends, before translation.
    pub original: Packet,
    /// What answers it, before translation.
    pub reply: Packet,
    /// In a router: the load balancer that its answers go back to.
    pub returns: Option<ReturnMark>,
}

/// Tracked connections to end in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purge {
    /// All of them.
    All,
    /// Those that have this address anywhere: as source or destination, in the original or the reply tuple.
    Address(Ipv4Addr),
    /// Those whose first packet went from one of these addresses to one of those.
    Route {
        /// The subnet that sends.
        from: Cidr,
        /// The destination of the route.
        to: Cidr,
    },
    /// Those whose answers go back to this load balancer.
    Returned(ReturnMark),
    /// Those that came in at a listener of a load balancer.
    Listener {
        /// The protocol.
        protocol: BalancedProtocol,
        /// The node's address and the port.
        at: SocketAddrV4,
    },
    /// Those of them that go to one target.
    Target {
        /// The protocol.
        protocol: BalancedProtocol,
        /// The node's address and the port.
        at: SocketAddrV4,
        /// The target.
        target: SocketAddrV4,
    },
}

impl Purge {
    /// Whether a connection ends.
    pub fn ends(self, connection: &Connection) -> bool {
        let Connection { original, reply, returns } = *connection;
        match self {
            Purge::Returned(mark) => returns == Some(mark),
            Purge::Listener { protocol, at } => destination(original) == Some((protocol, at)),
            Purge::Target { protocol, at, target } => {
                destination(original) == Some((protocol, at))
                    && destination(reply.reply()) == Some((protocol, target))
            }
            Purge::All => true,
            Purge::Address(address) => {
                [original.source, original.destination, reply.source, reply.destination].contains(&address)
            }
            Purge::Route { from, to } => from.contains(original.source) && to.contains(original.destination),
        }
    }
}

/// Where a packet goes, if it has ports.
fn destination(packet: Packet) -> Option<(BalancedProtocol, SocketAddrV4)> {
    let ListenerPort { protocol, port } = ListenerPort::of(packet)?;
    Some((protocol, SocketAddrV4::new(packet.destination, port)))
}

/// Which tracked connections end when a namespace changes from `old` to `new`; in ascending order, each once.
///
/// An interface keeps its address if the same ENI of the same owner still has it behind the same router interface.
pub fn invalidate(old: &NamespaceProgram, new: &NamespaceProgram) -> Vec<Purge> {
    let mut purges = Vec::new();
    let gone = match (&old.role, &new.role) {
        (Role::Router(old), Role::Router(new)) => {
            purges.extend(led_elsewhere(old, new));
            purges.extend(answered_otherwise(old, new));
            purges.extend(returned_nowhere(old, new));
            gone_from_router(old, new)
        }
        (Role::NatGateway(old), Role::NatGateway(new)) if old.origin == new.origin => gone_from_nat(old, new),
        (Role::NetworkBalancer(old), Role::NetworkBalancer(new)) if old.origin == new.origin => {
            purges.extend(ended_by_listeners(old, new));
            let addresses = old.device.addresses.iter();
            addresses.filter(|address| !new.owns(**address)).copied().collect()
        }
        (Role::Host(_), Role::Host(_)) | (Role::Internet(_), Role::Internet(_)) => Vec::new(),
        _ => return vec![Purge::All],
    };
    purges.extend(gone.into_iter().map(Purge::Address));
    purges.sort_unstable();
    purges.dedup();
    purges
}

fn gone_from_router(old: &Router, new: &Router) -> Vec<Ipv4Addr> {
    let (before, after) = (owners(old), owners(new));
    let moved = before.into_iter().filter(|(address, owner)| after.get(address) != Some(owner));
    let private = moved.map(|(address, _)| address);
    let mapped = |router: &Router, private| {
        router.internet.as_ref()?.mappings.get(&private).map(|public| public.address)
    };
    let mappings = old.internet.iter().flat_map(|port| &port.mappings);
    let public = mappings
        .filter(|&(&private, public)| mapped(new, private) != Some(public.address))
        .map(|(_, public)| public.address);
    private.chain(public).collect()
}

/// The routes of each subnet that lead to the internet gateway in one of the routers and elsewhere in the other.
fn led_elsewhere(old: &Router, new: &Router) -> Vec<Purge> {
    let mut purges = Vec::new();
    for (mark, subnet) in &new.subnets {
        let before = old.subnets.get(mark).and_then(|before| old.tables.get(&before.table));
        let (Some(before), Some(after)) = (before, new.tables.get(&subnet.table)) else { continue };
        if before.routes == after.routes {
            continue;
        }
        let destinations: BTreeSet<Cidr> = before.routes.keys().chain(after.routes.keys()).copied().collect();
        let changed = destinations.into_iter().filter(|to| leaves(before, *to) != leaves(after, *to));
        purges.extend(changed.map(|to| Purge::Route { from: subnet.cidr, to }));
    }
    purges
}

/// The addresses that the router begins or ceases to answer itself: what it answers is not on the way to the internet gateway, and
/// the other way round.
fn answered_otherwise(old: &Router, new: &Router) -> Vec<Purge> {
    old.services.symmetric_difference(&new.services).copied().map(Purge::Address).collect()
}

/// Whether the addresses of a block are led to the internet gateway, as far as no longer prefix says otherwise.
fn leaves(table: &RouteTable, block: Cidr) -> bool {
    let covering = table.routes.iter().filter(|(destination, _)| destination.covers(block));
    let longest = covering.max_by_key(|(destination, _)| destination.prefix());
    longest.is_some_and(|(_, route)| route.target == RouteTarget::Internet)
}

/// Who has an address: the router's interface, the ENI, and whose it is.
fn owners(router: &Router) -> BTreeMap<Ipv4Addr, (&InterfaceName, &Origin, &NamespaceName)> {
    let enis = router.enis.iter();
    enis.flat_map(|(interface, Eni { origin, owner, addresses, .. })| {
        addresses.iter().map(move |&address| (address, (interface, origin, owner)))
    })
    .collect()
}

fn gone_from_nat(old: &NatGateway, new: &NatGateway) -> Vec<Ipv4Addr> {
    old.device.addresses.iter().filter(|address| !new.device.addresses.contains(address)).copied().collect()
}

/// The marks of load balancers whose ENI is gone, or is not the one it was.
fn returned_nowhere(old: &Router, new: &Router) -> Vec<Purge> {
    let marked = |router: &Router| -> BTreeMap<ReturnMark, (InterfaceName, NamespaceName)> {
        let enis = router.enis.iter();
        enis.filter_map(|(name, eni)| Some((eni.returns?, (name.clone(), eni.owner.clone())))).collect()
    };
    let (before, after) = (marked(old), marked(new));
    let moved = before.into_iter().filter(|(mark, eni)| after.get(mark) != Some(eni));
    moved.map(|(mark, _)| Purge::Returned(mark)).collect()
}

/// Flows of listeners that are gone or do something else now, and flows to targets that lose theirs.
fn ended_by_listeners(old: &NetworkBalancer, new: &NetworkBalancer) -> Vec<Purge> {
    let mut purges = Vec::new();
    for (&ListenerPort { protocol, port }, before) in &old.listeners {
        let key = ListenerPort { protocol, port };
        let ends = old.device.addresses.iter().map(|address| SocketAddrV4::new(*address, port));
        match after(before, new.listeners.get(&key)) {
            After::Gone => purges.extend(ends.map(|at| Purge::Listener { protocol, at })),
            After::Lost(targets) => purges.extend(
                ends.flat_map(|at| targets.iter().map(move |&target| Purge::Target { protocol, at, target })),
            ),
        }
    }
    purges
}

/// What a change leaves of a listener's flows.
enum After {
    /// None.
    Gone,
    /// All but those to these targets.
    Lost(BTreeSet<SocketAddrV4>),
}

fn after(before: &Listener, after: Option<&Listener>) -> After {
    let same = after.filter(|after| after.origin == before.origin).map(|after| &after.action);
    match (&before.action, same) {
        (ListenerAction::Local, Some(ListenerAction::Local)) => After::Lost(BTreeSet::new()),
        (ListenerAction::Forward(old), Some(ListenerAction::Forward(new))) => After::Lost(lost(old, new)),
        _ => After::Gone,
    }
}

fn lost(old: &Forward, new: &Forward) -> BTreeSet<SocketAddrV4> {
    let known = old.known().chain(new.severed.iter().copied());
    known.filter(|target| old.keeps(*target) && !new.keeps(*target)).collect()
}

/// Whether a tracked connection could have been made under `program`.
///
/// For a daemon that adopts a running data plane and does not know under which program its connections were made: those
/// that are not consistent are to be ended. Judged are the addresses alone: every VPC address belongs to an interface or a
/// service, and every translation is one that the program does. An address that changed hands cannot be told.
pub fn consistent(program: &NamespaceProgram, connection: &Connection) -> bool {
    let Connection { original, reply, returns } = *connection;
    let sent = reply.reply();
    match &program.role {
        Role::Router(router) => {
            let returned = returns.is_none() || router.enis.values().any(|eni| eni.returns == returns);
            returned && consistent_in_router(router, original, sent)
        }
        Role::NatGateway(nat) => consistent_in_nat(nat, original, sent),
        Role::NetworkBalancer(balancer) => consistent_in_balancer(balancer, original, sent),
        Role::Host(_) | Role::Internet(_) => true,
    }
}

/// `original` came in and left as `sent`.
fn consistent_in_router(router: &Router, original: Packet, sent: Packet) -> bool {
    let mapped = |private: Ipv4Addr, public: Ipv4Addr| {
        let mapping = router.internet.as_ref().and_then(|port| port.mappings.get(&private));
        mapping.is_some_and(|mapping| mapping.address == public)
    };
    let source = original.source == sent.source || mapped(original.source, sent.source);
    let destination =
        original.destination == sent.destination || mapped(sent.destination, original.destination);
    let exists = |address: Ipv4Addr| {
        !router.cidrs.iter().any(|cidr: &Cidr| cidr.contains(address))
            || router.services.contains(&address)
            || router.enis.values().any(|eni| eni.addresses.contains(&address))
    };
    source && destination && exists(original.source) && exists(sent.destination)
}

/// Every flow through a NAT gateway leaves from one of its addresses; its own flows come from or go to them.
fn consistent_in_nat(nat: &NatGateway, original: Packet, sent: Packet) -> bool {
    let own = |address: &Ipv4Addr| nat.device.addresses.contains(address);
    original.destination == sent.destination && (own(&sent.source) || own(&sent.destination))
}

/// What is addressed to a load balancer belongs to one of its listeners; what it translates goes to a target that may have
/// it, under the client's address or its own. All else is what its processes send.
fn consistent_in_balancer(balancer: &NetworkBalancer, original: Packet, sent: Packet) -> bool {
    if !balancer.owns(original.destination) {
        let own = balancer.transparent || balancer.owns(original.source);
        return own && original.destination == sent.destination;
    }
    match balancer.listener(original).map(|listener| &listener.action) {
        Some(ListenerAction::Local) => original.destination == sent.destination,
        Some(ListenerAction::Forward(forward)) => {
            let source = original.source == sent.source || balancer.owns(sent.source);
            source && destination(sent).is_some_and(|(_, target)| forward.keeps(target))
        }
        None => false,
    }
}
