//! DNS over TCP, to a name server and to a resolver. Each test quotes the sentence of RFC 7766 that it tests.

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use lab::{Lab, Plan, RESOLVER, ROOT, forge};
use tokio::net::TcpSocket;

const AA: u16 = 0x0400;
const ROOT_ZONE: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS a.root-servers.test.
slow.com 86400 NS ns.slow.com.
ns.slow.com 86400 A NET.6
bank.com 86400 NS ns.bank.com.
ns.bank.com 86400 A NET.7
";
const BANK: &str =
    "@ 900 IN SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns\nns 300 A NET.7\nwww 300 A 192.0.2.7\n";

/// The name server of bank.com, which is also asked directly.
const BANK_SERVER: u8 = 7;

/// More than a query takes, far less than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

fn plan(number: u8) -> Plan {
    Plan::new([84, number]).zone(ROOT, ".", ROOT_ZONE).zone(BANK_SERVER, "bank.com", BANK)
}

fn connect(lab: &Lab, host: u8) -> TcpStream {
    let stream = TcpStream::connect((lab.address(host), lab.port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// A query with its length before it.
fn framed(id: u16, name: &str) -> Vec<u8> {
    let mut query = support::query(name, "A", None);
    query[..2].copy_from_slice(&id.to_be_bytes());
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend(query);
    framed
}

/// The next answer: its id and text.
fn receive(stream: &mut TcpStream) -> (u16, String) {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a length");
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).expect("an answer");
    (u16::from_be_bytes([answer[0], answer[1]]), support::show(&answer))
}

/// Whether the other side has closed the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Section 5: "Authoritative server implementations MUST support TCP so that they do not limit the size of responses to what fits in a
/// single UDP packet."
#[test]
fn an_answer_of_any_size_is_whole() {
    let lab = plan(1).start();
    let many: String =
        (0..2_000).map(|host| format!("many 300 A 10.0.{}.{}\n", host / 250, host % 250)).collect();
    lab.change(BANK_SERVER, "bank.com", &format!("{BANK}{many}"));
    let mut stream = connect(&lab, BANK_SERVER);
    stream.write_all(&framed(1, "many.bank.com")).expect("a query");
    let (_, text) = receive(&mut stream);
    assert_eq!(text.lines().filter(|line| line.starts_with("answer many.bank.com. 300 A ")).count(), 2_000);
}

/// Section 6.2.1: "both clients and servers SHOULD support connection reuse by sending multiple queries and responses over a single
/// persistent TCP connection."
#[test]
fn a_connection_is_used_again() {
    let lab = plan(2).start();
    for host in [BANK_SERVER, RESOLVER] {
        let mut stream = connect(&lab, host);
        for id in 0..100 {
            stream.write_all(&framed(id, "www.bank.com")).expect("a query");
            let (answered, text) = receive(&mut stream);
            assert_eq!(answered, id);
            assert!(text.contains("192.0.2.7"), "{text}");
        }
    }
}

/// Section 6.2.1.1: "The server SHOULD answer all pipelined queries, even if they are received in quick succession."
#[test]
fn every_query_of_a_burst_is_answered() {
    const QUERIES: u16 = 500;
    let lab = plan(3).start();
    for host in [BANK_SERVER, RESOLVER] {
        let mut stream = connect(&lab, host);
        let burst: Vec<u8> =
            (0..QUERIES).flat_map(|id| framed(id, &format!("h{}.bank.com", id % 50))).collect();
        stream.write_all(&burst).expect("queries");
        let answers: BTreeMap<u16, String> = (0..QUERIES).map(|_| receive(&mut stream)).collect();
        assert_eq!(answers.len(), usize::from(QUERIES), "each is answered once");
        assert!(answers.values().all(|text| text.starts_with("NXDOMAIN")), "{answers:?}");
    }
}

/// Section 6.2.1.1: "The server SHOULD process TCP queries concurrently, just as it would for UDP." Section 7: "clients MUST match
/// responses to outstanding queries on the same TCP connection using the Message ID."
#[test]
fn a_slow_name_holds_up_no_other() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let mut plan = plan(4).script(6, move |query| {
        let _ = released.lock().expect("the gate").recv();
        vec![forge(query, AA, [&[("www.slow.com", "A", 300, "192.0.2.6")], &[], &[]])]
    });
    plan.limits.first_timeout = Duration::from_secs(10);
    plan.limits.longest_timeout = Duration::from_secs(10);
    let lab = plan.start();
    let mut stream = connect(&lab, RESOLVER);
    stream.write_all(&[framed(1, "www.slow.com"), framed(2, "www.bank.com")].concat()).expect("queries");
    let (id, text) = receive(&mut stream);
    assert!(id == 2 && text.contains("192.0.2.7"), "{id} {text}");
    // Section 6.2.4 and RFC 1035, section 4.2.2: who sends no more still gets what was asked for.
    stream.shutdown(Shutdown::Write).expect("half closed");
    release.send(()).expect("the gate");
    let (id, text) = receive(&mut stream);
    assert!(id == 1 && text.contains("192.0.2.6"), "{id} {text}");
    assert!(is_closed(&mut stream));
}

/// Section 8: "DNS servers MUST NOT close a connection simply because the first \"read\" from the TCP layer does not contain the entire
/// DNS message".
#[test]
fn a_query_may_come_byte_by_byte() {
    let lab = plan(5).start();
    for host in [BANK_SERVER, RESOLVER] {
        let mut stream = connect(&lab, host);
        for id in 0..2 {
            for byte in framed(id, "www.bank.com") {
                stream.write_all(&[byte]).expect("a byte");
            }
            let (answered, text) = receive(&mut stream);
            assert!(answered == id && text.contains("192.0.2.7"), "{text}");
        }
    }
}

/// Section 6.2.2: "servers MAY impose limits on the number of concurrent TCP connections being handled for any particular client IP
/// address or subnet." One that takes all it can get keeps nobody else out.
#[test]
fn no_client_keeps_the_others_out() {
    let lab = plan(6).start();
    for host in [BANK_SERVER, RESOLVER] {
        let greedy: Vec<TcpStream> = (0..300).map(|_| connect(&lab, host)).collect();
        let (from, to) = (SocketAddr::new(lab.address(250), 0), SocketAddr::new(lab.address(host), lab.port));
        let mut stream = lab.runtime.block_on(async {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind(from).expect("an address");
            socket.connect(to).await.expect("a connection").into_std().expect("a socket")
        });
        stream.set_nonblocking(false).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(&framed(1, "www.bank.com")).expect("a query");
        assert!(receive(&mut stream).1.contains("192.0.2.7"));
        let refused =
            greedy.into_iter().rev().take(200).filter_map(|mut stream| is_closed(&mut stream).then_some(()));
        assert_eq!(refused.count(), 200, "those above the limit are closed");
    }
}
