//! VPCs, subnets, route tables, gateways, groups and ACLs.

use std::collections::BTreeMap;

use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{
    AclEntry, CidrAssociation, Instance, InstanceState, InternetGateway, InternetGatewayId,
    ManagedPrefixList, NatGateway, NetworkAcl, NetworkAclId, NetworkInterface, PeeringSide, PeeringState,
    PrefixListEntry, PrefixListId, PrefixListState, PrefixListVersion, Route, RouteTable, RouteTableId,
    RouteTarget, RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, SecurityGroupRuleId, Subnet,
    SubnetId, Tenancy, Vpc, VpcId, VpcPeeringConnection, VpcPeeringConnectionId,
};

use super::{Way, WorldBuilder, cidr};

impl WorldBuilder {
    /// A VPC with what AWS makes along with it: main route table, default network ACL, default security group.
    pub fn vpc(&mut self, block: &str) -> VpcId {
        let id: VpcId = self.id("vpc");
        let table: RouteTableId = self.id("rtb");
        let vpc = Vpc {
            id: id.clone(),
            scope: self.scope().clone(),
            slot: self.slot("vpc"),
            cidrs: vec![CidrAssociation { id: self.id("vpc-cidr-assoc"), cidr: cidr(block) }],
            tenancy: Tenancy::Default,
            is_default: false,
            dhcp_options: None,
            dns_support: true,
            dns_hostnames: false,
            network_address_usage_metrics: false,
            main_route_table: (self.id("rtbassoc"), table.clone()),
            created: self.now(),
        };
        let table = self.route_table_row(table, &id);
        let all = AclEntry { allow: true, traffic: TrafficMatch::All, cidr: Cidr::EVERYWHERE };
        let acl = NetworkAcl {
            id: self.id("acl"),
            scope: self.scope().clone(),
            vpc: id.clone(),
            is_default: true,
            inbound: [(100, all.clone())].into(),
            outbound: [(100, all)].into(),
        };
        let group = self.group_row(&id, "default");
        let inside = RulePeer::Group(group.id.clone(), self.scope().account.clone());
        let ingress = self.rule_row(&group.id, Way::In, TrafficMatch::All, inside);
        let egress = self.rule_row(&group.id, Way::Out, TrafficMatch::All, RulePeer::Cidr(Cidr::EVERYWHERE));
        self.change(|tx| {
            tx.put(vpc);
            tx.put(table);
            tx.put(acl);
            tx.put(group);
            tx.put(ingress);
            tx.put(egress);
        });
        id
    }

    /// Adds a CIDR block to a VPC.
    pub fn secondary_cidr(&mut self, vpc: &VpcId, block: &str) {
        let association = CidrAssociation { id: self.id("vpc-cidr-assoc"), cidr: cidr(block) };
        self.change(|tx| assert!(tx.modify::<Vpc>(vpc, |row| row.cidrs.push(association))));
    }

    /// Removes a VPC and everything in it, in one transaction; its instances become terminated.
    pub fn delete_vpc(&mut self, vpc: &VpcId) {
        let key = vpc.as_str().to_owned();
        self.change(|tx| {
            let world = tx.world().clone();
            for row in world.by::<NetworkInterface>("vpc", &key) {
                super::compute::release(tx, &row.id);
                tx.remove::<NetworkInterface>(&row.id);
            }
            for row in world.by::<Instance>("vpc", &key) {
                tx.modify::<Instance>(&row.id, |row| row.state = InstanceState::Terminated);
            }
            for row in world.by::<NatGateway>("vpc", &key) {
                tx.remove::<NatGateway>(&row.id);
            }
            for row in world.by::<Subnet>("vpc", &key) {
                tx.remove::<Subnet>(&row.id);
            }
            for row in world.by::<RouteTable>("vpc", &key) {
                tx.remove::<RouteTable>(&row.id);
            }
            for row in world.by::<NetworkAcl>("vpc", &key) {
                tx.remove::<NetworkAcl>(&row.id);
            }
            for group in world.by::<SecurityGroup>("vpc", &key) {
                for rule in world.by::<SecurityGroupRule>("group", group.id.as_str()) {
                    tx.remove::<SecurityGroupRule>(&rule.id);
                }
                tx.remove::<SecurityGroup>(&group.id);
            }
            for row in world.by::<VpcPeeringConnection>("active", &key) {
                tx.modify::<VpcPeeringConnection>(&row.id, |row| row.state = PeeringState::Expired);
            }
            for row in world.by::<InternetGateway>("vpc", &key) {
                tx.modify::<InternetGateway>(&row.id, |row| row.vpc = None);
            }
            assert!(tx.remove::<Vpc>(vpc));
        });
    }

    /// A subnet with the VPC's default network ACL and, implicitly, its main route table.
    pub fn subnet(&mut self, vpc: &VpcId, block: &str) -> SubnetId {
        let id: SubnetId = self.id("subnet");
        let siblings: Vec<_> = self.world.by::<Subnet>("vpc", vpc.as_str()).map(|row| row.slot).collect();
        let default = self.world.by::<NetworkAcl>("vpc", vpc.as_str()).find(|acl| acl.is_default);
        let acl = default.expect("a default network ACL").id.clone();
        let row = Subnet {
            id: id.clone(),
            scope: self.scope().clone(),
            vpc: vpc.clone(),
            slot: (1..=u8::MAX).find(|slot| !siblings.contains(slot)).expect("a free slot"),
            cidr: cidr(block),
            zone: "us-east-1a".into(),
            zone_id: "use1-az1".into(),
            map_public_ip_on_launch: false,
            default_for_zone: false,
            route_table: None,
            network_acl: (self.id("aclassoc"), acl),
            hostname_type: "ip-name".into(),
            resource_name_dns_a: false,
        };
        self.change(|tx| tx.put(row));
        id
    }

    /// A route table that no subnet uses yet.
    pub fn route_table(&mut self, vpc: &VpcId) -> RouteTableId {
        let id: RouteTableId = self.id("rtb");
        let row = self.route_table_row(id.clone(), vpc);
        self.change(|tx| tx.put(row));
        id
    }

    /// The main route table of a VPC.
    pub fn main_table(&self, vpc: &VpcId) -> RouteTableId {
        self.world.get::<Vpc>(vpc).expect("the VPC").main_route_table.1.clone()
    }

    /// Associates a subnet with a route table, or with the main one again.
    pub fn associate(&mut self, subnet: &SubnetId, table: Option<&RouteTableId>) {
        let association = table.map(|table| (self.id("rtbassoc"), table.clone()));
        self.change(|tx| assert!(tx.modify::<Subnet>(subnet, |row| row.route_table = association)));
    }

    /// Creates or replaces a route.
    pub fn route(&mut self, table: &RouteTableId, destination: &str, target: RouteTarget) {
        self.change(|tx| {
            let route = Route { target };
            assert!(tx.modify::<RouteTable>(table, |row| {
                row.routes.insert(cidr(destination), route);
            }));
        });
    }

    /// Deletes a route.
    pub fn delete_route(&mut self, table: &RouteTableId, destination: Cidr) {
        self.change(|tx| {
            assert!(tx.modify::<RouteTable>(table, |row| {
                row.routes.remove(&destination);
            }));
        });
    }

    /// An internet gateway, attached to the VPC.
    pub fn internet_gateway(&mut self, vpc: &VpcId) -> InternetGatewayId {
        let id: InternetGatewayId = self.id("igw");
        let row = InternetGateway { id: id.clone(), scope: self.scope().clone(), vpc: Some(vpc.clone()) };
        self.change(|tx| tx.put(row));
        id
    }

    /// Attaches or detaches an internet gateway. Unlike in AWS, mapped public addresses do not hinder.
    pub fn attach_gateway(&mut self, gateway: &InternetGatewayId, vpc: Option<&VpcId>) {
        self.change(|tx| assert!(tx.modify::<InternetGateway>(gateway, |row| row.vpc = vpc.cloned())));
    }

    /// A network ACL without rules: it denies everything.
    pub fn network_acl(&mut self, vpc: &VpcId) -> NetworkAclId {
        let id: NetworkAclId = self.id("acl");
        let row = NetworkAcl {
            id: id.clone(),
            scope: self.scope().clone(),
            vpc: vpc.clone(),
            is_default: false,
            inbound: BTreeMap::new(),
            outbound: BTreeMap::new(),
        };
        self.change(|tx| tx.put(row));
        id
    }

    /// Creates or replaces a rule of a network ACL.
    pub fn acl_rule(
        &mut self,
        acl: &NetworkAclId,
        way: Way,
        number: u16,
        allow: bool,
        traffic: TrafficMatch,
        block: &str,
    ) {
        let entry = AclEntry { allow, traffic, cidr: cidr(block) };
        self.change(|tx| {
            assert!(tx.modify::<NetworkAcl>(acl, |row| {
                let rules = match way {
                    Way::In => &mut row.inbound,
                    Way::Out => &mut row.outbound,
                };
                rules.insert(number, entry);
            }));
        });
    }

    /// Gives a subnet another network ACL.
    pub fn use_acl(&mut self, subnet: &SubnetId, acl: &NetworkAclId) {
        let association = (self.id("aclassoc"), acl.clone());
        self.change(|tx| assert!(tx.modify::<Subnet>(subnet, |row| row.network_acl = association)));
    }

    /// A security group without rules: nothing in, nothing out.
    pub fn group(&mut self, vpc: &VpcId) -> SecurityGroupId {
        let row = self.group_row(vpc, "");
        let id = row.id.clone();
        self.change(|tx| tx.put(row));
        id
    }

    /// The default security group of a VPC.
    pub fn default_group(&self, vpc: &VpcId) -> SecurityGroupId {
        let mut groups = self.world.by::<SecurityGroup>("vpc", vpc.as_str());
        groups.find(|group| group.name == "default").expect("a default group").id.clone()
    }

    /// Adds a rule whose peer is a CIDR block.
    pub fn group_rule(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        block: &str,
    ) -> SecurityGroupRuleId {
        self.put_rule(group, way, traffic, RulePeer::Cidr(cidr(block)))
    }

    /// Adds a rule whose peer is a security group.
    pub fn group_reference(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        peer: &SecurityGroupId,
    ) -> SecurityGroupRuleId {
        let account = self.scope().account.clone();
        self.put_rule(group, way, traffic, RulePeer::Group(peer.clone(), account))
    }

    /// A managed prefix list.
    pub fn prefix_list(&mut self, blocks: &[&str]) -> PrefixListId {
        let id: PrefixListId = self.id("pl");
        let row = ManagedPrefixList {
            id: id.clone(),
            scope: self.scope().clone(),
            name: id.to_string(),
            max_entries: 1000,
            version: 1,
            state: PrefixListState::Created,
        };
        let version = PrefixListVersion { list: id.clone(), version: 1, entries: entries(blocks) };
        self.change(|tx| {
            tx.put(version);
            tx.put(row);
        });
        id
    }

    /// Gives a prefix list other entries, as a new version.
    pub fn modify_prefix_list(&mut self, id: &PrefixListId, blocks: &[&str]) {
        let next = self.world.get::<ManagedPrefixList>(id).expect("a prefix list").version + 1;
        let version = PrefixListVersion { list: id.clone(), version: next, entries: entries(blocks) };
        self.change(|tx| {
            tx.put(version);
            tx.modify::<ManagedPrefixList>(id, |row| row.version = next);
        });
    }

    /// Adds a rule whose peer is a prefix list.
    pub fn prefix_list_rule(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        list: &PrefixListId,
    ) -> SecurityGroupRuleId {
        self.put_rule(group, way, traffic, RulePeer::PrefixList(list.clone()))
    }

    /// Adds or replaces the route of a prefix list.
    pub fn prefix_list_route(&mut self, table: &RouteTableId, list: &PrefixListId, target: RouteTarget) {
        self.change(|tx| {
            assert!(tx.modify::<RouteTable>(table, |row| {
                row.prefix_list_routes.insert(list.clone(), Route { target });
            }));
        });
    }

    /// Adds a rule whose peer is a security group of a peered VPC.
    pub fn peered_reference(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        peer: &SecurityGroupId,
        peering: &VpcPeeringConnectionId,
    ) -> SecurityGroupRuleId {
        let account = self.scope().account.clone();
        let vpc = self.world.get::<SecurityGroup>(peer).expect("a group").vpc.clone();
        let peer = RulePeer::PeeredGroup { group: peer.clone(), account, vpc, peering: peering.clone() };
        self.put_rule(group, way, traffic, peer)
    }

    /// Connects two VPCs whose blocks do not overlap; neither has a route there yet.
    pub fn peering(&mut self, requester: &VpcId, accepter: &VpcId) -> VpcPeeringConnectionId {
        let id: VpcPeeringConnectionId = self.id("pcx");
        let scope = self.scope().clone();
        let side =
            |vpc: &VpcId| PeeringSide { scope: scope.clone(), vpc: vpc.clone(), allow_dns_resolution: false };
        let row = VpcPeeringConnection {
            id: id.clone(),
            requester: side(requester),
            accepter: side(accepter),
            slot: self.slot("vpc_peering_connection"),
            state: PeeringState::Active,
            since: self.now(),
        };
        self.change(|tx| tx.put(row));
        id
    }

    /// Changes a VPC peering connection.
    pub fn modify_peering(
        &mut self,
        id: &VpcPeeringConnectionId,
        change: impl FnOnce(&mut VpcPeeringConnection),
    ) {
        self.change(|tx| assert!(tx.modify::<VpcPeeringConnection>(id, change)));
    }

    /// Removes a rule of a security group.
    pub fn revoke(&mut self, rule: &SecurityGroupRuleId) {
        self.change(|tx| assert!(tx.remove::<SecurityGroupRule>(rule)));
    }

    fn put_rule(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        peer: RulePeer,
    ) -> SecurityGroupRuleId {
        let row = self.rule_row(group, way, traffic, peer);
        let id = row.id.clone();
        self.change(|tx| tx.put(row));
        id
    }

    fn route_table_row(&mut self, id: RouteTableId, vpc: &VpcId) -> RouteTable {
        let slots: Vec<_> = self.world.by::<RouteTable>("vpc", vpc.as_str()).map(|row| row.slot).collect();
        RouteTable {
            id,
            scope: self.scope().clone(),
            vpc: vpc.clone(),
            slot: (0..).find(|slot| !slots.contains(slot)).expect("a free slot"),
            routes: BTreeMap::new(),
            prefix_list_routes: BTreeMap::new(),
        }
    }

    fn group_row(&mut self, vpc: &VpcId, name: &str) -> SecurityGroup {
        let id: SecurityGroupId = self.id("sg");
        let name = if name.is_empty() { id.as_str() } else { name };
        SecurityGroup {
            name: name.into(),
            id: id.clone(),
            scope: self.scope().clone(),
            vpc: vpc.clone(),
            description: "made by a test".into(),
        }
    }

    fn rule_row(
        &mut self,
        group: &SecurityGroupId,
        way: Way,
        traffic: TrafficMatch,
        peer: RulePeer,
    ) -> SecurityGroupRule {
        SecurityGroupRule {
            id: self.id("sgr"),
            scope: self.scope().clone(),
            group: group.clone(),
            egress: way == Way::Out,
            traffic,
            peer,
            description: None,
        }
    }
}

fn entries(blocks: &[&str]) -> Vec<PrefixListEntry> {
    let mut entries: Vec<_> =
        blocks.iter().map(|block| PrefixListEntry { cidr: cidr(block), description: None }).collect();
    entries.sort();
    entries.dedup();
    entries
}
