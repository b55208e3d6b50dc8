//! Target groups: who gets what is forwarded, and how they are known to be well.
//! [Target groups](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html)

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: Arc<str>,
    /// What AWS calls it in metrics: `targetgroup/NAME/ID`.
    pub id: Arc<str>,
    /// What targets speak.
    pub protocol: TargetProtocol,
    /// Which HTTP they speak.
    pub version: TargetVersion,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// Whether clients stay with their target.
    pub stickiness: Option<Stickiness>,
    /// Whether nodes send to targets of other zones.
    pub cross_zone: bool,
    /// How long a deregistered target may finish what it has, in seconds.
    pub deregistration_delay_seconds: u32,
    /// Whether targets see the client's address as the source. Always so at a Network Load Balancer's `instance` targets unless
    /// it is switched off; never at other kinds.
    pub preserve_client_ip: bool,
    /// Whether connections are cut when deregistration ends: `deregistration_delay.connection_termination.enabled`.
    pub terminate_on_deregistration: bool,
    /// What becomes of the connections of a target that turns unhealthy.
    pub unhealthy_connections: UnhealthyConnections,
    /// What is sent before a connection's bytes.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// How health is checked.
    pub health_check: Arc<HealthCheck>,
    /// The targets, in the order of their ids and ports.
    pub targets: Vec<Target>,
}

/// What targets speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetProtocol {
    /// HTTP.
    Http,
    /// HTTP over TLS; certificates are not verified.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS; certificates are not verified.
    Tls,
    /// Datagrams.
    Udp,
    /// Both bytes and datagrams on the same port.
    TcpUdp,
}

/// Which HTTP targets speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with prior knowledge where there is no TLS.
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
}

/// How a target is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests that are not answered.
    LeastOutstandingRequests,
    /// Any, evenly.
    WeightedRandom,
    /// By a hash of the flow.
    FlowHash,
}

/// How a client stays with its target.
/// [Sticky sessions](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/sticky-sessions.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stickiness {
    /// By a cookie of the load balancer's: `AWSALB`; `AWSELB` of a Classic Load Balancer.
    LbCookie {
        /// How long it counts, in seconds; `None`: as long as the browser runs (Classic only).
        seconds: Option<u32>,
    },
    /// As long as the application's own cookie lives.
    AppCookie {
        /// The application's cookie.
        name: Arc<str>,
        /// How long it counts, in seconds; `None`: as the application says (Classic).
        seconds: Option<u32>,
    },
    /// By the client's address.
    SourceIp,
    /// By the client's and the load balancer's addresses.
    SourceIpDestIp,
}

/// What becomes of the connections of a target that turns unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnhealthyConnections {
    /// They go on: `target_health_state.unhealthy.connection_termination.enabled` is off.
    Keep,
    /// They are cut.
    Cut,
}

/// What is sent before a connection's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// The line of version 1 (Classic).
    V1,
    /// The header of version 2.
    V2,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What the user registered: `i-…`, an address.
    pub id: Arc<str>,
    /// Its address in the VPC.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Its zone; `None` gets requests from all zones.
    pub zone: Option<Arc<str>>,
    /// How it is.
    pub health: Health,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// When its slow start ends, in milliseconds since 1970; `None`: it gets its full share.
    pub slow_start_until: Option<i64>,
}

impl Target {
    /// Whether it gets new requests while there are healthy targets.
    pub fn is_healthy(&self) -> bool {
        self.health == Health::Healthy
    }

    /// Whether it gets new requests when no target is healthy ("fail open"): it is registered.
    pub fn is_registered(&self) -> bool {
        self.health != Health::Draining
    }
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is known yet.
    Initial,
    /// It answers as it should. Targets whose health is not checked count as healthy.
    Healthy,
    /// It does not.
    Unhealthy,
    /// It was deregistered and finishes what it has.
    Draining,
}

/// How health is checked.
/// [Health checks](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// In which language.
    pub protocol: HealthProtocol,
    /// At which port.
    pub port: HealthPort,
    /// Path and query, for HTTP; the method's full name for gRPC.
    pub path: Arc<str>,
    /// From the beginning of a probe to the next, in seconds.
    pub interval_seconds: u16,
    /// How long a probe may take, in seconds.
    pub timeout_seconds: u16,
    /// Successes in a row after which a target is healthy.
    pub healthy_threshold: u8,
    /// Failures in a row after which it is not.
    pub unhealthy_threshold: u8,
    /// What is a success.
    pub matcher: Matcher,
    /// What `User-Agent` says: `ELB-HealthChecker/2.0`.
    pub user_agent: Arc<str>,
}

/// In which language health is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthProtocol {
    /// A connection is enough.
    Tcp,
    /// A TLS handshake is enough (Classic's `SSL`).
    Tls,
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2: what targets of that version are asked in.
    Http2 {
        /// Over TLS.
        tls: bool,
    },
    /// A gRPC call.
    Grpc {
        /// Over TLS.
        tls: bool,
    },
    /// Nothing is asked (`HealthCheckEnabled` off, which only `lambda` allows).
    Off,
}

/// At which port health is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthPort {
    /// Where requests go: `traffic-port`.
    Traffic,
    /// Another one.
    Port(u16),
}

/// What is a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// Any of these HTTP statuses.
    Http(Vec<RangeInclusive<u16>>),
    /// Any of these gRPC statuses.
    Grpc(Vec<RangeInclusive<u16>>),
    /// A connection.
    Connected,
}
