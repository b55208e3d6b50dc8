//! A real DNS: authoritative answers with Route 53's routing policies.
//!
//! A [`Store`] holds zones compiled to one immutable snapshot, the [`Authority`]; changes swap in the next one. The core turns
//! the bytes of a query into those of its answer without I/O; [`server`] moves them between sockets that are handed in. [`zonefile`] reads and writes BIND's zone files.

pub mod answer;
pub mod authority;
pub mod entropy;
mod folded;
pub mod health;
mod message;
pub mod mmdb;
pub mod places;
pub mod policy;
mod prefix_map;
pub mod rcode;
pub mod region;
mod request;
pub mod resolver;
mod rrset;
pub mod server;
mod table;
mod zone;
pub mod zonefile;

pub use answer::{Client, ExplainedRecord, Explanation, Outcome, Transport};
pub use authority::{Authority, Edit, Store, ViewId};
pub use entropy::Entropy;
pub use health::Health;
pub use message::{LARGEST_TCP, LARGEST_UDP};
pub use policy::Asker;
pub use rcode::Rcode;
pub use region::LatencyMatrix;
pub use zone::Zone;
pub use zonefile::ReadError;
