//! The VPC resolver, and recursive resolution from the root down.

mod clock;
mod config;
mod log;
mod uplink;

pub use clock::{Clock, SystemClock};
pub use config::{Config, Limits, RootHint};
pub use log::{LogEntry, LoggedAnswer, ResolverLog};
pub use uplink::{Path, Uplinks};
