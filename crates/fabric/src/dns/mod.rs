//! What DNS data is: names, record types, record data, record sets with their routing policies, and places.
//!
//! Plain values without behaviour at answer time. The control plane parses into them, `plan` carries them, and the DNS
//! engine compiles them into what it answers from. Names are kept in wire form, so that comparing and hashing them needs no
//! parsing.

mod name;
mod place;
mod rdata;
mod record_set;
mod record_type;
pub mod region;
mod resolver;

pub use name::{Label, Name};
pub use place::{Coordinates, Place, PlaceTable};
pub use rdata::Rdata;
pub use record_set::{
    Alias, CidrCollection, CidrLocation, Content, Failover, Geolocation, Geoproximity, Location, RecordSet,
    Routing, UNHEALTHY, Zone,
};
pub use record_type::RecordType;
pub use resolver::{ResolverEndpoint, ResolverRule, RuleAction, VpcResolver};
