//! Which security groups a load balancer has.
//! [Security groups for your Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-update-security-groups.html)

use enishi_state::ec2::{SecurityGroup, SecurityGroupId, VpcId};
use enishi_state::{ResourceId, Scope, World};
use enishi_wire::Fault;

use super::super::faults;
use crate::ec2::managed;
use crate::quota;

/// The groups of a request, each once and in order; the VPC's default group when it names none.
///
/// # Errors
/// `InvalidSecurityGroup`, `InvalidConfigurationRequest` for a group of another VPC or too many of them.
pub(super) fn resolve(
    world: &World,
    scope: &Scope,
    vpc: &VpcId,
    ids: &[String],
) -> Result<Vec<SecurityGroupId>, Fault> {
    let mut groups: Vec<SecurityGroupId> = Vec::with_capacity(ids.len());
    for id in ids {
        let parsed = SecurityGroupId::parse(id).ok();
        let found = parsed.and_then(|id| world.get::<SecurityGroup>(&id)).filter(|row| row.scope == *scope);
        let group = found.ok_or_else(|| faults::invalid_security_group(id))?;
        if group.vpc != *vpc {
            let message = format!("Security group '{id}' does not belong to VPC '{vpc}'");
            return Err(faults::invalid_configuration_request(message));
        }
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
