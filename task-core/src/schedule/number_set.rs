//! A set of small numbers, such as the minutes of a cron.

use std::ops::{BitAnd, BitOr};

/// A set of numbers below 64, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NumberSet(u64);

impl NumberSet {
    pub(super) fn insert(&mut self, number: u32) {
        self.0 |= 1 << number;
    }

    pub(super) fn contains(self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn first(self) -> Option<u32> {
        (self.0 != 0).then(|| self.0.trailing_zeros())
    }

    pub(super) fn last(self) -> Option<u32> {
        self.0.checked_ilog2()
    }

    /// Its numbers from this one on.
    pub(super) fn at_least(self, number: u32) -> Self {
        Self(self.0 & (u64::MAX << number))
    }

    /// Its numbers below this one.
    pub(super) fn below(self, number: u32) -> Self {
        Self(self.0 & !(u64::MAX << number))
    }

    /// Its numbers in ascending order.
    pub(super) fn iter(self) -> impl DoubleEndedIterator<Item = u32> {
        (0..u64::BITS).filter(move |number| self.contains(*number))
    }
}

impl Extend<u32> for NumberSet {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, numbers: I) {
        for number in numbers {
            self.insert(number);
        }
    }
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        set.extend(numbers);
        set
    }
}

impl BitAnd for NumberSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for NumberSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_the_numbers_on_one_side() {
        let set: NumberSet = [0, 7, 59, 63].into_iter().collect();
        assert_eq!((set.first(), set.last(), set.len()), (Some(0), Some(63), 4));
        assert_eq!(set.at_least(7).iter().collect::<Vec<_>>(), [7, 59, 63]);
        assert_eq!(set.at_least(8).first(), Some(59));
        assert_eq!(set.below(7).iter().collect::<Vec<_>>(), [0]);
        assert_eq!(set.below(60).last(), Some(59));
        assert_eq!((set.below(0).first(), set.below(0).last()), (None, None));
    }
}
