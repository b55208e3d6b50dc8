//! A load balancer on this machine's own addresses, for measurements and conformance tests without a network of its own.
//!
//! `balancer LISTEN TARGET... [--threads N] [--rules N] [--tls CERT KEY] [--http2-targets] [--sticky] [--filler-targets N]`
//!
//! It listens at `LISTEN` (`127.0.0.1:8080`), forwards to the targets in turn, and prints what it counted when its input ends.
//! `CERT` and `KEY` are PEM files.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use enishi_fabric::balancer::{
    Action, Algorithm, AlpnPolicy, Attributes, Balancer, Certificate, Condition, Forward, Health,
    HealthCheck, HealthPort, HealthProtocol, Kind, Listener, ListenerAttributes, ListenerProtocol, Matcher,
    MutualAuthentication, Pattern, PrivateKey, Rule, Stickiness, Target, TargetGroup, TargetProtocol,
    TargetVersion, Tls, UnhealthyConnections,
};
use enishi_proxy::balancer::counters::Metric;
use enishi_proxy::balancer::record::{Record, RecordSink};
use enishi_proxy::balancer::serve::{Connecting, Connector, Node, Setup, Workers};
use tokio::net::TcpStream;

const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/example/1";

struct Direct;

impl Connector for Direct {
    fn connect(&self, target: SocketAddrV4, _: Option<SocketAddrV4>) -> Connecting {
        Box::pin(TcpStream::connect(target))
    }
}

struct Nowhere;

impl RecordSink for Nowhere {
    fn record(&self, _: &Record<'_>) {}
}

#[derive(Default)]
struct Arguments {
    listen: Option<SocketAddrV4>,
    targets: Vec<SocketAddrV4>,
    threads: usize,
    rules: usize,
    fillers: usize,
    tls: Option<Tls>,
    is_http2: bool,
    is_sticky: bool,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments { threads: 2, ..Arguments::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        match word.as_str() {
            "--threads" => arguments.threads = value()?.parse()?,
            "--rules" => arguments.rules = value()?.parse()?,
            "--filler-targets" => arguments.fillers = value()?.parse()?,
            "--http2-targets" => arguments.is_http2 = true,
            "--sticky" => arguments.is_sticky = true,
            "--tls" => {
                arguments.tls =
                    Some(tls(std::fs::read_to_string(value()?)?, std::fs::read_to_string(value()?)?))
            }
            address if arguments.listen.is_none() => arguments.listen = Some(address.parse()?),
            address => arguments.targets.push(address.parse()?),
        }
    }
    Ok(arguments)
}

fn tls(certificate: String, key: String) -> Tls {
    let certificate = Certificate {
        arn: "arn:aws:acm:us-east-1:000000000000:certificate/example".into(),
        names: vec!["localhost".into()],
        chain: certificate.into(),
        key: PrivateKey(key.into()),
    };
    Tls {
        policy: "ELBSecurityPolicy-TLS13-1-2-2021-06".into(),
        default: Arc::new(certificate),
        others: Vec::new(),
        alpn: AlpnPolicy::None,
        mutual: MutualAuthentication::Off,
    }
}

fn configuration(arguments: &Arguments, port: u16) -> Balancer {
    let forward = || Action::Forward(Forward { groups: vec![(GROUP.into(), 1)], stickiness_seconds: None });
    let rule = |priority: Option<u32>, conditions: Vec<Condition>| {
        Arc::new(Rule {
            arn: "rule".into(),
            priority,
            conditions,
            authenticate: None,
            rewrites: Vec::new(),
            action: forward(),
        })
    };
    let mut rules: Vec<Arc<Rule>> = (1..=u32::try_from(arguments.rules).unwrap_or_default())
        .map(|n| {
            let path = Pattern::Wildcard(format!("/service-{n}/*").into());
            let host = Pattern::Wildcard(format!("*.tenant-{}.example.com", n % 10).into());
            rule(Some(n), vec![Condition::Host(vec![host]), Condition::Path(vec![path])])
        })
        .collect();
    rules.push(rule(None, Vec::new()));
    let target = |n: usize, address: SocketAddrV4, health: Health| Target {
        id: format!("i-{n}").into(),
        address: *address.ip(),
        port: address.port(),
        zone: None,
        health,
        since: 0,
        slow_start_until: None,
    };
    let mut targets: Vec<Target> = arguments
        .targets
        .iter()
        .enumerate()
        .map(|(n, address)| target(n, *address, Health::Healthy))
        .collect();
    targets.extend((0..arguments.fillers).map(|n| {
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 1, 1, 1), u16::try_from(n + 1).unwrap_or(1));
        // Every other one takes its turns, so that choices go over all of them.
        target(
            1000 + n,
            arguments.targets.get(n % arguments.targets.len()).copied().unwrap_or(address),
            Health::Healthy,
        )
    }));
    let group = TargetGroup {
        arn: GROUP.into(),
        id: "targetgroup/example/1".into(),
        protocol: TargetProtocol::Http,
        version: if arguments.is_http2 { TargetVersion::Http2 } else { TargetVersion::Http1 },
        algorithm: Algorithm::RoundRobin,
        stickiness: arguments.is_sticky.then_some(Stickiness::LbCookie { seconds: Some(3600) }),
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
        targets,
    };
    let listener = Listener {
        arn: "listener".into(),
        port,
        protocol: if arguments.tls.is_some() { ListenerProtocol::Https } else { ListenerProtocol::Http },
        tls: arguments.tls.clone().map(Arc::new),
        rules,
        attributes: Arc::new(ListenerAttributes::default()),
    };
    Balancer {
        arn: "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/example/1".into(),
        id: "app/example/1".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        vpc: "vpc-1".into(),
        dns_name: "localhost".into(),
        kind: Kind::Application,
        nodes: BTreeMap::new(),
        listeners: BTreeMap::from([(port, Arc::new(listener))]),
        target_groups: BTreeMap::from([(GROUP.into(), Arc::new(group))]),
        attributes: Arc::new(Attributes::default()),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let listen = arguments.listen.ok_or("where to listen? e.g. 127.0.0.1:8080 127.0.0.1:9000")?;
    let listener = TcpListener::bind(listen)?;
    let port = listener.local_addr()?.port();
    let config = Arc::new(ArcSwap::from_pointee(configuration(&arguments, port)));
    let workers = Workers::start(arguments.threads)?;
    let node = Node::start(
        &workers,
        Setup {
            config,
            zone: "us-east-1a".into(),
            address: *listen.ip(),
            connector: Arc::new(Direct),
            records: Arc::new(Nowhere),
            secret: [7; 32],
            signer: None,
            authorities: "".into(),
        },
    );
    node.listen(port, listener)?;
    println!("listening at {}:{port}", listen.ip());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for metric in Metric::ALL {
        println!("{metric:?}: {}", node.counters().get(metric));
    }
    Ok(())
}
