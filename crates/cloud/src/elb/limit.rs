//! `DescribeAccountLimits`.
//! [Quotas for your Classic Load Balancer](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-limits.html)

use enishi_api::elb::{DescribeAccountLimitsInput, DescribeAccountLimitsOutput, Limit, ops};
use enishi_state::Read;
use enishi_wire::Fault;

use super::text;
use crate::quota;
use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    on.read::<ops::DescribeAccountLimits>(describe_account_limits);
}

fn describe_account_limits(
    read: &Read<'_>,
    _: DescribeAccountLimitsInput,
) -> Result<DescribeAccountLimitsOutput, Fault> {
    let limits = [
        ("classic-load-balancers", quota::CLASSIC_LOAD_BALANCERS),
        ("classic-listeners", quota::LISTENERS_PER_CLASSIC_LOAD_BALANCER),
        ("classic-registered-instances", quota::INSTANCES_PER_CLASSIC_LOAD_BALANCER),
    ];
    let limits = limits.into_iter().map(|(name, quota)| Limit {
        name: text(name),
        max: text(quota.applied(read.world, &read.caller.scope)),
    });
    Ok(DescribeAccountLimitsOutput { limits: Some(limits.collect()), next_marker: None })
}
