//! Heads of requests, read line by line; those of responses are read the same way.
//!
//! A parser is fed the same message again and again, longer each time; it goes on where it stopped, so that a head which arrives
//! byte by byte costs no more than one that arrives at once. Positions are relative to the beginning of the message: the bytes may
//! move between two calls.

use super::body::Framing;
use super::desync::{Reason, Tier, Verdict};
use super::field::{self, Field, Name, Span, is_token};
use super::framing::{self, FramingFields, options};
use super::lines::Lines;
use super::{FIELDS, REQUEST_HEAD};

/// Which HTTP a message speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and what will come after it.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
}

/// Why a head was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// It is not HTTP, or not complete where it has to be: 400.
    Malformed,
    /// The request line is too long: 414.
    LineTooLong,
    /// A header, or all of them together, are too long: 400.
    TooLarge,
    /// A coding of the body that is not implemented: 501.
    NotImplemented,
    /// A version that is not spoken here: 505.
    Version,
}

/// The head of a request.
#[derive(Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Span,
    /// The target as it was sent.
    pub target: Span,
    /// Path and query: the target without scheme and host.
    pub path: Span,
    /// The host that was asked for, from the target or from `Host`, with its port. Empty where none was.
    pub host: Span,
    /// Whether the host is the target's.
    pub is_absolute: bool,
    /// The version.
    pub version: Version,
    /// The headers.
    pub fields: Vec<Field>,
    /// How far it follows the RFC.
    pub verdict: Verdict,
    /// How its body is framed.
    pub framing: Framing,
    /// Whether `Connection` says `close`, or it is a request of HTTP/1.0 that does not say `keep-alive`.
    pub close: bool,
    /// Whether it asks for the WebSocket protocol.
    pub websocket: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects_continue: bool,
    /// Whether the method is `HEAD`, whose answers have no body.
    pub is_head: bool,
    /// The bytes of the head, the empty line included.
    pub len: usize,
}

/// A request's head together with the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The bytes that the spans are of.
    pub bytes: &'a [u8],
    /// The head.
    pub head: &'a RequestHead,
}

impl<'a> Request<'a> {
    /// The method.
    pub fn method(&self) -> &'a [u8] {
        self.head.method.of(self.bytes)
    }

    /// Path and query.
    pub fn path_and_query(&self) -> &'a [u8] {
        self.head.path.of(self.bytes)
    }

    /// The host that was asked for, with its port.
    pub fn host(&self) -> &'a [u8] {
        self.head.host.of(self.bytes)
    }

    /// The values of a header, in order.
    pub fn values(&self, id: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let Request { bytes, head } = *self;
        head.fields.iter().filter(move |field| field.id == id).map(move |field| field.value.of(bytes))
    }

    /// The values of headers of any name.
    pub fn named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let Request { bytes, head } = *self;
        head.fields
            .iter()
            .filter(move |field| field.name.of(bytes).eq_ignore_ascii_case(name))
            .map(move |field| field.value.of(bytes))
    }
}

/// Reads a request's head.
#[derive(Debug, Default)]
pub struct RequestParser {
    head: RequestHead,
    lines: Lines,
    begun: bool,
    framing: FramingFields,
    hosts: usize,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    websocket: bool,
}

impl RequestParser {
    /// The head that was read.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Forgets everything but memory, for the next request.
    pub fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.head.fields);
        fields.clear();
        *self = RequestParser {
            head: RequestHead { fields, ..RequestHead::default() },
            ..RequestParser::default()
        };
    }

    /// Gives memory back while nothing is read.
    pub fn shrink(&mut self) {
        self.head.fields = Vec::new();
    }

    /// Reads a head that came over HTTP/2 and was written as HTTP/1.1, whole. `is_end`: nothing follows it.
    ///
    /// # Errors
    /// The head is refused.
    pub fn of_http2(message: &[u8], is_end: bool) -> Result<Self, HeadError> {
        let mut parser = RequestParser::default();
        if !parser.advance(message)? {
            return Err(HeadError::Malformed);
        }
        let head = &mut parser.head;
        head.version = Version::Http2;
        // How HTTP/1 frames bodies says nothing here.
        head.verdict = Verdict::default();
        head.framing = framing::of_http2(head.framing, is_end);
        head.websocket = false;
        head.expects_continue = false;
        Ok(parser)
    }

    /// Whether anything but empty lines has come.
    pub fn has_begun(&self, message: &[u8]) -> bool {
        self.begun || message.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// Reads on in `message`, which begins as it did before; whether the head is whole.
    ///
    /// # Errors
    /// The head is refused. What was understood of it until then stays in [`Self::head`].
    pub fn advance(&mut self, message: &[u8]) -> Result<bool, HeadError> {
        loop {
            let too_long = if self.begun { HeadError::TooLarge } else { HeadError::LineTooLong };
            let Some((start, end)) = self.lines.next(message, REQUEST_HEAD, too_long)? else {
                return Ok(false);
            };
            if !self.begun {
                // RFC 9112, section 2.2: "a server that is expecting to receive and parse a request-line SHOULD ignore at least
                // one empty line (CRLF) received prior to the request-line".
                if start == end {
                    continue;
                }
                self.begun = true;
                self.request_line(message, start, end)?;
            } else if start == end {
                self.head.len = self.lines.line;
                if self.lines.is_bare {
                    self.head.verdict.add(Tier::Acceptable, Reason::NonCrLfLineTermination);
                }
                self.finish(message)?;
                return Ok(true);
            } else {
                self.field_line(message, start, end)?;
            }
        }
    }

    fn request_line(&mut self, message: &[u8], start: usize, end: usize) -> Result<(), HeadError> {
        let line = &message[start..end];
        let first = memchr::memchr(b' ', line).ok_or(HeadError::Malformed)?;
        let last = memchr::memrchr(b' ', line).filter(|last| *last > first).ok_or(HeadError::Malformed)?;
        let (method, version) = (&line[..first], &line[last + 1..]);
        self.head.method = Span::new(start, start + first);
        self.head.target = Span::new(start + first + 1, start + last);
        self.head.is_head = method == b"HEAD";
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            self.head.verdict.add(Tier::Severe, Reason::BadMethod);
            return Err(HeadError::Malformed);
        }
        self.head.version = match version {
            b"HTTP/1.1" => Version::Http11,
            b"HTTP/1.0" => Version::Http10,
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => {
                self.head.verdict.add(Tier::Acceptable, Reason::NonCompliantVersion);
                Version::Http11
            }
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9']
            | [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                return Err(HeadError::Version);
            }
            _ => {
                self.head.verdict.add(Tier::Severe, Reason::BadVersion);
                return Err(HeadError::Malformed);
            }
        };
        self.target(message)
    }

    /// RFC 9112, section 3.2.
    fn target(&mut self, message: &[u8]) -> Result<(), HeadError> {
        let span = self.head.target;
        let target = span.of(message);
        let is_clean = target.iter().fold(true, |clean, byte| clean & (*byte > b' ') & (*byte != 0x7f));
        if !is_clean {
            let verdict = &mut self.head.verdict;
            for byte in target {
                match byte {
                    0 | b'\r' => verdict.add(Tier::Severe, Reason::BadUri),
                    b' ' => verdict.add(Tier::Acceptable, Reason::SpaceInUri),
                    byte if byte.is_ascii_control() => verdict.add(Tier::Ambiguous, Reason::AmbiguousUri),
                    _ => {}
                }
            }
        }
        if target.first() == Some(&b'/') {
            self.head.path = span;
            return Ok(());
        }
        if target == b"*" && self.head.method.of(message) == b"OPTIONS" {
            self.head.path = span;
            return Ok(());
        }
        let scheme = [&b"http://"[..], b"https://"]
            .into_iter()
            .find(|scheme| target.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
            .ok_or(HeadError::Malformed)?;
        let rest = &target[scheme.len()..];
        let host = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let host_start = span.start() + scheme.len();
        self.head.host = Span::new(host_start, host_start + host);
        self.head.path = Span::new(host_start + host, span.end());
        self.head.is_absolute = true;
        if host == 0 { Err(HeadError::Malformed) } else { Ok(()) }
    }

    fn field_line(&mut self, message: &[u8], start: usize, end: usize) -> Result<(), HeadError> {
        let field = match field::read(message, start, end, &mut self.head.verdict) {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(()),
            Err(field::NoField) => {
                self.head.verdict.add(Tier::Severe, Reason::BadHeader);
                return Err(HeadError::Malformed);
            }
        };
        if self.head.fields.len() >= FIELDS {
            return Err(HeadError::TooLarge);
        }
        let value = field.value.of(message);
        match field.id {
            Name::Host => {
                self.hosts += 1;
                if !self.head.is_absolute {
                    self.head.host = field.value;
                }
            }
            Name::Connection => {
                for option in options(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            Name::Upgrade => {
                self.websocket |= options(value).any(|option| option.eq_ignore_ascii_case(b"websocket"))
            }
            Name::Expect => self.head.expects_continue |= value.eq_ignore_ascii_case(b"100-continue"),
            Name::ContentLength | Name::TransferEncoding => self.framing.take(&field, value),
            _ => {}
        }
        self.head.fields.push(field);
        Ok(())
    }

    fn finish(&mut self, message: &[u8]) -> Result<(), HeadError> {
        let head = &mut self.head;
        let has_no_body = matches!(head.method.of(message), b"GET" | b"HEAD");
        head.framing = self.framing.of_request(head.version, has_no_body, &mut head.verdict)?;
        head.close = self.close || (head.version == Version::Http10 && !self.keep_alive);
        head.websocket = self.websocket && self.upgrade && head.version == Version::Http11 && !self.close;
        head.expects_continue &= head.version == Version::Http11;
        // RFC 9112, section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that
        // lacks a Host header field and to any request message that contains more than one Host header field line or a Host
        // header field with an invalid field value."
        let is_missing = head.version != Version::Http10 && self.hosts == 0;
        if is_missing || self.hosts > 1 || !is_host(head.host.of(message)) {
            return Err(HeadError::Malformed);
        }
        Ok(())
    }
}

/// A host with or without a port; also an empty one, which HTTP/1.0 may leave out.
fn is_host(host: &[u8]) -> bool {
    host.len() <= 512
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%".contains(byte))
}

#[cfg(test)]
mod tests;
