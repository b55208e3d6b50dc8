//! Faults word for word as AWS was seen to answer them: scripts and tools match on these texts. Each names where.

mod harness;
mod lab;

use enishi_api::ec2::{self, ops};
use enishi_wire::Fault;
use harness::text;
use lab::Lab;

#[track_caller]
fn says(fault: &Fault, code: &str, message: &str) {
    assert_eq!((fault.code(), fault.message()), (code, message));
}

/// Reported from AWS: hashicorp/terraform#33470, virt-s1/rhel-edge#3947, terraform-aws-modules/terraform-aws-vpc#429.
#[test]
fn vpcs_and_subnets() {
    let mut lab = Lab::new();
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: lab.vpc.clone(),
        cidr_block: text("10.0.1.0/24"),
        ..Default::default()
    };
    let fault = lab.h.fault::<ops::CreateSubnet>(subnet);
    says(&fault, "InvalidSubnet.Conflict", "The CIDR '10.0.1.0/24' conflicts with another subnet");
    let vpc = || ec2::CreateVpcRequest { cidr_block: text("10.0.0.0/16"), ..Default::default() };
    for _ in 0..3 {
        lab.h.ok::<ops::CreateVpc>(vpc());
    }
    let fault = lab.h.fault::<ops::CreateVpc>(vpc());
    says(&fault, "VpcLimitExceeded", "The maximum number of VPCs has been reached.");
    for _ in 0..5 {
        lab.allocate();
    }
    let fault = lab.h.fault::<ops::AllocateAddress>(ec2::AllocateAddressRequest::default());
    says(&fault, "AddressLimitExceeded", "The maximum number of addresses has been reached.");
}

/// Reported from AWS: berlioz-the/berlioz#1, cloudfoundry-incubator/kubo-deployment#167; recorded in cloud-custodian's
/// tests (ec2.DeleteInternetGateway); terraform-aws-modules/terraform-aws-vpc#44; hashicorp/terraform#497.
#[test]
fn gateways_and_routes() {
    let mut lab = Lab::new();
    let gateway = lab.add_gateway();
    let vpc = lab.vpc.clone();
    let attach = |id: &str| ec2::AttachInternetGatewayRequest {
        internet_gateway_id: id.to_owned(),
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    let fault = lab.h.fault::<ops::AttachInternetGateway>(attach(&gateway));
    let message = format!("resource {gateway} is already attached to network {vpc}");
    says(&fault, "Resource.AlreadyAssociated", &message);

    let made = lab.h.ok::<ops::CreateInternetGateway>(ec2::CreateInternetGatewayRequest::default());
    let second = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let fault = lab.h.fault::<ops::AttachInternetGateway>(attach(&second));
    let message = format!("Network {vpc} already has an internet gateway attached");
    says(&fault, "InvalidParameterValue", &message);

    let delete =
        ec2::DeleteInternetGatewayRequest { internet_gateway_id: gateway.clone(), ..Default::default() };
    let fault = lab.h.fault::<ops::DeleteInternetGateway>(delete);
    let message = format!("The internetGateway '{gateway}' has dependencies and cannot be deleted.");
    says(&fault, "DependencyViolation", &message);

    let table = ec2::CreateRouteTableRequest { vpc_id: vpc.clone(), ..Default::default() };
    let table = lab.h.ok::<ops::CreateRouteTable>(table).route_table.unwrap().route_table_id.unwrap();
    let route = ec2::CreateRouteRequest {
        route_table_id: table,
        destination_cidr_block: text("0.0.0.0/0"),
        gateway_id: Some(gateway.clone()),
        ..Default::default()
    };
    lab.h.ok::<ops::CreateRoute>(route.clone());
    let fault = lab.h.fault::<ops::CreateRoute>(route);
    says(&fault, "RouteAlreadyExists", "The route identified by 0.0.0.0/0 already exists.");

    lab.running();
    let instance = lab.h.world.all::<enishi_state::ec2::Instance>().next().unwrap().id.to_string();
    let (allocation_id, _) = lab.allocate();
    lab.h.ok::<ops::AssociateAddress>(ec2::AssociateAddressRequest {
        allocation_id: Some(allocation_id),
        instance_id: Some(instance),
        ..Default::default()
    });
    let detach = ec2::DetachInternetGatewayRequest {
        internet_gateway_id: gateway,
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    let fault = lab.h.fault::<ops::DetachInternetGateway>(detach);
    let message = format!(
        "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the \
         gateway."
    );
    says(&fault, "DependencyViolation", &message);
}

/// Reported from AWS: hashicorp/terraform#15428, hashicorp/terraform#17343, hashicorp/terraform-provider-aws#1671;
/// recorded in cloud-custodian's tests (ec2.AuthorizeSecurityGroupIngress, ec2.DeleteSecurityGroup).
#[test]
fn security_groups() {
    let mut lab = Lab::new();
    let vpc = lab.vpc.clone();
    let create = |name: &str| ec2::CreateSecurityGroupRequest {
        group_name: name.to_owned(),
        description: "d".to_owned(),
        vpc_id: Some(vpc.clone()),
        ..Default::default()
    };
    let group = lab.h.ok::<ops::CreateSecurityGroup>(create("web")).group_id.unwrap();
    let fault = lab.h.fault::<ops::CreateSecurityGroup>(create("web"));
    says(
        &fault,
        "InvalidGroup.Duplicate",
        &format!("The security group 'web' already exists for VPC '{vpc}'"),
    );
    let fault = lab.h.fault::<ops::CreateSecurityGroup>(create("default"));
    says(&fault, "InvalidParameterValue", "Cannot use reserved security group name: default");

    let rule = ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_protocol: text("tcp"),
        from_port: Some(22),
        to_port: Some(22),
        cidr_ip: text("0.0.0.0/0"),
        ..Default::default()
    };
    lab.h.ok::<ops::AuthorizeSecurityGroupIngress>(rule.clone());
    let fault = lab.h.fault::<ops::AuthorizeSecurityGroupIngress>(rule);
    let message =
        "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW\" already exists";
    says(&fault, "InvalidPermission.Duplicate", message);

    let mut launch = lab.launch();
    launch.security_group_ids = vec![group.clone()];
    lab.run(launch);
    let delete = |id: &str| ec2::DeleteSecurityGroupRequest { group_id: text(id), ..Default::default() };
    let fault = lab.h.fault::<ops::DeleteSecurityGroup>(delete(&group));
    says(&fault, "DependencyViolation", &format!("resource {group} has a dependent object"));
    let fault = lab.h.fault::<ops::DeleteSecurityGroup>(delete("sg-0123456789abcdef0"));
    says(&fault, "InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist");
}

/// Recorded in cloud-custodian's tests (ec2.TerminateInstances, ec2.StopInstances); reported from AWS:
/// hashicorp/terraform#22172, n8n-io/n8n-benchmarking#5, gruntwork-io/cloud-nuke#325, hashicorp/terraform#16768,
/// aws/aws-sdk-ruby#2575.
#[test]
fn instances_images_and_nat_gateways() {
    let mut lab = Lab::new();
    let id = lab.running();
    lab.h.ok::<ops::ModifyInstanceAttribute>(ec2::ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        disable_api_termination: Some(ec2::AttributeBooleanValue { value: Some(true) }),
        ..Default::default()
    });
    let fault = lab.h.fault::<ops::TerminateInstances>(ec2::TerminateInstancesRequest {
        instance_ids: vec![id.clone()],
        ..Default::default()
    });
    let message = format!(
        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
    );
    says(&fault, "OperationNotPermitted", &message);

    let launch = ec2::RunInstancesRequest { image_id: text("{var.ami_id}"), ..lab.launch() };
    let fault = lab.h.fault::<ops::RunInstances>(launch);
    says(&fault, "InvalidAMIID.Malformed", "Invalid id: \"{var.ami_id}\" (expecting \"ami-...\")");

    let nat = ec2::DescribeNatGatewaysRequest {
        nat_gateway_ids: vec!["nat-0f23ac5d3265a98ff".to_owned()],
        ..Default::default()
    };
    let fault = lab.h.fault::<ops::DescribeNatGateways>(nat);
    says(&fault, "NatGatewayNotFound", "NAT gateway nat-0f23ac5d3265a98ff was not found");
    let nat = ec2::CreateNatGatewayRequest { subnet_id: text("10.0.2.0/24"), ..Default::default() };
    let fault = lab.h.fault::<ops::CreateNatGateway>(nat);
    says(&fault, "InvalidSubnet", "Subnet 10.0.2.0/24 was not found");

    let page = ec2::DescribeInstancesRequest { max_results: Some(1), ..Default::default() };
    let fault = lab.h.fault::<ops::DescribeInstances>(page);
    let message = "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.";
    says(&fault, "InvalidParameterValue", message);
}

/// Recorded in cloud-custodian's tests (ec2.CreateTags, ec2.ReleaseAddress, ec2.DeleteNetworkInterface).
#[test]
fn what_does_not_exist() {
    let mut lab = Lab::new();
    let fault = lab.h.fault::<ops::ReleaseAddress>(ec2::ReleaseAddressRequest {
        allocation_id: text("eipalloc-0123456789abcdef0"),
        ..Default::default()
    });
    let message = "The allocation ID 'eipalloc-0123456789abcdef0' does not exist";
    says(&fault, "InvalidAllocationID.NotFound", message);
    let fault = lab.h.fault::<ops::DeleteNetworkInterface>(ec2::DeleteNetworkInterfaceRequest {
        network_interface_id: "eni-0123456789abcdef0".to_owned(),
        ..Default::default()
    });
    let message = "The networkInterface ID 'eni-0123456789abcdef0' does not exist";
    says(&fault, "InvalidNetworkInterfaceID.NotFound", message);
    let fault = lab.h.fault::<ops::CreateTags>(ec2::CreateTagsRequest {
        tags: vec![ec2::Tag { key: text("a"), value: text("b") }],
        ..Default::default()
    });
    says(&fault, "MissingParameter", "The request must contain the parameter resourceIdSet");
}
