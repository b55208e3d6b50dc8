//! `RevokeSecurityGroupIngress` and `RevokeSecurityGroupEgress`.

use enishi_api::ec2::{
    IpPermission, RevokeSecurityGroupEgressRequest, RevokeSecurityGroupEgressResult,
    RevokeSecurityGroupIngressRequest, RevokeSecurityGroupIngressResult, RevokedSecurityGroupRule, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{RulePeer, SecurityGroup, SecurityGroupRule, SecurityGroupRuleId, Vpc};
use enishi_wire::Fault;

use super::authorize::Flat;
use super::describe::ports;
use crate::ec2::security_group::permission;
use crate::ec2::security_group::{find_named, remove_rule, rules_of};
use crate::ec2::{faults, ids, protocol};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::RevokeSecurityGroupEgress>(revoke_security_group_egress);
    on.write::<ops::RevokeSecurityGroupIngress>(revoke_security_group_ingress);
}

fn revoke_security_group_ingress(
    tx: &mut Tx<'_>,
    input: RevokeSecurityGroupIngressRequest,
) -> Result<RevokeSecurityGroupIngressResult, Fault> {
    let scope = &tx.caller().scope;
    let group = match (&input.group_id, &input.group_name, input.security_group_rule_ids.first()) {
        // Rule ids say which group is meant.
        (None, None, Some(rule)) => group_of_rule(tx, rule)?,
        (id, name, _) => find_named(tx.world(), scope, id.as_deref(), name.as_deref())?.clone(),
    };
    let flat = Flat {
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        group_name: input.source_security_group_name,
        group_owner: input.source_security_group_owner_id,
    };
    let permissions = flat.or_list(input.ip_permissions)?;
    let revoked = revoke(tx, &group, false, &input.security_group_rule_ids, permissions)?;
    Ok(RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        unknown_ip_permissions: Some(revoked.unknown),
        revoked_security_group_rules: Some(revoked.rules),
    })
}

fn revoke_security_group_egress(
    tx: &mut Tx<'_>,
    input: RevokeSecurityGroupEgressRequest,
) -> Result<RevokeSecurityGroupEgressResult, Fault> {
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
    let revoked = revoke(tx, &group, true, &input.security_group_rule_ids, permissions)?;
    Ok(RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        unknown_ip_permissions: Some(revoked.unknown),
        revoked_security_group_rules: Some(revoked.rules),
    })
}

fn group_of_rule(tx: &Tx<'_>, rule: &str) -> Result<SecurityGroup, Fault> {
    let rule = ids::find::<SecurityGroupRule>(tx.world(), &tx.caller().scope, rule)?;
    let group = tx.world().get::<SecurityGroup>(&rule.group);
    group.cloned().ok_or_else(|| faults::invalid_group_not_found(rule.group.as_str()))
}

/// What became of a request.
#[derive(Debug, Default)]
struct Revoked {
    rules: Vec<RevokedSecurityGroupRule>,
    unknown: Vec<IpPermission>,
}

fn revoke(
    tx: &mut Tx<'_>,
    group: &SecurityGroup,
    egress: bool,
    rule_ids: &[String],
    permissions: Vec<IpPermission>,
) -> Result<Revoked, Fault> {
    let mut unknown = Vec::new();
    let going = match (rule_ids.is_empty(), permissions.is_empty()) {
        (false, false) => {
            return Err(faults::invalid_parameter_combination(
                "Either ipPermissions or securityGroupRuleIds should be provided, not both",
            ));
        }
        (false, true) => by_id(tx, group, egress, rule_ids)?,
        (true, _) => by_permission(tx, group, egress, permissions, &mut unknown)?,
    };
    let mut rules = Vec::with_capacity(going.len());
    for id in going {
        rules.extend(tx.world().get::<SecurityGroupRule>(&id).map(render));
        remove_rule(tx, &id);
    }
    Ok(Revoked { rules, unknown })
}

fn by_id(
    tx: &Tx<'_>,
    group: &SecurityGroup,
    egress: bool,
    rule_ids: &[String],
) -> Result<Vec<SecurityGroupRuleId>, Fault> {
    let in_group = |id: &String| {
        let rule = ids::find::<SecurityGroupRule>(tx.world(), &tx.caller().scope, id)?;
        match rule.group == group.id && rule.egress == egress {
            true => Ok(rule.id.clone()),
            false => Err(faults::invalid_security_group_rule_id_not_found(id)),
        }
    };
    rule_ids.iter().map(in_group).collect()
}

/// The rules that permissions name. One that does not exist is an error, but not in a default VPC, where the answer
/// lists it (API reference, `RevokeSecurityGroupIngress`).
fn by_permission(
    tx: &Tx<'_>,
    group: &SecurityGroup,
    egress: bool,
    permissions: Vec<IpPermission>,
    unknown: &mut Vec<IpPermission>,
) -> Result<Vec<SecurityGroupRuleId>, Fault> {
    let world = tx.world();
    let in_default_vpc = world.get::<Vpc>(&group.vpc).is_some_and(|vpc| vpc.is_default);
    // No rule for IPv6 can have been made, so none is found. Terraform revokes the default one and expects just this.
    let (ipv6, permissions): (Vec<_>, Vec<_>) = permissions.into_iter().partition(permission::is_ipv6);
    if !ipv6.is_empty() && !in_default_vpc {
        return Err(faults::invalid_permission_not_found());
    }
    unknown.extend(ipv6);
    if permissions.is_empty() && !unknown.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = permission::parse(world, &tx.caller().scope, group, permissions)?;
    let mut going = Vec::with_capacity(wanted.len());
    for one in wanted {
        let found = rules_of(world, &group.id).find(|rule| rule.egress == egress && one.is(rule));
        match found {
            Some(rule) => going.push(rule.id.clone()),
            None if in_default_vpc => unknown.push(permission::single(world, &group.id, &one)),
            None => return Err(faults::invalid_permission_not_found()),
        }
    }
    Ok(going)
}

fn render(rule: &SecurityGroupRule) -> RevokedSecurityGroupRule {
    let (from, to) = ports(rule.traffic);
    let cidr = match &rule.peer {
        RulePeer::Cidr(cidr) => Some(cidr.to_string()),
        RulePeer::PrefixList(_) | RulePeer::Group(..) | RulePeer::PeeredGroup { .. } => None,
    };
    RevokedSecurityGroupRule {
        security_group_rule_id: Some(rule.id.to_string()),
        group_id: Some(rule.group.to_string()),
        is_egress: Some(rule.egress),
        ip_protocol: Some(protocol::name(rule.traffic.protocol())),
        from_port: Some(from),
        to_port: Some(to),
        cidr_ipv4: cidr,
        cidr_ipv6: None,
        prefix_list_id: rule.peer.prefix_list().map(ToString::to_string),
        referenced_group_id: rule.peer.group().map(ToString::to_string),
        description: rule.description.clone(),
    }
}
