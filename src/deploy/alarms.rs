//! Defines the alarms that every stack has: calls are late, or may be lost. Each watches a symptom that every known
//! cause shows in the end, since a metric of an alarm costs $0.10 a month. The causes are in `causes.rs`, and
//! `docs/deploy.md` has the cure for each.

use std::time::Duration;

use super::{
    alarm::{Alarm, Metric},
    causes::{self, Kind},
    fleet::Fleet,
    names::{SCHEDULES, dead_queue, logical, queue, reference},
    template::Template,
};

/// The dispatcher takes reports of failures and dead letters at once. One of this age was not taken.
pub(super) const UNTAKEN: Duration = Duration::from_mins(15);

const FAILING: Kind = (
    "schedules-failing",
    "TargetErrorCount",
    1,
    "Scheduler cannot send runs or delayed calls, and tries again for a day: is its role allowed to send to the queue?",
);

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let settings = &fleet.settings.alarms;
    if !settings.enabled {
        return;
    }
    let mut alarms: Vec<Alarm> = fleet.queues.keys().flat_map(|name| [late(fleet, name), dead_untaken(name)]).collect();
    // Without scheduled tasks, only calls with a delay of more than a quarter of an hour need Scheduler.
    if settings.causes || !fleet.schedules.is_empty() {
        alarms.push(schedules(FAILING));
    }
    if settings.causes {
        alarms.extend(causes::all(fleet));
    }
    for alarm in alarms {
        alarm.add(template, fleet);
    }
}

fn late(fleet: &Fleet<'_>, name: &str) -> Alarm {
    let name_of_alarm = format!("{name}-late");
    Alarm {
        id: logical("Alarm", &format!("queue-{name_of_alarm}")),
        name: name_of_alarm,
        metric: Metric::age(&queue(name)),
        most: fleet.settings.alarms.late.as_secs(),
        periods: 1,
        why: "Calls wait too long: too little concurrency, a function that fails, or a mapping that is switched off",
    }
}

fn dead_untaken(name: &str) -> Alarm {
    let name_of_alarm = format!("{name}-dead-untaken");
    Alarm {
        id: logical("Alarm", &format!("queue-{name_of_alarm}")),
        name: name_of_alarm,
        metric: Metric::age(&dead_queue(name)),
        most: UNTAKEN.as_secs(),
        periods: 1,
        why: "Dead messages are not made dead letters: the dispatcher fails, or its mapping is switched off. SQS deletes \
              them after 14 days",
    }
}

/// An alarm for the stack's schedules.
pub(super) fn schedules((name, metric, periods, why): Kind) -> Alarm {
    let of = vec![("ScheduleGroup", reference(SCHEDULES))];
    let metric = Metric { namespace: "AWS/Scheduler", name: metric, of, statistic: "Sum" };
    Alarm { id: logical("Alarm", name), name: name.to_owned(), metric, most: 0, periods, why }
}
