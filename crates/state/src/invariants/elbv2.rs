//! What is true of load balancers' rows.

use super::{Invariant, Verdict, alone, missing, touched, unused};
use crate::ec2::{InterfaceKind, NetworkInterface};
use crate::elbv2::{
    Listener, LoadBalancer, LoadBalancerKind, MutualAuthentication, Rule, Target, TargetGroup,
    TargetGroupArn, TrustStore,
};
use crate::{Conflict, Delta, World};

/// Checks the rows that a transaction touched.
pub(super) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    touched::<LoadBalancer>(before, after, delta)?;
    touched::<Listener>(before, after, delta)?;
    touched::<Rule>(before, after, delta)?;
    touched::<TargetGroup>(before, after, delta)?;
    touched::<Target>(before, after, delta)?;
    touched::<TrustStore>(before, after, delta)
}

/// No load balancer uses an interface that is gone.
pub(super) fn interface_is_released(world: &World, interface: &NetworkInterface) -> Verdict {
    let mut balancers = world.by::<LoadBalancer>("network_interface", interface.id.as_str());
    balancers.try_for_each(|balancer| balancer.holds(world))
}

impl Invariant for LoadBalancer {
    fn holds(&self, world: &World) -> Verdict {
        let arn = &self.arn;
        alone(world.by::<LoadBalancer>("name", &format!("{}/{}", self.scope, self.name)), self, "the name")?;
        ensure!(!self.zones.is_empty(), "{arn} has no zone");
        let kind = match self.kind {
            LoadBalancerKind::Application => InterfaceKind::LoadBalancer,
            LoadBalancerKind::Network => InterfaceKind::NetworkLoadBalancer,
        };
        for zone in &self.zones {
            let id = &zone.network_interface;
            let Some(interface) = world.get::<NetworkInterface>(id) else { return missing(arn, id) };
            ensure!(
                interface.kind == kind
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
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<Listener>(world, &self.arn, "load_balancer", self.arn.as_str()),
        }
    }
}

impl Invariant for Listener {
    fn holds(&self, world: &World) -> Verdict {
        let arn = &self.arn;
        let balancer = &self.load_balancer;
        ensure!(world.get::<LoadBalancer>(balancer).is_some(), "{arn}: {balancer} does not exist");
        let siblings = world.by::<Listener>("load_balancer", balancer.as_str());
        let rivals = siblings.filter(|other| other.port == self.port).count();
        ensure!(rivals == 1, "{arn}: port {} is taken", self.port);
        if let MutualAuthentication::Verify { trust_store, .. } = &self.mutual {
            ensure!(world.get::<TrustStore>(trust_store).is_some(), "{arn}: {trust_store} does not exist");
        }
        self.default_actions
            .iter()
            .flat_map(|action| action.target_groups())
            .try_for_each(|group| exists(world, arn, group))
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<Rule>(world, &self.arn, "listener", self.arn.as_str()),
        }
    }
}

impl Invariant for Rule {
    fn holds(&self, world: &World) -> Verdict {
        let arn = &self.arn;
        ensure!(world.get::<Listener>(&self.listener).is_some(), "{arn}: {} does not exist", self.listener);
        let siblings = world.by::<Rule>("listener", self.listener.as_str());
        let rivals = siblings.filter(|other| other.priority == self.priority).count();
        ensure!(rivals == 1, "{arn}: priority {} is taken", self.priority);
        self.actions
            .iter()
            .flat_map(|action| action.target_groups())
            .try_for_each(|group| exists(world, arn, group))
    }

    fn is_released(&self, _: &World, _: Option<&Self>) -> Verdict {
        Ok(())
    }
}

impl Invariant for TargetGroup {
    fn holds(&self, world: &World) -> Verdict {
        alone(world.by::<TargetGroup>("name", &format!("{}/{}", self.scope, self.name)), self, "the name")
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        if now.is_some() {
            return Ok(());
        }
        let key = self.arn.as_str();
        unused::<Listener>(world, &self.arn, "target_group", key)?;
        unused::<Rule>(world, &self.arn, "target_group", key)?;
        unused::<Target>(world, &self.arn, "target_group", key)
    }
}

impl Invariant for Target {
    fn holds(&self, world: &World) -> Verdict {
        exists(world, &self.target, &self.target_group)
    }

    fn is_released(&self, _: &World, _: Option<&Self>) -> Verdict {
        Ok(())
    }
}

impl Invariant for TrustStore {
    fn holds(&self, world: &World) -> Verdict {
        alone(world.by::<TrustStore>("name", &format!("{}/{}", self.scope, self.name)), self, "the name")
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<Listener>(world, &self.arn, "trust_store", self.arn.as_str()),
        }
    }
}

fn exists(world: &World, what: &impl std::fmt::Display, group: &TargetGroupArn) -> Verdict {
    ensure!(world.get::<TargetGroup>(group).is_some(), "{what}: {group} does not exist");
    Ok(())
}
