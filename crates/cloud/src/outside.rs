//! What a few operations need that is not in the world: the daemon supplies it, so that nothing here does I/O or waits.
//!
//! Before the daemon carries an operation out it asks [`Cloud::wants`](crate::Cloud::wants); if the answer is something, it
//! gets it, outside of any transaction, and hands it to `dispatch_read_with` or `dispatch_write_with`. An operation that
//! did not get what it wants answers a fault.

use std::net::{IpAddr, Ipv4Addr};

use enishi_fabric::dns::{Name, RecordType};
use enishi_state::Timestamp;
use enishi_state::ec2::InstanceId;
use enishi_state::route53::HealthCheckId;

use crate::cloudwatch::metric;
use crate::logs::event::{Job, Reply};

/// What an operation needs from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Want {
    /// A fresh private key, for `CreateKeyPair` and `RequestCertificate`. Making an RSA key takes about 100 ms.
    PrivateKey(KeyKind),
    /// What the instance wrote to its console, for `GetConsoleOutput`.
    Console(InstanceId),
    /// What the checkers of a health check found out, for `GetHealthCheckStatus` and `GetHealthCheckLastFailureReason`.
    Health(HealthCheckId),
    /// What the name servers would answer, for `TestDNSAnswer`.
    DnsAnswer(DnsQuestion),
    /// Work of the event store of CloudWatch Logs.
    Logs(Job),
    /// Work of the metric store of CloudWatch.
    Metrics(metric::Job),
    /// Objects of S3 that a request names; whether the sender may read them is judged by the handler.
    Objects(Vec<ObjectName>),
}

/// Bytes of an object that is supplied, at most.
pub const OBJECT_BYTES: u64 = 1 << 20;

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

/// The kind of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, 2048 bits.
    Rsa2048,
    /// ECDSA on P-256.
    EcP256,
    /// ECDSA on P-384.
    EcP384,
}

/// A question to the name servers of a hosted zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsQuestion {
    /// The hosted zone's id. It is not known to exist, nor to be the caller's.
    pub zone: String,
    /// The name.
    pub name: Name,
    /// The type.
    pub record_type: RecordType,
    /// The client, or its resolver.
    pub address: IpAddr,
    /// How many bits of the address are known.
    pub prefix: u8,
}

/// What the daemon supplies.
#[derive(Debug, Clone, Default)]
pub struct Supply {
    /// The answer to [`Want::PrivateKey`], as PKCS#8 DER (RFC 5958, version 1).
    pub private_key: Option<Vec<u8>>,
    /// The answer to [`Want::Console`]; `None` also when the instance has not written anything.
    pub console: Option<Console>,
    /// The answer to [`Want::Health`].
    pub health: Option<Health>,
    /// The answer to [`Want::DnsAnswer`]; `None` when the name servers have no such zone, or the name is not in it.
    pub dns_answer: Option<DnsAnswer>,
    /// The answer to [`Want::Logs`].
    pub logs: Option<Reply>,
    /// The answer to [`Want::Metrics`].
    pub metrics: Option<metric::Reply>,
    /// The answer to [`Want::Objects`], in their order; `None` for one that does not exist, or has more than [`OBJECT_BYTES`].
    pub objects: Vec<Option<Vec<u8>>>,
}

/// What the name servers would answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The response code: `NOERROR`.
    pub rcode: String,
    /// Each record's data in the order of the answer, as zone files write it.
    pub data: Vec<String>,
}

/// What the checkers of a health check found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The newest result of each checker that has one.
    pub latest: Vec<Checked>,
    /// The newest failure of each checker that saw one.
    pub last_failures: Vec<Checked>,
}

/// What a checker found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its address, one of [`enishi_state::route53::CHECKERS`].
    pub checker: Ipv4Addr,
    /// When.
    pub at: Timestamp,
    /// What, as Route 53 says it: `Success: HTTP Status Code 200, OK`.
    pub status: String,
}

/// A console's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// The last 64 KiB at most.
    pub output: Vec<u8>,
    /// When it was written last.
    pub written: Timestamp,
}
