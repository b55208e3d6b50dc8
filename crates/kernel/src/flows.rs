//! What nodes of Network Load Balancers count: the kernel's own numbers, read and never reset.

use std::collections::BTreeMap;
use std::io;

use nix::sys::socket::SockProtocol;

use crate::netlink::socket::Socket;
use crate::netlink::{conntrack, nftables};
use crate::render::network_balancer::Count;

/// Flows of one protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flows {
    /// Flows that began.
    pub new: u64,
    /// Flows that there are: of TCP those that are being made or established.
    pub active: u64,
    /// Packets in both directions.
    pub packets: u64,
    /// Their bytes with the headers of IP.
    pub bytes: u64,
}

/// What went through a node since its namespace was made; it begins anew when the table is made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowCounters {
    /// TCP.
    pub tcp: Flows,
    /// UDP.
    pub udp: Flows,
    /// TCP resets that clients sent to targets.
    pub client_resets: u64,
    /// TCP resets that targets sent to clients.
    pub target_resets: u64,
    /// TCP resets that the node sent.
    pub own_resets: u64,
}

/// Reads the counters of one node.
#[derive(Debug)]
pub struct FlowReader {
    netfilter: Socket,
}

impl FlowReader {
    /// For the node whose namespace the calling thread is in; reads from any thread afterwards.
    ///
    /// # Errors
    /// There is no socket.
    pub fn open() -> io::Result<Self> {
        Ok(FlowReader { netfilter: Socket::open(SockProtocol::NetlinkNetFilter, 0)? })
    }

    /// Reads what was counted, and how many flows there are. It takes the longer the more there are.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn read(&mut self) -> io::Result<FlowCounters> {
        let mut read = self.read_without_active()?;
        (read.tcp.active, read.udp.active) = conntrack::redirected(&mut self.netfilter)?;
        Ok(read)
    }

    /// Reads what was counted, at once.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn read_without_active(&mut self) -> io::Result<FlowCounters> {
        let mut read = FlowCounters::default();
        let mut seen: BTreeMap<_, usize> = BTreeMap::new();
        for (chain, packets, bytes) in nftables::dump_counters(&mut self.netfilter)? {
            let nth = seen.entry(chain.clone()).or_default();
            read.take(Count::of(&chain, *nth), packets, bytes);
            *nth += 1;
        }
        Ok(read)
    }
}

impl FlowCounters {
    fn take(&mut self, count: Option<Count>, packets: u64, bytes: u64) {
        match count {
            Some(Count::NewTcp) => self.tcp.new = packets,
            Some(Count::NewUdp) => self.udp.new = packets,
            Some(Count::ClientResets) => self.client_resets = packets,
            Some(Count::TargetResets) => self.target_resets = packets,
            Some(Count::Tcp) => (self.tcp.packets, self.tcp.bytes) = (packets, bytes),
            Some(Count::Udp) => (self.udp.packets, self.udp.bytes) = (packets, bytes),
            Some(Count::OwnResets) => self.own_resets += packets,
            None => {}
        }
    }
}
