//! `AuthorizeSecurityGroupIngress` and `AuthorizeSecurityGroupEgress`.

use enishi_api::ec2::{
    self, AuthorizeSecurityGroupEgressRequest, AuthorizeSecurityGroupEgressResult,
    AuthorizeSecurityGroupIngressRequest, AuthorizeSecurityGroupIngressResult, IpPermission, IpRange,
    TagSpecification, UserIdGroupPair, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{SecurityGroup, SecurityGroupId, SecurityGroupRule};
use enishi_wire::Fault;

use super::describe::render;
use crate::ec2::faults;
use crate::ec2::ids::{self, Resource};
use crate::ec2::managed_prefix_list::weight_of_rules;
use crate::ec2::security_group::permission::{self, Wanted};
use crate::ec2::security_group::{find_named, insert_rule, rules_of};
use crate::ec2::tag::NewTags;
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::AuthorizeSecurityGroupEgress>(authorize_security_group_egress);
    on.write::<ops::AuthorizeSecurityGroupIngress>(authorize_security_group_ingress);
}

/// The parameters of a single permission that stand beside `IpPermissions`.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) protocol: Option<String>,
    pub(super) from_port: Option<i32>,
    pub(super) to_port: Option<i32>,
    pub(super) cidr: Option<String>,
    pub(super) group_name: Option<String>,
    pub(super) group_owner: Option<String>,
}

impl Flat {
    /// The permissions of a request: those of the list, or the flat one.
    ///
    /// # Errors
    /// `InvalidParameterCombination` when both are there.
    pub(super) fn or_list(self, mut list: Vec<IpPermission>) -> Result<Vec<IpPermission>, Fault> {
        if self.protocol.is_none() && self.cidr.is_none() && self.group_name.is_none() {
            return Ok(list);
        }
        if !list.is_empty() {
            return Err(faults::invalid_parameter_combination(
                "The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'",
            ));
        }
        // A group without a protocol stands for all traffic of its members.
        let protocol = self.protocol.or_else(|| self.group_name.as_ref().map(|_| "-1".to_owned()));
        list.push(IpPermission {
            ip_protocol: protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            ip_ranges: self.cidr.map(|cidr| vec![IpRange { description: None, cidr_ip: Some(cidr) }]),
            user_id_group_pairs: self.group_name.map(|name| {
                vec![UserIdGroupPair {
                    group_name: Some(name),
                    user_id: self.group_owner,
                    ..Default::default()
                }]
            }),
            ..Default::default()
        });
        Ok(list)
    }
}

fn authorize_security_group_ingress(
    tx: &mut Tx<'_>,
    input: AuthorizeSecurityGroupIngressRequest,
) -> Result<AuthorizeSecurityGroupIngressResult, Fault> {
    let scope = &tx.caller().scope;
    let group =
        find_named(tx.world(), scope, input.group_id.as_deref(), input.group_name.as_deref())?.clone();
    let flat = Flat {
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let permissions = flat.or_list(input.ip_permissions)?;
    let rules = authorize(tx, &group, false, permissions, input.tag_specifications)?;
    Ok(AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules: Some(rules) })
}

fn authorize_security_group_egress(
    tx: &mut Tx<'_>,
    input: AuthorizeSecurityGroupEgressRequest,
) -> Result<AuthorizeSecurityGroupEgressResult, Fault> {
    let group = ids::find::<SecurityGroup>(tx.world(), &tx.caller().scope, &input.group_id)?.clone();
    let flat = Flat {
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let permissions = flat.or_list(input.ip_permissions)?;
    let rules = authorize(tx, &group, true, permissions, input.tag_specifications)?;
    Ok(AuthorizeSecurityGroupEgressResult { r#return: Some(true), security_group_rules: Some(rules) })
}

fn authorize(
    tx: &mut Tx<'_>,
    group: &SecurityGroup,
    egress: bool,
    permissions: Vec<IpPermission>,
    tags: Vec<TagSpecification>,
) -> Result<Vec<ec2::SecurityGroupRule>, Fault> {
    let tags = NewTags::parse(tags, &[SecurityGroupRule::KIND])?;
    let wanted = permission::parse(tx.world(), &tx.caller().scope, group, permissions)?;
    check(tx, &group.id, egress, &wanted)?;
    let mut rules = Vec::with_capacity(wanted.len());
    for one in wanted {
        let id = insert_rule(tx, &group.id, egress, one.traffic, one.peer, one.description);
        tags.attach(tx, SecurityGroupRule::KIND, id.as_str());
        rules.extend(tx.world().get::<SecurityGroupRule>(&id).map(|row| render(tx.world(), row)));
    }
    Ok(rules)
}

/// Whether the rules are new, and not too many.
fn check(tx: &Tx<'_>, group: &SecurityGroupId, egress: bool, wanted: &[Wanted]) -> Result<(), Fault> {
    let existing: Vec<&SecurityGroupRule> =
        rules_of(tx.world(), group).filter(|rule| rule.egress == egress).collect();
    if let Some(duplicate) = wanted.iter().find(|one| existing.iter().any(|rule| one.is(rule))) {
        return Err(faults::invalid_permission_duplicate(duplicate));
    }
    let limit = quota::RULES_PER_SECURITY_GROUP.applied(tx.world(), &tx.caller().scope);
    let peers = existing.iter().map(|rule| &rule.peer).chain(wanted.iter().map(|one| &one.peer));
    match weight_of_rules(tx.world(), peers) > limit {
        true => Err(faults::rules_per_security_group_limit_exceeded()),
        false => Ok(()),
    }
}
