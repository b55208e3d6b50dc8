//! Rules: `CreateRule`, `DescribeRules`, `ModifyRule`, `DeleteRule`, `SetRulePriorities`.
//! [Listener rules](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html)
//!
//! Rules are tried in the order of priorities; the default rule, which is the listener's default actions, comes last. It is
//! changed with the listener or as a rule, and cannot be deleted. Only Application Load Balancers have others.

mod condition;
mod transform;

use std::collections::BTreeSet;

use enishi_api::elbv2::{
    self as api, CreateRuleInput, CreateRuleOutput, DeleteRuleInput, DeleteRuleOutput, DescribeRulesInput,
    DescribeRulesOutput, ModifyRuleInput, ModifyRuleOutput, SetRulePrioritiesInput, SetRulePrioritiesOutput,
    ops,
};
use enishi_state::elbv2::{Listener, ListenerArn, LoadBalancer, LoadBalancerKind, Rule, RuleArn};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;

pub(super) use condition::{CONDITION_VALUES, CONDITION_WILDCARDS};

use super::action::{self, Place};
use super::page::page;
use super::tag::{self, NewTags};
use super::{
    arn, check_arn, faults, find_listener, find_load_balancer, groups_of, random_id, resource_of, target,
    text,
};
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateRule>(create_rule);
    on.read::<ops::DescribeRules>(describe_rules);
    on.write::<ops::ModifyRule>(modify_rule);
    on.write::<ops::DeleteRule>(delete_rule);
    on.write::<ops::SetRulePriorities>(set_rule_priorities);
}

/// A rule that a request names.
pub(super) enum Found<'w> {
    /// A listener's default rule.
    Default(&'w Listener),
    /// Another one.
    Own(&'w Rule),
}

/// The caller's rule of that ARN.
///
/// # Errors
/// `ValidationError`, `RuleNotFound`
pub(super) fn find<'w>(world: &'w World, scope: &Scope, arn: &str) -> Result<Found<'w>, Fault> {
    check_arn(arn, "listener-rule/", "listener rule")?;
    if let Some(row) = world.get::<Rule>(&RuleArn::new(arn)).filter(|row| row.scope == *scope) {
        return Ok(Found::Own(row));
    }
    let listener = listener_of(arn, scope).and_then(|listener| world.get::<Listener>(&listener));
    let default = listener.filter(|listener| listener.default_rule().as_str() == arn);
    default.map(Found::Default).ok_or_else(faults::rules_not_found)
}

/// The listener that a rule's ARN names: `listener-rule/app/NAME/ID/LISTENER/RULE`.
fn listener_of(rule: &str, scope: &Scope) -> Option<ListenerArn> {
    let path = resource_of(rule)?.strip_prefix("listener-rule/")?;
    let (listener, _) = path.rsplit_once('/')?;
    Some(ListenerArn::new(&arn(scope, &format!("listener/{listener}"))))
}

fn create_rule(tx: &mut Tx<'_>, input: CreateRuleInput) -> Result<CreateRuleOutput, Fault> {
    let tags = NewTags::parse(input.tags)?;
    let id = random_id(tx.entropy());
    let (world, scope) = (tx.world(), &tx.caller().scope);
    let listener = find_listener(world, scope, &input.listener_arn)?;
    let balancer = find_load_balancer(world, scope, listener.load_balancer.as_str())?;
    if balancer.kind == LoadBalancerKind::Network {
        return Err(faults::unsupported_protocol(
            "Rules are not supported for listeners of Network Load Balancers",
        ));
    }
    let priority = u32::try_from(input.priority).unwrap_or_default();
    if at_priority(world, &listener.arn, priority).is_some() {
        return Err(faults::priority_in_use(priority));
    }
    check_quota(world, balancer)?;
    let place = Place { world, scope, balancer, protocol: listener.protocol, existing: &[] };
    let path = listener.arn.as_str().replacen(":listener/", ":listener-rule/", 1);
    let row = Rule {
        arn: RuleArn::new(&format!("{path}/{id}")),
        scope: scope.clone(),
        listener: listener.arn.clone(),
        priority,
        conditions: condition::parse(input.conditions)?,
        actions: action::parse(place, input.actions)?,
        rewrites: transform::parse(input.transforms.unwrap_or_default())?,
    };
    tags.attach(tx, row.arn.as_str());
    let shape = shape(&row);
    tx.put(row);
    Ok(CreateRuleOutput { rules: Some(vec![shape]) })
}

fn at_priority<'w>(world: &'w World, listener: &ListenerArn, priority: u32) -> Option<&'w Rule> {
    world.by::<Rule>("listener", listener.as_str()).find(|rule| rule.priority == priority)
}

fn check_quota(world: &World, balancer: &LoadBalancer) -> Result<(), Fault> {
    let listeners = world.by::<Listener>("load_balancer", balancer.arn.as_str());
    let rules = listeners.map(|listener| world.by::<Rule>("listener", listener.arn.as_str()).count()).sum();
    let limit = quota::RULES_PER_LOAD_BALANCER.applied(world, &balancer.scope);
    match quota::RULES_PER_LOAD_BALANCER.reached(world, &balancer.scope, rules) {
        true => Err(faults::too_many_rules(limit)),
        false => Ok(()),
    }
}

/// As responses show it.
fn shape(row: &Rule) -> api::Rule {
    api::Rule {
        rule_arn: text(&row.arn),
        priority: text(row.priority),
        conditions: Some(condition::shapes(&row.conditions)),
        actions: Some(action::shapes(LoadBalancerKind::Application, &row.actions)),
        is_default: Some(false),
        transforms: Some(transform::shapes(&row.rewrites)),
    }
}

/// The default rule of a listener as responses show it.
fn default_shape(kind: LoadBalancerKind, listener: &Listener) -> api::Rule {
    api::Rule {
        rule_arn: text(listener.default_rule()),
        priority: text("default"),
        conditions: Some(vec![]),
        actions: Some(action::shapes(kind, &listener.default_actions)),
        is_default: Some(true),
        transforms: Some(vec![]),
    }
}

fn found_shape(world: &World, found: &Found<'_>) -> Option<api::Rule> {
    match found {
        Found::Own(row) => Some(shape(row)),
        Found::Default(listener) => {
            let balancer = world.get::<LoadBalancer>(&listener.load_balancer)?;
            Some(default_shape(balancer.kind, listener))
        }
    }
}

fn describe_rules(read: &Read<'_>, input: DescribeRulesInput) -> Result<DescribeRulesOutput, Fault> {
    let (world, scope) = (read.world, &read.caller.scope);
    let arns = input.rule_arns.unwrap_or_default();
    let found: Vec<Found<'_>> = match (&input.listener_arn, arns.is_empty()) {
        (Some(arn), true) => of_listener(world, find_listener(world, scope, arn)?),
        (None, false) => arns.iter().map(|arn| find(world, scope, arn)).collect::<Result<_, _>>()?,
        (None, true) => {
            return Err(faults::validation_error(
                "You must specify either listener rule ARNs or a listener ARN",
            ));
        }
        (Some(_), false) => {
            return Err(faults::validation_error(
                "Listener rule ARNs and a listener ARN cannot be specified at the same time",
            ));
        }
    };
    let shapes = found.iter().filter_map(|found| found_shape(world, found)).collect();
    let id = |rule: &api::Rule| rule.rule_arn.clone().unwrap_or_default();
    let (rules, next_marker) = page(shapes, input.page_size, input.marker.as_deref(), id)?;
    Ok(DescribeRulesOutput { rules: Some(rules), next_marker })
}

/// A listener's rules in the order in which they are tried.
fn of_listener<'w>(world: &'w World, listener: &'w Listener) -> Vec<Found<'w>> {
    let mut rules: Vec<&Rule> = world.by::<Rule>("listener", listener.arn.as_str()).collect();
    rules.sort_by_key(|rule| rule.priority);
    rules.into_iter().map(Found::Own).chain([Found::Default(listener)]).collect()
}

fn modify_rule(tx: &mut Tx<'_>, input: ModifyRuleInput) -> Result<ModifyRuleOutput, Fault> {
    let rule = match find(tx.world(), &tx.caller().scope, &input.rule_arn)? {
        Found::Own(row) => {
            let row = row.clone();
            modify_own(tx, row, input)?
        }
        Found::Default(listener) => {
            let row = listener.clone();
            modify_default(tx, row, input)?
        }
    };
    Ok(ModifyRuleOutput { rules: Some(vec![rule]) })
}

fn modify_own(tx: &mut Tx<'_>, mut row: Rule, input: ModifyRuleInput) -> Result<api::Rule, Fault> {
    let old = row.clone();
    let (world, scope) = (tx.world(), &tx.caller().scope);
    let listener = find_listener(world, scope, row.listener.as_str())?;
    let balancer = find_load_balancer(world, scope, listener.load_balancer.as_str())?;
    if let Some(conditions) = input.conditions {
        row.conditions = condition::parse(conditions)?;
    }
    if let Some(actions) = input.actions {
        let place = Place { world, scope, balancer, protocol: listener.protocol, existing: &old.actions };
        row.actions = action::parse(place, actions)?;
    }
    row.rewrites = match (input.transforms, input.reset_transforms) {
        (Some(_), Some(true)) => {
            return Err(faults::validation_error(
                "Transforms cannot be specified when the transforms of a rule are reset",
            ));
        }
        (Some(transforms), _) => transform::parse(transforms)?,
        (None, Some(true)) => vec![],
        (None, _) => row.rewrites,
    };
    let shape = shape(&row);
    tx.put(row);
    target::review(tx, groups_of(&old.actions));
    Ok(shape)
}

fn modify_default(tx: &mut Tx<'_>, mut row: Listener, input: ModifyRuleInput) -> Result<api::Rule, Fault> {
    if input.conditions.is_some() || input.transforms.is_some() {
        return Err(faults::operation_not_permitted("Default rules cannot have conditions or transforms"));
    }
    let old = row.default_actions.clone();
    let (world, scope) = (tx.world(), &tx.caller().scope);
    let balancer = find_load_balancer(world, scope, row.load_balancer.as_str())?;
    let kind = balancer.kind;
    if let Some(actions) = input.actions {
        let place = Place { world, scope, balancer, protocol: row.protocol, existing: &old };
        row.default_actions = action::parse(place, actions)?;
    }
    let shape = default_shape(kind, &row);
    tx.put(row);
    target::review(tx, groups_of(&old));
    Ok(shape)
}

fn delete_rule(tx: &mut Tx<'_>, input: DeleteRuleInput) -> Result<DeleteRuleOutput, Fault> {
    let row = match find(tx.world(), &tx.caller().scope, &input.rule_arn)? {
        Found::Own(row) => row.clone(),
        Found::Default(_) => {
            return Err(faults::operation_not_permitted(format!(
                "Default rule '{}' cannot be deleted",
                input.rule_arn
            )));
        }
    };
    remove(tx, &row);
    target::review(tx, groups_of(&row.actions));
    Ok(DeleteRuleOutput {})
}

/// Removes a rule with its tags. What used its target groups is for the caller to look after.
pub(super) fn remove(tx: &mut Tx<'_>, row: &Rule) {
    tag::remove_all(tx, row.arn.as_str());
    tx.remove::<Rule>(&row.arn);
}

fn set_rule_priorities(
    tx: &mut Tx<'_>,
    input: SetRulePrioritiesInput,
) -> Result<SetRulePrioritiesOutput, Fault> {
    let mut changed: Vec<Rule> = Vec::with_capacity(input.rule_priorities.len());
    for pair in input.rule_priorities {
        let arn = pair.rule_arn.unwrap_or_default();
        let priority = pair.priority.and_then(|priority| u32::try_from(priority).ok());
        let priority = priority.ok_or_else(|| faults::validation_error("A priority must be specified"))?;
        match find(tx.world(), &tx.caller().scope, &arn)? {
            Found::Own(row) => changed.push(Rule { priority, ..row.clone() }),
            Found::Default(_) => {
                return Err(faults::operation_not_permitted("The priority of a default rule cannot be set"));
            }
        }
    }
    let arns: BTreeSet<&RuleArn> = changed.iter().map(|rule| &rule.arn).collect();
    if arns.len() != changed.len() {
        return Err(faults::validation_error("Each rule can be specified once"));
    }
    if changed.windows(2).any(|pair| pair.first().map(|r| &r.listener) != pair.last().map(|r| &r.listener)) {
        return Err(faults::validation_error("All rules must belong to the same listener"));
    }
    for rule in &changed {
        let taken = |other: &&Rule| other.priority == rule.priority && other.arn != rule.arn;
        let unchanged = tx.world().by::<Rule>("listener", rule.listener.as_str());
        let mut unchanged = unchanged.filter(|other| !arns.contains(&other.arn));
        if unchanged.any(|other| taken(&other)) || changed.iter().any(|other| taken(&other)) {
            return Err(faults::priority_in_use(rule.priority));
        }
    }
    let shapes = changed.iter().map(shape).collect();
    for rule in changed {
        tx.put(rule);
    }
    Ok(SetRulePrioritiesOutput { rules: Some(shapes) })
}
