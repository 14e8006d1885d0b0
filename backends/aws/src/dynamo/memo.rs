//! Caches constant values, so that they are not read again.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// The most entries of each of the two generations.
const GENERATION: usize = 4096;

/// A map that forgets: when the young generation is full, the old one is dropped.
pub(super) struct Memo<K, V>(Mutex<[HashMap<K, V>; 2]>);

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new([HashMap::new(), HashMap::new()]))
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.iter().find_map(|generation| generation.get(key)).cloned()
    }

    pub(super) fn put(&self, key: K, value: V) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if generations[0].len() >= GENERATION {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_the_oldest_forgotten() {
        let memo = Memo::new();
        let count = 3 * GENERATION;
        (0..count).for_each(|at| memo.put(at, at));
        assert_eq!(memo.get(&(count - GENERATION)), Some(count - GENERATION));
        assert_eq!(memo.get(&0), None);
    }
}
