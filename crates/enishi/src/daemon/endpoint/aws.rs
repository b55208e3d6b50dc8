//! A request of an AWS API, from bytes to bytes.
//!
//! Reads run here, on the newest world, without a lock. Writes go through the [`Writer`](crate::daemon::writer::Writer)
//! and answer once they are durable and, where packets can tell, in force.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use enishi_cloud::outside::Supply;
use enishi_state::{Caller, Read, Tx};
use enishi_wire::sigv4::Authorization;
use enishi_wire::{Fault, Request, Value};
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use rand::Rng;

use super::caller::identify;
use super::supply::supply;
use super::{Answer, whole};
use crate::daemon::{App, clock};

/// Answers one request.
pub async fn respond(app: &Arc<App>, head: &Parts, body: &Bytes, request_id: &str) -> Answer {
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    let authorization = Authorization::parse(&request);
    let plain = match app.router.body(&request) {
        Ok(body) => body,
        Err(refusal) => return into_http(refusal.respond(request_id)),
    };
    let decompressed = Request { body: &plain, ..request };
    match app.router.route(&decompressed, authorization.as_ref().ok().and_then(Option::as_ref)) {
        Err(refusal) => into_http(refusal.respond(request_id)),
        Ok(call) => {
            let caller = authorization.and_then(|found| identify(app, &request, found.as_ref()));
            let result = match caller.map_err(|denied| denied.fault(call.protocol())) {
                Ok(caller) => match call.decode() {
                    Ok(input) => carry_out(app, caller, call.service.name, call.operation.name, input).await,
                    Err(fault) => Err(fault),
                },
                Err(fault) => Err(fault),
            };
            into_http(call.respond(&result, request_id))
        }
    }
}

/// Carries an operation out in somebody's name; a change is durable and in force when it has an answer.
pub async fn carry_out(
    app: &Arc<App>,
    caller: Caller,
    service: &'static str,
    operation: &'static str,
    input: Value,
) -> Result<Value, Fault> {
    let want = {
        let world = app.writer.newest().load_full();
        let read = Read { world: &world, caller: &caller, now: clock::now() };
        app.cloud.wants(&read, service, operation, &input)?
    };
    let supply = supply(app, want).await?;
    if app.cloud.is_write(service, operation) {
        return write(app, caller, service, operation, input, supply).await;
    }
    if app.cloud.needs_defaults(&app.writer.newest().load(), &caller.scope) {
        let at = app.clone();
        let make = move |tx: &mut Tx<'_>| {
            at.cloud.ensure_defaults(tx);
            Ok(Value::Structure(Vec::new()))
        };
        let (_, receipt) = app.writer.change(caller.clone(), Box::new(make)).await?;
        // No packet can tell a VPC without instances from none.
        app.wait_durable(receipt.generation).await?;
    }
    let world = app.writer.newest().load_full();
    let read = Read { world: &world, caller: &caller, now: clock::now() };
    // A read cannot leave anything half done, so a bug in a handler costs its caller an answer and nothing else.
    catch_unwind(AssertUnwindSafe(|| app.cloud.dispatch_read_with(&read, service, operation, input, &supply)))
        .unwrap_or_else(|_| {
            tracing::error!(service, operation, "a handler panicked");
            Err(Fault::internal("An internal error has occurred"))
        })
}

async fn write(
    app: &Arc<App>,
    caller: Caller,
    service: &'static str,
    operation: &'static str,
    input: Value,
    supply: Supply,
) -> Result<Value, Fault> {
    let at = app.clone();
    let change = move |tx: &mut Tx<'_>| {
        if at.cloud.needs_defaults(tx.world(), &tx.caller().scope) {
            at.cloud.ensure_defaults(tx);
        }
        at.cloud.dispatch_write_with(tx, service, operation, input, &supply)
    };
    let (output, receipt) = app.writer.change(caller, Box::new(change)).await?;
    app.wait(receipt).await?;
    match service {
        "logs" => app.logs.changed(),
        "cloudwatch" => app.metrics.changed(),
        _ => {}
    }
    Ok(output)
}

fn into_http(response: enishi_wire::Response) -> Answer {
    let mut answer = Response::new(whole(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(&*name), HeaderValue::try_from(value)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// A fresh request id in the form of a random UUID (RFC 9562, version 4).
pub fn request_id() -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (n, byte) in bytes.into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
