//! What a Classic Load Balancer compiles to.

mod certificates;
mod classic;
mod harness;
mod lab;

use std::sync::Arc;

use certificates::{imported, key_pair};
use classic::{Classic, http, listener, secure};
use enishi_api::ec2;
use enishi_api::elb::{
    ConfigureHealthCheckInput, ConnectionDraining, CreateAccessPointInput,
    CreateLBCookieStickinessPolicyInput, CreateLoadBalancerPolicyInput, CrossZoneLoadBalancing,
    DeleteAccessPointInput, HealthCheck, LoadBalancerAttributes, ModifyLoadBalancerAttributesInput,
    PolicyAttribute, SetLoadBalancerPoliciesForBackendServerInput, SetLoadBalancerPoliciesOfListenerInput,
    ops,
};
use enishi_fabric::balancer::{
    Action, Algorithm, Balancer, Health, HealthPort, HealthProtocol, Kind, ListenerProtocol, ProxyProtocol,
    Stickiness, TargetGroup, TargetProtocol,
};
use enishi_plan::{Planner, plan};
use enishi_state::{Delta, World};
use harness::text;

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/web";

fn compiled(c: &Classic) -> Arc<Balancer> {
    plan(&c.lab.h.world).balancers.get(ARN).expect("it is compiled").clone()
}

/// The one target group that a listener sends to.
fn group(balancer: &Balancer, port: u16) -> &TargetGroup {
    let rules = &balancer.listeners[&port].rules;
    assert_eq!(rules.len(), 1);
    let Action::Forward(forward) = &rules[0].action else { panic!("{rules:?}") };
    assert_eq!(forward.groups.len(), 1);
    &balancer.target_groups[&forward.groups[0].0]
}

#[test]
fn listeners_send_to_groups_of_the_same_instances() {
    let mut c = Classic::new();
    let key = key_pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = imported(&mut c.lab.h, &key, &["example.com"]);
    let listeners = vec![http(80, 8080), secure(&certificate), listener("TCP", 22, 22)];
    c.create(CreateAccessPointInput { listeners, ..c.input("web") });
    let id = c.lab.running();
    c.register("web", &[&id]);
    c.observe("web", &id, Some(true));

    let balancer = compiled(&c);
    assert_eq!((balancer.kind, &*balancer.id), (Kind::Classic, "web"));
    let zones: Vec<&str> = balancer.nodes.values().map(|node| &*node.zone).collect();
    assert!(zones.contains(&"us-east-1a") && zones.contains(&"us-east-1b"), "{zones:?}");
    assert!(balancer.nodes.values().all(|node| node.public.is_some()));
    let namespaces = plan(&c.lab.h.world).namespaces;
    assert!(balancer.nodes.keys().all(|name| namespaces.contains_key(name)));
    assert!(!balancer.attributes.http2);

    let tls = balancer.listeners[&443].tls.as_ref().expect("it is secure");
    assert_eq!(&*tls.policy, "ELBSecurityPolicy-2016-08");
    assert!(tls.default.chain.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(balancer.listeners[&443].protocol, ListenerProtocol::Https);
    assert_eq!(group(&balancer, 80).arn, group(&balancer, 443).arn, "they send to the same port");
    assert_eq!(balancer.target_groups.len(), 2);
    let (web, ssh) = (group(&balancer, 80), group(&balancer, 22));
    assert_eq!((web.protocol, web.algorithm), (TargetProtocol::Http, Algorithm::LeastOutstandingRequests));
    assert_eq!((ssh.protocol, ssh.algorithm), (TargetProtocol::Tcp, Algorithm::RoundRobin));
    for (group, port) in [(web, 8080), (ssh, 22)] {
        let [target] = group.targets.as_slice() else { panic!("{group:?}") };
        assert_eq!((&*target.id, target.port, target.health), (id.as_str(), port, Health::Healthy));
        assert_eq!(target.zone.as_deref(), Some("us-east-1a"));
        assert_eq!(group.health_check.port, HealthPort::Port(22), "that of the first listener's instances");
    }
    let checked: Vec<HealthProtocol> =
        balancer.target_groups.values().map(|group| group.health_check.protocol).collect();
    assert_eq!(checked, [HealthProtocol::Tcp, HealthProtocol::Off], "health is checked once");
}

#[test]
fn policies_and_attributes_are_compiled() {
    let mut c = Classic::new();
    c.create(CreateAccessPointInput {
        listeners: vec![http(80, 8080), listener("TCP", 22, 22)],
        ..c.input("web")
    });
    let name = || "web".to_owned();
    c.lab.h.ok::<ops::CreateLBCookieStickinessPolicy>(CreateLBCookieStickinessPolicyInput {
        load_balancer_name: name(),
        policy_name: "lb".to_owned(),
        cookie_expiration_period: Some(60),
    });
    c.lab.h.ok::<ops::SetLoadBalancerPoliciesOfListener>(SetLoadBalancerPoliciesOfListenerInput {
        load_balancer_name: name(),
        load_balancer_port: 80,
        policy_names: vec!["lb".to_owned()],
    });
    let is_on = PolicyAttribute { attribute_name: text("ProxyProtocol"), attribute_value: text("true") };
    c.lab.h.ok::<ops::CreateLoadBalancerPolicy>(CreateLoadBalancerPolicyInput {
        load_balancer_name: name(),
        policy_name: "proxy".to_owned(),
        policy_type_name: "ProxyProtocolPolicyType".to_owned(),
        policy_attributes: Some(vec![is_on]),
    });
    c.lab.h.ok::<ops::SetLoadBalancerPoliciesForBackendServer>(
        SetLoadBalancerPoliciesForBackendServerInput {
            load_balancer_name: name(),
            instance_port: 22,
            policy_names: vec!["proxy".to_owned()],
        },
    );
    c.lab.h.ok::<ops::ConfigureHealthCheck>(ConfigureHealthCheckInput {
        load_balancer_name: name(),
        health_check: HealthCheck {
            target: "HTTPS:8443/ping".to_owned(),
            interval: 10,
            timeout: 3,
            unhealthy_threshold: 4,
            healthy_threshold: 5,
        },
    });
    c.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(ModifyLoadBalancerAttributesInput {
        load_balancer_name: name(),
        load_balancer_attributes: LoadBalancerAttributes {
            cross_zone_load_balancing: Some(CrossZoneLoadBalancing { enabled: true }),
            connection_draining: Some(ConnectionDraining { enabled: true, timeout: Some(30) }),
            ..Default::default()
        },
    });
    let balancer = compiled(&c);
    let (web, ssh) = (group(&balancer, 80), group(&balancer, 22));
    assert_eq!(web.stickiness, Some(Stickiness::LbCookie { seconds: Some(60) }));
    assert_eq!((web.proxy_protocol, ssh.proxy_protocol), (None, Some(ProxyProtocol::V1)));
    assert!(web.cross_zone && ssh.cross_zone);
    assert_eq!(web.deregistration_delay_seconds, 30);
    let mut checks = balancer.target_groups.values().map(|group| &group.health_check);
    let check = checks.find(|check| check.protocol != HealthProtocol::Off).expect("health is checked");
    assert_eq!(
        (check.protocol, check.port, &*check.path),
        (HealthProtocol::Https, HealthPort::Port(8443), "/ping")
    );
    assert_eq!((check.unhealthy_threshold, check.healthy_threshold), (4, 5));
}

#[test]
fn what_changes_is_compiled_again() {
    let mut c = Classic::new();
    let id = c.lab.running();
    c.create(c.input("web"));
    let mut planner = Planner::new(&c.lab.h.world);
    let mut follow = |c: &Classic, before: &World, delta: Delta| {
        let program = planner.update(before, &c.lab.h.world, &delta);
        assert!(program == plan(&c.lab.h.world), "the incremental plan is the full one");
        let balancer = program.balancers.get(ARN)?;
        Some(balancer.target_groups.values().next()?.targets.first()?.health)
    };
    let (before, delta) = c.change("RegisterInstancesWithLoadBalancer", Classic::registration("web", &[&id]));
    assert_eq!(follow(&c, &before, delta), Some(Health::Initial));
    let stop = ec2::StopInstancesRequest { instance_ids: vec![id], ..Default::default() };
    let (before, delta) = c.change_of("ec2", "StopInstances", stop);
    assert_eq!(follow(&c, &before, delta), None, "an instance that does not run is no target");
    let delete = DeleteAccessPointInput { load_balancer_name: "web".to_owned() };
    let (before, delta) = c.change("DeleteLoadBalancer", delete);
    assert_eq!(follow(&c, &before, delta), None);
    assert!(planner.program().balancers.is_empty());
}
