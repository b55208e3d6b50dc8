//! What is true in every committed world.
//!
//! Handlers refuse with AWS's errors long before; these checks catch the handler that forgot one, so that `plan` never
//! sees a world that AWS could not be in. Only touched rows are looked at, and what depends on them: a commit costs what it
//! changes, not what there is.
//!
//! | rows | what holds |
//! |---|---|
//! | VPC | slot unique; blocks do not overlap, and still cover the subnets; the main route table is one of its own |
//! | subnet | inside a block of its VPC; no overlap with its siblings; slot unique among them; table and ACL are the VPC's |
//! | route table | slot unique in the VPC; the prefix lists that it routes exist |
//! | internet gateway | at most one per VPC |
//! | VPC peering connection | slot unique; when it is active, both VPCs exist, their blocks do not overlap, and no other one connects them |
//! | managed prefix list | its newest version exists, with entries that ascend and are not too many |
//! | security group, network ACL | the VPC exists; rule numbers are 1 to 32766 |
//! | security group rule | its group exists, and the group or prefix list it refers to |
//! | network interface | slot unique; addresses in its subnet, assignable, unique in the VPC; groups of the VPC; its user exists |
//! | instance | one interface per device index; when it is up, one of them is device 0 |
//! | Elastic IP, automatic public address | unique; what an Elastic IP is mapped to exists, and has one only |
//! | NAT gateway | when it is live, it has its interface |
//! | load balancer | name unique; one node per zone, each with an interface of its kind in its subnet |
//! | Classic Load Balancer | one node per zone, each with its interface; what is enabled exists; the load balancer of an instance exists |
//! | listener, rule | what they belong to and the target groups they name exist; port, priority unique |
//! | target group, target, trust store | name unique; the group of a target exists |
//! | resolver endpoint | its addresses have their interfaces, each at a device index of its own |
//! | resolver rule | one that forwards has targets and an endpoint; in a VPC no two have the same domain |
//! | resolver rule, query log, configuration | what they refer to exists |
//! | hosted zone | NS and SOA at its apex; as many record sets as it counts; a private one has VPCs; its delegation set exists |
//! | record set | its zone exists and covers its name; its CIDR collection exists; alone with its name and type unless it has an identifier |
//! | log stream | its group exists |
//! | query logging configuration | its zone exists and is public; no other one has it |
//!
//! A row may go when nothing refers to it any more. A few things outlive what they refer to, as in AWS: routes, which become
//! blackholes, and ended instances and NAT gateways, which are shown for an hour. A hosted zone may go on naming a VPC, and a
//! record set a health check, that is gone.

macro_rules! ensure {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            return Err(Conflict(format!($($text)*)));
        }
    };
}

mod elb;
mod elbv2;
mod logs;
mod route53;
mod route53resolver;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use enishi_fabric::Cidr;

use crate::ec2::{
    Address, Instance, InterfaceKind, InternetGateway, ManagedPrefixList, NatGateway, NetworkAcl,
    NetworkInterface, PeeringSide, PrefixListVersion, RouteTable, RulePeer, SecurityGroup, SecurityGroupRule,
    Subnet, Vpc, VpcId, VpcPeeringConnection,
};
use crate::{Conflict, Delta, Holds, ResourceId, Row, World};

/// The highest rule number of a network ACL; 32767 is the final rule `*`.
const LAST_ACL_RULE: u16 = 32766;

type Verdict = Result<(), Conflict>;

/// Checks the rows that a transaction touched.
pub(crate) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    touched::<Vpc>(before, after, delta)?;
    touched::<Subnet>(before, after, delta)?;
    touched::<RouteTable>(before, after, delta)?;
    touched::<InternetGateway>(before, after, delta)?;
    touched::<VpcPeeringConnection>(before, after, delta)?;
    touched::<ManagedPrefixList>(before, after, delta)?;
    touched::<SecurityGroup>(before, after, delta)?;
    touched::<SecurityGroupRule>(before, after, delta)?;
    touched::<NetworkAcl>(before, after, delta)?;
    touched::<NetworkInterface>(before, after, delta)?;
    touched::<Instance>(before, after, delta)?;
    touched::<Address>(before, after, delta)?;
    touched::<NatGateway>(before, after, delta)?;
    elb::check(before, after, delta)?;
    elbv2::check(before, after, delta)?;
    logs::check(before, after, delta)?;
    route53::check(before, after, delta)?;
    route53resolver::check(before, after, delta)
}

fn touched<R: Invariant>(before: &World, after: &World, delta: &Delta) -> Verdict
where
    World: Holds<R>,
{
    for change in delta.changes::<R>(before, after) {
        if let Some(row) = change.after {
            row.holds(after)?;
        }
        if let Some(row) = change.before {
            row.is_released(after, change.after)?;
        }
    }
    Ok(())
}

/// What is true of a kind of row.
trait Invariant: Row {
    /// Of a row that was put.
    fn holds(&self, world: &World) -> Verdict;

    /// Of what depended on a row that was replaced by `now`, or removed.
    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        let _ = (world, now);
        Ok(())
    }
}

impl Invariant for Vpc {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        ensure!(!self.cidrs.is_empty(), "{id} has no CIDR block");
        alone(world.by::<Vpc>("slot", &self.slot.to_string()), self, "the slot")?;
        for (n, block) in self.cidrs.iter().enumerate() {
            let others = self.cidrs.iter().skip(n + 1);
            for other in others {
                ensure!(!block.cidr.overlaps(other.cidr), "{id}: {} overlaps {}", block.cidr, other.cidr);
            }
        }
        let main = &self.main_route_table.1;
        ensure!(
            world.get::<RouteTable>(main).is_some_and(|table| table.vpc == *id),
            "{id}: its main route table {main} is not one of its own"
        );
        world.by::<VpcPeeringConnection>("active", id.as_str()).try_for_each(|peering| peering.holds(world))
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(now) if now.cidrs == self.cidrs => Ok(()),
            Some(_) => world.by::<Subnet>("vpc", self.id.as_str()).try_for_each(|subnet| subnet.holds(world)),
            None => {
                let id = &self.id;
                unused::<Subnet>(world, id, "vpc", id.as_str())?;
                unused::<RouteTable>(world, id, "vpc", id.as_str())?;
                unused::<InternetGateway>(world, id, "vpc", id.as_str())?;
                unused::<SecurityGroup>(world, id, "vpc", id.as_str())?;
                unused::<NetworkAcl>(world, id, "vpc", id.as_str())?;
                unused::<NetworkInterface>(world, id, "vpc", id.as_str())?;
                route53resolver::vpc_is_released(world, id)
            }
        }
    }
}

impl Invariant for Subnet {
    fn holds(&self, world: &World) -> Verdict {
        let (id, cidr) = (&self.id, self.cidr);
        let Some(vpc) = world.get::<Vpc>(&self.vpc) else { return missing(id, &self.vpc) };
        ensure!(
            vpc.cidrs.iter().any(|block| block.cidr.covers(cidr)),
            "{id}: {cidr} is not inside a block of {}",
            vpc.id
        );
        ensure!(self.slot != 0, "{id}: slot 0 is not a packet mark");
        for sibling in world.by::<Subnet>("vpc", self.vpc.as_str()).filter(|sibling| sibling.id != *id) {
            ensure!(!sibling.cidr.overlaps(cidr), "{id}: {cidr} overlaps {} of {}", sibling.cidr, sibling.id);
            ensure!(sibling.slot != self.slot, "{id}: {} has the slot {} too", sibling.id, self.slot);
        }
        let acl = &self.network_acl.1;
        let Some(acl) = world.get::<NetworkAcl>(acl) else { return missing(id, acl) };
        ensure!(acl.vpc == self.vpc, "{id}: {} belongs to {}", acl.id, acl.vpc);
        let Some((_, table)) = &self.route_table else { return Ok(()) };
        let Some(table) = world.get::<RouteTable>(table) else { return missing(id, table) };
        ensure!(table.vpc == self.vpc, "{id}: {} belongs to {}", table.id, table.vpc);
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        let moved = now.is_none_or(|now| now.cidr != self.cidr || now.vpc != self.vpc);
        let mut users = world.by::<NetworkInterface>("subnet", self.id.as_str()).filter(|_| moved);
        users.try_for_each(|interface| interface.holds(world))
    }
}

impl Invariant for RouteTable {
    fn holds(&self, world: &World) -> Verdict {
        vpc_exists(world, &self.id, &self.vpc)?;
        for sibling in world.by::<RouteTable>("vpc", self.vpc.as_str()).filter(|other| other.id != self.id) {
            ensure!(sibling.slot != self.slot, "{}: {} has the slot {} too", self.id, sibling.id, self.slot);
        }
        let gone = self.prefix_list_routes.keys().find(|list| world.get::<ManagedPrefixList>(list).is_none());
        gone.map_or(Ok(()), |list| missing(&self.id, list))
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        unused::<Subnet>(world, &self.id, "route_table", self.id.as_str())?;
        unused::<Vpc>(world, &self.id, "route_table", self.id.as_str())
    }
}

impl Invariant for InternetGateway {
    fn holds(&self, world: &World) -> Verdict {
        let Some(vpc) = &self.vpc else { return Ok(()) };
        vpc_exists(world, &self.id, vpc)?;
        alone(world.by::<InternetGateway>("vpc", vpc.as_str()), self, "the VPC")
    }
}

impl Invariant for VpcPeeringConnection {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        alone(world.by::<VpcPeeringConnection>("slot", &self.slot.to_string()), self, "the slot")?;
        if !self.is_active() {
            return Ok(());
        }
        let vpc = |side: &PeeringSide| world.get::<Vpc>(&side.vpc).filter(|vpc| vpc.scope == side.scope);
        let Some(requester) = vpc(&self.requester) else { return missing(id, &self.requester.vpc) };
        let Some(accepter) = vpc(&self.accepter) else { return missing(id, &self.accepter.vpc) };
        for own in &requester.cidrs {
            let overlapping = accepter.cidrs.iter().find(|other| own.cidr.overlaps(other.cidr));
            ensure!(overlapping.is_none(), "{id}: {} overlaps the other VPC", own.cidr);
        }
        let peers = world.by::<VpcPeeringConnection>("active", requester.id.as_str());
        let same = peers.filter(|other| other.sides(&accepter.id).is_some() && other.id != *id);
        ensure!(same.count() == 0, "{id} is not the only one between its VPCs");
        Ok(())
    }
}

impl Invariant for SecurityGroup {
    fn holds(&self, world: &World) -> Verdict {
        vpc_exists(world, &self.id, &self.vpc)
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        let id = &self.id;
        unused::<NetworkInterface>(world, id, "group", id.as_str())?;
        unused::<SecurityGroupRule>(world, id, "group", id.as_str())?;
        // A rule of a group of another VPC may go stale; one of the same VPC keeps this group from being deleted.
        let referring = world.by::<SecurityGroupRule>("referenced_group", id.as_str());
        for rule in referring {
            let group = world.get::<SecurityGroup>(&rule.group);
            ensure!(
                group.is_none_or(|group| group.vpc != self.vpc),
                "{id} is gone, but {} refers to it",
                rule.id
            );
        }
        Ok(())
    }
}

impl Invariant for SecurityGroupRule {
    fn holds(&self, world: &World) -> Verdict {
        if world.get::<SecurityGroup>(&self.group).is_none() {
            return missing(&self.id, &self.group);
        }
        match &self.peer {
            RulePeer::Group(peer, _) if world.get::<SecurityGroup>(peer).is_none() => missing(&self.id, peer),
            RulePeer::PrefixList(list) if world.get::<ManagedPrefixList>(list).is_none() => {
                missing(&self.id, list)
            }
            RulePeer::PrefixList(_)
            | RulePeer::Group(..)
            | RulePeer::PeeredGroup { .. }
            | RulePeer::Cidr(_) => Ok(()),
        }
    }
}

impl Invariant for ManagedPrefixList {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        let newest = PrefixListVersion::newest(world, id);
        ensure!(newest.is_some(), "{id} lacks its version {}", self.version);
        let entries = newest.map_or(&[][..], |version| &version.entries);
        ensure!(
            entries.len() <= self.max_entries as usize,
            "{id} has more than {} entries",
            self.max_entries
        );
        let ascends = entries.windows(2).all(|pair| matches!(pair, [a, b] if a.cidr < b.cidr));
        ensure!(ascends, "{id}: its entries do not ascend");
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        let id = &self.id;
        unused::<PrefixListVersion>(world, id, "list", id.as_str())?;
        unused::<RouteTable>(world, id, "prefix_list", id.as_str())?;
        unused::<SecurityGroupRule>(world, id, "prefix_list", id.as_str())
    }
}

impl Invariant for NetworkAcl {
    fn holds(&self, world: &World) -> Verdict {
        vpc_exists(world, &self.id, &self.vpc)?;
        for number in self.inbound.keys().chain(self.outbound.keys()) {
            ensure!((1..=LAST_ACL_RULE).contains(number), "{}: rule number {number}", self.id);
        }
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        unused::<Subnet>(world, &self.id, "network_acl", self.id.as_str())
    }
}

impl Invariant for NetworkInterface {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        alone(world.by::<NetworkInterface>("slot", &self.slot.to_string()), self, "the slot")?;
        let Some(subnet) = world.get::<Subnet>(&self.subnet) else { return missing(id, &self.subnet) };
        ensure!(subnet.vpc == self.vpc, "{id}: {} belongs to {}", subnet.id, subnet.vpc);
        self.addresses_hold(world, subnet.cidr)?;
        self.groups_hold(world)?;
        if let Some(public) = self.auto_public_ip {
            public_is_unique(world, id.as_str(), public)?;
        }
        let Some(instance) = self.instance() else { return Ok(()) };
        let Some(instance) = world.get::<Instance>(instance) else { return missing(id, instance) };
        instance.holds(world)
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        let addresses_gone = now.is_none_or(|now| now.addresses != self.addresses);
        let mut mapped = world.by::<Address>("network_interface", self.id.as_str());
        if addresses_gone {
            mapped.try_for_each(|address| address.holds(world))?;
        }
        if now.is_none() {
            let mut gateways = world.by::<NatGateway>("network_interface", self.id.as_str());
            gateways.try_for_each(|gateway| gateway.holds(world))?;
            route53resolver::interface_is_released(world, self)?;
            elb::interface_is_released(world, self)?;
            elbv2::interface_is_released(world, self)?;
        }
        let left = self.instance().and_then(|id| world.get::<Instance>(id));
        left.map_or(Ok(()), |instance| instance.holds(world))
    }
}

impl NetworkInterface {
    fn addresses_hold(&self, world: &World, subnet: Cidr) -> Verdict {
        let id = &self.id;
        ensure!(!self.addresses.is_empty(), "{id} has no private address");
        let mut seen = BTreeSet::new();
        for ip in self.addresses.iter().map(|address| address.ip) {
            ensure!(is_assignable(subnet, ip), "{id}: {ip} is not an assignable address of {subnet}");
            ensure!(seen.insert(ip), "{id} has {ip} twice");
            let key = format!("{}/{ip}", self.vpc);
            alone(world.by::<NetworkInterface>("private_ip", &key), self, &ip.to_string())?;
        }
        Ok(())
    }

    fn groups_hold(&self, world: &World) -> Verdict {
        let id = &self.id;
        match self.kind {
            InterfaceKind::Interface | InterfaceKind::ResolverEndpoint | InterfaceKind::LoadBalancer => {
                ensure!(!self.groups.is_empty(), "{id} has no security group");
            }
            InterfaceKind::NatGateway => {
                ensure!(self.groups.is_empty(), "{id} of a NAT gateway has security groups");
            }
            InterfaceKind::NetworkLoadBalancer => {}
        }
        for group in &self.groups {
            let Some(group) = world.get::<SecurityGroup>(group) else { return missing(id, group) };
            ensure!(group.vpc == self.vpc, "{id}: {} belongs to {}", group.id, group.vpc);
        }
        Ok(())
    }
}

impl Invariant for Instance {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        let mut indexes = BTreeSet::new();
        for interface in world.by::<NetworkInterface>("instance", id.as_str()) {
            let Some(attachment) = &interface.attachment else { continue };
            let index = attachment.device_index;
            ensure!(indexes.insert(index), "{id} has two interfaces at device index {index}");
        }
        ensure!(
            !self.state.is_up() || indexes.contains(&0),
            "{id} is up without an interface at device index 0"
        );
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        unused::<NetworkInterface>(world, &self.id, "instance", self.id.as_str())
    }
}

impl Invariant for Address {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        public_is_unique(world, id.as_str(), self.public_ip)?;
        let Some(association) = &self.association else { return Ok(()) };
        let interface = &association.network_interface;
        let Some(interface) = world.get::<NetworkInterface>(interface) else { return missing(id, interface) };
        let private = association.private_ip;
        ensure!(
            interface.addresses.iter().any(|address| address.ip == private),
            "{id} is mapped to {private}, which {} does not have",
            interface.id
        );
        let others = world.by::<Address>("network_interface", interface.id.as_str());
        let here = |a: &&Address| a.association.as_ref().is_some_and(|a| a.private_ip == private);
        alone(others.filter(here), self, &private.to_string())
    }
}

impl Invariant for NatGateway {
    fn holds(&self, world: &World) -> Verdict {
        if !self.is_live() {
            return Ok(());
        }
        let (id, interface) = (&self.id, &self.network_interface);
        let Some(interface) = world.get::<NetworkInterface>(interface) else { return missing(id, interface) };
        ensure!(
            interface.kind == InterfaceKind::NatGateway && interface.subnet == self.subnet,
            "{id}: {} is not a NAT gateway's interface in {}",
            interface.id,
            self.subnet
        );
        let rivals = world.by::<NatGateway>("network_interface", interface.id.as_str());
        alone(rivals.filter(|gateway| gateway.is_live()), self, interface.id.as_str())
    }
}

/// The first four addresses of a subnet and the last one are AWS's.
/// [Subnet sizing](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)
fn is_assignable(subnet: Cidr, ip: Ipv4Addr) -> bool {
    let first = subnet.nth(Subnet::RESERVED_LOW);
    first.is_some_and(|first| first <= ip) && ip < subnet.broadcast()
}

fn public_is_unique(world: &World, id: &str, public: Ipv4Addr) -> Verdict {
    let key = public.to_string();
    let elastic = world.by::<Address>("public_ip", &key).map(|row| row.id.as_str());
    let automatic = world.by::<NetworkInterface>("public_ip", &key).map(|row| row.id.as_str());
    match elastic.chain(automatic).find(|other| *other != id) {
        Some(other) => Err(Conflict(format!("{id}: {other} has the public address {public} too"))),
        None => Ok(()),
    }
}

fn vpc_exists(world: &World, id: &impl ResourceId, vpc: &VpcId) -> Verdict {
    if world.get::<Vpc>(vpc).is_some() { Ok(()) } else { missing(id, vpc) }
}

fn missing(id: &impl ResourceId, reference: &impl ResourceId) -> Verdict {
    Err(Conflict(format!("{id} refers to {reference}, which does not exist")))
}

/// No row but `row` itself is among those that have `what`.
fn alone<'w, R: Row>(mut rows: impl Iterator<Item = &'w R>, row: &R, what: &str) -> Verdict {
    match rows.find(|other| other.id() != row.id()) {
        Some(other) => Err(Conflict(format!("{}: {} has {what} too", row.id(), other.id()))),
        None => Ok(()),
    }
}

/// No row refers to `id`, which is gone, in its index `index`.
fn unused<R: Row>(world: &World, id: &impl ResourceId, index: &'static str, key: &str) -> Verdict
where
    World: Holds<R>,
{
    match world.by::<R>(index, key).next() {
        Some(user) => Err(Conflict(format!("{id} is gone, but {} refers to it", user.id()))),
        None => Ok(()),
    }
}
