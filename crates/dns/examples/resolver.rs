//! A VPC's resolver alone, for `bench/dns.py`: forwards one domain to a name server and keeps what it hears.
//!
//! ```text
//! resolver ADDRESS:PORT NAME_SERVER:PORT DOMAIN
//! ```
//!
//! Ends with its standard input.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use enishi_dns::Store;
use enishi_dns::resolver::{Config, Path, Resolvers, SystemClock, Uplinks};
use enishi_dns::server::{Front, Service};
use enishi_fabric::dns::{ResolverRule, RuleAction, VpcResolver};
use tokio::net::TcpSocket;

/// The machine's own sockets.
struct Plain;

impl Uplinks for Plain {
    fn udp(&self, _: &Path, server: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })
    }

    fn tcp(&self, _: &Path, server: SocketAddr) -> io::Result<TcpSocket> {
        if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, name_server, domain] = arguments.as_slice() else {
        return Err("usage: resolver ADDRESS:PORT NAME_SERVER:PORT DOMAIN".into());
    };
    let action =
        RuleAction::Forward { endpoint: Arc::from("rslvr-out-1"), targets: vec![name_server.parse()?] };
    let vpc = VpcResolver {
        vpc: Arc::from("vpc-1"),
        region: Arc::from("us-east-1"),
        account: Arc::from("111122223333"),
        listen: Default::default(),
        rules: [(domain.parse()?, ResolverRule { id: Arc::from("rslvr-rr-1"), action })].into(),
        private_zones: Default::default(),
        autodefined: Default::default(),
        names: Default::default(),
        pointers: Default::default(),
        logs: Default::default(),
        clients: Default::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let clock = Arc::new(SystemClock::new());
    let store = Arc::new(Store::default());
    let resolvers = Resolvers::new(Config::default(), store, Arc::new(Plain), clock, None);
    resolvers.put(&vpc);
    let front = Front::start(1, resolvers, runtime.handle().clone())?;
    let _serving = front.serve(Service {
        vpc: vpc.vpc,
        endpoint: None,
        udp: vec![UdpSocket::bind(address)?],
        tcp: vec![TcpListener::bind(address)?],
    })?;
    println!("serving");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
