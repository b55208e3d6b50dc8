//! Batches of datagrams: `recvmmsg` and `sendmmsg` with the address that each datagram was sent to, so that its answer comes
//! from there. The safe wrappers of `nix` have one set of control messages for a whole batch; each datagram needs its own.
//!
//! Invariant of the unsafe code: the `mmsghdr`s are built right before each call from buffers that the [`Batch`] owns and does
//! not touch until the call has returned; no pointer outlives the function that made it; lengths are those of the buffers.
#![allow(unsafe_code)]

use std::io::{self, PipeReader};
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use super::Said;
use crate::resolver::Pending;

/// Datagrams taken at once.
const BATCH: usize = 32;
/// The largest query in bytes; what is longer is cut and then refused as malformed.
const LARGEST_QUERY: usize = 4096;
/// Room for one `in6_pktinfo` or `in_pktinfo` with its header.
const CONTROL: usize = 64;

/// Space for one control message, aligned as the kernel wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// One datagram and its answer.
struct Slot {
    query: Box<[u8; LARGEST_QUERY]>,
    length: usize,
    answer: Vec<u8>,
    has_answer: bool,
    peer: libc::sockaddr_storage,
    peer_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

/// Datagrams that came together.
pub(super) struct Batch {
    slots: Vec<Slot>,
    filled: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        let slot = || Slot {
            query: Box::new([0; LARGEST_QUERY]),
            length: 0,
            answer: Vec::with_capacity(crate::LARGEST_UDP),
            has_answer: false,
            // SAFETY: all-zero bytes are a valid sockaddr_storage.
            peer: unsafe { zeroed() },
            peer_length: 0,
            control: Control([0; CONTROL]),
            control_length: 0,
        };
        Batch { slots: (0..BATCH).map(|_| slot()).collect(), filled: 0 }
    }

    /// Takes what is there, at least one datagram; says whether there may be more.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<bool> {
        self.filled = 0;
        let mut vectors: Vec<libc::iovec> = Vec::with_capacity(BATCH);
        for slot in &mut self.slots {
            vectors.push(libc::iovec { iov_base: slot.query.as_mut_ptr().cast(), iov_len: LARGEST_QUERY });
        }
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(BATCH);
        for (slot, vector) in self.slots.iter_mut().zip(&mut vectors) {
            headers.push(header(
                (&raw mut slot.peer).cast(),
                size_of::<libc::sockaddr_storage>() as libc::socklen_t,
                vector,
                slot.control.0.as_mut_ptr(),
                CONTROL,
            ));
        }
        // SAFETY: every pointer in `headers` is into `self.slots` or `vectors`, which live and stay untouched until after the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                headers.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        for (slot, header) in self.slots.iter_mut().zip(&headers).take(count) {
            slot.length = (header.msg_len as usize).min(LARGEST_QUERY);
            slot.peer_length = header.msg_hdr.msg_namelen;
            slot.control_length = header.msg_hdr.msg_controllen.min(CONTROL);
            slot.has_answer = false;
        }
        self.filled = count.min(BATCH);
        Ok(self.filled == BATCH)
    }

    /// Lets `respond(query, client, server, out)` answer every datagram; `later` gets the answers that are not there yet, with the
    /// way back.
    pub(super) fn answer(
        &mut self,
        mut respond: impl FnMut(&[u8], SocketAddr, Option<IpAddr>, &mut Vec<u8>) -> Said,
        mut later: impl FnMut(Pending, WayBack),
    ) {
        for slot in self.slots.iter_mut().take(self.filled) {
            let Some(client) = peer(&slot.peer) else { continue };
            // No query comes from port 0, and nothing sent there arrives.
            if client.port() == 0 {
                continue;
            }
            let server = destination(&mut slot.control, slot.control_length);
            let query = slot.query.get(..slot.length).unwrap_or_default();
            match respond(query, client, server, &mut slot.answer) {
                Said::Answer => slot.has_answer = true,
                Said::Nothing => {}
                Said::Later(pending) => {
                    let way_back = WayBack {
                        peer: slot.peer,
                        peer_length: slot.peer_length,
                        control: slot.control,
                        control_length: slot.control_length,
                    };
                    later(pending, way_back);
                }
            }
        }
    }

    /// Sends the answers. What the socket's buffer has no room for is lost, as datagrams are.
    pub(super) fn send(&mut self, socket: &UdpSocket) {
        let mut vectors: Vec<libc::iovec> = Vec::with_capacity(BATCH);
        let filled = self.filled;
        for slot in self.slots.iter_mut().take(filled).filter(|slot| slot.has_answer) {
            vectors
                .push(libc::iovec { iov_base: slot.answer.as_mut_ptr().cast(), iov_len: slot.answer.len() });
        }
        let mut headers: Vec<libc::mmsghdr> = Vec::with_capacity(vectors.len());
        let answered = self.slots.iter_mut().take(filled).filter(|slot| slot.has_answer);
        for (slot, vector) in answered.zip(&mut vectors) {
            let (control, length) = (slot.control.0.as_mut_ptr(), slot.control_length);
            headers.push(header((&raw mut slot.peer).cast(), slot.peer_length, vector, control, length));
        }
        let mut rest = headers.as_mut_slice();
        while !rest.is_empty() {
            // SAFETY: as in `receive`; the kernel only reads what the headers point to.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            // The first datagram that cannot be sent is skipped, so this ends.
            let done = usize::try_from(sent).unwrap_or(0).max(1);
            rest = rest.get_mut(done..).unwrap_or_default();
        }
    }
}

/// How an answer gets to its client when the batch is long gone.
#[derive(Clone, Copy)]
pub(super) struct WayBack {
    peer: libc::sockaddr_storage,
    peer_length: libc::socklen_t,
    control: Control,
    control_length: usize,
}

impl WayBack {
    /// Sends an answer. What the socket's buffer has no room for is lost, as datagrams are.
    pub(super) fn send(mut self, socket: &UdpSocket, answer: &mut [u8]) {
        let mut vector = libc::iovec { iov_base: answer.as_mut_ptr().cast(), iov_len: answer.len() };
        let peer = (&raw mut self.peer).cast();
        let control = self.control.0.as_mut_ptr();
        let header = header(peer, self.peer_length, &mut vector, control, self.control_length);
        // SAFETY: every pointer in the header is into `self`, `vector` or `answer`, which live through the call; the kernel only
        // reads what they point to.
        unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header.msg_hdr, libc::MSG_DONTWAIT) };
    }
}

fn header(
    peer: *mut libc::c_void,
    peer_length: libc::socklen_t,
    vector: &mut libc::iovec,
    control: *mut u8,
    control_length: usize,
) -> libc::mmsghdr {
    // SAFETY: all-zero bytes are a valid mmsghdr.
    let mut header: libc::mmsghdr = unsafe { zeroed() };
    header.msg_hdr.msg_name = peer;
    header.msg_hdr.msg_namelen = peer_length;
    header.msg_hdr.msg_iov = vector;
    header.msg_hdr.msg_iovlen = 1;
    if control_length > 0 {
        header.msg_hdr.msg_control = control.cast();
        header.msg_hdr.msg_controllen = control_length;
    }
    header
}

/// The sender's address and port.
fn peer(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which type the kernel wrote; sockaddr_storage is at least as large and as aligned.
            let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be(address.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let address = unsafe { &*ptr::from_ref(storage).cast::<libc::sockaddr_in6>() };
            let ip = IpAddr::V6(Ipv6Addr::from(address.sin6_addr.s6_addr)).to_canonical();
            Some(SocketAddr::new(ip, u16::from_be(address.sin6_port)))
        }
        _ => None,
    }
}

/// The address that a datagram was sent to. The control message is made ready to be sent back: the answer leaves from that
/// address, by the interface that the routes say.
fn destination(control: &mut Control, length: usize) -> Option<IpAddr> {
    if length < size_of::<libc::cmsghdr>() {
        return None;
    }
    // SAFETY: the buffer is aligned for a cmsghdr and, as checked, filled at least as far.
    let head = unsafe { &*control.0.as_ptr().cast::<libc::cmsghdr>() };
    let (level, kind) = (head.cmsg_level, head.cmsg_type);
    let start = size_of::<libc::cmsghdr>();
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) if length >= start + size_of::<libc::in_pktinfo>() => {
            // in_pktinfo: interface, local address (the source when sending), header's destination; 4 bytes each.
            let octets: [u8; 4] = control.0.get(start + 8..start + 12)?.try_into().ok()?;
            control.0.get_mut(start..start + 4)?.fill(0);
            control.0.get_mut(start + 4..start + 8)?.copy_from_slice(&octets);
            Some(IpAddr::V4(Ipv4Addr::from(octets)))
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if length >= start + size_of::<libc::in6_pktinfo>() => {
            // in6_pktinfo: address, interface. A link-local address needs its interface.
            let octets: [u8; 16] = control.0.get(start..start + 16)?.try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
        }
        _ => None,
    }
}

/// Asks the kernel to say which address each datagram was sent to, unless the socket has but one.
pub(super) fn prepare(socket: &UdpSocket) -> io::Result<()> {
    let local = socket.local_addr()?;
    if !local.ip().is_unspecified() {
        return Ok(());
    }
    let (level, option) = match local {
        std::net::SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_PKTINFO),
        std::net::SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO),
    };
    let on: libc::c_int = 1;
    // SAFETY: the value is a c_int that lives through the call, and its length is said.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits for a datagram; false when the pipe is closed.
pub(super) fn wait(socket: &UdpSocket, stopped: &PipeReader) -> io::Result<bool> {
    let mut waiting = [
        libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd: stopped.as_raw_fd(), events: libc::POLLIN, revents: 0 },
    ];
    // SAFETY: the array lives through the call and its length is said.
    let result = unsafe { libc::poll(waiting.as_mut_ptr(), 2, -1) };
    if result < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(true) } else { Err(error) };
    }
    let [_, pipe] = waiting;
    Ok(pipe.revents == 0)
}
