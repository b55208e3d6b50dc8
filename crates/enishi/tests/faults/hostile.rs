//! Clients that send nonsense, too much, or too slowly: AWS's error or a clean close, bounded memory, and everybody else
//! is served.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::harness::{Daemon, until};

/// More than a debug build needs for what these tests send at once.
const MOST_MEMORY_KIB: u64 = 400 * 1024;

const JSON: &str = "application/x-amz-json-1.1";

/// Headers and a body.
type Case<'c> = (&'c [(&'c str, &'c str)], &'c [u8]);

/// Kibibytes of memory that the daemon has resident.
fn resident(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the daemon lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|size| size.parse().ok()).expect("a number")
}

fn assert_serves(daemon: &Daemon) {
    assert_eq!(daemon.ec2("Action=DescribeVpcs&Version=2016-11-15").status, 200);
}

#[test]
fn malformed_bodies_get_an_aws_error() {
    let daemon = Daemon::start();
    let deep_json = "[".repeat(100_000);
    let deep_member = format!("Action=DescribeVpcs&Version=2016-11-15&{}=x", "Filter.1.".repeat(3_000));
    let many = format!("Action=DescribeVpcs&Version=2016-11-15{}", "&VpcId.1=vpc-0".repeat(50_000));
    let quota = [("content-type", JSON), ("x-amz-target", "ServiceQuotasV20190624.GetServiceQuota")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let json_cases: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"ServiceCode\":1}",
        b"{\"ServiceCode\":{\"a\":[]}}",
        b"\xff\xfe{}",
        b"{\"ServiceCode\":\"\\ud800\"}",
        b"{\"a\":1e999999}",
        b"{\"ServiceCode\":\"ec2\"",
        deep_json.as_bytes(),
    ];
    let form_cases: [&[u8]; 14] = [
        b"",
        b"&&&&",
        b"=",
        b"Action",
        b"Action=",
        b"Action=%",
        b"Action=%zz",
        b"Action=\xff\xfe",
        b"Action=DescribeVpcs%00",
        b"Action=CreateVpc&Version=2016-11-15&CidrBlock=%ff%fe",
        b"Action=CreateVpc&Version=2016-11-15&CidrBlock.1.2.3=10.0.0.0/16",
        b"Action=RunInstances&Version=2016-11-15&MinCount=99999999999999999999&MaxCount=1&ImageId=ami-1",
        deep_member.as_bytes(),
        many.as_bytes(),
    ];
    let xml = b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;&b;</a>";
    let cbor = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    let cases = json_cases
        .iter()
        .map(|body| (&quota[..], *body))
        .chain(form_cases.iter().map(|body| (&form[..], *body)));
    let others: [Case<'_>; 3] = [
        (&[("content-type", "text/xml")], xml),
        (&cbor, b"\xbf\xff\xff\x9f"),
        (&[("x-amz-target", "a.b.c")], b"{}"),
    ];
    for (headers, body) in cases.chain(others) {
        let answer = daemon.send("POST", "/", headers, body);
        let what = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        assert!(!answer.body.is_empty(), "{what}: an error says what is wrong");
    }
    assert_serves(&daemon);
}

#[test]
fn headers_out_of_bounds_are_refused() {
    let daemon = Daemon::start();
    let long = "a".repeat(200_000);
    let target = format!("/?{}", "a=b&".repeat(60_000));
    let many: Vec<(String, String)> = (0..500).map(|n| (format!("x-{n}"), "y".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (target, headers) in [("/", vec![("x-long", long.as_str())]), (&target, vec![]), ("/", many)] {
        // A close before everything was sent is an answer, too.
        if let Some(answer) =
            daemon.try_send("POST", target, &headers, b"Action=DescribeVpcs&Version=2016-11-15")
        {
            assert!((400..500).contains(&answer.status), "{}", answer.status);
        }
        assert_serves(&daemon);
    }
    let odd = [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f/g",
        "Basic x",
        "\t",
    ];
    for authorization in odd {
        let answer = daemon.send(
            "POST",
            "/",
            &[("authorization", authorization)],
            b"Action=DescribeVpcs&Version=2016-11-15",
        );
        assert!(answer.status < 500, "{authorization}: {}", answer.status);
    }
}

/// A client that announces more than it sends, and waits.
fn slow(daemon: &Daemon, announced: usize, sent: usize) -> TcpStream {
    let mut stream = daemon.connect();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let chunk = vec![b'a'; sent];
    stream.set_nonblocking(true).expect("a socket");
    // As much as the daemon takes; what it leaves waits in the kernel.
    let _ = stream.write(&chunk);
    stream
}

#[test]
fn slow_and_large_requests_take_bounded_memory_and_block_nobody() {
    crate::harness::raise_descriptor_limit();
    let daemon = Daemon::start();
    assert_serves(&daemon);
    let large = 8 * 1024 * 1024;
    let mut clients: Vec<TcpStream> = (0..200).map(|_| slow(&daemon, large, large - 1)).collect();
    clients.extend((0..1_000).map(|_| slow(&daemon, 2_000, 10)));
    for _ in 0..20 {
        // They go on pushing.
        for client in &mut clients[..200] {
            let _ = client.write(&vec![b'a'; 1024 * 1024]);
        }
        assert_serves(&daemon);
    }
    let memory = resident(&daemon);
    assert!(memory < MOST_MEMORY_KIB, "{memory} KiB");
    let vpc = daemon.create_vpc("10.0.0.0/16");
    drop(clients);
    assert!(daemon.vpcs().contains(&vpc));
    until("memory is given back", || resident(&daemon) < MOST_MEMORY_KIB / 2);
}

#[test]
fn ten_thousand_idle_connections_take_bounded_memory() {
    let allowed = crate::harness::raise_descriptor_limit();
    let daemon = Daemon::start();
    assert_serves(&daemon);
    let before = resident(&daemon);
    let wanted = usize::try_from(allowed.saturating_sub(500)).unwrap_or(usize::MAX).min(10_000);
    let idle: Vec<TcpStream> = (0..wanted).map(|_| daemon.connect()).collect();
    assert_serves(&daemon);
    let each = resident(&daemon).saturating_sub(before) / u64::try_from(wanted).expect("a size");
    assert!(each < 16, "{each} KiB for an idle connection");
    drop(idle);
    assert_serves(&daemon);
}

#[test]
fn half_closed_and_aborted_connections_leave_nothing() {
    let daemon = Daemon::start();
    let descriptors =
        || std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("the daemon lives").count();
    assert_serves(&daemon);
    daemon.settle();
    let before = descriptors();
    let request = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400\r\n\r\nAction=CreateVpc&CidrBlock=10.9.0.0/16";
    for cut in (0..request.len()).step_by(3) {
        let mut stream = daemon.connect();
        stream.write_all(&request[..cut]).expect("a part is sent");
        if cut % 2 == 0 {
            stream.shutdown(Shutdown::Write).expect("half of the connection is closed");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(
                answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
    }
    until("every connection is closed", || descriptors() <= before);
    let vpcs = daemon.call("Action=DescribeVpcs");
    assert!(!vpcs.contains("10.9.0.0/16"), "half a request does nothing");
}
