//! What tests share.
//!
//! * [`world`]: worlds made by hand or at random, without the AWS API.
//! * [`flow`]: packets that probe a program.
//! * [`program`]: programs printed and checked.
//! * `lab`: real namespaces that follow a program; `differential`: the kernel against the model in random worlds.
//! * `scenario`: text files of AWS CLI commands and verdicts on packets, run on the model and in namespaces.
//! * [`Random`]: reproducible randomness.

#[cfg(feature = "lab")]
pub mod differential;
pub mod flow;
#[cfg(feature = "lab")]
pub mod lab;
pub mod program;
mod random;
#[cfg(feature = "scenarios")]
pub mod scenario;
pub mod world;

pub use random::Random;
