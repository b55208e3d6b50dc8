//! Limits: how much there may be, and how much there is.
//! [Quotas](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html)
//!
//! Those that Service Quotas knows can be raised there ([`crate::quota`]); the others are fixed.

use enishi_api::route53::{
    AccountLimit, GetAccountLimitRequest, GetAccountLimitResponse, GetHostedZoneLimitRequest,
    GetHostedZoneLimitResponse, GetReusableDelegationSetLimitRequest, GetReusableDelegationSetLimitResponse,
    HostedZoneLimit, ReusableDelegationSetLimit, ops,
};
use enishi_state::route53::{DelegationSet, HealthCheck, HostedZone};
use enishi_state::{Read, Scope, World};
use enishi_wire::Fault;

use super::{delegation_set, faults, own_zone};
use crate::quota::{self, Quota};
use crate::registry::Registry;

/// VPCs that see one private hosted zone.
pub(super) const VPCS_PER_ZONE: usize = 300;
/// VPCs of other accounts that may be associated with one private hosted zone.
pub(super) const AUTHORIZATIONS_PER_ZONE: usize = 1000;
/// Hosted zones with the name servers of one delegation set.
pub(super) const ZONES_PER_DELEGATION_SET: usize = 100;

/// The type of [`VPCS_PER_ZONE`].
pub(super) const MAX_VPCS: &str = "MAX_VPCS_ASSOCIATED_BY_ZONE";
/// The type of [`ZONES_PER_DELEGATION_SET`].
pub(super) const MAX_ZONES: &str = "MAX_ZONES_BY_REUSABLE_DELEGATION_SET";

pub(super) fn register(on: &mut Registry) {
    on.stored_read::<ops::GetAccountLimit>(get_account_limit);
    on.stored_read::<ops::GetHostedZoneLimit>(get_hosted_zone_limit);
    on.stored_read::<ops::GetReusableDelegationSetLimit>(get_reusable_delegation_set_limit);
}

/// Checks that the account may have one more hosted zone.
///
/// # Errors
/// `TooManyHostedZones`
pub(super) fn check_zones(world: &World, scope: &Scope) -> Result<(), Fault> {
    let count = world.by::<HostedZone>("account", scope.account.as_str()).count();
    match quota::HOSTED_ZONES.reached(world, scope, count) {
        true => Err(faults::too_many_hosted_zones()),
        false => Ok(()),
    }
}

/// Checks that the account may have one more health check.
///
/// # Errors
/// `TooManyHealthChecks`
pub(super) fn check_health_checks(world: &World, scope: &Scope) -> Result<(), Fault> {
    let count = world.by::<HealthCheck>("account", scope.account.as_str()).count();
    match quota::HEALTH_CHECKS.reached(world, scope, count) {
        true => Err(faults::too_many_health_checks()),
        false => Ok(()),
    }
}

/// Checks that the account may have one more reusable delegation set.
///
/// # Errors
/// `LimitsExceeded`
pub(super) fn check_delegation_sets(world: &World, scope: &Scope) -> Result<(), Fault> {
    let account = scope.account.as_str();
    let count = world.by::<DelegationSet>("account", account).count();
    match quota::DELEGATION_SETS.reached(world, scope, count) {
        true => Err(faults::limits_exceeded("MAX_REUSABLE_DELEGATION_SETS_BY_OWNER", account)),
        false => Ok(()),
    }
}

/// Checks that a zone of the account may have that many record sets.
///
/// # Errors
/// `InvalidChangeBatch`
pub(super) fn check_record_sets(world: &World, scope: &Scope, zone: &HostedZone) -> Result<(), Fault> {
    let most = quota::RECORD_SETS_PER_ZONE.applied(world, scope);
    if usize::try_from(zone.record_sets).is_ok_and(|count| count <= most) {
        return Ok(());
    }
    Err(faults::invalid_change_batch(&[format!("Exceeded limit MAX_RRSETS_BY_ZONE for zone: {}", zone.id)]))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn get_account_limit(
    read: &Read<'_>,
    input: GetAccountLimitRequest,
) -> Result<GetAccountLimitResponse, Fault> {
    let account = read.caller.scope.account.as_str();
    let applied = |quota: Quota| number(quota.applied(read.world, &read.caller.scope));
    let (value, count) = match input.r#type.as_str() {
        "MAX_HEALTH_CHECKS_BY_OWNER" => {
            (applied(quota::HEALTH_CHECKS), read.world.by::<HealthCheck>("account", account).count())
        }
        "MAX_HOSTED_ZONES_BY_OWNER" => {
            (applied(quota::HOSTED_ZONES), read.world.by::<HostedZone>("account", account).count())
        }
        "MAX_REUSABLE_DELEGATION_SETS_BY_OWNER" => {
            (applied(quota::DELEGATION_SETS), read.world.by::<DelegationSet>("account", account).count())
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
    let scope = &read.caller.scope;
    let zone = own_zone(read.world, &scope.account, &input.hosted_zone_id)?;
    let (value, count) = match input.r#type.as_str() {
        "MAX_RRSETS_BY_ZONE" => (
            number(quota::RECORD_SETS_PER_ZONE.applied(read.world, scope)),
            i64::try_from(zone.record_sets).unwrap_or(i64::MAX),
        ),
        MAX_VPCS if !zone.is_private => return Err(faults::hosted_zone_not_private()),
        MAX_VPCS => (number(VPCS_PER_ZONE), number(zone.vpcs.len())),
        other => return Err(faults::invalid_input(format!("Invalid limit type: {other}"))),
    };
    Ok(GetHostedZoneLimitResponse { limit: HostedZoneLimit { r#type: input.r#type, value }, count })
}

fn get_reusable_delegation_set_limit(
    read: &Read<'_>,
    input: GetReusableDelegationSetLimitRequest,
) -> Result<GetReusableDelegationSetLimitResponse, Fault> {
    let set = delegation_set::own(read.world, &read.caller.scope.account, &input.delegation_set_id)?;
    if input.r#type != MAX_ZONES {
        return Err(faults::invalid_input(format!("Invalid limit type: {}", input.r#type)));
    }
    let count = read.world.by::<HostedZone>("delegation_set", set.id.as_str()).count();
    let limit = ReusableDelegationSetLimit { r#type: input.r#type, value: number(ZONES_PER_DELEGATION_SET) };
    Ok(GetReusableDelegationSetLimitResponse { limit, count: number(count) })
}
