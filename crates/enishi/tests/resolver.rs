//! Resolver endpoints end to end: queries leave a VPC by an outbound one, come in by an inbound one, and are logged. The network
//! on the other side is played by instances of another subnet.

mod harness;

use std::collections::BTreeSet;
use std::io::BufRead;

use harness::lab::Network;
use harness::{Daemon, first, until};
use serde_json::{Value, json};

/// Calls an operation of a service that speaks JSON; it must succeed.
fn call(daemon: &Daemon, target: &str, input: &Value) -> Value {
    let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target)];
    let answer = daemon.send("POST", "/", &headers, input.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    if answer.body.is_empty() { Value::Null } else { answer.json() }
}

fn resolver(daemon: &Daemon, operation: &str, input: &Value) -> Value {
    call(daemon, &format!("Route53Resolver.{operation}"), input)
}

fn logs(daemon: &Daemon, operation: &str, input: &Value) -> Value {
    call(daemon, &format!("Logs_20140328.{operation}"), input)
}

/// A VPC whose endpoints have an address in its subnet and in another one, where an instance plays the other network.
struct Site {
    daemon: Daemon,
    network: Network,
    /// The other network's subnet, with a group that lets everything in.
    premises: Network,
}

impl Site {
    fn new() -> Self {
        let daemon = Daemon::start();
        let network = Network::new(&daemon);
        let xml = daemon.call(&format!("Action=CreateSubnet&VpcId={}&CidrBlock=10.0.2.0/24", network.vpc));
        let group = daemon.call(&format!(
            "Action=CreateSecurityGroup&GroupName=premises&GroupDescription=premises&VpcId={}",
            network.vpc
        ));
        let premises = Network {
            vpc: network.vpc.clone(),
            subnet: first(&xml, "subnetId"),
            group: first(&group, "groupId"),
        };
        premises.change(&daemon, "AuthorizeSecurityGroupIngress", "udp", 53);
        Site { daemon, network, premises }
    }

    /// An endpoint at 10.0.1.53 and 10.0.2.53, in the first network's group.
    fn endpoint(&self, direction: &str) -> String {
        let made = resolver(
            &self.daemon,
            "CreateResolverEndpoint",
            &json!({
                "CreatorRequestId": direction, "Direction": direction,
                "SecurityGroupIds": [self.network.group],
                "IpAddresses": [
                    { "SubnetId": self.network.subnet, "Ip": "10.0.1.53" },
                    { "SubnetId": self.premises.subnet, "Ip": "10.0.2.53" },
                ],
            }),
        );
        let id = made["ResolverEndpoint"]["Id"].as_str().expect("an id").to_owned();
        self.daemon.settle();
        assert_eq!(self.endpoint_status(&id), "OPERATIONAL");
        id
    }

    fn endpoint_status(&self, id: &str) -> String {
        let shown = resolver(&self.daemon, "GetResolverEndpoint", &json!({ "ResolverEndpointId": id }));
        shown["ResolverEndpoint"]["Status"].as_str().expect("a status").to_owned()
    }

    fn rule(&self, rule: &Value) -> String {
        let made = resolver(&self.daemon, "CreateResolverRule", rule);
        let id = made["ResolverRule"]["Id"].as_str().expect("an id").to_owned();
        let input = json!({ "ResolverRuleId": id, "VPCId": self.network.vpc });
        resolver(&self.daemon, "AssociateResolverRule", &input);
        self.daemon.settle();
        id
    }

    /// Logs the VPC's queries to the group `/dns`.
    fn log_queries(&self) {
        log_queries(&self.daemon, &self.network.vpc, "/dns");
    }

    /// The first logged query for a name.
    fn logged(&self, name: &str) -> Value {
        logged(&self.daemon, "/dns", name)
    }
}

/// Logs a VPC's queries to a new log group.
fn log_queries(daemon: &Daemon, vpc: &str, group: &str) {
    logs(daemon, "CreateLogGroup", &json!({ "logGroupName": group }));
    let made = resolver(
        daemon,
        "CreateResolverQueryLogConfig",
        &json!({
            "CreatorRequestId": group, "Name": "queries",
            "DestinationArn": format!("arn:aws:logs:us-east-1:000000000000:log-group:{group}"),
        }),
    );
    let id = &made["ResolverQueryLogConfig"]["Id"];
    let input = json!({ "ResolverQueryLogConfigId": id, "ResourceId": vpc });
    resolver(daemon, "AssociateResolverQueryLogConfig", &input);
    daemon.settle();
}

/// The first line of a log group that a name is in, in whatever case.
fn line(daemon: &Daemon, group: &str, name: &str) -> String {
    let mut found = None;
    until("the query is logged", || {
        let events = logs(daemon, "FilterLogEvents", &json!({ "logGroupName": group }));
        let lines = events["events"].as_array().expect("events").iter();
        let mut messages = lines.filter_map(|event| event["message"].as_str());
        found = messages.find(|message| message.to_lowercase().contains(name)).map(str::to_owned);
        found.is_some()
    });
    found.unwrap_or_default()
}

/// The first query for a name that a VPC's log group has.
fn logged(daemon: &Daemon, group: &str, name: &str) -> Value {
    let line = line(daemon, group, &format!("\"query_name\":\"{name}\""));
    serde_json::from_str(&line).expect("a line of JSON")
}

/// Answers every question with an address, and says who asked.
const NAME_SERVER: &str = "use IO::Socket::INET; use Socket; $| = 1; \
    my $s = IO::Socket::INET->new(LocalPort => 53, Proto => 'udp') or die $!; print \"ready\\n\"; \
    while (defined(my $from = $s->recv(my $q, 512))) { \
        my ($port, $ip) = sockaddr_in($from); print inet_ntoa($ip) . \"\\n\"; \
        my ($id, $rest) = unpack('n x10 a*', $q); my $end = index($rest, \"\\0\"); my $question = substr($rest, 0, $end + 5); \
        $s->send(pack('n6', $id, 0x8400, 1, 1, 0, 0) . $question . pack('n3 N n C4', 0xc00c, 1, 1, 60, 4, 192, 0, 2, 77)); }";

#[test]
fn queries_leave_by_an_outbound_endpoint() {
    let site = Site::new();
    let daemon = &site.daemon;
    site.network.instance(daemon, "app", "");
    let (server, address) = site.premises.instance(daemon, "server", "");
    daemon.settle();
    site.log_queries();
    let (_server, mut asked) = daemon.perl(&server, NAME_SERVER);
    assert_eq!(daemon.rcode("app", "www.corp.example"), "NXDOMAIN");

    let endpoint = site.endpoint("OUTBOUND");
    let forward = site.rule(&json!({
        "CreatorRequestId": "forward", "RuleType": "FORWARD", "DomainName": "corp.example",
        "ResolverEndpointId": endpoint, "TargetIps": [{ "Ip": address }],
    }));
    site.rule(&json!({
        "CreatorRequestId": "system", "RuleType": "SYSTEM", "DomainName": "cloud.corp.example",
    }));
    // Names of the domain go to the other network, from the endpoint's addresses in turn.
    let mut sources = BTreeSet::new();
    for host in ["a", "b"] {
        assert_eq!(daemon.lookup("app", &format!("{host}.corp.example")), "192.0.2.77");
        let mut line = String::new();
        asked.read_line(&mut line).expect("the server says who asked");
        sources.insert(line.trim().to_owned());
    }
    assert_eq!(sources, BTreeSet::from(["10.0.1.53".to_owned(), "10.0.2.53".to_owned()]));
    // The more specific rule says that these do not.
    assert_eq!(daemon.rcode("app", "a.cloud.corp.example"), "NXDOMAIN");
    let query = site.logged("a.corp.example.");
    assert_eq!(query["rcode"], "NOERROR", "{query}");
    assert_eq!(query["answers"][0]["Rdata"], "192.0.2.77", "{query}");
    assert!(query["srcids"]["instance"].is_string(), "{query}");

    // Its security group judges what leaves.
    let all = "IpPermissions.1.IpProtocol=-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0";
    let group = format!("GroupId={}&{all}", site.network.group);
    daemon.call(&format!("Action=RevokeSecurityGroupEgress&{group}"));
    assert_ne!(daemon.rcode("app", "c.corp.example"), "NOERROR");
    daemon.call(&format!("Action=AuthorizeSecurityGroupEgress&{group}"));

    let input = json!({ "ResolverRuleId": forward, "VPCId": site.network.vpc });
    resolver(daemon, "DisassociateResolverRule", &input);
    daemon.settle();
    assert_eq!(daemon.rcode("app", "d.corp.example"), "NXDOMAIN");
}

#[test]
fn queries_come_in_by_an_inbound_endpoint() {
    let mut site = Site::new();
    site.daemon.set_vpc_attribute(&site.network.vpc, "EnableDnsHostnames", true);
    let zone = site.daemon.create_zone("shop.internal", Some(&site.network.vpc));
    site.daemon.change_record(&zone, "CREATE", "www.shop.internal", "A", "10.0.1.10");
    site.premises.instance(&site.daemon, "client", "");
    site.daemon.settle();
    site.log_queries();
    let endpoint = site.endpoint("INBOUND");
    let ask = |site: &Site, address: &str, name: &str| {
        site.daemon.lookup("client", &format!("@{address} +time=1 +tries=1 {name}"))
    };
    let silent = |site: &Site, address: &str| {
        let question = format!("@{address} +time=1 +tries=1 www.shop.internal");
        site.daemon.rcode("client", &question).is_empty()
    };
    // The group admits nothing yet.
    assert!(silent(&site, "10.0.1.53") && silent(&site, "10.0.2.53"));
    for protocol in ["udp", "tcp"] {
        site.network.change(&site.daemon, "AuthorizeSecurityGroupIngress", protocol, 53);
    }
    for address in ["10.0.1.53", "10.0.2.53"] {
        assert_eq!(ask(&site, address, "www.shop.internal"), "10.0.1.10", "{address}");
        assert_eq!(ask(&site, address, "+tcp www.shop.internal"), "10.0.1.10", "{address}");
    }
    let query = site.logged("www.shop.internal.");
    assert_eq!(query["srcids"]["resolver_endpoint"], endpoint.as_str(), "{query}");

    // Addresses come and go.
    let change = |site: &Site, operation: &str, subnet: &str, ip: &str| {
        let address = json!({ "SubnetId": subnet, "Ip": ip });
        let input = json!({ "ResolverEndpointId": endpoint, "IpAddress": address });
        resolver(&site.daemon, operation, &input);
        site.daemon.settle();
        assert_eq!(site.endpoint_status(&endpoint), "OPERATIONAL");
    };
    change(&site, "AssociateResolverEndpointIpAddress", &site.premises.subnet, "10.0.2.99");
    assert_eq!(ask(&site, "10.0.2.99", "www.shop.internal"), "10.0.1.10");
    change(&site, "DisassociateResolverEndpointIpAddress", &site.premises.subnet, "10.0.2.53");
    assert!(silent(&site, "10.0.2.53"));
    assert_eq!(ask(&site, "10.0.2.99", "+tcp www.shop.internal"), "10.0.1.10");

    // It answers again when the daemon was killed, and no more when it was deleted.
    site.daemon.kill_and_restart();
    site.daemon.settle();
    assert_eq!(ask(&site, "10.0.1.53", "www.shop.internal"), "10.0.1.10");
    let input = json!({ "ResolverEndpointId": endpoint });
    resolver(&site.daemon, "DeleteResolverEndpoint", &input);
    site.daemon.settle();
    assert!(silent(&site, "10.0.1.53"));
    let list = resolver(&site.daemon, "ListResolverEndpoints", &json!({}));
    assert_eq!(list["ResolverEndpoints"], json!([]));
}

/// Split horizon: one name, two VPCs and the internet, and each query log has its own answer.
#[test]
fn three_answers_are_logged() {
    const NAME: &str = "www.shop.example";
    const PUBLIC_LOG: &str = "/aws/route53/shop.example";
    let daemon = Daemon::start_with(&["--delegate", "shop.example"]);
    let sides = [("one", "10.0.0.10"), ("two", "10.0.0.20")].map(|(name, address)| {
        let network = Network::new(&daemon);
        daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", true);
        let (instance, source) = network.instance(&daemon, name, "");
        let zone = daemon.create_zone("shop.example", Some(&network.vpc));
        daemon.change_record(&zone, "CREATE", NAME, "A", address);
        let group = format!("/dns/{name}");
        log_queries(&daemon, &network.vpc, &group);
        (name, address, network.vpc, instance, source, group)
    });
    let public = daemon.create_zone("shop.example", None);
    daemon.change_record(&public, "CREATE", NAME, "A", "192.0.2.1");
    logs(&daemon, "CreateLogGroup", &json!({ "logGroupName": PUBLIC_LOG }));
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "route53.amazonaws.com" },
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/route53/*",
    }] });
    let input = json!({ "policyName": "route53", "policyDocument": policy.to_string() });
    logs(&daemon, "PutResourcePolicy", &input);
    let body = format!(
        "<CreateQueryLoggingConfigRequest><HostedZoneId>{}</HostedZoneId>\
         <CloudWatchLogsLogGroupArn>arn:aws:logs:us-east-1:000000000000:log-group:{PUBLIC_LOG}</CloudWatchLogsLogGroupArn>\
         </CreateQueryLoggingConfigRequest>",
        public.id
    );
    daemon.route53_ok("POST", "queryloggingconfig", &body);

    for (name, address, vpc, instance, source, group) in &sides {
        assert_eq!(daemon.lookup(name, NAME), *address);
        let query = logged(&daemon, group, "www.shop.example.");
        let answers = json!([{ "Rdata": address, "Type": "A", "Class": "IN" }]);
        let said = [&query["answers"], &query["rcode"], &query["vpc_id"], &query["srcaddr"]];
        assert_eq!(said, [&answers, &json!("NOERROR"), &json!(vpc), &json!(source)], "{query}");
        assert_eq!(query["srcids"]["instance"], json!(instance), "{query}");
    }
    assert_eq!(daemon.lookup("internet", NAME), "192.0.2.1");
    // The resolver that asks for the internet draws the letters' case (0x20).
    let public_line = line(&daemon, PUBLIC_LOG, NAME).to_lowercase();
    let said = format!(" {} {NAME} a noerror udp ", public.id.to_lowercase());
    assert!(public_line.contains(&said), "{public_line}");
    // What a VPC answers by itself never reaches the name servers of the internet.
    let events = logs(&daemon, "FilterLogEvents", &json!({ "logGroupName": PUBLIC_LOG }));
    let events = events["events"].as_array().expect("events").iter();
    let lines = events.filter_map(|event| event["message"].as_str());
    assert_eq!(lines.filter(|line| line.to_lowercase().contains(NAME)).count(), 1);
}
