//! The server on loopback, asked by clients nobody here wrote.

mod support;

use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};

use enishi_dns::server::{QueryLog, Responder, UdpServer, serve_tcp};
use enishi_dns::{Client, Outcome, Store};
use enishi_fabric::dns::RecordType;

const ZONE: &str = "
$TTL 300
@ 900 IN SOA ns hostmaster 1 7200 900 1209600 86400
@ NS ns
ns A 192.0.2.53
www A 192.0.2.1
text TXT \"a b\" \"c\"
";

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl QueryLog for Log {
    fn record(&self, client: &Client, outcome: &Outcome<'_>) {
        let line = format!("{} {} {:?}", client.source, outcome.rcode, client.transport);
        self.0.lock().expect("the log").push(line);
    }
}

struct Running {
    store: Arc<Store>,
    log: Arc<Log>,
    port: u16,
    _udp: UdpServer,
    _runtime: tokio::runtime::Runtime,
}

fn start(bind: &str) -> Running {
    let mut zone = ZONE.to_owned();
    (0..100).for_each(|number| zone.push_str(&format!("big AAAA 2001:db8::{number:x}\n")));
    let store = Arc::new(support::store(&[("example.com.", &zone)]));
    let log = Arc::new(Log::default());
    let responder = Responder::new(Arc::clone(&store), Some(log.clone()));
    // TCP first: the same number is then tried for UDP, until both are free.
    let (tcp, udp) = std::iter::repeat_with(|| {
        let tcp = TcpListener::bind((bind, 0)).expect("a free port");
        UdpSocket::bind(tcp.local_addr().expect("an address")).map(|udp| (tcp, udp))
    })
    .find_map(Result::ok)
    .expect("a free port");
    let port = udp.local_addr().expect("an address").port();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.spawn(serve_tcp(tcp, responder.clone(), 3));
    let udp = UdpServer::start(vec![udp], &responder, 7).expect("a server");
    Running { store, log, port, _udp: udp, _runtime: runtime }
}

fn run(program: &str, server: &str, port: u16, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .arg(format!("@{server}"))
        .args(["-p", &port.to_string()])
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} (Debian's dnsutils and knot-dnsutils): {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn dig_and_kdig_agree() {
    let server = start("127.0.0.1");
    for program in ["dig", "kdig"] {
        let ask = |arguments: &[&str]| run(program, "127.0.0.1", server.port, arguments);
        assert_eq!(ask(&["+short", "www.example.com", "A"]), "192.0.2.1\n");
        assert_eq!(ask(&["+short", "+tcp", "www.example.com", "A"]), "192.0.2.1\n");
        assert_eq!(ask(&["+short", "text.example.com", "TXT"]), "\"a b\" \"c\"\n");
        let nothing = ask(&["nothing.example.com", "A"]);
        assert!(nothing.contains("NXDOMAIN") && nothing.contains("SOA"), "{nothing}");
        // 100 addresses do not fit into a datagram: the client comes again over TCP.
        let big = ask(&["+short", "big.example.com", "AAAA"]);
        assert_eq!(big.lines().filter(|line| line.starts_with("2001:db8::")).count(), 100, "{big}");
    }
    let version = run("dig", "127.0.0.1", server.port, &["+edns=1", "+noednsnegotiation", "www.example.com"]);
    assert!(version.contains("BADVERS"), "{version}");
    let log = server.log.0.lock().expect("the log");
    assert!(
        log.contains(&"127.0.0.1 NOERROR Tcp".to_owned())
            && log.contains(&"127.0.0.1 NXDOMAIN Udp".to_owned())
    );
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let server = start("0.0.0.0");
    // dig refuses an answer from another address than it asked.
    assert_eq!(run("dig", "127.0.0.2", server.port, &["+short", "www.example.com"]), "192.0.2.1\n");
}

#[test]
fn a_change_is_in_force_when_update_returns() {
    let server = start("127.0.0.1");
    let www = support::name("www.example.com");
    server.store.update(|edit| edit.replace("example.com.", &www, RecordType::A, &[]));
    let answer = run("dig", "127.0.0.1", server.port, &["www.example.com"]);
    assert!(answer.contains("NXDOMAIN"), "{answer}");
}
