//! The Linux backend: makes network namespaces match a [`enishi_fabric::Program`], over netlink, without a process.
//!
//! ```text
//! Program ──render──► NetState (one per namespace) ──delta──► changes ──live──► kernel
//!                                   ▲                                             │
//!                                   └────────────────── observe ◄────────────────┘
//! ```
//!
//! [`Backend::reconcile`] is the whole interface: it compares the newest program with what is there. It takes no decision:
//! every name, number and rule comes from the program.
//!
//! # Invariants
//!
//! * An nftables table changes in one transaction (a very large one on a small send buffer excepted, which a guard chain
//!   covers), so a packet meets the old rules or the new, never a mixture.
//! * Across namespaces, what closes goes first and what opens last; connections of addresses that moved are forgotten
//!   after everything is in force and before `reconcile` returns.
//! * Applying the difference of two states to a kernel that holds the first gives what the second gives on an empty one
//!   (`tests/incremental.rs`).
//!
//! No code here is unsafe, and nothing here starts a process.

#![forbid(unsafe_code)]

mod backend;
pub mod delta;
mod flows;
mod live;
mod lower;
mod namespaces;
mod netlink;
pub mod netstate;
mod observe;
pub mod render;
mod sysctl;
mod transaction;
mod watch;

pub use backend::{Backend, Failure, Report};
pub use flows::{FlowCounters, FlowReader, Flows};
pub use live::ApplyError;
pub use namespaces::{Namespaces, PrivateNamespaces, Visitor};
