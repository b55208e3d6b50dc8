//! Heads that are larger than anybody needs, and what is no HTTP at all.

use super::frames::{self, Frames};
use super::{GROWTH, impatient, is_served, others_are_served, resident, server};
use crate::harness::Fixture;

#[test]
fn large_heads_are_refused_early() {
    let (server, _) = server();
    let fixture = Fixture::to(&[&server]);
    let before = resident();
    let head = |rest: &[u8]| [b"GET / HTTP/1.1\r\nHost: a\r\n", rest].concat();
    let chunked =
        |rest: &[u8]| [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", rest].concat();
    let long = vec![b'a'; 1 << 20];
    for (request, status) in [
        (head(&b"a: b\r\n".repeat(50_000)), 400),
        (head(&b"a:\r\n".repeat(1025)), 400),
        (head(&[b"a: ", &long[..]].concat()), 400),
        (head(&[&long[..], b": a"].concat()), 400),
        ([b"GET /", &long[..]].concat(), 414),
        (long.clone(), 414),
        (b"\0".repeat(1 << 20), 414),
        (chunked(&[b"1;", &long[..]].concat()), 400),
        (chunked(&b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(1000)), 400),
        (chunked(&[b"0\r\n".to_vec(), b"a: b\r\n".repeat(50_000)].concat()), 400),
    ] {
        let mut clients: Vec<_> = (0..20).map(|_| fixture.connect()).collect();
        for client in &mut clients {
            client.send(&request[..request.len() / 2]);
        }
        is_served(&mut fixture.connect());
        for client in &mut clients {
            client.send(&request[request.len() / 2..]);
            client.finish();
            let response = client.rest();
            let wanted = format!("HTTP/1.1 {status} ");
            // A client that sends on may lose the answer with its connection.
            assert!(response.starts_with(&wanted) || response.is_empty(), "{wanted}: {response}");
        }
    }
    assert!(resident() < before + GROWTH);
}

/// Whoever thinks that there is a proxy before the load balancer.
#[test]
fn proxy_protocol_is_no_http() {
    let (server, _) = server();
    let fixture = Fixture::to(&[&server]);
    for header in [
        &b"PROXY TCP4 203.0.113.1 203.0.113.2 1 2\r\n"[..],
        b"PROXY TCP4 203.0.113.1\r\n",
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0caaaabbbbccdd",
        b"\r\n\r\n\0\r\nQUIT\n\xff\xff\xff\xff",
    ] {
        let mut client = fixture.connect();
        client.send(&[header, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        let response = client.rest();
        assert!(
            response.starts_with("HTTP/1.1 400 ") && response.contains("Connection: close"),
            "{response}"
        );
    }
    is_served(&mut fixture.connect());
}

/// One large field in the table, then thousands of references to it: sixteen kilobytes that stand for sixty megabytes.
#[test]
fn compressed_bombs_are_not_unpacked() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let before = resident();
    for _ in 0..10 {
        let mut client = Frames::connect(&fixture);
        let mut block = frames::get("/");
        // A field with a name and a value of its own that goes into the table.
        block.extend_from_slice(&[0x40, 1, b'x']);
        block.extend(frames::length(0, 0x7f, 3900));
        block.extend([b'y'; 3900]);
        let plain = block.len();
        block.extend(vec![0xbe; 16_000 - plain]);
        client.send(frames::HEADERS, frames::END_HEADERS | frames::END_STREAM, 1, &block);
        let refused = client.until(|frame| frame.stream == 1 || frame.kind == frames::GOAWAY);
        let is_refused = match refused {
            None => true,
            // 431 is no status that the static table has.
            Some(frame) if frame.kind == frames::HEADERS => {
                frame.payload.windows(3).any(|part| part == b"431") || frame.payload.contains(&0x08)
            }
            Some(frame) => frame.kind == frames::RESET || frame.kind == frames::GOAWAY,
        };
        assert!(is_refused);
        others_are_served(&fixture);
    }
    assert!(resident() < before + GROWTH);
}

/// Heads in HTTP/2 that would be something else in HTTP/1.
#[test]
fn nothing_is_smuggled_through_http2() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("Upper", "case"),
        ("a", "b\r\nTransfer-Encoding: chunked"),
        ("a", "b\nc: d"),
        ("a", "b\0"),
        ("a: b\r\nc", "d"),
        ("a b", "c"),
        (":path", "/other"),
        (":authority", "a\r\nb: c"),
        ("content-length", "+1"),
    ] {
        let mut client = Frames::connect(&fixture);
        let mut block = frames::get("/");
        block.push(0);
        for text in [name, value] {
            block.extend(frames::length(0, 0x7f, text.len()));
            block.extend(text.as_bytes());
        }
        client.send(frames::HEADERS, frames::END_HEADERS | frames::END_STREAM, 1, &block);
        let frame = client.until(|frame| frame.stream == 1 || frame.kind == frames::GOAWAY);
        let is_refused = match &frame {
            None => true,
            // The index of 400 in the static table.
            Some(frame) if frame.kind == frames::HEADERS => frame.payload.contains(&0x8c),
            Some(frame) => frame.kind == frames::RESET || frame.kind == frames::GOAWAY,
        };
        assert!(is_refused, "{name:?} {value:?}: {frame:?}");
    }
    let mut client = Frames::connect(&fixture);
    let connect = [&[0x02, 7][..], b"CONNECT", &[0x01, 11], b"example:443"].concat();
    client.send(frames::HEADERS, frames::END_HEADERS, 1, &connect);
    let frame = client.until(|frame| frame.stream == 1).expect("an answer");
    assert!(frame.kind == frames::HEADERS && frame.payload[0] == 0x8c, "{frame:?}");
    for path in ["/a b", "/a\r\nb", "", "a"] {
        let mut client = Frames::connect(&fixture);
        client.send(frames::HEADERS, frames::END_HEADERS | frames::END_STREAM, 1, &frames::get(path));
        let frame = client.until(|frame| frame.stream == 1 || frame.kind == frames::GOAWAY);
        let is_served =
            frame.as_ref().is_some_and(|frame| frame.kind == frames::HEADERS && frame.payload[0] == 0x88);
        assert!(!is_served, "{path:?}: {frame:?}");
    }
    others_are_served(&fixture);
}
