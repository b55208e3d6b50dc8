//! From the stages of a packet's way to the components that AWS names, in AWS's order.
//!
//! Recorded analyses have, on the way out: instance, interface, group, ACL, route table; on the way in: ACL, group, interface, instance;
//! and between them what the route leads through. A group that lets an answer pass since it knows the flow has no rule.

use enishi_fabric::program::{Gate, Router};
use enishi_fabric::{Cidr, Disposition, Hop, NamespaceName, Packet, Program, Stage, Trace, TrafficMatch};
use enishi_state::ec2::{
    NetworkAcl, NetworkAclId, NetworkInsightsPath, NetworkInterface, NetworkInterfaceId, PathHop, PathRule,
    SecurityGroupRule, SecurityGroupRuleId,
};
use enishi_state::{ResourceId, World};

use super::explain::router;

/// The number of the rule that denies what no other rule of an ACL matches.
const LAST: u16 = 32767;

/// The components of a packet's way. Instances are named where the path begins or ends at one.
pub(super) fn hops(
    world: &World,
    program: &Program,
    trace: &Trace,
    path: &NetworkInsightsPath,
) -> Vec<PathHop> {
    let mut way = Way { world, program, path, hops: Vec::new() };
    let mut previous = trace.flow.from.clone();
    let mut packet = trace.flow.packet;
    way.instance(&previous, None, Some(packet));
    let visits: Vec<&[Hop]> = trace.hops.chunk_by(|a, b| a.namespace == b.namespace).collect();
    for (n, visit) in visits.iter().enumerate() {
        let Some(first) = visit.first() else { continue };
        let next = visits.get(n + 1).and_then(|visit| visit.first()).map(|hop| &hop.namespace);
        match router(program, first) {
            Some(router) => way.router(router, visit, &previous, next, packet),
            None => way.node(visit),
        }
        previous = first.namespace.clone();
        packet = visit.last().map_or(packet, |hop| hop.packet);
    }
    if let Disposition::Delivered { namespace, .. } = &trace.disposition {
        way.instance(namespace, Some(packet), None);
    }
    way.hops
}

struct Way<'a> {
    world: &'a World,
    program: &'a Program,
    path: &'a NetworkInsightsPath,
    hops: Vec<PathHop>,
}

impl Way<'_> {
    fn instance(&mut self, namespace: &NamespaceName, inbound: Option<Packet>, outbound: Option<Packet>) {
        let name = namespace.as_str();
        if self.path.source == name || self.path.destination == name {
            self.hops.push(PathHop {
                component: name.to_owned(),
                inbound: inbound.map(Into::into),
                outbound: outbound.map(Into::into),
                ..PathHop::default()
            });
        }
    }

    /// A NAT gateway or a load balancer's node; hosts that receive are the path's ends.
    fn node(&mut self, visit: &[Hop]) {
        let passed = visit.iter().find(|hop| {
            matches!(
                hop.stage,
                Stage::NatGatewayOut | Stage::NatGatewayIn | Stage::BalancerOut | Stage::BalancerIn
            )
        });
        let Some(hop) = passed else { return };
        let component = hop.origin.as_ref().map(|origin| origin.resource.to_string()).unwrap_or_default();
        self.hops.push(PathHop { component, outbound: Some(hop.packet.into()), ..PathHop::default() });
    }

    fn router(
        &mut self,
        router: &Router,
        visit: &[Hop],
        previous: &NamespaceName,
        next: Option<&NamespaceName>,
        packet: Packet,
    ) {
        let vpc = router.origin.resource.to_string();
        let at = |stage: Stage| visit.iter().find(|hop| hop.stage == stage);
        let sender = eni(router, visit, Some(previous));
        let receiver = eni(router, visit, next).filter(|eni| Some(*eni) != sender);
        if let Some(hop) = at(Stage::PeeringIn) {
            let vpcs = Some((previous.to_string(), vpc.clone()));
            self.hops.push(PathHop { component: resource(hop), vpcs, ..PathHop::default() });
        }
        if let Some(hop) = at(Stage::InternetGatewayIn) {
            self.hops.push(PathHop {
                component: resource(hop),
                vpc: Some(vpc.clone()),
                inbound: Some(packet.into()),
                outbound: Some(hop.packet.into()),
                ..PathHop::default()
            });
        }
        if let Some(eni) = sender {
            self.interface(eni);
            self.group(router, visit, eni, Stage::GroupEgress);
        }
        for stage in [Stage::AclOut, Stage::Route, Stage::AclIn] {
            if let Some(hop) = at(stage) {
                let rule = rule_of(self.world, self.program, hop);
                self.hops.push(PathHop { component: resource(hop), rule, ..PathHop::default() });
            }
        }
        if let Some(eni) = receiver {
            self.group(router, visit, eni, Stage::GroupIngress);
            self.interface(eni);
        }
        if let Some(hop) = at(Stage::InternetGatewayOut) {
            self.hops.push(PathHop {
                component: resource(hop),
                vpc: Some(vpc),
                outbound: Some(hop.packet.into()),
                ..PathHop::default()
            });
        }
    }

    fn interface(&mut self, eni: &str) {
        let row = NetworkInterfaceId::parse(eni).ok().and_then(|id| self.world.get::<NetworkInterface>(&id));
        self.hops.push(PathHop {
            component: eni.to_owned(),
            attached_to: row.and_then(|row| row.instance()).map(ToString::to_string),
            subnet: row.map(|row| row.subnet.to_string()),
            vpc: row.map(|row| row.vpc.to_string()),
            ..PathHop::default()
        });
    }

    /// The group whose rule admitted the packet; of a flow that it knows, the interface's first group without a rule.
    fn group(&mut self, router: &Router, visit: &[Hop], eni: &str, stage: Stage) {
        if let Some(hop) = visit.iter().find(|hop| hop.stage == stage) {
            let rule = rule_of(self.world, self.program, hop);
            self.hops.push(PathHop { component: resource(hop), rule, ..PathHop::default() });
            return;
        }
        let own = router.enis.values().find(|row| *row.origin.resource == *eni);
        if let Some(Gate::Groups(groups)) = own.map(|row| &row.gate) {
            self.hops.extend(
                groups.first().map(|group| PathHop { component: group.to_string(), ..PathHop::default() }),
            );
        }
    }
}

/// The interface of a router behind which a namespace is: the one that a stage names, else the namespace's only one.
fn eni<'r>(router: &'r Router, visit: &[Hop], namespace: Option<&NamespaceName>) -> Option<&'r str> {
    let named = |eni: &str| visit.iter().any(|hop| hop.eni.as_deref() == Some(eni));
    let mut owned: Vec<&str> = router
        .enis
        .values()
        .filter(|eni| Some(&eni.owner) == namespace)
        .map(|eni| &*eni.origin.resource)
        .collect();
    owned.sort_by_key(|eni| !named(eni));
    owned.first().copied()
}

fn resource(hop: &Hop) -> String {
    hop.origin.as_ref().map(|origin| origin.resource.to_string()).unwrap_or_default()
}

/// The rule that decided at a hop, as it is now.
pub(super) fn rule_of(world: &World, program: &Program, hop: &Hop) -> Option<PathRule> {
    let origin = hop.origin.as_ref()?;
    match hop.stage {
        Stage::AclOut | Stage::AclIn => {
            let egress = hop.stage == Stage::AclOut;
            let acl = world.get::<NetworkAcl>(&NetworkAclId::parse(&origin.resource).ok()?)?;
            let entries = if egress { &acl.outbound } else { &acl.inbound };
            let number = origin.rule.as_ref().and_then(|rule| rule.parse().ok()).unwrap_or(LAST);
            let entry = entries.get(&number);
            Some(PathRule::Acl {
                number,
                egress,
                allow: entry.is_some_and(|entry| entry.allow),
                traffic: entry.map_or(TrafficMatch::All, |entry| entry.traffic),
                cidr: entry.map_or(Cidr::EVERYWHERE, |entry| entry.cidr),
            })
        }
        Stage::GroupEgress | Stage::GroupIngress => {
            let id = SecurityGroupRuleId::parse(origin.rule.as_ref()?).ok()?;
            let row = world.get::<SecurityGroupRule>(&id)?;
            Some(PathRule::Group { id, egress: row.egress, traffic: row.traffic, peer: row.peer.clone() })
        }
        Stage::Route => {
            let destination = origin.rule.as_ref()?.parse().ok()?;
            let routes =
                router(program, hop)?.tables.values().find(|table| table.origin.resource == origin.resource);
            routes?.routes.get(&destination)?;
            let target = hop.target.as_ref()?.to_string();
            Some(PathRule::Route { destination, target })
        }
        _ => None,
    }
}
