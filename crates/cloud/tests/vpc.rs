//! VPCs: creation, CIDR blocks, attributes, dependencies, defaults, isolation.

mod harness;

use enishi_api::ec2::{self, ops};
use harness::{Harness, text};

fn create(harness: &mut Harness, cidr: &str) -> ec2::Vpc {
    let input = ec2::CreateVpcRequest { cidr_block: text(cidr), ..Default::default() };
    harness.ok::<ops::CreateVpc>(input).vpc.unwrap()
}

fn describe(harness: &mut Harness, id: &str) -> ec2::Vpc {
    let input = ec2::DescribeVpcsRequest { vpc_ids: vec![id.to_owned()], ..Default::default() };
    harness.ok::<ops::DescribeVpcs>(input).vpcs.unwrap().remove(0)
}

fn delete(id: &str) -> ec2::DeleteVpcRequest {
    ec2::DeleteVpcRequest { vpc_id: id.to_owned(), dry_run: None }
}

fn associate(id: &str, cidr: &str) -> ec2::AssociateVpcCidrBlockRequest {
    ec2::AssociateVpcCidrBlockRequest { vpc_id: id.to_owned(), cidr_block: text(cidr), ..Default::default() }
}

fn by_vpc(id: &str) -> Vec<ec2::Filter> {
    vec![ec2::Filter { name: text("vpc-id"), values: vec![id.to_owned()] }]
}

#[test]
fn a_vpc_comes_with_its_table_group_and_acl() {
    let mut harness = Harness::new();
    let vpc = create(&mut harness, "10.0.0.0/16");
    let id = vpc.vpc_id.unwrap();
    assert_eq!(vpc.state.as_deref(), Some("pending"));
    assert_eq!(vpc.cidr_block.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(vpc.is_default, Some(false));
    assert_eq!(vpc.tags, Some(vec![]));
    assert_eq!(describe(&mut harness, &id).state.as_deref(), Some("available"));

    let tables = ec2::DescribeRouteTablesRequest { filters: by_vpc(&id), ..Default::default() };
    let tables = harness.ok::<ops::DescribeRouteTables>(tables).route_tables.unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!(tables[0].associations.as_ref().unwrap()[0].main, Some(true));
    let routes = tables[0].routes.as_ref().unwrap();
    assert_eq!(routes.len(), 1);
    assert_eq!(routes[0].gateway_id.as_deref(), Some("local"));

    let groups = ec2::DescribeSecurityGroupsRequest { filters: by_vpc(&id), ..Default::default() };
    let groups = harness.ok::<ops::DescribeSecurityGroups>(groups).security_groups.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].group_name.as_deref(), Some("default"));
    let inbound = groups[0].ip_permissions.as_ref().unwrap();
    let pairs = inbound[0].user_id_group_pairs.as_ref().unwrap();
    assert_eq!(pairs[0].group_id, groups[0].group_id);

    let acls = ec2::DescribeNetworkAclsRequest { filters: by_vpc(&id), ..Default::default() };
    let acls = harness.ok::<ops::DescribeNetworkAcls>(acls).network_acls.unwrap();
    let numbers: Vec<_> = acls[0]
        .entries
        .as_ref()
        .unwrap()
        .iter()
        .map(|e| (e.rule_number.unwrap(), e.egress.unwrap()))
        .collect();
    assert_eq!(numbers, [(100, true), (32767, true), (100, false), (32767, false)]);

    harness.ok::<ops::DeleteVpc>(delete(&id));
    harness.message::<ops::DeleteVpc>(
        delete(&id),
        "InvalidVpcID.NotFound",
        &format!("The vpc ID '{id}' does not exist"),
    );
    assert!(harness.world.all::<enishi_state::ec2::RouteTable>().all(|table| table.vpc.as_str() != id));
    assert!(harness.world.all::<enishi_state::ec2::SecurityGroup>().all(|group| group.vpc.as_str() != id));
}

#[test]
fn cidr_blocks_of_a_vpc_are_16_to_28_bits() {
    let mut harness = Harness::new();
    for cidr in ["10.0.0.0/8", "10.0.0.0/29", "127.0.0.0/16"] {
        let input = ec2::CreateVpcRequest { cidr_block: text(cidr), ..Default::default() };
        harness.message::<ops::CreateVpc>(
            input,
            "InvalidVpc.Range",
            &format!("The CIDR '{cidr}' is invalid."),
        );
    }
    for cidr in ["10.0.0.0", "10.0.0.0/33", "ten"] {
        let input = ec2::CreateVpcRequest { cidr_block: text(cidr), ..Default::default() };
        harness.code::<ops::CreateVpc>(input, "InvalidParameterValue");
    }
    harness.code::<ops::CreateVpc>(Default::default(), "MissingParameter");
    // "We modify the specified CIDR block to its canonical form", API reference, CreateVpc.
    assert_eq!(create(&mut harness, "100.68.0.18/18").cidr_block.as_deref(), Some("100.68.0.0/18"));
}

#[test]
fn tenancy_is_default_or_dedicated_and_only_relaxes() {
    let mut harness = Harness::new();
    let with = |tenancy: &str| ec2::CreateVpcRequest {
        cidr_block: text("10.0.0.0/16"),
        instance_tenancy: text(tenancy),
        ..Default::default()
    };
    harness.code::<ops::CreateVpc>(with("host"), "InvalidParameterValue");
    let vpc = harness.ok::<ops::CreateVpc>(with("dedicated")).vpc.unwrap();
    assert_eq!(vpc.instance_tenancy.as_deref(), Some("dedicated"));
    let id = vpc.vpc_id.unwrap();
    let modify = |tenancy: &str| ec2::ModifyVpcTenancyRequest {
        vpc_id: id.clone(),
        instance_tenancy: tenancy.to_owned(),
        dry_run: None,
    };
    harness.code::<ops::ModifyVpcTenancy>(modify("dedicated"), "InvalidParameterValue");
    harness.ok::<ops::ModifyVpcTenancy>(modify("default"));
    assert_eq!(describe(&mut harness, &id).instance_tenancy.as_deref(), Some("default"));
}

#[test]
fn five_vpcs_are_the_quota_and_the_default_one_counts() {
    let mut harness = Harness::new();
    for n in 0..4 {
        create(&mut harness, &format!("10.{n}.0.0/16"));
    }
    let input = ec2::CreateVpcRequest { cidr_block: text("10.9.0.0/16"), ..Default::default() };
    harness.message::<ops::CreateVpc>(
        input,
        "VpcLimitExceeded",
        "The maximum number of VPCs has been reached.",
    );
}

#[test]
fn secondary_cidr_blocks_follow_the_restrictions() {
    let mut harness = Harness::new();
    let id = create(&mut harness, "10.5.0.0/16").vpc_id.unwrap();
    harness.code::<ops::AssociateVpcCidrBlock>(associate(&id, "192.168.0.0/16"), "InvalidVpc.Range");
    harness.code::<ops::AssociateVpcCidrBlock>(associate(&id, "10.5.4.0/24"), "InvalidVpc.Conflict");
    let result = harness.ok::<ops::AssociateVpcCidrBlock>(associate(&id, "10.6.0.0/16"));
    let association = result.cidr_block_association.unwrap();
    assert_eq!(association.cidr_block_state.unwrap().state.as_deref(), Some("associating"));
    let added = association.association_id.unwrap();
    let blocks = describe(&mut harness, &id).cidr_block_association_set.unwrap();
    assert_eq!(blocks.len(), 2);

    let tables = ec2::DescribeRouteTablesRequest { filters: by_vpc(&id), ..Default::default() };
    let tables = harness.ok::<ops::DescribeRouteTables>(tables).route_tables.unwrap();
    assert_eq!(tables[0].routes.as_ref().unwrap().len(), 2);

    let subnet = ec2::CreateSubnetRequest {
        vpc_id: id.clone(),
        cidr_block: text("10.6.1.0/24"),
        ..Default::default()
    };
    let subnet = harness.ok::<ops::CreateSubnet>(subnet).subnet.unwrap().subnet_id.unwrap();
    let disassociate =
        |association: &str| ec2::DisassociateVpcCidrBlockRequest { association_id: association.to_owned() };
    harness.code::<ops::DisassociateVpcCidrBlock>(disassociate(&added), "InvalidCidrBlock.InUse");
    harness.ok::<ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: subnet, dry_run: None });
    harness.ok::<ops::DisassociateVpcCidrBlock>(disassociate(&added));
    let primary = blocks[0].association_id.clone().unwrap();
    harness.code::<ops::DisassociateVpcCidrBlock>(disassociate(&primary), "OperationNotPermitted");
    harness.code::<ops::DisassociateVpcCidrBlock>(
        disassociate(&added),
        "InvalidVpcCidrBlockAssociationID.NotFound",
    );
    for n in 6..10 {
        harness.ok::<ops::AssociateVpcCidrBlock>(associate(&id, &format!("10.{n}.0.0/16")));
    }
    harness.code::<ops::AssociateVpcCidrBlock>(associate(&id, "10.10.0.0/16"), "CidrLimitExceeded");
}

#[test]
fn a_vpc_with_something_in_it_cannot_be_deleted() {
    let mut harness = Harness::new();
    let id = create(&mut harness, "10.0.0.0/16").vpc_id.unwrap();
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: id.clone(),
        cidr_block: text("10.0.0.0/24"),
        ..Default::default()
    };
    let subnet = harness.ok::<ops::CreateSubnet>(subnet).subnet.unwrap().subnet_id.unwrap();
    let message = format!("The vpc '{id}' has dependencies and cannot be deleted.");
    harness.message::<ops::DeleteVpc>(delete(&id), "DependencyViolation", &message);
    harness.ok::<ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: subnet, dry_run: None });

    let group = ec2::CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "web".to_owned(),
        vpc_id: Some(id.clone()),
        ..Default::default()
    };
    let group = harness.ok::<ops::CreateSecurityGroup>(group).group_id;
    harness.message::<ops::DeleteVpc>(delete(&id), "DependencyViolation", &message);
    harness.ok::<ops::DeleteSecurityGroup>(ec2::DeleteSecurityGroupRequest {
        group_id: group,
        ..Default::default()
    });

    let table = ec2::CreateRouteTableRequest { vpc_id: id.clone(), ..Default::default() };
    let table = harness.ok::<ops::CreateRouteTable>(table).route_table.unwrap().route_table_id.unwrap();
    harness.message::<ops::DeleteVpc>(delete(&id), "DependencyViolation", &message);
    harness
        .ok::<ops::DeleteRouteTable>(ec2::DeleteRouteTableRequest { route_table_id: table, dry_run: None });

    let gateway = harness.ok::<ops::CreateInternetGateway>(Default::default()).internet_gateway.unwrap();
    let gateway = gateway.internet_gateway_id.unwrap();
    harness.ok::<ops::AttachInternetGateway>(ec2::AttachInternetGatewayRequest {
        internet_gateway_id: gateway.clone(),
        vpc_id: id.clone(),
        dry_run: None,
    });
    harness.message::<ops::DeleteVpc>(delete(&id), "DependencyViolation", &message);
    harness.ok::<ops::DetachInternetGateway>(ec2::DetachInternetGatewayRequest {
        internet_gateway_id: gateway,
        vpc_id: id.clone(),
        dry_run: None,
    });
    harness.ok::<ops::DeleteVpc>(delete(&id));
}

#[test]
fn attributes_change_one_at_a_time() {
    let mut harness = Harness::new();
    let id = create(&mut harness, "10.0.0.0/16").vpc_id.unwrap();
    let value = |value| Some(ec2::AttributeBooleanValue { value: Some(value) });
    let ask = |attribute: &str| ec2::DescribeVpcAttributeRequest {
        vpc_id: id.clone(),
        attribute: attribute.to_owned(),
        dry_run: None,
    };
    let hostnames = harness.ok::<ops::DescribeVpcAttribute>(ask("enableDnsHostnames"));
    assert_eq!(hostnames.enable_dns_hostnames, value(false));
    assert_eq!(hostnames.enable_dns_support, None);
    assert_eq!(
        harness.ok::<ops::DescribeVpcAttribute>(ask("enableDnsSupport")).enable_dns_support,
        value(true)
    );
    harness.code::<ops::DescribeVpcAttribute>(ask("colour"), "InvalidParameterValue");

    let both = ec2::ModifyVpcAttributeRequest {
        vpc_id: id.clone(),
        enable_dns_hostnames: value(true),
        enable_dns_support: value(true),
        ..Default::default()
    };
    harness.code::<ops::ModifyVpcAttribute>(both, "InvalidParameterCombination");
    harness.ok::<ops::ModifyVpcAttribute>(ec2::ModifyVpcAttributeRequest {
        vpc_id: id.clone(),
        enable_dns_hostnames: value(true),
        ..Default::default()
    });
    let hostnames = harness.ok::<ops::DescribeVpcAttribute>(ask("enableDnsHostnames"));
    assert_eq!(hostnames.enable_dns_hostnames, value(true));
}

#[test]
fn every_region_has_a_default_vpc_once() {
    let mut harness = Harness::new();
    let vpc = harness.ok::<ops::DescribeVpcs>(Default::default()).vpcs.unwrap().remove(0);
    assert_eq!(vpc.is_default, Some(true));
    assert_eq!(vpc.cidr_block.as_deref(), Some("172.31.0.0/16"));
    let subnets = harness.ok::<ops::DescribeSubnets>(Default::default()).subnets.unwrap();
    assert_eq!(subnets.len(), 6, "one in each zone of us-east-1");
    assert!(subnets.iter().all(|subnet| subnet.default_for_az == Some(true)));
    assert!(subnets.iter().all(|subnet| subnet.map_public_ip_on_launch == Some(true)));
    assert!(subnets.iter().all(|subnet| subnet.available_ip_address_count == Some(4091)));
    let table = harness.ok::<ops::DescribeRouteTables>(Default::default()).route_tables.unwrap().remove(0);
    let routes = table.routes.unwrap();
    assert_eq!(routes[1].destination_cidr_block.as_deref(), Some("0.0.0.0/0"));
    assert!(routes[1].gateway_id.as_deref().unwrap().starts_with("igw-"));
    assert_eq!(routes[1].state.as_deref(), Some("active"));

    harness.code::<ops::CreateDefaultVpc>(Default::default(), "DefaultVpcAlreadyExists");
    assert!(!harness.cloud.needs_defaults(&harness.world, &harness.caller.scope));
}

#[test]
fn other_accounts_and_regions_do_not_see_a_vpc() {
    let mut harness = Harness::new();
    let id = create(&mut harness, "10.0.0.0/16").vpc_id.unwrap();
    for (account, region) in [("123456789012", "eu-west-1"), ("000000000000", "us-east-1")] {
        harness.act_as(account, region);
        harness.code::<ops::DeleteVpc>(delete(&id), "InvalidVpcID.NotFound");
        let all = harness.ok::<ops::DescribeVpcs>(Default::default()).vpcs.unwrap();
        assert_eq!(all.len(), 1, "only the default VPC");
        assert_eq!(all[0].owner_id.as_deref(), Some(account));
    }
}

#[test]
fn describe_filters_and_pages() {
    let mut harness = Harness::new();
    for n in 0..4 {
        create(&mut harness, &format!("10.{n}.0.0/16"));
    }
    let filter = |name: &str, value: &str| ec2::DescribeVpcsRequest {
        filters: vec![ec2::Filter { name: text(name), values: vec![value.to_owned()] }],
        ..Default::default()
    };
    let count = |harness: &mut Harness, input| harness.ok::<ops::DescribeVpcs>(input).vpcs.unwrap().len();
    assert_eq!(count(&mut harness, filter("cidr", "10.*")), 4);
    assert_eq!(count(&mut harness, filter("cidr", "10.?.0.0/16")), 4);
    assert_eq!(count(&mut harness, filter("is-default", "true")), 1);
    assert_eq!(count(&mut harness, filter("isDefault", "false")), 4);
    assert_eq!(count(&mut harness, filter("tag:Name", "*")), 0);
    harness.message::<ops::DescribeVpcs>(
        filter("colour", "red"),
        "InvalidParameterValue",
        "The filter 'colour' is invalid",
    );

    let first = ec2::DescribeVpcsRequest { max_results: Some(5), ..Default::default() };
    let all = harness.ok::<ops::DescribeVpcs>(first);
    assert_eq!((all.vpcs.unwrap().len(), all.next_token), (5, None));

    let two = ec2::DescribeVpcsRequest {
        vpc_ids: vec!["vpc-00000000000000001".to_owned(), "vpc-00000000000000002".to_owned()],
        ..Default::default()
    };
    harness.message::<ops::DescribeVpcs>(
        two,
        "InvalidVpcID.NotFound",
        "The vpc IDs 'vpc-00000000000000001, vpc-00000000000000002' do not exist",
    );
}

#[test]
fn a_dry_run_says_what_would_happen_and_does_nothing() {
    let mut harness = Harness::new();
    let dry = |cidr: &str| ec2::CreateVpcRequest {
        cidr_block: text(cidr),
        dry_run: Some(true),
        ..Default::default()
    };
    let fault = harness.fault::<ops::CreateVpc>(dry("10.0.0.0/16"));
    assert_eq!(fault.code(), "DryRunOperation");
    assert_eq!(fault.message(), "Request would have succeeded, but DryRun flag is set.");
    assert_eq!(fault.status(), 412);
    harness.code::<ops::CreateVpc>(dry("10.0.0.0/8"), "InvalidVpc.Range");
    harness.code::<ops::DescribeVpcs>(
        ec2::DescribeVpcsRequest { dry_run: Some(true), ..Default::default() },
        "DryRunOperation",
    );
}

#[test]
fn ipv6_is_refused_not_ignored() {
    let mut harness = Harness::new();
    let input = ec2::CreateVpcRequest {
        cidr_block: text("10.0.0.0/16"),
        amazon_provided_ipv6_cidr_block: Some(true),
        ..Default::default()
    };
    harness.code::<ops::CreateVpc>(input, "UnsupportedOperation");
}
