//! Bodies on their way through.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::HeaderMap;

use super::buffer::Buffer;
use super::stream::{Io, Patience};
use crate::balancer::forwarding::{BodyFrame, HeaderSink, Returning, put_lines};
use crate::balancer::http1::{Body, Framing, Name};

/// How many chunks are put together at a time at most.
const GATHERED: usize = 16;
/// Up to how many bytes a head and the beginning of its body are copied into one piece.
const TOGETHER: usize = 4096;

/// A body that is read from a connection of HTTP/1.
#[derive(Debug)]
pub(super) struct Http1Source<'a> {
    io: &'a Io,
    input: &'a mut Buffer,
    body: Body,
    /// Bytes of the body at the beginning of `input`.
    data: usize,
    patience: Patience<'a>,
    /// Bytes that came, framing included.
    pub(super) received: u64,
}

impl<'a> Http1Source<'a> {
    pub(super) fn new(io: &'a Io, input: &'a mut Buffer, framing: Framing, patience: Patience<'a>) -> Self {
        Http1Source { io, input, body: Body::new(framing), data: 0, patience, received: 0 }
    }

    /// Whether [`Self::next`] would not have to wait.
    pub(super) fn is_ready(&mut self) -> bool {
        // Broken framing is found again by whoever asks for data.
        let is_broken = self.data == 0 && !self.body.is_done() && self.gather().is_err();
        is_broken || self.data > 0 || self.body.is_done()
    }

    pub(super) fn is_done(&self) -> bool {
        self.data == 0 && self.body.is_done()
    }

    /// Waits for more of the body; `false`: it is over.
    pub(super) async fn next(&mut self) -> io::Result<bool> {
        loop {
            if self.data == 0 {
                self.gather()?;
            }
            if self.data > 0 {
                return Ok(true);
            }
            if self.body.is_done() {
                return Ok(false);
            }
            if self.io.read(self.input, self.patience).await? == 0 {
                return if self.body.end() { Ok(false) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// What [`Self::next`] waited for.
    pub(super) fn data(&self) -> &[u8] {
        self.input.filled().get(..self.data).unwrap_or_default()
    }

    /// Whether [`Self::data`] is the end of the body, and no trailers follow.
    pub(super) fn is_last(&self) -> bool {
        self.body.is_done() && self.body.trailers().is_empty()
    }

    /// [`Self::data`] was used.
    pub(super) fn consume(&mut self) {
        self.input.consume(self.data);
        self.data = 0;
    }

    pub(super) fn trailers(&self) -> &[u8] {
        self.body.trailers()
    }

    /// Looks for data in what has come, and puts pieces of it together.
    fn gather(&mut self) -> io::Result<()> {
        let broken = |_| io::Error::from(io::ErrorKind::InvalidData);
        let piece = self.body.advance(self.input.filled()).map_err(broken)?;
        self.input.consume(piece.skip);
        self.data = piece.data;
        self.received += (piece.skip + piece.data) as u64;
        for _ in 0..GATHERED {
            let rest = self.input.filled().get(self.data..).unwrap_or_default();
            if self.data == 0 || rest.is_empty() || self.body.is_done() {
                return Ok(());
            }
            let piece = self.body.advance(rest).map_err(broken)?;
            self.input.cut(self.data, piece.skip);
            self.data += piece.data;
            self.received += (piece.skip + piece.data) as u64;
            if piece.data == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// A body that is read from a stream of HTTP/2.
#[derive(Debug)]
pub(super) struct Http2Source<'a> {
    stream: RecvStream,
    chunk: Bytes,
    trailers: Vec<u8>,
    is_over: bool,
    patience: Patience<'a>,
    /// Bytes that came.
    pub(super) received: u64,
}

impl<'a> Http2Source<'a> {
    pub(super) fn new(stream: RecvStream, patience: Patience<'a>) -> Self {
        let is_over = stream.is_end_stream();
        Http2Source { stream, chunk: Bytes::new(), trailers: Vec::new(), is_over, patience, received: 0 }
    }

    async fn next(&mut self) -> io::Result<bool> {
        while self.chunk.is_empty() && !self.is_over {
            let data = poll_fn(|cx| match self.stream.poll_data(cx) {
                Poll::Ready(data) => Poll::Ready(Ok(data)),
                Poll::Pending => {
                    self.patience.timer.poll(cx).map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)))
                }
            })
            .await?;
            self.patience.timer.extend(self.patience.limit);
            match data {
                Some(data) => self.chunk = data.map_err(broken)?,
                None => {
                    let trailers = poll_fn(|cx| self.stream.poll_trailers(cx)).await.map_err(broken)?;
                    for (name, value) in trailers.iter().flatten() {
                        let name = name.as_str().as_bytes();
                        // As in chunks: what means something to a proxy, or is of its own making, is no trailer.
                        if Name::of(name) == Name::Other {
                            self.trailers.put(name, &[value.as_bytes()]);
                        }
                    }
                    self.is_over = true;
                }
            }
            self.received += self.chunk.len() as u64;
        }
        Ok(!self.chunk.is_empty())
    }

    fn consume(&mut self) {
        let count = self.chunk.len();
        self.chunk = Bytes::new();
        // Only a stream that is over refuses it.
        let _ = self.stream.flow_control().release_capacity(count);
        self.is_over |= self.stream.is_end_stream();
    }
}

pub(super) fn broken(error: h2::Error) -> io::Error {
    if error.is_io() {
        error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
    } else {
        io::Error::other(error)
    }
}

/// A body that is written to a stream of HTTP/2.
#[derive(Debug)]
pub(super) struct Http2Sink<'a> {
    /// Where a response's head goes, until it has gone.
    respond: Option<SendResponse<Bytes>>,
    /// Where the body goes, once the head has gone.
    stream: Option<SendStream<Bytes>>,
    patience: Patience<'a>,
    is_over: bool,
    /// Bytes that were written.
    pub(super) sent: u64,
}

impl<'a> Http2Sink<'a> {
    /// The body of a request whose head has gone.
    pub(super) fn request(stream: SendStream<Bytes>, is_over: bool, patience: Patience<'a>) -> Self {
        Http2Sink { respond: None, stream: Some(stream), patience, is_over, sent: 0 }
    }

    /// A response.
    pub(super) fn response(respond: SendResponse<Bytes>, patience: Patience<'a>) -> Self {
        Http2Sink { respond: Some(respond), stream: None, patience, is_over: false, sent: 0 }
    }

    /// Ends a message that cannot be completed.
    pub(super) fn reset(&mut self, reason: h2::Reason) {
        if let Some(mut stream) = self.stream.take() {
            stream.send_reset(reason);
        }
        if let Some(mut respond) = self.respond.take() {
            respond.send_reset(reason);
        }
    }

    /// Ready when whoever is written to has reset the stream, or is gone.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reset = match (&mut self.respond, &mut self.stream) {
            (Some(respond), _) => respond.poll_reset(cx),
            (None, Some(stream)) if !self.is_over => stream.poll_reset(cx),
            _ => return Poll::Pending,
        };
        reset.map(|_| io::ErrorKind::ConnectionReset.into())
    }

    /// Hands on a target's head; `is_end`: there is no body.
    pub(super) fn head(
        &mut self,
        returning: &Returning<'_>,
        frame: BodyFrame,
        date: &str,
        is_end: bool,
    ) -> io::Result<()> {
        let mut response = http::Response::new(());
        let status = http::StatusCode::from_u16(returning.response.head.status);
        *response.status_mut() = status.map_err(|_| io::ErrorKind::InvalidData)?;
        returning.headers(response.headers_mut(), date);
        if let BodyFrame::Length(length) = frame {
            response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
        }
        self.begin(response, is_end)
    }

    /// Sends a head.
    pub(super) fn begin(&mut self, response: http::Response<()>, is_end: bool) -> io::Result<()> {
        let mut respond = self.respond.take().ok_or(io::ErrorKind::AlreadyExists)?;
        let count = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        self.sent += count.sum::<usize>() as u64;
        self.stream = Some(respond.send_response(response, is_end).map_err(broken)?);
        self.is_over = is_end;
        Ok(())
    }

    /// Sends a whole body.
    pub(super) async fn whole(&mut self, body: &[u8]) -> io::Result<()> {
        if body.is_empty() { self.end(b"") } else { self.data(body, true).await }
    }

    async fn data(&mut self, data: &[u8], last: bool) -> io::Result<()> {
        let mut data = Bytes::copy_from_slice(data);
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let granted = poll_fn(|cx| match stream.poll_capacity(cx) {
                Poll::Ready(granted) => Poll::Ready(Ok(granted)),
                Poll::Pending => {
                    self.patience.timer.poll(cx).map(|()| Err(io::Error::from(io::ErrorKind::TimedOut)))
                }
            })
            .await?;
            let granted = granted.ok_or(io::ErrorKind::ConnectionReset)?.map_err(broken)?;
            self.patience.timer.extend(self.patience.limit);
            let part = data.split_to(granted.min(data.len()));
            self.sent += part.len() as u64;
            let is_end = last && data.is_empty();
            stream.send_data(part, is_end).map_err(broken)?;
            self.is_over |= is_end;
        }
        Ok(())
    }

    fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.is_over, true) {
            return Ok(());
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        if trailers.is_empty() {
            return stream.send_data(Bytes::new(), true).map_err(broken);
        }
        let mut map = HeaderMap::new();
        put_lines(trailers, &mut map);
        stream.send_trailers(map).map_err(broken)
    }
}

/// Where a body comes from.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Http1(Http1Source<'a>),
    Http2(Http2Source<'a>),
}

impl Source<'_> {
    fn is_ready(&mut self) -> bool {
        match self {
            Source::Http1(source) => source.is_ready(),
            Source::Http2(source) => !source.chunk.is_empty() || source.is_over,
        }
    }

    /// Whether nothing is left of it.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Source::Http1(source) => source.is_done(),
            Source::Http2(source) => source.chunk.is_empty() && source.is_over,
        }
    }

    async fn next(&mut self) -> io::Result<bool> {
        match self {
            Source::Http1(source) => source.next().await,
            Source::Http2(source) => source.next().await,
        }
    }

    /// Bytes that came.
    pub(super) fn received(&self) -> u64 {
        match self {
            Source::Http1(source) => source.received,
            Source::Http2(source) => source.received,
        }
    }
}

/// Where a body goes.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    Http1(Http1Sink<'a>),
    Http2(Http2Sink<'a>),
}

impl Sink<'_> {
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Http1(sink) => sink.flush().await,
            Sink::Http2(_) => Ok(()),
        }
    }

    /// Waits for what is to be written next, but no longer than anybody wants it. A client of HTTP/2 can take a request back and
    /// send the next one at once on the same connection: a target that answers late would have to work on any number of them.
    pub(super) async fn unless_reset<T>(&mut self, wanted: impl Future<Output = T>) -> io::Result<T> {
        let Sink::Http2(sink) = self else { return Ok(wanted.await) };
        let mut wanted = pin!(wanted);
        poll_fn(|cx| match wanted.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => sink.poll_reset(cx).map(Err),
        })
        .await
    }

    async fn data(&mut self, data: &[u8], last: bool) -> io::Result<()> {
        match self {
            Sink::Http1(sink) => sink.data(data, last).await,
            Sink::Http2(sink) => sink.data(data, last).await,
        }
    }

    async fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        match self {
            Sink::Http1(sink) => sink.end(trailers).await,
            Sink::Http2(sink) => sink.end(trailers),
        }
    }

    /// Bytes that were written.
    pub(super) fn sent(&self) -> u64 {
        match self {
            Sink::Http1(sink) => sink.sent,
            Sink::Http2(sink) => sink.sent,
        }
    }
}

/// Which side of a pump failed.
#[derive(Debug)]
pub(super) enum PumpError {
    /// Where bytes came from.
    Source(io::Error),
    /// Where they went.
    Sink(io::Error),
}

/// Moves a whole body.
pub(super) async fn pump(source: &mut Source<'_>, sink: &mut Sink<'_>) -> Result<(), PumpError> {
    loop {
        if !source.is_ready() {
            sink.flush().await.map_err(PumpError::Sink)?;
        }
        let next = sink.unless_reset(source.next()).await.map_err(PumpError::Sink)?;
        if !next.map_err(PumpError::Source)? {
            break;
        }
        let moved = match source {
            Source::Http1(source) => sink.data(source.data(), source.is_last()).await,
            Source::Http2(source) => sink.data(&source.chunk, source.stream.is_end_stream()).await,
        };
        moved.map_err(PumpError::Sink)?;
        match source {
            Source::Http1(source) => source.consume(),
            Source::Http2(source) => source.consume(),
        }
    }
    let trailers = match source {
        Source::Http1(source) => source.trailers(),
        Source::Http2(source) => &source.trailers,
    };
    sink.end(trailers).await.map_err(PumpError::Sink)
}

/// A body that is written to a connection of HTTP/1. What is in `out` goes before it.
#[derive(Debug)]
pub(super) struct Http1Sink<'a> {
    io: &'a Io,
    /// What was not written yet: a head.
    pub(super) out: &'a mut Vec<u8>,
    /// How the body is framed.
    pub(super) frame: BodyFrame,
    patience: Patience<'a>,
    is_over: bool,
    /// Bytes that were written, framing included.
    pub(super) sent: u64,
}

impl<'a> Http1Sink<'a> {
    pub(super) fn new(io: &'a Io, out: &'a mut Vec<u8>, frame: BodyFrame, patience: Patience<'a>) -> Self {
        Http1Sink { io, out, frame, patience, is_over: false, sent: 0 }
    }

    async fn write(&mut self, data: &[u8], behind: &[u8]) -> io::Result<()> {
        let count = self.out.len() + data.len() + behind.len();
        let result = if count <= TOGETHER {
            // One piece is sent faster than three.
            self.out.extend_from_slice(data);
            self.out.extend_from_slice(behind);
            self.io.write([self.out.as_slice(), b"", b""], self.patience).await
        } else {
            self.io.write([self.out.as_slice(), data, behind], self.patience).await
        };
        self.out.clear();
        self.sent += count as u64;
        result
    }

    /// Writes what waits.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() { Ok(()) } else { self.write(b"", b"").await }
    }

    /// Writes a part of the body, which is not empty; `last`: nothing follows.
    pub(super) async fn data(&mut self, data: &[u8], last: bool) -> io::Result<()> {
        match self.frame {
            BodyFrame::None => Ok(()),
            BodyFrame::Length(_) | BodyFrame::UntilClose => self.write(data, b"").await,
            BodyFrame::Chunked => {
                self.is_over = last;
                // Writing to memory does not fail.
                let _ = io::Write::write_fmt(self.out, format_args!("{:x}\r\n", data.len()));
                self.write(data, if last { b"\r\n0\r\n\r\n" } else { b"\r\n" }).await
            }
        }
    }

    /// The body is over; `trailers` are lines.
    pub(super) async fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        if self.frame == BodyFrame::Chunked && !self.is_over {
            self.is_over = true;
            self.out.extend_from_slice(b"0\r\n");
            self.out.extend_from_slice(trailers);
            self.out.extend_from_slice(b"\r\n");
        }
        self.flush().await
    }
}
