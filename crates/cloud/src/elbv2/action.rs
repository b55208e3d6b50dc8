//! Actions of listeners and rules.
//! [Rule action types](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html)
//!
//! A list of actions ends with one that routes: forward, redirect or fixed response; before it there can be a login. What a
//! user leaves out is in the answers with its default. A Network Load Balancer only forwards, to one target group.

mod authenticate;
mod forward;

use std::collections::BTreeSet;

use enishi_api::elbv2::{self as api, FixedResponseActionConfig, RedirectActionConfig};
use enishi_state::elbv2::{
    Action, FixedResponse, ListenerProtocol, LoadBalancer, LoadBalancerKind, Redirect,
};
use enishi_state::{Scope, World};
use enishi_wire::Fault;

pub(super) use forward::{GROUPS_PER_ACTION, GROUPS_PER_BALANCER};

use super::{faults, text};

/// Actions of a rule at most: two logins and what routes.
const ACTIONS: usize = 3;
/// The media types of fixed responses.
const CONTENT_TYPES: &[&str] =
    &["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

/// Where actions are to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'w> {
    /// The world.
    pub(super) world: &'w World,
    /// The caller's account and region.
    pub(super) scope: &'w Scope,
    /// The load balancer.
    pub(super) balancer: &'w LoadBalancer,
    /// What the listener's clients speak.
    pub(super) protocol: ListenerProtocol,
    /// The actions that are there so far, which keep the secrets that a request does not repeat.
    pub(super) existing: &'w [Action],
}

/// The actions of a request, in order.
///
/// # Errors
/// `ValidationError`, `InvalidLoadBalancerAction`, `TooManyActions`, and of forward actions `TargetGroupNotFound`,
/// `IncompatibleProtocols`, `TargetGroupAssociationLimit`, `InvalidConfigurationRequest`, `TooManyTargetGroups`,
/// `TooManyUniqueTargetGroupsPerLoadBalancer`.
pub(super) fn parse(place: Place<'_>, actions: Vec<api::Action>) -> Result<Vec<Action>, Fault> {
    let mut actions = actions;
    if actions.is_empty() {
        return Err(faults::validation_error("At least one action must be specified"));
    }
    if actions.len() > ACTIONS {
        return Err(faults::too_many_actions());
    }
    if actions.len() > 1 {
        let orders: BTreeSet<i32> = actions.iter().filter_map(|action| action.order).collect();
        if orders.len() != actions.len() {
            return Err(faults::invalid_load_balancer_action(
                "Each action must have an order of its own when more than one action is specified",
            ));
        }
        actions.sort_by_key(|action| action.order);
    }
    let parsed = actions.into_iter().map(|action| parse_one(place, action)).collect::<Result<Vec<_>, _>>()?;
    let routes = parsed.iter().filter(|action| !matches!(action, Action::AuthenticateOidc(_))).count();
    let ends = !matches!(parsed.last(), Some(Action::AuthenticateOidc(_)));
    match routes == 1 && ends {
        true => Ok(parsed),
        false => Err(faults::invalid_load_balancer_action(
            "Exactly one action must be of type forward, redirect or fixed-response, and it must be the last one",
        )),
    }
}

fn parse_one(place: Place<'_>, action: api::Action) -> Result<Action, Fault> {
    if place.balancer.kind == LoadBalancerKind::Network && action.r#type != "forward" {
        return Err(faults::invalid_load_balancer_action(format!(
            "Actions of type '{}' are not supported on load balancers with type 'network'",
            action.r#type
        )));
    }
    let lacks = |config: &str| {
        faults::validation_error(format!(
            "{config} must be specified for actions of type '{}'",
            action.r#type
        ))
    };
    match action.r#type.as_str() {
        "forward" => forward::parse(place, action).map(Action::Forward),
        "redirect" => {
            let config = action.redirect_config.ok_or_else(|| lacks("A redirect config"))?;
            parse_redirect(config).map(Action::Redirect)
        }
        "fixed-response" => {
            let config = action.fixed_response_config.ok_or_else(|| lacks("A fixed response config"))?;
            parse_fixed_response(config).map(Action::FixedResponse)
        }
        "authenticate-oidc" => {
            let config = action.authenticate_oidc_config.ok_or_else(|| lacks("An OIDC config"))?;
            authenticate::parse(place, config).map(Action::AuthenticateOidc)
        }
        other => Err(faults::not_supported(&format!("Actions of type '{other}' are"))),
    }
}

fn parse_redirect(config: RedirectActionConfig) -> Result<Redirect, Fault> {
    let redirect = Redirect {
        protocol: config.protocol.unwrap_or_else(|| "#{protocol}".to_owned()),
        host: config.host.unwrap_or_else(|| "#{host}".to_owned()),
        port: config.port.unwrap_or_else(|| "#{port}".to_owned()),
        path: config.path.unwrap_or_else(|| "/#{path}".to_owned()),
        query: config.query.unwrap_or_else(|| "#{query}".to_owned()),
        status: if config.status_code == "HTTP_301" { 301 } else { 302 },
    };
    if !matches!(redirect.protocol.as_str(), "HTTP" | "HTTPS" | "#{protocol}") {
        return Err(faults::validation_error(format!(
            "The redirect protocol '{}' must be one of 'HTTP, HTTPS, #{{protocol}}'",
            redirect.protocol
        )));
    }
    let is_port = redirect.port == "#{port}" || redirect.port.parse::<u16>().is_ok_and(|port| port > 0);
    if !is_port {
        return Err(faults::validation_error(format!(
            "The redirect port '{}' must be '#{{port}}' or a number between '1' and '65535'",
            redirect.port
        )));
    }
    if !redirect.path.starts_with('/') {
        let message = format!("The redirect path '{}' must begin with a '/'", redirect.path);
        return Err(faults::validation_error(message));
    }
    let changes = redirect.protocol != "#{protocol}"
        || redirect.host != "#{host}"
        || redirect.port != "#{port}"
        || redirect.path != "/#{path}";
    match changes {
        true => Ok(redirect),
        false => Err(faults::invalid_load_balancer_action(
            "The redirect configuration is not valid because it creates a loop.",
        )),
    }
}

fn parse_fixed_response(config: FixedResponseActionConfig) -> Result<FixedResponse, Fault> {
    let status = config.status_code.parse::<u16>().ok();
    let status = status.filter(|status| matches!(status, 200..=299 | 400..=599)).ok_or_else(|| {
        faults::validation_error(format!("The status code '{}' must be 2XX, 4XX or 5XX", config.status_code))
    })?;
    let content_type = config.content_type.filter(|content_type| !content_type.is_empty());
    if let Some(other) = content_type.as_deref().filter(|content_type| !CONTENT_TYPES.contains(content_type))
    {
        return Err(faults::validation_error(format!(
            "The content type '{other}' must be one of '{}'",
            CONTENT_TYPES.join(", ")
        )));
    }
    Ok(FixedResponse { status, content_type, body: config.message_body })
}

/// Actions as responses show them.
pub(super) fn shapes(kind: LoadBalancerKind, actions: &[Action]) -> Vec<api::Action> {
    let order = |at: usize| (actions.len() > 1).then(|| i32::try_from(at + 1).unwrap_or(i32::MAX));
    let shape = |(at, action)| api::Action { order: order(at), ..shape(kind, action) };
    actions.iter().enumerate().map(shape).collect()
}

fn shape(kind: LoadBalancerKind, action: &Action) -> api::Action {
    match action {
        Action::Forward(forward) => forward::shape(kind, forward),
        Action::Redirect(redirect) => api::Action {
            r#type: "redirect".to_owned(),
            redirect_config: Some(RedirectActionConfig {
                protocol: text(&redirect.protocol),
                port: text(&redirect.port),
                host: text(&redirect.host),
                path: text(&redirect.path),
                query: text(&redirect.query),
                status_code: format!("HTTP_{}", redirect.status),
            }),
            ..Default::default()
        },
        Action::FixedResponse(response) => api::Action {
            r#type: "fixed-response".to_owned(),
            fixed_response_config: Some(FixedResponseActionConfig {
                message_body: response.body.clone(),
                status_code: response.status.to_string(),
                content_type: response.content_type.clone(),
            }),
            ..Default::default()
        },
        Action::AuthenticateOidc(login) => authenticate::shape(login),
    }
}
