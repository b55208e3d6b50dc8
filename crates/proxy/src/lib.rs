//! Services that speak HTTP inside the network: the instance metadata service, load balancers, and probes of health.
//!
//! Each is a sans-IO `core`, which turns a request into an answer, and a `serve`, which moves bytes. Listeners are handed
//! in: whoever owns the namespaces makes the socket in the right one.

pub mod balancer;
pub mod health;
pub mod metadata;
