//! Addresses among those of name servers that resolve names for anybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;

use super::{Arrival, Said};
use crate::entropy::Entropy;
use crate::resolver::{Resolvers, Slot};

/// Which addresses are those of recursive servers, and whose resolver each is.
pub struct Recursors {
    resolvers: Arc<Resolvers>,
    runtime: Handle,
    addresses: ArcSwap<HashMap<IpAddr, Arc<Slot>>>,
}

impl Recursors {
    /// None yet. What cannot be answered at once is answered by tasks of `runtime`.
    pub fn new(resolvers: Arc<Resolvers>, runtime: Handle) -> Arc<Self> {
        Arc::new(Recursors { resolvers, runtime, addresses: ArcSwap::default() })
    }

    /// Says that queries sent to `address` are for the resolver that [`Resolvers::put`] knows as `vpc`.
    pub fn put(&self, address: IpAddr, vpc: &str) {
        let slot = self.resolvers.slot(&Arc::from(vpc));
        self.change(|addresses| addresses.insert(address.to_canonical(), Arc::clone(&slot)));
    }

    /// Says that an address is no recursive server's.
    pub fn remove(&self, address: IpAddr) {
        self.change(|addresses| addresses.remove(&address.to_canonical()));
    }

    fn change<T>(&self, change: impl Fn(&mut HashMap<IpAddr, Arc<Slot>>) -> T) {
        self.addresses.rcu(|addresses| {
            let mut addresses = HashMap::clone(addresses);
            change(&mut addresses);
            addresses
        });
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Answers a query to a recursive server; nothing when the address is none's.
    pub(super) fn answer(
        &self,
        query: &[u8],
        arrival: &Arrival,
        entropy: &mut Entropy,
        out: &mut Vec<u8>,
    ) -> Option<Said> {
        let addresses = self.addresses.load();
        let slot = addresses.get(&arrival.server)?;
        Some(self.resolvers.respond(slot, None, query, arrival, entropy, out))
    }
}
