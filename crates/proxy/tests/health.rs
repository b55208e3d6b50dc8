//! Probes against servers on the loopback, most of them hostile: whatever one does, the probe ends within its time, and takes no
//! more than it must.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use enishi_proxy::health::GrpcStatus;
use enishi_proxy::health::serve::probe;
use enishi_proxy::health::{Failure, HttpSpec, Outcome, ProbeSpec, Protocol, Status, Timeouts, TlsClient};
use http::{HeaderMap, HeaderValue, Response};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Short, so that the tests are; what they prove does not depend on it.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long a probe of three such parts may take at most, on a machine that is busy.
const AT_MOST: Duration = Duration::from_secs(20);

fn http(search: Option<&str>) -> HttpSpec {
    HttpSpec {
        host: "www.example.test".to_owned(),
        path: "/health?deep=1".to_owned(),
        user_agent: "probe".to_owned(),
        headers: &[("Accept", "*/*")],
        statuses: vec![200..=399],
        search: search.map(|text| text.as_bytes().to_vec()),
    }
}

async fn ask(address: SocketAddr, protocol: Protocol) -> Outcome {
    let timeouts = Timeouts::Parts { connect: AT_MOST, status: PATIENCE, body: PATIENCE };
    let tls = TlsClient::new().expect("TLS");
    let begun = Instant::now();
    let outcome = probe(Arc::new(ProbeSpec { protocol, timeouts }), &tls, TcpStream::connect(address)).await;
    assert!(begun.elapsed() < AT_MOST, "it took {:?}", begun.elapsed());
    outcome.expect("there is a network")
}

/// A server that does the same to everybody who comes.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A server that sends this as soon as it has read something, and then does nothing.
async fn saying(text: &'static [u8]) -> SocketAddr {
    server(move |mut stream| async move {
        let mut request = [0u8; 4096];
        if stream.read(&mut request).await? > 0 {
            stream.write_all(text).await?;
        }
        std::future::pending().await
    })
    .await
}

/// A server that sends `first`, and `again` as fast as it is read for as long as somebody listens.
async fn endless(first: &'static [u8], again: &'static [u8]) -> SocketAddr {
    server(move |mut stream| async move {
        stream.write_all(first).await?;
        loop {
            stream.write_all(again).await?;
        }
    })
    .await
}

/// A server that sends `first`, and `again` at intervals: never silent for long, and never done.
async fn trickle(first: &'static [u8], again: &'static [u8]) -> SocketAddr {
    server(move |mut stream| async move {
        stream.write_all(first).await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            stream.write_all(again).await?;
        }
    })
    .await
}

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed(failure)
}

const OK: Status = Status(200);

#[tokio::test]
async fn a_request_is_what_servers_expect() {
    let address = server(|mut stream| async move {
        let mut request = vec![0u8; 4096];
        let count = stream.read(&mut request).await?;
        request.truncate(count);
        let expected: &[u8] =
            b"GET /health?deep=1 HTTP/1.1\r\nHost: www.example.test\r\nConnection: close\r\n";
        let status: &[u8] = if request.starts_with(expected) { b"200 OK" } else { b"400 Bad" };
        stream.write_all(&[b"HTTP/1.1 ", status, b"\r\ncontent-length: 4\r\n\r\nwell"].concat()).await
    })
    .await;
    assert_eq!(ask(address, Protocol::Http(http(None))).await, Outcome::Answered(OK));
    assert_eq!(ask(address, Protocol::Http(http(Some("well")))).await, Outcome::Answered(OK));
    assert_eq!(ask(address, Protocol::Http(http(Some("ill")))).await, failed(Failure::NoMatch(OK)));
    assert_eq!(ask(address, Protocol::Tcp).await, Outcome::Connected);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a socket").local_addr().expect("an address");
    assert_eq!(ask(closed, Protocol::Tcp).await, failed(Failure::Refused));
    let silent = server(|stream| async move {
        let _kept = stream;
        std::future::pending().await
    })
    .await;
    assert_eq!(ask(silent, Protocol::Http(http(None))).await, failed(Failure::StatusTimeout));
    assert_eq!(ask(silent, Protocol::Https(http(None), None)).await, failed(Failure::StatusTimeout));
    let shy = server(|stream| async move {
        drop(stream);
        Ok(())
    })
    .await;
    assert_eq!(ask(shy, Protocol::Http(http(None))).await, failed(Failure::Broken));
}

#[tokio::test]
async fn no_connection_in_time_and_no_network_to_connect_from() {
    let tls = TlsClient::new().expect("TLS");
    let timeouts = Timeouts::Parts { connect: PATIENCE, status: PATIENCE, body: PATIENCE };
    let spec = Arc::new(ProbeSpec { protocol: Protocol::Tcp, timeouts });
    let outcome = probe(spec.clone(), &tls, std::future::pending()).await;
    assert_eq!(outcome, Some(failed(Failure::ConnectTimeout)));
    let nowhere = async { Err(io::ErrorKind::NotConnected.into()) };
    assert_eq!(probe(spec, &tls, nowhere).await, None);
}

#[tokio::test]
async fn headers_without_end() {
    let fast = endless(b"HTTP/1.1 200 OK\r\n", b"x-more: and more and more\r\n").await;
    assert_eq!(ask(fast, Protocol::Http(http(None))).await, Outcome::Answered(OK));
    assert_eq!(ask(fast, Protocol::Http(http(Some("x")))).await, failed(Failure::NotHttp));
    let slow = trickle(b"HTTP/1.1 200 OK\r\n", b"x").await;
    assert_eq!(ask(slow, Protocol::Http(http(Some("x")))).await, failed(Failure::BodyTimeout(OK)));
    let never_final = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(ask(never_final, Protocol::Http(http(None))).await, failed(Failure::NotHttp));
    let slow = trickle(b"HTTP/1.1 ", b"2").await;
    assert_eq!(ask(slow, Protocol::Http(http(None))).await, failed(Failure::StatusTimeout));
}

#[tokio::test]
async fn bodies_without_end() {
    let giant = endless(b"HTTP/1.1 200 OK\r\n\r\n", &[b'n'; 4096]).await;
    assert_eq!(ask(giant, Protocol::Http(http(Some("needle")))).await, failed(Failure::NoMatch(OK)));
    let slow = trickle(b"HTTP/1.1 200 OK\r\n\r\n", b"n").await;
    assert_eq!(ask(slow, Protocol::Http(http(Some("needle")))).await, failed(Failure::BodyTimeout(OK)));
    let chunks =
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;a-long-extension\r\nn\r\n")
            .await;
    // However they are cut: the head's bound holds for the lines between chunks as well.
    let outcome = ask(chunks, Protocol::Http(http(Some("needle")))).await;
    assert!(matches!(outcome, Outcome::Failed(Failure::NotHttp | Failure::NoMatch(OK))), "{outcome:?}");
}

#[tokio::test]
async fn other_protocols_and_garbage() {
    for garbage in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\0\0\0\0", b"HTTP/9.9 200 OK\r\n", b"\r\n\r\n"] {
        let address = saying(garbage).await;
        assert_eq!(ask(address, Protocol::Http(http(None))).await, failed(Failure::NotHttp), "{garbage:?}");
    }
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[22, 3, 3, 0xff, 0xff, 1], &[0x15, 3, 3, 0, 2, 2, 40]]
    {
        let address = saying(garbage).await;
        let outcome = ask(address, Protocol::Https(http(None), Some("www.example.test".to_owned()))).await;
        assert_eq!(outcome, failed(Failure::Tls), "{garbage:?}");
    }
}

/// A certificate that nobody signed, for a name that nobody asked for.
fn server_config() -> ServerConfig {
    let certified = rcgen::generate_simple_self_signed(["other.test".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .expect("a configuration")
}

/// A server that speaks HTTP/1.1 over TLS.
fn tls_server(body: &'static str) -> SocketAddr {
    let config = Arc::new(server_config());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().flatten() {
            let Ok(connection) = ServerConnection::new(config.clone()) else { return };
            let mut tls = StreamOwned::new(connection, stream);
            let mut request = [0u8; 4096];
            // A probe that has found what it wanted leaves.
            let _ = tls.read(&mut request);
            let name = tls.conn.server_name().unwrap_or("nobody").to_owned();
            let _ = write!(tls, "HTTP/1.1 200 OK\r\n\r\n{body} for {name}");
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    address
}

/// "HTTPS health checks don't validate SSL/TLS certificates."
#[tokio::test]
async fn certificates_are_not_verified_and_the_name_is_sent_when_asked_for() {
    let address = tls_server("well");
    let https =
        |search: &str, name: Option<&str>| Protocol::Https(http(Some(search)), name.map(str::to_owned));
    let named = https("well for www.example.test", Some("www.example.test"));
    assert_eq!(ask(address, named).await, Outcome::Answered(OK));
    assert_eq!(ask(address, https("well for nobody", None)).await, Outcome::Answered(OK));
    // The end of TLS is the end of the body, whatever the connection does.
    assert_eq!(ask(address, https("ill", None)).await, failed(Failure::NoMatch(OK)));
}

/// A handshake is enough, and it is finished.
#[tokio::test]
async fn a_handshake_is_enough_for_tls() {
    assert_eq!(ask(tls_server("well"), Protocol::Tls).await, Outcome::Connected);
    let plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert_eq!(ask(plain, Protocol::Tls).await, failed(Failure::Tls));
    let silent = server(|stream| async move {
        let _kept = stream;
        std::future::pending().await
    })
    .await;
    assert_eq!(ask(silent, Protocol::Tls).await, failed(Failure::StatusTimeout));
}

/// What a server of HTTP/2 answers: a status, headers, a body and trailers.
#[derive(Debug, Clone, Copy)]
struct Reply {
    status: u16,
    grpc_in_head: Option<&'static str>,
    body: &'static [u8],
    grpc_in_trailers: Option<&'static str>,
}

const REPLY: Reply = Reply { status: 200, grpc_in_head: None, body: b"", grpc_in_trailers: None };

async fn serve_http2<S>(stream: S, reply: Reply) -> io::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
    while let Some(accepted) = connection.accept().await {
        let (_, mut respond) = accepted.map_err(io::Error::other)?;
        let mut response = Response::builder().status(reply.status);
        if let Some(status) = reply.grpc_in_head {
            response = response.header("grpc-status", status);
        }
        let response = response.body(()).map_err(io::Error::other)?;
        let is_short = reply.body.is_empty() && reply.grpc_in_trailers.is_none();
        let mut body = respond.send_response(response, is_short).map_err(io::Error::other)?;
        if !is_short {
            let is_last = reply.grpc_in_trailers.is_none();
            body.send_data(Bytes::from_static(reply.body), is_last).map_err(io::Error::other)?;
        }
        if let Some(status) = reply.grpc_in_trailers {
            let status = HeaderValue::from_static(status);
            let trailers = HeaderMap::from_iter([("grpc-status".parse().expect("a name"), status)]);
            body.send_trailers(trailers).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

fn http2(is_call: bool, tls: bool, statuses: &[u16]) -> Protocol {
    let statuses = statuses.iter().map(|status| *status..=*status).collect();
    let http = HttpSpec { statuses, headers: &[], ..http(None) };
    if is_call { Protocol::Grpc { http, tls } } else { Protocol::Http2 { http, tls } }
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge_and_over_tls() {
    let plain = server(|stream| serve_http2(stream, Reply { body: b"well", ..REPLY })).await;
    assert_eq!(ask(plain, http2(false, false, &[200])).await, Outcome::Answered(OK));
    assert_eq!(ask(plain, http2(false, false, &[201])).await, failed(Failure::WrongStatus(OK)));
    assert_eq!(ask(plain, http2(false, true, &[200])).await, failed(Failure::Tls));
    let mut config = server_config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let over_tls = server(move |stream| {
        let acceptor = acceptor.clone();
        async move { serve_http2(acceptor.accept(stream).await?, REPLY).await }
    })
    .await;
    assert_eq!(ask(over_tls, http2(false, true, &[200])).await, Outcome::Answered(OK));
}

/// "The default matcher is 12", which is what servers answer to a method that they do not have.
#[tokio::test]
async fn calls_are_judged_by_their_status_wherever_it_is() {
    for (reply, found) in [
        (Reply { grpc_in_head: Some("12"), ..REPLY }, Ok(12)),
        (Reply { grpc_in_trailers: Some("12"), ..REPLY }, Ok(12)),
        (Reply { body: &[0; 70_000], grpc_in_trailers: Some("0"), ..REPLY }, Ok(0)),
        (Reply { status: 404, ..REPLY }, Ok(12)),
        (Reply { status: 503, ..REPLY }, Ok(14)),
        (Reply { grpc_in_head: Some("many"), ..REPLY }, Err(Failure::NotHttp)),
        (Reply { body: b"no status", ..REPLY }, Err(Failure::Broken)),
    ] {
        let address = server(move |stream| serve_http2(stream, reply)).await;
        let found = found.map(GrpcStatus);
        let expected = found.map_or_else(failed, |status| match status.0 {
            12 => Outcome::Called(status),
            _ => failed(Failure::WrongGrpcStatus(status)),
        });
        assert_eq!(ask(address, http2(true, false, &[12])).await, expected, "{reply:?}");
    }
}

/// Settings without end, a giant head in continuations, resets, silence, another protocol.
#[tokio::test]
async fn hostile_http2() {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let asked = || http2(false, false, &[200]);
    let endless_settings = endless(b"", SETTINGS).await;
    let outcome = ask(endless_settings, asked()).await;
    assert!(!outcome.passed(), "{outcome:?}");
    // HEADERS on stream 1 without END_HEADERS, then CONTINUATION for ever.
    let head: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88];
    let continuation: &[u8] = &[0, 0, 4, 9, 0, 0, 0, 0, 1, 0, 1, b'a', b'b'];
    let flood = endless(head, continuation).await;
    let outcome = ask(flood, asked()).await;
    assert!(!outcome.passed(), "{outcome:?}");
    let silent = saying(b"").await;
    assert_eq!(ask(silent, asked()).await, failed(Failure::StatusTimeout));
    for other in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n", &[0xff; 64]] {
        let address = saying(other).await;
        let outcome = ask(address, asked()).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    }
    let reset: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    assert_eq!(ask(saying(reset).await, asked()).await, failed(Failure::Broken));
    let reply = Reply { body: &[0; 300_000], grpc_in_trailers: Some("12"), ..REPLY };
    let wordy = server(move |stream| serve_http2(stream, reply)).await;
    let outcome = ask(wordy, http2(true, false, &[12])).await;
    assert!(matches!(outcome, Outcome::Failed(Failure::NotHttp | Failure::StatusTimeout)), "{outcome:?}");
}
