//! A packet's way through a VPC's router, stage by stage as the table in [`crate::program`] has them.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::conntrack::{End, Ports, Tracking};
use super::gate::{self, Other, Way};
use super::journey::{Crossing, Journey, cross};
use crate::program::{
    Eni, Gate, InternetPort, Mark, NamespaceProgram, PeeringPort, ReturnMark, RouteTarget, Router,
};
use crate::trace::LOCAL;
use crate::{Disposition, Hop, InterfaceName, Origin, Packet, Stage};

/// The rule of every network ACL that denies what no other rule matched.
const DEFAULT_RULE: &str = "*";

/// A service of the router sends: out of the interface that owns the destination. Nothing judges it.
pub(super) fn depart(journey: &mut Journey<'_>, namespace: &NamespaceProgram, router: &Router) -> Crossing {
    let destination = journey.packet.destination;
    match owner(router, destination) {
        Some((interface, _)) => cross(namespace, interface),
        None => {
            let hop = Hop::new(Stage::Route, &namespace.name, journey.packet).to(&Arc::from(LOCAL)).denied();
            Err(journey.end(hop, Disposition::Unreachable))
        }
    }
}

/// A packet comes in at `interface`.
pub(super) fn forward<'a>(
    journey: &mut Journey<'a>,
    namespace: &'a NamespaceProgram,
    router: &'a Router,
    interface: &InterfaceName,
) -> Crossing {
    let unplugged = || Disposition::Unplugged { namespace: namespace.name.clone() };
    let from = Port::find(router, interface).ok_or_else(unplugged)?;
    source_check(journey, namespace, router, from)?;
    let packet = journey.packet;
    let tracking = journey.table(&namespace.name).track(packet);
    Pass { journey, namespace, router, from, tracking }.run()
}

/// The interface that owns an address: Linux's main table.
fn owner(router: &Router, address: Ipv4Addr) -> Option<(&InterfaceName, &Eni)> {
    router.enis.iter().find(|(_, eni)| eni.addresses.contains(&address))
}

/// An interface of a router.
#[derive(Debug, Clone, Copy)]
enum Port<'a> {
    Eni(&'a InterfaceName, &'a Eni),
    Internet(&'a InternetPort),
    Peering(&'a InterfaceName, &'a PeeringPort),
}

impl<'a> Port<'a> {
    fn find(router: &'a Router, interface: &InterfaceName) -> Option<Self> {
        if let Some((name, eni)) = router.enis.get_key_value(interface) {
            return Some(Port::Eni(name, eni));
        }
        if let Some((name, port)) = router.peerings.get_key_value(interface) {
            return Some(Port::Peering(name, port));
        }
        router.internet.as_ref().filter(|port| port.interface == *interface).map(Port::Internet)
    }

    fn interface(self) -> &'a InterfaceName {
        match self {
            Port::Eni(interface, _) | Port::Peering(interface, _) => interface,
            Port::Internet(port) => &port.interface,
        }
    }

    /// The subnet behind it; the internet and other VPCs are not in one.
    fn subnet(self) -> Option<Mark> {
        match self {
            Port::Eni(_, eni) => Some(eni.subnet),
            Port::Internet(_) | Port::Peering(..) => None,
        }
    }
}

/// Comes before tracking, so that a forged packet touches no flow. A source that is the router's own is
/// always forged (an ICMP error, which no walk sends, may come back through a middlebox).
fn source_check(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    router: &Router,
    from: Port<'_>,
) -> Result<(), Disposition> {
    let source = journey.packet.source;
    let (origin, checked, owns) = match from {
        Port::Eni(_, eni) => (&eni.origin, eni.source_dest_check, eni.addresses.contains(&source)),
        Port::Internet(port) => (&port.origin, false, false),
        Port::Peering(_, port) => return peering_in(journey, namespace, router, port),
    };
    let hop = Hop::new(Stage::SourceCheck, &namespace.name, journey.packet).at(origin);
    if checked && !owns || router.services.contains(&source) {
        return Err(journey.end(hop.denied(), Disposition::SourceCheck));
    }
    if checked {
        journey.record(hop);
    }
    Ok(())
}

/// What a peered VPC sends comes from one of its addresses, none of which is this router's.
fn peering_in(
    journey: &mut Journey<'_>,
    namespace: &NamespaceProgram,
    router: &Router,
    port: &PeeringPort,
) -> Result<(), Disposition> {
    let Packet { source, destination, .. } = journey.packet;
    let is_peer = port.cidrs.iter().any(|cidr| cidr.contains(source));
    let hop = Hop::new(Stage::PeeringIn, &namespace.name, journey.packet).by(&port.origin);
    if !is_peer || router.services.contains(&destination) {
        return Err(journey.end(hop.denied(), Disposition::NotPeered));
    }
    journey.record(hop);
    Ok(())
}

/// One packet in one router. Each stage lets it pass or says where it ended.
struct Pass<'j, 'a> {
    journey: &'j mut Journey<'a>,
    namespace: &'a NamespaceProgram,
    router: &'a Router,
    from: Port<'a>,
    tracking: Tracking,
}

impl<'a> Pass<'_, 'a> {
    fn run(mut self) -> Crossing {
        self.remember_balancer();
        self.translate_before_routing()?;
        self.answer_service()?;
        let to = self.route()?;
        self.ask_acls(to)?;
        self.ask_groups(to)?;
        self.check_destination(to)?;
        self.translate_after_routing(to)?;
        cross(self.namespace, to.interface())
    }

    fn hop(&self, stage: Stage) -> Hop {
        Hop::new(stage, &self.namespace.name, self.journey.packet)
    }

    fn deny<T>(&mut self, hop: Hop, disposition: Disposition) -> Result<T, Disposition> {
        Err(self.journey.end(hop.denied(), disposition))
    }

    /// A flow that a load balancer sends on under its client's address: its answers go back there.
    fn remember_balancer(&mut self) {
        if let Port::Eni(_, eni) = self.from
            && let Some(mark) = eni.returns
            && !eni.addresses.contains(&self.journey.packet.source)
        {
            self.tracking.return_to(mark);
        }
    }

    /// Public to private for what comes from the internet; for answers, whatever their flow's first packet decided.
    fn translate_before_routing(&mut self) -> Result<(), Disposition> {
        let Port::Internet(port) = self.from else {
            self.journey.packet = self.tracking.before_routing(self.journey.packet);
            return Ok(());
        };
        let public = self.journey.packet.destination;
        let mapping = port.mappings.iter().find(|(_, mapped)| mapped.address == public);
        if let Some((&private, _)) = mapping {
            self.tracking.translate_destination(private);
        }
        let translated = self.tracking.before_routing(self.journey.packet);
        let hop = self.hop(Stage::InternetGatewayIn).by(&port.origin);
        if translated.destination == public && owner(self.router, public).is_none() {
            return self.deny(hop, Disposition::NotTranslated);
        }
        self.journey.packet = translated;
        let hop = Hop { packet: translated, ..hop };
        self.journey.record(match mapping {
            Some((_, mapped)) => hop.to(&mapped.origin.resource),
            None => hop,
        });
        Ok(())
    }

    fn answer_service(&mut self) -> Result<(), Disposition> {
        if !self.router.services.contains(&self.journey.packet.destination) {
            return Ok(());
        }
        let hop = self.hop(Stage::Service);
        Err(self.journey.end(hop, Disposition::Service { namespace: self.namespace.name.clone() }))
    }

    /// The longest prefix of the subnet's table. What comes from the internet or from another VPC goes to local addresses only.
    fn route(&mut self) -> Result<Port<'a>, Disposition> {
        let router = self.router;
        let destination = self.journey.packet.destination;
        if let Some(mark) = self.tracking.returns().filter(|_| self.tracking.is_reply()) {
            return self.go_back(mark);
        }
        let hop = self.hop(Stage::Route);
        let Some(mark) = self.from.subnet() else {
            let Some((interface, eni)) = owner(router, destination) else {
                return self.deny(hop.to(&Arc::from(LOCAL)), Disposition::Unreachable);
            };
            return Ok(Port::Eni(interface, eni));
        };
        let Some(table) = router.subnets.get(&mark).and_then(|subnet| router.tables.get(&subnet.table))
        else {
            return self.deny(hop, Disposition::NoRoute);
        };
        let matching = table.routes.iter().filter(|(cidr, _)| cidr.contains(destination));
        let Some((_, route)) = matching.max_by_key(|(cidr, _)| cidr.prefix()) else {
            return self.deny(hop.by(&Origin::resource(&table.origin.resource)), Disposition::NoRoute);
        };
        let hop = hop.by(&route.origin);
        let (hop, to) = match &route.target {
            RouteTarget::Local => {
                let hop = hop.to(&Arc::from(LOCAL));
                match owner(router, destination) {
                    Some((interface, eni)) => (hop, Port::Eni(interface, eni)),
                    None => return self.deny(hop, Disposition::Unreachable),
                }
            }
            RouteTarget::Eni { interface, gateway, .. } => match router.enis.get_key_value(interface) {
                Some((interface, eni)) => (hop.to(gateway), Port::Eni(interface, eni)),
                None => return self.deny(hop.to(gateway), Disposition::Blackhole),
            },
            RouteTarget::Internet => match &router.internet {
                Some(port) => (hop.to(&port.origin.resource), Port::Internet(port)),
                None => return self.deny(hop.to(&Arc::from("blackhole")), Disposition::Blackhole),
            },
            RouteTarget::Peering(interface) => match router.peerings.get_key_value(interface) {
                Some((interface, port)) => (hop.to(&port.origin.resource), Port::Peering(interface, port)),
                None => return self.deny(hop.to(&Arc::from("blackhole")), Disposition::Blackhole),
            },
            RouteTarget::Blackhole => {
                return self.deny(hop.to(&Arc::from("blackhole")), Disposition::Blackhole);
            }
        };
        self.journey.record(hop);
        Ok(to)
    }

    /// Into the ENI of the load balancer that the flow came from.
    fn go_back(&mut self, mark: ReturnMark) -> Result<Port<'a>, Disposition> {
        let hop = self.hop(Stage::Return);
        let marked = self.router.enis.iter().find(|(_, eni)| eni.returns == Some(mark));
        let Some((interface, eni)) = marked else { return self.deny(hop, Disposition::Blackhole) };
        self.journey.record(hop.by(&eni.origin).to(&Arc::from(eni.owner.as_str())));
        Ok(Port::Eni(interface, eni))
    }

    fn ask_acls(&mut self, to: Port<'a>) -> Result<(), Disposition> {
        if self.from.subnet() == to.subnet() {
            return Ok(());
        }
        if let Some(mark) = self.from.subnet() {
            self.ask_acl(mark, Way::Out)?;
        }
        if let Some(mark) = to.subnet() {
            self.ask_acl(mark, Way::In)?;
        }
        Ok(())
    }

    fn ask_acl(&mut self, subnet: Mark, way: Way) -> Result<(), Disposition> {
        let router = self.router;
        let packet = self.journey.packet;
        let id = router.subnets.get(&subnet).map(|subnet| &*subnet.acl).unwrap_or_default();
        let acl = router.acls.get(id);
        let (stage, rules, other) = match way {
            Way::Out => (Stage::AclOut, acl.map(|acl| &acl.outbound), packet.destination),
            Way::In => (Stage::AclIn, acl.map(|acl| &acl.inbound), packet.source),
        };
        let rule = rules.and_then(|rules| gate::acl_rule(rules, packet, other));
        let hop = self.hop(stage);
        match rule {
            Some(rule) if rule.allow => {
                self.journey.record(hop.by(&rule.origin));
                Ok(())
            }
            Some(rule) => self.deny(hop.by(&rule.origin), Disposition::DeniedByNetworkAcl),
            None => self.deny(hop.by(&Origin::rule(id, DEFAULT_RULE)), Disposition::DeniedByNetworkAcl),
        }
    }

    /// The sender's egress gate, then the receiver's ingress gate. They are independent: an egress accept never bypasses an
    /// ingress deny.
    fn ask_groups(&mut self, to: Port<'a>) -> Result<(), Disposition> {
        let Packet { source, destination, .. } = self.journey.packet;
        let receiver = Other { interface: to.interface(), address: destination };
        let sender = Other { interface: self.from.interface(), address: source };
        self.ask_gate(self.from, Way::Out, receiver)?;
        self.ask_gate(to, Way::In, sender)
    }

    fn ask_gate(&mut self, port: Port<'a>, way: Way, other: Other<'_>) -> Result<(), Disposition> {
        let (stage, end) = match way {
            Way::Out => (Stage::GroupEgress, End::Sender),
            Way::In => (Stage::GroupIngress, End::Receiver),
        };
        let Port::Eni(_, eni) = port else { return Ok(()) };
        let Gate::Groups(groups) = &eni.gate else { return Ok(()) };
        if self.tracking.is_established() && !self.tracking.is_untracked(end) {
            let hop = self.hop(Stage::Tracked).at(&eni.origin);
            self.journey.record(hop);
            return Ok(());
        }
        let hop = self.hop(stage).at(&eni.origin);
        let Some(admission) = gate::admission(self.router, eni, groups, way, self.journey.packet, other)
        else {
            return self.deny(hop.to(&Arc::from(groups.join(", "))), Disposition::DeniedBySecurityGroup);
        };
        if admission.untracked && !self.tracking.is_established() {
            self.journey.table(&self.namespace.name).leave_untracked(&mut self.tracking, end);
        }
        self.journey.record(hop.by(&admission.rule.origin));
        Ok(())
    }

    fn check_destination(&mut self, to: Port<'a>) -> Result<(), Disposition> {
        let Port::Eni(_, eni) = to else { return Ok(()) };
        if !eni.source_dest_check {
            return Ok(());
        }
        let hop = self.hop(Stage::DestinationCheck).at(&eni.origin);
        if !eni.addresses.contains(&self.journey.packet.destination) {
            return self.deny(hop, Disposition::DestinationCheck);
        }
        self.journey.record(hop);
        Ok(())
    }

    /// Private to public for what goes to the internet; for answers, whatever their flow's first packet decided. The flow
    /// is kept from here on.
    fn translate_after_routing(&mut self, to: Port<'a>) -> Result<(), Disposition> {
        let hop = self.hop(match to {
            Port::Internet(_) => Stage::InternetGatewayOut,
            Port::Eni(..) | Port::Peering(..) => Stage::Route,
        });
        let private = self.journey.packet.source;
        let mapping = match to {
            Port::Internet(port) => match port.mappings.get(&private) {
                Some(mapped) => Some((port, mapped)),
                None => return self.deny(hop.by(&port.origin), Disposition::NotTranslated),
            },
            Port::Eni(..) | Port::Peering(..) => None,
        };
        if let Some((_, mapped)) = mapping {
            self.tracking.translate_source(mapped.address);
        }
        if self.journey.table(&self.namespace.name).settle(&mut self.tracking, Ports::Any).is_err() {
            return self.deny(hop, Disposition::NoFreePort);
        }
        let translated = self.tracking.after_routing(self.journey.packet);
        let Some((port, mapped)) = mapping else {
            self.journey.packet = translated;
            return Ok(());
        };
        let hop = hop.by(&port.origin).to(&mapped.origin.resource);
        if translated.source != mapped.address {
            return self.deny(hop, Disposition::NotTranslated);
        }
        self.journey.packet = translated;
        self.journey.record(Hop { packet: translated, ..hop });
        Ok(())
    }
}
