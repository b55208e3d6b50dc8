//! What tests share.
//!
//! * [`world`]: worlds made by hand or at random, without the AWS API.
//! * [`Random`]: reproducible randomness.

mod random;
pub mod world;

pub use random::Random;
