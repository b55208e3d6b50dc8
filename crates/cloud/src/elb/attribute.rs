//! Attributes: `ModifyLoadBalancerAttributes`, `DescribeLoadBalancerAttributes`.
//! [API_LoadBalancerAttributes](https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_LoadBalancerAttributes.html)

use enishi_api::elb::{
    AccessLog, AdditionalAttribute, ConnectionDraining, ConnectionSettings, CrossZoneLoadBalancing,
    DescribeLoadBalancerAttributesInput, DescribeLoadBalancerAttributesOutput, LoadBalancerAttributes,
    ModifyLoadBalancerAttributesInput, ModifyLoadBalancerAttributesOutput, ops,
};
use enishi_state::elb::{Attributes, LoadBalancer};
use enishi_state::{Read, Tx, World};
use enishi_wire::Fault;

use super::{faults, find, take, text};
use crate::registry::Registry;
use crate::s3::{self, Delivery, LogSource, may_deliver};

/// The key of the only additional attribute.
const DESYNC: &str = "elb.http.desyncmitigationmode";

pub(super) fn register(on: &mut Registry) {
    on.write::<ops::ModifyLoadBalancerAttributes>(modify_load_balancer_attributes);
    on.read::<ops::DescribeLoadBalancerAttributes>(describe_load_balancer_attributes);
}

fn modify_load_balancer_attributes(
    tx: &mut Tx<'_>,
    input: ModifyLoadBalancerAttributesInput,
) -> Result<ModifyLoadBalancerAttributesOutput, Fault> {
    let mut row = take(tx, &input.load_balancer_name)?;
    let changed = apply(&mut row.attributes, input.load_balancer_attributes)?;
    check_delivery(tx.world(), &row)?;
    let name = text(&row.name);
    tx.put(row);
    Ok(ModifyLoadBalancerAttributesOutput {
        load_balancer_name: name,
        load_balancer_attributes: Some(changed),
    })
}

/// Refuses access logs that could not be delivered.
fn check_delivery(world: &World, row: &LoadBalancer) -> Result<(), Fault> {
    let Attributes { access_log, access_log_bucket: bucket, access_log_prefix: prefix, .. } = &row.attributes;
    if !access_log {
        return Ok(());
    }
    let key = s3::access_log_test_key(prefix, &row.scope);
    let (source, arn) = (LogSource::LoadBalancer, row.arn());
    let delivery = Delivery { bucket, key: &key, source, scope: &row.scope, arn: arn.as_str() };
    may_deliver(world, delivery).map(drop).map_err(|_| {
        faults::invalid_configuration_request(format!(
            "Access Denied for bucket: {bucket}. Please check S3bucket permission"
        ))
    })
}

/// Changes what the request names; answers that as it is now.
fn apply(
    attributes: &mut Attributes,
    wanted: LoadBalancerAttributes,
) -> Result<LoadBalancerAttributes, Fault> {
    let mut changed = LoadBalancerAttributes::default();
    if let Some(cross_zone) = wanted.cross_zone_load_balancing {
        attributes.cross_zone = cross_zone.enabled;
        changed.cross_zone_load_balancing = shape(attributes).cross_zone_load_balancing;
    }
    if let Some(draining) = wanted.connection_draining {
        drain(attributes, &draining)?;
        changed.connection_draining = shape(attributes).connection_draining;
    }
    if let Some(settings) = wanted.connection_settings {
        // The model's range fits.
        attributes.idle_timeout_seconds = u32::try_from(settings.idle_timeout).unwrap_or(60);
        changed.connection_settings = shape(attributes).connection_settings;
    }
    if let Some(log) = wanted.access_log {
        log_access(attributes, log)?;
        changed.access_log = shape(attributes).access_log;
    }
    if let Some(others) = wanted.additional_attributes {
        others.into_iter().try_for_each(|other| set_other(attributes, other))?;
        changed.additional_attributes = shape(attributes).additional_attributes;
    }
    Ok(changed)
}

fn drain(attributes: &mut Attributes, wanted: &ConnectionDraining) -> Result<(), Fault> {
    if let Some(timeout) = wanted.timeout {
        attributes.draining_timeout_seconds =
            u32::try_from(timeout).ok().filter(|seconds| (1..=3600).contains(seconds)).ok_or_else(|| {
                faults::validation_error(
                    "ConnectionDraining timeout must be between 1 and 3600 seconds inclusive",
                )
            })?;
    }
    attributes.draining_seconds = wanted.enabled.then_some(attributes.draining_timeout_seconds);
    Ok(())
}

fn log_access(attributes: &mut Attributes, wanted: AccessLog) -> Result<(), Fault> {
    attributes.access_log = wanted.enabled;
    attributes.access_log_minutes = match wanted.emit_interval {
        None => 60,
        Some(5) => 5,
        Some(60) => 60,
        Some(_) => {
            return Err(faults::validation_error("The access log emit interval must be 5 or 60 minutes"));
        }
    };
    attributes.access_log_bucket = wanted.s3_bucket_name.unwrap_or_default();
    attributes.access_log_prefix = wanted.s3_bucket_prefix.unwrap_or_default();
    match attributes.access_log && attributes.access_log_bucket.is_empty() {
        true => Err(faults::invalid_configuration_request(
            "S3BucketName cannot be empty when access logs are enabled",
        )),
        false => Ok(()),
    }
}

fn set_other(attributes: &mut Attributes, wanted: AdditionalAttribute) -> Result<(), Fault> {
    let (key, value) = (wanted.key.unwrap_or_default(), wanted.value.unwrap_or_default());
    if key != DESYNC {
        return Err(faults::attribute_not_found(&key));
    }
    if !["monitor", "defensive", "strictest"].contains(&value.as_str()) {
        return Err(faults::validation_error(format!(
            "The value '{value}' of {DESYNC} must be monitor, defensive or strictest"
        )));
    }
    attributes.desync_mitigation_mode = value;
    Ok(())
}

fn describe_load_balancer_attributes(
    read: &Read<'_>,
    input: DescribeLoadBalancerAttributesInput,
) -> Result<DescribeLoadBalancerAttributesOutput, Fault> {
    let row = find(read.world, &read.caller.scope, &input.load_balancer_name)?;
    Ok(DescribeLoadBalancerAttributesOutput { load_balancer_attributes: Some(shape(&row.attributes)) })
}

/// All attributes as responses show them.
fn shape(attributes: &Attributes) -> LoadBalancerAttributes {
    let log = attributes.access_log;
    let number = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
    LoadBalancerAttributes {
        cross_zone_load_balancing: Some(CrossZoneLoadBalancing { enabled: attributes.cross_zone }),
        access_log: Some(AccessLog {
            enabled: log,
            s3_bucket_name: log.then(|| attributes.access_log_bucket.clone()),
            emit_interval: log.then_some(attributes.access_log_minutes.into()),
            s3_bucket_prefix: log.then(|| attributes.access_log_prefix.clone()),
        }),
        connection_draining: Some(ConnectionDraining {
            enabled: attributes.draining_seconds.is_some(),
            timeout: Some(number(attributes.draining_timeout_seconds)),
        }),
        connection_settings: Some(ConnectionSettings {
            idle_timeout: number(attributes.idle_timeout_seconds),
        }),
        additional_attributes: Some(vec![AdditionalAttribute {
            key: text(DESYNC),
            value: text(&attributes.desync_mitigation_mode),
        }]),
    }
}
