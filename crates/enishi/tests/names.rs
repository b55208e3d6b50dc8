//! Names: what programs in instances and on the internet resolve, with the `dig` that they would use.

mod harness;

use harness::lab::Network;
use harness::{Daemon, until};

fn dashed(address: &str) -> String {
    address.replace('.', "-")
}

#[test]
fn a_name_has_three_answers() {
    let mut daemon = Daemon::start_with(&["--delegate", "shop.example"]);
    let networks = [Network::new(&daemon), Network::new(&daemon)];
    for (network, name) in networks.iter().zip(["one", "two"]) {
        daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", true);
        network.instance(&daemon, name, "");
    }
    daemon.settle();
    let public = daemon.create_zone("shop.example", None);
    daemon.change_record(&public, "CREATE", "www.shop.example", "A", "192.0.2.1");
    let answers =
        |daemon: &Daemon| ["one", "two", "internet"].map(|target| daemon.lookup(target, "www.shop.example"));
    assert_eq!(answers(&daemon), ["192.0.2.1", "192.0.2.1", "192.0.2.1"]);

    // Private zones hide the public one at once, although its answer was just remembered.
    let zones: Vec<_> =
        networks.iter().map(|network| daemon.create_zone("shop.example", Some(&network.vpc))).collect();
    assert_eq!(
        daemon.rcode("one", "www.shop.example"),
        "NXDOMAIN",
        "a private zone is all there is of its domain"
    );
    daemon.change_record(&zones[0], "CREATE", "www.shop.example", "A", "10.0.0.10");
    daemon.change_record(&zones[1], "CREATE", "www.shop.example", "A", "10.0.0.20");
    assert_eq!(answers(&daemon), ["10.0.0.10", "10.0.0.20", "192.0.2.1"]);
    assert_eq!(daemon.lookup("one", "+tcp www.shop.example"), "10.0.0.10");

    // No cache hides a change of a private zone, however long its records may be kept.
    daemon.change_record(&zones[0], "UPSERT", "www.shop.example", "A", "10.0.0.11");
    assert_eq!(daemon.lookup("one", "www.shop.example"), "10.0.0.11");

    // Nor does a restart.
    daemon.kill_and_restart();
    daemon.settle();
    assert_eq!(answers(&daemon), ["10.0.0.11", "10.0.0.20", "192.0.2.1"]);

    // Who sees a zone is in force when the API has answered.
    let extra = daemon.create_zone("extra.example", Some(&networks[0].vpc));
    daemon.change_record(&extra, "CREATE", "db.extra.example", "A", "10.0.0.30");
    assert_eq!(daemon.lookup("one", "db.extra.example"), "10.0.0.30");
    assert_eq!(daemon.rcode("two", "db.extra.example"), "NXDOMAIN");
    daemon.change_association(&extra, "associatevpc", &networks[1].vpc);
    assert_eq!(daemon.lookup("two", "db.extra.example"), "10.0.0.30");
    daemon.change_association(&extra, "disassociatevpc", &networks[0].vpc);
    assert_eq!(daemon.rcode("one", "db.extra.example"), "NXDOMAIN");

    // "You must set both attributes to true", says the guide.
    daemon.set_vpc_attribute(&networks[0].vpc, "EnableDnsHostnames", false);
    assert_eq!(answers(&daemon), ["192.0.2.1", "10.0.0.20", "192.0.2.1"]);
}

#[test]
fn instances_have_names() {
    let daemon = Daemon::start();
    let network = Network::new(&daemon);
    network.open_to_internet(&daemon);
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", true);
    let (web, web_ip) = network.instance(&daemon, "web", "");
    network.instance(&daemon, "app", "");
    daemon.settle();

    let private = format!("ip-{}.ec2.internal", dashed(&web_ip));
    assert_eq!(daemon.lookup("app", &private), web_ip);
    assert_eq!(daemon.lookup("app", &format!("-x {web_ip}")), format!("{private}."));
    assert_eq!(daemon.lookup("app", &format!("@169.254.169.253 {private}")), web_ip);
    assert_eq!(daemon.rcode("app", "ip-10-0-1-250.ec2.internal"), "NXDOMAIN");
    assert_eq!(daemon.rcode("internet", &private), "NXDOMAIN");
    assert_eq!(daemon.lookup("app", "localhost"), "127.0.0.1");
    // Through the C library, with the search list that DHCP would have set.
    let found = daemon.shell("app", &format!("getent ahostsv4 ip-{}", dashed(&web_ip)));
    assert!(found.starts_with(&web_ip), "{found}");

    // Inside of the VPC a public name leads to the private address, outside to the public one.
    let (allocation, public_ip) = daemon.elastic_ip(&web);
    let public = format!("ec2-{}.compute-1.amazonaws.com", dashed(&public_ip));
    assert_eq!(daemon.lookup("app", &public), web_ip);
    assert_eq!(daemon.lookup("internet", &public), public_ip);
    assert_eq!(daemon.lookup("internet", &format!("-x {public_ip}")), format!("{public}."));
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", false);
    assert_eq!(daemon.lookup("app", &public), public_ip);

    // The name goes with the address. The name server says so at once, caches a minute later.
    daemon.call(&format!("Action=DisassociateAddress&PublicIp={public_ip}"));
    assert_eq!(daemon.rcode("internet", &format!("@205.251.200.1 {public}")), "NXDOMAIN");
    daemon.call(&format!("Action=ReleaseAddress&AllocationId={allocation}"));
}

#[test]
fn a_vpc_without_dns_support_has_no_resolver() {
    let daemon = Daemon::start();
    let network = Network::new(&daemon);
    let (_, address) = network.instance(&daemon, "box", "");
    daemon.settle();
    let name = format!("ip-{}.ec2.internal", dashed(&address));
    let ask = format!("+time=1 +tries=1 {name}");
    assert_eq!(daemon.lookup("box", &ask), address);
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsSupport", false);
    for server in ["10.0.0.2", "169.254.169.253"] {
        assert_eq!(daemon.rcode("box", &format!("@{server} {ask}")), "", "{server} answers");
    }
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsSupport", true);
    assert_eq!(daemon.lookup("box", &ask), address);

    // What a keeper held is made again by the next, and so is what listened in it.
    daemon.kill_keeper();
    until("the resolver is back", || daemon.lookup("box", &ask) == address);
    assert_eq!(daemon.rcode("internet", "no-such-domain"), "NXDOMAIN");
}

#[test]
fn name_servers_see_the_region_that_asks() {
    let daemon = Daemon::start_with(&["--delegate", "all"]);
    let zone = daemon.create_zone("shop.example", None);
    for (region, address) in
        [("us-east-1", "192.0.2.1"), ("eu-west-1", "192.0.2.2"), ("ap-northeast-1", "192.0.2.3")]
    {
        daemon.create_latency_record(&zone, "www.shop.example", region, address);
    }
    let instances = ["us-west-2", "eu-central-1"].map(|region| daemon.instance_in(region));
    daemon.settle();
    let answers = instances.each_ref().map(|instance| daemon.lookup(instance, "www.shop.example"));
    assert_eq!(answers, ["192.0.2.1", "192.0.2.2"]);
}

#[test]
fn names_are_resolved_from_the_root_down() {
    let daemon = Daemon::start_with(&["--delegate", "shop.example", "--delegate", "shop.co.uk"]);
    let zone = daemon.create_zone("shop.co.uk", None);
    daemon.change_record(&zone, "CREATE", "www.shop.co.uk", "A", "192.0.2.1");
    daemon.change_record(&zone, "CREATE", "alias.shop.co.uk", "CNAME", "www.shop.example");
    // A top-level domain that came into use just now.
    assert_eq!(daemon.rcode("internet", "www.shop.example"), "NXDOMAIN");
    let other = daemon.create_zone("shop.example", None);
    daemon.change_record(&other, "CREATE", "www.shop.example", "A", "192.0.2.2");
    assert_eq!(daemon.lookup("internet", "www.shop.co.uk"), "192.0.2.1");
    assert_eq!(daemon.lookup("internet", "alias.shop.co.uk"), "www.shop.example.\n192.0.2.2");
    for server in ["8.8.4.4", "1.1.1.1", "9.9.9.9"] {
        assert_eq!(daemon.lookup("internet", &format!("@{server} www.shop.co.uk")), "192.0.2.1");
    }

    // Each server knows what is its own. `dig +trace` asks one after the other.
    let trace = daemon.dig("internet", "+trace www.shop.co.uk");
    for step in ["(a.root-servers.net)", "(a.gtld-servers.net)", "192.0.2.1"] {
        assert!(trace.contains(step), "{step}: {trace}");
    }
    let address = daemon.lookup("internet", &zone.name_server);
    assert!(address.starts_with("205.251."), "{address}");
    assert_eq!(daemon.lookup("internet", &format!("@{address} www.shop.co.uk")), "192.0.2.1");
    assert_eq!(daemon.rcode("internet", &format!("@{address} www.shop.example")), "REFUSED");
    assert_eq!(daemon.rcode("internet", "@198.41.0.4 no-such-domain"), "NXDOMAIN");

    // A zone that nobody delegates to is served, but not found.
    let hidden = daemon.create_zone("hidden.example", None);
    daemon.change_record(&hidden, "CREATE", "www.hidden.example", "A", "192.0.2.3");
    let address = daemon.lookup("internet", &hidden.name_server);
    assert_eq!(daemon.lookup("internet", &format!("@{address} www.hidden.example")), "192.0.2.3");
    assert_eq!(daemon.rcode("internet", "www.hidden.example"), "NXDOMAIN");
}

#[test]
fn a_domain_is_delegated_to_an_instance() {
    let daemon = Daemon::start_with(&["--delegate", "all"]);
    let network = Network::new(&daemon);
    network.open_to_internet(&daemon);
    let (server, _) = network.instance(&daemon, "server", "");
    daemon.settle();
    let (_, address) = daemon.elastic_ip(&server);
    daemon.call(&format!(
        "Action=AuthorizeSecurityGroupIngress&GroupId={}&IpPermissions.1.IpProtocol=udp&IpPermissions.1.FromPort=53\
         &IpPermissions.1.ToPort=53&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0",
        network.group
    ));
    let _server = daemon.name_server(&server);
    let zone = daemon.create_zone("shop.example", None);
    daemon.change_record(&zone, "CREATE", "own.shop.example", "NS", "ns.own.shop.example");
    daemon.change_record(&zone, "CREATE", "ns.own.shop.example", "A", &address);
    assert_eq!(daemon.lookup("internet", "www.own.shop.example"), "192.0.2.77");
    // The VPC's own resolver gets there as well: from the internet, by the Elastic IP.
    until("the resolver answers", || daemon.lookup("server", "www.own.shop.example") == "192.0.2.77");
}
