//! `ModifySecurityGroupRules` and the operations that change descriptions.

use enishi_api::ec2::{
    IpPermission, ModifySecurityGroupRulesRequest, ModifySecurityGroupRulesResult,
    SecurityGroupRuleDescription, SecurityGroupRuleRequest, UpdateSecurityGroupRuleDescriptionsEgressRequest,
    UpdateSecurityGroupRuleDescriptionsEgressResult, UpdateSecurityGroupRuleDescriptionsIngressRequest,
    UpdateSecurityGroupRuleDescriptionsIngressResult, ops,
};
use enishi_state::Tx;
use enishi_state::ec2::{RulePeer, SecurityGroup, SecurityGroupRule, SecurityGroupRuleId};
use enishi_wire::Fault;

use crate::ec2::security_group::permission::{self, Wanted};
use crate::ec2::security_group::{find_named, peer, rules_of};
use crate::ec2::{faults, ids};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifySecurityGroupRules>(modify_security_group_rules);
    on.write::<ops::UpdateSecurityGroupRuleDescriptionsEgress>(update_descriptions_egress);
    on.write::<ops::UpdateSecurityGroupRuleDescriptionsIngress>(update_descriptions_ingress);
}

fn modify_security_group_rules(
    tx: &mut Tx<'_>,
    input: ModifySecurityGroupRulesRequest,
) -> Result<ModifySecurityGroupRulesResult, Fault> {
    let group = ids::find::<SecurityGroup>(tx.world(), &tx.caller().scope, &input.group_id)?.clone();
    if input.security_group_rules.is_empty() {
        return Err(faults::missing_parameter("securityGroupRules"));
    }
    for update in input.security_group_rules {
        let id = rule_of(tx, &group, &update.security_group_rule_id)?;
        let rule =
            update.security_group_rule.ok_or_else(|| faults::missing_parameter("securityGroupRule"))?;
        replace(tx, &group, &id, rule)?;
    }
    Ok(ModifySecurityGroupRulesResult { r#return: Some(true) })
}

fn rule_of(tx: &Tx<'_>, group: &SecurityGroup, id: &str) -> Result<SecurityGroupRuleId, Fault> {
    let rule = ids::find::<SecurityGroupRule>(tx.world(), &tx.caller().scope, id)?;
    match rule.group == group.id {
        true => Ok(rule.id.clone()),
        false => Err(faults::invalid_security_group_rule_id_not_found(id)),
    }
}

/// Gives a rule the whole new content; it keeps its id, direction and tags.
fn replace(
    tx: &mut Tx<'_>,
    group: &SecurityGroup,
    id: &SecurityGroupRuleId,
    new: SecurityGroupRuleRequest,
) -> Result<(), Fault> {
    let name = new.ip_protocol.as_deref().ok_or_else(|| faults::missing_parameter("IpProtocol"))?;
    let traffic = permission::traffic(name, new.from_port, new.to_port)?;
    let peer = match (&new.cidr_ipv4, &new.cidr_ipv6, &new.prefix_list_id, &new.referenced_group_id) {
        (Some(block), None, None, None) => RulePeer::Cidr(permission::parse_cidr(block)?),
        (None, Some(_), None, None) => return Err(faults::ipv6_not_supported()),
        (None, None, Some(list), None) => permission::prefix_list(tx.world(), &tx.caller().scope, list)?,
        (None, None, None, Some(peer)) => peer::referenced(tx.world(), &tx.caller().scope, group, peer)?,
        (None, None, None, None) => return Err(faults::missing_source()),
        _ => {
            return Err(faults::invalid_parameter_combination(
                "A rule has exactly one source or destination.",
            ));
        }
    };
    let wanted = Wanted { traffic, peer, description: permission::description(new.description)? };
    let egress = tx.world().get::<SecurityGroupRule>(id).is_some_and(|rule| rule.egress);
    let is_same = |rule: &SecurityGroupRule| rule.id != *id && rule.egress == egress && wanted.is(rule);
    if rules_of(tx.world(), &group.id).any(is_same) {
        return Err(faults::invalid_permission_duplicate(&wanted));
    }
    tx.modify::<SecurityGroupRule>(id, |rule| {
        rule.traffic = wanted.traffic;
        rule.peer = wanted.peer;
        rule.description = wanted.description;
    });
    Ok(())
}

fn update_descriptions_ingress(
    tx: &mut Tx<'_>,
    input: UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<UpdateSecurityGroupRuleDescriptionsIngressResult, Fault> {
    let scope = &tx.caller().scope;
    let group =
        find_named(tx.world(), scope, input.group_id.as_deref(), input.group_name.as_deref())?.clone();
    update_descriptions(tx, &group, false, input.ip_permissions, input.security_group_rule_descriptions)?;
    Ok(UpdateSecurityGroupRuleDescriptionsIngressResult { r#return: Some(true) })
}

fn update_descriptions_egress(
    tx: &mut Tx<'_>,
    input: UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<UpdateSecurityGroupRuleDescriptionsEgressResult, Fault> {
    let scope = &tx.caller().scope;
    let group =
        find_named(tx.world(), scope, input.group_id.as_deref(), input.group_name.as_deref())?.clone();
    update_descriptions(tx, &group, true, input.ip_permissions, input.security_group_rule_descriptions)?;
    Ok(UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
}

fn update_descriptions(
    tx: &mut Tx<'_>,
    group: &SecurityGroup,
    egress: bool,
    permissions: Vec<IpPermission>,
    descriptions: Vec<SecurityGroupRuleDescription>,
) -> Result<(), Fault> {
    let mut updates: Vec<(SecurityGroupRuleId, Option<String>)> = Vec::new();
    for update in descriptions {
        let id =
            update.security_group_rule_id.ok_or_else(|| faults::missing_parameter("securityGroupRuleId"))?;
        updates.push((rule_of(tx, group, &id)?, permission::description(update.description)?));
    }
    if !permissions.is_empty() {
        for one in permission::parse(tx.world(), &tx.caller().scope, group, permissions)? {
            let found = rules_of(tx.world(), &group.id).find(|rule| rule.egress == egress && one.is(rule));
            let id = found.map(|rule| rule.id.clone()).ok_or_else(faults::invalid_permission_not_found)?;
            updates.push((id, one.description));
        }
    }
    if updates.is_empty() {
        return Err(faults::missing_parameter("ipPermissions or securityGroupRuleDescriptions"));
    }
    for (id, description) in updates {
        tx.modify::<SecurityGroupRule>(&id, |rule| rule.description = description);
    }
    Ok(())
}
