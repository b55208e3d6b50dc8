//! Ways out: sockets that are made elsewhere, in the right network namespace.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::net::TcpSocket;

/// Which way a query leaves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// To the name servers of the simulated internet, as the resolver of a region.
    Internet {
        /// The region (`us-east-1`): name servers see where the question comes from.
        region: Arc<str>,
    },
    /// Out of an outbound resolver endpoint.
    Endpoint {
        /// The endpoint (`rslvr-out-…`).
        id: Arc<str>,
    },
    /// As any program of this machine does.
    Host,
}

/// Makes sockets. Called on the runtime's threads: it may take as long as entering a namespace does, and never waits for the
/// network.
pub trait Uplinks: Send + Sync {
    /// A new datagram socket of `server`'s address family. The resolver connects it, so that nobody else's datagrams arrive; while
    /// it is not bound that also draws its port (RFC 5452, section 4.5).
    ///
    /// # Errors
    /// There is no such way, or no socket to be had.
    fn udp(&self, path: &Path, server: SocketAddr) -> io::Result<UdpSocket>;

    /// A new stream socket of `server`'s address family, not connected.
    ///
    /// # Errors
    /// As for [`Uplinks::udp`].
    fn tcp(&self, path: &Path, server: SocketAddr) -> io::Result<TcpSocket>;
}
