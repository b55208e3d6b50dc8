//! A health check's configuration, to and from requests.
//! [API_HealthCheckConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)

use std::net::IpAddr;

use enishi_api::route53::{self as api, UpdateHealthCheckRequest};
use enishi_state::route53::{HealthCheckConfig, HealthCheckId, HealthCheckKind};
use enishi_wire::Fault;

use crate::route53::faults;

const DEFAULT_INTERVAL_SECONDS: u8 = 30;
const DEFAULT_THRESHOLD: u8 = 3;
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

const KINDS: &[(HealthCheckKind, &str)] = &[
    (HealthCheckKind::Http, "HTTP"),
    (HealthCheckKind::Https, "HTTPS"),
    (HealthCheckKind::HttpStrMatch, "HTTP_STR_MATCH"),
    (HealthCheckKind::HttpsStrMatch, "HTTPS_STR_MATCH"),
    (HealthCheckKind::Tcp, "TCP"),
    (HealthCheckKind::Calculated, "CALCULATED"),
    (HealthCheckKind::CloudWatchMetric, "CLOUDWATCH_METRIC"),
    (HealthCheckKind::RecoveryControl, "RECOVERY_CONTROL"),
];

/// Reads a configuration and fills in what AWS fills in.
///
/// # Errors
/// `InvalidInput`
pub(super) fn parse(input: api::HealthCheckConfig) -> Result<HealthCheckConfig, Fault> {
    let kind = KINDS.iter().find(|(_, name)| *name == input.r#type).map(|(kind, _)| *kind);
    let kind =
        kind.ok_or_else(|| faults::invalid_input(format!("Invalid health check type: {}", input.r#type)))?;
    if matches!(kind, HealthCheckKind::CloudWatchMetric | HealthCheckKind::RecoveryControl) {
        return Err(faults::invalid_input(format!(
            "Health checks of type {} are not supported by Enishi.",
            input.r#type
        )));
    }
    let is_endpoint = kind != HealthCheckKind::Calculated;
    let address = match input.ip_address.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let address = text.parse::<IpAddr>();
            Some(address.map_err(|_| faults::invalid_input(format!("Invalid IP address: {text}")))?)
        }
    };
    if is_endpoint && address.is_none() && input.fully_qualified_domain_name.is_none() {
        return Err(faults::invalid_input(
            "Invalid parameter: one of IPAddress or FullyQualifiedDomainName must be specified",
        ));
    }
    let port = match (input.port, kind) {
        (Some(port), _) => u16::try_from(port).ok(),
        (None, HealthCheckKind::Http | HealthCheckKind::HttpStrMatch) => Some(HTTP_PORT),
        (None, HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch) => Some(HTTPS_PORT),
        (None, HealthCheckKind::Tcp) => {
            return Err(faults::invalid_input("Port must be specified for TCP health checks"));
        }
        (None, _) => None,
    };
    let matches_text = matches!(kind, HealthCheckKind::HttpStrMatch | HealthCheckKind::HttpsStrMatch);
    if matches_text != input.search_string.as_ref().is_some_and(|text| !text.is_empty()) {
        return Err(faults::invalid_input(
            "SearchString must be specified for HTTP_STR_MATCH and HTTPS_STR_MATCH health checks, and for those only",
        ));
    }
    let interval = input.request_interval.map_or(Ok(DEFAULT_INTERVAL_SECONDS), u8::try_from);
    let Some(request_interval) = interval.ok().filter(|seconds| matches!(seconds, 10 | 30)) else {
        return Err(faults::invalid_input("RequestInterval must be 10 or 30"));
    };
    let threshold = input.failure_threshold.and_then(|number| u8::try_from(number).ok());
    let is_tls = matches!(kind, HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch);
    Ok(HealthCheckConfig {
        kind,
        address,
        port,
        resource_path: input.resource_path,
        domain_name: input.fully_qualified_domain_name,
        search_string: input.search_string,
        request_interval,
        failure_threshold: threshold.unwrap_or(DEFAULT_THRESHOLD),
        measure_latency: input.measure_latency.unwrap_or_default(),
        inverted: input.inverted.unwrap_or_default(),
        disabled: input.disabled.unwrap_or_default(),
        health_threshold: input.health_threshold.and_then(|number| u16::try_from(number).ok()),
        children: input
            .child_health_checks
            .unwrap_or_default()
            .iter()
            .map(|id| HealthCheckId::new(id))
            .collect(),
        enable_sni: input.enable_sni.unwrap_or(is_tls),
        regions: input.regions.unwrap_or_default(),
        alarm: None,
        insufficient_data: None,
        routing_control: None,
    })
}

/// The configuration as responses show it.
pub(super) fn shape(config: &HealthCheckConfig) -> api::HealthCheckConfig {
    let kind = KINDS.iter().find(|(kind, _)| *kind == config.kind).map_or("", |(_, name)| *name);
    let is_endpoint = config.kind != HealthCheckKind::Calculated;
    let children = config.children.iter().map(ToString::to_string).collect();
    api::HealthCheckConfig {
        ip_address: config.address.map(|address| address.to_string()),
        port: config.port.map(i32::from),
        r#type: kind.to_owned(),
        resource_path: config.resource_path.clone(),
        fully_qualified_domain_name: config.domain_name.clone(),
        search_string: config.search_string.clone(),
        request_interval: is_endpoint.then_some(i32::from(config.request_interval)),
        failure_threshold: is_endpoint.then_some(i32::from(config.failure_threshold)),
        measure_latency: is_endpoint.then_some(config.measure_latency),
        inverted: Some(config.inverted),
        disabled: Some(config.disabled),
        health_threshold: config.health_threshold.map(i32::from),
        child_health_checks: (!is_endpoint).then_some(children),
        enable_sni: is_endpoint.then_some(config.enable_sni),
        regions: (!config.regions.is_empty()).then(|| config.regions.clone()),
        ..Default::default()
    }
}

/// A configuration with what an update gives in place of what was; elements to reset become their default first.
pub(super) fn updated(
    mut config: api::HealthCheckConfig,
    input: UpdateHealthCheckRequest,
) -> api::HealthCheckConfig {
    for element in input.reset_elements.unwrap_or_default() {
        match element.as_str() {
            "FullyQualifiedDomainName" => config.fully_qualified_domain_name = None,
            "Regions" => config.regions = None,
            "ResourcePath" => config.resource_path = None,
            "ChildHealthChecks" => config.child_health_checks = None,
            _ => {}
        }
    }
    api::HealthCheckConfig {
        ip_address: input.ip_address.or(config.ip_address),
        port: input.port.or(config.port),
        resource_path: input.resource_path.or(config.resource_path),
        fully_qualified_domain_name: input.fully_qualified_domain_name.or(config.fully_qualified_domain_name),
        search_string: input.search_string.or(config.search_string),
        failure_threshold: input.failure_threshold.or(config.failure_threshold),
        inverted: input.inverted.or(config.inverted),
        disabled: input.disabled.or(config.disabled),
        health_threshold: input.health_threshold.or(config.health_threshold),
        child_health_checks: input.child_health_checks.or(config.child_health_checks),
        enable_sni: input.enable_sni.or(config.enable_sni),
        regions: input.regions.or(config.regions),
        ..config
    }
}
