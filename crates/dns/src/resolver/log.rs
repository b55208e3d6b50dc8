//! Query logs of VPCs.
//! [Values that appear in resolver query logs](https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html)

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use enishi_fabric::dns::{Name, Rdata, RecordType};

use crate::answer::Transport;
use crate::rcode::Rcode;

/// Is told of every answer to a query of a VPC that logs.
///
/// "VPC Resolver query logging logs only unique queries, not queries that VPC Resolver is able to respond to from the cache": a
/// client's question is told once until the answer's TTL has passed.
pub trait ResolverLog: Send + Sync {
    /// One query was answered. Called by what serves: it must not wait.
    fn record(&self, entry: &LogEntry<'_>);
}

/// One answered query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The query log configurations that it goes to.
    pub logs: &'a BTreeSet<Arc<str>>,
    /// The account of the VPC.
    pub account: &'a Arc<str>,
    /// The VPC's region.
    pub region: &'a Arc<str>,
    /// The VPC.
    pub vpc: &'a Arc<str>,
    /// When the query came.
    pub time: SystemTime,
    /// The name asked for.
    pub query_name: &'a Name,
    /// The type asked for.
    pub query_type: RecordType,
    /// The class asked for, by number.
    pub query_class: u16,
    /// How it was answered.
    pub rcode: Rcode,
    /// The records of the answer section.
    pub answers: Vec<LoggedAnswer>,
    /// Who asked.
    pub source: SocketAddr,
    /// How the query came.
    pub transport: Transport,
    /// The network interface that asked.
    pub eni: Option<Arc<str>>,
    /// Its instance.
    pub instance: Option<Arc<str>>,
    /// The inbound endpoint that the query came by.
    pub endpoint: Option<Arc<str>>,
}

/// A record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedAnswer {
    /// Its data.
    pub data: Rdata,
    /// Its type.
    pub record_type: RecordType,
    /// Its class, by number.
    pub class: u16,
}
