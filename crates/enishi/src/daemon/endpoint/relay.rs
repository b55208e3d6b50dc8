//! `http://NAME.elb.localhost:4566`: the user's own programs reach load balancers through the endpoint.
//!
//! A connection whose first request names such a host belongs to the load balancer from its first byte to its last; nothing of it
//! is understood or changed. `NAME` is the load balancer's name or the first label of its DNS name, `NAME.PORT` chooses another
//! listener than that at port 80 or the only one. To a load balancer that faces the internet the connection comes from the
//! simulated internet, to an internal one from the router of its VPC; security groups and network ACLs judge the first as they
//! judge anybody's. An internal Network Load Balancer keeps its clients' addresses, and the router's own cannot be a client's: it is
//! reached from instances only.
//!
//! Invariants: what is kept of a connection before it is decided is bounded; who cannot be connected is told why, in HTTP.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use enishi_fabric::NamespaceName;
use enishi_fabric::balancer::Node;
use enishi_state::ec2::{NetworkInterface, NetworkInterfaceId, Subnet, VpcId};
use enishi_state::elbv2::{self, ListenerProtocol, LoadBalancerZone, Scheme};
use enishi_state::{ResourceId, World, elb};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional};
use tokio::net::TcpStream;

use super::App;

/// What names of load balancers end with.
const DOMAIN: &str = ".elb.localhost";

/// The most bytes that are read to find out whom a connection is for.
const MOST: usize = 16 * 1024;

/// How long a node may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A connection of which something has been read.
#[derive(Debug)]
pub struct Opened {
    stream: TcpStream,
    /// What was read and not yet passed on.
    head: Vec<u8>,
    passed: usize,
}

/// The load balancer that a client names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    name: String,
    port: Option<u16>,
}

/// What the first bytes of a connection say.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Not enough yet.
    More,
    /// It is for the endpoint itself.
    Endpoint,
    /// It is for a load balancer.
    Balancer(Wanted),
}

/// Why there is no connection to a load balancer.
type Refusal = (StatusCode, String);

/// Reads until it is clear whom a connection is for: a load balancer, or the endpoint.
///
/// # Errors
/// When nothing can be read.
pub async fn open(stream: TcpStream) -> io::Result<(Opened, Option<Wanted>)> {
    let mut opened = Opened { stream, head: Vec::new(), passed: 0 };
    loop {
        // Memory is taken when something is there.
        opened.stream.readable().await?;
        opened.head.reserve(2048);
        match opened.stream.try_read_buf(&mut opened.head) {
            Ok(0) => return Ok((opened, None)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        match look(&opened.head) {
            Look::More if opened.head.len() < MOST => {}
            Look::Balancer(wanted) => return Ok((opened, Some(wanted))),
            Look::More | Look::Endpoint => return Ok((opened, None)),
        }
    }
}

/// Passes on whatever comes, in both directions, until both have ended.
pub async fn relay(app: &App, wanted: &Wanted, mut client: Opened) {
    match connect(app, wanted).await {
        Ok(mut node) => {
            // Either end may leave when it likes.
            let _ = copy_bidirectional(&mut client, &mut node).await;
        }
        Err((status, text)) => {
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}\n",
                text.len() + 1
            );
            let _ = client.write_all(answer.as_bytes()).await;
            let _ = client.shutdown().await;
        }
    }
}

async fn connect(app: &App, wanted: &Wanted) -> Result<TcpStream, Refusal> {
    let world = app.writer.newest().load_full();
    let found = Found::of(&world, &wanted.name)?;
    let port = found.port(wanted.port)?;
    if found.keeps_clients && found.scheme == Scheme::Internal {
        let text = format!(
            "The Network Load Balancer {} is internal and keeps its clients' addresses: reach it from an instance of its VPC \
             (enishi exec INSTANCE -- curl …).",
            found.name
        );
        return Err((StatusCode::NOT_IMPLEMENTED, text));
    }
    for (name, node) in enishi_plan::load_balancer_nodes(&world, found.zones) {
        let Some((namespace, source, address)) = way(&world, &found, &name, &node) else { continue };
        let connect = app.sockets.connect(&namespace, source, SocketAddrV4::new(address, port));
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            return Ok(stream);
        }
    }
    let text = format!(
        "No node of the load balancer {} answers at port {port}. Its security groups, and the network ACLs and route tables of its \
         subnets, have to let the connection in.",
        found.name
    );
    Err((StatusCode::BAD_GATEWAY, text))
}

/// Where a connection to a node begins, with which address, and where it leads.
fn way(
    world: &World,
    found: &Found<'_>,
    name: &NamespaceName,
    node: &Node,
) -> Option<(NamespaceName, Option<Ipv4Addr>, Ipv4Addr)> {
    match found.scheme {
        Scheme::InternetFacing => Some((NamespaceName::internet(), None, node.public?)),
        Scheme::Internal => {
            let id = NetworkInterfaceId::parse(name.as_str()).ok()?;
            let subnet = world.get::<Subnet>(&world.get::<NetworkInterface>(&id)?.subnet)?;
            // The router has the first address of every subnet.
            Some((NamespaceName::new(found.vpc.as_str()), subnet.cidr.nth(1), node.address))
        }
    }
}

/// A load balancer of either API, as far as connections to it go.
#[derive(Debug)]
struct Found<'w> {
    name: &'w str,
    label: &'w str,
    scheme: Scheme,
    vpc: &'w VpcId,
    zones: &'w [LoadBalancerZone],
    /// Whether it is a Network Load Balancer.
    keeps_clients: bool,
    /// Those of its listeners that take connections, in order.
    ports: Vec<u16>,
}

impl<'w> Found<'w> {
    /// The load balancer of a name. Two regions or accounts may each have one; the label of the DNS name is nobody else's.
    fn of(world: &'w World, name: &str) -> Result<Self, Refusal> {
        let all = || {
            let rows = world.all::<elbv2::LoadBalancer>().map(|row| (&row.name, &row.dns_label, Ok(row)));
            let classic = world.all::<elb::LoadBalancer>().map(|row| (&row.name, &row.dns_label, Err(row)));
            rows.chain(classic)
        };
        let found = |row| match row {
            Ok(row) => Found::of_row(world, row),
            Err(row) => Found::of_classic(row),
        };
        if let Some((.., row)) = all().find(|(_, label, _)| label.eq_ignore_ascii_case(name)) {
            return Ok(found(row));
        }
        let mut named: Vec<_> = all().filter(|(own, ..)| own.eq_ignore_ascii_case(name)).collect();
        match (named.pop(), named.as_slice()) {
            (Some((.., row)), []) => Ok(found(row)),
            (None, _) => Err((StatusCode::NOT_FOUND, format!("There is no load balancer {name}."))),
            (Some(last), others) => {
                let labels = others.iter().chain([&last]).map(|(_, label, _)| format!("{label}{DOMAIN}"));
                let labels: Vec<String> = labels.collect();
                let text = format!("Several load balancers are called {name}: {}.", labels.join(", "));
                Err((StatusCode::NOT_FOUND, text))
            }
        }
    }

    fn of_row(world: &'w World, row: &'w elbv2::LoadBalancer) -> Self {
        let listeners = world.by::<elbv2::Listener>("load_balancer", row.arn.as_str());
        let connects = |listener: &&elbv2::Listener| listener.protocol != ListenerProtocol::Udp;
        let mut ports: Vec<u16> = listeners.filter(connects).map(|listener| listener.port).collect();
        ports.sort_unstable();
        let (name, label) = (row.name.as_str(), row.dns_label.as_str());
        let keeps_clients = row.kind == elbv2::LoadBalancerKind::Network;
        Found { name, label, scheme: row.scheme, vpc: &row.vpc, zones: &row.zones, keeps_clients, ports }
    }

    fn of_classic(row: &'w elb::LoadBalancer) -> Self {
        let ports = row.listeners.keys().copied().collect();
        let (name, label) = (row.name.as_str(), row.dns_label.as_str());
        Found {
            name,
            label,
            scheme: row.scheme,
            vpc: &row.vpc,
            zones: &row.zones,
            keeps_clients: false,
            ports,
        }
    }

    /// The port of the listener that is meant.
    fn port(&self, wanted: Option<u16>) -> Result<u16, Refusal> {
        let chosen = match (wanted, self.ports.as_slice()) {
            (Some(port), ports) => ports.contains(&port).then_some(port),
            (None, [port]) => Some(*port),
            (None, ports) => ports.contains(&80).then_some(80),
        };
        chosen.ok_or_else(|| {
            let Found { name, label, .. } = self;
            let hosts: Vec<String> =
                self.ports.iter().map(|port| format!("{label}.{port}{DOMAIN}")).collect();
            let text = match (wanted, hosts.as_slice()) {
                (_, []) => format!("The load balancer {name} has no listener that takes connections."),
                (Some(port), _) => {
                    format!(
                        "The load balancer {name} has no listener at port {port}, but {}.",
                        hosts.join(", ")
                    )
                }
                (None, _) => format!("The load balancer {name} has several listeners: {}.", hosts.join(", ")),
            };
            (StatusCode::NOT_FOUND, text)
        })
    }
}

fn look(bytes: &[u8]) -> Look {
    // TLS, the preface of HTTP/2, or no HTTP at all.
    if bytes.starts_with(b"PRI ") || !bytes.first().is_some_and(u8::is_ascii_uppercase) {
        return Look::Endpoint;
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    for line in lines.skip(1) {
        let Some(line) = line.strip_suffix(b"\n") else { return Look::More };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Look::Endpoint;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"host")) {
            let host = parts.next().and_then(|value| std::str::from_utf8(value).ok());
            return host.and_then(wanted).map_or(Look::Endpoint, Look::Balancer);
        }
    }
    Look::More
}

/// The load balancer that a `Host` header names.
fn wanted(host: &str) -> Option<Wanted> {
    let host = host.trim().to_ascii_lowercase();
    let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let name = name.strip_suffix(DOMAIN).filter(|name| !name.is_empty())?;
    let with_port = name.rsplit_once('.').and_then(|(name, port)| Some((name, port.parse().ok()?)));
    Some(match with_port {
        Some((name, port)) => Wanted { name: name.to_owned(), port: Some(port) },
        None => Wanted { name: name.to_owned(), port: None },
    })
}

impl AsyncRead for Opened {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let opened = self.get_mut();
        let rest = opened.head.get(opened.passed..).unwrap_or_default();
        if rest.is_empty() {
            return Pin::new(&mut opened.stream).poll_read(cx, buf);
        }
        let count = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..count).unwrap_or_default());
        opened.passed += count;
        if opened.passed == opened.head.len() {
            // It is not needed any more, and a connection may live long.
            (opened.head, opened.passed) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opened {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balancer(name: &str, port: Option<u16>) -> Look {
        Look::Balancer(Wanted { name: name.to_owned(), port })
    }

    #[test]
    fn the_host_header_decides() {
        for (head, found) in [
            ("GET / HTTP/1.1\r\nHost: web.elb.localhost:4566\r\n\r\n", balancer("web", None)),
            ("GET / HTTP/1.1\r\nAccept: */*\r\nHOST:Web-123.ELB.localhost\r\n", balancer("web-123", None)),
            ("POST /a HTTP/1.1\nhost: web.8080.elb.localhost:4566\n", balancer("web", Some(8080))),
            ("GET / HTTP/1.1\r\nHost: localhost:4566\r\n\r\n", Look::Endpoint),
            ("GET / HTTP/1.1\r\nHost: elb.localhost:4566\r\n\r\n", Look::Endpoint),
            ("GET / HTTP/1.1\r\nHost: .elb.localhost:4566\r\n\r\n", Look::Endpoint),
            ("GET / HTTP/1.1\r\nHost: web.elb.localhost.example.com\r\n\r\n", Look::Endpoint),
            ("GET / HTTP/1.1\r\nX: web.elb.localhost\r\n\r\n", Look::Endpoint),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Look::Endpoint),
            ("\x16\x03\x01", Look::Endpoint),
            ("GET / HTTP/1.1\r\nHost: web.elb.loc", Look::More),
            ("GET / HTTP/1.1\r\n", Look::More),
            ("G", Look::More),
        ] {
            assert_eq!(look(head.as_bytes()), found, "{head:?}");
        }
    }
}
