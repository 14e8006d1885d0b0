//! Writes that only the holder of a claim may do (rule 3): each has a condition on the parcel's row.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    change::Change,
    item::{Item, number, text},
    keys,
    row::{ParcelRow, State},
    table::{Changed, Table},
};
use celeriac_core::{id::ParcelId, ports::PortError};

/// What has to hold of a parcel's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    pub(super) parcel: ParcelId,
    pub(super) epoch: u64,
    pub(super) state: State,
    /// For what may be repeated while the row stays open: which write of the claim it is. A request that the network
    /// held back does not undo a later one.
    pub(super) version: Option<u64>,
}

/// What became of a fenced write.
pub(super) enum Written {
    /// It is done; the attributes that were asked for.
    Done(Item),
    /// The claim holds, but its row is in another state, or was written later.
    Passed(Box<ParcelRow>),
}

impl Fence {
    pub(super) fn new(parcel: ParcelId, epoch: u64, state: State) -> Self {
        Self { parcel, epoch, state, version: None }
    }

    fn condition(&self) -> &'static str {
        if self.version.is_some() { "e = :epoch AND s = :state AND v <= :version" } else { "e = :epoch AND s = :state" }
    }

    fn values(&self) -> impl Iterator<Item = (&'static str, AttributeValue)> {
        let version = self.version.map(|version| (":version", number(version)));
        [(":epoch", number(self.epoch)), (":state", text(self.state.as_str()))].into_iter().chain(version)
    }

    /// A change of the row.
    pub(super) fn change(&self) -> Change {
        let change = Change::of(keys::parcel(self.parcel)).given(self.condition());
        self.values().fold(change, |change, (name, value)| change.with(name, value))
    }

    /// What a row says that does not let a write through.
    pub(super) fn stopped(&self, item: Option<&Item>) -> Result<Written, PortError> {
        let row = ParcelRow::read(self.parcel, item.ok_or(PortError::Fenced)?)?;
        if row.row.epoch == self.epoch { Ok(Written::Passed(Box::new(row))) } else { Err(PortError::Fenced) }
    }
}

impl Table {
    /// Changes a row, and nothing else.
    pub(super) async fn write(&self, fence: &Fence, change: Change, answer: ReturnValue) -> Result<Written, PortError> {
        match self.update(change, answer).await? {
            Changed::Done(item) => Ok(Written::Done(item)),
            Changed::Unmet(item) => fence.stopped(item.as_ref()),
        }
    }
}
