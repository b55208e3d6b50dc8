//! `DescribeSecurityGroupRules`.

use enishi_api::ec2::{self, DescribeSecurityGroupRulesRequest, DescribeSecurityGroupRulesResult, ops};
use enishi_fabric::TrafficMatch;
use enishi_state::ec2::{RulePeer, SecurityGroupRule};
use enishi_state::{Read, World};
use enishi_wire::Fault;

use crate::arn;
use crate::ec2::describe::describe;
use crate::ec2::filter::{Field, field};
use crate::ec2::ids::Resource;
use crate::ec2::page::{self, Page};
use crate::ec2::security_group::peer::Shown;
use crate::ec2::security_group::permission::port_fields;
use crate::ec2::{protocol, tag};
use crate::registry::Registry;

const FILTERS: &[Field<SecurityGroupRule>] = &[
    field("group-id", |_, row, values| values.add(&row.group)),
    field("security-group-rule-id", |_, row, values| values.add(&row.id)),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeSecurityGroupRules>(describe_security_group_rules);
}

fn describe_security_group_rules(
    read: &Read<'_>,
    input: DescribeSecurityGroupRulesRequest,
) -> Result<DescribeSecurityGroupRulesResult, Fault> {
    let page = Page::parse(input.max_results, input.next_token.as_deref(), page::USUAL)?;
    let (rows, next_token) = describe(read, &input.security_group_rule_ids, input.filters, FILTERS, &page)?;
    let security_group_rules = rows.into_iter().map(|row| render(read.world, row)).collect();
    Ok(DescribeSecurityGroupRulesResult { security_group_rules: Some(security_group_rules), next_token })
}

/// A rule as responses show it.
pub(super) fn render(world: &World, row: &SecurityGroupRule) -> ec2::SecurityGroupRule {
    let (from, to) = ports(row.traffic);
    let cidr = match &row.peer {
        RulePeer::Cidr(cidr) => Some(cidr.to_string()),
        RulePeer::PrefixList(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => None,
    };
    ec2::SecurityGroupRule {
        security_group_rule_id: Some(row.id.to_string()),
        group_id: Some(row.group.to_string()),
        group_owner_id: Some(row.scope.account.to_string()),
        is_egress: Some(row.egress),
        ip_protocol: Some(protocol::name(row.traffic.protocol())),
        from_port: Some(from),
        to_port: Some(to),
        cidr_ipv4: cidr,
        cidr_ipv6: None,
        prefix_list_id: row.peer.prefix_list().map(ToString::to_string),
        referenced_group_info: Shown::of(world, &row.group, &row.peer).map(Shown::reference),
        description: row.description.clone(),
        tags: tag::of(world, row.id.as_str()),
        security_group_rule_arn: Some(arn::ec2(&row.scope, SecurityGroupRule::KIND, row.id.as_str())),
    }
}

/// `FromPort` and `ToPort` of a rule, -1 where there are none.
pub(super) fn ports(traffic: TrafficMatch) -> (i32, i32) {
    port_fields(traffic).unwrap_or((-1, -1))
}
