//! Instances as isolated process trees, and the process that keeps them alive.
//!
//! # What AWS promises
//! An instance is a machine: root owns it, it boots once with its user data, its disk outlives stop and start and ends with
//! terminate, its console can be read from outside, and none of this depends on the control plane being up
//! (*Amazon EC2 User Guide: Instance lifecycle; Run commands when you launch an EC2 instance with user data input*).
//!
//! # How it is realised
//! ```text
//!  daemon ──┐                        ┌─ network namespaces, pinned as open descriptors
//!  CLI    ──┼── Client ══ socket ══ keeper (one thread, poll loop)
//!  daemon ──┘   SOCK_SEQPACKET       ├─ instance: pid 1 = init in its own mount, pid, uts, ipc namespaces
//!               JSON + SCM_RIGHTS    ├─ instance …
//!                                    └─ pod: pid 1 that holds the commands run in a bare network namespace
//! ```
//! * [`userns`] decides how we are allowed to do this at all: as root, or as root of a user namespace.
//! * [`keeper`] is the long-lived process; [`Client`] is how everybody else asks it for something.
//! * `launch`, `rootfs` and `init` run in the instance's first process: file system, capabilities, boot.
//! * `join` runs a command in an instance or in a bare network namespace; `share` bounds what all of them take of the processors.
//! * [`terminal`] connects the user's terminal to a command's.
//! * [`console`] is the bounded file behind `GetConsoleOutput`; [`probe`] is what `enishi doctor` asks.
//!
//! # Invariants
//! * The keeper has one thread for its whole life (`syscall::SingleThread` is the proof), so a forked child may run any code.
//! * Nothing outlives the keeper: every child is the first process of a pid namespace, or inside one, and has the keeper's
//!   death as its own. Namespaces are descriptors and mounts live in the keeper's own mount namespace, so nothing is left
//!   behind either.
//! * The keeper never waits for a child, a client or a disk; the few exchanges with a child that it waits for are bounded.
//! * `unsafe` is in `syscall.rs` alone.
//!
//! Tested in `tests/`: as root and as an ordinary user, with real namespaces.

pub mod console;
pub mod keeper;
pub mod probe;
pub mod terminal;
pub mod userns;

mod capabilities;
mod channel;
mod client;
mod command;
mod error;
mod guests;
mod init;
mod join;
mod launch;
mod link;
mod protocol;
mod rootfs;
mod share;
mod syscall;

pub use client::{Client, Stdio, has_ended};
pub use error::{Error, ErrorKind, Refusal};
pub use protocol::{
    Event, ExecId, ExecSpec, ExitCause, InstanceReport, InstanceState, Inventory, LaunchSpec, Owner, RootFs,
    Target,
};
