//! Network interfaces: each is a veth pair between its user's namespace and the VPC's router.

use enishi_fabric::program::{Device, Endpoint, Eni, Gate, Interface, ReturnMark};
use enishi_fabric::{InterfaceName, Mac, NamespaceName, Origin};
use enishi_state::ec2::{Instance, InterfaceKind, NatGateway, NetworkInterface, Subnet};
use enishi_state::elbv2::LoadBalancer;
use enishi_state::route53resolver::ResolverEndpoint;
use enishi_state::{World, elb};

use crate::security_group::Groups;
use crate::subnet;

/// The router's Ethernet address on every network interface's veth pair. They are separate links, so one is enough.
const ROUTER_MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);

/// Jumbo frames inside a VPC.
/// [Network MTU](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html)
const MTU: u16 = 9001;

/// Who uses a live network interface.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner<'w> {
    /// An instance that is up.
    Instance(&'w Instance),
    /// A NAT gateway that is pending or available.
    NatGateway(&'w NatGateway),
    /// A resolver endpoint that is not being deleted.
    ResolverEndpoint(&'w ResolverEndpoint),
    /// An Application or Network Load Balancer; the interface is one node's.
    LoadBalancer(&'w LoadBalancer),
    /// A Classic Load Balancer; the interface is one node's.
    ClassicLoadBalancer(&'w elb::LoadBalancer),
}

/// A network interface that is part of the network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live<'w> {
    /// Its row.
    pub(crate) row: &'w NetworkInterface,
    /// Its subnet.
    pub(crate) subnet: &'w Subnet,
    /// Who uses it.
    pub(crate) owner: Owner<'w>,
}

impl<'w> Live<'w> {
    /// The interface, if somebody uses it who is up.
    pub(crate) fn of(world: &'w World, row: &'w NetworkInterface) -> Option<Self> {
        let owner = owner(world, row)?;
        let subnet = world.get::<Subnet>(&row.subnet)?;
        subnet::is_complete(world, subnet).then_some(Live { row, subnet, owner })
    }

    /// Its user's namespace. A load balancer has one for each node, which is called by the node's interface.
    pub(crate) fn namespace(&self) -> NamespaceName {
        NamespaceName::new(match self.owner {
            Owner::Instance(instance) => instance.id.as_str(),
            Owner::NatGateway(gateway) => gateway.id.as_str(),
            Owner::ResolverEndpoint(endpoint) => endpoint.id.as_str(),
            Owner::LoadBalancer(_) | Owner::ClassicLoadBalancer(_) => self.row.id.as_str(),
        })
    }

    /// The router's end of its veth pair.
    pub(crate) fn port(&self) -> InterfaceName {
        InterfaceName::port(self.row.slot)
    }

    /// Its device in its user's namespace. A NAT gateway has only one, whatever index AWS shows.
    pub(crate) fn device_name(&self) -> InterfaceName {
        let attachment = self.row.attachment.as_ref().filter(|_| !self.is_nat_gateway());
        InterfaceName::device(attachment.map_or(0, |attachment| attachment.device_index))
    }

    /// The router's end of the veth pair.
    pub(crate) fn router_end(&self) -> Interface {
        let peer = Endpoint { namespace: self.namespace(), interface: self.device_name() };
        Interface { mac: ROUTER_MAC, mtu: MTU, peer, peer_mac: self.row.mac }
    }

    /// The user's end of the veth pair.
    pub(crate) fn device_end(&self) -> Interface {
        let router = NamespaceName::new(self.row.vpc.as_str());
        let peer = Endpoint { namespace: router, interface: self.port() };
        Interface { mac: self.row.mac, mtu: MTU, peer, peer_mac: ROUTER_MAC }
    }

    /// The user's device.
    pub(crate) fn device(&self) -> Device {
        Device {
            interface: self.device_name(),
            origin: Origin::resource(self.row.id.as_str()),
            addresses: self.row.addresses.iter().map(|address| address.ip).collect(),
            subnet: self.subnet.cidr,
            gateway: self.subnet.gateway().unwrap_or(self.subnet.cidr.network()),
        }
    }

    /// The interface as the router sees it.
    pub(crate) fn eni(&self, groups: &Groups) -> Eni {
        let gate = self.gate();
        Eni {
            origin: Origin::resource(self.row.id.as_str()),
            owner: self.namespace(),
            subnet: subnet::mark(self.subnet),
            addresses: self.row.addresses.iter().map(|address| address.ip).collect(),
            source_dest_check: self.row.source_dest_check && !self.forwards(),
            untracked: groups.untracked(&gate),
            gate,
            returns: self.returns(),
        }
    }

    /// Whether it passes on what others send, whatever its row says.
    fn forwards(&self) -> bool {
        matches!(self.row.kind, InterfaceKind::NatGateway | InterfaceKind::NetworkLoadBalancer)
    }

    /// Answers to what a Network Load Balancer sends on under its clients' addresses go back to it.
    fn returns(&self) -> Option<ReturnMark> {
        let mark = ReturnMark::new(self.row.slot % ReturnMark::LAST + 1).ok();
        mark.filter(|_| self.row.kind == InterfaceKind::NetworkLoadBalancer)
    }

    fn is_nat_gateway(&self) -> bool {
        self.row.kind == InterfaceKind::NatGateway
    }

    /// AWS puts no security group on a NAT gateway: [NAT gateway basics](https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html)
    fn gate(&self) -> Gate {
        match self.row.kind {
            InterfaceKind::NatGateway => Gate::Open,
            // "If you don't associate a security group with your Network Load Balancer when you create it", all is admitted.
            InterfaceKind::NetworkLoadBalancer if self.row.groups.is_empty() => Gate::Open,
            InterfaceKind::Interface
            | InterfaceKind::ResolverEndpoint
            | InterfaceKind::LoadBalancer
            | InterfaceKind::NetworkLoadBalancer => {
                Gate::Groups(self.row.groups.iter().map(|group| group.as_str().into()).collect())
            }
        }
    }
}

fn owner<'w>(world: &'w World, row: &NetworkInterface) -> Option<Owner<'w>> {
    match row.kind {
        InterfaceKind::NatGateway => world
            .by::<NatGateway>("network_interface", row.id.as_str())
            .find(|gateway| gateway.is_live())
            .map(Owner::NatGateway),
        InterfaceKind::Interface => world
            .get::<Instance>(row.instance()?)
            .filter(|instance| instance.state.is_up())
            .map(Owner::Instance),
        InterfaceKind::ResolverEndpoint => world
            .by::<ResolverEndpoint>("network_interface", row.id.as_str())
            .find(|endpoint| endpoint.uses(&row.id))
            .map(Owner::ResolverEndpoint),
        InterfaceKind::LoadBalancer | InterfaceKind::NetworkLoadBalancer => {
            let found = world.by::<LoadBalancer>("network_interface", row.id.as_str()).next();
            let classic = || world.by::<elb::LoadBalancer>("network_interface", row.id.as_str()).next();
            found.map(Owner::LoadBalancer).or_else(|| classic().map(Owner::ClassicLoadBalancer))
        }
    }
}
