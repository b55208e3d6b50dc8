//! Load balancers in two zones, with a web server behind them in each.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::process::Command;

use super::lab::{Network, Running};
use super::{Daemon, all, first, until};

/// A web server that answers everybody with a status and its name.
pub fn server(status: &str, name: &str) -> String {
    format!(
        "use IO::Socket::INET; $| = 1; $SIG{{PIPE}} = 'IGNORE'; \
         my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n$$\\n\"; \
         while (my $c = $s->accept) {{ while (<$c>) {{ last if /^\\r?$/ }} \
         print $c \"HTTP/1.1 {status}\\r\\nContent-Length: 3\\r\\nConnection: close\\r\\n\\r\\n{name}\"; close $c }}"
    )
}

/// Two zones with an instance in each, and a group that admits everybody to port 80.
pub struct Site {
    pub daemon: Daemon,
    pub vpc: String,
    pub group: String,
    pub subnets: [String; 2],
    pub instances: [String; 2],
}

impl Site {
    pub fn new() -> Self {
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

    pub fn elb(&self, form: &str) -> String {
        let answer = self.daemon.ec2(&format!("{form}&Version=2015-12-01"));
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        answer.text()
    }

    /// A load balancer in both zones, a Network one unless `more` says otherwise; its ARN and DNS name.
    pub fn balancer(&self, name: &str, more: &str) -> (String, String) {
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
    pub fn serve_by(&self, name: &str, balancer: &str, protocol: &str) -> String {
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
    pub fn serve(&self, instance: usize, status: &str, name: &str) -> (Running, String) {
        let (running, mut output) = self.daemon.perl(&self.instances[instance], &server(status, name));
        let mut pid = String::new();
        output.read_line(&mut pid).expect("the server says its process");
        (running, pid.trim().to_owned())
    }

    pub fn kill(&self, instance: usize, pid: &str) {
        self.daemon.shell(&self.instances[instance], &format!("kill -9 {pid}"));
    }

    pub fn state(&self, group: &str, instance: usize) -> (String, String) {
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

    pub fn until_state(&self, group: &str, instance: usize, state: &str, reason: &str) {
        until(state, || self.state(group, instance) == (state.to_owned(), reason.to_owned()));
        // The row is there before the nodes obey it.
        self.daemon.settle();
    }

    pub fn answers(&self, name: &str) -> BTreeSet<String> {
        self.daemon.addresses(name).into_iter().collect()
    }

    /// What the endpoint answers to a request for a host.
    pub fn through_endpoint(&self, host: &str) -> (u16, String) {
        let answer = self.daemon.send("GET", "/", &[("host", host)], b"");
        (answer.status, answer.text())
    }
}

/// The AWS CLI's answer.
pub fn aws(daemon: &Daemon, arguments: &[&str]) -> String {
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
