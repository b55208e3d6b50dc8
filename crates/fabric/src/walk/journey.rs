//! One packet on its way from namespace to namespace.

use std::collections::BTreeMap;

use super::conntrack::Table;
use super::{balancer, node, router};
use crate::program::{Device, Endpoint, NamespaceProgram, Role};
use crate::{Disposition, Flow, Hop, InterfaceName, NamespaceName, Packet, Program, Stage, Trace};

/// How many namespaces a packet may enter. The longest sensible way, from behind a NAT gateway to the Elastic IP of a load
/// balancer in another VPC, enters 8.
const MAX_CROSSINGS: usize = 32;

/// Where a namespace sends a packet next. The error is not a failure: it is where the packet ended.
pub(super) type Crossing = Result<Endpoint, Disposition>;

pub(super) struct Journey<'a> {
    program: &'a Program,
    tables: &'a mut BTreeMap<NamespaceName, Table>,
    flow: &'a Flow,
    hops: Vec<Hop>,
    /// The packet as it is now.
    pub(super) packet: Packet,
}

impl<'a> Journey<'a> {
    pub(super) fn new(
        program: &'a Program,
        tables: &'a mut BTreeMap<NamespaceName, Table>,
        flow: &'a Flow,
    ) -> Self {
        Journey { program, tables, flow, hops: Vec::new(), packet: flow.packet }
    }

    pub(super) fn run(mut self) -> Trace {
        let disposition = self.travel();
        Trace { flow: self.flow.clone(), hops: self.hops, disposition }
    }

    fn travel(&mut self) -> Disposition {
        let Some(sender) = self.namespace(&self.flow.from) else { return Disposition::NoSuchSender };
        let mut crossing = self.depart(sender);
        for _ in 0..MAX_CROSSINGS {
            crossing = match crossing {
                Ok(endpoint) => self.arrive(&endpoint),
                Err(disposition) => return disposition,
            };
        }
        crossing.err().unwrap_or(Disposition::Loop)
    }

    /// A process of `sender` sends the packet.
    fn depart(&mut self, sender: &'a NamespaceProgram) -> Crossing {
        match &sender.role {
            Role::Router(router) => router::depart(self, sender, router),
            Role::Host(host) => node::depart(self, sender, host),
            Role::NatGateway(nat) => node::depart_gateway(self, sender, nat),
            Role::NetworkBalancer(balancer) => balancer::depart(self, sender, balancer),
            Role::Internet(internet) => node::depart_internet(self, sender, internet),
        }
    }

    /// The packet comes in at `endpoint`.
    fn arrive(&mut self, endpoint: &Endpoint) -> Crossing {
        let Endpoint { namespace, interface } = endpoint;
        let unplugged = || Disposition::Unplugged { namespace: namespace.clone() };
        let receiver = self.namespace(namespace).ok_or_else(unplugged)?;
        if !receiver.interfaces.contains_key(interface) {
            return Err(unplugged());
        }
        match &receiver.role {
            Role::Router(router) => router::forward(self, receiver, router, interface),
            Role::Host(host) => Err(node::receive(self, receiver, host, interface)),
            Role::NatGateway(nat) => node::translate(self, receiver, nat),
            Role::NetworkBalancer(balancer) => balancer::receive(self, receiver, balancer, interface),
            Role::Internet(internet) => node::carry(self, receiver, internet),
        }
    }

    pub(super) fn namespace(&self, name: &NamespaceName) -> Option<&'a NamespaceProgram> {
        self.program.namespaces.get(name).map(|namespace| &**namespace)
    }

    /// The connections that a namespace tracks.
    pub(super) fn table(&mut self, namespace: &NamespaceName) -> &mut Table {
        self.tables.entry(namespace.clone()).or_default()
    }

    /// Notes a stage.
    pub(super) fn record(&mut self, hop: Hop) {
        self.hops.push(hop);
    }

    /// Notes the stage that ends the walk.
    pub(super) fn end(&mut self, hop: Hop, disposition: Disposition) -> Disposition {
        self.hops.push(hop);
        disposition
    }

    /// Notes that the packet has arrived.
    pub(super) fn deliver(
        &mut self,
        namespace: &NamespaceName,
        interface: Option<&InterfaceName>,
    ) -> Disposition {
        let hop = Hop::new(Stage::Delivered, namespace, self.packet);
        let disposition =
            Disposition::Delivered { namespace: namespace.clone(), interface: interface.cloned() };
        self.end(hop, disposition)
    }
}

/// The other end of an interface.
pub(super) fn cross(namespace: &NamespaceProgram, interface: &InterfaceName) -> Crossing {
    match namespace.interfaces.get(interface) {
        Some(interface) => Ok(interface.peer.clone()),
        None => Err(Disposition::Unplugged { namespace: namespace.name.clone() }),
    }
}

/// Whether one of the devices has the address.
pub(super) fn owns(devices: &[Device], address: std::net::Ipv4Addr) -> bool {
    devices.iter().any(|device| device.addresses.contains(&address))
}
