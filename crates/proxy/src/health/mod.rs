//! Health checks: whether an endpoint answers, as Route 53's health checkers and load balancers ask it.
//!
//! AWS promises ("How Amazon Route 53 determines whether a health check is healthy"): a TCP connection within four seconds, ten
//! for a check of the connection alone; a status of 2xx or 3xx within two seconds of it; the body, where a string is searched for
//! in its first 5,120 bytes, within two seconds more; certificates are not verified and redirects not followed. A checker changes
//! its mind after so many results in a row; an endpoint is healthy while more than 18 % of its checkers say so.
//!
//! [`core`] is one probe without I/O: bytes and points in time go in, bytes and in the end one [`Outcome`] come out. [`panel`]
//! is when to probe what, and what the results mean together. [`serve`] moves bytes between a probe and a socket that is handed in:
//! whoever owns the namespaces makes it in the right one.
//!
//! Invariants: nothing that an endpoint sends makes a probe take more than a fixed amount of memory, or longer than its timeouts;
//! nothing that it sends is repeated to anybody.
//!
//! Tested in these modules, against hostile servers in `tests/health.rs`, and end to end by the daemon's tests.

pub mod core;
mod outcome;
pub mod panel;
mod response;
pub mod serve;
mod streak;
mod tls;

pub use outcome::{Failure, Outcome, Status};
pub use streak::Streak;
pub(crate) use tls::Anyone;
pub use tls::{TlsClient, TlsUnavailable};

use std::ops::RangeInclusive;
use std::time::Duration;

/// How an endpoint is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSpec {
    /// In which language.
    pub protocol: Protocol,
    /// How long it may take.
    pub timeouts: Timeouts,
}

/// In which language an endpoint is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// A connection is enough.
    Tcp,
    /// A request of HTTP/1.1.
    Http(HttpSpec),
    /// The same over TLS, whose certificate is not verified; with the name to send in the handshake, if one shall be.
    Https(HttpSpec, Option<String>),
}

/// A request and what has to be answered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSpec {
    /// The `Host` header.
    pub host: String,
    /// Path and query; what a request's first line cannot hold is percent-encoded.
    pub path: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The statuses that are a success.
    pub statuses: RangeInclusive<u16>,
    /// What the first [`core::SEARCHED`] bytes of the body must hold.
    pub search: Option<Vec<u8>>,
}

/// How long the parts of a probe may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From then, TLS included, until the status is there.
    pub status: Duration,
    /// From then until enough of the body is there.
    pub body: Duration,
}

impl Timeouts {
    /// Route 53's for HTTP and HTTPS.
    pub const ROUTE53_HTTP: Timeouts = Timeouts {
        connect: Duration::from_secs(4),
        status: Duration::from_secs(2),
        body: Duration::from_secs(2),
    };

    /// Route 53's for TCP.
    pub const ROUTE53_TCP: Timeouts = Timeouts { connect: Duration::from_secs(10), ..Timeouts::ROUTE53_HTTP };
}
