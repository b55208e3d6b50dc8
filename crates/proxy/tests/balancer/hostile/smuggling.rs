//! Requests that two servers could understand in two ways.
//!
//! What is said of a request (the table of AWS's reasons is in `balancer::http1::desync`) shows in the access log; what becomes of it
//! depends on the mode; and whatever the mode, a target sees one framing only.

use std::sync::{Arc, Mutex};

use enishi_fabric::balancer::{Attributes, DesyncMitigation};

use super::is_served;
use crate::harness::{Fixture, Server};

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is answered, and the connection stays.
    Kept,
    /// It is answered, and the connection ends.
    Once,
    /// It is refused with this status, and the connection ends.
    Refused(u16),
}

use Fate::{Kept, Once, Refused};

const MODES: [DesyncMitigation; 3] =
    [DesyncMitigation::Monitor, DesyncMitigation::Defensive, DesyncMitigation::Strictest];

/// A fate in each mode, by tier.
const ACCEPTABLE: [Fate; 3] = [Kept, Kept, Refused(400)];
const AMBIGUOUS: [Fate; 3] = [Kept, Once, Refused(400)];
const SEVERE: [Fate; 3] = [Kept, Refused(400), Refused(400)];
/// Nobody could tell where it ends.
const NEVER: [Fate; 3] = [Refused(400); 3];
const NOT_IMPLEMENTED: [Fate; 3] = [Refused(501); 3];

/// A server that notes every head it sees.
fn noting() -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heads = seen.clone();
    let server = Server::answering(move |request| {
        heads.lock().expect("heads").push(request.to_owned());
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".into()
    });
    (server, seen)
}

fn in_mode(server: &Server, mode: DesyncMitigation) -> Fixture {
    let fixture = Fixture::to(&[server]);
    fixture.reconfigure(|balancer| {
        balancer.attributes =
            Arc::new(Attributes { desync_mitigation: mode, ..Attributes::clone(&balancer.attributes) });
    });
    fixture
}

/// What a target is sent leaves no doubt: one framing at most, and lines that end with CRLF.
fn assert_clear(request: &str) {
    let (head, _) = request.split_once("\r\n\r\n").expect("a head");
    let lines: Vec<String> = head.split("\r\n").map(str::to_ascii_lowercase).collect();
    let framing = lines.iter().filter(|line| {
        let letters: String = line.chars().filter(char::is_ascii_alphabetic).collect();
        letters.starts_with("contentlength") || letters.starts_with("transferencoding")
    });
    let framing: Vec<&String> = framing.collect();
    assert!(framing.len() <= 1, "{request:?}");
    for line in framing {
        assert!(line == "transfer-encoding: chunked" || line.starts_with("content-length: "), "{request:?}");
    }
    let is_clear = |line: &String| !line.contains(['\r', '\n', '\0']) && !line.starts_with([' ', '\t']);
    assert!(lines.iter().all(is_clear), "{request:?}");
}

#[track_caller]
fn check(fixture: &Fixture, request: &str, fate: Fate) {
    let mut client = fixture.connect();
    client.send(request.as_bytes());
    let response = client.response();
    let status = match fate {
        Kept | Once => 200,
        Refused(status) => status,
    };
    assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{fate:?} {request:?}: {response}");
    if fate == Kept {
        is_served(&mut client);
    } else {
        assert!(response.contains("\r\nConnection: close\r\n"), "{request:?}: {response}");
        client.finish();
        assert!(client.is_ended(), "{request:?}");
    }
}

/// The cases in every mode; what the access log has to say about each of them.
fn all(cases: &[(&str, [Fate; 3], &str)]) {
    let (server, seen) = noting();
    for (index, mode) in MODES.into_iter().enumerate() {
        let fixture = in_mode(&server, mode);
        for (request, fates, _) in cases {
            check(&fixture, request, fates[index]);
        }
        let lines = fixture.lines.wait(cases.len());
        for (_, _, reason) in cases {
            assert!(lines.iter().any(|line| line.contains(reason)), "{mode:?} {reason}: {lines:#?}");
        }
    }
    for request in seen.lock().expect("heads").iter() {
        assert_clear(request);
    }
}

#[test]
fn lengths_in_doubt() {
    all(&[
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            AMBIGUOUS,
            "\"Ambiguous\" \"BothTeClPresent\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
            AMBIGUOUS,
            "\"Ambiguous\" \"BothTeClPresent\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            AMBIGUOUS,
            "\"Ambiguous\" \"DuplicateContentLength\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            NEVER,
            "\"Severe\" \"MultipleContentLength\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
            NEVER,
            "\"Severe\" \"BadContentLength\"",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", NEVER, "\"BadContentLength\""),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", NEVER, "\"BadContentLength\""),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\x0b\r\n\r\nhello", NEVER, "\"BadContentLength\""),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
            NEVER,
            "\"BadContentLength\"",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            AMBIGUOUS,
            "\"Ambiguous\" \"UndefinedContentLengthSemantics\"",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            ACCEPTABLE,
            "\"Acceptable\" \"GetHeadZeroContentLength\"",
        ),
    ]);
}

#[test]
fn codings_in_doubt() {
    all(&[
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            NOT_IMPLEMENTED,
            "\"Severe\" \"BadTransferEncoding\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
            NOT_IMPLEMENTED,
            "\"Severe\" \"BadTransferEncoding\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
            NOT_IMPLEMENTED,
            "\"BadTransferEncoding\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
            NOT_IMPLEMENTED,
            "\"BadTransferEncoding\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            SEVERE,
            "\"Severe\" \"MultipleTransferEncodingChunked\"",
        ),
        (
            "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            AMBIGUOUS,
            "\"Ambiguous\" \"UndefinedTransferEncodingSemantics\"",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            AMBIGUOUS,
            "\"Ambiguous\" \"UndefinedTransferEncodingSemantics\"",
        ),
    ]);
}

/// Headers that only some servers take for the framing: none of them reaches a target.
#[test]
fn disguises() {
    all(&[
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            AMBIGUOUS,
            "\"Ambiguous\" \"SuspiciousHeader\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n",
            AMBIGUOUS,
            "\"SuspiciousHeader\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
            AMBIGUOUS,
            "\"SuspiciousHeader\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\n\x0bTransfer-Encoding: chunked\r\n\r\n",
            AMBIGUOUS,
            "\"SuspiciousHeader\"",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer- Encoding: chunked\r\n\r\n",
            AMBIGUOUS,
            "\"SuspiciousHeader\"",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", AMBIGUOUS, "\"SuspiciousHeader\""),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n", AMBIGUOUS, "\"SuspiciousHeader\""),
        ("GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", AMBIGUOUS, "\"Ambiguous\" \"EmptyHeader\""),
    ]);
}

#[test]
fn lines_in_doubt() {
    all(&[
        // A line that is continued, and one that begins with white space where no header was.
        (
            "POST / HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n",
            NEVER,
            "\"Severe\" \"BadHeader\"",
        ),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", NEVER, "\"Severe\" \"BadHeader\""),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", NEVER, "\"Severe\" \"BadHeader\""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: b\rTransfer-Encoding: chunked\r\n\r\n",
            SEVERE,
            "\"Severe\" \"BadHeader\"",
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", SEVERE, "\"Severe\" \"BadHeader\""),
        ("GET / HTTP/1.1\nHost: a\n\n", ACCEPTABLE, "\"Acceptable\" \"NonCrLfLineTermination\""),
        ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", ACCEPTABLE, "\"NonCrLfLineTermination\""),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", ACCEPTABLE, "\"Acceptable\" \"SpaceInUri\""),
        ("GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n", AMBIGUOUS, "\"Ambiguous\" \"AmbiguousUri\""),
        ("GET / HTTP/1.3\r\nHost: a\r\n\r\n", ACCEPTABLE, "\"Acceptable\" \"NonCompliantVersion\""),
        ("GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", SEVERE, "\"Severe\" \"BadUri\""),
        ("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", SEVERE, "\"Severe\" \"BadUri\""),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", NEVER, "\"Severe\" \"BadMethod\""),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX(: \x07\r\n\r\n",
            ACCEPTABLE,
            "\"Acceptable\" \"NonCompliantHeader\"",
        ),
    ]);
}

/// Chunks whose size, extension or end servers read differently end the request in every mode; its target never sees it whole.
#[test]
fn chunks_in_doubt() {
    for mode in MODES {
        let (server, seen) = noting();
        let fixture = in_mode(&server, mode);
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5;a\nhello\r\n0\r\n\r\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
            "5\x0c;a\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            " 5\r\nhello\r\n0\r\n\r\n",
            "5_0\r\nhello\r\n0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "00000000000000000005\r\nhello\r\n0\r\n\r\n",
            "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            "5\r\nhello\r\n0\r\n folded: x\r\n\r\n",
            "5\r\nhello\r\n0\n\n",
        ] {
            let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            check(&fixture, &format!("{head}{body}"), Refused(400));
        }
        assert_eq!(*seen.lock().expect("heads"), [""; 0], "{mode:?}");
    }
}

/// Extensions and their quotes are passed over up to the line's end, and stay behind.
#[test]
fn extensions_stay_behind() {
    let (server, seen) = noting();
    for mode in MODES {
        let fixture = in_mode(&server, mode);
        let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\\\"GET /smuggled HTTP/1.1\\\"\"\r\nhello\r\n0;b\r\n\r\n";
        check(&fixture, request, Kept);
    }
    for request in seen.lock().expect("heads").iter() {
        assert!(!request.contains("smuggled"), "{request}");
    }
}
