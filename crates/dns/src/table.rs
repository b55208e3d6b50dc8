//! A persistent table of names: cheap to clone, cheap to change, one allocation per name.
//!
//! Slots are spread by hash over shards of a few slots, shards over groups. A clone copies a list of group pointers; a change
//! to a clone copies one group and one shard, so a record change in a zone of a million names copies some hundred pointers and
//! readers of the old table see nothing of it.

use std::sync::Arc;

use crate::folded::Folded;

/// Something with a name.
pub trait Named {
    /// The name in lower-case wire form.
    fn name(&self) -> &[u8];
}

/// Shards in a group.
const GROUP: usize = 256;
/// Mean slots of a shard before the table spreads out.
const CROWDED: usize = 4;

type Shard<T> = Vec<(u64, Arc<T>)>;

/// Values by their name.
#[derive(Debug)]
pub struct NameTable<T> {
    groups: Vec<Arc<Vec<Arc<Shard<T>>>>>,
    length: usize,
}

impl<T> Clone for NameTable<T> {
    fn clone(&self) -> Self {
        NameTable { groups: self.groups.clone(), length: self.length }
    }
}

impl<T> Default for NameTable<T> {
    fn default() -> Self {
        NameTable { groups: groups(1), length: 0 }
    }
}

impl<T: Named> NameTable<T> {
    /// How many names there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The value whose name is a suffix of `name`, after `skip` labels.
    pub fn get(&self, name: &Folded, skip: usize) -> Option<&Arc<T>> {
        let wanted = name.suffix(skip);
        self.find(name.hash(skip), |candidate| candidate == wanted)
    }

    /// The value whose name is `*` in front of a suffix of `name`.
    pub fn wildcard(&self, name: &Folded, skip: usize) -> Option<&Arc<T>> {
        let wanted = name.suffix(skip);
        self.find(name.wildcard_hash(skip), |candidate| candidate.strip_prefix(b"\x01*") == Some(wanted))
    }

    fn find(&self, hash: u64, same: impl Fn(&[u8]) -> bool) -> Option<&Arc<T>> {
        let (group, shard) = self.place(hash);
        let slots = self.groups.get(group)?.get(shard)?;
        slots.iter().find(|(other, value)| *other == hash && same(value.name())).map(|(_, value)| value)
    }

    /// Puts `value` under its name, which must be a valid one, and returns what was there.
    pub fn insert(&mut self, value: Arc<T>) -> Option<Arc<T>> {
        let hash = Folded::new(value.name())?.hash(0);
        if self.length >= self.groups.len() * GROUP * CROWDED {
            self.spread();
        }
        let slots = self.shard_mut(hash)?;
        if let Some(slot) = slots.iter_mut().find(|(other, old)| *other == hash && old.name() == value.name())
        {
            return Some(std::mem::replace(&mut slot.1, value));
        }
        slots.reserve_exact(1);
        slots.push((hash, value));
        self.length += 1;
        None
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &Folded) -> Option<Arc<T>> {
        let hash = name.hash(0);
        let slots = self.shard_mut(hash)?;
        let at = slots.iter().position(|(other, value)| *other == hash && value.name() == name.suffix(0))?;
        let (_, value) = slots.swap_remove(at);
        self.length -= 1;
        Some(value)
    }

    fn place(&self, hash: u64) -> (usize, usize) {
        // The number of groups is a power of two; the shard comes from other bits than the group.
        let group = (hash >> 40) as usize & (self.groups.len() - 1);
        (group, (hash >> 32) as usize & (GROUP - 1))
    }

    fn shard_mut(&mut self, hash: u64) -> Option<&mut Shard<T>> {
        let (group, shard) = self.place(hash);
        let group = Arc::make_mut(self.groups.get_mut(group)?);
        group.get_mut(shard).map(Arc::make_mut)
    }

    /// Quadruples the shards.
    fn spread(&mut self) {
        let wider = groups(self.groups.len() * 4);
        let old = std::mem::replace(&mut self.groups, wider);
        for group in old {
            for (hash, value) in group.iter().flat_map(|shard| shard.iter()) {
                if let Some(slots) = self.shard_mut(*hash) {
                    slots.push((*hash, Arc::clone(value)));
                }
            }
        }
    }
}

/// Groups of empty shards: the same one everywhere until something is put into it, as most zones have few names.
fn groups<T>(count: usize) -> Vec<Arc<Vec<Arc<Shard<T>>>>> {
    let shard = Arc::new(Vec::new());
    let group = Arc::new(vec![shard; GROUP]);
    vec![group; count]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Entry(Vec<u8>, u32);

    impl Named for Entry {
        fn name(&self) -> &[u8] {
            &self.0
        }
    }

    fn entry(number: u32) -> Entry {
        let label = format!("host{number}");
        Entry([&[label.len() as u8], label.as_bytes(), b"\0"].concat(), number)
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut table = NameTable::default();
        for number in 0..20_000 {
            assert!(table.insert(Arc::new(entry(number))).is_none());
        }
        let old = table.clone();
        for number in (0..20_000).step_by(3) {
            let name = Folded::new(&entry(number).0).expect("a name");
            assert_eq!(table.remove(&name).expect("is there").1, number);
        }
        assert_eq!((old.len(), table.len()), (20_000, 13_333));
        for number in 0..20_000 {
            let name = Folded::new(&entry(number).0).expect("a name");
            assert_eq!(old.get(&name, 0).map(|entry| entry.1), Some(number));
            assert_eq!(table.get(&name, 0).is_some(), number % 3 != 0);
        }
    }
}
