//! Servers that lie, are broken or silent, and clients that mean harm. Each test quotes what it tests.

#[path = "support/lab.rs"]
mod lab;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use enishi_dns::Entropy;
use lab::{Plan, ROOT, asked_name, forge};

const AA: u16 = 0x0400;
const ROOT_ZONE: &str = "
@ 900 IN SOA ns hostmaster 1 2 3 4 300
@ 86400 NS a.root-servers.test.
evil.com 86400 NS ns.evil.com.
ns.evil.com 86400 A NET.6
bank.com 86400 NS ns.bank.com.
ns.bank.com 86400 A NET.7
two.com 86400 NS ns1.two.com.
two.com 86400 NS ns2.two.com.
ns1.two.com 86400 A NET.6
ns2.two.com 86400 A NET.7
";
const BANK: &str =
    "@ 900 IN SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns\nns 300 A NET.7\nwww 300 A 192.0.2.7\n";
const TWO: &str = "@ 900 IN SOA ns hostmaster 1 2 3 4 60\n@ 300 NS ns1\n@ 300 NS ns2\nwww 300 A 192.0.2.2\n";

fn plan(number: u8) -> Plan {
    Plan::new([83, number]).zone(ROOT, ".", ROOT_ZONE).zone(7, "bank.com", BANK).zone(7, "two.com", TWO)
}

/// RFC 5452, section 6: "Care must be taken to only accept data if it is known that the originator is authoritative for the QNAME or a
/// parent of the QNAME."
#[test]
fn nobody_is_believed_about_others() {
    let lab = plan(1)
        .script(6, |query| {
            let poison = [
                ("www.bank.com", "A", 86_400, "203.0.113.66"),
                ("bank.com", "NS", 86_400, "ns.evil.com."),
                ("ns.bank.com", "A", 86_400, "203.0.113.66"),
            ];
            let name = asked_name(query);
            let answer = match name.as_str() {
                "alias.evil.com." => vec![("alias.evil.com", "CNAME", 300, "www.bank.com."), poison[0]],
                _ => vec![("www.evil.com", "A", 300, "192.0.2.6"), poison[0]],
            };
            vec![forge(query, AA, [&answer, &poison[1..2], &poison])]
        })
        .start();
    assert_eq!(lab.ask("www.evil.com", "A"), "NOERROR ra\nanswer www.evil.com. 300 A 192.0.2.6\n");
    let alias = lab.ask("alias.evil.com", "A");
    assert!(
        alias.contains("answer www.bank.com. 300 A 192.0.2.7") && !alias.contains("203.0.113"),
        "{alias}"
    );
    assert_eq!(lab.ask("www.bank.com", "A"), "NOERROR ra\nanswer www.bank.com. 300 A 192.0.2.7\n");
    assert_eq!(
        lab.ask("ns.bank.com", "A"),
        format!("NOERROR ra\nanswer ns.bank.com. 300 A {}\n", lab.address(7))
    );
}

/// RFC 1034, section 5.3.3: a delegation that is not "better" than the one that is followed leads nowhere.
#[test]
fn delegations_lead_downwards_only() {
    let lab = plan(2)
        .script(6, |query| {
            let up = [("com", "NS", 300, "ns.evil.com."), ("evil.com", "NS", 300, "ns.evil.com.")];
            vec![forge(query, 0, [&[], &up, &[("ns.evil.com", "A", 300, "203.0.113.66")]])]
        })
        .start();
    assert_eq!(lab.ask("www.evil.com", "A"), "SERVFAIL ra\n");
    assert_eq!(lab.ask("www.bank.com", "A"), "NOERROR ra\nanswer www.bank.com. 300 A 192.0.2.7\n");
    // RFC 2308, section 5, and RFC 5452: an SOA of somebody else's zone says nothing either.
    assert!(lab.asked(ROOT).len() <= 4);
}

/// RFC 5452, section 9.1: a resolver "MUST match responses to all of the following attributes of the query", among them query ID, query
/// name, query class and type.
#[test]
fn answers_to_other_questions_are_passed_over() {
    let lab = plan(3)
        .script(6, |query| {
            let lie = [("www.evil.com", "A", 300, "203.0.113.66")];
            let mut other_id = forge(query, AA, [&lie, &[], &[]]);
            other_id[0] ^= 0xff;
            let mut other_name = forge(query, AA, [&lie, &[], &[]]);
            other_name[13] = b'x';
            let mut other_type = forge(query, AA, [&lie, &[], &[]]);
            let end = 12 + asked_name(query).len() + 1;
            other_type[end + 1] = 28;
            let truth = forge(query, AA, [&[("www.evil.com", "A", 300, "192.0.2.6")], &[], &[]]);
            vec![other_id, other_name, other_type, truth]
        })
        .start();
    assert_eq!(lab.ask("www.evil.com", "A"), "NOERROR ra\nanswer www.evil.com. 300 A 192.0.2.6\n");
}

/// RFC 1034, section 5.3.3, step 4d: "if the response shows a servers failure or other bizarre contents, delete the server from the
/// SLIST and go back to step 3."
#[test]
fn broken_servers_are_passed_over() {
    type Broken = fn(&[u8]) -> Vec<u8>;
    let broken: [(u8, Broken); 7] = [
        (10, |_| vec![]),
        (11, |query| query.to_vec()),
        (12, |query| forge(query, 5, [&[], &[], &[]])),
        (13, |query| forge(query, 2, [&[], &[], &[]])),
        (14, |query| {
            let mut answer = forge(query, AA, [&[("www.two.com", "A", 300, "192.0.2.66")], &[], &[]]);
            answer.truncate(answer.len() - 3);
            answer
        }),
        (15, |query| {
            // Pointers in circles.
            let mut answer = forge(query, AA, [&[("www.two.com", "A", 300, "192.0.2.66")], &[], &[]]);
            let owner = answer.len() - 14 - 13;
            answer[owner] = 0xc0;
            answer[owner + 1] = owner as u8;
            answer
        }),
        (16, |query| forge(query, 0, [&[], &[], &[]])),
    ];
    for (number, answer) in broken {
        let lab = plan(number).script(6, move |query| vec![answer(query)]).start();
        for name in ["www.two.com", "a.two.com", "b.two.com"] {
            let answer = lab.ask(name, "A");
            let expected =
                if name == "www.two.com" { "answer www.two.com. 300 A 192.0.2.2" } else { "NXDOMAIN ra" };
            assert!(answer.contains(expected), "{number} {name}: {answer}");
        }
    }
}

/// RFC 5452 by way of letters: a server that does not keep them is asked by stream, and one that has none is useless.
#[test]
fn letters_that_change_are_no_answer() {
    let lab = plan(20)
        .script(6, |query| {
            let mut answer = forge(query, AA, [&[("www.evil.com", "A", 300, "192.0.2.6")], &[], &[]]);
            let name = 12..12 + asked_name(query).len() + 1;
            answer[name].make_ascii_uppercase();
            vec![answer]
        })
        .start();
    assert_eq!(lab.ask("www.evil.com", "A"), "SERVFAIL ra\n");
}

/// RFC 8767, section 5: "the recommended value is 1.8 seconds" for the client response timer; here it is as short as can be, and the
/// server silent.
#[test]
fn a_client_does_not_wait_when_there_is_something_stale() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut plan = plan(21).script(6, move |query| {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            return Vec::new();
        }
        vec![forge(query, AA, [&[("www.evil.com", "A", 300, "192.0.2.6")], &[], &[]])]
    });
    plan.limits.stale_after = Duration::from_millis(1);
    let lab = plan.start();
    lab.ask("www.evil.com", "A");
    lab.clock.advance(300);
    assert_eq!(lab.ask("www.evil.com", "A"), "NOERROR ra\nanswer www.evil.com. 30 A 192.0.2.6\n");
}

/// RFC 8767, section 5: the failure recheck timer bounds how often servers that failed are asked again while there is something stale;
/// thirty seconds. RFC 9520: a failure is kept, too, when there is nothing.
#[test]
fn servers_that_fail_are_left_alone_for_a_while() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let lab = plan(26)
        .script(6, move |query| {
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let record = [("www.evil.com", "A", 300, "192.0.2.6")];
            vec![if is_first {
                forge(query, AA, [&record, &[], &[]])
            } else {
                forge(query, 2, [&[], &[], &[]])
            }]
        })
        .start();
    let attempts = |name: &str, expected: &str| {
        let before = asked.load(Ordering::SeqCst);
        let answer = lab.ask(name, "A");
        assert!(answer.starts_with(expected), "{answer}");
        asked.load(Ordering::SeqCst) - before
    };
    let stale = "NOERROR ra\nanswer www.evil.com. 30 A 192.0.2.6";
    assert_eq!(attempts("www.evil.com", "NOERROR"), 1);
    lab.clock.advance(300);
    assert!(attempts("www.evil.com", stale) > 0);
    lab.clock.advance(29);
    assert_eq!(attempts("www.evil.com", stale), 0);
    lab.clock.advance(1);
    assert!(attempts("www.evil.com", stale) > 0);
    assert!(attempts("other.evil.com", "SERVFAIL") > 0);
    lab.clock.advance(4);
    assert_eq!(attempts("other.evil.com", "SERVFAIL"), 0);
    lab.clock.advance(1);
    assert!(attempts("other.evil.com", "SERVFAIL") > 0);
}

/// A TTL is 32 bits (RFC 8767, section 4), and a cap bounds it; RFC 2181, section 5.2: of differing TTLs the least counts.
#[test]
fn times_to_live_are_bounded() {
    let lab = plan(22)
        .script(6, |query| {
            let records = match asked_name(query).as_str() {
                "long.evil.com." => vec![("long.evil.com", "A", u32::MAX, "192.0.2.6")],
                "mixed.evil.com." => {
                    vec![("mixed.evil.com", "A", 300, "192.0.2.6"), ("mixed.evil.com", "A", 60, "192.0.2.7")]
                }
                _ => vec![("zero.evil.com", "A", 0, "192.0.2.6")],
            };
            vec![forge(query, AA, [&records, &[], &[]])]
        })
        .start();
    assert!(lab.ask("long.evil.com", "A").contains("long.evil.com. 86400 A"));
    assert_eq!(lab.ask("mixed.evil.com", "A").matches(" 60 A ").count(), 2);
    assert!(lab.ask("zero.evil.com", "A").contains("zero.evil.com. 0 A 192.0.2.6"));
}

fn header(answer: &[u8]) -> (usize, u8) {
    (answer.len(), answer[3] & 15)
}

/// RFC 8482, section 4.2: a query for everything gets little; transfers and other classes get nothing at all.
#[test]
fn nothing_is_worth_asking_in_another_name() {
    let lab = plan(23).start();
    assert_eq!(
        lab.ask("www.bank.com", "ANY"),
        "NOERROR ra\nanswer www.bank.com. 3600 HINFO \"RFC8482\" \"\"\n"
    );
    for (record_type, rcode) in
        [("AXFR", "REFUSED"), ("IXFR", "REFUSED"), ("MAILA", "NOTIMP"), ("TYPE41", "FORMERR")]
    {
        assert_eq!(lab.ask("bank.com", record_type), format!("{rcode} ra\n"));
    }
    let mut chaos = support::query("version.bind", "TXT", None);
    let end = chaos.len();
    chaos[end - 1] = 3;
    assert_eq!(support::show(&lab.send(&chaos)), "REFUSED ra\n");
    let mut version = support::query("www.bank.com", "A", Some(1232));
    let end = version.len();
    version[end - 5] = 1;
    assert_eq!(support::show(&lab.send(&version)), "BADVERS ra\n");
    let mut update = support::query("www.bank.com", "A", None);
    update[2] = 5 << 3;
    assert_eq!(header(&lab.send(&update)), (12, 4));
    assert!(lab.asked(ROOT).is_empty());
}

/// What is malformed never gets more bytes than it has, answers are never answered, and whatever comes back is a DNS message.
#[test]
fn nonsense_gains_nothing() {
    let lab = plan(24).start();
    let client = lab.client();
    let mut entropy = Entropy::seeded(5);
    let good = support::query("www.bank.com", "A", Some(1232));
    for round in 0..2_000u32 {
        let mut packet = good.clone();
        for _ in 0..=entropy.below(3) {
            let at = entropy.below(packet.len() as u32) as usize;
            match entropy.below(3) {
                0 => packet.truncate(at.max(1)),
                1 => packet[at] = entropy.below(256) as u8,
                _ => packet.insert(at, entropy.below(256) as u8),
            }
        }
        let marker = (round as u16 | 0x8000).to_be_bytes();
        let same_name = packet.get(12..30) == good.get(12..30);
        if let Some(id) = packet.get_mut(..2).filter(|_| same_name) {
            id.copy_from_slice(&[0, 0]);
            client.send(&packet).expect("a packet");
        }
        let mut query = good.clone();
        query[..2].copy_from_slice(&marker);
        client.send(&query).expect("a query");
        // Whatever the packet got comes before the answer to the query, or not at all.
        loop {
            let answer = lab::receive(&client);
            if answer[..2] == marker {
                assert!(support::show(&answer).contains("192.0.2.7"));
                break;
            }
            assert!(answer.len() <= packet.len().max(12) || answer.len() > 12, "{packet:02x?}");
            if answer.len() == 12 {
                assert!(packet.len() >= 12, "{packet:02x?}");
            } else {
                support::show(&answer);
            }
        }
    }
}

/// However many queries one VPC's clients have waiting, there is a bound; those beyond it are not heard, and others go on.
#[test]
fn waiting_is_bounded() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let mut plan = plan(27).script(6, move |query| {
        let name = asked_name(query);
        // The first question is answered when the test says so.
        if name == "slow.evil.com." {
            let _ = released.lock().expect("the gate").recv();
        }
        vec![forge(query, AA, [&[(name.as_str(), "A", 300, "192.0.2.6")], &[], &[]])]
    });
    plan.limits.waiting = 3;
    plan.limits.first_timeout = Duration::from_secs(10);
    plan.limits.longest_timeout = Duration::from_secs(10);
    let lab = plan.start();
    lab.ask("www.bank.com", "A");
    let client = lab.client();
    for id in 0..10u8 {
        let mut query = support::query("slow.evil.com", "A", None);
        query[1] = id;
        client.send(&query).expect("a query");
    }
    // What is cached is answered all the same, after all of those were read.
    assert!(lab.ask("www.bank.com", "A").contains("192.0.2.7"));
    release.send(()).expect("the gate");
    let mut answered: Vec<u8> = (0..3).map(|_| lab::receive(&client)[1]).collect();
    answered.sort_unstable();
    assert_eq!(answered, [0, 1, 2]);
    client.send(&support::query("www.bank.com", "A", None)).expect("a query");
    assert!(support::show(&lab::receive(&client)).contains("192.0.2.7"), "no fourth answer");
}

/// What was asked before everything was forgotten answers those who asked, and is not kept.
#[test]
fn what_was_under_way_is_forgotten_too() {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let old = std::sync::atomic::AtomicBool::new(true);
    let (asked, was_asked) = std::sync::mpsc::channel::<()>();
    let mut plan = plan(28).script(6, move |query| {
        let is_old = old.swap(false, Ordering::SeqCst);
        if is_old {
            asked.send(()).expect("the test");
            let _ = released.lock().expect("the gate").recv();
        }
        let address = if is_old { "192.0.2.1" } else { "192.0.2.2" };
        vec![forge(query, AA, [&[("www.evil.com", "A", 300, address)], &[], &[]])]
    });
    plan.limits.first_timeout = Duration::from_secs(10);
    plan.limits.longest_timeout = Duration::from_secs(10);
    let lab = plan.start();
    let early = lab.client();
    early.send(&support::query("www.evil.com", "A", None)).expect("a query");
    was_asked.recv().expect("a question");
    lab.resolvers.flush();
    release.send(()).expect("the gate");
    assert!(support::show(&lab::receive(&early)).contains("192.0.2.1"));
    assert!(lab.ask("www.evil.com", "A").contains("192.0.2.2"));
}
