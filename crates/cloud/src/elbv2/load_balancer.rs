//! Load balancers: `CreateLoadBalancer`, `DescribeLoadBalancers`, `DeleteLoadBalancer`, `SetSubnets`, `SetSecurityGroups`,
//! `SetIpAddressType`, and their attributes.
//! [Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html),
//! [Network Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html)
//!
//! A load balancer is `provisioning` until the data plane has built its nodes. Creating one that is there already, with the
//! same settings, answers the one that is there. Deleting one deletes its listeners and their rules, not its target groups.

mod attribute;
mod security_group;
mod zone;

use enishi_api::elbv2::{
    self as api, CreateLoadBalancerInput, CreateLoadBalancerOutput, DeleteLoadBalancerInput,
    DeleteLoadBalancerOutput, DescribeLoadBalancersInput, DescribeLoadBalancersOutput, SetIpAddressTypeInput,
    SetIpAddressTypeOutput, SetSecurityGroupsInput, SetSecurityGroupsOutput, SetSubnetsInput,
    SetSubnetsOutput, ops,
};
use enishi_state::elbv2::{
    Listener, LoadBalancer, LoadBalancerArn, LoadBalancerKind, LoadBalancerState, Scheme, Target,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::{Fault, Timestamp};

use self::zone::Wanted;
use super::page::page;
use super::tag::{self, NewTags};
use super::{arn, faults, find_load_balancer, kind_name, listener, name, random_id, text};
use crate::ec2::managed;
use crate::quota::{self, Quota};
use crate::registry::Registry;
use crate::route53::load_balancer_zone_id;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateLoadBalancer>(create_load_balancer);
    on.read::<ops::DescribeLoadBalancers>(describe_load_balancers);
    on.write::<ops::DeleteLoadBalancer>(delete_load_balancer);
    on.write::<ops::SetSubnets>(set_subnets);
    on.write::<ops::SetSecurityGroups>(set_security_groups);
    on.write::<ops::SetIpAddressType>(set_ip_address_type);
    attribute::register(on);
}

/// What a creation asks for, checked.
struct New {
    name: String,
    kind: LoadBalancerKind,
    scheme: Scheme,
    wanted: Vec<Wanted>,
    groups: Vec<enishi_state::ec2::SecurityGroupId>,
}

fn create_load_balancer(
    tx: &mut Tx<'_>,
    input: CreateLoadBalancerInput,
) -> Result<CreateLoadBalancerOutput, Fault> {
    let tags = NewTags::parse(input.tags.clone())?;
    let new = check(tx.world(), &tx.caller().scope, input)?;
    let scope = &tx.caller().scope;
    if let Some(existing) = by_name(tx.world(), scope, &new.name) {
        return match is_same(existing, &new) {
            true => Ok(CreateLoadBalancerOutput { load_balancers: Some(vec![shape(tx.world(), existing)]) }),
            false => Err(faults::duplicate_load_balancer_name(&new.name)),
        };
    }
    check_quota(tx.world(), scope, new.kind)?;
    zone::check(tx.world(), new.kind, new.scheme, &new.wanted)?;
    let row = build(tx, new)?;
    tags.attach(tx, row.arn.as_str());
    Ok(CreateLoadBalancerOutput { load_balancers: Some(vec![shape(tx.world(), &row)]) })
}

fn check(world: &World, scope: &Scope, input: CreateLoadBalancerInput) -> Result<New, Fault> {
    name::check_load_balancer(&input.name)?;
    let kind = match input.r#type.as_deref() {
        None | Some("application") => LoadBalancerKind::Application,
        Some("network") => LoadBalancerKind::Network,
        _ => return Err(faults::not_supported("Gateway Load Balancers are")),
    };
    let scheme = match input.scheme.as_deref() {
        Some("internal") => Scheme::Internal,
        _ => Scheme::InternetFacing,
    };
    check_address_type(input.ip_address_type.as_deref())?;
    check_source_nat(input.enable_prefix_for_ipv6_source_nat.as_deref())?;
    if input.customer_owned_ipv4_pool.is_some() {
        return Err(faults::not_supported("Outposts are"));
    }
    if input.ipam_pools.is_some() {
        return Err(faults::not_supported("IPAM pools are"));
    }
    let wanted = zone::parse(world, scope, kind, scheme, input.subnets, input.subnet_mappings)?;
    let vpc = zone::common_vpc(&wanted)?;
    let groups = match (kind, input.security_groups) {
        (LoadBalancerKind::Network, None) => vec![],
        (_, groups) => security_group::resolve(world, scope, &vpc, &groups.unwrap_or_default())?,
    };
    Ok(New { name: input.name, kind, scheme, wanted, groups })
}

fn check_address_type(wanted: Option<&str>) -> Result<(), Fault> {
    match wanted {
        None | Some("ipv4") => Ok(()),
        Some(other) => Err(faults::not_supported(&format!("The IP address type '{other}' is"))),
    }
}

fn check_source_nat(wanted: Option<&str>) -> Result<(), Fault> {
    match wanted {
        Some("on") => Err(faults::not_supported("Source NAT of IPv6 is")),
        _ => Ok(()),
    }
}

fn check_quota(world: &World, scope: &Scope, kind: LoadBalancerKind) -> Result<(), Fault> {
    let quota: Quota = match kind {
        LoadBalancerKind::Application => quota::APPLICATION_LOAD_BALANCERS,
        LoadBalancerKind::Network => quota::NETWORK_LOAD_BALANCERS,
    };
    let existing = in_scope(world, scope).filter(|row| row.kind == kind).count();
    match quota.reached(world, scope, existing) {
        true => Err(faults::too_many_load_balancers(kind_name(kind), quota.applied(world, scope))),
        false => Ok(()),
    }
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w LoadBalancer> + use<'w> {
    world.by::<LoadBalancer>("scope", &scope.to_string())
}

fn by_name<'w>(world: &'w World, scope: &Scope, name: &str) -> Option<&'w LoadBalancer> {
    world.by::<LoadBalancer>("name", &format!("{scope}/{name}")).next()
}

/// Whether a creation asks for what is there.
fn is_same(row: &LoadBalancer, new: &New) -> bool {
    let zone = |wanted: &Wanted| row.zones.iter().any(|zone| wanted.is(zone));
    row.kind == new.kind
        && row.scheme == new.scheme
        && row.zones.len() == new.wanted.len()
        && new.wanted.iter().all(zone)
        && row.groups.len() == new.groups.len()
        && new.groups.iter().all(|group| row.groups.contains(group))
}

fn build(tx: &mut Tx<'_>, new: New) -> Result<LoadBalancer, Fault> {
    let scope = tx.caller().scope.clone();
    let id = random_id(tx.entropy());
    let kind = match new.kind {
        LoadBalancerKind::Application => "app",
        LoadBalancerKind::Network => "net",
    };
    let vpc = zone::common_vpc(&new.wanted)?;
    let mut row = LoadBalancer {
        arn: LoadBalancerArn::new(&arn(&scope, &format!("loadbalancer/{kind}/{}/{id}", new.name))),
        dns_label: dns_label(tx, &new, &id),
        scope,
        name: new.name,
        kind: new.kind,
        scheme: new.scheme,
        vpc,
        zones: vec![],
        groups: new.groups,
        state: LoadBalancerState::Provisioning { generation: tx.next_generation() },
        attributes: Default::default(),
        enforces_groups_on_private_link: None,
        created: tx.now(),
    };
    if row.kind == LoadBalancerKind::Network && !row.groups.is_empty() {
        row.enforces_groups_on_private_link = Some(true);
    }
    row.zones = zone::attach(tx, &row, &new.wanted)?;
    tx.put(row.clone());
    Ok(row)
}

/// An Application Load Balancer's ends with digits of its own and says whether it is internal; a Network Load Balancer's ends
/// with the number of its ARN.
fn dns_label(tx: &mut Tx<'_>, new: &New, id: &str) -> String {
    let name = &new.name;
    if new.kind == LoadBalancerKind::Network {
        return format!("{name}-{id}");
    }
    let mut bytes = [0u8; 8];
    tx.entropy().fill(&mut bytes);
    let digits = u64::from_be_bytes(bytes) % 10_000_000_000;
    match new.scheme {
        Scheme::Internal => format!("internal-{name}-{digits:010}"),
        Scheme::InternetFacing => format!("{name}-{digits:010}"),
    }
}

/// As responses show it.
fn shape(world: &World, row: &LoadBalancer) -> api::LoadBalancer {
    let is_network = row.kind == LoadBalancerKind::Network;
    let code = match row.state {
        LoadBalancerState::Provisioning { .. } => "provisioning",
        LoadBalancerState::Active => "active",
    };
    let groups: Vec<String> = row.groups.iter().map(ToString::to_string).collect();
    api::LoadBalancer {
        load_balancer_arn: text(&row.arn),
        dns_name: text(row.dns_name()),
        canonical_hosted_zone_id: load_balancer_zone_id(&row.scope.region, is_network).map(str::to_owned),
        created_time: Some(Timestamp::from_millis(row.created.0)),
        load_balancer_name: text(&row.name),
        scheme: text(match row.scheme {
            Scheme::InternetFacing => "internet-facing",
            Scheme::Internal => "internal",
        }),
        vpc_id: text(&row.vpc),
        state: Some(api::LoadBalancerState { code: text(code), reason: None }),
        r#type: text(kind_name(row.kind)),
        availability_zones: Some(zone::shapes(world, row)),
        security_groups: Some(groups).filter(|groups| !is_network || !groups.is_empty()),
        ip_address_type: text("ipv4"),
        enforce_security_group_inbound_rules_on_private_link_traffic: enforces(row),
        enable_prefix_for_ipv6_source_nat: is_network.then(|| "off".to_owned()),
        ..Default::default()
    }
}

fn enforces(row: &LoadBalancer) -> Option<String> {
    row.enforces_groups_on_private_link.map(|on| if on { "on" } else { "off" }.to_owned())
}

fn describe_load_balancers(
    read: &Read<'_>,
    input: DescribeLoadBalancersInput,
) -> Result<DescribeLoadBalancersOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let arns = input.load_balancer_arns.unwrap_or_default();
    let names = input.names.unwrap_or_default();
    let rows: Vec<&LoadBalancer> = match (arns.is_empty(), names.is_empty()) {
        (true, true) => in_scope(world, scope).collect(),
        (false, true) => by_arns(world, scope, &arns)?,
        (true, false) => by_names(world, scope, &names)?,
        (false, false) => {
            return Err(faults::validation_error(
                "Load balancer names and load balancer ARNs cannot be specified at the same time",
            ));
        }
    };
    let id = |row: &&LoadBalancer| row.arn.to_string();
    let (rows, next_marker) = page(rows, input.page_size, input.marker.as_deref(), id)?;
    let load_balancers = rows.into_iter().map(|row| shape(world, row)).collect();
    Ok(DescribeLoadBalancersOutput { load_balancers: Some(load_balancers), next_marker })
}

fn by_arns<'w>(world: &'w World, scope: &Scope, arns: &[String]) -> Result<Vec<&'w LoadBalancer>, Fault> {
    let find = |arn: &String| match find_load_balancer(world, scope, arn) {
        Err(fault) if fault.code() == "LoadBalancerNotFound" => Err(faults::load_balancers_not_found()),
        other => other,
    };
    arns.iter().map(find).collect()
}

fn by_names<'w>(world: &'w World, scope: &Scope, names: &[String]) -> Result<Vec<&'w LoadBalancer>, Fault> {
    let missing: Vec<String> =
        names.iter().filter(|name| by_name(world, scope, name).is_none()).cloned().collect();
    match missing.is_empty() {
        true => Ok(names.iter().filter_map(|name| by_name(world, scope, name)).collect()),
        false => Err(faults::load_balancer_names_not_found(&missing)),
    }
}

fn delete_load_balancer(
    tx: &mut Tx<'_>,
    input: DeleteLoadBalancerInput,
) -> Result<DeleteLoadBalancerOutput, Fault> {
    let row = match find_load_balancer(tx.world(), &tx.caller().scope, &input.load_balancer_arn) {
        Ok(row) => row.clone(),
        // "If the load balancer does not exist or has already been deleted, the call succeeds."
        Err(fault) if fault.code() == "LoadBalancerNotFound" => return Ok(DeleteLoadBalancerOutput {}),
        Err(fault) => return Err(fault),
    };
    if row.attribute("deletion_protection.enabled") == "true" {
        return Err(faults::deletion_protection(&row.arn));
    }
    if tx.world().by::<Target>("target", row.arn.as_str()).next().is_some() {
        return Err(faults::resource_in_use(format!(
            "Load balancer '{}' cannot be deleted because it is currently associated with another service",
            row.arn
        )));
    }
    let listeners: Vec<Listener> =
        tx.world().by::<Listener>("load_balancer", row.arn.as_str()).cloned().collect();
    for listener in &listeners {
        listener::remove(tx, listener);
    }
    tag::remove_all(tx, row.arn.as_str());
    tx.remove::<LoadBalancer>(&row.arn);
    for zone in &row.zones {
        managed::remove_managed(tx, &zone.network_interface);
    }
    Ok(DeleteLoadBalancerOutput {})
}

fn set_subnets(tx: &mut Tx<'_>, input: SetSubnetsInput) -> Result<SetSubnetsOutput, Fault> {
    let scope = &tx.caller().scope;
    let mut row = find_load_balancer(tx.world(), scope, &input.load_balancer_arn)?.clone();
    check_address_type(input.ip_address_type.as_deref())?;
    check_source_nat(input.enable_prefix_for_ipv6_source_nat.as_deref())?;
    let wanted = zone::parse(tx.world(), scope, row.kind, row.scheme, input.subnets, input.subnet_mappings)?;
    if zone::common_vpc(&wanted)? != row.vpc {
        return Err(faults::invalid_configuration_request(format!(
            "The specified subnets are not in VPC '{}' of the load balancer",
            row.vpc
        )));
    }
    let (kept, gone): (Vec<_>, Vec<_>) =
        std::mem::take(&mut row.zones).into_iter().partition(|zone| wanted.iter().any(|one| one.is(zone)));
    let added: Vec<Wanted> = wanted.into_iter().filter(|one| !kept.iter().any(|zone| one.is(zone))).collect();
    for zone in &gone {
        managed::remove_managed(tx, &zone.network_interface);
    }
    zone::check_added(tx.world(), row.kind, &added)?;
    row.zones = kept;
    row.zones.extend(zone::attach(tx, &row, &added)?);
    row.zones.sort_by(|a, b| a.zone.cmp(&b.zone));
    tx.put(row.clone());
    Ok(SetSubnetsOutput {
        availability_zones: Some(zone::shapes(tx.world(), &row)),
        ip_address_type: text("ipv4"),
        enable_prefix_for_ipv6_source_nat: (row.kind == LoadBalancerKind::Network).then(|| "off".to_owned()),
    })
}

fn set_security_groups(
    tx: &mut Tx<'_>,
    input: SetSecurityGroupsInput,
) -> Result<SetSecurityGroupsOutput, Fault> {
    let scope = &tx.caller().scope;
    let mut row = find_load_balancer(tx.world(), scope, &input.load_balancer_arn)?.clone();
    let is_network = row.kind == LoadBalancerKind::Network;
    if is_network && row.groups.is_empty() {
        return Err(faults::invalid_configuration_request(
            "You cannot set security groups on a Network Load Balancer that was created without any",
        ));
    }
    match (is_network, input.enforce_security_group_inbound_rules_on_private_link_traffic.as_deref()) {
        (false, Some(_)) => {
            return Err(faults::invalid_configuration_request(
                "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic is not supported for load balancers with type \
                 'application'",
            ));
        }
        (true, Some(value)) => row.enforces_groups_on_private_link = Some(value == "on"),
        (_, None) => {}
    }
    if input.security_groups.is_empty() {
        return Err(faults::validation_error("At least one security group must be specified"));
    }
    row.groups = security_group::resolve(tx.world(), scope, &row.vpc, &input.security_groups)?;
    for zone in &row.zones {
        managed::set_groups(tx, &zone.network_interface, &row.groups);
    }
    tx.put(row.clone());
    Ok(SetSecurityGroupsOutput {
        security_group_ids: Some(row.groups.iter().map(ToString::to_string).collect()),
        enforce_security_group_inbound_rules_on_private_link_traffic: enforces(&row),
    })
}

fn set_ip_address_type(
    tx: &mut Tx<'_>,
    input: SetIpAddressTypeInput,
) -> Result<SetIpAddressTypeOutput, Fault> {
    find_load_balancer(tx.world(), &tx.caller().scope, &input.load_balancer_arn)?;
    check_address_type(Some(&input.ip_address_type))?;
    Ok(SetIpAddressTypeOutput { ip_address_type: Some(input.ip_address_type) })
}

/// The data plane has built the load balancer.
pub(super) fn settle(tx: &mut Tx<'_>, arn: &LoadBalancerArn) {
    tx.modify::<LoadBalancer>(arn, |row| row.state = LoadBalancerState::Active);
}
