//! What AWS promises of packets beyond pass and drop: path MTU, routes that change under a flow, the metadata service; and
//! what root of an instance cannot do to the network around it.

mod harness;

use harness::lab::Network;
use harness::{Daemon, first};

/// A host on the internet.
const OUTSIDE: &str = "198.18.0.9";

/// A public and a private subnet with a NAT gateway, `web` with an Elastic IP, `app` without.
struct Tiers {
    daemon: Daemon,
    network: Network,
    gateway: String,
    nat: String,
    nat_address: String,
    private_table: String,
    web: String,
    web_address: String,
    app: String,
}

impl Tiers {
    fn new() -> Self {
        let daemon = Daemon::start();
        let call = |form: String| daemon.call(&form);
        let network = Network::new(&daemon);
        let vpc = &network.vpc;
        let gateway = first(&call("Action=CreateInternetGateway".into()), "internetGatewayId");
        call(format!("Action=AttachInternetGateway&InternetGatewayId={gateway}&VpcId={vpc}"));
        let subnet = call(format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.0.0.0/24"));
        let public = Network { subnet: first(&subnet, "subnetId"), ..network.clone() };
        let table = |subnet: &str| {
            let table = first(&call(format!("Action=CreateRouteTable&VpcId={vpc}")), "routeTableId");
            call(format!("Action=AssociateRouteTable&RouteTableId={table}&SubnetId={subnet}"));
            table
        };
        let (public_table, private_table) = (table(&public.subnet), table(&network.subnet));
        let everywhere = "DestinationCidrBlock=0.0.0.0/0";
        call(format!("Action=CreateRoute&RouteTableId={public_table}&{everywhere}&GatewayId={gateway}"));
        let address = || {
            let xml = daemon.call("Action=AllocateAddress&Domain=vpc");
            (first(&xml, "allocationId"), first(&xml, "publicIp"))
        };
        let (allocation, nat_address) = address();
        let nat = format!("Action=CreateNatGateway&SubnetId={}&AllocationId={allocation}", public.subnet);
        let nat = first(&call(nat), "natGatewayId");
        call(format!("Action=CreateRoute&RouteTableId={private_table}&{everywhere}&NatGatewayId={nat}"));
        let (web, _) = public.instance(&daemon, "web", "");
        let (app, _) = network.instance(&daemon, "app", "");
        daemon.settle();
        let (allocation, web_address) = address();
        call(format!("Action=AssociateAddress&AllocationId={allocation}&InstanceId={web}"));
        Tiers { gateway, nat, nat_address, private_table, web, web_address, app, network, daemon }
    }

    fn perl(&self, target: &str, script: &str) -> String {
        let output = self.daemon.run(&["exec", target, "--", "perl", "-e", script]);
        assert!(output.status.success(), "{target}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn metadata(&self, instance: &str, path: &str) -> String {
        let script = format!(
            "use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => '169.254.169.254:80', Timeout => 5) or die $@; \
             print $s \"GET /latest/meta-data/{path} HTTP/1.0\\r\\n\\r\\n\"; local $/; my $a = <$s>; $a =~ s/.*?\\r\\n\\r\\n//s \
             if $a =~ /^HTTP\\S* 200/; print $a =~ /^HTTP\\S* (\\d+)/ ? $1 : $a"
        );
        self.perl(instance, &script)
    }
}

/// A jumbo packet that may not be fragmented is too big for the internet gateway: "the router returns an ICMP message
/// `Destination Unreachable: Fragmentation Needed`" (Network MTU, EC2 guide), also to who is behind a NAT gateway.
#[test]
fn a_sender_learns_the_path_mtu_of_the_internet() {
    let tiers = Tiers::new();
    // IP_MTU_DISCOVER 10 = IP_PMTUDISC_DO 2; IP_MTU is 14.
    let script = format!(
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => '{OUTSIDE}:9') or die $@; \
         setsockopt($s, 0, 10, pack('i', 2)) or die $!; for (1 .. 100) {{ send($s, 'x' x 4000, 0); \
         my $mtu = unpack('i', getsockopt($s, 0, 14)); if ($mtu < 4000) {{ print $mtu; exit }} \
         select(undef, undef, undef, 0.02) }} print 'silence'"
    );
    assert_eq!(tiers.perl(&tiers.web, &script), "1500", "from behind the internet gateway");
    assert_eq!(tiers.perl(&tiers.app, &script), "1500", "from behind the NAT gateway");
}

/// A flow that keeps its port goes on, under the address of the way that it now takes.
#[test]
fn a_flow_follows_a_route_to_the_internet_gateway_and_back() {
    let tiers = Tiers::new();
    let allocation = tiers.daemon.call("Action=AllocateAddress&Domain=vpc");
    let own = first(&allocation, "publicIp");
    let allocation = first(&allocation, "allocationId");
    tiers.daemon.call(&format!("Action=AssociateAddress&AllocationId={allocation}&InstanceId={}", tiers.app));
    let mirror = format!(
        "use IO::Socket::INET; $| = 1; my $s = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '{OUTSIDE}:5000') or die $@; \
         print \"ready\\n\"; while ($s->recv(my $d, 9)) {{ $s->send($s->peerhost) }}"
    );
    let (_mirror, _) = tiers.daemon.perl("internet", &mirror);
    let ask = format!(
        "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => 4444, PeerAddr => '{OUTSIDE}:5000') \
         or die $@; $SIG{{ALRM}} = sub {{ print 'silence'; exit }}; $s->send('x'); alarm 2; $s->recv(my $d, 99); print $d"
    );
    let lead = |target: &str| {
        tiers.daemon.call(&format!(
            "Action=ReplaceRoute&RouteTableId={}&DestinationCidrBlock=0.0.0.0/0&{target}",
            tiers.private_table
        ));
    };
    assert_eq!(tiers.perl(&tiers.app, &ask), tiers.nat_address);
    lead(&format!("GatewayId={}", tiers.gateway));
    assert_eq!(tiers.perl(&tiers.app, &ask), own);
    lead(&format!("NatGatewayId={}", tiers.nat));
    assert_eq!(tiers.perl(&tiers.app, &ask), tiers.nat_address);
}

/// "Security groups and network ACLs do not filter traffic to the metadata service"; an answer is of the moment.
#[test]
fn the_metadata_service_answers_whatever_filters_say() {
    let tiers = Tiers::new();
    assert_eq!(tiers.metadata(&tiers.web, "public-ipv4"), tiers.web_address);
    assert_eq!(tiers.metadata(&tiers.app, "public-ipv4"), "404");
    let Network { vpc, subnet, group } = &tiers.network;
    tiers.daemon.call(&format!(
        "Action=RevokeSecurityGroupEgress&GroupId={group}&IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0"
    ));
    let acl = first(&tiers.daemon.call(&format!("Action=CreateNetworkAcl&VpcId={vpc}")), "networkAclId");
    let acls = tiers.daemon.call(&format!(
        "Action=DescribeNetworkAcls&Filter.1.Name=association.subnet-id&Filter.1.Value.1={subnet}"
    ));
    let here = acls.split("<item>").find(|item| item.contains(subnet.as_str())).expect("an association");
    let association = first(here, "networkAclAssociationId");
    tiers
        .daemon
        .call(&format!("Action=ReplaceNetworkAclAssociation&AssociationId={association}&NetworkAclId={acl}"));
    assert_eq!(tiers.metadata(&tiers.app, "instance-id"), tiers.app);
    let addresses = tiers
        .daemon
        .call(&format!("Action=DescribeAddresses&Filter.1.Name=instance-id&Filter.1.Value.1={}", tiers.web));
    let association = first(&addresses, "associationId");
    tiers.daemon.call(&format!("Action=DisassociateAddress&AssociationId={association}"));
    assert_eq!(tiers.metadata(&tiers.web, "public-ipv4"), "404");
}

/// Root of an instance owns its network, and has no hold on its router, to which its only cable leads.
#[test]
fn root_of_an_instance_cannot_reach_into_its_router() {
    let tiers = Tiers::new();
    let ip = |target: &str, arguments: &[&str]| {
        tiers.daemon.run(&[&["exec", target, "--", "ip", "link", "add"], arguments].concat())
    };
    let into_the_other_end = ["name", "evil", "link-netnsid", "0", "type", "veth"];
    let output = ip(&tiers.app, &into_the_other_end);
    assert!(!output.status.success(), "{output:?}");
    let output = ip(&tiers.app, &["name", "mine", "type", "veth", "peer", "name", "yours"]);
    assert!(output.status.success(), "{output:?}");
    let links = tiers.daemon.run(&["exec", &tiers.network.vpc, "--", "ip", "-o", "link"]);
    assert!(links.status.success() && !String::from_utf8_lossy(&links.stdout).contains("veth"), "{links:?}");
}

/// Consoles are kept for as long as AWS shows the instance, and no longer.
#[test]
fn instances_that_are_no_more_leave_no_files() {
    let mut tiers = Tiers::new();
    let files = |tiers: &Tiers| {
        let consoles = tiers.daemon.data_dir().join("console");
        std::fs::read_dir(consoles).expect("a directory").count()
    };
    assert!(files(&tiers) >= 2);
    assert_eq!(tiers.daemon.send("POST", "/_enishi/reset", &[], b"").status, 200);
    tiers.daemon.settle();
    tiers.daemon.kill_and_restart();
    tiers.daemon.settle();
    assert_eq!(files(&tiers), 0);
}
