//! Targets: `RegisterTargets`, `DeregisterTargets`, and what becomes of the targets of instances that end.
//! [Register targets](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html)
//!
//! What AWS promises: an instance is registered while it runs, in the group's VPC; an address is one of the VPC's subnets, or
//! a private one outside of it, for which a zone or `all` is named; an `alb` target is an Application Load Balancer of the VPC
//! with a listener at the target's port. A target that is deregistered drains for the deregistration delay if a load balancer
//! uses the group, and else goes at once. An instance that is terminated is deregistered; one that stops begins again.

use std::net::Ipv4Addr;

use enishi_api::elbv2::{
    DeregisterTargetsInput, DeregisterTargetsOutput, RegisterTargetsInput, RegisterTargetsOutput,
    TargetDescription, ops,
};
use enishi_fabric::Cidr;
use enishi_state::ec2::{Instance, InstanceId, InstanceState, Subnet, Vpc};
use enishi_state::elbv2::{
    Listener, LoadBalancer, LoadBalancerArn, LoadBalancerKind, Target, TargetGroup, TargetGroupArn,
    TargetHealth, TargetKey, TargetType,
};
use enishi_state::{ResourceId, Row, Tx, World};
use enishi_wire::Fault;

use super::{balancers_using, faults, find_target_group, listeners_using};
use crate::quota;
use crate::region;
use crate::registry::Registry;

/// The zone of a target that gets requests from all of them.
pub(super) const ALL_ZONES: &str = "all";

/// What addresses outside of the VPC may be: private (RFC 1918) and shared (RFC 6598) ones.
const PRIVATE: &[Cidr] = &[
    Cidr::literal([10, 0, 0, 0], 8),
    Cidr::literal([100, 64, 0, 0], 10),
    Cidr::literal([172, 16, 0, 0], 12),
    Cidr::literal([192, 168, 0, 0], 16),
];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RegisterTargets>(register_targets);
    on.write::<ops::DeregisterTargets>(deregister_targets);
}

/// The targets of a group, in the order of ids and ports.
pub(super) fn of_group<'w>(
    world: &'w World,
    group: &TargetGroupArn,
) -> impl Iterator<Item = &'w Target> + use<'w> {
    world.by::<Target>("target_group", group.as_str())
}

fn register_targets(tx: &mut Tx<'_>, input: RegisterTargetsInput) -> Result<RegisterTargetsOutput, Fault> {
    let group = find_target_group(tx.world(), &tx.caller().scope, &input.target_group_arn)?.clone();
    if input.targets.is_empty() {
        return Err(faults::validation_error("At least one target must be specified"));
    }
    for target in &input.targets {
        let row = parse(tx, &group, target)?;
        let existing = tx.world().get::<Target>(&row.id());
        if existing.is_none_or(|existing| existing.drains_until().is_some() || existing.zone != row.zone) {
            tx.put(row);
        }
    }
    check_quotas(tx.world(), &group)?;
    Ok(RegisterTargetsOutput {})
}

/// The target that a request describes.
fn parse(tx: &Tx<'_>, group: &TargetGroup, target: &TargetDescription) -> Result<Target, Fault> {
    if target.quic_server_id.is_some() {
        return Err(faults::not_supported("QUIC is"));
    }
    let port = match target.port {
        None => group.port,
        Some(port) => u16::try_from(port).map_err(|_| faults::validation_error("The port is not valid"))?,
    };
    let zone = target.availability_zone.as_deref();
    let zone = match group.target_type {
        TargetType::Instance => check_instance(tx.world(), group, &target.id, zone).map(|()| None)?,
        TargetType::Ip => Some(parse_address(tx.world(), group, &target.id, zone)?),
        TargetType::Alb => check_load_balancer(tx.world(), group, &target.id, port).map(|()| None)?,
    };
    Ok(Target {
        target_group: group.arn.clone(),
        target: target.id.clone(),
        port,
        zone,
        health: TargetHealth::Initial,
        since: tx.now(),
        slow_start_until: None,
    })
}

fn check_instance(world: &World, group: &TargetGroup, id: &str, zone: Option<&str>) -> Result<(), Fault> {
    if zone.is_some() {
        return Err(faults::validation_error(
            "You cannot specify an Availability Zone for targets of the target type 'instance'",
        ));
    }
    let malformed = |_| faults::validation_error(format!("Instance ID '{id}' is not valid"));
    let parsed = InstanceId::parse(id).map_err(malformed)?;
    let found = world.get::<Instance>(&parsed).filter(|row| row.scope == group.scope);
    let found =
        found.ok_or_else(|| faults::invalid_target(format!("The following targets do not exist: '{id}'")))?;
    if found.vpc != group.vpc {
        return Err(faults::invalid_target(format!(
            "The following targets are not in the target group VPC '{}': '{id}'",
            group.vpc
        )));
    }
    match found.state {
        InstanceState::Running => Ok(()),
        _ => Err(faults::invalid_target(format!(
            "The following targets are not in a running state and cannot be registered: '{id}'"
        ))),
    }
}

/// Checks an address, and answers its zone: its subnet's, or what the request says.
fn parse_address(
    world: &World,
    group: &TargetGroup,
    address: &str,
    zone: Option<&str>,
) -> Result<String, Fault> {
    let invalid =
        || faults::validation_error(format!("The IP address '{address}' is not a valid IPv4 address"));
    let ip: Ipv4Addr = address.parse().map_err(|_| invalid())?;
    if let Some(subnet) = subnet_of(world, group, ip) {
        return match zone {
            Some(zone) if zone != subnet.zone => Err(faults::validation_error(format!(
                "The IP address '{ip}' is within the VPC, and cannot have its Availability Zone overridden to '{zone}' \
                 from '{}'",
                subnet.zone
            ))),
            _ => Ok(subnet.zone.clone()),
        };
    }
    let is_in_vpc =
        world.get::<Vpc>(&group.vpc).is_some_and(|vpc| vpc.cidrs.iter().any(|b| b.cidr.contains(ip)));
    if !is_in_vpc && !PRIVATE.iter().any(|block| block.contains(ip)) {
        return Err(faults::invalid_target(format!(
            "The IP address '{ip}' is not within a valid range: a subnet of the VPC, or '10.0.0.0/8', '100.64.0.0/10', \
             '172.16.0.0/12', '192.168.0.0/16'"
        )));
    }
    match zone {
        None => Err(faults::validation_error(format!(
            "The Availability Zone is required for IP address '{ip}' because it is not in the VPC"
        ))),
        Some(zone) if zone == ALL_ZONES || region::zone_by_name(&group.scope.region, zone).is_some() => {
            Ok(zone.to_owned())
        }
        Some(_) => Err(faults::validation_error(format!(
            "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since the IP \
             address '{ip}' is outside the VPC"
        ))),
    }
}

fn subnet_of<'w>(world: &'w World, group: &TargetGroup, ip: Ipv4Addr) -> Option<&'w Subnet> {
    world.by::<Subnet>("vpc", group.vpc.as_str()).find(|subnet| subnet.cidr.contains(ip))
}

fn check_load_balancer(world: &World, group: &TargetGroup, arn: &str, port: u16) -> Result<(), Fault> {
    let found = world.get::<LoadBalancer>(&LoadBalancerArn::new(arn));
    let found = found.filter(|row| row.scope == group.scope && row.kind == LoadBalancerKind::Application);
    let balancer = found
        .ok_or_else(|| faults::invalid_target(format!("The following targets do not exist: '{arn}'")))?;
    if balancer.vpc != group.vpc {
        return Err(faults::invalid_target(format!(
            "The following targets are not in the target group VPC '{}': '{arn}'",
            group.vpc
        )));
    }
    let listens = world.by::<Listener>("load_balancer", arn).any(|listener| listener.port == port);
    if !listens || port != group.port {
        return Err(faults::validation_error(
            "If the target type is ALB, the target must have at least one listener that matches the target group port or \
             any specified port overrides",
        ));
    }
    match of_group(world, &group.arn).any(|other| other.target != arn) {
        true => {
            Err(faults::too_many_targets("A target group with the target type 'alb' can have one target"))
        }
        false => Ok(()),
    }
}

fn check_quotas(world: &World, group: &TargetGroup) -> Result<(), Fault> {
    let limit = quota::TARGETS_PER_TARGET_GROUP.applied(world, &group.scope);
    match of_group(world, &group.arn).count() > limit {
        true => Err(faults::too_many_targets(format!(
            "You have reached the maximum number of targets per target group: [{limit}]"
        ))),
        false => Ok(()),
    }
}

fn deregister_targets(
    tx: &mut Tx<'_>,
    input: DeregisterTargetsInput,
) -> Result<DeregisterTargetsOutput, Fault> {
    let group = find_target_group(tx.world(), &tx.caller().scope, &input.target_group_arn)?.clone();
    for target in &input.targets {
        check_form(&group, &target.id)?;
        let keys: Vec<TargetKey> = of_group(tx.world(), &group.arn)
            .filter(|row| is_meant(row, target) && row.drains_until().is_none())
            .map(Row::id)
            .collect();
        for key in keys {
            deregister(tx, &group, &key);
        }
    }
    Ok(DeregisterTargetsOutput {})
}

/// Refuses an id that no target of the group could have.
///
/// # Errors
/// `ValidationError`
pub(super) fn check_form(group: &TargetGroup, id: &str) -> Result<(), Fault> {
    let (fits, noun) = match group.target_type {
        TargetType::Instance => (InstanceId::parse(id).is_ok(), "Instance ID"),
        TargetType::Ip => (id.parse::<Ipv4Addr>().is_ok(), "IP address"),
        TargetType::Alb => (id.starts_with("arn:"), "Load balancer ARN"),
    };
    match fits {
        true => Ok(()),
        false => Err(faults::validation_error(format!("{noun} '{id}' is not valid"))),
    }
}

/// Whether a description means the target: without a port it means every port of it.
pub(super) fn is_meant(row: &Target, description: &TargetDescription) -> bool {
    let port = description.port.is_none_or(|port| i32::from(row.port) == port);
    row.target == description.id && port
}

/// Lets a target drain, or removes it where there is nothing to drain.
fn deregister(tx: &mut Tx<'_>, group: &TargetGroup, key: &TargetKey) {
    let Some(row) = tx.world().get::<Target>(key) else { return };
    let is_used = listeners_using(tx.world(), &group.arn).next().is_some();
    let delay: i64 = group.attribute("deregistration_delay.timeout_seconds").parse().unwrap_or_default();
    let drains = is_used && delay > 0 && is_up(tx.world(), row);
    if !drains {
        tx.remove::<Target>(key);
        return;
    }
    let now = tx.now();
    tx.modify::<Target>(key, |row| {
        row.health = TargetHealth::Draining { until: now.plus_seconds(delay) };
        row.since = now;
        row.slow_start_until = None;
    });
}

/// Whether the target, if it is an instance, is starting or running.
pub(super) fn is_up(world: &World, row: &Target) -> bool {
    match InstanceId::parse(&row.target) {
        Ok(id) => world.get::<Instance>(&id).is_some_and(|instance| instance.state.is_up()),
        Err(_) => true,
    }
}

/// The zone of a target: its instance's, or what is known of its address.
pub(super) fn zone_of<'w>(world: &'w World, row: &'w Target) -> Option<&'w str> {
    match InstanceId::parse(&row.target) {
        Ok(id) => world.get::<Instance>(&id).map(|instance| instance.zone.as_str()),
        Err(_) => row.zone.as_deref().filter(|zone| *zone != ALL_ZONES),
    }
}

/// Removes every target of a group that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, group: &TargetGroupArn) {
    let keys: Vec<TargetKey> = of_group(tx.world(), group).map(Row::id).collect();
    for key in keys {
        tx.remove::<Target>(&key);
    }
}

/// The listeners that use these groups changed. In a group that no load balancer uses any more nothing drains, and no health
/// is known.
pub(super) fn review<'g>(tx: &mut Tx<'_>, groups: impl IntoIterator<Item = &'g TargetGroupArn>) {
    for group in groups {
        if balancers_using(tx.world(), group).is_empty() {
            let targets: Vec<Target> = of_group(tx.world(), group).cloned().collect();
            targets.into_iter().for_each(|target| begin_again(tx, target));
        }
    }
}

fn begin_again(tx: &mut Tx<'_>, target: Target) {
    match target.health {
        TargetHealth::Initial => {}
        TargetHealth::Draining { .. } => {
            tx.remove::<Target>(&target.id());
        }
        TargetHealth::Healthy | TargetHealth::Unhealthy { .. } => {
            let since = tx.now();
            tx.put(Target { health: TargetHealth::Initial, since, slow_start_until: None, ..target });
        }
    }
}

/// An instance is being stopped or terminated: nothing is known of its health any more, and nothing of it drains.
pub(crate) fn instance_ends(tx: &mut Tx<'_>, instance: &InstanceId) {
    let targets: Vec<Target> = tx.world().by::<Target>("target", instance.as_str()).cloned().collect();
    targets.into_iter().for_each(|target| begin_again(tx, target));
}

/// An instance is terminated: it is deregistered.
pub(crate) fn instance_is_gone(tx: &mut Tx<'_>, instance: &InstanceId) {
    let keys: Vec<TargetKey> = tx.world().by::<Target>("target", instance.as_str()).map(Row::id).collect();
    for key in keys {
        tx.remove::<Target>(&key);
    }
}
