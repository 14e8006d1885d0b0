//! The state of all simulated services, and the steps that involve several of them.

use std::collections::BTreeMap;

use super::{
    batches::{BatchBook, Mark},
    letters::{self, Letters},
    queue::Queues,
    rows::Rows,
};
use celeriac_core::{
    id::{BatchId, TaskId},
    ports::{
        Accept, BatchRecord, Checkpoint, Counts, DeadLetter, Finish, Outgoing, Owed, PortError, Record, Removal,
        RowState, Seal, Settling, Tally,
    },
};

/// The state of all services.
#[derive(Debug, Default)]
pub(super) struct Services {
    pub(super) queues: Queues,
    pub(super) rows: Rows,
    pub(super) batches: BatchBook,
    pub(super) letters: Letters,
    pub(super) schedules: BTreeMap<String, u64>,
}

impl Services {
    pub(super) fn send(&mut self, messages: &[Outgoing], now_ms: u64) {
        for message in messages {
            self.queues.put(message, now_ms);
        }
    }

    pub(super) fn checkpoint(&mut self, at: &Checkpoint, sent: u64, now_ms: u64) -> Result<(), PortError> {
        let written = self.rows.checkpoint(at, sent, &mut self.letters);
        self.note_replaced(now_ms);
        written
    }

    pub(super) fn seal(
        &mut self,
        parcel: celeriac_core::id::ParcelId,
        epoch: u64,
        record: &Record,
        seal: &Seal,
        now_ms: u64,
    ) -> Result<(), PortError> {
        let written = self.rows.seal(parcel, epoch, record, seal, &mut self.letters);
        self.note_replaced(now_ms);
        written
    }

    pub(super) fn finish(&mut self, finish: &Finish, now_ms: u64) -> Result<Option<Owed>, PortError> {
        let (batch, counts) = self.rows.finish(finish, &mut self.letters)?;
        self.note_replaced(now_ms);
        if let Some(counts) = counts {
            self.batches.count(batch, counts, now_ms);
        }
        Ok(self.batches.hand_out(batch, now_ms))
    }

    pub(super) fn batch(&self, id: BatchId) -> Option<BatchRecord> {
        self.batches.get(id, || self.rows.unfinished(id))
    }

    /// Removes a dead letter. Returns whether there was one of that death.
    pub(super) fn remove(&mut self, id: TaskId, died_ms: u64, removal: Removal, now_ms: u64) -> bool {
        let Some(letter) = self.letters.take(id, died_ms) else { return false };
        self.removed(letter, removal, now_ms);
        true
    }

    fn note_replaced(&mut self, now_ms: u64) {
        for letter in self.letters.replaced() {
            self.removed(letter, Removal::Retried, now_ms);
        }
    }

    fn removed(&mut self, letter: DeadLetter, removal: Removal, now_ms: u64) {
        let call = letter.id;
        if letter.counted && removal == Removal::Retried {
            self.batches.reopen(call.batch, -Counts::of(&Tally::one(letter.reason)), now_ms);
        }
        self.rows.note(call, letters::entry(letter, removal));
    }

    /// Sends parcels and moves the mark: both or neither. Returns whether it sent them.
    pub(super) fn accept(&mut self, accept: &Accept, now_ms: u64) -> Result<bool, PortError> {
        let Accept { batch, from, upto, ref messages } = *accept;
        match self.batches.mark(batch, from, upto)? {
            Mark::There => return Ok(false),
            Mark::Behind(accepted) if accepted > from => {
                let what = format!("calls {from} to {accepted} of batch {batch} are accepted already");
                return Err(PortError::Refused { what });
            }
            Mark::Behind(_) => {}
        }
        self.send(messages, now_ms);
        self.batches.accepted(batch, from, upto)?;
        Ok(true)
    }

    /// Rules 4 and 5 in one step. Returns whether it sent the children, and the callback that is owed.
    pub(super) fn settle(&mut self, settling: &Settling, now_ms: u64) -> Result<(bool, Option<Owed>), PortError> {
        let Settling { parcel, epoch, ref record, ref seal, ref children, .. } = *settling;
        let finish = Finish { parcel, epoch, record: Some(record.clone()) };
        let row = self.rows.row(parcel).filter(|row| row.epoch == epoch).ok_or(PortError::Fenced)?;
        let ended = matches!(row.state, RowState::Finished(_));
        if !seal.children.is_empty() {
            self.seal(parcel, epoch, record, seal, now_ms)?;
        }
        if !ended {
            self.send(children, now_ms);
        }
        let owed = self.finish(&finish, now_ms)?;
        if let Some(owed) = &owed {
            self.queues.put(&owed.message, now_ms);
            self.batches.paid(owed.batch);
        }
        Ok((!ended, owed))
    }
}
