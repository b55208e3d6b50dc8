//! What can go wrong, always with the step that failed.

use std::io;

use serde::{Deserialize, Serialize};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call refused; `step` says what was being done.
    #[error("{step}: {source}")]
    Io {
        /// What was being done, e.g. `mount /proc`.
        step: String,
        /// The refusal.
        #[source]
        source: io::Error,
    },
    /// The keeper answered, and said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The keeper has closed the connection.
    #[error("the keeper has closed the connection")]
    Disconnected,
    /// The keeper was started by another version of this program, and its instances with it.
    #[error(
        "the keeper, process {pid}, is of another version of Enishi; `enishi down` ends it and its instances"
    )]
    OtherVersion {
        /// The keeper's process.
        pid: i32,
    },
    /// The other side sent something that is not a message of this version.
    #[error("not a message of the keeper protocol: {0}")]
    Protocol(String),
}

impl Error {
    /// The kind, for callers that only branch on it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(refusal) => refusal.kind,
            Self::Disconnected => ErrorKind::Disconnected,
            Self::Io { .. } | Self::OtherVersion { .. } | Self::Protocol(_) => ErrorKind::Failed,
        }
    }

    pub(crate) fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Refused(Refusal { kind, message: message.into() })
    }
}

/// Why the keeper refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The kind of refusal.
    pub kind: ErrorKind,
    /// A sentence for people, with the step that failed.
    pub message: String,
}

/// A closed set of kinds, see [`Error::kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No such namespace, instance or command.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The thing is used by another, or in a state that does not allow the request.
    InUse,
    /// The request makes no sense.
    Invalid,
    /// One of the keeper's bounds is reached.
    Limit,
    /// The kernel or the file system refused.
    Failed,
    /// There is no keeper at the other end any more.
    Disconnected,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => refusal,
            other => Self { kind: other.kind(), message: other.to_string() },
        }
    }
}

/// Names the step on the way out of a function: `mount(..).step("mount /proc")?`.
pub(crate) trait Step<T> {
    /// Wraps the error.
    fn step(self, step: impl Into<String>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: impl Into<String>) -> Result<T, Error> {
        self.map_err(|source| Error::Io { step: step.into(), source: source.into() })
    }
}
