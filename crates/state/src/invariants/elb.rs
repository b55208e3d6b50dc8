//! What is true of Classic Load Balancers' rows.

use super::{Invariant, Verdict, alone, missing, touched, unused};
use crate::ec2::{InterfaceKind, NetworkInterface};
use crate::elb::{LoadBalancer, Registration};
use crate::{Conflict, Delta, Row, World};

/// Checks the rows that a transaction touched.
pub(super) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    touched::<LoadBalancer>(before, after, delta)?;
    touched::<Registration>(before, after, delta)
}

/// No load balancer uses an interface that is gone.
pub(super) fn interface_is_released(world: &World, interface: &NetworkInterface) -> Verdict {
    let mut balancers = world.by::<LoadBalancer>("network_interface", interface.id.as_str());
    balancers.try_for_each(|balancer| balancer.holds(world))
}

impl Invariant for LoadBalancer {
    fn holds(&self, world: &World) -> Verdict {
        let arn = self.arn();
        for zone in &self.zones {
            let id = &zone.network_interface;
            let Some(interface) = world.get::<NetworkInterface>(id) else { return missing(&arn, id) };
            ensure!(
                interface.kind == InterfaceKind::LoadBalancer
                    && interface.vpc == self.vpc
                    && interface.subnet == zone.subnet
                    && interface.zone == zone.zone,
                "{arn}: {id} is not the interface of its node in {}",
                zone.zone
            );
            alone(world.by::<LoadBalancer>("network_interface", id.as_str()), self, id.as_str())?;
            let nodes = self.zones.iter().filter(|other| other.zone == zone.zone).count();
            ensure!(nodes == 1, "{arn} has {nodes} nodes in {}", zone.zone);
        }
        let enabled =
            self.listeners.values().map(|listener| &listener.policies).chain(self.backends.values());
        for policy in enabled.flatten() {
            ensure!(self.policies.contains_key(policy), "{arn}: {policy} is enabled and does not exist");
        }
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<Registration>(world, &self.id(), "load_balancer", self.id().as_str()),
        }
    }
}

impl Invariant for Registration {
    fn holds(&self, world: &World) -> Verdict {
        match world.get::<LoadBalancer>(&self.load_balancer) {
            Some(_) => Ok(()),
            None => missing(&self.id(), &self.load_balancer),
        }
    }

    fn is_released(&self, _: &World, _: Option<&Self>) -> Verdict {
        Ok(())
    }
}
