//! Decides the parts of a stack: which queues on which roads, which functions of which size, which schedules. Refuses
//! tasks and settings that AWS cannot serve.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use celeriac_aws::Stack;
use celeriac_core::{
    schedule::Schedule,
    task::{Registry, TaskDef},
};

use super::{
    check::MAX_FUNCTION,
    schedules::expression,
    settings::{Road, Settings},
    template::TooLarge,
};

/// The time limit of workers unless their tasks need more.
const WORKER_TIMEOUT: Duration = Duration::from_mins(5);

/// A worker's own time besides a task's: to start, to record results and to hand on unfinished calls.
const MARGIN: Duration = Duration::from_secs(10);

/// How long a message stays hidden after the time limit of the function that has it.
const HIDDEN_AFTER: Duration = Duration::from_secs(30);

/// The longest time limit of a task.
const MAX_TASK: Duration = Duration::from_hours(12);

/// The size limit of a role's inline policies in IAM, in characters, and the part of the dispatcher's policy that names
/// no queue.
const POLICY: usize = 10_240;
const POLICY_WITHOUT_QUEUES: usize = 2_500;

/// The length of a quoted ARN without the name at its end.
const ARN: usize = 50;

/// The parts of a stack.
pub(super) struct Fleet<'a> {
    pub(super) stack: &'a Stack,
    pub(super) settings: &'a Settings,
    pub(super) queues: BTreeMap<String, ServedQueue>,
    pub(super) workers: BTreeMap<Class, WorkerFunction>,
    pub(super) schedules: Vec<DueTask>,
}

/// The memory that tasks need, in MB; `None` if they do not say.
pub(super) type Class = Option<u32>;

/// A queue and the function that serves it.
pub(super) struct ServedQueue {
    pub(super) road: Road,
    /// The worker function of a narrow queue.
    pub(super) class: Class,
    /// Whether one function runs all of its tasks.
    pub(super) has_one_class: bool,
    /// The most functions that run at a time for a narrow queue.
    pub(super) concurrency: u32,
    /// How many environments of its function are kept ready.
    pub(super) provisioned: Option<u32>,
    /// The longest time limit of its tasks. Unknown tasks have the longest that there is.
    longest_task: Duration,
}

/// A function that runs tasks.
pub(super) struct WorkerFunction {
    pub(super) memory: u32,
    pub(super) timeout: Duration,
}

/// A task with a schedule.
pub(super) struct DueTask {
    pub(super) task: &'static str,
    pub(super) queue: &'static str,
    /// In the syntax of `EventBridge` Scheduler.
    pub(super) expression: String,
    pub(super) timezone: String,
    pub(super) catch_up: bool,
}

/// Why such a stack is impossible: all faults at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct FleetError(Vec<String>);

impl From<TooLarge> for FleetError {
    fn from(error: TooLarge) -> Self {
        Self(vec![error.to_string()])
    }
}

impl<'a> Fleet<'a> {
    pub(super) fn new(
        stack: &'a Stack,
        registry: &Registry,
        settings: &'a Settings,
        now_ms: u64,
    ) -> Result<Self, FleetError> {
        let mut wrong = Vec::new();
        let queues = queues(registry, settings);
        wrong.extend(queues.keys().filter_map(|queue| Some(stack.check_queue(queue).err()?.to_string())));
        wrong.extend(too_many(stack, queues.keys()));
        let queues = queues.into_iter().map(|(name, tasks)| {
            let queue = served(&name, &tasks, settings, &mut wrong);
            (name, queue)
        });
        let queues: BTreeMap<_, _> = queues.collect();
        let workers = workers(registry, &queues, settings, &mut wrong);
        let mut schedules = Vec::new();
        for def in registry.iter() {
            match due(def, now_ms) {
                Ok(due) => schedules.extend(due),
                Err(error) => wrong.push(error),
            }
        }
        let fleet = Self { stack, settings, queues, workers, schedules };
        wrong.extend(fleet.too_little_reserved());
        wrong.extend(fleet.wrongly_provisioned());
        if wrong.is_empty() { Ok(fleet) } else { Err(FleetError(wrong)) }
    }

    /// The names of the queues on a road.
    pub(super) fn on(&self, road: Road) -> impl Iterator<Item = &str> {
        self.queues.iter().filter(move |(_, queue)| queue.road == road).map(|(name, _)| name.as_str())
    }

    /// How long a message stays hidden after the dispatcher has handed it to a worker.
    pub(super) fn hidden(&self) -> Duration {
        let longest = self.workers.values().map(|worker| worker.timeout).max();
        longest.unwrap_or(WORKER_TIMEOUT) + HIDDEN_AFTER
    }

    /// How long a message of a queue may stay hidden while its calls run.
    pub(super) fn longest_run(&self, queue: &ServedQueue) -> Duration {
        match queue.road {
            Road::Wide | Road::Narrow => self.hidden(),
            Road::Process => queue.longest_task,
        }
    }
}

/// All queues with the tasks that name them. Queues named only in the settings have no tasks.
fn queues(registry: &Registry, settings: &Settings) -> BTreeMap<String, Vec<&'static TaskDef>> {
    let mut queues: BTreeMap<_, Vec<_>> = settings.queues.keys().map(|name| (name.clone(), Vec::new())).collect();
    for def in registry.iter() {
        queues.entry(def.options.queue.to_owned()).or_default().push(def);
    }
    queues
}

/// The dispatcher's policy names each queue and its dead-letter queue twice: for receiving and for sending.
fn too_many<'a>(stack: &Stack, queues: impl Iterator<Item = &'a String>) -> Option<String> {
    let names: Vec<usize> = queues.map(|name| stack.queue(name).len() + stack.dead_queue(name).len()).collect();
    let (queues, needed) = (names.len(), names.iter().map(|name| 2 * (name + 2 * ARN)).sum::<usize>());
    let most = POLICY - POLICY_WITHOUT_QUEUES;
    (needed > most).then(|| {
        format!(
            "stack `{stack}` has {queues} queues: their names are {needed} characters of the dispatcher's policy, of \
             which IAM takes no more than {most}: use fewer queues, or shorter names"
        )
    })
}

fn served(name: &str, tasks: &[&TaskDef], settings: &Settings, wrong: &mut Vec<String>) -> ServedQueue {
    let queue = settings.queues.get(name).cloned().unwrap_or_default();
    let classes: BTreeSet<Class> = tasks.iter().map(|def| def.options.memory).collect();
    if queue.road == Road::Narrow && classes.len() > 1 {
        let tasks: Vec<String> = tasks.iter().map(|def| asks(def)).collect();
        wrong.push(format!(
            "queue `{name}` is narrow: one function serves it, but its tasks ask for different memory: {}; give them \
             one, or queues of their own, or set `road = \"wide\"`",
            tasks.join(", ")
        ));
    }
    let class = classes.first().copied().flatten();
    let longest_task = tasks.iter().map(|def| def.options.timeout).max().unwrap_or(MAX_TASK);
    ServedQueue {
        road: queue.road,
        class,
        has_one_class: classes.len() <= 1,
        concurrency: queue.concurrency,
        provisioned: queue.provisioned_concurrency,
        longest_task,
    }
}

impl ServedQueue {
    /// Whether a function runs its calls.
    pub(super) fn has_function(&self) -> bool {
        self.road != Road::Process
    }
}

fn asks(def: &TaskDef) -> String {
    let memory = def.options.memory.map_or_else(|| "the default".to_owned(), |memory| format!("{memory} MB"));
    format!("`{}` ({}:{}) {memory}", def.name, def.at.0, def.at.1)
}

/// A function for each memory size that a task needs, and the default one, which also gets calls of unknown tasks.
fn workers(
    registry: &Registry,
    queues: &BTreeMap<String, ServedQueue>,
    settings: &Settings,
    wrong: &mut Vec<String>,
) -> BTreeMap<Class, WorkerFunction> {
    let mut needed = BTreeMap::from([(None, WORKER_TIMEOUT)]);
    let on_lambda = |def: &&TaskDef| queues.get(def.options.queue).is_none_or(|queue| queue.road != Road::Process);
    for def in registry.iter().filter(on_lambda) {
        let needs = Duration::from_secs(def.options.timeout.as_millis().div_ceil(1_000) as u64) + MARGIN;
        if let Some(why) = does_not_fit(def, needs, settings.worker.timeout) {
            wrong.push(why);
        }
        let longest = needed.entry(def.options.memory).or_insert(WORKER_TIMEOUT);
        *longest = needs.max(*longest);
    }
    let function = |(class, needs): (Class, Duration)| {
        let timeout = settings.worker.timeout.unwrap_or(needs);
        (class, WorkerFunction { memory: class.unwrap_or(settings.worker.memory), timeout })
    };
    needed.into_iter().map(function).collect()
}

fn does_not_fit(def: &TaskDef, needs: Duration, limit: Option<Duration>) -> Option<String> {
    let task = format!("task `{}` ({}:{}), timeout {:?}", def.name, def.at.0, def.at.1, def.options.timeout);
    if needs > MAX_FUNCTION {
        return Some(format!(
            "{task}: no function runs longer than 900 s, and a worker needs {} s of them for itself: lower the \
             timeout, or serve queue `{}` by processes: `road = \"process\"`",
            MARGIN.as_secs(),
            def.options.queue
        ));
    }
    let limit = limit.filter(|limit| needs > *limit)?;
    Some(format!(
        "{task}: with the {} s that a worker needs for itself it does not fit `worker.timeout`, {limit:?}: raise that \
         to \"{}s\", or lower the task's",
        MARGIN.as_secs(),
        needs.as_secs()
    ))
}

fn due(def: &'static TaskDef, now_ms: u64) -> Result<Option<DueTask>, String> {
    let Some(schedule) = Schedule::of(def, now_ms).map_err(|error| error.to_string())? else { return Ok(None) };
    let pattern = def.options.schedule.unwrap_or_default();
    let expression = expression(pattern, &schedule)
        .map_err(|why| format!("task `{}` ({}:{}), schedule `{pattern}`: {why}", def.name, def.at.0, def.at.1))?;
    // Scheduler accepts zones only in the database's own spelling.
    let zone = jiff::tz::TimeZone::get(def.options.timezone).ok();
    let timezone = zone.as_ref().and_then(|zone| zone.iana_name()).unwrap_or(def.options.timezone);
    Ok(Some(DueTask {
        task: def.name,
        queue: def.options.queue,
        expression,
        timezone: timezone.to_owned(),
        catch_up: def.options.catch_up,
    }))
}
