//! What tests share.
//!
//! * [`world`]: worlds made by hand or at random, without the AWS API.
//! * [`flow`]: packets that probe a program.
//! * [`program`]: programs printed and checked.
//! * [`Random`]: reproducible randomness.

pub mod flow;
pub mod program;
mod random;
pub mod world;

pub use random::Random;
