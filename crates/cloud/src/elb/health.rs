//! What probes find out about registered instances.
//! [Instance states](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html#check-instance-health)

use enishi_state::ec2::Instance;
use enishi_state::elb::{InstanceHealth, Registration, RegistrationKey};
use enishi_state::{Tx, World};

/// Enough probes in a row ended well, or badly, that an instance's health changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The instance at its load balancer.
    pub registration: RegistrationKey,
    /// Whether it answers as it should; nothing if that is not known any more.
    pub is_healthy: Option<bool>,
}

impl Observation {
    fn health(&self) -> InstanceHealth {
        match self.is_healthy {
            Some(true) => InstanceHealth::InService,
            Some(false) => InstanceHealth::OutOfService,
            None => InstanceHealth::Initial,
        }
    }
}

/// Whether [`observe`] would change something.
pub fn is_news(world: &World, observation: &Observation) -> bool {
    let Some(row) = world.get::<Registration>(&observation.registration) else { return false };
    let is_up = world.get::<Instance>(&row.instance).is_some_and(|instance| instance.state.is_up());
    row.drains_until().is_none()
        && row.health != observation.health()
        && (observation.is_healthy.is_none() || is_up)
}

/// Writes down what probes found out. What is late is dropped: about instances that are gone, that drain or do not run.
pub fn observe(tx: &mut Tx<'_>, observations: impl IntoIterator<Item = Observation>) {
    for observation in observations {
        if is_news(tx.world(), &observation) {
            let now = tx.now();
            tx.modify::<Registration>(&observation.registration, |row| {
                row.health = observation.health();
                row.since = now;
            });
        }
    }
}
