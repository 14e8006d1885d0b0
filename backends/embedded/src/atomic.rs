//! The steps that this backend does in one write.

use futures::future::{BoxFuture, FutureExt};

use super::{
    batch_rows,
    batches::{Mark, mark},
    ledger, messages, parcels, queue, records,
    store::FileStore,
    transaction::Tx,
    writer::Cost,
};
use celeriac_core::ports::{Accept, Atomic, PortError, RowState, SendError, Settle, Settling};

impl Atomic for FileStore {
    fn accept(&self, accept: Accept) -> BoxFuture<'_, Result<(), SendError>> {
        async move {
            let now_ms = self.clock.now_ms();
            let cost = Cost::durable(queue::cost(&accept.messages));
            let accepted = self.writer.run(cost, move |tx| self::accept(tx, &accept, now_ms)).await;
            accepted.and_then(|accepted| accepted).map_err(SendError::from)
        }
        .boxed()
    }

    fn settle(&self, settling: Settling) -> BoxFuture<'_, Result<(), PortError>> {
        async move {
            let bytes = records::cost(&settling.record) + queue::cost(&settling.children);
            let now_ms = self.clock.now_ms();
            self.writer.run(Cost::durable(bytes), move |tx| self::settle(tx, &settling, now_ms)).await?
        }
        .boxed()
    }
}

fn accept(tx: &mut Tx<'_>, accept: &Accept, now_ms: u64) -> rusqlite::Result<Result<(), PortError>> {
    let Accept { batch, from, upto, ref messages } = *accept;
    match mark(tx, batch, from, upto)? {
        // They were sent when the mark moved.
        Ok(Mark::There) => return Ok(Ok(())),
        Ok(Mark::Behind(accepted)) if accepted > from => {
            let what =
                format!("calls {from} to {accepted} of batch {batch} are accepted already: send those after them");
            return Ok(Err(PortError::Refused { what }));
        }
        Ok(Mark::Behind(_)) => {}
        Err(error) => return Ok(Err(error)),
    }
    messages.iter().try_for_each(|message| messages::insert(tx, message, now_ms))?;
    batch_rows::set_accepted(tx, batch, upto).map(Ok)
}

/// Rules 4 and 5 in one write. Nothing is written before the claim is checked.
fn settle(tx: &mut Tx<'_>, settling: &Settling, now_ms: u64) -> rusqlite::Result<Result<(), PortError>> {
    let Settling { parcel, epoch, ref record, ref seal, ref children, ref receipt, .. } = *settling;
    // Without children, the fence of `finish` is enough.
    if !seal.children.is_empty() || !children.is_empty() {
        let row = match parcels::ParcelRow::fenced(parcels::find(tx.db, parcel)?, epoch) {
            Ok(row) => row,
            Err(error) => return Ok(Err(error)),
        };
        if row.row.state == RowState::Open {
            parcels::seal(tx, &row, seal)?;
            records::insert(tx, &row, record)?;
        }
        if !matches!(row.row.state, RowState::Finished(_)) {
            children.iter().try_for_each(|child| messages::insert(tx, child, now_ms))?;
        }
    }
    match ledger::finish(tx, parcel, epoch, Some(record), now_ms)? {
        Ok(Some(owed)) => {
            messages::insert(tx, &owed.message, now_ms)?;
            batch_rows::paid(tx, owed.batch)?;
        }
        Ok(None) => {}
        Err(error) => return Ok(Err(error)),
    }
    // A stale receipt is no error: the next delivery will find the parcel finished.
    messages::settle(tx, receipt, &Settle::Delete, now_ms)?;
    Ok(Ok(()))
}
