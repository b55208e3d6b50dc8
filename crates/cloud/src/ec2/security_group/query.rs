//! Questions about security groups: who refers to them, and which a VPC may use.
//!
//! References from other VPCs, stale rules and associations with further VPCs need peering or sharing, of which there is
//! none: those answers are empty.

use enishi_api::ec2::{
    DescribeSecurityGroupReferencesRequest, DescribeSecurityGroupReferencesResult,
    DescribeSecurityGroupVpcAssociationsRequest, DescribeSecurityGroupVpcAssociationsResult,
    DescribeStaleSecurityGroupsRequest, DescribeStaleSecurityGroupsResult, GetSecurityGroupsForVpcRequest,
    GetSecurityGroupsForVpcResult, SecurityGroupForVpc, ops,
};
use enishi_state::Read;
use enishi_state::ec2::{SecurityGroup, Vpc};
use enishi_wire::Fault;

use crate::ec2::filter::{self, Field, Filters, field};
use crate::ec2::page::{self, Page};
use crate::ec2::{faults, ids, tag};
use crate::registry::Registry;

const FILTERS: &[Field<SecurityGroup>] = &[
    field("group-id", |_, row, values| values.add(&row.id)),
    field("description", |_, row, values| values.add(&row.description)),
    field("group-name", |_, row, values| values.add(&row.name)),
    field("owner-id", |_, row, values| values.add(&row.scope.account)),
    field("primary-vpc-id", |_, row, values| values.add(&row.vpc)),
];

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::DescribeSecurityGroupReferences>(describe_security_group_references);
    on.stored_read::<ops::DescribeSecurityGroupVpcAssociations>(describe_security_group_vpc_associations);
    on.stored_read::<ops::DescribeStaleSecurityGroups>(describe_stale_security_groups);
    on.read::<ops::GetSecurityGroupsForVpc>(get_security_groups_for_vpc);
}

fn describe_security_group_references(
    read: &Read<'_>,
    input: DescribeSecurityGroupReferencesRequest,
) -> Result<DescribeSecurityGroupReferencesResult, Fault> {
    if input.group_id.is_empty() {
        return Err(faults::missing_parameter("groupId"));
    }
    ids::select::<SecurityGroup>(read, &input.group_id)?;
    Ok(DescribeSecurityGroupReferencesResult { security_group_reference_set: Some(vec![]) })
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
    ids::find::<Vpc>(read.world, &read.caller.scope, &input.vpc_id)?;
    Ok(DescribeStaleSecurityGroupsResult { next_token: None, stale_security_group_set: Some(vec![]) })
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
