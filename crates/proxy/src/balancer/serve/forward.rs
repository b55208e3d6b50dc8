//! From a request's head to its target, whatever the client speaks.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use enishi_fabric::balancer::{Kind, TargetProtocol, TargetVersion};
use http::{Uri, Version as HttpVersion};

use super::body::{Sink, Source};
use super::exchange::{Deal, Failed, Finished, with_http1, with_http2};
use super::local::{Live, Local};
use super::log::{Client, Log};
use super::target::{Http1Target, Target, Unreachable, begin, waiting};
use crate::balancer::answers::{Answer, classic_reason, reason};
use crate::balancer::counters::{GroupMetric, Metric};
use crate::balancer::forwarding::{BodyFrame, Forwarding, HeaderSink, put_lines};
use crate::balancer::http1::{Framing, Name, Request};
use crate::balancer::route::{Arrival, Because, Decided, Means, Route, decide, is_grpc};
use crate::balancer::snapshot::{ListenerPlan, TargetState};
use crate::balancer::trace::trace_id;

/// A request that can be decided about.
pub(super) struct Ready<'a> {
    pub(super) local: &'a Local,
    pub(super) live: &'a Live,
    pub(super) listener: &'a Arc<ListenerPlan>,
    pub(super) client: &'a Client,
    pub(super) log: &'a Log,
}

/// A head for a target.
pub(super) enum Head {
    /// As bytes.
    Http1(Vec<u8>),
    /// As fields.
    Http2(Box<http::Request<()>>),
}

/// What came of a request that was to be forwarded.
pub(super) enum Forwarded {
    /// The client has its answer; the target's connection, if it now carries another protocol.
    Done(Finished, Option<Http1Target>),
    /// The client is to be told this.
    Unanswered(u16),
    /// The client has the beginning of an answer that has no end.
    Broken,
    /// The client is gone, or sent nonsense.
    ClientGone(io::Error),
}

impl<'a> Ready<'a> {
    /// Decides, and counts what was decided.
    pub(super) fn decide(&self, request: &Request<'_>) -> Decided<'a> {
        let worker = &self.local.worker;
        let arrival = Arrival {
            request: *request,
            client: self.client.address,
            port: self.client.port,
            is_tls: self.client.tls.is_some(),
            now: i64::try_from(worker.micros(self.log.arrived()) / 1000).unwrap_or_default(),
        };
        let mut means = Means {
            worker: worker.index,
            jar: &self.local.shared.jar,
            random: &mut worker.random.borrow_mut(),
            scratch: &mut worker.scratch.borrow_mut(),
            signer: self.local.shared.signer.as_ref(),
        };
        let decided = decide(&self.live.snapshot, self.listener, &arrival, &mut means);
        if is_grpc(request) {
            self.local.count(Metric::GrpcRequestCount, 1);
        }
        if let Some(rule) = decided.rule {
            let rules = &self.listener.listener.rules;
            self.local.shared.counters.matched(worker.index, rule, rules.len());
            if let (Some(rule), Some(step)) = (rules.get(rule), self.listener.steps.get(rule)) {
                self.log.rule(rule.priority.unwrap_or(0), step, rule.authenticate.is_some());
            }
        }
        decided
    }

    /// An answer of the load balancer's own is on its way.
    pub(super) fn answered(&self, answer: &Answer, because: Because) {
        match because {
            Because::Fixed => self.local.count(Metric::HttpFixedResponseCount, 1),
            Because::Redirect => {
                self.local.count(Metric::HttpRedirectCount, 1);
                self.log.redirect(&answer.headers);
            }
            Because::Error => {}
            Because::Login(reason) => {
                if let Some(reason) = reason {
                    self.local.count(Metric::ElbAuthFailure, 1);
                    self.log.refused(reason);
                }
            }
        }
    }

    /// The head for the target.
    pub(super) fn prepare(&self, request: &Request<'_>, route: &Route<'_>) -> Head {
        let worker = &self.local.worker;
        let balancer = &self.live.snapshot.balancer;
        let trace = (balancer.kind == Kind::Application).then(|| {
            let now = worker.micros(self.log.arrived()) / 1_000_000;
            trace_id(request.values(Name::TraceId).next(), now, &mut worker.random.borrow_mut())
        });
        self.log.route(self.local, route, trace.as_deref().unwrap_or_default());
        let renamed = &self.listener.listener.attributes.renamed;
        let mut added = route.user.clone();
        if let Some(tls) = &self.client.tls {
            let mut renaming = Renaming { lines: &mut added, renamed };
            put_lines(&tls.headers, &mut renaming);
            if balancer.attributes.tls_version_and_cipher_headers {
                renaming.put(b"X-Amzn-Tls-Version", &[tls.version.as_bytes()]);
                renaming.put(b"X-Amzn-Tls-Cipher-Suite", &[tls.cipher.as_bytes()]);
            }
        }
        let forwarding = Forwarding {
            request: *request,
            client: self.client.address,
            port: self.client.port,
            node: self.local.shared.address,
            is_tls: self.client.tls.is_some(),
            attributes: &balancer.attributes,
            trace: trace.as_deref(),
            added: &added,
            rewritten: route.rewritten.as_ref(),
        };
        if route.group.config.version == TargetVersion::Http1 {
            let mut head = Vec::with_capacity(request.head.len + 512);
            forwarding.write(&mut head);
            return Head::Http1(head);
        }
        let scheme = if route.group.config.protocol == TargetProtocol::Https { "https" } else { "http" };
        let mut head = http::Request::new(());
        *head.version_mut() = HttpVersion::HTTP_2;
        *head.method_mut() = http::Method::from_bytes(request.method()).unwrap_or_default();
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(forwarding.host().as_slice())
            .path_and_query(&*forwarding.path_and_query(true));
        *head.uri_mut() = uri.build().unwrap_or_default();
        forwarding.headers(head.headers_mut(), true);
        if let Framing::Length(length) = request.head.framing {
            head.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
        }
        Head::Http2(Box::new(head))
    }
}

/// Lines whose headers a listener may give other names.
struct Renaming<'a> {
    lines: &'a mut Vec<u8>,
    renamed: &'a BTreeMap<Arc<str>, Arc<str>>,
}

impl HeaderSink for Renaming<'_> {
    fn put(&mut self, name: &[u8], value: &[&[u8]]) {
        let other = self.renamed.iter().find(|(usual, _)| usual.as_bytes().eq_ignore_ascii_case(name));
        self.lines.put(other.map_or(name, |(_, other)| other.as_bytes()), value);
    }
}

/// A request that a target has not answered.
struct InFlight<'a>(&'a TargetState);

impl<'a> InFlight<'a> {
    fn new(state: &'a TargetState) -> Self {
        state.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(state)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends a request to its target, and the response to the client.
pub(super) async fn forward(
    deal: &Deal<'_>,
    head: Head,
    framing: Framing,
    source: &mut Source<'_>,
    sink: &mut Sink<'_>,
    is_once: bool,
) -> Forwarded {
    let Route { group, target: plan, .. } = deal.route;
    let _in_flight = InFlight::new(&plan.state);
    let mut may_reuse = true;
    loop {
        // What is rare is boxed, here and below: it would make every request's state as large as its own.
        let waiting = waiting(deal.local, group, plan, may_reuse);
        let is_reused = waiting.is_some();
        let obtained = match waiting {
            Some(target) => Ok(Ok(target)),
            None => sink.unless_reset(Box::pin(begin(deal.local, group, plan))).await,
        };
        let mut target = match obtained {
            Err(error) => return Forwarded::ClientGone(error),
            Ok(Ok(target)) => target,
            Ok(Err(why)) => {
                let (metric, status) = match why {
                    Unreachable::Refused => (GroupMetric::TargetConnectionErrorCount, 502),
                    Unreachable::Silent => (GroupMetric::TargetConnectionErrorCount, 504),
                    Unreachable::Tls => (GroupMetric::TargetTlsNegotiationErrorCount, 502),
                };
                group.state.counters.add(deal.local.worker.index, metric, 1);
                return Forwarded::Unanswered(status);
            }
        };
        deal.log.leaves();
        deal.patience.timer.extend(deal.patience.limit);
        let result = match (&mut target, &head) {
            (Target::Http1(target), Head::Http1(head)) => {
                target.memory.out.clear();
                target.memory.out.extend_from_slice(head);
                with_http1(deal, target, source, sink, frame(framing)).await
            }
            (Target::Http2(target), Head::Http2(head)) => {
                Box::pin(with_http2(deal, target, (**head).clone(), source, sink)).await
            }
            _ => return Forwarded::Unanswered(502),
        };
        match (result, target) {
            (Ok(finished), Target::Http1(target)) if finished.is_upgraded => {
                return Forwarded::Done(finished, Some(target));
            }
            (Ok(finished), target) => {
                if let Target::Http1(target) = target
                    && finished.keep_target
                    && !is_once
                {
                    deal.local.keep(&plan.state, target);
                }
                return Forwarded::Done(finished, None);
            }
            // The target ended a connection that waited, at the moment at which it was used again. Without a body nothing is lost.
            (Err(Failed::Target(error)), _)
                if is_reused && may_reuse && framing == Framing::Empty && is_end(&error) =>
            {
                may_reuse = false;
            }
            (Err(Failed::Target(error)), _) => {
                let status = if error.kind() == io::ErrorKind::TimedOut { 504 } else { 502 };
                return Forwarded::Unanswered(status);
            }
            (Err(Failed::Broken), _) => return Forwarded::Broken,
            (Err(Failed::Client(error)), target) => {
                if let Target::Http1(target) = target {
                    target.io.abandon();
                }
                return Forwarded::ClientGone(error);
            }
        }
    }
}

fn frame(framing: Framing) -> BodyFrame {
    match framing {
        Framing::Empty | Framing::UntilClose => BodyFrame::None,
        Framing::Length(length) => BodyFrame::Length(length),
        Framing::Chunked => BodyFrame::Chunked,
    }
}

fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Writes the head of an answer of the load balancer's own, but for framing; answers its body.
pub(super) fn write_answer<'b>(
    out: &mut Vec<u8>,
    live: &Live,
    listener: Option<&ListenerPlan>,
    answer: &'b Answer,
    date: &str,
) -> &'b [u8] {
    let status = answer.status;
    if live.snapshot.balancer.kind == Kind::Classic {
        out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", classic_reason(status)).as_bytes());
        return b"";
    }
    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason(status)).as_bytes());
    answer_headers(out, listener, answer, date);
    &answer.body
}

/// Puts the headers of an answer of the load balancer's own, but for framing, into a sink.
pub(super) fn answer_headers(
    sink: &mut impl HeaderSink,
    listener: Option<&ListenerPlan>,
    answer: &Answer,
    date: &str,
) {
    let attributes = listener.map(|listener| &listener.listener.attributes);
    if attributes.is_none_or(|attributes| attributes.server_header) {
        sink.put(b"Server", &[b"awselb/2.0"]);
    }
    sink.put(b"Date", &[date.as_bytes()]);
    if let Some(content_type) = &answer.content_type {
        sink.put(b"Content-Type", &[content_type.as_bytes()]);
    }
    put_lines(&answer.headers, sink);
    for (name, value) in attributes.into_iter().flat_map(|attributes| &attributes.response_headers) {
        sink.put(name.as_bytes(), &[value.as_bytes()]);
    }
}
