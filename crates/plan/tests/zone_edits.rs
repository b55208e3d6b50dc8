//! What decision 7 rests on: applied in order, the edits of every transaction leave name servers as everything there is would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use enishi_fabric::dns::{CidrCollection, Name, RecordSet, RecordType};
use enishi_plan::{Delegations, NameServer, Planner, ZoneEdit, plan, zone_edits, zones};
use enishi_state::World;
use enishi_testkit::Random;
use enishi_testkit::world::{WorldBuilder, random_step, random_world, random_zone_step};

/// Random worlds, transactions in each, and how many of them there are to a comparison: everything there is has thousands of
/// name servers in it, and what went wrong stays wrong.
const SEEDS: u64 = 8;
const STEPS: usize = 40;
const COMPARED: usize = 8;

/// What name servers answer from, as the edits say: no more than maps, so that it is plain what they mean.
#[derive(Debug, Default, PartialEq)]
struct Servers {
    zones: BTreeMap<Arc<str>, Contents>,
    collections: BTreeMap<Arc<str>, CidrCollection>,
    served: BTreeMap<NameServer, Vec<Arc<str>>>,
}

/// A zone's name and its sets. Those of a name and type are in the order of their identifiers.
#[derive(Debug, PartialEq)]
struct Contents {
    name: Name,
    sets: BTreeMap<(Name, RecordType), Vec<RecordSet>>,
}

impl Servers {
    fn of(world: &World, delegations: &Delegations) -> Self {
        let mut servers = Servers::default();
        servers.apply(zones(world, delegations));
        servers
    }

    /// Applies the edits of one transaction.
    fn apply(&mut self, edits: Vec<ZoneEdit>) {
        for edit in edits {
            match edit {
                ZoneEdit::Put(zone) => {
                    let mut sets = BTreeMap::<_, Vec<RecordSet>>::new();
                    for set in zone.record_sets {
                        sets.entry((set.name.clone(), set.record_type)).or_default().push(set);
                    }
                    self.zones.insert(zone.id, Contents { name: zone.name, sets });
                }
                ZoneEdit::Remove(id) => {
                    assert!(self.zones.remove(&id).is_some(), "{id} is removed, but was not there");
                }
                ZoneEdit::Replace { zone, name, record_type, sets } => {
                    let zone = self.zones.get_mut(&zone).expect("a zone that is known");
                    assert!(sets.iter().all(|set| set.name == name && set.record_type == record_type));
                    match sets.is_empty() {
                        true => zone.sets.remove(&(name, record_type)),
                        false => zone.sets.insert((name, record_type), sets),
                    };
                }
                ZoneEdit::PutCollection(collection) => {
                    self.collections.insert(collection.id.clone(), collection);
                }
                ZoneEdit::RemoveCollection(id) => {
                    assert!(self.collections.remove(&id).is_some(), "{id} is removed, but was not there");
                }
                ZoneEdit::Serve { server, zones } => {
                    let unknown: Vec<_> = zones.iter().filter(|id| !self.zones.contains_key(*id)).collect();
                    assert!(unknown.is_empty(), "{server:?} serves {unknown:?}, which nobody knows");
                    match zones.is_empty() {
                        true => self.served.remove(&server),
                        false => self.served.insert(server, zones),
                    };
                }
            }
        }
        for (server, zones) in &self.served {
            let gone: Vec<_> = zones.iter().filter(|id| !self.zones.contains_key(*id)).collect();
            assert!(gone.is_empty(), "{server:?} still serves {gone:?}");
        }
    }

    /// The first difference to what is right, for people.
    fn difference(&self, right: &Servers) -> Option<String> {
        let ids: BTreeSet<_> = self.zones.keys().chain(right.zones.keys()).collect();
        for id in ids {
            let (have, want) = (self.zones.get(id), right.zones.get(id));
            if have != want {
                return Some(format!("zone {id}:\n have {have:#?}\n want {want:#?}"));
            }
        }
        if self.collections != right.collections {
            return Some(format!("have {:?}\nwant {:?}", self.collections, right.collections));
        }
        let servers: BTreeSet<_> = self.served.keys().chain(right.served.keys()).collect();
        servers.into_iter().find_map(|server| {
            let (have, want) = (self.serves(*server), right.serves(*server));
            (have != want).then(|| format!("{server:?} serves {have:?}, not {want:?}"))
        })
    }

    /// A server's zones by name: only among those of one name does the order matter.
    fn serves(&self, server: NameServer) -> BTreeMap<Name, Vec<Arc<str>>> {
        let mut zones = BTreeMap::<_, Vec<_>>::new();
        for id in self.served.get(&server).into_iter().flatten() {
            zones.entry(self.zones[id].name.clone()).or_default().push(id.clone());
        }
        zones
    }
}

fn one_step(builder: &mut WorldBuilder, random: &mut Random) {
    match random.chance(70) {
        true => random_zone_step(builder, random),
        false => random_step(builder, random),
    }
}

/// Applies random transactions to the name servers of random worlds; `together` of them at a time, as the daemon does when more
/// than one was committed while it was busy.
fn edits_keep_up(delegations: &Delegations, together: usize) {
    let (mut zones_seen, mut replaced) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        builder.vpc("10.0.0.0/16");
        builder.vpc("10.1.0.0/16");
        builder.take_steps();
        let mut servers = Servers::of(builder.world(), delegations);
        for n in 1..=STEPS {
            for _ in 0..together {
                one_step(&mut builder, &mut random);
            }
            let steps = builder.take_steps();
            let Some(before) = steps.first().map(|step| step.before.clone()) else { continue };
            let mut delta = steps[0].delta.clone();
            steps.into_iter().skip(1).for_each(|step| delta.merge(step.delta));
            let edits = zone_edits(&before, builder.world(), &delta, delegations);
            replaced += edits.iter().filter(|edit| matches!(edit, ZoneEdit::Replace { .. })).count();
            servers.apply(edits);
            if n % COMPARED != 0 {
                continue;
            }
            let right = Servers::of(builder.world(), delegations);
            if let Some(difference) = servers.difference(&right) {
                panic!("seed {seed}, generation {}: {difference}", builder.world().generation);
            }
        }
        zones_seen += builder.world().hosted_zones.len();
    }
    assert!(zones_seen > 20 && replaced > 100, "{zones_seen} zones, {replaced} replacements: too few");
}

#[test]
fn edits_leave_what_everything_would() {
    edits_keep_up(&Delegations::default(), 1);
}

#[test]
fn edits_of_several_transactions_leave_what_everything_would() {
    edits_keep_up(&Delegations::default(), 3);
}

#[test]
fn edits_keep_up_where_every_zone_is_delegated() {
    edits_keep_up(&Delegations::all(), 1);
}

#[test]
fn edits_keep_up_where_some_zones_are_delegated() {
    let some = ["example.com", "example.dev", "corp.internal"].map(|name| name.parse().expect("a name"));
    edits_keep_up(&Delegations::of(some), 2);
}

/// What VPCs' resolvers know of zones is a part of their routers, which the planner keeps.
#[test]
fn resolvers_keep_up_with_zones() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let mut builder = WorldBuilder::new();
        builder.vpc("10.0.0.0/16");
        builder.vpc("10.1.0.0/16");
        let mut planner = Planner::new(builder.world());
        builder.take_steps();
        for _ in 0..STEPS {
            one_step(&mut builder, &mut random);
            for step in builder.take_steps() {
                let new = planner.update(&step.before, &step.after, &step.delta);
                assert!(new == plan(&step.after), "seed {seed}: generation {}", step.after.generation);
            }
        }
    }
}

/// A transaction that has nothing to do with names has no edits.
#[test]
fn packets_alone_edit_nothing() {
    let world = random_world(1);
    let mut builder = WorldBuilder::new();
    builder.vpc("10.0.0.0/16");
    let step = builder.take_steps().remove(0);
    assert_eq!(zone_edits(&step.before, &step.after, &step.delta, &Delegations::default()), []);
    let servers = Servers::of(&world, &Delegations::default());
    assert!(servers.served.contains_key(&NameServer::Root));
}
