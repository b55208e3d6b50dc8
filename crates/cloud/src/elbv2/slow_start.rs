//! Which targets start slowly, and until when: decided when a target turns healthy, so that whatever is set later changes nothing for it.
//! [Slow start mode](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode)

use enishi_state::elbv2::{Target, TargetGroup, TargetHealth, TargetKey};
use enishi_state::{Row, Timestamp, Tx, World};

use super::target::of_group;

/// When the slow start of a target ends that turns healthy now; `None`: it gets its full share.
///
/// "Newly registered targets enter slow start mode only when there is at least one healthy target that is not in slow start mode", and
/// targets that came together with all the others do not. "When the target becomes healthy \[again\], it enters slow start mode again."
pub(super) fn ends(world: &World, key: &TargetKey, now: Timestamp) -> Option<Timestamp> {
    let target = world.get::<Target>(key)?;
    let seconds = duration(world.get::<TargetGroup>(&target.target_group)?)?;
    let was_there = |other: &Target| match target.health {
        TargetHealth::Initial => other.since < target.since,
        TargetHealth::Healthy | TargetHealth::Unhealthy { .. } | TargetHealth::Draining { .. } => true,
    };
    let is_warm = |other: &Target| {
        other.health == TargetHealth::Healthy && other.slow_start_until.is_none_or(|until| until <= now)
    };
    let is_led = of_group(world, &target.target_group)
        .any(|other| other.id() != *key && is_warm(other) && was_there(other));
    is_led.then(|| now.plus_seconds(seconds))
}

fn duration(group: &TargetGroup) -> Option<i64> {
    group.attribute("slow_start.duration_seconds").parse().ok().filter(|seconds| *seconds > 0)
}

/// The group's attributes changed: where slow start is turned off, no target is in it any more.
pub(super) fn review(tx: &mut Tx<'_>, group: &TargetGroup) {
    if duration(group).is_some() {
        return;
    }
    let slow = of_group(tx.world(), &group.arn).filter(|target| target.slow_start_until.is_some());
    let keys: Vec<TargetKey> = slow.map(Row::id).collect();
    for key in keys {
        tx.modify::<Target>(&key, |row| row.slow_start_until = None);
    }
}
