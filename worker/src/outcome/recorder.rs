//! The verdicts of a run that are not recorded yet. Verdicts are recorded together: while one recording is in flight,
//! the next one gathers.

use celeriac_core::{
    bitmap::Bitmap,
    ports::{DeadLetter, Failure, Record, ResultRow, Tally},
};

/// Whether a run has learned anything since its last recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrecorded {
    /// Verdicts, results or failures.
    Verdicts,
    /// Nothing.
    Nothing,
}

/// The record of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// The whole record, except that its lists lack the items in flight.
    record: Record,
    /// The lists in flight.
    in_flight: Option<Record>,
    /// Whether there is anything new since the last recording.
    dirty: bool,
}

impl Recorder {
    /// Continues from what is recorded already.
    pub(crate) fn new(done: Bitmap, tally: Tally) -> Self {
        Self { record: Record { done, tally, ..Record::default() }, in_flight: None, dirty: false }
    }

    /// Notes that a call has succeeded.
    pub(crate) fn succeeded(&mut self, position: u32) {
        self.end(position).succeeded += 1;
    }

    /// Notes the value that a call returned.
    pub(crate) fn result(&mut self, row: ResultRow) {
        self.record.results.push(row);
        self.dirty = true;
    }

    /// Notes that an attempt failed.
    pub(crate) fn failure(&mut self, failure: Failure) {
        self.record.failures.push(failure);
        self.dirty = true;
    }

    /// Counts a failed attempt that is followed by another.
    pub(crate) fn retried(&mut self) {
        self.record.tally.retries += 1;
        self.dirty = true;
    }

    /// Notes that a call will not be tried again.
    pub(crate) fn dead(&mut self, position: u32, letter: DeadLetter) {
        self.end(position).died(letter.reason);
        self.record.dead.push((position, letter));
    }

    /// The calls that have ended.
    pub(crate) fn done(&self) -> &Bitmap {
        &self.record.done
    }

    /// How the calls ended.
    pub(crate) fn tally(&self) -> &Tally {
        &self.record.tally
    }

    /// Whether there is something to record.
    pub(crate) fn unrecorded(&self) -> Unrecorded {
        if self.dirty { Unrecorded::Verdicts } else { Unrecorded::Nothing }
    }

    /// Takes what has to be recorded now. It is in flight until [`Recorder::confirm`] or [`Recorder::take_back`].
    pub(crate) fn take(&mut self) -> Record {
        let next = Record { done: self.record.done.clone(), tally: self.record.tally, ..Record::default() };
        let record = std::mem::replace(&mut self.record, next);
        self.dirty = false;
        self.in_flight = Some(record.clone());
        record
    }

    /// Notes that the recording in flight has succeeded.
    pub(crate) fn confirm(&mut self) {
        self.in_flight = None;
    }

    /// Takes the recording in flight back: it failed, or its end is unknown. It goes with the next one. Rows are
    /// written once, so that is harmless.
    pub(crate) fn take_back(&mut self) {
        let Some(mut sent) = self.in_flight.take() else { return };
        sent.results.append(&mut self.record.results);
        sent.failures.append(&mut self.record.failures);
        sent.dead.append(&mut self.record.dead);
        self.record = Record { done: std::mem::take(&mut self.record.done), tally: self.record.tally, ..sent };
        self.dirty = true;
    }

    fn end(&mut self, position: u32) -> &mut Tally {
        self.record.done.insert(position);
        self.dirty = true;
        &mut self.record.tally
    }

    /// Takes the last recording, which is part of the settlement.
    pub(crate) fn last(&mut self) -> Record {
        self.take_back();
        std::mem::take(&mut self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: u64) -> ResultRow {
        ResultRow { index, value: vec![1].into() }
    }

    #[test]
    fn a_recording_that_failed_goes_with_the_next() {
        let mut recorder = Recorder::new(Bitmap::new(), Tally::default());
        recorder.succeeded(0);
        recorder.result(row(0));
        let first = recorder.take();
        assert_eq!(recorder.unrecorded(), Unrecorded::Nothing);
        recorder.succeeded(1);
        recorder.result(row(1));
        recorder.take_back();
        let second = recorder.take();
        assert_eq!((first.results.len(), first.tally.succeeded), (1, 1));
        assert_eq!((second.results, second.tally.succeeded), (vec![row(0), row(1)], 2));
        recorder.confirm();
        assert_eq!((recorder.last().results, recorder.unrecorded()), (Vec::new(), Unrecorded::Nothing));
    }

    #[test]
    fn rows_are_recorded_once() {
        let mut recorder = Recorder::new(Bitmap::new(), Tally::default());
        recorder.result(row(0));
        recorder.take();
        recorder.confirm();
        assert!(recorder.take().results.is_empty());
    }
}
