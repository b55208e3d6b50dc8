//! A target that is deregistered finishes what it has, for as long as its group's deregistration delay says.

mod harness;

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;

use harness::first;
use harness::site::Site;

/// Answers `/` at once, and `/slow` when it is sent `USR1`; says the process that waits.
const SERVER: &str = "use IO::Socket::INET; $| = 1; $SIG{PIPE} = 'IGNORE'; $SIG{CHLD} = 'IGNORE'; \
    my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n\"; \
    while (1) { my $c = $s->accept or next; next if fork; my $go = 0; $SIG{USR1} = sub { $go = 1 }; \
    my $head = ''; while (<$c>) { $head .= $_; last if /^\\r?$/ } \
    if ($head =~ m{^GET /slow }) { print \"$$\\n\"; select undef, undef, undef, 0.05 until $go } \
    print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\nConnection: close\\r\\n\\r\\ndone\"; exit }";

/// A request that is not answered yet.
fn ask(site: &Site) -> TcpStream {
    let mut stream = site.daemon.connect();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: web.elb.localhost\r\nConnection: close\r\n\r\n")
        .expect("sent");
    stream
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn requests_may_finish_until_the_delay_ends() {
    let site = Site::new();
    let (balancer, _) = site.balancer("web", "&Type=application");
    let group = site.elb(&format!(
        "Action=CreateTargetGroup&Name=web&Protocol=HTTP&Port=80&VpcId={}&HealthCheckIntervalSeconds=5\
         &HealthCheckTimeoutSeconds=2&HealthyThresholdCount=2",
        site.vpc
    ));
    let group = first(&group, "TargetGroupArn");
    let target = |action: &str| {
        site.elb(&format!("Action={action}&TargetGroupArn={group}&Targets.member.1.Id={}", site.instances[0]))
    };
    let delay = |seconds: u32| {
        site.elb(&format!(
            "Action=ModifyTargetGroupAttributes&TargetGroupArn={group}&Attributes.member.1.Key=deregistration_delay.timeout_seconds\
             &Attributes.member.1.Value={seconds}"
        ))
    };
    target("RegisterTargets");
    site.elb(&format!(
        "Action=CreateListener&LoadBalancerArn={balancer}&Protocol=HTTP&Port=80&DefaultActions.member.1.Type=forward\
         &DefaultActions.member.1.TargetGroupArn={group}"
    ));
    let (_server, mut output) = site.daemon.perl(&site.instances[0], SERVER);
    let mut asked = || {
        let mut process = String::new();
        output.read_line(&mut process).expect("it is asked");
        process.trim().to_owned()
    };
    site.until_state(&group, 0, "healthy", "");

    let (waits, process) = (ask(&site), asked());
    target("DeregisterTargets");
    assert_eq!(site.state(&group, 0).0, "draining");
    assert_eq!(site.through_endpoint("web.elb.localhost").0, 503, "new ones go elsewhere");
    // It is there again, and what follows drains for a second only: by then the first was looked at often enough to be cut.
    delay(1);
    target("RegisterTargets");
    site.until_state(&group, 0, "healthy", "");
    let (cut, _) = (ask(&site), asked());
    site.daemon.shell(&site.instances[0], &format!("kill -USR1 {process}"));
    assert!(answer(waits).ends_with("done"));
    target("DeregisterTargets");
    assert!(answer(cut).starts_with("HTTP/1.1 502 "), "its delay is over");
    assert_eq!(site.state(&group, 0), ("unused".to_owned(), "Target.NotRegistered".to_owned()));
}
