//! The one error type of the AWS side: what a handler returns and a codec writes.

use std::borrow::Cow;
use std::fmt;

use crate::shape::Shape;
use crate::value::Value;

/// An AWS error: a code, a message, and whose fault it is.
///
/// Codes and messages are AWS's own. Each service has one catalogue of functions that make them; only this crate's codecs
/// make faults elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    code: Cow<'static, str>,
    message: String,
    status: u16,
    side: Side,
    detail: Option<Box<Value>>,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client's: it should not try the same again.
    Sender,
    /// The service's: the client may try again.
    Receiver,
}

impl Fault {
    /// The client's fault, HTTP status 400.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400, side: Side::Sender, detail: None }
    }

    /// Our fault, HTTP status 500: `InternalError`. The message should name what failed, not what the client sent.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { status: 500, side: Side::Receiver, ..Self::new("InternalError", message) }
    }

    /// The service cannot answer now, HTTP status 503: `Unavailable`.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { status: 503, side: Side::Receiver, ..Self::new("Unavailable", message) }
    }

    /// The same with another HTTP status; 500 and above make it the receiver's fault.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self.side = if status >= 500 { Side::Receiver } else { Side::Sender };
        self
    }

    /// The same with the members of the modelled error of this code; leave the message unset there.
    pub fn with_detail(mut self, detail: impl Shape) -> Self {
        self.detail = Some(Box::new(detail.into_value()));
        self
    }

    /// The same with a detail that is a value already.
    pub fn with_detail_value(mut self, detail: Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    /// AWS's code: `InvalidVpcID.NotFound`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whose fault it is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The modelled error's members, if any.
    pub fn detail(&self) -> Option<&Value> {
        self.detail.as_deref()
    }
}

impl Side {
    /// awsQuery's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "Sender",
            Self::Receiver => "Receiver",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}
