//! Servers, configurations and clients.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use enishi_fabric::balancer::{
    AccessLogs, Action, Algorithm, Attributes, Balancer, Forward, Health, HealthCheck, HealthPort,
    HealthProtocol, Kind, Listener, ListenerAttributes, ListenerProtocol, Matcher, Rule, Target, TargetGroup,
    TargetProtocol, TargetVersion, UnhealthyConnections,
};
use enishi_proxy::balancer::record::{Record, RecordSink, line};
use enishi_proxy::balancer::serve::{Connecting, Connector, Node, Setup, Workers};

/// How long a test waits for something that has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

struct Direct;

impl Connector for Direct {
    fn connect(&self, target: SocketAddrV4, _: Option<SocketAddrV4>) -> Connecting {
        Box::pin(tokio::net::TcpStream::connect(target))
    }
}

/// Keeps the lines of an access log.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl RecordSink for Lines {
    fn record(&self, record: &Record<'_>) {
        self.0.lock().expect("lines").push(line(record));
    }
}

impl Lines {
    /// Waits for so many lines.
    pub fn wait(&self, count: usize) -> Vec<String> {
        wait(|| {
            let lines = self.0.lock().expect("lines");
            (lines.len() >= count).then(|| lines.clone())
        })
    }
}

/// Waits until there is something.
pub fn wait<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begin = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "it did not come");
        thread::yield_now();
    }
}

/// A load balancer that listens.
pub struct Fixture {
    pub node: Option<Node>,
    pub config: Arc<ArcSwap<Balancer>>,
    pub address: SocketAddr,
    pub lines: Lines,
    _workers: Workers,
}

impl Fixture {
    /// Starts a load balancer; `change` finishes its configuration. Its listener's port is known only then.
    pub fn new(groups: Vec<TargetGroup>, change: impl FnOnce(&mut Balancer, u16)) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut balancer = balancer(address.port(), groups);
        change(&mut balancer, address.port());
        let config = Arc::new(ArcSwap::from_pointee(balancer));
        let workers = Workers::start(2).expect("workers");
        let lines = Lines::default();
        let setup = Setup {
            config: config.clone(),
            zone: "us-east-1a".into(),
            address: Ipv4Addr::LOCALHOST,
            connector: Arc::new(Direct),
            records: Arc::new(lines.clone()),
            secret: [7; 32],
            signer: None,
            authorities: "".into(),
        };
        let node = Node::start(&workers, setup);
        node.listen(address.port(), listener).expect("it listens");
        Fixture { node: Some(node), config, address, lines, _workers: workers }
    }

    /// One that forwards everything to these servers.
    pub fn to(servers: &[&Server]) -> Self {
        Fixture::new(vec![group(servers)], |_, _| {})
    }

    pub fn node(&self) -> &Node {
        self.node.as_ref().expect("a node")
    }

    /// Changes the configuration while it runs.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Balancer)) {
        let mut balancer = Balancer::clone(&self.config.load());
        change(&mut balancer);
        self.config.store(Arc::new(balancer));
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).expect("a connection"))
    }

    /// One request on a connection of its own; the whole answer.
    pub fn ask(&self, request: &str) -> String {
        let mut client = self.connect();
        client.send(request.as_bytes());
        client.response()
    }
}

/// An Application Load Balancer that forwards to the first of these groups.
fn balancer(port: u16, groups: Vec<TargetGroup>) -> Balancer {
    let action = Action::Forward(Forward {
        groups: groups.first().map(|group| (group.arn.clone(), 1)).into_iter().collect(),
        stickiness_seconds: None,
    });
    let listener = Listener {
        arn: "listener".into(),
        port,
        protocol: ListenerProtocol::Http,
        tls: None,
        rules: vec![rule(action)],
        attributes: Arc::new(ListenerAttributes::default()),
    };
    Balancer {
        arn: "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/lb/1".into(),
        id: "app/lb/1".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        vpc: "vpc-1".into(),
        dns_name: "lb-1.us-east-1.elb.amazonaws.com".into(),
        kind: Kind::Application,
        nodes: BTreeMap::new(),
        listeners: BTreeMap::from([(port, Arc::new(listener))]),
        target_groups: groups.into_iter().map(|group| (group.arn.clone(), Arc::new(group))).collect(),
        attributes: Arc::new(Attributes { access_logs: Some(logs()), ..Attributes::default() }),
    }
}

fn logs() -> AccessLogs {
    AccessLogs { bucket: "logs".into(), prefix: "".into() }
}

/// A default rule.
pub fn rule(action: Action) -> Arc<Rule> {
    Arc::new(Rule {
        arn: "rule".into(),
        priority: None,
        conditions: Vec::new(),
        authenticate: None,
        rewrites: Vec::new(),
        action,
    })
}

/// A target group of these servers.
pub fn group(servers: &[&Server]) -> TargetGroup {
    group_of(servers.iter().map(|server| server.address).collect())
}

/// A target group of what listens there.
pub fn group_of(addresses: Vec<SocketAddrV4>) -> TargetGroup {
    TargetGroup {
        arn: "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/tg/1".into(),
        id: "targetgroup/tg/1".into(),
        protocol: TargetProtocol::Http,
        version: TargetVersion::Http1,
        algorithm: Algorithm::RoundRobin,
        stickiness: None,
        cross_zone: true,
        deregistration_delay_seconds: 300,
        preserve_client_ip: false,
        terminate_on_deregistration: false,
        unhealthy_connections: UnhealthyConnections::Keep,
        proxy_protocol: None,
        health_check: Arc::new(HealthCheck {
            protocol: HealthProtocol::Http,
            port: HealthPort::Traffic,
            path: "/".into(),
            interval_seconds: 30,
            timeout_seconds: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: Matcher::Http(vec![200..=200]),
            user_agent: "ELB-HealthChecker/2.0".into(),
        }),
        targets: addresses
            .into_iter()
            .map(|address| Target {
                id: address.to_string().into(),
                address: *address.ip(),
                port: address.port(),
                zone: None,
                health: Health::Healthy,
                since: 0,
                slow_start_until: None,
            })
            .collect(),
    }
}

/// A server that hands each of its connections to a function.
pub struct Server {
    pub address: SocketAddrV4,
}

impl Server {
    pub fn new(serve: impl Fn(Client) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let SocketAddr::V4(address) = listener.local_addr().expect("an address") else { panic!("IPv4") };
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                thread::spawn(move || serve(Client::new(stream)));
            }
        });
        Server { address }
    }

    /// Answers every request, connection by connection, with what a function makes of it.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Server::new(move |mut client| {
            while let Some(request) = client.request() {
                client.send(answer(&request).as_bytes());
            }
        })
    }

    /// Answers with what it was asked.
    pub fn echo() -> Self {
        Server::answering(|request| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len())
        })
    }
}

/// A connection, of either side.
pub struct Client {
    pub stream: TcpStream,
    pub buffer: Vec<u8>,
    tls: Option<rustls::Connection>,
}

trait Duplex: Read + Write {}

impl<T: Read + Write> Duplex for T {}

/// TLS on a connection, of either side.
fn over<'a>(tls: &'a mut rustls::Connection, stream: &'a mut TcpStream) -> Box<dyn Duplex + 'a> {
    match tls {
        rustls::Connection::Client(tls) => Box::new(rustls::Stream::new(tls, stream)),
        rustls::Connection::Server(tls) => Box::new(rustls::Stream::new(tls, stream)),
    }
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        Client { stream, buffer: Vec::new(), tls: None }
    }

    pub fn over_tls(stream: TcpStream, tls: rustls::Connection) -> Self {
        Client { tls: Some(tls), ..Client::new(stream) }
    }

    /// Sends; a peer that is gone does not matter here.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = match &mut self.tls {
            None => self.stream.write_all(bytes),
            Some(tls) => over(tls, &mut self.stream).write_all(bytes),
        };
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn fill(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        let read = match &mut self.tls {
            None => self.stream.read(&mut bytes),
            Some(tls) => over(tls, &mut self.stream).read(&mut bytes),
        };
        match read {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
        }
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> String {
        while self.fill() {}
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// So many bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "the connection ended early");
        }
        self.buffer.drain(..count).collect()
    }

    /// A head, up to and with the empty line.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn body(&mut self, head: &str, has_none: bool, until_close: bool) -> String {
        let lower = head.to_ascii_lowercase();
        let length =
            lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if has_none {
            return String::new();
        }
        if lower.contains("transfer-encoding: chunked") {
            return self.chunks();
        }
        match length {
            Some(length) => String::from_utf8_lossy(&self.exactly(length)).into_owned(),
            None if until_close => self.rest(),
            None => String::new(),
        }
    }

    /// A chunked body with its trailers, put together.
    fn chunks(&mut self) -> String {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.text_line(), 16).expect("a size");
            if size == 0 {
                break;
            }
            body.extend(self.exactly(size));
            assert_eq!(self.text_line(), "");
        }
        loop {
            match self.text_line() {
                line if line.is_empty() => return String::from_utf8_lossy(&body).into_owned(),
                line => body.extend(format!("[{line}]").bytes()),
            }
        }
    }

    fn text_line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.fill(), "the connection ended early");
        }
    }

    /// A whole request: its head, and its body behind it.
    pub fn request(&mut self) -> Option<String> {
        let head = self.head()?;
        let body = self.body(&head, false, false);
        Some(head + &body)
    }

    /// A whole response: its head, and its body behind it.
    pub fn response(&mut self) -> String {
        self.response_to("GET")
    }

    pub fn response_to(&mut self, method: &str) -> String {
        let head = self.head().expect("a response");
        let has_none =
            method == "HEAD" || [" 1", " 204", " 304"].iter().any(|code| head[8..].starts_with(code));
        let body = self.body(&head, has_none, true);
        head + &body
    }

    /// Whether the other side has ended the connection, sooner or later.
    pub fn is_ended(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }
}
