//! Defines the schedules at `EventBridge` Scheduler: one for each scheduled task, which sends a *tick* to the task's
//! queue, and one that wakes the dispatcher to send callbacks of dead processes.

use std::time::Duration;

use celeriac_core::schedule::Schedule;
use serde_json::{Value, json};

use super::{
    fleet::{DueTask, Fleet},
    names::{DISPATCHER, SCHEDULER_ROLE, SCHEDULES, arn, dead_queue, logical, queue, reference},
    template::Template,
};

/// How often the dispatcher looks for callbacks whose process died before sending them.
const SWEEP: &str = "rate(5 minutes)";

/// How long Scheduler tries to send a run: its maximum for tasks that catch up, else its minimum.
const TRIES_S: (u32, u32) = (86_400, 60);

/// The most tries of Scheduler within that time.
const MAX_TRIES: u32 = 185;

/// The placeholder that Scheduler replaces with a run's due time.
const DUE: &str = "<aws.scheduler.scheduled-time>";

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    template.add(SCHEDULES, "AWS::Scheduler::ScheduleGroup", json!({ "Name": fleet.stack.schedules() }));
    for due in &fleet.schedules {
        let input = json!({ "celeriac": "tick", "task": due.task, "due": DUE });
        let mut target = target(&arn(&queue(due.queue)), &input, tries_s(due));
        target["DeadLetterConfig"] = json!({ "Arn": arn(&dead_queue(due.queue)) });
        let description = format!("Runs of task {}", due.task);
        let schedule = properties(fleet, &description, (&due.expression, &due.timezone), &target);
        template.add(logical("Schedule", due.task), "AWS::Scheduler::Schedule", schedule);
    }
    // The next sweep makes up for a failed one.
    let target = target(&fleet.invoked(DISPATCHER), &json!({ "celeriac": "sweep" }), TRIES_S.1);
    let sweep = properties(fleet, "Looks for callbacks that a dead process owed", (SWEEP, "UTC"), &target);
    template.add("SweepSchedule", "AWS::Scheduler::Schedule", sweep);
}

fn tries_s(due: &DueTask) -> u32 {
    if due.catch_up { TRIES_S.0 } else { TRIES_S.1 }
}

fn target(of: &Value, input: &Value, tries_s: u32) -> Value {
    json!({
        "Arn": of,
        "RoleArn": arn(SCHEDULER_ROLE),
        "Input": input.to_string(),
        "RetryPolicy": { "MaximumEventAgeInSeconds": tries_s, "MaximumRetryAttempts": MAX_TRIES },
    })
}

fn properties(fleet: &Fleet<'_>, description: &str, (expression, timezone): (&str, &str), target: &Value) -> Value {
    json!({
        "GroupName": reference(SCHEDULES),
        "Description": description,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": timezone,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "KmsKeyArn": fleet.settings.kms_key,
        "Target": target,
    })
}

/// A schedule in the syntax of Scheduler, or the reason why it has none. A rate becomes a cron where both are the same,
/// since Scheduler counts a rate from the stack's creation, and Celeriac from 1970.
pub(super) fn expression(pattern: &str, schedule: &Schedule) -> Result<String, String> {
    match (schedule.period(), schedule.fields()) {
        (Some(period), _) => rate(period),
        (None, Some(fields)) => cron(fields),
        (None, None) => Err(format!(
            "EventBridge goes by the day of the month or by the day of the week, and `{}` by both: write a task for each",
            pattern.trim()
        )),
    }
}

fn rate(period: Duration) -> Result<String, String> {
    let minutes = period.as_secs() / 60;
    if period != Duration::from_mins(minutes) || minutes == 0 {
        return Err(
            "EventBridge Scheduler goes by whole minutes: write a period of some, such as `rate(1m)`".to_owned()
        );
    }
    let hours = minutes.is_multiple_of(60).then_some(minutes / 60);
    Ok(match hours {
        None if 60 % minutes == 0 => format!("cron(0/{minutes} * * * ? *)"),
        Some(24) => "cron(0 0 * * ? *)".to_owned(),
        Some(hours) if 24 % hours == 0 => format!("cron(0 0/{hours} * * ? *)"),
        _ => format!("rate({minutes} minutes)"),
    })
}

/// The first value of each field of a cron, which `*/5` counts from.
const STARTS: [&str; 6] = ["0", "0", "1", "1", "1", "1970"];
const DAY_OF_WEEK: usize = 4;

fn cron(fields: &[String; 6]) -> Result<String, String> {
    let fields: Result<Vec<String>, String> =
        fields.iter().enumerate().map(|(place, field)| translate(place, field)).collect();
    Ok(format!("cron({})", fields?.join(" ")))
}

fn translate(place: usize, field: &str) -> Result<String, String> {
    if place == DAY_OF_WEEK && field == "L" {
        return Ok("7".to_owned());
    }
    if place == DAY_OF_WEEK && field.contains('/') {
        return Err(format!("EventBridge has no steps in the day of the week: name the days instead of `{field}`"));
    }
    let signs: &[char] = if place == DAY_OF_WEEK { &['L', '#'] } else { &['L', 'W'] };
    // JUL contains an L too.
    if field.contains(',') && STARTS[place] == "1" && place != 3 && field.split(',').any(|day| special(day, signs)) {
        return Err(format!("EventBridge takes `L`, `W` and `#` alone, not in a list: split `{field}` over two tasks"));
    }
    let start = STARTS[place];
    let items = field.split(',').map(|item| match item.strip_prefix("*/").or_else(|| item.strip_prefix('/')) {
        Some(step) => format!("{start}/{step}"),
        None => item.to_owned(),
    });
    Ok(items.collect::<Vec<_>>().join(","))
}

/// Whether a day depends on the calendar. The weekday WED does not.
fn special(day: &str, signs: &[char]) -> bool {
    day != "WED" && day.contains(signs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pattern: &str) -> Result<String, String> {
        expression(pattern, &Schedule::parse(pattern, "UTC").unwrap())
    }

    #[test]
    fn a_cron_is_written_in_the_dialect_of_event_bridge() {
        for (pattern, written) in [
            ("cron(0 3 * * ? *)", "cron(0 3 * * ? *)"),
            ("cron(*/15 8-18 ? * mon-fri *)", "cron(0/15 8-18 ? * MON-FRI *)"),
            ("cron(0,*/20 * */2 jan,jul ? */2)", "cron(0,0/20 * 1/2 JAN,JUL ? 1970/2)"),
            ("cron(0 18 ? * L *)", "cron(0 18 ? * 7 *)"),
            ("cron(0 18 ? * MON,WED *)", "cron(0 18 ? * MON,WED *)"),
            ("cron(0 8 LW * ? *)", "cron(0 8 LW * ? *)"),
            ("cron(15 10 ? * 6L 2027-2030)", "cron(15 10 ? * 6L 2027-2030)"),
            ("cron(0/30 20-2 ? * MON-FRI *)", "cron(0/30 20-23,0-2 ? * MON-FRI *)"),
            ("cron(0 22-4/2 ? nov-feb fri-mon *)", "cron(0 22,0,2,4 ? 11-12,1-2 6-7,1-2 *)"),
        ] {
            assert_eq!(translated(pattern).as_deref(), Ok(written), "{pattern}");
        }
    }

    #[test]
    fn a_line_of_a_crontab_is_written_in_the_dialect_of_event_bridge() {
        for (line, written) in [
            ("0 3 * * 1", "cron(0 3 ? * 2 *)"),
            ("0 3 * * 0", "cron(0 3 ? * 1 *)"),
            ("0 3 * * 7", "cron(0 3 ? * 1 *)"),
            ("0 3 * * mon-fri", "cron(0 3 ? * 2,3,4,5,6 *)"),
            ("*/5 * 1,15 jan *", "cron(0/5 * 1,15 JAN ? *)"),
            ("@daily", "cron(0 0 * * ? *)"),
            ("@weekly", "cron(0 0 ? * 1 *)"),
        ] {
            assert_eq!(translated(line).as_deref(), Ok(written), "{line}");
        }
        for line in ["0 3 13 * 5", "0 3 */2 * 1"] {
            assert_eq!(
                translated(line),
                Err(format!(
                    "EventBridge goes by the day of the month or by the day of the week, and `{line}` by both: write a \
                     task for each"
                )),
            );
        }
    }

    #[test]
    fn a_rate_is_due_at_the_same_times_as_elsewhere_if_scheduler_can_express_it() {
        for (pattern, written) in [
            ("rate(1 minute)", "cron(0/1 * * * ? *)"),
            ("rate(15m)", "cron(0/15 * * * ? *)"),
            ("rate(1h)", "cron(0 0/1 * * ? *)"),
            ("rate(6 hours)", "cron(0 0/6 * * ? *)"),
            ("rate(1 day)", "cron(0 0 * * ? *)"),
            ("rate(7m)", "rate(7 minutes)"),
            ("rate(5 hours)", "rate(300 minutes)"),
            ("rate(2 days)", "rate(2880 minutes)"),
        ] {
            assert_eq!(translated(pattern).as_deref(), Ok(written), "{pattern}");
        }
    }

    #[test]
    fn schedules_that_event_bridge_lacks_are_refused() {
        let minutes = "EventBridge Scheduler goes by whole minutes: write a period of some, such as `rate(1m)`";
        for (pattern, why) in [
            ("rate(30s)", minutes),
            ("rate(90s)", minutes),
            ("cron(0 3 ? * 2/2 *)", "EventBridge has no steps in the day of the week: name the days instead of `2/2`"),
            (
                "cron(0 3 1,L * ? *)",
                "EventBridge takes `L`, `W` and `#` alone, not in a list: split `1,L` over two tasks",
            ),
        ] {
            assert_eq!(translated(pattern), Err(why.to_owned()), "{pattern}");
        }
    }
}
