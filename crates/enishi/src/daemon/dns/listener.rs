//! The sockets for the user's own programs: `enishi up --dns ADDRESS`.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use anyhow::Context;
use enishi_dns::server::{Responder, UdpServer, serve_tcp};
use enishi_state::Entropy;
use tokio::runtime::Handle;

use crate::daemon::writer::SystemEntropy;

/// How often a port is drawn that is free for both kinds; another program may have the stream's.
const FREE_PORT_ATTEMPTS: usize = 16;

/// Bound sockets, both kinds on one port.
#[derive(Debug)]
pub struct Listener {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds both; port 0 takes one that is free for both.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let attempts = if address.port() == 0 { FREE_PORT_ATTEMPTS } else { 1 };
        let mut bound = Self::bind_once(address);
        for _ in 1..attempts {
            if bound.is_ok() {
                break;
            }
            bound = Self::bind_once(address);
        }
        bound.with_context(|| format!("cannot answer DNS on {address}"))
    }

    fn bind_once(address: SocketAddr) -> io::Result<Self> {
        let udp = UdpSocket::bind(address)?;
        let address = udp.local_addr()?;
        let tcp = TcpListener::bind(address)?;
        Ok(Listener { udp, tcp, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until what this returns is dropped.
    ///
    /// # Errors
    /// When the sockets cannot be served.
    pub fn serve(self, responder: &Responder, runtime: &Handle) -> io::Result<UdpServer> {
        let (udp, tcp) = (seed(), seed());
        let streams = serve_tcp(self.tcp, responder.clone(), tcp);
        runtime.spawn(async move {
            if let Err(error) = streams.await {
                tracing::error!(%error, "DNS is not answered over TCP");
            }
        });
        UdpServer::start(vec![self.udp], responder, udp)
    }
}

/// A seed for the random choices of routing policies.
pub fn seed() -> u64 {
    let mut seed = [0u8; 8];
    SystemEntropy.fill(&mut seed);
    u64::from_ne_bytes(seed)
}
