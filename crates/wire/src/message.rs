//! Requests and responses as this crate sees them: borrowed parts in, bytes out, no HTTP library's types but its headers.

use std::borrow::Cow;

use http::HeaderMap;

/// One HTTP request, its body read whole.
///
/// The server bounds what it reads by [`limits`](crate::limits) before it makes one of these.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `POST`.
    pub method: &'a str,
    /// The path as sent, escapes untouched.
    pub path: &'a str,
    /// The query string as sent, without the question mark.
    pub query: &'a str,
    /// The headers. Over HTTP/2 the server adds `host` from `:authority`, since signatures cover it.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The content type in lower case without parameters.
    pub(crate) fn content_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// What a codec made: everything of an HTTP response but the connection's own headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order to send them, names in lower case; `content-length` is left to the server.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, request_id: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type".into(), content_type.to_owned()),
                ("x-amzn-requestid".into(), request_id.to_owned()),
            ],
            body,
        }
    }

    /// Adds a header; the name is written in lower case.
    pub(crate) fn add_header(&mut self, name: &str, value: String) {
        self.headers.push((name.to_ascii_lowercase().into(), value));
    }

    /// The value of the first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str())
    }
}
