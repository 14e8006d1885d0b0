//! Judges the schedules of tasks, and that of the sweep: whether they are there, switched on, and due when they should be.

use serde_json::Value;

use super::{
    Finding, Live, Wanted,
    finding::Faults,
    part::{REVERT, find},
    wanted::text,
};
use crate::deploy::names;

/// A schedule as `EventBridge` Scheduler has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    /// In Scheduler's words.
    pub(crate) state: String,
    pub(crate) expression: String,
    pub(crate) timezone: String,
}

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Vec<Finding> {
    let of_tasks = wanted.schedules().iter().map(|due| (names::logical("Schedule", due.task), due.task.to_owned()));
    let all = of_tasks.chain([("SweepSchedule".to_owned(), "the sweep".to_owned())]);
    let schedules = all.map(|(id, of)| {
        let subject = format!("schedule of {of}");
        match find(&live.schedules, &id, &subject) {
            Ok(schedule) => judge_schedule(subject, &wanted.resources()[&id]["Properties"], schedule),
            Err(finding) => finding,
        }
    });
    schedules.collect()
}

fn judge_schedule(subject: String, wanted: &Value, schedule: &Schedule) -> Finding {
    let mut faults = Faults::default();
    if schedule.state != "ENABLED" {
        faults.error(format!("it is {}, so nothing is due; {REVERT}", schedule.state));
    }
    let wants = (text(&wanted["ScheduleExpression"]), text(&wanted["ScheduleExpressionTimezone"]));
    if (schedule.expression.as_str(), schedule.timezone.as_str()) != wants {
        faults.error(format!(
            "it is due at {} in {}, and should be at {} in {}: `deploy apply`, or with --revert-drift if it was changed by hand",
            schedule.expression, schedule.timezone, wants.0, wants.1
        ));
    }
    faults.finding(subject, format!("{}, {}", schedule.expression, schedule.timezone))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    /// What is said of the nightly task once this is changed about its schedule.
    #[track_caller]
    fn says(change: impl FnOnce(&mut Schedule), level: Level, says: &str) {
        let mut stage = Stage::new("");
        change(stage.schedule(&names::logical("Schedule", "audit.nightly")));
        let findings = stage.judge(judge);
        assert_eq!(
            findings.iter().map(|one| &*one.subject).collect::<Vec<_>>(),
            ["schedule of audit.nightly", "schedule of the sweep"]
        );
        assert!(findings[0].level == level && findings[0].text.contains(says), "{:?}", findings[0]);
        assert_eq!(findings[1].level, Level::Ok);
    }

    #[test]
    fn what_is_wrong_with_a_schedule_has_its_cure() {
        says(|_| (), Level::Ok, "cron(0 3 * * ? *), UTC");
        says(|schedule| schedule.state = "DISABLED".to_owned(), Level::Error, "it is DISABLED, so nothing is due");
        let other = |schedule: &mut Schedule| schedule.timezone = "Europe/Berlin".to_owned();
        let both = "it is due at cron(0 3 * * ? *) in Europe/Berlin, and should be at cron(0 3 * * ? *) in UTC";
        says(other, Level::Error, both);
    }

    #[test]
    fn a_schedule_that_the_stack_does_not_have_is_an_error() {
        let mut stage = Stage::new("");
        stage.live.schedules.clear();
        assert!(stage.judge(judge).iter().all(|finding| finding.text.starts_with("is not in the stack")));
    }
}
