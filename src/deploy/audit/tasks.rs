//! Judges whether the stack has what the tasks of this program need: their queues, and functions of their size.

use super::{Finding, Live, Wanted, finding::count};
use crate::deploy::names;

pub(super) fn judge(wanted: &Wanted<'_>, live: &Live) -> Finding {
    let has = |id: &str| live.names.contains_key(id);
    let homeless = wanted.tasks.iter().filter(|(queue, _)| !has(&names::queue(queue)));
    let mut missing: Vec<String> = homeless
        .map(|(queue, tasks)| {
            let tasks: Vec<String> = tasks.iter().map(|task| format!("`{task}`")).collect();
            format!("queue `{queue}` of {}", tasks.join(", "))
        })
        .collect();
    let sizes = wanted.fleet.workers.keys().filter(|class| !has(&names::worker(**class)));
    missing.extend(sizes.map(|class| format!("function `{}`", wanted.stack().worker(*class))));
    if !missing.is_empty() {
        return Finding::error(
            "tasks",
            format!("the stack lacks what tasks of this program need: {}; `deploy apply` makes it", missing.join("; ")),
        );
    }
    let tasks: usize = wanted.tasks.values().map(Vec::len).sum();
    let (tasks, queues) = (count(tasks, "task"), count(wanted.tasks.len(), "queue"));
    Finding::ok("tasks", format!("{tasks} on {queues}: the stack has all that they need"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Level, testing::Stage},
        *,
    };

    #[test]
    fn a_task_whose_queue_is_missing_is_named() {
        let mut stage = Stage::new("");
        assert_eq!(stage.judge(|wanted, live| vec![judge(wanted, live)])[0].level, Level::Ok);
        stage.live.names.remove("QueueDefault");
        let finding = stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0);
        assert_eq!(finding.level, Level::Error);
        assert_eq!(
            finding.text,
            "the stack lacks what tasks of this program need: queue `default` of `audit.nightly`, `audit.plain`; `deploy \
             apply` makes it"
        );
    }

    #[test]
    fn a_size_that_is_missing_is_named() {
        let mut stage = Stage::new("");
        stage.live.names.remove("Worker");
        let finding = stage.judge(|wanted, live| vec![judge(wanted, live)]).remove(0);
        assert!(finding.text.contains("function `prod-worker`"), "{}", finding.text);
    }
}
