//! What names of load balancers answer: the zones that are healthy, and who follows them.

mod balancing;
mod classic;
mod harness;
mod lab;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use balancing::{Balancing, target};
use enishi_api::elbv2::{
    CreateLoadBalancerInput, DeleteLoadBalancerInput, LoadBalancerAttribute,
    ModifyLoadBalancerAttributesInput, ModifyTargetGroupAttributesInput, TargetGroupAttribute, ops,
};
use enishi_fabric::dns::{Content, Name, RecordSet, RecordType, UNHEALTHY};
use enishi_plan::{Delegations, ZoneEdit, is_load_balancer_name, zone_edits, zones};
use enishi_state::elbv2::{HealthReason, TargetHealth};
use enishi_state::{Delta, World};
use harness::text;

const APPLICATION_ZONE: &str = "Z35SXDOTRQ7X7K";
const NETWORK_ZONE: &str = "Z26RNL4JYFTOTI";

/// Record sets of type A by zone and name, as edits leave them.
type Answers = BTreeMap<(String, Name), RecordSet>;

fn apply(answers: &mut Answers, edits: Vec<ZoneEdit>) {
    let is_ours = |zone: &str| [APPLICATION_ZONE, NETWORK_ZONE].contains(&zone);
    for edit in edits {
        match edit {
            ZoneEdit::Put(zone) if is_ours(&zone.id) => {
                answers.retain(|(id, _), _| **id != *zone.id);
                let sets = zone.record_sets.into_iter().filter(|set| set.record_type == RecordType::A);
                answers.extend(sets.map(|set| ((zone.id.to_string(), set.name.clone()), set)));
            }
            ZoneEdit::Replace { zone, name, sets, .. } if is_ours(&zone) => {
                answers.remove(&(zone.to_string(), name.clone()));
                answers.extend(sets.into_iter().map(|set| ((zone.to_string(), name.clone()), set)));
            }
            _ => {}
        }
    }
}

fn everything(world: &World) -> Answers {
    let mut answers = Answers::new();
    apply(&mut answers, zones(world, &Delegations::default()));
    answers
}

/// Follows the world step by step, and says what a name answers and whether that counts as healthy.
struct Follower {
    world: World,
    answers: Answers,
}

impl Follower {
    fn new(b: &mut Balancing) -> Self {
        b.lab.h.delta = Delta::default();
        Follower { world: b.lab.h.world.clone(), answers: everything(&b.lab.h.world) }
    }

    /// Takes in what changed; the edits leave what everything there is would.
    #[track_caller]
    fn follow(&mut self, b: &mut Balancing) {
        let delta = std::mem::take(&mut b.lab.h.delta);
        apply(&mut self.answers, zone_edits(&self.world, &b.lab.h.world, &delta, &Delegations::default()));
        self.world = b.lab.h.world.clone();
        assert_eq!(self.answers, everything(&self.world));
    }

    #[track_caller]
    fn answer(&mut self, b: &mut Balancing, zone: &str, name: &str) -> Option<(BTreeSet<Ipv4Addr>, bool)> {
        self.follow(b);
        let set = self.answers.get(&(zone.to_owned(), name.parse().expect("a name")))?;
        let Content::Records { ttl: 60, data } = &set.content else { panic!("{set:?}") };
        let address = |wire: &[u8]| Ipv4Addr::from(<[u8; 4]>::try_from(wire).expect("an address"));
        let is_healthy = match set.health_check.as_deref() {
            None => true,
            Some(check) => {
                assert_eq!(check, UNHEALTHY);
                false
            }
        };
        Some((data.iter().map(|data| address(data.as_wire())).collect(), is_healthy))
    }
}

fn unhealthy() -> TargetHealth {
    TargetHealth::Unhealthy {
        reason: HealthReason::FailedHealthChecks,
        description: "Health checks failed".to_owned(),
    }
}

/// The public addresses of a load balancer's nodes, by zone.
fn public(b: &mut Balancing, arn: &str) -> (Ipv4Addr, Ipv4Addr) {
    let nodes = b.nodes(arn);
    let address = |at: usize| {
        let association = nodes[at].association.as_ref().expect("it faces the internet");
        association.public_ip.as_ref().expect("an address").parse().expect("an address")
    };
    (address(0), address(1))
}

fn group_attribute(b: &mut Balancing, group: &str, key: &str, value: &str) {
    b.lab.h.ok::<ops::ModifyTargetGroupAttributes>(ModifyTargetGroupAttributesInput {
        target_group_arn: group.to_owned(),
        attributes: vec![TargetGroupAttribute { key: text(key), value: text(value) }],
    });
}

/// "When cross-zone load balancing is turned off, an Availability Zone must have at least one healthy target in each target group.
/// When it is turned on, there must be at least one healthy target in each target group in any Availability Zone."
#[test]
fn names_answer_zones_with_healthy_targets() {
    let mut b = Balancing::new();
    let input = b.application("web");
    let arn = b.active(input);
    let name = b.describe(&arn).dns_name.unwrap();
    let (a_address, b_address) = public(&mut b, &arn);
    let both = BTreeSet::from([a_address, b_address]);
    let mut follower = Follower::new(&mut b);
    assert_eq!(
        follower.answer(&mut b, APPLICATION_ZONE, &name),
        Some((both.clone(), true)),
        "no target groups"
    );

    let group = b.target_group("web", "HTTP");
    b.listen(&arn, "HTTP", 80, &group);
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), false)), "no targets");
    let (one, two) = (b.lab.running(), {
        let subnet = b.b.clone();
        let launch = enishi_api::ec2::RunInstancesRequest { subnet_id: Some(subnet), ..b.lab.launch() };
        let id = b.lab.run(launch).remove(0);
        b.lab.settle();
        id
    });
    b.register(&group, vec![target(&one), target(&two)]);
    assert_eq!(
        follower.answer(&mut b, APPLICATION_ZONE, &name),
        Some((both.clone(), false)),
        "none healthy yet"
    );
    b.observe(&group, &one, 80, TargetHealth::Healthy);
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), true)), "across zones");
    assert_eq!(
        follower.answer(&mut b, APPLICATION_ZONE, &format!("dualstack.{name}")),
        Some((both.clone(), true))
    );

    group_attribute(&mut b, &group, "load_balancing.cross_zone.enabled", "false");
    let in_a = Some((BTreeSet::from([a_address]), true));
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), in_a);
    b.observe(&group, &two, 80, TargetHealth::Healthy);
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), true)));
    b.observe(&group, &one, 80, unhealthy());
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((BTreeSet::from([b_address]), true)));
    b.observe(&group, &two, 80, unhealthy());
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), false)), "fail open");

    // Thresholds: two of two must be healthy now.
    group_attribute(&mut b, &group, "load_balancing.cross_zone.enabled", "true");
    b.observe(&group, &two, 80, TargetHealth::Healthy);
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), true)));
    let percentage = "target_group_health.dns_failover.minimum_healthy_targets.percentage";
    group_attribute(&mut b, &group, percentage, "51");
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both.clone(), false)));
    group_attribute(&mut b, &group, percentage, "50");
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), Some((both, true)));

    let parsed: Name = name.to_uppercase().parse().expect("a name");
    assert!(is_load_balancer_name(&b.lab.h.world, &parsed, false));
    assert!(!is_load_balancer_name(&b.lab.h.world, &parsed, true));
    let dual: Name = format!("dualstack.{name}").parse().expect("a name");
    assert!(is_load_balancer_name(&b.lab.h.world, &dual, false));
    b.lab.h.ok::<ops::DeleteLoadBalancer>(DeleteLoadBalancerInput { load_balancer_arn: arn });
    assert_eq!(follower.answer(&mut b, APPLICATION_ZONE, &name), None);
    assert!(!is_load_balancer_name(&b.lab.h.world, &parsed, false));
}

#[test]
fn network_load_balancers_have_a_name_for_each_zone() {
    let mut b = Balancing::new();
    let input = CreateLoadBalancerInput { scheme: text("internal"), ..b.network("net") };
    let arn = b.active(input);
    let name = b.describe(&arn).dns_name.unwrap();
    let nodes = b.nodes(&arn);
    let private = |at: usize| -> Ipv4Addr {
        nodes[at].private_ip_address.as_ref().expect("an address").parse().expect("an address")
    };
    let both = BTreeSet::from([private(0), private(1)]);
    let mut follower = Follower::new(&mut b);
    let group = b.target_group("net", "TCP");
    b.listen(&arn, "TCP", 80, &group);
    let one = b.lab.running();
    b.register(&group, vec![target(&one)]);
    b.observe(&group, &one, 80, TargetHealth::Healthy);
    // Its nodes stay in their zones unless they are told otherwise.
    let in_a = Some((BTreeSet::from([private(0)]), true));
    assert_eq!(follower.answer(&mut b, NETWORK_ZONE, &name), in_a);
    for (zone, at) in [("us-east-1a", 0), ("us-east-1b", 1)] {
        let zonal = format!("{zone}.{name}");
        let expected = Some((BTreeSet::from([private(at)]), true));
        assert_eq!(follower.answer(&mut b, NETWORK_ZONE, &zonal), expected);
        assert!(is_load_balancer_name(&b.lab.h.world, &zonal.parse().expect("a name"), true));
    }
    assert_eq!(follower.answer(&mut b, NETWORK_ZONE, &format!("dualstack.{name}")), None);
    let elsewhere = format!("us-east-1c.{name}");
    assert!(!is_load_balancer_name(&b.lab.h.world, &elsewhere.parse().expect("a name"), true));
    b.lab.h.ok::<ops::ModifyLoadBalancerAttributes>(ModifyLoadBalancerAttributesInput {
        load_balancer_arn: arn,
        attributes: vec![LoadBalancerAttribute {
            key: text("load_balancing.cross_zone.enabled"),
            value: text("true"),
        }],
    });
    assert_eq!(follower.answer(&mut b, NETWORK_ZONE, &name), Some((both, true)));
}

#[test]
fn classic_load_balancers_have_names_as_well() {
    let mut c = classic::Classic::new();
    let id = c.lab.running();
    c.create(c.input("web"));
    let row = c.lab.h.world.all::<enishi_state::elb::LoadBalancer>().next().expect("it was made").clone();
    c.register("web", &[&id]);
    let answer = |c: &classic::Classic| {
        let answers = everything(&c.lab.h.world);
        let name: Name = row.dns_name().parse().expect("a name");
        let set = answers.get(&(APPLICATION_ZONE.to_owned(), name)).expect("it answers").clone();
        let Content::Records { data, .. } = set.content else { panic!("it is no alias") };
        (data.len(), set.health_check.is_none())
    };
    assert_eq!(answer(&c), (2, false), "nothing is known yet");
    let before = c.lab.h.world.clone();
    c.lab.h.delta = Delta::default();
    c.observe("web", &id, Some(true));
    assert_eq!(answer(&c), (1, true), "its zone alone");
    let delta = c.lab.h.delta.clone();
    let mut answers = everything(&before);
    apply(&mut answers, zone_edits(&before, &c.lab.h.world, &delta, &Delegations::default()));
    assert_eq!(answers, everything(&c.lab.h.world));
    assert!(is_load_balancer_name(&c.lab.h.world, &row.dns_name().parse().expect("a name"), false));
}
