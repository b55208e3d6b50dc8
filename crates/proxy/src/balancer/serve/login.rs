//! Asks identity providers.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::body::Http1Source;
use super::buffer::Buffer;
use super::local::Local;
use super::stream::{Io, Patience, Stream};
use super::timer::Timer;
use crate::balancer::answers::Answer;
use crate::balancer::counters::Metric;
use crate::balancer::http1::ResponseParser;
use crate::balancer::login::{Callback, Exchange, Refused, Reply};

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The most of an answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// What is asked.
enum Question<'a> {
    /// A form is posted.
    Post(&'a str),
    /// A resource is asked for with a token.
    Get(&'a str),
}

/// Completes a login: what the client is told, and why it failed if it did.
pub(super) async fn finish(local: &Local, callback: &Callback<'_>) -> (Answer, Option<&'static str>) {
    match session(local, callback).await {
        Ok(answer) => {
            local.count(Metric::ElbAuthSuccess, 1);
            (answer, None)
        }
        Err(refused) => {
            let is_error = refused.reason.contains("Ep") || refused.reason.contains("Unhandled");
            local.count(if is_error { Metric::ElbAuthError } else { Metric::ElbAuthFailure }, 1);
            (Answer::error(refused.status), Some(refused.reason))
        }
    }
}

async fn session(local: &Local, callback: &Callback<'_>) -> Result<Answer, Refused> {
    let client = &callback.login.config.client;
    let body = Exchange::token_request(callback);
    let reply = ask(local, &client.token_endpoint, Question::Post(&body))
        .await
        .map_err(|error| unreachable(&error, "AuthTokenEpRequestTimeout", "AuthTokenEpRequestFailed"))?;
    let now = local.worker.micros(Instant::now()) / 1_000_000;
    let access_token = Exchange::access_token(callback, &reply, now)?;
    let reply =
        ask(local, &client.user_info_endpoint, Question::Get(&access_token)).await.map_err(|error| {
            unreachable(&error, "AuthUserinfoEpRequestTimeout", "AuthUserinfoEpRequestFailed")
        })?;
    let session = Exchange::session(callback, access_token, &reply, now)?;
    callback.login.admit(&session, &callback.original, now, local.worker.nonce())
}

fn unreachable(error: &io::Error, late: &'static str, failed: &'static str) -> Refused {
    Refused { reason: if error.kind() == io::ErrorKind::TimedOut { late } else { failed }, status: 401 }
}

/// Asks once, on a connection of its own.
async fn ask(local: &Local, url: &str, question: Question<'_>) -> io::Result<Reply> {
    timeout(ANSWER, ask_now(local, url, question)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn ask_now(local: &Local, url: &str, question: Question<'_>) -> io::Result<Reply> {
    let (is_tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://").ok_or(io::ErrorKind::InvalidInput)?),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| io::ErrorKind::InvalidInput)?),
        None => (authority, if is_tls { 443 } else { 80 }),
    };
    let address = match host.parse::<Ipv4Addr>() {
        Ok(address) => address,
        Err(_) => local.shared.connector.resolve(host).await?,
    };
    let stream = local.shared.connector.connect(SocketAddrV4::new(address, port), None).await?;
    let stream = if is_tls {
        Stream::Client(Box::new(local.shared.provider_tls.connect(stream, host).await?))
    } else {
        Stream::Plain(stream)
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let request = match question {
        Question::Post(body) => format!(
            "POST {slash}{path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
        Question::Get(token) => format!(
            "GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        ),
    };
    // A token that ends the line would say more than one header.
    if matches!(question, Question::Get(token) if token.contains(char::is_control)) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    exchange(local, stream, request.as_bytes()).await
}

async fn exchange(local: &Local, stream: Stream, request: &[u8]) -> io::Result<Reply> {
    let (io, timer) = (Io::new(stream), Timer::new(ANSWER));
    let patience = Patience { timer: &timer, limit: ANSWER };
    io.write([request, b"", b""], patience).await?;
    let mut input = Buffer::new(local.worker.buffers.clone());
    let mut parser = ResponseParser::default();
    while !parser.advance(input.filled()).map_err(|_| io::ErrorKind::InvalidData)? {
        if io.read(&mut input, patience).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = parser.head();
    let (status, framing) = (head.status, head.framing_for(false));
    input.consume(head.len);
    let mut source = Http1Source::new(&io, &mut input, framing, patience);
    let mut body = Vec::new();
    while source.next().await? {
        body.extend_from_slice(source.data());
        source.consume();
        if body.len() > LARGEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(Reply { status, body })
}
