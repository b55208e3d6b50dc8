//! Targets, and what is known of their health.
//! [Target health status](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states)
//!
//! What probes find out is a row when it changes, so that packets, names and answers of the API follow the same truth, and a
//! daemon that starts again goes on from it. `unused` is no row: it follows from whether a load balancer uses the target.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TargetGroupArn;
use crate::id::name_id;
use crate::{Keys, Row, Timestamp};

name_id!(TargetKey, "a target: target group, target and port");

impl TargetKey {
    /// The key of a target in its group.
    pub fn of(group: &TargetGroupArn, target: &str, port: u16) -> Self {
        TargetKey::new(&format!("{group} {target} {port}"))
    }
}

/// A registered target, or one that is being deregistered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its target group.
    pub target_group: TargetGroupArn,
    /// The instance, the address, or the load balancer.
    pub target: String,
    /// Its port.
    pub port: u16,
    /// The zone of an address: its subnet's, or, outside of the VPC, what the user gave: a zone's name, or `all`. `None` for
    /// other targets.
    pub zone: Option<String>,
    /// How it is.
    pub health: TargetHealth,
    /// Since when.
    pub since: Timestamp,
    /// When its slow start ends, or ended; `None`: it has none.
    pub slow_start_until: Option<Timestamp>,
}

/// How a target is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetHealth {
    /// No probe has ended well or badly often enough yet.
    Initial,
    /// It answers as it should.
    Healthy,
    /// It does not.
    Unhealthy {
        /// Why.
        reason: HealthReason,
        /// What was wrong, in AWS's words.
        description: String,
    },
    /// It was deregistered and finishes what it has.
    Draining {
        /// When it is gone.
        until: Timestamp,
    },
}

/// Why a target is not healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthReason {
    /// The answer is not what the matcher wants.
    ResponseCodeMismatch,
    /// The answer took too long.
    Timeout,
    /// The connection failed, or something else was wrong.
    FailedHealthChecks,
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HealthReason::ResponseCodeMismatch => "Target.ResponseCodeMismatch",
            HealthReason::Timeout => "Target.Timeout",
            HealthReason::FailedHealthChecks => "Target.FailedHealthChecks",
        })
    }
}

impl Target {
    /// When it is gone, if it is being deregistered.
    pub fn drains_until(&self) -> Option<Timestamp> {
        match self.health {
            TargetHealth::Draining { until } => Some(until),
            _ => None,
        }
    }
}

impl Row for Target {
    type Id = TargetKey;
    const TABLE: &'static str = "target";

    fn id(&self) -> TargetKey {
        TargetKey::of(&self.target_group, &self.target, self.port)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("target_group", self.target_group.as_str());
        keys.add("target", &self.target);
        if self.drains_until().is_some() {
            keys.add("draining", "");
        }
    }
}
