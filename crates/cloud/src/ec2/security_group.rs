//! Security groups.
//! [Security groups](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html)
//!
//! A VPC's default group admits its own members and lets everything out; a new group admits nothing and lets everything
//! out. A group cannot be deleted while a network interface or another group's rule uses it. Permissions
//! (`IpPermissions`) are not rows: they are the rules, merged by protocol and ports.

mod peer;
mod permission;
mod query;
mod rule;

use enishi_api::ec2::{
    self, CreateSecurityGroupRequest, CreateSecurityGroupResult, DeleteSecurityGroupRequest,
    DeleteSecurityGroupResult, DescribeSecurityGroupsRequest, DescribeSecurityGroupsResult, ops,
};
use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{
    NetworkInterface, RulePeer, SecurityGroup, SecurityGroupId, SecurityGroupRule, SecurityGroupRuleId, Vpc,
    VpcId,
};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

use super::describe::describe;
use super::filter::{Field, Values, field};
use super::ids::{self, Resource};
use super::page::{self, Page};
use super::tag::{self, NewTags};
use super::{faults, vpc};
use crate::registry::Registry;
use crate::{arn, quota};

/// The name of a VPC's own group.
const DEFAULT: &str = "default";
const TEXT_LENGTH: usize = 255;

const FILTERS: &[Field<SecurityGroup>] = &[
    field("description", |_, row, values| values.add(&row.description)),
    field("egress.ip-permission.cidr", |world, row, values| {
        permission_values(world, row, true, cidr_of, values)
    }),
    field("egress.ip-permission.from-port", |world, row, values| {
        permission_values(world, row, true, from_port, values)
    }),
    field("egress.ip-permission.group-id", |world, row, values| {
        permission_values(world, row, true, group_id, values)
    }),
    field("egress.ip-permission.group-name", |world, row, values| {
        permission_values(world, row, true, group_name, values);
    }),
    field("egress.ip-permission.ipv6-cidr", |_, _, _| {}),
    field("egress.ip-permission.prefix-list-id", |world, row, values| {
        permission_values(world, row, true, prefix_list_id, values)
    }),
    field("egress.ip-permission.protocol", |world, row, values| {
        permission_values(world, row, true, protocol, values)
    }),
    field("egress.ip-permission.to-port", |world, row, values| {
        permission_values(world, row, true, to_port, values)
    }),
    field("egress.ip-permission.user-id", |world, row, values| {
        permission_values(world, row, true, user_id, values)
    }),
    field("group-id", |_, row, values| values.add(&row.id)),
    field("group-name", |_, row, values| values.add(&row.name)),
    field("ip-permission.cidr", |world, row, values| permission_values(world, row, false, cidr_of, values)),
    field("ip-permission.from-port", |world, row, values| {
        permission_values(world, row, false, from_port, values)
    }),
    field("ip-permission.group-id", |world, row, values| {
        permission_values(world, row, false, group_id, values)
    }),
    field("ip-permission.group-name", |world, row, values| {
        permission_values(world, row, false, group_name, values)
    }),
    field("ip-permission.ipv6-cidr", |_, _, _| {}),
    field("ip-permission.prefix-list-id", |world, row, values| {
        permission_values(world, row, false, prefix_list_id, values)
    }),
    field("ip-permission.protocol", |world, row, values| {
        permission_values(world, row, false, protocol, values)
    }),
    field("ip-permission.to-port", |world, row, values| {
        permission_values(world, row, false, to_port, values)
    }),
    field("ip-permission.user-id", |world, row, values| {
        permission_values(world, row, false, user_id, values)
    }),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("vpc-id", |_, row, values| values.add(&row.vpc)),
];

fn permission_values(
    world: &World,
    row: &SecurityGroup,
    egress: bool,
    value: fn(&World, &SecurityGroupRule) -> Option<String>,
    values: &mut Values,
) {
    let rules = rules_of(world, &row.id).filter(|rule| rule.egress == egress);
    rules.for_each(|rule| values.maybe(value(world, rule)));
}

fn cidr_of(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    match &rule.peer {
        RulePeer::Cidr(cidr) => Some(cidr.to_string()),
        RulePeer::PrefixList(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => None,
    }
}

fn prefix_list_id(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    rule.peer.prefix_list().map(ToString::to_string)
}

fn group_id(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    rule.peer.group().map(ToString::to_string)
}

/// Groups of other VPCs are not shown by name.
fn group_name(world: &World, rule: &SecurityGroupRule) -> Option<String> {
    match &rule.peer {
        RulePeer::Group(group, _) => world.get::<SecurityGroup>(group).map(|group| group.name.clone()),
        RulePeer::Cidr(_) | RulePeer::PrefixList(_) | RulePeer::PeeredGroup { .. } => None,
    }
}

fn user_id(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    rule.peer.group_owner().map(ToString::to_string)
}

fn protocol(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    Some(super::protocol::name(rule.traffic.protocol()))
}

fn from_port(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    permission::port_fields(rule.traffic).map(|(from, _)| from.to_string())
}

fn to_port(_: &World, rule: &SecurityGroupRule) -> Option<String> {
    permission::port_fields(rule.traffic).map(|(_, to)| to.to_string())
}

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateSecurityGroup>(create_security_group);
    on.write::<ops::DeleteSecurityGroup>(delete_security_group);
    on.read::<ops::DescribeSecurityGroups>(describe_security_groups);
    query::register(on);
    rule::register(on);
}

/// Makes a VPC's default group.
pub(crate) fn insert_default(tx: &mut Tx<'_>, vpc: &VpcId) {
    let id = insert(tx, vpc, DEFAULT, "default VPC security group");
    let members = RulePeer::Group(id.clone(), tx.caller().scope.account.clone());
    insert_rule(tx, &id, false, TrafficMatch::All, members, None);
}

/// A VPC's default group.
pub(crate) fn default_of<'w>(world: &'w World, vpc: &VpcId) -> Option<&'w SecurityGroup> {
    world.by::<SecurityGroup>("vpc", vpc.as_str()).find(|group| is_default(group))
}

/// Whether the group is its VPC's own: nobody else may take the name.
pub(crate) fn is_default(group: &SecurityGroup) -> bool {
    group.name == DEFAULT
}

/// Removes the default group of a VPC that is being deleted.
pub(crate) fn remove_default(tx: &mut Tx<'_>, vpc: &VpcId) {
    if let Some(id) = default_of(tx.world(), vpc).map(|group| group.id.clone()) {
        remove(tx, &id);
    }
}

/// The group of that name in the VPC.
pub(crate) fn by_name<'w>(world: &'w World, vpc: &VpcId, name: &str) -> Option<&'w SecurityGroup> {
    world.by::<SecurityGroup>("vpc", vpc.as_str()).find(|group| group.name == name)
}

/// The group that a request names by id, or by name in the default VPC.
fn find_named<'w>(
    world: &'w World,
    scope: &Scope,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'w SecurityGroup, Fault> {
    match (id, name) {
        (Some(id), _) => ids::find::<SecurityGroup>(world, scope, id),
        (None, Some(name)) => vpc::default_of(world, scope)
            .and_then(|vpc| by_name(world, &vpc.id, name))
            .ok_or_else(|| faults::invalid_group_not_found_by_name(name, None)),
        (None, None) => Err(faults::missing_parameter("groupName or groupId")),
    }
}

/// The rules of a group, in a stable order that follows their meaning.
fn rules_of<'w>(world: &'w World, group: &SecurityGroupId) -> impl Iterator<Item = &'w SecurityGroupRule> {
    let mut rules: Vec<&SecurityGroupRule> = world.by::<SecurityGroupRule>("group", group.as_str()).collect();
    rules.sort_by(|a, b| (a.egress, a.traffic, &a.peer).cmp(&(b.egress, b.traffic, &b.peer)));
    rules.into_iter()
}

/// Makes a group that lets everything out.
fn insert(tx: &mut Tx<'_>, vpc: &VpcId, name: &str, description: &str) -> SecurityGroupId {
    let id = SecurityGroupId::generate(tx.entropy());
    tx.put(SecurityGroup {
        id: id.clone(),
        scope: tx.caller().scope.clone(),
        vpc: vpc.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
    });
    insert_rule(tx, &id, true, TrafficMatch::All, RulePeer::Cidr(Cidr::EVERYWHERE), None);
    id
}

fn insert_rule(
    tx: &mut Tx<'_>,
    group: &SecurityGroupId,
    egress: bool,
    traffic: TrafficMatch,
    peer: RulePeer,
    description: Option<String>,
) -> SecurityGroupRuleId {
    let id = SecurityGroupRuleId::generate(tx.entropy());
    tx.put(SecurityGroupRule {
        id: id.clone(),
        scope: tx.caller().scope.clone(),
        group: group.clone(),
        egress,
        traffic,
        peer,
        description,
    });
    id
}

/// Removes a group with its rules and all tags.
fn remove(tx: &mut Tx<'_>, id: &SecurityGroupId) {
    let rules: Vec<SecurityGroupRuleId> = rules_of(tx.world(), id).map(|rule| rule.id.clone()).collect();
    for rule in rules {
        remove_rule(tx, &rule);
    }
    tag::remove_all(tx, id.as_str());
    tx.remove::<SecurityGroup>(id);
}

fn remove_rule(tx: &mut Tx<'_>, id: &SecurityGroupRuleId) {
    tag::remove_all(tx, id.as_str());
    tx.remove::<SecurityGroupRule>(id);
}

fn create_security_group(
    tx: &mut Tx<'_>,
    input: CreateSecurityGroupRequest,
) -> Result<CreateSecurityGroupResult, Fault> {
    let tags = NewTags::parse(input.tag_specifications, &[SecurityGroup::KIND])?;
    let scope = &tx.caller().scope;
    let name = input.group_name.trim_end();
    check_name(name)?;
    check_description(&input.description)?;
    let vpc = match input.vpc_id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => ids::find::<Vpc>(tx.world(), scope, id)?,
        None => vpc::default_of(tx.world(), scope).ok_or_else(faults::vpc_id_not_specified)?,
    };
    if by_name(tx.world(), &vpc.id, name).is_some() {
        return Err(faults::invalid_group_duplicate(name, &vpc.id));
    }
    let existing = ids::in_scope::<SecurityGroup>(tx.world(), scope).count();
    if quota::SECURITY_GROUPS.reached(tx.world(), scope, existing) {
        return Err(faults::security_group_limit_exceeded());
    }
    let vpc = vpc.id.clone();
    let id = insert(tx, &vpc, name, &input.description);
    tags.attach(tx, SecurityGroup::KIND, id.as_str());
    Ok(CreateSecurityGroupResult {
        group_id: Some(id.to_string()),
        tags: tag::of(tx.world(), id.as_str()),
        security_group_arn: Some(arn::ec2(scope, SecurityGroup::KIND, id.as_str())),
    })
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(faults::missing_parameter("groupName"));
    }
    if name == DEFAULT {
        return Err(faults::reserved_group_name(name));
    }
    if name.starts_with("sg-") {
        return Err(faults::invalid_value("groupName", name, "Group names may not be in the format sg-*."));
    }
    if !is_text(name) {
        return Err(faults::invalid_value(
            "groupName",
            name,
            "Valid names are strings of up to 255 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(())
}

fn check_description(description: &str) -> Result<(), Fault> {
    if description.is_empty() {
        return Err(faults::missing_parameter("GroupDescription"));
    }
    if !description.is_ascii() {
        let why = "Character sets beyond ASCII are not supported.";
        return Err(faults::invalid_value("GroupDescription", description, why));
    }
    match is_text(description) {
        true => Ok(()),
        false => Err(faults::invalid_parameter_value(
            "Invalid security group description. Valid descriptions are strings less than 256 characters from the \
             following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )),
    }
}

/// Whether names and descriptions may have this text.
fn is_text(text: &str) -> bool {
    text.chars().count() <= TEXT_LENGTH
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c))
}

fn delete_security_group(
    tx: &mut Tx<'_>,
    input: DeleteSecurityGroupRequest,
) -> Result<DeleteSecurityGroupResult, Fault> {
    let scope = &tx.caller().scope;
    let group = find_named(tx.world(), scope, input.group_id.as_deref(), input.group_name.as_deref())?;
    if is_default(group) {
        return Err(faults::cannot_delete_group(&group.id));
    }
    if is_in_use(tx.world(), &group.id) {
        return Err(faults::dependency_violation(format!("resource {} has a dependent object", group.id)));
    }
    let id = group.id.clone();
    remove(tx, &id);
    Ok(DeleteSecurityGroupResult { r#return: Some(true), group_id: Some(id.to_string()) })
}

/// Whether a network interface has the group, or the rule of another group of the VPC refers to it. Rules of other VPCs' groups go
/// stale instead.
fn is_in_use(world: &World, group: &SecurityGroupId) -> bool {
    let mut references = world.by::<SecurityGroupRule>("referenced_group", group.as_str());
    world.by::<NetworkInterface>("group", group.as_str()).next().is_some()
        || references.any(|rule| rule.group != *group && matches!(rule.peer, RulePeer::Group(..)))
}

fn describe_security_groups(
    read: &Read<'_>,
    input: DescribeSecurityGroupsRequest,
) -> Result<DescribeSecurityGroupsResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let mut wanted = input.group_ids;
    for name in &input.group_names {
        let group = find_named(read.world, &read.caller.scope, None, Some(name))?;
        wanted.push(group.id.to_string());
    }
    let (rows, next_token) = describe(read, &wanted, input.filters, FILTERS, &page)?;
    let security_groups = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeSecurityGroupsResult { next_token, security_groups: Some(security_groups) })
}

fn render(world: &World, row: &SecurityGroup) -> ec2::SecurityGroup {
    let permissions = |egress| {
        Some(permission::merged(world, rules_of(world, &row.id).filter(|rule| rule.egress == egress)))
    };
    ec2::SecurityGroup {
        group_id: Some(row.id.to_string()),
        ip_permissions_egress: permissions(true),
        tags: tag::if_any(world, row.id.as_str()),
        vpc_id: Some(row.vpc.to_string()),
        security_group_arn: Some(arn::ec2(&row.scope, SecurityGroup::KIND, row.id.as_str())),
        owner_id: Some(row.scope.account.to_string()),
        group_name: Some(row.name.clone()),
        description: Some(row.description.clone()),
        ip_permissions: permissions(false),
    }
}
