//! Internet gateways: attaching, detaching, quota.

mod harness;

use enishi_api::ec2::{self, ops};
use enishi_state::Tx;
use enishi_state::ec2::NetworkInterface;
use harness::{Harness, text};

fn vpc(harness: &mut Harness) -> String {
    let input = ec2::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn create(harness: &mut Harness) -> String {
    let made = harness.ok::<ops::CreateInternetGateway>(Default::default()).internet_gateway.unwrap();
    assert_eq!(made.attachments, Some(vec![]));
    made.internet_gateway_id.unwrap()
}

fn attach(gateway: &str, vpc: &str) -> ec2::AttachInternetGatewayRequest {
    ec2::AttachInternetGatewayRequest {
        internet_gateway_id: gateway.to_owned(),
        vpc_id: vpc.to_owned(),
        dry_run: None,
    }
}

fn detach(gateway: &str, vpc: &str) -> ec2::DetachInternetGatewayRequest {
    ec2::DetachInternetGatewayRequest {
        internet_gateway_id: gateway.to_owned(),
        vpc_id: vpc.to_owned(),
        dry_run: None,
    }
}

#[test]
fn a_gateway_has_one_vpc_and_a_vpc_one_gateway() {
    let mut harness = Harness::new();
    let (one, two) = (vpc(&mut harness), vpc(&mut harness));
    let (first, second) = (create(&mut harness), create(&mut harness));
    harness.code::<ops::DetachInternetGateway>(detach(&first, &one), "Gateway.NotAttached");
    harness.ok::<ops::AttachInternetGateway>(attach(&first, &one));
    harness.message::<ops::AttachInternetGateway>(
        attach(&first, &two),
        "Resource.AlreadyAssociated",
        &format!("resource {first} is already attached to network {one}"),
    );
    harness.code::<ops::AttachInternetGateway>(attach(&second, &one), "InvalidParameterValue");
    let described = ec2::DescribeInternetGatewaysRequest {
        internet_gateway_ids: vec![first.clone()],
        ..Default::default()
    };
    let shown = harness.ok::<ops::DescribeInternetGateways>(described).internet_gateways.unwrap().remove(0);
    let attachment = shown.attachments.unwrap().remove(0);
    assert_eq!((attachment.state.as_deref(), attachment.vpc_id), (Some("available"), Some(one.clone())));
    let delete = ec2::DeleteInternetGatewayRequest { internet_gateway_id: first.clone(), dry_run: None };
    harness.message::<ops::DeleteInternetGateway>(
        delete.clone(),
        "DependencyViolation",
        &format!("The internetGateway '{first}' has dependencies and cannot be deleted."),
    );
    harness.ok::<ops::DetachInternetGateway>(detach(&first, &one));
    harness.ok::<ops::DeleteInternetGateway>(delete.clone());
    harness.code::<ops::DeleteInternetGateway>(delete, "InvalidInternetGatewayID.NotFound");
}

#[test]
fn a_gateway_stays_while_public_addresses_are_mapped() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness);
    let gateway = create(&mut harness);
    harness.ok::<ops::AttachInternetGateway>(attach(&gateway, &vpc));
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: vpc.clone(),
        cidr_block: text("10.0.0.0/24"),
        ..Default::default()
    };
    let subnet = harness.ok::<ops::CreateSubnet>(subnet).subnet.unwrap().subnet_id.unwrap();
    let interface = ec2::CreateNetworkInterfaceRequest { subnet_id: subnet, ..Default::default() };
    harness.ok::<ops::CreateNetworkInterface>(interface);
    set_public_ip(&mut harness, Some([198, 18, 1, 1].into()));
    harness.message::<ops::DetachInternetGateway>(
        detach(&gateway, &vpc),
        "DependencyViolation",
        &format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
             the gateway."
        ),
    );
    set_public_ip(&mut harness, None);
    harness.ok::<ops::DetachInternetGateway>(detach(&gateway, &vpc));
}

/// Gives the only network interface an automatic public address, as a launch does, or takes it away.
fn set_public_ip(harness: &mut Harness, address: Option<std::net::Ipv4Addr>) {
    let id = harness.world.all::<NetworkInterface>().next().unwrap().id.clone();
    let mut tx = Tx::new(&harness.world, &harness.caller, harness.now, &mut harness.entropy);
    tx.modify::<NetworkInterface>(&id, |row| row.auto_public_ip = address);
    harness.world = tx.commit().unwrap().world;
}

#[test]
fn five_gateways_are_the_quota() {
    let mut harness = Harness::new();
    for _ in 0..4 {
        create(&mut harness);
    }
    harness.code::<ops::CreateInternetGateway>(Default::default(), "InternetGatewayLimitExceeded");
}
