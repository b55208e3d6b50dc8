//! Resolver endpoints and rules: names that somebody else's name servers have, and somebody else who asks.

mod harness;

use harness::lab::Network;
use harness::{Daemon, until};
use serde_json::{Value, json};

/// Calls an operation of Route 53 Resolver that must succeed.
fn call(daemon: &Daemon, operation: &str, input: Value) -> Value {
    let target = format!("Route53Resolver.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let answer = daemon.send("POST", "/", &headers, input.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{operation} {input}: {}", answer.text());
    answer.json()
}

/// An endpoint with two addresses, in service; answers its id and addresses.
fn endpoint(daemon: &Daemon, network: &Network, direction: &str) -> (String, Vec<String>) {
    let address = json!({ "SubnetId": network.subnet });
    let made = call(
        daemon,
        "CreateResolverEndpoint",
        json!({
            "CreatorRequestId": direction,
            "Direction": direction,
            "SecurityGroupIds": [network.group],
            "IpAddresses": [address, address],
        }),
    );
    let id = made["ResolverEndpoint"]["Id"].as_str().expect("an id").to_owned();
    let by_id = json!({ "ResolverEndpointId": id });
    until("the endpoint is in service", || {
        call(daemon, "GetResolverEndpoint", by_id.clone())["ResolverEndpoint"]["Status"] == "OPERATIONAL"
    });
    let addresses = call(daemon, "ListResolverEndpointIpAddresses", by_id);
    let addresses = addresses["IpAddresses"].as_array().expect("a list");
    let addresses = addresses.iter().map(|address| address["Ip"].as_str().expect("an address").to_owned());
    (id, addresses.collect())
}

#[test]
fn a_domain_is_forwarded_to_its_own_name_servers() {
    let daemon = Daemon::start();
    let network = Network::new(&daemon);
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", true);
    let (server, address) = network.instance(&daemon, "server", "");
    network.instance(&daemon, "app", "");
    network.change(&daemon, "AuthorizeSecurityGroupIngress", "udp", 53);
    daemon.settle();
    let _server = daemon.name_server(&server);
    let zone = daemon.create_zone("corp.example", Some(&network.vpc));
    daemon.change_record(&zone, "CREATE", "www.corp.example", "A", "10.0.0.10");
    assert_eq!(daemon.lookup("app", "www.corp.example"), "10.0.0.10");

    let (endpoint, _) = endpoint(&daemon, &network, "OUTBOUND");
    let rule = call(
        &daemon,
        "CreateResolverRule",
        json!({
            "CreatorRequestId": "rule",
            "RuleType": "FORWARD",
            "DomainName": "corp.example",
            "TargetIps": [{ "Ip": address, "Port": 53 }],
            "ResolverEndpointId": endpoint,
        }),
    );
    let rule = rule["ResolverRule"]["Id"].as_str().expect("an id");
    let association = json!({ "ResolverRuleId": rule, "VPCId": network.vpc });
    assert_eq!(daemon.lookup("app", "www.corp.example"), "10.0.0.10", "the rule is nobody's yet");
    call(&daemon, "AssociateResolverRule", association.clone());
    assert_eq!(
        daemon.lookup("app", "www.corp.example"),
        "192.0.2.77",
        "a rule comes before a zone of its name"
    );

    // The endpoint is a network interface: without its group's leave nothing passes.
    network.change(&daemon, "RevokeSecurityGroupIngress", "udp", 53);
    assert_eq!(daemon.rcode("app", "+time=8 +tries=1 other.corp.example"), "SERVFAIL");

    call(&daemon, "DisassociateResolverRule", association);
    until("the rule is gone", || daemon.lookup("app", "www.corp.example") == "10.0.0.10");
}

#[test]
fn others_ask_by_an_inbound_endpoint() {
    let daemon = Daemon::start();
    let network = Network::new(&daemon);
    let (_, address) = network.instance(&daemon, "app", "");
    daemon.settle();
    let name = format!("ip-{}.ec2.internal", address.replace('.', "-"));
    let (_, addresses) = endpoint(&daemon, &network, "INBOUND");
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    let [one, two] = [&addresses[0], &addresses[1]];
    assert_eq!(daemon.rcode("app", &format!("+time=1 +tries=1 @{one} {name}")), "", "no rule admits it");
    for protocol in ["udp", "tcp"] {
        network.change(&daemon, "AuthorizeSecurityGroupIngress", protocol, 53);
    }
    assert_eq!(daemon.lookup("app", &format!("@{one} {name}")), address);
    assert_eq!(daemon.lookup("app", &format!("+tcp @{two} {name}")), address);
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsSupport", false);
    assert_eq!(daemon.rcode("app", &format!("+time=1 +tries=1 @{one} {name}")), "");
}
