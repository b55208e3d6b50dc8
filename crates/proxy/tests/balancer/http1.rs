//! HTTP/1 through a load balancer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use enishi_fabric::balancer::{Action, FixedResponse, Health, Redirect};
use enishi_proxy::balancer::counters::{GroupMetric, Metric};

use crate::harness::{Client, Fixture, Server, group_of, rule, wait};

#[test]
fn requests_are_forwarded_and_connections_kept() {
    let connections = Arc::new(AtomicUsize::new(0));
    let server = Server::new({
        let connections = connections.clone();
        move |mut client| {
            connections.fetch_add(1, Ordering::Relaxed);
            while let Some(request) = client.request() {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len());
                client.send(answer.as_bytes());
            }
        }
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    for n in 0..3 {
        client.send(format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").as_bytes());
        let response = client.response();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{response}");
        assert!(response.contains("\r\nConnection: keep-alive\r\n"), "{response}");
        assert!(response.contains(&format!(
            "POST /{n} HTTP/1.1\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        )));
        assert!(response.contains("\r\nX-Amzn-Trace-Id: Root=1-"), "{response}");
        assert!(response.ends_with("\r\n\r\nhello"), "{response}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    let lines = fixture.lines.wait(3);
    assert!(lines[0].starts_with("http 20") && lines[0].contains(" app/lb/1 127.0.0.1:"), "{}", lines[0]);
    assert!(lines[0].contains(" 200 200 53 "), "{}", lines[0]);
    let counters = fixture.node().counters();
    assert_eq!(counters.get(Metric::RequestCount), 3);
    assert_eq!(
        (counters.get(Metric::NewConnectionCount), counters.get(Metric::ActiveConnectionCount)),
        (1, 1)
    );
    let groups = fixture.node().groups();
    assert_eq!(groups[0].1.counters.get(GroupMetric::HttpCodeTarget2xxCount), 3);
    drop(client);
    wait(|| (counters.get(Metric::ActiveConnectionCount) == 0).then_some(()));
}

#[test]
fn requests_may_come_all_at_once() {
    let server = Server::answering(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    let requests: String = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(requests.as_bytes());
    for n in 0..50 {
        let response = client.response();
        assert!(response.ends_with(&format!("\r\n\r\n/{n}")), "{response}");
    }
}

#[test]
fn bodies_of_every_framing_pass() {
    let server = Server::answering(|request| {
        match request.split(' ').nth(1) {
        Some("/chunked") => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nx-sum: 5\r\n\r\n".into(),
        Some("/none") => "HTTP/1.1 204 No Content\r\n\r\n".into(),
        Some("/head") => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".into(),
        _ => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len()),
    }
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response().ends_with("\r\n\r\nhello[x-sum: 5]"));
    client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    let none = client.response();
    assert!(none.starts_with("HTTP/1.1 204 No Content") && !none.contains("ength"), "{none}");
    client.send(b"HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response_to("HEAD").contains("Content-Length: 5"));
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nx-sum: 5\r\n\r\n");
    let echoed = client.response();
    assert!(
        echoed.contains("Transfer-Encoding: chunked") && echoed.ends_with("\r\n\r\nhello[x-sum: 5]"),
        "{echoed}"
    );
}

#[test]
fn large_bodies_pass_both_ways_at_once() {
    let server = Server::new(|mut client| {
        let head = client.head().expect("a head");
        assert!(head.contains("Content-Length: 3000000"), "{head}");
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n");
        let mut left = 3_000_000;
        while left > 0 {
            let part = client.exactly(left.min(100_000));
            left -= part.len();
            client.send(&part);
        }
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    let mut writer = Client::new(client.stream.try_clone().expect("a stream"));
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let sent = body.clone();
    let sending = std::thread::spawn(move || writer.send(&sent));
    let head = client.head().expect("a head");
    assert!(head.contains("Content-Length: 3000000"), "{head}");
    assert!(client.exactly(3_000_000) == body);
    sending.join().expect("a thread");
}

#[test]
fn old_clients_are_served() {
    let server = Server::answering(|_| {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into()
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let response = client.rest();
    assert!(response.contains("Connection: close") && response.ends_with("\r\n\r\nhello"), "{response}");
    assert!(!response.contains("chunked"), "{response}");
}

#[test]
fn clients_are_told_to_continue() {
    let server = Server::echo();
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().as_deref(), Some("HTTP/1.1 100 Continue\r\n\r\n"));
    client.send(b"hello");
    let response = client.response();
    assert!(!response.contains("Expect") && response.ends_with("hello"), "{response}");
}

#[test]
fn rules_answer_without_a_target() {
    let fixture = Fixture::new(vec![group_of(Vec::new())], |balancer, port| {
        let listener = Arc::make_mut(balancer.listeners.get_mut(&port).expect("a listener"));
        let content_type = Some("application/json".into());
        listener.rules =
            vec![rule(Action::Fixed(FixedResponse { status: 200, content_type, body: "{}".into() }))];
    });
    let response = fixture.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\nServer: awselb/2.0\r\nDate: "), "{response}");
    assert!(response.ends_with(
        "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n{}"
    ));
    fixture.reconfigure(|balancer| {
        let (_, listener) = balancer.listeners.iter_mut().next().expect("a listener");
        Arc::make_mut(listener).rules = vec![rule(Action::Redirect(Redirect {
            protocol: "HTTPS".into(),
            host: "#{host}".into(),
            port: "443".into(),
            path: "/#{path}".into(),
            query: "#{query}".into(),
            status: 302,
        }))];
    });
    let response = fixture.ask("GET /a?b HTTP/1.1\r\nHost: x.example\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 302 Found\r\n"), "{response}");
    assert!(response.contains("\r\nLocation: https://x.example:443/a?b\r\n"), "{response}");
    let counters = fixture.node().counters();
    assert_eq!(
        (counters.get(Metric::HttpFixedResponseCount), counters.get(Metric::HttpRedirectCount)),
        (1, 1)
    );
    assert!(fixture.lines.wait(2)[1].contains("\"redirect\" \"https://x.example:443/a?b\""));
}

#[test]
fn what_is_wrong_with_targets_is_told() {
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        match listener.local_addr().expect("an address") {
            std::net::SocketAddr::V4(address) => address,
            std::net::SocketAddr::V6(_) => panic!("IPv4"),
        }
    };
    let status = |fixture: &Fixture| fixture.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")[9..12].to_owned();
    assert_eq!(status(&Fixture::new(vec![group_of(vec![closed])], |_, _| {})), "502");
    assert_eq!(status(&Fixture::new(vec![group_of(Vec::new())], |_, _| {})), "503");
    let silent = Server::new(drop);
    assert_eq!(status(&Fixture::to(&[&silent])), "502");
    let nonsense = Server::answering(|_| "SSH-2.0-OpenSSH\r\n\r\n".into());
    let fixture = Fixture::to(&[&nonsense]);
    let response = fixture.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 502 Bad Gateway\r\nServer: awselb/2.0\r\n"), "{response}");
    assert!(response.contains("Content-Length: 122\r\n"), "{response}");
    assert_eq!(fixture.node().counters().get(Metric::HttpCodeElb502Count), 1);
    assert!(fixture.lines.wait(1)[0].contains(" 502 - "));
}

#[test]
fn targets_that_do_not_answer_in_time_are_given_up() {
    let mute = Server::new(|mut client| drop(client.rest()));
    let fixture = Fixture::new(vec![crate::harness::group(&[&mute])], |balancer, _| {
        Arc::make_mut(&mut balancer.attributes).idle_timeout_seconds = 1;
    });
    let response = fixture.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(response.starts_with("HTTP/1.1 504 Gateway Time-out\r\n"), "{response}");
}

#[test]
fn slow_clients_are_not_waited_for() {
    let server = Server::echo();
    let fixture = Fixture::new(vec![crate::harness::group(&[&server])], |balancer, _| {
        Arc::make_mut(&mut balancer.attributes).idle_timeout_seconds = 1;
    });
    let mut client = fixture.connect();
    client.send(b"GET / HT");
    let response = client.rest();
    assert!(response.starts_with("HTTP/1.1 408 Request Time-out\r\n"), "{response}");
    // Who says nothing is told nothing.
    assert_eq!(fixture.connect().rest(), "");
}

#[test]
fn nonsense_is_refused_and_the_connection_ends() {
    let server = Server::echo();
    let fixture = Fixture::to(&[&server]);
    for (request, status) in [
        ("\x16\x03\x01\x02\x00\x01\n\n".to_owned(), "400"),
        ("GET / HTTP/2.0\r\n\r\n".to_owned(), "505"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n".to_owned(), "501"),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(20_000)), "414"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "a".repeat(20_000)), "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), "400"),
    ] {
        let mut client = fixture.connect();
        client.send(request.as_bytes());
        let response = client.rest();
        assert_eq!(&response[9..12], status, "{request:.60} {response}");
        assert!(response.contains("Connection: close"), "{response}");
    }
}

/// Two lengths at once: the chunks count, the rest is no second request, and neither connection is used again.
#[test]
fn smuggled_requests_do_not_arrive() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let server = Server::answering({
        let seen = seen.clone();
        move |request| {
            seen.lock().expect("requests").push(request.to_owned());
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()
        }
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(
        b"POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let response = client.rest();
    assert!(response.starts_with("HTTP/1.1 200") && response.matches("HTTP/1.1").count() == 1, "{response}");
    let seen = seen.lock().expect("requests");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(!seen[0].contains("Content-Length") && !seen[0].contains("/two"), "{seen:?}");
}

/// A target may end a connection that waits; the next request goes on a new one.
#[test]
fn ended_connections_are_noticed() {
    let server = Server::new(|mut client| {
        if client.request().is_some() {
            client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    for _ in 0..20 {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.response().starts_with("HTTP/1.1 200"));
    }
}

#[test]
fn a_client_that_leaves_is_noticed() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Server::new(move |mut client| {
        let _ = client.request();
        let _ = tell.send(());
        let _ = client.rest();
        let _ = tell.send(());
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    told.recv_timeout(crate::harness::PATIENCE).expect("the request arrives");
    drop(client);
    told.recv_timeout(crate::harness::PATIENCE).expect("the target is told");
    assert!(fixture.lines.wait(1)[0].contains(" 460 - "));
}

#[test]
fn websockets_pass() {
    let server = Server::new(|mut client| {
        let request = client.request().expect("a request");
        assert!(request.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"), "{request}");
        client.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nfirst");
        let echoed = client.exactly(4);
        client.send(&echoed);
        client.finish();
        assert_eq!(client.rest(), "end");
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
    let head = client.head().expect("a head");
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols\r\n") && head.contains("Sec-WebSocket-Accept: x"),
        "{head}"
    );
    assert!(head.contains("Connection: upgrade\r\nUpgrade: websocket\r\n"), "{head}");
    assert_eq!(client.exactly(5), b"first");
    client.send(b"ping");
    assert_eq!(client.exactly(4), b"ping");
    client.send(b"end");
    client.finish();
    assert!(client.is_ended());
    let line = &fixture.lines.wait(1)[0];
    assert!(line.starts_with("ws ") && line.contains(" 101 101 "), "{line}");
}

/// "deregistering targets … finish in-flight requests": new ones go elsewhere at once.
#[test]
fn changes_are_obeyed_by_the_next_request() {
    let (one, two) = (named("one"), named("two"));
    let fixture = Fixture::to(&[&one, &two]);
    let mut client = fixture.connect();
    let mut ask = || {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.response().lines().last().unwrap_or_default().to_owned()
    };
    let mut seen = [ask(), ask()];
    seen.sort();
    assert_eq!(seen, ["one", "two"]);
    fixture.reconfigure(|balancer| {
        let (_, group) = balancer.target_groups.iter_mut().next().expect("a group");
        Arc::make_mut(group).targets[0].health = Health::Draining;
    });
    let left = ask();
    assert!((0..10).all(|_| ask() == left));
}

fn named(name: &'static str) -> Server {
    Server::answering(move |_| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()))
}

#[tokio::test]
async fn a_node_stops() {
    let server = Server::echo();
    let mut fixture = Fixture::to(&[&server]);
    let node = fixture.node.take().expect("a node");
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.response().starts_with("HTTP/1.1 200"));
    node.stop(std::time::Duration::from_millis(100)).await;
    assert!(client.is_ended());
    wait(|| std::net::TcpStream::connect(fixture.address).is_err().then_some(()));
}
