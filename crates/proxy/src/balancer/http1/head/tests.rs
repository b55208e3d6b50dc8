//! Heads, whole and byte by byte.

use super::super::{FieldTier, LINE, ResponseParser};
use super::*;

/// Reads a head in pieces of several sizes, which must not matter.
fn request(bytes: &[u8]) -> (Result<bool, HeadError>, RequestParser) {
    let mut whole = RequestParser::default();
    let result = whole.advance(bytes);
    for size in [1, 2, 7] {
        let mut parser = RequestParser::default();
        let mut found = Ok(false);
        let mut end = 0;
        while found == Ok(false) && end < bytes.len() {
            end = (end + size).min(bytes.len());
            found = parser.advance(&bytes[..end]);
        }
        assert_eq!(found, result, "in pieces of {size}");
        assert_eq!(parser.head.verdict, whole.head.verdict, "in pieces of {size}");
        assert_eq!(parser.head.fields.len(), whole.head.fields.len(), "in pieces of {size}");
    }
    (result, whole)
}

#[track_caller]
fn accepted(bytes: &[u8]) -> RequestParser {
    let (result, parser) = request(bytes);
    assert_eq!(result, Ok(true));
    parser
}

#[track_caller]
fn verdict(lines: &str, tier: Tier, reason: Reason) {
    let (_, parser) = request(format!("{lines}\r\n\r\n").as_bytes());
    assert_eq!(parser.head.verdict, Verdict { tier, reason: Some(reason) }, "{lines:?}");
}

#[test]
fn a_request_is_read() {
    let bytes = b"\r\nGET /a?b=c HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent:  curl \r\n\r\nrest";
    let parser = accepted(bytes);
    let request = Request { bytes, head: parser.head() };
    assert_eq!(
        (request.method(), request.path_and_query(), request.host()),
        (&b"GET"[..], &b"/a?b=c"[..], &b"example.com:8080"[..])
    );
    assert_eq!(request.values(Name::UserAgent).collect::<Vec<_>>(), [b"curl"]);
    assert_eq!(request.named(b"user-agent").collect::<Vec<_>>(), [b"curl"]);
    assert_eq!((&bytes[request.head.len..], request.head.framing), (&b"rest"[..], Framing::Empty));
    assert_eq!((request.head.close, request.head.verdict), (false, Verdict::default()));
}

#[test]
fn a_target_may_name_the_host() {
    let bytes = b"GET http://example.com/a HTTP/1.1\r\nHost: other\r\n\r\n";
    let parser = accepted(bytes);
    let request = Request { bytes, head: parser.head() };
    assert_eq!((request.host(), request.path_and_query()), (&b"example.com"[..], &b"/a"[..]));
    assert_eq!(accepted(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head.path.of(b"OPTIONS * "), b"*");
    for bad in ["GET a HTTP/1.1", "CONNECT a:443 HTTP/1.1", "GET http:///a HTTP/1.1", "GET * HTTP/1.1"] {
        assert_eq!(request_of(bad), Err(HeadError::Malformed), "{bad}");
    }
}

fn request_of(line: &str) -> Result<bool, HeadError> {
    request(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()).0
}

#[test]
fn connections_stay_as_the_version_says() {
    let close = |head: &str| accepted(format!("{head}\r\n\r\n").as_bytes()).head.close;
    assert!(!close("GET / HTTP/1.1\r\nHost: a"));
    assert!(close("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close"));
    assert!(close("GET / HTTP/1.0"));
    assert!(!close("GET / HTTP/1.0\r\nconnection: Keep-Alive"));
}

#[test]
fn an_upgrade_wants_both_headers() {
    let websocket = |headers: &str| {
        accepted(format!("GET / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n").as_bytes()).head.websocket
    };
    assert!(websocket("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket"));
    assert!(!websocket("Upgrade: websocket"));
    assert!(!websocket("Connection: upgrade\r\nUpgrade: h2c"));
}

#[test]
fn one_host_is_wanted() {
    for lines in [
        "GET / HTTP/1.1",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a",
        "GET / HTTP/1.1\r\nHost: a b",
        "GET / HTTP/1.1\r\nHost: a/b",
    ] {
        assert_eq!(request(format!("{lines}\r\n\r\n").as_bytes()).0, Err(HeadError::Malformed), "{lines}");
    }
    accepted(b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn versions() {
    assert_eq!(request_of("GET / HTTP/2.0"), Err(HeadError::Version));
    assert_eq!(request_of("GET / HTTP/3"), Err(HeadError::Version));
    assert_eq!(request_of("GET / HTTP/1.1x"), Err(HeadError::Malformed));
    assert_eq!(request_of("GET /"), Err(HeadError::Malformed));
    assert_eq!(request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").0, Err(HeadError::Version));
}

/// The table of classification reasons.
#[test]
fn requests_are_classified_as_aws_does() {
    let host = |rest: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}");
    verdict("GET /a\u{1}b HTTP/1.1\r\nHost: a", Tier::Ambiguous, Reason::AmbiguousUri);
    verdict("GET /a\0b HTTP/1.1\r\nHost: a", Tier::Severe, Reason::BadUri);
    verdict("GET /a b HTTP/1.1\r\nHost: a", Tier::Acceptable, Reason::SpaceInUri);
    verdict("G@T / HTTP/1.1\r\nHost: a", Tier::Severe, Reason::BadMethod);
    verdict("GET / HTTX/1.1\r\nHost: a", Tier::Severe, Reason::BadVersion);
    verdict("GET / HTTP/1.2\r\nHost: a", Tier::Acceptable, Reason::NonCompliantVersion);
    verdict(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0",
        Tier::Acceptable,
        Reason::GetHeadZeroContentLength,
    );
    verdict(
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1",
        Tier::Ambiguous,
        Reason::UndefinedContentLengthSemantics,
    );
    verdict(
        "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked",
        Tier::Ambiguous,
        Reason::UndefinedTransferEncodingSemantics,
    );
    verdict(
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
        Tier::Ambiguous,
        Reason::UndefinedTransferEncodingSemantics,
    );
    verdict(&host("Content-Length: +1"), Tier::Severe, Reason::BadContentLength);
    verdict(&host("Content-Length: 1,1"), Tier::Severe, Reason::BadContentLength);
    verdict(&host("Content-Length: 99999999999999999999"), Tier::Severe, Reason::BadContentLength);
    verdict(&host("Content-Length: 1\r\nContent-Length: 2"), Tier::Severe, Reason::MultipleContentLength);
    verdict(&host("Content-Length: 1\r\ncontent-length: 1"), Tier::Ambiguous, Reason::DuplicateContentLength);
    verdict(&host("Transfer-Encoding: gzip"), Tier::Severe, Reason::BadTransferEncoding);
    verdict(&host("Transfer-Encoding: xchunked"), Tier::Severe, Reason::BadTransferEncoding);
    verdict(&host("Transfer-Encoding: \u{b}chunked"), Tier::Severe, Reason::BadTransferEncoding);
    verdict(
        &host("Transfer-Encoding: chunked\r\nContent-Length: 3"),
        Tier::Ambiguous,
        Reason::BothTeClPresent,
    );
    verdict(
        &host("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        Tier::Severe,
        Reason::MultipleTransferEncodingChunked,
    );
    verdict(&host("Transfer-Encoding : chunked"), Tier::Ambiguous, Reason::SuspiciousHeader);
    verdict(&host("Transfer_Encoding: chunked"), Tier::Ambiguous, Reason::SuspiciousHeader);
    verdict(&host("Content\u{1}-Length: 3"), Tier::Ambiguous, Reason::SuspiciousHeader);
    verdict(&host("a: b\0c"), Tier::Severe, Reason::BadHeader);
    verdict(&host("a: b\rc: d"), Tier::Severe, Reason::BadHeader);
    verdict(&host(" folded: x"), Tier::Severe, Reason::BadHeader);
    verdict(&host("no colon"), Tier::Severe, Reason::BadHeader);
    verdict(&host(": b"), Tier::Ambiguous, Reason::EmptyHeader);
    verdict(&host("  \r\na: b"), Tier::Ambiguous, Reason::EmptyHeader);
    verdict(
        &host("Transfer-Encoding: identity\r\nContent-Length: 3"),
        Tier::Ambiguous,
        Reason::BothTeClPresent,
    );
    verdict("GET / HTTP/1.1\nHost: a", Tier::Acceptable, Reason::NonCrLfLineTermination);
    verdict(&host("a: \u{e9}"), Tier::Acceptable, Reason::NonCompliantHeader);
    verdict(&host("a(b: c"), Tier::Acceptable, Reason::NonCompliantHeader);
}

/// Whatever could be taken for framing does not reach a target.
#[test]
fn disguised_framing_is_bad() {
    let bytes =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\ncontent_length: 4\r\nx_y: 1\r\n\r\n";
    let parser = accepted(bytes);
    let tiers: Vec<_> = parser.head.fields.iter().map(|field| field.tier).collect();
    assert_eq!(tiers, [FieldTier::Compliant, FieldTier::Bad, FieldTier::Bad, FieldTier::NonCompliant]);
    assert_eq!(parser.head.framing, Framing::Empty);
}

/// "16K per request line, 16K per single header, or 64K for the entire header"
#[test]
fn heads_are_bounded() {
    let long = "a".repeat(LINE);
    assert_eq!(request_of(&format!("GET /{long} HTTP/1.1")), Err(HeadError::LineTooLong));
    assert_eq!(
        request(format!("GET / HTTP/1.1\r\na: {long}\r\n\r\n").as_bytes()).0,
        Err(HeadError::TooLarge)
    );
    let many = format!("GET / HTTP/1.1\r\n{}", format!("a: {}\r\n", "b".repeat(1000)).repeat(66));
    assert_eq!(request(many.as_bytes()).0, Err(HeadError::TooLarge));
    let short = format!("GET / HTTP/1.1\r\n{}\r\n", "a:b\r\n".repeat(FIELDS + 1));
    assert_eq!(request(short.as_bytes()).0, Err(HeadError::TooLarge));
    assert_eq!(request(long.repeat(2).as_bytes()).0, Err(HeadError::LineTooLong));
}

fn response(bytes: &[u8]) -> Result<ResponseParser, HeadError> {
    let mut whole = ResponseParser::default();
    let result = whole.advance(bytes);
    let mut parser = ResponseParser::default();
    let mut found = Ok(false);
    for end in 0..=bytes.len() {
        if found == Ok(false) {
            found = parser.advance(&bytes[..end]);
        }
    }
    assert_eq!(found, result, "byte by byte");
    assert_eq!(parser.head().status, whole.head().status);
    result.map(|is_whole| {
        assert!(is_whole);
        whole
    })
}

#[test]
fn a_response_is_read() {
    let bytes = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    let parser = response(bytes).expect("a response");
    let head = parser.head();
    assert_eq!((head.status, head.reason.of(bytes), head.close), (404, &b"Not Found"[..], true));
    assert_eq!((head.framing, head.framing_for(true)), (Framing::Length(3), Framing::Empty));
    let bare = response(b"HTTP/1.0 200\r\n\r\n").expect("a response");
    assert_eq!((bare.head().framing, bare.head().close), (Framing::UntilClose, true));
    let both =
        response(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n").expect("one");
    assert_eq!(both.head().framing, Framing::Chunked);
}

#[test]
fn what_is_no_response_is_refused() {
    for bytes in [
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        assert!(response(bytes.as_bytes()).is_err(), "{bytes:?}");
    }
}
