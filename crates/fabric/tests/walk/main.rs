//! What programs mean: verdicts written by hand, one file per theme, and properties over random programs.

mod acls;
mod balancer;
mod change;
mod coherent;
mod groups;
mod nat;
mod public;
mod random;
mod routes;
mod trace;
mod tracking;
mod world;
