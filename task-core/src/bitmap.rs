//! One bit for each call of a parcel, in the parcel's order.

use serde::{Deserialize, Serialize};

/// A set of positions in a parcel. Positions past its last byte are not in the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bitmap(#[serde(with = "serde_bytes")] Vec<u8>);

impl Bitmap {
    /// The empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The positions from 0 up to but not including `count`.
    pub fn full(count: u32) -> Self {
        (0..count).collect()
    }

    /// Adds a position. Returns whether it was new.
    pub fn insert(&mut self, position: u32) -> bool {
        let byte = (position / 8) as usize;
        if byte >= self.0.len() {
            self.0.resize(byte + 1, 0);
        }
        let new = self.0[byte] & (1 << (position % 8)) == 0;
        self.0[byte] |= 1 << (position % 8);
        new
    }

    /// Whether a position is in the set.
    pub fn contains(&self, position: u32) -> bool {
        self.0.get((position / 8) as usize).is_some_and(|byte| byte & (1 << (position % 8)) != 0)
    }

    /// The number of positions in the set.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|byte| byte.count_ones()).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// The positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.0.len() as u32 * 8).filter(|position| self.contains(*position))
    }

    /// The bytes: position `p` is bit `p % 8` of byte `p / 8`, counted from the lowest bit.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The set with these bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(positions: I) -> Self {
        let mut bitmap = Self::new();
        for position in positions {
            bitmap.insert(position);
        }
        bitmap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let set: Bitmap = [0, 7, 8, 4000].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 7, 8, 4000]);
        assert_eq!(set.len(), 4);
        assert!(!set.contains(1) && !set.contains(100_000));
        assert_eq!(Bitmap::from_bytes(set.as_bytes()), set);
    }
}
