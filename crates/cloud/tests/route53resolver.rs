//! Route 53 Resolver: endpoints, rules, query logging and configurations; their lives, what they refuse, how they are listed.

mod harness;
mod lab;

use enishi_api::ec2;
use enishi_api::route53resolver::*;
use enishi_cloud::tick;
use enishi_state::ec2::NetworkInterface;
use harness::text;
use lab::Lab;

/// A VPC with subnets in two zones and a group.
struct Net {
    lab: Lab,
    subnets: [String; 2],
    group: String,
    requests: u32,
}

impl Net {
    fn new() -> Self {
        let mut lab = Lab::new();
        let subnets = [lab.subnet.clone(), lab.add_subnet("10.0.2.0/24", "us-east-1b")];
        let group = group(&mut lab, "resolver");
        Net { lab, subnets, group, requests: 0 }
    }

    fn request(&mut self, direction: &str) -> CreateResolverEndpointRequest {
        self.requests += 1;
        let address = |subnet: &String| IpAddressRequest { subnet_id: subnet.clone(), ..Default::default() };
        CreateResolverEndpointRequest {
            creator_request_id: format!("request-{}", self.requests),
            security_group_ids: vec![self.group.clone()],
            direction: direction.to_owned(),
            ip_addresses: self.subnets.iter().map(address).collect(),
            ..Default::default()
        }
    }

    /// An endpoint that is operational.
    fn endpoint(&mut self, direction: &str) -> String {
        let request = self.request(direction);
        let made = self.lab.h.ok::<ops::CreateResolverEndpoint>(request).resolver_endpoint.unwrap();
        self.lab.settle();
        made.id.unwrap()
    }

    fn get(&mut self, id: &str) -> ResolverEndpoint {
        let input = GetResolverEndpointRequest { resolver_endpoint_id: id.to_owned() };
        self.lab.h.ok::<ops::GetResolverEndpoint>(input).resolver_endpoint.unwrap()
    }

    fn addresses(&mut self, id: &str) -> Vec<IpAddressResponse> {
        let input = ListResolverEndpointIpAddressesRequest {
            resolver_endpoint_id: id.to_owned(),
            ..Default::default()
        };
        self.lab.h.ok::<ops::ListResolverEndpointIpAddresses>(input).ip_addresses.unwrap()
    }

    fn forward(&mut self, domain: &str, endpoint: &str, targets: &[&str]) -> CreateResolverRuleRequest {
        self.requests += 1;
        let target = |ip: &&str| TargetAddress { ip: text(ip), ..Default::default() };
        CreateResolverRuleRequest {
            creator_request_id: format!("request-{}", self.requests),
            rule_type: "FORWARD".to_owned(),
            domain_name: text(domain),
            resolver_endpoint_id: text(endpoint),
            target_ips: Some(targets.iter().map(target).collect()),
            ..Default::default()
        }
    }

    fn rule(&mut self, domain: &str, endpoint: &str) -> String {
        let request = self.forward(domain, endpoint, &["192.0.2.53"]);
        self.lab.h.ok::<ops::CreateResolverRule>(request).resolver_rule.unwrap().id.unwrap()
    }

    fn associate(&self, rule: &str) -> AssociateResolverRuleRequest {
        AssociateResolverRuleRequest {
            resolver_rule_id: rule.to_owned(),
            name: None,
            vpc_id: self.lab.vpc.clone(),
        }
    }
}

fn group(lab: &mut Lab, name: &str) -> String {
    let input = ec2::CreateSecurityGroupRequest {
        group_name: name.to_owned(),
        description: name.to_owned(),
        vpc_id: Some(lab.vpc.clone()),
        ..Default::default()
    };
    lab.h.ok::<ec2::ops::CreateSecurityGroup>(input).group_id.unwrap()
}

fn update(endpoint: &str, subnet: &str, ip: Option<&str>) -> AssociateResolverEndpointIpAddressRequest {
    AssociateResolverEndpointIpAddressRequest {
        resolver_endpoint_id: endpoint.to_owned(),
        ip_address: IpAddressUpdate {
            subnet_id: text(subnet),
            ip: ip.map(str::to_owned),
            ..Default::default()
        },
    }
}

fn remove(endpoint: &str, ip_id: Option<String>) -> DisassociateResolverEndpointIpAddressRequest {
    DisassociateResolverEndpointIpAddressRequest {
        resolver_endpoint_id: endpoint.to_owned(),
        ip_address: IpAddressUpdate { ip_id, ..Default::default() },
    }
}

#[test]
fn an_endpoint_has_a_network_interface_for_each_address() {
    let mut net = Net::new();
    let mut request = net.request("INBOUND");
    request.name = text("in");
    request.ip_addresses[1].ip = text("10.0.2.53");
    let made = net.lab.h.ok::<ops::CreateResolverEndpoint>(request).resolver_endpoint.unwrap();
    let id = made.id.clone().unwrap();
    assert!(id.starts_with("rslvr-in-"), "{id}");
    assert_eq!(made.status.as_deref(), Some("CREATING"));
    assert!(made.status_message.unwrap().ends_with("] Creating the Resolver Endpoint"));
    assert_eq!(
        made.arn,
        Some(format!("arn:aws:route53resolver:us-east-1:123456789012:resolver-endpoint/{id}"))
    );
    assert_eq!((made.ip_address_count, made.host_vpc_id), (Some(2), Some(net.lab.vpc.clone())));
    assert_eq!(net.addresses(&id)[0].status.as_deref(), Some("CREATING"));

    net.lab.settle();
    let endpoint = net.get(&id);
    assert_eq!(endpoint.status.as_deref(), Some("OPERATIONAL"));
    assert_eq!(endpoint.status_message.as_deref(), Some("This Resolver Endpoint is operational."));
    let addresses = net.addresses(&id);
    assert_eq!(addresses[1].ip.as_deref(), Some("10.0.2.53"));
    assert_eq!(addresses[1].subnet_id, Some(net.subnets[1].clone()));
    for address in &addresses {
        assert_eq!(address.status.as_deref(), Some("ATTACHED"));
        let ip: std::net::Ipv4Addr = address.ip.as_ref().unwrap().parse().unwrap();
        let row = net.lab.h.world.all::<NetworkInterface>().find(|row| row.primary_ip() == ip).unwrap();
        let eni = row.id.to_string();
        let shown = net.lab.interface(&eni);
        let rni = address.ip_id.as_ref().unwrap();
        assert_eq!(shown.description, Some(format!("Route 53 Resolver: {id}:{rni}")));
        assert_eq!(shown.interface_type.as_deref(), Some("interface"));
        assert_eq!((shown.requester_managed, shown.status.as_deref()), (Some(true), Some("in-use")));
        assert_eq!(shown.groups.unwrap()[0].group_id, Some(net.group.clone()));
        let attachment = shown.attachment.unwrap();
        assert_eq!(attachment.instance_owner_id.as_deref(), Some("amazon-aws"));
        // Its user is AWS.
        let detach = ec2::DetachNetworkInterfaceRequest {
            attachment_id: attachment.attachment_id.unwrap(),
            ..Default::default()
        };
        net.lab.h.code::<ec2::ops::DetachNetworkInterface>(detach, "OperationNotPermitted");
        let delete = ec2::DeleteNetworkInterfaceRequest { network_interface_id: eni, ..Default::default() };
        net.lab.h.code::<ec2::ops::DeleteNetworkInterface>(delete, "OperationNotPermitted");
    }
    let delete = ec2::DeleteSubnetRequest { subnet_id: net.subnets[1].clone(), ..Default::default() };
    net.lab.h.code::<ec2::ops::DeleteSubnet>(delete.clone(), "DependencyViolation");
    let group = ec2::DeleteSecurityGroupRequest { group_id: Some(net.group.clone()), ..Default::default() };
    net.lab.h.code::<ec2::ops::DeleteSecurityGroup>(group.clone(), "DependencyViolation");

    let input = DeleteResolverEndpointRequest { resolver_endpoint_id: id.clone() };
    let deleted = net.lab.h.ok::<ops::DeleteResolverEndpoint>(input).resolver_endpoint.unwrap();
    assert_eq!(deleted.status.as_deref(), Some("DELETING"));
    assert_eq!(net.get(&id).status.as_deref(), Some("DELETING"));
    net.lab.settle();
    net.lab.h.message::<ops::GetResolverEndpoint>(
        GetResolverEndpointRequest { resolver_endpoint_id: id.clone() },
        "ResourceNotFoundException",
        &format!("Resolver Endpoint with ID \"{id}\" does not exist."),
    );
    assert_eq!(net.lab.h.world.all::<NetworkInterface>().count(), 0);
    net.lab.h.ok::<ec2::ops::DeleteSubnet>(delete);
    net.lab.h.ok::<ec2::ops::DeleteSecurityGroup>(group);
}

#[test]
fn an_endpoint_waits_for_the_data_plane() {
    let mut net = Net::new();
    let request = net.request("OUTBOUND");
    let id = net.lab.h.ok::<ops::CreateResolverEndpoint>(request).resolver_endpoint.unwrap().id.unwrap();
    assert!(id.starts_with("rslvr-out-"), "{id}");
    let mut facts = net.lab.facts();
    facts.realised_generation -= 1;
    assert!(!tick::needs_tick(&net.lab.h.world, &facts, net.lab.h.now));
    facts.realised_generation += 1;
    assert!(tick::needs_tick(&net.lab.h.world, &facts, net.lab.h.now));
}

#[test]
fn what_an_endpoint_is_refused_for() {
    let mut net = Net::new();
    type Edit = fn(&mut CreateResolverEndpointRequest);
    let cases: &[(Edit, &str, &str)] = &[
        (
            |r| r.ip_addresses.truncate(1),
            "InvalidRequestException",
            "[RSLVR-00400] Resolver endpoint need to have at least 2 IP addresses.",
        ),
        (
            |r| r.ip_addresses[0].ip = text("10.0.1.3"),
            "InvalidRequestException",
            "[RSLVR-00405] The IP address 10.0.1.3 is not in subnet CIDR range or is reserved.",
        ),
        (
            |r| r.ip_addresses[0].ip = text("10.0.2.9"),
            "InvalidRequestException",
            "[RSLVR-00405] The IP address 10.0.2.9 is not in subnet CIDR range or is reserved.",
        ),
        (
            |r| {
                r.ip_addresses[1] = r.ip_addresses[0].clone();
                r.ip_addresses.iter_mut().for_each(|address| address.ip = text("10.0.1.9"));
            },
            "InvalidRequestException",
            "The IP address 10.0.1.9 was specified more than once.",
        ),
        (
            |r| r.ip_addresses[0].subnet_id = "subnet-0123456789abcdef0".to_owned(),
            "InvalidParameterException",
            "The subnet 'subnet-0123456789abcdef0' does not exist.",
        ),
        (
            |r| r.ip_addresses[0].ip = text("ten"),
            "InvalidParameterException",
            "'ten' is not a valid IPv4 address.",
        ),
        (
            |r| (0..5).for_each(|_| r.ip_addresses.push(r.ip_addresses[0].clone())),
            "LimitExceededException",
            "A Resolver Endpoint can have at most 6 IP addresses.",
        ),
        (
            |r| r.name = text("123"),
            "InvalidParameterException",
            "The name '123' is not valid. A name can contain letters (a-z, A-Z), numbers (0-9), hyphens (-), \
             underscores (_), and spaces, and cannot consist of only numbers.",
        ),
        (
            |r| r.target_name_server_metrics_enabled = Some(true),
            "InvalidParameterException",
            "Target name server metrics are not supported for inbound Resolver endpoints.",
        ),
        (
            |r| r.resolver_endpoint_type = text("DUALSTACK"),
            "InvalidParameterException",
            "Resolver endpoints with IPv6 are not supported by Enishi.",
        ),
        (
            |r| r.protocols = Some(vec!["Do53".to_owned(), "DoH".to_owned()]),
            "InvalidParameterException",
            "The protocol DoH of endpoints is not supported by Enishi.",
        ),
        (
            |r| r.direction = "INBOUND_DELEGATION".to_owned(),
            "InvalidParameterException",
            "Inbound endpoints for delegation are not supported by Enishi.",
        ),
        (
            |r| r.outpost_arn = text("arn:aws:outposts:us-east-1:123456789012:outpost/op-1"),
            "InvalidParameterException",
            "Outposts are not supported by Enishi.",
        ),
    ];
    for (edit, code, message) in cases {
        let mut request = net.request("INBOUND");
        edit(&mut request);
        net.lab.h.message::<ops::CreateResolverEndpoint>(request, code, message);
    }
    let mut request = net.request("INBOUND");
    request.security_group_ids = vec!["sg-0123456789abcdef0".to_owned()];
    let vpc = net.lab.vpc.clone();
    net.lab.h.message::<ops::CreateResolverEndpoint>(
        request,
        "InvalidParameterException",
        &format!("The security group 'sg-0123456789abcdef0' does not exist in VPC '{vpc}'."),
    );
    let default = ec2::DescribeSubnetsRequest {
        filters: vec![ec2::Filter { name: text("default-for-az"), values: vec!["true".to_owned()] }],
        ..Default::default()
    };
    let elsewhere = net.lab.h.ok::<ec2::ops::DescribeSubnets>(default).subnets.unwrap().remove(0);
    let mut request = net.request("INBOUND");
    request.ip_addresses[0].subnet_id = elsewhere.subnet_id.unwrap();
    net.lab.h.message::<ops::CreateResolverEndpoint>(
        request,
        "InvalidRequestException",
        "All subnets of a Resolver Endpoint must be in the same VPC.",
    );
}

#[test]
fn an_account_has_four_endpoints_and_a_request_is_carried_out_once() {
    let mut net = Net::new();
    let request = net.request("INBOUND");
    net.lab.h.ok::<ops::CreateResolverEndpoint>(request.clone());
    let fault = net.lab.h.fault::<ops::CreateResolverEndpoint>(request);
    assert_eq!(fault.code(), "ResourceExistsException");
    assert_eq!(fault.message(), "Resolver Endpoint with creator request id request-1 already exists");
    for _ in 0..3 {
        net.endpoint("OUTBOUND");
    }
    let request = net.request("INBOUND");
    net.lab.h.message::<ops::CreateResolverEndpoint>(
        request,
        "LimitExceededException",
        "[RSLVR-00309] Account '123456789012' has exceeded 'max-endpoints'.",
    );
}

#[test]
fn addresses_come_and_go() {
    let mut net = Net::new();
    let id = net.endpoint("INBOUND");
    let first = net.addresses(&id).remove(0);
    net.lab.h.message::<ops::DisassociateResolverEndpointIpAddress>(
        remove(&id, first.ip_id.clone()),
        "InvalidRequestException",
        "[RSLVR-00400] Resolver endpoint need to have at least 2 IP addresses.",
    );
    let input = update(&id, &net.subnets[0], Some("10.0.1.77"));
    let changed = net.lab.h.ok::<ops::AssociateResolverEndpointIpAddress>(input.clone());
    let changed = changed.resolver_endpoint.unwrap();
    assert_eq!((changed.status.as_deref(), changed.ip_address_count), (Some("UPDATING"), Some(3)));
    assert_eq!(changed.status_message.as_deref(), Some("Updating the Resolver Endpoint"));
    net.lab.h.message::<ops::AssociateResolverEndpointIpAddress>(
        input,
        "ResourceExistsException",
        "The Resolver Endpoint has the IP address 10.0.1.77 already.",
    );
    net.lab.settle();
    assert_eq!(net.addresses(&id).len(), 3);
    let gone = net.lab.h.ok::<ops::DisassociateResolverEndpointIpAddress>(remove(&id, first.ip_id.clone()));
    assert_eq!(gone.resolver_endpoint.unwrap().ip_address_count, Some(2));
    assert_eq!(net.addresses(&id)[0].status.as_deref(), Some("DETACHING"));
    net.lab.settle();
    let left = net.addresses(&id);
    assert_eq!(left.len(), 2);
    assert_eq!(net.get(&id).status.as_deref(), Some("OPERATIONAL"));
    assert_eq!(net.lab.h.world.all::<NetworkInterface>().count(), 2);
    let ip = first.ip_id.clone().unwrap();
    net.lab.h.message::<ops::DisassociateResolverEndpointIpAddress>(
        remove(&id, first.ip_id),
        "ResourceNotFoundException",
        &format!("IP Address with ID \"{ip}\" does not exist."),
    );
    for host in 100..104 {
        let ip = format!("10.0.2.{host}");
        let input = update(&id, &net.subnets[1], Some(&ip));
        net.lab.h.ok::<ops::AssociateResolverEndpointIpAddress>(input);
    }
    let input = update(&id, &net.subnets[1], None);
    net.lab.h.code::<ops::AssociateResolverEndpointIpAddress>(input, "LimitExceededException");
}

#[test]
fn endpoints_are_renamed_listed_and_filtered() {
    let mut net = Net::new();
    let (inbound, outbound) = (net.endpoint("INBOUND"), net.endpoint("OUTBOUND"));
    let input = UpdateResolverEndpointRequest {
        resolver_endpoint_id: inbound.clone(),
        name: text("new name"),
        ..Default::default()
    };
    let updated = net.lab.h.ok::<ops::UpdateResolverEndpoint>(input).resolver_endpoint.unwrap();
    assert_eq!((updated.name.as_deref(), updated.status.as_deref()), (Some("new name"), Some("OPERATIONAL")));
    let mut list = |name: &str, value: &str, max_results| {
        let filters = vec![Filter { name: text(name), values: Some(vec![value.to_owned()]) }];
        let input =
            ListResolverEndpointsRequest { filters: Some(filters), max_results, ..Default::default() };
        let page = net.lab.h.ok::<ops::ListResolverEndpoints>(input);
        let ids: Vec<_> = page.resolver_endpoints.unwrap().into_iter().filter_map(|e| e.id).collect();
        (ids, page.next_token, page.max_results)
    };
    assert_eq!(list("Direction", "OUTBOUND", None), (vec![outbound.clone()], None, Some(100)));
    assert_eq!(list("DIRECTION", "INBOUND", None).0, std::slice::from_ref(&inbound));
    assert_eq!(list("Name", "new name", None).0, std::slice::from_ref(&inbound));
    let (first, token, max) = list("Status", "OPERATIONAL", Some(1));
    assert_eq!((first.len(), max), (1, Some(1)));
    let input = ListResolverEndpointsRequest { next_token: token, ..Default::default() };
    let rest = net.lab.h.ok::<ops::ListResolverEndpoints>(input).resolver_endpoints.unwrap();
    assert_eq!(rest.len(), 1);
    assert_ne!(rest[0].id, Some(first[0].clone()));
    let filters = Some(vec![Filter { name: text("Colour"), values: Some(vec!["red".to_owned()]) }]);
    net.lab.h.message::<ops::ListResolverEndpoints>(
        ListResolverEndpointsRequest { filters, ..Default::default() },
        "InvalidParameterException",
        "'Colour' is not a valid filter name.",
    );
    net.lab.h.act_as("210987654321", "us-east-1");
    net.lab.h.code::<ops::GetResolverEndpoint>(
        GetResolverEndpointRequest { resolver_endpoint_id: inbound },
        "ResourceNotFoundException",
    );
}

#[test]
fn a_rule_holds_where_it_is_associated() {
    let mut net = Net::new();
    let outbound = net.endpoint("OUTBOUND");
    let request = net.forward("Corp.Example", &outbound, &["192.0.2.53", "192.0.2.54"]);
    let rule = net.lab.h.ok::<ops::CreateResolverRule>(request).resolver_rule.unwrap();
    let id = rule.id.clone().unwrap();
    assert_eq!(
        (rule.domain_name.as_deref(), rule.status.as_deref()),
        (Some("corp.example."), Some("COMPLETE"))
    );
    assert_eq!(rule.target_ips.as_ref().unwrap()[1].port, Some(53));
    assert!(rule.status_message.unwrap().ends_with("] Successfully created Resolver Rule."));
    assert_eq!(
        (rule.owner_id.as_deref(), rule.share_status.as_deref()),
        (Some("123456789012"), Some("NOT_SHARED"))
    );

    let input = net.associate(&id);
    let made = net.lab.h.ok::<ops::AssociateResolverRule>(input.clone()).resolver_rule_association.unwrap();
    assert_eq!(made.status.as_deref(), Some("CREATING"));
    let other = net.rule("corp.example", &outbound);
    for input in [input.clone(), net.associate(&other)] {
        net.lab.h.message::<ops::AssociateResolverRule>(
            input,
            "InvalidRequestException",
            &format!(
                "[RSLVR-00802] Cannot associate rules with same domain name with same VPC. Conflict with resolver rule \
                 \"{id}\""
            ),
        );
    }
    net.lab.settle();
    let association = made.id.unwrap();
    let get = GetResolverRuleAssociationRequest { resolver_rule_association_id: association.clone() };
    let shown =
        net.lab.h.ok::<ops::GetResolverRuleAssociation>(get.clone()).resolver_rule_association.unwrap();
    assert_eq!((shown.status.as_deref(), shown.status_message.as_deref()), (Some("COMPLETE"), Some("")));

    let update = UpdateResolverRuleRequest {
        resolver_rule_id: id.clone(),
        config: ResolverRuleConfig {
            target_ips: Some(vec![TargetAddress {
                ip: text("192.0.2.99"),
                port: Some(5353),
                ..Default::default()
            }]),
            ..Default::default()
        },
    };
    let updated = net.lab.h.ok::<ops::UpdateResolverRule>(update.clone()).resolver_rule.unwrap();
    assert_eq!(updated.status.as_deref(), Some("UPDATING"));
    net.lab.h.message::<ops::UpdateResolverRule>(
        update,
        "InvalidRequestException",
        "[RSLVR-00705] Cannot update Resolver Rule because it's currently updating.",
    );
    net.lab.settle();

    let delete = DeleteResolverRuleRequest { resolver_rule_id: id.clone() };
    net.lab.h.message::<ops::DeleteResolverRule>(
        delete.clone(),
        "ResourceInUseException",
        "Please disassociate this resolver rule from VPC first before deleting",
    );
    let input = DisassociateResolverRuleRequest { vpc_id: net.lab.vpc.clone(), resolver_rule_id: id.clone() };
    let gone = net.lab.h.ok::<ops::DisassociateResolverRule>(input.clone());
    assert_eq!(gone.resolver_rule_association.unwrap().status.as_deref(), Some("DELETING"));
    net.lab.h.code::<ops::DeleteResolverRule>(delete.clone(), "ResourceInUseException");
    net.lab.settle();
    net.lab.h.code::<ops::GetResolverRuleAssociation>(get, "ResourceNotFoundException");
    let vpc = net.lab.vpc.clone();
    net.lab.h.message::<ops::DisassociateResolverRule>(
        input,
        "ResourceNotFoundException",
        &format!("Resolver Rule \"{id}\" is not associated with VPC \"{vpc}\"."),
    );
    let input = DeleteResolverEndpointRequest { resolver_endpoint_id: outbound };
    let rules = {
        let mut rules = [id.as_str(), other.as_str()];
        rules.sort_unstable();
        rules
    };
    net.lab.h.message::<ops::DeleteResolverEndpoint>(
        input,
        "InvalidRequestException",
        &format!(
            "[RSLVR-00600] Cannot delete resolver endpoint unless its related resolver rules are deleted. The following \
             rules still exist for this resolver endpoint: \"{}\", \"{}\"",
            rules[0], rules[1]
        ),
    );
    let deleted = net.lab.h.ok::<ops::DeleteResolverRule>(delete).resolver_rule.unwrap();
    assert_eq!(deleted.status.as_deref(), Some("DELETING"));
    net.lab.h.code::<ops::GetResolverRule>(
        GetResolverRuleRequest { resolver_rule_id: id },
        "ResourceNotFoundException",
    );
}

#[test]
fn what_a_rule_is_refused_for() {
    let mut net = Net::new();
    let (inbound, outbound) = (net.endpoint("INBOUND"), net.endpoint("OUTBOUND"));
    type Edit = fn(&mut CreateResolverRuleRequest);
    let cases: &[(Edit, &str, &str)] = &[
        (
            |r| r.rule_type = "RECURSIVE".to_owned(),
            "InvalidRequestException",
            "[RSLVR-00718] Cannot create a rule with type RECURSIVE",
        ),
        (
            |r| r.rule_type = "DELEGATE".to_owned(),
            "InvalidParameterException",
            "Rules of type DELEGATE are not supported by Enishi.",
        ),
        (|r| r.domain_name = text("a..b"), "InvalidParameterException", "'a..b' is not a valid domain name."),
        (|r| r.domain_name = None, "InvalidParameterException", "The rule needs a domain name."),
        (
            |r| r.resolver_endpoint_id = None,
            "InvalidParameterException",
            "A FORWARD rule needs a Resolver Endpoint.",
        ),
        (
            |r| r.resolver_endpoint_id = text("rslvr-out-0"),
            "ResourceNotFoundException",
            "Resolver Endpoint with ID \"rslvr-out-0\" does not exist.",
        ),
        (
            |r| r.target_ips = None,
            "InvalidParameterException",
            "A FORWARD rule needs at least one target IP.",
        ),
        (
            |r| r.target_ips.as_mut().unwrap()[0].port = Some(0),
            "InvalidParameterException",
            "A target's port is between 1 and 65535.",
        ),
        (
            |r| r.target_ips.as_mut().unwrap()[0].protocol = text("DoH"),
            "InvalidParameterException",
            "The protocol DoH of targets is not supported by Enishi.",
        ),
        (
            |r| r.target_ips.as_mut().unwrap()[0].ip = text("192.0.2"),
            "InvalidParameterException",
            "'192.0.2' is not a valid target IPv4 address.",
        ),
        (
            |r| r.rule_type = "SYSTEM".to_owned(),
            "InvalidParameterException",
            "ResolverEndpointId cannot be specified for rules of type SYSTEM.",
        ),
    ];
    for (edit, code, message) in cases {
        let mut request = net.forward("example.com", &outbound, &["192.0.2.53"]);
        edit(&mut request);
        net.lab.h.message::<ops::CreateResolverRule>(request, code, message);
    }
    let request = net.forward("example.com", &inbound, &["192.0.2.53"]);
    net.lab.h.message::<ops::CreateResolverRule>(
        request,
        "InvalidRequestException",
        &format!("The Resolver Endpoint \"{inbound}\" is not an OUTBOUND endpoint."),
    );
    // Its VPC would ask itself.
    let target = net.addresses(&inbound).remove(0).ip.unwrap();
    let request = net.forward("example.com", &outbound, &[&target]);
    let rule = net.lab.h.ok::<ops::CreateResolverRule>(request).resolver_rule.unwrap().id.unwrap();
    let (input, vpc) = (net.associate(&rule), net.lab.vpc.clone());
    net.lab.h.message::<ops::AssociateResolverRule>(
        input,
        "InvalidRequestException",
        &format!(
            "[RSLVR-00804] Cannot associate rule {rule} to VPC {vpc} because the VPC include an INBOUND resolver \
             endpoints with rule's target IP. Please try a different rule or update rule's target IP."
        ),
    );
}

#[test]
fn the_internet_resolver_is_everybodys_rule() {
    let mut net = Net::new();
    let outbound = net.endpoint("OUTBOUND");
    let own = net.rule("example.com", &outbound);
    let rules = net.lab.h.ok::<ops::ListResolverRules>(ListResolverRulesRequest::default());
    let rules = rules.resolver_rules.unwrap();
    let internet = &rules[0];
    assert_eq!(internet.id.as_deref(), Some("rslvr-autodefined-rr-internet-resolver"));
    assert_eq!(
        (internet.rule_type.as_deref(), internet.domain_name.as_deref()),
        (Some("RECURSIVE"), Some("."))
    );
    assert_eq!(internet.owner_id.as_deref(), Some("Route 53 Resolver"));
    assert_eq!(
        internet.arn.as_deref(),
        Some("arn:aws:route53resolver:us-east-1::autodefined-rule/rslvr-autodefined-rr-internet-resolver")
    );
    assert_eq!(rules[1].id, Some(own));
    let filters = Some(vec![Filter { name: text("VPCId"), values: Some(vec![net.lab.vpc.clone()]) }]);
    let input = ListResolverRuleAssociationsRequest { filters, ..Default::default() };
    let list = net.lab.h.ok::<ops::ListResolverRuleAssociations>(input).resolver_rule_associations.unwrap();
    let id = format!("rslvr-autodefined-assoc-{}-internet-resolver", net.lab.vpc);
    assert_eq!(list.iter().map(|a| a.id.clone().unwrap()).collect::<Vec<_>>(), std::slice::from_ref(&id));
    let get = GetResolverRuleAssociationRequest { resolver_rule_association_id: id };
    let shown = net.lab.h.ok::<ops::GetResolverRuleAssociation>(get).resolver_rule_association.unwrap();
    assert_eq!(shown.name.as_deref(), Some("System Rule Association"));
    let delete = DeleteResolverRuleRequest { resolver_rule_id: internet.id.clone().unwrap() };
    net.lab.h.code::<ops::DeleteResolverRule>(delete, "InvalidRequestException");
}
