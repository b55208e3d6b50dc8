//! Broken requests by the thousand, the same ones each run: every one is answered, none makes a codec panic. The fuzz
//! targets under `fuzz/` do the same without end; what they find becomes a line here.

mod support;

use enishi_api::SERVICES;
use enishi_wire::routing::Router;
use enishi_wire::sigv4::Authorization;
use enishi_wire::{Request, Response, Timestamp, Value};
use http::{HeaderMap, HeaderValue};

use support::client;
use support::entropy::Entropy;

const ROUNDS: u64 = 4_000;

/// A small generator of its own, so that the requests stay the same whatever any library does.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Bytes that mean something to one of the readers.
const TOKENS: &[&[u8]] = &[
    b"&",
    b"=",
    b".",
    b"%",
    b"%ff",
    b".1",
    b".0",
    b".999999999",
    b"\"",
    b"{",
    b"[",
    b"]",
    b"}",
    b"null",
    b"\\u0000",
    b"-",
    b"1e999",
    b"\xff",
    b"\x9f",
    b"\xbf",
    b"\xc1",
    b"\xf9",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
];

fn mutate(random: &mut SplitMix, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let token = TOKENS[random.below(TOKENS.len())];
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] = random.next() as u8,
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, token.iter().copied())),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let piece: Vec<u8> = bytes[at..].iter().copied().take(40).collect();
                bytes.splice(at..at, piece);
            }
            _ => bytes.extend_from_slice(token),
        }
    }
}

/// Does all that an endpoint does with a request, and returns the answer.
fn serve(router: &Router, request: &Request<'_>) -> Response {
    let authorization = Authorization::parse(request).unwrap_or_default();
    if let Some(authorization) = &authorization {
        let now = Timestamp::parse_compact("20260101T000000Z").expect("a time");
        assert!(authorization.verify(request, "secret", now).is_err(), "a mutated signature must not verify");
    }
    match router.route(request, authorization.as_ref()) {
        Err(refusal) => refusal.respond("id"),
        Ok(call) => {
            let result = call.decode().map(|_| Value::empty());
            call.respond(&result, "id")
        }
    }
}

fn check(response: &Response) {
    assert!(matches!(response.status, 200 | 400 | 413 | 414 | 431 | 501), "status {}", response.status);
    if response.header("smithy-protocol").is_some() {
        // A map of indefinite length, or nothing.
        assert!(response.body.first().is_none_or(|first| *first == 0xbf));
        return;
    }
    let text = std::str::from_utf8(&response.body).expect("UTF-8");
    assert!(text.starts_with("<?xml") || text.starts_with('{'), "{text}");
}

#[test]
fn mutated_requests_are_answered() {
    let router = Router::new(SERVICES);
    let operations = support::operations();
    let mut random = SplitMix(1);
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let (service, operation) = operations[random.below(operations.len())];
        let bytes = random.bytes(600);
        let input =
            operation.input.map_or_else(Value::empty, |id| Entropy::new(&bytes).value(service, id, 0));
        let mut sent = client::send(service, operation, &input);
        mutate(&mut random, &mut sent.body);
        let request =
            Request { method: "POST", path: &sent.path, query: "", headers: &sent.headers, body: &sent.body };
        let response = serve(&router, &request);
        check(&response);
        accepted += usize::from(response.status == 200);
    }
    // Neither all nor none: else the mutations do not reach what they should.
    assert!((ROUNDS as usize / 50..ROUNDS as usize * 9 / 10).contains(&accepted), "{accepted} accepted");
}

#[test]
fn noise_is_answered() {
    let router = Router::new(SERVICES);
    let mut random = SplitMix(2);
    for _ in 0..ROUNDS {
        let mut headers = HeaderMap::new();
        let targets: &[&[u8]] = &[b"ServiceQuotasV20190624.ListServices", b".", b"", b"a.b.c", b"\xff"];
        if random.below(2) == 0 {
            let target = targets[random.below(targets.len())];
            headers.insert("x-amz-target", HeaderValue::from_bytes(target).expect("a header's value"));
        } else {
            headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let length = random.below(200);
        let mut body = random.bytes(length);
        mutate(&mut random, &mut body);
        let mut query = b"Action=DescribeVpcs&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=9".to_vec();
        mutate(&mut random, &mut query);
        let query = String::from_utf8_lossy(&query).into_owned();
        let request =
            Request { method: "GET", path: "/..//é", query: &query, headers: &headers, body: &body };
        check(&serve(&router, &request));
    }
}

#[test]
fn nested_or_announced_without_end_is_refused_early() {
    let service = &enishi_api::route53domains::SERVICE;
    let operation = service.operation("CheckDomainAvailability").expect("an operation");
    let sent = client::send(service, operation, &Value::empty());
    let most = enishi_wire::limits::BODY_BYTES;
    let unknown_member = |value: &[u8]| [b"\xbf\x61x", value].concat();
    let bodies = [
        vec![0x9f; most],
        unknown_member(&vec![0x9f; most - 3]),
        unknown_member(&vec![0xc1; most - 3]),
        unknown_member(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
        unknown_member(b"\x7b\xff\xff\xff\xff\xff\xff\xff\xff"),
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        b"\xa0\xa0".to_vec(),
        b"\xf6".to_vec(),
        b"\xff".to_vec(),
        b"\xa1\x01\x02".to_vec(),
    ];
    for body in bodies {
        let request =
            Request { method: "POST", path: &sent.path, query: "", headers: &sent.headers, body: &body };
        let response = serve(&Router::new(SERVICES), &request);
        assert_eq!(response.status, 400);
        let text = String::from_utf8_lossy(&response.body);
        assert!(text.contains("SerializationException"), "{text}");
    }
}

#[test]
fn mutated_authorizations_are_read_or_refused() {
    let router = Router::new(SERVICES);
    let mut random = SplitMix(3);
    let valid = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/ec2/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    for _ in 0..ROUNDS {
        let mut header = valid.as_bytes().to_vec();
        mutate(&mut random, &mut header);
        let mut date = b"20260101T000000Z".to_vec();
        if random.below(4) == 0 {
            mutate(&mut random, &mut date);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", &header), ("x-amz-date", &date)] {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(name, value);
            }
        }
        headers.insert("host", HeaderValue::from_static("localhost"));
        let request = Request { method: "POST", path: "/", query: "a=b", headers: &headers, body: b"" };
        check(&serve(&router, &request));
    }
}
