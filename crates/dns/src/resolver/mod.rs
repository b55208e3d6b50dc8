//! The VPC resolver, and recursive resolution from the root down.
//!
//! [`Resolvers`] holds the resolver of every VPC. A query is matched with what its VPC has: rules, private hosted zones, names of
//! its own; whatever is left is asked of the simulated internet, from the root down. All of them share caches:
//!
//! 1. whole answers by VPC, name and type, as bytes that are ready to send; with one of these a query costs a look-up and a copy;
//! 2. what each source said about a name and type, from which whole answers are made without asking anybody;
//! 3. delegations, and how name servers behaved.
//!
//! Sockets come from an [`Uplinks`], which knows the network namespaces, and time from a [`Clock`]: nothing here reads one.
//!
//! Where AWS's documents are silent: a query without `RD` is answered from the VPC's own names and private hosted zones and refused
//! for others; `ANY` gets a `HINFO` (RFC 8482); aliases are followed wherever they lead, each name as if it had been asked for, but what
//! a forwarding target answers is believed as a whole; queries of a class other than `IN`, and transfers, are refused; a VPC's own names
//! and their absence hold for 60 seconds.
//!
//! Invariants: nothing that comes from the network is believed beyond the zone that its sender was asked about; work for one
//! question, questions at a time, and memory are bounded ([`Limits`]); what differs by VPC is never kept under a key without it.
//! DNSSEC is not validated, and `AD` never set.

mod bounded;
mod cache;
mod chain;
mod clock;
mod config;
mod decision;
mod delegation;
mod descent;
mod entry;
mod exchange;
mod journal;
mod judge;
mod log;
mod private;
mod recursor;
mod reply;
mod resolvers;
mod servers;
mod source;
mod template;
mod uplink;
mod vpc;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Limits, RootHint};
pub use decision::{Decision, decide};
pub use log::{LogEntry, LoggedAnswer, ResolverLog};
pub(crate) use resolvers::{Pending, Slot};
pub use resolvers::{Resolution, Resolvers};
pub use uplink::{Path, Uplinks};
