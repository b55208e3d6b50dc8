//! Verdicts as rows have them.

use std::collections::BTreeMap;

use enishi_cloud::{elb as classic, elbv2};
use enishi_proxy::health::targets::{Reason, TargetId, Verdict};
use enishi_state::ec2::InstanceId;
use enishi_state::elb::{self, RegistrationKey};
use enishi_state::elbv2::{HealthReason, TargetGroupArn, TargetHealth, TargetKey};
use enishi_state::{ResourceId, Tx};

/// Writes down how targets are, of load balancers of either API.
pub fn observe(tx: &mut Tx<'_>, verdicts: &BTreeMap<TargetId, Verdict>) {
    let arn = |id: &TargetId| elb::LoadBalancerArn::new(&id.balancer);
    let is_classic = |id: &TargetId| tx.world().get::<elb::LoadBalancer>(&arn(id)).is_some();
    let (instances, targets): (Vec<_>, Vec<_>) = verdicts.iter().partition(|(id, _)| is_classic(id));
    classic::health::observe(tx, instances.into_iter().filter_map(of_instance));
    elbv2::health::observe(tx, targets.into_iter().map(of_target));
}

fn of_instance((id, verdict): (&TargetId, &Verdict)) -> Option<classic::health::Observation> {
    let instance = InstanceId::parse(&id.target).ok()?;
    let registration = RegistrationKey::of(&elb::LoadBalancerArn::new(&id.balancer), &instance);
    let is_healthy = match verdict {
        Verdict::Initial => None,
        Verdict::Healthy => Some(true),
        Verdict::Unhealthy(_) => Some(false),
    };
    Some(classic::health::Observation { registration, is_healthy })
}

fn of_target((id, verdict): (&TargetId, &Verdict)) -> elbv2::health::Observation {
    let target = TargetKey::of(&TargetGroupArn::new(&id.group), &id.target, id.port);
    let health = match verdict {
        Verdict::Initial => TargetHealth::Initial,
        Verdict::Healthy => TargetHealth::Healthy,
        Verdict::Unhealthy(reason) => TargetHealth::Unhealthy {
            reason: match reason {
                Reason::Codes(_) => HealthReason::ResponseCodeMismatch,
                Reason::Timeout => HealthReason::Timeout,
                Reason::Failed => HealthReason::FailedHealthChecks,
            },
            description: reason.to_string(),
        },
    };
    elbv2::health::Observation { target, health }
}
