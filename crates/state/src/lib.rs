//! The truth: every resource as a row, in tables with indexes, changed only by a [`Tx`].
//!
//! A [`World`] is an immutable snapshot; cloning it is cheap, so readers keep the one they started with. One writer opens
//! a [`Tx`] on the newest, a handler changes rows in it, and [`Tx::commit`] checks the invariants, counts the
//! [`World::generation`] up and yields a [`Delta`] for the journal. A transaction that is dropped changed nothing.
//!
//! Rows are plain structs, one file per resource under the service's module. They hold intent and what AWS would
//! remember, never what can be computed from other rows.
//!
//! Nothing here reads a clock, a file or a random source: [`Tx::now`] and [`Tx::entropy`] are given.

pub mod account;
pub mod acm;
pub mod cloudwatch;
pub mod ec2;
pub mod elb;
pub mod elbv2;
mod id;
mod invariants;
pub mod logs;
pub mod quota;
pub mod route53;
pub mod route53domains;
pub mod route53resolver;
pub mod s3;
pub mod sts;
mod table;
mod tag;
mod time;
mod tx;
mod world;

pub use account::{AccountId, Caller, Region, Scope};
pub use id::{IdError, ResourceId};
pub use table::{Keys, Row, Table};
pub use tag::{Tag, TagKey};
pub use time::Timestamp;
pub use tx::{Change, Commit, Conflict, Delta, Entropy, Read, Tx};
pub use world::{Holds, ReplayError, World};
