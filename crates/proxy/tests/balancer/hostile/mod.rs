//! Clients that mean harm: what they get, and that nobody else notices.

mod bombs;
mod flood;
mod frames;
mod slow;
mod smuggling;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use enishi_fabric::balancer::Attributes;

use crate::harness::{Client, Fixture, Server, group, wait};
use crate::tls::{client_config, plain_https, shake};

/// By how much this process may grow while one attack lasts, in bytes. Other tests run in it at the same time.
const GROWTH: usize = 96 << 20;

/// How much memory this process has.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("a file");
    let pages = pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

/// A server, and how many connections it has: at `/silent` it says nothing until the other side is gone, at `/large` 4 MiB,
/// elsewhere `ok`.
fn server() -> (Server, Arc<AtomicUsize>) {
    let silent = Arc::new(AtomicUsize::new(0));
    let waiting = silent.clone();
    let server = Server::new(move |mut client| {
        while let Some(head) = client.head() {
            match head.split(' ').nth(1) {
                Some("/silent") => {
                    waiting.fetch_add(1, Ordering::SeqCst);
                    client.rest();
                    waiting.fetch_sub(1, Ordering::SeqCst);
                    return;
                }
                Some("/large") => {
                    client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
                    (0..64).for_each(|_| client.send(&[b'x'; 64 << 10]));
                }
                _ => client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            }
        }
    });
    (server, silent)
}

/// A load balancer with an HTTPS listener, and short patience.
fn impatient(server: &Server, is_tls: bool) -> Fixture {
    let fixture = if is_tls { plain_https(vec![group(&[server])]) } else { Fixture::to(&[server]) };
    fixture.reconfigure(|balancer| {
        balancer.attributes =
            Arc::new(Attributes { idle_timeout_seconds: 3, ..Attributes::clone(&balancer.attributes) });
    });
    fixture
}

/// Somebody else is served, over TLS.
fn others_are_served(fixture: &Fixture) {
    let (mut other, _) =
        shake(fixture, "localhost", client_config(&[b"http/1.1"], None, false)).expect("TLS");
    is_served(&mut other);
}

fn is_served(other: &mut Client) {
    other.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let response = other.response();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nok"), "{response}");
}

/// Waits until a counter says so.
fn until(counter: &AtomicUsize, wanted: usize) {
    wait(|| (counter.load(Ordering::SeqCst) == wanted).then_some(()));
}
