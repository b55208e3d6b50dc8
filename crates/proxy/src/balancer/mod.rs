//! Load balancers: what user space does of them.
//!
//! A load balancer's node takes connections, understands requests, and asks targets.
//! [How Elastic Load Balancing works](https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html)
//!
//! What a node knows is a [`Balancer`](enishi_fabric::balancer::Balancer), stored where it looks for the newest; what it needs to act
//! is a way to connect ([`serve::Connector`]) and bound listeners, so that nothing here knows namespaces or AWS's APIs. Health is
//! observed elsewhere and arrives with the configuration.
//!
//! * [`http1`]: HTTP/1 without sockets.
//! * [`rules`], [`pattern`], [`redirect`], [`rewrite`], [`route`]: what becomes of a request.
//! * [`login`]: who may go on.
//! * [`snapshot`], [`choice`], [`turns`]: a configuration compiled, and who gets a request.
//! * [`forwarding`], [`trace`], [`cookies`], [`answers`]: what targets and clients are told.
//! * [`tls`], [`proxy_protocol`]: what goes before the first request.
//! * [`counters`], [`record`]: what is known afterwards.
//! * [`serve`]: moves bytes.
//!
//! Where it differs from AWS: TLS ends at what [`tls`] says; a header that continues on the next line is refused (AWS makes another
//! header of it); `CONNECT` is 400.

pub mod answers;
pub mod choice;
pub mod cookies;
pub mod counters;
mod date;
#[cfg(test)]
pub(crate) mod fixture;
pub mod forwarding;
pub mod http1;
pub mod login;
pub mod pattern;
pub mod proxy_protocol;
pub mod random;
pub mod record;
pub mod redirect;
pub mod rewrite;
pub mod route;
pub mod rules;
pub mod serve;
pub mod snapshot;
pub mod tls;
pub mod trace;
pub mod turns;
