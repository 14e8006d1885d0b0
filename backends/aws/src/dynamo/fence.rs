//! Fenced writes (rule 3): only the holder of a claim may do them, so each has a condition on the parcel's row.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    change::Change,
    item::{Item, number, text},
    keys,
    row::{ParcelRow, State},
    table::{Changed, Table},
};
use celeriac_core::{id::ParcelId, ports::PortError};

/// The condition on a parcel's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    pub(super) parcel: ParcelId,
    pub(super) epoch: u64,
    pub(super) state: State,
    /// The number of this write within its claim, for writes that repeat while the row stays open: a request that the
    /// network delayed must not undo a later one.
    pub(super) version: Option<u64>,
}

/// The outcome of a fenced write.
pub(super) enum Written {
    /// Done, with the requested attributes.
    Done(Item),
    /// The claim holds, but its row is in another state, or has a later write.
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

    /// Why a row refused a write.
    pub(super) fn stopped(&self, item: Option<&Item>) -> Result<Written, PortError> {
        let row = ParcelRow::read(self.parcel, item.ok_or(PortError::Fenced)?)?;
        if row.row.epoch == self.epoch { Ok(Written::Passed(Box::new(row))) } else { Err(PortError::Fenced) }
    }
}

impl Table {
    /// Changes a row and nothing else.
    pub(super) async fn write(&self, fence: &Fence, change: Change, answer: ReturnValue) -> Result<Written, PortError> {
        match self.update(change, answer).await? {
            Changed::Done(item) => Ok(Written::Done(item)),
            Changed::Unmet(item) => fence.stopped(item.as_ref()),
        }
    }
}
