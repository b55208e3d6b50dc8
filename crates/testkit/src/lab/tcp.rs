//! Real TCP connections between namespaces.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use enishi_fabric::program::{ListenerAction, Role};
use enishi_fabric::{Flow, NamespaceName, Packet, Program, Transport};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

use super::{Lab, Outcome};

/// A TCP connection, or the attempt at one. Dropping it resets the connection.
#[derive(Debug)]
pub struct Connection {
    client: Socket,
    server: Option<Socket>,
    /// What became of the first segment.
    opening: Outcome,
    /// Each exchange sends another byte, so that a late one is not taken for it.
    next: u8,
}

impl Connection {
    /// What became of the first segment.
    pub fn opening(&self) -> &Outcome {
        &self.opening
    }

    /// Whether both ends have the connection.
    pub fn is_established(&self) -> bool {
        self.server.is_some() && self.client.peer_addr().is_ok()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for socket in [Some(&self.client), self.server.as_ref()].into_iter().flatten() {
            // A connection that is gone already cannot be reset.
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }
}

impl Lab {
    /// A process in the flow's namespace connects from the packet's source to its destination, with its ports. In every
    /// namespace processes accept on the destination port, and on what load balancers may make of it.
    ///
    /// # Errors
    /// Of sockets; that the network drops what is sent is none.
    pub fn connect(&mut self, flow: &Flow) -> io::Result<Connection> {
        let Packet { source, destination, transport } = flow.packet;
        let Transport::Tcp(from, to) = transport else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not TCP"));
        };
        let mut listeners = Vec::new();
        let names: Vec<NamespaceName> = self.posts.keys().cloned().collect();
        let ports = destination_ports(self.program(), to);
        for (name, port) in names.iter().flat_map(|name| ports.iter().map(move |port| (name, *port))) {
            let socket = self.inside(name, move || bound(Ipv4Addr::UNSPECIFIED, port))?;
            socket.listen(16)?;
            listeners.push(socket);
        }
        let client = self.inside(&flow.from, move || bound(source, from))?;
        self.sightings()?;
        match client.connect(&SocketAddrV4::new(destination, to).into()) {
            Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => {
                let unreachable = matches!(
                    error.kind(),
                    io::ErrorKind::NetworkUnreachable
                        | io::ErrorKind::HostUnreachable
                        | io::ErrorKind::InvalidInput
                );
                if !unreachable {
                    return Err(error);
                }
            }
            _ => {}
        }
        let sightings = self.sightings()?;
        let ours = |sighting: &super::Sighting| {
            sighting.number.is_none() && sighting.packet.transport.source_port() == Some(from)
        };
        let opening = self.outcome(sightings.iter().filter(|(_, sighting)| ours(sighting)));
        let mut server = None;
        for listener in &listeners {
            match listener.accept() {
                Ok((socket, _)) => server = Some(socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(server) = &server {
            server.set_nonblocking(true)?;
            server.set_tcp_nodelay(true)?;
        }
        Ok(Connection { client, server, opening, next: 0 })
    }

    /// Whether a byte gets from the client to the server, and one back.
    pub fn exchange(&mut self, connection: &mut Connection) -> io::Result<bool> {
        connection.next = connection.next.wrapping_add(1);
        let byte = connection.next;
        let Some(server) = &connection.server else { return Ok(false) };
        let ends = [(&connection.client, server), (server, &connection.client)];
        for (mut from, mut to) in ends {
            if from.write(&[byte]).is_err() {
                return Ok(false);
            }
            self.sightings()?;
            let mut buffer = [0; 64];
            let arrived = to.read(&mut buffer).is_ok_and(|length| buffer[..length].contains(&byte));
            if !arrived {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The ports that a segment to this one may arrive at.
fn destination_ports(program: &Program, to: u16) -> BTreeSet<u16> {
    let listeners = program.namespaces.values().flat_map(|namespace| match &namespace.role {
        Role::NetworkBalancer(balancer) => Some(balancer.listeners.values()),
        _ => None,
    });
    let forwards = listeners.flatten().filter_map(|listener| match &listener.action {
        ListenerAction::Forward(forward) => Some(forward),
        ListenerAction::Local => None,
    });
    let targets = forwards.flat_map(|forward| forward.targets.iter().map(|target| target.port));
    targets.chain([to]).collect()
}

/// A socket at any address and port, whether the namespace has the address or not, so that sources can be forged.
fn bound(address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_ip_transparent_v4(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddrV4::new(address, port).into())?;
    Ok(socket)
}
