//! A request's body as it comes: bounded in time, without `aws-chunked` framing, and checked against what was signed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use enishi_wire::aws_chunked::{ChunkError, Decoder, Piece};
use enishi_wire::sigv4::Sha256;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// How long a client may rest in the middle of a body, at most.
const REST: Duration = Duration::from_secs(30);

/// Bytes that a second brings at least, once a body has begun: who trickles keeps others from their turn.
const BYTES_PER_SECOND: u64 = 1024;

/// What came behind a body. Empty until the body has ended.
#[derive(Debug, Clone, Default)]
pub struct Trailers(Arc<Mutex<Vec<(String, String)>>>);

impl PartialEq for Trailers {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trailers {}

impl Trailers {
    /// The value of a trailer, by its name in lower case.
    pub fn find(&self, name: &str) -> Option<String> {
        let trailers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }

    fn set(&self, trailers: Vec<(String, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trailers;
    }
}

/// Why a body is refused.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection failed, or was closed in the middle.
    #[error("the body ended early: {0}")]
    Connection(#[from] hyper::Error),
    /// The client has rested too long.
    #[error("the body came too slowly")]
    Slow,
    /// Its framing is wrong.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// It has another length than its header says.
    #[error("the body has not the length that its header says")]
    Length,
    /// It has another digest than its header says.
    #[error("the body has not the digest that its header says")]
    Digest,
}

/// How the body is framed.
pub enum Framing {
    /// Not at all; with a digest, the data has that one.
    Plain(Option<(Sha256, String)>),
    /// In chunks, with trailers behind the last.
    Chunked(Box<Decoder>, Trailers),
    /// It has been read to its end.
    Ended,
}

/// A request's body.
pub struct Upload {
    inner: Incoming,
    framing: Framing,
    /// What was read and is not yet understood.
    buffered: Bytes,
    /// Bytes of data that are still to come.
    left: Option<u64>,
    rest: Pin<Box<Sleep>>,
    /// How long the client may still be waited for; what comes adds to it.
    patience: Duration,
    /// Since when it is being waited for.
    waiting: Option<Instant>,
}

impl Upload {
    /// A body of `bytes` bytes of data, as far as that is known.
    pub fn new(inner: Incoming, framing: Framing, bytes: Option<u64>) -> Self {
        let rest = Box::pin(tokio::time::sleep(REST));
        let buffered = Bytes::new();
        Upload { inner, framing, buffered, left: bytes, rest, patience: REST, waiting: None }
    }

    /// Data out of what is buffered; nothing when more is needed.
    fn decode(&mut self) -> Result<Option<Bytes>, BodyError> {
        while !self.buffered.is_empty() {
            let data = match &mut self.framing {
                Framing::Plain(digest) => {
                    let data = std::mem::take(&mut self.buffered);
                    if let Some((digest, _)) = digest {
                        digest.update(&data);
                    }
                    data
                }
                Framing::Chunked(decoder, _) => match decoder.next(&self.buffered)? {
                    Piece::Data(bytes) => self.buffered.split_to(bytes),
                    Piece::Framing(bytes) => {
                        self.buffered.advance(bytes);
                        continue;
                    }
                },
                Framing::Ended => return Err(BodyError::Length),
            };
            if let Some(left) = &mut self.left {
                *left = left.checked_sub(data.len() as u64).ok_or(BodyError::Length)?;
            }
            return Ok(Some(data));
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), BodyError> {
        match std::mem::replace(&mut self.framing, Framing::Ended) {
            Framing::Plain(Some((digest, expected))) => {
                if digest.finish() != expected {
                    return Err(BodyError::Digest);
                }
            }
            Framing::Chunked(decoder, trailers) => trailers.set(decoder.finish()?),
            Framing::Plain(None) | Framing::Ended => {}
        }
        match self.left {
            Some(1..) => Err(BodyError::Length),
            _ => Ok(()),
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if matches!(self.framing, Framing::Ended) {
            return Poll::Ready(None);
        }
        loop {
            match self.decode() {
                Ok(None) => {}
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            match Pin::new(&mut self.inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let waited = self.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
                    self.patience = self.patience.saturating_sub(waited);
                    if let Ok(data) = frame.into_data() {
                        let earned = Duration::from_millis(data.len() as u64 * 1000 / BYTES_PER_SECOND);
                        self.patience = (self.patience + earned).min(REST);
                        self.buffered = data;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                Poll::Ready(None) => return Poll::Ready(self.end().err().map(Err)),
                Poll::Pending => {
                    if self.waiting.is_none() {
                        let now = Instant::now();
                        let until = now + self.patience;
                        self.waiting = Some(now);
                        self.rest.as_mut().reset(until);
                    }
                    std::task::ready!(self.rest.as_mut().poll(context));
                    return Poll::Ready(Some(Err(BodyError::Slow)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.framing, Framing::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
