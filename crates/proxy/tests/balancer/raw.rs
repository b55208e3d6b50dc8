//! Bytes: the listeners of Classic and Network Load Balancers that end here.

use std::sync::Arc;

use enishi_fabric::balancer::{Kind, ListenerProtocol, ProxyProtocol, TargetProtocol};
use enishi_proxy::balancer::proxy_protocol::{Header, read};

use crate::harness::{Fixture, Server, group};

fn classic(server: &Server, proxy_protocol: Option<ProxyProtocol>) -> Fixture {
    let mut config = group(&[server]);
    config.arn = "lb:TCP:1".into();
    config.protocol = TargetProtocol::Tcp;
    config.proxy_protocol = proxy_protocol;
    Fixture::new(vec![config], |balancer, port| {
        balancer.kind = Kind::Classic;
        let listener = Arc::make_mut(balancer.listeners.get_mut(&port).expect("a listener"));
        listener.protocol = ListenerProtocol::Tcp;
    })
}

#[test]
fn bytes_pass_both_ways() {
    let server = Server::new(|mut client| {
        client.send(b"220 hello\r\n");
        let asked = client.exactly(6);
        client.send(&asked);
        assert!(client.is_ended());
        client.send(b"bye");
    });
    let fixture = classic(&server, None);
    let mut client = fixture.connect();
    assert_eq!(client.exactly(11), b"220 hello\r\n");
    client.send(b"HELO\r\n");
    assert_eq!(client.exactly(6), b"HELO\r\n");
    client.finish();
    assert_eq!(client.rest(), "bye");
    fixture.lines.wait(1);
}

#[test]
fn targets_are_told_who_connects() {
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        let (tell, told) = std::sync::mpsc::channel();
        let server = Server::new(move |mut client| {
            let bytes = client.rest().into_bytes();
            let _ = tell.send(bytes);
        });
        let fixture = classic(&server, Some(version));
        let mut client = fixture.connect();
        let own = client.stream.local_addr().expect("an address");
        client.send(b"data");
        client.finish();
        let bytes = told.recv_timeout(crate::harness::PATIENCE).expect("bytes");
        assert!(bytes.ends_with(b"data"));
        if version == ProxyProtocol::V1 {
            let wanted = Header::Complete(bytes.len() - 4, Some((own, fixture.address)));
            assert_eq!(read(&bytes), wanted, "{version:?}");
        } else {
            assert!(bytes.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
        }
    }
}

#[test]
fn without_targets_the_connection_is_reset() {
    let server = Server::echo();
    let fixture = classic(&server, None);
    fixture.reconfigure(|balancer| {
        let (_, group) = balancer.target_groups.iter_mut().next().expect("a group");
        Arc::make_mut(group).targets.clear();
    });
    assert!(fixture.connect().is_ended());
}
