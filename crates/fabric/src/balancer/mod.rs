//! Load balancers, as what user space does of them: listeners, rules, target groups.
//! [How Elastic Load Balancing works](https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html)
//!
//! A load balancer has a node in every zone that is enabled: a namespace of the program with an interface of its own. Packets
//! reach a node as they reach any address of the VPC; what it does with connections and requests is a [`Balancer`], the same
//! for all of its nodes. Network Load Balancers forward in the kernel ([`crate::program::Role`]); their [`Balancer`] lists the
//! listeners that need user space (TLS, Proxy Protocol), and all target groups, so that their health is checked.
//!
//! Names in a balancer are AWS's: target groups and certificates are found by their ARN. What a balancer says of a target's
//! health is what was observed ([`Health`]); an engine obeys it and observes nothing itself.

mod listener;
mod rule;
mod target_group;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use listener::{
    AlpnPolicy, Certificate, Listener, ListenerAttributes, ListenerProtocol, MutualAuthentication,
    PrivateKey, Tls,
};
pub use rule::{
    Action, Authenticate, Condition, FixedResponse, Forward, OidcClient, OnUnauthenticated, Pattern,
    Redirect, Rewrite, Rule,
};
pub use target_group::{
    Algorithm, Health, HealthCheck, HealthPort, HealthProtocol, Matcher, ProxyProtocol, Stickiness, Target,
    TargetGroup, TargetProtocol, TargetVersion, UnhealthyConnections,
};

use crate::NamespaceName;

/// A load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balancer {
    /// Its ARN; a Classic Load Balancer's name.
    pub arn: Arc<str>,
    /// What AWS calls it in logs and metrics: `app/NAME/ID`, `net/NAME/ID`; a Classic Load Balancer's name.
    pub id: Arc<str>,
    /// The account that owns it.
    pub account: Arc<str>,
    /// Its region.
    pub region: Arc<str>,
    /// Its VPC (`vpc-…`).
    pub vpc: Arc<str>,
    /// Its DNS name, without a final dot.
    pub dns_name: Arc<str>,
    /// Of which kind it is.
    pub kind: Kind,
    /// Its nodes by their namespace.
    pub nodes: BTreeMap<NamespaceName, Node>,
    /// Its listeners by port.
    pub listeners: BTreeMap<u16, Arc<Listener>>,
    /// The target groups that its listeners' rules name, by ARN. A Classic Load Balancer has one for each instance port and
    /// protocol, which AWS does not show.
    pub target_groups: BTreeMap<Arc<str>, Arc<TargetGroup>>,
    /// What is set for it as a whole.
    pub attributes: Arc<Attributes>,
}

/// The kinds of load balancers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/introduction.html)
    Application,
    /// [Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/introduction.html)
    Network,
    /// [Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/introduction.html)
    Classic,
}

/// A node of a load balancer: where it is in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its zone: `us-east-1a`.
    pub zone: Arc<str>,
    /// Its private address, where it listens and which targets see.
    pub address: Ipv4Addr,
    /// Its public address, if the load balancer faces the internet.
    pub public: Option<Ipv4Addr>,
}

/// What is set for a load balancer as a whole.
/// [Application Load Balancer attributes](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#load-balancer-attributes),
/// [Classic](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttributes.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// `idle_timeout.timeout_seconds`: how long a connection may be silent, in seconds.
    pub idle_timeout_seconds: u32,
    /// `client_keep_alive.seconds`: how long a client's connection lives at most, in seconds.
    pub client_keep_alive_seconds: u32,
    /// `routing.http.desync_mitigation_mode`.
    pub desync_mitigation: DesyncMitigation,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_header_fields: bool,
    /// `routing.http.preserve_host_header.enabled`.
    pub preserve_host_header: bool,
    /// `routing.http.x_amzn_tls_version_and_cipher_suite.enabled`.
    pub tls_version_and_cipher_headers: bool,
    /// `routing.http.xff_client_port.enabled`.
    pub forwarded_client_port: bool,
    /// `routing.http.xff_header_processing.mode`.
    pub forwarded_for: ForwardedFor,
    /// `routing.http2.enabled`.
    pub http2: bool,
    /// Where requests are logged, if they are: then a sink wants their records.
    pub access_logs: Option<AccessLogs>,
}

/// Where access logs go: `access_logs.s3.bucket`, `access_logs.s3.prefix`.
/// [Access logs](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLogs {
    /// The bucket.
    pub bucket: Arc<str>,
    /// What keys begin with; may be empty.
    pub prefix: Arc<str>,
}

impl Default for Attributes {
    /// An Application Load Balancer's.
    fn default() -> Self {
        Attributes {
            idle_timeout_seconds: 60,
            client_keep_alive_seconds: 3600,
            desync_mitigation: DesyncMitigation::Defensive,
            drop_invalid_header_fields: false,
            preserve_host_header: false,
            tls_version_and_cipher_headers: false,
            forwarded_client_port: false,
            forwarded_for: ForwardedFor::Append,
            http2: true,
            access_logs: None,
        }
    }
}

/// How requests are treated that could be understood in two ways.
/// [Desync mitigation mode](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#desync-mitigation-mode)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DesyncMitigation {
    /// All are forwarded, and counted.
    Monitor,
    /// Ambiguous ones are forwarded on connections that are then closed; severe ones are blocked.
    Defensive,
    /// Only what follows RFC 7230 is forwarded.
    Strictest,
}

/// What becomes of `X-Forwarded-For`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedFor {
    /// The client's address is added.
    Append,
    /// It stays as the client sent it.
    Preserve,
    /// It is removed.
    Remove,
}
