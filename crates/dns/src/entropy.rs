//! Randomness as an argument: fast, seeded, no secret.

/// A generator of numbers for weighted choices and the order of records (xorshift64*).
#[derive(Debug, Clone)]
pub struct Entropy(u64);

impl Entropy {
    /// The same seed gives the same choices.
    pub fn seeded(seed: u64) -> Self {
        Entropy(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    /// A number from 0 up to, not including, `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * u64::from(bound)) >> 32) as u32
    }
}
