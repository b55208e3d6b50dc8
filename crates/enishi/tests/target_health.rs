//! Nodes of load balancers probe their targets, names follow what they find, and the user's own programs reach load balancers
//! through the endpoint.

mod harness;

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::Command;
use std::time::Instant;

use harness::lab::{Network, Running};
use harness::{Daemon, all, first, until};

/// A web server that answers everybody with a status and its name.
fn server(status: &str, name: &str) -> String {
    format!(
        "use IO::Socket::INET; $| = 1; $SIG{{PIPE}} = 'IGNORE'; \
         my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n$$\\n\"; \
         while (my $c = $s->accept) {{ while (<$c>) {{ last if /^\\r?$/ }} \
         print $c \"HTTP/1.1 {status}\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\n{name}\"; close $c }}"
    )
}

/// Two zones with an instance in each, and a group that admits everybody to port 80.
struct Site {
    daemon: Daemon,
    vpc: String,
    group: String,
    subnets: [String; 2],
    instances: [String; 2],
}

impl Site {
    fn new() -> Self {
        let daemon = Daemon::start_with(&["--delegate", "all"]);
        let network = Network::new(&daemon);
        network.open_to_internet(&daemon);
        let Network { vpc, group, .. } = network;
        let subnet = |block: &str, zone: &str| {
            let form = format!(
                "Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.{block}.0/24&AvailabilityZone=us-east-1{zone}"
            );
            first(&daemon.call(&form), "subnetId")
        };
        let subnets = [subnet("2", "a"), subnet("3", "b")];
        daemon.call(&format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80\
             &IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
        ));
        let instances = subnets.clone().map(|subnet| {
            let network = Network { vpc: vpc.clone(), subnet, group: group.clone() };
            network.instance(&daemon, "web", "").0
        });
        daemon.settle();
        Site { daemon, vpc, group, subnets, instances }
    }

    fn elb(&self, form: &str) -> String {
        let answer = self.daemon.ec2(&format!("{form}&Version=2015-12-01"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text()
    }

    /// A load balancer in both zones, a Network one unless `more` says otherwise; its ARN and DNS name.
    fn balancer(&self, name: &str, more: &str) -> (String, String) {
        let [a, b] = &self.subnets;
        let kind = if more.contains("Type=") { "" } else { "&Type=network" };
        let xml = self.elb(&format!(
            "Action=CreateLoadBalancer&Name={name}{kind}&Subnets.member.1={a}&Subnets.member.2={b}\
             &SecurityGroups.member.1={}{more}",
            self.group
        ));
        self.daemon.settle();
        (first(&xml, "LoadBalancerArn"), first(&xml, "DNSName"))
    }

    /// A target group of both instances whose health is asked over HTTP every five seconds, behind a listener.
    fn serve_by(&self, name: &str, balancer: &str, protocol: &str) -> String {
        let xml = self.elb(&format!(
            "Action=CreateTargetGroup&Name={name}&Protocol={protocol}&Port=80&VpcId={}&HealthCheckProtocol=HTTP\
             &HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=2&HealthyThresholdCount=2&UnhealthyThresholdCount=2",
            self.vpc
        ));
        let group = first(&xml, "TargetGroupArn");
        let [one, two] = &self.instances;
        self.elb(&format!(
            "Action=RegisterTargets&TargetGroupArn={group}&Targets.member.1.Id={one}&Targets.member.2.Id={two}"
        ));
        self.elb(&format!(
            "Action=CreateListener&LoadBalancerArn={balancer}&Protocol={protocol}&Port=80&DefaultActions.member.1.Type=forward\
             &DefaultActions.member.1.TargetGroupArn={group}"
        ));
        group
    }

    /// Starts a web server in an instance; answers it and its process.
    fn serve(&self, instance: usize, status: &str, name: &str) -> (Running, String) {
        let (running, mut output) = self.daemon.perl(&self.instances[instance], &server(status, name));
        let mut pid = String::new();
        output.read_line(&mut pid).expect("the server says its process");
        (running, pid.trim().to_owned())
    }

    fn kill(&self, instance: usize, pid: &str) {
        self.daemon.shell(&self.instances[instance], &format!("kill -9 {pid}"));
    }

    fn state(&self, group: &str, instance: usize) -> (String, String) {
        let form = format!(
            "Action=DescribeTargetHealth&TargetGroupArn={group}&Targets.member.1.Id={}",
            self.instances[instance]
        );
        let xml = self.elb(&form);
        let reason =
            all(&xml, "Reason").into_iter().find(|reason| !reason.starts_with("AdministrativeOverride"));
        let states = all(&xml, "State").into_iter().find(|state| state != "no_override");
        (states.unwrap_or_default(), reason.unwrap_or_default())
    }

    fn until_state(&self, group: &str, instance: usize, state: &str, reason: &str) {
        until(state, || self.state(group, instance) == (state.to_owned(), reason.to_owned()));
    }

    fn answers(&self, name: &str) -> BTreeSet<String> {
        self.daemon.addresses(name).into_iter().collect()
    }

    /// What the endpoint answers to a request for a host.
    fn through_endpoint(&self, host: &str) -> (u16, String) {
        let answer = self.daemon.send("GET", "/", &[("host", host)], b"");
        (answer.status, answer.text())
    }
}

#[test]
fn names_follow_targets_that_fail_and_recover() {
    let mut site = Site::new();
    let (balancer, name) = site.balancer("web", "");
    let group = site.serve_by("web", &balancer, "TCP");
    let (_one, one_pid) = site.serve(0, "200 OK", "one");
    let (_two, two_pid) = site.serve(1, "200 OK", "two");
    for instance in [0, 1] {
        site.until_state(&group, instance, "healthy", "");
    }
    until("both zones answer", || site.answers(&name).len() == 2);
    let both = site.answers(&name);
    let zonal = site.answers(&format!("us-east-1a.{name}"));
    assert!(zonal.len() == 1 && zonal.is_subset(&both));

    // An alias that leads elsewhere while the load balancer is not well.
    let zone = site.daemon.create_zone("example.com", None).id;
    let alias = format!(
        "<AliasTarget><HostedZoneId>Z26RNL4JYFTOTI</HostedZoneId><DNSName>{name}</DNSName>\
         <EvaluateTargetHealth>true</EvaluateTargetHealth></AliasTarget>"
    );
    let spare = "<TTL>5</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.7</Value></ResourceRecord></ResourceRecords>";
    for (kind, leads) in [("PRIMARY", alias.as_str()), ("SECONDARY", spare)] {
        site.daemon.put_record_set(
            &zone,
            &format!(
                "<Name>www.example.com</Name><Type>A</Type><SetIdentifier>{kind}</SetIdentifier><Failover>{kind}</Failover>\
                 {leads}"
            ),
        );
    }
    assert_eq!(site.answers("www.example.com"), both);

    let (status, text) = site.through_endpoint("web.elb.localhost:4566");
    assert!(status == 200 && (text == "one" || text == "two"), "{status} {text}");
    let (status, text) = site.through_endpoint("web.81.elb.localhost");
    assert!(status == 404 && text.contains("no listener at port 81"), "{status} {text}");
    assert_eq!(site.through_endpoint("nobody.elb.localhost").0, 404);

    site.kill(0, &one_pid);
    let killed = Instant::now();
    site.until_state(&group, 0, "unhealthy", "Target.FailedHealthChecks");
    println!(
        "unhealthy with an interval of 5 s and a threshold of 2 after {:.2} s",
        killed.elapsed().as_secs_f64()
    );
    let other: BTreeSet<String> = both.difference(&zonal).cloned().collect();
    until("the other zone alone answers", || site.answers(&name) == other);
    assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "two".to_owned()));

    site.kill(1, &two_pid);
    site.until_state(&group, 1, "unhealthy", "Target.FailedHealthChecks");
    until("all zones answer when none is healthy", || site.answers(&name) == both);
    until("the secondary answers", || {
        site.answers("www.example.com") == BTreeSet::from(["192.0.2.7".to_owned()])
    });

    // What is known outlives the daemon.
    site.daemon.kill_and_restart();
    assert_eq!(site.state(&group, 0), ("unhealthy".to_owned(), "Target.FailedHealthChecks".to_owned()));
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");
    until("its zone answers", || site.answers(&name) == zonal);
    until("the primary answers again", || site.answers("www.example.com") == zonal);
    let form =
        format!("Action=DeregisterTargets&TargetGroupArn={group}&Targets.member.1.Id={}", site.instances[0]);
    site.elb(&form);
    until("a target that drains counts no more", || site.answers(&name) == both);
}

#[test]
fn internal_load_balancers_answer_private_addresses_and_the_endpoint() {
    let site = Site::new();
    let (balancer, name) = site.balancer("inner", "&Type=application&Scheme=internal");
    let group = site.serve_by("inner", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    let _two = site.serve(1, "503 Busy", "two");
    site.until_state(&group, 0, "healthy", "");
    site.until_state(&group, 1, "unhealthy", "Target.ResponseCodeMismatch");
    // With cross-zone load balancing every node has a healthy target.
    until("both zones answer", || site.answers(&name).len() == 2);
    assert!(site.answers(&name).iter().all(|address| address.starts_with("10.0.")));
    let label = name.split('.').next().expect("a label").to_uppercase();
    assert_eq!(site.through_endpoint(&format!("{label}.80.elb.localhost")), (200, "one".to_owned()));

    let (network, name) = site.balancer("flows", "&Scheme=internal");
    site.serve_by("flows", &network, "TCP");
    until("one zone answers", || site.answers(&name).len() == 1);
    assert!(site.answers(&name).iter().all(|address| address.starts_with("10.0.2.")));
    let (status, text) = site.through_endpoint("flows.elb.localhost");
    assert!(status == 501 && text.contains("keeps its clients' addresses"), "{status} {text}");
}

/// The AWS CLI's answer.
fn aws(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = Command::new("aws")
        .args(arguments)
        .env("AWS_ENDPOINT_URL", format!("http://{}", daemon.connect().peer_addr().expect("an address")))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_DEFAULT_OUTPUT", "text")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("the AWS CLI runs");
    assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// "Elastic Load Balancing publishes a log file for each load balancer node"; a daemon that ends delivers what it has.
#[test]
fn requests_are_logged_into_the_users_bucket() {
    let mut site = Site::new();
    let (balancer, _) = site.balancer("web", "&Type=application");
    let group = site.serve_by("web", &balancer, "HTTP");
    let _one = site.serve(0, "200 OK", "one");
    site.until_state(&group, 0, "healthy", "");

    aws(&site.daemon, &["s3", "mb", "s3://logs"]);
    let enable = format!(
        "Action=ModifyLoadBalancerAttributes&LoadBalancerArn={balancer}&Attributes.member.1.Key=access_logs.s3.enabled\
         &Attributes.member.1.Value=true&Attributes.member.2.Key=access_logs.s3.bucket&Attributes.member.2.Value=logs\
         &Attributes.member.3.Key=access_logs.s3.prefix&Attributes.member.3.Value=web"
    );
    let refused = site.daemon.ec2(&format!("{enable}&Version=2015-12-01"));
    assert!(refused.text().contains("Access Denied for bucket: logs"), "{}", refused.text());
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Resource": "arn:aws:s3:::logs/web/AWSLogs/000000000000/*"}]}"#;
    aws(&site.daemon, &["s3api", "put-bucket-policy", "--bucket", "logs", "--policy", policy]);
    site.elb(&enable);
    assert_eq!(site.through_endpoint("web.elb.localhost"), (200, "one".to_owned()));

    site.daemon.terminate();
    site.daemon.restart();
    let keys =
        aws(&site.daemon, &["s3api", "list-objects-v2", "--bucket", "logs", "--query", "Contents[].Key"]);
    let keys: Vec<&str> = keys.split_whitespace().collect();
    let [key] = keys.as_slice() else { panic!("one node was asked: {keys:?}") };
    let id = balancer.split_once(":loadbalancer/").expect("an ARN").1;
    assert!(key.starts_with("web/AWSLogs/000000000000/elasticloadbalancing/us-east-1/2"), "{key}");
    assert!(
        key.contains(&format!("_us-east-1_{}_", id.replace('/', "."))) && key.ends_with(".log.gz"),
        "{key}"
    );
    let file = site.daemon.data_dir().join("access.log.gz");
    aws(&site.daemon, &["s3", "cp", &format!("s3://logs/{key}"), &file.to_string_lossy()]);
    let log = Command::new("gzip").arg("-dc").arg(&file).output().expect("gzip runs");
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.starts_with("http ") && log.contains(&format!(" {id} 198.18.0.1:")), "{log}");
    assert!(
        log.contains(" 200 200 ") && log.contains("\"GET http://web.elb.localhost:80/ HTTP/1.1\""),
        "{log}"
    );
    assert!(log.contains(&format!(" {group} ")), "{log}");
}
