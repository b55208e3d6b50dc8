//! HTTP/1 (RFC 9112) without sockets: heads are read line by line as they arrive, bodies are followed through their framing.
//!
//! * [`head`]: requests and responses up to the empty line, as spans of the bytes they came in; nothing is copied.
//! * [`body`]: where a body begins and ends: by length, in chunks, with the connection.
//! * [`desync`]: requests that two implementations could understand in two ways, in AWS's classes.
//!
//! Everything has a limit, and what could be read in two ways is either refused or forwarded in one.

pub mod body;
pub mod desync;
mod field;
mod framing;
pub mod head;
mod lines;
mod response;

pub use body::{Body, BodyError, Framing};
pub use desync::{Reason, Tier, Verdict};
pub use field::{Field, FieldTier, Name, Span};
pub use head::{HeadError, Request, RequestHead, RequestParser, Version};
pub use response::{Response, ResponseHead, ResponseParser};

/// The longest request line and the longest header, in bytes.
/// "16K per request line, 16K per single header, or 64K for the entire header"
/// ([Quotas](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html)).
pub const LINE: usize = 16 * 1024;
/// The longest head of a request, in bytes.
pub const REQUEST_HEAD: usize = 64 * 1024;
/// The longest head of a response, in bytes.
pub const RESPONSE_HEAD: usize = 32 * 1024;
/// The most headers of a message. AWS states none; each costs memory beside its bytes.
pub const FIELDS: usize = 1024;
