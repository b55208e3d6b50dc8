//! Subnets: CIDR rules, zones, addresses, attributes, reservations, default subnets.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn vpc(harness: &mut Harness, cidr: &str) -> String {
    let input = ec2::CreateVpcRequest { cidr_block: text(cidr), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap().vpc_id.unwrap()
}

fn request(vpc: &str, cidr: &str) -> ec2::CreateSubnetRequest {
    ec2::CreateSubnetRequest { vpc_id: vpc.to_owned(), cidr_block: text(cidr), ..Default::default() }
}

fn create(harness: &mut Harness, vpc: &str, cidr: &str) -> ec2::Subnet {
    harness.ok::<ops::CreateSubnet>(request(vpc, cidr)).subnet.unwrap()
}

#[test]
fn a_subnet_shows_all_its_fields() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let subnet = create(&mut harness, &vpc, "10.0.1.0/24");
    let id = subnet.subnet_id.clone().unwrap();
    assert_eq!(subnet.state.as_deref(), Some("available"));
    assert_eq!(subnet.available_ip_address_count, Some(251));
    assert_eq!(subnet.availability_zone.as_deref(), Some("us-east-1a"));
    assert_eq!(subnet.availability_zone_id.as_deref(), Some("use1-az1"));
    assert_eq!(subnet.map_public_ip_on_launch, Some(false));
    assert_eq!(subnet.assign_ipv6_address_on_creation, Some(false));
    assert_eq!(subnet.ipv6_cidr_block_association_set, Some(vec![]));
    let arn = format!("arn:aws:ec2:us-east-1:123456789012:subnet/{id}");
    assert_eq!(subnet.subnet_arn, Some(arn));
    let options = subnet.private_dns_name_options_on_launch.unwrap();
    assert_eq!(options.hostname_type.as_deref(), Some("ip-name"));
}

#[test]
fn a_subnet_lies_in_its_vpc_and_overlaps_no_other() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    create(&mut harness, &vpc, "10.0.1.0/24");
    harness.message::<ops::CreateSubnet>(
        request(&vpc, "10.0.1.128/25"),
        "InvalidSubnet.Conflict",
        "The CIDR '10.0.1.128/25' conflicts with another subnet",
    );
    for outside in ["10.1.0.0/24", "10.0.0.0/15", "10.0.2.0/29"] {
        harness.message::<ops::CreateSubnet>(
            request(&vpc, outside),
            "InvalidSubnet.Range",
            &format!("The CIDR '{outside}' is invalid."),
        );
    }
    harness.code::<ops::CreateSubnet>(request(&vpc, "nonsense"), "InvalidParameterValue");
    harness.code::<ops::CreateSubnet>(request("vpc-0123", "10.0.2.0/24"), "InvalidVpcID.NotFound");
    // The whole VPC is one subnet's to have.
    let other = ec2::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    let other = harness.ok::<ops::CreateVpc>(other).vpc.unwrap().vpc_id.unwrap();
    create(&mut harness, &other, "10.0.0.0/16");
}

#[test]
fn zones_are_named_or_identified() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let by_name =
        ec2::CreateSubnetRequest { availability_zone: text("us-east-1c"), ..request(&vpc, "10.0.1.0/24") };
    let subnet = harness.ok::<ops::CreateSubnet>(by_name).subnet.unwrap();
    assert_eq!(subnet.availability_zone_id.as_deref(), Some("use1-az3"));
    let by_id =
        ec2::CreateSubnetRequest { availability_zone_id: text("use1-az2"), ..request(&vpc, "10.0.2.0/24") };
    let subnet = harness.ok::<ops::CreateSubnet>(by_id).subnet.unwrap();
    assert_eq!(subnet.availability_zone.as_deref(), Some("us-east-1b"));
    let wrong =
        ec2::CreateSubnetRequest { availability_zone: text("us-east-1z"), ..request(&vpc, "10.0.3.0/24") };
    harness.message::<ops::CreateSubnet>(
        wrong,
        "InvalidParameterValue",
        "Value (us-east-1z) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
         following availability zones: us-east-1a, us-east-1b, us-east-1c, us-east-1d, us-east-1e, us-east-1f.",
    );
}

#[test]
fn attributes_change_one_at_a_time() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let id = create(&mut harness, &vpc, "10.0.1.0/24").subnet_id.unwrap();
    let value = |value| Some(ec2::AttributeBooleanValue { value: Some(value) });
    let base = ec2::ModifySubnetAttributeRequest { subnet_id: id.clone(), ..Default::default() };
    harness.ok::<ops::ModifySubnetAttribute>(ec2::ModifySubnetAttributeRequest {
        map_public_ip_on_launch: value(true),
        ..base.clone()
    });
    harness.ok::<ops::ModifySubnetAttribute>(ec2::ModifySubnetAttributeRequest {
        private_dns_hostname_type_on_launch: text("resource-name"),
        ..base.clone()
    });
    // Terraform sends what is already so.
    harness.ok::<ops::ModifySubnetAttribute>(ec2::ModifySubnetAttributeRequest {
        assign_ipv6_address_on_creation: value(false),
        ..base.clone()
    });
    harness.code::<ops::ModifySubnetAttribute>(
        ec2::ModifySubnetAttributeRequest {
            map_public_ip_on_launch: value(true),
            enable_resource_name_dns_a_record_on_launch: value(true),
            ..base.clone()
        },
        "InvalidParameterCombination",
    );
    harness.code::<ops::ModifySubnetAttribute>(base, "MissingParameter");
    let described = ec2::DescribeSubnetsRequest { subnet_ids: vec![id], ..Default::default() };
    let subnet = harness.ok::<ops::DescribeSubnets>(described).subnets.unwrap().remove(0);
    assert_eq!(subnet.map_public_ip_on_launch, Some(true));
    let options = subnet.private_dns_name_options_on_launch.unwrap();
    assert_eq!(options.hostname_type.as_deref(), Some("resource-name"));
}

#[test]
fn reservations_lie_in_the_subnet_and_go_with_it() {
    let mut harness = Harness::new();
    let vpc = vpc(&mut harness, "10.0.0.0/16");
    let id = create(&mut harness, &vpc, "10.0.1.0/24").subnet_id.unwrap();
    let reserve = |cidr: &str, kind: &str| ec2::CreateSubnetCidrReservationRequest {
        subnet_id: id.clone(),
        cidr: cidr.to_owned(),
        reservation_type: kind.to_owned(),
        ..Default::default()
    };
    harness
        .code::<ops::CreateSubnetCidrReservation>(reserve("10.0.2.0/28", "prefix"), "InvalidParameterValue");
    harness.code::<ops::CreateSubnetCidrReservation>(reserve("10.0.1.0/28", "soft"), "InvalidParameterValue");
    let made = harness.ok::<ops::CreateSubnetCidrReservation>(reserve("10.0.1.0/28", "explicit"));
    let reservation = made.subnet_cidr_reservation.unwrap();
    assert!(reservation.subnet_cidr_reservation_id.as_deref().unwrap().starts_with("scr-"));
    harness.code::<ops::CreateSubnetCidrReservation>(
        reserve("10.0.1.0/29", "prefix"),
        "InvalidSubnetCidrReservation.Conflict",
    );
    let get = ec2::GetSubnetCidrReservationsRequest { subnet_id: id.clone(), ..Default::default() };
    let got = harness.ok::<ops::GetSubnetCidrReservations>(get);
    assert_eq!(got.subnet_ipv4_cidr_reservations.unwrap(), [reservation]);
    harness.ok::<ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: id, dry_run: None });
    assert_eq!(harness.world.subnet_cidr_reservations.len(), 0);
}

#[test]
fn default_subnets_can_be_made_again() {
    let mut harness = Harness::new();
    let input =
        |zone: &str| ec2::CreateDefaultSubnetRequest { availability_zone: text(zone), ..Default::default() };
    harness.code::<ops::CreateDefaultSubnet>(
        input("us-east-1b"),
        "DefaultSubnetAlreadyExistsInAvailabilityZone",
    );
    let filters =
        vec![ec2::Filter { name: text("availability-zone"), values: vec!["us-east-1b".to_owned()] }];
    let described = ec2::DescribeSubnetsRequest { filters, ..Default::default() };
    let old = harness.ok::<ops::DescribeSubnets>(described).subnets.unwrap().remove(0);
    let delete = ec2::DeleteSubnetRequest { subnet_id: old.subnet_id.unwrap(), dry_run: None };
    harness.ok::<ops::DeleteSubnet>(delete);
    let new = harness.ok::<ops::CreateDefaultSubnet>(input("us-east-1b")).subnet.unwrap();
    assert_eq!(new.cidr_block, old.cidr_block);
    assert_eq!(new.default_for_az, Some(true));
}

#[test]
fn unknown_subnets_do_not_exist() {
    let mut harness = Harness::new();
    let delete = ec2::DeleteSubnetRequest { subnet_id: "subnet-0123456789abcdef0".to_owned(), dry_run: None };
    harness.message::<ops::DeleteSubnet>(
        delete,
        "InvalidSubnetID.NotFound",
        "The subnet ID 'subnet-0123456789abcdef0' does not exist",
    );
}
