//! Random worlds, and random changes of a world.
//!
//! They are dense in what decides packets: VPCs with the same blocks, rules with a few ports and blocks that meet, routes
//! into blackholes and through appliances. Most rules admit, so that about half of the packets arrive and the other half
//! fails at different stages.

use enishi_fabric::{Cidr, IcmpMatch, TrafficMatch};
use enishi_state::ec2::{
    Address, InstanceId, InstanceState, InternetGateway, InternetGatewayId, ManagedPrefixList, NatGateway,
    NatGatewayId, NetworkAcl, NetworkAclId, NetworkInterface, NetworkInterfaceId, PeeringState, PrefixListId,
    RouteTable, RouteTableId, RouteTarget, SecurityGroup, SecurityGroupId, SecurityGroupRule, Subnet,
    SubnetId, Vpc, VpcId, VpcPeeringConnection,
};
use enishi_state::{ResourceId, World};

use super::{Way, WorldBuilder, tcp, udp};
use crate::Random;

/// Overlapping on purpose, in part.
const VPC_BLOCKS: [&str; 5] = ["10.0.0.0/16", "10.0.0.0/16", "10.0.0.0/20", "172.31.0.0/16", "10.96.0.0/16"];

/// No VPC has one of these as its primary block.
const SECONDARY_BLOCKS: [&str; 2] = ["10.64.0.0/16", "100.64.0.0/16"];

/// Where traffic of rules comes from or goes to, besides the subnets and hosts of the VPC.
const PEERS: [&str; 6] =
    ["0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/8", "198.18.0.0/24", "198.18.0.0/15"];

/// A valid world of one to three VPCs; the same seed gives the same world.
pub fn random_world(seed: u64) -> World {
    let mut random = Random::new(seed);
    let mut builder = WorldBuilder::new();
    for _ in 0..random.between(1, 3) {
        Growth { w: &mut builder, r: &mut random }.vpc();
    }
    for _ in 0..random.below(6) {
        random_step(&mut builder, &mut random);
    }
    builder.world
}

/// One random valid change; in a world that is too small for it, nothing.
pub fn random_step(builder: &mut WorldBuilder, random: &mut Random) {
    Growth { w: builder, r: random }.step();
}

struct Growth<'a> {
    w: &'a mut WorldBuilder,
    r: &'a mut Random,
}

impl Growth<'_> {
    fn vpc(&mut self) {
        let block = self.r.pick(&VPC_BLOCKS);
        let vpc = self.w.vpc(block);
        let subnets = self.subnets(&vpc);
        if self.r.chance(80) {
            self.w.internet_gateway(&vpc);
        }
        for _ in 0..self.r.below(4) {
            self.group(&vpc);
        }
        for _ in 0..self.r.between(2, 5) {
            self.instance(&vpc);
        }
        for _ in 0..self.r.below(3) {
            self.nat_gateway(&vpc);
        }
        self.tables(&vpc, &subnets);
        for _ in 0..self.r.below(3) {
            self.acl(&vpc);
        }
        let others: Vec<VpcId> = self.w.world.all::<Vpc>().map(|row| row.id.clone()).collect();
        for other in others {
            if self.r.chance(90) {
                self.peering(&vpc, &other);
            }
        }
    }

    fn subnets(&mut self, vpc: &VpcId) -> Vec<SubnetId> {
        if self.r.chance(30) {
            let block = self.r.pick(&SECONDARY_BLOCKS);
            self.w.secondary_cidr(vpc, block);
        }
        (0..self.r.between(1, 3)).filter_map(|_| self.subnet(vpc)).collect()
    }

    /// A subnet in the first free /24 of a random block.
    fn subnet(&mut self, vpc: &VpcId) -> Option<SubnetId> {
        let blocks: Vec<_> = self.w.world.get::<Vpc>(vpc)?.cidrs.iter().map(|block| block.cidr).collect();
        let block = self.r.pick(&blocks);
        let taken: Vec<_> = self.w.world.by::<Subnet>("vpc", vpc.as_str()).map(|row| row.cidr).collect();
        let slices = (0..8).filter_map(|n| Cidr::containing(block.nth(n << 8)?, 24).ok());
        let free = slices.into_iter().find(|slice| taken.iter().all(|other| !other.overlaps(*slice)))?;
        Some(self.w.subnet(vpc, &free.to_string()))
    }

    /// A table to the internet, one to a NAT gateway, and a random part of the subnets for each.
    fn tables(&mut self, vpc: &VpcId, subnets: &[SubnetId]) {
        let gateway = ids::<InternetGateway, InternetGatewayId>(&self.w.world, vpc);
        let public = self.w.route_table(vpc);
        if let Some(gateway) = gateway.first() {
            self.w.route(&public, "0.0.0.0/0", RouteTarget::InternetGateway(gateway.clone()));
        }
        let private = self.w.route_table(vpc);
        let nat = ids::<NatGateway, NatGatewayId>(&self.w.world, vpc);
        if let Some(nat) = self.r.pick_any(&nat) {
            self.w.route(&private, "0.0.0.0/0", RouteTarget::NatGateway(nat));
        }
        if let (true, Some(gateway)) = (self.r.chance(75), gateway.first()) {
            let main = self.w.main_table(vpc);
            self.w.route(&main, "0.0.0.0/0", RouteTarget::InternetGateway(gateway.clone()));
        }
        let nats: Vec<_> = self.w.world.all::<NatGateway>().map(|row| row.subnet.clone()).collect();
        for subnet in subnets {
            // A NAT gateway that routes to itself is of little use, though valid.
            if nats.contains(subnet) || self.r.chance(40) {
                self.w.associate(subnet, Some(&public));
            } else if self.r.chance(60) {
                self.w.associate(subnet, Some(&private));
            }
        }
        for _ in 0..self.r.between(1, 4) {
            self.route(vpc);
        }
    }

    /// A route in a table that is in use, as a rule.
    fn route(&mut self, vpc: &VpcId) -> Option<()> {
        let subnets: Vec<_> = self.w.world.by::<Subnet>("vpc", vpc.as_str()).cloned().collect();
        let used = self.r.pick_any(&subnets).and_then(|subnet| Some(subnet.route_table?.1));
        let tables = ids::<RouteTable, RouteTableId>(&self.w.world, vpc);
        let table = used.or_else(|| self.r.pick_any(&tables))?;
        if self.r.chance(10) {
            let (list, target) = (self.prefix_list(vpc), self.target(vpc)?);
            self.w.prefix_list_route(&table, &list, target);
            return Some(());
        }
        let blocks: Vec<_> = self.w.world.get::<Vpc>(vpc)?.cidrs.iter().map(|block| block.cidr).collect();
        let destination = match self.r.below(6) {
            0 => self.r.pick(&blocks).to_string(),
            1..=3 => self.r.pick_any(&subnets)?.cidr.to_string(),
            4 => self.r.pick(&["198.18.0.0/24", "198.18.0.0/15", "192.168.0.0/16"]).into(),
            _ => "0.0.0.0/0".into(),
        };
        let target = self.target(vpc)?;
        self.w.route(&table, &destination, target);
        Some(())
    }

    /// Mostly an instance, which forwards, checks or is down.
    fn target(&mut self, vpc: &VpcId) -> Option<RouteTarget> {
        let interfaces = ids::<NetworkInterface, NetworkInterfaceId>(&self.w.world, vpc);
        Some(match self.r.below(8) {
            0 => {
                let nats = ids::<NatGateway, NatGatewayId>(&self.w.world, vpc);
                RouteTarget::NatGateway(self.r.pick_any(&nats)?)
            }
            1 => {
                let all = self.w.world.all::<InternetGateway>().map(|gateway| gateway.id.clone());
                RouteTarget::InternetGateway(self.r.pick_any(&all.collect::<Vec<_>>())?)
            }
            2 if self.r.chance(30) => RouteTarget::Local,
            2 | 3 => RouteTarget::NetworkInterface(self.r.pick_any(&interfaces)?),
            kind => {
                let instance = self.r.pick_any(&self.instances(vpc))?;
                let interface = self.w.interface_of(&instance, 0);
                if kind <= 5 {
                    self.w.modify_interface(&interface, |row| row.source_dest_check = false);
                }
                RouteTarget::Instance(instance, interface)
            }
        })
    }

    /// A connection of two VPCs, with routes and references of groups from both sides.
    fn peering(&mut self, vpc: &VpcId, other: &VpcId) -> Option<()> {
        let blocks = |id: &VpcId| -> Vec<Cidr> {
            let row = self.w.world.get::<Vpc>(id);
            row.into_iter().flat_map(|row| &row.cidrs).map(|block| block.cidr).collect()
        };
        let (own, theirs) = (blocks(vpc), blocks(other));
        let overlap = own.iter().any(|block| theirs.iter().any(|peer| block.overlaps(*peer)));
        let is_peered = {
            let mut active = self.w.world.by::<VpcPeeringConnection>("active", vpc.as_str());
            active.any(|row| row.sides(other).is_some())
        };
        if overlap || is_peered {
            return None;
        }
        let id = self.w.peering(vpc, other);
        for (vpc, other, blocks) in [(vpc, other, &theirs), (other, vpc, &own)] {
            for table in ids::<RouteTable, RouteTableId>(&self.w.world, vpc) {
                if self.r.chance(80) {
                    // One of three tables sends more there than the other VPC has.
                    let more = self.r.chance(30);
                    let block = if more { "10.0.0.0/8".to_owned() } else { self.r.pick(blocks).to_string() };
                    self.w.route(&table, &block, RouteTarget::VpcPeeringConnection(id.clone()));
                }
            }
            for _ in 0..self.r.below(3) {
                let group = self.r.pick_any(&ids::<SecurityGroup, SecurityGroupId>(&self.w.world, vpc))?;
                let peer = self.r.pick_any(&ids::<SecurityGroup, SecurityGroupId>(&self.w.world, other))?;
                let (way, traffic) = (self.r.pick(&[Way::In, Way::In, Way::Out]), self.traffic());
                self.w.peered_reference(&group, way, traffic, &peer, &id);
            }
        }
        Some(())
    }

    /// A connection more, or one fewer.
    fn change_peerings(&mut self, vpc: &VpcId) -> Option<()> {
        let active = self.w.world.by::<VpcPeeringConnection>("active", vpc.as_str());
        let active: Vec<_> = active.map(|row| row.id.clone()).collect();
        if let (true, Some(id)) = (self.r.chance(40), self.r.pick_any(&active)) {
            self.w.modify_peering(&id, |row| row.state = PeeringState::Expired);
            return Some(());
        }
        let vpcs: Vec<VpcId> = self.w.world.all::<Vpc>().map(|row| row.id.clone()).collect();
        let other = self.r.pick_any(&vpcs)?;
        self.peering(vpc, &other)
    }

    fn group(&mut self, vpc: &VpcId) {
        let group = self.w.group(vpc);
        if self.r.chance(75) {
            self.w.group_rule(&group, Way::Out, TrafficMatch::All, "0.0.0.0/0");
        } else {
            self.group_rule(vpc, &group, Way::Out);
        }
        for _ in 0..self.r.between(2, 5) {
            self.group_rule(vpc, &group, Way::In);
        }
    }

    /// A prefix list, of which there are few, so that they are shared.
    fn prefix_list(&mut self, vpc: &VpcId) -> PrefixListId {
        let all: Vec<_> = self.w.world.all::<ManagedPrefixList>().map(|row| row.id.clone()).collect();
        match self.r.pick_any(&all) {
            Some(list) if all.len() >= 3 || self.r.chance(50) => list,
            _ => {
                let blocks = self.blocks(vpc);
                self.w.prefix_list(&blocks.iter().map(String::as_str).collect::<Vec<_>>())
            }
        }
    }

    /// One to four blocks as rules have them.
    fn blocks(&mut self, vpc: &VpcId) -> Vec<String> {
        (0..self.r.between(1, 4)).map(|_| self.peer(vpc)).collect()
    }

    fn group_rule(&mut self, vpc: &VpcId, group: &SecurityGroupId, way: Way) {
        let traffic = self.traffic();
        if self.r.chance(10) {
            let list = self.prefix_list(vpc);
            self.w.prefix_list_rule(group, way, traffic, &list);
            return;
        }
        let groups = ids::<SecurityGroup, SecurityGroupId>(&self.w.world, vpc);
        if self.r.chance(30)
            && let Some(peer) = self.r.pick_any(&groups)
        {
            self.w.group_reference(group, way, traffic, &peer);
        } else {
            let peer = self.peer(vpc);
            self.w.group_rule(group, way, traffic, &peer);
        }
    }

    /// A network ACL with some denials before an allowance, given to a random subnet.
    fn acl(&mut self, vpc: &VpcId) -> Option<()> {
        let subnets = ids::<Subnet, SubnetId>(&self.w.world, vpc);
        let acl = self.w.network_acl(vpc);
        for way in [Way::In, Way::Out] {
            for n in 1..=self.r.below(4) {
                self.acl_rule(vpc, &acl, way, n as u16 * 10);
            }
            if self.r.chance(75) {
                self.w.acl_rule(&acl, way, 100, true, TrafficMatch::All, "0.0.0.0/0");
            }
        }
        let subnet = self.r.pick_any(&subnets)?;
        self.w.use_acl(&subnet, &acl);
        Some(())
    }

    fn acl_rule(&mut self, vpc: &VpcId, acl: &NetworkAclId, way: Way, number: u16) {
        let (allow, traffic, peer) = (self.r.chance(50), self.traffic(), self.peer(vpc));
        self.w.acl_rule(acl, way, number, allow, traffic, &peer);
    }

    fn instance(&mut self, vpc: &VpcId) -> Option<()> {
        let subnet = self.r.pick_any(&ids::<Subnet, SubnetId>(&self.w.world, vpc))?;
        let groups = self.groups(vpc);
        let instance = self.w.instance(&subnet, &groups.iter().collect::<Vec<_>>());
        let interface = self.w.interface_of(&instance, 0);
        if self.r.chance(25) {
            self.w.secondary_address(&interface);
        }
        if self.r.chance(50) {
            self.w.public_ip(&interface);
        }
        if self.r.chance(25) {
            self.elastic_ip(&interface);
        }
        if self.r.chance(25) {
            self.w.modify_interface(&interface, |row| row.source_dest_check = false);
        }
        if self.r.chance(20) {
            let second = self.w.interface(&subnet, &groups.iter().collect::<Vec<_>>());
            self.w.attach(&second, &instance, 1);
        }
        if self.r.chance(15) {
            self.w.set_state(&instance, InstanceState::Stopped);
        }
        Some(())
    }

    fn nat_gateway(&mut self, vpc: &VpcId) -> Option<()> {
        let subnet = self.r.pick_any(&ids::<Subnet, SubnetId>(&self.w.world, vpc))?;
        if self.r.chance(80) {
            self.w.nat_gateway(&subnet);
        } else {
            self.w.private_nat_gateway(&subnet);
        }
        Some(())
    }

    /// An Elastic IP, new or moved, on a random address of an interface.
    fn elastic_ip(&mut self, interface: &NetworkInterfaceId) -> Option<()> {
        let all: Vec<_> = self.w.world.all::<Address>().map(|row| row.id.clone()).collect();
        let eip = match self.r.pick_any(&all) {
            Some(eip) if self.r.chance(30) => eip,
            _ => self.w.allocate(),
        };
        let addresses = &self.w.world.get::<NetworkInterface>(interface)?.addresses;
        let private = self.r.pick_any(addresses)?.ip;
        self.w.associate_address(&eip, interface, private);
        Some(())
    }

    fn step(&mut self) -> Option<()> {
        let vpcs: Vec<_> = self.w.world.all::<Vpc>().map(|row| row.id.clone()).collect();
        let Some(vpc) = self.r.pick_any(&vpcs) else {
            self.vpc();
            return Some(());
        };
        match self.r.below(11) {
            10 => self.change_peerings(&vpc),
            0 | 1 => self.change_network(&vpc),
            2 | 3 => self.change_filters(&vpc),
            4 | 5 => self.change_instance(&vpc),
            6 | 7 => self.change_interface(&vpc),
            8 => self.change_gateways(&vpc),
            _ if self.r.chance(15) => {
                self.w.delete_vpc(&vpc);
                Some(())
            }
            _ if vpcs.len() < 4 => {
                self.vpc();
                Some(())
            }
            _ => self.instance(&vpc),
        }
    }

    fn change_network(&mut self, vpc: &VpcId) -> Option<()> {
        let tables = ids::<RouteTable, RouteTableId>(&self.w.world, vpc);
        match self.r.below(4) {
            0 => self.subnet(vpc).map(drop),
            1 => self.route(vpc),
            2 => {
                let table = self.r.pick_any(&tables)?;
                let routes = &self.w.world.get::<RouteTable>(&table)?.routes;
                let destination = self.r.pick_any(&routes.keys().copied().collect::<Vec<_>>())?;
                self.w.delete_route(&table, destination);
                Some(())
            }
            _ => {
                let subnet = self.r.pick_any(&ids::<Subnet, SubnetId>(&self.w.world, vpc))?;
                let table = self.r.pick_any(&tables).filter(|_| self.r.chance(70));
                self.w.associate(&subnet, table.as_ref());
                Some(())
            }
        }
    }

    fn change_filters(&mut self, vpc: &VpcId) -> Option<()> {
        let group = self.r.pick_any(&ids::<SecurityGroup, SecurityGroupId>(&self.w.world, vpc))?;
        match self.r.below(6) {
            5 => {
                let list = self.prefix_list(vpc);
                let blocks = self.blocks(vpc);
                let blocks: Vec<&str> = blocks.iter().map(String::as_str).collect();
                self.w.modify_prefix_list(&list, &blocks);
            }
            0 => self.group(vpc),
            1 => {
                let way = self.r.pick(&[Way::In, Way::Out]);
                self.group_rule(vpc, &group, way);
            }
            2 => {
                let rules = self.w.world.by::<SecurityGroupRule>("group", group.as_str());
                let rule = self.r.pick_any(&rules.map(|rule| rule.id.clone()).collect::<Vec<_>>())?;
                self.w.revoke(&rule);
            }
            3 => self.acl(vpc)?,
            _ => {
                let acl = self.r.pick_any(&ids::<NetworkAcl, NetworkAclId>(&self.w.world, vpc))?;
                let (way, number) = (self.r.pick(&[Way::In, Way::Out]), self.r.between(1, 20) as u16);
                self.acl_rule(vpc, &acl, way, number);
            }
        }
        Some(())
    }

    fn change_instance(&mut self, vpc: &VpcId) -> Option<()> {
        let states = [
            InstanceState::Pending,
            InstanceState::Running,
            InstanceState::Running,
            InstanceState::Stopping,
            InstanceState::Stopped,
            InstanceState::Terminated,
        ];
        if self.r.chance(40) {
            return self.instance(vpc);
        }
        let instance = self.r.pick_any(&self.instances(vpc))?;
        let state = self.r.pick(&states);
        self.w.set_state(&instance, state);
        Some(())
    }

    fn change_interface(&mut self, vpc: &VpcId) -> Option<()> {
        let all = self.w.world.by::<NetworkInterface>("vpc", vpc.as_str());
        let own: Vec<_> = all.filter(|row| !row.groups.is_empty()).cloned().collect();
        let row = self.r.pick_any(&own)?;
        match self.r.below(7) {
            0 => drop(self.w.secondary_address(&row.id)),
            1 => self.w.remove_secondary_address(&row.id),
            2 => self.elastic_ip(&row.id)?,
            3 => {
                let groups = self.groups(vpc);
                self.w.modify_interface(&row.id, |row| row.groups = groups);
            }
            4 => self.w.modify_interface(&row.id, |row| row.source_dest_check = !row.source_dest_check),
            5 if row.auto_public_ip.is_none() => drop(self.w.public_ip(&row.id)),
            5 => self.w.modify_interface(&row.id, |row| row.auto_public_ip = None),
            _ => self.plug(&row)?,
        }
        Some(())
    }

    /// Detaches a secondary interface, or attaches a free one: now and then to an instance of another VPC.
    fn plug(&mut self, row: &NetworkInterface) -> Option<()> {
        match &row.attachment {
            Some(attachment) if attachment.device_index > 0 => self.w.detach(&row.id),
            Some(_) => {
                let groups: Vec<_> = row.groups.iter().collect();
                self.w.interface(&row.subnet, &groups);
            }
            None => {
                let instance = self.r.pick_any(&self.w.instances())?;
                let used = self.w.world.by::<NetworkInterface>("instance", instance.as_str());
                let used: Vec<_> =
                    used.filter_map(|row| Some(row.attachment.as_ref()?.device_index)).collect();
                let index = (1..=15).find(|index| !used.contains(index))?;
                self.w.attach(&row.id, &instance, index);
            }
        }
        Some(())
    }

    fn change_gateways(&mut self, vpc: &VpcId) -> Option<()> {
        let attached =
            self.w.world.by::<InternetGateway>("vpc", vpc.as_str()).next().map(|row| row.id.clone());
        let live: Vec<_> = self.w.world.by::<NatGateway>("vpc", vpc.as_str()).cloned().collect();
        match (self.r.below(4), attached) {
            (0, Some(gateway)) => self.w.attach_gateway(&gateway, None),
            (0, None) => {
                let free = self.w.world.all::<InternetGateway>().filter(|row| row.vpc.is_none());
                let free: Vec<_> = free.map(|row| row.id.clone()).collect();
                match self.r.pick_any(&free) {
                    Some(gateway) => self.w.attach_gateway(&gateway, Some(vpc)),
                    None => drop(self.w.internet_gateway(vpc)),
                }
            }
            (1, _) => self.nat_gateway(vpc)?,
            (2, _) => {
                let gateway = self.r.pick_any(&live)?;
                if gateway.is_live() {
                    self.w.delete_nat_gateway(&gateway.id);
                }
            }
            _ => {
                let mapped = self.w.world.all::<Address>().filter(|row| row.association.is_some());
                let eip = self.r.pick_any(&mapped.map(|row| row.id.clone()).collect::<Vec<_>>())?;
                self.w.disassociate_address(&eip);
            }
        }
        Some(())
    }

    fn groups(&mut self, vpc: &VpcId) -> Vec<SecurityGroupId> {
        let all = ids::<SecurityGroup, SecurityGroupId>(&self.w.world, vpc);
        let mut groups = vec![self.r.pick(&all)];
        let second = self.r.pick(&all);
        if self.r.chance(30) && !groups.contains(&second) {
            groups.push(second);
        }
        groups
    }

    fn instances(&self, vpc: &VpcId) -> Vec<InstanceId> {
        let row = |id: &InstanceId| self.w.world.get::<enishi_state::ec2::Instance>(id).map(|row| &row.vpc);
        self.w.instances().into_iter().filter(|id| row(id) == Some(vpc)).collect()
    }

    fn traffic(&mut self) -> TrafficMatch {
        let ports = [(22, 22), (80, 80), (443, 443), (8080, 8090), (1024, 65535), (0, 65535), (0, 65535)];
        let (from, to) = self.r.pick(&ports);
        let kind = self.r.pick(&[None, Some(8), Some(0)]);
        match self.r.below(12) {
            0..=3 => tcp(from, to),
            4..=6 => udp(from, to),
            7 => TrafficMatch::Icmp(IcmpMatch { kind, code: None }),
            8 => TrafficMatch::Other(47),
            _ => TrafficMatch::All,
        }
    }

    /// A block of a rule: everywhere, a subnet of the VPC, a host in it.
    fn peer(&mut self, vpc: &VpcId) -> String {
        let subnets = self.w.world.by::<Subnet>("vpc", vpc.as_str()).map(|row| row.cidr.to_string());
        let interfaces = self.w.world.by::<NetworkInterface>("vpc", vpc.as_str());
        let hosts: Vec<_> = interfaces.map(|row| Cidr::host(row.primary_ip()).to_string()).collect();
        let subnets: Vec<_> = subnets.collect();
        let near = match self.r.below(4) {
            0 => self.r.pick_any(&hosts),
            1 => self.r.pick_any(&subnets),
            _ => None,
        };
        near.unwrap_or_else(|| self.r.pick(&PEERS).into())
    }
}

/// The ids of a VPC's rows of a kind.
fn ids<R: enishi_state::Row<Id = I>, I: ResourceId>(world: &World, vpc: &VpcId) -> Vec<I>
where
    World: enishi_state::Holds<R>,
{
    world.by::<R>("vpc", vpc.as_str()).map(|row| row.id()).collect()
}
