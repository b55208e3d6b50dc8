//! Datagrams of the keeper's socket: bytes and descriptors, never a part of either.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    UnixCredentials, accept4, bind, connect, getsockopt, listen, recvmsg, sendmsg, socket, socketpair,
    sockopt,
};
use nix::sys::time::TimeVal;

use crate::error::{Error, Step};
use crate::protocol::{MAX_DESCRIPTORS, MAX_MESSAGE};
use crate::syscall::adopt;

/// A received datagram.
#[derive(Debug)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Listens at `path`, which must not exist.
pub(crate) fn listen_at(path: &Path) -> Result<OwnedFd, Error> {
    let step = || format!("listen at {}", path.display());
    let (address, _directory) = address(path).step(step())?;
    let fd = seqpacket(SockFlag::SOCK_NONBLOCK).step(step())?;
    bind(fd.as_raw_fd(), &address).step(step())?;
    listen(&fd, Backlog::MAXCONN).step(step())?;
    Ok(fd)
}

/// Makes the calling process the one that clients see at the other end: that is whoever called listen(2) last.
pub(crate) fn take_over(listener: &OwnedFd) -> Result<(), Error> {
    listen(listener, Backlog::MAXCONN).step("take over the socket")
}

/// Connects to `path`. The socket blocks.
pub(crate) fn connect_to(path: &Path) -> Result<OwnedFd, Error> {
    let step = || format!("connect to the keeper at {}", path.display());
    let (address, _directory) = address(path).step(step())?;
    let fd = seqpacket(SockFlag::empty()).step(step())?;
    connect(fd.as_raw_fd(), &address).step(step())?;
    Ok(fd)
}

/// Accepts a client; its socket does not block.
pub(crate) fn accept(listener: &OwnedFd) -> nix::Result<OwnedFd> {
    accept4(listener.as_raw_fd(), SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK).map(adopt)
}

/// Who is at the other end.
pub(crate) fn peer(fd: &impl AsFd) -> nix::Result<UnixCredentials> {
    getsockopt(fd, sockopt::PeerCredentials)
}

/// A connected pair, for a child to report by. Reads give up after five seconds, so that a stuck child cannot hold us.
pub(crate) fn report_pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    nix::sys::socket::setsockopt(&ours, sockopt::ReceiveTimeout, &TimeVal::new(5, 0))?;
    Ok((ours, theirs))
}

/// Sends one datagram, whole or not at all.
pub(crate) fn send(fd: &impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> nix::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[_] = if raw.is_empty() { &[] } else { &rights };
    let parts = [IoSlice::new(bytes)];
    sendmsg::<()>(fd.as_fd().as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None).map(drop)
}

/// Receives one datagram; `None` when the other end is closed.
///
/// # Errors
/// `EMSGSIZE` for one that is too long or carries too many descriptors (none of them is kept).
pub(crate) fn receive(fd: &impl AsFd) -> nix::Result<Option<Datagram>> {
    let mut bytes = vec![0; MAX_MESSAGE];
    // Room for as many as the kernel ever sends (SCM_MAX_FD), so that none is installed and then lost track of.
    let mut control = nix::cmsg_space!([RawFd; 253]);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message =
        recvmsg::<()>(fd.as_fd().as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let flags = message.flags;
    let mut descriptors = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            descriptors.extend(raw.into_iter().map(adopt));
        }
    }
    let length = message.bytes;
    if flags.contains(MsgFlags::MSG_TRUNC) || descriptors.len() > MAX_DESCRIPTORS {
        return Err(Errno::EMSGSIZE);
    }
    // Nobody sends an empty datagram: zero bytes are the end of the stream.
    if length == 0 {
        return Ok(None);
    }
    bytes.truncate(length);
    Ok(Some(Datagram { bytes, descriptors }))
}

fn seqpacket(flags: SockFlag) -> nix::Result<OwnedFd> {
    let fd = socket(AddressFamily::Unix, SockType::SeqPacket, flags | SockFlag::SOCK_CLOEXEC, None)?;
    // The default buffer may be smaller than a message on tuned hosts; the kernel caps what it does not like.
    let _ = nix::sys::socket::setsockopt(&fd, sockopt::SndBuf, &(2 * MAX_MESSAGE));
    Ok(fd)
}

/// The socket address of `path`. One that is too long for a socket address (108 bytes) is reached through its directory's
/// descriptor, which must live as long as the address is used.
fn address(path: &Path) -> std::io::Result<(UnixAddr, Option<File>)> {
    if let Ok(address) = UnixAddr::new(path) {
        return Ok((address, None));
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::ENAMETOOLONG.into());
    };
    let directory = File::open(parent)?;
    let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok((UnixAddr::new(&short)?, Some(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_descriptors_arrive_together() {
        let (a, b) = report_pair().unwrap();
        let file = tempfile::tempfile().unwrap();
        send(&a, b"hello", &[file.as_fd()]).unwrap();
        let datagram = receive(&b).unwrap().unwrap();
        assert_eq!(datagram.bytes, b"hello");
        assert_eq!(datagram.descriptors.len(), 1);
        drop(a);
        assert!(receive(&b).unwrap().is_none());
    }

    #[test]
    fn an_oversized_datagram_is_refused() {
        let (a, b) = report_pair().unwrap();
        nix::sys::socket::setsockopt(&a, sockopt::SndBuf, &(4 * MAX_MESSAGE)).unwrap();
        send(&a, &vec![b'x'; MAX_MESSAGE + 1], &[]).unwrap();
        assert_eq!(receive(&b).unwrap_err(), Errno::EMSGSIZE);
    }

    #[test]
    fn a_long_path_is_reachable() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("keeper.sock");
        let listener = listen_at(&path).unwrap();
        let client = connect_to(&path).unwrap();
        let server = accept(&listener).unwrap();
        send(&client, b"x", &[]).unwrap();
        assert_eq!(receive(&server).unwrap().unwrap().bytes, b"x");
        assert_eq!(peer(&server).unwrap().pid(), std::process::id() as i32);
    }
}
