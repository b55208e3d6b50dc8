//! Every invariant refuses the transaction that would break it, and says what is wrong.

use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{
    AclEntry, Address, AddressAssociation, EipAssociationId, Instance, InternetGateway, NatGateway,
    NetworkAcl, NetworkInterface, NetworkInterfaceId, PrivateAddress, Route, RouteTable, RouteTarget,
    RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, Subnet, SubnetId, Vpc, VpcId,
};
use enishi_state::{Caller, ResourceId, Timestamp, Tx};
use enishi_testkit::Random;
use enishi_testkit::world::{Way, WorldBuilder, cidr};

/// `vpc-1` with two subnets, each with an instance; the first has a NAT gateway too and the second's has an Elastic IP.
/// `vpc-2` with the same block and one subnet. An internet gateway in the first.
fn fixture() -> WorldBuilder {
    let mut w = WorldBuilder::new();
    let first = w.vpc("10.0.0.0/16");
    let second = w.vpc("10.0.0.0/16");
    let group = w.default_group(&first);
    let a = w.subnet(&first, "10.0.1.0/24");
    let b = w.subnet(&first, "10.0.2.0/24");
    w.subnet(&second, "10.0.1.0/24");
    w.instance(&a, &[&group]);
    let instance = w.instance(&b, &[&group]);
    w.elastic_ip(&instance);
    w.internet_gateway(&first);
    w.nat_gateway(&a);
    w.allocate();
    w
}

/// The error of a transaction on the fixture.
fn refused(change: impl FnOnce(&mut Tx<'_>)) -> String {
    let fixture = fixture();
    let caller = Caller { scope: fixture.scope().clone(), access_key: None, session_arn: None };
    let mut entropy = Random::new(1);
    let mut tx = Tx::new(fixture.world(), &caller, Timestamp(0), &mut entropy);
    change(&mut tx);
    let conflict = tx.commit().expect_err("the invariant was not checked");
    conflict.to_string().strip_prefix("the change breaks an invariant: ").expect("a conflict").to_owned()
}

fn id<I: ResourceId>(text: &str) -> I {
    I::parse(text).expect("an id")
}

fn vpc(n: u32) -> VpcId {
    id(&format!("vpc-{n:08x}"))
}

fn subnet(n: u32) -> SubnetId {
    id(&format!("subnet-{n:08x}"))
}

fn eni(n: u32) -> NetworkInterfaceId {
    id(&format!("eni-{n:08x}"))
}

fn with_interface(n: u32, change: impl FnOnce(&mut NetworkInterface)) -> String {
    refused(|tx| assert!(tx.modify(&eni(n), change)))
}

fn with_subnet(n: u32, change: impl FnOnce(&mut Subnet)) -> String {
    refused(|tx| assert!(tx.modify(&subnet(n), change)))
}

#[test]
fn slots_are_unique() {
    let vpc = refused(|tx| assert!(tx.modify::<Vpc>(&vpc(2), |row| row.slot = 1)));
    assert_eq!(vpc, "vpc-00000002: vpc-00000001 has the slot too");
    assert_eq!(with_subnet(2, |row| row.slot = 1), "subnet-00000002: subnet-00000001 has the slot 1 too");
    assert_eq!(with_subnet(2, |row| row.slot = 0), "subnet-00000002: slot 0 is not a packet mark");
    assert_eq!(with_interface(2, |row| row.slot = 1), "eni-00000002: eni-00000001 has the slot too");
    let table = refused(|tx| {
        let table = tx.world().get::<RouteTable>(&id("rtb-00000001")).cloned().expect("the main table");
        tx.put(RouteTable { id: id("rtb-0000000f"), ..table });
    });
    assert_eq!(table, "rtb-0000000f: rtb-00000001 has the slot 0 too");
}

#[test]
fn a_subnet_is_inside_its_vpc_and_beside_its_siblings() {
    assert_eq!(
        with_subnet(2, |row| row.cidr = cidr("10.1.0.0/24")),
        "subnet-00000002: 10.1.0.0/24 is not inside a block of vpc-00000001"
    );
    assert_eq!(
        with_subnet(2, |row| row.cidr = cidr("10.0.0.0/22")),
        "subnet-00000002: 10.0.0.0/22 overlaps 10.0.1.0/24 of subnet-00000001"
    );
    let shrunk = refused(|tx| {
        assert!(tx.modify::<Vpc>(&vpc(1), |row| row.cidrs[0].cidr = cidr("10.0.0.0/23")));
    });
    assert_eq!(shrunk, "subnet-00000002: 10.0.2.0/24 is not inside a block of vpc-00000001");
    let overlapping = refused(|tx| {
        assert!(tx.modify::<Vpc>(&vpc(1), |row| {
            let mut second = row.cidrs[0].clone();
            second.cidr = cidr("10.0.0.0/24");
            row.cidrs.push(second);
        }));
    });
    assert_eq!(overlapping, "vpc-00000001: 10.0.0.0/16 overlaps 10.0.0.0/24");
}

#[test]
fn a_subnet_uses_tables_and_acls_of_its_vpc() {
    let foreign = with_subnet(3, |row| row.network_acl.1 = id("acl-00000001"));
    assert_eq!(foreign, "subnet-00000003: acl-00000001 belongs to vpc-00000001");
    let gone = with_subnet(3, |row| row.network_acl.1 = id("acl-0000dead"));
    assert_eq!(gone, "subnet-00000003 refers to acl-0000dead, which does not exist");
    let table = with_subnet(3, |row| row.route_table = Some((id("rtbassoc-00000009"), id("rtb-00000001"))));
    assert_eq!(table, "subnet-00000003: rtb-00000001 belongs to vpc-00000001");
    let main = refused(|tx| {
        assert!(tx.modify::<Vpc>(&vpc(2), |row| row.main_route_table.1 = id("rtb-00000001")));
    });
    assert_eq!(main, "vpc-00000002: its main route table rtb-00000001 is not one of its own");
}

#[test]
fn private_addresses_are_in_their_subnet_and_unique_in_the_vpc() {
    let ip = |text: &str| vec![PrivateAddress { ip: text.parse().expect("an address") }];
    assert_eq!(
        with_interface(1, |row| row.addresses = ip("10.0.2.20")),
        "eni-00000001: 10.0.2.20 is not an assignable address of 10.0.1.0/24"
    );
    for reserved in ["10.0.1.0", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.255"] {
        let text = with_interface(1, |row| row.addresses = ip(reserved));
        assert_eq!(text, format!("eni-00000001: {reserved} is not an assignable address of 10.0.1.0/24"));
    }
    assert_eq!(with_interface(1, |row| row.addresses.clear()), "eni-00000001 has no private address");
    assert_eq!(
        with_interface(1, |row| row.addresses.extend(row.addresses.clone())),
        "eni-00000001 has 10.0.1.10 twice"
    );
    assert_eq!(
        with_interface(1, |row| row.addresses.extend(ip("10.0.1.11"))),
        "eni-00000001: eni-00000003 has 10.0.1.11 too"
    );
}

#[test]
fn public_addresses_are_unique() {
    let eip = |text: &str| id::<enishi_state::ec2::AddressId>(text);
    let elastic = refused(|tx| {
        let taken = tx.world().get::<Address>(&eip("eipalloc-00000001")).expect("an address").public_ip;
        assert!(tx.modify::<Address>(&eip("eipalloc-00000002"), |row| row.public_ip = taken));
    });
    assert_eq!(elastic, "eipalloc-00000002: eipalloc-00000001 has the public address 198.18.1.1 too");
    let automatic = with_interface(1, |row| row.auto_public_ip = "198.18.1.1".parse().ok());
    assert_eq!(automatic, "eni-00000001: eipalloc-00000001 has the public address 198.18.1.1 too");
}

#[test]
fn an_elastic_ip_is_mapped_to_an_address_that_exists() {
    let associate = |interface: u32, private: &str| {
        let association = AddressAssociation {
            id: id::<EipAssociationId>("eipassoc-000000ff"),
            network_interface: eni(interface),
            private_ip: private.parse().expect("an address"),
        };
        refused(|tx| {
            assert!(
                tx.modify::<Address>(&id("eipalloc-00000003"), |row| row.association = Some(association))
            );
        })
    };
    assert_eq!(associate(9, "10.0.1.10"), "eipalloc-00000003 refers to eni-00000009, which does not exist");
    assert_eq!(
        associate(1, "10.0.1.99"),
        "eipalloc-00000003 is mapped to 10.0.1.99, which eni-00000001 does not have"
    );
    assert_eq!(associate(2, "10.0.2.10"), "eipalloc-00000003: eipalloc-00000001 has 10.0.2.10 too");
    let ip = PrivateAddress { ip: "10.0.2.99".parse().expect("an address") };
    assert_eq!(
        with_interface(2, |row| row.addresses = vec![ip]),
        "eipalloc-00000001 is mapped to 10.0.2.10, which eni-00000002 does not have"
    );
}

#[test]
fn an_interface_has_groups_of_its_vpc() {
    let gone: SecurityGroupId = id("sg-0000dead");
    assert_eq!(
        with_interface(1, |row| row.groups = vec![gone]),
        "eni-00000001 refers to sg-0000dead, which does not exist"
    );
    assert_eq!(
        with_interface(1, |row| row.groups = vec![id("sg-00000002")]),
        "eni-00000001: sg-00000002 belongs to vpc-00000002"
    );
    assert_eq!(with_interface(1, |row| row.groups.clear()), "eni-00000001 has no security group");
    assert_eq!(
        with_interface(3, |row| row.groups.push(id("sg-00000001"))),
        "eni-00000003 of a NAT gateway has security groups"
    );
}

#[test]
fn an_instance_that_is_up_has_one_interface_per_index_and_a_first() {
    let without = "i-00000001 is up without an interface at device index 0";
    assert_eq!(with_interface(1, |row| row.attachment = None), without);
    assert_eq!(
        with_interface(1, |row| {
            if let Some(attachment) = &mut row.attachment {
                attachment.device_index = 1;
            }
        }),
        without
    );
    assert_eq!(
        with_interface(1, |row| {
            if let Some(attachment) = &mut row.attachment {
                attachment.instance = Some(id("i-00000002"));
            }
        }),
        "i-00000002 has two interfaces at device index 0"
    );
    assert_eq!(
        with_interface(1, |row| {
            if let Some(attachment) = &mut row.attachment {
                attachment.instance = Some(id("i-0000dead"));
            }
        }),
        "eni-00000001 refers to i-0000dead, which does not exist"
    );
    let gone = refused(|tx| assert!(tx.remove::<Instance>(&id("i-00000001"))));
    assert_eq!(gone, "i-00000001 is gone, but eni-00000001 refers to it");
}

#[test]
fn a_live_nat_gateway_has_its_interface() {
    let other = refused(|tx| {
        assert!(tx.modify::<NatGateway>(&id("nat-00000001"), |row| row.network_interface = eni(1)));
    });
    assert_eq!(other, "nat-00000001: eni-00000001 is not a NAT gateway's interface in subnet-00000001");
    let shared = refused(|tx| {
        let row = tx.world().get::<NatGateway>(&id("nat-00000001")).cloned().expect("the NAT gateway");
        tx.put(NatGateway { id: id("nat-00000002"), ..row });
    });
    assert_eq!(shared, "nat-00000002: nat-00000001 has eni-00000003 too");
}

#[test]
fn an_internet_gateway_is_the_only_one_of_its_vpc() {
    let second = refused(|tx| {
        let row = tx.world().all::<InternetGateway>().next().cloned().expect("the gateway");
        tx.put(InternetGateway { id: id("igw-00000009"), ..row });
    });
    assert_eq!(second, "igw-00000009: igw-00000001 has the VPC too");
    let nowhere = refused(|tx| {
        assert!(tx.modify::<InternetGateway>(&id("igw-00000001"), |row| row.vpc = Some(vpc(9))));
    });
    assert_eq!(nowhere, "igw-00000001 refers to vpc-00000009, which does not exist");
}

#[test]
fn acl_rule_numbers_leave_the_last_one_free() {
    for number in [0, 32767] {
        let text = refused(|tx| {
            let entry = AclEntry { allow: true, traffic: TrafficMatch::All, cidr: Cidr::EVERYWHERE };
            assert!(tx.modify::<NetworkAcl>(&id("acl-00000001"), |row| {
                row.outbound.insert(number, entry);
            }));
        });
        assert_eq!(text, format!("acl-00000001: rule number {number}"));
    }
}

#[test]
fn rules_refer_to_groups_that_exist() {
    let peer = refused(|tx| {
        let row = tx.world().all::<SecurityGroupRule>().next().cloned().expect("a rule");
        let account = row.scope.account.clone();
        tx.put(SecurityGroupRule { peer: RulePeer::Group(id("sg-0000dead"), account), ..row });
    });
    assert_eq!(peer, "sgr-00000001 refers to sg-0000dead, which does not exist");
    let group = refused(|tx| {
        let row = tx.world().all::<SecurityGroupRule>().next().cloned().expect("a rule");
        tx.put(SecurityGroupRule { group: id("sg-0000dead"), ..row });
    });
    assert_eq!(group, "sgr-00000001 refers to sg-0000dead, which does not exist");
}

#[test]
fn nothing_goes_that_is_used() {
    let gone = |text: &str| text.to_owned();
    assert_eq!(
        refused(|tx| assert!(tx.remove::<Vpc>(&vpc(2)))),
        gone("vpc-00000002 is gone, but subnet-00000003 refers to it")
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<Subnet>(&subnet(1)))),
        gone("eni-00000001 refers to subnet-00000001, which does not exist")
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<RouteTable>(&id("rtb-00000001")))),
        gone("rtb-00000001 is gone, but vpc-00000001 refers to it")
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<NetworkAcl>(&id("acl-00000001")))),
        gone("acl-00000001 is gone, but subnet-00000001 refers to it")
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<SecurityGroup>(&id("sg-00000001")))),
        gone("sg-00000001 is gone, but eni-00000001 refers to it")
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<NetworkInterface>(&eni(2)))),
        gone("eipalloc-00000001 refers to eni-00000002, which does not exist")
    );
    let nat = refused(|tx| {
        assert!(tx.modify::<Address>(&id("eipalloc-00000002"), |row| row.association = None));
        assert!(tx.remove::<NetworkInterface>(&eni(3)));
    });
    assert_eq!(nat, gone("nat-00000001 refers to eni-00000003, which does not exist"));
}

#[test]
fn a_group_that_a_rule_of_its_vpc_refers_to_stays() {
    let mut w = fixture();
    let (used, referring) = (w.group(&vpc(1)), w.group(&vpc(1)));
    w.group_reference(&referring, Way::In, TrafficMatch::All, &used);
    let caller = Caller { scope: w.scope().clone(), access_key: None, session_arn: None };
    let mut entropy = Random::new(1);
    let mut tx = Tx::new(w.world(), &caller, Timestamp(0), &mut entropy);
    assert!(tx.remove::<SecurityGroup>(&used));
    let conflict = tx.commit().expect_err("the group is referred to");
    assert!(conflict.0.starts_with(&format!("{used} is gone, but sgr-")), "{conflict}");
}

#[test]
fn routes_may_outlive_their_targets() {
    let mut w = fixture();
    let table = w.main_table(&vpc(1));
    let gone = RouteTarget::NatGateway(id("nat-0000dead"));
    w.change(|tx| {
        assert!(tx.modify::<RouteTable>(&table, |row| {
            row.routes.insert(Cidr::EVERYWHERE, Route { target: gone });
        }));
    });
}
