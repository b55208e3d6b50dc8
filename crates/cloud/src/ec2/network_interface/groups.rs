//! Which security groups a network interface gets.

use enishi_state::World;
use enishi_state::ec2::{SecurityGroup, SecurityGroupId, Subnet, VpcId};
use enishi_wire::Fault;

use super::super::{faults, ids};
use crate::quota;

/// The groups of a request by id and by name, each once and in order; the VPC's default group when it names none.
///
/// # Errors
/// `InvalidGroup.NotFound`, `InvalidParameter` for a group of another VPC, `SecurityGroupsPerInterfaceLimitExceeded`.
pub(crate) fn resolve(
    world: &World,
    subnet: &Subnet,
    by_id: &[String],
    by_name: &[String],
) -> Result<Vec<SecurityGroupId>, Fault> {
    let mut groups = Vec::with_capacity(by_id.len() + by_name.len());
    for id in by_id {
        let group = ids::find::<SecurityGroup>(world, &subnet.scope, id)?;
        if group.vpc != subnet.vpc {
            return Err(faults::invalid_parameter(format!(
                "Security group {id} and subnet {} belong to different networks.",
                subnet.id
            )));
        }
        groups.push(group.id.clone());
    }
    for name in by_name {
        let group = by_name_in(world, &subnet.vpc, name)
            .ok_or_else(|| faults::invalid_group_not_found_by_name(name, Some(subnet.vpc.as_str())))?;
        groups.push(group.id.clone());
    }
    if groups.is_empty() {
        groups.extend(by_name_in(world, &subnet.vpc, "default").map(|group| group.id.clone()));
    }
    let mut seen = std::collections::BTreeSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    check_count(world, subnet, groups.len())?;
    Ok(groups)
}

fn check_count(world: &World, subnet: &Subnet, count: usize) -> Result<(), Fault> {
    match count > quota::SECURITY_GROUPS_PER_INTERFACE.applied(world, &subnet.scope) {
        true => Err(faults::security_groups_per_interface_limit_exceeded()),
        false => Ok(()),
    }
}

fn by_name_in<'w>(world: &'w World, vpc: &VpcId, name: &str) -> Option<&'w SecurityGroup> {
    world.by::<SecurityGroup>("vpc", vpc.as_str()).find(|group| group.name == name)
}
