//! Listeners of load balancers, with their rules in the order in which they are tried.
//! [Listener rules](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html)

use std::collections::BTreeMap;
use std::sync::Arc;

use enishi_fabric::Cidr;
use enishi_fabric::balancer::{
    self as program, Action, Authenticate, Certificate, Condition, FixedResponse, Forward,
    ListenerAttributes, ListenerProtocol, OidcClient, OnUnauthenticated, Pattern, Redirect, Rewrite, Tls,
};
use enishi_state::elbv2::{
    self as rows, Listener, LoadBalancer, MutualAuthentication, Rule, TargetGroup, TrustStore,
};
use enishi_state::{World, acm};

/// The listeners that user space serves, by their port. One whose certificate is gone is left out: it could answer nobody.
pub(crate) fn compile(world: &World, balancer: &LoadBalancer) -> BTreeMap<u16, Arc<program::Listener>> {
    let rows = world.by::<Listener>("load_balancer", balancer.arn.as_str());
    rows.filter_map(|row| Some((row.port, Arc::new(listener(world, row)?)))).collect()
}

fn listener(world: &World, row: &Listener) -> Option<program::Listener> {
    let protocol = protocol(world, row)?;
    let tls = match protocol {
        ListenerProtocol::Https | ListenerProtocol::Tls => Some(Arc::new(tls(world, row)?)),
        ListenerProtocol::Http | ListenerProtocol::Tcp => None,
    };
    Some(program::Listener {
        arn: row.arn.as_str().into(),
        port: row.port,
        protocol,
        tls,
        rules: rules(world, row),
        attributes: Arc::new(attributes(row)),
    })
}

/// What user space speaks with clients; nothing where the kernel forwards.
fn protocol(world: &World, row: &Listener) -> Option<ListenerProtocol> {
    match row.protocol {
        rows::ListenerProtocol::Http => Some(ListenerProtocol::Http),
        rows::ListenerProtocol::Https => Some(ListenerProtocol::Https),
        rows::ListenerProtocol::Tls => Some(ListenerProtocol::Tls),
        rows::ListenerProtocol::Tcp => is_relayed(world, row).then_some(ListenerProtocol::Tcp),
        rows::ListenerProtocol::Udp | rows::ListenerProtocol::TcpUdp => None,
    }
}

/// Whether a TCP listener's connections are relayed: the kernel cannot write a Proxy Protocol header.
pub(crate) fn is_relayed(world: &World, row: &Listener) -> bool {
    let mut groups = row.default_actions.iter().flat_map(|action| action.target_groups());
    let announces = |group: &TargetGroup| group.attribute("proxy_protocol_v2.enabled") == "true";
    row.protocol == rows::ListenerProtocol::Tls
        || groups.any(|arn| world.get::<TargetGroup>(arn).is_some_and(announces))
}

fn rules(world: &World, row: &Listener) -> Vec<Arc<program::Rule>> {
    let mut rules: Vec<&Rule> = world.by::<Rule>("listener", row.arn.as_str()).collect();
    rules.sort_by_key(|rule| rule.priority);
    let compiled = rules.into_iter().filter_map(|rule| {
        let (authenticate, action) = actions(&rule.actions)?;
        Some(program::Rule {
            arn: rule.arn.as_str().into(),
            priority: Some(rule.priority),
            conditions: rule.conditions.iter().map(condition).collect(),
            authenticate,
            rewrites: rule.rewrites.iter().map(rewrite).collect(),
            action,
        })
    });
    let default = actions(&row.default_actions).map(|(authenticate, action)| program::Rule {
        arn: row.default_rule().as_str().into(),
        priority: None,
        conditions: Vec::new(),
        authenticate,
        rewrites: Vec::new(),
        action,
    });
    compiled.chain(default).map(Arc::new).collect()
}

/// The action that routes, and who may go that far.
fn actions(actions: &[rows::Action]) -> Option<(Option<Arc<Authenticate>>, Action)> {
    let authenticate = actions.iter().find_map(|action| match action {
        rows::Action::AuthenticateOidc(login) => Some(Arc::new(self::authenticate(login))),
        _ => None,
    });
    let action = actions.iter().find_map(|action| match action {
        rows::Action::Forward(forward) => Some(Action::Forward(self::forward(forward))),
        rows::Action::Redirect(redirect) => Some(Action::Redirect(self::redirect(redirect))),
        rows::Action::FixedResponse(fixed) => Some(Action::Fixed(self::fixed_response(fixed))),
        rows::Action::AuthenticateOidc(_) => None,
    });
    Some((authenticate, action?))
}

fn forward(forward: &rows::Forward) -> Forward {
    let weighted =
        |group: &rows::TargetGroupWeight| (Arc::from(group.target_group.as_str()), group.weight.unwrap_or(1));
    Forward {
        groups: forward.groups.iter().map(weighted).collect(),
        stickiness_seconds: forward.stickiness_seconds,
    }
}

fn redirect(redirect: &rows::Redirect) -> Redirect {
    Redirect {
        protocol: redirect.protocol.as_str().into(),
        host: redirect.host.as_str().into(),
        port: redirect.port.as_str().into(),
        path: redirect.path.as_str().into(),
        query: redirect.query.as_str().into(),
        status: redirect.status,
    }
}

fn fixed_response(fixed: &rows::FixedResponse) -> FixedResponse {
    FixedResponse {
        status: fixed.status,
        content_type: fixed.content_type.as_deref().map(Arc::from),
        body: fixed.body.as_deref().unwrap_or_default().into(),
    }
}

fn authenticate(login: &rows::Authenticate) -> Authenticate {
    Authenticate {
        client: OidcClient {
            issuer: login.issuer.as_str().into(),
            authorization_endpoint: login.authorization_endpoint.as_str().into(),
            token_endpoint: login.token_endpoint.as_str().into(),
            user_info_endpoint: login.user_info_endpoint.as_str().into(),
            client_id: login.client_id.as_str().into(),
            client_secret: login.client_secret.as_str().into(),
        },
        cookie: login.session_cookie.as_str().into(),
        scope: login.scope.as_str().into(),
        session_seconds: login.session_seconds,
        extra: pairs(&login.extra),
        otherwise: match login.on_unauthenticated.as_str() {
            "deny" => OnUnauthenticated::Deny,
            "allow" => OnUnauthenticated::Allow,
            _ => OnUnauthenticated::Authenticate,
        },
    }
}

fn condition(condition: &rows::Condition) -> Condition {
    match condition {
        rows::Condition::HostHeader { values, regex } => Condition::Host(patterns(values, regex)),
        rows::Condition::PathPattern { values, regex } => Condition::Path(patterns(values, regex)),
        rows::Condition::HttpHeader { name, values, regex } => {
            Condition::Header { name: name.as_str().into(), values: patterns(values, regex) }
        }
        rows::Condition::HttpRequestMethod(methods) => {
            Condition::Method(methods.iter().map(|method| method.as_str().into()).collect())
        }
        rows::Condition::QueryString(pairs) => {
            let pair =
                |(key, value): &(Option<String>, String)| (key.as_deref().map(wildcard), wildcard(value));
            Condition::Query(pairs.iter().map(pair).collect())
        }
        // IPv6 blocks match nobody: clients have IPv4 addresses.
        rows::Condition::SourceIp(blocks) => {
            Condition::Source(blocks.iter().filter_map(|block| Cidr::parse_lenient(block).ok()).collect())
        }
    }
}

fn patterns(values: &[String], regex: &[String]) -> Vec<Pattern> {
    let regex = regex.iter().map(|text| Pattern::Regex(text.as_str().into()));
    values.iter().map(|text| wildcard(text)).chain(regex).collect()
}

fn wildcard(text: &str) -> Pattern {
    Pattern::Wildcard(text.into())
}

fn rewrite(rewrite: &rows::Rewrite) -> Rewrite {
    match rewrite {
        rows::Rewrite::HostHeader(from, to) => Rewrite::Host(from.as_str().into(), to.as_str().into()),
        rows::Rewrite::Url(from, to) => Rewrite::Url(from.as_str().into(), to.as_str().into()),
    }
}

fn tls(world: &World, row: &Listener) -> Option<Tls> {
    let mut certificates = row.certificates.iter().filter_map(|arn| certificate(world, arn));
    Some(Tls {
        policy: row.ssl_policy.as_deref().unwrap_or_default().into(),
        default: certificates.next()?,
        others: certificates.collect(),
        alpn: match row.alpn_policy.as_deref() {
            Some("HTTP1Only") => program::AlpnPolicy::Http1Only,
            Some("HTTP2Only") => program::AlpnPolicy::Http2Only,
            Some("HTTP2Optional") => program::AlpnPolicy::Http2Optional,
            Some("HTTP2Preferred") => program::AlpnPolicy::Http2Preferred,
            _ => program::AlpnPolicy::None,
        },
        mutual: mutual(world, row),
    })
}

/// The certificate of that ARN, if it was issued.
pub(crate) fn certificate(world: &World, arn: &str) -> Option<Arc<Certificate>> {
    let row = world.get::<acm::Certificate>(&acm::CertificateArn::new(arn))?;
    let material = row.material.as_ref()?;
    Some(Arc::new(Certificate {
        arn: arn.into(),
        names: row.names.iter().map(|name| name.as_str().into()).collect(),
        chain: format!("{}{}", material.certificate, material.chain).into(),
        key: program::PrivateKey(row.private_key.pem().into()),
    }))
}

fn mutual(world: &World, row: &Listener) -> program::MutualAuthentication {
    match &row.mutual {
        MutualAuthentication::Off => program::MutualAuthentication::Off,
        MutualAuthentication::PassThrough => program::MutualAuthentication::PassThrough,
        MutualAuthentication::Verify { trust_store, ignore_expiry, advertise } => {
            let store = world.get::<TrustStore>(trust_store);
            program::MutualAuthentication::Verify {
                authorities: store.map_or("", |store| &store.certificates).into(),
                revocations: store
                    .into_iter()
                    .flat_map(|store| store.revocations.values())
                    .map(|list| list.as_str().into())
                    .collect(),
                ignore_expiry: *ignore_expiry,
                advertise: *advertise,
            }
        }
    }
}

pub(crate) fn attributes(row: &Listener) -> ListenerAttributes {
    let usual = ListenerAttributes::default();
    let set = |key: &str| row.attributes.get(key).map(String::as_str);
    let named = |suffix: &'static str| {
        row.attributes.iter().filter_map(move |(key, value)| {
            let name = key.strip_suffix(suffix)?.rsplit('.').next()?;
            (!value.is_empty()).then(|| (Arc::from(name), Arc::from(value.as_str())))
        })
    };
    ListenerAttributes {
        server_header: set("routing.http.response.server.enabled") != Some("false"),
        tcp_idle_timeout_seconds: set("tcp.idle_timeout.seconds")
            .and_then(|text| text.parse().ok())
            .unwrap_or(usual.tcp_idle_timeout_seconds),
        renamed: named(".header_name").collect(),
        response_headers: named(".header_value").collect(),
    }
}

fn pairs(pairs: &BTreeMap<String, String>) -> BTreeMap<Arc<str>, Arc<str>> {
    pairs.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect()
}
