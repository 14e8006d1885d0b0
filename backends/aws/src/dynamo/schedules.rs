//! The memory of schedules.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    change::Change,
    item::{Fields, number},
    keys,
    table::Table,
};
use celeriac_core::ports::PortError;

/// When the latest run was due.
const DUE: &str = "d";

impl Table {
    /// When the latest run was due that has been sent.
    pub(super) async fn last(&self, schedule: &str) -> Result<Option<u64>, PortError> {
        let item = self.get(&keys::schedule(schedule)).await?;
        item.map(|item| Fields(&item).number(DUE)).transpose()
    }

    /// Remembers that a run has been sent.
    pub(super) async fn sent(&self, schedule: &str, due_ms: u64) -> Result<(), PortError> {
        let change = Change::of(keys::schedule(schedule)).given("attribute_not_exists(d) OR d < :due");
        let change = change.with(":due", number(due_ms)).set(DUE, number(due_ms));
        // A later run is remembered already where that does not hold.
        self.update(change, ReturnValue::None).await.map(drop)
    }
}
