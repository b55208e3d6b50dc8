//! Load balancers with their listeners.
//! [Listeners for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-listener-config.html)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HealthCheck, LoadBalancerZone, Policy, Scheme};
use crate::ec2::{SecurityGroupId, VpcId};
use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp};

name_id!(LoadBalancerArn, "a Classic Load Balancer: `arn:…:loadbalancer/NAME`");

impl LoadBalancerArn {
    /// The ARN of the load balancer of that name.
    pub fn of(scope: &Scope, name: &str) -> Self {
        let Scope { account, region } = scope;
        LoadBalancerArn::new(&format!("arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/{name}"))
    }
}

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the scope.
    pub name: String,
    /// Who can reach it.
    pub scheme: Scheme,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its zones, in the order of their names; none when all subnets are detached.
    pub zones: Vec<LoadBalancerZone>,
    /// Its security groups.
    pub groups: Vec<SecurityGroupId>,
    /// The first label of its DNS name: `NAME-1234567890` or `internal-NAME-1234567890`.
    pub dns_label: String,
    /// Its listeners by port.
    pub listeners: BTreeMap<u16, Listener>,
    /// The policies that were made for it, by name.
    pub policies: BTreeMap<String, Policy>,
    /// The policies that are enabled for instance ports.
    pub backends: BTreeMap<u16, Vec<String>>,
    /// How its instances are checked.
    pub health_check: HealthCheck,
    /// What is set for it.
    pub attributes: Attributes,
    /// When it was created.
    pub created: Timestamp,
}

/// A listener: where connections are taken, and where they go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// What clients speak.
    pub protocol: ListenerProtocol,
    /// What instances speak.
    pub instance_protocol: ListenerProtocol,
    /// The instances' port.
    pub instance_port: u16,
    /// The ARN of the certificate that clients see, where they speak TLS.
    pub certificate: Option<String>,
    /// The policies that are enabled for it.
    pub policies: Vec<String>,
}

/// What is spoken at a listener, or by instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ListenerProtocol {
    /// HTTP/1.1.
    Http,
    /// The same over TLS.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS.
    Ssl,
}

impl ListenerProtocol {
    /// `HTTP`
    pub fn name(self) -> &'static str {
        match self {
            ListenerProtocol::Http => "HTTP",
            ListenerProtocol::Https => "HTTPS",
            ListenerProtocol::Tcp => "TCP",
            ListenerProtocol::Ssl => "SSL",
        }
    }

    /// Whether requests are understood, not only bytes.
    pub fn is_http(self) -> bool {
        matches!(self, ListenerProtocol::Http | ListenerProtocol::Https)
    }

    /// Whether it is over TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, ListenerProtocol::Https | ListenerProtocol::Ssl)
    }
}

/// What is set for a load balancer.
/// [API_LoadBalancerAttributes](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_LoadBalancerAttributes.html)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Whether nodes send to instances of other zones.
    pub cross_zone: bool,
    /// How long a deregistered instance may finish what it has, in seconds, if it may.
    pub draining_seconds: Option<u32>,
    /// What draining was set to last, as it is shown while it is off, in seconds.
    pub draining_timeout_seconds: u32,
    /// How long a connection may be silent, in seconds.
    pub idle_timeout_seconds: u32,
    /// Whether requests are logged.
    pub access_log: bool,
    /// How often, in minutes: 5 or 60.
    pub access_log_minutes: u8,
    /// The bucket that logs go to.
    pub access_log_bucket: String,
    /// What their keys begin with.
    pub access_log_prefix: String,
    /// `monitor`, `defensive` or `strictest`.
    pub desync_mitigation_mode: String,
}

impl Default for Attributes {
    /// What counts as long as nobody set anything through the API.
    fn default() -> Self {
        Attributes {
            cross_zone: false,
            draining_seconds: None,
            draining_timeout_seconds: 300,
            idle_timeout_seconds: 60,
            access_log: false,
            access_log_minutes: 60,
            access_log_bucket: String::new(),
            access_log_prefix: String::new(),
            desync_mitigation_mode: "defensive".to_owned(),
        }
    }
}

impl LoadBalancer {
    /// Its ARN.
    pub fn arn(&self) -> LoadBalancerArn {
        LoadBalancerArn::of(&self.scope, &self.name)
    }

    /// Its DNS name, without a final dot.
    pub fn dns_name(&self) -> String {
        format!("{}.{}.elb.amazonaws.com", self.dns_label, self.scope.region)
    }
}

impl Row for LoadBalancer {
    type Id = LoadBalancerArn;
    const TABLE: &'static str = "classic_load_balancer";

    fn id(&self) -> LoadBalancerArn {
        self.arn()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("vpc", self.vpc.as_str());
        keys.add("dns_name", &self.dns_name().to_ascii_lowercase());
        for zone in &self.zones {
            keys.add("network_interface", zone.network_interface.as_str());
            keys.add("subnet", zone.subnet.as_str());
        }
        for group in &self.groups {
            keys.add("group", group.as_str());
        }
        for certificate in self.listeners.values().filter_map(|listener| listener.certificate.as_ref()) {
            keys.add("certificate", certificate);
        }
    }
}
