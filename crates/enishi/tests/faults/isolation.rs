//! VPCs are worlds of their own, also where their addresses are the same.

use crate::harness::Daemon;
use crate::harness::lab::Network;

/// One VPC of two: a server at 10.0.1.10 that answers with the VPC's name, a client, everything allowed.
struct Side {
    network: Network,
    name: &'static str,
}

impl Side {
    fn new(daemon: &Daemon, name: &'static str) -> Self {
        let network = Network::new(daemon);
        for protocol in ["tcp", "udp"] {
            daemon.call(&format!(
                "Action=AuthorizeSecurityGroupIngress&GroupId={}&IpPermissions.1.IpProtocol={protocol}\
                 &IpPermissions.1.FromPort=0&IpPermissions.1.ToPort=65535&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
                network.group
            ));
        }
        network.instance(daemon, &format!("server-{name}"), "&PrivateIpAddress=10.0.1.10");
        network.instance(daemon, &format!("client-{name}"), "");
        Side { network, name }
    }

    fn asks(&self, daemon: &Daemon, address: &str) -> Option<String> {
        let script = format!("exec 3<>/dev/tcp/{address}/7 && head -1 <&3");
        let client = format!("client-{}", self.name);
        let output = daemon.run(&["exec", &client, "--", "timeout", "1", "bash", "-c", &script]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn server(instance: &str, says: &str, daemon: &Daemon) -> crate::harness::lab::Running {
    let script = format!(
        "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(LocalPort => 7, Listen => 9) or die $!; \
         print \"ready\\n\"; while (my $c = $s->accept) {{ print $c \"{says}\\n\" }}"
    );
    daemon.perl(instance, &script).0
}

#[test]
fn two_vpcs_with_the_same_addresses_never_see_each_other() {
    let daemon = Daemon::start();
    let (one, two) = (Side::new(&daemon, "one"), Side::new(&daemon, "two"));
    assert_ne!(one.network.vpc, two.network.vpc);
    let (_, only_in_one) = one.network.instance(&daemon, "lonely", "&PrivateIpAddress=10.0.1.77");
    daemon.settle();
    let _servers = [
        server("server-one", "one", &daemon),
        server("server-two", "two", &daemon),
        server("lonely", "lonely", &daemon),
    ];
    for _ in 0..3 {
        assert_eq!(one.asks(&daemon, "10.0.1.10").as_deref(), Some("one"));
        assert_eq!(two.asks(&daemon, "10.0.1.10").as_deref(), Some("two"));
    }
    assert_eq!(one.asks(&daemon, &only_in_one).as_deref(), Some("lonely"));
    assert_eq!(two.asks(&daemon, &only_in_one), None, "nobody has this address in the second VPC");
    // What is closed in one is not closed in the other.
    daemon.call(&format!(
        "Action=RevokeSecurityGroupIngress&GroupId={}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=0\
         &IpPermissions.1.ToPort=65535&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
        one.network.group
    ));
    assert_eq!(one.asks(&daemon, "10.0.1.10"), None);
    assert_eq!(two.asks(&daemon, "10.0.1.10").as_deref(), Some("two"));
    // The end of one is not the end of the other.
    for name in ["server-one", "client-one", "lonely"] {
        let id =
            daemon.call(&format!("Action=DescribeInstances&Filter.1.Name=tag:Name&Filter.1.Value.1={name}"));
        let id = crate::harness::first(&id, "instanceId");
        daemon.call(&format!("Action=TerminateInstances&InstanceId.1={id}"));
    }
    daemon.settle();
    assert_eq!(two.asks(&daemon, "10.0.1.10").as_deref(), Some("two"));
}
