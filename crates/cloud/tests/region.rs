//! Regions, zones and account attributes.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn filter(name: &str, value: &str) -> Vec<ec2::Filter> {
    vec![ec2::Filter { name: text(name), values: vec![value.to_owned()] }]
}

#[test]
fn seventeen_regions_need_no_opt_in() {
    let mut harness = Harness::new();
    let regions = harness.ok::<ops::DescribeRegions>(Default::default()).regions.unwrap();
    assert_eq!(regions.len(), 17);
    let ireland = regions.iter().find(|region| region.region_name.as_deref() == Some("eu-west-1")).unwrap();
    assert_eq!(ireland.endpoint.as_deref(), Some("ec2.eu-west-1.amazonaws.com"));
    assert_eq!(ireland.opt_in_status.as_deref(), Some("opt-in-not-required"));
    let all = ec2::DescribeRegionsRequest { all_regions: Some(true), ..Default::default() };
    assert!(harness.ok::<ops::DescribeRegions>(all).regions.unwrap().len() > 30);
    let named =
        ec2::DescribeRegionsRequest { region_names: vec!["af-south-1".to_owned()], ..Default::default() };
    let named = harness.ok::<ops::DescribeRegions>(named).regions.unwrap();
    assert_eq!(named[0].opt_in_status.as_deref(), Some("not-opted-in"));
    let wrong = ec2::DescribeRegionsRequest { region_names: vec!["mars-1".to_owned()], ..Default::default() };
    harness.code::<ops::DescribeRegions>(wrong, "InvalidParameterValue");
    let filters = filter("region-name", "us-*");
    let found = ec2::DescribeRegionsRequest { filters, ..Default::default() };
    assert_eq!(harness.ok::<ops::DescribeRegions>(found).regions.unwrap().len(), 4);
}

#[test]
fn zones_are_those_of_the_region() {
    let mut harness = Harness::new();
    harness.act_as("123456789012", "ap-northeast-1");
    let zones = harness.ok::<ops::DescribeAvailabilityZones>(Default::default()).availability_zones.unwrap();
    let names: Vec<_> = zones.iter().map(|zone| zone.zone_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d"]);
    assert_eq!(zones[0].state.as_deref(), Some("available"));
    assert_eq!(zones[0].zone_type.as_deref(), Some("availability-zone"));
    let filters = filter("opt-in-status", "opt-in-not-required");
    let found = ec2::DescribeAvailabilityZonesRequest { filters, ..Default::default() };
    assert_eq!(harness.ok::<ops::DescribeAvailabilityZones>(found).availability_zones.unwrap().len(), 3);
    let wrong = ec2::DescribeAvailabilityZonesRequest {
        zone_names: vec!["us-east-1a".to_owned()],
        ..Default::default()
    };
    harness.message::<ops::DescribeAvailabilityZones>(
        wrong,
        "InvalidParameterValue",
        "Invalid availability zone: [us-east-1a]",
    );
}

#[test]
fn account_attributes_name_the_default_vpc() {
    let mut harness = Harness::new();
    let all = harness.ok::<ops::DescribeAccountAttributes>(Default::default()).account_attributes.unwrap();
    assert_eq!(all.len(), 6);
    let value = |name: &str| {
        let attribute =
            all.iter().find(|attribute| attribute.attribute_name.as_deref() == Some(name)).unwrap();
        attribute.attribute_values.as_ref().unwrap()[0].attribute_value.clone().unwrap()
    };
    assert_eq!(value("supported-platforms"), "VPC");
    assert_eq!(value("vpc-max-elastic-ips"), "5");
    assert!(value("default-vpc").starts_with("vpc-"));
    let wrong = ec2::DescribeAccountAttributesRequest {
        attribute_names: vec!["colour".to_owned()],
        ..Default::default()
    };
    harness.code::<ops::DescribeAccountAttributes>(wrong, "InvalidParameterValue");
}
