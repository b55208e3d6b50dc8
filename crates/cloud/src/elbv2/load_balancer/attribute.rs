//! `ModifyLoadBalancerAttributes`, `DescribeLoadBalancerAttributes`.
//! [LoadBalancerAttribute](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html)

use enishi_api::elbv2::{
    self as api, DescribeLoadBalancerAttributesInput, DescribeLoadBalancerAttributesOutput,
    ModifyLoadBalancerAttributesInput, ModifyLoadBalancerAttributesOutput, ops,
};
use enishi_state::elbv2::{LoadBalancer, LoadBalancerKind, attribute};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::super::attribute::{Kind, Values};
use super::super::{faults, find_load_balancer, kind_name};
use crate::registry::Registry;
use crate::s3::{self, Delivery, LogSource, may_deliver};

const APPLICATION: Kind = Kind { noun: "Load balancer", defaults: attribute::APPLICATION, values };
const NETWORK: Kind = Kind { noun: "Load balancer", defaults: attribute::NETWORK, values };

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyLoadBalancerAttributes>(modify_load_balancer_attributes);
    on.read::<ops::DescribeLoadBalancerAttributes>(describe_load_balancer_attributes);
}

fn values(key: &str) -> Values {
    match key {
        "access_logs.s3.bucket" | "access_logs.s3.prefix" => Values::Text(1024),
        "client_keep_alive.seconds" => Values::Number(60, 604_800),
        "dns_record.client_routing_policy" => Values::Default,
        "idle_timeout.timeout_seconds" => Values::Number(1, 4000),
        "routing.http.desync_mitigation_mode" => Values::Word(&["monitor", "defensive", "strictest"]),
        "routing.http.xff_header_processing.mode" => Values::Word(&["append", "preserve", "remove"]),
        "secondary_ips.auto_assigned.per_subnet" => Values::Default,
        key if key.starts_with("connection_logs.") || key.starts_with("health_check_logs.") => {
            Values::Default
        }
        "ipv6.deny_all_igw_traffic" | "zonal_shift.config.enabled" => Values::Default,
        _ => Values::Flag,
    }
}

fn kind_of(row: &LoadBalancer) -> Kind {
    match row.kind {
        LoadBalancerKind::Application => APPLICATION,
        LoadBalancerKind::Network => NETWORK,
    }
}

/// Refuses keys that only the other kind of load balancer has.
fn check_keys(row: &LoadBalancer, changes: &[(String, String)]) -> Result<(), Fault> {
    let has = |kind: Kind, key: &str| kind.defaults.iter().any(|(name, _)| *name == key);
    let foreign = |key: &str| !has(kind_of(row), key) && (has(APPLICATION, key) || has(NETWORK, key));
    match changes.iter().find(|(key, _)| foreign(key)) {
        Some((key, _)) => Err(faults::invalid_configuration_request(format!(
            "Load balancer attribute key '{key}' is not supported on load balancers with type '{}'",
            kind_name(row.kind)
        ))),
        None => Ok(()),
    }
}

fn shapes(row: &LoadBalancer) -> Vec<api::LoadBalancerAttribute> {
    let shape = |(key, value): (&str, &str)| api::LoadBalancerAttribute {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    kind_of(row).all(&row.attributes).into_iter().map(shape).collect()
}

fn modify_load_balancer_attributes(
    tx: &mut Tx<'_>,
    input: ModifyLoadBalancerAttributesInput,
) -> Result<ModifyLoadBalancerAttributesOutput, Fault> {
    let mut row = find_load_balancer(tx.world(), &tx.caller().scope, &input.load_balancer_arn)?.clone();
    let change = |attribute: api::LoadBalancerAttribute| {
        (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())
    };
    let changes: Vec<(String, String)> = input.attributes.into_iter().map(change).collect();
    check_keys(&row, &changes)?;
    kind_of(&row).set(&mut row.attributes, changes)?;
    check_together(&row)?;
    check_delivery(tx.world(), &row)?;
    let attributes = shapes(&row);
    tx.put(row);
    Ok(ModifyLoadBalancerAttributesOutput { attributes: Some(attributes) })
}

/// Refuses access logs that could not be delivered.
fn check_delivery(world: &World, row: &LoadBalancer) -> Result<(), Fault> {
    if row.attribute("access_logs.s3.enabled") != "true" {
        return Ok(());
    }
    if row.kind == LoadBalancerKind::Network {
        return Err(faults::not_supported("Access logs of Network Load Balancers are"));
    }
    let bucket = row.attribute("access_logs.s3.bucket");
    let key = s3::access_log_test_key(row.attribute("access_logs.s3.prefix"), &row.scope);
    let delivery = Delivery {
        bucket,
        key: &key,
        source: LogSource::LoadBalancer,
        scope: &row.scope,
        arn: row.arn.as_str(),
    };
    may_deliver(world, delivery).map(drop).map_err(|_| {
        faults::invalid_configuration_request(format!(
            "Access Denied for bucket: {bucket}. Please check S3bucket permission"
        ))
    })
}

/// Refuses values that do not go together.
fn check_together(row: &LoadBalancer) -> Result<(), Fault> {
    if row.kind == LoadBalancerKind::Application
        && row.attribute("load_balancing.cross_zone.enabled") == "false"
    {
        return Err(faults::invalid_configuration_request(
            "Cross-zone load balancing cannot be disabled on load balancers with type 'application'",
        ));
    }
    let logs = row.attribute("access_logs.s3.enabled") == "true";
    match logs && row.attribute("access_logs.s3.bucket").is_empty() {
        true => Err(faults::invalid_configuration_request(
            "The value of 'access_logs.s3.bucket' cannot be empty when access logs are enabled",
        )),
        false => Ok(()),
    }
}

fn describe_load_balancer_attributes(
    read: &Read<'_>,
    input: DescribeLoadBalancerAttributesInput,
) -> Result<DescribeLoadBalancerAttributesOutput, Fault> {
    let row = find_load_balancer(read.world, &read.caller.scope, &input.load_balancer_arn)?;
    Ok(DescribeLoadBalancerAttributesOutput { attributes: Some(shapes(row)) })
}
