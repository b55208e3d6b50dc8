//! What is remembered of a request until it is over: for counters and records.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;

use enishi_fabric::balancer::Kind;
use tokio::time::Instant;

use super::local::{Live, Local};
use crate::balancer::counters::{GroupMetric, Metric};
use crate::balancer::http1::{FieldTier, Name, Request, Tier, Verdict, Version};
use crate::balancer::record::{Record, RequestKind};
use crate::balancer::route::{Route, is_grpc};
use crate::balancer::rules::without_port;
use crate::balancer::snapshot::{GroupState, Step};
use crate::balancer::tls::TlsInfo;

/// A connection of a client.
#[derive(Debug)]
pub(super) struct Client {
    /// Who it is.
    pub(super) address: SocketAddr,
    /// Where it connected to.
    pub(super) local: SocketAddr,
    /// The listener's port.
    pub(super) port: u16,
    /// What was agreed on, if it speaks TLS.
    pub(super) tls: Option<Box<TlsInfo>>,
    /// What stands for it in logs.
    pub(super) id: u64,
}

/// A request that is not over.
#[derive(Debug)]
pub(super) struct Log {
    arrived: Instant,
    sent: Cell<Option<Instant>>,
    answered: Cell<Option<Instant>>,
    target_status: Cell<u16>,
    status: Cell<u16>,
    received_bytes: Cell<u64>,
    sent_bytes: Cell<u64>,
    processed_bytes: Cell<u64>,
    verdict: Cell<Verdict>,
    is_websocket: Cell<bool>,
    is_own: Cell<bool>,
    group: RefCell<Option<Arc<GroupState>>>,
    /// What only records want; not kept while nobody wants them.
    details: RefCell<Option<Box<Details>>>,
}

#[derive(Debug, Default)]
struct Details {
    method: Vec<u8>,
    url: Vec<u8>,
    version: &'static str,
    user_agent: Vec<u8>,
    trace: Vec<u8>,
    is_grpc: bool,
    is_http2: bool,
    group: Option<Arc<str>>,
    target: Option<std::net::SocketAddrV4>,
    priority: Option<u32>,
    actions: String,
    redirect: Option<Vec<u8>>,
    error: Option<&'static str>,
}

impl Log {
    /// A request that arrived then.
    pub(super) fn new(arrived: Instant) -> Self {
        Log {
            arrived,
            sent: Cell::default(),
            answered: Cell::default(),
            target_status: Cell::default(),
            status: Cell::default(),
            received_bytes: Cell::default(),
            sent_bytes: Cell::default(),
            processed_bytes: Cell::default(),
            verdict: Cell::default(),
            is_websocket: Cell::default(),
            is_own: Cell::new(false),
            group: RefCell::default(),
            details: RefCell::default(),
        }
    }

    /// When it arrived.
    pub(super) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// Whether the client did not wait for the answer.
    pub(super) fn is_given_up(&self) -> bool {
        self.status.get() == 460
    }

    /// What it says.
    pub(super) fn request(&self, local: &Local, live: &Live, client: &Client, request: &Request<'_>) {
        let attributes = &live.snapshot.balancer.attributes;
        let verdict = request.head.verdict;
        self.verdict.set(verdict);
        self.received_bytes.set(request.head.len as u64);
        if verdict.tier != Tier::Compliant {
            local.count(Metric::DesyncMitigationModeNonCompliantRequestCount, 1);
        }
        if request.head.fields.iter().any(|field| field.tier != FieldTier::Compliant) {
            let dropped = attributes.drop_invalid_header_fields;
            let metric = if dropped {
                Metric::DroppedInvalidHeaderRequestCount
            } else {
                Metric::ForwardedInvalidHeaderRequestCount
            };
            local.count(metric, 1);
        }
        if attributes.access_logs.is_some() {
            *self.details.borrow_mut() = Some(Box::new(Details::of(client, request)));
        }
    }

    /// Which rule it matched.
    pub(super) fn rule(&self, priority: u32, step: &Step, has_login: bool) {
        if let Some(details) = self.details.borrow_mut().as_mut() {
            details.priority = Some(priority);
            let action = match step {
                Step::Forward(_) => "forward",
                Step::Redirect(_) => "redirect",
                Step::Fixed(_) => "fixed-response",
            };
            details.actions = if has_login { format!("authenticate,{action}") } else { action.to_owned() };
        }
    }

    /// Why a login failed.
    pub(super) fn refused(&self, reason: &'static str) {
        if let Some(details) = self.details.borrow_mut().as_mut() {
            details.error = Some(reason);
        }
    }

    /// Where the client is sent.
    pub(super) fn redirect(&self, headers: &[u8]) {
        if let Some(details) = self.details.borrow_mut().as_mut() {
            let location = headers.strip_prefix(b"Location: ").unwrap_or_default();
            details.redirect = location.split(|byte| *byte == b'\r').next().map(<[u8]>::to_vec);
        }
    }

    /// Where it is sent.
    pub(super) fn route(&self, local: &Local, route: &Route<'_>, trace: &[u8]) {
        route.group.state.counters.add(local.worker.index, GroupMetric::RequestCount, 1);
        *self.group.borrow_mut() = Some(route.group.state.clone());
        if let Some(details) = self.details.borrow_mut().as_mut() {
            details.group = Some(route.group.config.arn.clone());
            details.target = Some(route.target.address);
            details.trace = trace.to_vec();
        }
    }

    /// It leaves for the target now.
    pub(super) fn leaves(&self) {
        self.sent.set(Some(Instant::now()));
    }

    /// The target answered.
    pub(super) fn target_answered(&self, at: Instant, status: u16) {
        self.answered.set(Some(at));
        self.target_status.set(status);
        self.status.set(status);
        if status == 101 {
            self.is_websocket.set(true);
        }
    }

    /// Whether the client has seen the beginning of an answer.
    pub(super) fn has_begun(&self) -> bool {
        self.status.get() != 0
    }

    /// The load balancer answered.
    pub(super) fn own_answer(&self, status: u16) {
        self.status.set(status);
        self.is_own.set(true);
    }

    /// So many bytes of a body came from the client.
    pub(super) fn received(&self, bytes: u64) {
        self.received_bytes.set(self.received_bytes.get() + bytes);
    }

    /// So many bytes went to the client.
    pub(super) fn sent(&self, bytes: u64) {
        self.sent_bytes.set(self.sent_bytes.get() + bytes);
    }

    /// So many bytes went to the target.
    pub(super) fn upstream_sent(&self, bytes: u64) {
        self.processed_bytes.set(self.processed_bytes.get() + bytes);
    }

    /// It is over.
    pub(super) fn finish(&self, local: &Local, live: &Live, client: &Client) {
        let worker = local.worker.index;
        let status = self.status.get();
        local.count(Metric::RequestCount, 1);
        local.count(Metric::ProcessedBytes, self.received_bytes.get() + self.sent_bytes.get());
        if self.is_own.get() {
            local.shared.counters.answered(worker, status);
        }
        if let (Some(group), Some(sent), Some(answered)) =
            (self.group.take(), self.sent.get(), self.answered.get())
        {
            group.counters.answered(worker, self.target_status.get(), answered - sent);
        }
        if let Some(details) = self.details.take() {
            self.record(local, live, client, &details);
        }
    }

    fn record(&self, local: &Local, live: &Live, client: &Client, details: &Details) {
        let micros = |from: Option<Instant>, to: Option<Instant>| {
            let between = to?.saturating_duration_since(from?);
            u64::try_from(between.as_micros()).ok()
        };
        let now = Instant::now();
        let (sent, answered) = (self.sent.get(), self.answered.get());
        let was_answered = answered.is_some();
        let is_tls = client.tls.is_some();
        let is_classic = live.snapshot.balancer.kind == Kind::Classic;
        let connection = format!("TID_{:016x}{:016x}", client.id, client.id.rotate_left(17) ^ 0x5bd1_e995);
        let kind = match (self.is_websocket.get(), is_tls) {
            (true, true) => RequestKind::Wss,
            (true, false) => RequestKind::Ws,
            (false, true) if details.is_grpc => RequestKind::Grpcs,
            (false, true) if details.is_http2 => RequestKind::H2,
            (false, true) => RequestKind::Https,
            (false, false) => RequestKind::Http,
        };
        let tls = client.tls.as_deref();
        local.shared.records.record(&Record {
            kind,
            created: local.worker.micros(self.arrived),
            answered: local.worker.micros(now),
            balancer: &live.snapshot.balancer.id,
            client: client.address,
            target: details.target,
            request_micros: micros(Some(self.arrived), sent.filter(|_| was_answered || is_classic)),
            target_micros: micros(sent, answered),
            response_micros: micros(answered, was_answered.then_some(now)),
            status: self.status.get(),
            target_status: Some(self.target_status.get()).filter(|status| *status > 0),
            received: self.received_bytes.get(),
            sent: self.sent_bytes.get(),
            method: &details.method,
            url: &details.url,
            version: details.version,
            user_agent: &details.user_agent,
            cipher: tls.map(|tls| tls.cipher),
            tls_version: tls.map(|tls| tls.version),
            group: details.group.as_deref(),
            trace: &details.trace,
            server_name: tls.and_then(|tls| tls.server_name.as_deref()),
            certificate: tls.and_then(|tls| tls.certificate.as_deref()),
            priority: details.priority,
            actions: &details.actions,
            redirect: details.redirect.as_deref(),
            error: details.error,
            verdict: self.verdict.get(),
            connection: &connection,
        });
    }
}

impl Details {
    fn of(client: &Client, request: &Request<'_>) -> Self {
        let scheme: &[u8] = if client.tls.is_some() { b"https://" } else { b"http://" };
        let port = client.port.to_string();
        let host = without_port(request.host());
        let url = [scheme, host, b":", port.as_bytes(), request.path_and_query()].concat();
        Details {
            method: request.method().to_vec(),
            url,
            version: match request.head.version {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
                Version::Http2 => "HTTP/2.0",
            },
            user_agent: request.values(Name::UserAgent).next().unwrap_or_default().to_vec(),
            is_grpc: is_grpc(request),
            is_http2: request.head.version == Version::Http2,
            ..Details::default()
        }
    }
}
