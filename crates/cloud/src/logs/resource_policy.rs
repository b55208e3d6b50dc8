//! Resource policies, and what they allow the cloud's own services.
//! [API_PutResourcePolicy](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html)

use enishi_api::logs::{
    self as api, DeleteResourcePolicyRequest, DescribeResourcePoliciesRequest,
    DescribeResourcePoliciesResponse, PutResourcePolicyRequest, PutResourcePolicyResponse, ops,
};
use enishi_state::logs::{ResourcePolicy, ResourcePolicyId};
use enishi_state::{Read, Scope, Tx, World};
use enishi_wire::Fault;
use serde_json::Value;

use super::{faults, page, page_limit};
use crate::registry::Registry;

/// Policies of one account and region at most, and characters of one.
/// [Quotas](https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html)
const POLICIES: usize = 10;
const CHARACTERS: usize = 5120;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::PutResourcePolicy>(put_resource_policy);
    on.write::<ops::DeleteResourcePolicy>(delete_resource_policy);
    on.read::<ops::DescribeResourcePolicies>(describe_resource_policies);
}

fn put_resource_policy(
    tx: &mut Tx<'_>,
    input: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse, Fault> {
    if input.resource_arn.is_some() || input.expected_revision_id.is_some() {
        return Err(faults::not_supported("A resource policy of one log group"));
    }
    let name = input.policy_name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| faults::invalid_parameter("Policy name must be specified."))?;
    let document = input.policy_document.unwrap_or_default();
    if document.chars().count() > CHARACTERS {
        return Err(faults::limit_exceeded("Resource limit exceeded."));
    }
    check_document(&document)?;
    let scope = tx.caller().scope.clone();
    let id = ResourcePolicyId::of(&scope, &name);
    let others = tx.world().by::<ResourcePolicy>("scope", &scope.to_string()).count();
    if tx.world().get::<ResourcePolicy>(&id).is_none() && others >= POLICIES {
        return Err(faults::limit_exceeded("Resource limit exceeded."));
    }
    let row = ResourcePolicy { scope, name, document, updated: tx.now() };
    let resource_policy = Some(shape(&row));
    tx.put(row);
    Ok(PutResourcePolicyResponse { resource_policy, revision_id: None })
}

/// # Errors
/// `InvalidParameterException`
fn check_document(document: &str) -> Result<(), Fault> {
    let json: Option<Value> = serde_json::from_str(document).ok();
    let is_policy = json.as_ref().is_some_and(|json| {
        let known = |statement: &Value| {
            let effect = statement.get("Effect").and_then(Value::as_str);
            matches!(effect, Some("Allow" | "Deny")) && statement.get("Principal").is_some()
        };
        let mut statements = statements(json).peekable();
        statements.peek().is_some() && statements.all(known)
    });
    match is_policy {
        true => Ok(()),
        false => Err(faults::invalid_parameter("The resource policy document is invalid.")),
    }
}

fn delete_resource_policy(tx: &mut Tx<'_>, input: DeleteResourcePolicyRequest) -> Result<(), Fault> {
    let name = input.policy_name.unwrap_or_default();
    let id = ResourcePolicyId::of(&tx.caller().scope, &name);
    match tx.remove::<ResourcePolicy>(&id) {
        true => Ok(()),
        false => Err(faults::no_such_policy(&name)),
    }
}

fn describe_resource_policies(
    read: &Read<'_>,
    input: DescribeResourcePoliciesRequest,
) -> Result<DescribeResourcePoliciesResponse, Fault> {
    let of_account = input.policy_scope.as_deref() != Some("RESOURCE") && input.resource_arn.is_none();
    let after = input.next_token;
    let policies = read.world.by::<ResourcePolicy>("scope", &read.caller.scope.to_string());
    let rest = policies.filter(|row| of_account && after.as_ref().is_none_or(|after| row.name > *after));
    let (policies, next_token) = page(rest, page_limit(input.limit), |row| row.name.clone());
    let resource_policies = Some(policies.into_iter().map(shape).collect());
    Ok(DescribeResourcePoliciesResponse { resource_policies, next_token })
}

fn shape(row: &ResourcePolicy) -> api::ResourcePolicy {
    api::ResourcePolicy {
        policy_name: Some(row.name.clone()),
        policy_document: Some(row.document.clone()),
        last_updated_time: Some(row.updated.0),
        policy_scope: Some("ACCOUNT".to_owned()),
        ..Default::default()
    }
}

/// Who wants to do what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    /// The service: `route53.amazonaws.com`.
    pub(crate) service: &'a str,
    /// `logs:CreateLogStream`
    pub(crate) action: &'a str,
    /// The ARN of the group or stream.
    pub(crate) resource: &'a str,
    /// The ARN of what the service does it for.
    pub(crate) source: &'a str,
}

/// Whether the policies of an account and region allow it: one statement does, and none denies it.
pub(crate) fn allows(world: &World, scope: &Scope, access: Access<'_>) -> bool {
    let mut is_allowed = false;
    for policy in world.by::<ResourcePolicy>("scope", &scope.to_string()) {
        let Ok(json) = serde_json::from_str::<Value>(&policy.document) else { continue };
        for statement in statements(&json).filter(|statement| concerns(statement, scope, access)) {
            match statement.get("Effect").and_then(Value::as_str) {
                Some("Allow") => is_allowed = true,
                _ => return false,
            }
        }
    }
    is_allowed
}

fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    items(policy.get("Statement"))
}

/// The items of a list; a value that is none stands for a list of one.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (list, single) = match value {
        Some(Value::Array(list)) => (list.as_slice(), None),
        other => (Default::default(), other),
    };
    list.iter().chain(single)
}

fn concerns(statement: &Value, scope: &Scope, access: Access<'_>) -> bool {
    let any = |member: &str, accepts: &dyn Fn(&str) -> bool| {
        items(statement.get(member)).filter_map(Value::as_str).any(accepts)
    };
    let principal = match statement.get("Principal") {
        Some(Value::String(everybody)) => everybody == "*",
        Some(principal) => {
            let services = items(principal.get("Service")).chain(items(principal.get("AWS")));
            services.filter_map(Value::as_str).any(|service| service == access.service || service == "*")
        }
        None => false,
    };
    let action = |pattern: &str| is_like(&pattern.to_ascii_lowercase(), &access.action.to_ascii_lowercase());
    principal
        && any("Action", &action)
        && any("Resource", &|pattern| is_like(pattern, access.resource))
        && statement.get("Condition").is_none_or(|condition| holds(condition, scope, access))
}

/// Whether conditions on the source hold; one of an unknown kind does not.
fn holds(condition: &Value, scope: &Scope, access: Access<'_>) -> bool {
    let Value::Object(operators) = condition else { return false };
    operators.iter().all(|(operator, keys)| {
        let exact = match operator.as_str() {
            "StringEquals" => true,
            "StringLike" | "ArnLike" | "ArnEquals" => false,
            _ => return false,
        };
        let Value::Object(keys) = keys else { return false };
        keys.iter().all(|(key, wanted)| {
            let value = match key.to_ascii_lowercase().as_str() {
                "aws:sourceaccount" => scope.account.as_str(),
                "aws:sourcearn" => access.source,
                _ => return false,
            };
            let accepts = |wanted: &str| if exact { wanted == value } else { is_like(wanted, value) };
            items(Some(wanted)).filter_map(Value::as_str).any(accepts)
        })
    })
}

/// Whether a text is like a pattern in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last star was, and how far its characters go.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(from) {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((star_at, star_from)) => {
                    star = Some((star_at, star_from + 1));
                    (at, from) = (star_at + 1, star_from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}
