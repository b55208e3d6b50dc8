//! Connections, with or without TLS.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::buffer::Buffer;
use super::timer::Timer;

/// A connection.
#[derive(Debug)]
pub(super) enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Over TLS, with a client.
    Server(Box<server::TlsStream<TcpStream>>),
    /// Over TLS, with a target.
    Client(Box<client::TlsStream<TcpStream>>),
}

impl Stream {
    /// The connection below TLS.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            Stream::Server(stream) => stream.get_ref().0,
            Stream::Client(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Server(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Client(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

/// Encrypts what fits into a session's memory; what waits there is sent by a flush, as one piece.
fn encrypt<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    mut put: impl FnMut(&mut S) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    match put(stream)? {
        0 => {
            ready!(Pin::new(&mut *stream).poll_flush(cx))?;
            Poll::Ready(put(stream))
        }
        count => Poll::Ready(Ok(count)),
    }
}

/// Over TLS, what is written goes out with a flush.
impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Server(stream) => encrypt(stream, cx, |stream| stream.get_mut().1.writer().write(buf)),
            Stream::Client(stream) => encrypt(stream, cx, |stream| stream.get_mut().1.writer().write(buf)),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Server(stream) => {
                encrypt(stream, cx, |stream| stream.get_mut().1.writer().write_vectored(bufs))
            }
            Stream::Client(stream) => {
                encrypt(stream, cx, |stream| stream.get_mut().1.writer().write_vectored(bufs))
            }
        }
    }

    /// Only HTTP/2 asks. Told that pieces are joined, it flushes after each DATA frame of 256 bytes or more; like this, frames under a
    /// KiB, of all streams, go out together.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Server(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Client(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Server(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Client(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A connection that one task reads and writes at the same time.
#[derive(Debug)]
pub(super) struct Io {
    stream: RefCell<Stream>,
}

/// Patience with a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience<'a> {
    /// The deadline.
    pub(super) timer: &'a Timer,
    /// How far a byte moves it.
    pub(super) limit: Duration,
}

/// Writes once; a single piece without the detour over a list of pieces.
fn write_once(
    stream: &mut Stream,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>; 3],
) -> Poll<io::Result<usize>> {
    match parts {
        [only, second, third] if second.is_empty() && third.is_empty() => {
            Pin::new(stream).poll_write(cx, only)
        }
        parts => Pin::new(stream).poll_write_vectored(cx, parts),
    }
}

impl Io {
    pub(super) fn new(stream: Stream) -> Self {
        Io { stream: RefCell::new(stream) }
    }

    /// Reads once what is there; memory is held only if something is.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let room = buffer.room();
        if room.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::StorageFull.into()));
        }
        let mut into = ReadBuf::new(room);
        let result = Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, &mut into);
        let count = into.filled().len();
        match result {
            Poll::Ready(Ok(())) => buffer.advance(count),
            Poll::Ready(Err(_)) | Poll::Pending => buffer.release(),
        }
        ready!(result)?;
        Poll::Ready(Ok(count))
    }

    /// Reads once; 0 is the end.
    pub(super) async fn read(&self, buffer: &mut Buffer, patience: Patience<'_>) -> io::Result<usize> {
        let count = self.read_until(buffer, patience.timer).await?;
        patience.timer.extend(patience.limit);
        Ok(count)
    }

    /// Reads once, and buys no time with it.
    pub(super) async fn read_until(&self, buffer: &mut Buffer, timer: &Timer) -> io::Result<usize> {
        poll_fn(|cx| match self.poll_read(cx, buffer) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await
    }

    /// Writes everything.
    pub(super) async fn write(&self, parts: [&[u8]; 3], patience: Patience<'_>) -> io::Result<()> {
        let mut done = 0;
        let total: usize = parts.iter().map(|part| part.len()).sum();
        while done < total {
            let mut skip = done;
            let rest = parts.map(|part| {
                let passed = skip.min(part.len());
                skip -= passed;
                IoSlice::new(&part[passed..])
            });
            let count = poll_fn(|cx| {
                let mut stream = self.stream.borrow_mut();
                match write_once(&mut stream, cx, &rest) {
                    Poll::Ready(result) => Poll::Ready(result),
                    Poll::Pending => patience.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
                }
            })
            .await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            done += count;
            if done < total {
                patience.timer.extend(patience.limit);
            }
        }
        self.flush(patience).await
    }

    /// TLS may keep what it could not send yet.
    async fn flush(&self, patience: Patience<'_>) -> io::Result<()> {
        if matches!(*self.stream.borrow(), Stream::Plain(_)) {
            return Ok(());
        }
        poll_fn(|cx| match Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => patience.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await
    }

    /// Says that nothing more will be written.
    pub(super) async fn shutdown(&self, patience: Patience<'_>) -> io::Result<()> {
        poll_fn(|cx| match Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => patience.timer.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        })
        .await
    }

    /// Whether the peer has ended the connection: `Some` when that can be said, for better or worse.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut byte = [0];
        let mut into = ReadBuf::new(&mut byte);
        self.stream.borrow().tcp().poll_peek(cx, &mut into).map(|result| result.unwrap_or_default() == 0)
    }

    /// Whether nothing has come, nor the end, since everything was read: such a connection can be used again.
    pub(super) fn is_quiet(&self) -> bool {
        let waker = std::task::Waker::noop();
        let mut cx = Context::from_waker(waker);
        self.poll_ended(&mut cx).is_pending()
    }

    /// Whether it is without TLS.
    pub(super) fn is_plain(&self) -> bool {
        matches!(*self.stream.borrow(), Stream::Plain(_))
    }

    /// The same connection, known to this thread's runtime instead of another's. `None`: something has come, the end perhaps; or it is
    /// over TLS, which cannot be taken off a connection and put on again.
    pub(super) fn adopt(self) -> Option<Io> {
        if !self.is_quiet() {
            return None;
        }
        let Stream::Plain(stream) = self.stream.into_inner() else { return None };
        let stream = TcpStream::from_std(stream.into_std().ok()?).ok()?;
        Some(Io::new(Stream::Plain(stream)))
    }

    /// Makes the connection's end a reset, which tells a target that its answer is not wanted.
    pub(super) fn abandon(&self) {
        let _ = socket2::SockRef::from(self.stream.borrow().tcp()).set_linger(Some(Duration::ZERO));
    }
}
