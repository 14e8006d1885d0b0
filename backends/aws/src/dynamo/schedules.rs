//! Implements the port that remembers the sent runs of schedules.

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    change::Change,
    item::{Fields, number},
    keys,
    table::Table,
};
use celeriac_core::ports::PortError;

/// The latest run's due time.
const DUE: &str = "d";

impl Table {
    /// The due time of the latest run that was sent.
    pub(super) async fn last(&self, schedule: &str) -> Result<Option<u64>, PortError> {
        let item = self.get(&keys::schedule(schedule)).await?;
        item.map(|item| Fields(&item).number(DUE)).transpose()
    }

    /// Records that a run has been sent.
    pub(super) async fn sent(&self, schedule: &str, due_ms: u64) -> Result<(), PortError> {
        let change = Change::of(keys::schedule(schedule)).given("attribute_not_exists(d) OR d < :due");
        let change = change.with(":due", number(due_ms)).set(DUE, number(due_ms));
        // If the condition fails, a later run is already recorded.
        self.update(change, ReturnValue::None).await.map(drop)
    }
}
