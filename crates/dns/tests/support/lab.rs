//! A small internet on loopback, and a VPC's resolver in front of it. Nothing waits for time to pass: the clock is moved.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use enishi_dns::resolver::{
    Clock, Config, Limits, LogEntry, Path, ResolverLog, Resolvers, RootHint, Uplinks,
};
use enishi_dns::server::{Front, QueryLog, Responder, Service, Serving, UdpServer, serve_tcp};
use enishi_dns::{Client, Outcome, Store, ViewId, zonefile};
use enishi_fabric::dns::{Name, Zone};
use enishi_fabric::dns::{ResolverRule, RuleAction, VpcResolver};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::support;

/// Where the resolver under test listens.
pub const RESOLVER: u8 = 200;
/// The root's server.
pub const ROOT: u8 = 1;
const VPC: &str = "vpc-1";
const PATIENCE: Duration = Duration::from_secs(20);

pub struct MovedClock(AtomicU64);

impl MovedClock {
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(1_000 + self.0.load(Ordering::SeqCst))
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.elapsed()
    }
}

/// Sockets of this machine, whatever the way.
struct Loopback(Mutex<Vec<Path>>);

impl Uplinks for Loopback {
    fn udp(&self, path: &Path, _: SocketAddr) -> io::Result<UdpSocket> {
        self.0.lock().expect("paths").push(path.clone());
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
    }

    fn tcp(&self, path: &Path, _: SocketAddr) -> io::Result<TcpSocket> {
        self.0.lock().expect("paths").push(path.clone());
        TcpSocket::new_v4()
    }
}

/// Counts what a name server is asked.
#[derive(Default)]
struct Asked(Mutex<Vec<String>>);

impl QueryLog for Asked {
    fn record(&self, _: &Client, outcome: &Outcome<'_>) {
        let name = Name::from_wire(outcome.name).map(|name| name.to_string()).unwrap_or_default();
        let record_type = outcome.record_type.map(|kind| kind.to_string()).unwrap_or_default();
        self.0.lock().expect("the log").push(format!("{name} {record_type}"));
    }
}

/// Keeps what was logged, as text.
#[derive(Default)]
pub struct Kept(pub Mutex<Vec<String>>);

impl ResolverLog for Kept {
    fn record(&self, entry: &LogEntry<'_>) {
        let answers: Vec<String> = entry
            .answers
            .iter()
            .map(|answer| {
                format!("{} {} {}", answer.data.text(answer.record_type), answer.record_type, answer.class)
            })
            .collect();
        let line = format!(
            "{:?} {} {} {} {} {} {} {} [{}] {} {:?} {:?} {:?} {:?}",
            entry.logs.iter().map(|log| &**log).collect::<Vec<_>>(),
            entry.account,
            entry.region,
            entry.vpc,
            entry.query_name,
            entry.query_type,
            entry.query_class,
            entry.rcode,
            answers.join(", "),
            entry.source.ip(),
            entry.transport,
            entry.eni.as_deref(),
            entry.instance.as_deref(),
            entry.endpoint.as_deref(),
        );
        self.0.lock().expect("the log").push(line);
    }
}

pub type Script = Box<dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync>;

/// What a lab is made of. `NET` in zone files stands for the first three bytes of its addresses.
pub struct Plan {
    /// The lab's own block of addresses, `127.x.y`: tests run side by side.
    pub net: [u8; 2],
    /// Server, apex, zone file.
    pub zones: Vec<(u8, &'static str, &'static str)>,
    /// Private zones: apex (and id), zone file.
    pub private: Vec<(&'static str, &'static str)>,
    /// Servers that answer as nobody should.
    pub scripts: Vec<(u8, Script)>,
    pub limits: Limits,
    pub host: Vec<u8>,
    pub endpoint: Option<&'static str>,
}

impl Plan {
    pub fn new(net: [u8; 2]) -> Self {
        let limits = Limits {
            first_timeout: Duration::from_millis(250),
            longest_timeout: Duration::from_millis(1_000),
            patience: Duration::from_secs(15),
            ..Limits::default()
        };
        Plan {
            net,
            zones: Vec::new(),
            private: Vec::new(),
            scripts: Vec::new(),
            limits,
            host: Vec::new(),
            endpoint: None,
        }
    }

    pub fn zone(mut self, server: u8, apex: &'static str, text: &'static str) -> Self {
        self.zones.push((server, apex, text));
        self
    }

    pub fn private(mut self, apex: &'static str, text: &'static str) -> Self {
        self.private.push((apex, text));
        self
    }

    pub fn script(
        mut self,
        server: u8,
        script: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.scripts.push((server, Box::new(script)));
        self
    }

    fn net(&self) -> String {
        let [high, low] = self.net;
        format!("127.{high}.{low}")
    }

    fn zone_of(&self, apex: &str, text: &str) -> Zone {
        let origin = support::name(apex);
        let text = text.replace("NET", &self.net());
        let record_sets = zonefile::read(&text, &origin).unwrap_or_else(|error| panic!("{apex}: {error}"));
        Zone { id: Arc::from(apex), name: origin, record_sets }
    }

    pub fn start(self) -> Lab {
        Lab::start(self)
    }
}

pub struct Lab {
    net: [u8; 2],
    pub port: u16,
    pub clock: Arc<MovedClock>,
    pub resolvers: Arc<Resolvers>,
    pub log: Arc<Kept>,
    pub vpc: VpcResolver,
    pub private: Arc<Store>,
    stores: HashMap<u8, Arc<Store>>,
    asked: HashMap<u8, Arc<Asked>>,
    servers: HashMap<u8, (UdpServer, tokio::task::AbortHandle)>,
    uplinks: Arc<Loopback>,
    serving: Option<Serving>,
    _front: Front,
    pub runtime: Runtime,
}

fn address([high, low]: [u8; 2], host: u8) -> IpAddr {
    IpAddr::from([127, high, low, host])
}

type Sockets = HashMap<u8, (UdpSocket, TcpListener)>;

/// Binds all addresses at one port that is free on each.
fn bind(net: [u8; 2], hosts: &[u8]) -> (u16, Sockets) {
    let attempt = || -> io::Result<(u16, Sockets)> {
        let first = TcpListener::bind((address(net, RESOLVER), 0))?;
        let port = first.local_addr()?.port();
        let mut sockets = Sockets::new();
        sockets.insert(RESOLVER, (UdpSocket::bind((address(net, RESOLVER), port))?, first));
        for host in hosts {
            let at = (address(net, *host), port);
            sockets.insert(*host, (UdpSocket::bind(at)?, TcpListener::bind(at)?));
        }
        Ok((port, sockets))
    };
    std::iter::repeat_with(attempt).take(50).find_map(Result::ok).expect("a port that is free everywhere")
}

impl Lab {
    fn start(plan: Plan) -> Lab {
        let mut hosts: Vec<u8> = plan.zones.iter().map(|(host, ..)| *host).collect();
        hosts.extend(plan.scripts.iter().map(|(host, _)| *host));
        hosts.sort_unstable();
        hosts.dedup();
        let (port, mut sockets) = bind(plan.net, &hosts);
        let runtime = Runtime::new().expect("a runtime");
        let clock = Arc::new(MovedClock(AtomicU64::new(0)));
        let uplinks = Arc::new(Loopback(Mutex::default()));
        let log = Arc::new(Kept::default());
        let private_zones: Vec<Zone> =
            plan.private.iter().map(|(apex, text)| plan.zone_of(apex, text)).collect();
        let private = Arc::new(support::store_of(&private_zones));
        let config = Config {
            hints: vec![RootHint {
                name: support::name("a.root-servers.test"),
                addresses: vec![address(plan.net, ROOT)],
            }],
            port,
            host: plan.host.iter().map(|host| SocketAddr::new(address(plan.net, *host), port)).collect(),
            limits: plan.limits.clone(),
        };
        let resolvers =
            Resolvers::new(config, Arc::clone(&private), uplinks.clone(), clock.clone(), Some(log.clone()));
        let front = Front::start(1, Arc::clone(&resolvers), runtime.handle().clone()).expect("a front");
        let (udp, tcp) = sockets.remove(&RESOLVER).expect("the resolver's");
        let service = Service {
            vpc: Arc::from(VPC),
            endpoint: plan.endpoint.map(Arc::from),
            udp: vec![udp],
            tcp: vec![tcp],
        };
        let serving = Some(front.serve(service).expect("a service"));
        let vpc = VpcResolver {
            vpc: Arc::from(VPC),
            region: Arc::from("eu-central-1"),
            account: Arc::from("111122223333"),
            listen: Default::default(),
            rules: Default::default(),
            private_zones: private_zones
                .iter()
                .map(|zone| (zone.name.clone(), Arc::clone(&zone.id)))
                .collect(),
            autodefined: Default::default(),
            names: Default::default(),
            pointers: Default::default(),
            logs: Default::default(),
            clients: Default::default(),
        };
        resolvers.put(&vpc);
        let mut lab = Lab {
            net: plan.net,
            port,
            clock,
            resolvers,
            log,
            vpc,
            private,
            stores: HashMap::new(),
            asked: HashMap::new(),
            servers: HashMap::new(),
            uplinks,
            serving,
            _front: front,
            runtime,
        };
        for host in hosts.iter().copied().filter(|host| plan.zones.iter().any(|(server, ..)| server == host))
        {
            let (udp, tcp) = sockets.remove(&host).expect("a server's");
            let of_server = plan.zones.iter().filter(|(server, ..)| *server == host);
            let zones: Vec<Zone> = of_server.map(|(_, apex, text)| plan.zone_of(apex, text)).collect();
            lab.stores.insert(host, Arc::new(support::store_of(&zones)));
            lab.asked.insert(host, Arc::new(Asked::default()));
            lab.run(host, udp, tcp);
        }
        for (host, script) in plan.scripts {
            let (udp, _) = sockets.remove(&host).expect("a script's");
            lab.runtime.spawn(play(udp, script));
        }
        lab
    }

    fn run(&mut self, host: u8, udp: UdpSocket, tcp: TcpListener) {
        let log: Arc<dyn QueryLog> = Arc::clone(&self.asked[&host]) as _;
        let responder = Responder::new(Arc::clone(&self.stores[&host]), Some(log)).for_view(ViewId(1));
        let streams = self.runtime.spawn(serve_tcp(tcp, responder.clone(), 1)).abort_handle();
        let server = UdpServer::start(vec![udp], &responder, 1).expect("a server");
        self.servers.insert(host, (server, streams));
    }

    /// Stops a server for good.
    pub fn stop(&mut self, host: u8) {
        let (_, streams) = self.servers.remove(&host).expect("a server");
        streams.abort();
    }

    /// Stops serving the VPC.
    pub fn end(&mut self) {
        self.serving = None;
    }

    pub fn address(&self, host: u8) -> IpAddr {
        address(self.net, host)
    }

    /// Makes a zone file all there is of a server's zone.
    pub fn change(&self, host: u8, apex: &str, text: &str) {
        let plan = Plan::new(self.net);
        self.stores[&host].update(|edit| edit.put_zone(plan.zone_of(apex, text)));
    }

    /// What a server was asked since this was last asked.
    pub fn asked(&self, host: u8) -> Vec<String> {
        std::mem::take(&mut *self.asked[&host].0.lock().expect("the log"))
    }

    /// The ways that questions went since this was last asked.
    pub fn paths(&self) -> Vec<Path> {
        std::mem::take(&mut *self.uplinks.0.lock().expect("paths"))
    }

    /// Changes what the VPC's resolver knows.
    pub fn know(&mut self, change: impl FnOnce(&mut VpcResolver)) {
        change(&mut self.vpc);
        self.resolvers.put(&self.vpc);
    }

    /// Forwards a domain to servers.
    pub fn forward(&mut self, domain: &str, targets: &[u8]) {
        let targets = targets.iter().map(|host| SocketAddr::new(self.address(*host), self.port)).collect();
        let action = RuleAction::Forward { endpoint: Arc::from("rslvr-out-1"), targets };
        let rule = ResolverRule { id: Arc::from("rslvr-rr-1"), action };
        self.know(|vpc| drop(vpc.rules.insert(support::name(domain), rule)));
    }

    /// Sends a query to the resolver and returns the answer's bytes.
    pub fn send(&self, query: &[u8]) -> Vec<u8> {
        let socket = self.client();
        socket.send(query).expect("a query");
        receive(&socket)
    }

    /// A client of the resolver.
    pub fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a client");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.connect((self.address(RESOLVER), self.port)).expect("the resolver");
        socket
    }

    /// The answer to a question as text.
    pub fn ask(&self, name: &str, record_type: &str) -> String {
        support::show(&self.send(&support::query(name, record_type, Some(1232))))
    }
}

/// The next answer.
pub fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let length = socket.recv(&mut buffer).expect("an answer");
    buffer.truncate(length);
    buffer
}

async fn play(udp: UdpSocket, script: Script) {
    udp.set_nonblocking(true).expect("a socket");
    let udp = tokio::net::UdpSocket::from_std(udp).expect("a socket");
    let mut buffer = vec![0; 4_096];
    loop {
        let Ok((length, peer)) = udp.recv_from(&mut buffer).await else { continue };
        // A script may wait for the test; what else this thread had to do goes on elsewhere.
        for answer in tokio::task::block_in_place(|| script(&buffer[..length])) {
            let _ = udp.send_to(&answer, peer).await;
        }
    }
}

/// An answer to `query` made by hand: flags, then records of each section as (owner, type, ttl, data).
pub fn forge(query: &[u8], flags: u16, sections: [&[(&str, &str, u32, &str)]; 3]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 5;
    let mut answer = query[..2].to_vec();
    answer.extend_from_slice(&(0x8000 | flags).to_be_bytes());
    answer.extend_from_slice(&[0, 1]);
    for section in sections {
        answer.extend_from_slice(&(section.len() as u16).to_be_bytes());
    }
    answer.extend_from_slice(&query[12..end]);
    for (owner, record_type, ttl, data) in sections.into_iter().flatten() {
        let record_type = record_type.parse().expect("a type");
        let data = enishi_fabric::dns::Rdata::parse(record_type, data).expect("data");
        answer.extend_from_slice(support::name(owner).as_wire());
        answer.extend_from_slice(&record_type.0.to_be_bytes());
        answer.extend_from_slice(&[0, 1]);
        answer.extend_from_slice(&ttl.to_be_bytes());
        answer.extend_from_slice(&(data.as_wire().len() as u16).to_be_bytes());
        answer.extend_from_slice(data.as_wire());
    }
    answer
}

/// The name in a query, as text.
pub fn asked_name(query: &[u8]) -> String {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("a name") + 1;
    Name::from_wire(&query[12..end]).expect("a name").to_string()
}
