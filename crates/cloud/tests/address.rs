//! Elastic IPs: quota, association and its effects on automatic addresses, release.

mod harness;
mod lab;

use enishi_api::ec2::{
    AllocateAddressRequest, AssociateAddressRequest, AttributeBooleanValue,
    DescribeAddressesAttributeRequest, DescribeAddressesRequest, DisassociateAddressRequest, Filter,
    ModifyAddressAttributeRequest, ModifySubnetAttributeRequest, ReleaseAddressRequest,
    ResetAddressAttributeRequest, StopInstancesRequest, TerminateInstancesRequest, ops,
};
use enishi_api::service_quotas::{self, RequestServiceQuotaIncreaseRequest};
use harness::text;
use lab::Lab;

fn to_instance(allocation: &str, instance: &str) -> AssociateAddressRequest {
    AssociateAddressRequest {
        allocation_id: text(allocation),
        instance_id: text(instance),
        ..Default::default()
    }
}

fn release(allocation: &str) -> ReleaseAddressRequest {
    ReleaseAddressRequest { allocation_id: text(allocation), ..Default::default() }
}

fn disassociate(association: &str) -> DisassociateAddressRequest {
    DisassociateAddressRequest { association_id: text(association), ..Default::default() }
}

fn map_public_ip(lab: &mut Lab) {
    lab.h.ok::<ops::ModifySubnetAttribute>(ModifySubnetAttributeRequest {
        subnet_id: lab.subnet.clone(),
        map_public_ip_on_launch: Some(AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    });
}

#[test]
fn five_addresses_are_the_quota_until_it_is_raised() {
    let mut lab = Lab::new();
    let addresses: Vec<String> = (0..5).map(|_| lab.allocate().1).collect();
    assert_eq!(addresses, ["198.18.1.0", "198.18.1.1", "198.18.1.2", "198.18.1.3", "198.18.1.4"]);
    lab.h.message::<ops::AllocateAddress>(
        AllocateAddressRequest::default(),
        "AddressLimitExceeded",
        "The maximum number of addresses has been reached.",
    );
    lab.h.ok::<service_quotas::ops::RequestServiceQuotaIncrease>(RequestServiceQuotaIncreaseRequest {
        service_code: "ec2".to_owned(),
        quota_code: "L-0263D0A3".to_owned(),
        desired_value: 6.0,
        ..Default::default()
    });
    assert_eq!(lab.allocate().1, "198.18.1.5");
}

#[test]
fn a_released_address_is_reused_last_but_can_be_had_again() {
    let mut lab = Lab::new();
    let (id, ip) = lab.allocate();
    lab.h.ok::<ops::ReleaseAddress>(release(&id));
    assert_ne!(lab.allocate().1, ip);
    let again = AllocateAddressRequest { address: Some(ip.clone()), ..Default::default() };
    assert_eq!(lab.h.ok::<ops::AllocateAddress>(again.clone()).public_ip, Some(ip));
    lab.h.code::<ops::AllocateAddress>(again, "InvalidAddressID.NotFound");
    let hosts = AllocateAddressRequest { address: text("198.18.0.9"), ..Default::default() };
    lab.h.code::<ops::AllocateAddress>(hosts, "InvalidAddressID.NotFound");
}

#[test]
fn association_needs_an_internet_gateway_and_a_settled_instance() {
    let mut lab = Lab::new();
    let (allocation, _) = lab.allocate();
    let input = lab.launch();
    let id = lab.run(input).remove(0);
    lab.h.message::<ops::AssociateAddress>(
        to_instance(&allocation, &id),
        "InvalidInstanceID",
        &format!("The pending instance '{id}' is not in a valid state for this operation."),
    );
    lab.settle();
    let vpc = lab.vpc.clone();
    lab.h.message::<ops::AssociateAddress>(
        to_instance(&allocation, &id),
        "Gateway.NotAttached",
        &format!("Network {vpc} is not attached to any internet gateway"),
    );
    lab.add_gateway();
    let made = lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id));
    let again = lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id));
    assert_eq!(made, again);
}

#[test]
fn an_elastic_ip_replaces_the_automatic_address_which_comes_back_as_another() {
    let mut lab = Lab::with_gateway();
    map_public_ip(&mut lab);
    let id = lab.running();
    let automatic = lab.instance(&id).public_ip_address.unwrap();
    let (allocation, elastic) = lab.allocate();
    let association =
        lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id)).association_id.unwrap();
    let shown = lab.instance(&id);
    assert_eq!(shown.public_ip_address.as_ref(), Some(&elastic));
    let owner = shown.network_interfaces.unwrap()[0].association.clone().unwrap().ip_owner_id;
    assert_eq!(owner.as_deref(), Some("123456789012"));

    lab.h.ok::<ops::DisassociateAddress>(disassociate(&association));
    let after = lab.instance(&id).public_ip_address.unwrap();
    assert_ne!(after, automatic);
    assert_ne!(after, elastic);
    lab.h.message::<ops::DisassociateAddress>(
        disassociate(&association),
        "InvalidAssociationID.NotFound",
        &format!("The association ID '{association}' does not exist"),
    );
}

#[test]
fn an_instance_launched_without_gets_no_automatic_address() {
    let mut lab = Lab::with_gateway();
    let id = lab.running();
    let (allocation, _) = lab.allocate();
    let association =
        lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id)).association_id.unwrap();
    lab.h.ok::<ops::DisassociateAddress>(disassociate(&association));
    assert_eq!(lab.instance(&id).public_ip_address, None);
}

#[test]
fn an_address_moves_unless_the_request_forbids_it() {
    let mut lab = Lab::with_gateway();
    let (first, second) = (lab.running(), lab.running());
    let (allocation, ip) = lab.allocate();
    let association =
        lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &first)).association_id.unwrap();
    let fixed =
        AssociateAddressRequest { allow_reassociation: Some(false), ..to_instance(&allocation, &second) };
    lab.h.message::<ops::AssociateAddress>(
        fixed,
        "Resource.AlreadyAssociated",
        &format!("resource {allocation} is already associated with associate-id {association}"),
    );
    let moved = lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &second)).association_id.unwrap();
    assert_ne!(moved, association);
    assert_eq!(lab.instance(&first).public_ip_address, None);
    assert_eq!(lab.instance(&second).public_ip_address, Some(ip));

    let (other, other_ip) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(to_instance(&other, &second));
    assert_eq!(lab.instance(&second).public_ip_address, Some(other_ip));
    let input = DescribeAddressesRequest { allocation_ids: vec![allocation], ..Default::default() };
    let replaced = lab.h.ok::<ops::DescribeAddresses>(input).addresses.unwrap().remove(0);
    assert_eq!(replaced.association_id, None);
}

#[test]
fn an_address_in_use_cannot_be_released() {
    let mut lab = Lab::with_gateway();
    let id = lab.running();
    let (allocation, ip) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id));
    lab.h.message::<ops::ReleaseAddress>(
        release(&allocation),
        "InvalidIPAddress.InUse",
        &format!("Address {ip} is in use."),
    );
    lab.h.message::<ops::ReleaseAddress>(
        release("eipalloc-00000000000000000"),
        "InvalidAllocationID.NotFound",
        "The allocation ID 'eipalloc-00000000000000000' does not exist",
    );
    let by_ip = ReleaseAddressRequest { public_ip: Some(ip), ..Default::default() };
    lab.h.message::<ops::ReleaseAddress>(
        by_ip,
        "InvalidParameterValue",
        "You must specify an allocation id when releasing a VPC elastic IP address",
    );
}

#[test]
fn an_elastic_ip_stays_over_a_stop_and_goes_with_termination() {
    let mut lab = Lab::with_gateway();
    let id = lab.running();
    let (allocation, ip) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id));
    lab.h.ok::<ops::StopInstances>(StopInstancesRequest {
        instance_ids: vec![id.clone()],
        ..Default::default()
    });
    lab.settle();
    assert_eq!(lab.instance(&id).public_ip_address, Some(ip));
    let input = TerminateInstancesRequest { instance_ids: vec![id], ..Default::default() };
    lab.h.ok::<ops::TerminateInstances>(input);
    lab.h.ok::<ops::ReleaseAddress>(release(&allocation));
}

#[test]
fn addresses_are_described_with_what_they_are_mapped_to() {
    let mut lab = Lab::with_gateway();
    let id = lab.running();
    let (allocation, ip) = lab.allocate();
    let (idle, _) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(to_instance(&allocation, &id));
    let eni = lab.primary(&id);
    let filters = vec![Filter { name: text("instance-id"), values: vec![id.clone()] }];
    let input = DescribeAddressesRequest { filters, ..Default::default() };
    let found = lab.h.ok::<ops::DescribeAddresses>(input).addresses.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].public_ip.as_ref(), Some(&ip));
    assert_eq!(found[0].network_interface_id, Some(eni));
    assert_eq!(found[0].domain.as_deref(), Some("vpc"));
    assert_eq!(found[0].public_ipv4_pool.as_deref(), Some("amazon"));
    let input = DescribeAddressesRequest { public_ips: vec![ip], ..Default::default() };
    assert_eq!(lab.h.ok::<ops::DescribeAddresses>(input).addresses.unwrap().len(), 1);
    let input = DescribeAddressesRequest { public_ips: vec!["192.0.2.1".to_owned()], ..Default::default() };
    lab.h.message::<ops::DescribeAddresses>(
        input,
        "InvalidAddress.NotFound",
        "Address '192.0.2.1' not found.",
    );
    lab.h.ok::<ops::ReleaseAddress>(release(&idle));
}

#[test]
fn a_reverse_name_keeps_the_address() {
    let mut lab = Lab::new();
    let (allocation, _) = lab.allocate();
    let input = ModifyAddressAttributeRequest {
        allocation_id: allocation.clone(),
        domain_name: text("mail.example.com"),
        ..Default::default()
    };
    let set = lab.h.ok::<ops::ModifyAddressAttribute>(input).address.unwrap();
    assert_eq!(set.ptr_record.as_deref(), Some("mail.example.com."));
    lab.h.code::<ops::ReleaseAddress>(release(&allocation), "InvalidAddress.PtrSet");
    let listed = lab.h.ok::<ops::DescribeAddressesAttribute>(DescribeAddressesAttributeRequest::default());
    assert_eq!(listed.addresses.unwrap().len(), 1);
    let input = ResetAddressAttributeRequest {
        allocation_id: allocation.clone(),
        attribute: "domain-name".to_owned(),
        ..Default::default()
    };
    lab.h.ok::<ops::ResetAddressAttribute>(input);
    lab.h.ok::<ops::ReleaseAddress>(release(&allocation));
}
