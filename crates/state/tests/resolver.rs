//! The invariants of Route 53 Resolver's rows: each refuses the transaction that would break it.

use std::net::Ipv4Addr;

use enishi_state::ec2::{InterfaceKind, NetworkInterface, SecurityGroup, Vpc, VpcId};
use enishi_state::logs::LogGroupId;
use enishi_state::route53resolver::{
    AddressState, Direction, EndpointAddress, Progress, QueryLogAssociation, QueryLogConfig, ResolverConfig,
    ResolverEndpoint, ResolverEndpointId, ResolverRule, ResolverRuleAssociation, RuleType, Target,
};
use enishi_state::{Caller, ResourceId, Row, Scope, Timestamp, Tx};
use enishi_testkit::Random;
use enishi_testkit::world::WorldBuilder;

fn id<I: ResourceId>(text: &str) -> I {
    I::parse(text).expect("an id")
}

fn endpoint_id() -> ResolverEndpointId {
    ResolverEndpointId::new("rslvr-out-00000001")
}

/// Two VPCs; in the first an outbound endpoint with two addresses, a rule that forwards by it, a query log, a configuration.
fn fixture() -> WorldBuilder {
    let mut w = WorldBuilder::new();
    let first = w.vpc("10.0.0.0/16");
    w.vpc("10.1.0.0/16");
    let subnet = w.subnet(&first, "10.0.1.0/24");
    let group = w.default_group(&first);
    let instances = [w.instance(&subnet, &[&group]), w.instance(&subnet, &[&group])];
    let interfaces = instances.map(|instance| w.interface_of(&instance, 0));
    let scope = w.scope().clone();
    w.change(|tx| {
        let mut addresses = Vec::new();
        for (index, interface) in (0u8..).zip(interfaces) {
            // The interfaces of two instances become the endpoint's.
            let instance =
                tx.world().get::<NetworkInterface>(&interface).and_then(|row| row.instance().cloned());
            tx.modify::<NetworkInterface>(&interface, |row| {
                row.kind = InterfaceKind::ResolverEndpoint;
                let attachment = row.attachment.as_mut().expect("an attachment");
                (attachment.instance, attachment.device_index) = (None, index);
            });
            tx.remove::<enishi_state::ec2::Instance>(&instance.expect("an instance"));
            let row = tx.world().get::<NetworkInterface>(&interface).expect("the interface").clone();
            addresses.push(EndpointAddress {
                id: id(&format!("rni-0000000{index}")),
                subnet: row.subnet.clone(),
                ip: row.primary_ip(),
                network_interface: interface,
                state: AddressState::Attached,
                created: tx.now(),
                modified: tx.now(),
            });
        }
        tx.put(endpoint(&scope, &first, addresses));
        tx.put(rule(&scope, "1", "corp.example"));
        tx.put(association(&scope, "1", "1", &first));
        tx.put(QueryLogConfig {
            id: id("rqlc-00000001"),
            scope: scope.clone(),
            creator_request_id: "1".to_owned(),
            name: "queries".to_owned(),
            destination: String::new(),
            log_group: LogGroupId::of(&scope, "dns"),
            created: tx.now(),
        });
        tx.put(QueryLogAssociation {
            id: id("rqlca-00000001"),
            scope: scope.clone(),
            config: id("rqlc-00000001"),
            vpc: first.clone(),
            progress: Progress::Ready,
            created: tx.now(),
        });
        tx.put(ResolverConfig {
            vpc: first.clone(),
            scope: scope.clone(),
            autodefined_reverse: false,
            progress: Progress::Ready,
        });
    });
    w
}

fn endpoint(scope: &Scope, vpc: &VpcId, addresses: Vec<EndpointAddress>) -> ResolverEndpoint {
    ResolverEndpoint {
        id: endpoint_id(),
        scope: scope.clone(),
        creator_request_id: "1".to_owned(),
        name: None,
        direction: Direction::Outbound,
        vpc: vpc.clone(),
        groups: Vec::new(),
        addresses,
        progress: Progress::Ready,
        message: String::new(),
        address_metrics: false,
        target_metrics: false,
        created: Timestamp(0),
        modified: Timestamp(0),
    }
}

fn rule(scope: &Scope, number: &str, domain: &str) -> ResolverRule {
    ResolverRule {
        id: id(&format!("rslvr-rr-0000000{number}")),
        scope: scope.clone(),
        creator_request_id: number.to_owned(),
        name: None,
        rule_type: RuleType::Forward,
        domain: domain.parse().expect("a name"),
        targets: vec![Target { ip: Ipv4Addr::new(192, 0, 2, 53), port: 53 }],
        endpoint: Some(endpoint_id()),
        progress: Progress::Ready,
        message: String::new(),
        created: Timestamp(0),
        modified: Timestamp(0),
    }
}

fn association(scope: &Scope, number: &str, rule: &str, vpc: &VpcId) -> ResolverRuleAssociation {
    ResolverRuleAssociation {
        id: id(&format!("rslvr-rrassoc-0000000{number}")),
        scope: scope.clone(),
        rule: id(&format!("rslvr-rr-0000000{rule}")),
        vpc: vpc.clone(),
        name: None,
        progress: Progress::Ready,
        message: String::new(),
    }
}

/// The error of a transaction on the fixture.
fn refused(change: impl FnOnce(&mut Tx<'_>)) -> String {
    let fixture = fixture();
    let caller = Caller { scope: fixture.scope().clone(), access_key: None, session_arn: None };
    let mut entropy = Random::new(1);
    let mut tx = Tx::new(fixture.world(), &caller, Timestamp(0), &mut entropy);
    change(&mut tx);
    let conflict = tx.commit().expect_err("the invariant was not checked");
    conflict.to_string().strip_prefix("the change breaks an invariant: ").expect("a conflict").to_owned()
}

fn first_address(tx: &Tx<'_>) -> EndpointAddress {
    tx.world().get::<ResolverEndpoint>(&endpoint_id()).expect("the endpoint").addresses[0].clone()
}

#[test]
fn an_endpoint_has_its_interfaces() {
    let error = refused(|tx| {
        let interface = first_address(tx).network_interface;
        tx.remove::<NetworkInterface>(&interface);
    });
    assert!(error.starts_with("rslvr-out-00000001 refers to eni-"), "{error}");
    let error = refused(|tx| {
        tx.modify::<ResolverEndpoint>(&endpoint_id(), |row| {
            row.addresses[0].ip = Ipv4Addr::new(10, 0, 1, 200)
        });
    });
    assert!(error.ends_with("is not the interface of rni-00000000"), "{error}");
    let error = refused(|tx| {
        let interface = first_address(tx).network_interface;
        tx.modify::<NetworkInterface>(&interface, |row| {
            row.attachment.as_mut().expect("an attachment").device_index = 1;
        });
        tx.modify::<ResolverEndpoint>(&endpoint_id(), |row| row.name = Some("again".to_owned()));
    });
    assert!(error.ends_with("has no device index of its own"), "{error}");
    let error = refused(|tx| {
        let group = first_address(tx).network_interface;
        let group = tx.world().get::<NetworkInterface>(&group).expect("the interface").groups[0].clone();
        tx.remove::<SecurityGroup>(&group);
    });
    assert!(error.contains("is gone, but eni-"), "{error}");
}

#[test]
fn what_is_referred_to_stays() {
    let gone = "rslvr-out-00000001 is gone, but rslvr-rr-00000001 refers to it";
    assert_eq!(refused(|tx| assert!(tx.remove::<ResolverEndpoint>(&endpoint_id()))), gone);
    assert_eq!(
        refused(|tx| assert!(tx.remove::<ResolverRule>(&id("rslvr-rr-00000001")))),
        "rslvr-rr-00000001 is gone, but rslvr-rrassoc-00000001 refers to it"
    );
    assert_eq!(
        refused(|tx| assert!(tx.remove::<QueryLogConfig>(&id("rqlc-00000001")))),
        "rqlc-00000001 is gone, but rqlca-00000001 refers to it"
    );
    let missing = |error: String| assert!(error.ends_with("which does not exist"), "{error}");
    missing(refused(|tx| {
        tx.modify::<ResolverRuleAssociation>(&id("rslvr-rrassoc-00000001"), |row| {
            row.vpc = id("vpc-00000009")
        });
    }));
    missing(refused(|tx| {
        tx.modify::<QueryLogAssociation>(&id("rqlca-00000001"), |row| row.vpc = id("vpc-00000009"));
    }));
}

#[test]
fn a_rule_forwards_somewhere() {
    let edited = |edit: fn(&mut ResolverRule)| {
        refused(|tx| assert!(tx.modify::<ResolverRule>(&id("rslvr-rr-00000001"), edit)))
    };
    assert_eq!(edited(|row| row.targets.clear()), "rslvr-rr-00000001 forwards to nobody");
    assert_eq!(edited(|row| row.endpoint = None), "rslvr-rr-00000001 forwards without an endpoint");
    assert_eq!(
        edited(|row| row.rule_type = RuleType::System),
        "rslvr-rr-00000001 is a system rule with a target"
    );
}

#[test]
fn a_vpc_has_one_rule_for_a_domain() {
    let error = refused(|tx| {
        let scope = tx.caller().scope.clone();
        let vpc = tx.world().all::<Vpc>().next().expect("a VPC").id();
        tx.put(rule(&scope, "2", "CORP.example"));
        tx.put(association(&scope, "2", "2", &vpc));
    });
    assert!(error.contains("has the domain corp.example. too"), "{error}");
}

#[test]
fn rows_survive_the_journal() {
    let fixture = fixture();
    let world = fixture.world();
    let mut replayed = enishi_state::World { generation: world.generation, ..Default::default() };
    for step in fixture_steps() {
        for (table, id) in step.1 {
            let record = step.0.record(&table, &id);
            replayed.replay(&table, &id, record.as_deref()).expect("a record that replays");
        }
    }
    assert!(replayed == *world);
}

/// The worlds that led to the fixture, each with the rows that changed.
fn fixture_steps() -> Vec<(enishi_state::World, Vec<(String, String)>)> {
    let steps = fixture().take_steps().into_iter();
    steps
        .map(|step| {
            let rows = step.delta.rows().map(|(table, id)| (table.to_owned(), id.to_owned())).collect();
            (step.after, rows)
        })
        .collect()
}
