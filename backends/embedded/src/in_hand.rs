//! Taken messages that are not handed over yet.

use super::{
    messages::{self, Taken},
    writer::{Cost, Errands},
};

/// Messages that were taken for a receive. If this is dropped before the answer, as when a program stops, they are put
/// back as if untouched.
pub(super) struct InHand {
    taken: Vec<Taken>,
    taken_ms: u64,
    errands: Errands,
}

impl InHand {
    pub(super) fn new(taken: Vec<Taken>, taken_ms: u64, errands: Errands) -> Self {
        Self { taken, taken_ms, errands }
    }

    pub(super) fn messages(&self) -> &[Taken] {
        &self.taken
    }

    /// Hands them over.
    pub(super) fn release(mut self) -> Vec<Taken> {
        std::mem::take(&mut self.taken)
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if self.taken.is_empty() {
            return;
        }
        let (taken, taken_ms) = (std::mem::take(&mut self.taken), self.taken_ms);
        self.errands.post(Cost::VOLATILE, move |tx| {
            taken.iter().try_for_each(|message| messages::put_back(tx, message, taken_ms))
        });
    }
}
