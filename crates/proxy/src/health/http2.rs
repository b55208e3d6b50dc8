//! One probe in HTTP/2 or gRPC: an exchange on a stream of its own, on a connection of its own.
//! [HTTP/2](https://www.rfc-editor.org/rfc/rfc9113),
//! [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
//!
//! Whatever the endpoint sends, no more is kept than the windows and the size of headers that it is told of at the beginning; the
//! connection lives no longer than the exchange, and that no longer than its caller lets it.

use std::pin::pin;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, SendRequest};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::core::{encoded_path, header_value};
use super::{Failure, GrpcStatus, HttpSpec, Outcome, Protocol, Status, TlsClient};

/// The most bytes of a head or of trailers.
const HEADERS: u32 = 16 * 1024;

/// The most bytes on their way: what a peer may send before it is told to go on.
const WINDOW: u32 = 64 * 1024 - 1;

/// The most bytes of a reply that are passed over before its trailers.
const REPLY: usize = 256 * 1024;

/// A message of no bytes, not compressed: five bytes of prefix.
const EMPTY_MESSAGE: Bytes = Bytes::from_static(&[0; 5]);

/// Asks in HTTP/2 or gRPC. Bounding the time is the caller's.
pub(super) async fn exchange(protocol: &Protocol, tls: &TlsClient, stream: TcpStream) -> Outcome {
    let (http, over_tls, is_call) = match protocol {
        Protocol::Http2 { http, tls } => (http, *tls, false),
        Protocol::Grpc { http, tls } => (http, *tls, true),
        _ => return Outcome::Failed(Failure::NotHttp),
    };
    let outcome = if over_tls {
        match tls.http2(stream).await {
            Ok(stream) => ask(http, Scheme::HTTPS, is_call, stream).await,
            Err(_) => Err(Failure::Tls),
        }
    } else {
        ask(http, Scheme::HTTP, is_call, stream).await
    };
    outcome.unwrap_or_else(Outcome::Failed)
}

async fn ask<S>(http: &HttpSpec, scheme: Scheme, is_call: bool, stream: S) -> Result<Outcome, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(http, scheme, is_call).ok_or(Failure::NotHttp)?;
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .max_header_list_size(HEADERS)
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let (sender, connection) = settings.handshake(stream).await.map_err(|error| failure(&error))?;
    let mut connection = pin!(connection);
    let mut talk = pin!(talk(http, request, is_call, sender));
    tokio::select! {
        biased;
        outcome = &mut talk => outcome,
        // What had come by then may be all that is needed.
        _ = &mut connection => talk.await,
    }
}

async fn talk(
    http: &HttpSpec,
    request: Request<()>,
    is_call: bool,
    sender: SendRequest<Bytes>,
) -> Result<Outcome, Failure> {
    let mut sender = sender.ready().await.map_err(|error| failure(&error))?;
    let (response, mut message) = sender.send_request(request, !is_call).map_err(|error| failure(&error))?;
    if is_call {
        message.send_data(EMPTY_MESSAGE, true).map_err(|error| failure(&error))?;
    }
    let response = response.await.map_err(|error| failure(&error))?;
    let status = response.status();
    if is_call {
        let (head, reply) = response.into_parts();
        let status = grpc_status(head.status, &head.headers, reply).await?;
        return match http.wants(status.0) {
            true => Ok(Outcome::Called(status)),
            false => Err(Failure::WrongGrpcStatus(status)),
        };
    }
    match http.wants(status.as_u16()) {
        true => Ok(Outcome::Answered(Status(status.as_u16()))),
        false => Err(Failure::WrongStatus(Status(status.as_u16()))),
    }
}

/// The status of a call: in the head of a reply without messages, otherwise in the trailers.
async fn grpc_status(
    status: StatusCode,
    head: &HeaderMap,
    mut reply: RecvStream,
) -> Result<GrpcStatus, Failure> {
    if let Some(status) = stated(head) {
        return status;
    }
    if status != StatusCode::OK {
        return Ok(instead_of(status));
    }
    let mut passed = 0;
    while let Some(data) = reply.data().await {
        let count = data.map_err(|error| failure(&error))?.len();
        passed += count;
        if passed > REPLY {
            return Err(Failure::NotHttp);
        }
        reply.flow_control().release_capacity(count).map_err(|error| failure(&error))?;
    }
    let trailers = reply.trailers().await.map_err(|error| failure(&error))?;
    trailers.as_ref().and_then(stated).unwrap_or(Err(Failure::Broken))
}

/// What headers say of a call's status, if they do.
fn stated(headers: &HeaderMap) -> Option<Result<GrpcStatus, Failure>> {
    let text = headers.get("grpc-status")?.to_str().ok();
    let code = text.and_then(|text| text.parse().ok());
    Some(code.map(GrpcStatus).ok_or(Failure::NotHttp))
}

/// What a client makes of a status of HTTP where none of gRPC is.
/// [HTTP to gRPC status code mapping](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md)
fn instead_of(status: StatusCode) -> GrpcStatus {
    GrpcStatus(match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    })
}

fn request(http: &HttpSpec, scheme: Scheme, is_call: bool) -> Option<Request<()>> {
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(header_value(&http.host))
        .path_and_query(encoded_path(&http.path))
        .build()
        .ok()?;
    let mut request =
        Request::builder().uri(uri).method(Method::GET).header(USER_AGENT, header_value(&http.user_agent));
    for (name, value) in http.headers {
        request = request.header(*name, *value);
    }
    if is_call {
        request =
            request.method(Method::POST).header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
    }
    request.body(()).ok()
}

/// What an error means: the connection broke, or it never was HTTP/2.
fn failure(error: &h2::Error) -> Failure {
    if error.is_io() || error.is_go_away() || error.is_reset() { Failure::Broken } else { Failure::NotHttp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_post_that_says_so() {
        let http = HttpSpec {
            host: "10.0.0.5:50051".to_owned(),
            path: "/AWS.ALB/healthcheck".to_owned(),
            user_agent: "ELB-HealthChecker/2.0".to_owned(),
            headers: &[],
            statuses: vec![12..=12],
            search: None,
        };
        let call = request(&http, Scheme::HTTP, true).expect("a request");
        assert_eq!((call.method(), call.uri().path()), (&Method::POST, "/AWS.ALB/healthcheck"));
        assert_eq!(call.headers()["te"], "trailers");
        let odd = HttpSpec { host: "no host\r\n".to_owned(), path: "a b".to_owned(), ..http };
        assert!(request(&odd, Scheme::HTTP, false).is_none(), "a host with a space is none");
    }

    #[test]
    fn a_status_of_http_stands_for_one_of_grpc() {
        for (http, grpc) in [(404, 12), (503, 14), (401, 16), (500, 2), (302, 2)] {
            assert_eq!(instead_of(StatusCode::from_u16(http).expect("a status")), GrpcStatus(grpc));
        }
    }

    #[test]
    fn a_status_that_is_no_number_is_not_grpc() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([("grpc-status".parse().expect("a name"), value.parse().expect("a value"))])
        };
        assert_eq!(stated(&HeaderMap::new()), None);
        assert_eq!(stated(&headers("12")), Some(Ok(GrpcStatus(12))));
        assert_eq!(stated(&headers("ok")), Some(Err(Failure::NotHttp)));
        assert_eq!(stated(&headers("-1")), Some(Err(Failure::NotHttp)));
    }
}
