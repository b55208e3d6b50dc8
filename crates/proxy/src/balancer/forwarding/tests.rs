//! Heads as targets and clients see them.

use std::collections::BTreeMap;

use super::super::http1::{RequestParser, ResponseParser};
use super::*;

fn forwarded_at(head: &str, attributes: &Attributes, port: u16, is_tls: bool) -> String {
    let bytes = format!("{}\r\n\r\n", head.replace('\n', "\r\n")).into_bytes();
    let mut parser = RequestParser::default();
    assert_eq!(parser.advance(&bytes), Ok(true), "{head}");
    let forwarding = Forwarding {
        request: Request { bytes: &bytes, head: parser.head() },
        client: "203.0.113.7:4711".parse().expect("an address"),
        port,
        node: Ipv4Addr::new(10, 0, 0, 9),
        is_tls,
        attributes,
        trace: Some(b"Root=1-2-3"),
        added: b"",
        rewritten: None,
    };
    let mut out = Vec::new();
    forwarding.write(&mut out);
    String::from_utf8(out).expect("text").replace("\r\n", "\n")
}

fn forwarded(head: &str, attributes: &Attributes) -> String {
    forwarded_at(head, attributes, 80, false)
}

#[test]
fn a_head_is_forwarded() {
    assert_eq!(
        forwarded(
            "POST /a b?c HTTP/1.1\nhost: Example.com\nUser-Agent: x\nConnection: close\nContent-Length: 3\nCookie: a=b\nTE: gzip",
            &Attributes::default()
        ),
        "POST /a%20b?c HTTP/1.1\nX-Forwarded-For: 203.0.113.7\nX-Forwarded-Proto: http\nX-Forwarded-Port: 80\nHost: Example.com\n\
         X-Amzn-Trace-Id: Root=1-2-3\nUser-Agent: x\nCookie: a=b\nContent-Length: 3\n\n"
    );
}

#[test]
fn what_a_connection_means_stays_behind() {
    let sent = forwarded(
        "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nKeep-Alive: 5\nProxy-Connection: x\nUpgrade: h2c\nTE: trailers\n\
         X-Amzn-Oidc-Identity: me\nx-amzn-mtls-clientcert: c\nX-Amzn-Trace-Id: Root=9\nExpect: 100-continue",
        &Attributes::default(),
    );
    assert!(sent.ends_with("Trace-Id: Root=1-2-3\nTE: trailers\nTransfer-Encoding: chunked\n\n"), "{sent}");
}

#[test]
fn an_upgrade_is_asked_for_again() {
    let sent = forwarded(
        "GET /ws HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: k",
        &Attributes::default(),
    );
    assert!(sent.ends_with("\nSec-WebSocket-Key: k\nConnection: Upgrade\nUpgrade: websocket\n\n"), "{sent}");
}

#[test]
fn forwarded_for_has_three_modes_and_a_port() {
    let head = "GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\nx-forwarded-for: 3.3.3.3";
    let line = |attributes: &Attributes| {
        let sent = forwarded(head, attributes);
        let lines: Vec<_> = sent
            .lines()
            .filter(|line| line.to_lowercase().starts_with("x-forwarded-for"))
            .map(str::to_owned)
            .collect();
        lines
    };
    let append = Attributes::default();
    assert_eq!(line(&append), ["X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 203.0.113.7"]);
    let port = Attributes { forwarded_client_port: true, ..append.clone() };
    assert_eq!(line(&port), ["X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 203.0.113.7:4711"]);
    let preserve = Attributes { forwarded_for: ForwardedFor::Preserve, ..append.clone() };
    assert_eq!(line(&preserve), ["X-Forwarded-For: 1.1.1.1, 2.2.2.2", "x-forwarded-for: 3.3.3.3"]);
    let remove = Attributes { forwarded_for: ForwardedFor::Remove, ..append };
    assert_eq!(line(&remove), Vec::<String>::new());
}

/// The table of host header preservation.
#[test]
fn hosts_get_ports_as_aws_says() {
    let host = |head: &str, port, is_tls, preserve| {
        let attributes = Attributes { preserve_host_header: preserve, ..Attributes::default() };
        let sent = forwarded_at(head, &attributes, port, is_tls);
        sent.lines().find_map(|line| line.strip_prefix("Host: ").map(str::to_owned)).unwrap_or_default()
    };
    let plain = "GET / HTTP/1.1\nHost: example.com";
    let ported = "GET / HTTP/1.1\nHost: example.com:80";
    let absolute = "GET http://name/ HTTP/1.1\nHost: example.com";
    assert_eq!(host(plain, 80, false, false), "example.com");
    assert_eq!(host(ported, 80, false, false), "example.com");
    assert_eq!(host(ported, 80, false, true), "example.com:80");
    assert_eq!(host(absolute, 80, false, false), "name");
    assert_eq!(host(absolute, 80, false, true), "example.com");
    assert_eq!(host(plain, 8080, false, false), "example.com:8080");
    assert_eq!(host(plain, 8080, false, true), "example.com");
    assert_eq!(host(plain, 443, true, false), "example.com");
    assert_eq!(host("GET / HTTP/1.0", 80, false, false), "10.0.0.9");
}

#[test]
fn invalid_headers_are_dropped_on_request() {
    let head = "GET / HTTP/1.1\nHost: a\nx_y: 1\nz: 2";
    assert!(forwarded(head, &Attributes::default()).contains("x_y: 1"));
    let drop = Attributes { drop_invalid_header_fields: true, ..Attributes::default() };
    assert!(!forwarded(head, &drop).contains("x_y"));
}

fn returned(head: &str, added: &[u8], attributes: &ListenerAttributes, frame: BodyFrame) -> String {
    let bytes = format!("{}\r\n\r\n", head.replace('\n', "\r\n")).into_bytes();
    let mut parser = ResponseParser::default();
    assert_eq!(parser.advance(&bytes), Ok(true), "{head}");
    let response = Response { bytes: &bytes, head: parser.head() };
    let mut out = Vec::new();
    Returning { response, added, attributes }.write(&mut out, frame, true, "now");
    String::from_utf8(out).expect("text").replace("\r\n", "\n")
}

#[test]
fn a_response_is_returned() {
    let attributes = ListenerAttributes::default();
    assert_eq!(
        returned(
            "HTTP/1.1 200 Fine\nServer: x\nTransfer-Encoding: chunked\nConnection: close\nDate: then\nSet-Cookie: a=b",
            b"Set-Cookie: AWSALB=c\r\n",
            &attributes,
            BodyFrame::Chunked
        ),
        "HTTP/1.1 200 Fine\nServer: x\nDate: then\nSet-Cookie: a=b\nSet-Cookie: AWSALB=c\nTransfer-Encoding: chunked\n\
         Connection: keep-alive\n\n"
    );
    assert_eq!(
        returned("HTTP/1.0 204 \nServer: x", b"", &attributes, BodyFrame::None),
        "HTTP/1.1 204 \nServer: x\nDate: now\nConnection: keep-alive\n\n"
    );
}

#[test]
fn listeners_change_headers() {
    let made = BTreeMap::from([("Strict-Transport-Security".into(), "max-age=1".into())]);
    let attributes =
        ListenerAttributes { server_header: false, response_headers: made, ..ListenerAttributes::default() };
    assert_eq!(
        returned(
            "HTTP/1.1 200 OK\nServer: x\nDate: then\nstrict-transport-security: no",
            b"",
            &attributes,
            BodyFrame::Length(5)
        ),
        "HTTP/1.1 200 OK\nDate: then\nStrict-Transport-Security: max-age=1\nContent-Length: 5\nConnection: keep-alive\n\n"
    );
}

#[test]
fn numbers() {
    for number in [0, 9, 10, 65_535, u64::MAX] {
        assert_eq!(itoa(number).digits(), number.to_string().as_bytes());
    }
}

/// What may not stand in a request's target is encoded; a target of HTTP/2 could not be asked for some of it at all.
#[test]
fn paths_are_encoded() {
    let path = |target: &str, is_http2: bool| {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let mut parser = RequestParser::default();
        assert_eq!(parser.advance(&bytes), Ok(true), "{target}");
        let attributes = Attributes::default();
        let forwarding = Forwarding {
            request: Request { bytes: &bytes, head: parser.head() },
            client: ([203, 0, 113, 7], 4711).into(),
            port: 80,
            node: Ipv4Addr::new(10, 0, 0, 1),
            is_tls: false,
            attributes: &attributes,
            trace: None,
            added: b"",
            rewritten: None,
        };
        String::from_utf8_lossy(&forwarding.path_and_query(is_http2)).into_owned()
    };
    assert_eq!(path("/a b\t\r\0\u{7f}%20?c=d e", false), "/a%20b%09%0D%00%7F%20?c=d%20e");
    assert_eq!((path("/a<b>`#", false), path("/a<b>`#", true)), ("/a<b>`#".into(), "/a%3Cb%3E%60%23".into()));
    assert_eq!((path("http://a", false), path("http://a?b", true)), ("/".into(), "/?b".into()));
}
