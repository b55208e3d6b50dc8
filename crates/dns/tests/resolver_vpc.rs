//! What a VPC's resolver does with which name: rules, private hosted zones, names of the VPC, the internet.

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Arc;

use enishi_dns::resolver::Path;
use enishi_dns::server::{Recursors, Responder, UdpServer, serve_tcp};
use enishi_fabric::dns::{Name, RecordType, ResolverRule, RuleAction, VpcResolver};
use lab::{Lab, Plan, ROOT};

const SOA: &str = "@ 900 IN SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns\n";
const ROOT_ZONE: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS a.root-servers.test.
example.com 86400 NS ns.example.com.
ns.example.com 86400 A NET.3
";
const PUBLIC: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
@ 300 NS ns
ns 300 A NET.3
www 300 A 198.51.100.1
only-public 300 A 198.51.100.2
to-private 300 CNAME db.corp.internal.
to-instance 300 CNAME ec2-203-0-113-9.compute-1.amazonaws.com.
";
/// A server that resolves names for a company.
const COMPANY: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
www.example.com 300 A 10.99.0.1
www.corp.internal 300 A 10.99.0.2
db.corp.internal 300 A 10.99.0.3
host.dc.corp.internal 300 A 10.99.0.4
alias.corp.internal 300 CNAME www.corp.internal.
ip-10-0-0-5.ec2.internal 300 A 10.99.0.5
";
/// A server of the same company that has only this.
const BRANCH: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
away 300 CNAME only-public.example.com.
";
const PRIVATE_INTERNAL: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
db 60 A 10.0.0.10
out 60 CNAME only-public.example.com.
chain 60 CNAME db
host.dc 60 A 10.0.0.11
";
const PRIVATE_COM: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
www 60 A 10.0.0.80
";

fn plan(number: u8) -> Plan {
    Plan::new([82, number])
        .zone(ROOT, ".", ROOT_ZONE)
        .zone(3, "example.com", PUBLIC)
        .zone(4, ".", COMPANY)
        .zone(5, "corp.internal", BRANCH)
        .private("corp.internal", PRIVATE_INTERNAL)
}

fn instances(vpc: &mut VpcResolver) {
    vpc.autodefined.insert(support::name("ec2.internal"));
    vpc.autodefined.insert(support::name("10.in-addr.arpa"));
    let name = support::name("ip-10-0-0-5.ec2.internal");
    vpc.names.insert(name.clone(), vec![[10, 0, 0, 5].into()]);
    vpc.names.insert(support::name("ec2-203-0-113-9.compute-1.amazonaws.com"), vec![[10, 0, 0, 9].into()]);
    vpc.pointers.insert(support::name("5.0.0.10.in-addr.arpa"), name);
}

fn system(lab: &mut Lab, domain: &str) {
    let rule = ResolverRule { id: Arc::from("rslvr-rr-2"), action: RuleAction::System };
    lab.know(|vpc| drop(vpc.rules.insert(support::name(domain), rule)));
}

/// The address that a name stands for, or the response code.
fn address(lab: &Lab, name: &str) -> String {
    let answer = lab.ask(name, "A");
    let found = answer.lines().find_map(|line| line.split(" A ").nth(1)).map(str::to_owned);
    found.unwrap_or_else(|| answer.lines().next().unwrap_or_default().trim_end_matches(" ra").to_owned())
}

#[test]
fn a_private_zone_hides_the_public_one() {
    let mut lab = plan(1).private("example.com", PRIVATE_COM).start();
    assert_eq!(address(&lab, "www.example.com"), "10.0.0.80");
    // "If there's a matching private hosted zone but there's no record that matches the domain name and type in the request, Resolver
    // doesn't forward the request to a public DNS resolver. Instead, it returns NXDOMAIN".
    assert_eq!(
        lab.ask("only-public.example.com", "A"),
        "NXDOMAIN ra\nauthority example.com. 60 SOA ns.example.com. hostmaster.example.com. 1 2 3 4 60\n"
    );
    assert!(lab.ask("www.example.com", "MX").starts_with("NOERROR ra\nauthority example.com. 60 SOA"));
    assert!(lab.paths().is_empty(), "nobody was asked");
    lab.know(|vpc| drop(vpc.private_zones.remove(&support::name("example.com"))));
    assert_eq!(address(&lab, "www.example.com"), "198.51.100.1");
    assert_eq!(address(&lab, "only-public.example.com"), "198.51.100.2");
    assert!(lab.paths().iter().all(|path| *path == Path::Internet { region: Arc::from("eu-central-1") }));
}

#[test]
fn a_change_of_a_private_zone_is_seen_at_once() {
    let lab = plan(2).start();
    assert_eq!(address(&lab, "db.corp.internal"), "10.0.0.10");
    let db = support::name("db.corp.internal");
    lab.private.update(|edit| edit.replace("corp.internal", &db, RecordType::A, &[]));
    assert_eq!(address(&lab, "db.corp.internal"), "NXDOMAIN");
}

#[test]
fn aliases_lead_into_and_out_of_private_zones() {
    let mut lab = plan(3).start();
    lab.know(instances);
    assert_eq!(
        lab.ask("out.corp.internal", "A"),
        "NOERROR ra\nanswer only-public.example.com. 300 A 198.51.100.2\n\
         answer out.corp.internal. 60 CNAME only-public.example.com.\n"
    );
    assert_eq!(address(&lab, "chain.corp.internal"), "10.0.0.10");
    assert_eq!(address(&lab, "to-private.example.com"), "10.0.0.10");
    // What an instance is called in public leads to its private address within the VPC.
    assert_eq!(address(&lab, "to-instance.example.com"), "10.0.0.9");
    // An answer with a part of the VPC's own is made anew each time.
    lab.know(|vpc| vpc.names.clear());
    assert_ne!(address(&lab, "to-instance.example.com"), "10.0.0.9");
}

#[test]
fn the_vpc_knows_its_instances() {
    let mut lab = plan(4).start();
    lab.know(instances);
    assert_eq!(
        lab.ask("IP-10-0-0-5.ec2.internal", "A"),
        "NOERROR ra\nanswer ip-10-0-0-5.ec2.internal. 60 A 10.0.0.5\n"
    );
    assert_eq!(
        lab.ask("5.0.0.10.in-addr.arpa", "PTR"),
        "NOERROR ra\nanswer 5.0.0.10.in-addr.arpa. 60 PTR ip-10-0-0-5.ec2.internal.\n"
    );
    let nothing = |rcode: &str, domain: &str| {
        format!(
            "{rcode} ra\nauthority {domain}. 60 SOA ns0.{domain}. hostmaster.amazon.com. 2012103100 3600 3600 3600 60\n"
        )
    };
    assert_eq!(lab.ask("ip-10-0-0-5.ec2.internal", "AAAA"), nothing("NOERROR", "ec2.internal"));
    assert_eq!(lab.ask("ip-10-0-0-6.ec2.internal", "A"), nothing("NXDOMAIN", "ec2.internal"));
    assert_eq!(lab.ask("ec2.internal", "A"), nothing("NOERROR", "ec2.internal"));
    assert_eq!(
        lab.ask("0.0.10.in-addr.arpa", "PTR"),
        nothing("NOERROR", "10.in-addr.arpa"),
        "it has names below it"
    );
    assert_eq!(lab.ask("6.0.0.10.in-addr.arpa", "PTR"), nothing("NXDOMAIN", "10.in-addr.arpa"));
    assert!(lab.paths().is_empty());
}

/// "Resolver chooses the rule with the most specific match"; of one domain, rules come before private hosted zones, these before
/// autodefined names.
#[test]
fn the_most_specific_domain_counts_and_rules_win_ties() {
    let mut lab = plan(5).start();
    lab.know(instances);
    lab.forward("corp.internal", &[4]);
    assert_eq!(address(&lab, "db.corp.internal"), "10.99.0.3", "a tie: the rule before the private zone");
    assert_eq!(lab.paths(), [Path::Endpoint { id: Arc::from("rslvr-out-1") }]);
    lab.know(|vpc| vpc.rules.clear());
    lab.forward("internal", &[4]);
    assert_eq!(address(&lab, "db.corp.internal"), "10.0.0.10", "the private zone is more specific");
    assert_eq!(
        address(&lab, "ip-10-0-0-5.ec2.internal"),
        "10.0.0.5",
        "the autodefined domain is more specific"
    );
    lab.forward("dc.corp.internal", &[4]);
    assert_eq!(address(&lab, "host.dc.corp.internal"), "10.99.0.4", "the rule is more specific");
    lab.forward("ec2.internal", &[4]);
    assert_eq!(
        address(&lab, "ip-10-0-0-5.ec2.internal"),
        "10.99.0.5",
        "a tie: the rule before the autodefined domain"
    );
    lab.forward(".", &[4]);
    assert_eq!(address(&lab, "www.example.com"), "10.99.0.1", "a rule for everything");
    assert_eq!(
        address(&lab, "ec2-203-0-113-9.compute-1.amazonaws.com"),
        "10.0.0.9",
        "but the VPC's own names"
    );
    system(&mut lab, "example.com");
    assert_eq!(address(&lab, "www.example.com"), "198.51.100.1", "as if there were no rules");
    system(&mut lab, "dc.corp.internal");
    assert_eq!(
        address(&lab, "host.dc.corp.internal"),
        "10.0.0.11",
        "as if there were no rules, so the private zone"
    );
    lab.know(|vpc| vpc.rules.clear());
    let zone = support::zone("Z2", "ec2.internal", Vec::new());
    lab.private.update(|edit| edit.put_zone(zone));
    lab.know(|vpc| drop(vpc.private_zones.insert(support::name("ec2.internal"), Arc::from("Z2"))));
    assert_eq!(
        address(&lab, "ip-10-0-0-5.ec2.internal"),
        "NXDOMAIN",
        "a tie: the private zone before the VPC's names"
    );
}

#[test]
fn forwarded_answers_are_believed_as_a_whole() {
    let mut lab = plan(6).start();
    lab.forward("corp.internal", &[4]);
    assert_eq!(address(&lab, "alias.corp.internal"), "10.99.0.2");
    assert_eq!(lab.asked(4), ["alias.corp.internal. A"]);
    lab.clock.advance(299);
    assert_eq!(address(&lab, "alias.corp.internal"), "10.99.0.2");
    assert!(lab.asked(4).is_empty(), "kept");
    assert_eq!(address(&lab, "nothing.corp.internal"), "NXDOMAIN");
    // This server has no more than the alias.
    lab.forward("corp.internal", &[5]);
    assert_eq!(address(&lab, "away.corp.internal"), "198.51.100.2");
}

#[test]
fn another_target_is_asked_when_one_does_not_answer() {
    let mut lab = plan(7).start();
    lab.forward("corp.internal", &[77, 4]);
    for name in ["www", "db", "alias"] {
        assert!(address(&lab, &format!("{name}.corp.internal")).starts_with("10.99.0."), "{name}");
    }
    lab.forward("corp.internal", &[77]);
    assert_eq!(lab.ask("www.corp.internal", "A"), "SERVFAIL ra\n");
}

#[test]
fn policies_see_the_region_of_the_vpc() {
    use enishi_fabric::dns::{Content, Rdata, RecordSet, Routing};
    let mut lab = plan(8).start();
    let name = support::name("near.corp.internal");
    let set = |region: &str, last: u8| RecordSet {
        name: name.clone(),
        record_type: RecordType::A,
        identifier: Some(Arc::from(region)),
        routing: Routing::Latency(Arc::from(region)),
        health_check: None,
        content: Content::Records { ttl: 60, data: vec![Rdata::a(Ipv4Addr::new(10, 0, 1, last))] },
    };
    let sets = [set("us-east-1", 1), set("eu-central-1", 2), set("ap-northeast-1", 3)];
    lab.private.update(|edit| edit.replace("corp.internal", &name, RecordType::A, &sets));
    assert_eq!(address(&lab, "near.corp.internal"), "10.0.1.2");
    lab.know(|vpc| vpc.region = Arc::from("ap-northeast-1"));
    assert_eq!(address(&lab, "near.corp.internal"), "10.0.1.3");
}

#[test]
fn each_question_of_a_client_is_logged_once_until_its_answer_ends() {
    let mut plan = plan(9);
    plan.endpoint = Some("rslvr-in-1");
    let mut lab = plan.start();
    lab.ask("www.example.com", "A");
    assert!(lab.log.0.lock().expect("the log").is_empty(), "the VPC does not log yet");
    lab.know(|vpc| {
        vpc.logs.insert(Arc::from("rqlc-1"));
        let ids = (Arc::from("eni-1"), Some(Arc::from("i-1")));
        vpc.clients.insert(Ipv4Addr::LOCALHOST, ids);
    });
    lab.ask("www.example.com", "A");
    lab.ask("www.example.com", "A");
    lab.ask("nothing.corp.internal", "TXT");
    lab.clock.advance(300);
    lab.ask("WWW.example.com", "A");
    let www = "[\"rqlc-1\"] 111122223333 eu-central-1 vpc-1 www.example.com. A 1 NOERROR \
               [198.51.100.1 A 1] 127.0.0.1 Udp Some(\"eni-1\") Some(\"i-1\") Some(\"rslvr-in-1\")";
    let nothing = "[\"rqlc-1\"] 111122223333 eu-central-1 vpc-1 nothing.corp.internal. TXT 1 NXDOMAIN \
                   [] 127.0.0.1 Udp Some(\"eni-1\") Some(\"i-1\") Some(\"rslvr-in-1\")";
    assert_eq!(*lab.log.0.lock().expect("the log"), [www, nothing, www]);
}

#[test]
fn a_vpc_that_is_gone_is_refused_until_it_comes_back() {
    let mut lab = plan(10).start();
    lab.resolvers.remove("vpc-1");
    assert_eq!(lab.ask("db.corp.internal", "A"), "REFUSED ra\n");
    lab.know(|_| {});
    assert_eq!(address(&lab, "db.corp.internal"), "10.0.0.10");
}

/// Neither a query that waits for a silent server nor an open connection keeps an address.
#[test]
fn an_address_is_free_when_it_is_no_longer_served() {
    let mut lab = plan(13).script(78, |_| Vec::new()).start();
    lab.forward("corp.internal", &[78]);
    let address = (lab.address(lab::RESOLVER), lab.port);
    let client = lab.client();
    client.send(&support::query("www.corp.internal", "A", None)).expect("a query");
    // Once this is answered, the one before it was read.
    client.send(&support::query("nothing.example.com", "A", None)).expect("a query");
    assert!(support::show(&lab::receive(&client)).starts_with("NXDOMAIN"));
    let _stream = std::net::TcpStream::connect(address).expect("a connection");
    lab.end();
    UdpSocket::bind(address).expect("the address is free");
    TcpListener::bind(address).expect("the address is free");
}

#[test]
fn names_are_resolved_for_the_daemon_itself() {
    let lab = plan(11).start();
    let resolve = |vpc: &'static str, name: &str| {
        let name: Name = support::name(name);
        lab.runtime.block_on(lab.resolvers.resolve(vpc, &name, RecordType::A))
    };
    let found = resolve("vpc-1", "out.corp.internal").expect("the VPC");
    let text: Vec<String> = found
        .records
        .iter()
        .map(|(name, record_type, ttl, data)| {
            format!("{name} {ttl} {record_type} {}", data.text(*record_type))
        })
        .collect();
    assert_eq!(
        text,
        [
            "out.corp.internal. 60 CNAME only-public.example.com.",
            "only-public.example.com. 300 A 198.51.100.2"
        ]
    );
    assert!(resolve("vpc-2", "out.corp.internal").is_none());
}

/// One socket for every address of the simulated internet: name servers, recursive servers, and nobody.
#[test]
fn one_socket_serves_many_addresses() {
    let lab = plan(12).start();
    let name_server = lab.address(50);
    let recursor = lab.address(51);
    let nobody = lab.address(52);
    let store = Arc::new(support::store(&[("served.test", &format!("{SOA}ns A 192.0.2.53\n"))]));
    store.update(|edit| edit.put_servers([(name_server, support::VIEW)], None));
    let recursors = Recursors::new(Arc::clone(&lab.resolvers), lab.runtime.handle().clone());
    recursors.put(recursor, "vpc-1");
    let responder = Responder::new(store, None).with_recursors(Arc::clone(&recursors));
    let (udp, tcp) = std::iter::repeat_with(|| {
        let tcp = TcpListener::bind("0.0.0.0:0").expect("a free port");
        UdpSocket::bind(tcp.local_addr().expect("an address")).map(|udp| (udp, tcp))
    })
    .find_map(Result::ok)
    .expect("a free port");
    let port = udp.local_addr().expect("an address").port();
    let _server = UdpServer::start(vec![udp], &responder, 1).expect("a server");
    lab.runtime.spawn(serve_tcp(tcp, responder, 1));
    let dig = |server: std::net::IpAddr, arguments: &[&str]| {
        let output = std::process::Command::new("dig")
            .args([&format!("@{server}"), "-p", &port.to_string(), "+tries=1", "+time=5", "+short"])
            .args(arguments)
            .output()
            .expect("dig (Debian's dnsutils)");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(dig(name_server, &[transport, "ns.served.test"]), "192.0.2.53\n");
        assert_eq!(dig(recursor, &[transport, "www.example.com"]), "198.51.100.1\n");
        lab.resolvers.flush();
    }
    // What is sent to nobody is not answered: the next answer that comes is the one to the next query.
    let client = UdpSocket::bind("127.0.0.1:0").expect("a client");
    client.set_read_timeout(Some(std::time::Duration::from_secs(20))).expect("a timeout");
    client.send_to(&support::query("ns.served.test", "A", None), (nobody, port)).expect("a query");
    client.send_to(&support::query("ns.served.test", "A", None), (name_server, port)).expect("a query");
    let (_, from) = client.recv_from(&mut [0; 512]).expect("an answer");
    assert_eq!(from.ip(), name_server);
    recursors.remove(recursor);
    client.send_to(&support::query("www.example.com", "A", None), (recursor, port)).expect("a query");
    client.send_to(&support::query("ns.served.test", "A", None), (name_server, port)).expect("a query");
    let (_, from) = client.recv_from(&mut [0; 512]).expect("an answer");
    assert_eq!(from.ip(), name_server);
}
