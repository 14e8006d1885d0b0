//! Defines the alarms that a stack has by default: calls are late, or may be lost. Each watches a symptom that every known
//! cause shows in the end, since a metric of an alarm costs $0.10 a month. The causes are in `causes.rs`, and
//! `docs/deploy.md` has the cure for each.

use std::time::Duration;

use serde_json::json;

use super::{
    alarm::{Alarm, MAX_PERIODS, Metric, PERIOD_S, Watched},
    causes::{self, Kind},
    fleet::{Fleet, ServedQueue},
    names::{SCHEDULES, dead_queue, logical, queue, reference},
    template::Template,
};

const FAILING: Kind = (
    "schedules-failing",
    "TargetErrorCount",
    1,
    "Scheduler cannot send runs, delayed calls or the sweep, and tries again for a day: was its role changed?",
);

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let settings = &fleet.settings.alarms;
    if !settings.enabled {
        return;
    }
    let mut alarms: Vec<Alarm> =
        fleet.queues.iter().flat_map(|(name, served)| [late(fleet, name, served), dead_untaken(fleet, name)]).collect();
    // Without scheduled tasks, only calls that are delayed by more than a quarter of an hour are lost if Scheduler cannot
    // send, and tasks do not say whether there are any. Every idle stack would pay a tenth more for them.
    if settings.schedules.unwrap_or(settings.causes || !fleet.schedules.is_empty()) {
        alarms.push(schedules(FAILING));
    }
    if settings.causes {
        alarms.extend(causes::all(fleet));
    }
    alarms.extend(of_calls(fleet));
    for alarm in alarms {
        alarm.add(template, fleet);
    }
}

/// Sees a backlog that takes too long as well as messages that are received again and again. The age of the oldest
/// message shows the former only: SQS leaves out what was received three times (`Available CloudWatch metrics for Amazon
/// SQS`), and counts what a healthy worker runs. By Little's law, messages stay as long as their number divided by how
/// many are deleted in a unit of time; where none is deleted, a single one is too many.
fn late(fleet: &Fleet<'_>, name: &str, served: &ServedQueue) -> Alarm {
    let allowed = fleet.settings.alarms.late + fleet.longest_run(served);
    let periods = allowed.as_secs().div_ceil(PERIOD_S);
    let id = queue(name);
    let metric = |metric, statistic| Metric::sqs(&id, metric, statistic);
    let alarm = format!("{name}-late");
    Alarm {
        id: logical("Alarm", &format!("queue-{alarm}")),
        name: alarm,
        watches: Watched::Maths {
            metrics: vec![
                ("visible", metric("ApproximateNumberOfMessagesVisible", "Maximum")),
                ("hidden", metric("ApproximateNumberOfMessagesNotVisible", "Maximum")),
                ("deleted", metric("NumberOfMessagesDeleted", "Sum")),
            ],
            // Only what is done is filled in. A metric may come late: if all were filled in, the latest period would always
            // look healthy, and the alarm would never go off (`Using math expressions with CloudWatch metrics`).
            expression: format!("IF(visible + hidden > FILL(deleted, 0) * {periods}, 1, 0)"),
        },
        most: 0,
        periods: periods.min(MAX_PERIODS),
        why: "Calls wait too long: too little concurrency, a function that fails, or a mapping that is switched off",
    }
}

fn dead_untaken(fleet: &Fleet<'_>, name: &str) -> Alarm {
    let alarm = format!("{name}-dead-untaken");
    Alarm {
        id: logical("Alarm", &format!("queue-{alarm}")),
        name: alarm,
        watches: Metric::age(&dead_queue(name)).into(),
        most: fleet.untaken().as_secs(),
        periods: 1,
        why: "Dead messages are not made dead letters: the dispatcher fails, or its mapping is switched off. SQS deletes \
              them after 14 days",
    }
}

impl Fleet<'_> {
    /// The age of a report or dead message that the dispatcher should have taken: the dispatcher has received it twice.
    /// After the third time SQS leaves it out of the age of the oldest message, and the alarm would be blind.
    pub(super) fn untaken(&self) -> Duration {
        self.hidden_by_dispatcher() * 5 / 3
    }
}

/// An alarm for the stack's schedules.
pub(super) fn schedules((name, metric, periods, why): Kind) -> Alarm {
    let of = vec![("ScheduleGroup", reference(SCHEDULES))];
    let watches = Metric { namespace: "AWS/Scheduler", name: metric, of, statistic: "Sum" }.into();
    Alarm { id: logical("Alarm", name), name: name.to_owned(), watches, most: 0, periods, why }
}

/// The alarm for calls that failed for good, from the metrics that workers write. No queue's alarm ends in `failed`.
fn of_calls(fleet: &Fleet<'_>) -> Option<Alarm> {
    let of = vec![("Stack", json!(fleet.stack.as_str()))];
    fleet.settings.metrics.then(|| Alarm {
        id: "CallsAlarm".to_owned(),
        name: "calls-failed".to_owned(),
        watches: Metric { namespace: "Celeriac", name: "Dead", of, statistic: "Sum" }.into(),
        most: 0,
        periods: 1,
        why: "Calls will not be tried again and are dead letters now: their last attempt failed, or they were revoked, \
              expired or unknown. The metric Dead of each task says whose",
    })
}
