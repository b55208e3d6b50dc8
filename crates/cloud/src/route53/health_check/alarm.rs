//! Health checks of CloudWatch alarms.
//! [Monitoring CloudWatch alarms](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html)
//!
//! The check follows the alarm's state. Route 53 itself looks at the alarm's data, so that there `SetAlarmState` does not move
//! a check and here it does. Alarms that Route 53 cannot watch (expressions, percentiles, periods of less than a minute, M out
//! of N) are refused as there.

use enishi_api::route53 as api;
use enishi_state::World;
use enishi_state::cloudwatch::{Alarm, AlarmSource, Statistic};
use enishi_state::route53::{
    AlarmIdentifier, HealthCheck, HealthCheckConfig, HealthCheckKind, InsufficientData,
};
use enishi_wire::Fault;

use super::config::{DEFAULT_INTERVAL_SECONDS, DEFAULT_THRESHOLD, forbid};
use crate::route53::faults;

const STATUSES: &[(InsufficientData, &str)] = &[
    (InsufficientData::Healthy, "Healthy"),
    (InsufficientData::Unhealthy, "Unhealthy"),
    (InsufficientData::LastKnownStatus, "LastKnownStatus"),
];

/// AWS's name.
pub(super) fn name(status: InsufficientData) -> &'static str {
    STATUSES.iter().find(|(one, _)| *one == status).map_or("", |(_, name)| name)
}

pub(super) fn identifier(alarm: &AlarmIdentifier) -> api::AlarmIdentifier {
    api::AlarmIdentifier { region: alarm.region.clone(), name: alarm.name.clone() }
}

/// Reads the configuration of a check of an alarm.
///
/// # Errors
/// `InvalidInput`
pub(super) fn parse(input: api::HealthCheckConfig) -> Result<HealthCheckConfig, Fault> {
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
        (input.health_threshold.is_some(), "a health threshold"),
        (input.child_health_checks.as_ref().is_some_and(|ids| !ids.is_empty()), "child health checks"),
        (input.routing_control_arn.is_some(), "a routing control"),
    ];
    forbid("CloudWatch metric", &forbidden)?;
    let alarm = input.alarm_identifier.ok_or_else(|| {
        faults::invalid_parameter("CloudWatch metric health checks must have an alarm identifier specified.")
    })?;
    let insufficient_data = input.insufficient_data_health_status.map(|text| {
        let found = STATUSES.iter().find(|(_, name)| *name == text).map(|(status, _)| *status);
        found.ok_or_else(|| {
            faults::invalid_parameter(format!("{text} is no insufficient data health status."))
        })
    });
    Ok(HealthCheckConfig {
        kind: HealthCheckKind::CloudWatchMetric,
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
        health_threshold: None,
        children: Vec::new(),
        enable_sni: false,
        regions: Vec::new(),
        alarm: Some(AlarmIdentifier { region: alarm.region, name: alarm.name }),
        insufficient_data: insufficient_data.transpose()?,
        routing_control: None,
    })
}

/// The alarm exists, and is one that Route 53 can watch.
///
/// # Errors
/// `InvalidInput`
pub(super) fn check(world: &World, row: &HealthCheck) -> Result<(), Fault> {
    let Some(identifier) = &row.config.alarm else { return Ok(()) };
    let found = row.alarm().and_then(|id| world.get::<Alarm>(&id));
    let Some(alarm) = found else {
        return Err(faults::invalid_parameter(format!(
            "The alarm {} does not exist in {}.",
            identifier.name, identifier.region
        )));
    };
    let AlarmSource::Metric(_, Statistic::Simple) = &alarm.source else {
        return Err(faults::invalid_parameter(
            "Health checks monitor alarms of a metric with a standard statistic only.",
        ));
    };
    if alarm.period() < 60 {
        return Err(faults::invalid_parameter(
            "Health checks do not monitor alarms of high-resolution metrics.",
        ));
    }
    if alarm.datapoints_to_alarm.is_some_and(|number| number != alarm.evaluation_periods) {
        return Err(faults::invalid_parameter("Health checks do not monitor \"M out of N\" alarms."));
    }
    Ok(())
}
