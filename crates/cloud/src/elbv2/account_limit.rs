//! `DescribeAccountLimits`: the quotas by the names that Elastic Load Balancing gives them.
//! [DescribeAccountLimits](https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeAccountLimits.html)

use enishi_api::elbv2::{DescribeAccountLimitsInput, DescribeAccountLimitsOutput, Limit, ops};
use enishi_state::Read;
use enishi_wire::Fault;

use super::page::page;
use super::text;
use crate::quota::{self, Quota};
use crate::registry::Registry;

/// The limits that quotas set, by name.
const LIMITS: &[(&str, Quota)] = &[
    ("application-load-balancers", quota::APPLICATION_LOAD_BALANCERS),
    ("certificates-per-application-load-balancer", quota::CERTIFICATES_PER_LOAD_BALANCER),
    ("listeners-per-application-load-balancer", quota::LISTENERS_PER_APPLICATION_LOAD_BALANCER),
    ("listeners-per-network-load-balancer", quota::LISTENERS_PER_NETWORK_LOAD_BALANCER),
    ("network-load-balancers", quota::NETWORK_LOAD_BALANCERS),
    ("rules-per-application-load-balancer", quota::RULES_PER_LOAD_BALANCER),
    ("target-groups", quota::TARGET_GROUPS),
    ("targets-per-target-group", quota::TARGETS_PER_TARGET_GROUP),
];

/// The limits that nobody can raise.
const FIXED: &[(&str, usize)] = &[
    ("condition-values-per-alb-rule", super::rule::CONDITION_VALUES),
    ("condition-wildcards-per-alb-rule", super::rule::CONDITION_WILDCARDS),
    ("target-groups-per-action-on-application-load-balancer", super::action::GROUPS_PER_ACTION),
    ("target-groups-per-action-on-network-load-balancer", 1),
    ("target-groups-per-application-load-balancer", super::action::GROUPS_PER_BALANCER),
];

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAccountLimits>(describe_account_limits);
}

fn describe_account_limits(
    read: &Read<'_>,
    input: DescribeAccountLimitsInput,
) -> Result<DescribeAccountLimitsOutput, Fault> {
    let applied = |quota: &Quota| quota.applied(read.world, &read.caller.scope);
    let raised = LIMITS.iter().map(|(name, quota)| (*name, applied(quota)));
    let mut limits: Vec<(&str, usize)> = raised.chain(FIXED.iter().copied()).collect();
    limits.sort_unstable();
    let id = |(name, _): &(&str, usize)| (*name).to_owned();
    let (limits, next_marker) = page(limits, input.page_size, input.marker.as_deref(), id)?;
    let shape = |(name, max): (&str, usize)| Limit { name: text(name), max: text(max) };
    Ok(DescribeAccountLimitsOutput { limits: Some(limits.into_iter().map(shape).collect()), next_marker })
}
