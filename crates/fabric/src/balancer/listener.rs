//! Listeners: where a load balancer takes connections.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Rule;

/// A listener.
/// [Listeners](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its ARN; `NAME:PORT` of a Classic Load Balancer.
    pub arn: Arc<str>,
    /// Its port.
    pub port: u16,
    /// What clients speak.
    pub protocol: ListenerProtocol,
    /// The certificates and what goes with them, where clients speak TLS.
    pub tls: Option<Arc<Tls>>,
    /// Its rules in the order in which they are tried; the last has no conditions: the default action.
    pub rules: Vec<Arc<Rule>>,
    /// What is set for it.
    pub attributes: Arc<ListenerAttributes>,
}

/// What clients of a listener speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerProtocol {
    /// HTTP/1.
    Http,
    /// HTTP/1 or HTTP/2 over TLS.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS (`SSL` of a Classic Load Balancer).
    Tls,
}

/// TLS at a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The security policy: `ELBSecurityPolicy-TLS13-1-2-2021-06`.
    pub policy: Arc<str>,
    /// What is shown to clients that name no server, or one that no other certificate covers.
    pub default: Arc<Certificate>,
    /// What is shown to clients that name a server of theirs.
    pub others: Vec<Arc<Certificate>>,
    /// A TLS listener's choice of protocols; an HTTPS listener offers HTTP/2 and HTTP/1.1.
    pub alpn: AlpnPolicy,
    /// Whether clients show certificates.
    pub mutual: MutualAuthentication,
}

/// What is negotiated at a TLS listener of a Network Load Balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlpnPolicy {
    /// Nothing.
    None,
    /// HTTP/1.* only.
    Http1Only,
    /// HTTP/2 only.
    Http2Only,
    /// HTTP/1.* rather than HTTP/2.
    Http2Optional,
    /// HTTP/2 rather than HTTP/1.*.
    Http2Preferred,
}

/// Whether clients show certificates.
/// [Mutual authentication](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MutualAuthentication {
    /// They are not asked.
    Off,
    /// What they show is passed on to targets, unverified.
    PassThrough,
    /// They must show a certificate that the trust store vouches for.
    Verify {
        /// The trust store's certificates, PEM.
        authorities: Arc<str>,
        /// The trust store's revocation lists, PEM.
        revocations: Vec<Arc<str>>,
        /// Whether a certificate that has expired is taken.
        ignore_expiry: bool,
        /// Whether the names of the authorities are sent to clients.
        advertise: bool,
    },
}

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its ARN.
    pub arn: Arc<str>,
    /// The domain names that it is for, with wildcards.
    pub names: Vec<Arc<str>>,
    /// The certificate and those that vouch for it, PEM, itself first.
    pub chain: Arc<str>,
    /// Its key.
    pub key: PrivateKey,
}

/// A private key, PEM. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(pub Arc<str>);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// What is set for a listener.
/// [Listener attributes](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerAttributes {
    /// `routing.http.response.server.enabled`: whether answers of the load balancer's own say `Server: awselb/2.0`.
    pub server_header: bool,
    /// `tcp.idle_timeout.seconds`, where clients speak bytes.
    pub tcp_idle_timeout_seconds: u32,
    /// `routing.http.request.x_amzn_….header_name`: other names for headers that are made, by their usual name.
    pub renamed: BTreeMap<Arc<str>, Arc<str>>,
    /// `routing.http.response.….header_value`: headers that are put into every answer.
    pub response_headers: BTreeMap<Arc<str>, Arc<str>>,
}

impl Default for ListenerAttributes {
    fn default() -> Self {
        ListenerAttributes {
            server_header: true,
            tcp_idle_timeout_seconds: 350,
            renamed: BTreeMap::new(),
            response_headers: BTreeMap::new(),
        }
    }
}
