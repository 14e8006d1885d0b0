//! Messages between being taken and being handed over.

use super::{
    messages::{self, Taken},
    writer::{Cost, Errands},
};

/// Messages that were taken for a receive. If it is dropped before it is answered, as a program does that stops, they
/// are put back as if they had not been touched.
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
