//! Instances that are registered, and what is known of their health.
//! [Instance states](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html#check-instance-health)
//!
//! An instance is checked once for all ports. That it does not run, or is in a zone that is not enabled, is no row: it follows
//! from other rows.

use serde::{Deserialize, Serialize};

use super::LoadBalancerArn;
use crate::ec2::InstanceId;
use crate::id::name_id;
use crate::{Keys, Row, Timestamp};

name_id!(RegistrationKey, "a registered instance: load balancer and instance");

impl RegistrationKey {
    /// The key of an instance at a load balancer.
    pub fn of(load_balancer: &LoadBalancerArn, instance: &InstanceId) -> Self {
        RegistrationKey::new(&format!("{load_balancer} {instance}"))
    }
}

/// An instance that is registered, or that finishes what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The load balancer.
    pub load_balancer: LoadBalancerArn,
    /// The instance.
    pub instance: InstanceId,
    /// How it is.
    pub health: InstanceHealth,
    /// Since when.
    pub since: Timestamp,
}

/// How an instance is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceHealth {
    /// No probe has ended well or badly often enough yet.
    Initial,
    /// It answers as it should.
    InService,
    /// It does not.
    OutOfService,
    /// It was deregistered and finishes what it has.
    Draining {
        /// When it is gone.
        until: Timestamp,
    },
}

impl Registration {
    /// When it is gone, if it was deregistered.
    pub fn drains_until(&self) -> Option<Timestamp> {
        match self.health {
            InstanceHealth::Draining { until } => Some(until),
            _ => None,
        }
    }
}

impl Row for Registration {
    type Id = RegistrationKey;
    const TABLE: &'static str = "classic_registration";

    fn id(&self) -> RegistrationKey {
        RegistrationKey::of(&self.load_balancer, &self.instance)
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("load_balancer", self.load_balancer.as_str());
        keys.add("instance", self.instance.as_str());
        if self.drains_until().is_some() {
            keys.add("draining", "");
        }
    }
}
