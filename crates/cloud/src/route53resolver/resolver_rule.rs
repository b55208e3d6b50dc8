//! Resolver rules: `CreateResolverRule`, `GetResolverRule`, `ListResolverRules`, `UpdateResolverRule`, `DeleteResolverRule`.
//! [API_route53resolver_CreateResolverRule](https://docs.aws.amazon.com/Route53/latest/APIReference/API_route53resolver_CreateResolverRule.html)
//!
//! A rule by itself changes nothing; it holds in the VPCs that it is associated with. Changing one that is associated makes it
//! `UPDATING` until the data plane has followed. Besides the user's there is the rule that every VPC ends with, AWS's own
//! "Internet Resolver".

mod association;
mod autodefined;

use std::net::Ipv4Addr;

use enishi_api::route53resolver::{
    self as api, CreateResolverRuleRequest, CreateResolverRuleResponse, DeleteResolverRuleRequest,
    DeleteResolverRuleResponse, GetResolverRuleRequest, GetResolverRuleResponse, ListResolverRulesRequest,
    ListResolverRulesResponse, TargetAddress, UpdateResolverRuleRequest, UpdateResolverRuleResponse, ops,
};
use enishi_fabric::dns::Name;
use enishi_state::route53resolver::{
    Direction, Progress, ResolverEndpointId, ResolverRule, ResolverRuleAssociation, ResolverRuleId, RuleType,
    Target,
};
use enishi_state::{Read, ResourceId, Scope, Tx, World};
use enishi_wire::Fault;

use super::faults::{self, Kind};
use super::list::{self, Field};
use super::tag::{self, NewTags};
use super::{arn, check_name, resolver_endpoint, shown, text, traced, was_requested};
use crate::quota;
use crate::registry::Registry;

const KIND: &str = "resolver-rule";
const DNS_PORT: u16 = 53;
/// Target addresses of a rule at most.
/// [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html#limits-api-entities-resolver)
const TARGETS: usize = 6;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateResolverRule>(create_resolver_rule);
    on.read::<ops::GetResolverRule>(get_resolver_rule);
    on.read::<ops::ListResolverRules>(list_resolver_rules);
    on.write::<ops::UpdateResolverRule>(update_resolver_rule);
    on.write::<ops::DeleteResolverRule>(delete_resolver_rule);
    association::register(on);
}

fn create_resolver_rule(
    tx: &mut Tx<'_>,
    input: CreateResolverRuleRequest,
) -> Result<CreateResolverRuleResponse, Fault> {
    check_name(input.name.as_deref())?;
    let rule_type = rule_type(&input)?;
    let domain = domain(input.domain_name.as_deref())?;
    let tags = NewTags::parse(input.tags)?;
    if was_requested::<ResolverRule>(tx, &input.creator_request_id) {
        return Err(faults::creator_request_exists(Kind::Rule, &input.creator_request_id));
    }
    check_quota(tx)?;
    let (endpoint, targets) = match rule_type {
        RuleType::System => {
            no_forwarding(input.resolver_endpoint_id.as_deref(), input.target_ips.as_deref())?;
            (None, Vec::new())
        }
        RuleType::Forward => {
            let endpoint = input.resolver_endpoint_id.as_deref().ok_or_else(|| {
                faults::invalid_parameter("ResolverEndpointId", "A FORWARD rule needs a Resolver Endpoint.")
            })?;
            let endpoint = outbound(tx.world(), &tx.caller().scope, endpoint)?;
            (Some(endpoint), targets(input.target_ips.as_deref().unwrap_or_default())?)
        }
    };
    let row = ResolverRule {
        id: ResolverRuleId::generate(tx.entropy()),
        scope: tx.caller().scope.clone(),
        creator_request_id: input.creator_request_id,
        name: input.name,
        rule_type,
        domain,
        targets,
        endpoint,
        progress: Progress::Ready,
        message: traced(tx, "Successfully created Resolver Rule."),
        created: tx.now(),
        modified: tx.now(),
    };
    tags.attach(tx, &arn_of(&row), KIND);
    let shape = shape(&row);
    tx.put(row);
    Ok(CreateResolverRuleResponse { resolver_rule: Some(shape) })
}

fn rule_type(input: &CreateResolverRuleRequest) -> Result<RuleType, Fault> {
    match input.rule_type.as_str() {
        "FORWARD" if input.delegation_record.is_none() => Ok(RuleType::Forward),
        "SYSTEM" if input.delegation_record.is_none() => Ok(RuleType::System),
        "RECURSIVE" => Err(faults::recursive_rule()),
        "FORWARD" | "SYSTEM" => Err(faults::invalid_parameter(
            "DelegationRecord",
            "DelegationRecord can be specified for rules of type DELEGATE only.",
        )),
        _ => Err(faults::not_supported("RuleType", "Rules of type DELEGATE are")),
    }
}

fn domain(text: Option<&str>) -> Result<Name, Fault> {
    let text =
        text.ok_or_else(|| faults::invalid_parameter("DomainName", "The rule needs a domain name."))?;
    let lower = text.to_ascii_lowercase();
    let parsed = Name::parse(&lower).ok().filter(|name| !name.is_wildcard());
    parsed.ok_or_else(|| {
        faults::invalid_parameter("DomainName", format!("'{text}' is not a valid domain name."))
    })
}

fn check_quota(tx: &Tx<'_>) -> Result<(), Fault> {
    let scope = &tx.caller().scope;
    let existing = in_scope(tx.world(), scope).count();
    match quota::RESOLVER_RULES.reached(tx.world(), scope, existing) {
        true => Err(faults::limit_exceeded(
            Kind::Rule,
            format!("Account '{}' has exceeded 'max-rules'.", scope.account),
        )),
        false => Ok(()),
    }
}

/// A rule that does not forward says nothing of where to.
fn no_forwarding(endpoint: Option<&str>, targets: Option<&[TargetAddress]>) -> Result<(), Fault> {
    let message = |member| format!("{member} cannot be specified for rules of type SYSTEM.");
    if endpoint.is_some() {
        return Err(faults::invalid_parameter("ResolverEndpointId", message("ResolverEndpointId")));
    }
    match targets.is_some_and(|targets| !targets.is_empty()) {
        true => Err(faults::invalid_parameter("TargetIps", message("TargetIps"))),
        false => Ok(()),
    }
}

/// The endpoint that a rule shall forward by.
///
/// # Errors
/// `ResourceNotFoundException`, `ResourceUnavailableException`, `InvalidRequestException`
fn outbound(world: &World, scope: &Scope, id: &str) -> Result<ResolverEndpointId, Fault> {
    let endpoint = resolver_endpoint::find(world, scope, id)?;
    if endpoint.direction != Direction::Outbound {
        return Err(faults::invalid_request(format!(
            "The Resolver Endpoint \"{id}\" is not an OUTBOUND endpoint."
        )));
    }
    match endpoint.progress.is_live() {
        true => Ok(endpoint.id.clone()),
        false => Err(faults::resource_unavailable(Kind::Endpoint, id)),
    }
}

/// # Errors
/// `InvalidParameterException`, `LimitExceededException`
fn targets(targets: &[TargetAddress]) -> Result<Vec<Target>, Fault> {
    if targets.is_empty() {
        return Err(faults::invalid_parameter("TargetIps", "A FORWARD rule needs at least one target IP."));
    }
    if targets.len() > TARGETS {
        let message = format!("A Resolver Rule can have at most {TARGETS} target IPs.");
        return Err(faults::limit_exceeded(Kind::Rule, message));
    }
    targets.iter().map(target).collect()
}

fn target(target: &TargetAddress) -> Result<Target, Fault> {
    if target.ipv6.is_some() {
        return Err(faults::not_supported("TargetIps", "IPv6 targets are"));
    }
    if let Some(protocol) = target.protocol.as_deref().filter(|protocol| *protocol != "Do53") {
        return Err(faults::not_supported("TargetIps", &format!("The protocol {protocol} of targets is")));
    }
    if target.server_name_indication.is_some() {
        return Err(faults::invalid_parameter(
            "TargetIps",
            "ServerNameIndication can be specified for targets with the protocol DoH only.",
        ));
    }
    let invalid = |text: &str| {
        faults::invalid_parameter("TargetIps", format!("'{text}' is not a valid target IPv4 address."))
    };
    let text = target.ip.as_deref().unwrap_or_default();
    let ip = text.parse::<Ipv4Addr>().map_err(|_| invalid(text))?;
    if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || ip.is_loopback() {
        return Err(invalid(text));
    }
    let port = target.port.map_or(Some(DNS_PORT), |port| u16::try_from(port).ok()).filter(|port| *port != 0);
    let port = port
        .ok_or_else(|| faults::invalid_parameter("TargetIps", "A target's port is between 1 and 65535."))?;
    Ok(Target { ip, port })
}

fn in_scope<'w>(world: &'w World, scope: &Scope) -> impl Iterator<Item = &'w ResolverRule> + use<'w> {
    world.by::<ResolverRule>("scope", &scope.to_string())
}

/// The caller's rule of that id.
///
/// # Errors
/// `ResourceNotFoundException`
fn find<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w ResolverRule, Fault> {
    let found = ResolverRuleId::parse(id).ok().and_then(|id| world.get::<ResolverRule>(&id));
    found.filter(|row| row.scope == *scope).ok_or_else(|| faults::resource_not_found(Kind::Rule, id))
}

/// The same, to be changed: AWS's own rules are not.
fn find_own<'w>(world: &'w World, scope: &Scope, id: &str) -> Result<&'w ResolverRule, Fault> {
    match id == autodefined::INTERNET_RESOLVER {
        true => Err(faults::invalid_request(format!(
            "The Resolver Rule \"{id}\" is autodefined: it cannot be changed."
        ))),
        false => find(world, scope, id),
    }
}

fn arn_of(row: &ResolverRule) -> String {
    arn(&row.scope, KIND, row.id.as_str())
}

fn shape(row: &ResolverRule) -> api::ResolverRule {
    let target = |target: &Target| TargetAddress {
        ip: text(target.ip),
        port: Some(i32::from(target.port)),
        protocol: text("Do53"),
        ..Default::default()
    };
    let targets: Vec<TargetAddress> = row.targets.iter().map(target).collect();
    api::ResolverRule {
        id: text(&row.id),
        creator_request_id: Some(row.creator_request_id.clone()),
        arn: Some(arn_of(row)),
        domain_name: Some(row.domain.to_string()),
        status: text(match row.progress {
            Progress::Creating { .. } | Progress::Ready => "COMPLETE",
            Progress::Updating { .. } => "UPDATING",
            Progress::Deleting { .. } => "DELETING",
        }),
        status_message: Some(row.message.clone()),
        rule_type: text(match row.rule_type {
            RuleType::Forward => "FORWARD",
            RuleType::System => "SYSTEM",
        }),
        name: row.name.clone(),
        target_ips: Some(targets).filter(|targets| !targets.is_empty()),
        resolver_endpoint_id: row.endpoint.as_ref().and_then(text),
        owner_id: text(&row.scope.account),
        share_status: text("NOT_SHARED"),
        creation_time: shown(row.created),
        modification_time: shown(row.modified),
        ..Default::default()
    }
}

fn get_resolver_rule(
    read: &Read<'_>,
    input: GetResolverRuleRequest,
) -> Result<GetResolverRuleResponse, Fault> {
    let scope = &read.caller.scope;
    let shape = match input.resolver_rule_id == autodefined::INTERNET_RESOLVER {
        true => autodefined::rule(scope),
        false => shape(find(read.world, scope, &input.resolver_rule_id)?),
    };
    Ok(GetResolverRuleResponse { resolver_rule: Some(shape) })
}

const FIELDS: &[Field<api::ResolverRule>] = &[
    ("CreatorRequestId", |rule| rule.creator_request_id.iter().cloned().collect()),
    // Clients ask without the final dot, too: Terraform's data source does.
    ("DomainName", |rule| {
        let names = rule.domain_name.iter();
        names.flat_map(|name| [name.clone(), name.trim_end_matches('.').to_owned()]).collect()
    }),
    ("Name", |rule| rule.name.iter().cloned().collect()),
    ("ResolverEndpointId", |rule| rule.resolver_endpoint_id.iter().cloned().collect()),
    ("Status", |rule| rule.status.iter().cloned().collect()),
    ("Type", |rule| rule.rule_type.iter().cloned().collect()),
];

fn list_resolver_rules(
    read: &Read<'_>,
    input: ListResolverRulesRequest,
) -> Result<ListResolverRulesResponse, Fault> {
    let scope = &read.caller.scope;
    let own = in_scope(read.world, scope).map(shape);
    let shapes = std::iter::once(autodefined::rule(scope)).chain(own).collect();
    let shapes = list::filter(shapes, input.filters, FIELDS)?;
    let id = |rule: &api::ResolverRule| rule.id.clone().unwrap_or_default();
    let page = list::page(shapes, input.max_results, input.next_token.as_deref(), id)?;
    Ok(ListResolverRulesResponse {
        next_token: page.next_token,
        max_results: Some(page.limit),
        resolver_rules: Some(page.items),
    })
}

fn update_resolver_rule(
    tx: &mut Tx<'_>,
    input: UpdateResolverRuleRequest,
) -> Result<UpdateResolverRuleResponse, Fault> {
    let mut row = find_own(tx.world(), &tx.caller().scope, &input.resolver_rule_id)?.clone();
    if row.progress != Progress::Ready {
        return Err(faults::rule_is_updating());
    }
    let config = input.config;
    check_name(config.name.as_deref())?;
    match row.rule_type {
        RuleType::System => {
            no_forwarding(config.resolver_endpoint_id.as_deref(), config.target_ips.as_deref())?;
        }
        RuleType::Forward => {
            if let Some(endpoint) = &config.resolver_endpoint_id {
                row.endpoint = Some(outbound(tx.world(), &tx.caller().scope, endpoint)?);
            }
            if let Some(wanted) = &config.target_ips {
                row.targets = targets(wanted)?;
            }
        }
    }
    if let Some(name) = config.name {
        row.name = Some(name).filter(|name| !name.is_empty());
    }
    let vpcs: Vec<_> = tx
        .world()
        .by::<ResolverRuleAssociation>("rule", row.id.as_str())
        .filter(|association| association.progress.is_live())
        .map(|association| association.vpc.clone())
        .collect();
    for vpc in &vpcs {
        association::check_targets(tx.world(), &row, vpc)?;
    }
    (row.progress, row.message) = match vpcs.is_empty() {
        true => (Progress::Ready, traced(tx, "Successfully updated Resolver Rule.")),
        false => {
            let generation = tx.next_generation();
            (Progress::Updating { generation }, traced(tx, "Updating the Resolver Rule."))
        }
    };
    row.modified = tx.now();
    let shape = shape(&row);
    tx.put(row);
    Ok(UpdateResolverRuleResponse { resolver_rule: Some(shape) })
}

fn delete_resolver_rule(
    tx: &mut Tx<'_>,
    input: DeleteResolverRuleRequest,
) -> Result<DeleteResolverRuleResponse, Fault> {
    let row = find_own(tx.world(), &tx.caller().scope, &input.resolver_rule_id)?.clone();
    if tx.world().by::<ResolverRuleAssociation>("rule", row.id.as_str()).next().is_some() {
        let message = "Please disassociate this resolver rule from VPC first before deleting";
        return Err(faults::resource_in_use(Kind::Rule, message));
    }
    // Without an association no packet depends on it, so it is gone at once.
    tag::remove_all(tx, &arn_of(&row));
    tx.remove::<ResolverRule>(&row.id);
    let message = traced(tx, "Deleting Resolver Rule.");
    let deleted =
        api::ResolverRule { status: text("DELETING"), status_message: Some(message), ..shape(&row) };
    Ok(DeleteResolverRuleResponse { resolver_rule: Some(deleted) })
}
