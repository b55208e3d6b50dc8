//! The sockets that the laboratory has in each namespace.

use std::fs;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use enishi_fabric::Packet;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};

use super::bytes::{self, Read};

/// What receives what is addressed to the namespace: one raw socket for each of these protocols.
const PROTOCOLS: [i32; 4] = [1, 6, 17, 47];
/// A raw socket of this protocol only sends, with an IP header of the sender's.
const IPPROTO_RAW: i32 = 255;
const ETH_P_IP: u16 = 0x0800;
const RECEIVE_BUFFER: usize = 8 << 20;
const LARGEST: usize = 256;

/// A packet that was seen in a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The packet as it was there.
    pub packet: Packet,
    /// The number it was sent with; none if it opens a real TCP connection.
    pub number: Option<u32>,
    /// Whether it was delivered to the namespace's processes, or only came in by an interface.
    pub delivered: bool,
}

/// Sockets made inside a namespace.
pub(super) struct Sockets {
    out: Socket,
    delivered: Vec<Socket>,
    wire: Socket,
    conntrack: Socket,
}

/// The sockets in one namespace, and which one it is: a namespace may be made anew under the same name.
pub(super) struct Post {
    identity: u64,
    sockets: Sockets,
}

/// Opens the sockets; to be run inside the namespace.
pub(super) fn open() -> io::Result<Sockets> {
    // Where connections are tracked, their checksums are not looked at: ours are wrong.
    match fs::write("/proc/sys/net/netfilter/nf_conntrack_checksum", "0") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let raw = |protocol: i32| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(protocol)));
    let receiver = |socket: Socket| -> io::Result<Socket> {
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        Ok(socket)
    };
    let delivered = PROTOCOLS.map(|protocol| receiver(raw(protocol)?));
    let ip = Protocol::from(i32::from(ETH_P_IP.to_be()));
    Ok(Sockets {
        out: raw(IPPROTO_RAW)?,
        delivered: delivered.into_iter().collect::<io::Result<_>>()?,
        wire: receiver(Socket::new(Domain::PACKET, Type::DGRAM, Some(ip))?)?,
        conntrack: Socket::new(Domain::from(NETLINK), Type::RAW, Some(Protocol::from(NETLINK_NETFILTER)))?,
    })
}

const NETLINK: i32 = 16;
const NETLINK_NETFILTER: i32 = 12;

/// `IPCTNL_MSG_CT_DELETE` without a tuple deletes all: a netlink header (length, type, flags request and acknowledge,
/// sequence, port) and a netfilter header (family, version, resource).
const FORGET_ALL: [u8; 20] = {
    let mut message = [0; 20];
    let (length, kind, flags) = (20u32.to_ne_bytes(), 0x0102u16.to_ne_bytes(), 5u16.to_ne_bytes());
    let mut at = 0;
    while at < 4 {
        message[at] = length[at];
        at += 1;
    }
    (message[4], message[5]) = (kind[0], kind[1]);
    (message[6], message[7]) = (flags[0], flags[1]);
    message[16] = 2;
    message
};

impl Post {
    pub(super) fn new(identity: u64, sockets: Sockets) -> Self {
        Post { identity, sockets }
    }

    /// The inode of the namespace.
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    /// Sends a packet as a process that bound its source address would: routed by source and destination.
    pub(super) fn send(&self, packet: Packet, number: u32) -> io::Result<()> {
        let bytes = bytes::write(packet, number);
        let to = SockaddrIn::from(std::net::SocketAddrV4::new(packet.destination, 0));
        let source = nix::libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: in_addr(packet.source),
            ipi_addr: in_addr(packet.destination),
        };
        let control = [ControlMessage::Ipv4PacketInfo(&source)];
        let fd = self.sockets.out.as_raw_fd();
        sendmsg(fd, &[IoSlice::new(&bytes)], &control, MsgFlags::empty(), Some(&to))?;
        Ok(())
    }

    /// What has arrived since the last call.
    pub(super) fn collect(&self) -> io::Result<Vec<Sighting>> {
        let mut seen = Vec::new();
        for socket in &self.sockets.delivered {
            drain(socket, true, &mut seen)?;
        }
        drain(&self.sockets.wire, false, &mut seen)?;
        Ok(seen)
    }

    pub(super) fn forget_connections(&self) -> io::Result<()> {
        self.sockets.conntrack.send(&FORGET_ALL)?;
        let mut answer = [MaybeUninit::uninit(); LARGEST];
        self.sockets.conntrack.recv(&mut answer)?;
        Ok(())
    }
}

fn in_addr(address: Ipv4Addr) -> nix::libc::in_addr {
    nix::libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) }
}

fn drain(socket: &Socket, delivered: bool, seen: &mut Vec<Sighting>) -> io::Result<()> {
    let mut buffer = [0; LARGEST];
    loop {
        let length = match io::Read::read(&mut &*socket, &mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        seen.extend(match bytes::read(&buffer[..length]) {
            Some(Read::Numbered(packet, number)) => {
                Some(Sighting { packet, number: Some(number), delivered })
            }
            Some(Read::Opening(packet)) => Some(Sighting { packet, number: None, delivered }),
            None => None,
        });
    }
}
