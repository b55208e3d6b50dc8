//! A hosted zone, compiled: an immutable snapshot whose changed copies share what did not change.
//!
//! Every name that exists has a node, also the empty non-terminals: "the domain a.example exists if b.a.example does"
//! (RFC 8020, section 2 and RFC 4592, section 2.2.2). A node counts its children, so adding and removing costs a step per label.

use std::sync::Arc;

use enishi_fabric::dns::{Alias, Content, Name, Rdata, RecordSet, RecordType, Routing, Zone as ZoneData};

use crate::folded::Folded;
use crate::health::{Health, HealthFlag};
use crate::rrset::Rrset;
use crate::table::{NameTable, Named};

/// A compiled zone.
#[derive(Debug, Clone)]
pub struct Zone {
    id: Arc<str>,
    name: Name,
    depth: usize,
    nodes: NameTable<Node>,
    /// How many names below the apex hold `NS`: while there are none, no look-up needs to walk down.
    cuts: usize,
    /// The `SOA` as it goes with negative answers.
    negative: Option<Arc<Rrset>>,
}

/// One name of a zone.
#[derive(Debug, Clone)]
pub struct Node {
    name: Name,
    children: u32,
    sets: Box<[Set]>,
}

/// All record sets of one name and type.
#[derive(Debug, Clone)]
pub struct Set {
    /// The type.
    pub record_type: RecordType,
    /// One with simple routing, several with any other policy.
    pub members: Arc<[Member]>,
}

/// One record set.
#[derive(Debug)]
pub struct Member {
    /// The set identifier.
    pub identifier: Option<Arc<str>>,
    /// When it is the answer.
    pub routing: Routing,
    /// The status of its health check.
    pub health: Option<(Arc<str>, Arc<HealthFlag>)>,
    /// What it answers.
    pub source: Source,
}

/// What a member answers.
#[derive(Debug)]
pub enum Source {
    /// Records of its own.
    Records(Rrset),
    /// What another name answers.
    Alias(Box<Alias>),
}

/// What a zone has for a name (RFC 1034, section 4.3.2, step 3).
#[derive(Debug, Clone, Copy)]
pub enum Found<'z> {
    /// The name, or the wildcard that it is made from; an empty node is an empty non-terminal.
    Node {
        /// The node.
        node: &'z Node,
        /// Whether it is a wildcard that the name is made from.
        synthesised: bool,
    },
    /// The name is at or below a delegation.
    Cut {
        /// The node that holds the delegation's `NS`.
        node: &'z Node,
        /// Whether it is the name itself.
        exact: bool,
    },
    /// The name does not exist.
    Nothing,
}

impl Named for Zone {
    fn name(&self) -> &[u8] {
        self.name.as_wire()
    }
}

impl Named for Node {
    fn name(&self) -> &[u8] {
        self.name.as_wire()
    }
}

impl Node {
    /// The sets of a type.
    pub fn set(&self, record_type: RecordType) -> Option<&Set> {
        self.sets.iter().find(|set| set.record_type == record_type)
    }

    /// Every type that the name has.
    pub fn sets(&self) -> &[Set] {
        &self.sets
    }
}

impl Zone {
    /// Compiles a zone. Record sets outside of it are left out.
    pub fn compile(data: ZoneData, health: &Health) -> Zone {
        let mut zone = Zone::empty(data.id, data.name);
        let mut sets = data.record_sets;
        // Sets of one name and type have to be neighbours. Whoever keeps sets in their usual order spares the sort.
        let order = |set: &RecordSet| (set.name.clone(), set.record_type);
        if !sets.is_sorted_by_key(order) {
            sets.sort_by_cached_key(order);
        }
        let mut group: Vec<RecordSet> = Vec::new();
        for set in sets {
            if group
                .first()
                .is_some_and(|first| (&first.name, first.record_type) != (&set.name, set.record_type))
            {
                zone.put_group(&mut group, health);
            }
            group.push(set);
        }
        zone.put_group(&mut group, health);
        zone
    }

    /// Puts sets of one name and type in, and leaves none.
    fn put_group(&mut self, group: &mut Vec<RecordSet>, health: &Health) {
        if let Some(first) = group.first() {
            let (name, record_type) = (first.name.clone(), first.record_type);
            self.put(&name, record_type, members(group, health));
            group.clear();
        }
    }

    /// A zone with nothing but its apex.
    pub fn empty(id: Arc<str>, name: Name) -> Zone {
        let depth = name.labels().count();
        let mut nodes = NameTable::default();
        nodes.insert(Arc::new(Node { name: name.clone(), children: 0, sets: Box::default() }));
        Zone { id, name, depth, nodes, cuts: 0, negative: None }
    }

    /// The hosted zone's id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The apex.
    pub fn apex(&self) -> &Name {
        &self.name
    }

    /// How many names exist, with empty non-terminals.
    pub fn names(&self) -> usize {
        self.nodes.len()
    }

    /// The `SOA` for negative answers: its TTL is the lesser of its own and its last field (RFC 2308, section 3).
    pub fn negative(&self) -> Option<&Rrset> {
        self.negative.as_deref()
    }

    /// Makes `sets` all there is for a name and type; none deletes them.
    pub fn replace(&mut self, name: &Name, record_type: RecordType, sets: &[RecordSet], health: &Health) {
        self.put(name, record_type, members(sets, health));
    }

    /// A name that exists as a node, without regard to delegations and wildcards.
    pub fn exact(&self, name: &Folded) -> Option<&Node> {
        self.nodes.get(name, 0).map(Arc::as_ref)
    }

    /// What the zone has for a name within it.
    pub fn find(&self, name: &Folded) -> Found<'_> {
        if self.cuts > 0
            && let Some(cut) = self.cut_above(name)
        {
            return cut;
        }
        if let Some(node) = self.nodes.get(name, 0) {
            return Found::Node { node, synthesised: false };
        }
        // RFC 4592, section 3.3.1: only the closest encloser's own wildcard applies.
        let above = name.depth().saturating_sub(self.depth);
        for skip in 1..=above {
            if self.nodes.get(name, skip).is_some() {
                return match self.nodes.wildcard(name, skip) {
                    Some(node) => Found::Node { node, synthesised: true },
                    None => Found::Nothing,
                };
            }
        }
        Found::Nothing
    }

    /// The highest delegation at or above a name, below the apex.
    fn cut_above(&self, name: &Folded) -> Option<Found<'_>> {
        let below_apex = name.depth().saturating_sub(self.depth);
        for skip in (0..below_apex).rev() {
            let node = self.nodes.get(name, skip)?;
            if node.is_cut(self) {
                return Some(Found::Cut { node, exact: skip == 0 });
            }
        }
        None
    }

    fn put(&mut self, name: &Name, record_type: RecordType, members: Arc<[Member]>) {
        if !name.is_within(&self.name) {
            return;
        }
        let Some(folded) = Folded::new(name.as_wire()) else { return };
        let old = self.nodes.get(&folded, 0).cloned();
        if old.is_none() && members.is_empty() {
            return;
        }
        if *name == self.name && record_type == RecordType::SOA {
            self.negative = negative(&members);
        }
        let mut node = match &old {
            Some(node) => Node::clone(node),
            None => Node { name: name.clone(), children: 0, sets: Box::default() },
        };
        let was_cut = node.is_cut(self);
        let mut sets = std::mem::take(&mut node.sets).into_vec();
        sets.retain(|set| set.record_type != record_type);
        if !members.is_empty() {
            sets.push(Set { record_type, members });
            sets.sort_by_key(|set| set.record_type);
        }
        node.sets = sets.into_boxed_slice();
        self.cuts = self.cuts + usize::from(node.is_cut(self)) - usize::from(was_cut);
        let vanishes = node.sets.is_empty() && node.children == 0 && *name != self.name;
        if vanishes {
            self.nodes.remove(&folded);
            self.count_child(name.parent(), false);
        } else {
            self.nodes.insert(Arc::new(node));
            if old.is_none() {
                self.count_child(name.parent(), true);
            }
        }
    }

    /// Counts a child more or less at `name`, which comes into being or vanishes with it.
    fn count_child(&mut self, mut name: Option<Name>, more: bool) {
        while let Some(current) = name {
            let Some(folded) = Folded::new(current.as_wire()) else { return };
            let existing = self.nodes.get(&folded, 0).cloned();
            let is_new = existing.is_none();
            let mut node = match existing {
                Some(node) => Node::clone(&node),
                None => Node { name: current.clone(), children: 0, sets: Box::default() },
            };
            node.children =
                if more { node.children.saturating_add(1) } else { node.children.saturating_sub(1) };
            let vanishes = node.sets.is_empty() && node.children == 0 && current != self.name;
            if vanishes {
                self.nodes.remove(&folded);
            } else {
                self.nodes.insert(Arc::new(node));
            }
            if current == self.name || !(is_new || vanishes) {
                return;
            }
            name = current.parent();
        }
    }
}

impl Node {
    /// Whether this is a delegation: `NS` below the apex. A wildcard delegates nothing (RFC 4592, section 4.2).
    fn is_cut(&self, zone: &Zone) -> bool {
        self.set(RecordType::NS).is_some() && self.name != zone.name && !self.name.is_wildcard()
    }
}

fn members(group: &[RecordSet], health: &Health) -> Arc<[Member]> {
    group
        .iter()
        .map(|set| Member {
            identifier: set.identifier.clone(),
            routing: set.routing.clone(),
            health: set.health_check.as_ref().map(|id| (Arc::clone(id), health.flag(id))),
            source: match &set.content {
                Content::Records { ttl, data } => Source::Records(Rrset::new(set.record_type, *ttl, data)),
                Content::Alias(alias) => Source::Alias(Box::new(alias.clone())),
            },
        })
        .collect()
}

/// The apex's `SOA` with the TTL of negative answers.
fn negative(members: &[Member]) -> Option<Arc<Rrset>> {
    let Source::Records(soa) = &members.first()?.source else { return None };
    let data = soa.records().next()?.data;
    let minimum = data.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))?;
    let data = Rdata::from_wire(data).ok()?;
    Some(Arc::new(Rrset::new(RecordType::SOA, soa.ttl().min(minimum), &[data])))
}
