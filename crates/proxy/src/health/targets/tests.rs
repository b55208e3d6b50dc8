use std::collections::BTreeMap;

use enishi_fabric::balancer::{
    Algorithm, Attributes, Matcher, TargetProtocol, TargetVersion, UnhealthyConnections,
};

use super::*;
use crate::health::{Failure, Protocol, Status};

const SECOND: Duration = Duration::from_secs(1);

/// Every 10 seconds, at most 5; 3 successes, 2 failures.
fn check() -> HealthCheck {
    HealthCheck {
        protocol: HealthProtocol::Http,
        port: HealthPort::Traffic,
        path: "/health".into(),
        interval_seconds: 10,
        timeout_seconds: 5,
        healthy_threshold: 3,
        unhealthy_threshold: 2,
        matcher: Matcher::Http(vec![200..=200]),
        user_agent: "ELB-HealthChecker/2.0".into(),
    }
}

fn target(id: &str, address: [u8; 4], zone: &str) -> Target {
    Target {
        id: id.into(),
        address: address.into(),
        port: 80,
        zone: Some(zone.into()),
        health: Health::Initial,
        since: 1,
        slow_start_until: None,
    }
}

fn group(check: HealthCheck, targets: Vec<Target>) -> TargetGroup {
    TargetGroup {
        arn: "tg".into(),
        id: "targetgroup/tg/1".into(),
        protocol: TargetProtocol::Http,
        version: TargetVersion::Http1,
        algorithm: Algorithm::RoundRobin,
        stickiness: None,
        cross_zone: true,
        deregistration_delay_seconds: 300,
        preserve_client_ip: false,
        terminate_on_deregistration: false,
        unhealthy_connections: UnhealthyConnections::Keep,
        proxy_protocol: None,
        health_check: Arc::new(check),
        targets,
    }
}

fn balancer(kind: Kind, group: TargetGroup) -> Balancer {
    let node = |zone: &str, last| {
        let address = Ipv4Addr::new(10, 0, last, 7);
        (NamespaceName::new(&format!("eni-{zone}")), Node { zone: zone.into(), address, public: None })
    };
    Balancer {
        arn: "lb".into(),
        id: "app/lb/1".into(),
        account: "000000000000".into(),
        region: "us-east-1".into(),
        vpc: "vpc-1".into(),
        dns_name: "lb-1.us-east-1.elb.amazonaws.com".into(),
        kind,
        nodes: [node("a", 1), node("b", 2)].into(),
        listeners: BTreeMap::new(),
        target_groups: [("tg".into(), Arc::new(group))].into(),
        attributes: Arc::new(Attributes::default()),
    }
}

/// A panel whose clock the test moves; probes are answered at once.
struct Bench {
    targets: Targets,
    start: Instant,
    now: Instant,
    probes: Vec<(Duration, Job)>,
}

impl Bench {
    fn new(balancer: Balancer) -> Self {
        let now = Instant::now();
        let mut bench = Bench { targets: Targets::default(), start: now, now, probes: Vec::new() };
        // The daemon has run for a while.
        bench.targets.follow(&BTreeMap::new(), now);
        bench.follow(balancer);
        bench
    }

    fn follow(&mut self, balancer: Balancer) {
        self.targets.follow(&[(balancer.arn.clone(), Arc::new(balancer))].into(), self.now);
    }

    fn run(&mut self, until: Duration, answer: impl Fn(&Job) -> Option<Outcome>) -> Vec<(String, Verdict)> {
        let end = self.start + until;
        while let Some(next) = self.targets.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            let job = self.targets.take(self.now).expect("something is due");
            let outcome = answer(&job);
            self.probes.push((self.now - self.start, job.clone()));
            self.targets.report(&job, outcome.as_ref(), self.now);
        }
        self.now = end;
        let changes = self.targets.changes().into_iter();
        changes.map(|(id, verdict)| (id.target.to_string(), verdict)).collect()
    }
}

fn well(_: &Job) -> Option<Outcome> {
    Some(Outcome::Answered(Status(200)))
}

fn refused(_: &Job) -> Option<Outcome> {
    Some(Outcome::Failed(Failure::Refused))
}

fn code(code: u16) -> impl Fn(&Job) -> Option<Outcome> {
    move |_| Some(Outcome::Failed(Failure::WrongStatus(Status(code))))
}

fn codes(codes: &[u16]) -> Verdict {
    Verdict::Unhealthy(Reason::Codes(codes.iter().copied().collect()))
}

fn one(health: Health, since: i64) -> Balancer {
    let target = Target { health, since, ..target("i-1", [10, 0, 1, 10], "a") };
    balancer(Kind::Application, group(check(), vec![target]))
}

fn said(verdict: Verdict) -> Vec<(String, Verdict)> {
    vec![("i-1".to_owned(), verdict)]
}

/// "After your target is registered, it must pass one health check to be considered healthy."
#[test]
fn the_first_success_makes_a_new_target_healthy_and_the_thresholds_count_afterwards() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    assert_eq!(bench.run(SECOND, refused), [], "one failure says nothing yet");
    assert_eq!(bench.run(SECOND * 11, well), said(Verdict::Healthy));
    assert_eq!(bench.run(SECOND * 21, refused), []);
    assert_eq!(bench.run(SECOND * 31, well), [], "not in a row");
    assert_eq!(bench.run(SECOND * 41, refused), []);
    assert_eq!(bench.run(SECOND * 51, refused), said(Verdict::Unhealthy(Reason::Failed)));
    assert_eq!(bench.run(SECOND * 71, well), []);
    assert_eq!(bench.run(SECOND * 81, well), said(Verdict::Healthy));
}

/// [Health check configuration](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-healthchecks.html#health-check-configuration):
/// the healthy threshold is every instance's.
#[test]
fn a_new_instance_of_a_classic_load_balancer_passes_as_many_checks_as_any_other() {
    let target = target("i-1", [10, 0, 1, 10], "a");
    let mut bench = Bench::new(balancer(Kind::Classic, group(check(), vec![target])));
    assert_eq!(bench.run(SECOND, well), [], "the first says nothing yet");
    assert_eq!(bench.run(SECOND * 11, refused), []);
    assert_eq!(bench.run(SECOND * 31, well), [], "three in a row");
    assert_eq!(bench.run(SECOND * 41, well), said(Verdict::Healthy));
}

#[test]
fn a_new_target_that_fails_is_unhealthy_after_as_many_failures_as_the_threshold_says() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    assert_eq!(bench.run(SECOND * 11, code(503)), said(codes(&[503])));
    // From then on it takes as many successes as for any other.
    assert_eq!(bench.run(SECOND * 31, well), []);
    assert_eq!(bench.run(SECOND * 41, well), said(Verdict::Healthy));
}

/// "Each health check request is independent": from the beginning of one to the beginning of the next.
#[test]
fn the_interval_does_not_depend_on_how_long_an_answer_takes() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    let first = bench.targets.take(bench.start).expect("at once");
    assert!(bench.targets.take(bench.start + SECOND * 100).is_none(), "it is on its way");
    bench.targets.report(&first, well(&first).as_ref(), bench.start + SECOND * 4);
    assert_eq!(bench.targets.next(), Some(bench.start + SECOND * 10));
    let second = bench.targets.take(bench.start + SECOND * 10).expect("due");
    // One that outlasts the interval is followed at once.
    bench.targets.report(&second, well(&second).as_ref(), bench.start + SECOND * 25);
    assert_eq!(bench.targets.next(), Some(bench.start + SECOND * 25));
}

#[test]
fn reasons_are_worded_as_aws_words_them() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    let timeout = |_: &Job| Some(Outcome::Failed(Failure::StatusTimeout));
    assert_eq!(bench.run(SECOND * 15, code(503)), said(codes(&[503])));
    assert_eq!(bench.run(SECOND * 25, code(404)), said(codes(&[404, 503])));
    assert_eq!(bench.run(SECOND * 55, code(404)), [], "what is known is not repeated");
    assert_eq!(bench.run(SECOND * 65, timeout), said(Verdict::Unhealthy(Reason::Timeout)));
    assert_eq!(bench.run(SECOND * 75, refused), said(Verdict::Unhealthy(Reason::Failed)));
    for (reason, text) in [
        (Reason::Codes([404, 503].into()), "Health checks failed with these codes: [404, 503]"),
        (Reason::Timeout, "Request timed out"),
        (Reason::Failed, "Health checks failed"),
    ] {
        assert_eq!(reason.to_string(), text);
    }
}

/// "Target.Timeout: Applies only to Application Load Balancers".
#[test]
fn network_load_balancers_do_not_say_what_failed() {
    let target = target("i-1", [10, 0, 1, 10], "a");
    let mut bench = Bench::new(balancer(Kind::Network, group(check(), vec![target])));
    assert_eq!(bench.run(SECOND * 11, code(503)), said(Verdict::Unhealthy(Reason::Failed)));
}

#[test]
fn the_node_in_the_targets_zone_asks_or_else_the_first() {
    let targets = vec![
        target("i-1", [10, 0, 2, 10], "b"),
        target("i-2", [10, 0, 3, 10], "c"),
        Target { zone: None, ..target("10.9.9.9", [10, 9, 9, 9], "") },
    ];
    let check = HealthCheck { port: HealthPort::Port(8080), ..check() };
    let mut bench = Bench::new(balancer(Kind::Application, group(check, targets)));
    bench.run(SECOND, well);
    let probes: BTreeMap<&str, &Job> = bench.probes.iter().map(|(_, job)| (&*job.id.target, job)).collect();
    let from = |id: &str| (probes[id].node.to_string(), probes[id].source.to_string());
    assert_eq!(from("i-1"), ("eni-b".to_owned(), "10.0.2.7".to_owned()));
    assert_eq!(from("i-2"), ("eni-a".to_owned(), "10.0.1.7".to_owned()));
    assert_eq!(from("10.9.9.9"), ("eni-a".to_owned(), "10.0.1.7".to_owned()));
    assert_eq!(probes["i-1"].to, "10.0.2.10:8080".parse().expect("an address"));
    let Protocol::Http(http) = &probes["i-1"].spec.protocol else { panic!("{:?}", probes["i-1"]) };
    assert_eq!((http.host.as_str(), http.path.as_str()), ("10.0.2.10:8080", "/health"));
    assert_eq!(probes["i-1"].spec.timeouts.connect(), SECOND * 5);
}

#[test]
fn a_target_with_several_addresses_is_asked_at_each_in_turn() {
    let places = vec![target("alb", [10, 0, 1, 20], "a"), target("alb", [10, 0, 2, 20], "b")];
    let mut bench = Bench::new(balancer(Kind::Network, group(check(), places)));
    bench.run(SECOND * 35, well);
    let asked: Vec<u8> = bench.probes.iter().map(|(_, job)| job.to.ip().octets()[2]).collect();
    assert_eq!(asked, [1, 2, 1, 2]);
    let Protocol::Http(http) = &bench.probes[0].1.spec.protocol else { panic!("{:?}", bench.probes) };
    assert_eq!(http.host, "10.0.1.7:80", "a Network Load Balancer names itself");
}

#[test]
fn what_was_known_before_a_restart_stays_so_until_enough_results_say_otherwise() {
    let now = Instant::now();
    let mut bench = Bench { targets: Targets::default(), start: now, now, probes: Vec::new() };
    bench.follow(one(Health::Healthy, 1));
    assert!(bench.targets.next().expect("due") <= now + SECOND * 10);
    assert_eq!(bench.run(SECOND * 10, refused), []);
    assert_eq!(bench.run(SECOND * 20, refused), said(Verdict::Unhealthy(Reason::Failed)));

    let mut bench = Bench { targets: Targets::default(), start: now, now, probes: Vec::new() };
    bench.follow(one(Health::Unhealthy, 1));
    assert_eq!(bench.run(SECOND * 20, well), []);
    assert_eq!(bench.run(SECOND * 30, well), said(Verdict::Healthy));
}

#[test]
fn many_targets_that_go_on_are_spread_over_the_interval() {
    let targets =
        (0..100).map(|n| Target { health: Health::Healthy, ..target(&format!("i-{n}"), [10, 0, 1, n], "a") });
    let now = Instant::now();
    let mut bench = Bench { targets: Targets::default(), start: now, now, probes: Vec::new() };
    bench.follow(balancer(Kind::Application, group(check(), targets.collect())));
    bench.run(SECOND * 10, well);
    let within = |from: u32| {
        bench.probes.iter().filter(|(at, _)| *at >= SECOND * from && *at < SECOND * (from + 1)).count()
    };
    assert!(
        (0..10).all(|second| (8..=12).contains(&within(second))),
        "{:?}",
        (0..10).map(within).collect::<Vec<_>>()
    );
}

#[test]
fn who_turns_up_later_is_new_whatever_is_said() {
    let mut bench = Bench::new(one(Health::Healthy, 1));
    assert_eq!(bench.run(Duration::ZERO, refused), said(Verdict::Initial));
    assert_eq!(bench.run(SECOND * 10, well), said(Verdict::Healthy));
    assert_eq!(bench.targets.due.len(), 1);
}

#[test]
fn verdicts_that_come_back_change_nothing_and_a_new_registration_begins_anew() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    assert_eq!(bench.run(SECOND, well), said(Verdict::Healthy));
    // Something else changed before the verdict was written down.
    bench.follow(one(Health::Initial, 1));
    bench.follow(one(Health::Healthy, 2));
    assert_eq!(bench.run(SECOND * 5, well), []);
    // Deregistered and registered again.
    bench.follow(one(Health::Draining, 3));
    assert_eq!((bench.targets.next(), bench.targets.entries.len()), (None, 0));
    bench.follow(one(Health::Initial, 4));
    assert_eq!(bench.run(SECOND * 6, well), said(Verdict::Healthy));
    // The same between two looks.
    bench.follow(one(Health::Healthy, 5));
    bench.follow(one(Health::Initial, 6));
    assert_eq!(bench.run(SECOND * 7, well), said(Verdict::Healthy));
    assert_eq!(bench.targets.due.len(), 1);
}

#[test]
fn results_of_who_is_gone_are_dropped() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    let job = bench.targets.take(bench.now).expect("due");
    bench.follow(one(Health::Initial, 2));
    bench.targets.report(&job, refused(&job).as_ref(), bench.now);
    assert_eq!(bench.targets.due.len(), 1, "due once, for the new registration");
    bench.targets.follow(&BTreeMap::new(), bench.now);
    bench.targets.report(&job, refused(&job).as_ref(), bench.now);
    assert_eq!((bench.targets.due.len(), bench.targets.entries.len()), (0, 0));
}

/// Without a node to ask from nothing is learnt, and it is tried again soon.
#[test]
fn a_probe_that_could_not_be_made_says_nothing() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    let job = bench.targets.take(bench.now).expect("due");
    bench.targets.report(&job, None, bench.now);
    assert_eq!(bench.targets.next(), Some(bench.now + RETRY));
    assert_eq!(bench.run(SECOND * 3, |_| None), []);
}

#[test]
fn another_interval_counts_from_now() {
    let mut bench = Bench::new(one(Health::Initial, 1));
    bench.run(Duration::ZERO, well);
    let target = Target { health: Health::Healthy, since: 2, ..target("i-1", [10, 0, 1, 10], "a") };
    let check = HealthCheck { interval_seconds: 5, ..check() };
    bench.follow(balancer(Kind::Application, group(check, vec![target])));
    assert_eq!(bench.targets.next(), Some(bench.start + SECOND * 5));
    assert_eq!(bench.targets.due.len(), 1);
}
