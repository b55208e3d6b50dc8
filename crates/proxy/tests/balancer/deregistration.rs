//! What becomes of requests and connections whose target is deregistered.
//! [Deregistration delay](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#deregistration-delay)
//!
//! That a target's delay is over is told by its absence: until then it is in its group, draining.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use enishi_fabric::balancer::{
    Action, Balancer, Forward, Health, Kind, ListenerProtocol, TargetGroup, TargetProtocol,
};

use crate::harness::{Client, Fixture, PATIENCE, Server, group, rule};

/// A server that says when it was asked, and answers when it is told to.
struct Patient {
    server: Server,
    asked: Receiver<()>,
    finish: Sender<()>,
}

impl Patient {
    fn new() -> Self {
        let ((ask, asked), (finish, told)) = (channel(), channel());
        let told = Mutex::new(told);
        let server = Server::answering(move |_| {
            let _ = ask.send(());
            // Who does not tell it to, does not wait for the answer.
            let _ = told.lock().expect("the order").recv();
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone".to_owned()
        });
        Patient { server, asked, finish }
    }

    fn group(&self, name: &str, delay: u32) -> TargetGroup {
        TargetGroup { arn: name.into(), deregistration_delay_seconds: delay, ..group(&[&self.server]) }
    }

    /// Asks, and waits until the question is here.
    fn ask(&self, fixture: &Fixture) -> Client {
        let mut client = fixture.connect();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        self.asked.recv_timeout(PATIENCE).expect("the request arrives");
        client
    }
}

/// Leads all requests to this group and forgets the others.
fn lead_to(group: TargetGroup) -> impl FnOnce(&mut Balancer) {
    move |balancer| {
        let forward = Forward { groups: vec![(group.arn.clone(), 1)], stickiness_seconds: None };
        for listener in balancer.listeners.values_mut() {
            Arc::make_mut(listener).rules = vec![rule(Action::Forward(forward.clone()))];
        }
        balancer.target_groups = [(group.arn.clone(), Arc::new(group))].into();
    }
}

fn change_groups(balancer: &mut Balancer, change: impl Fn(&mut TargetGroup)) {
    balancer.target_groups.values_mut().for_each(|group| change(Arc::make_mut(group)));
}

fn drain(group: &mut TargetGroup) {
    group.targets.iter_mut().for_each(|target| target.health = Health::Draining);
}

/// Whether the other side ends the connection in time, and says nothing more.
fn is_closed(client: &mut Client) -> bool {
    match client.stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn requests_finish_within_the_delay_and_are_cut_after_it() {
    let (slow, cut, hasty) = (Patient::new(), Patient::new(), Patient::new());
    let fixture = Fixture::new(vec![slow.group("slow", 300)], |_, _| {});
    let mut first = slow.ask(&fixture);
    // No rule leads there any more: the delay begins.
    fixture.reconfigure(lead_to(cut.group("cut", 300)));
    let (mut second, mut third) = (cut.ask(&fixture), cut.ask(&fixture));
    fixture.reconfigure(|balancer| change_groups(balancer, drain));
    cut.finish.send(()).expect("it waits");
    // The delay of this one is over.
    fixture.reconfigure(|balancer| change_groups(balancer, |group| group.targets.clear()));
    let (one, other) = (second.response(), third.response());
    let is_cut = |answer: &str| answer.starts_with("HTTP/1.1 502 ");
    assert!(is_cut(&one) || is_cut(&other), "{one} {other}");
    // Without a delay there is nothing to wait for.
    fixture.reconfigure(lead_to(hasty.group("hasty", 0)));
    let mut fourth = hasty.ask(&fixture);
    fixture.reconfigure(lead_to(cut.group("cut", 300)));
    assert!(is_cut(&fourth.response()));
    // All that time the first has waited.
    slow.finish.send(()).expect("it waits");
    assert!(first.response().ends_with("done"));
}

#[test]
fn a_websocket_ends_with_the_delay() {
    let server = Server::new(|mut client| {
        client.request().expect("a request");
        client.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
        );
        assert!(client.is_ended());
    });
    let fixture = Fixture::to(&[&server]);
    let mut client = fixture.connect();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n");
    client.head().expect("a head");
    assert_eq!(client.exactly(5), b"first");
    fixture.reconfigure(|balancer| change_groups(balancer, drain));
    fixture.reconfigure(|balancer| change_groups(balancer, |group| group.targets.clear()));
    assert!(is_closed(&mut client));
    assert!(fixture.lines.wait(1)[0].starts_with("ws "));
}

/// Bytes: a Classic Load Balancer ends connections, a Network Load Balancer only if it is told to.
#[test]
fn connections_end_with_the_delay_where_aws_ends_them() {
    let server = Server::new(|mut client| {
        let asked = client.exactly(4);
        client.send(&asked);
        let more = client.rest();
        client.send(more.as_bytes());
    });
    let bytes = |kind: Kind, terminates: bool| {
        let config = TargetGroup {
            protocol: TargetProtocol::Tcp,
            terminate_on_deregistration: terminates,
            ..group(&[&server])
        };
        Fixture::new(vec![config], |balancer, _| {
            balancer.kind = kind;
            for listener in balancer.listeners.values_mut() {
                Arc::make_mut(listener).protocol = ListenerProtocol::Tcp;
            }
        })
    };
    let fixtures = [bytes(Kind::Network, false), bytes(Kind::Network, true), bytes(Kind::Classic, false)];
    let mut clients = fixtures.each_ref().map(|fixture| {
        let mut client = fixture.connect();
        client.send(b"ping");
        assert_eq!(client.exactly(4), b"ping");
        client
    });
    for fixture in &fixtures {
        fixture.reconfigure(|balancer| change_groups(balancer, |group| group.targets.clear()));
    }
    let [stays, told, classic] = &mut clients;
    assert!(is_closed(told) && is_closed(classic));
    stays.send(b"pong");
    stays.finish();
    assert_eq!(stays.rest(), "pong");
}
