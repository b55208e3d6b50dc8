//! Telling query logs what was answered, each question of a client once while its answer holds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use enishi_fabric::dns::Name;

use super::bounded::Bounded;
use super::config::Limits;
use super::log::{LogEntry, LoggedAnswer, ResolverLog};
use super::reply::Reply;
use super::template::Template;
use super::vpc::Vpc;
use crate::request::Request;
use crate::server::Arrival;

/// A query that will be logged.
pub(super) struct Seen {
    pub(super) vpc: Arc<Vpc>,
    pub(super) endpoint: Option<Arc<str>>,
    pub(super) arrival: Arrival,
    pub(super) time: SystemTime,
}

/// A log, and what it was told.
pub(super) struct Journal {
    log: Arc<dyn ResolverLog>,
    /// Until when a client's question counts as answered from its cache.
    told: Bounded<Duration>,
}

impl Journal {
    pub(super) fn new(log: Arc<dyn ResolverLog>, limits: &Limits) -> Self {
        Journal { log, told: Bounded::new(limits.cache_entries / 4, limits.cache_bytes / 8) }
    }

    /// Tells the log of an answer, the message `answer`.
    pub(super) fn record(
        &self,
        seen: &Seen,
        request: &Request<'_>,
        template: &Template,
        answer: &[u8],
        now: Duration,
    ) {
        let key = key(seen, request);
        if self.told.get(&key).is_some_and(|until| now < until) {
            return;
        }
        if template.is_fresh(now) {
            self.told.put(&key, template.expires(), size_of::<Duration>());
        }
        let Ok(query_name) = Name::from_wire(request.name) else { return };
        let answers = Reply::parse(answer).map(|reply| reply.answer).unwrap_or_default();
        let answers = answers.into_iter().map(|record| LoggedAnswer {
            data: record.data,
            record_type: record.record_type,
            class: record.class,
        });
        let source = seen.arrival.client;
        let client = match source.ip() {
            IpAddr::V4(address) => seen.vpc.clients.get(&address),
            IpAddr::V6(_) => None,
        };
        self.log.record(&LogEntry {
            logs: &seen.vpc.logs,
            account: &seen.vpc.account,
            region: &seen.vpc.region,
            vpc: &seen.vpc.id,
            time: seen.time,
            query_name: &query_name,
            query_type: request.record_type,
            query_class: request.class,
            rcode: template.rcode(),
            answers: answers.collect(),
            source,
            transport: seen.arrival.transport,
            eni: client.map(|(eni, _)| Arc::clone(eni)),
            instance: client.and_then(|(_, instance)| instance.clone()),
            endpoint: seen.endpoint.clone(),
        });
    }
}

fn key(seen: &Seen, request: &Request<'_>) -> Vec<u8> {
    let mut key = seen.vpc.id.as_bytes().to_vec();
    key.push(0);
    match seen.arrival.client.ip() {
        IpAddr::V4(address) => key.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => key.extend_from_slice(&address.octets()),
    }
    key.extend_from_slice(&request.record_type.0.to_be_bytes());
    key.extend(request.name.iter().map(u8::to_ascii_lowercase));
    key
}
