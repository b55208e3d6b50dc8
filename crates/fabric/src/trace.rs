//! What happened to a packet: the hops it took and the rule that decided at each.
//!
//! Its printers are what `enishi trace` shows and what scenario files compare. [`Trace`] prints in two lines: the packet
//! with the [`Verdict`], then the hops that a reader wants to see. [`Trace::hop_by_hop`] prints every hop on a line of its
//! own, and the packet wherever it was rewritten. All of it serialises, for `enishi trace --json`.

mod display;

use std::sync::Arc;

use serde::Serialize;

use crate::{Flow, InterfaceName, NamespaceName, Origin, Packet};

pub use display::HopByHop;
pub(crate) use display::LOCAL;

/// The way of one packet through a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What was sent, and by whom.
    pub flow: Flow,
    /// The stages that judged the packet, in the order in which they did. A denied packet's last hop is the one that
    /// denied it, except for [`Disposition::Loop`], [`Disposition::Unplugged`] and [`Disposition::NoSuchSender`], which
    /// no rule decides.
    pub hops: Vec<Hop>,
    /// Where it ended.
    pub disposition: Disposition,
}

impl Trace {
    /// Whether the packet reached somebody, was dropped, or went to a process that may do anything with it.
    pub fn verdict(&self) -> Verdict {
        self.disposition.verdict()
    }

    /// Whether the packet reached the owner of its destination.
    pub fn is_accepted(&self) -> bool {
        self.verdict() == Verdict::Accepted
    }

    /// The packet as it was when it ended: with every translation on its way.
    pub fn last_packet(&self) -> Packet {
        self.hops.last().map_or(self.flow.packet, |hop| hop.packet)
    }

    /// The hop that denied the packet, if one did.
    pub fn denied_by(&self) -> Option<&Hop> {
        self.hops.last().filter(|hop| !hop.passed)
    }

    /// Prints one line per hop.
    pub fn hop_by_hop(&self) -> HopByHop<'_> {
        HopByHop(self)
    }
}

/// One stage's verdict on a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// The stage.
    pub stage: Stage,
    /// The namespace it is in.
    pub namespace: NamespaceName,
    /// The network interface (`eni-…`) it belongs to, for a stage that is one interface's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eni: Option<Arc<str>>,
    /// What decided: a security group rule, a network ACL rule (`*` is the one that denies the rest), a route, a gateway.
    /// Absent when no rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// What it leads to or compares with: a route's target, the groups that had no rule, the public address's resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Arc<str>>,
    /// Whether the packet passed.
    pub passed: bool,
    /// The packet after the stage.
    pub packet: Packet,
}

impl Hop {
    /// A stage that the packet passed.
    pub(crate) fn new(stage: Stage, namespace: &NamespaceName, packet: Packet) -> Self {
        Hop {
            stage,
            namespace: namespace.clone(),
            eni: None,
            origin: None,
            target: None,
            passed: true,
            packet,
        }
    }

    /// The stage belongs to this network interface.
    pub(crate) fn at(mut self, eni: &Origin) -> Self {
        self.eni = Some(eni.resource.clone());
        self
    }

    /// This decided.
    pub(crate) fn by(mut self, origin: &Origin) -> Self {
        self.origin = Some(origin.clone());
        self
    }

    /// It leads there.
    pub(crate) fn to(mut self, target: &Arc<str>) -> Self {
        self.target = Some(target.clone());
        self
    }

    /// The packet ended here.
    pub(crate) fn denied(mut self) -> Self {
        self.passed = false;
        self
    }
}

/// A place where a packet is judged or rewritten. Those of a router stand in the order in which it asks them; the table
/// in [`crate::program`] says where each is in Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The source must be an address of the interface that the packet came from, unless its check is off.
    SourceCheck,
    /// What comes from the internet for a public address continues to the private address it stands for; what answers
    /// a packet that left under a public address does too.
    InternetGatewayIn,
    /// What comes over a VPC peering connection must be from the other VPC, and is not for the router itself: a peering is not
    /// transitive.
    PeeringIn,
    /// The router answers itself: a subnet's gateway, the resolver, the metadata service. Neither ACLs nor groups apply.
    Service,
    /// The packet answers a flow that a load balancer sent on under its client's address: it goes back into that load
    /// balancer, whatever the route table says. Stands in the place of [`Stage::Route`].
    Return,
    /// The longest matching prefix of the route table of the subnet that the packet came from.
    Route,
    /// The outbound rules of the ACL of the subnet that the packet came from. Every packet is judged, answers too; packets
    /// within one subnet are not.
    AclOut,
    /// The inbound rules of the ACL of the subnet that the packet goes to.
    AclIn,
    /// The packet belongs to a flow that was let through before, in which a reply was seen, and that is tracked at this
    /// interface: its groups are not asked. Stands in the place of [`Stage::GroupEgress`] or [`Stage::GroupIngress`].
    Tracked,
    /// The outbound rules of the groups of the interface that the packet came from.
    GroupEgress,
    /// The inbound rules of the groups of the interface that the packet goes to.
    GroupIngress,
    /// The destination must be an address of the interface that the packet goes to, unless its check is off.
    DestinationCheck,
    /// What goes to the internet continues under the public address of its source; a source without one is dropped.
    InternetGatewayOut,
    /// A NAT gateway sends a packet on under one of its own addresses.
    NatGatewayOut,
    /// A packet that is addressed to a NAT gateway: the answer of a flow that it translated, or nothing it knows.
    NatGatewayIn,
    /// A load balancer sends a packet on to a target, or has none.
    BalancerOut,
    /// A packet that comes into a load balancer and goes to no target: it answers a flow, or nothing takes it.
    BalancerIn,
    /// The internet carries the packet to the VPC whose public address it is for, or drops it.
    Internet,
    /// The internet's host received it.
    Exits,
    /// An instance received it that does not own its destination: what its processes do with it is theirs.
    Middlebox,
    /// The owner of the destination address received it.
    Delivered,
}

/// Where a packet ended. A closed set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Disposition {
    /// At the owner of its destination address.
    Delivered {
        /// The owner.
        namespace: NamespaceName,
        /// Where it came in; absent when a host sent it to itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        interface: Option<InterfaceName>,
    },
    /// At the host that stands for the internet.
    Exits {
        /// The internet.
        namespace: NamespaceName,
    },
    /// At a service of the router: gateway, resolver, metadata.
    Service {
        /// The router.
        namespace: NamespaceName,
    },
    /// At an instance that does not own its destination and may forward, answer or swallow it.
    DeliveredToMiddlebox {
        /// The instance.
        namespace: NamespaceName,
        /// Where it came in.
        interface: InterfaceName,
    },
    /// No rule of the interface's security groups admits it.
    DeniedBySecurityGroup,
    /// A rule of the subnet's network ACL denies it, or none admits it.
    DeniedByNetworkAcl,
    /// The route table has no route to its destination.
    NoRoute,
    /// The route's target is gone (AWS shows it as `blackhole`).
    Blackhole,
    /// An internet gateway has no public address for its source, or no owner of its public destination; or its protocol is
    /// not one that NAT gateways translate.
    NotTranslated,
    /// It came over a VPC peering connection, and its source is outside of the other VPC, or it is for the router itself.
    NotPeered,
    /// The sending interface does not own its source address.
    SourceCheck,
    /// The receiving interface does not own its destination address.
    DestinationCheck,
    /// It would answer a flow, and there is none: a NAT gateway got it from outside and nobody inside asked, or it is an echo
    /// reply without a request.
    NoSuchFlow,
    /// A load balancer listens for nothing of the kind, and knows no flow that it belongs to.
    NoListener,
    /// A load balancer's listener has no target that may get it.
    NoTarget,
    /// Every port of the translated address is in use towards this destination (AWS: `ErrorPortAllocation`).
    NoFreePort,
    /// Nobody has its destination address.
    Unreachable,
    /// It crossed more namespaces than a packet may, or came back to the owner of its source address, where Linux drops
    /// it as a martian.
    Loop,
    /// The program names an interface or a namespace that it does not hold, or the sender has no interface.
    Unplugged {
        /// Where the packet was.
        namespace: NamespaceName,
    },
    /// The program does not hold the sender.
    NoSuchSender,
}

impl Disposition {
    /// What it means to the sender.
    pub fn verdict(&self) -> Verdict {
        match self {
            Disposition::Delivered { .. } | Disposition::Exits { .. } | Disposition::Service { .. } => {
                Verdict::Accepted
            }
            Disposition::DeliveredToMiddlebox { .. } => Verdict::Undecided,
            _ => Verdict::Denied,
        }
    }
}

/// The short form of a [`Disposition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The owner of the destination has the packet.
    Accepted,
    /// The network dropped it.
    Denied,
    /// The network let it pass to a process that is not its destination.
    Undecided,
}
