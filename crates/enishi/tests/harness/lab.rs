//! A network with instances in it, and what they send each other.
//!
//! Instances run the host's files, so what is sent is sent by programs that every Debian has: Bash and the Perl of
//! `perl-base`.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use super::{Daemon, first};

/// A VPC with one subnet and a security group that admits nothing.
#[derive(Debug, Clone)]
pub struct Network {
    pub vpc: String,
    pub subnet: String,
    pub group: String,
}

impl Network {
    pub fn new(daemon: &Daemon) -> Self {
        Self::at(daemon, "10.0")
    }

    /// The same with another block: the first two numbers of its addresses.
    pub fn at(daemon: &Daemon, start: &str) -> Self {
        let vpc = daemon.create_vpc(&format!("{start}.0.0/16"));
        let subnet = daemon.call(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={start}.1.0/24"));
        let group = format!("Action=CreateSecurityGroup&GroupName=lab&GroupDescription=lab&VpcId={vpc}");
        let group = first(&daemon.call(&group), "groupId");
        Network { subnet: first(&subnet, "subnetId"), vpc, group }
    }

    /// An internet gateway, and the route to it.
    pub fn open_to_internet(&self, daemon: &Daemon) {
        let gateway = first(&daemon.call("Action=CreateInternetGateway"), "internetGatewayId");
        let vpc = &self.vpc;
        daemon.call(&format!("Action=AttachInternetGateway&InternetGatewayId={gateway}&VpcId={vpc}"));
        let tables = format!("Action=DescribeRouteTables&Filter.1.Name=vpc-id&Filter.1.Value.1={vpc}");
        let table = first(&daemon.call(&tables), "routeTableId");
        daemon.call(&format!(
            "Action=CreateRoute&RouteTableId={table}&DestinationCidrBlock=0.0.0.0/0&GatewayId={gateway}"
        ));
    }

    /// Starts an instance; answers its id and private address.
    pub fn instance(&self, daemon: &Daemon, name: &str, more: &str) -> (String, String) {
        let xml = daemon.call(&format!(
            "Action=RunInstances&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MinCount=1&MaxCount=1&SubnetId={}\
             &SecurityGroupId.1={}&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name\
             &TagSpecification.1.Tag.1.Value={name}{more}",
            self.subnet, self.group
        ));
        (first(&xml, "instanceId"), first(&xml, "privateIpAddress"))
    }

    /// Changes the group's rules: `action` with everything from the VPC to a port.
    pub fn change(&self, daemon: &Daemon, action: &str, protocol: &str, port: u16) {
        daemon.call(&format!(
            "Action={action}&GroupId={}&IpPermissions.1.IpProtocol={protocol}&IpPermissions.1.FromPort={port}\
             &IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/16",
            self.group
        ));
    }
}

/// A daemon with one such network.
pub struct Lab {
    pub daemon: Daemon,
    pub network: Network,
}

impl Lab {
    pub fn new() -> Self {
        let daemon = Daemon::start();
        let network = Network::new(&daemon);
        Lab { daemon, network }
    }

    /// Starts an instance; answers its id and private address.
    pub fn instance(&self, name: &str) -> (String, String) {
        self.network.instance(&self.daemon, name, "")
    }

    pub fn permit(&self, action: &str, port: u16) {
        self.network.change(&self.daemon, action, "tcp", port);
    }

    /// Whether a TCP connection from the instance is accepted.
    pub fn connects(&self, from: &str, to: &str, port: u16) -> bool {
        self.connects_within("1", from, to, port)
    }

    /// The same with less or more patience, in seconds.
    pub fn connects_within(&self, seconds: &str, from: &str, to: &str, port: u16) -> bool {
        let probe = format!("exec 3<>/dev/tcp/{to}/{port}");
        self.daemon.run(&["exec", from, "--", "timeout", seconds, "bash", "-c", &probe]).status.success()
    }

    /// A server in an instance that sends every line back.
    pub fn echo_server(&self, instance: &str, port: u16) -> Running {
        let script = format!(
            "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(LocalPort => {port}, Listen => 9, ReuseAddr => 1) \
             or die $!; print \"ready\\n\"; while (my $c = $s->accept) {{ next if fork; $c->autoflush(1); \
             while (<$c>) {{ print $c $_ }} exit }}"
        );
        self.daemon.perl(instance, &script).0
    }
}

impl Daemon {
    /// Starts an instance in the default VPC of a region; answers its id.
    pub fn instance_in(&self, region: &str) -> String {
        let credential = format!("Credential=test/20261122/{region}/ec2/aws4_request");
        let authorization =
            format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={}", "0".repeat(64));
        let form = "Action=RunInstances&Version=2016-11-15&ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&MinCount=1\
                    &MaxCount=1";
        let headers = [("authorization", authorization.as_str()), ("x-amz-date", "20261122T000000Z")];
        let answer = self.send("POST", "/", &headers, form.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        first(&answer.text(), "instanceId")
    }

    /// An Elastic IP of an instance: its allocation and address.
    pub fn elastic_ip(&self, instance: &str) -> (String, String) {
        let xml = self.call("Action=AllocateAddress&Domain=vpc");
        let (allocation, address) = (first(&xml, "allocationId"), first(&xml, "publicIp"));
        self.call(&format!("Action=AssociateAddress&AllocationId={allocation}&InstanceId={instance}"));
        (allocation, address)
    }

    /// Runs a Perl program in an instance, which says `ready` first; the rest of what it prints is there to be read.
    pub fn perl(&self, instance: &str, script: &str) -> (Running, BufReader<ChildStdout>) {
        let mut child = self
            .command(&["exec", instance, "--", "perl", "-e", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the program says something");
        assert_eq!(line, "ready\n");
        (Running(child), output)
    }

    /// What a shell script in an instance or a router prints; it must succeed.
    pub fn shell(&self, target: &str, script: &str) -> String {
        let output = self.run(&["exec", target, "--", "sh", "-c", script]);
        assert!(output.status.success(), "{target}: {script}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// A command that ends with the test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
