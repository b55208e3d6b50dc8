//! Questions about security groups: who refers to them, and which a VPC may use.
//!
//! Associations with further VPCs need sharing, which there is not: that answer is empty.

use std::collections::BTreeSet;

use enishi_api::ec2::{
    DescribeSecurityGroupReferencesRequest, DescribeSecurityGroupReferencesResult,
    DescribeSecurityGroupVpcAssociationsRequest, DescribeSecurityGroupVpcAssociationsResult,
    DescribeStaleSecurityGroupsRequest, DescribeStaleSecurityGroupsResult, GetSecurityGroupsForVpcRequest,
    GetSecurityGroupsForVpcResult, SecurityGroupForVpc, SecurityGroupReference, StaleIpPermission,
    StaleSecurityGroup, ops,
};
use enishi_state::Read;
use enishi_state::ec2::{SecurityGroup, SecurityGroupRule, Vpc};
use enishi_wire::Fault;

use super::peer::{self, is_stale};
use super::{permission, rules_of};
use crate::ec2::filter::{self, Field, Filters, field};
use crate::ec2::page::{self, Page};
use crate::ec2::{faults, ids, protocol, tag};
use crate::registry::Registry;

const FILTERS: &[Field<SecurityGroup>] = &[
    field("group-id", |_, row, values| values.add(&row.id)),
    field("description", |_, row, values| values.add(&row.description)),
    field("group-name", |_, row, values| values.add(&row.name)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("primary-vpc-id", |_, row, values| values.add(&row.vpc)),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeSecurityGroupReferences>(describe_security_group_references);
    on.stored_read::<ops::DescribeSecurityGroupVpcAssociations>(describe_security_group_vpc_associations);
    on.read::<ops::DescribeStaleSecurityGroups>(describe_stale_security_groups);
    on.read::<ops::GetSecurityGroupsForVpc>(get_security_groups_for_vpc);
}

fn describe_security_group_references(
    read: &Read<'_>,
    input: DescribeSecurityGroupReferencesRequest,
) -> Result<DescribeSecurityGroupReferencesResult, Fault> {
    if input.group_id.is_empty() {
        return Err(faults::missing_parameter("groupId"));
    }
    let mut references = BTreeSet::new();
    for group in ids::select::<SecurityGroup>(read, &input.group_id)? {
        for rule in read.world.by::<SecurityGroupRule>("referenced_group", group.id.as_str()) {
            let referring = read.world.get::<SecurityGroup>(&rule.group);
            let peering = peer::peering(read.world, &rule.group, &rule.peer);
            references.extend(referring.zip(peering).map(|(referring, row)| {
                (group.id.to_string(), referring.vpc.to_string(), row.id.to_string())
            }));
        }
    }
    let shape = |(group, vpc, peering)| SecurityGroupReference {
        group_id: Some(group),
        referencing_vpc_id: Some(vpc),
        vpc_peering_connection_id: Some(peering),
        transit_gateway_id: None,
    };
    let references = references.into_iter().map(shape).collect();
    Ok(DescribeSecurityGroupReferencesResult { security_group_reference_set: Some(references) })
}

fn describe_security_group_vpc_associations(
    _: &Read<'_>,
    input: DescribeSecurityGroupVpcAssociationsRequest,
) -> Result<DescribeSecurityGroupVpcAssociationsResult, Fault> {
    filter::check_any(&input.filters)?;
    Ok(DescribeSecurityGroupVpcAssociationsResult {
        security_group_vpc_associations: Some(vec![]),
        next_token: None,
    })
}

fn describe_stale_security_groups(
    read: &Read<'_>,
    input: DescribeStaleSecurityGroupsRequest,
) -> Result<DescribeStaleSecurityGroupsResult, Fault> {
    let vpc = ids::find::<Vpc>(read.world, &read.caller.scope, &input.vpc_id)?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), 5..=255)?;
    let groups = read.world.by::<SecurityGroup>("vpc", vpc.id.as_str());
    let stale = groups.filter(|group| rules_of(read.world, &group.id).any(|rule| is_stale(read.world, rule)));
    let (groups, next_token) = page.of(stale.collect(), |group| group.id.to_string());
    let shape = |group: &SecurityGroup| StaleSecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.clone()),
        stale_ip_permissions: Some(stale_permissions(read, group, false)),
        stale_ip_permissions_egress: Some(stale_permissions(read, group, true)),
        vpc_id: Some(group.vpc.to_string()),
    };
    let groups = groups.into_iter().map(shape).collect();
    Ok(DescribeStaleSecurityGroupsResult { next_token, stale_security_group_set: Some(groups) })
}

fn stale_permissions(read: &Read<'_>, group: &SecurityGroup, egress: bool) -> Vec<StaleIpPermission> {
    let rules = rules_of(read.world, &group.id).filter(|rule| rule.egress == egress);
    let stale: Vec<&SecurityGroupRule> = rules.filter(|rule| is_stale(read.world, rule)).collect();
    let of_traffic = stale.chunk_by(|a, b| a.traffic == b.traffic);
    let shape = |rules: &[&SecurityGroupRule]| {
        let ports = rules.first().and_then(|rule| permission::port_fields(rule.traffic));
        StaleIpPermission {
            from_port: ports.map(|(from, _)| from),
            ip_protocol: rules.first().map(|rule| protocol::name(rule.traffic.protocol())),
            to_port: ports.map(|(_, to)| to),
            user_id_group_pairs: Some(
                rules.iter().filter_map(|rule| peer::stale(read.world, rule)).collect(),
            ),
            ..Default::default()
        }
    };
    of_traffic.map(shape).collect()
}

fn get_security_groups_for_vpc(
    read: &Read<'_>,
    input: GetSecurityGroupsForVpcRequest,
) -> Result<GetSecurityGroupsForVpcResult, Fault> {
    let vpc = ids::find::<Vpc>(read.world, &read.caller.scope, &input.vpc_id)?;
    let filters = Filters::parse(input.filters, FILTERS)?;
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let groups = read
        .world
        .by::<SecurityGroup>("vpc", vpc.id.as_str())
        .filter(|group| filters.accept(read.world, group.id.as_str(), group));
    let (groups, next_token) = page.of(groups.collect(), |group| group.id.to_string());
    let render = |group: &SecurityGroup| SecurityGroupForVpc {
        description: Some(group.description.clone()),
        group_name: Some(group.name.clone()),
        owner_id: Some(group.scope.account.to_string()),
        group_id: Some(group.id.to_string()),
        tags: tag::of(read.world, group.id.as_str()),
        primary_vpc_id: Some(group.vpc.to_string()),
    };
    Ok(GetSecurityGroupsForVpcResult {
        next_token,
        security_group_for_vpcs: Some(groups.into_iter().map(render).collect()),
    })
}
