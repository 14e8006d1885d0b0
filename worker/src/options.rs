//! The options of a worker. Those of a task are its own.

use std::{sync::Arc, time::Duration};

/// The options of a worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Who this is, for people to read in the ledger and in logs: host, process, log stream. Defaults to
    /// `worker-` and the process's number. Celery: `--hostname`.
    pub name: Arc<str>,
    /// For how long after it was due a parcel is kept whose task this program does not have: a deploy may be under
    /// way. Then its calls become dead letters. Defaults to one hour. Celery drops such messages.
    pub unknown_task_grace: Duration,
    /// How long one poll of a call may take before the worker reports that it blocks its thread. Defaults to one
    /// second. Celery has no such option.
    pub stall: Duration,
    /// How long before the deadline of an invocation the last call must have ended: the time to record and settle.
    /// At most a quarter of the time that there is. Defaults to two seconds. Celery has no such option.
    pub margin: Duration,
    /// Polls calls on threads of the worker's own, so that a call which blocks its thread for ever keeps neither
    /// its parcel nor the process from going on. `false` polls them on the runtime that the worker is run on and starts
    /// no thread at all, as a simulation under virtual time needs it; then calls that tasks make without naming a client
    /// use that of the process. Defaults to `true`. Celery: `--pool`.
    pub isolate: bool,
    /// How many threads poll calls, with `isolate`; 1 to 256. Also how many calls of plain functions run at a time, over
    /// all tasks that set no `concurrency` of their own. Defaults to the number of processors. Celery has no such
    /// option: a process of its pool runs one call at a time.
    pub threads: usize,
    /// How many calls run at a time, over all parcels and tasks. At least 1. Defaults to no limit: each parcel that runs
    /// has as many as its task's `concurrency`. Celery: `worker_concurrency`, `-c`.
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
