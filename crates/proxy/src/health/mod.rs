//! Health checks: whether an endpoint answers, as Route 53's health checkers and load balancers ask it.
//!
//! AWS promises ("How Amazon Route 53 determines whether a health check is healthy"): a TCP connection within four seconds, ten
//! for a check of the connection alone; a status of 2xx or 3xx within two seconds of it; the body, where a string is searched for
//! in its first 5,120 bytes, within two seconds more; certificates are not verified and redirects not followed. A checker changes
//! its mind after so many results in a row; an endpoint is healthy while more than 18 % of its checkers say so.
//!
//! For targets of load balancers it promises ("Health checks for your target groups"): one probe every interval, whatever it takes; a
//! response within the timeout, with a status that the matcher wants; one success makes a new target healthy, afterwards it takes
//! as many results in a row as the thresholds say.
//!
//! [`core`] is one probe without I/O: bytes and points in time go in, bytes and in the end one [`Outcome`] come out. Probes in
//! HTTP/2 and gRPC are an exchange of a library's (`http2`). [`panel`] is when Route 53 probes what, and what the results mean
//! together; [`targets`] is that for load balancers. [`serve`] moves bytes between a probe and a socket that is handed in: whoever
//! owns the namespaces makes it in the right one.
//!
//! Invariants: nothing that an endpoint sends makes a probe take more than a fixed amount of memory, or longer than its timeouts;
//! nothing that it sends is repeated to anybody.
//!
//! Tested in these modules, against hostile servers in `tests/health.rs`, and end to end by the daemon's tests.

pub mod core;
mod http2;
mod outcome;
pub mod panel;
mod response;
pub mod serve;
mod streak;
pub mod targets;
mod tls;

pub use outcome::{Failure, GrpcStatus, Outcome, Status};
pub use streak::Streak;
pub(crate) use tls::Anyone;
pub use tls::{TlsClient, TlsUnavailable};

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

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
    /// A TLS handshake is enough.
    Tls,
    /// A request of HTTP/1.1.
    Http(HttpSpec),
    /// The same over TLS, whose certificate is not verified; with the name to send in the handshake, if one shall be.
    Https(HttpSpec, Option<String>),
    /// A request of HTTP/2, by prior knowledge where there is no TLS.
    Http2 {
        /// The request; nothing is searched.
        http: HttpSpec,
        /// Over TLS.
        tls: bool,
    },
    /// A call of gRPC with an empty message: the path names the method, the statuses are gRPC's.
    Grpc {
        /// The request; nothing is searched.
        http: HttpSpec,
        /// Over TLS.
        tls: bool,
    },
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
    /// Other headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// The statuses that are a success.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// What the first [`core::SEARCHED`] bytes of the body must hold.
    pub search: Option<Vec<u8>>,
}

impl HttpSpec {
    /// Whether a status is a success.
    pub fn wants(&self, status: u16) -> bool {
        self.statuses.iter().any(|range| range.contains(&status))
    }
}

/// How long a probe may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeouts {
    /// Each part for itself.
    Parts {
        /// Until the connection stands.
        connect: Duration,
        /// From then, TLS included, until the status is there.
        status: Duration,
        /// From then until enough of the body is there.
        body: Duration,
    },
    /// From its beginning until there is an outcome.
    Whole(Duration),
}

impl Timeouts {
    /// Route 53's for HTTP and HTTPS.
    pub const ROUTE53_HTTP: Timeouts = Timeouts::Parts {
        connect: Duration::from_secs(4),
        status: Duration::from_secs(2),
        body: Duration::from_secs(2),
    };

    /// Route 53's for TCP.
    pub const ROUTE53_TCP: Timeouts = Timeouts::Parts {
        connect: Duration::from_secs(10),
        status: Duration::from_secs(2),
        body: Duration::from_secs(2),
    };

    /// How long the connection may take.
    pub fn connect(self) -> Duration {
        match self {
            Timeouts::Parts { connect, .. } => connect,
            Timeouts::Whole(whole) => whole,
        }
    }

    /// When the status has to be there on a connection that stands since `now` and had to stand by `deadline`.
    pub(crate) fn status(self, deadline: Instant, now: Instant) -> Instant {
        match self {
            Timeouts::Parts { status, .. } => now + status,
            Timeouts::Whole(_) => deadline,
        }
    }
}
