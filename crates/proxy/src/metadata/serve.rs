//! Moves bytes between sockets and [`super::core`].

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, SERVER};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::InstanceMetadata;
use super::core::{Answer, Tokens, answer};

/// Connections that one VPC's listener serves at a time.
const CONNECTIONS: usize = 512;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds the instance that has a private address in the listener's VPC.
pub type Lookup = Arc<dyn Fn(Ipv4Addr) -> Option<InstanceMetadata> + Send + Sync>;

/// Serves on `listener`, a non-blocking socket made in the router's namespace, until the future is dropped.
///
/// # Errors
/// The listener cannot be registered with the runtime.
pub async fn serve(listener: TcpListener, tokens: Arc<Tokens>, lookup: Lookup) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        while connections.try_join_next().is_some() {}
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of descriptors, or the peer left: neither ends the service.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let IpAddr::V4(source) = peer.ip() else { continue };
        let (tokens, lookup) = (tokens.clone(), lookup.clone());
        connections.spawn(async move {
            connection(stream, source, tokens, lookup).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, source: Ipv4Addr, tokens: Arc<Tokens>, lookup: Lookup) {
    let socket = socket2::SockRef::from(&stream).try_clone().ok();
    let service = service_fn(|request: Request<Incoming>| {
        let answer = respond(&request, source, &tokens, &lookup);
        if let (Some(limit), Some(socket)) = (answer.hop_limit, &socket) {
            // From here on; a connection that obtained a token belongs to whoever holds it.
            let _ = socket.set_ttl_v4(u32::from(limit));
        }
        std::future::ready(Ok::<_, Infallible>(render(answer)))
    });
    // A client that breaks the protocol or leaves ends only its own connection.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn respond(request: &Request<Incoming>, source: Ipv4Addr, tokens: &Tokens, lookup: &Lookup) -> Answer {
    let Some(instance) = lookup(source) else {
        return Answer { status: StatusCode::NOT_FOUND, body: Vec::new(), token_ttl: None, hop_limit: None };
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    answer(&instance, tokens, now, request.method(), request.uri().path(), request.headers())
}

fn render(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    let kind = if answer.status.is_success() { "text/plain" } else { "text/html" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, HeaderValue::from_static("EC2ws"));
    if let Some(ttl) = answer.token_ttl {
        headers.insert("x-aws-ec2-metadata-token-ttl-seconds", HeaderValue::from(ttl));
    }
    response
}
