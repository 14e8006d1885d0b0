//! The source of all randomness in a simulation, from one seed.

/// A stream of random bits that is the same for the same seed (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The stream of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next_u64() % (to.saturating_sub(from) + 1)
    }

    /// Whether an event with this chance in a million happens. Draws nothing for a chance of zero.
    pub fn happens(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.next_u64() % 1_000_000 < u64::from(per_million)
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.next_u64() as usize % of.len()]
    }

    /// A number from `-most` to `most`, both included.
    pub fn around_zero(&mut self, most: u64) -> i64 {
        self.between(0, 2 * most).cast_signed() - most.cast_signed()
    }

    /// Another stream, which is independent of later draws from this one.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.next_u64())
    }
}
