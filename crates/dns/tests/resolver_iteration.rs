//! Resolution from the root down, in a small internet on loopback. Each test quotes what it tests.

#[path = "support/lab.rs"]
mod lab;
mod support;

use lab::{Lab, Plan, ROOT};

const ROOT_ZONE: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS a.root-servers.test.
com 86400 NS ns.com.
ns.com 86400 A NET.2
org 86400 NS ns.org.
ns.org 86400 A NET.4
";
const COM: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS ns.com.
ns 86400 A NET.2
example 86400 NS ns.example.com.
ns.example 86400 A NET.3
elsewhere 86400 NS ns.example.org.
";
const ORG: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS ns.org.
ns 86400 A NET.4
example 86400 NS ns.example.org.
ns.example 86400 A NET.5
";
const EXAMPLE_COM: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
@ 300 NS ns
ns 300 A NET.3
www 300 A 192.0.2.1
www 300 A 192.0.2.2
alias 120 CNAME www.example.org.
near 120 CNAME www
loop 120 CNAME loop2
loop2 120 CNAME far.example.org.
short 5 A 192.0.2.5
a.deep 300 A 192.0.2.9
";
const EXAMPLE_ORG: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
@ 300 NS ns
ns 300 A NET.5
www 300 A 198.51.100.1
far 120 CNAME loop.example.com.
";
const ELSEWHERE: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 60
@ 300 NS ns.example.org.
www 300 A 203.0.113.1
";

fn plan(number: u8) -> Plan {
    Plan::new([81, number])
        .zone(ROOT, ".", ROOT_ZONE)
        .zone(2, "com", COM)
        .zone(3, "example.com", EXAMPLE_COM)
        .zone(4, "org", ORG)
        .zone(5, "example.org", EXAMPLE_ORG)
        .zone(5, "elsewhere.com", ELSEWHERE)
}

fn lines(answer: &str) -> Vec<&str> {
    answer.lines().collect()
}

/// RFC 1034, section 5.3.3: "if the response contains a better delegation to other servers, cache the delegation information, and go
/// to step 2."
#[test]
fn delegations_are_followed_and_kept() {
    let lab = plan(1).start();
    let answer = lab.ask("www.example.com", "A");
    assert_eq!(
        lines(&answer),
        ["NOERROR ra", "answer www.example.com. 300 A 192.0.2.1", "answer www.example.com. 300 A 192.0.2.2"]
    );
    assert_eq!(lab.asked(ROOT), ["www.example.com. A"]);
    assert_eq!(lab.asked(2), ["www.example.com. A"]);
    assert_eq!(lab.asked(3), ["www.example.com. A"]);
    lab.ask("a.deep.example.com", "A");
    assert_eq!((lab.asked(ROOT).len(), lab.asked(2).len(), lab.asked(3).len()), (0, 0, 1));
}

/// RFC 1034, section 5.3.3, step 1: "See if the answer is in local information, and if so return it to the client." RFC 1035,
/// section 3.2.1: TTL is "the time interval that the resource record may be cached before the source of the information should again
/// be consulted."
#[test]
fn answers_are_kept_until_their_ttl_has_passed() {
    let lab = plan(2).start();
    lab.ask("short.example.com", "A");
    lab.asked(3);
    lab.clock.advance(4);
    assert!(lab.ask("short.example.com", "A").contains("short.example.com. 1 A 192.0.2.5"));
    assert!(lab.asked(3).is_empty());
    lab.clock.advance(1);
    assert!(lab.ask("short.example.com", "A").contains("short.example.com. 5 A 192.0.2.5"));
    assert_eq!(lab.asked(3), ["short.example.com. A"]);
}

/// RFC 2308, section 5: "This TTL decrements in a similar manner to a normal cached answer and upon reaching zero (0) indicates the
/// cached negative answer MUST NOT be used again." Section 6: "When a server, in answering a query, encounters a cached negative
/// response it MUST add the cached SOA record to the authority section of that response with the TTL decremented by the amount of time
/// it was stored in the cache."
#[test]
fn absence_is_kept_as_long_as_the_soa_says() {
    let lab = plan(3).start();
    let soa = |ttl: u32| {
        format!("authority example.com. {ttl} SOA ns.example.com. hostmaster.example.com. 1 2 3 4 60")
    };
    assert_eq!(lines(&lab.ask("no.example.com", "A")), ["NXDOMAIN ra", &soa(60)]);
    assert_eq!(lines(&lab.ask("www.example.com", "MX")), ["NOERROR ra", &soa(60)]);
    lab.asked(3);
    lab.clock.advance(59);
    assert_eq!(lines(&lab.ask("no.example.com", "A")), ["NXDOMAIN ra", &soa(1)]);
    assert_eq!(lines(&lab.ask("no.example.com", "MX")), ["NXDOMAIN ra", &soa(1)]);
    assert_eq!(lines(&lab.ask("www.example.com", "MX")), ["NOERROR ra", &soa(1)]);
    assert!(lab.asked(3).is_empty());
    lab.clock.advance(1);
    lab.ask("no.example.com", "A");
    assert_eq!(lab.asked(3), ["no.example.com. A"]);
}

/// RFC 8020: "when a DNS resolver receives a response with a response code of NXDOMAIN, it means that the domain name which is thus
/// denied AND ALL THE NAMES UNDER IT do not exist." An
/// answer without data, of a name that exists, cuts nothing.
#[test]
fn below_a_name_that_does_not_exist_nothing_is_asked() {
    let lab = plan(4).start();
    lab.ask("no.example.com", "A");
    lab.ask("deep.example.com", "A");
    lab.asked(3);
    assert_eq!(lab.ask("a.b.no.example.com", "TXT").lines().next(), Some("NXDOMAIN ra"));
    assert!(lab.asked(3).is_empty());
    assert!(lab.ask("a.deep.example.com", "A").contains("192.0.2.9"));
}

/// RFC 1034, section 5.3.3, step 4c: "if the response shows a CNAME and that is not the answer itself, cache the CNAME, change the SNAME
/// to the canonical name in the CNAME RR and go to step 1."
#[test]
fn aliases_are_followed_across_zones() {
    let lab = plan(5).start();
    let expected = [
        "NOERROR ra",
        "answer alias.example.com. 120 CNAME www.example.org.",
        "answer www.example.org. 300 A 198.51.100.1",
    ];
    assert_eq!(lines(&lab.ask("alias.example.com", "A")), expected);
    assert_eq!(lines(&lab.ask("alias.example.com", "CNAME")), expected[..2]);
    let near = lab.ask("near.example.com", "A");
    assert_eq!(lines(&near)[1], "answer near.example.com. 120 CNAME www.example.com.");
    assert_eq!(lines(&near).len(), 4);
    // What lies behind the alias was learnt with it.
    lab.asked(3);
    lab.ask("www.example.com", "A");
    assert!(lab.asked(3).is_empty());
    let nothing = lab.ask("alias.example.com", "MX");
    assert_eq!(lines(&nothing)[0], "NOERROR ra");
    assert!(nothing.contains("authority example.org. 60 SOA"), "{nothing}");
}

/// RFC 1034, section 3.6.2: "CNAME chains should be followed and CNAME loops signalled as an error."
#[test]
fn aliases_that_lead_in_circles_end() {
    let lab = plan(6).start();
    assert_eq!(lines(&lab.ask("loop.example.com", "A")), ["SERVFAIL ra"]);
    assert!(lab.asked(3).len() <= 4);
}

/// RFC 1034, section 5.3.3: name servers whose addresses the delegation does not tell have to be looked up themselves.
#[test]
fn name_servers_elsewhere_are_resolved() {
    let lab = plan(7).start();
    assert!(lab.ask("www.elsewhere.com", "A").contains("203.0.113.1"));
}

fn circular() -> Lab {
    let com = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS ns.com.
ns 86400 A NET.2
one 86400 NS ns.two.com.
two 86400 NS ns.one.com.
self 86400 NS ns.self.com.
";
    Plan::new([81, 8]).zone(ROOT, ".", ROOT_ZONE).zone(2, "com", com).start()
}

/// RFC 1034, section 5.3.3: "Bound the amount of work (packets sent, parallel processes started) so that a request can't get into an
/// infinite loop or start off a chain reaction of requests or queries with other implementations EVEN IF SOMEONE HAS INCORRECTLY
/// CONFIGURED SOME DATA."
#[test]
fn delegations_that_lead_in_circles_end() {
    let lab = circular();
    for name in ["www.one.com", "www.self.com"] {
        assert_eq!(lines(&lab.ask(name, "A")), ["SERVFAIL ra"], "{name}");
    }
    let asked = lab.asked(2).len() + lab.asked(ROOT).len();
    assert!(asked <= 24, "{asked} queries");
    // RFC 9520, section 3.2: "Resolvers MUST implement a cache for resolution failures."
    assert_eq!(lines(&lab.ask("www.one.com", "A")), ["SERVFAIL ra"]);
    assert!(lab.asked(2).is_empty());
}

/// RFC 2181, section 9: "When a DNS client receives a
/// reply with TC set, it should ignore that response, and query again, using a mechanism, such as a TCP connection, that will permit
/// larger replies."
#[test]
fn large_answers_come_by_tcp() {
    let mut big = String::from("@ 900 IN SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns\nns 300 A NET.3\n");
    (0..120).for_each(|number| big.push_str(&format!("big 300 AAAA 2001:db8::{number:x}\n")));
    let mut plan = plan(9);
    plan.zones.retain(|(server, ..)| *server != 3);
    let lab = plan.zone(3, "example.com", big.leak()).start();
    let truncated = lab.send(&support::query("big.example.com", "AAAA", Some(4096)));
    assert_eq!(support::show(&truncated), "NOERROR tc ra\n");
    assert!(truncated.len() <= 1232);
    let output = std::process::Command::new("dig")
        .args([&format!("@{}", lab.address(lab::RESOLVER)), "-p", &lab.port.to_string()])
        .args(["+short", "big.example.com", "AAAA"])
        .output()
        .expect("dig (Debian's dnsutils)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().filter(|line| line.starts_with("2001:db8::")).count(), 120, "{text}");
}

/// RFC 8767, section 4: "If the data is unable to be authoritatively refreshed when the TTL expires, the record MAY be used as though
/// it is unexpired." "When returning a response containing stale records, a recursive resolver MUST set the TTL of each expired record
/// in the message to a value greater than 0, with a RECOMMENDED value of 30 seconds."
#[test]
fn stale_answers_are_better_than_none() {
    let mut lab = plan(10).start();
    lab.ask("www.example.com", "A");
    lab.ask("no.example.com", "A");
    lab.clock.advance(301);
    lab.stop(3);
    assert_eq!(lines(&lab.ask("www.example.com", "A"))[1], "answer www.example.com. 30 A 192.0.2.1");
    assert_eq!(lines(&lab.ask("ns.example.com", "AAAA")), ["SERVFAIL ra"], "never known");
    // The maximum stale timer is a day here.
    lab.clock.advance(86_400);
    assert_eq!(lines(&lab.ask("www.example.com", "A")), ["SERVFAIL ra"]);
}

/// What is stale is forgotten for anything newer, and that becomes stale in turn.
#[test]
fn news_replace_what_is_stale() {
    let mut lab = plan(11).start();
    lab.ask("www.example.com", "A");
    lab.clock.advance(301);
    lab.change(3, "example.com", "@ 900 IN SOA ns hostmaster 2 2 3 4 60\n@ 300 NS ns\nns 300 A NET.3\n");
    assert_eq!(lab.ask("www.example.com", "A").lines().next(), Some("NXDOMAIN ra"));
    lab.clock.advance(61);
    lab.stop(3);
    assert_eq!(lab.ask("www.example.com", "A").lines().next(), Some("NXDOMAIN ra"), "stale, but the newest");
}

/// The Amazon DNS server resolves for those who desire it; others learn what is the VPC's own, and not what was looked up for others.
#[test]
fn without_recursion_only_local_names_are_answered() {
    let mut lab = plan(12).start();
    lab.know(|vpc| {
        vpc.autodefined.insert(support::name("ec2.internal"));
        vpc.names.insert(support::name("ip-10-0-0-5.ec2.internal"), vec![[10, 0, 0, 5].into()]);
    });
    lab.ask("www.example.com", "A");
    let without_recursion = |name: &str| {
        let mut query = support::query(name, "A", None);
        query[2] = 0;
        support::show(&lab.send(&query))
    };
    assert_eq!(without_recursion("www.example.com"), "REFUSED ra\n");
    assert!(without_recursion("ip-10-0-0-5.ec2.internal").contains("10.0.0.5"));
}

/// A client that goes away does not end what others wait for, and equal questions are asked once.
#[test]
fn equal_questions_are_asked_once() {
    let lab = plan(13).start();
    let clients: Vec<_> = (0..50).map(|_| lab.client()).collect();
    for client in &clients {
        client.send(&support::query("www.example.com", "A", None)).expect("a query");
    }
    for client in &clients {
        assert!(support::show(&lab::receive(client)).contains("192.0.2.1"));
    }
    assert_eq!(lab.asked(3).len(), 1);
}

/// Records of one set take turns at being first, as Route 53's resolver lets them.
#[test]
fn records_take_turns() {
    let lab = plan(14).start();
    let first = |answer: Vec<u8>| answer[answer.len() - 11 - 17];
    let query = support::query("www.example.com", "A", Some(1232));
    let seen: std::collections::BTreeSet<u8> = (0..40).map(|_| first(lab.send(&query))).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2]);
}

/// The machine's own resolver is asked only for names that no registry of the simulated internet delegates.
#[test]
fn the_host_is_asked_about_names_that_are_not_delegated() {
    let host = "@ 900 IN SOA ns hostmaster 1 2 3 4 60\nreal.net 300 A 203.0.113.80\nno.example.com 300 A 203.0.113.81\nreal.com 300 A 203.0.113.82\n";
    let mut plan = plan(15).zone(9, ".", host);
    plan.host = vec![9];
    let lab = plan.start();
    assert!(lab.ask("real.net", "A").contains("203.0.113.80"));
    assert!(lab.ask("real.com", "A").contains("203.0.113.82"));
    assert_eq!(lab.ask("no.example.com", "A").lines().next(), Some("NXDOMAIN ra"));
    assert_eq!(lab.ask("unreal.net", "A").lines().next(), Some("NXDOMAIN ra"));
}
