//! Target groups.
//! [Target groups](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html)

use serde::{Deserialize, Serialize};

use super::attribute::{self, Attributes};
use crate::ec2::{InterfaceKind, NetworkInterface, VpcId};
use crate::id::name_id;
use crate::{Keys, Row, Scope, Timestamp, World};

name_id!(TargetGroupArn, "a target group: `arn:…:targetgroup/NAME/ID`");

/// What targets speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetGroupProtocol {
    /// HTTP (Application; also how health is checked elsewhere).
    Http,
    /// HTTPS (Application; also how health is checked elsewhere).
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

impl TargetGroupProtocol {
    /// Whether only Application Load Balancers can use it.
    pub fn is_application(self) -> bool {
        matches!(self, TargetGroupProtocol::Http | TargetGroupProtocol::Https)
    }
}

/// Which HTTP targets speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetVersion {
    /// HTTP/1.1
    #[serde(rename = "HTTP1")]
    Http1,
    /// HTTP/2
    #[serde(rename = "HTTP2")]
    Http2,
    /// gRPC
    #[serde(rename = "GRPC")]
    Grpc,
}

/// What targets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetType {
    /// Instances.
    Instance,
    /// Addresses.
    Ip,
    /// An Application Load Balancer behind a Network Load Balancer.
    Alb,
}

/// How health is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// In which language: one of TCP, HTTP, HTTPS.
    pub protocol: TargetGroupProtocol,
    /// At which port; `None` is `traffic-port`.
    pub port: Option<u16>,
    /// Path and query, or the method of a gRPC service.
    pub path: Option<String>,
    /// From probe to probe, in seconds.
    pub interval_seconds: u16,
    /// How long a probe may take, in seconds.
    pub timeout_seconds: u16,
    /// Successes in a row.
    pub healthy_threshold: u8,
    /// Failures in a row.
    pub unhealthy_threshold: u8,
    /// What is a success, as the user wrote it: `200-299,301`; statuses of gRPC for a gRPC target group.
    pub matcher: Option<String>,
}

/// A target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in the scope.
    pub name: String,
    /// What targets speak.
    pub protocol: TargetGroupProtocol,
    /// Which HTTP they speak, if they do.
    pub version: Option<TargetVersion>,
    /// The port of targets that are registered without one.
    pub port: u16,
    /// Its VPC.
    pub vpc: VpcId,
    /// What targets are.
    pub target_type: TargetType,
    /// How health is checked.
    pub health_check: HealthCheck,
    /// What was set for it.
    pub attributes: Attributes,
    /// When it was created.
    pub created: Timestamp,
}

impl TargetGroup {
    /// `targetgroup/NAME/ID`: what metrics call it.
    pub fn id_text(&self) -> &str {
        let arn = self.arn.as_str();
        arn.find("targetgroup/").and_then(|at| arn.get(at..)).unwrap_or(arn)
    }

    /// The attribute's value, set or not.
    pub fn attribute(&self, key: &str) -> &str {
        let defaults = match self.protocol.is_application() {
            true => attribute::APPLICATION_TARGETS,
            false => attribute::NETWORK_TARGETS,
        };
        attribute::value(&self.attributes, defaults, key)
    }

    /// Whether targets see clients' addresses: what was set, else AWS's default for the kind of target and protocol.
    /// [Client IP preservation](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html#client-ip-preservation)
    pub fn preserves_client_ip(&self) -> bool {
        match (self.attribute("preserve_client_ip.enabled"), self.protocol) {
            ("true", _) => true,
            ("false", _) => false,
            (_, TargetGroupProtocol::Http | TargetGroupProtocol::Https) => false,
            (_, TargetGroupProtocol::Udp | TargetGroupProtocol::TcpUdp) => true,
            (_, TargetGroupProtocol::Tcp | TargetGroupProtocol::Tls) => self.target_type != TargetType::Ip,
        }
    }

    /// Whether a target is an address that the group cannot use, as a load balancer of the VPC has it: "You can't register the IP
    /// addresses of another Application Load Balancer in the same VPC." Groups of Network Load Balancers can.
    /// [Target type](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html#target-type)
    pub fn has_reserved(&self, world: &World, target: &str) -> bool {
        let is_balancers = |row: &NetworkInterface| {
            matches!(row.kind, InterfaceKind::LoadBalancer | InterfaceKind::NetworkLoadBalancer)
        };
        self.target_type == TargetType::Ip
            && self.protocol.is_application()
            && world.by("private_ip", &format!("{}/{target}", self.vpc)).any(is_balancers)
    }
}

impl Row for TargetGroup {
    type Id = TargetGroupArn;
    const TABLE: &'static str = "target_group";

    fn id(&self) -> TargetGroupArn {
        self.arn.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
        keys.add("name", &format!("{}/{}", self.scope, self.name));
        keys.add("vpc", self.vpc.as_str());
    }
}
