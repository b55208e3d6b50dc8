//! Load balancers: `CreateLoadBalancer`, `DescribeLoadBalancers`, `DeleteLoadBalancer`.
//! [API_CreateLoadBalancer](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_CreateLoadBalancer.html)
//!
//! Creating one that is there already, with the same settings, answers its name. Deleting one that is not there succeeds.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_api::elb::{
    CreateAccessPointInput, CreateAccessPointOutput, DeleteAccessPointInput, DeleteAccessPointOutput,
    DescribeAccessPointsInput, DescribeAccessPointsOutput, ops,
};
use enishi_state::ec2::{SecurityGroupId, Subnet, VpcId};
use enishi_state::elb::{Attributes, HealthCheck, Listener, LoadBalancer, LoadBalancerArn, Scheme};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::tag::{self, NewTags};
use super::{faults, find, instance, listener, name, shape, text, zone};
use crate::ec2::managed;
use crate::quota;
use crate::registry::Registry;

/// Items of a page that asks for no number.
const PAGE: usize = 400;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateLoadBalancer>(create_load_balancer);
    on.read::<ops::DescribeLoadBalancers>(describe_load_balancers);
    on.write::<ops::DeleteLoadBalancer>(delete_load_balancer);
}

/// What a creation asks for, checked.
struct New {
    name: String,
    scheme: Scheme,
    vpc: VpcId,
    subnets: Vec<Subnet>,
    groups: Vec<SecurityGroupId>,
    listeners: BTreeMap<u16, Listener>,
}

fn create_load_balancer(
    tx: &mut Tx<'_>,
    input: CreateAccessPointInput,
) -> Result<CreateAccessPointOutput, Fault> {
    let tags = NewTags::parse(input.tags.clone().unwrap_or_default())?;
    let new = parse(tx, input)?;
    let scope = tx.caller().scope.clone();
    if let Some(row) = tx.world().get::<LoadBalancer>(&LoadBalancerArn::of(&scope, &new.name)) {
        return match is_same(row, &new) {
            true => Ok(CreateAccessPointOutput { dns_name: text(row.dns_name()) }),
            false => Err(faults::duplicate_load_balancer_name(&new.name)),
        };
    }
    check_quota(tx.world(), &scope)?;
    zone::check(tx.world(), new.scheme, &new.subnets)?;
    let row = build(tx, scope, new)?;
    tags.attach(tx, row.arn().as_str());
    Ok(CreateAccessPointOutput { dns_name: text(row.dns_name()) })
}

fn parse(tx: &Tx<'_>, input: CreateAccessPointInput) -> Result<New, Fault> {
    let (world, scope) = (tx.world(), &tx.caller().scope);
    name::check(&input.load_balancer_name)?;
    let scheme = match input.scheme.as_deref() {
        None | Some("" | "internet-facing") => Scheme::InternetFacing,
        Some("internal") => Scheme::Internal,
        Some(other) => return Err(faults::invalid_scheme(other)),
    };
    if input.listeners.is_empty() {
        return Err(faults::validation_error("Listeners cannot be empty"));
    }
    let listeners = listener::parse(world, scope, tx.now(), &input.load_balancer_name, &input.listeners)?;
    listener::check_count(world, scope, listeners.len())?;
    let (subnets, zones) = (input.subnets.unwrap_or_default(), input.availability_zones.unwrap_or_default());
    let subnets = match (subnets.is_empty(), zones.is_empty()) {
        (false, false) => {
            return Err(faults::validation_error(
                "Only one of SubnetIds or AvailabilityZones may be specified",
            ));
        }
        (false, true) => zone::by_ids(world, scope, &subnets)?,
        (true, _) => zone::by_zones(world, scope, &zones)?,
    };
    let vpc = zone::check_together(subnets.iter())?;
    let groups = zone::groups(world, scope, &vpc, &input.security_groups.unwrap_or_default())?;
    Ok(New { name: input.load_balancer_name, scheme, vpc, subnets, groups, listeners })
}

fn check_quota(world: &World, scope: &Scope) -> Result<(), Fault> {
    let existing = in_scope(world, scope).count();
    match quota::CLASSIC_LOAD_BALANCERS.reached(world, scope, existing) {
        true => Err(faults::too_many_load_balancers(quota::CLASSIC_LOAD_BALANCERS.applied(world, scope))),
        false => Ok(()),
    }
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w LoadBalancer> + use<'w> {
    world.by::<LoadBalancer>("scope", &scope.to_string())
}

/// Whether a creation asks for what is there.
fn is_same(row: &LoadBalancer, new: &New) -> bool {
    let subnets = |row: &LoadBalancer| -> BTreeSet<String> {
        row.zones.iter().map(|zone| zone.subnet.to_string()).collect()
    };
    let listeners = row.listeners.iter().zip(&new.listeners);
    row.scheme == new.scheme
        && subnets(row) == new.subnets.iter().map(|subnet| subnet.id.to_string()).collect()
        && row.groups.iter().collect::<BTreeSet<_>>() == new.groups.iter().collect()
        && row.listeners.len() == new.listeners.len()
        && listeners.into_iter().all(|((a, old), (b, new))| a == b && listener::is_same(old, new))
}

fn build(tx: &mut Tx<'_>, scope: Scope, new: New) -> Result<LoadBalancer, Fault> {
    let first_port = new.listeners.values().next().map_or(80, |listener| listener.instance_port);
    let mut row = LoadBalancer {
        dns_label: dns_label(tx, &new),
        scope,
        name: new.name,
        scheme: new.scheme,
        vpc: new.vpc,
        zones: Vec::new(),
        groups: new.groups,
        listeners: new.listeners,
        policies: BTreeMap::new(),
        backends: BTreeMap::new(),
        health_check: HealthCheck::of_port(first_port),
        attributes: Attributes::default(),
        created: tx.now(),
    };
    listener::ensure_negotiation(&mut row);
    zone::attach(tx, &mut row, &new.subnets)?;
    tx.put(row.clone());
    Ok(row)
}

fn dns_label(tx: &mut Tx<'_>, new: &New) -> String {
    let mut bytes = [0u8; 8];
    tx.entropy().fill(&mut bytes);
    let digits = u64::from_be_bytes(bytes) % 10_000_000_000;
    match new.scheme {
        Scheme::Internal => format!("internal-{}-{digits:010}", new.name),
        Scheme::InternetFacing => format!("{}-{digits:010}", new.name),
    }
}

fn describe_load_balancers(
    read: &Read<'_>,
    input: DescribeAccessPointsInput,
) -> Result<DescribeAccessPointsOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let names = input.load_balancer_names.unwrap_or_default();
    let rows: Vec<&LoadBalancer> = match names.is_empty() {
        true => in_scope(world, scope).collect(),
        false => names.iter().map(|name| find(world, scope, name)).collect::<Result<_, _>>()?,
    };
    let limit = input.page_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE).clamp(1, PAGE);
    let after = input.marker.as_deref().map(decode).transpose()?;
    // Rows are in the order of names.
    let mut rows: Vec<&LoadBalancer> = rows
        .into_iter()
        .filter(|row| after.as_ref().is_none_or(|after| !names.is_empty() || row.name > *after))
        .take(limit + 1)
        .collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_marker = rows.last().filter(|_| more).map(|row| URL_SAFE_NO_PAD.encode(&row.name));
    let descriptions = rows.into_iter().map(|row| shape::description(world, row)).collect();
    Ok(DescribeAccessPointsOutput { load_balancer_descriptions: Some(descriptions), next_marker })
}

fn decode(marker: &str) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| faults::validation_error("The specified marker is not valid"))
}

fn delete_load_balancer(
    tx: &mut Tx<'_>,
    input: DeleteAccessPointInput,
) -> Result<DeleteAccessPointOutput, Fault> {
    let arn = LoadBalancerArn::of(&tx.caller().scope, &input.load_balancer_name);
    if let Some(row) = tx.world().get::<LoadBalancer>(&arn).cloned() {
        instance::remove_all(tx, &arn);
        tag::remove_all(tx, arn.as_str());
        tx.remove::<LoadBalancer>(&arn);
        for zone in &row.zones {
            managed::remove_managed(tx, &zone.network_interface);
        }
    }
    Ok(DeleteAccessPointOutput {})
}
