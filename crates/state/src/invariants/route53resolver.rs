//! What is true of Route 53 Resolver's rows.

use std::collections::BTreeSet;

use super::{Invariant, Verdict, alone, missing, touched, unused, vpc_exists};
use crate::ec2::{InterfaceKind, NetworkInterface, VpcId};
use crate::route53resolver::{
    QueryLogAssociation, QueryLogConfig, ResolverConfig, ResolverEndpoint, ResolverRule,
    ResolverRuleAssociation, RuleType,
};
use crate::{Conflict, Delta, World};

/// Checks the rows that a transaction touched.
pub(super) fn check(before: &World, after: &World, delta: &Delta) -> Verdict {
    touched::<ResolverEndpoint>(before, after, delta)?;
    touched::<ResolverRule>(before, after, delta)?;
    touched::<ResolverRuleAssociation>(before, after, delta)?;
    touched::<QueryLogConfig>(before, after, delta)?;
    touched::<QueryLogAssociation>(before, after, delta)?;
    touched::<ResolverConfig>(before, after, delta)
}

/// Nothing of the resolver is left of a VPC that is gone.
pub(super) fn vpc_is_released(world: &World, vpc: &VpcId) -> Verdict {
    unused::<ResolverEndpoint>(world, vpc, "vpc", vpc.as_str())?;
    unused::<ResolverRuleAssociation>(world, vpc, "vpc", vpc.as_str())?;
    unused::<QueryLogAssociation>(world, vpc, "vpc", vpc.as_str())?;
    match world.get::<ResolverConfig>(vpc) {
        Some(_) => Err(Conflict(format!("{vpc} is gone, but its resolver has a configuration"))),
        None => Ok(()),
    }
}

/// No endpoint uses an interface that is gone.
pub(super) fn interface_is_released(world: &World, interface: &NetworkInterface) -> Verdict {
    let mut endpoints = world.by::<ResolverEndpoint>("network_interface", interface.id.as_str());
    endpoints.try_for_each(|endpoint| endpoint.holds(world))
}

impl Invariant for ResolverEndpoint {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        let mut indexes = BTreeSet::new();
        for address in self.live_addresses() {
            let interface = &address.network_interface;
            let Some(interface) = world.get::<NetworkInterface>(interface) else {
                return missing(id, interface);
            };
            ensure!(
                interface.kind == InterfaceKind::ResolverEndpoint
                    && interface.vpc == self.vpc
                    && interface.subnet == address.subnet
                    && interface.primary_ip() == address.ip,
                "{id}: {} is not the interface of {}",
                interface.id,
                address.id
            );
            let index = interface.attachment.as_ref().map(|attachment| attachment.device_index);
            ensure!(
                index.is_some_and(|index| indexes.insert(index)),
                "{id}: {} has no device index of its own",
                interface.id
            );
            let rivals = world.by::<ResolverEndpoint>("network_interface", interface.id.as_str());
            alone(rivals, self, interface.id.as_str())?;
        }
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<ResolverRule>(world, &self.id, "endpoint", self.id.as_str()),
        }
    }
}

impl Invariant for ResolverRule {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        match (self.rule_type, &self.endpoint) {
            (RuleType::Forward, Some(endpoint)) => {
                ensure!(!self.targets.is_empty(), "{id} forwards to nobody");
                if world.get::<ResolverEndpoint>(endpoint).is_none() {
                    return missing(id, endpoint);
                }
            }
            (RuleType::Forward, None) => return Err(Conflict(format!("{id} forwards without an endpoint"))),
            (RuleType::System, _) => {
                ensure!(
                    self.targets.is_empty() && self.endpoint.is_none(),
                    "{id} is a system rule with a target"
                );
            }
        }
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<ResolverRuleAssociation>(world, &self.id, "rule", self.id.as_str()),
        }
    }
}

impl Invariant for ResolverRuleAssociation {
    fn holds(&self, world: &World) -> Verdict {
        let id = &self.id;
        vpc_exists(world, id, &self.vpc)?;
        let Some(rule) = world.get::<ResolverRule>(&self.rule) else { return missing(id, &self.rule) };
        if !self.progress.is_live() {
            return Ok(());
        }
        let siblings = world.by::<ResolverRuleAssociation>("vpc", self.vpc.as_str());
        let rivals = siblings.filter(|other| {
            let domain = world.get::<ResolverRule>(&other.rule).map(|rule| &rule.domain);
            other.progress.is_live() && domain == Some(&rule.domain)
        });
        alone(rivals, self, &format!("the domain {}", rule.domain))
    }
}

impl Invariant for QueryLogConfig {
    fn holds(&self, _: &World) -> Verdict {
        Ok(())
    }

    fn is_released(&self, world: &World, now: Option<&Self>) -> Verdict {
        match now {
            Some(_) => Ok(()),
            None => unused::<QueryLogAssociation>(world, &self.id, "config", self.id.as_str()),
        }
    }
}

impl Invariant for QueryLogAssociation {
    fn holds(&self, world: &World) -> Verdict {
        vpc_exists(world, &self.id, &self.vpc)?;
        match world.get::<QueryLogConfig>(&self.config) {
            Some(_) => Ok(()),
            None => missing(&self.id, &self.config),
        }
    }
}

impl Invariant for ResolverConfig {
    fn holds(&self, world: &World) -> Verdict {
        vpc_exists(world, &self.vpc, &self.vpc)
    }
}
