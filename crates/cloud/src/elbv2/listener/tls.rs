//! What a listener has whose clients speak TLS: certificates, a security policy, an ALPN policy, mutual authentication.
//! [HTTPS listeners](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/create-https-listener.html),
//! [TLS listeners](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/create-tls-listener.html)

use enishi_api::elbv2::{self as api, MutualAuthenticationAttributes};
use enishi_state::elbv2::{Listener, ListenerProtocol, MutualAuthentication, TrustStore, TrustStoreArn};
use enishi_state::{Scope, Timestamp, World};
use enishi_wire::Fault;

use super::super::{faults, text};
use super::{certificate, protocol_name, ssl_policy};

/// The policy of a listener that names none.
const POLICY: &str = "ELBSecurityPolicy-2016-08";
/// What a TLS listener can negotiate.
const ALPN_POLICIES: &[&str] = &["HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"];

/// What a request says of TLS.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) ssl_policy: Option<String>,
    pub(super) certificates: Option<Vec<api::Certificate>>,
    pub(super) alpn_policy: Option<Vec<String>>,
    pub(super) mutual: Option<MutualAuthenticationAttributes>,
}

/// What a listener has of TLS.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) ssl_policy: Option<String>,
    pub(super) certificates: Vec<String>,
    pub(super) alpn_policy: Option<String>,
    pub(super) mutual: MutualAuthentication,
}

fn is_tls(protocol: ListenerProtocol) -> bool {
    matches!(protocol, ListenerProtocol::Https | ListenerProtocol::Tls)
}

/// What a new listener has.
///
/// # Errors
/// `ValidationError`, `SSLPolicyNotFound`, `ALPNPolicyNotFound`, `CertificateNotFound`, `UnsupportedCertificate`,
/// `TrustStoreNotFound`
pub(super) fn new(
    world: &World,
    scope: &Scope,
    protocol: ListenerProtocol,
    asked: Asked,
    now: Timestamp,
) -> Result<Tls, Fault> {
    let none =
        Tls { ssl_policy: None, certificates: vec![], alpn_policy: None, mutual: MutualAuthentication::Off };
    apply(world, scope, protocol, none, asked, now)
}

/// Changes what a listener has. One that does not speak TLS any more has nothing.
///
/// # Errors
/// As [`new`].
pub(super) fn change(
    world: &World,
    scope: &Scope,
    row: &mut Listener,
    asked: Asked,
    now: Timestamp,
) -> Result<(), Fault> {
    let old = Tls {
        ssl_policy: row.ssl_policy.take(),
        certificates: std::mem::take(&mut row.certificates),
        alpn_policy: row.alpn_policy.take(),
        mutual: row.mutual.clone(),
    };
    let tls = apply(world, scope, row.protocol, old, asked, now)?;
    row.ssl_policy = tls.ssl_policy;
    row.certificates = tls.certificates;
    row.alpn_policy = tls.alpn_policy;
    row.mutual = tls.mutual;
    Ok(())
}

fn apply(
    world: &World,
    scope: &Scope,
    protocol: ListenerProtocol,
    old: Tls,
    asked: Asked,
    now: Timestamp,
) -> Result<Tls, Fault> {
    let name = protocol_name(protocol);
    if !is_tls(protocol) {
        return refuse_all(name, &asked).map(|()| Tls {
            ssl_policy: None,
            certificates: vec![],
            alpn_policy: None,
            mutual: MutualAuthentication::Off,
        });
    }
    let mut certificates = old.certificates;
    if let Some(asked) = asked.certificates.filter(|certificates| !certificates.is_empty()) {
        let default = certificate::parse_default(world, scope, asked, now)?;
        certificates.retain(|arn| *arn != default);
        match certificates.first_mut() {
            Some(first) => *first = default,
            None => certificates.push(default),
        }
    }
    if certificates.is_empty() {
        return Err(faults::validation_error(format!(
            "A certificate must be specified for {name} listeners"
        )));
    }
    let policy = asked.ssl_policy.or(old.ssl_policy).unwrap_or_else(|| POLICY.to_owned());
    ssl_policy::check(&policy)?;
    Ok(Tls {
        ssl_policy: Some(policy),
        certificates,
        alpn_policy: parse_alpn(protocol, asked.alpn_policy, old.alpn_policy)?,
        mutual: match asked.mutual {
            Some(mutual) => parse_mutual(world, scope, protocol, mutual)?,
            None => old.mutual,
        },
    })
}

fn refuse_all(protocol: &str, asked: &Asked) -> Result<(), Fault> {
    let refuse = |what: &str| {
        Err(faults::validation_error(format!("{what} cannot be specified for {protocol} listeners")))
    };
    if asked.certificates.as_ref().is_some_and(|certificates| !certificates.is_empty()) {
        return refuse("A certificate");
    }
    if asked.ssl_policy.as_ref().is_some_and(|policy| !policy.is_empty()) {
        return refuse("An SSL policy");
    }
    if asked.alpn_policy.as_ref().is_some_and(|policy| !policy.is_empty()) {
        return refuse("An ALPN policy");
    }
    match asked.mutual.as_ref().and_then(|mutual| mutual.mode.as_deref()) {
        None | Some("off") => Ok(()),
        Some(_) => refuse("Mutual authentication"),
    }
}

fn parse_alpn(
    protocol: ListenerProtocol,
    asked: Option<Vec<String>>,
    old: Option<String>,
) -> Result<Option<String>, Fault> {
    let Some(policies) = asked else { return Ok(old.filter(|_| protocol == ListenerProtocol::Tls)) };
    match policies.as_slice() {
        [] => Ok(None),
        _ if protocol != ListenerProtocol::Tls => Err(faults::validation_error(format!(
            "An ALPN policy cannot be specified for {} listeners",
            protocol_name(protocol)
        ))),
        [policy] if ALPN_POLICIES.contains(&policy.as_str()) => Ok(Some(policy.clone())),
        [policy] => Err(faults::alpn_policy_not_found(policy)),
        _ => Err(faults::validation_error("Only one ALPN policy can be specified")),
    }
}

fn parse_mutual(
    world: &World,
    scope: &Scope,
    protocol: ListenerProtocol,
    asked: MutualAuthenticationAttributes,
) -> Result<MutualAuthentication, Fault> {
    let mode = asked.mode.as_deref().unwrap_or("off");
    if protocol != ListenerProtocol::Https && mode != "off" {
        return Err(faults::validation_error(format!(
            "Mutual authentication cannot be specified for {} listeners",
            protocol_name(protocol)
        )));
    }
    if mode != "verify" && asked.trust_store_arn.is_some() {
        return Err(faults::validation_error(format!(
            "A trust store ARN cannot be specified for mutual authentication mode '{mode}'"
        )));
    }
    match mode {
        "off" => Ok(MutualAuthentication::Off),
        "passthrough" => Ok(MutualAuthentication::PassThrough),
        "verify" => {
            let arn = asked.trust_store_arn.ok_or_else(|| {
                faults::validation_error(
                    "A trust store ARN must be specified for mutual authentication mode 'verify'",
                )
            })?;
            let found = world.get::<TrustStore>(&TrustStoreArn::new(&arn)).filter(|row| row.scope == *scope);
            let found = found.ok_or_else(|| faults::trust_store_not_found(&arn))?;
            Ok(MutualAuthentication::Verify {
                trust_store: found.arn.clone(),
                ignore_expiry: asked.ignore_client_certificate_expiry == Some(true),
                advertise: asked.advertise_trust_store_ca_names.as_deref() == Some("on"),
            })
        }
        other => Err(faults::validation_error(format!(
            "Mutual authentication mode '{other}' must be one of 'off, passthrough, verify'"
        ))),
    }
}

/// Mutual authentication as responses show it, of HTTPS listeners.
pub(super) fn mutual_shape(row: &Listener) -> Option<MutualAuthenticationAttributes> {
    if row.protocol != ListenerProtocol::Https {
        return None;
    }
    Some(match &row.mutual {
        MutualAuthentication::Off => {
            MutualAuthenticationAttributes { mode: text("off"), ..Default::default() }
        }
        MutualAuthentication::PassThrough => {
            MutualAuthenticationAttributes { mode: text("passthrough"), ..Default::default() }
        }
        MutualAuthentication::Verify { trust_store, ignore_expiry, advertise } => {
            MutualAuthenticationAttributes {
                mode: text("verify"),
                trust_store_arn: text(trust_store),
                ignore_client_certificate_expiry: Some(*ignore_expiry),
                trust_store_association_status: text("active"),
                advertise_trust_store_ca_names: text(if *advertise { "on" } else { "off" }),
            }
        }
    })
}
