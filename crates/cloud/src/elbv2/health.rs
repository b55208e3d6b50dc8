//! The health of targets: `DescribeTargetHealth`, and what probes find out.
//! [Target health status](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states)
//!
//! A change of a target's health is a row's, so that packets, names and answers follow one truth. `unused` is none: it follows
//! from the rows around. A call that registers answers when the registration is in force, so what follows is
//! `Elb.InitialHealthChecking`; `Elb.RegistrationInProgress` is said while the load balancer is being built.

use enishi_api::elbv2::{
    self as api, AdministrativeOverride, AnomalyDetection, DescribeTargetHealthInput,
    DescribeTargetHealthOutput, TargetDescription, TargetHealthDescription, ops,
};
use enishi_state::ec2::{Instance, InstanceId};
use enishi_state::elbv2::{
    LoadBalancer, LoadBalancerState, Target, TargetGroup, TargetHealth, TargetKey, TargetType,
};
use enishi_state::{Read, ResourceId, Tx, World};
use enishi_wire::Fault;

use super::target::{check_form, is_meant, is_up, of_group, zone_of};
use super::{balancers_using, find_target_group, slow_start, text};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeTargetHealth>(describe_target_health);
}

/// What probes found out about a target: enough of them in a row, so that its health changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The target.
    pub target: TargetKey,
    /// How it is: healthy, unhealthy, or not known any more.
    pub health: TargetHealth,
}

/// Whether [`observe`] would change something.
pub fn is_news(world: &World, observation: &Observation) -> bool {
    let Some(row) = world.get::<Target>(&observation.target) else { return false };
    let drains = |health: &TargetHealth| matches!(health, TargetHealth::Draining { .. });
    !drains(&row.health)
        && !drains(&observation.health)
        && row.health != observation.health
        && (observation.health == TargetHealth::Initial || is_checked(world, row))
}

/// Whether the target's health is checked: a load balancer uses its group, and it is up.
fn is_checked(world: &World, row: &Target) -> bool {
    !balancers_using(world, &row.target_group).is_empty() && is_up(world, row)
}

/// Writes down what probes found out. What is late is dropped: about targets that are gone, that drain, whose group no load
/// balancer uses, and about instances that do not run.
pub fn observe(tx: &mut Tx<'_>, observations: impl IntoIterator<Item = Observation>) {
    for observation in observations {
        if is_news(tx.world(), &observation) {
            let now = tx.now();
            let is_healthy = observation.health == TargetHealth::Healthy;
            let until = is_healthy.then(|| slow_start::ends(tx.world(), &observation.target, now)).flatten();
            tx.modify::<Target>(&observation.target, |row| {
                row.health = observation.health;
                row.since = now;
                row.slow_start_until = until;
            });
        }
    }
}

fn describe_target_health(
    read: &Read<'_>,
    input: DescribeTargetHealthInput,
) -> Result<DescribeTargetHealthOutput, Fault> {
    let world = read.world;
    let group = find_target_group(world, &read.caller.scope, &input.target_group_arn)?;
    let balancer = balancers_using(world, &group.arn).into_iter().next();
    let balancer = balancer.and_then(|arn| world.get::<LoadBalancer>(&arn));
    let shows_anomalies = input.include.is_some_and(|include| !include.is_empty());
    let describe = |row: &Target| {
        let mut shape = shape(world, group, balancer, row);
        if shows_anomalies && group.protocol.is_application() {
            shape.anomaly_detection =
                Some(AnomalyDetection { result: text("normal"), mitigation_in_effect: text("no") });
        }
        shape
    };
    let wanted = input.targets.unwrap_or_default();
    let mut descriptions = Vec::new();
    if wanted.is_empty() {
        descriptions.extend(of_group(world, &group.arn).map(describe));
    }
    for description in wanted {
        check_form(group, &description.id)?;
        let found: Vec<&Target> =
            of_group(world, &group.arn).filter(|row| is_meant(row, &description)).collect();
        match found.is_empty() {
            true => descriptions.push(not_registered(group, description)),
            false => descriptions.extend(found.into_iter().map(describe)),
        }
    }
    Ok(DescribeTargetHealthOutput { target_health_descriptions: Some(descriptions) })
}

fn not_registered(group: &TargetGroup, description: TargetDescription) -> TargetHealthDescription {
    let port = description.port.or(Some(group.port.into()));
    TargetHealthDescription {
        target: Some(TargetDescription { port, ..description }),
        target_health: Some(health(
            "unused",
            Some("Target.NotRegistered"),
            Some("Target is not registered to the target group"),
        )),
        ..Default::default()
    }
}

fn shape(
    world: &World,
    group: &TargetGroup,
    balancer: Option<&LoadBalancer>,
    row: &Target,
) -> TargetHealthDescription {
    let no_override = AdministrativeOverride {
        state: text("no_override"),
        reason: text("AdministrativeOverride.NoOverride"),
        description: text("No override is currently active on target"),
    };
    TargetHealthDescription {
        target: Some(TargetDescription {
            id: row.target.clone(),
            port: Some(row.port.into()),
            availability_zone: row.zone.clone().filter(|_| group.target_type == TargetType::Ip),
            quic_server_id: None,
        }),
        health_check_port: text(group.health_check.port.unwrap_or(row.port)),
        target_health: Some(health_of(world, group, balancer, row)),
        administrative_override: balancer.map(|_| no_override),
        ..Default::default()
    }
}

fn health_of(
    world: &World,
    group: &TargetGroup,
    balancer: Option<&LoadBalancer>,
    row: &Target,
) -> api::TargetHealth {
    if let TargetHealth::Draining { .. } = row.health {
        let reason = "Target.DeregistrationInProgress";
        return health("draining", Some(reason), Some("Target deregistration is in progress"));
    }
    let unused = |reason, why| health("unused", Some(reason), Some(why));
    let Some(balancer) = balancer else {
        let why = "Target group is not configured to receive traffic from the load balancer";
        return unused("Target.NotInUse", why);
    };
    let instance = InstanceId::parse(&row.target).ok().and_then(|id| world.get::<Instance>(&id));
    if let Some(instance) = instance.filter(|instance| !instance.state.is_up()) {
        let why = format!("Target is in the {} state", instance.state.name());
        return unused("Target.InvalidState", &why);
    }
    if group.has_reserved(world, &row.target) {
        return unused("Target.IpUnusable", "The target IP address is reserved for use by a load balancer");
    }
    let is_enabled = |zone: &str| balancer.zones.iter().any(|enabled| enabled.zone == zone);
    if zone_of(world, row).is_some_and(|zone| !is_enabled(zone)) {
        let why = "Target is in an Availability Zone that is not enabled for the load balancer";
        return unused("Target.NotInUse", why);
    }
    match &row.health {
        TargetHealth::Healthy => health("healthy", None, None),
        TargetHealth::Unhealthy { reason, description } => {
            health("unhealthy", Some(&reason.to_string()), Some(description))
        }
        _ if matches!(balancer.state, LoadBalancerState::Provisioning { .. }) => {
            health("initial", Some("Elb.RegistrationInProgress"), Some("Target registration is in progress"))
        }
        _ => health("initial", Some("Elb.InitialHealthChecking"), Some("Initial health checks in progress")),
    }
}

fn health(state: &str, reason: Option<&str>, description: Option<&str>) -> api::TargetHealth {
    api::TargetHealth {
        state: text(state),
        reason: reason.map(str::to_owned),
        description: description.map(str::to_owned),
    }
}
