//! Where name service listens: the resolvers of VPCs in their routers and inbound endpoints, name servers and public resolvers
//! on the internet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::Arc;

use enishi_dns::server::{Service, Serving, UdpServer, serve_tcp};
use enishi_fabric::dns::ResolverEndpoint;
use enishi_fabric::program::{NamespaceProgram, Role};
use enishi_fabric::{NamespaceName, Program};
use enishi_kernel::{Backend, Namespaces};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime::Handle;

use super::keeper::KeptNamespaces;
use super::listening::{Listening, Place, Serves, ServingTask, inside};
use crate::daemon::dns::{Resolution, seed};

/// The port of DNS.
const PORT: u16 = 53;

/// Streams that may wait to be accepted.
const BACKLOG: i32 = 128;

/// The listeners of all namespaces.
pub struct NameService {
    runtime: Handle,
    listening: Listening<Served>,
}

/// What serves one place.
enum Served {
    /// A VPC's resolver.
    Resolver { _serving: Serving },
    /// Everybody on the internet.
    Internet { _datagrams: UdpServer, streams: ServingTask },
}

impl Serves for Served {
    fn is_serving(&self) -> bool {
        match self {
            Served::Resolver { .. } => true,
            Served::Internet { streams, .. } => streams.is_serving(),
        }
    }
}

impl NameService {
    /// A service that listens nowhere yet.
    pub fn new(runtime: Handle) -> Self {
        NameService { runtime, listening: Listening::new("name service") }
    }

    /// Resolves by the program, and listens where it says. Answers what failed.
    pub fn follow(
        &mut self,
        program: &Program,
        resolution: &mut Resolution,
        backend: &mut Backend<KeptNamespaces>,
    ) -> Vec<String> {
        resolution.follow(program);
        let opened = resolution.ways().replace(exits(program), |name| backend.namespaces().open(name));
        let wanted: BTreeSet<Place> = program.namespaces.values().filter_map(|n| place(program, n)).collect();
        let runtime = &self.runtime;
        let mut errors = self.listening.follow(&wanted, |place| {
            let addresses = place.addresses.clone();
            let (udp, tcp) = inside(&place.namespace, backend, move || bind(&addresses))?;
            match served_vpc(program, &place.namespace) {
                Some((vpc, endpoint)) => {
                    let service = Service { vpc, endpoint, udp, tcp };
                    Ok(Served::Resolver { _serving: resolution.serve(service)? })
                }
                None => internet(runtime, resolution, udp, tcp),
            }
        });
        errors.extend(opened.err().map(|error| format!("a resolver's way out: {error}")));
        errors
    }
}

fn internet(
    runtime: &Handle,
    resolution: &Resolution,
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
) -> io::Result<Served> {
    let responder = resolution.responder().clone();
    let datagrams = UdpServer::start(udp, &responder, seed())?;
    let streams = ServingTask(runtime.spawn(async move {
        for listener in tcp {
            if let Err(error) = serve_tcp(listener, responder.clone(), seed()).await {
                tracing::warn!(%error, "name servers do not answer over TCP");
            }
        }
    }));
    Ok(Served::Internet { _datagrams: datagrams, streams })
}

/// Where name service listens in a namespace.
fn place(program: &Program, namespace: &NamespaceProgram) -> Option<Place> {
    let addresses: BTreeSet<Ipv4Addr> = match &namespace.role {
        Role::Router(router) => router.resolver.as_ref()?.listen.clone(),
        // Every address that is nobody else's: a program that binds one of them for itself has it.
        Role::Internet(_) => BTreeSet::from([Ipv4Addr::UNSPECIFIED]),
        Role::Host(host) => {
            let endpoint = host.resolver_endpoint.as_ref().filter(|endpoint| endpoint.inbound)?;
            // Without the VPC's resolver there is nothing to answer by.
            resolver_of(program, endpoint)?;
            host.devices.iter().flat_map(|device| device.addresses.iter().copied()).collect()
        }
        Role::NatGateway(_) | Role::NetworkBalancer(_) => return None,
    };
    Some(Place { namespace: namespace.name.clone(), addresses })
}

/// The VPC whose resolver answers in a namespace, and the inbound endpoint that it is.
fn served_vpc(program: &Program, name: &NamespaceName) -> Option<(Arc<str>, Option<Arc<str>>)> {
    match &program.namespaces.get(name)?.role {
        Role::Router(router) => Some((router.resolver.as_ref()?.vpc.clone(), None)),
        Role::Host(host) => Some((host.resolver_endpoint.as_ref()?.vpc.clone(), Some(name.as_str().into()))),
        Role::NatGateway(_) | Role::NetworkBalancer(_) | Role::Internet(_) => None,
    }
}

fn resolver_of<'p>(program: &'p Program, endpoint: &ResolverEndpoint) -> Option<&'p NamespaceProgram> {
    let router = program.namespaces.get(&NamespaceName::new(&endpoint.vpc))?;
    matches!(&router.role, Role::Router(router) if router.resolver.is_some()).then_some(router)
}

/// The namespaces that questions leave from, with the addresses of their own that they have.
fn exits(program: &Program) -> BTreeMap<NamespaceName, Vec<Ipv4Addr>> {
    let exit = |namespace: &Arc<NamespaceProgram>| match &namespace.role {
        Role::Internet(_) => Some((namespace.name.clone(), Vec::new())),
        Role::Host(host) => {
            host.resolver_endpoint.as_ref().filter(|endpoint| !endpoint.inbound)?;
            let addresses = host.devices.iter().filter_map(|device| device.addresses.first().copied());
            Some((namespace.name.clone(), addresses.collect()))
        }
        Role::Router(_) | Role::NatGateway(_) | Role::NetworkBalancer(_) => None,
    };
    program.namespaces.values().filter_map(exit).collect()
}

/// Binds sockets of both kinds on every address.
fn bind(addresses: &BTreeSet<Ipv4Addr>) -> io::Result<(Vec<UdpSocket>, Vec<TcpListener>)> {
    let (mut udp, mut tcp) = (Vec::new(), Vec::new());
    for address in addresses {
        let address = SocketAddr::V4(SocketAddrV4::new(*address, PORT));
        // Beside the wildcard a program on the internet can bind an address of its own only if both sockets say so.
        let datagrams = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        datagrams.set_reuse_address(true)?;
        datagrams.bind(&address.into())?;
        udp.push(datagrams.into());
        let streams = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        streams.set_reuse_address(true)?;
        streams.bind(&address.into())?;
        streams.listen(BACKLOG)?;
        tcp.push(streams.into());
    }
    Ok((udp, tcp))
}
