//! Clients that speak HTTP/1.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::body::{Http1Sink, Http1Source, Sink, Source};
use super::buffer::Buffer;
use super::exchange::{Deal, Finished};
use super::forward::{self, Forwarded, Ready};
use super::local::{Live, Local};
use super::log::{Client, Log};
use super::stream::{Io, Patience, Stream};
use super::target::Http1Target;
use super::timer::Timer;
use super::{login, tunnel};
use crate::balancer::answers::Answer;
use crate::balancer::forwarding::{BodyFrame, write_connection, write_frame};
use crate::balancer::http1::{Framing, HeadError, Request, RequestParser, Version};
use crate::balancer::route::{Because, Outcome};
use crate::balancer::snapshot::TargetState;

/// How long a head may take from its first byte on: whoever sends it a byte at a time is not waited for longer.
const HEAD: Duration = Duration::from_secs(60);
/// How long what a client still sends is read and thrown away, after an answer that did not wait for it.
const LINGER: Duration = Duration::from_secs(2);
/// How much of that is read at most, in bytes.
const LINGER_BYTES: usize = 1 << 20;

/// A client's connection.
pub(super) struct Connection {
    local: Rc<Local>,
    client: Client,
    io: Io,
    input: Buffer,
    parser: RequestParser,
    out: Vec<u8>,
    timer: Timer,
    began: Instant,
}

/// What came instead of a request.
enum NoRequest {
    /// Nothing.
    Closed,
    /// Not enough of it in time.
    Late,
    /// Something else.
    Refused(HeadError),
}

/// Serves a client until its connection ends.
pub(super) async fn serve(local: Rc<Local>, client: Client, stream: Stream) {
    let live = local.live();
    let limit = idle(&live);
    let mut connection = Connection {
        input: Buffer::new(local.worker.buffers.clone()),
        local,
        client,
        io: Io::new(stream),
        parser: RequestParser::default(),
        out: Vec::new(),
        timer: Timer::new(limit),
        began: Instant::now(),
    };
    drop(live);
    while let Some(arrived) = connection.head().await {
        match connection.request(arrived).await {
            (Next::Request, _) => {}
            (Next::Tunnel(target, state), log) => return connection.tunnel(target, &state, log).await,
            (Next::Close, _) => return,
            (Next::Linger, _) => return connection.linger().await,
        }
    }
}

/// What comes after a request.
enum Next {
    Request,
    Tunnel(Http1Target, Arc<TargetState>),
    Linger,
    Close,
}

/// "idle_timeout.timeout_seconds"
pub(super) fn idle(live: &Live) -> Duration {
    Duration::from_secs(u64::from(live.snapshot.balancer.attributes.idle_timeout_seconds.max(1)))
}

impl Connection {
    /// Waits for a request's head; answers when it was there. `None`: the connection is over.
    async fn head(&mut self) -> Option<Instant> {
        self.parser.reset();
        match self.read_head().await {
            Ok(()) => Some(Instant::now()),
            Err(NoRequest::Closed) => None,
            Err(reason) => {
                let status = match reason {
                    NoRequest::Late => 408,
                    NoRequest::Refused(HeadError::LineTooLong) => 414,
                    NoRequest::Refused(HeadError::NotImplemented) => 501,
                    NoRequest::Refused(HeadError::Version) => 505,
                    _ => 400,
                };
                let live = self.local.live();
                let log = Log::new(Instant::now());
                let request = Request { bytes: self.input.filled(), head: self.parser.head() };
                log.request(&self.local, &live, &self.client, &request);
                log.received(self.input.len() as u64);
                let _ = self.answer(&live, &log, Answer::error(status), false).await;
                log.finish(&self.local, &live, &self.client);
                self.linger().await;
                None
            }
        }
    }

    async fn read_head(&mut self) -> Result<(), NoRequest> {
        let limit = idle(&self.local.live());
        self.timer.extend(limit);
        let mut begun = false;
        loop {
            let message = self.input.filled();
            match self.parser.advance(message) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(NoRequest::Refused(error)),
            }
            if !begun && self.parser.has_begun(message) {
                begun = true;
                self.timer.restart(HEAD.min(limit));
            }
            if !begun {
                self.input.consume(message.len());
                self.parser.reset();
                if self.local.is_stopping() || self.is_old() {
                    return Err(NoRequest::Closed);
                }
                self.input.release();
                if self.out.capacity() > 4096 {
                    self.out = Vec::new();
                }
            }
            // A byte does not buy more time once the head has begun.
            let read = self.io.read_until(&mut self.input, &self.timer).await;
            match read {
                Ok(0) => return Err(NoRequest::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && begun => {
                    return Err(NoRequest::Late);
                }
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    return Err(NoRequest::Refused(HeadError::TooLarge));
                }
                Err(_) => return Err(NoRequest::Closed),
            }
        }
    }

    /// "client_keep_alive.seconds": "the maximum length of time an Application Load Balancer maintains a persistent HTTP connection to
    /// a client".
    fn is_old(&self) -> bool {
        let limit = self.local.live().snapshot.balancer.attributes.client_keep_alive_seconds;
        self.began.elapsed() >= Duration::from_secs(u64::from(limit.max(1)))
    }

    async fn request(&mut self, arrived: Instant) -> (Next, Log) {
        let log = Log::new(arrived);
        let live = self.local.live();
        let next = self.handle(&live, &log).await;
        if !matches!(next, Next::Tunnel(..)) {
            log.finish(&self.local, &live, &self.client);
        }
        (next, log)
    }

    async fn handle(&mut self, live: &Live, log: &Log) -> Next {
        let limit = idle(live);
        let request = Request { bytes: self.input.filled(), head: self.parser.head() };
        log.request(&self.local, live, &self.client, &request);
        let is_http10 = request.head.version == Version::Http10;
        let keep_alive = !request.head.close && !self.is_old();
        let (framing, version) = (request.head.framing, request.head.version);
        let expects = request.head.expects_continue && framing != Framing::Empty;
        let websocket = request.head.websocket;
        self.out.clear();
        let Some(listener) = live.snapshot.listeners.get(&self.client.port) else { return Next::Close };
        let ready = Ready { local: &self.local, live, listener, client: &self.client, log };
        let decided = ready.decide(&request);
        let (route, head) = match decided.outcome {
            Outcome::Answer(answer, because) => {
                ready.answered(&answer, because);
                let len = request.head.len;
                self.input.consume(len);
                return self.answered(live, log, answer, keep_alive && framing == Framing::Empty).await;
            }
            Outcome::Login(callback) => {
                let (answer, reason) = Box::pin(login::finish(&self.local, &callback)).await;
                ready.answered(&answer, Because::Login(None));
                if let Some(reason) = reason {
                    log.refused(reason);
                }
                let len = request.head.len;
                self.input.consume(len);
                return self.answered(live, log, answer, keep_alive && framing == Framing::Empty).await;
            }
            Outcome::Forward(route) => {
                let head = ready.prepare(&request, &route);
                (route, head)
            }
        };
        let len = request.head.len;
        self.input.consume(len);
        let patience = Patience { timer: &self.timer, limit };
        if expects && self.io.write([b"HTTP/1.1 100 Continue\r\n\r\n", b"", b""], patience).await.is_err() {
            return Next::Close;
        }
        let mut source = Source::Http1(Http1Source::new(&self.io, &mut self.input, framing, patience));
        let mut sink = Sink::Http1(Http1Sink::new(&self.io, &mut self.out, BodyFrame::None, patience));
        let deal = Deal {
            local: &self.local,
            listener,
            route: &route,
            patience,
            log,
            is_tls: self.client.tls.is_some(),
            is_head: self.parser.head().is_head,
            version,
            websocket,
            keep_alive: keep_alive && !decided.is_once && (!is_http10 || !websocket),
            client: Some(&self.io),
        };
        let forwarded = forward::forward(&deal, head, framing, &mut source, &mut sink, decided.is_once).await;
        log.received(source.received());
        log.sent(sink.sent());
        let is_read = source.is_done();
        drop((source, sink));
        match forwarded {
            Forwarded::Done(Finished { is_upgraded: true, .. }, Some(target)) => {
                Next::Tunnel(target, route.target.state.clone())
            }
            Forwarded::Done(Finished { keep_client: true, .. }, _) if is_read => Next::Request,
            Forwarded::Done(..) => Next::Linger,
            Forwarded::Unanswered(status) => {
                self.out.clear();
                self.answered(live, log, Answer::error(status), keep_alive && is_read).await
            }
            Forwarded::Broken => Next::Close,
            Forwarded::ClientGone(_) if log.has_begun() => Next::Close,
            Forwarded::ClientGone(error) => {
                let status = match error.kind() {
                    io::ErrorKind::TimedOut => 408,
                    io::ErrorKind::InvalidData => 400,
                    _ => 460,
                };
                if status == 460 {
                    log.own_answer(460);
                    return Next::Close;
                }
                self.out.clear();
                let _ = self.answer(live, log, Answer::error(status), false).await;
                Next::Linger
            }
        }
    }

    /// Answers instead of a target. What comes behind a request that was not read to its end cannot be told from it: then the
    /// connection does not stay.
    async fn answered(&mut self, live: &Live, log: &Log, answer: Answer, keep: bool) -> Next {
        let keep = keep && !answer.close;
        match self.answer(live, log, answer, keep).await {
            Ok(()) if keep => Next::Request,
            Ok(()) => Next::Linger,
            Err(_) => Next::Close,
        }
    }

    /// Writes an answer of the load balancer's own.
    async fn answer(&mut self, live: &Live, log: &Log, answer: Answer, keep: bool) -> io::Result<()> {
        let now = Instant::now();
        let date = self.local.worker.date(now);
        let listener = live.snapshot.listeners.get(&self.client.port);
        let is_head = self.parser.head().is_head;
        let whole = forward::write_answer(&mut self.out, live, listener.map(|plan| &**plan), &answer, &date);
        write_frame(&mut self.out, BodyFrame::Length(whole.len() as u64));
        write_connection(&mut self.out, keep && !answer.close);
        let body = if is_head { b"" } else { whole };
        log.own_answer(answer.status);
        log.sent((self.out.len() + body.len()) as u64);
        let patience = Patience { timer: &self.timer, limit: idle(live) };
        patience.timer.extend(patience.limit);
        let result = self.io.write([&self.out, body, b""], patience).await;
        self.out.clear();
        result
    }

    /// Ends the connection so that the client can read what was written: a reset would take it away.
    async fn linger(&mut self) {
        let patience = Patience { timer: &self.timer, limit: LINGER };
        patience.timer.restart(LINGER);
        if self.io.shutdown(patience).await.is_err() {
            return;
        }
        let mut read = 0;
        self.input.consume(self.input.len());
        while read < LINGER_BYTES {
            match self.io.read_until(&mut self.input, &self.timer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => read += count,
            }
            self.input.consume(self.input.len());
        }
    }

    async fn tunnel(mut self, target: Http1Target, state: &TargetState, log: Log) {
        self.parser.shrink();
        self.out = Vec::new();
        let live = self.local.live();
        let patience = Patience { timer: &self.timer, limit: idle(&live) };
        let Http1Target { io, memory } = target;
        let mut input = memory.input;
        let (client, target) = ((&self.io, &mut self.input), (&io, &mut input));
        let (up, down) = tunnel::tunnel(client, target, patience, Some(state)).await;
        log.received(up);
        log.sent(down);
        log.finish(&self.local, &live, &self.client);
    }
}
