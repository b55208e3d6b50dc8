//! Reachability Analyzer.
//! [What is Reachability Analyzer?](https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html)
//!
//! An analysis sends a packet through the network as it is meant to be: the program that the kernel runs, walked by the model that
//! it is tested against. A path is found if the packet arrives and its answer comes back. What denies it is explained, and then taken
//! away, so that everything in the way is named, not only what comes first.

mod analysis;
mod explain;
mod hop;
mod path;
mod render;
mod search;

use crate::registry::Registry;

pub(super) fn register(on: &mut Registry) {
    analysis::register(on);
    path::register(on);
}
