//! Elastic Load Balancing, version 2: Application and Network Load Balancers.
//! [API reference](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html)
//!
//! What AWS promises: a load balancer has a node in each of its zones; its listeners' rules send what comes to target groups,
//! whose targets' health is checked. How we realise it: rows, which `plan` turns into the nodes' namespaces and into what
//! engines do in them; [`settle`] moves them on when the data plane has followed or a time is over; [`health`] writes down
//! what probes find out. A load balancer that is deleted is gone at once, with its listeners, rules and network interfaces.
//!
//! Refused with a clear error: Gateway Load Balancers, IPv6, Outposts, IPAM pools, capacity reservations, lambda targets,
//! QUIC, `authenticate-cognito`, `jwt-validation`. Tested in `tests/elbv2_*.rs`.

mod account_limit;
mod action;
mod attribute;
mod faults;
pub mod health;
mod listener;
mod load_balancer;
mod name;
mod page;
mod rule;
pub(crate) mod settle;
mod slow_start;
mod tag;
pub(crate) mod target;
mod target_group;
mod trust_store;

use enishi_state::elbv2::{
    Action, Listener, ListenerArn, LoadBalancer, LoadBalancerArn, LoadBalancerKind, Rule, TargetGroup,
    TargetGroupArn,
};
use enishi_state::{Entropy, Scope, World};
use enishi_wire::Fault;

use crate::registry::Registry;

pub(crate) fn register(on: &mut Registry) {
    account_limit::register(on);
    health::register(on);
    listener::register(on);
    load_balancer::register(on);
    rule::register(on);
    tag::register(on);
    target::register(on);
    target_group::register(on);
    trust_store::register(on);
}

/// `arn:aws:elasticloadbalancing:REGION:ACCOUNT:RESOURCE`
fn arn(scope: &Scope, resource: &str) -> String {
    format!("arn:aws:elasticloadbalancing:{}:{}:{resource}", scope.region, scope.account)
}

/// What the ARN names, `loadbalancer/app/NAME/ID`, if it is one of this service.
fn resource_of(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:aws:elasticloadbalancing:")?;
    rest.splitn(3, ':').nth(2)
}

/// Refuses a text that is not the ARN of a resource of that kind: `loadbalancer/` for a `load balancer`.
///
/// # Errors
/// `ValidationError`
fn check_arn(arn: &str, kind: &str, noun: &str) -> Result<(), Fault> {
    match resource_of(arn).is_some_and(|resource| resource.starts_with(kind)) {
        true => Ok(()),
        false => Err(faults::invalid_arn(arn, noun)),
    }
}

/// The number at the end of an ARN: 16 random hexadecimal digits.
fn random_id(entropy: &mut dyn Entropy) -> String {
    let mut bytes = [0u8; 8];
    entropy.fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// The caller's load balancer of that ARN.
///
/// # Errors
/// `ValidationError`, `LoadBalancerNotFound`
fn find_load_balancer<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<&'w LoadBalancer, Fault> {
    check_arn(arn, "loadbalancer/", "load balancer")?;
    let found = world.get::<LoadBalancer>(&LoadBalancerArn::new(arn)).filter(|row| row.scope == *scope);
    found.ok_or_else(|| faults::load_balancer_not_found(arn))
}

/// The caller's listener of that ARN.
///
/// # Errors
/// `ValidationError`, `ListenerNotFound`
fn find_listener<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<&'w Listener, Fault> {
    check_arn(arn, "listener/", "listener")?;
    let found = world.get::<Listener>(&ListenerArn::new(arn)).filter(|row| row.scope == *scope);
    found.ok_or_else(|| faults::listener_not_found(arn))
}

/// The caller's target group of that ARN.
///
/// # Errors
/// `ValidationError`, `TargetGroupNotFound`
fn find_target_group<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<&'w TargetGroup, Fault> {
    check_arn(arn, "targetgroup/", "target group")?;
    let found = world.get::<TargetGroup>(&TargetGroupArn::new(arn)).filter(|row| row.scope == *scope);
    found.ok_or_else(|| faults::target_group_not_found(arn))
}

/// The listeners that send something to a target group, by themselves or by their rules.
fn listeners_using<'w>(world: &'w World, group: &TargetGroupArn) -> impl Iterator<Item = &'w Listener> {
    let by_default = world.by::<Listener>("target_group", group.as_str());
    let by_rule = world.by::<Rule>("target_group", group.as_str());
    by_default.chain(by_rule.filter_map(|rule| world.get::<Listener>(&rule.listener)))
}

/// The load balancers that use a target group, each once: one at most, as AWS has it.
fn balancers_using(world: &World, group: &TargetGroupArn) -> Vec<LoadBalancerArn> {
    let mut arns: Vec<LoadBalancerArn> =
        listeners_using(world, group).map(|listener| listener.load_balancer.clone()).collect();
    arns.sort();
    arns.dedup();
    arns
}

/// The target groups that actions name.
fn groups_of(actions: &[Action]) -> impl Iterator<Item = &TargetGroupArn> {
    actions.iter().flat_map(Action::target_groups)
}

/// AWS's name of the kind.
fn kind_name(kind: LoadBalancerKind) -> &'static str {
    match kind {
        LoadBalancerKind::Application => "application",
        LoadBalancerKind::Network => "network",
    }
}

/// `Some` text.
fn text(value: impl std::fmt::Display) -> Option<String> {
    Some(value.to_string())
}
