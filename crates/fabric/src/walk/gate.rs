//! The verdicts of network ACLs and security groups on one packet.

use std::net::Ipv4Addr;
use std::sync::Arc;

use crate::program::{AclRule, Eni, GroupRule, Peer, Router, SecurityGroup, Untracked};
use crate::{InterfaceName, Packet, Protocol};

/// The way of a packet relative to a subnet or an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Out,
    In,
}

/// The other end of a packet, seen from an interface that judges it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other<'a> {
    /// The router's interface towards it.
    pub(super) interface: &'a InterfaceName,
    /// Its address.
    pub(super) address: Ipv4Addr,
}

/// The first rule that matches. `other` is the destination on the way out, the source on the way in.
pub(super) fn acl_rule(rules: &[AclRule], packet: Packet, other: Ipv4Addr) -> Option<&AclRule> {
    rules.iter().find(|rule| rule.cidr.contains(other) && packet.matches(rule.traffic))
}

/// A security group rule that admits a packet.
pub(super) struct Admission<'a> {
    pub(super) rule: &'a GroupRule,
    /// Whether AWS does not track the flow at this interface.
    pub(super) untracked: bool,
}

/// The rule of an interface's groups that admits a packet; of several the first, in order of groups and rules. If the
/// interface leaves flows of this kind untracked, a rule that is open to everywhere goes first.
pub(super) fn admission<'a>(
    router: &'a Router,
    eni: &Eni,
    groups: &[Arc<str>],
    way: Way,
    packet: Packet,
    other: Other<'_>,
) -> Option<Admission<'a>> {
    let admits = |rule: &&GroupRule| packet.matches(rule.traffic) && is_peer(router, &rule.peer, other);
    let rules =
        || groups.iter().filter_map(|id| router.groups.get(id)).flat_map(|group| rules_of(group, way));
    if may_be_untracked(eni.untracked, way, packet) {
        let open = rules().find(|rule| rule.is_everywhere() && admits(rule));
        if let Some(rule) = open {
            return Some(Admission { rule, untracked: true });
        }
    }
    rules().find(admits).map(|rule| Admission { rule, untracked: false })
}

fn rules_of(group: &SecurityGroup, way: Way) -> &[GroupRule] {
    match way {
        Way::Out => &group.egress,
        Way::In => &group.ingress,
    }
}

fn is_peer(router: &Router, peer: &Peer, other: Other<'_>) -> bool {
    match peer {
        Peer::Cidr(cidr) => cidr.contains(other.address),
        Peer::Group(id) => {
            let relays = || router.enis.get(other.interface).is_some_and(|eni| eni.relays_for(id));
            let member = (other.interface.clone(), other.address);
            router.groups.get(id).is_some_and(|group| group.members.contains(&member) || relays())
        }
    }
}

fn may_be_untracked(untracked: Untracked, way: Way, packet: Packet) -> bool {
    match (way, packet.transport.protocol()) {
        (Way::Out, Protocol::TCP) => untracked.egress_tcp,
        (Way::Out, Protocol::UDP) => untracked.egress_udp,
        (Way::In, Protocol::TCP) => untracked.ingress_tcp,
        (Way::In, Protocol::UDP) => untracked.ingress_udp,
        _ => false,
    }
}
