//! Clients that take their time.

use std::io::Read;
use std::time::{Duration, Instant};

use super::{impatient, is_served, others_are_served, resident, server};
use crate::harness::{Client, wait};

/// Heads and bodies that never end: each connection ends by itself, with 408 where something was begun.
#[test]
fn slow_requests_time_out() {
    let (server, _) = server();
    let fixture = impatient(&server, false);
    let before = resident();
    let begin = |bytes: &[u8]| {
        let mut client = fixture.connect();
        client.send(bytes);
        client
    };
    let many = |bytes: &'static [u8]| (0..100).map(move |_| begin(bytes));
    let mut heads: Vec<Client> = many(b"GET / HTTP/1.1\r\nHost: a\r\nX-").collect();
    let mut bodies: Vec<Client> =
        many(b"POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello").collect();
    let mut chunks: Vec<Client> =
        many(b"POST /silent HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe").collect();
    let mut silent: Vec<Client> = many(b"").collect();
    for _ in 0..20 {
        is_served(&mut fixture.connect());
    }
    assert!(resident() < before + super::GROWTH);
    for client in heads.iter_mut().chain(&mut bodies).chain(&mut chunks) {
        let response = client.rest();
        assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    }
    assert!(silent.iter_mut().all(Client::is_ended));
    wait(|| (fixture.node().connections() == 0).then_some(()));
}

/// A byte now and then does not buy more time for a head.
#[test]
fn a_dripping_head_times_out() {
    let (server, _) = server();
    let fixture = impatient(&server, false);
    let mut client = fixture.connect();
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let begin = Instant::now();
    let mut bytes = [0; 1024];
    let count = loop {
        client.send(b"a");
        match client.stream.read(&mut bytes) {
            Ok(count) => break count,
            Err(_) => assert!(begin.elapsed() < crate::harness::PATIENCE, "it goes on"),
        }
    };
    assert!(bytes[..count].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&bytes[..count]));
    is_served(&mut fixture.connect());
}

/// Handshakes that do not go on end after ten seconds.
#[test]
fn slow_handshakes_time_out() {
    let (server, _) = server();
    let fixture = impatient(&server, true);
    let mut silent: Vec<Client> = (0..50).map(|_| fixture.connect()).collect();
    // The beginning of a record of 512 bytes.
    silent.iter_mut().skip(25).for_each(|client| client.send(b"\x16\x03\x01\x02\x00\x01"));
    others_are_served(&fixture);
    assert!(silent.iter_mut().all(Client::is_ended));
    wait(|| (fixture.node().connections() == 0).then_some(()));
}

/// A client that does not read its answers, and goes on asking.
#[test]
fn answers_nobody_reads_end_the_connection() {
    let (server, _) = server();
    let fixture = impatient(&server, false);
    let before = resident();
    let clients: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = fixture.connect();
            client.send(&b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
            client
        })
        .collect();
    is_served(&mut fixture.connect());
    wait(|| (fixture.node().connections() == 0).then_some(()));
    assert!(resident() < before + super::GROWTH);
    drop(clients);
}
