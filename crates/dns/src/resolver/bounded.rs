//! A map with bounded entries and bytes, in shards; what has not been used for longest is about what goes first.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::folded::hash;

/// Shards, so that serving threads seldom meet.
const SHARDS: usize = 64;
/// Bytes that an entry takes beside its key and value, about.
const OVERHEAD: usize = 96;

/// Values by key. Reading marks an entry as used; a full shard evicts the next one that was not used since the hand last passed
/// (the "clock" or "second chance" rule).
#[derive(Debug)]
pub(super) struct Bounded<V> {
    shards: Box<[Mutex<Shard<V>>]>,
}

#[derive(Debug)]
struct Shard<V> {
    places: HashMap<Box<[u8]>, usize>,
    slots: Vec<Option<Slot<V>>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    most_entries: usize,
    most_bytes: usize,
}

#[derive(Debug)]
struct Slot<V> {
    key: Box<[u8]>,
    value: V,
    bytes: usize,
    used: bool,
}

impl<V: Clone> Bounded<V> {
    /// Holds at most `entries` of about `bytes` together.
    pub(super) fn new(entries: usize, bytes: usize) -> Self {
        let shard = || {
            Mutex::new(Shard {
                places: HashMap::new(),
                slots: Vec::new(),
                free: Vec::new(),
                hand: 0,
                bytes: 0,
                most_entries: (entries / SHARDS).max(1),
                most_bytes: (bytes / SHARDS).max(1),
            })
        };
        Bounded { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<V> {
        self.with(key, |shard| {
            let place = *shard.places.get(key)?;
            let slot = shard.slots.get_mut(place)?.as_mut()?;
            slot.used = true;
            Some(slot.value.clone())
        })
    }

    /// Puts a value of about `bytes` bytes; it replaces the key's other one. What is larger than a shard is not kept.
    pub(super) fn put(&self, key: &[u8], value: V, bytes: usize) {
        let bytes = bytes + key.len() + OVERHEAD;
        self.with(key, |shard| {
            shard.remove(key);
            if bytes > shard.most_bytes {
                return;
            }
            while shard.bytes + bytes > shard.most_bytes || shard.places.len() >= shard.most_entries {
                shard.evict();
            }
            let place = shard.free.pop().unwrap_or(shard.slots.len());
            let slot = Some(Slot { key: key.into(), value, bytes, used: false });
            match shard.slots.get_mut(place) {
                Some(free) => *free = slot,
                None => shard.slots.push(slot),
            }
            shard.places.insert(key.into(), place);
            shard.bytes += bytes;
        });
    }

    /// Takes a key out.
    pub(super) fn remove(&self, key: &[u8]) {
        self.with(key, |shard| shard.remove(key));
    }

    /// Takes everything out.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (shard.places, shard.slots, shard.free) = Default::default();
            (shard.hand, shard.bytes) = (0, 0);
        }
    }

    fn with<T: Default>(&self, key: &[u8], act: impl FnOnce(&mut Shard<V>) -> T) -> T {
        // Within a shard keys are hashed with a secret, so that nothing is won by choosing names for one shard but a smaller cache
        // for those names.
        let place = (hash(key) >> 32) as usize % self.shards.len().max(1);
        let Some(shard) = self.shards.get(place) else { return T::default() };
        act(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V> Shard<V> {
    fn remove(&mut self, key: &[u8]) {
        let Some(place) = self.places.remove(key) else { return };
        if let Some(slot) = self.slots.get_mut(place).and_then(Option::take) {
            self.bytes -= slot.bytes;
            self.free.push(place);
        }
    }

    /// Takes one entry out; the shard is not empty.
    fn evict(&mut self) {
        // The hand goes round twice at most: the first time it takes the marks away.
        for _ in 0..=2 * self.slots.len() {
            let place = self.hand;
            self.hand = if place + 1 >= self.slots.len() { 0 } else { place + 1 };
            match self.slots.get_mut(place) {
                Some(Some(slot)) if slot.used => slot.used = false,
                Some(Some(slot)) => {
                    let key = std::mem::take(&mut slot.key);
                    self.remove(&key);
                    return;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_bytes_are_bounded() {
        let map: Bounded<u32> = Bounded::new(SHARDS * 4, SHARDS * 4_000);
        (0..100_000u32).for_each(|number| map.put(&number.to_be_bytes(), number, 100));
        let held = map.shards.iter().map(|shard| {
            let shard = shard.lock().expect("a shard");
            assert!(shard.places.len() <= 4 && shard.bytes <= 4_000 && shard.slots.len() <= 4);
            shard.places.len()
        });
        assert!(held.sum::<usize>() > SHARDS * 3);
        map.put(b"huge", 1, 1 << 20);
        assert_eq!(map.get(b"huge"), None);
    }

    #[test]
    fn what_is_used_stays() {
        let map: Bounded<u32> = Bounded::new(SHARDS * 8, usize::MAX);
        map.put(b"used", 7, 1);
        for number in 0..10_000u32 {
            map.put(&number.to_be_bytes(), number, 1);
            assert_eq!(map.get(b"used"), Some(7), "after {number}");
        }
        map.put(b"used", 8, 1);
        assert_eq!(map.get(b"used"), Some(8));
        map.remove(b"used");
        assert_eq!(map.get(b"used"), None);
        map.clear();
        assert_eq!(map.get(&9_999u32.to_be_bytes()), None);
    }
}
