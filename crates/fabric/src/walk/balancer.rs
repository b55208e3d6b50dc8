//! A node of a Network Load Balancer: what [`crate::program::NetworkBalancer`] means, packet by packet.

use std::net::SocketAddrV4;
use std::sync::Arc;

use super::conntrack::{Ports, Tracking};
use super::journey::{Crossing, Journey, cross};
use super::node::NAT_PORTS;
use crate::program::{Forward, Listener, ListenerAction, ListenerPort, NamespaceProgram, NetworkBalancer};
use crate::{Disposition, Hop, InterfaceName, Packet, Stage};

/// A process in the node sends: a probe of health, or the far half of a connection that it took.
pub(super) fn depart(
    journey: &mut Journey<'_>,
    sender: &NamespaceProgram,
    balancer: &NetworkBalancer,
) -> Crossing {
    if balancer.owns(journey.packet.destination) {
        return Err(stay(journey, sender, balancer));
    }
    let packet = journey.packet;
    let table = journey.table(&sender.name);
    let mut tracking = table.track(packet);
    tracking.begin();
    if table.settle(&mut tracking, Ports::Any).is_err() {
        let to = Arc::from(packet.destination.to_string());
        let hop = Hop::new(Stage::BalancerOut, &sender.name, packet).by(&balancer.origin).to(&to).denied();
        return Err(journey.end(hop, Disposition::NoFreePort));
    }
    journey.packet = tracking.after_routing(tracking.before_routing(packet));
    cross(sender, &balancer.device.interface)
}

/// A process in the node sends to the node: the way to targets begins outside, so only a listener that is a process has it.
fn stay(journey: &mut Journey<'_>, sender: &NamespaceProgram, balancer: &NetworkBalancer) -> Disposition {
    let packet = journey.packet;
    let mut tracking = journey.table(&sender.name).track(packet);
    tracking.begin();
    let listener = balancer.listener(packet).map(|listener| &listener.action);
    let is_taken = tracking.is_established() || matches!(listener, Some(ListenerAction::Local));
    if !is_taken || journey.table(&sender.name).settle(&mut tracking, Ports::Any).is_err() {
        let hop = Hop::new(Stage::BalancerIn, &sender.name, packet).by(&balancer.origin).denied();
        return journey.end(hop, Disposition::NoListener);
    }
    journey.deliver(&sender.name, None)
}

/// A packet comes in: a flow to a listener goes on to its target, a target's answer goes back, and what is for a process of
/// the node is delivered.
pub(super) fn receive(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    balancer: &NetworkBalancer,
    interface: &InterfaceName,
) -> Crossing {
    let packet = journey.packet;
    if balancer.owns(packet.source) {
        return Err(Disposition::Loop);
    }
    let tracking = journey.table(&namespace.name).track(packet);
    let mut pass = Pass { journey, namespace, balancer, tracking };
    if pass.tracking.is_first() {
        pass.choose()?;
    }
    pass.journey.packet = pass.tracking.before_routing(packet);
    if pass.is_for_a_process() {
        let settled = pass.journey.table(&namespace.name).settle(&mut pass.tracking, Ports::Any);
        return Err(match settled {
            Ok(()) => pass.journey.deliver(&namespace.name, Some(interface)),
            Err(_) => pass.refuse(),
        });
    }
    pass.forward()
}

/// One packet in one node.
struct Pass<'j, 'a, 'b> {
    journey: &'j mut Journey<'a>,
    namespace: &'b NamespaceProgram,
    balancer: &'b NetworkBalancer,
    tracking: Tracking,
}

impl Pass<'_, '_, '_> {
    fn hop(&self, stage: Stage) -> Hop {
        Hop::new(stage, &self.namespace.name, self.journey.packet).by(&self.balancer.origin)
    }

    fn refuse(&mut self) -> Disposition {
        let hop = self.hop(Stage::BalancerIn).denied();
        self.journey.end(hop, Disposition::NoListener)
    }

    /// The first packet of a flow to a listener decides the target, and whose address it sees.
    fn choose(&mut self) -> Result<(), Disposition> {
        let packet = self.journey.packet;
        let Some(Listener { origin, action: ListenerAction::Forward(forward) }) =
            self.balancer.listener(packet)
        else {
            return Ok(());
        };
        let Some(target) = forward.choose(packet) else {
            let hop = self.hop(Stage::BalancerOut).by(origin).denied();
            return Err(self.journey.end(hop, Disposition::NoTarget));
        };
        self.tracking.redirect(target.socket());
        if let (false, Some(own)) = (forward.preserve_client_ip, self.balancer.device.addresses.first()) {
            self.tracking.translate_source(*own);
        }
        Ok(())
    }

    /// The packet, its destination translated, is for a process: of a listener that is one, or what answers a process.
    fn is_for_a_process(&self) -> bool {
        let packet = self.journey.packet;
        let answer = self.tracking.is_established();
        if !self.balancer.owns(packet.destination) {
            return self.balancer.transparent && self.tracking.is_reply() && self.tracking.is_own();
        }
        let listener = self.balancer.listener(packet).map(|listener| &listener.action);
        answer || matches!(listener, Some(ListenerAction::Local))
    }

    /// The packet goes back into the router: of a flow that the node redirects, in either direction.
    fn forward(mut self) -> Crossing {
        let elsewhere = !self.balancer.owns(self.journey.packet.destination);
        if !elsewhere || !(self.tracking.is_established() || self.tracking.is_redirected()) {
            return Err(self.refuse());
        }
        let asked = self.tracking.asked();
        let listener = self.balancer.listener(asked);
        let ports = if self.tracking.keeps_source() { Ports::Any } else { NAT_PORTS };
        let hop = self.hop(if self.tracking.is_reply() { Stage::BalancerIn } else { Stage::BalancerOut });
        let hop = match listener {
            Some(listener) if !self.tracking.is_reply() => {
                hop.by(&listener.origin).to(&target(listener, self.journey.packet))
            }
            _ => hop,
        };
        if self.journey.table(&self.namespace.name).settle(&mut self.tracking, ports).is_err() {
            return Err(self.journey.end(hop.denied(), Disposition::NoFreePort));
        }
        let sent = self.tracking.after_routing(self.journey.packet);
        self.journey.packet = sent;
        self.journey.record(Hop { packet: sent, ..hop });
        cross(self.namespace, &self.balancer.device.interface)
    }
}

/// What a trace calls the target of a packet.
fn target(listener: &Listener, packet: Packet) -> Arc<str> {
    let port = ListenerPort::of(packet).map_or(0, |listener| listener.port);
    let socket = SocketAddrV4::new(packet.destination, port);
    let listed = match &listener.action {
        ListenerAction::Forward(Forward { targets, .. }) => targets.iter().find(|to| to.socket() == socket),
        ListenerAction::Local => None,
    };
    listed.map_or_else(|| socket.to_string(), |listed| listed.origin.to_string()).into()
}
