//! The resolvers of VPCs, and the public ones of the simulated internet.

use std::net::{Ipv4Addr, SocketAddr};

use enishi_state::{Delta, World};
use tokio::runtime::Handle;

use super::NameServers;

/// The public resolver that a command on the internet asks.
pub const PUBLIC_RESOLVER: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

/// Name servers and all resolvers.
pub struct Resolution {
    names: NameServers,
}

impl Resolution {
    /// Resolves by what `names` serve.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(names: NameServers, _host: Vec<SocketAddr>, _runtime: &Handle) -> anyhow::Result<Self> {
        Ok(Resolution { names })
    }

    /// Name servers answer by the next world.
    pub fn update(&self, before: &World, after: &World, delta: &Delta) {
        self.names.update(before, after, delta);
    }

    /// Name servers answer by another world.
    pub fn replace(&self, before: &World, after: &World) {
        self.names.replace(before, after);
    }
}
