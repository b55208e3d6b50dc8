//! Network interfaces: creation, attachment while running, secondary addresses, attributes.

mod harness;
mod lab;

use enishi_api::ec2::{
    AssignPrivateIpAddressesRequest, AssociateAddressRequest, AttachNetworkInterfaceRequest,
    AttributeBooleanValue, AttributeValue, CreateNetworkInterfacePermissionRequest,
    CreateNetworkInterfaceRequest, CreateSecurityGroupRequest, DeleteNetworkInterfaceRequest,
    DescribeNetworkInterfaceAttributeRequest, DescribeNetworkInterfacesRequest, DescribeSubnetsRequest,
    DetachNetworkInterfaceRequest, Filter, InstanceNetworkInterfaceSpecification,
    ModifyNetworkInterfaceAttributeRequest, NetworkInterface, NetworkInterfaceAttachmentChanges,
    PrivateIpAddressSpecification, ResetNetworkInterfaceAttributeRequest, RunInstancesRequest,
    TerminateInstancesRequest, UnassignPrivateIpAddressesRequest, ops,
};
use harness::text;
use lab::Lab;

fn create(lab: &mut Lab, input: CreateNetworkInterfaceRequest) -> NetworkInterface {
    lab.h.ok::<ops::CreateNetworkInterface>(input).network_interface.unwrap()
}

fn input(lab: &Lab) -> CreateNetworkInterfaceRequest {
    CreateNetworkInterfaceRequest { subnet_id: lab.subnet.clone(), ..Default::default() }
}

fn attach(eni: &str, instance: &str, index: i32) -> AttachNetworkInterfaceRequest {
    AttachNetworkInterfaceRequest {
        network_interface_id: eni.to_owned(),
        instance_id: instance.to_owned(),
        device_index: index,
        ..Default::default()
    }
}

fn delete(eni: &str) -> DeleteNetworkInterfaceRequest {
    DeleteNetworkInterfaceRequest { network_interface_id: eni.to_owned(), ..Default::default() }
}

fn modify(eni: &str) -> ModifyNetworkInterfaceAttributeRequest {
    ModifyNetworkInterfaceAttributeRequest { network_interface_id: eni.to_owned(), ..Default::default() }
}

#[test]
fn a_free_interface_is_available_with_the_default_group() {
    let mut lab = Lab::new();
    let request = CreateNetworkInterfaceRequest {
        description: text("spare"),
        private_ip_address: text("10.0.1.77"),
        secondary_private_ip_address_count: Some(2),
        ..input(&lab)
    };
    let eni = create(&mut lab, request);
    assert_eq!(eni.status.as_deref(), Some("available"));
    assert_eq!(eni.private_ip_address.as_deref(), Some("10.0.1.77"));
    assert_eq!(eni.private_ip_addresses.unwrap().len(), 3);
    assert_eq!(eni.groups.unwrap()[0].group_name.as_deref(), Some("default"));
    assert_eq!(eni.interface_type.as_deref(), Some("interface"));
    assert_eq!((eni.source_dest_check, eni.requester_managed), (Some(true), Some(false)));
    let mac = eni.mac_address.unwrap();
    assert!(["02", "06", "0a", "0e"].contains(&&mac[..2]), "{mac}");
    let subnets = DescribeSubnetsRequest { subnet_ids: vec![lab.subnet.clone()], ..Default::default() };
    let subnet = lab.h.ok::<ops::DescribeSubnets>(subnets).subnets.unwrap().remove(0);
    assert_eq!(subnet.available_ip_address_count, Some(251 - 3));
}

#[test]
fn addresses_and_groups_are_checked() {
    let mut lab = Lab::new();
    let taken = CreateNetworkInterfaceRequest { private_ip_address: text("10.0.1.77"), ..input(&lab) };
    create(&mut lab, taken.clone());
    lab.h.message::<ops::CreateNetworkInterface>(
        taken,
        "InvalidIPAddress.InUse",
        "The specified address is already in use.",
    );
    for (address, why) in [
        ("10.0.1.255", "Address 10.0.1.255 is in subnet's reserved address range"),
        ("10.0.9.9", "Address 10.0.9.9 does not fall within the subnet's address range"),
    ] {
        let request = CreateNetworkInterfaceRequest { private_ip_address: text(address), ..input(&lab) };
        lab.h.message::<ops::CreateNetworkInterface>(request, "InvalidParameterValue", why);
    }
    let request =
        CreateNetworkInterfaceRequest { groups: vec!["sg-00000000000000000".to_owned()], ..input(&lab) };
    lab.h.code::<ops::CreateNetworkInterface>(request, "InvalidGroup.NotFound");
    let permission = CreateNetworkInterfacePermissionRequest::default();
    lab.h.code::<ops::CreateNetworkInterfacePermission>(permission, "UnsupportedOperation");
}

#[test]
fn groups_of_another_vpc_are_refused() {
    let mut lab = Lab::new();
    let group = CreateSecurityGroupRequest {
        group_name: "elsewhere".to_owned(),
        description: "in the default VPC".to_owned(),
        ..Default::default()
    };
    let group = lab.h.ok::<ops::CreateSecurityGroup>(group).group_id.unwrap();
    let request = CreateNetworkInterfaceRequest { groups: vec![group.clone()], ..input(&lab) };
    let subnet = lab.subnet.clone();
    lab.h.message::<ops::CreateNetworkInterface>(
        request,
        "InvalidParameter",
        &format!("Security group {group} and subnet {subnet} belong to different networks."),
    );
}

#[test]
fn an_interface_is_attached_and_detached_while_the_instance_runs() {
    let mut lab = Lab::new();
    let id = lab.running();
    let request = input(&lab);
    let eni = create(&mut lab, request).network_interface_id.unwrap();
    let attachment = lab.h.ok::<ops::AttachNetworkInterface>(attach(&eni, &id, 1)).attachment_id.unwrap();
    let shown = lab.interface(&eni);
    assert_eq!(shown.status.as_deref(), Some("in-use"));
    let found = shown.attachment.unwrap();
    assert_eq!((found.instance_id.as_ref(), found.device_index), (Some(&id), Some(1)));
    assert_eq!(found.delete_on_termination, Some(false));

    lab.h.message::<ops::AttachNetworkInterface>(
        attach(&eni, &id, 2),
        "InvalidNetworkInterface.InUse",
        &format!("Interface: [{eni}] in use."),
    );
    lab.h.message::<ops::DeleteNetworkInterface>(
        delete(&eni),
        "InvalidParameterValue",
        &format!("Network interface '{eni}' is currently in use."),
    );
    let request = input(&lab);
    let third = create(&mut lab, request).network_interface_id.unwrap();
    lab.h.code::<ops::AttachNetworkInterface>(attach(&third, &id, 1), "InvalidParameterValue");
    lab.h.message::<ops::AttachNetworkInterface>(
        attach(&third, &id, 2),
        "AttachmentLimitExceeded",
        "Interface count 3 exceeds the limit for t3.micro",
    );

    let detach = DetachNetworkInterfaceRequest { attachment_id: attachment.clone(), ..Default::default() };
    lab.h.ok::<ops::DetachNetworkInterface>(detach.clone());
    lab.h.message::<ops::DetachNetworkInterface>(
        detach,
        "InvalidAttachmentID.NotFound",
        &format!("The networkInterface attachment ID '{attachment}' does not exist"),
    );
    lab.h.ok::<ops::DeleteNetworkInterface>(delete(&eni));
}

#[test]
fn the_primary_interface_cannot_be_detached() {
    let mut lab = Lab::new();
    let id = lab.running();
    let eni = lab.primary(&id);
    let attachment_id = lab.interface(&eni).attachment.unwrap().attachment_id.unwrap();
    let detach = DetachNetworkInterfaceRequest { attachment_id, ..Default::default() };
    lab.h.code::<ops::DetachNetworkInterface>(detach, "OperationNotPermitted");
}

#[test]
fn an_interface_of_another_zone_is_refused() {
    let mut lab = Lab::new();
    let id = lab.running();
    let subnet_id = lab.add_subnet("10.0.2.0/24", "us-east-1b");
    let request = CreateNetworkInterfaceRequest { subnet_id, ..Default::default() };
    let eni = create(&mut lab, request).network_interface_id.unwrap();
    lab.h.message::<ops::AttachNetworkInterface>(
        attach(&eni, &id, 1),
        "InvalidParameterCombination",
        "You may not attach a network interface to an instance if they are not in the same availability zone",
    );
}

#[test]
fn an_existing_interface_outlives_the_instance_it_was_launched_with() {
    let mut lab = Lab::new();
    let request = input(&lab);
    let eni = create(&mut lab, request).network_interface_id.unwrap();
    let specification = InstanceNetworkInterfaceSpecification {
        device_index: Some(0),
        network_interface_id: Some(eni.clone()),
        ..Default::default()
    };
    let launch =
        RunInstancesRequest { network_interfaces: vec![specification], subnet_id: None, ..lab.launch() };
    let id = lab.run(launch.clone()).remove(0);
    lab.h.code::<ops::RunInstances>(launch, "InvalidNetworkInterface.InUse");
    lab.settle();
    let terminate = TerminateInstancesRequest { instance_ids: vec![id], ..Default::default() };
    lab.h.ok::<ops::TerminateInstances>(terminate);
    lab.settle();
    assert_eq!(lab.interface(&eni).status.as_deref(), Some("available"));
}

#[test]
fn secondary_addresses_come_and_go_with_their_elastic_ip() {
    let mut lab = Lab::with_gateway();
    let request = input(&lab);
    let eni = create(&mut lab, request).network_interface_id.unwrap();
    let assign = AssignPrivateIpAddressesRequest {
        network_interface_id: eni.clone(),
        private_ip_addresses: vec!["10.0.1.200".to_owned()],
        ..Default::default()
    };
    let assigned =
        lab.h.ok::<ops::AssignPrivateIpAddresses>(assign.clone()).assigned_private_ip_addresses.unwrap();
    assert_eq!(assigned[0].private_ip_address.as_deref(), Some("10.0.1.200"));

    let (allocation, public) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        network_interface_id: Some(eni.clone()),
        private_ip_address: text("10.0.1.200"),
        ..Default::default()
    });
    let shown = lab.interface(&eni);
    assert_eq!(shown.association, None);
    let secondary = &shown.private_ip_addresses.unwrap()[1];
    assert_eq!(secondary.association.as_ref().unwrap().public_ip.as_ref(), Some(&public));

    let request = input(&lab);
    let other = create(&mut lab, request).network_interface_id.unwrap();
    let steal = AssignPrivateIpAddressesRequest { network_interface_id: other.clone(), ..assign };
    lab.h.code::<ops::AssignPrivateIpAddresses>(steal.clone(), "InvalidIPAddress.InUse");
    let steal = AssignPrivateIpAddressesRequest { allow_reassignment: Some(true), ..steal };
    lab.h.ok::<ops::AssignPrivateIpAddresses>(steal);
    assert_eq!(lab.interface(&eni).private_ip_addresses.unwrap().len(), 1);
    let address = enishi_state::ResourceId::parse(&allocation).unwrap();
    assert_eq!(lab.h.world.get::<enishi_state::ec2::Address>(&address).unwrap().association, None);

    let unassign = UnassignPrivateIpAddressesRequest {
        network_interface_id: other.clone(),
        private_ip_addresses: vec!["10.0.1.200".to_owned()],
        ..Default::default()
    };
    lab.h.ok::<ops::UnassignPrivateIpAddresses>(unassign.clone());
    lab.h.code::<ops::UnassignPrivateIpAddresses>(unassign, "InvalidParameterValue");
}

#[test]
fn an_instance_type_limits_addresses() {
    let mut lab = Lab::new();
    let id = lab.running();
    let eni = lab.primary(&id);
    let assign = |count| AssignPrivateIpAddressesRequest {
        network_interface_id: eni.clone(),
        secondary_private_ip_address_count: Some(count),
        ..Default::default()
    };
    lab.h.message::<ops::AssignPrivateIpAddresses>(
        assign(2),
        "PrivateIpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    );
    lab.h.ok::<ops::AssignPrivateIpAddresses>(assign(1));
}

#[test]
fn attributes_are_changed_one_at_a_time() {
    let mut lab = Lab::new();
    let request = input(&lab);
    let eni = create(&mut lab, request).network_interface_id.unwrap();
    let off = Some(AttributeBooleanValue { value: Some(false) });
    let description = Some(AttributeValue { value: text("router") });
    let both = ModifyNetworkInterfaceAttributeRequest {
        source_dest_check: off.clone(),
        description: description.clone(),
        ..modify(&eni)
    };
    lab.h.code::<ops::ModifyNetworkInterfaceAttribute>(both, "InvalidParameterCombination");
    lab.h.ok::<ops::ModifyNetworkInterfaceAttribute>(ModifyNetworkInterfaceAttributeRequest {
        source_dest_check: off,
        ..modify(&eni)
    });
    lab.h.ok::<ops::ModifyNetworkInterfaceAttribute>(ModifyNetworkInterfaceAttributeRequest {
        description,
        ..modify(&eni)
    });
    let shown = lab.interface(&eni);
    assert_eq!((shown.source_dest_check, shown.description.as_deref()), (Some(false), Some("router")));
    lab.h.ok::<ops::ResetNetworkInterfaceAttribute>(ResetNetworkInterfaceAttributeRequest {
        network_interface_id: eni.clone(),
        source_dest_check: text("true"),
        ..Default::default()
    });
    let attribute = DescribeNetworkInterfaceAttributeRequest {
        network_interface_id: eni,
        attribute: text("sourceDestCheck"),
        ..Default::default()
    };
    let answer = lab.h.ok::<ops::DescribeNetworkInterfaceAttribute>(attribute);
    assert_eq!(answer.source_dest_check.unwrap().value, Some(true));
}

#[test]
fn delete_on_termination_can_be_changed() {
    let mut lab = Lab::new();
    let id = lab.running();
    let eni = lab.primary(&id);
    let attachment = lab.interface(&eni).attachment.unwrap().attachment_id;
    let changes = NetworkInterfaceAttachmentChanges {
        attachment_id: attachment,
        delete_on_termination: Some(false),
        ..Default::default()
    };
    lab.h.ok::<ops::ModifyNetworkInterfaceAttribute>(ModifyNetworkInterfaceAttributeRequest {
        attachment: Some(changes),
        ..modify(&eni)
    });
    let terminate = TerminateInstancesRequest { instance_ids: vec![id], ..Default::default() };
    lab.h.ok::<ops::TerminateInstances>(terminate);
    lab.settle();
    assert_eq!(lab.interface(&eni).status.as_deref(), Some("available"));
}

#[test]
fn filters_find_interfaces() {
    let mut lab = Lab::new();
    let specification = |ip: &str, primary| PrivateIpAddressSpecification {
        primary: Some(primary),
        private_ip_address: text(ip),
    };
    let listed = CreateNetworkInterfaceRequest {
        private_ip_addresses: vec![specification("10.0.1.31", false), specification("10.0.1.30", true)],
        ..input(&lab)
    };
    let eni = create(&mut lab, listed);
    assert_eq!(eni.private_ip_address.as_deref(), Some("10.0.1.30"));
    let id = lab.running();
    for (name, value, count) in [
        ("attachment.instance-id", id.as_str(), 1),
        ("addresses.private-ip-address", "10.0.1.31", 1),
        ("status", "available", 1),
        ("vpc-id", lab.vpc.clone().as_str(), 2),
        ("group-name", "default", 2),
    ] {
        let filters = vec![Filter { name: text(name), values: vec![value.to_owned()] }];
        let request = DescribeNetworkInterfacesRequest { filters, ..Default::default() };
        let found = lab.h.ok::<ops::DescribeNetworkInterfaces>(request).network_interfaces.unwrap();
        assert_eq!(found.len(), count, "{name}");
    }
}
