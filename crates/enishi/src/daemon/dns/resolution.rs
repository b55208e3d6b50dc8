//! The resolvers of VPCs, and the public ones of the simulated internet.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use enishi_dns::resolver::{
    Config, Resolution as ResolvedName, ResolverLog, Resolvers, RootHint, SystemClock,
};
use enishi_dns::server::{Front, QueryLog, Recursors, Responder, Service, Serving};
use enishi_fabric::Program;
use enishi_fabric::dns::{Name, RecordType, VpcResolver};
use enishi_fabric::program::Role;
use enishi_plan::{NameServer, ROOT_SERVER};
use enishi_state::{Delta, World};
use tokio::runtime::Handle;

use super::NameServers;
use super::ways::Ways;

/// Threads that serve the VPCs' datagrams.
const THREADS: usize = 2;

/// What the public resolvers are called among the VPCs.
const PUBLIC: &str = "recursor";

/// The region that the public resolvers ask from.
const PUBLIC_REGION: &str = "us-east-1";

/// The addresses of the public resolvers: those that people know.
const PUBLIC_ADDRESSES: [Ipv4Addr; 4] = [
    Ipv4Addr::new(8, 8, 8, 8),
    Ipv4Addr::new(8, 8, 4, 4),
    Ipv4Addr::new(1, 1, 1, 1),
    Ipv4Addr::new(9, 9, 9, 9),
];

/// The public resolver that a command on the internet asks.
pub const PUBLIC_RESOLVER: Ipv4Addr = PUBLIC_ADDRESSES[0];

/// Name servers and all resolvers.
pub struct Resolution {
    names: NameServers,
    resolvers: Arc<Resolvers>,
    front: Front,
    ways: Arc<Ways>,
    responder: Responder,
    /// What each VPC's resolver was told last.
    told: BTreeMap<Arc<str>, Arc<VpcResolver>>,
}

/// What resolvers are started with.
pub struct Sources {
    /// The name servers.
    pub names: NameServers,
    /// The machine's own name servers, asked for what the simulated internet does not have; none, and nothing leaves the
    /// machine.
    pub host: Vec<SocketAddr>,
    /// Is told what name servers answer.
    pub public_log: Arc<dyn QueryLog>,
    /// Is told what VPCs' resolvers answer.
    pub resolver_log: Arc<dyn ResolverLog>,
}

/// The public resolver, for parts of the daemon that stand for somebody on the internet.
#[derive(Clone)]
pub struct PublicResolver(Arc<Resolvers>);

impl PublicResolver {
    /// Resolves a name as anybody on the simulated internet does, from the root down.
    pub async fn resolve(&self, name: &Name, record_type: RecordType) -> Option<ResolvedName> {
        self.0.resolve(PUBLIC, name, record_type).await
    }

    /// The first IPv4 address of a host.
    pub async fn address(&self, name: &str) -> Option<Ipv4Addr> {
        let answer = self.resolve(&Name::parse(name).ok()?, RecordType::A).await?;
        answer.records.iter().find_map(|(_, record_type, _, data)| {
            let octets: [u8; 4] = data.as_wire().try_into().ok().filter(|_| *record_type == RecordType::A)?;
            Some(octets.into())
        })
    }
}

impl Resolution {
    /// Starts the resolvers.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(sources: Sources, runtime: &Handle) -> anyhow::Result<Self> {
        let Sources { names, host, public_log, resolver_log } = sources;
        let root = NameServer::Root.address().map(IpAddr::V4);
        let hint = RootHint { name: Name::parse(ROOT_SERVER)?, addresses: root.into_iter().collect() };
        let config = Config { hints: vec![hint], host, ..Config::default() };
        let ways = Arc::new(Ways::new()?);
        let clock = Arc::new(SystemClock::new());
        let resolvers =
            Resolvers::new(config, names.store().clone(), ways.clone(), clock, Some(resolver_log));
        let recursors = Recursors::new(resolvers.clone(), runtime.clone());
        resolvers.put(&public());
        for address in PUBLIC_ADDRESSES {
            recursors.put(address.into(), PUBLIC);
        }
        let responder = Responder::new(names.store().clone(), Some(public_log)).with_recursors(recursors);
        let front = Front::start(THREADS, resolvers.clone(), runtime.clone())?;
        Ok(Resolution { names, resolvers, front, ways, responder, told: BTreeMap::new() })
    }

    /// The public resolver.
    pub fn public(&self) -> PublicResolver {
        PublicResolver(self.resolvers.clone())
    }

    /// Name servers answer by the next world. Caches that remember another delegation are emptied: at AWS that takes days.
    pub fn update(&self, before: &World, after: &World, delta: &Delta) {
        if self.names.update(before, after, delta) {
            self.resolvers.flush();
        }
    }

    /// Name servers answer by another world.
    pub fn replace(&self, before: &World, after: &World) {
        self.names.replace(before, after);
        self.resolvers.flush();
    }

    /// The ways out.
    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    /// What answers on the internet.
    pub fn responder(&self) -> &Responder {
        &self.responder
    }

    /// Resolves by a program: what changed is in force when this returns.
    pub fn follow(&mut self, program: &Program) {
        let mut told = BTreeMap::new();
        for namespace in program.namespaces.values() {
            let Role::Router(router) = &namespace.role else { continue };
            let Some(resolver) = &router.resolver else { continue };
            let old = self.told.get(&resolver.vpc);
            if !old.is_some_and(|old| Arc::ptr_eq(old, resolver) || old == resolver) {
                self.resolvers.put(resolver);
            }
            told.insert(resolver.vpc.clone(), resolver.clone());
        }
        if self.told.keys().any(|vpc| !told.contains_key(vpc)) {
            self.resolvers.retain(|vpc| vpc == PUBLIC || told.contains_key(vpc));
        }
        self.told = told;
    }

    /// Serves sockets by a VPC's resolver until what this returns is dropped.
    ///
    /// # Errors
    /// When the sockets cannot be served.
    pub fn serve(&self, service: Service) -> io::Result<Serving> {
        self.front.serve(service)
    }
}

/// A resolver that knows nothing of its own.
fn public() -> VpcResolver {
    VpcResolver {
        vpc: PUBLIC.into(),
        region: PUBLIC_REGION.into(),
        account: "".into(),
        listen: PUBLIC_ADDRESSES.into(),
        rules: BTreeMap::new(),
        private_zones: BTreeMap::new(),
        autodefined: Default::default(),
        names: BTreeMap::new(),
        pointers: BTreeMap::new(),
        logs: Default::default(),
        clients: BTreeMap::new(),
    }
}
