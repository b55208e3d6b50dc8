//! Random sequences of what changes addresses: whatever succeeds, the world stays consistent, and everything can be undone.

mod harness;
mod lab;

use std::collections::{BTreeMap, BTreeSet};

use enishi_api::ec2::{
    AllocateAddressRequest, AssignPrivateIpAddressesRequest, AssociateAddressRequest,
    AttachNetworkInterfaceRequest, AttributeBooleanValue, CreateNatGatewayRequest,
    CreateNetworkInterfaceRequest, DeleteNatGatewayRequest, DeleteNetworkInterfaceRequest,
    DetachNetworkInterfaceRequest, DisassociateAddressRequest, ModifyNetworkInterfaceAttributeRequest,
    ModifySubnetAttributeRequest, RebootInstancesRequest, ReleaseAddressRequest, StartInstancesRequest,
    StopInstancesRequest, TerminateInstancesRequest, UnassignPrivateIpAddressesRequest, ops,
};
use enishi_cloud::tick::Process;
use enishi_state::World;
use enishi_state::ec2::{
    Address, Instance, InstanceState, InterfaceKind, NatGateway, NetworkInterface, Subnet,
};
use lab::Lab;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// One of them, or an id that does not exist.
    fn pick(&mut self, ids: Vec<String>, absent: &str) -> String {
        let at = self.below(ids.len());
        ids.into_iter().nth(at).unwrap_or_else(|| absent.to_owned())
    }
}

fn instances(world: &World) -> Vec<String> {
    world.all::<Instance>().map(|row| row.id.to_string()).collect()
}

fn interfaces(world: &World) -> Vec<String> {
    world.all::<NetworkInterface>().map(|row| row.id.to_string()).collect()
}

fn addresses(world: &World) -> Vec<String> {
    world.all::<Address>().map(|row| row.id.to_string()).collect()
}

fn gateways(world: &World) -> Vec<String> {
    world.all::<NatGateway>().map(|row| row.id.to_string()).collect()
}

/// Does one random thing; says whether it succeeded.
fn step(lab: &mut Lab, random: &mut Random) -> bool {
    let world = lab.h.world.clone();
    let instance = random.pick(instances(&world), "i-00000000000000000");
    let interface = random.pick(interfaces(&world), "eni-00000000000000000");
    let allocation = random.pick(addresses(&world), "eipalloc-00000000000000000");
    let gateway = random.pick(gateways(&world), "nat-00000000000000000");
    let private = format!("10.0.1.{}", random.below(40));
    let one = vec![instance.clone()];
    let h = &mut lab.h;
    match random.below(19) {
        0 | 1 => {
            let input = lab.launch();
            lab.h.run::<ops::RunInstances>(input).is_ok()
        }
        2 => h
            .run::<ops::StopInstances>(StopInstancesRequest { instance_ids: one, ..Default::default() })
            .is_ok(),
        3 => h
            .run::<ops::StartInstances>(StartInstancesRequest { instance_ids: one, ..Default::default() })
            .is_ok(),
        4 => {
            let input = TerminateInstancesRequest { instance_ids: one, ..Default::default() };
            h.run::<ops::TerminateInstances>(input).is_ok()
        }
        5 => h
            .run::<ops::RebootInstances>(RebootInstancesRequest { instance_ids: one, ..Default::default() })
            .is_ok(),
        6 => {
            let input = CreateNetworkInterfaceRequest {
                subnet_id: lab.subnet.clone(),
                private_ip_address: Some(private).filter(|_| random.below(2) == 0),
                ..Default::default()
            };
            h.run::<ops::CreateNetworkInterface>(input).is_ok()
        }
        7 => {
            let input = AttachNetworkInterfaceRequest {
                network_interface_id: interface,
                instance_id: instance,
                device_index: 1,
                ..Default::default()
            };
            h.run::<ops::AttachNetworkInterface>(input).is_ok()
        }
        8 => {
            let attachments = world.all::<NetworkInterface>().filter_map(|row| row.attachment.as_ref());
            let attachments = attachments.map(|found| found.id.to_string()).collect();
            let attachment_id = random.pick(attachments, "eni-attach-00000000000000000");
            let input = DetachNetworkInterfaceRequest { attachment_id, ..Default::default() };
            h.run::<ops::DetachNetworkInterface>(input).is_ok()
        }
        9 => {
            let input =
                DeleteNetworkInterfaceRequest { network_interface_id: interface, ..Default::default() };
            h.run::<ops::DeleteNetworkInterface>(input).is_ok()
        }
        10 => {
            let input = AssignPrivateIpAddressesRequest {
                network_interface_id: interface,
                private_ip_addresses: vec![private],
                allow_reassignment: Some(random.below(2) == 0),
                ..Default::default()
            };
            h.run::<ops::AssignPrivateIpAddresses>(input).is_ok()
        }
        11 => {
            let input = UnassignPrivateIpAddressesRequest {
                network_interface_id: interface,
                private_ip_addresses: vec![private],
                ..Default::default()
            };
            h.run::<ops::UnassignPrivateIpAddresses>(input).is_ok()
        }
        12 => h.run::<ops::AllocateAddress>(AllocateAddressRequest::default()).is_ok(),
        13 => {
            let to_instance = random.below(2) == 0;
            let input = AssociateAddressRequest {
                allocation_id: Some(allocation),
                instance_id: Some(instance).filter(|_| to_instance),
                network_interface_id: Some(interface).filter(|_| !to_instance),
                allow_reassociation: Some(random.below(4) != 0),
                ..Default::default()
            };
            h.run::<ops::AssociateAddress>(input).is_ok()
        }
        14 => {
            let associations = world.all::<Address>().filter_map(|row| row.association.as_ref());
            let associations = associations.map(|found| found.id.to_string()).collect();
            let association_id = Some(random.pick(associations, "eipassoc-00000000000000000"));
            let input = DisassociateAddressRequest { association_id, ..Default::default() };
            h.run::<ops::DisassociateAddress>(input).is_ok()
        }
        15 => {
            let input = ReleaseAddressRequest { allocation_id: Some(allocation), ..Default::default() };
            h.run::<ops::ReleaseAddress>(input).is_ok()
        }
        16 => {
            let input = CreateNatGatewayRequest {
                subnet_id: Some(lab.subnet.clone()),
                allocation_id: Some(allocation),
                ..Default::default()
            };
            h.run::<ops::CreateNatGateway>(input).is_ok()
        }
        17 => {
            let input = DeleteNatGatewayRequest { nat_gateway_id: gateway, ..Default::default() };
            h.run::<ops::DeleteNatGateway>(input).is_ok()
        }
        _ => {
            let input = ModifyNetworkInterfaceAttributeRequest {
                network_interface_id: interface,
                associate_public_ip_address: Some(random.below(2) == 0),
                ..Default::default()
            };
            h.run::<ops::ModifyNetworkInterfaceAttribute>(input).is_ok()
        }
    }
}

/// Every reference leads somewhere, and no address is there twice.
fn check(world: &World) {
    let mut private = BTreeSet::new();
    let mut public = BTreeSet::new();
    let mut slots = BTreeSet::new();
    let mut devices = BTreeSet::new();
    for row in world.all::<NetworkInterface>() {
        let subnet = world.get::<Subnet>(&row.subnet).expect("an interface's subnet exists");
        assert!(slots.insert(row.slot), "two interfaces have slot {}", row.slot);
        assert!(!row.addresses.is_empty());
        for address in &row.addresses {
            assert!(subnet.cidr.contains(address.ip));
            assert!(private.insert((row.vpc.clone(), address.ip)), "{} is there twice", address.ip);
        }
        if let Some(ip) = row.auto_public_ip {
            assert!(public.insert(ip), "{ip} is there twice");
            let instance =
                row.instance().and_then(|id| world.get::<Instance>(id)).expect("only instances have one");
            assert!(instance.state.is_up(), "{} is {} and has {ip}", instance.id, instance.state.name());
        }
        if let Some(id) = row.instance() {
            let instance = world.get::<Instance>(id).expect("the instance of an interface exists");
            assert_ne!(instance.state, InstanceState::Terminated);
            let index = row.attachment.as_ref().map(|attachment| attachment.device_index);
            assert!(devices.insert((id.clone(), index)), "{id} has two interfaces at {index:?}");
        }
        if row.kind == InterfaceKind::NatGateway {
            assert_eq!(world.by::<NatGateway>("network_interface", row.id.as_str()).count(), 1);
        }
    }
    let mut mapped = BTreeMap::new();
    for row in world.all::<Address>() {
        assert!(public.insert(row.public_ip), "{} is there twice", row.public_ip);
        let Some(association) = &row.association else { continue };
        let interface =
            world.get::<NetworkInterface>(&association.network_interface).expect("the interface exists");
        assert!(interface.addresses.iter().any(|private| private.ip == association.private_ip));
        let place = (interface.id.clone(), association.private_ip);
        assert_eq!(mapped.insert(place, row.public_ip), None, "two Elastic IPs for one private address");
        let is_primary = association.private_ip == interface.primary_ip();
        assert!(
            !is_primary || interface.auto_public_ip.is_none(),
            "an automatic address beside an Elastic IP"
        );
    }
    for row in world.all::<Instance>().filter(|row| row.state != InstanceState::Terminated) {
        assert!(devices.contains(&(row.id.clone(), Some(0))), "{} has no primary interface", row.id);
    }
}

/// Ends and deletes everything that is there.
fn undo(lab: &mut Lab) {
    let instance_ids = instances(&lab.h.world);
    if !instance_ids.is_empty() {
        let input = TerminateInstancesRequest { instance_ids, ..Default::default() };
        lab.h.ok::<ops::TerminateInstances>(input);
    }
    for nat_gateway_id in gateways(&lab.h.world) {
        lab.h.ok::<ops::DeleteNatGateway>(DeleteNatGatewayRequest { nat_gateway_id, ..Default::default() });
    }
    lab.settle();
    for network_interface_id in interfaces(&lab.h.world) {
        let input = DeleteNetworkInterfaceRequest { network_interface_id, ..Default::default() };
        lab.h.ok::<ops::DeleteNetworkInterface>(input);
    }
    for allocation_id in addresses(&lab.h.world) {
        let input = ReleaseAddressRequest { allocation_id: Some(allocation_id), ..Default::default() };
        lab.h.ok::<ops::ReleaseAddress>(input);
    }
    lab.h.now = lab.h.now.plus_seconds(24 * 3600);
    lab.settle();
    let world = &lab.h.world;
    assert!(world.instances.is_empty() && world.nat_gateways.is_empty() && world.client_tokens.is_empty());
}

#[test]
fn random_sequences_keep_the_world_consistent() {
    let (mut succeeded, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut lab = Lab::with_gateway();
        let mut random = Random(seed);
        if seed % 2 == 0 {
            lab.h.ok::<ops::ModifySubnetAttribute>(ModifySubnetAttributeRequest {
                subnet_id: lab.subnet.clone(),
                map_public_ip_on_launch: Some(AttributeBooleanValue { value: Some(true) }),
                ..Default::default()
            });
        }
        for _ in 0..120 {
            let ok = step(&mut lab, &mut random);
            *(if ok { &mut succeeded } else { &mut refused }) += 1;
            match random.below(6) {
                0 => {
                    let running =
                        lab.h.world.all::<Instance>().find(|row| row.state == InstanceState::Running);
                    if let Some((id, boot)) = running.map(|row| (row.id.to_string(), row.boot)) {
                        lab.observe(&id, boot, Process::Exited { by_itself: true });
                    }
                }
                1..4 => lab.settle(),
                _ => {}
            }
            check(&lab.h.world);
        }
        undo(&mut lab);
    }
    assert!(succeeded > 1000 && refused > 500, "{succeeded} operations succeeded, {refused} were refused");
}

#[test]
fn the_model_notices_an_address_that_is_there_twice() {
    let mut lab = Lab::new();
    lab.running();
    let mut row = lab.h.world.all::<NetworkInterface>().next().unwrap().clone();
    let mut tx = enishi_state::Tx::new(&lab.h.world, &lab.h.caller, lab.h.now, &mut lab.h.entropy);
    row.id = enishi_state::ec2::NetworkInterfaceId::generate(tx.entropy());
    row.slot += 1;
    row.attachment = None;
    tx.put(row);
    let world = tx.commit().map(|commit| commit.world);
    let noticed = world.map_or(true, |world| std::panic::catch_unwind(|| check(&world)).is_err());
    assert!(noticed, "the check is blind");
}
