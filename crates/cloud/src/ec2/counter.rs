//! Numbers that are drawn from counters, so that what was just released is reused last.

use enishi_state::Tx;
use enishi_state::ec2::{Counter, CounterKey};

/// The next number of the counter `name`, from 0.
pub(crate) fn draw(tx: &mut Tx<'_>, name: &str) -> u64 {
    let name = CounterKey::new(name);
    let next = tx.world().get::<Counter>(&name).map_or(0, |counter| counter.next);
    tx.put(Counter { name, next: next.wrapping_add(1) });
    next
}

/// A slot of the counter `name` that is not `taken`: the next number modulo 2^32.
pub(crate) fn draw_slot(tx: &mut Tx<'_>, name: &str) -> u32 {
    // 2^32 slots are never taken at once, and the counter takes longer to come round than a slot lives.
    let next = draw(tx, name) & u64::from(u32::MAX);
    u32::try_from(next).unwrap_or(u32::MAX)
}

/// The lowest number from `first` on that none of `taken` is.
pub(crate) fn lowest_free(first: u32, taken: impl Iterator<Item = u32>) -> u32 {
    let mut taken: Vec<u32> = taken.filter(|slot| *slot >= first).collect();
    taken.sort_unstable();
    taken.dedup();
    let gap = taken.iter().zip(first..).find(|(slot, expected)| **slot != *expected);
    match gap {
        Some((_, expected)) => expected,
        None => first.saturating_add(u32::try_from(taken.len()).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::lowest_free;

    #[test]
    fn the_lowest_free_number_fills_gaps() {
        assert_eq!(lowest_free(1, [].into_iter()), 1);
        assert_eq!(lowest_free(1, [1, 2, 3].into_iter()), 4);
        assert_eq!(lowest_free(1, [3, 1].into_iter()), 2);
        assert_eq!(lowest_free(0, [1].into_iter()), 0);
    }
}
