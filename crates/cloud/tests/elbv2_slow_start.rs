//! Who starts slowly, and until when.
//! [Slow start mode](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode)

mod balancing;
mod harness;
mod lab;

use balancing::{Balancing, target};
use enishi_api::elbv2::{
    DeregisterTargetsInput, ModifyTargetGroupAttributesInput, TargetGroupAttribute, ops,
};
use enishi_state::elbv2::{HealthReason, Target, TargetGroupArn, TargetHealth, TargetKey};
use harness::text;

struct Group {
    b: Balancing,
    arn: String,
}

impl Group {
    fn new() -> Self {
        let mut b = Balancing::new();
        let input = b.application("web");
        let balancer = b.active(input);
        let arn = b.target_group("web", "HTTP");
        b.listen(&balancer, "HTTP", 80, &arn);
        Group { b, arn }
    }

    #[track_caller]
    fn set(&mut self, key: &str, value: &str) {
        self.b.lab.h.ok::<ops::ModifyTargetGroupAttributes>(ModifyTargetGroupAttributesInput {
            target_group_arn: self.arn.clone(),
            attributes: vec![TargetGroupAttribute { key: text(key), value: text(value) }],
        });
    }

    #[track_caller]
    fn slow_start(&mut self, seconds: &str) {
        self.set("slow_start.duration_seconds", seconds);
    }

    fn register(&mut self, ids: &[&String]) {
        self.b.register(&self.arn, ids.iter().map(|id| target(id)).collect());
    }

    #[track_caller]
    fn turns(&mut self, id: &str, health: TargetHealth) {
        assert!(self.b.observe(&self.arn, id, 80, health));
    }

    fn waits(&mut self, seconds: i64) {
        self.b.lab.h.now = self.b.lab.h.now.plus_seconds(seconds);
    }

    /// For how many seconds the target is still in slow start.
    fn left(&self, id: &str) -> Option<i64> {
        let key = TargetKey::of(&TargetGroupArn::new(&self.arn), id, 80);
        let until = self.b.lab.h.world.get::<Target>(&key)?.slow_start_until?;
        Some(until.seconds() - self.b.lab.h.now.seconds())
    }
}

fn unhealthy() -> TargetHealth {
    TargetHealth::Unhealthy { reason: HealthReason::Timeout, description: "Request timed out".to_owned() }
}

#[test]
fn a_target_that_joins_healthy_ones_starts_slowly() {
    let mut group = Group::new();
    let [first, second, third] = [(); 3].map(|()| group.b.lab.running());
    group.register(&[&first]);
    group.turns(&first, TargetHealth::Healthy);
    group.slow_start("60");
    // "the healthy targets registered with the target group do not enter slow start mode"
    assert_eq!(group.left(&first), None);
    group.waits(1);
    group.register(&[&second]);
    assert_eq!(group.left(&second), None, "it is not healthy yet");
    group.waits(5);
    group.turns(&second, TargetHealth::Healthy);
    assert_eq!(group.left(&second), Some(60));
    // What is set meanwhile counts for those that come later.
    group.waits(10);
    group.slow_start("90");
    group.register(&[&third]);
    group.waits(10);
    group.turns(&third, TargetHealth::Healthy);
    assert_eq!((group.left(&second), group.left(&third)), (Some(40), Some(90)));
    group.slow_start("0");
    assert_eq!((group.left(&second), group.left(&third)), (None, None));
}

/// "When you enable slow start for an empty target group and then register targets using a single registration operation, these targets
/// do not enter slow start mode."
#[test]
fn targets_that_came_together_start_at_once() {
    let mut group = Group::new();
    group.slow_start("30");
    let [first, second] = [(); 2].map(|()| group.b.lab.running());
    group.register(&[&first, &second]);
    group.waits(1);
    group.turns(&first, TargetHealth::Healthy);
    group.waits(1);
    group.turns(&second, TargetHealth::Healthy);
    assert_eq!((group.left(&first), group.left(&second)), (None, None));
}

/// "If a target in slow start mode becomes unhealthy, the target exits slow start mode. When the target becomes healthy, it enters slow
/// start mode again."
#[test]
fn a_target_that_recovers_starts_slowly_again() {
    let mut group = Group::new();
    group.slow_start("30");
    let [first, second] = [(); 2].map(|()| group.b.lab.running());
    group.register(&[&first, &second]);
    group.waits(1);
    group.turns(&first, TargetHealth::Healthy);
    group.turns(&second, TargetHealth::Healthy);
    group.turns(&second, unhealthy());
    group.turns(&second, TargetHealth::Healthy);
    assert_eq!(group.left(&second), Some(30));
    group.turns(&second, unhealthy());
    assert_eq!(group.left(&second), None);
    // Nobody else could take what it does not.
    group.turns(&first, unhealthy());
    group.turns(&second, TargetHealth::Healthy);
    assert_eq!(group.left(&second), None);
}

/// "If you deregister a target in slow start mode, the target exits slow start mode. If you register the same target again, it enters
/// slow start mode when it is considered healthy by the target group."
#[test]
fn a_target_that_is_registered_again_starts_slowly_again() {
    let mut group = Group::new();
    let [first, second] = [(); 2].map(|()| group.b.lab.running());
    group.register(&[&first]);
    group.turns(&first, TargetHealth::Healthy);
    group.slow_start("30");
    group.waits(1);
    group.register(&[&second]);
    group.turns(&second, TargetHealth::Healthy);
    let deregistration =
        DeregisterTargetsInput { target_group_arn: group.arn.clone(), targets: vec![target(&second)] };
    group.b.lab.h.ok::<ops::DeregisterTargets>(deregistration);
    assert_eq!(group.left(&second), None);
    group.waits(40);
    group.register(&[&second]);
    group.turns(&second, TargetHealth::Healthy);
    assert_eq!(group.left(&second), Some(30));
}
