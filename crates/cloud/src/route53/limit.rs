//! Limits and how much of them is used.
//! [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html)

use enishi_api::route53::{
    AccountLimit, GetAccountLimitRequest, GetAccountLimitResponse, GetHostedZoneLimitRequest,
    GetHostedZoneLimitResponse, GetReusableDelegationSetLimitRequest, GetReusableDelegationSetLimitResponse,
    HostedZoneLimit, ReusableDelegationSetLimit, ops,
};
use enishi_state::Read;
use enishi_state::route53::{DelegationSet, HealthCheck, HostedZone};
use enishi_wire::Fault;

use super::{delegation_set, faults, own_zone};
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::GetAccountLimit>(get_account_limit);
    on.stored_read::<ops::GetHostedZoneLimit>(get_hosted_zone_limit);
    on.stored_read::<ops::GetReusableDelegationSetLimit>(get_reusable_delegation_set_limit);
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn get_account_limit(
    read: &Read<'_>,
    input: GetAccountLimitRequest,
) -> Result<GetAccountLimitResponse, Fault> {
    let account = read.caller.scope.account.as_str();
    let (value, count) = match input.r#type.as_str() {
        "MAX_HEALTH_CHECKS_BY_OWNER" => (200, read.world.by::<HealthCheck>("account", account).count()),
        "MAX_HOSTED_ZONES_BY_OWNER" => (500, read.world.by::<HostedZone>("account", account).count()),
        "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER" => {
            (100, read.world.by::<DelegationSet>("account", account).count())
        }
        "MAX_TRAFFIC_POLICY_INSTANCES_BY_OWNER" => (5, 0),
        "MAX_TRAFFIC_POLICIES_BY_OWNER" => (50, 0),
        other => return Err(faults::invalid_input(format!("Invalid limit type: {other}"))),
    };
    Ok(GetAccountLimitResponse { limit: AccountLimit { r#type: input.r#type, value }, count: number(count) })
}

fn get_hosted_zone_limit(
    read: &Read<'_>,
    input: GetHostedZoneLimitRequest,
) -> Result<GetHostedZoneLimitResponse, Fault> {
    let zone = own_zone(read.world, &read.caller.scope.account, &input.hosted_zone_id)?;
    let (value, count) = match input.r#type.as_str() {
        "MAX_RRSETS_BY_ZONE" => (10_000, i64::try_from(zone.record_sets).unwrap_or(i64::MAX)),
        _ => (300, number(zone.vpcs.len())),
    };
    Ok(GetHostedZoneLimitResponse { limit: HostedZoneLimit { r#type: input.r#type, value }, count })
}

fn get_reusable_delegation_set_limit(
    read: &Read<'_>,
    input: GetReusableDelegationSetLimitRequest,
) -> Result<GetReusableDelegationSetLimitResponse, Fault> {
    let set = delegation_set::own(read.world, &read.caller.scope.account, &input.delegation_set_id)?;
    let count = read.world.by::<HostedZone>("delegation_set", set.id.as_str()).count();
    let limit = ReusableDelegationSetLimit { r#type: input.r#type, value: 100 };
    Ok(GetReusableDelegationSetLimitResponse { limit, count: number(count) })
}
