//! Chance for choices and identifiers. Nothing secret comes from here.

/// Pseudo-random numbers (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers that follow from a seed.
    pub fn new(seed: u64) -> Self {
        Random(seed | 1)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Bytes that do not repeat, for encryption: a random beginning and a counter would need a place to count.
    pub fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = [0; 12];
        let numbers = self.number().to_be_bytes().into_iter().chain(self.number().to_be_bytes());
        nonce.iter_mut().zip(numbers).for_each(|(byte, random)| *byte = random);
        nonce
    }

    /// A number below `count`, which is at least 1.
    pub fn below(&mut self, count: usize) -> usize {
        let wide = u128::from(self.number()) * count as u128;
        usize::try_from(wide >> 64).unwrap_or_default()
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}
