//! What turns one state of a namespace into another.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::InterfaceName;

use crate::netstate::{Address, NetState, Network, Ownership, PolicyRule, RouteKey};

/// The changes outside of nftables, whose table changes in one transaction. New things are taken from
/// the new state, old ones from the old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delta {
    /// Routes to delete.
    pub routes_gone: Vec<RouteKey>,
    /// Policy rules to delete.
    pub rules_gone: Vec<PolicyRule>,
    /// Neighbours to forget.
    pub neighbours_gone: Vec<(InterfaceName, Ipv4Addr)>,
    /// Addresses to take away.
    pub addresses_gone: Vec<Address>,
    /// Interfaces to delete.
    pub links_gone: Vec<InterfaceName>,
    /// Interfaces to make; one that exists is deleted first.
    pub links_new: Vec<InterfaceName>,
    /// Interfaces whose Ethernet address or MTU to set.
    pub links_changed: Vec<InterfaceName>,
    /// Addresses to give.
    pub addresses_new: Vec<Address>,
    /// Neighbours to fix.
    pub neighbours_new: Vec<(InterfaceName, Ipv4Addr)>,
    /// Policy rules to add.
    pub rules_new: Vec<PolicyRule>,
    /// Routes to add or replace.
    pub routes_new: Vec<RouteKey>,
    /// Paths of values to write.
    pub sysctls: Vec<String>,
    /// Whether the nftables table differs.
    pub filter: bool,
}

impl Delta {
    /// What turns `old` into `new`.
    pub fn between(old: &NetState, new: &NetState) -> Self {
        let filter = old.filter != new.filter;
        // A clone of a pointer is the usual case: most changes are of rules.
        if Arc::ptr_eq(&old.network, &new.network) {
            return Delta { filter, ..Delta::default() };
        }
        Delta { filter, ..Delta::of_network(&old.network, &new.network) }
    }

    fn of_network(old: &Network, new: &Network) -> Self {
        let mut delta = Delta::default();
        delta.links(old, new);
        // What hangs on an interface that goes away is gone with it.
        let remains = |interface: &InterfaceName| {
            !delta.links_gone.contains(interface) && !delta.links_new.contains(interface)
        };
        // `ipv4/conf/eth0/…`, `ipv4/neigh/eth0/…`
        let device_is_new = |path: &str| {
            path.split('/')
                .nth(2)
                .is_some_and(|device| delta.links_new.iter().any(|name| name.as_str() == device))
        };

        let mut rest = Delta::default();
        let old_addresses: BTreeSet<_> =
            old.addresses.iter().filter(|address| remains(&address.interface)).collect();
        rest.addresses_new =
            new.addresses.iter().filter(|address| !old_addresses.contains(address)).cloned().collect();
        rest.addresses_gone =
            old_addresses.into_iter().filter(|address| !new.addresses.contains(*address)).cloned().collect();

        let old_neighbour =
            |key: &(InterfaceName, Ipv4Addr)| old.neighbours.get(key).filter(|_| remains(&key.0));
        rest.neighbours_new = new
            .neighbours
            .iter()
            .filter(|(key, mac)| old_neighbour(key) != Some(mac))
            .map(|(key, _)| key.clone())
            .collect();
        rest.neighbours_gone = old
            .neighbours
            .keys()
            .filter(|key| remains(&key.0) && !new.neighbours.contains_key(*key))
            .cloned()
            .collect();

        let old_route =
            |key: &RouteKey| old.routes.get(key).filter(|target| target.interface().is_none_or(&remains));
        rest.routes_new =
            new.routes.iter().filter(|(key, to)| old_route(key) != Some(to)).map(|(key, _)| *key).collect();
        rest.routes_gone = old
            .routes
            .keys()
            .filter(|key| old_route(key).is_some() && !new.routes.contains_key(*key))
            .copied()
            .collect();

        rest.rules_new = new.rules.difference(&old.rules).cloned().collect();
        rest.rules_gone = old.rules.difference(&new.rules).cloned().collect();
        let written =
            |path: &str, value: &String| old.sysctls.get(path) == Some(value) && !device_is_new(path);
        rest.sysctls = new
            .sysctls
            .iter()
            .filter(|(path, value)| !written(path, value))
            .map(|(path, _)| path.clone())
            .collect();
        Delta {
            links_gone: delta.links_gone,
            links_new: delta.links_new,
            links_changed: delta.links_changed,
            ..rest
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Delta::default()
    }

    fn links(&mut self, old: &Network, new: &Network) {
        if new.ownership == Ownership::Whole || old.ownership == new.ownership {
            self.links_gone =
                old.links.keys().filter(|name| !new.links.contains_key(*name)).cloned().collect();
        }
        for (name, link) in &new.links {
            match old.links.get(name) {
                None => self.links_new.push(name.clone()),
                Some(was) if was.peer.is_some() && link.peer.is_some() && was.peer != link.peer => {
                    self.links_new.push(name.clone());
                }
                Some(was) if (was.mac, was.mtu) != (link.mac, link.mtu) => {
                    self.links_changed.push(name.clone())
                }
                Some(_) => {}
            }
        }
    }
}
