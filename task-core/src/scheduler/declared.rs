//! The schedule that a task declares.

use crate::{
    schedule::{NO_ARGS, PatternError, Schedule, ScheduleError},
    task::TaskDef,
};

impl Schedule {
    /// The schedule of a task, if it has one. Fails if its pattern is invalid, if it is never due after `now_ms`, or if
    /// the task cannot be called without arguments.
    pub fn of(def: &TaskDef, now_ms: u64) -> Result<Option<Self>, ScheduleError> {
        let Some(pattern) = def.options.schedule else { return Ok(None) };
        let wrong = |error| ScheduleError { task: def.name, at: def.at, pattern, error: Box::new(error) };
        let schedule = Self::parse(pattern, def.options.timezone).map_err(wrong)?;
        if schedule.next_after(now_ms).is_none() {
            return Err(wrong(schedule.never(now_ms)));
        }
        (def.check)(NO_ARGS).map_err(|error| wrong(PatternError::Arguments(error)))?;
        Ok(Some(schedule))
    }
}

#[cfg(test)]
mod tests {
    use crate::task::{Body, Options};

    use super::*;

    fn at(text: &str) -> u64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64
    }

    fn task(schedule: &'static str) -> TaskDef {
        let options = Options { schedule: Some(schedule), ..Options::new() };
        TaskDef {
            at: ("src/tasks.rs", 7),
            check: |args| if args == NO_ARGS { Ok(()) } else { Err("no".to_owned()) },
            ..TaskDef::untyped("report.nightly", options, Body::Blocking(|_, _| Err("not run here".to_owned())))
        }
    }

    #[test]
    fn an_error_names_the_task_the_place_and_the_pattern() {
        let now = at("2026-03-10T12:00:00Z");
        let error = |pattern| Schedule::of(&task(pattern), now).unwrap_err().to_string();
        assert_eq!(
            error("cron(0 3 30 2 ? *)"),
            "task `report.nightly` (src/tasks.rs:7), schedule `cron(0 3 30 2 ? *)`: never due: there is no such date"
        );
        assert_eq!(
            error("cron(0 3 * * ? 2024)"),
            "task `report.nightly` (src/tasks.rs:7), schedule `cron(0 3 * * ? 2024)`: never due again: the last time \
             was 2024-12-31T03:00:00Z"
        );
        assert_eq!(
            error("cron(0 3 * * ? *"),
            "task `report.nightly` (src/tasks.rs:7), schedule `cron(0 3 * * ? *`: write `cron(minute hour day-of-month \
             month day-of-week year)`, such as `cron(0 3 * * ? *)` for three in the morning, a line of a crontab, such \
             as `0 3 * * 1` for three in the morning on Mondays, or `rate(5 minutes)`"
        );
    }

    #[test]
    fn a_scheduled_task_with_an_argument_is_refused() {
        let def = TaskDef { check: |_| Err("missing field `day`".to_owned()), ..task("rate(5m)") };
        assert_eq!(
            Schedule::of(&def, 0).unwrap_err().to_string(),
            "task `report.nightly` (src/tasks.rs:7), schedule `rate(5m)`: a schedule calls without arguments, and \
             that does not work here: missing field `day`; give each argument a default with `#[serde(default)]`"
        );
    }
}
