//! Logins at an OpenID provider.
//! [Authenticate users](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html)
//!
//! The client's secret is never shown; who modifies an action need not repeat it.

use enishi_api::elbv2::{self as api, AuthenticateOidcActionConfig};
use enishi_state::elbv2::{Action, Authenticate, ListenerProtocol};
use enishi_wire::Fault;

use super::super::{faults, text};
use super::Place;

/// How long a login counts unless the user says otherwise: seven days.
const SESSION_SECONDS: i64 = 604_800;
/// Parameters for the authorization endpoint at most.
const EXTRA_PARAMETERS: usize = 10;

/// A login, checked.
///
/// # Errors
/// `InvalidLoadBalancerAction`, `ValidationError`
pub(super) fn parse(place: Place<'_>, config: AuthenticateOidcActionConfig) -> Result<Authenticate, Fault> {
    if place.protocol != ListenerProtocol::Https {
        return Err(faults::invalid_load_balancer_action(
            "Actions of type 'authenticate-oidc' are supported only on HTTPS listeners",
        ));
    }
    let endpoints = [
        ("issuer", &config.issuer),
        ("authorization endpoint", &config.authorization_endpoint),
        ("token endpoint", &config.token_endpoint),
        ("user info endpoint", &config.user_info_endpoint),
    ];
    for (noun, url) in endpoints {
        if !is_https(url) {
            return Err(faults::validation_error(format!(
                "The {noun} '{url}' must be a full URL that uses the HTTPS protocol"
            )));
        }
    }
    let session_seconds = config.session_timeout.unwrap_or(SESSION_SECONDS);
    if !(1..=SESSION_SECONDS).contains(&session_seconds) {
        return Err(faults::validation_error(format!(
            "The session timeout '{session_seconds}' must be between '1' and '{SESSION_SECONDS}' inclusive"
        )));
    }
    let extra = config.authentication_request_extra_params.unwrap_or_default();
    if extra.len() > EXTRA_PARAMETERS {
        return Err(faults::validation_error(format!(
            "Up to {EXTRA_PARAMETERS} extra parameters can be specified"
        )));
    }
    let client_secret = match config.client_secret {
        Some(secret) => secret,
        None => existing_secret(place, &config.issuer, &config.client_id)
            .filter(|_| config.use_existing_client_secret == Some(true))
            .ok_or_else(|| faults::validation_error("A client secret must be specified"))?,
    };
    Ok(Authenticate {
        issuer: config.issuer,
        authorization_endpoint: config.authorization_endpoint,
        token_endpoint: config.token_endpoint,
        user_info_endpoint: config.user_info_endpoint,
        client_id: config.client_id,
        client_secret,
        session_cookie: config.session_cookie_name.unwrap_or_else(|| "AWSELBAuthSessionCookie".to_owned()),
        scope: config.scope.unwrap_or_else(|| "openid".to_owned()),
        session_seconds: u64::try_from(session_seconds).unwrap_or_default(),
        extra,
        on_unauthenticated: config.on_unauthenticated_request.unwrap_or_else(|| "authenticate".to_owned()),
    })
}

fn is_https(url: &str) -> bool {
    let rest = url.strip_prefix("https://");
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

fn existing_secret(place: Place<'_>, issuer: &str, client_id: &str) -> Option<String> {
    place.existing.iter().find_map(|action| match action {
        Action::AuthenticateOidc(login) if login.issuer == issuer && login.client_id == client_id => {
            Some(login.client_secret.clone())
        }
        _ => None,
    })
}

/// As responses show it.
pub(super) fn shape(login: &Authenticate) -> api::Action {
    let extra = login.extra.clone();
    api::Action {
        r#type: "authenticate-oidc".to_owned(),
        authenticate_oidc_config: Some(AuthenticateOidcActionConfig {
            issuer: login.issuer.clone(),
            authorization_endpoint: login.authorization_endpoint.clone(),
            token_endpoint: login.token_endpoint.clone(),
            user_info_endpoint: login.user_info_endpoint.clone(),
            client_id: login.client_id.clone(),
            client_secret: None,
            session_cookie_name: text(&login.session_cookie),
            scope: text(&login.scope),
            session_timeout: i64::try_from(login.session_seconds).ok(),
            authentication_request_extra_params: Some(extra).filter(|extra| !extra.is_empty()),
            on_unauthenticated_request: text(&login.on_unauthenticated),
            use_existing_client_secret: None,
        }),
        ..Default::default()
    }
}
