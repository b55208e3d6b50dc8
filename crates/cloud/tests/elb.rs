//! Classic Load Balancers: creation, listeners, zones, attributes, tags, and what is refused.

mod certificates;
mod classic;
mod harness;
mod lab;

use certificates::{imported, key_pair};
use classic::{Classic, http, listener, secure};
use enishi_api::acm::{DeleteCertificateRequest, DescribeCertificateRequest, ops as acm};
use enishi_api::ec2;
use enishi_api::elb::{
    AccessLog, AddAvailabilityZonesInput, AddTagsInput, AdditionalAttribute,
    ApplySecurityGroupsToLoadBalancerInput, AttachLoadBalancerToSubnetsInput, ConfigureHealthCheckInput,
    ConnectionDraining, ConnectionSettings, CreateAccessPointInput, CreateLoadBalancerListenerInput,
    CrossZoneLoadBalancing, DeleteAccessPointInput, DeleteLoadBalancerListenerInput,
    DescribeAccessPointsInput, DescribeAccountLimitsInput, DescribeLoadBalancerAttributesInput,
    DescribeTagsInput, DetachLoadBalancerFromSubnetsInput, HealthCheck, Listener, LoadBalancerAttributes,
    ModifyLoadBalancerAttributesInput, RemoveTagsInput, SetLoadBalancerListenerSSLCertificateInput, Tag,
    TagKeyOnly, ops,
};
use harness::text;

#[test]
fn a_load_balancer_has_nodes_and_names() {
    let mut c = Classic::new();
    let name = c.create(c.input("web"));
    let shown = c.describe("web");
    assert_eq!(shown.dns_name.as_deref(), Some(name.as_str()));
    assert!(name.starts_with("web-") && name.ends_with(".us-east-1.elb.amazonaws.com"), "{name}");
    assert_eq!(shown.canonical_hosted_zone_name.as_deref(), Some(name.as_str()));
    assert_eq!(shown.canonical_hosted_zone_name_id.as_deref(), Some("Z35SXDOTRQ7X7K"));
    assert_eq!(shown.availability_zones.unwrap(), ["us-east-1a", "us-east-1b"]);
    assert_eq!(shown.subnets.unwrap(), [c.a.clone(), c.b.clone()]);
    assert_eq!(shown.scheme.as_deref(), Some("internet-facing"));
    assert_eq!(shown.source_security_group.unwrap().group_name.as_deref(), Some("default"));
    let check = shown.health_check.unwrap();
    assert_eq!((check.target.as_str(), check.interval, check.timeout), ("TCP:8080", 30, 5));
    assert_eq!((check.unhealthy_threshold, check.healthy_threshold), (2, 10));
    let listeners = shown.listener_descriptions.unwrap();
    assert_eq!(listeners[0].listener, Some(Listener { instance_protocol: text("HTTP"), ..http(80, 8080) }));

    let nodes = c.nodes("web");
    assert_eq!(nodes.len(), 2);
    for node in &nodes {
        assert_eq!(node.requester_id.as_deref(), Some("amazon-elb"));
        assert_eq!(node.interface_type.as_deref(), Some("interface"));
        assert!(node.association.is_some(), "it faces the internet");
    }

    // The same request again is no error, another one is.
    assert_eq!(c.create(c.input("web")), name);
    let other = CreateAccessPointInput { listeners: vec![http(81, 8080)], ..c.input("web") };
    c.lab.h.code::<ops::CreateLoadBalancer>(other, "DuplicateLoadBalancerName");

    let delete = || DeleteAccessPointInput { load_balancer_name: "web".to_owned() };
    c.lab.h.ok::<ops::DeleteLoadBalancer>(delete());
    assert_eq!(c.nodes("web").len(), 0);
    c.lab.h.ok::<ops::DeleteLoadBalancer>(delete());
    let input =
        DescribeAccessPointsInput { load_balancer_names: Some(vec!["web".to_owned()]), ..Default::default() };
    let message = "There is no ACTIVE Load Balancer named 'web'";
    c.lab.h.message::<ops::DescribeLoadBalancers>(input, "LoadBalancerNotFound", message);
}

#[test]
fn an_internal_one_has_private_addresses() {
    let mut c = Classic::new();
    let name = c.create(CreateAccessPointInput { scheme: text("internal"), ..c.input("app") });
    assert!(name.starts_with("internal-app-"), "{name}");
    assert_eq!(c.describe("app").canonical_hosted_zone_name, None);
    assert!(c.nodes("app").iter().all(|node| node.association.is_none()));
}

#[test]
fn zones_of_the_default_vpc_are_enough() {
    let mut c = Classic::new();
    let zones = Some(vec!["us-east-1a".to_owned()]);
    c.create(CreateAccessPointInput { subnets: None, availability_zones: zones, ..c.input("web") });
    let zones = |zones: &[&str]| AddAvailabilityZonesInput {
        load_balancer_name: "web".to_owned(),
        availability_zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
    };
    let output =
        c.lab.h.ok::<ops::EnableAvailabilityZonesForLoadBalancer>(zones(&["us-east-1a", "us-east-1c"]));
    assert_eq!(output.availability_zones.unwrap(), ["us-east-1a", "us-east-1c"]);
    let remove = enishi_api::elb::RemoveAvailabilityZonesInput {
        load_balancer_name: "web".to_owned(),
        availability_zones: vec!["us-east-1a".to_owned()],
    };
    let output = c.lab.h.ok::<ops::DisableAvailabilityZonesForLoadBalancer>(remove);
    assert_eq!(output.availability_zones.unwrap(), ["us-east-1c"]);
    assert_eq!(c.nodes("web").len(), 1);
    c.create(c.input("own"));
    let input = AddAvailabilityZonesInput { load_balancer_name: "own".to_owned(), ..zones(&["us-east-1c"]) };
    c.lab.h.code::<ops::EnableAvailabilityZonesForLoadBalancer>(input, "InvalidConfigurationRequest");
}

#[test]
fn creations_are_refused() {
    let mut c = Classic::new();
    let small = c.lab.add_subnet("10.0.9.0/28", "us-east-1c");
    let same_zone = c.lab.add_subnet("10.0.3.0/24", "us-east-1a");
    let base = c.input("web");
    let cases = [
        ("ValidationError", CreateAccessPointInput { load_balancer_name: "a_b".to_owned(), ..base.clone() }),
        ("ValidationError", CreateAccessPointInput { listeners: vec![], ..base.clone() }),
        ("ValidationError", CreateAccessPointInput { subnets: None, ..base.clone() }),
        (
            "ValidationError",
            CreateAccessPointInput {
                availability_zones: Some(vec!["us-east-1a".to_owned()]),
                ..base.clone()
            },
        ),
        (
            "SubnetNotFound",
            CreateAccessPointInput { subnets: Some(vec!["subnet-1".to_owned()]), ..base.clone() },
        ),
        (
            "InvalidConfigurationRequest",
            CreateAccessPointInput { subnets: Some(vec![c.a.clone(), same_zone]), ..base.clone() },
        ),
        ("InvalidSubnet", CreateAccessPointInput { subnets: Some(vec![small]), ..base.clone() }),
        ("InvalidScheme", CreateAccessPointInput { scheme: text("public"), ..base.clone() }),
        (
            "InvalidSecurityGroup",
            CreateAccessPointInput { security_groups: Some(vec!["sg-1".to_owned()]), ..base.clone() },
        ),
        (
            "UnsupportedProtocol",
            CreateAccessPointInput { listeners: vec![listener("UDP", 53, 53)], ..base.clone() },
        ),
        (
            "ValidationError",
            CreateAccessPointInput {
                listeners: vec![Listener { instance_protocol: text("TCP"), ..http(80, 80) }],
                ..base.clone()
            },
        ),
        (
            "ValidationError",
            CreateAccessPointInput { listeners: vec![listener("HTTPS", 443, 80)], ..base.clone() },
        ),
        (
            "CertificateNotFound",
            CreateAccessPointInput { listeners: vec![secure("arn:aws:acm:x")], ..base.clone() },
        ),
        ("ValidationError", CreateAccessPointInput { listeners: vec![http(0, 80)], ..base.clone() }),
        (
            "DuplicateListener",
            CreateAccessPointInput { listeners: vec![http(80, 80), http(80, 81)], ..base.clone() },
        ),
    ];
    for (code, input) in cases {
        c.lab.h.code::<ops::CreateLoadBalancer>(input, code);
    }
    c.lab.h.message::<ops::CreateLoadBalancer>(
        CreateAccessPointInput { listeners: vec![listener("SSL", 443, 80)], ..base.clone() },
        "ValidationError",
        "Secure Listeners need to specify a SSLCertificateId",
    );
    let vpc = ec2::CreateVpcRequest { cidr_block: text("10.5.0.0/16"), ..Default::default() };
    c.lab.vpc = c.lab.h.ok::<ec2::ops::CreateVpc>(vpc).vpc.unwrap().vpc_id.unwrap();
    let closed = c.lab.add_subnet("10.5.1.0/24", "us-east-1a");
    let input = CreateAccessPointInput { subnets: Some(vec![closed]), ..base };
    c.lab.h.code::<ops::CreateLoadBalancer>(input, "InvalidSubnet");
}

#[test]
fn listeners_come_and_go() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let create = |listeners: Vec<Listener>| CreateLoadBalancerListenerInput {
        load_balancer_name: "web".to_owned(),
        listeners,
    };
    c.lab.h.ok::<ops::CreateLoadBalancerListeners>(create(vec![listener("TCP", 22, 22), http(80, 8080)]));
    c.lab.h.code::<ops::CreateLoadBalancerListeners>(create(vec![http(80, 8081)]), "DuplicateListener");
    let ports = |c: &mut Classic| -> Vec<i32> {
        let shown = c.describe("web").listener_descriptions.unwrap();
        shown.into_iter().map(|one| one.listener.unwrap().load_balancer_port).collect()
    };
    assert_eq!(ports(&mut c), [22, 80]);
    let delete = DeleteLoadBalancerListenerInput {
        load_balancer_name: "web".to_owned(),
        load_balancer_ports: vec![22, 4444],
    };
    c.lab.h.ok::<ops::DeleteLoadBalancerListeners>(delete);
    assert_eq!(ports(&mut c), [80]);
}

#[test]
fn secure_listeners_use_certificates() {
    let mut c = Classic::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let first = imported(&mut c.lab.h, &key, &["example.com"]);
    let second = imported(&mut c.lab.h, &key, &["example.org"]);
    c.create(CreateAccessPointInput { listeners: vec![secure(&first), http(80, 80)], ..c.input("web") });
    let shown = c.describe("web");
    let listeners = shown.listener_descriptions.unwrap();
    assert_eq!(listeners[1].policy_names.as_deref(), Some(&["ELBSecurityPolicy-2016-08".to_owned()][..]));
    assert_eq!(shown.policies.unwrap().other_policies.unwrap(), ["ELBSecurityPolicy-2016-08"]);

    let describe = DescribeCertificateRequest { certificate_arn: first.clone() };
    let used = c.lab.h.ok::<acm::DescribeCertificate>(describe).certificate.unwrap().in_use_by.unwrap();
    assert_eq!(used, ["arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/web"]);
    let delete = || DeleteCertificateRequest { certificate_arn: first.clone() };
    c.lab.h.code::<acm::DeleteCertificate>(delete(), "ResourceInUseException");

    let set = |port: i32, arn: &str| SetLoadBalancerListenerSSLCertificateInput {
        load_balancer_name: "web".to_owned(),
        load_balancer_port: port,
        ssl_certificate_id: arn.to_owned(),
    };
    c.lab.h.code::<ops::SetLoadBalancerListenerSSLCertificate>(set(444, &second), "ListenerNotFound");
    c.lab
        .h
        .code::<ops::SetLoadBalancerListenerSSLCertificate>(set(80, &second), "InvalidConfigurationRequest");
    c.lab.h.code::<ops::SetLoadBalancerListenerSSLCertificate>(set(443, "arn:x"), "CertificateNotFound");
    c.lab.h.ok::<ops::SetLoadBalancerListenerSSLCertificate>(set(443, &second));
    c.lab.h.ok::<acm::DeleteCertificate>(delete());
}

#[test]
fn subnets_and_groups_change() {
    let mut c = Classic::new();
    c.create(CreateAccessPointInput { subnets: Some(vec![c.a.clone()]), ..c.input("web") });
    let name = || "web".to_owned();
    let attach = AttachLoadBalancerToSubnetsInput { load_balancer_name: name(), subnets: vec![c.b.clone()] };
    let output = c.lab.h.ok::<ops::AttachLoadBalancerToSubnets>(attach);
    assert_eq!(output.subnets.unwrap(), [c.a.clone(), c.b.clone()]);
    assert_eq!(c.nodes("web").len(), 2);
    let detach = |subnets: &[&String]| DetachLoadBalancerFromSubnetsInput {
        load_balancer_name: name(),
        subnets: subnets.iter().map(|subnet| (*subnet).clone()).collect(),
    };
    let (a, b) = (c.a.clone(), c.b.clone());
    c.lab.h.code::<ops::DetachLoadBalancerFromSubnets>(detach(&[&a, &b]), "InvalidConfigurationRequest");
    let output = c.lab.h.ok::<ops::DetachLoadBalancerFromSubnets>(detach(&[&a]));
    assert_eq!(output.subnets.unwrap(), [b]);
    assert_eq!(c.nodes("web").len(), 1);

    let group = ec2::CreateSecurityGroupRequest {
        group_name: "elb".to_owned(),
        description: "elb".to_owned(),
        vpc_id: Some(c.lab.vpc.clone()),
        ..Default::default()
    };
    let group = c.lab.h.ok::<ec2::ops::CreateSecurityGroup>(group).group_id.unwrap();
    let apply = |groups: Vec<String>| ApplySecurityGroupsToLoadBalancerInput {
        load_balancer_name: name(),
        security_groups: groups,
    };
    c.lab.h.code::<ops::ApplySecurityGroupsToLoadBalancer>(
        apply(vec!["sg-1".to_owned()]),
        "InvalidSecurityGroup",
    );
    c.lab.h.ok::<ops::ApplySecurityGroupsToLoadBalancer>(apply(vec![group.clone()]));
    let node = c.nodes("web").remove(0);
    assert_eq!(node.groups.unwrap()[0].group_id.as_deref(), Some(group.as_str()));
    assert_eq!(c.describe("web").source_security_group.unwrap().group_name.as_deref(), Some("elb"));
    let delete = ec2::DeleteSecurityGroupRequest { group_id: Some(group), ..Default::default() };
    c.lab.h.code::<ec2::ops::DeleteSecurityGroup>(delete, "DependencyViolation");
}

#[test]
fn health_checks_are_configured() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let configure = |target: &str, interval: i32| ConfigureHealthCheckInput {
        load_balancer_name: "web".to_owned(),
        health_check: HealthCheck {
            target: target.to_owned(),
            interval,
            timeout: 5,
            unhealthy_threshold: 3,
            healthy_threshold: 4,
        },
    };
    let output = c.lab.h.ok::<ops::ConfigureHealthCheck>(configure("HTTP:8080/ping", 10));
    assert_eq!(output.health_check.unwrap().target, "HTTP:8080/ping");
    assert_eq!(c.describe("web").health_check.unwrap().healthy_threshold, 4);
    for (target, interval) in [("HTTP:8080", 10), ("FTP:21", 10), ("TCP:22", 5)] {
        c.lab.h.code::<ops::ConfigureHealthCheck>(configure(target, interval), "ValidationError");
    }
}

#[test]
fn attributes_are_modified() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let modify = |attributes: LoadBalancerAttributes| ModifyLoadBalancerAttributesInput {
        load_balancer_name: "web".to_owned(),
        load_balancer_attributes: attributes,
    };
    let describe = |c: &mut Classic| {
        let input = DescribeLoadBalancerAttributesInput { load_balancer_name: "web".to_owned() };
        c.lab.h.ok::<ops::DescribeLoadBalancerAttributes>(input).load_balancer_attributes.unwrap()
    };
    let before = describe(&mut c);
    assert_eq!(before.cross_zone_load_balancing, Some(CrossZoneLoadBalancing { enabled: false }));
    assert_eq!(before.connection_draining, Some(ConnectionDraining { enabled: false, timeout: Some(300) }));
    assert_eq!(before.connection_settings, Some(ConnectionSettings { idle_timeout: 60 }));
    assert_eq!(before.access_log, Some(AccessLog { enabled: false, ..Default::default() }));
    let desync =
        |value: &str| AdditionalAttribute { key: text("elb.http.desyncmitigationmode"), value: text(value) };
    assert_eq!(before.additional_attributes, Some(vec![desync("defensive")]));

    let wanted = LoadBalancerAttributes {
        cross_zone_load_balancing: Some(CrossZoneLoadBalancing { enabled: true }),
        connection_draining: Some(ConnectionDraining { enabled: true, timeout: Some(60) }),
        connection_settings: Some(ConnectionSettings { idle_timeout: 120 }),
        access_log: Some(AccessLog { enabled: false, ..Default::default() }),
        additional_attributes: Some(vec![desync("strictest")]),
    };
    let output = c.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(modify(wanted.clone()));
    assert_eq!(output.load_balancer_attributes.as_ref(), Some(&wanted));
    assert_eq!(describe(&mut c), wanted);

    let nowhere = AccessLog { enabled: true, s3_bucket_name: text("logs"), ..Default::default() };
    let nowhere = LoadBalancerAttributes { access_log: Some(nowhere), ..Default::default() };
    c.lab.h.message::<ops::ModifyLoadBalancerAttributes>(
        modify(nowhere),
        "InvalidConfigurationRequest",
        "Access Denied for bucket: logs. Please check S3bucket permission",
    );

    let refused = [
        LoadBalancerAttributes { additional_attributes: Some(vec![desync("never")]), ..Default::default() },
        LoadBalancerAttributes {
            connection_draining: Some(ConnectionDraining { enabled: true, timeout: Some(4000) }),
            ..Default::default()
        },
        LoadBalancerAttributes {
            access_log: Some(AccessLog { enabled: false, emit_interval: Some(7), ..Default::default() }),
            ..Default::default()
        },
    ];
    for attributes in refused {
        c.lab.h.code::<ops::ModifyLoadBalancerAttributes>(modify(attributes), "ValidationError");
    }
    let unknown = AdditionalAttribute { key: text("elb.x"), value: text("1") };
    let unknown = LoadBalancerAttributes { additional_attributes: Some(vec![unknown]), ..Default::default() };
    c.lab.h.code::<ops::ModifyLoadBalancerAttributes>(modify(unknown), "LoadBalancerAttributeNotFound");
}

#[test]
fn load_balancers_have_tags() {
    let mut c = Classic::new();
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: text(value) };
    c.create(CreateAccessPointInput { tags: Some(vec![tag("Name", "web")]), ..c.input("web") });
    let names = || vec!["web".to_owned()];
    let add = |tags: Vec<Tag>| AddTagsInput { load_balancer_names: names(), tags };
    c.lab.h.ok::<ops::AddTags>(add(vec![tag("Owner", "me"), tag("Name", "shop")]));
    let keys = vec![TagKeyOnly { key: text("Owner") }];
    c.lab.h.ok::<ops::RemoveTags>(RemoveTagsInput { load_balancer_names: names(), tags: keys });
    let described = c.lab.h.ok::<ops::DescribeTags>(DescribeTagsInput { load_balancer_names: names() });
    assert_eq!(described.tag_descriptions.unwrap()[0].tags.as_deref(), Some(&[tag("Name", "shop")][..]));
    c.lab.h.code::<ops::AddTags>(add(vec![tag("a", "1"), tag("a", "2")]), "DuplicateTagKeys");
    c.lab.h.code::<ops::AddTags>(add((0..51).map(|n| tag(&format!("k{n}"), "")).collect()), "TooManyTags");
}

#[test]
fn lists_have_pages_and_limits() {
    let mut c = Classic::new();
    for name in ["c", "a", "b"] {
        c.create(CreateAccessPointInput { scheme: text("internal"), ..c.input(name) });
    }
    let page = |marker| DescribeAccessPointsInput { page_size: Some(2), marker, ..Default::default() };
    let first = c.lab.h.ok::<ops::DescribeLoadBalancers>(page(None));
    let second = c.lab.h.ok::<ops::DescribeLoadBalancers>(page(first.next_marker.clone()));
    let names: Vec<_> = [first, second]
        .into_iter()
        .flat_map(|output| output.load_balancer_descriptions.unwrap())
        .map(|one| one.load_balancer_name.unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    let limits =
        c.lab.h.ok::<ops::DescribeAccountLimits>(DescribeAccountLimitsInput::default()).limits.unwrap();
    let shown: Vec<_> = limits.into_iter().map(|limit| (limit.name.unwrap(), limit.max.unwrap())).collect();
    let pair = |name: &str, max: &str| (name.to_owned(), max.to_owned());
    assert_eq!(
        shown,
        [
            pair("classic-load-balancers", "20"),
            pair("classic-listeners", "100"),
            pair("classic-registered-instances", "1000")
        ]
    );
}
