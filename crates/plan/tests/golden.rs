//! Programs of small worlds, as text. `UPDATE=1 cargo test -p enishi-plan --test golden` rewrites the files; read the
//! difference before committing it.

use std::path::Path;

use enishi_fabric::{IcmpMatch, TrafficMatch};
use enishi_plan::plan;
use enishi_state::World;
use enishi_state::ec2::{InstanceState, RouteTarget, Subnet, Vpc};
use enishi_testkit::program::{dangling, describe};
use enishi_testkit::world::{Way, WorldBuilder, tcp, udp};

fn check(name: &str, world: &World) {
    let program = plan(world);
    assert_eq!(dangling(&program), Vec::<String>::new());
    let text = describe(&program);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden file can be read");
    assert!(text == golden, "{name} differs from {}:\n{text}", path.display());
}

#[test]
fn empty() {
    check("empty", &World::default());
}

/// VPC with public and private subnets, the handbook's example: IGW, NAT gateway, custom table, groups by reference.
#[test]
fn public_private() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let (public, private) = (w.subnet(&vpc, "10.0.1.0/24"), w.subnet(&vpc, "10.0.2.0/24"));
    let gateway = w.internet_gateway(&vpc);
    let table = w.route_table(&vpc);
    w.route(&table, "0.0.0.0/0", RouteTarget::InternetGateway(gateway));
    w.associate(&public, Some(&table));
    let nat = w.nat_gateway(&public);
    let main = w.main_table(&vpc);
    w.route(&main, "0.0.0.0/0", RouteTarget::NatGateway(nat));

    let (web, app) = (w.group(&vpc), w.group(&vpc));
    w.group_rule(&web, Way::In, tcp(80, 80), "0.0.0.0/0");
    w.group_rule(&web, Way::Out, TrafficMatch::All, "0.0.0.0/0");
    w.group_reference(&app, Way::In, tcp(8080, 8090), &web);
    w.group_rule(&app, Way::Out, tcp(443, 443), "0.0.0.0/0");
    let front = w.instance(&public, &[&web]);
    w.elastic_ip(&front);
    w.instance(&private, &[&app]);
    check("public_private", w.world());
}

/// Two peered VPCs, of which each resolves the other's public names, and a third one in which nothing is up.
#[test]
fn vpc_peering_connection() {
    let mut w = WorldBuilder::new();
    let vpcs = ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"].map(|block| w.vpc(block));
    let [one, two, three] = &vpcs;
    w.secondary_cidr(two, "10.64.0.0/16");
    let nets = [w.subnet(one, "10.0.1.0/24"), w.subnet(two, "10.1.1.0/24")];
    let (pcx, idle) = (w.peering(one, two), w.peering(three, one));
    w.modify_peering(&pcx, |row| {
        row.requester.allow_dns_resolution = true;
        row.accepter.allow_dns_resolution = true;
    });
    w.change(|tx| {
        for vpc in [one, two] {
            tx.modify::<Vpc>(vpc, |row| row.dns_hostnames = true);
        }
    });
    let routes = [(one, "10.1.0.0/16", &pcx), (one, "10.2.0.0/16", &idle), (two, "10.0.0.0/8", &pcx)];
    for (vpc, to, peering) in routes {
        let table = w.main_table(vpc);
        w.route(&table, to, RouteTarget::VpcPeeringConnection(peering.clone()));
    }
    let (web, db) = (w.group(one), w.group(two));
    w.peered_reference(&db, Way::In, tcp(5432, 5432), &web, &pcx);
    w.internet_gateway(one);
    let front = w.instance(&nets[0], &[&web]);
    w.elastic_ip(&front);
    w.instance(&nets[1], &[&db]);
    check("vpc_peering_connection", w.world());
}

/// Two VPCs with the same block and the same private addresses.
#[test]
fn same_block_twice() {
    let mut w = WorldBuilder::new();
    for _ in 0..2 {
        let vpc = w.vpc("10.0.0.0/16");
        w.secondary_cidr(&vpc, "100.64.0.0/16");
        let subnet = w.subnet(&vpc, "10.0.0.0/24");
        w.internet_gateway(&vpc);
        let group = w.default_group(&vpc);
        let instance = w.instance(&subnet, &[&group]);
        let interface = w.interface_of(&instance, 0);
        w.public_ip(&interface);
    }
    check("same_block_twice", w.world());
}

/// An appliance between two subnets: a route more specific than the local one, a replaced local route, no check.
#[test]
fn middlebox() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    w.secondary_cidr(&vpc, "10.64.0.0/16");
    let (a, b, c) =
        (w.subnet(&vpc, "10.0.1.0/24"), w.subnet(&vpc, "10.0.2.0/24"), w.subnet(&vpc, "10.64.0.0/24"));
    let group = w.default_group(&vpc);
    w.instance(&a, &[&group]);
    w.instance(&b, &[&group]);
    let appliance = w.instance(&c, &[&group]);
    let interface = w.interface_of(&appliance, 0);
    w.modify_interface(&interface, |row| row.source_dest_check = false);
    let table = w.route_table(&vpc);
    w.route(&table, "10.0.2.0/24", RouteTarget::NetworkInterface(interface.clone()));
    w.associate(&a, Some(&table));
    let back = w.route_table(&vpc);
    w.route(&back, "10.0.0.0/16", RouteTarget::Instance(appliance, interface));
    w.associate(&b, Some(&back));
    check("middlebox", w.world());
}

/// Everything that leads nowhere is a blackhole; what is down is not there.
#[test]
fn blackholes() {
    let mut w = WorldBuilder::new();
    let (vpc, other) = (w.vpc("10.0.0.0/16"), w.vpc("10.1.0.0/16"));
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let group = w.default_group(&vpc);
    w.instance(&subnet, &[&group]);
    let main = w.main_table(&vpc);

    let stopped = w.instance(&subnet, &[&group]);
    let interface = w.interface_of(&stopped, 0);
    w.set_state(&stopped, InstanceState::Stopped);
    w.route(&main, "192.168.1.0/24", RouteTarget::Instance(stopped, interface));
    let free = w.interface(&subnet, &[&group]);
    w.route(&main, "192.168.2.0/24", RouteTarget::NetworkInterface(free));
    let nat = w.private_nat_gateway(&subnet);
    w.route(&main, "192.168.3.0/24", RouteTarget::NatGateway(nat.clone()));
    w.delete_nat_gateway(&nat);
    let detached = w.internet_gateway(&vpc);
    w.attach_gateway(&detached, None);
    w.route(&main, "192.168.4.0/24", RouteTarget::InternetGateway(detached));
    let elsewhere = w.internet_gateway(&other);
    w.route(&main, "0.0.0.0/0", RouteTarget::InternetGateway(elsewhere));

    let terminated = w.instance(&subnet, &[&group]);
    w.set_state(&terminated, InstanceState::Terminated);
    check("blackholes", w.world());
}

/// Numbered rules in order, every kind of traffic; a subnet without live interfaces is not there.
#[test]
fn network_acl() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let (a, b) = (w.subnet(&vpc, "10.0.1.0/24"), w.subnet(&vpc, "10.0.2.0/24"));
    w.subnet(&vpc, "10.0.3.0/24");
    let group = w.default_group(&vpc);
    w.instance(&a, &[&group]);
    w.instance(&b, &[&group]);
    let acl = w.network_acl(&vpc);
    let ping = TrafficMatch::Icmp(IcmpMatch { kind: Some(8), code: Some(0) });
    w.acl_rule(&acl, Way::In, 200, true, TrafficMatch::All, "0.0.0.0/0");
    w.acl_rule(&acl, Way::In, 100, false, tcp(22, 22), "10.0.2.0/24");
    w.acl_rule(&acl, Way::In, 110, false, ping, "10.0.2.0/24");
    w.acl_rule(&acl, Way::Out, 100, true, udp(1024, 65535), "10.0.0.0/16");
    w.acl_rule(&acl, Way::Out, 32766, true, TrafficMatch::Other(47), "0.0.0.0/0");
    w.use_acl(&a, &acl);
    check("network_acl", w.world());
}

/// Groups: a group that is only referred to, one of another VPC, a self reference, several groups, secondary addresses.
/// Tracking: which directions are open to everywhere on all ports.
#[test]
fn security_groups() {
    let mut w = WorldBuilder::new();
    let (vpc, other) = (w.vpc("10.0.0.0/16"), w.vpc("10.1.0.0/16"));
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let (used, unused, foreign) = (w.group(&vpc), w.group(&vpc), w.group(&other));
    w.group_reference(&used, Way::In, tcp(22, 22), &unused);
    w.group_reference(&used, Way::In, tcp(22, 22), &foreign);
    w.group_reference(&used, Way::In, TrafficMatch::All, &used);
    w.group_reference(&unused, Way::In, TrafficMatch::All, &used);
    w.group_rule(&used, Way::Out, tcp(0, 65535), "0.0.0.0/0");
    let in_udp = w.group(&vpc);
    w.group_rule(&in_udp, Way::In, udp(0, 65535), "0.0.0.0/0");
    w.group_rule(&in_udp, Way::In, tcp(1, 65535), "0.0.0.0/0");
    w.group_rule(&in_udp, Way::Out, TrafficMatch::All, "10.0.0.0/8");

    let one = w.instance(&subnet, &[&used]);
    let interface = w.interface_of(&one, 0);
    w.secondary_address(&interface);
    let second = w.interface(&subnet, &[&used, &in_udp]);
    w.attach(&second, &one, 1);
    w.instance(&subnet, &[&in_udp]);
    check("security_groups", w.world());
}

/// Elastic IPs: on the primary address one replaces the automatic address; a secondary address has its own.
#[test]
fn addresses() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    w.internet_gateway(&vpc);
    let group = w.default_group(&vpc);
    let both = w.instance(&subnet, &[&group]);
    let interface = w.interface_of(&both, 0);
    w.public_ip(&interface);
    w.elastic_ip(&both);
    let private = w.secondary_address(&interface);
    let eip = w.allocate();
    w.associate_address(&eip, &interface, private);

    let stopped = w.instance(&subnet, &[&group]);
    w.elastic_ip(&stopped);
    w.set_state(&stopped, InstanceState::Stopped);
    let secondary_only = w.instance(&subnet, &[&group]);
    let interface = w.interface_of(&secondary_only, 0);
    w.public_ip(&interface);
    let private = w.secondary_address(&interface);
    let eip = w.allocate();
    w.associate_address(&eip, &interface, private);
    check("addresses", w.world());
}

/// What a resolver knows: names of addresses and instances, public ones inside of the VPC.
#[test]
fn resolver() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/22");
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    w.internet_gateway(&vpc);
    let group = w.default_group(&vpc);
    let instance = w.instance(&subnet, &[&group]);
    w.elastic_ip(&instance);
    let interface = w.interface_of(&instance, 0);
    w.secondary_address(&interface);
    w.interface(&subnet, &[&group]);
    w.change(|tx| {
        tx.modify::<Vpc>(&vpc, |row| row.dns_hostnames = true);
        tx.modify::<Subnet>(&subnet, |row| row.resource_name_dns_a = true);
    });
    check("resolver", w.world());
}
