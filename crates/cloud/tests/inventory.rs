//! What clients ask for beside: empty inventories, DHCP options, operations that are refused.

mod harness;

use enishi_api::ec2::{self, ops};
use enishi_cloud::Parity;
use enishi_wire::Value;
use harness::Harness;

#[test]
fn there_are_none_of_what_cannot_be_made() {
    let mut harness = Harness::new();
    let volumes = harness.ok::<ops::DescribeVolumes>(Default::default());
    assert_eq!(volumes.volumes, Some(vec![]));
    let peerings = harness.ok::<ops::DescribeVpcPeeringConnections>(Default::default());
    assert_eq!(peerings.vpc_peering_connections, Some(vec![]));
    let named = ec2::DescribeVpcPeeringConnectionsRequest {
        vpc_peering_connection_ids: vec!["pcx-0123456789abcdef0".to_owned()],
        ..Default::default()
    };
    harness.message::<ops::DescribeVpcPeeringConnections>(
        named,
        "InvalidVpcPeeringConnectionID.NotFound",
        "The vpcPeeringConnection ID 'pcx-0123456789abcdef0' does not exist",
    );
    let links = harness.ok::<ops::DescribeVpcClassicLink>(Default::default()).vpcs.unwrap();
    assert_eq!(links[0].classic_link_enabled, Some(false));
}

#[test]
fn a_region_has_its_dhcp_options() {
    let mut harness = Harness::new();
    harness.act_as("123456789012", "eu-west-1");
    let options = harness.ok::<ops::DescribeDhcpOptions>(Default::default()).dhcp_options.unwrap().remove(0);
    let value = |n: usize| {
        let configuration = &options.dhcp_configurations.as_ref().unwrap()[n];
        configuration.values.as_ref().unwrap()[0].value.clone().unwrap()
    };
    assert_eq!(value(0), "eu-west-1.compute.internal");
    assert_eq!(value(1), "AmazonProvidedDNS");
    let vpc = harness.ok::<ops::DescribeVpcs>(Default::default()).vpcs.unwrap().remove(0);
    assert_eq!(vpc.dhcp_options_id, options.dhcp_options_id);
}

#[test]
fn operations_without_a_handler_are_refused_by_name() {
    let mut harness = Harness::new();
    let fault = harness.run_value("ec2", "CreateTransitGateway", Value::empty()).unwrap_err();
    assert_eq!(fault.code(), "UnsupportedOperation");
    assert_eq!(fault.message(), "The operation CreateTransitGateway is not supported by Enishi.");
    let fault = harness.run_value("service-quotas", "TagResource", Value::empty()).unwrap_err();
    assert_eq!(fault.code(), "UnsupportedOperationException");
}

#[test]
fn parity_lists_every_operation_of_aws_once() {
    let harness = Harness::new();
    let of = |name: &str| {
        harness
            .cloud
            .parity()
            .find(|(service, op, _)| *service == "ec2" && *op == name)
            .map(|(.., parity)| parity)
    };
    assert_eq!(of("CreateVpc"), Some(Parity::Real));
    assert_eq!(of("DescribeVolumes"), Some(Parity::Stored));
    assert_eq!(of("CreateTransitGateway"), Some(Parity::Refused));
    let mut names: Vec<_> = harness.cloud.parity().map(|(service, op, _)| (service, op)).collect();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count > 700, "EC2 alone has more");
}
