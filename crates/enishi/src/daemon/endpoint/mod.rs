//! The endpoint: one port for every service, HTTP/1.1 and HTTP/2 in clear text.
//!
//! * [`aws`]: requests of the AWS APIs.
//! * [`s3`]: requests of Amazon S3, whose bodies come and go in pieces.
//! * [`admin`]: `/_enishi/…` for the command line, and the drop-in conventions under `/_localstack/…`.
//! * [`public_keys`]: what load balancers sign with.
//! * [`guard`]: what a browser page may not do.
//! * [`relay`]: connections to load balancers.
//!
//! Invariants: every request is bounded in size and in time; a connection costs a file descriptor and a few kilobytes, and
//! is refused when descriptors run short, so that the rest of the daemon always finds some; no request makes a panic.

mod admin;
mod aws;
mod caller;
mod guard;
pub(crate) mod names;
mod public_keys;
mod relay;
mod s3;
mod show;
mod supply;
mod zone;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::App;
use enishi_wire::limits;

/// How long a client may take for the head of a request, idle time between requests included.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a client may take for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long accepting rests when the system has no descriptor or memory left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Descriptors that connections leave for everything else, of 100: a network namespace takes several.
const RESERVED_PERCENT: u64 = 40;

/// Bodies up to this size are read whenever they come: nearly all requests are smaller.
const SMALL_BODY: u64 = 64 * 1024;

/// Bytes of larger bodies that are read at the same time; further ones wait their turn.
const LARGE_BODIES: u64 = 64 * 1024 * 1024;

/// Streams of one HTTP/2 connection at the same time.
const STREAMS: u32 = 128;

/// An answer: whole, or an object of S3 that is read while it is sent.
type Answer = Response<Either<Full<Bytes>, s3s::Body>>;

/// The body of an answer that is in memory.
fn whole(body: impl Into<Bytes>) -> Either<Full<Bytes>, s3s::Body> {
    Either::Left(Full::new(body.into()))
}

/// Raises the limit of open files to the most that is allowed; answers how many connections it leaves room for.
pub fn raise_descriptor_limit() -> usize {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let now = if setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    usize::try_from(now - now / 100 * RESERVED_PERCENT).unwrap_or(usize::MAX).clamp(64, 65_536)
}

/// Serves connections, forever.
pub async fn serve(listener: TcpListener, app: Arc<App>, connections: usize) {
    let slots = Arc::new(Semaphore::new(connections));
    let server = server();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without a slot the connection is closed at once, which tells the client more than silence.
                if let Ok(slot) = slots.clone().try_acquire_owned() {
                    tokio::spawn(connection(server.clone(), stream, app.clone(), slot));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .half_close(true)
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(limits::HEADER_COUNT)
        .max_buf_size(limits::HEADER_BYTES + limits::URI_BYTES)
        .pipeline_flush(true);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES + limits::URI_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(HEAD_TIMEOUT);
    server
}

async fn connection(
    server: auto::Builder<TokioExecutor>,
    stream: TcpStream,
    app: Arc<App>,
    _slot: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let opened = match tokio::time::timeout(HEAD_TIMEOUT, relay::open(stream)).await {
        Ok(Ok((opened, None))) => opened,
        Ok(Ok((opened, Some(wanted)))) => return relay::relay(&app, &wanted, opened).await,
        // Nobody is there who could be told.
        Ok(Err(_)) | Err(_) => return,
    };
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(respond(&app, request).await) }
    });
    if let Err(error) = server.serve_connection(TokioIo::new(opened), service).await {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn respond(app: &Arc<App>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if let Some(answer) = public_keys::respond(app, &head) {
        return answer;
    }
    if admin::owns(head.uri.path()) {
        return match read_body(body).await {
            Ok(body) => admin::respond(app, &head, &body).await,
            Err(refusal) => refusal,
        };
    }
    let request_id = aws::request_id();
    if guard::is_foreign_page(&head) {
        return plain(StatusCode::FORBIDDEN, "a page of another site may not call this endpoint");
    }
    if s3::owns(app, &head) {
        return s3::respond(app, head, body, &request_id).await;
    }
    match read_body(body).await {
        Ok(body) => aws::respond(app, &head, &body, &request_id).await,
        Err(refusal) => refusal,
    }
}

async fn read_body(body: Incoming) -> Result<Bytes, Answer> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let too_large = || plain(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large");
    let most = limits::BODY_BYTES as u64;
    let size = body.size_hint();
    if size.lower() > most {
        return Err(too_large());
    }
    let _turn = turn(size.upper().unwrap_or(most).min(most)).await?;
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limits::BODY_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(plain(StatusCode::BAD_REQUEST, "the request body ended early")),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "the request body took too long")),
    }
}

/// Waits until a body of this size may be read: many large ones at once must not take all memory.
async fn turn(size: u64) -> Result<Option<SemaphorePermit<'static>>, Answer> {
    static LARGE: Semaphore = Semaphore::const_new((LARGE_BODIES / 1024) as usize);
    if size <= SMALL_BODY {
        return Ok(None);
    }
    let kibibytes = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
    match tokio::time::timeout(BODY_TIMEOUT, LARGE.acquire_many(kibibytes)).await {
        Ok(Ok(turn)) => Ok(Some(turn)),
        _ => Err(plain(StatusCode::SERVICE_UNAVAILABLE, "too many large requests at the same time")),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(whole(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// Binds the endpoint's socket. Port 0 takes a free one.
pub fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    // Bursts of new connections must not meet a full queue.
    socket.listen(4096)?;
    Ok(socket.into())
}
