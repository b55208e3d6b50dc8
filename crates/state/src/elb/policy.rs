//! Policies of load balancers.
//! [API_CreateLoadBalancerPolicy](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_CreateLoadBalancerPolicy.html)

use serde::{Deserialize, Serialize};

/// A policy. It does something once it is enabled for a listener or an instance port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Of which type it is.
    pub kind: PolicyKind,
    /// Its attributes as they are described, in their order.
    pub attributes: Vec<(String, String)>,
}

/// The types of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// A client stays with an instance as long as the application's cookie lives.
    AppCookieStickiness {
        /// The application's cookie.
        cookie: String,
    },
    /// A client stays with an instance for a while.
    LbCookieStickiness {
        /// How long, in seconds; as long as the browser runs if nobody said.
        seconds: Option<u32>,
    },
    /// Which versions and ciphers of TLS are spoken with clients.
    SslNegotiation {
        /// The predefined policy that it is like; nothing for a custom one.
        reference: Option<String>,
    },
    /// Whether a line of Proxy Protocol comes before a connection's bytes.
    ProxyProtocol {
        /// Whether it does.
        is_on: bool,
    },
}

impl PolicyKind {
    /// AWS's name of the type.
    pub fn name(&self) -> &'static str {
        match self {
            PolicyKind::AppCookieStickiness { .. } => "AppCookieStickinessPolicyType",
            PolicyKind::LbCookieStickiness { .. } => "LBCookieStickinessPolicyType",
            PolicyKind::SslNegotiation { .. } => "SSLNegotiationPolicyType",
            PolicyKind::ProxyProtocol { .. } => "ProxyProtocolPolicyType",
        }
    }
}
