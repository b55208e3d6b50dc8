//! Listeners.
//! [Listeners for your Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html)

use serde::{Deserialize, Serialize};

use super::attribute::Attributes;
use super::{Action, LoadBalancerArn, RuleArn, TrustStoreArn};
use crate::id::name_id;
use crate::{Keys, Row, Scope};

name_id!(ListenerArn, "a listener: `arn:…:listener/app/NAME/ID/ID`");

/// What clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListenerProtocol {
    /// HTTP (Application).
    Http,
    /// HTTPS (Application).
    Https,
    /// TCP (Network).
    Tcp,
    /// TLS (Network).
    Tls,
    /// UDP (Network).
    Udp,
    /// TCP and UDP at one port (Network).
    TcpUdp,
}

/// Whether clients show certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MutualAuthentication {
    /// `off`
    Off,
    /// `passthrough`
    PassThrough,
    /// `verify`
    Verify {
        /// Who vouches for clients.
        trust_store: TrustStoreArn,
        /// Whether certificates that expired are taken.
        ignore_expiry: bool,
        /// Whether the trust store's subject names are advertised.
        advertise: bool,
    },
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its ARN.
    pub arn: ListenerArn,
    /// Account and region.
    pub scope: Scope,
    /// Its load balancer.
    pub load_balancer: LoadBalancerArn,
    /// What clients speak.
    pub protocol: ListenerProtocol,
    /// Its port.
    pub port: u16,
    /// The security policy, where clients speak TLS.
    pub ssl_policy: Option<String>,
    /// ARNs of certificates, the default first, where clients speak TLS.
    pub certificates: Vec<String>,
    /// The ALPN policy of a TLS listener: `HTTP2Preferred`.
    pub alpn_policy: Option<String>,
    /// Whether clients show certificates.
    pub mutual: MutualAuthentication,
    /// What happens when no rule matches: as in a [`super::Rule`].
    pub default_actions: Vec<Action>,
    /// What was set for it.
    pub attributes: Attributes,
}

impl Listener {
    /// The ARN of its default rule, which is no row: `arn:…:listener-rule/app/NAME/ID/ID/ID`. The last number follows from the
    /// listener's, so that it stays the same.
    pub fn default_rule(&self) -> RuleArn {
        let path = self.arn.as_str().replacen(":listener/", ":listener-rule/", 1);
        let own = path.rsplit_once('/').map_or("", |(_, id)| id);
        // An odd factor and a turn of the bits: different listeners have different default rules.
        let number = u64::from_str_radix(own, 16).unwrap_or_default();
        let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        RuleArn::new(&format!("{path}/{number:016x}"))
    }
}

impl Row for Listener {
    type Id = ListenerArn;
    const TABLE: &'static str = "listener";

    fn id(&self) -> ListenerArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("load_balancer", self.load_balancer.as_str());
        for certificate in &self.certificates {
            keys.add("certificate", certificate);
        }
        if let MutualAuthentication::Verify { trust_store, .. } = &self.mutual {
            keys.add("trust_store", trust_store.as_str());
        }
        for group in self.default_actions.iter().flat_map(Action::target_groups) {
            keys.add("target_group", group.as_str());
        }
    }
}
