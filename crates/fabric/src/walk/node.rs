//! What stands around the routers: instances, NAT gateways, the internet.

use super::conntrack::Ports;
use super::journey::{Crossing, Journey, cross, owns};
use crate::program::{Device, Host, Internet, NamespaceProgram, NatGateway};
use crate::{Disposition, Hop, InterfaceName, Packet, Stage, Transport};

/// The source ports and echo identifiers that a NAT gateway uses, or a load balancer that does not keep its clients' ports ("NAT gateway basics" in the VPC guide).
pub(super) const NAT_PORTS: Ports = Ports::Within(1024..=u16::MAX);

/// A process of an instance or a resolver endpoint sends.
pub(super) fn depart(journey: &mut Journey<'_>, sender: &NamespaceProgram, host: &Host) -> Crossing {
    if owns(&host.devices, journey.packet.destination) {
        return Err(journey.deliver(&sender.name, None));
    }
    match leaving(host, journey.packet) {
        Some(device) => cross(sender, &device.interface),
        None => Err(Disposition::Unplugged { namespace: sender.name.clone() }),
    }
}

/// A process in a NAT gateway sends.
pub(super) fn depart_gateway(
    journey: &mut Journey<'_>,
    sender: &NamespaceProgram,
    nat: &NatGateway,
) -> Crossing {
    match nat.device.addresses.contains(&journey.packet.destination) {
        true => Err(journey.deliver(&sender.name, None)),
        false => cross(sender, &nat.device.interface),
    }
}

/// The device that a packet leaves through, as Amazon Linux routes: a further device is the way for its own addresses as
/// source, and for its subnet as destination; the first one is the way for all else. Every device of a resolver endpoint is
/// the way for its own addresses.
fn leaving(host: &Host, packet: Packet) -> Option<&Device> {
    let (first, further) = host.devices.split_first()?;
    let routed_by_source = if host.resolver_endpoint.is_some() { &host.devices } else { further };
    let by_source = routed_by_source.iter().find(|device| device.addresses.contains(&packet.source));
    let by_subnet = || {
        further
            .iter()
            .find(|device| device.subnet != first.subnet && device.subnet.contains(packet.destination))
    };
    by_source.or_else(by_subnet).or(Some(first))
}

/// An instance gets a packet. It stops here: what its processes do with a packet for somebody else is theirs.
pub(super) fn receive(
    journey: &mut Journey<'_>,
    receiver: &NamespaceProgram,
    host: &Host,
    interface: &InterfaceName,
) -> Disposition {
    if owns(&host.devices, journey.packet.source) {
        return Disposition::Loop;
    }
    if owns(&host.devices, journey.packet.destination) {
        return journey.deliver(&receiver.name, Some(interface));
    }
    let hop = Hop::new(Stage::Middlebox, &receiver.name, journey.packet);
    let disposition =
        Disposition::DeliveredToMiddlebox { namespace: receiver.name.clone(), interface: interface.clone() };
    journey.end(hop, disposition)
}

/// A NAT gateway gets a packet and sends it back into the router, under another source.
///
/// What is addressed to the gateway itself has to answer a flow that it translated. Everything else is from inside; of that
/// it translates TCP, UDP and ICMP.
pub(super) fn translate(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    nat: &NatGateway,
) -> Crossing {
    let packet = journey.packet;
    let addresses = &nat.device.addresses;
    let hop = |stage| Hop::new(stage, &namespace.name, packet).by(&nat.origin);
    if addresses.contains(&packet.source) {
        return Err(Disposition::Loop);
    }
    let mut tracking = journey.table(&namespace.name).track(packet);
    let (stage, translated) = if addresses.contains(&packet.destination) || tracking.is_invalid() {
        if !tracking.is_reply() {
            return Err(journey.end(hop(Stage::NatGatewayIn).denied(), Disposition::NoSuchFlow));
        }
        (Stage::NatGatewayIn, tracking.before_routing(packet))
    } else {
        let Some(&address) = addresses.first() else {
            return Err(Disposition::Unplugged { namespace: namespace.name.clone() });
        };
        if matches!(packet.transport, Transport::Other(_)) {
            return Err(journey.end(hop(Stage::NatGatewayOut).denied(), Disposition::NotTranslated));
        }
        tracking.translate_source(address);
        if journey.table(&namespace.name).settle(&mut tracking, NAT_PORTS).is_err() {
            return Err(journey.end(hop(Stage::NatGatewayOut).denied(), Disposition::NoFreePort));
        }
        (Stage::NatGatewayOut, tracking.after_routing(tracking.before_routing(packet)))
    };
    journey.packet = translated;
    journey.record(Hop { packet: translated, ..hop(stage) });
    cross(namespace, &nat.device.interface)
}

/// A process on the internet sends.
pub(super) fn depart_internet(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    internet: &Internet,
) -> Crossing {
    match internet.routes.get(&journey.packet.destination) {
        Some(interface) => cross(namespace, interface),
        None => Err(end_on_internet(journey, namespace, internet)),
    }
}

/// A packet comes out of an internet gateway.
pub(super) fn carry(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    internet: &Internet,
) -> Crossing {
    let Some(interface) = internet.routes.get(&journey.packet.destination) else {
        return Err(end_on_internet(journey, namespace, internet));
    };
    let next = cross(namespace, interface)?;
    let mut hop = Hop::new(Stage::Internet, &namespace.name, journey.packet);
    hop.target = Some(next.namespace.as_str().into());
    journey.record(hop);
    Ok(next)
}

/// Addresses that no VPC has: the internet's own host has all of them but the free part of the pool and what is not routed
/// on the internet.
fn end_on_internet(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    internet: &Internet,
) -> Disposition {
    let destination = journey.packet.destination;
    let own = destination == internet.address || internet.hosts.contains(destination);
    let nobody = internet.pool.contains(destination)
        || internet.unrouted.iter().any(|block| block.contains(destination));
    let name = &namespace.name;
    if nobody && !own {
        let hop = Hop::new(Stage::Internet, name, journey.packet).denied();
        return journey.end(hop, Disposition::Unreachable);
    }
    let hop = Hop::new(Stage::Exits, name, journey.packet);
    journey.end(hop, Disposition::Exits { namespace: name.clone() })
}
