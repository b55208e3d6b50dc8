//! The incremental planner has the program that a full compilation makes, and programs are sound.

use std::sync::Arc;

use enishi_fabric::dns::{self, Content, Name, Rdata, RecordType, Routing, VpcResolver};
use enishi_fabric::program::Role;
use enishi_fabric::{NamespaceName, Program};
use enishi_plan::{Planner, plan};
use enishi_state::ec2::{
    Address, Instance, InstanceState, InternetGateway, NatGateway, NatGatewayState, NetworkInterface,
    PeeringState, Subnet, Vpc,
};
use enishi_state::route53::{HostedZone, HostedZoneId, RecordSet, RecordSetKey, VpcAssociation};
use enishi_state::{Holds, Row, World};
use enishi_testkit::Random;
use enishi_testkit::program::dangling;
use enishi_testkit::world::{Way, WorldBuilder, random_step, random_world, tcp};

/// Whether two programs share a namespace's pointer.
fn same(a: &Program, b: &Program, name: &str) -> bool {
    let get = |program: &Program| program.namespaces.get(&NamespaceName::new(name)).cloned();
    get(a).zip(get(b)).is_some_and(|(a, b)| Arc::ptr_eq(&a, &b))
}

#[test]
fn updating_is_compiling() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        let mut planner = Planner::new(builder.world());
        for _ in 0..30 {
            random_step(&mut builder, &mut random);
            for step in builder.take_steps() {
                let old = planner.program().clone();
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
                for (name, namespace) in &new.namespaces {
                    if old.namespaces.get(name) == Some(namespace) {
                        assert!(same(&old, &new, name.as_str()), "seed {seed}: {name} lost its pointer");
                    }
                }
            }
        }
    }
}

/// One step of what resolvers depend on besides the network: attributes of VPCs, private zones and who sees them.
fn random_names_step(w: &mut WorldBuilder, random: &mut Random) {
    let vpcs: Vec<_> = w.world().all::<Vpc>().map(|row| row.id.clone()).collect();
    let zones: Vec<_> = w.world().all::<HostedZone>().map(|row| row.id.clone()).collect();
    let Some(vpc) = random.pick_any(&vpcs) else { return };
    let association = VpcAssociation { region: w.scope().region.clone(), vpc: vpc.clone() };
    match (random.below(6), random.pick_any(&zones)) {
        (0, _) => modify::<Vpc>(w, &vpc, |row| row.dns_support = !row.dns_support),
        (1, _) => modify::<Vpc>(w, &vpc, |row| row.dns_hostnames = !row.dns_hostnames),
        (2, Some(zone)) => {
            let row = w.world().get::<HostedZone>(&zone).expect("a zone").clone();
            let sees = |other: &HostedZone| other.name == row.name && other.vpcs.contains(&association);
            if w.world().all::<HostedZone>().any(sees) {
                return;
            }
            modify::<HostedZone>(w, &zone, |row| row.vpcs.push(association));
        }
        (3, Some(zone)) => w.change(|tx| {
            tx.modify::<HostedZone>(&zone, |row| {
                if row.vpcs.len() > 1 {
                    row.vpcs.remove(0);
                }
            });
        }),
        (4, Some(zone)) => w.change(|tx| {
            for set in records(tx.world(), &zone) {
                tx.remove::<RecordSet>(&set);
            }
            tx.remove::<HostedZone>(&zone);
        }),
        _ => private_zone(w, random.below(3), association),
    }
}

fn modify<R: Row>(w: &mut WorldBuilder, id: &R::Id, change: impl FnOnce(&mut R))
where
    World: Holds<R>,
{
    w.change(|tx| assert!(tx.modify::<R>(id, change)));
}

fn records(world: &World, zone: &HostedZoneId) -> Vec<RecordSetKey> {
    let start = RecordSetKey::new(&RecordSetKey::zone_prefix(zone));
    world.from::<RecordSet>(&start).take_while(|row| row.zone == *zone).map(|row| row.id()).collect()
}

/// A zone that the VPC sees, if it sees none of that name yet.
fn private_zone(w: &mut WorldBuilder, number: usize, association: VpcAssociation) {
    let name: Name = format!("n{number}.internal").parse().expect("a name");
    let sees = |other: &HostedZone| other.name == name && other.vpcs.contains(&association);
    if w.world().all::<HostedZone>().any(sees) {
        return;
    }
    let id = HostedZoneId::new(&format!("Z{}", w.world().generation));
    let account = w.scope().account.clone();
    w.change(|tx| {
        let created = tx.now();
        for (record_type, text) in [(RecordType::NS, "ns."), (RecordType::SOA, "ns. host. 1 2 3 4 5")] {
            let data = vec![Rdata::parse(record_type, text).expect("data")];
            let content = Content::Records { ttl: 60, data };
            let routing = Routing::Simple;
            let name = name.clone();
            let set =
                dns::RecordSet { name, record_type, identifier: None, routing, health_check: None, content };
            tx.put(RecordSet { zone: id.clone(), set, values: vec![text.to_owned()] });
        }
        let caller_reference = id.to_string();
        tx.put(HostedZone {
            id,
            account,
            name,
            caller_reference,
            comment: None,
            is_private: true,
            vpcs: vec![association],
            authorized: Vec::new(),
            delegation_set: None,
            name_servers: Vec::new(),
            record_sets: 2,
            created,
        });
    });
}

#[test]
fn updating_is_compiling_for_resolvers_too() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        let mut planner = Planner::new(builder.world());
        for _ in 0..60 {
            match random.chance(50) {
                true => random_step(&mut builder, &mut random),
                false => random_names_step(&mut builder, &mut random),
            }
            for step in builder.take_steps() {
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
            }
        }
    }
}

/// The resolver of the only VPC of a program.
/// Peered VPCs depend on each other: on what is up, on addresses and names, on who is in which group.
#[test]
fn updating_is_compiling_for_peered_vpcs_too() {
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let mut w = WorldBuilder::new();
        let vpcs = ["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16"].map(|block| w.vpc(block));
        let nets = [0, 1, 2].map(|n| w.subnet(&vpcs[n], &format!("10.{n}.1.0/24")));
        let groups = [0, 1, 2].map(|n| w.group(&vpcs[n]));
        let peerings = [(0, 1), (1, 2), (2, 0)].map(|(a, b)| w.peering(&vpcs[a], &vpcs[b]));
        for (n, peering) in peerings.iter().enumerate() {
            let (own, other) = (&groups[n], &groups[(n + 1) % 3]);
            w.peered_reference(own, Way::In, tcp(80, 80), other, peering);
            w.peered_reference(other, Way::Out, tcp(80, 80), own, peering);
        }
        let instances = [0, 1, 2].map(|n| w.instance(&nets[n], &[&groups[n]]));
        let nat = w.private_nat_gateway(&nets[2]);
        let gateway = w.internet_gateway(&vpcs[1]);
        w.elastic_ip(&instances[1]);
        let mut planner = Planner::new(w.world());
        w.take_steps();
        for _ in 0..60 {
            let n = random.below(3);
            match random.below(8) {
                0 => modify::<Vpc>(&mut w, &vpcs[n], |row| row.dns_hostnames = !row.dns_hostnames),
                1 => modify::<Vpc>(&mut w, &vpcs[n], |row| row.dns_support = !row.dns_support),
                2 => w.modify_peering(&peerings[n], |row| {
                    row.accepter.allow_dns_resolution = !row.accepter.allow_dns_resolution;
                }),
                3 => w.modify_peering(&peerings[n], |row| {
                    row.state = if row.is_active() { PeeringState::Expired } else { PeeringState::Active };
                }),
                4 => {
                    let is_up = w.world().get::<Instance>(&instances[n]).is_some_and(|row| row.state.is_up());
                    let state = if is_up { InstanceState::Stopped } else { InstanceState::Running };
                    w.set_state(&instances[n], state);
                }
                5 => modify::<NatGateway>(&mut w, &nat, |row| {
                    row.state = match row.is_live() {
                        true => NatGatewayState::Deleting { generation: 1 },
                        false => NatGatewayState::Available,
                    };
                }),
                6 => {
                    let interface = w.interface_of(&instances[n], 0);
                    w.secondary_address(&interface);
                }
                _ => {
                    let attached = w.world().get::<InternetGateway>(&gateway).and_then(|row| row.vpc.clone());
                    let vpc = if attached.is_some() { None } else { Some(&vpcs[1]) };
                    w.attach_gateway(&gateway, vpc);
                }
            }
            for step in w.take_steps() {
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
                assert_eq!(dangling(&new), Vec::<String>::new(), "seed {seed}");
            }
        }
    }
}

fn resolver(program: &Program) -> Option<Arc<VpcResolver>> {
    let mut routers = program.namespaces.values().filter_map(|namespace| match &namespace.role {
        Role::Router(router) => Some(router.resolver.clone()),
        _ => None,
    });
    routers.next().expect("a router")
}

#[test]
fn a_resolver_knows_the_names_of_its_vpc() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    w.internet_gateway(&vpc);
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let group = w.default_group(&vpc);
    let instance = w.instance(&subnet, &[&group]);
    let address = w.world().get::<NetworkInterface>(&w.interface_of(&instance, 0)).expect("it").primary_ip();
    w.elastic_ip(&instance);
    let public = w.world().all::<Address>().next().expect("an address").public_ip;
    let dashed = |address: std::net::Ipv4Addr| address.to_string().replace('.', "-");
    let name = |text: &str| text.parse::<Name>().expect("a name");
    let private_name = name(&format!("ip-{}.ec2.internal", dashed(address)));
    let public_name = name(&format!("ec2-{}.compute-1.amazonaws.com", dashed(public)));
    let resource_name = name(&format!("{instance}.ec2.internal"));

    modify::<Vpc>(&mut w, &vpc, |row| (row.dns_support, row.dns_hostnames) = (true, true));
    let knows = resolver(&plan(w.world())).expect("a resolver");
    assert_eq!(
        knows.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.2", "169.254.169.253"]
    );
    assert_eq!(knows.names.get(&private_name), Some(&vec![address.into()]));
    assert_eq!(knows.names.get(&public_name), Some(&vec![address.into()]), "inside, traffic stays inside");
    assert_eq!(knows.names.get(&resource_name), None, "the subnet does not say so");
    let [a, b, c, d] = address.octets();
    assert_eq!(knows.pointers.get(&name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"))), Some(&private_name));
    assert!(
        knows.autodefined.contains(&name("0.10.in-addr.arpa"))
            && knows.autodefined.contains(&name("ec2.internal"))
    );
    assert_eq!(
        knows.clients.get(&address).and_then(|(_, instance)| instance.as_deref()),
        Some(instance.as_str())
    );

    modify::<Subnet>(&mut w, &subnet, |row| row.resource_name_dns_a = true);
    modify::<Vpc>(&mut w, &vpc, |row| row.dns_hostnames = false);
    let knows = resolver(&plan(w.world())).expect("a resolver");
    assert_eq!(knows.names.get(&resource_name), Some(&vec![address.into()]));
    assert_eq!(knows.names.get(&public_name), None, "the VPC does without public host names");

    modify::<Vpc>(&mut w, &vpc, |row| row.dns_support = false);
    assert_eq!(resolver(&plan(w.world())), None);
}

#[test]
fn programs_refer_to_what_they_hold() {
    for seed in 0..400 {
        let program = plan(&random_world(seed));
        assert_eq!(dangling(&program), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn the_same_world_has_the_same_program() {
    for seed in 0..40 {
        let (one, two) = (random_world(seed), random_world(seed));
        assert!(one == two, "seed {seed}");
        assert!(plan(&one) == plan(&two), "seed {seed}");
    }
}

#[test]
fn a_rule_changes_the_router_of_its_vpc_alone() {
    let mut w = WorldBuilder::new();
    let vpcs = [w.vpc("10.0.0.0/16"), w.vpc("10.0.0.0/16")];
    for vpc in &vpcs {
        let subnet = w.subnet(vpc, "10.0.1.0/24");
        let group = w.default_group(vpc);
        w.instance(&subnet, &[&group]);
    }
    let mut planner = Planner::new(w.world());
    let old = planner.program().clone();
    w.take_steps();
    let group = w.default_group(&vpcs[0]);
    w.group_rule(&group, Way::In, tcp(80, 80), "0.0.0.0/0");
    let step = w.take_steps().remove(0);
    let new = planner.update(&step.before, &step.after, &step.delta);
    let changed: Vec<_> = new.namespaces.keys().filter(|name| !same(&old, &new, name.as_str())).collect();
    assert_eq!(changed, [&NamespaceName::new(vpcs[0].as_str())]);
}

#[test]
fn a_planner_that_missed_a_change_catches_up() {
    let mut w = WorldBuilder::new();
    let vpc = w.vpc("10.0.0.0/16");
    let mut planner = Planner::new(&World::default());
    let subnet = w.subnet(&vpc, "10.0.1.0/24");
    let group = w.default_group(&vpc);
    w.instance(&subnet, &[&group]);
    let last = w.take_steps().pop().expect("the last change");
    assert_eq!(planner.update(&last.before, &last.after, &last.delta), plan(w.world()));

    w.delete_vpc(&vpc);
    w.vpc("10.1.0.0/16");
    let last = w.take_steps().pop().expect("the last change");
    assert_eq!(planner.update(&last.before, &last.after, &last.delta), plan(w.world()));
}
