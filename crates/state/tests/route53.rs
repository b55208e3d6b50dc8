//! What is true of Route 53's rows in every committed world, and the order that changes are forgotten in.

use enishi_fabric::dns::{self, CidrLocation, Content, Name, Rdata, RecordType, Routing};
use enishi_state::route53::{
    Change, ChangeId, ChangeState, CidrCollection, CidrCollectionId, DelegationSet, DelegationSetId,
    HostedZone, HostedZoneId, RecordSet, RecordSetKey, VpcAssociation,
};
use enishi_state::{Caller, Region, ResourceId, Row, Timestamp, Tx, World};
use enishi_testkit::Random;
use enishi_testkit::world::{WorldBuilder, random_step, random_zone_step};

fn name(text: &str) -> Name {
    Name::parse(text).expect(text)
}

fn zone(id: &str, record_sets: u64) -> HostedZone {
    HostedZone {
        id: HostedZoneId::new(id),
        account: WorldBuilder::new().scope().account.clone(),
        name: name("example.test"),
        caller_reference: id.to_owned(),
        comment: None,
        is_private: false,
        vpcs: Vec::new(),
        authorized: Vec::new(),
        delegation_set: None,
        name_servers: vec!["ns-0.awsdns-00.com".to_owned()],
        record_sets,
        created: Timestamp(0),
    }
}

fn set(zone: &str, owner: &str, record_type: RecordType, value: &str) -> RecordSet {
    let data = vec![Rdata::parse(record_type, value).expect(value)];
    RecordSet {
        zone: HostedZoneId::new(zone),
        set: dns::RecordSet {
            name: name(owner),
            record_type,
            identifier: None,
            routing: Routing::Simple,
            health_check: None,
            content: Content::Records { ttl: 60, data },
        },
        values: vec![value.to_owned()],
    }
}

fn www() -> RecordSet {
    set("Z1", "www.example.test", RecordType::A, "192.0.2.1")
}

fn association(vpc: &str) -> VpcAssociation {
    VpcAssociation {
        region: Region::new("us-east-1").expect("a region"),
        vpc: ResourceId::parse(vpc).expect("a VPC"),
    }
}

fn put_zone(tx: &mut Tx<'_>, row: HostedZone) {
    let id = row.id.to_string();
    let soa = "ns-0.awsdns-00.com. hostmaster.example.test. 1 7200 900 1209600 86400";
    tx.put(set(&id, "example.test", RecordType::NS, "ns-0.awsdns-00.com."));
    tx.put(set(&id, "example.test", RecordType::SOA, soa));
    tx.put(row);
}

/// A public zone `Z1` with one set besides its own, a private one `Z2`, and a collection and a delegation set.
fn fixture() -> WorldBuilder {
    let mut w = WorldBuilder::new();
    w.vpc("10.0.0.0/16");
    w.vpc("10.1.0.0/16");
    w.change(|tx| {
        put_zone(tx, zone("Z1", 3));
        tx.put(www());
        put_zone(
            tx,
            HostedZone { is_private: true, vpcs: vec![association("vpc-00000001")], ..zone("Z2", 2) },
        );
        tx.put(CidrCollection {
            id: CidrCollectionId::new("c1"),
            account: tx.caller().scope.account.clone(),
            name: "c1".to_owned(),
            caller_reference: "c1".to_owned(),
            version: 1,
            locations: Default::default(),
        });
        tx.put(DelegationSet {
            id: DelegationSetId::new("N1"),
            account: tx.caller().scope.account.clone(),
            caller_reference: "N1".to_owned(),
            name_servers: Vec::new(),
        });
    });
    w
}

fn attempt(w: &WorldBuilder, change: impl FnOnce(&mut Tx<'_>)) -> Result<World, String> {
    let caller = Caller { scope: w.scope().clone(), access_key: None, session_arn: None };
    let mut entropy = Random::new(1);
    let mut tx = Tx::new(w.world(), &caller, Timestamp(0), &mut entropy);
    change(&mut tx);
    tx.commit().map(|commit| commit.world).map_err(|conflict| {
        let text = conflict.to_string();
        text.strip_prefix("the change breaks an invariant: ").expect("a conflict").to_owned()
    })
}

/// The error of a transaction on the fixture.
#[track_caller]
fn refused(message: &str, change: impl FnOnce(&mut Tx<'_>)) {
    assert_eq!(attempt(&fixture(), change).map(|_| ()), Err(message.to_owned()));
}

fn first() -> HostedZoneId {
    HostedZoneId::new("Z1")
}

fn apex(record_type: RecordType) -> RecordSetKey {
    RecordSetKey::of(&first(), &name("example.test"), record_type, None)
}

#[test]
fn a_zone_counts_its_sets() {
    let more = || set("Z1", "b.example.test", RecordType::A, "192.0.2.1");
    refused("Z1 counts 3 record sets, 3 before 1 more", |tx| tx.put(more()));
    refused("Z1 counts 3 record sets, 3 before -1 more", |tx| {
        tx.remove::<RecordSet>(&www().id());
    });
    refused("Z1 counts 4 record sets, 3 before 0 more", |tx| tx.put(zone("Z1", 4)));
    let one_for_another = attempt(&fixture(), |tx| {
        tx.remove::<RecordSet>(&www().id());
        tx.put(more());
    });
    assert!(one_for_another.is_ok(), "{one_for_another:?}");
}

#[test]
fn a_zone_has_its_apex() {
    for (record_type, shown) in [(RecordType::NS, "NS"), (RecordType::SOA, "SOA")] {
        refused(&format!("Z1 has no {shown} at its apex"), |tx| {
            tx.remove::<RecordSet>(&apex(record_type));
            tx.put(zone("Z1", 2));
        });
    }
}

#[test]
fn a_zone_goes_with_its_sets() {
    refused("Z1 is gone, but Z1 test!example NS  is in it", |tx| {
        tx.remove::<HostedZone>(&first());
    });
    let whole = attempt(&fixture(), |tx| {
        for key in [apex(RecordType::NS), apex(RecordType::SOA), www().id()] {
            tx.remove::<RecordSet>(&key);
        }
        tx.remove::<HostedZone>(&first());
    });
    assert!(whole.is_ok(), "{whole:?}");
}

#[test]
fn a_zone_keeps_its_kind() {
    refused("Z1 changed its kind or its name", |tx| {
        tx.modify::<HostedZone>(&first(), |row| row.is_private = true);
    });
    refused("Z1 changed its kind or its name", |tx| {
        tx.modify::<HostedZone>(&first(), |row| row.name = name("test"));
    });
    refused("Z1: a private zone has VPCs, a public one has none", |tx| {
        tx.modify::<HostedZone>(&first(), |row| row.vpcs.push(association("vpc-00000001")));
    });
    refused("Z2: a private zone has VPCs, a public one has none", |tx| {
        tx.modify::<HostedZone>(&HostedZoneId::new("Z2"), |row| row.vpcs.clear());
    });
    refused("Z1 refers to N9, which does not exist", |tx| {
        tx.modify::<HostedZone>(&first(), |row| row.delegation_set = Some(DelegationSetId::new("N9")));
    });
}

#[test]
fn a_vpc_sees_one_zone_of_a_name() {
    let private = |vpcs: Vec<VpcAssociation>| HostedZone { is_private: true, vpcs, ..zone("Z3", 2) };
    refused("Z3: vpc-00000001 sees Z2 of the same name too", |tx| {
        put_zone(tx, private(vec![association("vpc-00000001")]));
    });
    let second = association("vpc-00000002");
    refused("Z3 is associated with vpc-00000002 twice", |tx| {
        put_zone(tx, private(vec![second.clone(), second.clone()]));
    });
    assert!(attempt(&fixture(), |tx| put_zone(tx, private(vec![second.clone()]))).is_ok());
}

#[test]
fn sets_are_within_their_zone_and_alone_without_an_identifier() {
    let four = |tx: &mut Tx<'_>| tx.put(zone("Z1", 4));
    refused("Z9 test!example!www A  refers to Z9, which does not exist", |tx| {
        tx.put(set("Z9", "www.example.test", RecordType::A, "192.0.2.1"));
    });
    refused("Z1 org!example!www A  is not within example.test.", |tx| {
        tx.put(set("Z1", "www.example.org", RecordType::A, "192.0.2.1"));
        four(tx);
    });
    let with = |identifier: Option<&str>, routing: Routing| {
        let mut row = www();
        (row.set.identifier, row.set.routing) = (identifier.map(Into::into), routing);
        row
    };
    refused("Z1 test!example!www A a: a routing policy comes with an identifier", |tx| {
        tx.put(with(Some("a"), Routing::Simple));
        four(tx);
    });
    refused("Z1 test!example!www A : a routing policy comes with an identifier", |tx| {
        tx.put(with(None, Routing::Weighted(1)));
    });
    refused("Z1 test!example!www A a shares its name and type with a set without a policy", |tx| {
        tx.put(with(Some("a"), Routing::Weighted(1)));
        four(tx);
    });
}

#[test]
fn what_sets_and_zones_refer_to_stays() {
    let cidr = |collection: &str| {
        let mut row = set("Z1", "cidr.example.test", RecordType::A, "192.0.2.1");
        row.set.identifier = Some("a".into());
        row.set.routing = Routing::Cidr(CidrLocation { collection: collection.into(), location: "*".into() });
        row
    };
    refused("Z1 test!example!cidr A a refers to c9, which does not exist", |tx| {
        tx.put(cidr("c9"));
        tx.put(zone("Z1", 4));
    });
    let mut w = fixture();
    w.change(|tx| {
        tx.put(cidr("c1"));
        tx.put(HostedZone { delegation_set: Some(DelegationSetId::new("N1")), ..zone("Z1", 4) });
    });
    let gone = attempt(&w, |tx| {
        tx.remove::<CidrCollection>(&CidrCollectionId::new("c1"));
    });
    assert_eq!(gone.map(|_| ()), Err("c1 is gone, but Z1 test!example!cidr A a refers to it".to_owned()));
    let gone = attempt(&w, |tx| {
        tx.remove::<DelegationSet>(&DelegationSetId::new("N1"));
    });
    assert_eq!(gone.map(|_| ()), Err("N1 is gone, but Z1 refers to it".to_owned()));
}

#[test]
fn random_zones_keep_every_invariant() {
    for seed in 0..40 {
        let (mut random, mut builder) = (Random::new(seed), WorldBuilder::new());
        builder.vpc("10.0.0.0/16");
        for _ in 0..60 {
            // A transaction that broke an invariant would panic.
            random_zone_step(&mut builder, &mut random);
            if random.chance(20) {
                random_step(&mut builder, &mut random);
            }
        }
        let world = builder.world();
        for zone in world.all::<HostedZone>() {
            let start = RecordSetKey::new(&RecordSetKey::zone_prefix(&zone.id));
            let sets = world.from::<RecordSet>(&start).take_while(|row| row.zone == zone.id).count();
            assert_eq!(sets as u64, zone.record_sets, "seed {seed}: {}", zone.id);
        }
    }
}

#[test]
fn changes_are_in_the_order_of_their_time() {
    let mut w = WorldBuilder::new();
    let times = [9, 100, 10, 1_700_000_000_000, 0];
    w.change(|tx| {
        for time in times {
            tx.put(Change {
                id: ChangeId::new(&format!("C{time}")),
                account: tx.caller().scope.account.clone(),
                state: ChangeState::InSync,
                submitted: Timestamp(time),
                comment: None,
            });
        }
    });
    let seen: Vec<i64> = w.world().in_order::<Change>("submitted").map(|row| row.submitted.0).collect();
    assert_eq!(seen, [0, 9, 10, 100, 1_700_000_000_000]);
    assert_eq!(w.world().in_order::<Change>("unsettled").count(), 0);
}
