//! `ModifyTargetGroupAttributes`, `DescribeTargetGroupAttributes`.
//! [TargetGroupAttribute](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html)

use enishi_api::elbv2::{
    self as api, DescribeTargetGroupAttributesInput, DescribeTargetGroupAttributesOutput,
    ModifyTargetGroupAttributesInput, ModifyTargetGroupAttributesOutput, ops,
};
use enishi_state::elbv2::{TargetGroup, TargetGroupProtocol, TargetType, attribute};
use enishi_state::{Read, Tx};
use enishi_wire::Fault;

use super::super::attribute::{Kind, Values};
use super::super::{faults, find_target_group, slow_start};
use super::protocol_name;
use crate::registry::Registry;

const APPLICATION: Kind =
    Kind { noun: "Target group", defaults: attribute::APPLICATION_TARGETS, values: application_values };
const NETWORK: Kind =
    Kind { noun: "Target group", defaults: attribute::NETWORK_TARGETS, values: network_values };

/// Cookies that load balancers make themselves.
const RESERVED_COOKIES: &[&str] = &["AWSALB", "AWSALBAPP", "AWSALBTG"];

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyTargetGroupAttributes>(modify_target_group_attributes);
    on.read::<ops::DescribeTargetGroupAttributes>(describe_target_group_attributes);
}

fn application_values(key: &str) -> Values {
    match key {
        "load_balancing.algorithm.type" => {
            Values::Word(&["round_robin", "least_outstanding_requests", "weighted_random"])
        }
        "load_balancing.algorithm.anomaly_mitigation" => Values::Default,
        "slow_start.duration_seconds" => Values::Number(0, 900),
        "stickiness.app_cookie.cookie_name" => Values::Text(4096),
        "stickiness.app_cookie.duration_seconds" | "stickiness.lb_cookie.duration_seconds" => {
            Values::Number(1, 604_800)
        }
        _ => values(key),
    }
}

fn network_values(key: &str) -> Values {
    match key {
        "target_health_state.unhealthy.draining_interval_seconds" => Values::Default,
        _ => values(key),
    }
}

fn values(key: &str) -> Values {
    match key {
        "deregistration_delay.timeout_seconds" => Values::Number(0, 3600),
        "load_balancing.cross_zone.enabled" => {
            Values::Word(&["true", "false", "use_load_balancer_configuration"])
        }
        // Checked with a better message in `check_stickiness`.
        "stickiness.type" => Values::Text(64),
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"
        | "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage" => Values::Default,
        "target_group_health.dns_failover.minimum_healthy_targets.count" => Values::NumberOrOff(1, 1000),
        "target_group_health.dns_failover.minimum_healthy_targets.percentage" => Values::NumberOrOff(1, 100),
        _ => Values::Flag,
    }
}

fn kind_of(row: &TargetGroup) -> Kind {
    match row.protocol.is_application() {
        true => APPLICATION,
        false => NETWORK,
    }
}

/// The keys that a target group has: an `alb` one fewer than others.
fn has(row: &TargetGroup, key: &str) -> bool {
    match row.target_type {
        TargetType::Alb => !key.starts_with("stickiness.") && !key.starts_with("proxy_protocol_v2."),
        TargetType::Instance | TargetType::Ip => true,
    }
}

fn shapes(row: &TargetGroup) -> Vec<api::TargetGroupAttribute> {
    let value = |key: &str, value: &str| match key {
        "preserve_client_ip.enabled" => row.preserves_client_ip().to_string(),
        _ => value.to_owned(),
    };
    let shape = |(key, set): (&str, &str)| api::TargetGroupAttribute {
        key: Some(key.to_owned()),
        value: Some(value(key, set)),
    };
    kind_of(row).all(&row.attributes).into_iter().filter(|(key, _)| has(row, key)).map(shape).collect()
}

fn modify_target_group_attributes(
    tx: &mut Tx<'_>,
    input: ModifyTargetGroupAttributesInput,
) -> Result<ModifyTargetGroupAttributesOutput, Fault> {
    let mut row = find_target_group(tx.world(), &tx.caller().scope, &input.target_group_arn)?.clone();
    let change = |attribute: api::TargetGroupAttribute| {
        (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())
    };
    let changes: Vec<(String, String)> = input.attributes.into_iter().map(change).collect();
    let known = |key: &str, kind: Kind| kind.defaults.iter().any(|(name, _)| *name == key);
    let is_foreign = |key: &str| {
        (known(key, APPLICATION) || known(key, NETWORK)) && !(known(key, kind_of(&row)) && has(&row, key))
    };
    if changes.iter().any(|(key, _)| is_foreign(key)) {
        return Err(faults::invalid_configuration_request(
            "The provided target group attribute is not supported",
        ));
    }
    kind_of(&row).set(&mut row.attributes, changes)?;
    check_stickiness(&row)?;
    check_together(&row)?;
    let attributes = shapes(&row);
    slow_start::review(tx, &row);
    tx.put(row);
    Ok(ModifyTargetGroupAttributesOutput { attributes: Some(attributes) })
}

fn check_stickiness(row: &TargetGroup) -> Result<(), Fault> {
    let kind = row.attribute("stickiness.type");
    let allowed: &[&str] = match row.protocol {
        TargetGroupProtocol::Http | TargetGroupProtocol::Https => &["lb_cookie", "app_cookie"],
        TargetGroupProtocol::Tcp
        | TargetGroupProtocol::Udp
        | TargetGroupProtocol::TcpUdp
        | TargetGroupProtocol::Tls => &["source_ip"],
    };
    if !allowed.contains(&kind) {
        return Err(faults::invalid_configuration_request(format!(
            "Stickiness type '{kind}' is not supported for target groups with the {} protocol",
            protocol_name(row.protocol)
        )));
    }
    let is_on = row.attribute("stickiness.enabled") == "true";
    if is_on && row.protocol == TargetGroupProtocol::Tls {
        return Err(faults::invalid_configuration_request(
            "Stickiness is not supported for target groups with the TLS protocol",
        ));
    }
    if kind != "app_cookie" {
        return Ok(());
    }
    let cookie = row.attribute("stickiness.app_cookie.cookie_name");
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if cookie.is_empty() || !cookie.bytes().all(is_token) {
        return Err(faults::invalid_configuration_request(
            "A valid cookie name must be specified for application-based stickiness",
        ));
    }
    match RESERVED_COOKIES.iter().any(|reserved| cookie.starts_with(reserved)) {
        true => Err(faults::invalid_configuration_request(format!(
            "The cookie name '{cookie}' is reserved: AWSALB, AWSALBAPP and AWSALBTG cannot be used as prefixes"
        ))),
        false => Ok(()),
    }
}

/// Refuses values that do not go together.
fn check_together(row: &TargetGroup) -> Result<(), Fault> {
    let slow_start = row.attribute("slow_start.duration_seconds");
    if row.protocol.is_application() && slow_start != "0" {
        if !slow_start.parse().is_ok_and(|seconds: u32| seconds >= 30) {
            return Err(faults::validation_error(
                "The value of 'slow_start.duration_seconds' must be '0' or between '30' and '900' inclusive",
            ));
        }
        if row.attribute("load_balancing.algorithm.type") != "round_robin" {
            return Err(faults::invalid_configuration_request(
                "Slow start is only supported with the round robin load balancing algorithm",
            ));
        }
    }
    let must_preserve = matches!(row.protocol, TargetGroupProtocol::Udp | TargetGroupProtocol::TcpUdp);
    match must_preserve && !row.preserves_client_ip() {
        true => Err(faults::invalid_configuration_request(format!(
            "Client IP preservation cannot be disabled for target groups with the {} protocol",
            protocol_name(row.protocol)
        ))),
        false => Ok(()),
    }
}

fn describe_target_group_attributes(
    read: &Read<'_>,
    input: DescribeTargetGroupAttributesInput,
) -> Result<DescribeTargetGroupAttributesOutput, Fault> {
    let row = find_target_group(read.world, &read.caller.scope, &input.target_group_arn)?;
    Ok(DescribeTargetGroupAttributesOutput { attributes: Some(shapes(row)) })
}
