//! A netlink socket: requests with acknowledgements, dumps, and notifications.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname, getsockopt,
    recv, sendmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::message::{ACK, DONE, DUMP, DUMP_INTERRUPTED, ERROR, MULTI, Message, Received, received};

/// What one `recv` can return: the kernel never answers with more than 32 KiB, but an error carries the request back.
const RECEIVE_BYTES: usize = 256 * 1024;
/// How many requests are sent before their acknowledgements are read, so that these fit the receive buffer.
const PIPELINE: usize = 64;
/// How often a dump is begun again when changes interrupt it.
const DUMP_TRIES: usize = 8;
/// The kernel answers before `sendmsg` returns; waiting longer than this means that an answer was lost.
const ANSWER_SECONDS: i64 = 5;
/// Wanted size of both buffers, in bytes. As an ordinary user the kernel gives less.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;

thread_local! {
    /// One buffer per thread rather than per socket: there are thousands of sockets.
    static RECEIVE: RefCell<Vec<u8>> = RefCell::new(vec![0; RECEIVE_BYTES]);
}

/// A netlink socket in one network namespace.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    port: u32,
    sequence: u32,
    send_limit: usize,
}

impl Socket {
    /// Opens a socket of this protocol in the calling thread's namespace, joined to the groups of the bit mask `groups`.
    pub(crate) fn open(protocol: SockProtocol, groups: u32) -> io::Result<Self> {
        let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(ANSWER_SECONDS))?;
        // Without privilege over the host the forced sizes are refused and the plain ones are capped.
        if setsockopt(&fd, sockopt::SndBufForce, &BUFFER_BYTES).is_err() {
            setsockopt(&fd, sockopt::SndBuf, &BUFFER_BYTES)?;
        }
        if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER_BYTES).is_err() {
            setsockopt(&fd, sockopt::RcvBuf, &BUFFER_BYTES)?;
        }
        let send_limit = getsockopt(&fd, sockopt::SndBuf)?.saturating_sub(64);
        let port = getsockname::<NetlinkAddr>(fd.as_raw_fd())?.pid();
        Ok(Socket { fd, port, sequence: 0, send_limit })
    }

    /// The address of the socket, which the kernel names in the notifications of what was changed through it.
    pub(crate) fn port(&self) -> u32 {
        self.port
    }

    /// How many bytes one `sendmsg` takes.
    pub(crate) fn send_limit(&self) -> usize {
        self.send_limit
    }

    /// Pretends that one `sendmsg` takes no more than this.
    #[cfg(test)]
    pub(crate) fn limit_sending(&mut self, bytes: usize) {
        self.send_limit = bytes;
    }

    /// Sends the requests and returns the outcome of each. The outer error means that the conversation itself failed.
    pub(crate) fn requests(&mut self, messages: &mut [Message]) -> io::Result<Vec<Result<(), Errno>>> {
        let mut outcomes = Vec::with_capacity(messages.len());
        for chunk in messages.chunks_mut(PIPELINE) {
            let first = self.sequence.wrapping_add(1);
            let mut wire = Vec::new();
            for message in chunk.iter_mut() {
                message.add_flags(ACK);
                let sequence = self.next_sequence();
                message.write(sequence, &mut wire);
            }
            self.send(&wire)?;
            let start = outcomes.len();
            outcomes.resize(start + chunk.len(), Ok(()));
            let mut missing = chunk.len();
            while missing > 0 {
                self.receive(|message| {
                    if message.kind != ERROR {
                        return;
                    }
                    let index = message.sequence.wrapping_sub(first) as usize;
                    if let Some(outcome) = outcomes.get_mut(start + index) {
                        missing = missing.saturating_sub(1);
                        if message.error() != 0 {
                            *outcome = Err(Errno::from_raw(message.error()));
                        }
                    }
                })?;
            }
        }
        Ok(outcomes)
    }

    /// Asks for everything that matches `request` and hands each object's message to `each`. If something changed
    /// meanwhile the dump is begun again, so `each` collects into what `begin` returned last.
    pub(crate) fn dump<T>(
        &mut self,
        mut request: Message,
        begin: impl FnMut() -> T,
        each: impl FnMut(&mut T, Received<'_>),
    ) -> io::Result<T> {
        request.add_flags(DUMP);
        self.ask(request, begin, each)
    }

    /// Like [`Socket::dump`] for a request that one message answers.
    pub(crate) fn ask<T>(
        &mut self,
        mut request: Message,
        mut begin: impl FnMut() -> T,
        mut each: impl FnMut(&mut T, Received<'_>),
    ) -> io::Result<T> {
        for _ in 0..DUMP_TRIES {
            let sequence = self.next_sequence();
            let mut wire = Vec::new();
            request.write(sequence, &mut wire);
            self.send(&wire)?;
            let mut collected = begin();
            let mut done = false;
            let mut interrupted = false;
            let mut error = 0;
            while !done {
                self.receive(|message| {
                    if message.sequence != sequence {
                        return;
                    }
                    interrupted |= message.flags & DUMP_INTERRUPTED != 0;
                    match message.kind {
                        ERROR | DONE => {
                            done = true;
                            error = message.error();
                        }
                        _ => {
                            done |= message.flags & MULTI == 0;
                            each(&mut collected, message);
                        }
                    }
                })?;
            }
            match Errno::from_raw(error) {
                Errno::EINTR => interrupted = true,
                _ if error != 0 => return Err(io::Error::from_raw_os_error(error)),
                _ => {}
            }
            if !interrupted {
                return Ok(collected);
            }
        }
        Err(io::Error::new(io::ErrorKind::Interrupted, "the kernel's tables changed during every dump"))
    }

    /// The sequence number for the next message.
    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Sends complete messages as one datagram.
    pub(crate) fn send(&self, wire: &[u8]) -> io::Result<()> {
        let kernel = NetlinkAddr::new(0, 0);
        let sent =
            sendmsg(self.fd.as_raw_fd(), &[IoSlice::new(wire)], &[], MsgFlags::empty(), Some(&kernel))?;
        if sent != wire.len() {
            return Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "the kernel took a part of a netlink message",
            ));
        }
        Ok(())
    }

    /// Waits for one datagram and hands over its messages.
    pub(crate) fn receive(&self, each: impl FnMut(Received<'_>)) -> io::Result<()> {
        receive(self.fd.as_fd(), MsgFlags::empty(), each)
    }

    /// Hands over the messages of one datagram if one is there; [`io::ErrorKind::WouldBlock`] if none is.
    pub(crate) fn try_receive(&self, each: impl FnMut(Received<'_>)) -> io::Result<()> {
        receive(self.fd.as_fd(), MsgFlags::MSG_DONTWAIT, each)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn receive(fd: BorrowedFd<'_>, flags: MsgFlags, each: impl FnMut(Received<'_>)) -> io::Result<()> {
    RECEIVE.with_borrow_mut(|buffer| {
        let length = loop {
            match recv(fd.as_raw_fd(), buffer, flags) {
                Ok(length) => break length,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        };
        received(buffer.get(..length).unwrap_or_default()).for_each(each);
        Ok(())
    })
}
