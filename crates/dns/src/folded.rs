//! A query's name, folded to lower case, with the hash of each of its suffixes.

/// Bytes of the longest name (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 255;
/// Labels of the longest name, with the root.
const MOST_LABELS: usize = 128;
/// An odd number with well-mixed bits: the golden ratio times 2^64.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A name in lower-case wire form, ready for look-ups: suffix 0 is the name itself, suffix `depth()` is the root.
///
/// The hash of a suffix is made from that of the next shorter one, so all of them cost one pass over the name, and a name of
/// 127 labels costs no more than a long one of two.
#[derive(Clone)]
pub struct Folded {
    wire: [u8; LONGEST_NAME],
    length: usize,
    starts: [u8; MOST_LABELS],
    hashes: [u64; MOST_LABELS],
    depth: usize,
}

impl Folded {
    /// Room for a name, to be filled by [`Folded::fold`]. It is large: whoever answers a query keeps one.
    pub fn empty() -> Self {
        Folded {
            wire: [0; LONGEST_NAME],
            length: 0,
            starts: [0; MOST_LABELS],
            hashes: [0; MOST_LABELS],
            depth: 0,
        }
    }

    /// Folds one uncompressed name that fills `wire` exactly; nothing for other bytes.
    pub fn new(wire: &[u8]) -> Option<Self> {
        let mut folded = Folded::empty();
        folded.fold(wire)?;
        Some(folded)
    }

    /// Folds another name in place. What is kept is of no use when `wire` is not exactly one name.
    pub fn fold(&mut self, wire: &[u8]) -> Option<()> {
        self.depth = 0;
        self.length = wire.len();
        let target = self.wire.get_mut(..wire.len())?;
        target.copy_from_slice(wire);
        // Length bytes are below 64 and so stay as they are.
        target.make_ascii_lowercase();
        let mut position = 0;
        loop {
            let length = usize::from(*wire.get(position)?);
            if length > 63 {
                return None;
            }
            *self.starts.get_mut(self.depth)? = position as u8;
            position += 1 + length;
            if length == 0 {
                break;
            }
            self.depth += 1;
        }
        if position != wire.len() {
            return None;
        }
        let mut hash = MULTIPLIER;
        *self.hashes.get_mut(self.depth)? = hash;
        for suffix in (0..self.depth).rev() {
            hash = extend(hash, self.label(suffix));
            *self.hashes.get_mut(suffix)? = hash;
        }
        Some(())
    }

    /// How many labels the name has, without the root.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The name without its first `skip` labels.
    pub fn suffix(&self, skip: usize) -> &[u8] {
        let start = usize::from(self.starts.get(skip).copied().unwrap_or_default());
        self.wire.get(start..self.length).unwrap_or_default()
    }

    /// The hash of [`Folded::suffix`].
    pub fn hash(&self, skip: usize) -> u64 {
        self.hashes.get(skip).copied().unwrap_or_default()
    }

    /// The hash of `*` in front of a suffix.
    pub fn wildcard_hash(&self, skip: usize) -> u64 {
        extend(self.hash(skip), b"*")
    }

    fn label(&self, index: usize) -> &[u8] {
        let start = usize::from(self.starts.get(index).copied().unwrap_or_default());
        let end = usize::from(self.starts.get(index + 1).copied().unwrap_or_default());
        self.wire.get(start + 1..end).unwrap_or_default()
    }
}

/// A hash of any bytes, well spread and of no secret.
pub fn hash(bytes: &[u8]) -> u64 {
    extend(MULTIPLIER, bytes)
}

/// The hash of a name that has one more label in front of one hashed before.
fn extend(hash: u64, label: &[u8]) -> u64 {
    let mut hash = mix(hash, label.len() as u64);
    for chunk in label.chunks(8) {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        hash = mix(hash, u64::from_le_bytes(word));
    }
    hash
}

fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64).rotate_left(23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_hash_as_names_do() {
        let long = Folded::new(b"\x03WwW\x07example\x03com\0").expect("a name");
        let short = Folded::new(b"\x07example\x03com\0").expect("a name");
        let wildcard = Folded::new(b"\x01*\x07example\x03com\0").expect("a name");
        assert_eq!(long.depth(), 3);
        assert_eq!(long.suffix(0), b"\x03www\x07example\x03com\0");
        assert_eq!(long.suffix(1), short.suffix(0));
        assert_eq!(long.hash(1), short.hash(0));
        assert_eq!(long.wildcard_hash(1), wildcard.hash(0));
        assert_eq!(long.suffix(3), b"\0");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wire in [b"".as_slice(), b"\x01a", b"\x00\x00", b"\xc0\x0c", b"\x40", &[1; 300]] {
            assert!(Folded::new(wire).is_none(), "{wire:?}");
        }
    }

    #[test]
    fn the_longest_name_fits() {
        let mut wire = b"\x01a".repeat(127);
        wire.push(0);
        assert_eq!(Folded::new(&wire).expect("255 bytes").depth(), 127);
    }
}
