//! Worlds without the AWS API: a builder that makes valid rows through transactions, and random worlds.
//!
//! ```
//! use enishi_testkit::world::WorldBuilder;
//!
//! let mut w = WorldBuilder::new();
//! let vpc = w.vpc("10.0.0.0/16");
//! let subnet = w.subnet(&vpc, "10.0.1.0/24");
//! let group = w.default_group(&vpc);
//! let web = w.instance(&subnet, &[&group]);
//! w.internet_gateway(&vpc);
//! w.elastic_ip(&web);
//! assert_eq!(w.world().instances.len(), 1);
//! ```
//!
//! Ids count up by kind (`vpc-00000001`, `subnet-00000001`), so that printed programs stay readable. Everything here panics
//! when it is used wrongly: it is for tests.

mod compute;
#[cfg(feature = "scenarios")]
mod load_balancer;
mod random;
#[cfg(feature = "scenarios")]
mod resolver;
mod vpc;
mod zones;

use std::collections::BTreeMap;

use enishi_fabric::{Cidr, TrafficMatch};
use enishi_state::ec2::{Instance, InstanceId, NetworkInterface, NetworkInterfaceId};
use enishi_state::{AccountId, Caller, Delta, Region, ResourceId, Scope, Timestamp, Tx, World};

use crate::Random;

#[cfg(feature = "scenarios")]
pub use load_balancer::random_load_balancer_step;
pub use random::{random_step, random_world};
#[cfg(feature = "scenarios")]
pub use resolver::random_resolver_step;
pub use zones::random_zone_step;

/// Builds a world; every method is one or more committed transactions.
pub struct WorldBuilder {
    world: World,
    caller: Caller,
    random: Random,
    ids: BTreeMap<&'static str, u32>,
    slots: BTreeMap<&'static str, u32>,
    steps: Vec<Step>,
}

/// A committed transaction of a [`WorldBuilder`].
#[derive(Debug, Clone)]
pub struct Step {
    /// The world before.
    pub before: World,
    /// The world after.
    pub after: World,
    /// What changed.
    pub delta: Delta,
}

/// Which way traffic goes that a rule judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Into the interface or subnet.
    In,
    /// Out of it.
    Out,
}

impl Default for WorldBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl WorldBuilder {
    /// An empty world.
    pub fn new() -> Self {
        let region = Region::new("us-east-1").expect("a region");
        let scope = Scope { account: AccountId::zero(), region };
        WorldBuilder {
            world: World::default(),
            caller: Caller { scope, access_key: None, session_arn: None },
            random: Random::new(0),
            ids: BTreeMap::new(),
            slots: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The transactions since the last call.
    pub fn take_steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// Account and region of everything that is built.
    pub fn scope(&self) -> &Scope {
        &self.caller.scope
    }

    /// Carries out a transaction.
    pub fn change(&mut self, change: impl FnOnce(&mut Tx<'_>)) {
        let mut tx = Tx::new(&self.world, &self.caller, self.now(), &mut self.random);
        change(&mut tx);
        let commit = tx.commit().expect("the world stays valid");
        let before = std::mem::replace(&mut self.world, commit.world);
        self.steps.push(Step { before, after: self.world.clone(), delta: commit.delta });
    }

    /// The network interface of an instance at a device index.
    pub fn interface_of(&self, instance: &InstanceId, index: u8) -> NetworkInterfaceId {
        let mut attached = self.world.by::<NetworkInterface>("instance", instance.as_str());
        let at_index = |row: &&NetworkInterface| {
            row.attachment.as_ref().is_some_and(|attachment| attachment.device_index == index)
        };
        attached.find(at_index).expect("an attached network interface").id.clone()
    }

    /// The primary network interface of every instance that is not ended.
    pub fn instances(&self) -> Vec<InstanceId> {
        let attached =
            |row: &&Instance| self.world.by::<NetworkInterface>("instance", row.id.as_str()).next().is_some();
        self.world.all::<Instance>().filter(attached).map(|row| row.id.clone()).collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000).plus_seconds(self.world.generation as i64)
    }

    fn id<I: ResourceId>(&mut self, prefix: &'static str) -> I {
        let n = self.ids.entry(prefix).or_default();
        *n += 1;
        I::parse(&format!("{prefix}-{n:08x}")).expect("an id")
    }

    fn slot(&mut self, of: &'static str) -> u32 {
        let n = self.slots.entry(of).or_default();
        *n += 1;
        *n
    }
}

/// Parses a CIDR block.
pub fn cidr(text: &str) -> Cidr {
    text.parse().expect("a CIDR block")
}

/// TCP to the ports `from..=to`.
pub fn tcp(from: u16, to: u16) -> TrafficMatch {
    TrafficMatch::Tcp(enishi_fabric::PortRange::new(from, to).expect("a port range"))
}

/// UDP to the ports `from..=to`.
pub fn udp(from: u16, to: u16) -> TrafficMatch {
    TrafficMatch::Udp(enishi_fabric::PortRange::new(from, to).expect("a port range"))
}
