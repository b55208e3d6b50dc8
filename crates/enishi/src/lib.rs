//! The binary: the daemon that serves the AWS APIs, and the command line that talks to it.
//!
//! * [`daemon`]: the endpoint, the single writer, the journal, the reconcile loop.
//! * [`cli`]: one module per command; `enishi up` runs the daemon, the others are its clients.
//!
//! Everything that decides is elsewhere (`cloud`, `plan`, `fabric`): this crate moves bytes, rows and programs between
//! them and the machine.

pub mod cli;
pub mod daemon;
