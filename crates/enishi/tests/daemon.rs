//! The daemon as its clients see it: the real binary on a free port, with a data directory of its own.

mod harness;

use std::io::{Read, Write};
use std::net::Shutdown;

use harness::{Daemon, until};

#[test]
fn health_is_answered_in_both_conventions() {
    let daemon = Daemon::start();
    for path in ["/_enishi/health", "/_localstack/health"] {
        let answer = daemon.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let health = answer.json();
        assert_eq!(health["services"]["ec2"], "running");
        assert_eq!(health["services"]["sts"], "running");
    }
    assert_eq!(daemon.get("/_enishi/nothing").status, 404);
    assert_eq!(daemon.get("/_enishi/reset").status, 405);
}

#[test]
fn pages_of_other_sites_can_neither_reset_nor_call() {
    let daemon = Daemon::start();
    let vpc = daemon.create_vpc("10.0.0.0/16");
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(daemon.send("POST", "/_enishi/reset", &foreign, b"").status, 403);
    let form = b"Action=DeleteVpc&Version=2016-11-15";
    assert_eq!(daemon.send("POST", "/", &foreign, form).status, 403);
    let rebound = [("host", "evil.example:4566")];
    assert_eq!(daemon.send("GET", "/_enishi/show", &rebound, b"").status, 403);
    assert!(daemon.vpcs().contains(&vpc));
}

#[test]
fn unknown_operations_and_services_get_an_aws_error() {
    let daemon = Daemon::start();
    let answer = daemon.ec2("Action=MakeCoffee&Version=2016-11-15");
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("<Code>InvalidAction</Code>"), "{}", answer.text());
    for (method, target, body) in [("GET", "/", ""), ("POST", "/", "%%%"), ("PUT", "/a/b?c", "x")] {
        let answer = daemon.send(method, target, &[], body.as_bytes());
        assert!((400..500).contains(&answer.status), "{method} {target}: {}", answer.status);
    }
}

#[test]
fn malformed_http_is_refused_or_closed() {
    let daemon = Daemon::start();
    let cases: [&[u8]; 6] = [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"GET / HTTP/1.1\r\nhost: a\r\n bad header\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ];
    for bytes in cases {
        let mut stream = daemon.connect();
        stream.write_all(bytes).expect("a request is sent");
        stream.shutdown(Shutdown::Write).expect("half of the connection is closed");
        let mut answer = Vec::new();
        // A reset is as clean a refusal as an answer.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || text.starts_with("HTTP/1.1 4") || text.starts_with("HTTP/1.1 5"),
            "{text}"
        );
    }
    assert_eq!(daemon.get("/_enishi/health").status, 200);
}

#[test]
fn a_half_closed_connection_is_answered() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect();
    stream.write_all(b"GET /_enishi/health HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("a request is sent");
    stream.shutdown(Shutdown::Write).expect("half of the connection is closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, then the end");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn an_oversized_body_is_refused_before_it_is_read() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect();
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\nAction=")
        .expect("the head is sent");
    let mut answer = [0u8; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
    let mut stream = daemon.connect();
    let mut request = b"GET / HTTP/1.1\r\nhost: localhost\r\nx-long: ".to_vec();
    request.resize(300_000, b'a');
    // The daemon may close before it has read everything.
    let _ = stream.write_all(&request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    assert_eq!(daemon.get("/_enishi/health").status, 200);
}

#[test]
fn ten_thousand_idle_connections_leave_room_for_one_more() {
    let allowed = harness::raise_descriptor_limit();
    let daemon = Daemon::start();
    // Both ends are on this machine, each in a process of its own.
    let wanted = usize::try_from(allowed.saturating_sub(200)).unwrap_or(usize::MAX).min(10_000);
    let mut idle: Vec<_> = (0..wanted).map(|_| daemon.connect()).collect();
    assert_eq!(daemon.get("/_enishi/health").status, 200);
    for stream in idle.iter_mut().step_by(997) {
        stream
            .write_all(b"GET /_enishi/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .expect("a request is sent");
        let mut answer = [0u8; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
}

#[test]
fn requests_can_be_pipelined() {
    let daemon = Daemon::start();
    let mut stream = daemon.connect();
    let one = "GET /_enishi/health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let last = "GET /_enishi/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(format!("{one}{one}{last}").as_bytes()).expect("requests are sent");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers");
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3);
}

#[test]
fn a_reset_empties_the_world_durably() {
    let mut daemon = Daemon::start();
    let vpc = daemon.create_vpc("10.0.0.0/16");
    assert!(daemon.vpcs().contains(&vpc));
    assert_eq!(daemon.send("POST", "/_localstack/state/reset", &[], b"").status, 200);
    assert!(!daemon.vpcs().contains(&vpc));
    daemon.kill_and_restart();
    assert!(!daemon.vpcs().contains(&vpc));
}

#[test]
fn nothing_acknowledged_is_lost_when_the_daemon_is_killed() {
    let mut daemon = Daemon::start();
    for round in 0..3 {
        let acknowledged = daemon.create_until_killed(8, 25 * (round + 1));
        assert!(acknowledged.len() >= 8, "too few to tell: {}", acknowledged.len());
        daemon.kill_and_restart();
        let keys = daemon.key_pairs();
        for key in &acknowledged {
            assert!(keys.contains(key), "{key} was acknowledged and is lost");
        }
    }
}

#[test]
fn two_daemons_do_not_share_a_data_directory() {
    let daemon = Daemon::start();
    let refused =
        daemon.command(&["up", "--listen", "127.0.0.1:0", "--data-dir"]).arg(daemon.data_dir()).output();
    let refused = refused.expect("the command runs");
    assert!(!refused.status.success());
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("in use by process"), "{text}");
}

#[test]
fn strict_mode_refuses_what_is_not_signed() {
    let daemon = Daemon::start_with(&["--auth", "strict", "--access-key", "AKIDEXAMPLE:secret"]);
    let answer = daemon.ec2("Action=DescribeVpcs&Version=2016-11-15");
    assert!(matches!(answer.status, 400..=403), "{}", answer.status);
    assert_eq!(daemon.get("/_enishi/health").status, 200);
}

#[test]
fn down_ends_the_daemon_and_the_keeper() {
    let daemon = Daemon::start();
    until("the keeper listens", || daemon.keeper_listens());
    let down =
        daemon.command(&["down", "--data-dir"]).arg(daemon.data_dir()).output().expect("the command runs");
    assert!(down.status.success(), "{down:?}");
    assert!(!daemon.is_alive());
    assert!(!daemon.keeper_listens());
    let again =
        daemon.command(&["down", "--data-dir"]).arg(daemon.data_dir()).output().expect("the command runs");
    assert!(again.status.success());
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing was running"));
}
