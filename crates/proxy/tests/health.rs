//! Probes against servers on the loopback, most of them hostile: whatever one does, the probe ends within its time, and takes no
//! more than it must.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use enishi_proxy::health::serve::probe;
use enishi_proxy::health::{Failure, HttpSpec, Outcome, ProbeSpec, Protocol, Status, Timeouts, TlsClient};
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
        statuses: 200..=399,
        search: search.map(|text| text.as_bytes().to_vec()),
    }
}

async fn ask(address: SocketAddr, protocol: Protocol) -> Outcome {
    let timeouts = Timeouts { connect: AT_MOST, status: PATIENCE, body: PATIENCE };
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

/// A server that sends `first`, and `again` for as long as somebody listens.
async fn endless(first: &'static [u8], again: &'static [u8], pause: Duration) -> SocketAddr {
    server(move |mut stream| async move {
        stream.write_all(first).await?;
        loop {
            stream.write_all(again).await?;
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
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
    let timeouts = Timeouts { connect: PATIENCE, status: PATIENCE, body: PATIENCE };
    let spec = Arc::new(ProbeSpec { protocol: Protocol::Tcp, timeouts });
    let outcome = probe(spec.clone(), &tls, std::future::pending()).await;
    assert_eq!(outcome, Some(failed(Failure::ConnectTimeout)));
    let nowhere = async { Err(io::ErrorKind::NotConnected.into()) };
    assert_eq!(probe(spec, &tls, nowhere).await, None);
}

#[tokio::test]
async fn headers_without_end() {
    let fast = endless(b"HTTP/1.1 200 OK\r\n", b"x-more: and more and more\r\n", Duration::ZERO).await;
    assert_eq!(ask(fast, Protocol::Http(http(None))).await, Outcome::Answered(OK));
    assert_eq!(ask(fast, Protocol::Http(http(Some("x")))).await, failed(Failure::NotHttp));
    let slow = endless(b"HTTP/1.1 200 OK\r\n", b"x", Duration::from_millis(10)).await;
    assert_eq!(ask(slow, Protocol::Http(http(Some("x")))).await, failed(Failure::BodyTimeout(OK)));
    let never_final = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", Duration::ZERO).await;
    assert_eq!(ask(never_final, Protocol::Http(http(None))).await, failed(Failure::NotHttp));
    let trickle = endless(b"HTTP/1.1 ", b"2", Duration::from_millis(10)).await;
    assert_eq!(ask(trickle, Protocol::Http(http(None))).await, failed(Failure::StatusTimeout));
}

#[tokio::test]
async fn bodies_without_end() {
    let giant = endless(b"HTTP/1.1 200 OK\r\n\r\n", &[b'n'; 4096], Duration::ZERO).await;
    assert_eq!(ask(giant, Protocol::Http(http(Some("needle")))).await, failed(Failure::NoMatch(OK)));
    let trickle = endless(b"HTTP/1.1 200 OK\r\n\r\n", b"n", Duration::from_millis(10)).await;
    assert_eq!(ask(trickle, Protocol::Http(http(Some("needle")))).await, failed(Failure::BodyTimeout(OK)));
    let chunks = endless(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1;a-long-extension\r\nn\r\n",
        Duration::ZERO,
    )
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

/// A server with a certificate that nobody signed, for a name that nobody asked for.
fn tls_server(body: &'static str) -> SocketAddr {
    let certified = rcgen::generate_simple_self_signed(["other.test".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .expect("a configuration");
    let config = Arc::new(config);
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
