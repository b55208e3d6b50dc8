//! Sockets of the name service: queries in datagrams and, with two bytes of length before each, in streams (RFC 1035,
//! section 4.2; RFC 7766).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use enishi_dns::{Client, Entropy, LARGEST_TCP, Transport};
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use super::{NameServers, PUBLIC};

/// The largest datagram that is read; a query is far smaller.
const DATAGRAM: usize = 4096;

/// Streams at the same time.
const STREAMS: usize = 256;

/// How long a stream may be idle (RFC 7766, section 6.2.3: a few seconds).
const IDLE: Duration = Duration::from_secs(10);

/// How long accepting rests when the system has no descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often a port is drawn that is free for both kinds; another program may have the stream's.
const FREE_PORT_ATTEMPTS: usize = 16;

/// Bound sockets, both kinds on one port.
#[derive(Debug)]
pub struct Listener {
    udp: std::net::UdpSocket,
    tcp: std::net::TcpListener,
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

    fn bind_once(address: SocketAddr) -> std::io::Result<Self> {
        let udp = std::net::UdpSocket::bind(address)?;
        let address = udp.local_addr()?;
        let tcp = std::net::TcpListener::bind(address)?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Listener { udp, tcp, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers, forever.
    ///
    /// # Errors
    /// When the sockets cannot be served.
    pub async fn serve(self, servers: NameServers) -> anyhow::Result<()> {
        let udp = UdpSocket::from_std(self.udp).context("cannot serve the DNS socket")?;
        let tcp = TcpListener::from_std(self.tcp).context("cannot serve the DNS socket")?;
        tokio::join!(datagrams(udp, &servers), streams(tcp, &servers));
        Ok(())
    }
}

fn entropy() -> Entropy {
    let mut seed = [0u8; 8];
    rand::rng().fill_bytes(&mut seed);
    Entropy::seeded(u64::from_ne_bytes(seed))
}

fn client(source: SocketAddr, transport: Transport) -> Client {
    Client { source: source.ip(), transport, view: PUBLIC }
}

async fn datagrams(socket: UdpSocket, servers: &NameServers) {
    let mut entropy = entropy();
    let mut query = vec![0u8; DATAGRAM];
    let mut answer = Vec::with_capacity(DATAGRAM);
    loop {
        let (length, source) = match socket.recv_from(&mut query).await {
            Ok(received) => received,
            // A port that is closed again by the time of the answer shows up here; it is nobody's fault.
            Err(error) => {
                tracing::debug!(%error, "a DNS query could not be read");
                continue;
            }
        };
        answer.clear();
        let authority = servers.store.load();
        let Some(query) = query.get(..length) else { continue };
        let said = authority.answer(query, &client(source, Transport::Udp), &mut entropy, &mut answer);
        if said.is_some()
            && let Err(error) = socket.send_to(&answer, source).await
        {
            tracing::debug!(%error, "a DNS answer could not be sent");
        }
    }
}

async fn streams(listener: TcpListener, servers: &NameServers) {
    let slots = Arc::new(Semaphore::new(STREAMS));
    loop {
        match listener.accept().await {
            Ok((stream, source)) => {
                // Without a slot the stream is closed at once, which tells the client more than silence.
                if let Ok(slot) = slots.clone().try_acquire_owned() {
                    let servers = servers.clone();
                    tokio::spawn(async move {
                        if let Err(error) = stream_of(stream, source, servers).await {
                            tracing::debug!(%error, "a DNS stream ended");
                        }
                        drop(slot);
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a DNS stream could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn stream_of(mut stream: TcpStream, source: SocketAddr, servers: NameServers) -> std::io::Result<()> {
    let mut entropy = entropy();
    let mut query = Vec::new();
    loop {
        let length = tokio::time::timeout(IDLE, stream.read_u16()).await??;
        query.resize(usize::from(length), 0);
        tokio::time::timeout(IDLE, stream.read_exact(&mut query)).await??;
        let mut answer = Vec::with_capacity(DATAGRAM.min(LARGEST_TCP));
        let authority = servers.store.load();
        if authority.answer(&query, &client(source, Transport::Tcp), &mut entropy, &mut answer).is_none() {
            return Ok(());
        }
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
        answer.splice(0..0, length.to_be_bytes());
        tokio::time::timeout(IDLE, stream.write_all(&answer)).await??;
    }
}
