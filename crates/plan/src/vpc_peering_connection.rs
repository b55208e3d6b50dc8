//! VPC peering connections: a link between two routers.
//!
//! It carries packets from addresses of one VPC to interfaces of the other, and nothing else: "If VPC A has a peering
//! connection with VPC B, and B has an internet gateway, resources in A can't use it", and two peers of one VPC do not reach each
//! other through it. [VPC peering limitations](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-limitations)
//!
//! There is a link while both VPCs have a router, so while both have live interfaces.

use std::net::Ipv4Addr;

use enishi_fabric::program::{Endpoint, Interface, PeeringPort, RouteTarget};
use enishi_fabric::{InterfaceName, Mac, NamespaceName, Origin};
use enishi_state::World;
use enishi_state::ec2::{
    NetworkInterface, PeeringSide, SecurityGroup, SecurityGroupId, Vpc, VpcId, VpcPeeringConnection,
    VpcPeeringConnectionId,
};

use crate::network_interface::Live;

/// The two ends of every link; each is the other's next hop.
const REQUESTER_SIDE: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 3);
const ACCEPTER_SIDE: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 4);
const REQUESTER_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x04]);
const ACCEPTER_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x05]);

/// Jumbo frames inside a region; 8500 between regions.
/// [Network MTU](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html)
const MTU: u16 = 9001;
const INTER_REGION_MTU: u16 = 8500;

/// A VPC's end of an active peering connection whose other VPC has a router.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peering<'w> {
    row: &'w VpcPeeringConnection,
    /// The other VPC.
    other: &'w Vpc,
    is_requester: bool,
}

impl<'w> Peering<'w> {
    /// The router's end of its veth pair.
    pub(crate) fn interface(&self) -> InterfaceName {
        InterfaceName::peering(self.row.slot)
    }

    /// What the router knows of it.
    pub(crate) fn port(&self) -> PeeringPort {
        PeeringPort {
            origin: Origin::resource(self.row.id.as_str()),
            next_hop: if self.is_requester { ACCEPTER_SIDE } else { REQUESTER_SIDE },
            cidrs: self.other.cidrs.iter().map(|block| block.cidr).collect(),
        }
    }

    /// The router's end of the veth pair.
    pub(crate) fn router_end(&self) -> Interface {
        let (mac, peer_mac) = match self.is_requester {
            true => (REQUESTER_MAC, ACCEPTER_MAC),
            false => (ACCEPTER_MAC, REQUESTER_MAC),
        };
        let mtu = if self.row.is_inter_region() { INTER_REGION_MTU } else { MTU };
        let peer =
            Endpoint { namespace: NamespaceName::new(self.other.id.as_str()), interface: self.interface() };
        Interface { mac, mtu, peer, peer_mac }
    }

    /// The private addresses of a group of the other VPC.
    pub(crate) fn members(
        &self,
        world: &'w World,
        group: &'w str,
    ) -> impl Iterator<Item = Ipv4Addr> + use<'w> {
        let other = &self.other.id;
        let rows = world.by::<NetworkInterface>("group", group).filter(move |row| row.vpc == *other);
        let live = rows.filter_map(move |row| Live::of(world, row));
        live.flat_map(|interface| interface.row.addresses.iter().map(|address| address.ip))
    }
}

/// The ends of a VPC's links, in the order of their rows.
pub(crate) fn compile<'w>(world: &'w World, vpc: &VpcId) -> Vec<Peering<'w>> {
    let rows = world.by::<VpcPeeringConnection>("active", vpc.as_str());
    let peering = |row: &'w VpcPeeringConnection| {
        let (_, other) = row.sides(vpc)?;
        let mut interfaces = world.by::<NetworkInterface>("vpc", other.vpc.as_str());
        interfaces.find_map(|interface| Live::of(world, interface))?;
        Some(Peering { row, other: world.get(&other.vpc)?, is_requester: row.requester.vpc == *vpc })
    };
    rows.filter_map(peering).collect()
}

/// Where a route of a table of `vpc` to a peering connection leads.
pub(crate) fn route(world: &World, vpc: &VpcId, id: &VpcPeeringConnectionId) -> RouteTarget {
    let row = world.get::<VpcPeeringConnection>(id).filter(|row| row.is_active());
    match row.filter(|row| row.sides(vpc).is_some()) {
        Some(row) => RouteTarget::Peering(InterfaceName::peering(row.slot)),
        None => RouteTarget::Blackhole,
    }
}

/// Whether rules of `vpc`'s groups may refer to the group: it is in a VPC of the same region that is peered with it.
/// [Reference security groups across peered VPCs](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html)
pub fn may_refer(world: &World, vpc: &VpcId, group: &SecurityGroupId) -> bool {
    let Some(group) = world.get::<SecurityGroup>(group) else { return false };
    of_pair(world, vpc, &group.vpc).is_some_and(|row| !row.is_inter_region())
}

/// The active connection of two VPCs.
pub fn of_pair<'w>(world: &'w World, vpc: &VpcId, other: &VpcId) -> Option<&'w VpcPeeringConnection> {
    world.by::<VpcPeeringConnection>("active", vpc.as_str()).find(|row| {
        let sides = row.sides(vpc);
        sides.is_some_and(|(_, side)| side.vpc == *other)
    })
}

/// The VPCs whose names, public ones too, stand for private addresses in `vpc`: both ends have host names and resolution, and the other one
/// allows it. [DNS resolution for a VPC peering connection](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-dns.html)
pub(crate) fn resolvable<'w>(world: &'w World, vpc: &'w Vpc) -> impl Iterator<Item = &'w Vpc> + use<'w> {
    let rows = world.by::<VpcPeeringConnection>("active", vpc.id.as_str());
    let allowing = rows.filter_map(|row| row.sides(&vpc.id)).map(|(_, other)| other);
    let allowing = allowing.filter(|side: &&PeeringSide| side.allow_dns_resolution && vpc.dns_hostnames);
    let others = allowing.filter_map(|side| world.get::<Vpc>(&side.vpc));
    others.filter(|other| other.dns_support && other.dns_hostnames)
}
