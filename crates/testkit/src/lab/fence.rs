//! Knowing that nothing is on its way any more.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

/// How often a packet may queue up again: once per veth pair that it crosses. A loop ends with the packet's time to live, 64.
const ROUNDS: usize = 70;

/// A loopback socket of its own, on the CPU that carries all packets.
#[derive(Debug)]
pub(super) struct Fence {
    socket: UdpSocket,
}

impl Fence {
    /// Pins the calling thread to the CPU it runs on.
    pub(super) fn new() -> io::Result<Self> {
        let mut cpus = CpuSet::new();
        cpus.set(sched_getcpu()?)?;
        sched_setaffinity(Pid::from_raw(0), &cpus)?;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Fence { socket })
    }

    /// Returns when every packet that the thread has sent, and all that it led to, was dealt with. Each round's datagram
    /// arrives after what was queued before it has moved on by one step.
    pub(super) fn pass(&self) -> io::Result<()> {
        for _ in 0..ROUNDS {
            self.socket.send(&[0])?;
            self.socket.recv(&mut [0])?;
        }
        Ok(())
    }
}
