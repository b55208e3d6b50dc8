//! Security groups: their rules, their members, and which flows AWS does not track.
//!
//! A rule that names a group admits traffic of that group's members' private addresses only, whatever rules the group
//! itself has. [Security group referencing](https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html)
//!
//! A TCP or UDP flow that a rule admits from `0.0.0.0/0` is not tracked while a rule in the other direction lets everything
//! of that protocol on all ports through, to `0.0.0.0/0`. All groups of an interface count together.
//! [Untracked connections](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html#untracked-connections)
//!
//! A reference to a group of a VPC that is not peered any more, or to a group that is gone, matches nothing; such rules are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::{self, Gate, GroupRule, Peer, Untracked};
use enishi_fabric::{InterfaceName, Origin, PortRange, TrafficMatch};
use enishi_state::World;
use enishi_state::ec2::{
    InterfaceKind, PrefixListVersion, RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, VpcId,
};

use crate::network_interface::Live;
use crate::vpc_peering_connection::{self, Peering};

/// The compiled groups of a VPC, by AWS id.
pub(crate) struct Groups(BTreeMap<Arc<str>, program::SecurityGroup>);

impl Groups {
    /// The groups of live interfaces, with their rules; and the groups that those refer to, with their members.
    ///
    /// A group that is only referred to has no live member and its rules filter nothing, so it has neither.
    pub(crate) fn compile(world: &World, vpc: &VpcId, live: &[Live<'_>], peerings: &[Peering<'_>]) -> Self {
        let used: BTreeSet<_> = live.iter().flat_map(gating).collect();
        let mut groups: BTreeMap<Arc<str>, _> =
            used.iter().map(|id| (Arc::from(id.as_str()), group(world, vpc, id))).collect();
        for id in referenced(&groups) {
            groups.entry(id.clone()).or_insert_with(|| empty(&id)).members =
                members(world, &id, live, peerings);
        }
        Groups(groups)
    }

    /// In which directions the flows of an interface behind this gate may be untracked.
    pub(crate) fn untracked(&self, gate: &Gate) -> Untracked {
        let Gate::Groups(ids) = gate else { return Untracked::default() };
        let groups: Vec<_> = ids.iter().filter_map(|id| self.0.get(id)).collect();
        let ingress = |all| groups.iter().flat_map(|group| &group.ingress).any(|rule| opens(rule, all));
        let egress = |all| groups.iter().flat_map(|group| &group.egress).any(|rule| opens(rule, all));
        let (tcp, udp) = (TrafficMatch::Tcp(PortRange::ALL), TrafficMatch::Udp(PortRange::ALL));
        Untracked {
            ingress_tcp: egress(tcp),
            ingress_udp: egress(udp),
            egress_tcp: ingress(tcp),
            egress_udp: ingress(udp),
        }
    }

    /// The groups, for the program.
    pub(crate) fn into_inner(self) -> BTreeMap<Arc<str>, program::SecurityGroup> {
        self.0
    }
}

/// Whether the rule lets everything of a protocol, on all ports, through to everywhere.
fn opens(rule: &GroupRule, all_ports: TrafficMatch) -> bool {
    rule.is_everywhere() && (rule.traffic == all_ports || rule.traffic == TrafficMatch::All)
}

/// The groups that filter an interface.
fn gating<'w>(live: &Live<'w>) -> &'w [SecurityGroupId] {
    match live.row.kind {
        InterfaceKind::Interface
        | InterfaceKind::ResolverEndpoint
        | InterfaceKind::LoadBalancer
        | InterfaceKind::NetworkLoadBalancer => &live.row.groups,
        InterfaceKind::NatGateway => &[],
    }
}

fn group(world: &World, vpc: &VpcId, id: &SecurityGroupId) -> program::SecurityGroup {
    let mut group = empty(id.as_str());
    for row in world.by::<SecurityGroupRule>("group", id.as_str()) {
        let origin = Origin::rule(row.group.as_str(), row.id.as_str());
        let rules = peers(world, vpc, row).into_iter().map(|peer| GroupRule {
            origin: origin.clone(),
            traffic: row.traffic,
            peer,
        });
        if row.egress { group.egress.extend(rules) } else { group.ingress.extend(rules) }
    }
    group
}

fn empty(id: &str) -> program::SecurityGroup {
    program::SecurityGroup {
        origin: Origin::resource(id),
        ingress: Vec::new(),
        egress: Vec::new(),
        members: BTreeSet::new(),
    }
}

/// The other ends of a rule: one for each entry of a prefix list, none where what it refers to is gone.
fn peers(world: &World, vpc: &VpcId, row: &SecurityGroupRule) -> Vec<Peer> {
    match &row.peer {
        RulePeer::Cidr(cidr) => vec![Peer::Cidr(*cidr)],
        RulePeer::PrefixList(list) => {
            let entries =
                PrefixListVersion::newest(world, list).into_iter().flat_map(|version| &version.entries);
            entries.map(|entry| Peer::Cidr(entry.cidr)).collect()
        }
        RulePeer::Group(id, _) => {
            let referenced = world.get::<SecurityGroup>(id).filter(|group| group.vpc == *vpc);
            referenced.map(|group| Peer::Group(group.id.as_str().into())).into_iter().collect()
        }
        RulePeer::PeeredGroup { group, .. } if vpc_peering_connection::may_refer(world, vpc, group) => {
            vec![Peer::Group(group.as_str().into())]
        }
        RulePeer::PeeredGroup { .. } => Vec::new(),
    }
}

fn referenced(groups: &BTreeMap<Arc<str>, program::SecurityGroup>) -> BTreeSet<Arc<str>> {
    let rules = groups.values().flat_map(|group| group.ingress.iter().chain(&group.egress));
    rules
        .filter_map(|rule| match &rule.peer {
            Peer::Group(id) => Some(id.clone()),
            Peer::Cidr(_) => None,
        })
        .collect()
}

fn members(
    world: &World,
    group: &str,
    live: &[Live<'_>],
    peerings: &[Peering<'_>],
) -> BTreeSet<(InterfaceName, Ipv4Addr)> {
    let own = live.iter().filter(|interface| gating(interface).iter().any(|id| id.as_str() == group));
    let own = own
        .flat_map(|interface| interface.row.addresses.iter().map(|address| (interface.port(), address.ip)));
    let peered = peerings
        .iter()
        .flat_map(|peering| peering.members(world, group).map(|address| (peering.interface(), address)));
    own.chain(peered).collect()
}
