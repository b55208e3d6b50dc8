//! A health check's configuration, to and from requests.
//! [API_HealthCheckConfig](https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)
//!
//! AWS's messages, where they were seen, begin with "Invalid parameter : " and say what basic or calculated health checks must or
//! must not have; the others follow that form.

use enishi_api::route53::{self as api, UpdateHealthCheckRequest};
use enishi_fabric::dns::Name;
use enishi_state::route53::{CHECKERS, HealthCheckConfig, HealthCheckId, HealthCheckKind};
use enishi_wire::Fault;

use super::{address, alarm};
use crate::route53::faults;

pub(super) const DEFAULT_INTERVAL_SECONDS: u8 = 30;
pub(super) const DEFAULT_THRESHOLD: u8 = 3;
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// Regions that check, if not all do.
const FEWEST_REGIONS: usize = 3;

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
    let invalid = || faults::invalid_parameter(format!("{} is not a type of health checks.", input.r#type));
    match kind.ok_or_else(invalid)? {
        HealthCheckKind::CloudWatchMetric => alarm::parse(input),
        HealthCheckKind::RecoveryControl => {
            Err(faults::not_supported("Health checks that monitor routing controls"))
        }
        HealthCheckKind::Calculated => calculated(input),
        kind => basic(kind, input),
    }
}

/// The first member of a table that is there and must not be.
pub(super) fn forbid(what: &str, members: &[(bool, &str)]) -> Result<(), Fault> {
    match members.iter().find(|(is_there, _)| *is_there) {
        Some((_, member)) => {
            Err(faults::invalid_parameter(format!("{what} health checks must not have {member} specified.")))
        }
        None => Ok(()),
    }
}

/// Text that says something.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn calculated(input: api::HealthCheckConfig) -> Result<HealthCheckConfig, Fault> {
    let forbidden = [
        (input.ip_address.is_some(), "an IP address"),
        (input.port.is_some(), "a port"),
        (input.resource_path.is_some(), "a resource path"),
        (input.fully_qualified_domain_name.is_some(), "a fully qualified domain name"),
        (input.search_string.is_some(), "a search string"),
        (input.request_interval.is_some(), "a request interval"),
        (input.failure_threshold.is_some(), "a failure threshold"),
        (input.measure_latency == Some(true), "latency measurement"),
        (input.enable_sni == Some(true), "SNI"),
        (input.regions.as_ref().is_some_and(|regions| !regions.is_empty()), "health check regions"),
        (input.alarm_identifier.is_some(), "an metric region"),
        (input.insufficient_data_health_status.is_some(), "an insufficient data health status"),
        (input.routing_control_arn.is_some(), "a routing control"),
    ];
    forbid("Calculated", &forbidden)?;
    let threshold =
        input.health_threshold.and_then(|number| u16::try_from(number).ok()).ok_or_else(|| {
            faults::invalid_parameter("Calculated health checks must have a health threshold specified.")
        })?;
    let children = input.child_health_checks.unwrap_or_default();
    Ok(HealthCheckConfig {
        kind: HealthCheckKind::Calculated,
        address: None,
        port: None,
        resource_path: None,
        domain_name: None,
        search_string: None,
        request_interval: DEFAULT_INTERVAL_SECONDS,
        failure_threshold: DEFAULT_THRESHOLD,
        measure_latency: false,
        inverted: input.inverted.unwrap_or_default(),
        disabled: input.disabled.unwrap_or_default(),
        health_threshold: Some(threshold),
        children: children.iter().map(|id| HealthCheckId::new(id)).collect(),
        enable_sni: false,
        regions: Vec::new(),
        alarm: None,
        insufficient_data: None,
        routing_control: None,
    })
}

/// A check of an endpoint.
fn basic(kind: HealthCheckKind, input: api::HealthCheckConfig) -> Result<HealthCheckConfig, Fault> {
    let is_tcp = kind == HealthCheckKind::Tcp;
    let is_tls = matches!(kind, HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch);
    let forbidden = [
        (input.alarm_identifier.is_some(), "an metric region"),
        (input.insufficient_data_health_status.is_some(), "an insufficient data health status"),
        (input.health_threshold.is_some(), "a health threshold"),
        (input.child_health_checks.as_ref().is_some_and(|ids| !ids.is_empty()), "child health checks"),
        (input.routing_control_arn.is_some(), "a routing control"),
    ];
    forbid("Basic", &forbidden)?;
    forbid("TCP", &[(is_tcp && given(input.resource_path.clone()).is_some(), "a resource path")])?;
    let address = given(input.ip_address).map(|text| address::parse(&text)).transpose()?;
    let domain_name = given(input.fully_qualified_domain_name);
    check_endpoint(is_tcp, address.is_some(), domain_name.as_deref())?;
    let threshold = input.failure_threshold.map_or(Ok(DEFAULT_THRESHOLD), u8::try_from);
    let Some(failure_threshold) = threshold.ok().filter(|number| (1..=10).contains(number)) else {
        return Err(faults::invalid_parameter("The failure threshold must be between 1 and 10."));
    };
    Ok(HealthCheckConfig {
        kind,
        address: address.map(Into::into),
        port: Some(port(kind, input.port)?),
        resource_path: given(input.resource_path),
        domain_name,
        search_string: search_string(kind, given(input.search_string))?,
        request_interval: interval(input.request_interval)?,
        failure_threshold,
        measure_latency: input.measure_latency.unwrap_or_default(),
        inverted: input.inverted.unwrap_or_default(),
        disabled: input.disabled.unwrap_or_default(),
        health_threshold: None,
        children: Vec::new(),
        enable_sni: input.enable_sni.unwrap_or(is_tls),
        regions: regions(input.regions.unwrap_or_default())?,
        alarm: None,
        insufficient_data: None,
        routing_control: None,
    })
}

fn check_endpoint(is_tcp: bool, has_address: bool, domain_name: Option<&str>) -> Result<(), Fault> {
    match domain_name {
        Some(_) if is_tcp && has_address => Err(faults::invalid_input(
            "TCP health checks that have IP address must not have a fully qualified domain name specified.",
        )),
        Some(name) if Name::parse(name).is_err() => {
            Err(faults::invalid_parameter(format!("{name} is not a fully qualified domain name.")))
        }
        None if !has_address => Err(faults::invalid_parameter(
            "Basic health checks must have an IP address or a fully qualified domain name specified.",
        )),
        _ => Ok(()),
    }
}

fn port(kind: HealthCheckKind, port: Option<i32>) -> Result<u16, Fault> {
    match (port, kind) {
        (Some(port), _) => {
            let port = u16::try_from(port).ok().filter(|port| *port > 0);
            port.ok_or_else(|| faults::invalid_parameter("The port must be between 1 and 65535."))
        }
        (None, HealthCheckKind::Https | HealthCheckKind::HttpsStrMatch) => Ok(HTTPS_PORT),
        (None, HealthCheckKind::Tcp) => {
            Err(faults::invalid_parameter("TCP health checks must have a port specified."))
        }
        (None, _) => Ok(HTTP_PORT),
    }
}

fn search_string(kind: HealthCheckKind, text: Option<String>) -> Result<Option<String>, Fault> {
    let searches = matches!(kind, HealthCheckKind::HttpStrMatch | HealthCheckKind::HttpsStrMatch);
    match (searches, &text) {
        (true, None) => Err(faults::invalid_parameter(
            "String matching health checks must have a search string specified.",
        )),
        (false, Some(_)) => {
            Err(faults::invalid_parameter("Basic health checks must not have a search string specified."))
        }
        _ => Ok(text),
    }
}

fn interval(seconds: Option<i32>) -> Result<u8, Fault> {
    let seconds = seconds.map_or(Ok(DEFAULT_INTERVAL_SECONDS), u8::try_from);
    let seconds = seconds.ok().filter(|seconds| matches!(seconds, 10 | 30));
    seconds.ok_or_else(|| faults::invalid_parameter("The request interval must be 10 or 30."))
}

fn regions(mut regions: Vec<String>) -> Result<Vec<String>, Fault> {
    regions.sort();
    regions.dedup();
    let has_checker = |name: &String| CHECKERS.iter().any(|(region, _)| region == name);
    if let Some(unknown) = regions.iter().find(|name| !has_checker(name)) {
        return Err(faults::invalid_parameter(format!("{unknown} is not a region of health checkers.")));
    }
    if !regions.is_empty() && regions.len() < FEWEST_REGIONS {
        return Err(faults::invalid_parameter(format!(
            "At least {FEWEST_REGIONS} health check regions must be specified."
        )));
    }
    Ok(regions)
}

/// The configuration as responses show it.
pub(super) fn shape(config: &HealthCheckConfig) -> api::HealthCheckConfig {
    let kind = KINDS.iter().find(|(kind, _)| *kind == config.kind).map_or("", |(_, name)| *name);
    let is_basic = !matches!(config.kind, HealthCheckKind::Calculated | HealthCheckKind::CloudWatchMetric);
    let is_calculated = config.kind == HealthCheckKind::Calculated;
    let children = config.children.iter().map(ToString::to_string).collect();
    api::HealthCheckConfig {
        ip_address: config.address.map(|address| address.to_string()),
        port: config.port.map(i32::from),
        r#type: kind.to_owned(),
        resource_path: config.resource_path.clone(),
        fully_qualified_domain_name: config.domain_name.clone(),
        search_string: config.search_string.clone(),
        request_interval: is_basic.then_some(i32::from(config.request_interval)),
        failure_threshold: is_basic.then_some(i32::from(config.failure_threshold)),
        measure_latency: is_basic.then_some(config.measure_latency),
        inverted: Some(config.inverted),
        disabled: Some(config.disabled),
        health_threshold: config.health_threshold.map(i32::from),
        child_health_checks: is_calculated.then_some(children),
        enable_sni: is_basic.then_some(config.enable_sni),
        regions: (!config.regions.is_empty()).then(|| config.regions.clone()),
        alarm_identifier: config.alarm.as_ref().map(alarm::identifier),
        insufficient_data_health_status: config.insufficient_data.map(|one| alarm::name(one).to_owned()),
        ..Default::default()
    }
}

/// A configuration with what an update gives in place of what was; elements to reset become their default first. "You can't update
/// an existing health check to add or remove the value of IPAddress."
///
/// # Errors
/// `InvalidInput`
pub(super) fn updated(
    mut config: api::HealthCheckConfig,
    input: UpdateHealthCheckRequest,
) -> Result<api::HealthCheckConfig, Fault> {
    if input.ip_address.is_some() && config.ip_address.is_none() {
        return Err(faults::invalid_parameter(
            "An IP address cannot be added to a health check that was created without one.",
        ));
    }
    for element in input.reset_elements.unwrap_or_default() {
        match element.as_str() {
            "FullyQualifiedDomainName" => config.fully_qualified_domain_name = None,
            "Regions" => config.regions = None,
            "ResourcePath" => config.resource_path = None,
            "ChildHealthChecks" => config.child_health_checks = None,
            other => {
                return Err(faults::invalid_parameter(format!("The element {other} cannot be reset.")));
            }
        }
    }
    Ok(api::HealthCheckConfig {
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
        alarm_identifier: input.alarm_identifier.or(config.alarm_identifier),
        insufficient_data_health_status: input
            .insufficient_data_health_status
            .or(config.insufficient_data_health_status),
        ..config
    })
}
