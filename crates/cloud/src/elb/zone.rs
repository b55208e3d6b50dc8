//! The zones of a load balancer: `AttachLoadBalancerToSubnets`, `DetachLoadBalancerFromSubnets`,
//! `EnableAvailabilityZonesForLoadBalancer`, `DisableAvailabilityZonesForLoadBalancer`,
//! `ApplySecurityGroupsToLoadBalancer`.
//! [Configure subnets](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-manage-subnets.html)
//!
//! What AWS promises: one subnet in each zone, all of one VPC, each of /27 or larger with eight free addresses. A load
//! balancer in a default VPC can name zones instead, which means their default subnets.

use enishi_api::elb::{
    AddAvailabilityZonesInput, AddAvailabilityZonesOutput, ApplySecurityGroupsToLoadBalancerInput,
    ApplySecurityGroupsToLoadBalancerOutput, AttachLoadBalancerToSubnetsInput,
    AttachLoadBalancerToSubnetsOutput, DetachLoadBalancerFromSubnetsInput,
    DetachLoadBalancerFromSubnetsOutput, RemoveAvailabilityZonesInput, RemoveAvailabilityZonesOutput, ops,
};
use enishi_state::ec2::{InterfaceKind, SecurityGroupId, Subnet, Vpc, VpcId};
use enishi_state::elb::{LoadBalancer, LoadBalancerZone, Scheme};
use enishi_state::{Scope, Tx, World};
use enishi_wire::Fault;

use super::{faults, take};
use crate::ec2::managed::{self, Managed, PublicAddress};
use crate::quota;
use crate::registry::Registry;

/// Whom load balancers' interfaces belong to.
const REQUESTER: &str = "amazon-elb";
/// Free addresses that a subnet has at least.
const FREE_ADDRESSES: usize = 8;
/// The prefix length of a subnet at most.
const LONGEST_PREFIX: u8 = 27;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AttachLoadBalancerToSubnets>(attach_load_balancer_to_subnets);
    on.write::<ops::DetachLoadBalancerFromSubnets>(detach_load_balancer_from_subnets);
    on.write::<ops::EnableAvailabilityZonesForLoadBalancer>(enable_availability_zones_for_load_balancer);
    on.write::<ops::DisableAvailabilityZonesForLoadBalancer>(disable_availability_zones_for_load_balancer);
    on.write::<ops::ApplySecurityGroupsToLoadBalancer>(apply_security_groups_to_load_balancer);
}

/// The subnets of those ids.
///
/// # Errors
/// `SubnetNotFound`
pub(super) fn by_ids(world: &World, scope: &Scope, ids: &[String]) -> Result<Vec<Subnet>, Fault> {
    let find = |id: &String| managed::subnet_of(world, scope, id).cloned();
    ids.iter().map(|id| find(id).ok_or_else(|| faults::subnet_not_found(id))).collect()
}

/// The default subnets of those zones in the account's default VPC.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`
pub(super) fn by_zones(world: &World, scope: &Scope, zones: &[String]) -> Result<Vec<Subnet>, Fault> {
    let mut vpcs = world.all::<Vpc>();
    let vpc = vpcs.find(|row| row.scope == *scope && row.is_default);
    let vpc = vpc.ok_or_else(|| {
        faults::invalid_configuration_request("There is no default VPC: subnets have to be specified")
    })?;
    let of_zone = |zone: &String| {
        let mut subnets = world.by::<Subnet>("vpc", vpc.id.as_str());
        subnets.find(|row| row.default_for_zone && row.zone == *zone).cloned()
    };
    let missing = |zone: &String| {
        faults::validation_error(format!(
            "The requested Availability Zone {zone} is not available or has no default subnet"
        ))
    };
    zones.iter().map(|zone| of_zone(zone).ok_or_else(|| missing(zone))).collect()
}

/// The VPC that all subnets are in, each in a zone of its own.
///
/// # Errors
/// `InvalidConfigurationRequest`, `ValidationError` for no subnets.
pub(super) fn check_together<'s>(subnets: impl Iterator<Item = &'s Subnet> + Clone) -> Result<VpcId, Fault> {
    let Some(first) = subnets.clone().next() else {
        return Err(faults::validation_error("Either AvailabilityZones or SubnetIds must be specified"));
    };
    if subnets.clone().any(|subnet| subnet.vpc != first.vpc) {
        return Err(faults::invalid_configuration_request("All subnets must belong to the same VPC"));
    }
    let mut zones: Vec<&str> = subnets.map(|subnet| subnet.zone.as_str()).collect();
    zones.sort_unstable();
    let count = zones.len();
    zones.dedup();
    match zones.len() == count {
        true => Ok(first.vpc.clone()),
        false => Err(faults::invalid_configuration_request(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone.",
        )),
    }
}

/// Refuses subnets in which a load balancer cannot be.
///
/// # Errors
/// `InvalidSubnet`
pub(super) fn check(world: &World, scheme: Scheme, subnets: &[Subnet]) -> Result<(), Fault> {
    for subnet in subnets {
        if scheme == Scheme::InternetFacing && !managed::has_gateway(world, &subnet.vpc) {
            return Err(faults::invalid_subnet(format!("VPC {} has no internet gateway", subnet.vpc)));
        }
        if subnet.cidr.prefix() > LONGEST_PREFIX {
            return Err(faults::invalid_subnet(format!(
                "Subnet {} must have a CIDR block with at least a /{LONGEST_PREFIX} bitmask",
                subnet.id
            )));
        }
        if managed::free_addresses(world, subnet) < FREE_ADDRESSES {
            return Err(faults::invalid_subnet(format!(
                "Not enough IP space available in {}. ELB requires at least {FREE_ADDRESSES} free IP addresses in each subnet.",
                subnet.id
            )));
        }
    }
    Ok(())
}

/// Gives a load balancer nodes in these subnets.
///
/// # Errors
/// `InvalidSubnet`, `InvalidConfigurationRequest`
pub(super) fn attach(tx: &mut Tx<'_>, row: &mut LoadBalancer, subnets: &[Subnet]) -> Result<(), Fault> {
    for subnet in subnets {
        let managed = Managed {
            subnet,
            address: None,
            groups: row.groups.clone(),
            kind: InterfaceKind::LoadBalancer,
            description: format!("ELB {}", row.name),
            device_index: 1,
            requester: Some(REQUESTER),
            public: match row.scheme {
                Scheme::InternetFacing => PublicAddress::Automatic,
                Scheme::Internal => PublicAddress::None,
            },
        };
        let interface = managed::create_managed(tx, managed)
            .map_err(|fault| faults::invalid_configuration_request(fault.message()))?;
        row.zones.push(LoadBalancerZone {
            zone: subnet.zone.clone(),
            subnet: subnet.id.clone(),
            network_interface: interface.id,
            allocation: None,
            private_address: None,
        });
    }
    row.zones.sort_by(|a, b| a.zone.cmp(&b.zone));
    Ok(())
}

/// Adds subnets to a load balancer that is there; those that it has already are no error.
fn add(tx: &mut Tx<'_>, mut row: LoadBalancer, subnets: Vec<Subnet>) -> Result<LoadBalancer, Fault> {
    let has = |subnet: &Subnet| row.zones.iter().any(|zone| zone.subnet == subnet.id);
    let added: Vec<Subnet> = subnets.into_iter().filter(|subnet| !has(subnet)).collect();
    let old: Vec<Subnet> =
        row.zones.iter().filter_map(|zone| tx.world().get::<Subnet>(&zone.subnet)).cloned().collect();
    if added.iter().any(|subnet| subnet.vpc != row.vpc) {
        return Err(faults::invalid_configuration_request("All subnets must belong to the same VPC"));
    }
    if !added.is_empty() {
        check_together(old.iter().chain(&added))?;
        check(tx.world(), row.scheme, &added)?;
        attach(tx, &mut row, &added)?;
    }
    tx.put(row.clone());
    Ok(row)
}

/// Takes nodes away from a load balancer.
fn remove(tx: &mut Tx<'_>, mut row: LoadBalancer, gone: impl Fn(&LoadBalancerZone) -> bool) -> LoadBalancer {
    let (gone, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut row.zones).into_iter().partition(|zone| gone(zone));
    row.zones = kept;
    tx.put(row.clone());
    for zone in gone {
        managed::remove_managed(tx, &zone.network_interface);
    }
    row
}

fn subnets(row: &LoadBalancer) -> Option<Vec<String>> {
    Some(row.zones.iter().map(|zone| zone.subnet.to_string()).collect())
}

fn zones(row: &LoadBalancer) -> Option<Vec<String>> {
    Some(row.zones.iter().map(|zone| zone.zone.clone()).collect())
}

fn attach_load_balancer_to_subnets(
    tx: &mut Tx<'_>,
    input: AttachLoadBalancerToSubnetsInput,
) -> Result<AttachLoadBalancerToSubnetsOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    let wanted = by_ids(tx.world(), &row.scope, &input.subnets)?;
    let row = add(tx, row, wanted)?;
    Ok(AttachLoadBalancerToSubnetsOutput { subnets: subnets(&row) })
}

fn detach_load_balancer_from_subnets(
    tx: &mut Tx<'_>,
    input: DetachLoadBalancerFromSubnetsInput,
) -> Result<DetachLoadBalancerFromSubnetsOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    if let Some(other) =
        input.subnets.iter().find(|id| !row.zones.iter().any(|zone| zone.subnet.as_str() == *id))
    {
        return Err(faults::invalid_configuration_request(format!(
            "The load balancer '{}' is not attached to subnet {other}",
            row.name
        )));
    }
    check_rest(&row, input.subnets.len())?;
    let row = remove(tx, row, |zone| input.subnets.iter().any(|id| id == zone.subnet.as_str()));
    Ok(DetachLoadBalancerFromSubnetsOutput { subnets: subnets(&row) })
}

/// One subnet stays.
fn check_rest(row: &LoadBalancer, gone: usize) -> Result<(), Fault> {
    match gone >= row.zones.len() {
        true => Err(faults::invalid_configuration_request(
            "A load balancer must be attached to at least one subnet",
        )),
        false => Ok(()),
    }
}

fn enable_availability_zones_for_load_balancer(
    tx: &mut Tx<'_>,
    input: AddAvailabilityZonesInput,
) -> Result<AddAvailabilityZonesOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    check_default_vpc(tx.world(), &row)?;
    let is_new = |zone: &&String| !row.zones.iter().any(|old| old.zone == **zone);
    let new: Vec<String> = input.availability_zones.iter().filter(is_new).cloned().collect();
    let wanted = by_zones(tx.world(), &row.scope, &new)?;
    let row = add(tx, row, wanted)?;
    Ok(AddAvailabilityZonesOutput { availability_zones: zones(&row) })
}

fn disable_availability_zones_for_load_balancer(
    tx: &mut Tx<'_>,
    input: RemoveAvailabilityZonesInput,
) -> Result<RemoveAvailabilityZonesOutput, Fault> {
    let row = take(tx, &input.load_balancer_name)?;
    check_default_vpc(tx.world(), &row)?;
    let gone: Vec<String> = input
        .availability_zones
        .into_iter()
        .filter(|zone| row.zones.iter().any(|old| old.zone == *zone))
        .collect();
    check_rest(&row, gone.len())?;
    let row = remove(tx, row, |zone| gone.contains(&zone.zone));
    Ok(RemoveAvailabilityZonesOutput { availability_zones: zones(&row) })
}

fn check_default_vpc(world: &World, row: &LoadBalancer) -> Result<(), Fault> {
    match world.get::<Vpc>(&row.vpc).is_some_and(|vpc| vpc.is_default) {
        true => Ok(()),
        false => Err(faults::invalid_configuration_request(
            "Availability Zones can be enabled and disabled only for load balancers in EC2-Classic or a default VPC. Use \
             AttachLoadBalancerToSubnets and DetachLoadBalancerFromSubnets",
        )),
    }
}

/// The groups of a request, each once; the VPC's default group when it names none.
///
/// # Errors
/// `InvalidSecurityGroup`, `InvalidConfigurationRequest` for too many.
pub(super) fn groups(
    world: &World,
    scope: &Scope,
    vpc: &VpcId,
    ids: &[String],
) -> Result<Vec<SecurityGroupId>, Fault> {
    let mut groups: Vec<SecurityGroupId> = Vec::new();
    for id in ids {
        let group = managed::group_of(world, scope, vpc, id).ok_or_else(|| {
            faults::invalid_security_group(format!("The security group '{id}' does not exist in VPC {vpc}"))
        })?;
        if !groups.contains(&group.id) {
            groups.push(group.id.clone());
        }
    }
    if groups.is_empty() {
        groups.extend(managed::default_group_of(world, vpc).map(|group| group.id.clone()));
    }
    match groups.len() > quota::SECURITY_GROUPS_PER_INTERFACE.applied(world, scope) {
        true => Err(faults::invalid_configuration_request(
            "The maximum number of security groups per load balancer has been reached",
        )),
        false => Ok(groups),
    }
}

fn apply_security_groups_to_load_balancer(
    tx: &mut Tx<'_>,
    input: ApplySecurityGroupsToLoadBalancerInput,
) -> Result<ApplySecurityGroupsToLoadBalancerOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    if input.security_groups.is_empty() {
        return Err(faults::validation_error("At least one security group must be specified"));
    }
    row.groups = groups(tx.world(), &row.scope, &row.vpc, &input.security_groups)?;
    for zone in &row.zones {
        managed::set_groups(tx, &zone.network_interface, &row.groups);
    }
    let groups = row.groups.iter().map(ToString::to_string).collect();
    tx.put(row);
    Ok(ApplySecurityGroupsToLoadBalancerOutput { security_groups: Some(groups) })
}
