//! HTTP/2, with clients and with targets.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, client, server};
use http::HeaderMap;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use super::body::{Http2Sink, Http2Source, Sink, Source, broken};
use super::client::idle;
use super::exchange::Deal;
use super::forward::{self, Forwarded, Ready};
use super::local::{Live, Local};
use super::log::{Client, Log};
use super::login;
use super::stream::{Patience, Stream};
use super::timer::Timer;
use crate::balancer::answers::Answer;
use crate::balancer::forwarding::HeaderSink;
use crate::balancer::http1::{HeadError, REQUEST_HEAD, Request, RequestParser, ResponseParser, Version};
use crate::balancer::route::{Because, Outcome};

/// "you can send up to 128 requests in parallel using one HTTP/2 connection"
const STREAMS: u32 = 128;
/// How long the preface may take.
const PREFACE: Duration = Duration::from_secs(10);
/// Streams that a client may open and reset before they are looked at: more is an attack ("rapid reset"), and ends the connection.
const RESETS: usize = 20;
/// Requests that a client may give up before they are answered while they are more than half of its requests.
const GIVEN_UP: usize = 500;
/// Requests of a connection that are worked on at most, those included that the client has given up.
const WORKED_ON: usize = 4 * STREAMS as usize;
/// Streams that may be reset because the client broke the rules.
const ERRORS: usize = 100;
/// Bytes of a body that may be on their way without being used up.
const WINDOW: u32 = 64 * 1024;
/// The same for all bodies of a connection together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Serves a client until its connection ends.
pub(super) async fn serve(local: Rc<Local>, client: Client, stream: Stream) {
    let handshake = server::Builder::new()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(REQUEST_HEAD as u32)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(ERRORS))
        .max_concurrent_reset_streams(RESETS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(WINDOW as usize)
        .handshake::<_, Bytes>(stream);
    let Ok(Ok(mut connection)) = timeout(PREFACE, handshake).await else { return };
    let (began, client) = (Instant::now(), Rc::new(client));
    let timer = Rc::new(Timer::new(idle(&local.live())));
    let active = Rc::new(Cell::new(0usize));
    let (mut asked, given_up) = (0, Rc::new(Cell::new(0usize)));
    let mut is_closing = false;
    loop {
        let accepted = poll_fn(|cx| match connection.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
            // Whoever waits for a slow target is not idle.
            Poll::Pending if active.get() > 0 => {
                timer.extend(idle(&local.live()));
                let _ = timer.poll(cx);
                Poll::Pending
            }
            Poll::Pending => timer.poll(cx).map(|()| None),
        })
        .await;
        let (request, mut respond) = match accepted {
            // It was silent for too long.
            None if is_closing => return,
            None => {
                is_closing = true;
                timer.restart(PREFACE);
                connection.graceful_shutdown();
                continue;
            }
            Some(Some(Ok(accepted))) => accepted,
            Some(Some(Err(_)) | None) => return,
        };
        asked += 1;
        if given_up.get() > GIVEN_UP && given_up.get() * 2 > asked {
            connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            continue;
        }
        if active.get() >= WORKED_ON {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        let live = local.live();
        timer.extend(idle(&live));
        let oldest = Duration::from_secs(u64::from(
            live.snapshot.balancer.attributes.client_keep_alive_seconds.max(1),
        ));
        if !is_closing && (local.is_stopping() || began.elapsed() >= oldest) {
            is_closing = true;
            connection.graceful_shutdown();
        }
        active.set(active.get() + 1);
        let (local, client) = (local.clone(), client.clone());
        let (active, given_up) = (active.clone(), given_up.clone());
        spawn_local(async move {
            if exchange(&local, &client, request, respond).await {
                given_up.set(given_up.get() + 1);
            }
            active.set(active.get() - 1);
        });
    }
}

/// Writes a head of HTTP/2 as HTTP/1.1, so that both are understood by the same code.
fn render(request: &http::Request<RecvStream>) -> Vec<u8> {
    let uri = request.uri();
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(request.method().as_str().as_bytes());
    bytes.push(b' ');
    // Only CONNECT has no path, and is refused as over HTTP/1.
    bytes.extend_from_slice(uri.path_and_query().map_or("", |path| path.as_str()).as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(authority) = uri.authority() {
        bytes.put(b"host", &[authority.as_str().as_bytes()]);
    }
    let has_authority = uri.authority().is_some();
    // RFC 9113, section 8.2.3: cookies may come one by one.
    let mut cookies = request.headers().get_all(http::header::COOKIE).iter().peekable();
    if cookies.peek().is_some() {
        let joined: Vec<&[u8]> = cookies.map(http::HeaderValue::as_bytes).collect();
        bytes.put(b"cookie", &[&joined.join(&b"; "[..])]);
    }
    for (name, value) in request.headers() {
        let is_written = *name == http::header::COOKIE || (*name == http::header::HOST && has_authority);
        if !is_written {
            bytes.put(name.as_str().as_bytes(), &[value.as_bytes()]);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Serves one request; whether the client gave it up.
async fn exchange(
    local: &Rc<Local>,
    client: &Client,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) -> bool {
    let live = local.live();
    let limit = idle(&live);
    let timer = Timer::new(limit);
    let patience = Patience { timer: &timer, limit };
    let log = Log::new(Instant::now());
    let bytes = render(&request);
    let mut sink = Http2Sink::response(respond, patience);
    match RequestParser::of_http2(&bytes, request.body().is_end_stream()) {
        Ok(parser) => {
            let mut source = Source::Http2(Http2Source::new(request.into_body(), patience));
            let mut sink = Sink::Http2(sink);
            let head = Request { bytes: &bytes, head: parser.head() };
            handle(local, &live, client, &log, head, (&mut source, &mut sink), patience).await;
            log.received(source.received());
            log.sent(sink.sent());
        }
        Err(error) => {
            let status = if error == HeadError::LineTooLong { 414 } else { 400 };
            let _ = answer(&live, local, &log, client, &mut sink, &Answer::error(status), false).await;
        }
    }
    log.finish(local, &live, client);
    log.is_given_up()
}

async fn handle(
    local: &Rc<Local>,
    live: &Live,
    client: &Client,
    log: &Log,
    request: Request<'_>,
    (source, sink): (&mut Source<'_>, &mut Sink<'_>),
    patience: Patience<'_>,
) {
    let Some(listener) = live.snapshot.listeners.get(&client.port) else { return };
    log.request(local, live, client, &request);
    let ready = Ready { local, live, listener, client, log };
    let decided = ready.decide(&request);
    let is_head = request.head.is_head;
    let status = match decided.outcome {
        Outcome::Answer(own, because) => {
            ready.answered(&own, because);
            if let Sink::Http2(sink) = sink {
                let _ = answer(live, local, log, client, sink, &own, is_head).await;
            }
            return;
        }
        Outcome::Login(callback) => {
            let (own, reason) = Box::pin(login::finish(local, &callback)).await;
            ready.answered(&own, Because::Login(None));
            if let Some(reason) = reason {
                log.refused(reason);
            }
            if let Sink::Http2(sink) = sink {
                let _ = answer(live, local, log, client, sink, &own, is_head).await;
            }
            return;
        }
        Outcome::Forward(route) => {
            let head = ready.prepare(&request, &route);
            let deal = Deal {
                local,
                listener,
                route: &route,
                patience,
                log,
                is_tls: client.tls.is_some(),
                is_head,
                version: Version::Http2,
                websocket: false,
                keep_alive: true,
                client: None,
            };
            match forward::forward(&deal, head, request.head.framing, source, sink, decided.is_once).await {
                Forwarded::Done(..) => return,
                Forwarded::Unanswered(status) => status,
                Forwarded::ClientGone(error)
                    if error.kind() == io::ErrorKind::TimedOut && !log.has_begun() =>
                {
                    408
                }
                Forwarded::ClientGone(_) => {
                    if !log.has_begun() {
                        log.own_answer(460);
                    }
                    reset(sink, Reason::CANCEL);
                    return;
                }
                Forwarded::Broken => {
                    reset(sink, Reason::INTERNAL_ERROR);
                    return;
                }
            }
        }
    };
    if let Sink::Http2(sink) = sink {
        let _ = answer(live, local, log, client, sink, &Answer::error(status), is_head).await;
    }
}

fn reset(sink: &mut Sink<'_>, reason: Reason) {
    if let Sink::Http2(sink) = sink {
        sink.reset(reason);
    }
}

/// Sends an answer of the load balancer's own.
async fn answer(
    live: &Live,
    local: &Local,
    log: &Log,
    client: &Client,
    sink: &mut Http2Sink<'_>,
    answer: &Answer,
    is_head: bool,
) -> io::Result<()> {
    log.own_answer(answer.status);
    let mut response = http::Response::new(());
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).map_err(|_| io::ErrorKind::InvalidData)?;
    let listener = live.snapshot.listeners.get(&client.port);
    let date = local.worker.date(Instant::now());
    forward::answer_headers(response.headers_mut(), listener.map(|listener| &**listener), answer, &date);
    response.headers_mut().insert(http::header::CONTENT_LENGTH, answer.body.len().into());
    let is_end = is_head || answer.body.is_empty();
    sink.begin(response, is_end)?;
    if is_end { Ok(()) } else { sink.whole(&answer.body).await }
}

/// A connection to a target that speaks HTTP/2; all its requests share it.
#[derive(Debug, Clone)]
pub(super) struct Http2Target {
    send: SendRequest<Bytes>,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    is_open: Cell<bool>,
    streams: Cell<usize>,
    used: Cell<Instant>,
}

impl Http2Target {
    /// Begins HTTP/2 on a connection.
    pub(super) async fn begin(stream: Stream) -> io::Result<Self> {
        let handshake = client::Builder::new()
            .max_header_list_size(crate::balancer::http1::RESPONSE_HEAD as u32)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(WINDOW as usize)
            .enable_push(false)
            .handshake::<_, Bytes>(stream);
        let (send, connection) = timeout(PREFACE, handshake)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
            .map_err(broken)?;
        let state = Rc::new(State {
            is_open: Cell::new(true),
            streams: Cell::new(0),
            used: Cell::new(Instant::now()),
        });
        let watched = state.clone();
        spawn_local(async move {
            // How it ends is seen by the requests on it.
            let _ = connection.await;
            watched.is_open.set(false);
        });
        Ok(Http2Target { send, state })
    }

    /// Whether it can carry requests at all.
    pub(super) fn is_open(&self) -> bool {
        self.state.is_open.get()
    }

    /// Whether it can carry one more.
    pub(super) fn has_room(&self) -> bool {
        self.state.streams.get() < self.send.current_max_send_streams().min(STREAMS as usize)
    }

    /// Whether nothing was asked on it for so long.
    pub(super) fn is_idle_for(&self, now: Instant, limit: Duration) -> bool {
        self.state.streams.get() == 0 && now.duration_since(self.state.used.get()) >= limit
    }

    /// Sends a head.
    pub(super) async fn send<'p>(
        &self,
        request: http::Request<()>,
        is_end: bool,
        patience: Patience<'p>,
    ) -> io::Result<(Http2Response, Sink<'p>)> {
        let mut send = self.send.clone();
        poll_fn(|cx| match send.poll_ready(cx) {
            Poll::Ready(ready) => Poll::Ready(ready.map_err(broken)),
            Poll::Pending => patience.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await?;
        let (future, stream) = send.send_request(request, is_end).map_err(broken)?;
        self.state.streams.set(self.state.streams.get() + 1);
        let response = Http2Response { future, _busy: Busy(self.state.clone()) };
        Ok((response, Sink::Http2(Http2Sink::request(stream, is_end, patience))))
    }
}

/// A stream that is in use.
#[derive(Debug)]
struct Busy(Rc<State>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get().saturating_sub(1));
        self.0.used.set(Instant::now());
    }
}

/// A response that a target owes.
#[derive(Debug)]
pub(super) struct Http2Response {
    future: ResponseFuture,
    _busy: Busy,
}

impl Http2Response {
    /// Waits for its head.
    pub(super) async fn head<'p>(
        &mut self,
        patience: Patience<'p>,
    ) -> io::Result<(Vec<u8>, ResponseParser, Source<'p>)> {
        let future = &mut self.future;
        let response = poll_fn(|cx| match std::pin::Pin::new(&mut *future).poll(cx) {
            Poll::Ready(response) => Poll::Ready(response.map_err(broken)),
            Poll::Pending => patience.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await?;
        patience.timer.extend(patience.limit);
        let mut bytes = format!("HTTP/1.1 {} \r\n", response.status().as_str()).into_bytes();
        put_all(response.headers(), &mut bytes);
        bytes.extend_from_slice(b"\r\n");
        let body = response.into_body();
        let parser = ResponseParser::of_http2(&bytes, body.is_end_stream())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok((bytes, parser, Source::Http2(Http2Source::new(body, patience))))
    }
}

fn put_all(headers: &HeaderMap, bytes: &mut Vec<u8>) {
    for (name, value) in headers {
        bytes.put(name.as_str().as_bytes(), &[value.as_bytes()]);
    }
}
