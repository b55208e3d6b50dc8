//! Small configurations that tests change.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::balancer::{
    Algorithm, Attributes, Balancer, Health, HealthCheck, HealthPort, HealthProtocol, Kind, Matcher, Target,
    TargetGroup, TargetProtocol, TargetVersion, UnhealthyConnections,
};

/// An Application Load Balancer without listeners.
pub(crate) fn balancer() -> Balancer {
    Balancer {
        arn: "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/lb/1".into(),
        id: "app/lb/1".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        vpc: "vpc-1".into(),
        dns_name: "lb-1.us-east-1.elb.amazonaws.com".into(),
        kind: Kind::Application,
        nodes: BTreeMap::new(),
        listeners: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        attributes: Arc::new(Attributes::default()),
    }
}

/// A target group of HTTP/1.1 servers, without any.
pub(crate) fn group(name: &str) -> TargetGroup {
    TargetGroup {
        arn: format!("arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/{name}/1").into(),
        id: format!("targetgroup/{name}/1").into(),
        protocol: TargetProtocol::Http,
        version: TargetVersion::Http1,
        algorithm: Algorithm::RoundRobin,
        stickiness: None,
        cross_zone: true,
        deregistration_delay_seconds: 300,
        preserve_client_ip: false,
        terminate_on_deregistration: false,
        unhealthy_connections: UnhealthyConnections::Keep,
        proxy_protocol: None,
        health_check: Arc::new(HealthCheck {
            protocol: HealthProtocol::Http,
            port: HealthPort::Traffic,
            path: "/".into(),
            interval_seconds: 30,
            timeout_seconds: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: Matcher::Http(vec![200..=200]),
            user_agent: "ELB-HealthChecker/2.0".into(),
        }),
        targets: Vec::new(),
    }
}

/// The healthy target 10.0.0.`n`.
pub(crate) fn target(n: u8, port: u16) -> Target {
    Target {
        id: format!("i-{n}").into(),
        address: Ipv4Addr::new(10, 0, 0, n),
        port,
        zone: None,
        health: Health::Healthy,
        since: 0,
        slow_start_until: None,
    }
}
