//! Load balancers: their life, their zones and addresses, what makes them fail, and what they keep from being deleted.

mod balancing;
mod harness;
mod lab;

use balancing::{Balancing, forward, listener};
use enishi_api::ec2;
use enishi_api::elbv2::{
    AddTagsInput, CreateLoadBalancerInput, DeleteLoadBalancerInput, DescribeListenersInput,
    DescribeLoadBalancerAttributesInput, DescribeLoadBalancersInput, DescribeTagsInput,
    LoadBalancerAttribute, ModifyLoadBalancerAttributesInput, RemoveTagsInput, SetIpAddressTypeInput,
    SetSecurityGroupsInput, SetSubnetsInput, SubnetMapping, Tag, ops,
};
use enishi_cloud::tick;
use harness::text;

fn mapping(subnet: &str) -> SubnetMapping {
    SubnetMapping { subnet_id: text(subnet), ..Default::default() }
}

fn delete(arn: &str) -> DeleteLoadBalancerInput {
    DeleteLoadBalancerInput { load_balancer_arn: arn.to_owned() }
}

fn set(arn: &str, key: &str, value: &str) -> ModifyLoadBalancerAttributesInput {
    ModifyLoadBalancerAttributesInput {
        load_balancer_arn: arn.to_owned(),
        attributes: vec![LoadBalancerAttribute { key: text(key), value: text(value) }],
    }
}

#[test]
fn an_application_load_balancer_becomes_active_when_it_is_realised() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let made = b.create(input);
    let arn = made.load_balancer_arn.clone().unwrap();
    let id = arn.strip_prefix("arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/web/");
    assert!(id.is_some_and(|id| id.len() == 16), "{arn}");
    let name = made.dns_name.clone().unwrap();
    let digits = name.strip_prefix("web-").and_then(|rest| rest.strip_suffix(".us-east-1.elb.amazonaws.com"));
    assert!(digits.is_some_and(|digits| digits.len() == 10), "{name}");
    assert_eq!(made.canonical_hosted_zone_id.as_deref(), Some("Z35SXDOTRQ7X7K"));
    assert_eq!(made.scheme.as_deref(), Some("internet-facing"));
    assert_eq!(made.r#type.as_deref(), Some("application"));
    assert_eq!(made.ip_address_type.as_deref(), Some("ipv4"));
    assert_eq!(made.vpc_id.as_ref(), Some(&b.lab.vpc));
    assert_eq!(made.security_groups.as_ref().map(Vec::len), Some(1));
    assert_eq!(made.state.unwrap().code.as_deref(), Some("provisioning"));
    let zones: Vec<_> =
        made.availability_zones.unwrap().into_iter().map(|zone| zone.zone_name.unwrap()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b"]);

    let mut facts = b.lab.facts();
    facts.realised_generation -= 1;
    assert!(!tick::needs_tick(&b.lab.h.world, &facts, b.lab.h.now));
    b.lab.settle();
    assert_eq!(b.describe(&arn).state.unwrap().code.as_deref(), Some("active"));
}

#[test]
fn nodes_are_network_interfaces_of_the_load_balancer() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let arn = b.active(input);
    let nodes = b.nodes(&arn);
    assert_eq!(nodes.len(), 2);
    for node in &nodes {
        assert_eq!(node.requester_id.as_deref(), Some("amazon-elb"));
        assert_eq!((node.requester_managed, node.source_dest_check), (Some(true), Some(true)));
        assert_eq!(node.interface_type.as_deref(), Some("interface"));
        assert_eq!(node.attachment.as_ref().unwrap().instance_owner_id.as_deref(), Some("amazon-elb"));
        let association = node.association.as_ref().expect("a public address");
        assert_eq!(association.ip_owner_id.as_deref(), Some("amazon-elb"));
        assert_eq!(association.allocation_id, None);
    }
    let group = b.describe(&arn).security_groups.unwrap().remove(0);
    let delete_group = ec2::DeleteSecurityGroupRequest { group_id: Some(group), ..Default::default() };
    b.lab.h.code::<ec2::ops::DeleteSecurityGroup>(delete_group, "CannotDelete");
    let (a, vpc) = (b.a.clone(), b.lab.vpc.clone());
    b.lab.h.message::<ec2::ops::DeleteSubnet>(
        ec2::DeleteSubnetRequest { subnet_id: a.clone(), ..Default::default() },
        "DependencyViolation",
        &format!("The subnet '{a}' has dependencies and cannot be deleted."),
    );
    let gateway = b.lab.h.ok::<ec2::ops::DescribeInternetGateways>(ec2::DescribeInternetGatewaysRequest {
        filters: vec![ec2::Filter { name: text("attachment.vpc-id"), values: vec![vpc.clone()] }],
        ..Default::default()
    });
    let gateway = gateway.internet_gateways.unwrap().remove(0).internet_gateway_id.unwrap();
    let detach = ec2::DetachInternetGatewayRequest {
        internet_gateway_id: gateway,
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    b.lab.h.code::<ec2::ops::DetachInternetGateway>(detach, "DependencyViolation");
    let eni = nodes.into_iter().next().unwrap().network_interface_id.unwrap();
    let delete_eni = ec2::DeleteNetworkInterfaceRequest { network_interface_id: eni, ..Default::default() };
    b.lab.h.code::<ec2::ops::DeleteNetworkInterface>(delete_eni, "OperationNotPermitted");

    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete(&arn));
    assert_eq!(b.nodes(&arn), vec![]);
    b.lab.h.ok::<ec2::ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: a, ..Default::default() });
    let gone =
        DescribeLoadBalancersInput { load_balancer_arns: Some(vec![arn.clone()]), ..Default::default() };
    b.lab.h.message::<ops::DescribeLoadBalancers>(
        gone,
        "LoadBalancerNotFound",
        "One or more load balancers not found",
    );
    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete(&arn));
}

#[test]
fn an_internal_load_balancer_has_no_public_addresses() {
    let mut b = Balancing::new();
    let input = CreateLoadBalancerInput { scheme: text("internal"), ..b.application("web") };
    let made = b.create(input);
    assert!(made.dns_name.unwrap().starts_with("internal-web-"));
    assert_eq!(made.scheme.as_deref(), Some("internal"));
    let nodes = b.nodes(&made.load_balancer_arn.unwrap());
    assert!(nodes.iter().all(|node| node.association.is_none()));
}

#[test]
fn a_network_load_balancer_has_the_addresses_that_were_chosen() {
    let mut b = Balancing::new();
    let (allocation, ip) = b.lab.allocate();
    let mappings = vec![SubnetMapping { allocation_id: text(&allocation), ..mapping(&b.a) }, mapping(&b.b)];
    let input =
        CreateLoadBalancerInput { subnets: None, subnet_mappings: Some(mappings), ..b.network("net") };
    let made = b.create(input);
    let arn = made.load_balancer_arn.clone().unwrap();
    let number = arn.rsplit('/').next().unwrap();
    assert_eq!(made.dns_name, Some(format!("net-{number}.elb.us-east-1.amazonaws.com")));
    assert_eq!(made.canonical_hosted_zone_id.as_deref(), Some("Z26RNL4JYFTOTI"));
    assert_eq!(made.security_groups, None);
    let zones = made.availability_zones.unwrap();
    let address = zones[0].load_balancer_addresses.as_ref().unwrap().first().unwrap();
    assert_eq!((address.ip_address.as_ref(), address.allocation_id.as_ref()), (Some(&ip), Some(&allocation)));
    assert_eq!(zones[1].load_balancer_addresses, Some(vec![]));
    let nodes = b.nodes(&arn);
    assert_eq!(nodes[0].association.as_ref().unwrap().public_ip, Some(ip));
    assert_eq!(nodes[0].interface_type.as_deref(), Some("network_load_balancer"));
    assert_eq!(nodes[0].groups, Some(vec![]));
    assert!(nodes[1].association.is_some());
    let release =
        ec2::ReleaseAddressRequest { allocation_id: Some(allocation.clone()), ..Default::default() };
    b.lab.h.code::<ec2::ops::ReleaseAddress>(release.clone(), "InvalidIPAddress.InUse");
    let mappings = vec![SubnetMapping { allocation_id: Some(allocation.clone()), ..mapping(&b.a) }];
    let input =
        CreateLoadBalancerInput { subnets: None, subnet_mappings: Some(mappings), ..b.network("other") };
    b.lab.h.code::<ops::CreateLoadBalancer>(input, "ResourceInUse");
    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete(&arn));
    b.lab.h.ok::<ec2::ops::ReleaseAddress>(release);

    let private = SubnetMapping { private_ipv4_address: text("10.0.1.77"), ..mapping(&b.a) };
    let input = CreateLoadBalancerInput {
        subnets: None,
        subnet_mappings: Some(vec![private.clone()]),
        scheme: text("internal"),
        ..b.network("net")
    };
    let made = b.create(input.clone());
    let zones = made.availability_zones.unwrap();
    let address = zones[0].load_balancer_addresses.as_ref().unwrap().first().unwrap();
    assert_eq!(address.private_ipv4_address.as_deref(), Some("10.0.1.77"));
    let taken = CreateLoadBalancerInput { name: "second".to_owned(), ..input.clone() };
    b.lab.h.code::<ops::CreateLoadBalancer>(taken, "ResourceInUse");
    let outside = SubnetMapping { private_ipv4_address: text("10.0.9.9"), ..private };
    let input =
        CreateLoadBalancerInput { name: "third".to_owned(), subnet_mappings: Some(vec![outside]), ..input };
    b.lab.h.code::<ops::CreateLoadBalancer>(input, "InvalidConfigurationRequest");
}

#[test]
fn creations_are_checked() {
    let mut b = Balancing::new();
    let web = b.application("web");
    let (a, vpc) = (b.a.clone(), b.lab.vpc.clone());
    let with = |change: &dyn Fn(&mut CreateLoadBalancerInput)| {
        let mut input = web.clone();
        change(&mut input);
        input
    };
    let one = with(&|input| input.subnets = Some(vec![a.clone()]));
    b.lab.h.message::<ops::CreateLoadBalancer>(
        one,
        "ValidationError",
        "At least two subnets in two different Availability Zones must be specified",
    );
    let twin = b.lab.add_subnet("10.0.3.0/24", "us-east-1a");
    let twice = with(&|input| input.subnets = Some(vec![a.clone(), twin.clone()]));
    b.lab.h.message::<ops::CreateLoadBalancer>(
        twice,
        "InvalidConfigurationRequest",
        "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
    let missing = with(&|input| input.subnets = Some(vec![a.clone(), "subnet-00000000000000000".to_owned()]));
    b.lab.h.message::<ops::CreateLoadBalancer>(
        missing,
        "SubnetNotFound",
        "The subnet ID 'subnet-00000000000000000' does not exist",
    );
    let small = b.lab.add_subnet("10.0.4.0/28", "us-east-1b");
    let input = with(&|input| input.subnets = Some(vec![a.clone(), small.clone()]));
    b.lab.h.code::<ops::CreateLoadBalancer>(input, "InvalidSubnet");
    let full = b.lab.add_subnet("10.0.5.0/27", "us-east-1b");
    for _ in 0..20 {
        let input = ec2::CreateNetworkInterfaceRequest { subnet_id: full.clone(), ..Default::default() };
        b.lab.h.ok::<ec2::ops::CreateNetworkInterface>(input);
    }
    let input = with(&|input| input.subnets = Some(vec![a.clone(), full.clone()]));
    b.lab.h.message::<ops::CreateLoadBalancer>(
        input,
        "InvalidSubnet",
        &format!(
            "Not enough IP space available in {full}. ELB requires at least 8 free IP addresses in each subnet."
        ),
    );
    let foreign = b.lab.h.ok::<ec2::ops::DescribeSecurityGroups>(Default::default()).security_groups.unwrap();
    let foreign = foreign.into_iter().find(|group| group.vpc_id.as_ref() != Some(&vpc)).unwrap();
    let group = foreign.group_id.unwrap();
    let input = with(&|input| input.security_groups = Some(vec![group.clone()]));
    b.lab.h.message::<ops::CreateLoadBalancer>(
        input,
        "InvalidConfigurationRequest",
        &format!("Security group '{group}' does not belong to VPC '{vpc}'"),
    );
    for (name, fits) in [("a_b", false), ("-a", false), ("internal-a", false), ("a-b", true)] {
        let result = b.lab.h.run::<ops::CreateLoadBalancer>(with(&|input| input.name = name.to_owned()));
        assert_eq!(result.is_ok(), fits, "{name}");
    }
    for refused in [
        with(&|input| input.ip_address_type = text("dualstack")),
        with(&|input| input.r#type = text("gateway")),
        with(&|input| input.customer_owned_ipv4_pool = text("ipv4pool-coip-1")),
    ] {
        let fault = b.lab.h.fault::<ops::CreateLoadBalancer>(refused);
        assert!(fault.message().ends_with("not supported by Enishi."), "{fault}");
    }
}

#[test]
fn a_load_balancer_that_faces_the_internet_wants_a_gateway() {
    let mut b = Balancing::new();
    let mut lab = lab::Lab::new();
    let (a, vpc) = (lab.subnet.clone(), lab.vpc.clone());
    let other = lab.add_subnet("10.0.2.0/24", "us-east-1b");
    b.lab = lab;
    b.a = a;
    b.b = other;
    let input = b.application("web");
    b.lab.h.message::<ops::CreateLoadBalancer>(
        input.clone(),
        "InvalidSubnet",
        &format!("VPC {vpc} has no internet gateway"),
    );
    b.create(CreateLoadBalancerInput { scheme: text("internal"), ..input });
}

#[test]
fn the_same_creation_answers_what_is_there() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let first = b.create(input.clone());
    let second = b.create(input.clone());
    assert_eq!(first.load_balancer_arn, second.load_balancer_arn);
    let other = CreateLoadBalancerInput { scheme: text("internal"), ..input };
    b.lab.h.message::<ops::CreateLoadBalancer>(
        other,
        "DuplicateLoadBalancerName",
        "A load balancer with the same name 'web' exists, but with different settings",
    );
}

#[test]
fn load_balancers_are_described_by_name_and_in_pages() {
    let mut b = Balancing::new();
    for name in ["one", "two", "three"] {
        let input = b.application(name);
        b.create(input);
    }
    let names = |names: &[&str]| DescribeLoadBalancersInput {
        names: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Default::default()
    };
    let found = b.lab.h.ok::<ops::DescribeLoadBalancers>(names(&["two"])).load_balancers.unwrap();
    assert_eq!(found[0].load_balancer_name.as_deref(), Some("two"));
    b.lab.h.message::<ops::DescribeLoadBalancers>(
        names(&["two", "four"]),
        "LoadBalancerNotFound",
        "Load balancers '[four]' not found",
    );
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let input = DescribeLoadBalancersInput { page_size: Some(2), marker, ..Default::default() };
        let page = b.lab.h.ok::<ops::DescribeLoadBalancers>(input);
        seen.extend(page.load_balancers.unwrap().into_iter().map(|row| row.load_balancer_name.unwrap()));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["one", "three", "two"]);
    b.lab.h.act_as("210987654321", "us-east-1");
    let none = b.lab.h.ok::<ops::DescribeLoadBalancers>(Default::default());
    assert_eq!(none.load_balancers, Some(vec![]));
}

#[test]
fn zones_and_groups_change() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let arn = b.active(input);
    let before = b.nodes(&arn);
    let c = b.lab.add_subnet("10.0.3.0/24", "us-east-1c");
    let set = |subnets: &[&String]| SetSubnetsInput {
        load_balancer_arn: arn.clone(),
        subnets: Some(subnets.iter().map(|id| (*id).clone()).collect()),
        ..Default::default()
    };
    let (a, other) = (b.a.clone(), b.b.clone());
    let changed = b.lab.h.ok::<ops::SetSubnets>(set(&[&a, &c])).availability_zones.unwrap();
    let zones: Vec<_> = changed.iter().map(|zone| zone.zone_name.as_deref().unwrap()).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1c"]);
    let after = b.nodes(&arn);
    assert_eq!(after[0].network_interface_id, before[0].network_interface_id);
    assert_eq!(after[1].subnet_id, Some(c));
    b.lab.h.ok::<ec2::ops::DeleteSubnet>(ec2::DeleteSubnetRequest { subnet_id: other, ..Default::default() });
    b.lab.h.code::<ops::SetSubnets>(set(&[&a]), "ValidationError");

    let group = ec2::CreateSecurityGroupRequest {
        group_name: "web".to_owned(),
        description: "web".to_owned(),
        vpc_id: Some(b.lab.vpc.clone()),
        ..Default::default()
    };
    let group = b.lab.h.ok::<ec2::ops::CreateSecurityGroup>(group).group_id.unwrap();
    let input = SetSecurityGroupsInput {
        load_balancer_arn: arn.clone(),
        security_groups: vec![group.clone()],
        ..Default::default()
    };
    let groups = b.lab.h.ok::<ops::SetSecurityGroups>(input).security_group_ids.unwrap();
    assert_eq!(groups, std::slice::from_ref(&group));
    assert_eq!(b.describe(&arn).security_groups, Some(vec![group.clone()]));
    let nodes = b.nodes(&arn);
    assert_eq!(nodes[0].groups.as_ref().unwrap()[0].group_id, Some(group.clone()));
    let delete = ec2::DeleteSecurityGroupRequest { group_id: Some(group.clone()), ..Default::default() };
    b.lab.h.message::<ec2::ops::DeleteSecurityGroup>(
        delete,
        "DependencyViolation",
        &format!("resource {group} has a dependent object"),
    );
    let dual =
        SetIpAddressTypeInput { load_balancer_arn: arn.clone(), ip_address_type: "dualstack".to_owned() };
    b.lab.h.code::<ops::SetIpAddressType>(dual, "InvalidConfigurationRequest");
    let input = CreateLoadBalancerInput { subnets: Some(vec![b.a.clone()]), ..b.network("net") };
    let net = b.active(input);
    let input =
        SetSecurityGroupsInput { load_balancer_arn: net, security_groups: vec![group], ..Default::default() };
    b.lab.h.code::<ops::SetSecurityGroups>(input, "InvalidConfigurationRequest");
}

#[test]
fn attributes_are_checked_and_protect() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let arn = b.active(input);
    let input = b.network("net");
    let net = b.active(input);
    let described = DescribeLoadBalancerAttributesInput { load_balancer_arn: arn.clone() };
    let all = b.lab.h.ok::<ops::DescribeLoadBalancerAttributes>(described).attributes.unwrap();
    let value = |key: &str| {
        let found = all.iter().find(|attribute| attribute.key.as_deref() == Some(key));
        found.and_then(|attribute| attribute.value.clone()).unwrap()
    };
    assert_eq!(value("idle_timeout.timeout_seconds"), "60");
    assert_eq!(value("routing.http2.enabled"), "true");
    b.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(set(&arn, "idle_timeout.timeout_seconds", "4000"));
    b.lab.h.message::<ops::ModifyLoadBalancerAttributes>(
        set(&arn, "idle_timeout", "4000"),
        "ValidationError",
        "Load balancer attribute key 'idle_timeout' is not recognized",
    );
    b.lab.h.message::<ops::ModifyLoadBalancerAttributes>(
        set(&net, "idle_timeout.timeout_seconds", "10"),
        "InvalidConfigurationRequest",
        "Load balancer attribute key 'idle_timeout.timeout_seconds' is not supported on load balancers with type 'network'",
    );
    for (key, value) in [
        ("idle_timeout.timeout_seconds", "4001"),
        ("routing.http.desync_mitigation_mode", "none"),
        ("deletion_protection.enabled", "yes"),
    ] {
        b.lab.h.code::<ops::ModifyLoadBalancerAttributes>(set(&arn, key, value), "ValidationError");
    }
    for (key, value) in [
        ("access_logs.s3.enabled", "true"),
        ("load_balancing.cross_zone.enabled", "false"),
        ("zonal_shift.config.enabled", "true"),
    ] {
        let input = set(&arn, key, value);
        b.lab.h.code::<ops::ModifyLoadBalancerAttributes>(input, "InvalidConfigurationRequest");
    }
    b.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(set(&net, "load_balancing.cross_zone.enabled", "true"));

    b.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(set(&arn, "deletion_protection.enabled", "true"));
    b.lab.h.message::<ops::DeleteLoadBalancer>(
        delete(&arn),
        "OperationNotPermitted",
        &format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"),
    );
    b.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(set(&arn, "deletion_protection.enabled", "false"));
    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete(&arn));
}

#[test]
fn a_load_balancer_goes_with_its_listeners_and_tags() {
    let mut b = Balancing::new();
    let tags = vec![Tag { key: "Name".to_owned(), value: text("web") }];
    let input = CreateLoadBalancerInput { tags: Some(tags), ..b.application("web") };
    let arn = b.active(input);
    let group = b.target_group("web", "HTTP");
    let input = listener(&arn, "HTTP", 80, forward(&group));
    let listener = b.create_listener(input).listener_arn.unwrap();
    let resources = vec![arn.clone(), group.clone(), listener.clone()];
    let add = AddTagsInput {
        resource_arns: resources.clone(),
        tags: vec![Tag { key: "Team".to_owned(), value: text("a") }],
    };
    b.lab.h.ok::<ops::AddTags>(add);
    let described = DescribeTagsInput { resource_arns: resources.clone() };
    let found = b.lab.h.ok::<ops::DescribeTags>(described.clone()).tag_descriptions.unwrap();
    let counts: Vec<usize> = found.iter().map(|one| one.tags.as_ref().unwrap().len()).collect();
    assert_eq!(counts, [2, 1, 1]);
    let remove = RemoveTagsInput { resource_arns: resources, tag_keys: vec!["Team".to_owned()] };
    b.lab.h.ok::<ops::RemoveTags>(remove);
    let twice = AddTagsInput {
        resource_arns: vec![arn.clone()],
        tags: vec![Tag { key: "a".to_owned(), value: None }, Tag { key: "a".to_owned(), value: None }],
    };
    b.lab.h.code::<ops::AddTags>(twice, "DuplicateTagKeys");

    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete(&arn));
    let gone = DescribeListenersInput { listener_arns: Some(vec![listener]), ..Default::default() };
    b.lab.h.message::<ops::DescribeListeners>(gone, "ListenerNotFound", "One or more listeners not found");
    b.lab.h.code::<ops::DescribeTags>(described, "LoadBalancerNotFound");
    assert_eq!(b.lab.h.world.tags.iter().count(), 0);
}
