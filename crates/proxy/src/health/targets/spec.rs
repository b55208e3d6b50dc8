//! From a target group's health check to a probe.

use std::time::Duration;

use enishi_fabric::balancer::{HealthCheck, HealthProtocol, Kind, Matcher};

use crate::health::{HttpSpec, ProbeSpec, Protocol, Timeouts};

/// How a target is asked that knows itself as `host`.
pub(super) fn of(check: &HealthCheck, kind: Kind, host: &str) -> ProbeSpec {
    let statuses = match &check.matcher {
        Matcher::Http(ranges) | Matcher::Grpc(ranges) => ranges.clone(),
        Matcher::Connected => Vec::new(),
    };
    let http = HttpSpec {
        host: host.to_owned(),
        path: check.path.to_string(),
        user_agent: check.user_agent.to_string(),
        // As targets see them in their logs.
        headers: match kind {
            Kind::Classic => &[("Accept", "*/*")],
            Kind::Application | Kind::Network => &[("Accept-Encoding", "gzip, compressed")],
        },
        statuses,
        search: None,
    };
    let protocol = match check.protocol {
        HealthProtocol::Tcp | HealthProtocol::Off => Protocol::Tcp,
        HealthProtocol::Tls => Protocol::Tls,
        HealthProtocol::Http => Protocol::Http(http),
        HealthProtocol::Https => Protocol::Https(http, None),
        HealthProtocol::Http2 { tls } => Protocol::Http2 { http: without_coding(http), tls },
        HealthProtocol::Grpc { tls } => Protocol::Grpc { http: without_coding(http), tls },
    };
    ProbeSpec { protocol, timeouts: Timeouts::Whole(Duration::from_secs(check.timeout_seconds.into())) }
}

/// HTTP/2 has no use for the header: nobody reads the body.
fn without_coding(http: HttpSpec) -> HttpSpec {
    HttpSpec { headers: &[], ..http }
}
