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
use crate::policy::{self, Principal, Verdict, statements};
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
    let asked = policy::Access {
        principal: Principal::Service { names: &[access.service], accounts: &[] },
        action: access.action,
        resource: access.resource,
        context: &[("aws:sourceaccount", scope.account.as_str()), ("aws:sourcearn", access.source)],
    };
    let policies = world.by::<ResourcePolicy>("scope", &scope.to_string());
    let verdicts = policies
        .filter_map(|policy| serde_json::from_str::<Value>(&policy.document).ok())
        .map(|document| policy::judge(&document, asked));
    let verdicts: Vec<Verdict> = verdicts.collect();
    verdicts.contains(&Verdict::Allowed) && !verdicts.contains(&Verdict::Denied)
}
