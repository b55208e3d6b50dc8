//! What one network namespace has to look like, as plain data: the lowest level, with every name in it.
//!
//! A [`NetState`] says nothing about VPCs. [`crate::render`] makes it from a namespace's program, [`crate::delta`] compares
//! two of them, and the backend reads one back from the kernel. Its printer is what golden files compare.

mod filter;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use enishi_fabric::program::Endpoint;
use enishi_fabric::{Cidr, InterfaceName, Mac};

pub use filter::{
    BaseChain, Chain, ChainKind, Clause, Data, DataKind, Field, Hook, Key, Kind, MarkSource, NatAddress,
    RejectWith, Rule, Set, Table, TableError, Value, Verdict,
};

/// The loopback interface, which every namespace has.
pub const LOOPBACK: &str = "lo";
/// The routing table that the kernel looks up last.
pub const MAIN_TABLE: u32 = 254;

/// [`LOOPBACK`] as a name.
pub(crate) fn loopback() -> InterfaceName {
    #[expect(clippy::expect_used, reason = "a constant that satisfies the rules of names")]
    InterfaceName::new(LOOPBACK).expect("two letters")
}

/// The desired state of one network namespace. Its parts are shared, so that one that is as before is recognised by its
/// pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetState {
    /// Everything outside of nftables.
    pub network: Arc<Network>,
    /// The nftables table `ip enishi`; without one there is no such table.
    pub filter: Option<Arc<Table>>,
}

/// The desired state of a network namespace outside of nftables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// What happens to things that are there and not listed.
    pub ownership: Ownership,
    /// Interfaces besides `lo`, which is always up.
    pub links: BTreeMap<InterfaceName, Link>,
    /// Addresses. None brings a route with it.
    pub addresses: BTreeSet<Address>,
    /// Neighbours whose Ethernet address is fixed.
    pub neighbours: BTreeMap<(InterfaceName, Ipv4Addr), Mac>,
    /// Routes.
    pub routes: BTreeMap<RouteKey, RouteTarget>,
    /// Which table is looked up when.
    pub rules: BTreeSet<PolicyRule>,
    /// Values under `/proc/sys/net`, by path: `ipv4/ip_forward`.
    pub sysctls: BTreeMap<String, String>,
}

/// Whether a namespace holds only what its state lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Everything else is removed. (The kernel's own routes and rules excepted.)
    #[default]
    Whole,
    /// Only what this backend made is its own: an instance may add addresses, routes and interfaces of its own.
    Listed,
}

/// One end of a veth pair. It is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its MTU in bytes.
    pub mtu: u16,
    /// The other end; `None` when read back, as the kernel does not tell names of other namespaces.
    pub peer: Option<Endpoint>,
}

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The interface.
    pub interface: InterfaceName,
    /// The address.
    pub address: Ipv4Addr,
    /// The length of its prefix in bits.
    pub prefix: u8,
}

/// What tells one route from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteKey {
    /// The routing table.
    pub table: u32,
    /// The destination.
    pub destination: Cidr,
    /// The metric; among routes to one destination the lowest wins.
    pub metric: u32,
}

impl RouteKey {
    /// The route to `destination` in `table`, with metric 0.
    pub fn new(table: u32, destination: Cidr) -> Self {
        RouteKey { table, destination, metric: 0 }
    }
}

/// What a route does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteTarget {
    /// Sends it out of an interface.
    Unicast {
        /// The interface.
        interface: InterfaceName,
        /// The next hop, taken to be on the link; without one the destination itself is.
        via: Option<Ipv4Addr>,
        /// The source address of what the namespace itself sends.
        source: Option<Ipv4Addr>,
    },
    /// Delivers it to the namespace, as if the interface had the address.
    Local {
        /// The interface.
        interface: InterfaceName,
    },
    /// Drops it.
    Blackhole,
    /// Ends the lookup in this table; the next policy rule decides.
    Throw,
}

impl RouteTarget {
    /// The interface that the route depends on.
    pub fn interface(&self) -> Option<&InterfaceName> {
        match self {
            RouteTarget::Unicast { interface, .. } | RouteTarget::Local { interface } => Some(interface),
            RouteTarget::Blackhole | RouteTarget::Throw => None,
        }
    }
}

/// A policy rule: packets that match everything given look up `table`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyRule {
    /// Its place; the lowest number is asked first. The main table is asked at 32766.
    pub priority: u32,
    /// The packet's mark under a mask: value and mask.
    pub mark: Option<(u32, u32)>,
    /// The source.
    pub source: Option<Cidr>,
    /// The interface it came in on.
    pub input: Option<InterfaceName>,
    /// The table to look up.
    pub table: u32,
}
