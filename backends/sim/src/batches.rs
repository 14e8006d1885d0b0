//! The simulated records of batches, and the callbacks that they owe.

use std::collections::BTreeMap;

use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Counts, NewBatch, Outgoing, Owed, PortError},
};

/// How long a process that was given a callback has to send it before another process is given it.
const HANDED_MS: u64 = 30_000;

/// The records of batches.
#[derive(Debug, Default)]
pub(super) struct BatchBook {
    batches: BTreeMap<BatchId, Entry>,
    /// In the order in which they were opened.
    order: Vec<BatchId>,
}

#[derive(Debug)]
struct Entry {
    record: BatchRecord,
    counts: Counts,
    callback: Option<Outgoing>,
    /// When the callback was last given to a process; 0 if it is owed and never was.
    owed_ms: Option<u64>,
}

/// The position of a batch's mark relative to some sent calls.
pub(super) enum Mark {
    /// Before the last of them.
    Behind(u64),
    /// They are accepted already.
    There,
}

impl BatchBook {
    /// Opens a batch, unless its id exists. Returns its record without the verdicts of unfinished parcels.
    pub(super) fn open(&mut self, batch: NewBatch) -> BatchRecord {
        let entry = self.batches.entry(batch.id).or_insert_with(|| {
            self.order.push(batch.id);
            Entry { record: batch.record(), counts: Counts::default(), callback: batch.callback, owed_ms: None }
        });
        entry.record.clone()
    }

    /// Compares the mark of a batch with these calls.
    pub(super) fn mark(&self, id: BatchId, from: u64, upto: u64) -> Result<Mark, PortError> {
        let record = &self.batches.get(&id).ok_or_else(|| unknown(id))?.record;
        let refused = |what: &str| Err(PortError::Refused { what: format!("batch {id}: {what}") });
        if upto <= record.accepted {
            Ok(Mark::There)
        } else if record.closed {
            refused("it is closed")
        } else if from > record.accepted {
            refused("calls before these are not accepted")
        } else {
            Ok(Mark::Behind(record.accepted))
        }
    }

    /// Moves the mark.
    pub(super) fn accepted(&mut self, id: BatchId, from: u64, upto: u64) -> Result<(), PortError> {
        if let (Mark::Behind(_), Some(entry)) = (self.mark(id, from, upto)?, self.batches.get_mut(&id)) {
            entry.record.accepted = upto;
        }
        Ok(())
    }

    /// Closes a batch.
    pub(super) fn close(&mut self, id: BatchId, now_ms: u64) -> Result<Option<Owed>, PortError> {
        let entry = self.batches.get_mut(&id).ok_or_else(|| unknown(id))?;
        entry.record.closed = true;
        entry.complete(now_ms);
        Ok(self.hand_out(id, now_ms))
    }

    /// Revokes a batch, or lifts the revocation. Returns whether the batch exists.
    pub(super) fn set_revoked(&mut self, id: BatchId, revoked: bool) -> bool {
        self.batches.get_mut(&id).map(|entry| entry.record.revoked = revoked).is_some()
    }

    /// Whether a batch is revoked.
    pub(super) fn is_revoked(&self, id: BatchId) -> bool {
        self.batches.get(&id).is_some_and(|entry| entry.record.revoked)
    }

    /// Adds the verdicts of a finished parcel, or those of retried calls, which are negative.
    pub(super) fn count(&mut self, id: BatchId, counts: Counts, now_ms: u64) {
        if let Some(entry) = self.batches.get_mut(&id) {
            entry.counts = entry.counts + counts;
            entry.complete(now_ms);
        }
    }

    /// A batch becomes unfinished, unless its calls have already ended once more.
    pub(super) fn reopen(&mut self, id: BatchId, counts: Counts, now_ms: u64) {
        if let Some(entry) = self.batches.get_mut(&id) {
            entry.record.finished_ms = None;
        }
        self.count(id, counts, now_ms);
    }

    /// Gives out the callback that a batch owes, if there is one.
    pub(super) fn hand_out(&mut self, id: BatchId, now_ms: u64) -> Option<Owed> {
        let entry = self.batches.get_mut(&id).filter(|entry| entry.owed_ms.is_some())?;
        entry.owed_ms = Some(now_ms);
        entry.callback.clone().map(|message| Owed { batch: id, message })
    }

    /// The callbacks whose last process had enough time to send them.
    pub(super) fn owed(&self, now_ms: u64) -> Vec<Owed> {
        let late = |entry: &&Entry| entry.owed_ms.is_some_and(|owed_ms| owed_ms + HANDED_MS <= now_ms);
        let entries = self.batches.values().filter(late);
        entries.filter_map(|entry| Some(Owed { batch: entry.record.id, message: entry.callback.clone()? })).collect()
    }

    /// Whether any callback is owed.
    pub(super) fn owes(&self) -> bool {
        self.batches.values().any(|entry| entry.owed_ms.is_some())
    }

    /// Removes a callback that was sent.
    pub(super) fn paid(&mut self, id: BatchId) {
        if let Some(entry) = self.batches.get_mut(&id).filter(|entry| entry.owed_ms.is_some()) {
            (entry.callback, entry.owed_ms) = (None, None);
        }
    }

    /// A batch's record, with the verdicts of unfinished parcels.
    pub(super) fn get(&self, id: BatchId, unfinished: impl FnOnce() -> Counts) -> Option<BatchRecord> {
        let entry = self.batches.get(&id)?;
        Some(BatchRecord { tally: (entry.counts + unfinished()).tally(), ..entry.record.clone() })
    }

    /// The newest batches.
    pub(super) fn newest(&self, limit: usize) -> Vec<BatchId> {
        self.order.iter().rev().take(limit).copied().collect()
    }
}

impl Entry {
    fn complete(&mut self, now_ms: u64) {
        let record = &mut self.record;
        if record.finished_ms.is_none() && record.closed && self.counts.ended() >= record.accepted.cast_signed() {
            record.finished_ms = Some(now_ms);
            if self.callback.is_some() && self.owed_ms.is_none() {
                self.owed_ms = Some(0);
            }
        }
    }
}

fn unknown(id: BatchId) -> PortError {
    PortError::Refused { what: format!("there is no batch {id}: open it first") }
}
