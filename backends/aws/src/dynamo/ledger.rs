//! Implements the writes of a claim's holder: recording, sealing, finishing.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    fence::{Fence, Written},
    item::{bytes, number, pack, text},
    row::{
        Origin, ParcelRow, State,
        names::{LEASE, SEAL, STATE, VERSION, WINDOW},
    },
    table::Table,
};
use celeriac_core::{
    id::ParcelId,
    ports::{Checkpoint, Finish, Owed, PortError, Record, Seal},
};

impl Table {
    /// Rule 3.
    pub(super) async fn checkpoint(&self, at: Checkpoint) -> Result<(), PortError> {
        let version = self.next_version();
        let fence = Fence { version: Some(version), ..Fence::new(at.parcel, at.epoch, State::Open) };
        let mut change = fence.change().set(VERSION, number(version)).set(LEASE, number(at.lease_until_ms));
        if let Some(window) = &at.window {
            change = change.set(WINDOW, bytes(pack(window)));
        }
        let written = match &at.record {
            Some(record) => self.write_record(&fence, change, record, false).await?,
            None => self.write(&fence, change, ReturnValue::None).await?,
        };
        match written {
            Written::Done(_) => Ok(()),
            Written::Passed(row) if row.state == State::Open => {
                Err(self.unavailable("write", "the same claim has written later than this"))
            }
            // A renewal that arrives after the end has nothing to renew.
            Written::Passed(_) if at.record.is_none() => Ok(()),
            Written::Passed(_) => Err(PortError::Fenced),
        }
    }

    /// Rule 4. The batch counts a sealed record at once, since it cannot change any more.
    pub(super) async fn seal(
        &self,
        parcel: ParcelId,
        epoch: u64,
        record: &Record,
        seal: &Seal,
    ) -> Result<(), PortError> {
        let fence = Fence::new(parcel, epoch, State::Open);
        let change = fence.change().set(STATE, text(State::Sealed.as_str())).set(SEAL, bytes(pack(seal)));
        // The same claim in another state: the parcel is or was sealed.
        self.write_record(&fence, change, record, true).await.map(drop)
    }

    /// Rule 5.
    pub(super) async fn finish(&self, finish: Finish) -> Result<Option<Owed>, PortError> {
        let Finish { parcel, epoch, mut record } = finish;
        loop {
            let ended = match &record {
                Some(record) => self.finish_open(parcel, epoch, record).await?,
                None => self.finish_sealed(parcel, epoch).await?,
            };
            // Ends, since a row's states only go forward.
            record = match ended {
                Ended::Now(origin) => return self.owed_by(origin).await,
                Ended::Otherwise(row) => match row.state {
                    State::Finished => return self.owed_by(row.origin).await,
                    State::Sealed => None,
                    State::Open => Some(Record { done: row.row.done, tally: row.tally, ..Record::default() }),
                },
            };
        }
    }

    /// Records the last verdicts, which the batch then counts.
    async fn finish_open(&self, parcel: ParcelId, epoch: u64, record: &Record) -> Result<Ended, PortError> {
        let fence = Fence::new(parcel, epoch, State::Open);
        let change = fence.change().set(STATE, text(State::Finished.as_str())).remove(WINDOW);
        match self.write_record(&fence, change, record, true).await? {
            Written::Done(_) => Ok(Ended::Now(self.origin(parcel, epoch).await?)),
            Written::Passed(row) => Ok(Ended::Otherwise(row)),
        }
    }

    /// Finishes a sealed parcel, whose verdicts are all recorded and counted.
    async fn finish_sealed(&self, parcel: ParcelId, epoch: u64) -> Result<Ended, PortError> {
        let fence = Fence::new(parcel, epoch, State::Sealed);
        let change = fence.change().set(STATE, text(State::Finished.as_str())).remove(WINDOW);
        match self.write(&fence, change, ReturnValue::AllOld).await? {
            Written::Done(item) => Ok(Ended::Now(ParcelRow::read(parcel, &item)?.origin)),
            Written::Passed(row) => Ok(Ended::Otherwise(row)),
        }
    }
}

/// The outcome of finishing.
enum Ended {
    Now(Origin),
    /// The row is in another state than assumed.
    Otherwise(Box<ParcelRow>),
}
