//! HTTP/1 as load balancers read it: heads and bodies of any bytes, in one piece and in many, which must not matter; and what is
//! forwarded is itself a head without any doubt.
#![no_main]

use enishi_fabric::balancer::Attributes;
use enishi_proxy::balancer::forwarding::Forwarding;
use enishi_proxy::balancer::http1::{Body, Framing, HeadError, Request, RequestParser, ResponseParser, Tier};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((size, bytes)) = data.split_first() else { return };
    let size = usize::from(*size).max(1);
    let mut whole = RequestParser::default();
    let found = whole.advance(bytes);
    assert_eq!(in_pieces(bytes, size), found);
    if found == Ok(true) && whole.head().verdict.tier < Tier::Severe {
        forwarded(&Request { bytes, head: whole.head() });
        body(whole.head().framing, &bytes[whole.head().len..], size);
    }
    let mut response = ResponseParser::default();
    if response.advance(bytes) == Ok(true) {
        body(response.head().framing_for(false), &bytes[response.head().len..], size);
    }
    body(Framing::Chunked, bytes, size);
});

fn in_pieces(bytes: &[u8], size: usize) -> Result<bool, HeadError> {
    let mut parser = RequestParser::default();
    let mut end = 0;
    loop {
        let found = parser.advance(&bytes[..end]);
        if found != Ok(false) || end == bytes.len() {
            return found;
        }
        end = (end + size).min(bytes.len());
    }
}

fn forwarded(request: &Request<'_>) {
    let forwarding = Forwarding {
        request: *request,
        client: ([203, 0, 113, 7], 4711).into(),
        port: 8080,
        node: [10, 0, 0, 1].into(),
        is_tls: false,
        attributes: &Attributes::default(),
        trace: Some(b"Root=1-2-3"),
        added: b"",
        rewritten: None,
    };
    let mut head = Vec::new();
    forwarding.write(&mut head);
    let mut parser = RequestParser::default();
    assert_eq!(parser.advance(&head), Ok(true), "{:?}", String::from_utf8_lossy(&head));
    let again = parser.head();
    assert_eq!((again.len, again.framing), (head.len(), request.head.framing));
    assert!(again.verdict.tier < Tier::Severe, "{:?}", again.verdict);
}

fn body(framing: Framing, bytes: &[u8], size: usize) {
    let read = |size: usize| {
        let mut body = Body::new(framing);
        let (mut data, mut start, mut end) = (Vec::new(), 0, 0);
        loop {
            end = (end + size).min(bytes.len());
            loop {
                let Ok(piece) = body.advance(&bytes[start..end]) else {
                    // Nothing that is shown to it later makes it whole.
                    assert!(body.advance(b"\r\n").is_err() && !body.is_done());
                    return None;
                };
                let begin = start + piece.skip;
                data.extend_from_slice(&bytes[begin..begin + piece.data]);
                start = begin + piece.data;
                if piece.data == 0 {
                    break;
                }
            }
            if end == bytes.len() {
                return Some((data, start, body.is_done()));
            }
        }
    };
    assert_eq!(read(size), read(bytes.len().max(1)));
}
