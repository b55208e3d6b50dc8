//! Packets through real routers fare as `fabric::walk` says.

mod lab;

use lab::{Lab, World, two_tiers};

#[test]
fn packets_fare_as_the_model_says() {
    let mut lab = Lab::new(&two_tiers());
    let passed = [
        "internet -> 198.18.0.20 udp/80",
        "internet -> 198.18.0.20 udp/85",
        "internet -> 198.18.0.20 udp/91",
        "internet -> 198.18.0.21 udp/80",
        "internet -> 198.18.0.30 udp/80",
        "i-web -> 10.0.2.10 udp/8000",
        "i-web@10.0.1.11 -> 10.0.2.10 udp/8050",
        "i-web -> 10.0.2.10 udp/8101",
        "i-web -> 10.0.2.10 udp/666",
        "i-mute -> 10.0.2.10 udp/8000",
        "i-mute -> 10.0.1.10 udp/80",
        "i-app -> 10.0.2.11 udp/80",
        "i-app2 -> 10.0.2.10 udp/8000",
        "i-app -> 198.18.0.9 udp/53",
        "i-app -> 198.18.0.9 udp/1023",
        "i-app:7000 -> 198.18.0.20 udp/80",
        "i-web -> 198.18.0.9 udp/53",
        "i-web@10.0.1.11 -> 198.18.0.9 udp/53",
        "i-web -> 10.9.0.1 udp/53",
        "i-web -> 10.0.7.7 udp/80",
        "i-mute -> 198.18.0.9 udp/53",
        "i-mute -> 198.18.0.20 udp/80",
    ]
    .map(|flow| lab.agrees(flow));
    let accepted = passed.iter().filter(|passed| **passed).count();
    assert!((8..=16).contains(&accepted), "the flows do not tell much: {accepted} of {} pass", passed.len());
}

#[test]
fn a_further_device_is_the_way_for_its_addresses_and_its_subnet() {
    let world = two_tiers()
        .with("host i-web prv 10.0.2.20 sg-app forwards")
        .with("in sg-app sgr-7 udp/7000-7001 10.0.0.0/16");
    let mut lab = Lab::new(&world);
    let passed = [
        "i-web -> 10.0.2.10 udp/7000",
        "i-web@10.0.2.20 -> 10.0.2.10 udp/7000",
        "i-web -> 10.0.2.10 udp/7002",
        "i-web@10.0.2.20 -> 10.0.1.40 udp/7000",
        "i-web@10.0.2.20 -> 198.18.0.9 udp/53",
        "i-web@10.0.1.11 -> 10.0.1.40 udp/7001",
        "i-app -> 10.0.2.20 udp/7000",
        "i-app:41000 -> 10.0.1.10 udp/80",
        "internet -> 198.18.0.20 udp/80",
    ]
    .map(|flow| lab.agrees(flow));
    assert!(passed.contains(&true) && passed.contains(&false), "{passed:?}");
}

#[test]
fn every_packet_of_a_conversation_is_judged_by_the_rules_of_the_day() {
    let world = two_tiers();
    let mut lab = Lab::new(&world);
    assert!(lab.agrees("i-web -> 10.0.2.10 udp/8000"));
    lab.change(&world.without("in sg-app sgr-4"));
    assert!(!lab.agrees("i-web:40001 -> 10.0.2.10 udp/8000"));
    lab.change(&world);
    assert!(lab.agrees("i-web:40002 -> 10.0.2.10 udp/8000"));
    lab.change(&world.with("deny out acl-1 10 udp/40003 10.0.1.0/24"));
    assert_eq!(lab.probe("i-web:40003 -> 10.0.2.10 udp/8000").map(|(_, answered)| answered), Some(false));
}

#[test]
fn a_tracked_flow_survives_its_rule_and_an_untracked_one_does_not() {
    let world = two_tiers();
    let mut lab = Lab::new(&world);
    for (from, to, port, rule, survives) in [
        ("i-web", "10.0.2.10", 8000, "in sg-app sgr-4", true),
        ("internet", "198.18.0.20", 80, "in sg-web sgr-1", false),
    ] {
        lab.change(&world);
        let receiver = lab.udp(if from == "internet" { "i-web" } else { "i-app" }, [0, 0, 0, 0].into(), port);
        let sender = lab.udp(from, [0, 0, 0, 0].into(), 41000);
        let mut buffer = [0; 8];
        let mut get = |socket: &std::net::UdpSocket| {
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 100 {
                if let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    return Some(from);
                }
            }
            None
        };
        sender.send_to(b"one", (to, port)).unwrap();
        let source = get(&receiver).expect("admitted");
        receiver.send_to(b"two", source).unwrap();
        get(&sender).expect("the answer comes back");
        lab.change(&world.without(rule));
        sender.send_to(b"three", (to, port)).unwrap();
        assert_eq!(get(&receiver).is_some(), survives, "{from} -> {to}");
    }
}

#[test]
fn a_moved_public_address_never_reaches_its_old_instance() {
    let world = two_tiers();
    let mut lab = Lab::new(&world);
    let old = lab.udp("i-web", [0, 0, 0, 0].into(), 80);
    let new = lab.udp("i-app2", [0, 0, 0, 0].into(), 80);
    let sender = lab.udp("internet", [198, 18, 0, 9].into(), 42000);
    let arrived = |socket: &std::net::UdpSocket| {
        let start = std::time::Instant::now();
        let mut buffer = [0; 8];
        while start.elapsed().as_millis() < 100 {
            if socket.recv_from(&mut buffer).is_ok() {
                return true;
            }
        }
        false
    };
    sender.send_to(b"one", "198.18.0.20:80").unwrap();
    assert!(arrived(&old));
    lab.change(&world.without("eip eip-web").with("eip eip-web 198.18.0.20 10.0.2.11 vpc-1"));
    sender.send_to(b"two", "198.18.0.20:80").unwrap();
    assert!(!arrived(&old), "the tracked flow still leads to the old instance");
    // The private subnet's ACL lets only high ports in from outside.
    assert!(!arrived(&new));
    lab.change(
        &world
            .without("eip eip-web")
            .with("eip eip-web 198.18.0.20 10.0.2.11 vpc-1\n allow in acl-1 50 udp/80 0.0.0.0/0"),
    );
    sender.send_to(b"three", "198.18.0.20:80").unwrap();
    assert!(arrived(&new));
}

#[test]
fn networks_with_the_same_addresses_never_see_each_other() {
    let vpc = |n: u8| {
        format!(
            "vpc vpc-{n} 10.0.0.0/16
             igw igw-{n} vpc-{n}
             table rtb-{n} vpc-{n} 0.0.0.0/0=igw
             subnet s-{n} vpc-{n} 10.0.1.0/24 rtb-{n} open
             group sg-{n} vpc-{n}
             in sg-{n} sgr-1 all 0.0.0.0/0
             out sg-{n} sgr-2 all 0.0.0.0/0
             host i-a{n} s-{n} 10.0.1.10 sg-{n}
             host i-b{n} s-{n} 10.0.1.11 sg-{n}
             eip eip-{n} 198.18.0.4{n} 10.0.1.10 vpc-{n}\n"
        )
    };
    let mut lab = Lab::new(&World::new(&(vpc(1) + &vpc(2))));
    let first = lab.udp("i-b1", [0, 0, 0, 0].into(), 5000);
    let second = lab.udp("i-b2", [0, 0, 0, 0].into(), 5000);
    let sender = lab.udp("i-a1", [0, 0, 0, 0].into(), 5000);
    sender.send_to(b"hello", "10.0.1.11:5000").unwrap();
    let mut buffer = [0; 8];
    first.set_nonblocking(false).unwrap();
    assert_eq!(first.recv(&mut buffer).unwrap(), 5);
    assert!(second.recv(&mut buffer).is_err());
    for flow in ["i-a1 -> 198.18.0.42 udp/7", "i-a2 -> 198.18.0.41 udp/7", "i-b1 -> 198.18.0.42 udp/7"] {
        lab.agrees(flow);
    }
}

#[test]
fn tcp_works_through_everything() {
    let world = World::new(
        "vpc vpc-1 10.0.0.0/16
         igw igw-1 vpc-1
         table rtb-pub vpc-1 0.0.0.0/0=igw
         table rtb-prv vpc-1 0.0.0.0/0=nat-1
         subnet pub vpc-1 10.0.1.0/24 rtb-pub open
         subnet prv vpc-1 10.0.2.0/24 rtb-prv open
         group sg-1 vpc-1
         in sg-1 sgr-1 tcp/80 0.0.0.0/0
         out sg-1 sgr-2 all 0.0.0.0/0
         host i-1 pub 10.0.1.10 sg-1
         host i-2 prv 10.0.2.10 sg-1
         nat nat-1 pub 10.0.1.30
         eip eip-1 198.18.0.20 10.0.1.10 vpc-1
         eip eip-2 198.18.0.30 10.0.1.30 vpc-1",
    );
    let mut lab = Lab::new(&world);
    let _one = lab.listen("i-1", 80);
    let _other = lab.listen("i-1", 81);
    let internet = lab.listen("internet", 443);
    lab.connect("internet", "198.18.0.20:80").expect("the open port");
    lab.connect("internet", "198.18.0.20:81").expect_err("a closed port");
    lab.connect("i-2", "10.0.1.10:80").expect("inside");
    let stream = lab.connect("i-2", "198.18.0.9:443").expect("through the NAT gateway");
    let (_, peer) = internet.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "198.18.0.30", "the source is the gateway's public address");
    drop(stream);
}
