//! Real packets through nodes of Network Load Balancers fare as `fabric::walk` says.

mod lab;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use enishi_fabric::NamespaceName;
use enishi_kernel::{FlowCounters, FlowReader};
use lab::{Lab, World, balanced};
use socket2::{Domain, SockRef, Socket, Type};

const THREE: &str = "10.0.2.11:7,10.0.2.12:7,10.0.2.13:7";
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn datagrams_fare_as_the_model_says() {
    for options in ["", "sticky", "hide", "hide sticky"] {
        let world = balanced().with(&format!("listener nlb-1 udp/7 {THREE} {options}"));
        let mut lab = Lab::new(&world);
        let mut flows = Vec::new();
        for port in 40_000..40_012 {
            flows.push(format!("i-client:{port} -> 10.0.1.5 udp/7"));
            flows.push(format!("internet:{port} -> 198.18.0.20 udp/7"));
        }
        let passed = flows.iter().filter(|flow| lab.agrees(flow)).count();
        assert_eq!(passed, flows.len(), "{options}");
        // A port that nothing listens on; addresses that ACLs deny.
        for flow in [
            "i-client -> 10.0.1.5 udp/8",
            "i-client@10.0.1.41 -> 10.0.1.5 udp/7",
            "internet@8.8.8.8 -> 198.18.0.20 udp/7",
        ] {
            lab.agrees(flow);
        }
    }
}

/// "Internal load balancers do not support hairpinning": a target that is its own client gets no answer from itself.
#[test]
fn a_target_never_hears_from_itself() {
    let world = balanced().with(&format!("listener nlb-1 udp/7 {THREE}"));
    let mut lab = Lab::new(&world);
    let ports = 40_000..40_030;
    let arrived = ports.filter(|port| lab.agrees(&format!("i-1:{port} -> 10.0.1.5 udp/7"))).count();
    assert!((10..30).contains(&arrived), "{arrived} of 30");
}

#[test]
fn groups_and_acls_judge_both_legs() {
    let listener = "listener nlb-1 udp/5353 10.0.2.11:5353";
    let base = balanced().with(listener);
    let mut lab = Lab::new(&base);
    assert!(lab.agrees("i-client -> 10.0.1.5 udp/5353"), "by reference to the load balancer's group");
    assert!(!lab.agrees("i-client@10.0.1.40 -> 10.0.1.5 udp/5353"), "the ACL sees the client's address");
    assert!(!lab.agrees("i-client:40003 -> 10.0.2.11 udp/5353"), "the client itself is no member");
    let probe = lab.probe("i-client@10.0.1.41:40004 -> 10.0.1.5 udp/5353");
    assert_eq!(probe.map(|(_, answered)| answered), Some(false), "the ACL drops the answer");
    for (n, rule, passes) in [
        (0, "in sg-app sgr-3 udp/5353 10.0.1.10/32", true),
        (1, "in sg-app sgr-3 udp/5353 10.0.1.5/32", false),
        (2, "in sg-app sgr-3 udp/5353 sg-client", false),
        (3, "in sg-app sgr-3 udp/5353 sg-nlb", true),
    ] {
        lab.change(&base.without("in sg-app sgr-3").with(rule));
        assert_eq!(lab.agrees(&format!("i-client:4100{n} -> 10.0.1.5 udp/5353")), passes, "{rule}");
    }
    lab.change(&base.without("out sg-nlb sgr-2").with("out sg-nlb sgr-2 all 10.0.2.12/32"));
    assert!(!lab.agrees("i-client:41010 -> 10.0.1.5 udp/5353"), "the load balancer's own groups");
    let open = base.without("nlb nlb-1").without(listener);
    let open = open.with(&format!("nlb nlb-1 pub 10.0.1.5 -\n {listener}\n in sg-app sgr-7 udp 10.0.1.0/24"));
    lab.change(&open.with("out sg-client sgr-8 udp 0.0.0.0/0"));
    assert!(lab.agrees("i-client:41020 -> 10.0.1.5 udp/5353"), "a load balancer without groups");
    assert!(!lab.agrees("internet:41021 -> 198.18.0.20 udp/5353"));
}

#[test]
fn a_load_balancer_beside_its_target_and_one_in_front_of_another() {
    let world = balanced().with(
        "nlb nlb-2 prv 10.0.2.5 sg-nlb
             listener nlb-1 udp/7 10.0.2.5:7
             listener nlb-2 udp/7 10.0.2.11:7,10.0.1.10:7
             in sg-client sgr-9 udp/7 sg-nlb",
    );
    let mut lab = Lab::new(&world);
    let flows = (0..8).flat_map(|n| {
        [format!("internet:4200{n} -> 198.18.0.20 udp/7"), format!("i-2:4200{n} -> 10.0.2.5 udp/7")]
    });
    for flow in flows {
        lab.agrees(&flow);
    }
}

fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let (stream, peer) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (stream, peer)
}

fn exchange(from: &mut TcpStream, to: &mut TcpStream, text: &[u8]) {
    from.write_all(text).unwrap();
    let mut buffer = vec![0; text.len()];
    to.read_exact(&mut buffer).unwrap();
    assert_eq!(buffer, text);
}

/// Says something on a connection that is no more.
fn is_reset(stream: &mut TcpStream) -> bool {
    let error = match stream.write_all(b"anybody there?") {
        Ok(()) => stream.read(&mut [0; 8]).err(),
        Err(error) => Some(error),
    };
    error.is_some_and(|error| matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe))
}

#[test]
fn connections_outlive_changes_of_targets_and_of_the_daemon() {
    let at = |targets: &str| balanced().with(&format!("listener nlb-1 tcp/80 {targets}"));
    let mut lab = Lab::new(&at("10.0.2.11:8080"));
    let (one, two) = (lab.listen("i-1", 8080), lab.listen("i-2", 8080));
    let open = |lab: &mut Lab, listener: &TcpListener| {
        let client = lab.connect("internet", "198.18.0.20:80").unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let (server, peer) = accept(listener);
        assert_eq!(client.local_addr().unwrap(), peer, "the target sees the client");
        (client, server)
    };
    let (mut client, mut server) = open(&mut lab, &one);
    exchange(&mut client, &mut server, b"before");
    for targets in ["10.0.2.11:8080,10.0.2.12:8080", "10.0.2.12:8080", "-"] {
        let report = lab.change(&at(targets));
        assert_eq!(report.changed.iter().map(NamespaceName::as_str).collect::<Vec<_>>(), ["nlb-1"]);
        exchange(&mut client, &mut server, b"there");
        exchange(&mut server, &mut client, b"and back");
    }
    let refused = lab.connect("internet", "198.18.0.20:80").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "nobody is there to be asked");
    lab.change(&at("10.0.2.12:8080"));
    let (mut later, mut other) = open(&mut lab, &two);

    let (kept, program) = (lab.kept.clone(), lab.program.clone());
    drop(lab);
    exchange(&mut client, &mut server, b"no daemon");
    let mut lab = Lab::adopt(kept, program);
    assert!(lab.reconcile().changed.is_empty());
    exchange(&mut client, &mut server, b"another daemon");

    lab.change(&at("10.0.2.12:8080 sever=10.0.2.11:8080"));
    assert!(is_reset(&mut client) && is_reset(&mut server), "both ends are told");
    exchange(&mut later, &mut other, b"not I");
    lab.change(&at("10.0.2.11:8080 ends"));
    assert!(is_reset(&mut other) && is_reset(&mut later));
}

#[test]
fn a_hidden_client_and_a_target_that_is_its_own_client() {
    let world = balanced().with("listener nlb-1 tcp/80 10.0.2.11:80 hide\n out sg-app sgr-9 all sg-nlb");
    let mut lab = Lab::new(&world);
    let listener = lab.listen("i-1", 80);
    for (from, to) in [("internet", "198.18.0.20:80"), ("i-1", "10.0.1.5:80"), ("i-client", "10.0.1.5:80")] {
        let mut client = lab.connect(from, to).unwrap();
        let (mut server, peer) = accept(&listener);
        assert_eq!(peer.ip().to_string(), "10.0.1.5", "{from}");
        exchange(&mut client, &mut server, b"hello");
        exchange(&mut server, &mut client, b"hello yourself");
    }
}

/// Counters see flows, not packets that only look like them, and outlive changes of targets.
#[test]
fn flows_are_counted() {
    let at = |targets: &str| {
        balanced().with(&format!("listener nlb-1 tcp/80 {targets}:80\n listener nlb-1 udp/7 {targets}:7"))
    };
    let mut lab = Lab::new(&at("10.0.2.11"));
    let mut reader = lab.inside("nlb-1", FlowReader::open).unwrap();
    assert_eq!(reader.read().unwrap(), FlowCounters::default());
    let (one, two) = (lab.listen("i-1", 80), lab.listen("i-2", 80));
    let mut client = lab.connect("internet", "198.18.0.20:80").unwrap();
    let (mut server, _) = accept(&one);
    exchange(&mut client, &mut server, &[7; 1000]);
    for port in 42_000..42_003 {
        assert!(lab.probe(&format!("internet:{port} -> 198.18.0.20 udp/7")).is_some());
    }
    let read = reader.read().unwrap();
    assert_eq!((read.tcp.new, read.tcp.active, read.udp.new, read.udp.active), (1, 1, 3, 3));
    assert!(read.tcp.packets >= 4 && (1000..3000).contains(&read.tcp.bytes), "{read:?}");
    assert_eq!((read.udp.packets, read.udp.bytes), (6, 6 * (20 + 8 + 5)), "probes and replies of five bytes");

    lab.change(&at("10.0.2.12"));
    let other = lab.connect("internet", "198.18.0.20:80").unwrap();
    let (server_of_other, _) = accept(&two);
    for stream in [&client, &server_of_other] {
        SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    drop((client, server_of_other));
    // Who hears of the resets has them after the node has.
    assert!(is_reset(&mut server) && (&other).read(&mut [0; 8]).is_err());
    let read = reader.read().unwrap();
    assert_eq!((read.tcp.new, read.tcp.active), (2, 0));
    assert_eq!((read.client_resets, read.target_resets, read.own_resets), (1, 1, 0));
    lab.change(&balanced().with("listener nlb-1 tcp/80 -"));
    assert!(lab.connect("internet", "198.18.0.20:80").is_err());
    assert_eq!(reader.read().unwrap().own_resets, 1, "nobody is there to be asked");
}

/// A target's datagram that is too large for the way to the client is reported to the target, through the load balancer.
#[test]
fn errors_find_their_way_back_to_the_target() {
    let world = balanced().with("listener nlb-1 udp/7 10.0.2.11:7");
    let mut lab = Lab::new(&world);
    for (namespace, interface) in [("vpc-1", "igw"), ("internet", "vpc-1")] {
        let namespace = lab.program.namespaces.get_mut(&NamespaceName::new(namespace)).unwrap();
        Arc::make_mut(namespace).interfaces.get_mut(interface).unwrap().mtu = 1500;
    }
    assert!(lab.agrees("internet:4999 -> 198.18.0.20 udp/7"));
    lab.reconcile();
    assert!(lab.agrees("internet:4998 -> 198.18.0.20 udp/7"));
    let client = lab.udp("internet", [198, 18, 0, 9].into(), 5000);
    let target = lab.udp("i-1", [10, 0, 2, 11].into(), 7);
    target.set_nonblocking(false).unwrap();
    target.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_nonblocking(false).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    client.send_to(b"how much fits?", "198.18.0.20:7").unwrap();
    let mut buffer = [0; 5000];
    let (_, source) = target.recv_from(&mut buffer).unwrap();
    // The first one may not be fragmented on its way and is lost; then the target knows, and fragments itself.
    let mut arrives = || {
        let _ = target.send_to(&[7; 5000], source);
        client.recv_from(&mut buffer).ok()
    };
    let arrived = (0..20).find_map(|n| Some((n, arrives()?)));
    let (attempts, (length, from)) = arrived.expect("the error reaches the target");
    assert_eq!((length, from.to_string().as_str()), (5000, "198.18.0.20:7"));
    assert!(attempts > 0, "the first datagram was larger than the way is wide");
}

/// What TLS listeners need: a process in the node takes connections, and speaks to targets under its clients' addresses.
#[test]
fn a_process_in_the_node_takes_connections_and_speaks_for_its_clients() {
    let world = |options: &str| {
        balanced()
            .without("nlb nlb-1")
            .with(&format!("nlb nlb-1 pub 10.0.1.5 sg-nlb {options}\n listener nlb-1 tcp/443 local"))
    };
    let mut lab = Lab::new(&world("transparent"));
    let (node, target) = (lab.listen("nlb-1", 443), lab.listen("i-1", 8443));
    let _unheard = lab.listen("nlb-1", 444);
    let mut client = lab.connect("internet", "198.18.0.20:443").unwrap();
    lab.connect("internet", "198.18.0.20:444").expect_err("not a listener");
    let (mut near, peer) = accept(&node);
    exchange(&mut client, &mut near, b"hello");
    let speak = |lab: &mut Lab, source: SocketAddr| {
        lab.inside("nlb-1", move || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_ip_transparent_v4(true)?;
            socket.bind(&source.into())?;
            let to = SocketAddr::from((Ipv4Addr::new(10, 0, 2, 11), 8443));
            socket.connect_timeout(&to.into(), Duration::from_millis(300))?;
            Ok(TcpStream::from(socket))
        })
    };
    let mut far = speak(&mut lab, peer).unwrap();
    let (mut server, seen) = accept(&target);
    assert_eq!(seen, peer);
    exchange(&mut far, &mut server, b"he says hello");
    exchange(&mut server, &mut far, b"tell him hello");
    // Probes of health are its own.
    let mut probe = lab.connect("nlb-1", "10.0.2.11:8443").unwrap();
    let (mut probed, seen) = accept(&target);
    assert_eq!(seen.ip().to_string(), "10.0.1.5");
    exchange(&mut probed, &mut probe, b"well");
    lab.change(&world(""));
    speak(&mut lab, SocketAddr::from((Ipv4Addr::new(198, 18, 0, 9), 6000))).expect_err("not transparent");
}

#[test]
fn a_load_balancer_that_is_replaced_leaves_no_flow_to_its_successor() {
    let with = |id: &str| -> World {
        balanced()
            .without("nlb nlb-1")
            .with(&format!("nlb {id} pub 10.0.1.5 sg-nlb\n listener {id} tcp/80 10.0.2.11:80"))
    };
    let mut lab = Lab::new(&with("nlb-1"));
    let listener = lab.listen("i-1", 80);
    let mut client = lab.connect("internet", "198.18.0.20:80").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut server, _) = accept(&listener);
    exchange(&mut client, &mut server, b"hello");
    lab.change(&with("nlb-2"));
    assert!(is_reset(&mut client));
    let mut client = lab.connect("internet", "198.18.0.20:80").unwrap();
    let (mut server, _) = accept(&listener);
    exchange(&mut server, &mut client, b"hello again");
}
