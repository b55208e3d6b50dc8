//! Heads of responses.

use super::body::Framing;
use super::desync::{Tier, Verdict};
use super::field::{self, Field, Name, Span, is_token};
use super::framing::{self, FramingFields, options};
use super::head::{HeadError, Version};
use super::lines::Lines;
use super::{FIELDS, RESPONSE_HEAD};

/// The head of a response.
#[derive(Debug, Default)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// The reason, which may be empty.
    pub reason: Span,
    /// The version.
    pub version: Version,
    /// The headers.
    pub fields: Vec<Field>,
    /// How its body would be framed, if it has one ([`ResponseHead::framing_for`]).
    pub framing: Framing,
    /// Its `Content-Length`, which answers to `HEAD` and 304 may have without a body.
    pub length: Option<u64>,
    /// Whether the connection ends with it.
    pub close: bool,
    /// The bytes of the head, the empty line included.
    pub len: usize,
}

impl ResponseHead {
    /// How the body of this answer to a request is framed: some answers have none, whatever their headers say.
    pub fn framing_for(&self, is_head: bool) -> Framing {
        let has_none = is_head || matches!(self.status, 100..=199 | 204 | 304);
        if has_none { Framing::Empty } else { self.framing }
    }
}

/// A response's head together with the bytes it was read from.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    /// The bytes that the spans are of.
    pub bytes: &'a [u8],
    /// The head.
    pub head: &'a ResponseHead,
}

impl<'a> Response<'a> {
    /// The values of a header, in order.
    pub fn values(&self, id: Name) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let Response { bytes, head } = *self;
        head.fields.iter().filter(move |field| field.id == id).map(move |field| field.value.of(bytes))
    }
}

/// Reads a response's head.
#[derive(Debug, Default)]
pub struct ResponseParser {
    head: ResponseHead,
    lines: Lines,
    begun: bool,
    framing: FramingFields,
    close: bool,
    keep_alive: bool,
}

impl ResponseParser {
    /// The head that was read.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Forgets everything but memory, for the next response.
    pub fn reset(&mut self) {
        let mut fields = std::mem::take(&mut self.head.fields);
        fields.clear();
        *self = ResponseParser {
            head: ResponseHead { fields, ..ResponseHead::default() },
            ..ResponseParser::default()
        };
    }

    /// Reads a head that came over HTTP/2 and was written as HTTP/1.1, whole. `is_end`: nothing follows it.
    ///
    /// # Errors
    /// The head is no response's.
    pub fn of_http2(message: &[u8], is_end: bool) -> Result<Self, HeadError> {
        let mut parser = ResponseParser::default();
        if !parser.advance(message)? {
            return Err(HeadError::Malformed);
        }
        parser.head.framing = framing::of_http2(parser.head.framing, is_end);
        Ok(parser)
    }

    /// Reads on in `message`, which begins as it did before; whether the head is whole.
    ///
    /// # Errors
    /// The head is no response's, or too long.
    pub fn advance(&mut self, message: &[u8]) -> Result<bool, HeadError> {
        loop {
            let Some((start, end)) = self.lines.next(message, RESPONSE_HEAD, HeadError::TooLarge)? else {
                return Ok(false);
            };
            if !self.begun {
                self.begun = true;
                self.status_line(message, start, end)?;
            } else if start == end {
                self.head.len = self.lines.line;
                self.head.framing = self.framing.of_response()?;
                self.head.length = self.framing.length;
                let is_old = self.head.version == Version::Http10;
                self.head.close = self.close || (is_old && !self.keep_alive);
                return Ok(true);
            } else {
                self.field_line(message, start, end)?;
            }
        }
    }

    fn status_line(&mut self, message: &[u8], start: usize, end: usize) -> Result<(), HeadError> {
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', code @ ..] = &message[start..end] else {
            return Err(HeadError::Malformed);
        };
        self.head.version = match minor {
            b'0' => Version::Http10,
            b'1'..=b'9' => Version::Http11,
            _ => return Err(HeadError::Malformed),
        };
        let [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = code else {
            return Err(HeadError::Malformed);
        };
        self.head.status = [a, b, c].into_iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        let is_clean = rest.iter().all(|byte| *byte >= b' ' || *byte == b'\t');
        match rest {
            [] => self.head.reason = Span::new(end, end),
            [b' ', ..] if is_clean => self.head.reason = Span::new(end - rest.len() + 1, end),
            _ => return Err(HeadError::Malformed),
        }
        Ok(())
    }

    fn field_line(&mut self, message: &[u8], start: usize, end: usize) -> Result<(), HeadError> {
        let mut verdict = Verdict::default();
        let field = field::read(message, start, end, &mut verdict).map_err(|_| HeadError::Malformed)?;
        let Some(field) = field else { return Ok(()) };
        // "The target response is malformed or contains HTTP headers that are not valid": 502.
        if verdict.tier == Tier::Severe || field.name.of(message).iter().any(|byte| !is_token(*byte)) {
            return Err(HeadError::Malformed);
        }
        if self.head.fields.len() >= FIELDS {
            return Err(HeadError::TooLarge);
        }
        let value = field.value.of(message);
        match field.id {
            Name::Connection => {
                for option in options(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            Name::ContentLength | Name::TransferEncoding => self.framing.take(&field, value),
            _ => {}
        }
        self.head.fields.push(field);
        Ok(())
    }
}
