//! NAT gateways: their life, what makes them fail, and their addresses.

mod harness;
mod lab;

use enishi_api::ec2::{
    AssignPrivateNatGatewayAddressRequest, AssociateNatGatewayAddressRequest, CreateNatGatewayRequest,
    DeleteNatGatewayRequest, DeleteNetworkInterfaceRequest, DescribeAddressesRequest,
    DescribeNatGatewaysRequest, DescribeNetworkInterfacesRequest, DisassociateAddressRequest,
    DisassociateNatGatewayAddressRequest, Filter, NatGateway, ReleaseAddressRequest,
    UnassignPrivateNatGatewayAddressRequest, ops,
};
use enishi_cloud::tick;
use harness::text;
use lab::Lab;

fn public(lab: &Lab, allocation: &str) -> CreateNatGatewayRequest {
    CreateNatGatewayRequest {
        subnet_id: Some(lab.subnet.clone()),
        allocation_id: text(allocation),
        ..Default::default()
    }
}

fn private(lab: &Lab) -> CreateNatGatewayRequest {
    CreateNatGatewayRequest {
        subnet_id: Some(lab.subnet.clone()),
        connectivity_type: text("private"),
        ..Default::default()
    }
}

#[track_caller]
fn create(lab: &mut Lab, input: CreateNatGatewayRequest) -> String {
    let made = lab.h.ok::<ops::CreateNatGateway>(input).nat_gateway.unwrap();
    assert_eq!(made.state.as_deref(), Some("pending"));
    made.nat_gateway_id.unwrap()
}

#[track_caller]
fn describe(lab: &mut Lab, id: &str) -> NatGateway {
    let input = DescribeNatGatewaysRequest { nat_gateway_ids: vec![id.to_owned()], ..Default::default() };
    lab.h.ok::<ops::DescribeNatGateways>(input).nat_gateways.unwrap().remove(0)
}

fn delete(lab: &mut Lab, id: &str) {
    let input = DeleteNatGatewayRequest { nat_gateway_id: id.to_owned(), ..Default::default() };
    lab.h.ok::<ops::DeleteNatGateway>(input);
}

#[test]
fn a_public_gateway_becomes_available_when_it_is_realised() {
    let mut lab = Lab::with_gateway();
    let (allocation, ip) = lab.allocate();
    let input = public(&lab, &allocation);
    let id = create(&mut lab, input);
    let mut facts = lab.facts();
    facts.realised_generation -= 1;
    assert!(!tick::needs_tick(&lab.h.world, &facts, lab.h.now));
    assert_eq!(describe(&mut lab, &id).state.as_deref(), Some("pending"));
    lab.settle();
    let gateway = describe(&mut lab, &id);
    assert_eq!(gateway.state.as_deref(), Some("available"));
    assert_eq!(gateway.connectivity_type.as_deref(), Some("public"));
    let address = gateway.nat_gateway_addresses.unwrap().remove(0);
    assert_eq!(address.public_ip, Some(ip));
    assert_eq!(address.allocation_id.as_ref(), Some(&allocation));
    assert_eq!(address.is_primary, Some(true));

    let eni = address.network_interface_id.unwrap();
    let shown = lab.interface(&eni);
    assert_eq!(shown.interface_type.as_deref(), Some("nat_gateway"));
    assert_eq!(shown.description, Some(format!("Interface for NAT Gateway {id}")));
    assert_eq!((shown.requester_managed, shown.source_dest_check), (Some(true), Some(false)));
    assert_eq!(shown.attachment.unwrap().instance_owner_id.as_deref(), Some("amazon-aws"));
    assert_eq!(shown.private_ip_address, address.private_ip);
    let input = DeleteNetworkInterfaceRequest { network_interface_id: eni, ..Default::default() };
    lab.h.code::<ops::DeleteNetworkInterface>(input, "OperationNotPermitted");
    let input = DisassociateAddressRequest { association_id: address.association_id, ..Default::default() };
    lab.h.message::<ops::DisassociateAddress>(
        input,
        "AuthFailure",
        "You do not have permission to access the specified resource.",
    );
    let release = ReleaseAddressRequest { allocation_id: Some(allocation), ..Default::default() };
    lab.h.code::<ops::ReleaseAddress>(release, "InvalidIPAddress.InUse");
}

#[test]
fn a_deleted_gateway_frees_its_addresses_and_is_listed_for_an_hour() {
    let mut lab = Lab::with_gateway();
    let (allocation, _) = lab.allocate();
    let input = public(&lab, &allocation);
    let id = create(&mut lab, input);
    lab.settle();
    delete(&mut lab, &id);
    assert_eq!(describe(&mut lab, &id).state.as_deref(), Some("deleting"));
    lab.settle();
    let gone = describe(&mut lab, &id);
    assert_eq!(gone.state.as_deref(), Some("deleted"));
    assert!(gone.delete_time.is_some());
    delete(&mut lab, &id);
    let filters = vec![Filter { name: text("interface-type"), values: vec!["nat_gateway".to_owned()] }];
    let input = DescribeNetworkInterfacesRequest { filters, ..Default::default() };
    assert_eq!(lab.h.ok::<ops::DescribeNetworkInterfaces>(input).network_interfaces, Some(vec![]));
    let release = ReleaseAddressRequest { allocation_id: Some(allocation), ..Default::default() };
    lab.h.ok::<ops::ReleaseAddress>(release);

    lab.h.now = tick::next_deadline(&lab.h.world).unwrap();
    lab.settle();
    let input = DescribeNatGatewaysRequest { nat_gateway_ids: vec![id.clone()], ..Default::default() };
    lab.h.message::<ops::DescribeNatGateways>(
        input,
        "NatGatewayNotFound",
        &format!("NAT gateway {id} was not found"),
    );
}

#[test]
fn what_is_wrong_with_the_network_shows_as_failed() {
    let mut lab = Lab::new();
    let (allocation, _) = lab.allocate();
    let input = public(&lab, &allocation);
    let id = create(&mut lab, input);
    let failed = describe(&mut lab, &id);
    assert_eq!(failed.state.as_deref(), Some("failed"));
    assert_eq!(failed.failure_code.as_deref(), Some("Gateway.NotAttached"));
    assert_eq!(failed.failure_message, Some(format!("Network {} has no Internet gateway attached", lab.vpc)));

    lab.add_gateway();
    let input = public(&lab, &allocation);
    create(&mut lab, input.clone());
    let id = create(&mut lab, input);
    let failed = describe(&mut lab, &id);
    assert_eq!(failed.failure_code.as_deref(), Some("Resource.AlreadyAssociated"));
    assert_eq!(
        failed.failure_message,
        Some(format!("Elastic IP address {allocation} is already associated"))
    );
    lab.h.now = lab.h.now.plus_seconds(3600);
    lab.settle();
    let listed = lab.h.ok::<ops::DescribeNatGateways>(DescribeNatGatewaysRequest::default());
    assert_eq!(listed.nat_gateways.unwrap().len(), 1);
}

#[test]
fn requests_are_checked_at_once() {
    let mut lab = Lab::with_gateway();
    let (allocation, _) = lab.allocate();
    let missing = public(&lab, "eipalloc-00000000000000000");
    lab.h.message::<ops::CreateNatGateway>(
        missing,
        "InvalidAllocationID.NotFound",
        "The allocation ID 'eipalloc-00000000000000000' does not exist",
    );
    let none = CreateNatGatewayRequest { allocation_id: None, ..public(&lab, "") };
    lab.h.message::<ops::CreateNatGateway>(
        none,
        "MissingParameter",
        "The request must contain the parameter AllocationId",
    );
    let both = CreateNatGatewayRequest { allocation_id: Some(allocation), ..private(&lab) };
    lab.h.code::<ops::CreateNatGateway>(both, "InvalidParameterCombination");
    let nowhere = CreateNatGatewayRequest { subnet_id: text("subnet-00000000000000000"), ..private(&lab) };
    lab.h.code::<ops::CreateNatGateway>(nowhere, "InvalidSubnet");
}

#[test]
fn a_zone_has_room_for_five() {
    let mut lab = Lab::new();
    for _ in 0..5 {
        let input = private(&lab);
        create(&mut lab, input);
    }
    let input = private(&lab);
    lab.h.code::<ops::CreateNatGateway>(input, "NatGatewayLimitExceeded");
    let subnet_id = Some(lab.add_subnet("10.0.2.0/24", "us-east-1b"));
    let input = CreateNatGatewayRequest { subnet_id, ..private(&lab) };
    create(&mut lab, input);
}

#[test]
fn the_same_token_makes_one_gateway() {
    let mut lab = Lab::new();
    let input = CreateNatGatewayRequest { client_token: text("once"), ..private(&lab) };
    assert_eq!(create(&mut lab, input.clone()), create(&mut lab, input));
    lab.settle();
    lab.h.now = lab.h.now.plus_seconds(24 * 3600);
    lab.settle();
    assert!(lab.h.world.client_tokens.is_empty());
}

#[test]
fn a_public_gateway_takes_another_elastic_ip_up_to_its_quota() {
    let mut lab = Lab::with_gateway();
    let (first, _) = lab.allocate();
    let (second, ip) = lab.allocate();
    let (third, _) = lab.allocate();
    let input = public(&lab, &first);
    let id = create(&mut lab, input);
    let add = |allocation: &str| AssociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        allocation_ids: vec![allocation.to_owned()],
        ..Default::default()
    };
    lab.h.code::<ops::AssociateNatGatewayAddress>(add(&second), "IncorrectState");
    lab.settle();
    lab.h.ok::<ops::AssociateNatGatewayAddress>(add(&second));
    lab.h.code::<ops::AssociateNatGatewayAddress>(add(&third), "PrivateIpAddressLimitExceeded");
    let addresses = describe(&mut lab, &id).nat_gateway_addresses.unwrap();
    assert_eq!((addresses.len(), addresses[1].public_ip.as_ref()), (2, Some(&ip)));

    let take = |association: &Option<String>| DisassociateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        association_ids: association.iter().cloned().collect(),
        ..Default::default()
    };
    lab.h.code::<ops::DisassociateNatGatewayAddress>(take(&addresses[0].association_id), "InvalidParameter");
    lab.h.ok::<ops::DisassociateNatGatewayAddress>(take(&addresses[1].association_id));
    assert_eq!(describe(&mut lab, &id).nat_gateway_addresses.unwrap().len(), 1);
    let input = DescribeAddressesRequest { allocation_ids: vec![second], ..Default::default() };
    let freed = lab.h.ok::<ops::DescribeAddresses>(input).addresses.unwrap().remove(0);
    assert_eq!(freed.association_id, None);
}

#[test]
fn a_private_gateway_takes_secondary_addresses() {
    let mut lab = Lab::new();
    let input = CreateNatGatewayRequest {
        private_ip_address: text("10.0.1.40"),
        secondary_private_ip_address_count: Some(1),
        ..private(&lab)
    };
    let id = create(&mut lab, input);
    lab.settle();
    let assign = AssignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: vec!["10.0.1.41".to_owned()],
        ..Default::default()
    };
    lab.h.ok::<ops::AssignPrivateNatGatewayAddress>(assign);
    let addresses = describe(&mut lab, &id).nat_gateway_addresses.unwrap();
    assert_eq!(addresses.len(), 3);
    assert_eq!(addresses[0].private_ip.as_deref(), Some("10.0.1.40"));
    let unassign = |ip: &str| UnassignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.clone(),
        private_ip_addresses: vec![ip.to_owned()],
        ..Default::default()
    };
    lab.h.code::<ops::UnassignPrivateNatGatewayAddress>(unassign("10.0.1.40"), "InvalidParameter");
    lab.h.ok::<ops::UnassignPrivateNatGatewayAddress>(unassign("10.0.1.41"));
    let eni = describe(&mut lab, &id).nat_gateway_addresses.unwrap().remove(0).network_interface_id.unwrap();
    assert_eq!(lab.interface(&eni).private_ip_addresses.unwrap().len(), 2);
}
