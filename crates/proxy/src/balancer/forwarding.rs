//! What targets are sent of a request's head, and clients of a response's.
//! [HTTP headers and Application Load Balancers](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html)
//!
//! Headers keep their order and the case of their names. What belongs to one connection only (RFC 9110, section 7.6.1) stays
//! behind; how a body is framed is decided anew.

use std::borrow::Cow;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use enishi_fabric::balancer::{Attributes, ForwardedFor, ListenerAttributes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::http1::{Field, FieldTier, Framing, Name, Request, Response};
use super::rules::without_port;

/// "The load balancer received an X-Forwarded-For request header with more than 30 IP addresses": 463.
pub const MOST_FORWARDED: usize = 30;

/// Takes headers in.
pub trait HeaderSink {
    /// A header whose value is these parts, one behind the other.
    fn put(&mut self, name: &[u8], value: &[&[u8]]);
}

/// Lines of HTTP/1.
impl HeaderSink for Vec<u8> {
    fn put(&mut self, name: &[u8], value: &[&[u8]]) {
        self.extend_from_slice(name);
        self.extend_from_slice(b": ");
        for part in value {
            self.extend_from_slice(part);
        }
        self.extend_from_slice(b"\r\n");
    }
}

/// Fields of HTTP/2; what it cannot carry is left out.
impl HeaderSink for HeaderMap {
    fn put(&mut self, name: &[u8], value: &[&[u8]]) {
        let joined;
        let value = match value {
            [only] => *only,
            parts => {
                joined = parts.concat();
                &joined
            }
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            self.append(name, value);
        }
    }
}

/// Puts lines of HTTP/1 into a sink.
pub fn put_lines(lines: &[u8], sink: &mut impl HeaderSink) {
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some(colon) = memchr::memchr(b':', line) {
            sink.put(&line[..colon], &[line[colon + 1..].trim_ascii()]);
        }
    }
}

/// A request on its way to a target.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding<'a> {
    /// The request.
    pub request: Request<'a>,
    /// Who sent it.
    pub client: SocketAddr,
    /// At which port it came.
    pub port: u16,
    /// Where the node is.
    pub node: Ipv4Addr,
    /// Whether it came over TLS.
    pub is_tls: bool,
    /// What is set for the load balancer.
    pub attributes: &'a Attributes,
    /// `X-Amzn-Trace-Id`; Classic Load Balancers make none.
    pub trace: Option<&'a [u8]>,
    /// Headers of the load balancer's own making, as lines.
    pub added: &'a [u8],
    /// A host and a path with query that a rule put in place of the client's.
    pub rewritten: Option<&'a Rewritten>,
}

/// What a rule's transforms made of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// The host.
    pub host: Option<Vec<u8>>,
    /// Path and query.
    pub path_and_query: Option<Vec<u8>>,
}

impl<'a> Forwarding<'a> {
    /// Path and query, as the target is asked for them. A space would end them early (RFC 9112, section 3.2.1), other bytes that may
    /// not stand in them are understood in several ways or, in HTTP/2, not at all: they are encoded.
    pub fn path_and_query(&self, is_http2: bool) -> Cow<'a, [u8]> {
        let rewritten = self.rewritten.and_then(|rewritten| rewritten.path_and_query.as_deref());
        let path = rewritten.unwrap_or_else(|| self.request.path_and_query());
        let is_odd = |byte: u8| {
            byte <= b' ' || byte == 0x7f || (is_http2 && matches!(byte, b'#' | b'<' | b'>' | b'`'))
        };
        let has_slash = matches!(path.first(), Some(b'/' | b'*'));
        if has_slash && !path.iter().fold(false, |odd, byte| odd | is_odd(*byte)) {
            return Cow::Borrowed(path);
        }
        let mut clean = Vec::with_capacity(path.len() + 16);
        clean.extend_from_slice(if has_slash { b"" } else { b"/" });
        for byte in path {
            if is_odd(*byte) {
                // Writing to memory does not fail.
                let _ = write!(clean, "%{byte:02X}");
            } else {
                clean.push(*byte);
            }
        }
        Cow::Owned(clean)
    }

    /// The host that the target is asked for.
    ///
    /// Unless `routing.http.preserve_host_header` is on, a port is part of it exactly if it is not the scheme's own.
    /// ([Host header preservation](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#host-header-preservation))
    pub fn host(&self) -> Vec<u8> {
        if let Some(host) = self.rewritten.and_then(|rewritten| rewritten.host.as_ref()) {
            return host.clone();
        }
        if self.attributes.preserve_host_header
            && let Some(sent) = self.request.values(Name::Host).next()
        {
            return sent.to_vec();
        }
        let host = self.request.host();
        let mut alone = without_port(host).to_vec();
        if alone.is_empty() {
            alone = self.node.to_string().into_bytes();
        }
        if self.port != if self.is_tls { 443 } else { 80 } {
            let _ = write!(alone, ":{}", self.port);
        }
        alone
    }

    /// Writes the head for a target that speaks HTTP/1.1.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.request.method());
        out.push(b' ');
        out.extend_from_slice(&self.path_and_query(false));
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.headers(out, false);
        let head = self.request.head;
        match head.framing {
            Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::Length(length) => {
                let _ = write!(out, "Content-Length: {length}\r\n");
            }
            _ if self.request.values(Name::ContentLength).next().is_some() => {
                out.extend_from_slice(b"Content-Length: 0\r\n");
            }
            _ => {}
        }
        if head.websocket {
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Puts the headers that a target gets, but for framing, into a sink; HTTP/2 has its own place for the host.
    pub fn headers(&self, sink: &mut impl HeaderSink, is_http2: bool) {
        self.forwarded_for(sink);
        sink.put(b"X-Forwarded-Proto", &[if self.is_tls { b"https" } else { b"http" }]);
        let mut port = itoa(u64::from(self.port));
        sink.put(b"X-Forwarded-Port", &[port.digits()]);
        if !is_http2 {
            sink.put(b"Host", &[&self.host()]);
        }
        if let Some(trace) = self.trace {
            sink.put(b"X-Amzn-Trace-Id", &[trace]);
        }
        for field in &self.request.head.fields {
            if self.passes(field) {
                sink.put(field.name.of(self.request.bytes), &[field.value.of(self.request.bytes)]);
            }
        }
        put_lines(self.added, sink);
    }

    fn passes(&self, field: &Field) -> bool {
        let passes = match field.tier {
            FieldTier::Compliant => true,
            FieldTier::NonCompliant => !self.attributes.drop_invalid_header_fields,
            FieldTier::Bad => false,
        };
        passes
            && match field.id {
                Name::Connection
                | Name::ContentLength
                | Name::Expect
                | Name::ForwardedPort
                | Name::ForwardedProto
                | Name::Host
                | Name::KeepAlive
                | Name::ProxyConnection
                | Name::Reserved
                | Name::TransferEncoding
                | Name::Upgrade => false,
                Name::ForwardedFor => self.attributes.forwarded_for == ForwardedFor::Preserve,
                Name::TraceId => self.trace.is_none(),
                Name::Te => field.value.of(self.request.bytes).eq_ignore_ascii_case(b"trailers"),
                _ => true,
            }
    }

    fn forwarded_for(&self, sink: &mut impl HeaderSink) {
        if self.attributes.forwarded_for != ForwardedFor::Append {
            return;
        }
        let mut value = Vec::with_capacity(64);
        for before in self.request.values(Name::ForwardedFor).filter(|before| !before.is_empty()) {
            value.extend_from_slice(before);
            value.extend_from_slice(b", ");
        }
        let _ = match (self.client.ip().to_canonical(), self.attributes.forwarded_client_port) {
            (IpAddr::V4(ip), false) => write!(value, "{ip}"),
            (IpAddr::V6(ip), false) => write!(value, "{ip}"),
            (ip, true) => write!(value, "{}", SocketAddr::new(ip, self.client.port())),
        };
        sink.put(b"X-Forwarded-For", &[&value]);
    }
}

/// How many addresses `X-Forwarded-For` lists.
pub fn forwarded_addresses(request: &Request<'_>) -> usize {
    request.values(Name::ForwardedFor).map(|value| value.split(|byte| *byte == b',').count()).sum()
}

/// A number in decimal, without memory of its own.
fn itoa(mut number: u64) -> Digits {
    let mut digits = Digits { bytes: [0; 20], start: 20 };
    loop {
        digits.start -= 1;
        digits.bytes[digits.start] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            return digits;
        }
    }
}

struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn digits(&mut self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// How a client is told where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFrame {
    /// There is no body, and no word about its length.
    None,
    /// So many bytes; `HEAD` may be told a length without a body.
    Length(u64),
    /// In chunks.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// A target's response on its way to a client.
#[derive(Debug, Clone, Copy)]
pub struct Returning<'a> {
    /// The response.
    pub response: Response<'a>,
    /// Headers of the load balancer's own making, as lines.
    pub added: &'a [u8],
    /// What is set for the listener.
    pub attributes: &'a ListenerAttributes,
}

impl Returning<'_> {
    /// Writes the head for a client that speaks HTTP/1; `date` is for responses that lack one.
    pub fn write(&self, out: &mut Vec<u8>, frame: BodyFrame, keep_alive: bool, date: &str) {
        let head = self.response.head;
        let _ = write!(out, "HTTP/1.1 {:03} ", head.status);
        out.extend_from_slice(head.reason.of(self.response.bytes));
        out.extend_from_slice(b"\r\n");
        self.headers(out, date);
        write_frame(out, frame);
        if head.status == 101 {
            out.extend_from_slice(b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        } else {
            write_connection(out, keep_alive);
        }
    }

    /// Puts the headers that a client gets, but for framing, into a sink.
    pub fn headers(&self, sink: &mut impl HeaderSink, date: &str) {
        let mut has_date = false;
        for field in &self.response.head.fields {
            has_date |= field.id == Name::Date;
            let name = field.name.of(self.response.bytes);
            if self.passes(field) && !self.is_overwritten(name) {
                sink.put(name, &[field.value.of(self.response.bytes)]);
            }
        }
        if !has_date && self.response.head.status >= 200 {
            sink.put(b"Date", &[date.as_bytes()]);
        }
        put_lines(self.added, sink);
        for (name, value) in &self.attributes.response_headers {
            sink.put(name.as_bytes(), &[value.as_bytes()]);
        }
    }

    fn passes(&self, field: &Field) -> bool {
        match field.id {
            Name::Connection
            | Name::ContentLength
            | Name::KeepAlive
            | Name::ProxyConnection
            | Name::TransferEncoding
            | Name::Upgrade => false,
            Name::Server => self.attributes.server_header,
            _ => true,
        }
    }

    fn is_overwritten(&self, name: &[u8]) -> bool {
        let made = &self.attributes.response_headers;
        !made.is_empty() && made.keys().any(|made| made.as_bytes().eq_ignore_ascii_case(name))
    }
}

pub(super) fn write_frame(out: &mut Vec<u8>, frame: BodyFrame) {
    match frame {
        BodyFrame::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa(length).digits());
            out.extend_from_slice(b"\r\n");
        }
        BodyFrame::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        BodyFrame::None | BodyFrame::UntilClose => {}
    }
}

/// The last header and the empty line.
pub(super) fn write_connection(out: &mut Vec<u8>, keep_alive: bool) {
    out.extend_from_slice(if keep_alive {
        b"Connection: keep-alive\r\n\r\n"
    } else {
        b"Connection: close\r\n\r\n"
    });
}

#[cfg(test)]
mod tests;
