//! Decisions about whole requests.

use std::collections::{BTreeMap, HashMap};

use enishi_fabric::balancer::{
    Action, Attributes, Balancer, Condition, DesyncMitigation, FixedResponse, Forward, Listener,
    ListenerAttributes, ListenerProtocol, Pattern, Redirect, Rule, Target, TargetGroup,
};

use super::super::fixture;
use super::super::http1::RequestParser;
use super::super::snapshot::States;
use super::*;

const NOW: i64 = 1_700_000_000_000;

fn arn(group: &str) -> Arc<str> {
    fixture::group(group).arn
}

fn rule(priority: Option<u32>, path: Option<&str>, action: Action) -> Arc<Rule> {
    let conditions =
        path.map(|path| Condition::Path(vec![Pattern::Wildcard(path.into())])).into_iter().collect();
    Arc::new(Rule { arn: "r".into(), priority, conditions, authenticate: None, rewrites: Vec::new(), action })
}

fn forward_to(groups: &[(&str, u16)], stickiness_seconds: Option<u32>) -> Action {
    let groups = groups.iter().map(|(group, weight)| (arn(group), *weight)).collect();
    Action::Forward(Forward { groups, stickiness_seconds })
}

fn balancer(default: Action, groups: Vec<TargetGroup>, attributes: Attributes) -> Balancer {
    let fixed = FixedResponse { status: 418, content_type: None, body: "tea".into() };
    let redirect = Redirect {
        protocol: "HTTPS".into(),
        host: "#{host}".into(),
        port: "443".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 301,
    };
    let rules = vec![
        rule(Some(1), Some("/tea"), Action::Fixed(fixed)),
        rule(Some(2), Some("/safe/*"), Action::Redirect(redirect)),
        rule(None, None, default),
    ];
    let listener = Listener {
        arn: "l".into(),
        port: 80,
        protocol: ListenerProtocol::Http,
        tls: None,
        rules,
        attributes: Arc::new(ListenerAttributes::default()),
    };
    Balancer {
        listeners: BTreeMap::from([(80, Arc::new(listener))]),
        target_groups: groups.into_iter().map(|group| (group.arn.clone(), Arc::new(group))).collect(),
        attributes: Arc::new(attributes),
        ..fixture::balancer()
    }
}

fn group(name: &str, targets: &[u8]) -> TargetGroup {
    TargetGroup { targets: targets.iter().map(|n| fixture::target(*n, 80)).collect(), ..fixture::group(name) }
}

struct Fixture {
    snapshot: Snapshot,
    jar: Jar,
    random: Random,
}

/// What came of a request: a status and no target, or the last byte of the target's address and the cookies that go with its answer.
#[derive(Debug, PartialEq)]
enum Came {
    Status(u16),
    Target(u8, Vec<u8>),
}

impl Fixture {
    fn new(balancer: Balancer) -> Self {
        let snapshot = States::new(1, "us-east-1a".into(), [3; 32]).compile(&Arc::new(balancer));
        Fixture { snapshot, jar: Jar::new(&[3; 32]), random: Random::new(5) }
    }

    fn ask(&mut self, head: &str) -> Came {
        self.ask_setting(head, "")
    }

    /// `sets`: a cookie that the target sets.
    fn ask_setting(&mut self, head: &str, sets: &str) -> Came {
        let bytes = format!("{head}\r\n\r\n").into_bytes();
        let mut parser = RequestParser::default();
        assert_eq!(parser.advance(&bytes), Ok(true), "{head}");
        let request = Request { bytes: &bytes, head: parser.head() };
        let client = "203.0.113.7:4711".parse().expect("an address");
        let arrival = Arrival { request, client, port: 80, is_tls: false, now: NOW };
        let mut scratch = Scratch::default();
        let mut means = Means {
            worker: 0,
            jar: &self.jar,
            random: &mut self.random,
            scratch: &mut scratch,
            signer: None,
        };
        let listener = &self.snapshot.listeners[&80];
        match decide(&self.snapshot, listener, &arrival, &mut means).outcome {
            Outcome::Answer(answer, _) => Came::Status(answer.status),
            Outcome::Login(_) => panic!("no login"),
            Outcome::Forward(route) => {
                let now = u64::try_from(NOW).expect("a time") / 1000;
                let lines = bonds(&route, &self.jar, &mut self.random, now, false, |name| name == sets);
                Came::Target(route.target.address.ip().octets()[3], lines)
            }
        }
    }

    /// How often each target gets one of so many equal requests.
    fn shares(&mut self, head: &str, count: usize) -> HashMap<u8, usize> {
        let mut shares = HashMap::new();
        for _ in 0..count {
            match self.ask(head) {
                Came::Target(target, _) => *shares.entry(target).or_default() += 1,
                Came::Status(status) => panic!("{status}"),
            }
        }
        shares
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a";

/// `Cookie` header from `Set-Cookie` lines.
fn cookies_of(lines: &[u8]) -> String {
    let text = String::from_utf8_lossy(lines).into_owned();
    let pairs: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("Set-Cookie: ")?.split(';').next()).collect();
    format!("\r\nCookie: {}", pairs.join("; "))
}

#[test]
fn rules_answer_and_redirect() {
    let groups = vec![group("a", &[1])];
    let mut fixture = Fixture::new(balancer(forward_to(&[("a", 1)], None), groups, Attributes::default()));
    assert_eq!(fixture.ask("GET /tea HTTP/1.1\r\nHost: a"), Came::Status(418));
    assert_eq!(fixture.ask("GET /safe/x HTTP/1.1\r\nHost: a"), Came::Status(301));
    assert_eq!(fixture.ask(GET), Came::Target(1, Vec::new()));
}

#[test]
fn what_cannot_be_forwarded_is_answered() {
    let attributes = Attributes { desync_mitigation: DesyncMitigation::Strictest, ..Attributes::default() };
    let mut fixture =
        Fixture::new(balancer(forward_to(&[("a", 1)], None), vec![group("a", &[])], attributes));
    assert_eq!(fixture.ask(GET), Came::Status(503));
    assert_eq!(fixture.ask("TRACE / HTTP/1.1\r\nHost: a"), Came::Status(405));
    assert_eq!(fixture.ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0"), Came::Status(400));
    let addresses = |count| format!("{GET}\r\nX-Forwarded-For: {}", vec!["1.1.1.1"; count].join(", "));
    assert_eq!(fixture.ask(&addresses(31)), Came::Status(463));
    assert_eq!(fixture.ask(&addresses(30)), Came::Status(503));
}

/// "severe" is blocked in every mode but the monitor's.
#[test]
fn modes_of_desync_mitigation() {
    let ask = |mode, head: &str| {
        let attributes = Attributes { desync_mitigation: mode, ..Attributes::default() };
        let groups = vec![group("a", &[1])];
        Fixture::new(balancer(forward_to(&[("a", 1)], None), groups, attributes)).ask(head)
    };
    let severe = format!("{GET}\r\na: b\0c");
    let ambiguous = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked";
    let acceptable = "GET /a b HTTP/1.1\r\nHost: a";
    let allowed = Came::Target(1, Vec::new());
    for (mode, expected) in [
        (DesyncMitigation::Monitor, [true, true, true]),
        (DesyncMitigation::Defensive, [false, true, true]),
        (DesyncMitigation::Strictest, [false, false, false]),
    ] {
        for (head, is_allowed) in [severe.as_str(), ambiguous, acceptable].into_iter().zip(expected) {
            assert_eq!(ask(mode, head) == allowed, is_allowed, "{mode:?} {head:?}");
        }
    }
}

#[test]
fn groups_get_their_weights() {
    let groups = || vec![group("a", &[1]), group("b", &[2]), group("c", &[3])];
    let weights = [("a", 1), ("b", 3), ("c", 0)];
    let mut fixture = Fixture::new(balancer(forward_to(&weights, None), groups(), Attributes::default()));
    let shares = fixture.shares(GET, 10_000);
    // Three standard deviations of a binomial distribution.
    assert!(shares[&1].abs_diff(2500) < 130, "{shares:?}");
    assert_eq!(shares.get(&3), None);
    let mut none =
        Fixture::new(balancer(forward_to(&[("a", 0), ("b", 0)], None), groups(), Attributes::default()));
    assert_eq!(none.ask(GET), Came::Status(503));
}

#[test]
fn clients_stay_with_their_group() {
    let groups = vec![group("a", &[1]), group("b", &[2])];
    let action = forward_to(&[("a", 1), ("b", 1)], Some(60));
    let mut fixture = Fixture::new(balancer(action, groups, Attributes::default()));
    let Came::Target(first, lines) = fixture.ask(GET) else { panic!("no target") };
    assert!(lines.starts_with(b"Set-Cookie: AWSALBTG="));
    let again = format!("{GET}{}", cookies_of(&lines));
    assert_eq!(fixture.shares(&again, 50), HashMap::from([(first, 50)]));
    assert_eq!(fixture.shares(GET, 50).len(), 2);
}

fn sticky(stickiness: Stickiness, targets: Vec<Target>) -> Fixture {
    let group = TargetGroup { stickiness: Some(stickiness), targets, ..fixture::group("a") };
    Fixture::new(balancer(forward_to(&[("a", 1)], None), vec![group], Attributes::default()))
}

#[test]
fn clients_stay_with_their_target() {
    let targets = || (1..=4).map(|n| fixture::target(n, 80)).collect::<Vec<_>>();
    let mut fixture = sticky(Stickiness::LbCookie { seconds: Some(60) }, targets());
    let Came::Target(first, lines) = fixture.ask(GET) else { panic!("no target") };
    let again = format!("{GET}{}", cookies_of(&lines));
    assert_eq!(fixture.shares(&again, 20), HashMap::from([(first, 20)]));
    // The double for other origins counts alone.
    let cors = again.replace("AWSALB=", "other=");
    assert_eq!(fixture.shares(&cors, 20), HashMap::from([(first, 20)]));
    // The expiry is set anew with every answer.
    assert!(
        matches!(fixture.ask(&again), Came::Target(_, lines) if lines.starts_with(b"Set-Cookie: AWSALB="))
    );
    // "if it refers to a target that was deregistered or is unhealthy, the load balancer selects a new target"
    let left: Vec<_> = targets().into_iter().filter(|target| target.address.octets()[3] != first).collect();
    let mut changed = sticky(Stickiness::LbCookie { seconds: Some(60) }, left);
    assert_eq!(changed.shares(&again, 30).len(), 3);
}

/// "the load balancer ... inserts a cookie AWSELB", once.
#[test]
fn a_classic_load_balancer_has_a_cookie_of_its_own() {
    let targets = (1..=4).map(|n| fixture::target(n, 80)).collect();
    let stickiness = Some(Stickiness::LbCookie { seconds: None });
    let group = TargetGroup { stickiness, targets, ..fixture::group("a") };
    let balancer = balancer(forward_to(&[("a", 1)], None), vec![group], Attributes::default());
    let mut fixture = Fixture::new(Balancer { kind: Kind::Classic, ..balancer });
    let Came::Target(first, lines) = fixture.ask(GET) else { panic!("no target") };
    assert!(lines.starts_with(b"Set-Cookie: AWSELB="), "{}", String::from_utf8_lossy(&lines));
    let again = format!("{GET}{}", cookies_of(&lines));
    assert_eq!(fixture.shares(&again, 20), HashMap::from([(first, 20)]));
    assert_eq!(fixture.ask(&again), Came::Target(first, Vec::new()));
}

#[test]
fn clients_stay_as_long_as_the_application_wants() {
    let targets = (1..=4).map(|n| fixture::target(n, 80)).collect();
    let mut fixture = sticky(Stickiness::AppCookie { name: "app".into(), seconds: Some(60) }, targets);
    assert!(matches!(fixture.ask(GET), Came::Target(_, lines) if lines.is_empty()));
    let Came::Target(first, lines) = fixture.ask_setting(GET, "app") else { panic!("no target") };
    assert!(lines.starts_with(b"Set-Cookie: AWSALBAPP-0="));
    let both = format!("{GET}{}; app=x", cookies_of(&lines));
    assert_eq!(fixture.shares(&both, 20), HashMap::from([(first, 20)]));
    let alone = format!("{GET}{}", cookies_of(&lines));
    assert_eq!(fixture.shares(&alone, 20).len(), 4);
}

#[test]
fn versions_have_to_fit() {
    let group = TargetGroup { version: TargetVersion::Grpc, ..group("a", &[1]) };
    let mut fixture =
        Fixture::new(balancer(forward_to(&[("a", 1)], None), vec![group], Attributes::default()));
    assert_eq!(fixture.ask(GET), Came::Status(464));
}
