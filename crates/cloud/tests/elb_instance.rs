//! Classic Load Balancers: registered instances, their health, policies.

mod classic;
mod harness;
mod lab;

use classic::{Classic, http, listener};
use enishi_api::ec2;
use enishi_api::elb::{
    ConnectionDraining, CreateAccessPointInput, CreateAppCookieStickinessPolicyInput,
    CreateLBCookieStickinessPolicyInput, CreateLoadBalancerPolicyInput, DeleteLoadBalancerPolicyInput,
    DeregisterEndPointsInput, DescribeEndPointStateInput, DescribeLoadBalancerPoliciesInput,
    DescribeLoadBalancerPolicyTypesInput, Instance, LoadBalancerAttributes,
    ModifyLoadBalancerAttributesInput, PolicyAttribute, SetLoadBalancerPoliciesForBackendServerInput,
    SetLoadBalancerPoliciesOfListenerInput, ops,
};
use harness::text;

fn instance(id: &str) -> Instance {
    Instance { instance_id: text(id) }
}

#[test]
fn instances_are_in_service_once_they_answer() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let id = c.lab.running();
    assert_eq!(c.register("web", &[&id]), [instance(&id)]);
    assert_eq!(c.register("web", &[&id]), [instance(&id)]);
    assert_eq!(c.state("web", &id), ("OutOfService", "ELB", "Instance registration is still in progress."));
    c.observe("web", &id, Some(true));
    assert_eq!(c.state("web", &id), ("InService", "N/A", "N/A"));
    c.observe("web", &id, Some(false));
    let failed = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.";
    assert_eq!(c.state("web", &id), ("OutOfService", "Instance", failed));
    assert_eq!(c.describe("web").instances, Some(vec![instance(&id)]));

    let stop = ec2::StopInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    c.lab.h.ok::<ec2::ops::StopInstances>(stop);
    assert_eq!(c.state("web", &id).2, "Instance is in stopping state.");
    c.observe("web", &id, Some(true));
    assert_eq!(c.state("web", &id).0, "OutOfService", "what is late is dropped");
    let terminate = ec2::TerminateInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    c.lab.h.ok::<ec2::ops::TerminateInstances>(terminate);
    c.lab.settle();
    assert_eq!(c.describe("web").instances, Some(vec![]));
}

#[test]
fn what_is_not_registered_is_told_apart() {
    let mut c = Classic::new();
    c.create(CreateAccessPointInput { subnets: Some(vec![c.b.clone()]), ..c.input("web") });
    let id = c.lab.running();
    assert_eq!(
        c.state("web", &id),
        ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.")
    );
    c.register("web", &[&id]);
    c.observe("web", &id, Some(true));
    let (state, reason, description) = c.state("web", &id);
    assert_eq!((state, reason), ("OutOfService", "ELB"));
    assert!(description.contains("Availability Zone"), "{description}");

    let unknown = || Some(vec![instance("i-0123456789abcdef0")]);
    let input = DescribeEndPointStateInput { load_balancer_name: "web".to_owned(), instances: unknown() };
    c.lab.h.code::<ops::DescribeInstanceHealth>(input, "InvalidInstance");
    let input = DeregisterEndPointsInput {
        load_balancer_name: "web".to_owned(),
        instances: unknown().unwrap_or_default(),
    };
    c.lab.h.code::<ops::DeregisterInstancesFromLoadBalancer>(input, "InvalidInstance");
    // Another VPC's instance.
    c.create(CreateAccessPointInput {
        subnets: None,
        availability_zones: Some(vec!["us-east-1a".to_owned()]),
        ..c.input("default")
    });
    c.lab.h.code::<ops::RegisterInstancesWithLoadBalancer>(
        Classic::registration("default", &[&id]),
        "InvalidInstance",
    );
}

#[test]
fn what_is_deregistered_drains_if_it_may() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let (a, b) = (c.lab.running(), c.lab.running());
    c.register("web", &[&a, &b]);
    assert_eq!(c.deregister("web", &a), [instance(&b)]);
    assert_eq!(c.state("web", &a).2, "Instance is not currently registered with the LoadBalancer.");
    let draining = LoadBalancerAttributes {
        connection_draining: Some(ConnectionDraining { enabled: true, timeout: Some(60) }),
        ..Default::default()
    };
    c.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(ModifyLoadBalancerAttributesInput {
        load_balancer_name: "web".to_owned(),
        load_balancer_attributes: draining,
    });
    assert_eq!(c.deregister("web", &b), []);
    assert_eq!(c.state("web", &b), ("InService", "N/A", "Instance deregistration currently in progress."));
    c.lab.h.now = c.lab.h.now.plus_seconds(59);
    c.lab.settle();
    assert_eq!(c.state("web", &b).0, "InService");
    c.lab.h.now = c.lab.h.now.plus_seconds(1);
    c.lab.settle();
    assert_eq!(c.state("web", &b).0, "OutOfService");
}

fn attribute(name: &str, value: &str) -> PolicyAttribute {
    PolicyAttribute { attribute_name: text(name), attribute_value: text(value) }
}

fn policy(name: &str, kind: &str, attributes: Vec<PolicyAttribute>) -> CreateLoadBalancerPolicyInput {
    CreateLoadBalancerPolicyInput {
        load_balancer_name: "web".to_owned(),
        policy_name: name.to_owned(),
        policy_type_name: kind.to_owned(),
        policy_attributes: Some(attributes),
    }
}

fn of_listener(port: i32, names: &[&str]) -> SetLoadBalancerPoliciesOfListenerInput {
    SetLoadBalancerPoliciesOfListenerInput {
        load_balancer_name: "web".to_owned(),
        load_balancer_port: port,
        policy_names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn of_backend(port: i32, names: &[&str]) -> SetLoadBalancerPoliciesForBackendServerInput {
    SetLoadBalancerPoliciesForBackendServerInput {
        load_balancer_name: "web".to_owned(),
        instance_port: port,
        policy_names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn policies_are_made_enabled_and_deleted() {
    let mut c = Classic::new();
    c.create(CreateAccessPointInput {
        listeners: vec![http(80, 8080), listener("TCP", 22, 22)],
        ..c.input("web")
    });
    let app = CreateAppCookieStickinessPolicyInput {
        load_balancer_name: "web".to_owned(),
        policy_name: "app".to_owned(),
        cookie_name: "SESSION".to_owned(),
    };
    c.lab.h.ok::<ops::CreateAppCookieStickinessPolicy>(app.clone());
    c.lab.h.code::<ops::CreateAppCookieStickinessPolicy>(app, "DuplicatePolicyName");
    let lb = CreateLBCookieStickinessPolicyInput {
        load_balancer_name: "web".to_owned(),
        policy_name: "lb".to_owned(),
        cookie_expiration_period: Some(60),
    };
    c.lab.h.ok::<ops::CreateLBCookieStickinessPolicy>(lb);
    let proxy = vec![attribute("ProxyProtocol", "true")];
    c.lab.h.ok::<ops::CreateLoadBalancerPolicy>(policy("proxy", "ProxyProtocolPolicyType", proxy));

    c.lab.h.ok::<ops::SetLoadBalancerPoliciesOfListener>(of_listener(80, &["app"]));
    for (port, names, code) in [
        (22, &["app"][..], "InvalidConfigurationRequest"),
        (80, &["app", "lb"], "InvalidConfigurationRequest"),
        (80, &["proxy"], "InvalidConfigurationRequest"),
        (80, &["none"], "PolicyNotFound"),
        (81, &[], "ListenerNotFound"),
    ] {
        c.lab.h.code::<ops::SetLoadBalancerPoliciesOfListener>(of_listener(port, names), code);
    }
    c.lab.h.ok::<ops::SetLoadBalancerPoliciesForBackendServer>(of_backend(22, &["proxy"]));
    c.lab.h.code::<ops::SetLoadBalancerPoliciesForBackendServer>(
        of_backend(22, &["lb"]),
        "InvalidConfigurationRequest",
    );
    c.lab.h.code::<ops::SetLoadBalancerPoliciesForBackendServer>(
        of_backend(23, &["proxy"]),
        "InvalidConfigurationRequest",
    );

    let shown = c.describe("web");
    let policies = shown.policies.unwrap();
    assert_eq!(policies.app_cookie_stickiness_policies.unwrap()[0].cookie_name.as_deref(), Some("SESSION"));
    assert_eq!(policies.lb_cookie_stickiness_policies.unwrap()[0].cookie_expiration_period, Some(60));
    assert_eq!(policies.other_policies.unwrap(), ["proxy"]);
    let backends = shown.backend_server_descriptions.unwrap();
    assert_eq!(
        (backends[0].instance_port, backends[0].policy_names.as_deref()),
        (Some(22), Some(&["proxy".to_owned()][..]))
    );

    let delete = |name: &str| DeleteLoadBalancerPolicyInput {
        load_balancer_name: "web".to_owned(),
        policy_name: name.to_owned(),
    };
    c.lab.h.code::<ops::DeleteLoadBalancerPolicy>(delete("app"), "InvalidConfigurationRequest");
    c.lab.h.ok::<ops::SetLoadBalancerPoliciesOfListener>(of_listener(80, &[]));
    c.lab.h.ok::<ops::DeleteLoadBalancerPolicy>(delete("app"));
    let describe = |name: &str| DescribeLoadBalancerPoliciesInput {
        load_balancer_name: text("web"),
        policy_names: Some(vec![name.to_owned()]),
    };
    c.lab.h.code::<ops::DescribeLoadBalancerPolicies>(describe("app"), "PolicyNotFound");
    let found = c.lab.h.ok::<ops::DescribeLoadBalancerPolicies>(describe("lb")).policy_descriptions.unwrap();
    assert_eq!(found[0].policy_type_name.as_deref(), Some("LBCookieStickinessPolicyType"));
}

#[test]
fn policies_have_types() {
    let mut c = Classic::new();
    c.create(c.input("web"));
    let types =
        |names: Option<Vec<String>>| DescribeLoadBalancerPolicyTypesInput { policy_type_names: names };
    let all =
        c.lab.h.ok::<ops::DescribeLoadBalancerPolicyTypes>(types(None)).policy_type_descriptions.unwrap();
    assert_eq!(all.len(), 4);
    c.lab.h.code::<ops::DescribeLoadBalancerPolicyTypes>(
        types(Some(vec!["x".to_owned()])),
        "PolicyTypeNotFound",
    );

    let samples =
        c.lab.h.ok::<ops::DescribeLoadBalancerPolicies>(DescribeLoadBalancerPoliciesInput::default());
    let names: Vec<_> =
        samples.policy_descriptions.unwrap().into_iter().map(|one| one.policy_name.unwrap()).collect();
    assert!(names.contains(&"ELBSecurityPolicy-TLS-1-2-2017-01".to_owned()), "{names:?}");

    let negotiation = "SSLNegotiationPolicyType";
    let reference = vec![attribute("Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01")];
    c.lab.h.ok::<ops::CreateLoadBalancerPolicy>(policy("modern", negotiation, reference));
    for (kind, attributes, code) in [
        (negotiation, vec![attribute("Protocol-TLSv1.2", "true")], "InvalidConfigurationRequest"),
        (negotiation, vec![attribute("Reference-Security-Policy", "x")], "InvalidConfigurationRequest"),
        ("PublicKeyPolicyType", vec![], "InvalidConfigurationRequest"),
        ("ProxyProtocolPolicyType", vec![], "InvalidConfigurationRequest"),
        ("AppCookieStickinessPolicyType", vec![], "ValidationError"),
        ("LBCookieStickinessPolicyType", vec![attribute("CookieExpirationPeriod", "x")], "ValidationError"),
        ("NoSuchType", vec![], "PolicyTypeNotFound"),
    ] {
        c.lab.h.code::<ops::CreateLoadBalancerPolicy>(policy("other", kind, attributes), code);
    }
}
