//! The options of a worker. Each task has options of its own.

use std::{sync::Arc, time::Duration};

/// The options of a worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The worker's name, for people to read in the ledger and in logs: host, process, log stream. Defaults to
    /// `worker-` and the process id. Celery: `--hostname`.
    pub name: Arc<str>,
    /// How long a parcel is kept after it was due if this program does not have its task: a deploy may be under way.
    /// After that, its calls become dead letters. Defaults to one hour. Celery drops such messages.
    pub unknown_task_grace: Duration,
    /// How long one poll of a call may take before the worker reports that it blocks its thread. Defaults to one
    /// second. Celery has no such option.
    pub stall: Duration,
    /// How long before the deadline of an invocation the last call must have ended: the time to record and settle. At
    /// most a quarter of the time until the deadline. Defaults to two seconds. Celery has no such option.
    pub margin: Duration,
    /// Polls calls on threads of the worker's own. A call that blocks its thread for ever then stops neither its parcel
    /// nor the process. `false` polls calls on the runtime that runs the worker, and starts no thread at all: a
    /// simulation under virtual time needs this. Calls that tasks make without naming a client then use the client of
    /// the process. Defaults to `true`. Celery: `--pool`.
    pub isolate: bool,
    /// How many threads poll calls, with `isolate`, in each lane; 1 to 256. It is also how many calls of plain functions
    /// run at a time in each lane, over all tasks that set no `concurrency` of their own. Defaults to the number of processors. Celery has no
    /// such option: a process of its pool runs one call at a time.
    pub threads: usize,
    /// How many calls run at a time, over all parcels, tasks and lanes. At least 1. Interactive calls come first; while
    /// bulk calls wait they have a fifth of the places, and of many places they leave a twentieth to interactive calls.
    /// Defaults to no limit: each running parcel
    /// runs as many calls as its task's `concurrency` allows. Celery: `worker_concurrency`, `-c`.
    pub concurrency: Option<usize>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: format!("worker-{}", std::process::id()).into(),
            unknown_task_grace: Duration::from_hours(1),
            stall: Duration::from_secs(1),
            margin: Duration::from_secs(2),
            isolate: true,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            concurrency: None,
        }
    }
}
