//! Cuts a sequence of items into portions of limited count and bytes, such as the sends of a client and the batches of
//! a service.

use std::iter;

/// The limits of one portion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// The most items.
    pub items: usize,
    /// The most bytes of all items together.
    pub bytes: usize,
}

/// Cuts items into portions, in their order. An item that exceeds the byte limit gets a portion of its own. The
/// iterator reads one item beyond the portion that it returns, and no more.
pub fn portions<T>(
    items: impl IntoIterator<Item = T>,
    most: Most,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut items = items.into_iter().peekable();
    iter::from_fn(move || {
        let first = items.next()?;
        let mut taken = bytes(&first);
        let mut portion = vec![first];
        while portion.len() < most.items
            && let Some(item) = items.next_if(|item| taken.saturating_add(bytes(item)) <= most.bytes)
        {
            taken += bytes(&item);
            portion.push(item);
        }
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sizes: &[usize], most: Most) -> Vec<usize> {
        portions(sizes, most, |size| **size).map(|portion| portion.len()).collect()
    }

    #[test]
    fn a_portion_is_full_by_count_or_by_bytes() {
        let most = Most { items: 10, bytes: 1 << 20 };
        assert_eq!(cut(&[100; 25], most), [10, 10, 5]);
        assert_eq!(cut(&[250_000; 9], most), [4, 4, 1]);
        assert_eq!(cut(&[], most), [0; 0]);
    }

    #[test]
    fn an_item_that_is_too_large_for_a_portion_goes_alone() {
        assert_eq!(cut(&[3, 9, 9, 3, 5], Most { items: 10, bytes: 8 }), [1, 1, 1, 2]);
    }

    #[test]
    fn reads_one_item_ahead() {
        let mut read = 0;
        let mut cut = portions((0..100).inspect(|_| read += 1), Most { items: 100, bytes: 2 }, |_| 1);
        assert_eq!(cut.next(), Some(vec![0, 1]));
        drop(cut);
        assert_eq!(read, 3);
    }
}
