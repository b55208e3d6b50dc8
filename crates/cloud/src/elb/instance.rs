//! Instances: `RegisterInstancesWithLoadBalancer`, `DeregisterInstancesFromLoadBalancer`, `DescribeInstanceHealth`.
//! [Register or deregister instances](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-deregister-register-instances.html)
//!
//! What AWS promises: instances of the load balancer's VPC are registered once; what is deregistered finishes what it has,
//! where draining is on. Reasons of states are AWS's words:
//! [API_InstanceState](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_InstanceState.html).

use enishi_api::elb::{
    self as api, DeregisterEndPointsInput, DeregisterEndPointsOutput, DescribeEndPointStateInput,
    DescribeEndPointStateOutput, InstanceState, RegisterEndPointsInput, RegisterEndPointsOutput, ops,
};
use enishi_state::ec2::{Instance, InstanceId, InstanceState as EndState};
use enishi_state::elb::{InstanceHealth, LoadBalancer, LoadBalancerArn, Registration, RegistrationKey};
use enishi_state::{Read, ResourceId, Row, Scope, Tx, World};
use enishi_wire::Fault;

use super::{faults, find, take, text};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RegisterInstancesWithLoadBalancer>(register_instances_with_load_balancer);
    on.write::<ops::DeregisterInstancesFromLoadBalancer>(deregister_instances_from_load_balancer);
    on.read::<ops::DescribeInstanceHealth>(describe_instance_health);
}

/// Everything that is registered with a load balancer, what drains included.
fn of<'w>(world: &'w World, arn: &LoadBalancerArn) -> impl Iterator<Item = &'w Registration> + use<'w> {
    world.by::<Registration>("load_balancer", arn.as_str())
}

/// The instances that are registered, as responses show them.
pub(super) fn registered(world: &World, row: &LoadBalancer) -> Vec<api::Instance> {
    let kept = of(world, &row.arn()).filter(|one| one.drains_until().is_none());
    kept.map(|one| api::Instance { instance_id: text(&one.instance) }).collect()
}

/// The caller's instance of that id.
fn instance_of<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w Instance, Fault> {
    let found = InstanceId::parse(id).ok().and_then(|id| world.get::<Instance>(&id));
    let is_there = |row: &&Instance| row.scope == *scope && row.state != EndState::Terminated;
    found.filter(is_there).ok_or_else(|| faults::invalid_instance(id))
}

fn ids(instances: Vec<api::Instance>) -> impl Iterator<Item = String> {
    instances.into_iter().map(|instance| instance.instance_id.unwrap_or_default())
}

fn register_instances_with_load_balancer(
    tx: &mut Tx<'_>,
    input: RegisterEndPointsInput,
) -> Result<RegisterEndPointsOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    for id in ids(input.instances) {
        let instance = instance_of(tx.world(), &row.scope, &id)?;
        if instance.vpc != row.vpc {
            return Err(faults::invalid_instance_vpc(&id));
        }
        let key = RegistrationKey::of(&row.arn(), &instance.id);
        let is_there = tx.world().get::<Registration>(&key).is_some_and(|one| one.drains_until().is_none());
        if !is_there {
            let registration = Registration {
                load_balancer: row.arn(),
                instance: instance.id.clone(),
                health: InstanceHealth::Initial,
                since: tx.now(),
            };
            tx.put(registration);
        }
    }
    let limit = quota::INSTANCES_PER_CLASSIC_LOAD_BALANCER.applied(tx.world(), &row.scope);
    let instances = registered(tx.world(), &row);
    match instances.len() > limit {
        true => Err(faults::validation_error(format!("A load balancer can have at most {limit} instances"))),
        false => Ok(RegisterEndPointsOutput { instances: Some(instances) }),
    }
}

fn deregister_instances_from_load_balancer(
    tx: &mut Tx<'_>,
    input: DeregisterEndPointsInput,
) -> Result<DeregisterEndPointsOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    for id in ids(input.instances) {
        let found = InstanceId::parse(&id).ok().map(|id| RegistrationKey::of(&row.arn(), &id));
        let found = found.filter(|key| tx.world().get::<Registration>(key).is_some());
        let key = found.ok_or_else(|| faults::not_registered(&id))?;
        deregister(tx, &row, &key);
    }
    Ok(DeregisterEndPointsOutput { instances: Some(registered(tx.world(), &row)) })
}

/// Lets an instance drain, or removes it where there is nothing to drain.
fn deregister(tx: &mut Tx<'_>, row: &LoadBalancer, key: &RegistrationKey) {
    let Some(one) = tx.world().get::<Registration>(key) else { return };
    let is_up = tx.world().get::<Instance>(&one.instance).is_some_and(|instance| instance.state.is_up());
    match row.attributes.draining_seconds.filter(|_| is_up) {
        Some(seconds) if one.drains_until().is_none() => {
            let now = tx.now();
            tx.modify::<Registration>(key, |one| {
                one.health = InstanceHealth::Draining { until: now.plus_seconds(seconds.into()) };
                one.since = now;
            });
        }
        Some(_) => {}
        None => drop(tx.remove::<Registration>(key)),
    }
}

/// Removes everything that is registered with a load balancer that is being deleted.
pub(super) fn remove_all(tx: &mut Tx<'_>, arn: &LoadBalancerArn) {
    let keys: Vec<RegistrationKey> = of(tx.world(), arn).map(Row::id).collect();
    for key in keys {
        tx.remove::<Registration>(&key);
    }
}

/// An instance is being stopped or terminated: nothing is known of its health any more, and nothing of it drains.
pub(crate) fn instance_ends(tx: &mut Tx<'_>, instance: &InstanceId) {
    let rows: Vec<Registration> =
        tx.world().by::<Registration>("instance", instance.as_str()).cloned().collect();
    for row in rows {
        match row.health {
            InstanceHealth::Initial => {}
            InstanceHealth::Draining { .. } => drop(tx.remove::<Registration>(&row.id())),
            InstanceHealth::InService | InstanceHealth::OutOfService => {
                let since = tx.now();
                tx.put(Registration { health: InstanceHealth::Initial, since, ..row });
            }
        }
    }
}

/// An instance is terminated: it is deregistered.
pub(crate) fn instance_is_gone(tx: &mut Tx<'_>, instance: &InstanceId) {
    let keys: Vec<RegistrationKey> =
        tx.world().by::<Registration>("instance", instance.as_str()).map(Row::id).collect();
    for key in keys {
        tx.remove::<Registration>(&key);
    }
}

fn describe_instance_health(
    read: &Read<'_>,
    input: DescribeEndPointStateInput,
) -> Result<DescribeEndPointStateOutput, Fault> {
    let row = find(read.world, &read.caller.scope, &input.load_balancer_name)?;
    let wanted = input.instances.unwrap_or_default();
    let states = match wanted.is_empty() {
        true => of(read.world, &row.arn()).map(|one| state(read.world, row, one)).collect(),
        false => ids(wanted).map(|id| state_of(read, row, &id)).collect::<Result<_, _>>()?,
    };
    Ok(DescribeEndPointStateOutput { instance_states: Some(states) })
}

fn state_of(read: &Read<'_>, row: &LoadBalancer, id: &str) -> Result<InstanceState, Fault> {
    let instance = instance_of(read.world, &row.scope, id)?;
    let key = RegistrationKey::of(&row.arn(), &instance.id);
    Ok(match read.world.get::<Registration>(&key) {
        Some(one) => state(read.world, row, one),
        None => out_of_service(id, "Instance", "Instance is not currently registered with the LoadBalancer."),
    })
}

fn state(world: &World, row: &LoadBalancer, one: &Registration) -> InstanceState {
    let id = one.instance.as_str();
    let instance = world.get::<Instance>(&one.instance);
    if one.drains_until().is_some() {
        return in_service(id, "Instance deregistration currently in progress.");
    }
    if let Some(instance) = instance.filter(|instance| !instance.state.is_up()) {
        let why = format!("Instance is in {} state.", instance.state.name());
        return out_of_service(id, "Instance", &why);
    }
    if instance.is_some_and(|instance| !row.zones.iter().any(|zone| zone.zone == instance.zone)) {
        return out_of_service(
            id,
            "ELB",
            "The instance is in an EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.",
        );
    }
    match one.health {
        InstanceHealth::InService => in_service(id, "N/A"),
        InstanceHealth::OutOfService => out_of_service(
            id,
            "Instance",
            "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
        ),
        InstanceHealth::Initial | InstanceHealth::Draining { .. } => {
            out_of_service(id, "ELB", "Instance registration is still in progress.")
        }
    }
}

fn in_service(id: &str, description: &str) -> InstanceState {
    InstanceState {
        instance_id: text(id),
        state: text("InService"),
        reason_code: text("N/A"),
        description: text(description),
    }
}

fn out_of_service(id: &str, reason: &str, description: &str) -> InstanceState {
    InstanceState {
        instance_id: text(id),
        state: text("OutOfService"),
        reason_code: text(reason),
        description: text(description),
    }
}
