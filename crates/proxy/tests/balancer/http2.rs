//! HTTP/2 through a load balancer.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use bytes::Bytes;
use enishi_fabric::balancer::{TargetGroup, TargetVersion};
use enishi_proxy::balancer::counters::Metric;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use crate::harness::{Fixture, Server, group, group_of};
use crate::tls::{client_config, plain_https};

async fn connect(fixture: &Fixture) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(fixture.address).await.expect("a connection");
    let connector = TlsConnector::from(client_config(&[b"h2"], None, false));
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector.connect(name, stream).await.expect("TLS");
    let (send, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(async move {
        // Whatever ends it is seen by the requests.
        let _ = connection.await;
    });
    send
}

async fn collect(mut body: RecvStream) -> (String, Option<HeaderMap>) {
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.expect("data");
        body.flow_control().release_capacity(data.len()).expect("room");
        text.extend_from_slice(&data);
    }
    (String::from_utf8_lossy(&text).into_owned(), body.trailers().await.expect("trailers"))
}

/// Sends a request with a body.
async fn ask(
    send: &SendRequest<Bytes>,
    request: Request<()>,
    body: &str,
) -> (http::response::Parts, String, Option<HeaderMap>) {
    let mut send = send.clone().ready().await.expect("room");
    let (response, mut stream) = send.send_request(request, body.is_empty()).expect("a request");
    if !body.is_empty() {
        stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true).expect("a body");
    }
    let (parts, body) = response.await.expect("a response").into_parts();
    let (text, trailers) = collect(body).await;
    (parts, text, trailers)
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("https://localhost{path}")).body(()).expect("a request")
}

#[tokio::test]
async fn requests_are_translated() {
    let server = Server::echo();
    let fixture = plain_https(vec![group(&[&server])]);
    let send = connect(&fixture).await;
    let (parts, text, _) = ask(&send, get("/a?b"), "").await;
    let length = parts.headers["content-length"].to_str().expect("a length");
    assert_eq!((parts.status.as_u16(), length), (200, text.len().to_string().as_str()));
    assert!(!parts.headers.contains_key("connection"));
    assert!(
        text.starts_with("GET /a?b HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"),
        "{text}"
    );
    assert!(text.contains("\r\nHost: localhost:"), "{text}");
    let post = Request::post("https://localhost/").header("cookie", "a=1").header("cookie", "b=2").body(());
    let (_, text, _) = ask(&send, post.expect("a request"), "hello").await;
    assert!(
        text.contains("cookie: a=1; b=2\r\nTransfer-Encoding: chunked\r\n") && text.ends_with("hello"),
        "{text}"
    );
    let lines = fixture.lines.wait(2);
    assert!(lines[0].starts_with("h2 ") && lines[0].contains("/a?b HTTP/2.0\""), "{}", lines[0]);
}

/// Trailers say nothing that only a head may say, or only the load balancer.
#[tokio::test]
async fn trailers_pass_unless_they_would_change_the_message() {
    let server = Server::echo();
    let fixture = plain_https(vec![group(&[&server])]);
    let mut send = connect(&fixture).await.ready().await.expect("room");
    let post = Request::post("https://localhost/").body(()).expect("a request");
    let (response, mut stream) = send.send_request(post, false).expect("a request");
    stream.send_data(Bytes::from_static(b"hello"), false).expect("a body");
    let mut trailers = HeaderMap::new();
    for name in ["x-sum", "content-length", "host", "x-forwarded-for", "x-amzn-oidc-identity"] {
        trailers.insert(name, http::HeaderValue::from_static("5"));
    }
    stream.send_trailers(trailers).expect("trailers");
    let (text, _) = collect(response.await.expect("a response").into_body()).await;
    assert!(text.ends_with("\r\n\r\nhello[x-sum: 5]"), "{text}");
}

#[tokio::test]
async fn requests_go_on_at_the_same_time() {
    let server = Server::answering(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
    });
    let fixture = plain_https(vec![group(&[&server])]);
    let send = connect(&fixture).await;
    let asked: Vec<_> = (0..100)
        .map(|n| {
            let send = send.clone();
            tokio::spawn(async move { ask(&send, get(&format!("/{n}")), "").await.1 })
        })
        .collect();
    for (n, asked) in asked.into_iter().enumerate() {
        assert_eq!(asked.await.expect("a task"), format!("/{n}"));
    }
}

#[tokio::test]
async fn errors_are_answered() {
    let fixture = plain_https(vec![group_of(Vec::new())]);
    let send = connect(&fixture).await;
    let (parts, text, _) = ask(&send, get("/"), "").await;
    assert_eq!(
        (parts.status.as_u16(), &parts.headers["server"], text.len()),
        (503, &"awselb/2.0".parse().expect("a value"), 162)
    );
}

/// A server of HTTP/2 without TLS: it answers with the request's path, its body, and a trailer.
async fn http2_server() -> SocketAddrV4 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a listener");
    let Ok(SocketAddr::V4(address)) = listener.local_addr() else { panic!("IPv4") };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    tokio::spawn(async move {
                        let (parts, body) = request.into_parts();
                        let response = http::Response::builder().header("content-type", "application/grpc");
                        let mut stream: SendStream<Bytes> =
                            respond.send_response(response.body(()).expect("a head"), false).expect("a head");
                        let (text, _) = collect(body).await;
                        let host = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
                        let text = format!("{} {host} {text}", parts.uri.path());
                        stream.send_data(text.into(), false).expect("data");
                        let trailers = HeaderMap::from_iter([(
                            http::HeaderName::from_static("grpc-status"),
                            http::HeaderValue::from_static("0"),
                        )]);
                        stream.send_trailers(trailers).expect("trailers");
                    });
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_pass_with_their_trailers() {
    let address = http2_server().await;
    let group = TargetGroup { version: TargetVersion::Grpc, ..group_of(vec![address]) };
    let fixture = plain_https(vec![group]);
    let send = connect(&fixture).await;
    let call = || {
        let request = Request::post("https://localhost/pkg.Service/Method").header("te", "trailers");
        request.header("content-type", "application/grpc").body(()).expect("a request")
    };
    for _ in 0..3 {
        let (parts, text, trailers) = ask(&send, call(), "hello").await;
        assert_eq!(parts.headers["content-type"], "application/grpc");
        let port = fixture.address.port();
        assert_eq!(text, format!("/pkg.Service/Method localhost:{port} hello"));
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
    }
    assert_eq!(fixture.node().counters().get(Metric::GrpcRequestCount), 3);
    assert!(fixture.lines.wait(3)[0].starts_with("grpcs "));
    // "any method other than POST"
    assert_eq!(ask(&send, get("/"), "").await.0.status.as_u16(), 464);
}

/// "The client sent an HTTP/1.1 request, and the target group protocol version is … HTTP/2": 464, without a body.
#[test]
fn old_requests_do_not_reach_new_targets() {
    let group = TargetGroup { version: TargetVersion::Http2, ..group_of(Vec::new()) };
    let response = Fixture::new(vec![group], |_, _| {}).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        response.starts_with("HTTP/1.1 464 \r\n") && response.contains("Content-Length: 0\r\n"),
        "{response}"
    );
}

/// Rapid reset: streams that are opened and reset at once end the connection, and nobody else notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_resets_end_the_connection() {
    let server = Server::echo();
    let fixture = Arc::new(plain_https(vec![group(&[&server])]));
    let other = connect(&fixture).await;
    let send = connect(&fixture).await;
    let mut refused = false;
    for n in 0..20_000 {
        let Ok(mut ready) = send.clone().ready().await else {
            refused = true;
            break;
        };
        let Ok((response, mut stream)) = ready.send_request(get(&format!("/{n}")), false) else {
            refused = true;
            break;
        };
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
    }
    assert!(refused, "the connection survived");
    assert_eq!(ask(&other, get("/"), "").await.0.status.as_u16(), 200);
}
