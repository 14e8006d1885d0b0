//! Judges the ledger's table.

use super::{
    Finding, Live, Wanted,
    finding::Faults,
    part::{REVERT, find},
    wanted::text,
};

/// A table as `DynamoDB` has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// In `DynamoDB`'s words.
    pub(crate) status: String,
    /// The attribute by which items end, if they do.
    pub(crate) ttl: Option<String>,
    /// Whether it can be restored to any second.
    pub(crate) recovery: bool,
    /// Whether it cannot be deleted.
    pub(crate) protected: bool,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Option<Finding> {
    let (id, properties) = wanted.of_kind("AWS::DynamoDB::Table").next()?;
    let subject = format!("table {}", text(&properties["TableName"]));
    let table = match find(&live.table, id, &subject) {
        Ok(table) => table,
        Err(finding) => return Some(finding),
    };
    let mut faults = Faults::default();
    match table.status.as_str() {
        "ACTIVE" | "UPDATING" => {}
        "INACCESSIBLE_ENCRYPTION_CREDENTIALS" => {
            faults.error("its key cannot be used, so no call runs: give the stack's roles the key of `kms_key` again");
        }
        status => faults.error(format!("it is {status}, so no call runs: wait, or look at it in the console")),
    }
    let ttl = text(&properties["TimeToLiveSpecification"]["AttributeName"]);
    match table.ttl.as_deref() {
        Some(found) if found == ttl => {}
        // `DynamoDB` takes up to an hour to switch it on or off.
        _ => faults.error(format!("its items do not end by `{ttl}`, so that it grows for ever; {REVERT}")),
    }
    if properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true && !table.recovery {
        faults.error(format!("it cannot be restored to a point in time, as `table.recovery` wants; {REVERT}"));
    }
    if properties["DeletionProtectionEnabled"] == true && !table.protected {
        faults.error(format!("anyone can delete it, against `table.deletion_protection`; {REVERT}"));
    }
    let recovery = if table.recovery { ", can be restored" } else { "" };
    Some(faults.finding(subject, format!("{}, items end by `{ttl}`{recovery}", table.status)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    #[track_caller]
    fn says(settings: &str, change: impl FnOnce(&mut Table), level: Level, says: &str) {
        let mut stage = Stage::new(settings);
        change(stage.table());
        let finding = stage.judge(|wanted, live| judge(wanted, live).into_iter().collect()).remove(0);
        assert!(finding.level == level && finding.text.contains(says), "{finding:?}");
    }

    #[test]
    fn what_is_wrong_with_a_table_has_its_cure() {
        says("", |_| (), Level::Ok, "ACTIVE, items end by `ttl`, can be restored");
        says("", |table| table.status = "ARCHIVED".to_owned(), Level::Error, "it is ARCHIVED, so no call runs");
        let key = "INACCESSIBLE_ENCRYPTION_CREDENTIALS".to_owned();
        says("", |table| table.status = key, Level::Error, "its key cannot be used");
        says("", |table| table.ttl = None, Level::Error, "its items do not end by `ttl`");
        says(
            "",
            |table| table.recovery = false,
            Level::Error,
            "as `table.recovery` wants; `deploy apply --revert-drift`",
        );
        says("table.recovery = false", |table| table.recovery = false, Level::Ok, "ACTIVE");
        says("table.deletion_protection = true", |table| table.protected = false, Level::Error, "anyone can delete it");
    }
}
