//! Sends the runs of scheduled tasks when they are due. Any number of processes may do so at once: a run's id follows
//! from its schedule and its time, so they all send the same parcel and the ledger runs it once. A run is sent first
//! and recorded second, so that a crash between the two sends it twice rather than never.

mod declared;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    id::{BatchId, TaskId},
    parcel::{Calls, Packer, Packing, Spec},
    ports::{Outgoing, PortError, Ports},
    schedule::{NO_ARGS, Schedule, ScheduleError},
    task::{Registry, TaskDef},
};

/// A run that is sent later than this after its due time was missed: `catch_up` applies to it.
const MISSED_AFTER_MS: u64 = 60_000;

/// The longest sleep. Timers stop while a laptop sleeps, and do not follow when its clock is set.
const LONGEST_SLEEP_MS: u64 = 60_000;

/// How long to wait when the store does not answer.
const RETRY_MS: u64 = 5_000;

/// More than a parcel with one call without arguments needs.
const RUN_BYTES: usize = 16 << 10;

/// Sends the runs of scheduled tasks when they are due.
#[derive(Debug)]
pub struct Scheduler {
    ports: Ports,
    entries: Vec<Entry>,
}

/// Why this program's schedules are invalid: all faults at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct SchedulesError(Vec<ScheduleError>);

/// One scheduled task.
#[derive(Debug)]
struct Entry {
    def: &'static TaskDef,
    schedule: Schedule,
    /// Its key in the store. A changed pattern is a new schedule, which was never due before it was written.
    key: String,
    /// When to look at it again.
    look_ms: u64,
}

impl Scheduler {
    /// A scheduler for all tasks with a schedule. The error names each task whose schedule is invalid.
    pub fn new(ports: Ports, registry: &Registry) -> Result<Self, SchedulesError> {
        let now_ms = ports.clock.now_ms();
        let (mut entries, mut wrong) = (Vec::new(), Vec::new());
        for def in registry.iter() {
            match Schedule::of(def, now_ms) {
                Ok(Some(schedule)) => entries.push(Entry::new(def, schedule)),
                Ok(None) => {}
                Err(error) if error.is_over() => tracing::warn!("{error}"),
                Err(error) => wrong.push(error),
            }
        }
        if wrong.is_empty() { Ok(Self { ports, entries }) } else { Err(SchedulesError(wrong)) }
    }

    /// How many schedules it follows.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has nothing to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sends runs when they are due, until it is stopped. If the store does not answer, it tries again and never gives
    /// up.
    ///
    /// # Errors
    /// [`PortError::Gone`]: the store no longer exists.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), PortError> {
        while !self.entries.is_empty() && !stop.is_cancelled() {
            let now_ms = self.ports.clock.now_ms();
            for entry in self.entries.iter_mut().filter(|entry| entry.look_ms <= now_ms) {
                entry.look(&self.ports, now_ms).await?;
            }
            let look_ms = self.entries.iter().map(|entry| entry.look_ms).min().unwrap_or(u64::MAX);
            let sleep_ms = look_ms.saturating_sub(self.ports.clock.now_ms()).min(LONGEST_SLEEP_MS);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.ports.clock.sleep(Duration::from_millis(sleep_ms)) => {}
            }
        }
        Ok(())
    }
}

impl Entry {
    fn new(def: &'static TaskDef, schedule: Schedule) -> Self {
        Self { def, schedule, key: key(def), look_ms: 0 }
    }

    async fn look(&mut self, ports: &Ports, now_ms: u64) -> Result<(), PortError> {
        self.look_ms = match self.send_due(ports, now_ms).await {
            Ok(()) => self.schedule.next_after(now_ms).unwrap_or(u64::MAX),
            Err(error @ PortError::Gone { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(task = self.def.name, %error, "a scheduled run could not be sent; trying again in 5 s");
                now_ms + RETRY_MS
            }
        };
        Ok(())
    }

    /// Sends the latest due run, unless it has been sent.
    async fn send_due(&self, ports: &Ports, now_ms: u64) -> Result<(), PortError> {
        let Some(last_ms) = ports.schedules.last(&self.key).await? else {
            // A new schedule: earlier times passed before it existed. From now on downtime counts as missed.
            let before_ms = self.schedule.latest_between(0, now_ms).unwrap_or(0);
            return ports.schedules.sent(&self.key, before_ms).await;
        };
        let Some(due_ms) = self.schedule.latest_between(last_ms, now_ms) else { return Ok(()) };
        let late_ms = now_ms - due_ms;
        if late_ms <= MISSED_AFTER_MS || self.def.options.catch_up {
            let id = self.send(ports, due_ms, now_ms).await?;
            tracing::info!(task = self.def.name, %id, late_ms, "sent a scheduled run");
        } else {
            tracing::warn!(task = self.def.name, late_ms, "skipped a scheduled run that was missed (catch_up = false)");
        }
        ports.schedules.sent(&self.key, due_ms).await
    }

    async fn send(&self, ports: &Ports, due_ms: u64, now_ms: u64) -> Result<TaskId, PortError> {
        // The accept time is now, not the due time, so that a run that is caught up has its full time to expire.
        let (id, message) = run(self.def, due_ms, now_ms);
        let sent = ports.queue.send(vec![message]).await;
        for sent in sent {
            // Rejected or unknown: it is sent again under the same id.
            sent?;
        }
        Ok(id)
    }
}

/// The key of a task's schedule in the store.
fn key(def: &TaskDef) -> String {
    format!("{} {} {}", def.name, def.options.schedule.unwrap_or_default(), def.options.timezone)
}

/// The parcel of the run due at `due_ms`, accepted at `now_ms`. Its id follows from the schedule and the due time.
pub fn run(def: &'static TaskDef, due_ms: u64, now_ms: u64) -> (TaskId, Outgoing) {
    let batch = BatchId::from_key(&key(def), &due_ms.to_string());
    let mut packer = Packer::new(Packing { calls: 1, bytes: RUN_BYTES, call_bytes: RUN_BYTES });
    packer.push(NO_ARGS);
    let spec = Spec::of(def.name, &def.options, now_ms);
    (batch.call(0), spec.encode(&mut packer, now_ms, Calls::uncounted(batch)))
}
