//! One request to a target, and its response to the client.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::time::Instant;

use super::body::{Http1Sink, Http1Source, PumpError, Sink, Source, pump};
use super::http2::Http2Target;
use super::local::Local;
use super::log::Log;
use super::stream::{Io, Patience};
use super::target::{Http1Target, Memory};
use crate::balancer::cookies;
use crate::balancer::forwarding::{BodyFrame, Returning};
use crate::balancer::http1::{Framing, Name, Response, ResponseParser, Version};
use crate::balancer::route::{Route, bonds};
use crate::balancer::snapshot::ListenerPlan;

/// What an exchange has to know.
pub(super) struct Deal<'a> {
    pub(super) local: &'a Local,
    pub(super) listener: &'a ListenerPlan,
    pub(super) route: &'a Route<'a>,
    pub(super) patience: Patience<'a>,
    pub(super) log: &'a Log,
    pub(super) is_tls: bool,
    pub(super) is_head: bool,
    pub(super) version: Version,
    pub(super) websocket: bool,
    /// Whether the client's connection can be used again, as far as is known before the response.
    pub(super) keep_alive: bool,
    /// The client's connection, if its end can be noticed.
    pub(super) client: Option<&'a Io>,
}

/// How an exchange went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finished {
    /// Whether the client's connection can be used again.
    pub(super) keep_client: bool,
    /// Whether the target's can.
    pub(super) keep_target: bool,
    /// Whether both now speak another protocol.
    pub(super) is_upgraded: bool,
}

/// How it did not.
#[derive(Debug)]
pub(super) enum Failed {
    /// The target broke off before it answered, or answered nonsense.
    Target(io::Error),
    /// The client is gone, or sent nonsense.
    Client(io::Error),
    /// The response broke off after the client had seen its beginning.
    Broken,
}

impl Deal<'_> {
    /// How the client is told where the body ends.
    fn frame(&self, response: Response<'_>) -> BodyFrame {
        let head = response.head;
        match head.framing_for(self.is_head) {
            Framing::Empty => match head.length {
                Some(length) if self.is_head || head.status == 304 => BodyFrame::Length(length),
                _ if self.is_head || matches!(head.status, 100..=199 | 204 | 304) => BodyFrame::None,
                _ => BodyFrame::Length(0),
            },
            Framing::Length(length) => BodyFrame::Length(length),
            Framing::Chunked | Framing::UntilClose if self.version == Version::Http10 => {
                BodyFrame::UntilClose
            }
            Framing::Chunked | Framing::UntilClose => BodyFrame::Chunked,
        }
    }

    /// Hands the head on. Answers how the client was told where the body ends, and whether its connection stays.
    async fn begin(
        &self,
        response: Response<'_>,
        sink: &mut Sink<'_>,
        is_uploaded: bool,
    ) -> io::Result<(BodyFrame, bool)> {
        let now = Instant::now();
        let head = response.head;
        self.log.target_answered(now, head.status);
        let seconds = self.local.worker.micros(now) / 1_000_000;
        let route = self.route;
        let added = if route.group_seconds.is_some() || route.group.config.stickiness.is_some() {
            let sets = |name: &str| {
                response.values(Name::SetCookie).any(|value| cookies::sets(value, name.as_bytes()))
            };
            let random = &mut self.local.worker.random.borrow_mut();
            bonds(route, &self.local.shared.jar, random, seconds, self.is_tls, sets)
        } else {
            Vec::new()
        };
        let frame = self.frame(response);
        let keep =
            self.keep_alive && is_uploaded && frame != BodyFrame::UntilClose && !self.local.is_stopping();
        let returning = Returning { response, added: &added, attributes: &self.listener.listener.attributes };
        let date = self.local.worker.date(now);
        match sink {
            Sink::Http1(sink) => {
                returning.write(sink.out, frame, keep, &date);
                sink.frame = if self.is_head { BodyFrame::None } else { frame };
            }
            Sink::Http2(sink) => {
                let is_end = response.head.framing_for(self.is_head) == Framing::Empty;
                sink.head(&returning, frame, &date, is_end)?;
            }
        }
        Ok((frame, keep))
    }
}

/// Sends a request whose head waits in `out` to a target that speaks HTTP/1, and its response to the client.
pub(super) async fn with_http1(
    deal: &Deal<'_>,
    target: &mut Http1Target,
    source: &mut Source<'_>,
    sink: &mut Sink<'_>,
    frame: BodyFrame,
) -> Result<Finished, Failed> {
    let Http1Target { io, memory } = target;
    let Memory { input, out, parser } = &mut **memory;
    let is_uploaded = Cell::new(false);
    let mut up = Sink::Http1(Http1Sink::new(io, out, frame, deal.patience));
    let respond = async {
        let (head_len, framing, close, status) = loop {
            let head = sink.unless_reset(read_head(io, input, parser, deal.patience)).await;
            head.map_err(Failed::Client)?.map_err(Failed::Target)?;
            let response = Response { bytes: input.filled(), head: parser.head() };
            let status = response.head.status;
            if status == 101 && !deal.websocket {
                return Err(Failed::Target(io::ErrorKind::InvalidData.into()));
            }
            if (100..200).contains(&status) && status != 101 {
                // The load balancer has told the client to continue; other interim responses are passed on.
                if status != 100 && deal.version == Version::Http11 {
                    interim(deal, response, sink).await.map_err(Failed::Client)?;
                }
                input.consume(parser.head().len);
                parser.reset();
                continue;
            }
            break (response.head.len, response.head.framing_for(deal.is_head), response.head.close, status);
        };
        let response = Response { bytes: input.filled(), head: parser.head() };
        let (_, keep) = deal.begin(response, sink, is_uploaded.get()).await.map_err(Failed::Client)?;
        input.consume(head_len);
        if status == 101 {
            sink.flush().await.map_err(Failed::Client)?;
            return Ok(Finished { keep_client: false, keep_target: false, is_upgraded: true });
        }
        let mut body = Source::Http1(Http1Source::new(io, input, framing, deal.patience));
        pump(&mut body, sink).await.map_err(|error| match error {
            PumpError::Source(_) => Failed::Broken,
            PumpError::Sink(error) => Failed::Client(error),
        })?;
        let keep_target = !close && framing != Framing::UntilClose && is_uploaded.get();
        Ok(Finished { keep_client: keep, keep_target, is_upgraded: false })
    };
    let finished = {
        let (upload, respond) = (pin!(pump(source, &mut up)), pin!(respond));
        both(deal, upload, respond, &is_uploaded).await
    };
    deal.log.upstream_sent(up.sent());
    finished.map(|finished| Finished { keep_target: finished.keep_target && input.is_empty(), ..finished })
}

/// The same with a target that speaks HTTP/2.
pub(super) async fn with_http2(
    deal: &Deal<'_>,
    target: &mut Http2Target,
    request: http::Request<()>,
    source: &mut Source<'_>,
    sink: &mut Sink<'_>,
) -> Result<Finished, Failed> {
    let is_uploaded = Cell::new(false);
    let is_end = source.is_done();
    let (mut response, mut up) = target.send(request, is_end, deal.patience).await.map_err(Failed::Target)?;
    let respond = async {
        let head = sink.unless_reset(response.head(deal.patience)).await;
        let (bytes, parser, mut body) = head.map_err(Failed::Client)?.map_err(Failed::Target)?;
        let head = Response { bytes: &bytes, head: parser.head() };
        let (_, keep) = deal.begin(head, sink, is_uploaded.get()).await.map_err(Failed::Client)?;
        pump(&mut body, sink).await.map_err(|error| match error {
            PumpError::Source(_) => Failed::Broken,
            PumpError::Sink(error) => Failed::Client(error),
        })?;
        Ok(Finished { keep_client: keep, keep_target: true, is_upgraded: false })
    };
    let finished = {
        let (upload, respond) = (pin!(pump(source, &mut up)), pin!(respond));
        both(deal, upload, respond, &is_uploaded).await
    };
    deal.log.upstream_sent(up.sent());
    finished
}

/// Drives the request's body and the response at the same time; the response decides.
async fn both(
    deal: &Deal<'_>,
    mut upload: Pin<&mut impl Future<Output = Result<(), PumpError>>>,
    mut respond: Pin<&mut impl Future<Output = Result<Finished, Failed>>>,
    is_uploaded: &Cell<bool>,
) -> Result<Finished, Failed> {
    let mut is_uploading = true;
    let mut client = deal.client;
    let target = &deal.route.target.state;
    poll_fn(|cx| {
        // "The deregistration delay period elapsed for a request being handled by a target that was deregistered": 502.
        if target.is_gone() {
            let cut = Failed::Target(io::ErrorKind::HostUnreachable.into());
            return Poll::Ready(Err(if deal.log.has_begun() { Failed::Broken } else { cut }));
        }
        if is_uploading {
            match upload.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => {
                    is_uploading = false;
                    is_uploaded.set(true);
                }
                Poll::Ready(Err(PumpError::Source(error))) => return Poll::Ready(Err(Failed::Client(error))),
                // A target may answer and close before it has read everything: then its answer counts.
                Poll::Ready(Err(PumpError::Sink(_))) => is_uploading = false,
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(finished) = respond.as_mut().poll(cx) {
            return Poll::Ready(finished);
        }
        if !is_uploading && let Some(io) = client {
            match io.poll_ended(cx) {
                Poll::Ready(true) => {
                    return Poll::Ready(Err(Failed::Client(io::ErrorKind::ConnectionReset.into())));
                }
                // It sent more already.
                Poll::Ready(false) => client = None,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

async fn read_head(
    io: &Io,
    input: &mut super::buffer::Buffer,
    parser: &mut ResponseParser,
    patience: Patience<'_>,
) -> io::Result<()> {
    loop {
        match parser.advance(input.filled()) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        if io.read(input, patience).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn interim(deal: &Deal<'_>, response: Response<'_>, sink: &mut Sink<'_>) -> io::Result<()> {
    let Sink::Http1(sink) = sink else { return Ok(()) };
    let returning = Returning { response, added: b"", attributes: &deal.listener.listener.attributes };
    sink.out.extend_from_slice(format!("HTTP/1.1 {} ", response.head.status).as_bytes());
    sink.out.extend_from_slice(response.head.reason.of(response.bytes));
    sink.out.extend_from_slice(b"\r\n");
    returning.headers(sink.out, "");
    sink.out.extend_from_slice(b"\r\n");
    sink.flush().await
}
