//! How the health of a target group's targets is checked.
//! [Application Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html),
//! [Network Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html)
//!
//! | | Application | Network |
//! |---|---|---|
//! | protocol | HTTP (or HTTPS) | TCP (or HTTP, HTTPS); HTTP (or HTTPS) of an `alb` |
//! | path | `/`, `/AWS.ALB/healthcheck` of gRPC | `/` where HTTP is asked |
//! | interval | 30 s | 30 s |
//! | timeout | 5 s | 10 s, 6 s where HTTP is asked |
//! | thresholds | 5, 2 | 5, 2 |
//! | matcher | `200` of 200 to 499, gRPC `12` of 0 to 99 | `200-399` of 200 to 599 where HTTP is asked |

use std::ops::RangeInclusive;

use enishi_api::elbv2 as api;
use enishi_state::elbv2::{HealthCheck, TargetGroup, TargetGroupProtocol, TargetType, TargetVersion};
use enishi_wire::Fault;

use super::super::faults;
use super::protocol_name;

/// What a request says of health checks.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) enabled: Option<bool>,
    pub(super) protocol: Option<String>,
    pub(super) port: Option<String>,
    pub(super) path: Option<String>,
    pub(super) interval_seconds: Option<i32>,
    pub(super) timeout_seconds: Option<i32>,
    pub(super) healthy_threshold: Option<i32>,
    pub(super) unhealthy_threshold: Option<i32>,
    pub(super) matcher: Option<api::Matcher>,
}

/// Which target group it is for.
#[derive(Debug, Clone, Copy)]
struct Group {
    protocol: TargetGroupProtocol,
    version: Option<TargetVersion>,
    target_type: TargetType,
}

/// The checks of a new target group.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`
pub(super) fn new(
    protocol: TargetGroupProtocol,
    version: Option<TargetVersion>,
    target_type: TargetType,
    asked: Asked,
) -> Result<HealthCheck, Fault> {
    let group = Group { protocol, version, target_type };
    let checked = match asked.protocol.as_deref() {
        Some(name) => parse_protocol(group, name)?,
        None => usual_protocol(group),
    };
    apply(group, defaults(group, checked), asked)
}

/// The checks of a target group that is modified.
///
/// # Errors
/// `ValidationError`, `InvalidConfigurationRequest`
pub(super) fn changed(row: &TargetGroup, asked: Asked) -> Result<HealthCheck, Fault> {
    let group = Group { protocol: row.protocol, version: row.version, target_type: row.target_type };
    let mut check = row.health_check.clone();
    if let Some(name) = asked.protocol.as_deref() {
        let protocol = parse_protocol(group, name)?;
        let usual = defaults(group, protocol);
        if is_http(protocol) != is_http(check.protocol) {
            (check.path, check.matcher) = (usual.path, usual.matcher);
        }
        check.protocol = protocol;
    }
    apply(group, check, asked)
}

fn is_http(protocol: TargetGroupProtocol) -> bool {
    protocol.is_application()
}

fn usual_protocol(group: Group) -> TargetGroupProtocol {
    match group.protocol.is_application() || group.target_type == TargetType::Alb {
        true => TargetGroupProtocol::Http,
        false => TargetGroupProtocol::Tcp,
    }
}

fn parse_protocol(group: Group, name: &str) -> Result<TargetGroupProtocol, Fault> {
    let only_http = group.protocol.is_application() || group.target_type == TargetType::Alb;
    match name {
        "HTTP" => Ok(TargetGroupProtocol::Http),
        "HTTPS" => Ok(TargetGroupProtocol::Https),
        "TCP" if !only_http => Ok(TargetGroupProtocol::Tcp),
        _ => {
            let allowed = if only_http { "HTTP, HTTPS" } else { "HTTP, HTTPS, TCP" };
            Err(faults::validation_error(format!(
                "Health check protocol '{name}' must be one of '{allowed}'"
            )))
        }
    }
}

fn defaults(group: Group, protocol: TargetGroupProtocol) -> HealthCheck {
    let application = group.protocol.is_application();
    let grpc = group.version == Some(TargetVersion::Grpc);
    let (path, matcher) = match (is_http(protocol), application) {
        (true, true) if grpc => (Some("/AWS.ALB/healthcheck"), Some("12")),
        (true, true) => (Some("/"), Some("200")),
        (true, false) => (Some("/"), Some("200-399")),
        (false, _) => (None, None),
    };
    HealthCheck {
        protocol,
        port: None,
        path: path.map(str::to_owned),
        interval_seconds: 30,
        timeout_seconds: match (application, protocol) {
            (true, _) => 5,
            (false, TargetGroupProtocol::Http) => 6,
            (false, _) => 10,
        },
        healthy_threshold: 5,
        unhealthy_threshold: 2,
        matcher: matcher.map(str::to_owned),
    }
}

fn apply(group: Group, mut check: HealthCheck, asked: Asked) -> Result<HealthCheck, Fault> {
    if asked.enabled == Some(false) {
        return Err(faults::invalid_configuration_request(
            "Health checks cannot be disabled for target groups with the target type 'instance', 'ip' or 'alb'",
        ));
    }
    if let Some(port) = asked.port {
        check.port = parse_port(&port)?;
    }
    if let Some(path) = asked.path {
        check.path = Some(parse_path(check.protocol, path)?);
    }
    if let Some(matcher) = asked.matcher {
        check.matcher = Some(parse_matcher(group, check.protocol, matcher)?);
    }
    // The model's limits hold already: 5 to 300 seconds, 2 to 120 seconds, 2 to 10 times.
    check.interval_seconds = number(asked.interval_seconds, check.interval_seconds);
    check.timeout_seconds = number(asked.timeout_seconds, check.timeout_seconds);
    check.healthy_threshold = number(asked.healthy_threshold, check.healthy_threshold);
    check.unhealthy_threshold = number(asked.unhealthy_threshold, check.unhealthy_threshold);
    match check.timeout_seconds > check.interval_seconds {
        true => Err(faults::validation_error(format!(
            "Health check timeout '{}' must be smaller than or equal to the interval '{}'",
            check.timeout_seconds, check.interval_seconds
        ))),
        false => Ok(check),
    }
}

fn number<N: TryFrom<i32>>(asked: Option<i32>, usual: N) -> N {
    asked.and_then(|number| N::try_from(number).ok()).unwrap_or(usual)
}

fn parse_port(port: &str) -> Result<Option<u16>, Fault> {
    if port == "traffic-port" {
        return Ok(None);
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(faults::validation_error(format!(
            "Health check port '{port}' must be 'traffic-port' or a number between '1' and '65535'"
        ))),
    }
}

fn parse_path(protocol: TargetGroupProtocol, path: String) -> Result<String, Fault> {
    if !is_http(protocol) {
        return Err(faults::invalid_configuration_request(format!(
            "Health check paths are not supported for {} health checks",
            protocol_name(protocol)
        )));
    }
    let is_plain = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    match is_plain {
        true => Ok(path),
        false => Err(faults::validation_error(format!("Health check path '{path}' must begin with a '/'"))),
    }
}

fn parse_matcher(
    group: Group,
    protocol: TargetGroupProtocol,
    matcher: api::Matcher,
) -> Result<String, Fault> {
    if !is_http(protocol) {
        return Err(faults::invalid_configuration_request(format!(
            "Health check matchers are not supported for {} health checks",
            protocol_name(protocol)
        )));
    }
    let grpc = group.version == Some(TargetVersion::Grpc);
    let (codes, allowed, kind) = match (grpc, matcher.http_code, matcher.grpc_code) {
        (true, None, Some(codes)) => (codes, 0..=99, "GRPC"),
        (false, Some(codes), None) if group.protocol.is_application() => (codes, 200..=499, "HTTP"),
        (false, Some(codes), None) => (codes, 200..=599, "HTTP"),
        (true, ..) => {
            return Err(faults::validation_error(
                "A GRPC code must be specified for target groups with the protocol version 'GRPC'",
            ));
        }
        (false, ..) => return Err(faults::validation_error("An HTTP code must be specified")),
    };
    match codes.split(',').all(|part| is_range(part, &allowed)) {
        true => Ok(codes),
        false => Err(faults::validation_error(format!(
            "Health check matcher {kind} code '{codes}' must be within '{}-{}' inclusive",
            allowed.start(),
            allowed.end()
        ))),
    }
}

/// Whether it is a status of those, or a range of them: `200`, `200-299`.
fn is_range(part: &str, allowed: &RangeInclusive<u16>) -> bool {
    let (from, to) = part.split_once('-').unwrap_or((part, part));
    match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
        (Ok(from), Ok(to)) => from <= to && allowed.contains(&from) && allowed.contains(&to),
        _ => false,
    }
}

/// The matcher as responses show it.
pub(super) fn matcher(row: &TargetGroup) -> Option<api::Matcher> {
    let codes = row.health_check.matcher.clone()?;
    Some(match row.version {
        Some(TargetVersion::Grpc) => api::Matcher { http_code: None, grpc_code: Some(codes) },
        _ => api::Matcher { http_code: Some(codes), grpc_code: None },
    })
}
