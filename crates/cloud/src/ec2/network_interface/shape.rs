//! Network interfaces as responses show them: by themselves, and as part of their instance.

use std::net::Ipv4Addr;

use enishi_api::ec2 as api;
use enishi_api::ec2::{
    GroupIdentifier, InstanceNetworkInterface, InstanceNetworkInterfaceAssociation,
    InstanceNetworkInterfaceAttachment, InstancePrivateIpAddress, NetworkInterfaceAssociation,
    NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress, OperatorResponse,
};
pub(crate) use enishi_plan::host_name::{private_name as private_dns_name, public_name as public_dns_name};
use enishi_state::ec2::{
    Attachment, InterfaceKind, NetworkInterface, SecurityGroup, SecurityGroupId, Subnet, Vpc,
};
use enishi_state::{Region, World};
use enishi_wire::Timestamp;

use super::super::address::association::{Public, public_of};
use super::super::tag;

/// The account that AWS's own services attach as.
const SERVICE_OWNER: &str = "amazon-aws";

/// The account that load balancers attach as.
const LOAD_BALANCER_OWNER: &str = "amazon-elb";

/// As `DescribeNetworkInterfaces` shows it.
pub(crate) fn network_interface(world: &World, row: &NetworkInterface) -> api::NetworkInterface {
    let names = has_dns_names(world, row);
    let primary = public_of(world, row, row.primary_ip());
    let address = |ip: Ipv4Addr| NetworkInterfacePrivateIpAddress {
        association: public_of(world, row, ip).map(|public| association(row, &public, names)),
        primary: Some(ip == row.primary_ip()),
        private_dns_name: names.then(|| private_dns_name(&row.scope.region, ip)),
        private_ip_address: Some(ip.to_string()),
    };
    api::NetworkInterface {
        association: primary.map(|public| association(row, &public, names)),
        attachment: row.attachment.as_ref().map(|found| attachment(row, found)),
        availability_zone: Some(row.zone.clone()),
        availability_zone_id: world.get::<Subnet>(&row.subnet).map(|subnet| subnet.zone_id.clone()),
        description: Some(row.description.clone()),
        groups: Some(groups(world, &row.groups)),
        interface_type: Some(interface_type(row.kind).to_owned()),
        ipv6_addresses: Some(vec![]),
        mac_address: Some(row.mac.to_string()),
        network_interface_id: Some(row.id.to_string()),
        owner_id: Some(row.scope.account.to_string()),
        private_dns_name: names.then(|| private_dns_name(&row.scope.region, row.primary_ip())),
        public_dns_name: names
            .then(|| primary.map(|public| public_dns_name(&row.scope.region, public.ip())))
            .flatten(),
        private_ip_address: Some(row.primary_ip().to_string()),
        private_ip_addresses: Some(row.addresses.iter().map(|private| address(private.ip)).collect()),
        requester_id: row.requester.clone(),
        requester_managed: Some(is_managed(row)),
        source_dest_check: Some(row.source_dest_check),
        status: Some(status(row).to_owned()),
        subnet_id: Some(row.subnet.to_string()),
        tag_set: tag::of(world, row.id.as_str()),
        vpc_id: Some(row.vpc.to_string()),
        deny_all_igw_traffic: Some(false),
        operator: Some(OperatorResponse { managed: Some(is_managed(row)), ..Default::default() }),
        ..Default::default()
    }
}

/// As `DescribeInstances` shows it.
pub(crate) fn of_instance(world: &World, row: &NetworkInterface) -> InstanceNetworkInterface {
    let names = has_dns_names(world, row);
    let association = |public: Public<'_>| InstanceNetworkInterfaceAssociation {
        ip_owner_id: Some(public.owner().to_owned()),
        public_dns_name: Some(public_name_if(names, &row.scope.region, public.ip())),
        public_ip: Some(public.ip().to_string()),
        ..Default::default()
    };
    let address = |ip: Ipv4Addr| InstancePrivateIpAddress {
        association: public_of(world, row, ip).map(association),
        primary: Some(ip == row.primary_ip()),
        private_dns_name: names.then(|| private_dns_name(&row.scope.region, ip)),
        private_ip_address: Some(ip.to_string()),
    };
    let attachment = |found: &Attachment| InstanceNetworkInterfaceAttachment {
        attach_time: Some(Timestamp::from_millis(found.attached.0)),
        attachment_id: Some(found.id.to_string()),
        delete_on_termination: Some(found.delete_on_termination),
        device_index: Some(found.device_index.into()),
        status: Some("attached".to_owned()),
        network_card_index: Some(0),
        ..Default::default()
    };
    InstanceNetworkInterface {
        association: public_of(world, row, row.primary_ip()).map(association),
        attachment: row.attachment.as_ref().map(attachment),
        description: Some(row.description.clone()),
        groups: Some(groups(world, &row.groups)),
        ipv6_addresses: Some(vec![]),
        mac_address: Some(row.mac.to_string()),
        network_interface_id: Some(row.id.to_string()),
        owner_id: Some(row.scope.account.to_string()),
        private_dns_name: names.then(|| private_dns_name(&row.scope.region, row.primary_ip())),
        private_ip_address: Some(row.primary_ip().to_string()),
        private_ip_addresses: Some(row.addresses.iter().map(|private| address(private.ip)).collect()),
        source_dest_check: Some(row.source_dest_check),
        status: Some(status(row).to_owned()),
        subnet_id: Some(row.subnet.to_string()),
        vpc_id: Some(row.vpc.to_string()),
        interface_type: Some(interface_type(row.kind).to_owned()),
        operator: Some(OperatorResponse { managed: Some(false), ..Default::default() }),
        ..Default::default()
    }
}

/// Its attachment, as `DescribeNetworkInterfaces` shows it.
pub(crate) fn attachment(row: &NetworkInterface, found: &Attachment) -> NetworkInterfaceAttachment {
    NetworkInterfaceAttachment {
        attach_time: Some(Timestamp::from_millis(found.attached.0)),
        attachment_id: Some(found.id.to_string()),
        delete_on_termination: Some(found.delete_on_termination),
        device_index: Some(found.device_index.into()),
        network_card_index: Some(0),
        instance_id: found.instance.as_ref().map(ToString::to_string),
        instance_owner_id: Some(instance_owner(row, found)),
        status: Some("attached".to_owned()),
        ..Default::default()
    }
}

/// The account that owns what the interface is attached to.
pub(crate) fn instance_owner(row: &NetworkInterface, attachment: &Attachment) -> String {
    match row.kind {
        InterfaceKind::Interface => attachment.instance_owner.to_string(),
        InterfaceKind::LoadBalancer | InterfaceKind::NetworkLoadBalancer => LOAD_BALANCER_OWNER.to_owned(),
        InterfaceKind::NatGateway | InterfaceKind::ResolverEndpoint => SERVICE_OWNER.to_owned(),
    }
}

fn association(row: &NetworkInterface, public: &Public<'_>, names: bool) -> NetworkInterfaceAssociation {
    let (allocation_id, association_id) = match public {
        Public::Automatic(_) => (None, None),
        Public::Elastic(address, association) => {
            (Some(address.id.to_string()), Some(association.id.to_string()))
        }
    };
    NetworkInterfaceAssociation {
        allocation_id,
        association_id,
        ip_owner_id: Some(public_owner(row, public)),
        public_dns_name: Some(public_name_if(names, &row.scope.region, public.ip())),
        public_ip: Some(public.ip().to_string()),
        ..Default::default()
    }
}

/// Who owns a public address of the interface: an account, `amazon`, or `amazon-elb` where a load balancer has it.
pub(crate) fn public_owner(row: &NetworkInterface, public: &Public<'_>) -> String {
    match (public, row.kind) {
        (Public::Automatic(_), InterfaceKind::LoadBalancer | InterfaceKind::NetworkLoadBalancer) => {
            LOAD_BALANCER_OWNER.to_owned()
        }
        _ => public.owner().to_owned(),
    }
}

/// The groups with their names.
pub(crate) fn groups(world: &World, groups: &[SecurityGroupId]) -> Vec<GroupIdentifier> {
    let identifier = |id: &SecurityGroupId| GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: world.get::<SecurityGroup>(id).map(|group| group.name.clone()),
    };
    groups.iter().map(identifier).collect()
}

/// `in-use` or `available`.
pub(crate) fn status(row: &NetworkInterface) -> &'static str {
    if row.attachment.is_some() { "in-use" } else { "available" }
}

/// AWS's name of the kind.
pub(crate) fn interface_type(kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Interface | InterfaceKind::ResolverEndpoint | InterfaceKind::LoadBalancer => {
            "interface"
        }
        InterfaceKind::NetworkLoadBalancer => "network_load_balancer",
        InterfaceKind::NatGateway => "nat_gateway",
    }
}

/// Whether a service of AWS made it, so that users may not change it.
pub(crate) fn is_managed(row: &NetworkInterface) -> bool {
    row.requester.is_some()
}

/// Whether addresses in its VPC have names that are shown: the attribute `enableDnsHostnames`.
pub(crate) fn has_dns_names(world: &World, row: &NetworkInterface) -> bool {
    world.get::<Vpc>(&row.vpc).is_some_and(|vpc| vpc.dns_hostnames && vpc.dns_support)
}

fn public_name_if(names: bool, of: &Region, ip: Ipv4Addr) -> String {
    if names { public_dns_name(of, ip) } else { String::new() }
}
