//! Linux's `jhash` (`include/linux/jhash.h`): Bob Jenkins' lookup3, which nftables spreads flows with.
//!
//! Words are read with the lowest byte first, as the kernel does on every machine that we run on.

const INITIAL: u32 = 0xdead_beef;

/// The hash of a key.
pub(crate) fn jhash(key: &[u8], seed: u32) -> u32 {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let start = INITIAL.wrapping_add(length).wrapping_add(seed);
    let mut state = [start; 3];
    let mut rest = key;
    // The last block, even a full one, is mixed differently.
    while rest.len() > 12 {
        let (block, after) = rest.split_at(12);
        add(&mut state, block);
        mix(&mut state);
        rest = after;
    }
    if rest.is_empty() {
        return start;
    }
    add(&mut state, rest);
    finish(&mut state);
    state[2]
}

/// Adds up to twelve bytes; those that lack count as zero.
fn add(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks(4)) {
        let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        *word = word.wrapping_add(value);
    }
}

fn mix([a, b, c]: &mut [u32; 3]) {
    fn step(x: &mut u32, y: &u32, z: &mut u32, by: u32) {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(by);
        *z = z.wrapping_add(*y);
    }
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    fn step(x: &mut u32, y: &u32, by: u32) {
        *x = (*x ^ *y).wrapping_sub(y.rotate_left(by));
    }
    step(c, b, 14);
    step(a, c, 11);
    step(b, a, 25);
    step(c, b, 16);
    step(a, c, 4);
    step(b, a, 14);
    step(c, b, 24);
}

#[cfg(test)]
mod tests {
    use super::jhash;

    /// From `lookup3.c`, whose `hashlittle` is the same function: `driver5`.
    #[test]
    fn known_answers() {
        let text = b"Four score and seven years ago";
        assert_eq!(jhash(b"", 0), 0xdead_beef);
        assert_eq!(jhash(b"", 0xdead_beef), 0xbd5b_7dde);
        assert_eq!(jhash(text, 0), 0x1777_0551);
        assert_eq!(jhash(text, 1), 0xcd62_8161);
    }
}
