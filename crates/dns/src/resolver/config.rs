//! What a resolver is started with, and its limits.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use enishi_fabric::dns::Name;

/// A root name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHint {
    /// Its name.
    pub name: Name,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What a resolver is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The root of the simulated internet; without any, nothing there is found.
    pub hints: Vec<RootHint>,
    /// The port of name servers.
    pub port: u16,
    /// Recursive servers of the machine itself, asked for names that the simulated internet does not delegate: what its root or a
    /// top-level domain says does not exist. None are asked unless a person wants that.
    pub host: Vec<SocketAddr>,
    /// Bounds of memory, time and work.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Config { hints: Vec::new(), port: 53, host: Vec::new(), limits: Limits::default() }
    }
}

/// Bounds of memory, time and work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries of each cache.
    pub cache_entries: usize,
    /// Bytes of each cache, about.
    pub cache_bytes: usize,
    /// The longest that anything is kept for, in seconds (RFC 8767, section 4, allows a week).
    pub longest_ttl: u32,
    /// The longest that the absence of something is kept for, in seconds (RFC 2308, section 5: one to three hours work well).
    pub longest_negative_ttl: u32,
    /// How long a failure is kept for, in seconds (RFC 2308, section 7, and RFC 9520: at least one, at most 300).
    pub failure_ttl: u32,
    /// How long after its end a record is still given when nothing newer can be had (RFC 8767, section 5: one to three days).
    pub longest_stale: Duration,
    /// When a client gets a stale answer instead of waiting on (RFC 8767, section 5: 1.8 seconds).
    pub stale_after: Duration,
    /// How long nobody is asked for something stale after that failed, in seconds (RFC 8767, section 5: not more often than every
    /// thirty).
    pub stale_recheck: u32,
    /// How long the first attempt at a server waits for its answer.
    pub first_timeout: Duration,
    /// How long the last one does.
    pub longest_timeout: Duration,
    /// How long one question may take altogether.
    pub patience: Duration,
    /// Queries sent for one question.
    pub queries: u32,
    /// Referrals followed for one name.
    pub referrals: u32,
    /// Names of name servers that are resolved to resolve the name of a name server.
    pub depth: u32,
    /// `CNAME`s followed in one answer.
    pub aliases: usize,
    /// Questions that are being resolved at a time; further ones fail.
    pub concurrent: usize,
    /// Queries of one VPC's clients that wait for an answer at a time; further ones are not heard.
    pub waiting: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cache_entries: 200_000,
            cache_bytes: 64 << 20,
            longest_ttl: 86_400,
            longest_negative_ttl: 10_800,
            failure_ttl: 5,
            longest_stale: Duration::from_secs(86_400),
            stale_after: Duration::from_millis(1_800),
            stale_recheck: 30,
            first_timeout: Duration::from_millis(400),
            longest_timeout: Duration::from_millis(1_600),
            patience: Duration::from_secs(5),
            queries: 64,
            referrals: 24,
            depth: 4,
            aliases: 12,
            concurrent: 4_096,
            waiting: 1_024,
        }
    }
}
