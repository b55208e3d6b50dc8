//! Instance types and where they are offered.

mod harness;

use enishi_api::ec2::{DescribeInstanceTypeOfferingsRequest, DescribeInstanceTypesRequest, Filter, ops};
use harness::{Harness, text};

fn filter(name: &str, value: &str) -> Vec<Filter> {
    vec![Filter { name: text(name), values: vec![value.to_owned()] }]
}

#[test]
fn a_type_is_described_as_aws_does() {
    let mut h = Harness::new();
    let input =
        DescribeInstanceTypesRequest { instance_types: vec!["t3.micro".to_owned()], ..Default::default() };
    let found = h.ok::<ops::DescribeInstanceTypes>(input).instance_types.unwrap().remove(0);
    assert_eq!(found.vcpu_info.unwrap().default_vcpus, Some(2));
    assert_eq!(found.memory_info.unwrap().size_in_mib, Some(1024));
    let network = found.network_info.unwrap();
    assert_eq!(
        (network.maximum_network_interfaces, network.ipv4_addresses_per_interface),
        (Some(2), Some(2))
    );
    assert_eq!(found.processor_info.unwrap().supported_architectures, Some(vec!["x86_64".to_owned()]));
    assert_eq!((found.free_tier_eligible, found.burstable_performance_supported), (Some(true), Some(true)));

    let input =
        DescribeInstanceTypesRequest { instance_types: vec!["t3.huge".to_owned()], ..Default::default() };
    h.message::<ops::DescribeInstanceTypes>(
        input,
        "InvalidInstanceType",
        "The following supplied instance types do not exist: [t3.huge]",
    );
}

#[test]
fn types_are_filtered_and_paged() {
    let mut h = Harness::new();
    let input = DescribeInstanceTypesRequest {
        filters: filter("processor-info.supported-architecture", "arm64"),
        max_results: Some(5),
        ..Default::default()
    };
    let first = h.ok::<ops::DescribeInstanceTypes>(input.clone());
    let names = |types: Option<Vec<enishi_api::ec2::InstanceTypeInfo>>| -> Vec<String> {
        types.unwrap().into_iter().map(|found| found.instance_type.unwrap()).collect()
    };
    let second = h.ok::<ops::DescribeInstanceTypes>(DescribeInstanceTypesRequest {
        next_token: first.next_token.clone(),
        ..input
    });
    let (first, second) = (names(first.instance_types), names(second.instance_types));
    assert_eq!((first.len(), second.len()), (5, 5));
    assert!(first.last() < second.first());
    assert!(first.iter().chain(&second).all(|name| name.split_once('.').unwrap().0.contains('g')));
}

#[test]
fn every_zone_offers_every_type() {
    let mut h = Harness::new();
    let input = DescribeInstanceTypeOfferingsRequest {
        location_type: text("availability-zone"),
        filters: filter("instance-type", "t2.micro"),
        ..Default::default()
    };
    let found = h.ok::<ops::DescribeInstanceTypeOfferings>(input).instance_type_offerings.unwrap();
    assert_eq!(found.len(), 6);
    assert_eq!(found[0].location.as_deref(), Some("us-east-1a"));
    let input = DescribeInstanceTypeOfferingsRequest { location_type: text("planet"), ..Default::default() };
    h.code::<ops::DescribeInstanceTypeOfferings>(input, "InvalidParameterValue");
}
