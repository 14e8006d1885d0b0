//! Finds the root parcel of a call. The id of a batch's first root parcel follows from the batch's id; the others are
//! noted when they are claimed.

use super::{
    item::{Fields, Item, TTL, seconds},
    keys,
    query::Range,
    table::Table,
};
use celeriac_core::{
    id::{BatchId, ParcelId, TaskId},
    ports::{PortError, Row},
};

impl Table {
    /// Notes where a root parcel begins.
    pub(super) async fn note_root(&self, batch: BatchId, first: u64, keep_until_ms: u64) -> Result<(), PortError> {
        let mut item = keys::root(batch, first).attributes();
        item.insert(TTL.to_owned(), seconds(keep_until_ms));
        self.put(item).await
    }

    /// The row of the root parcel that has a call, once the parcel was claimed.
    pub(super) async fn root_of(&self, call: TaskId) -> Result<Option<Row>, PortError> {
        let TaskId { batch, index } = call;
        let holds = |row: &Row| (row.first..row.first + u64::from(row.count)).contains(&index);
        let root = |first| async move {
            let found = self.row(ParcelId::root(batch, first)).await;
            found.map(|found| found.map(|found| found.row))
        };
        if let Some(row) = root(0).await?.filter(holds) {
            return Ok(Some(row));
        }
        match self.last_root(batch, index).await? {
            Some(first) => Ok(root(first).await?.filter(holds)),
            None => Ok(None),
        }
    }

    /// The start of the last root parcel at or before a call. It may be in the bucket before the call's.
    async fn last_root(&self, batch: BatchId, index: u64) -> Result<Option<u64>, PortError> {
        let bucket = keys::bucket(index);
        for bucket in [Some(bucket), bucket.checked_sub(1)].into_iter().flatten() {
            let range = Range::of(keys::roots(batch, bucket)).upto(keys::sorted(index)).backwards().limit(1);
            if let Some(item) = self.query(range).await?.first() {
                return first(item).map(Some);
            }
        }
        Ok(None)
    }
}

fn first(item: &Item) -> Result<u64, PortError> {
    let fields = Fields(item);
    fields.text("sk")?.parse().map_err(|_| fields.unreadable("sk"))
}
