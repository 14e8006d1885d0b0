//! Implements the port to batch records.

use futures::future::{BoxFuture, FutureExt};

use super::{batch_rows as rows, store::FileStore, transaction::Tx, writer::Cost};
use celeriac_core::{
    id::BatchId,
    ports::{BatchRecord, Batches, NewBatch, Owed, PortError},
};

impl Batches for FileStore {
    fn open(&self, batch: NewBatch) -> BoxFuture<'_, Result<BatchRecord, PortError>> {
        async move {
            let id = batch.id;
            let callback = batch.callback.as_ref().map_or(0, |callback| callback.body.len());
            let opened = self.writer.run(Cost::durable(callback), move |tx| {
                rows::insert(tx, &batch)?;
                rows::find(tx.db, id)?.map(|row| rows::with_unfinished(tx.db, row)).transpose()
            });
            opened.await?.ok_or_else(|| unknown(id))
        }
        .boxed()
    }

    fn accepted(&self, id: BatchId, from: u64, upto: u64) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            let moved = self.writer.run(Cost::durable(0), move |tx| match mark(tx, id, from, upto)? {
                Ok(Mark::Behind(_)) => rows::set_accepted(tx, id, upto).map(Ok),
                Ok(Mark::There) => Ok(Ok(())),
                Err(error) => Ok(Err(error)),
            });
            moved.await?
        }
        .boxed()
    }

    fn close(&self, id: BatchId, now_ms: u64) -> BoxFuture<'_, Result<Option<Owed>, PortError>> {
        async move {
            let closed = self.writer.run(Cost::durable(0), move |tx| {
                if rows::find(tx.db, id)?.is_none() {
                    return Ok(Err(unknown(id)));
                }
                rows::close(tx, id, now_ms)?;
                rows::complete(tx, id, now_ms)?;
                rows::hand_out(tx, id, now_ms).map(Ok)
            });
            closed.await?
        }
        .boxed()
    }

    fn revoke(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.writer.run(Cost::durable(0), move |tx| rows::set_revoked(tx, id, true)).boxed()
    }

    fn reinstate(&self, id: BatchId) -> BoxFuture<'_, Result<bool, PortError>> {
        self.writer.run(Cost::durable(0), move |tx| rows::set_revoked(tx, id, false)).boxed()
    }

    fn get(&self, id: BatchId) -> BoxFuture<'_, Result<Option<BatchRecord>, PortError>> {
        self.reader.run(move |db| rows::find(db, id)?.map(|row| rows::with_unfinished(db, row)).transpose()).boxed()
    }

    fn list(&self, limit: usize) -> BoxFuture<'_, Result<Vec<BatchRecord>, PortError>> {
        self.reader
            .run(move |db| rows::newest(db, limit)?.into_iter().map(|row| rows::with_unfinished(db, row)).collect())
            .boxed()
    }
}

/// The position of a batch's mark relative to some sent calls.
pub(super) enum Mark {
    /// Before the last of them.
    Behind(u64),
    /// They are accepted already.
    There,
}

/// Compares the mark of a batch with these calls. Refuses calls after a gap, and calls of a closed batch.
pub(super) fn mark(tx: &Tx<'_>, id: BatchId, from: u64, upto: u64) -> rusqlite::Result<Result<Mark, PortError>> {
    let Some(row) = rows::find(tx.db, id)? else { return Ok(Err(unknown(id))) };
    let accepted = row.record.accepted;
    let what = if upto <= accepted {
        return Ok(Ok(Mark::There));
    } else if row.record.closed {
        format!("batch {id} is closed with {accepted} calls: it takes no more")
    } else if from > accepted {
        format!("calls {accepted} to {from} of batch {id} are not accepted: send them before those up to {upto}")
    } else {
        return Ok(Ok(Mark::Behind(accepted)));
    };
    Ok(Err(PortError::Refused { what }))
}

pub(super) fn unknown(id: BatchId) -> PortError {
    PortError::Refused { what: format!("there is no batch {id}: open it first") }
}
