//! Looks up the ledger's table.

use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TimeToLiveStatus};
use celeriac_aws::RequestError;

use super::{Account, found};
use crate::deploy::audit::{Looked, Table};

impl Account {
    pub(super) async fn table(&self, name: &str) -> Looked<Option<Table>> {
        let (table, ttl, backups) = futures::join!(
            self.dynamodb.describe_table().table_name(name).send(),
            self.dynamodb.describe_time_to_live().table_name(name).send(),
            self.dynamodb.describe_continuous_backups().table_name(name).send(),
        );
        let Some(table) = found(table.map_err(RequestError::of))?.and_then(|answer| answer.table) else {
            return Ok(None);
        };
        let Some(ttl) = found(ttl.map_err(RequestError::of))? else { return Ok(None) };
        let ttl = ttl.time_to_live_description;
        let on = [Some(TimeToLiveStatus::Enabled), Some(TimeToLiveStatus::Enabling)];
        let ttl = ttl.filter(|ttl| on.contains(&ttl.time_to_live_status)).and_then(|ttl| ttl.attribute_name);
        let backups =
            found(backups.map_err(RequestError::of))?.and_then(|answer| answer.continuous_backups_description);
        let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
        let recovery = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(Some(Table {
            status: table.table_status.map_or_else(String::new, |status| status.as_str().to_owned()),
            ttl,
            recovery: recovery == Some(PointInTimeRecoveryStatus::Enabled),
            protected: table.deletion_protection_enabled.unwrap_or(false),
        }))
    }
}
