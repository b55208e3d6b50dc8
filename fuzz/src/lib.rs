//! What the targets share: a request made of fuzzed bytes, served as an endpoint would.
//!
//! Run them with `cargo xtask fuzz SECONDS [TARGET...]`, or one with `cargo fuzz run -s none TARGET`; stable Rust suffices
//! without a sanitizer. What a target finds becomes a normal test in `crates/api/tests/hostile_input.rs`.

use enishi_api::SERVICES;
use enishi_wire::routing::Router;
use enishi_wire::sigv4::Authorization;
use enishi_wire::{Request, Response, Timestamp, Value};
use http::{HeaderMap, HeaderValue};

/// Headers of that name and value, as far as the value can be a header's.
pub fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(*name, value);
        }
    }
    headers
}

/// Reads who sent a request, finds its operation, decodes it and writes an answer, which must be UTF-8 or CBOR and one of
/// the statuses that the codecs give.
pub fn serve(request: &Request<'_>) {
    let router = Router::new(SERVICES);
    let body = match router.body(request) {
        Ok(body) => body,
        Err(refusal) => return check(&refusal.respond("id")),
    };
    let request = &Request { body: &body, ..*request };
    let authorization = Authorization::parse(request).unwrap_or_default();
    if let Some(authorization) = &authorization {
        let now = Timestamp::from_seconds(1_767_225_600);
        assert!(authorization.verify(request, "a secret that nobody has", now).is_err());
    }
    let response = match router.route(request, authorization.as_ref()) {
        Err(refusal) => refusal.respond("id"),
        Ok(call) => {
            let result = call.decode();
            if let Err(fault) = &result {
                assert!(fault.status() < 500, "{fault}");
            }
            call.respond(&result.map(|_| Value::empty()), "id")
        }
    };
    check(&response);
}

fn check(response: &Response) {
    let is_cbor = response.header("smithy-protocol").is_some();
    assert!(is_cbor || std::str::from_utf8(&response.body).is_ok());
    assert!(matches!(response.status, 200 | 400 | 404 | 413 | 414 | 415 | 431 | 501), "{}", response.status);
}

/// Splits off what stands before the first zero byte.
pub fn part<'d>(data: &mut &'d [u8]) -> &'d [u8] {
    let whole = *data;
    match whole.iter().position(|b| *b == 0) {
        Some(at) => {
            *data = &whole[at + 1..];
            &whole[..at]
        }
        None => {
            *data = &[];
            whole
        }
    }
}

/// Serves a form for one action: the first part of the data chooses among the actions, the rest is the parameters.
pub fn serve_form(service: &'static enishi_wire::schema::Service, data: &[u8]) {
    let Some((choice, parameters)) = data.split_first_chunk::<2>() else { return };
    let index = usize::from(u16::from_le_bytes(*choice)) % service.operations.len();
    let action = service.operations[index].name;
    let mut body = format!("Action={action}&Version={}&", service.version).into_bytes();
    body.extend_from_slice(parameters);
    let headers = headers(&[("content-type", b"application/x-www-form-urlencoded")]);
    serve(&Request { method: "POST", path: "/", query: "", headers: &headers, body: &body });
}
