//! Targets: who can be registered, how they drain, and what is said of their health.

mod balancing;
mod harness;
mod lab;

use balancing::{Balancing, target, target_at};
use enishi_api::ec2;
use enishi_api::elbv2::{
    CreateLoadBalancerInput, CreateTargetGroupInput, DeleteListenerInput, DeregisterTargetsInput,
    DescribeTargetHealthInput, RegisterTargetsInput, TargetDescription, TargetGroupAttribute, ops,
};
use enishi_cloud::tick;
use enishi_state::elbv2::{HealthReason, TargetHealth};
use harness::text;

fn registration(group: &str, target: TargetDescription) -> RegisterTargetsInput {
    RegisterTargetsInput { target_group_arn: group.to_owned(), targets: vec![target] }
}

fn deregistration(group: &str, target: TargetDescription) -> DeregisterTargetsInput {
    DeregisterTargetsInput { target_group_arn: group.to_owned(), targets: vec![target] }
}

fn state(state: &str, reason: &str) -> Vec<(String, String)> {
    vec![(state.to_owned(), reason.to_owned())]
}

/// A load balancer with a listener at port 80 that forwards to a target group.
fn served() -> (Balancing, String, String) {
    let mut b = Balancing::new();
    let input = b.application("web");
    let balancer = b.active(input);
    let group = b.target_group("web", "HTTP");
    let listener = b.listen(&balancer, "HTTP", 80, &group);
    (b, group, listener)
}

#[test]
fn a_target_goes_from_unused_to_healthy_and_drains() {
    let mut b = Balancing::new();
    let group = b.target_group("web", "HTTP");
    let instance = b.lab.running();
    b.register(&group, vec![target(&instance)]);
    let shown = b.health(&group).remove(0);
    assert_eq!(shown.target.as_ref().unwrap().port, Some(80));
    assert_eq!(shown.health_check_port.as_deref(), Some("80"));
    let health = shown.target_health.unwrap();
    assert_eq!(health.state.as_deref(), Some("unused"));
    assert_eq!(health.reason.as_deref(), Some("Target.NotInUse"));
    assert_eq!(
        health.description.as_deref(),
        Some("Target group is not configured to receive traffic from the load balancer")
    );
    assert!(!b.observe(&group, &instance, 80, TargetHealth::Healthy), "nobody asks an unused target");

    let input = b.application("web");
    let balancer = b.create(input).load_balancer_arn.unwrap();
    b.listen(&balancer, "HTTP", 80, &group);
    assert_eq!(b.states(&group), state("initial", "Elb.RegistrationInProgress"));
    b.lab.settle();
    assert_eq!(b.states(&group), state("initial", "Elb.InitialHealthChecking"));
    assert!(b.observe(&group, &instance, 80, TargetHealth::Healthy));
    assert!(!b.observe(&group, &instance, 80, TargetHealth::Healthy), "no news");
    assert_eq!(b.states(&group), state("healthy", ""));
    let unhealthy = TargetHealth::Unhealthy {
        reason: HealthReason::ResponseCodeMismatch,
        description: "Health checks failed with these codes: [500]".to_owned(),
    };
    b.observe(&group, &instance, 80, unhealthy);
    let health = b.health(&group).remove(0).target_health.unwrap();
    assert_eq!(health.reason.as_deref(), Some("Target.ResponseCodeMismatch"));
    assert_eq!(health.description.as_deref(), Some("Health checks failed with these codes: [500]"));

    b.lab.h.ok::<ops::DeregisterTargets>(deregistration(&group, target(&instance)));
    let health = b.health(&group).remove(0).target_health.unwrap();
    assert_eq!(health.state.as_deref(), Some("draining"));
    assert_eq!(health.reason.as_deref(), Some("Target.DeregistrationInProgress"));
    assert_eq!(health.description.as_deref(), Some("Target deregistration is in progress"));
    assert!(!b.observe(&group, &instance, 80, TargetHealth::Healthy));
    assert_eq!(tick::next_deadline(&b.lab.h.world), Some(b.lab.h.now.plus_seconds(300)));
    b.lab.h.now = b.lab.h.now.plus_seconds(299);
    b.lab.settle();
    assert_eq!(b.states(&group).len(), 1);
    b.lab.h.now = b.lab.h.now.plus_seconds(1);
    b.lab.settle();
    assert_eq!(b.states(&group), vec![]);
    let asked = DescribeTargetHealthInput {
        target_group_arn: group,
        targets: Some(vec![target(&instance)]),
        ..Default::default()
    };
    let health = b.lab.h.ok::<ops::DescribeTargetHealth>(asked).target_health_descriptions.unwrap();
    let health = health[0].target_health.as_ref().unwrap();
    assert_eq!(health.state.as_deref(), Some("unused"));
    assert_eq!(health.reason.as_deref(), Some("Target.NotRegistered"));
    assert_eq!(health.description.as_deref(), Some("Target is not registered to the target group"));
}

#[test]
fn what_need_not_drain_goes_at_once() {
    let (mut b, group, listener) = served();
    let instance = b.lab.running();
    b.register(&group, vec![target(&instance), target_at(&instance, 8080)]);
    let attribute =
        TargetGroupAttribute { key: text("deregistration_delay.timeout_seconds"), value: text("0") };
    let delay = enishi_api::elbv2::ModifyTargetGroupAttributesInput {
        target_group_arn: group.clone(),
        attributes: vec![attribute],
    };
    b.lab.h.ok::<ops::DeregisterTargets>(deregistration(&group, target_at(&instance, 8080)));
    b.lab.h.ok::<ops::ModifyTargetGroupAttributes>(delay);
    b.lab.h.ok::<ops::DeregisterTargets>(deregistration(&group, target_at(&instance, 80)));
    assert_eq!(b.states(&group), state("draining", "Target.DeregistrationInProgress"));
    // It is registered again before it is gone.
    b.register(&group, vec![target_at(&instance, 8080)]);
    assert_eq!(b.states(&group), state("initial", "Elb.InitialHealthChecking"));
    b.observe(&group, &instance, 8080, TargetHealth::Healthy);
    // Without a listener nothing is known of it.
    b.lab.h.ok::<ops::DeleteListener>(DeleteListenerInput { listener_arn: listener });
    assert_eq!(b.states(&group), state("unused", "Target.NotInUse"));
    b.lab.h.ok::<ops::DeregisterTargets>(deregistration(&group, target(&instance)));
    assert_eq!(b.states(&group), vec![]);
}

#[test]
fn instances_that_end_are_unused_and_then_gone() {
    let (mut b, group, _) = served();
    let instance = b.lab.running();
    b.register(&group, vec![target(&instance)]);
    b.observe(&group, &instance, 80, TargetHealth::Healthy);
    let stop = ec2::StopInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    b.lab.h.ok::<ec2::ops::StopInstances>(stop);
    b.lab.settle();
    let health = b.health(&group).remove(0).target_health.unwrap();
    assert_eq!(health.state.as_deref(), Some("unused"));
    assert_eq!(health.reason.as_deref(), Some("Target.InvalidState"));
    assert_eq!(health.description.as_deref(), Some("Target is in the stopped state"));
    let start = ec2::StartInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    b.lab.h.ok::<ec2::ops::StartInstances>(start);
    b.lab.settle();
    assert_eq!(b.states(&group), state("initial", "Elb.InitialHealthChecking"));
    let end = ec2::TerminateInstancesRequest { instance_ids: vec![instance.clone()], ..Default::default() };
    b.lab.h.ok::<ec2::ops::TerminateInstances>(end);
    assert_eq!(b.states(&group), state("unused", "Target.InvalidState"));
    b.lab.settle();
    assert_eq!(b.states(&group), vec![]);
}

#[test]
fn a_target_in_a_zone_that_is_not_enabled_is_unused() {
    let (mut b, group, _) = served();
    b.lab.subnet = b.lab.add_subnet("10.0.3.0/24", "us-east-1c");
    let instance = b.lab.running();
    b.register(&group, vec![target(&instance)]);
    let health = b.health(&group).remove(0).target_health.unwrap();
    assert_eq!(health.reason.as_deref(), Some("Target.NotInUse"));
    assert_eq!(
        health.description.as_deref(),
        Some("Target is in an Availability Zone that is not enabled for the load balancer")
    );
}

#[test]
fn instances_are_registered_while_they_run_in_the_vpc() {
    let (mut b, group, _) = served();
    let launch = b.lab.launch();
    let pending = b.lab.run(launch).remove(0);
    b.lab.h.message::<ops::RegisterTargets>(
        registration(&group, target(&pending)),
        "InvalidTarget",
        &format!("The following targets are not in a running state and cannot be registered: '{pending}'"),
    );
    let elsewhere = b.lab.run(lab::launch()).remove(0);
    b.lab.settle();
    b.lab.h.code::<ops::RegisterTargets>(registration(&group, target(&elsewhere)), "InvalidTarget");
    b.lab.h.code::<ops::RegisterTargets>(registration(&group, target("10.0.1.9")), "ValidationError");
    let gone = registration(&group, target("i-0000000000000dead"));
    b.lab.h.code::<ops::RegisterTargets>(gone, "InvalidTarget");
    let unknown = format!("{group}0");
    b.lab.h.message::<ops::RegisterTargets>(
        registration(&unknown, target(&pending)),
        "TargetGroupNotFound",
        &format!("Target groups '{unknown}' not found"),
    );
    b.lab.h.message::<ops::RegisterTargets>(
        registration("web", target(&pending)),
        "ValidationError",
        "'web' is not a valid target group ARN",
    );
}

#[test]
fn addresses_have_zones() {
    let mut b = Balancing::new();
    let input = CreateTargetGroupInput { target_type: text("ip"), ..b.group("ip", "HTTP") };
    let group = b.create_group(input).target_group_arn.unwrap();
    let zoned = |id: &str, zone: &str| TargetDescription { availability_zone: text(zone), ..target(id) };
    b.register(&group, vec![target("10.0.2.9")]);
    assert_eq!(b.health(&group)[0].target.as_ref().unwrap().availability_zone.as_deref(), Some("us-east-1b"));
    b.lab.h.message::<ops::RegisterTargets>(
        registration(&group, zoned("10.0.2.9", "all")),
        "ValidationError",
        "The IP address '10.0.2.9' is within the VPC, and cannot have its Availability Zone overridden to 'all' from \
         'us-east-1b'",
    );
    b.lab.h.message::<ops::RegisterTargets>(
        registration(&group, target("10.9.0.1")),
        "ValidationError",
        "The Availability Zone is required for IP address '10.9.0.1' because it is not in the VPC",
    );
    b.register(&group, vec![zoned("10.9.0.1", "all"), zoned("100.64.0.1", "us-east-1a")]);
    assert_eq!(b.health(&group).len(), 3);
    let public = registration(&group, zoned("8.8.8.8", "all"));
    b.lab.h.code::<ops::RegisterTargets>(public, "InvalidTarget");
    let unknown = registration(&group, zoned("10.9.0.2", "us-east-1z"));
    b.lab.h.code::<ops::RegisterTargets>(unknown, "ValidationError");
}

/// "Target.IpUnusable": "The target IP address is reserved for use by a load balancer." A Network Load Balancer may send there.
#[test]
fn an_address_of_a_load_balancer_is_no_target_of_an_application_load_balancer() {
    let mut b = Balancing::new();
    let input = b.application("inner");
    let inner = b.active(input);
    let address = b.nodes(&inner)[0].private_ip_address.clone().unwrap();
    for (name, kind, protocol, wanted) in [
        ("web", "application", "HTTP", state("unused", "Target.IpUnusable")),
        ("net", "network", "TCP", state("initial", "Elb.InitialHealthChecking")),
    ] {
        let input = CreateLoadBalancerInput { r#type: text(kind), ..b.application(name) };
        let outer = b.active(input);
        let input = CreateTargetGroupInput { target_type: text("ip"), ..b.group(name, protocol) };
        let group = b.create_group(input).target_group_arn.unwrap();
        b.listen(&outer, protocol, 80, &group);
        b.register(&group, vec![target(&address)]);
        assert_eq!(b.states(&group), wanted);
    }
}

#[test]
fn a_load_balancer_is_a_target_of_another() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let web = b.active(input);
    let group = b.target_group("web", "HTTP");
    let input = CreateTargetGroupInput { target_type: text("alb"), ..b.group("front", "TCP") };
    let front = b.create_group(input).target_group_arn.unwrap();
    b.lab.h.message::<ops::RegisterTargets>(
        registration(&front, target(&web)),
        "ValidationError",
        "If the target type is ALB, the target must have at least one listener that matches the target group port or any \
         specified port overrides",
    );
    let listener = b.listen(&web, "HTTP", 80, &group);
    b.register(&front, vec![target(&web)]);
    b.lab.h.message::<ops::DeleteListener>(
        DeleteListenerInput { listener_arn: listener },
        "ResourceInUse",
        &format!("Listener port '80' is in use by registered target '{web}' and cannot be removed."),
    );
    let delete = enishi_api::elbv2::DeleteLoadBalancerInput { load_balancer_arn: web.clone() };
    b.lab.h.code::<ops::DeleteLoadBalancer>(delete.clone(), "ResourceInUse");
    b.lab.h.ok::<ops::DeregisterTargets>(deregistration(&front, target(&web)));
    b.lab.h.ok::<ops::DeleteLoadBalancer>(delete);
}
