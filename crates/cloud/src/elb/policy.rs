//! Policies: `CreateAppCookieStickinessPolicy`, `CreateLBCookieStickinessPolicy`, `CreateLoadBalancerPolicy`,
//! `DeleteLoadBalancerPolicy`, `DescribeLoadBalancerPolicies`, `SetLoadBalancerPoliciesOfListener`,
//! `SetLoadBalancerPoliciesForBackendServer`.
//! [Sticky sessions](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-sticky-sessions.html),
//! [Proxy Protocol](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/enable-proxy-protocol.html)

use std::collections::BTreeMap;

use enishi_api::elb::{
    CreateAppCookieStickinessPolicyInput, CreateAppCookieStickinessPolicyOutput,
    CreateLBCookieStickinessPolicyInput, CreateLBCookieStickinessPolicyOutput, CreateLoadBalancerPolicyInput,
    CreateLoadBalancerPolicyOutput, DeleteLoadBalancerPolicyInput, DeleteLoadBalancerPolicyOutput,
    DescribeLoadBalancerPoliciesInput, DescribeLoadBalancerPoliciesOutput, PolicyAttributeDescription,
    PolicyDescription, SetLoadBalancerPoliciesForBackendServerInput,
    SetLoadBalancerPoliciesForBackendServerOutput, SetLoadBalancerPoliciesOfListenerInput,
    SetLoadBalancerPoliciesOfListenerOutput, ops,
};
use enishi_state::elb::{Listener, LoadBalancer, Policy, PolicyKind};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::policy_type::{REFERENCE, is_predefined, negotiation, predefined};
use super::{faults, find, name, port, take, text};
use crate::registry::Registry;

/// Policies of one load balancer at most.
const POLICIES: usize = 100;

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::CreateAppCookieStickinessPolicy>(create_app_cookie_stickiness_policy);
    on.write::<ops::CreateLBCookieStickinessPolicy>(create_lb_cookie_stickiness_policy);
    on.write::<ops::CreateLoadBalancerPolicy>(create_load_balancer_policy);
    on.write::<ops::DeleteLoadBalancerPolicy>(delete_load_balancer_policy);
    on.read::<ops::DescribeLoadBalancerPolicies>(describe_load_balancer_policies);
    on.write::<ops::SetLoadBalancerPoliciesOfListener>(set_load_balancer_policies_of_listener);
    on.write::<ops::SetLoadBalancerPoliciesForBackendServer>(set_load_balancer_policies_for_backend_server);
}

fn create_app_cookie_stickiness_policy(
    tx: &mut Tx<'_>,
    input: CreateAppCookieStickinessPolicyInput,
) -> Result<CreateAppCookieStickinessPolicyOutput, Fault> {
    create(tx, &input.load_balancer_name, &input.policy_name, app_cookie(&input.cookie_name)?)?;
    Ok(CreateAppCookieStickinessPolicyOutput {})
}

fn create_lb_cookie_stickiness_policy(
    tx: &mut Tx<'_>,
    input: CreateLBCookieStickinessPolicyInput,
) -> Result<CreateLBCookieStickinessPolicyOutput, Fault> {
    create(tx, &input.load_balancer_name, &input.policy_name, lb_cookie(input.cookie_expiration_period)?)?;
    Ok(CreateLBCookieStickinessPolicyOutput {})
}

fn create_load_balancer_policy(
    tx: &mut Tx<'_>,
    input: CreateLoadBalancerPolicyInput,
) -> Result<CreateLoadBalancerPolicyOutput, Fault> {
    let attributes = input.policy_attributes.unwrap_or_default().into_iter();
    let attributes = attributes
        .map(|one| (one.attribute_name.unwrap_or_default(), one.attribute_value.unwrap_or_default()))
        .collect();
    let policy = of_type(&input.policy_type_name, &attributes)?;
    create(tx, &input.load_balancer_name, &input.policy_name, policy)?;
    Ok(CreateLoadBalancerPolicyOutput {})
}

fn create(tx: &mut Tx<'_>, load_balancer: &str, policy_name: &str, policy: Policy) -> Result<(), Fault> {
    let mut row = take(tx, load_balancer)?;
    name::check_policy(policy_name)?;
    if row.policies.len() >= POLICIES {
        return Err(faults::too_many_policies(POLICIES));
    }
    if row.policies.insert(policy_name.to_owned(), policy).is_some() {
        return Err(faults::duplicate_policy_name(policy_name));
    }
    tx.put(row);
    Ok(())
}

fn app_cookie(cookie: &str) -> Result<Policy, Fault> {
    // RFC 6265, section 4.1.1: a token.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if cookie.is_empty() || cookie.len() > 256 || !cookie.bytes().all(is_token) {
        return Err(faults::validation_error(format!("The cookie name '{cookie}' is not valid")));
    }
    Ok(Policy {
        kind: PolicyKind::AppCookieStickiness { cookie: cookie.to_owned() },
        attributes: vec![("CookieName".to_owned(), cookie.to_owned())],
    })
}

fn lb_cookie(period: Option<i64>) -> Result<Policy, Fault> {
    let seconds = period.map(|period| {
        u32::try_from(period).ok().filter(|seconds| *seconds > 0).ok_or_else(|| {
            faults::validation_error("CookieExpirationPeriod must be a positive number of seconds")
        })
    });
    let seconds = seconds.transpose()?;
    let shown = seconds.unwrap_or(0).to_string();
    Ok(Policy {
        kind: PolicyKind::LbCookieStickiness { seconds },
        attributes: vec![("CookieExpirationPeriod".to_owned(), shown)],
    })
}

fn of_type(kind: &str, attributes: &BTreeMap<String, String>) -> Result<Policy, Fault> {
    let value = |key: &str| attributes.get(key).map(String::as_str);
    match kind {
        "AppCookieStickinessPolicyType" => app_cookie(value("CookieName").unwrap_or_default()),
        "LBCookieStickinessPolicyType" => {
            let period = value("CookieExpirationPeriod").map(|text| text.parse().unwrap_or(-1));
            lb_cookie(period)
        }
        "ProxyProtocolPolicyType" => {
            let is_on = match value("ProxyProtocol") {
                Some(text) if text.eq_ignore_ascii_case("true") => true,
                Some(text) if text.eq_ignore_ascii_case("false") => false,
                _ => {
                    return Err(faults::invalid_configuration_request("ProxyProtocol must be true or false"));
                }
            };
            Ok(Policy {
                kind: PolicyKind::ProxyProtocol { is_on },
                attributes: vec![("ProxyProtocol".to_owned(), is_on.to_string())],
            })
        }
        "SSLNegotiationPolicyType" => match value(REFERENCE) {
            Some(reference) if attributes.len() == 1 && is_predefined(reference) => {
                Ok(negotiation(reference))
            }
            Some(reference) if attributes.len() == 1 => Err(faults::invalid_configuration_request(format!(
                "{REFERENCE} {reference} is not a predefined policy"
            ))),
            _ => Err(faults::not_supported("A negotiation policy with ciphers of its own is")),
        },
        "PublicKeyPolicyType" | "BackendServerAuthenticationPolicyType" => {
            Err(faults::not_supported("The authentication of instances is"))
        }
        _ => Err(faults::policy_type_not_found(kind)),
    }
}

/// A policy that is enabled stays.
fn delete_load_balancer_policy(
    tx: &mut Tx<'_>,
    input: DeleteLoadBalancerPolicyInput,
) -> Result<DeleteLoadBalancerPolicyOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    let mut enabled = row.listeners.values().map(|listener| &listener.policies).chain(row.backends.values());
    if enabled.any(|names| names.contains(&input.policy_name)) {
        return Err(faults::invalid_configuration_request(
            "You must disable the policy from all listeners before deleting it",
        ));
    }
    row.policies.remove(&input.policy_name);
    tx.put(row);
    Ok(DeleteLoadBalancerPolicyOutput {})
}

/// Without a load balancer AWS's own policies are described.
fn describe_load_balancer_policies(
    read: &Read<'_>,
    input: DescribeLoadBalancerPoliciesInput,
) -> Result<DescribeLoadBalancerPoliciesOutput, Fault> {
    let known: BTreeMap<String, Policy> = match &input.load_balancer_name {
        Some(name) => find(read.world, &read.caller.scope, name)?.policies.clone(),
        None => predefined().map(|(name, policy)| (name.to_owned(), policy)).collect(),
    };
    let wanted = input.policy_names.unwrap_or_default();
    if let Some(missing) = wanted.iter().find(|name| !known.contains_key(*name)) {
        return Err(faults::policy_not_found(missing));
    }
    let descriptions = known.iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let descriptions = descriptions.map(|(name, policy)| PolicyDescription {
        policy_name: text(name),
        policy_type_name: text(policy.kind.name()),
        policy_attribute_descriptions: Some(policy.attributes.iter().map(attribute).collect()),
    });
    Ok(DescribeLoadBalancerPoliciesOutput { policy_descriptions: Some(descriptions.collect()) })
}

fn attribute((name, value): &(String, String)) -> PolicyAttributeDescription {
    PolicyAttributeDescription { attribute_name: text(name), attribute_value: text(value) }
}

/// The policies of those names.
fn named<'r>(row: &'r LoadBalancer, names: &[String]) -> Result<Vec<&'r Policy>, Fault> {
    names.iter().map(|name| row.policies.get(name).ok_or_else(|| faults::policy_not_found(name))).collect()
}

fn set_load_balancer_policies_of_listener(
    tx: &mut Tx<'_>,
    input: SetLoadBalancerPoliciesOfListenerInput,
) -> Result<SetLoadBalancerPoliciesOfListenerOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    let port = port(input.load_balancer_port, "Load Balancer")?;
    let listener = row.listeners.get(&port).ok_or_else(|| faults::listener_not_found(&row.name, port))?;
    check_listener(listener, &named(&row, &input.policy_names)?)?;
    if let Some(listener) = row.listeners.get_mut(&port) {
        listener.policies = input.policy_names;
    }
    tx.put(row);
    Ok(SetLoadBalancerPoliciesOfListenerOutput {})
}

/// Refuses policies that a listener has no use for, and two of one use.
fn check_listener(listener: &Listener, policies: &[&Policy]) -> Result<(), Fault> {
    let is_sticky = |policy: &Policy| {
        matches!(policy.kind, PolicyKind::AppCookieStickiness { .. } | PolicyKind::LbCookieStickiness { .. })
    };
    let negotiates = |policy: &Policy| matches!(policy.kind, PolicyKind::SslNegotiation { .. });
    let sticky = policies.iter().filter(|policy| is_sticky(policy)).count();
    let negotiating = policies.iter().filter(|policy| negotiates(policy)).count();
    let refuse = |why: &str| Err(faults::invalid_configuration_request(why));
    match () {
        () if sticky > 0 && !listener.protocol.is_http() => {
            refuse("Session stickiness policies can be associated only with HTTP/HTTPS listeners")
        }
        () if negotiating > 0 && !listener.protocol.is_secure() => {
            refuse("SSL negotiation policies can be associated only with HTTPS/SSL listeners")
        }
        () if sticky + negotiating < policies.len() => {
            refuse("Proxy Protocol policies can be associated only with instance ports")
        }
        () if sticky > 1 || negotiating > 1 => refuse("A listener can have at most one policy of a type"),
        () => Ok(()),
    }
}

fn set_load_balancer_policies_for_backend_server(
    tx: &mut Tx<'_>,
    input: SetLoadBalancerPoliciesForBackendServerInput,
) -> Result<SetLoadBalancerPoliciesForBackendServerOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    let port = port(input.instance_port, "Instance")?;
    let policies = named(&row, &input.policy_names)?;
    if policies.iter().any(|policy| !matches!(policy.kind, PolicyKind::ProxyProtocol { .. })) {
        return Err(faults::invalid_configuration_request(
            "Only Proxy Protocol policies can be associated with instance ports",
        ));
    }
    if !row.listeners.values().any(|listener| listener.instance_port == port) {
        return Err(faults::invalid_configuration_request(format!(
            "There is no listener of load balancer '{}' with instance port {port}",
            row.name
        )));
    }
    match input.policy_names.is_empty() {
        true => drop(row.backends.remove(&port)),
        false => drop(row.backends.insert(port, input.policy_names)),
    }
    tx.put(row);
    Ok(SetLoadBalancerPoliciesForBackendServerOutput {})
}
