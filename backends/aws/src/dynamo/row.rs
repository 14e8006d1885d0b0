//! The row of a parcel: its holder and its finished calls.

use super::{
    item::{Fields, Item},
    keys,
    table::Table,
};
use celeriac_core::{
    id::{BatchId, ParcelId},
    ports::{PortError, Row, RowState, Seal, Tally, Window},
};

/// The attributes.
pub(super) mod names {
    pub(crate) const STATE: &str = "s";
    pub(crate) const EPOCH: &str = "e";
    pub(crate) const LEASE: &str = "l";
    pub(crate) const LOSSES: &str = "x";
    pub(crate) const HOLDER: &str = "h";
    /// The token of the current claim's request.
    pub(crate) const TOKEN: &str = "c";
    pub(crate) const BATCH: &str = "b";
    pub(crate) const COUNTED: &str = "r";
    pub(crate) const FIRST: &str = "f";
    pub(crate) const COUNT: &str = "n";
    pub(crate) const DONE: &str = "d";
    pub(crate) const TALLY: &str = "y";
    pub(crate) const WINDOW: &str = "w";
    pub(crate) const SEAL: &str = "z";
    /// The number of the current claim's last recording.
    pub(crate) const VERSION: &str = "v";
}

/// The state of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    Sealed,
    Finished,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "o",
            Self::Sealed => "s",
            Self::Finished => "f",
        }
    }
}

/// The constant part of a parcel's row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) batch: BatchId,
    /// Whether the batch counts it.
    pub(super) counted: bool,
    /// Until when the row, and what is recorded beside it, is kept, in seconds since 1970.
    pub(super) keep_until_s: u64,
}

/// A complete parcel row.
#[derive(Clone, Debug)]
pub(super) struct ParcelRow {
    pub(super) row: Row,
    pub(super) state: State,
    pub(super) origin: Origin,
    pub(super) tally: Tally,
    pub(super) losses: u32,
    pub(super) window: Option<Window>,
    pub(super) token: u64,
}

impl ParcelRow {
    pub(super) fn read(parcel: ParcelId, item: &Item) -> Result<Self, PortError> {
        let fields = Fields(item);
        let seal: Seal = fields.packed(names::SEAL)?;
        let (state, row_state) = match fields.text(names::STATE)? {
            "o" => (State::Open, RowState::Open),
            "s" => (State::Sealed, RowState::Sealed(seal)),
            "f" => (State::Finished, RowState::Finished(seal)),
            _ => return Err(fields.unreadable(names::STATE)),
        };
        Ok(Self {
            state,
            origin: Origin {
                batch: BatchId::from_bytes(fields.id(names::BATCH)?),
                counted: fields.flag(names::COUNTED)?,
                keep_until_s: fields.number(super::item::TTL)?,
            },
            tally: fields.packed(names::TALLY)?,
            losses: fields.number(names::LOSSES)?,
            window: fields.packed(names::WINDOW)?,
            token: fields.number(names::TOKEN)?,
            row: Row {
                parcel,
                state: row_state,
                epoch: fields.number(names::EPOCH)?,
                holder: fields.text(names::HOLDER)?.to_owned(),
                lease_until_ms: fields.number(names::LEASE)?,
                first: fields.number(names::FIRST)?,
                count: fields.number(names::COUNT)?,
                done: fields.packed(names::DONE)?,
            },
        })
    }
}

impl Table {
    /// A parcel's row.
    pub(super) async fn row(&self, parcel: ParcelId) -> Result<Option<ParcelRow>, PortError> {
        let item = self.get(&keys::parcel(parcel)).await?;
        item.map(|item| ParcelRow::read(parcel, &item)).transpose()
    }

    /// The rows of parcels; `None` where there is none.
    pub(super) async fn rows(&self, parcels: &[ParcelId]) -> Result<Vec<Option<Row>>, PortError> {
        let found = self.get_many(parcels.iter().copied().map(keys::parcel).collect()).await?;
        let row = |parcel: &ParcelId| {
            let item = found.get(&keys::parcel(*parcel));
            item.map(|item| ParcelRow::read(*parcel, item).map(|found| found.row)).transpose()
        };
        parcels.iter().map(row).collect()
    }

    /// The constant part of the row of a parcel whose claim has this epoch.
    pub(super) async fn origin(&self, parcel: ParcelId, epoch: u64) -> Result<Origin, PortError> {
        if let Some(origin) = self.origins.get(&parcel) {
            return Ok(origin);
        }
        let row = self.row(parcel).await?.filter(|row| row.row.epoch == epoch).ok_or(PortError::Fenced)?;
        self.origins.put(parcel, row.origin);
        Ok(row.origin)
    }
}
