//! The groups that rules refer to: of the same VPC, or of a peered one.
//! [Reference security groups across peered VPCs](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html)
//!
//! A rule outlives the group and the peering that it refers to: "the rule is marked as stale", and allows nothing until the same
//! VPCs are peered again.

use enishi_api::ec2::{ReferencedSecurityGroup, UserIdGroupPair};
use enishi_state::ec2::{RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, VpcPeeringConnection};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

use crate::ec2::{faults, ids};

/// What a rule of `group` that names the group `id` refers to.
///
/// # Errors
/// `InvalidGroup.NotFound` when there is no such group for the caller: it is in no VPC of the caller's and in none that is peered.
pub(super) fn referenced(
    world: &World,
    scope: &Scope,
    group: &SecurityGroup,
    id: &str,
) -> Result<RulePeer, Fault> {
    let parsed = ids::parse::<SecurityGroup>(id)?;
    let found = world.get::<SecurityGroup>(&parsed);
    if let Some(found) = found.filter(|found| found.vpc == group.vpc) {
        return Ok(RulePeer::Group(found.id.clone(), found.scope.account.clone()));
    }
    // A rule that is there can be named although what it refers to is not any more.
    if let Some(known) = super::rules_of(world, &group.id).find(|rule| rule.peer.group() == Some(&parsed)) {
        return Ok(known.peer.clone());
    }
    let Some(found) = found else { return Err(faults::invalid_group_not_found(id)) };
    let peering = enishi_plan::peering_of_pair(world, &group.vpc, &found.vpc);
    match peering.filter(|_| enishi_plan::may_refer(world, &group.vpc, &found.id)) {
        Some(peering) => Ok(RulePeer::PeeredGroup {
            group: found.id.clone(),
            account: found.scope.account.clone(),
            vpc: found.vpc.clone(),
            peering: peering.id.clone(),
        }),
        None if found.scope == *scope => Err(faults::invalid_group_of_other_network()),
        None => Err(faults::invalid_group_not_found(id)),
    }
}

/// How a rule's reference to a group of another VPC is shown.
#[derive(Debug, Default)]
pub(super) struct Shown {
    user: Option<String>,
    group: Option<String>,
    vpc: Option<String>,
    peering: Option<String>,
    status: Option<String>,
}

impl Shown {
    /// What responses say of the group that a rule of the group `own` refers to.
    pub(super) fn of(world: &World, own: &SecurityGroupId, peer: &RulePeer) -> Option<Self> {
        match peer {
            RulePeer::Cidr(_) | RulePeer::PrefixList(_) => None,
            RulePeer::Group(group, account) => Some(Shown {
                user: Some(account.to_string()),
                group: Some(group.to_string()),
                ..Shown::default()
            }),
            RulePeer::PeeredGroup { group, account, vpc, .. } => {
                let peering = peering(world, own, peer);
                Some(Shown {
                    user: peering.and(world.get(group)).map(|_: &SecurityGroup| account.to_string()),
                    group: Some(group.to_string()),
                    vpc: Some(vpc.to_string()),
                    peering: peering.map(|row| row.id.to_string()),
                    status: Some(if peering.is_some() { "active" } else { "deleted" }.to_owned()),
                })
            }
        }
    }

    pub(super) fn pair(self, description: Option<String>) -> UserIdGroupPair {
        UserIdGroupPair {
            description,
            user_id: self.user,
            group_name: None,
            group_id: self.group,
            vpc_id: self.vpc,
            vpc_peering_connection_id: self.peering,
            peering_status: self.status,
        }
    }

    pub(super) fn reference(self) -> ReferencedSecurityGroup {
        ReferencedSecurityGroup {
            group_id: self.group,
            peering_status: self.status,
            user_id: self.user,
            vpc_id: self.vpc,
            vpc_peering_connection_id: self.peering,
        }
    }
}

/// A rule's reference that is stale, as `DescribeStaleSecurityGroups` answers it: of a group that is still there more is said.
/// [Work with stale security group rules](https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html#vpc-peering-stale-groups)
pub(super) fn stale(world: &World, rule: &SecurityGroupRule) -> Option<UserIdGroupPair> {
    let pair = Shown::of(world, &rule.group, &rule.peer)?.pair(rule.description.clone());
    let RulePeer::PeeredGroup { group, account, peering, .. } = &rule.peer else { return None };
    Some(match world.get::<SecurityGroup>(group) {
        Some(group) => UserIdGroupPair {
            user_id: Some(account.to_string()),
            group_name: Some(group.name.clone()),
            vpc_peering_connection_id: Some(peering.to_string()),
            ..pair
        },
        None => pair,
    })
}

/// The active connection over which a rule of the group `own` refers to a group of another VPC.
pub(super) fn peering<'w>(
    world: &'w World,
    own: &SecurityGroupId,
    peer: &RulePeer,
) -> Option<&'w VpcPeeringConnection> {
    let RulePeer::PeeredGroup { vpc, .. } = peer else { return None };
    enishi_plan::peering_of_pair(world, &world.get::<SecurityGroup>(own)?.vpc, vpc)
}

/// Whether a rule refers to a group of another VPC that is gone, or is peered no more.
pub(super) fn is_stale(world: &World, rule: &SecurityGroupRule) -> bool {
    let RulePeer::PeeredGroup { group, .. } = &rule.peer else { return false };
    world.get::<SecurityGroup>(group).is_none() || peering(world, &rule.group, &rule.peer).is_none()
}
