//! Tables and their indexes against a plain map, and what transactions promise.

use std::collections::BTreeMap;

use enishi_state::{AccountId, Caller, Region, Row, Scope, Tag, TagKey, Timestamp, Tx, World};
use enishi_testkit::Random;

fn caller() -> Caller {
    let region = Region::new("us-east-1").expect("a region");
    Caller { scope: Scope { account: AccountId::zero(), region }, access_key: None, session_arn: None }
}

fn tag(caller: &Caller, resource: usize, key: usize, value: usize) -> Tag {
    Tag {
        scope: caller.scope.clone(),
        resource: format!("vpc-{resource}"),
        resource_type: "vpc".into(),
        key: format!("k{key}"),
        value: value.to_string(),
    }
}

/// What the index must find, the slow way.
fn tags_of<'m>(model: &'m BTreeMap<TagKey, Tag>, resource: &str) -> Vec<&'m Tag> {
    model.values().filter(|tag| tag.resource == resource).collect()
}

#[test]
fn tables_and_indexes_are_what_a_map_is() {
    let caller = caller();
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut entropy = Random::new(seed);
        let mut world = World::default();
        let mut model: BTreeMap<TagKey, Tag> = BTreeMap::new();
        for _ in 0..60 {
            let mut tx = Tx::new(&world, &caller, Timestamp(0), &mut entropy);
            for _ in 0..random.between(1, 4) {
                let tag = tag(&caller, random.below(4), random.below(4), random.below(9));
                match random.below(3) {
                    0 => assert_eq!(tx.remove::<Tag>(&tag.id()), model.remove(&tag.id()).is_some()),
                    1 => {
                        let known = tx.modify::<Tag>(&tag.id(), |row| row.value = tag.value.clone());
                        let expected = model.get_mut(&tag.id()).map(|row| row.value = tag.value.clone());
                        assert_eq!(known, expected.is_some());
                    }
                    _ => {
                        tx.put(tag.clone());
                        model.insert(tag.id(), tag);
                    }
                }
            }
            world = tx.commit().expect("tags break nothing").world;
            assert!(world.tags.iter().eq(model.values()), "seed {seed}");
            assert_eq!(world.tags.len(), model.len());
            for resource in (0..5).map(|n| format!("vpc-{n}")) {
                let found: Vec<_> = world.tags_of(&resource).collect();
                assert_eq!(found, tags_of(&model, &resource), "seed {seed}");
            }
            let scope = caller.scope.to_string();
            assert_eq!(world.by::<Tag>("scope", &scope).count(), model.len());
        }
    }
}

#[test]
fn a_snapshot_does_not_see_what_comes_after_it() {
    let caller = caller();
    let mut entropy = Random::new(1);
    let empty = World::default();
    let mut tx = Tx::new(&empty, &caller, Timestamp(0), &mut entropy);
    tx.put(tag(&caller, 1, 1, 1));
    let one = tx.commit().expect("a tag").world;
    let mut tx = Tx::new(&one, &caller, Timestamp(0), &mut entropy);
    tx.remove::<Tag>(&TagKey::of("vpc-1", "k1"));
    let none = tx.commit().expect("no tag").world;
    assert_eq!((empty.tags.len(), one.tags.len(), none.tags.len()), (0, 1, 0));
    assert_eq!((empty.generation, one.generation, none.generation), (0, 1, 2));
}

#[test]
fn a_dropped_or_empty_transaction_changes_nothing() {
    let caller = caller();
    let mut entropy = Random::new(1);
    let world = World::default();
    let mut tx = Tx::new(&world, &caller, Timestamp(0), &mut entropy);
    tx.put(tag(&caller, 1, 1, 1));
    assert_eq!(tx.world().tags.len(), 1);
    drop(tx);
    assert_eq!(world, World::default());

    let commit = Tx::new(&world, &caller, Timestamp(0), &mut entropy).commit().expect("nothing to refuse");
    assert!(commit.delta.is_empty());
    assert_eq!(commit.world, world);
}

#[test]
fn a_delta_shows_rows_before_and_after() {
    let caller = caller();
    let mut entropy = Random::new(1);
    let empty = World::default();
    let mut tx = Tx::new(&empty, &caller, Timestamp(0), &mut entropy);
    tx.put(tag(&caller, 1, 1, 1));
    tx.put(tag(&caller, 1, 2, 1));
    let before = tx.commit().expect("two tags").world;
    let mut tx = Tx::new(&before, &caller, Timestamp(0), &mut entropy);
    tx.remove::<Tag>(&TagKey::of("vpc-1", "k1"));
    tx.put(tag(&caller, 1, 2, 7));
    tx.put(tag(&caller, 1, 3, 1));
    let commit = tx.commit().expect("two tags again");
    let changes: Vec<_> = commit.delta.changes::<Tag>(&before, &commit.world).collect();
    let values = |tag: Option<&Tag>| tag.map(|tag| tag.value.clone());
    let shown: Vec<_> = changes.iter().map(|change| (values(change.before), values(change.after))).collect();
    let some = |value: &str| Some(value.to_owned());
    assert_eq!(shown, [(some("1"), None), (some("1"), some("7")), (None, some("1"))]);
}
