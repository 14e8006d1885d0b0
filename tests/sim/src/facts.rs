//! The observed facts of a run, as far as the checks need them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use celeriac_core::{
    Lane,
    bitmap::Bitmap,
    id::{BatchId, ParcelId, TaskId},
    ports::Seal,
};
use celeriac_sim::{BEGIN_MS, HostId, short};

use crate::{
    tasks::{self, Args},
    witness::Outcome,
};

/// The most violations kept of a run; one would be enough.
const MAX_VIOLATIONS: usize = 20;

/// The first of all ids.
const FIRST: ParcelId = ParcelId::from_bytes([0; 16]);

/// The last of all ids.
const LAST: ParcelId = ParcelId::from_bytes([u8::MAX; 16]);

/// The facts, shared by all observers.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Facts>>);

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The observed facts.
#[derive(Default)]
pub(crate) struct Facts {
    /// The violations.
    pub(crate) violations: Vec<Violation>,
    /// Whether there are no faults, so that no holder may lose its parcel.
    pub(crate) calm: bool,
    /// How wrong clocks may be.
    pub(crate) skew_ms: u64,
    /// How early a call may start because of wrong clocks, where receivers hold back messages less than a second early.
    pub(crate) early_ms: u64,
    /// How many parcels may run on a host at once.
    pub(crate) parcels_at_once: usize,
    /// Parcels that were stored in a queue.
    pub(crate) parcels: BTreeMap<ParcelId, Stored>,
    /// The state of parcels in the ledger.
    pub(crate) rows: BTreeMap<ParcelId, Kept>,
    pub(crate) calls: BTreeMap<TaskId, Seen>,
    pub(crate) revoked: BTreeMap<BatchId, u64>,
    /// The parcels that each host holds, the newest last.
    pub(crate) held: BTreeMap<HostId, Vec<Hold>>,
    pub(crate) dead: BTreeSet<HostId>,
    pub(crate) receipts: BTreeMap<Arc<str>, Delivered>,
    /// When each parcel was sent last.
    pub(crate) sent_us: BTreeMap<ParcelId, u64>,
    /// Hosts that may end the leases of dead holders.
    pub(crate) relievers: BTreeSet<HostId>,
    /// The current request of Lambda on each host.
    pub(crate) invocations: BTreeMap<HostId, String>,
    /// Requests that were reported as failed.
    pub(crate) reported: BTreeSet<String>,
    /// Whether any host has died or been frozen, so that calls may have been in its hands.
    pub(crate) harmed: bool,
    /// The running calls of each host and parcel, with their start.
    running: BTreeMap<(HostId, ParcelId), BTreeMap<TaskId, u64>>,
    /// How old parcels became while all hosts were off.
    pub(crate) age: Age,
    /// How many parcels are finished.
    pub(crate) finished: u64,
    pub(crate) told: Told,
}

/// How old parcels became while all hosts were off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    /// They may still run.
    #[default]
    Fresh,
    /// They are too old to run.
    TooOld,
    /// The ledger has forgotten their rows, and with them what ran.
    Forgotten,
}

/// The answers that clients got.
#[derive(Default)]
pub(crate) struct Told {
    /// How many calls of each batch were accepted, and batches that are complete.
    pub(crate) batches: BTreeMap<BatchId, u64>,
    /// Single calls that were accepted.
    pub(crate) calls: BTreeSet<TaskId>,
    /// The lane in which each call was asked for, by its number.
    pub(crate) lanes: BTreeMap<u32, Lane>,
    /// The numbers of calls that were rejected.
    pub(crate) rejected: BTreeSet<u32>,
}

/// A violation, and where to look.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) call: Option<TaskId>,
    pub(crate) parcel: Option<ParcelId>,
}

/// A parcel that was stored.
pub(crate) struct Stored {
    pub(crate) batch: BatchId,
    pub(crate) task: String,
    pub(crate) parent: Option<ParcelId>,
    /// Whether it retries a dead letter.
    pub(crate) revived: bool,
    /// Whether it does or descends from such a parcel, or was sent with other bytes: then its death time is in its
    /// header.
    pub(crate) again: bool,
    pub(crate) lane: Lane,
    pub(crate) attempt: u32,
    pub(crate) hops: u32,
    pub(crate) due_ms: u64,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) not_after_ms: u64,
    /// The indexes of its calls.
    pub(crate) indexes: Vec<u64>,
    pub(crate) body: Bytes,
    /// What its calls do.
    pub(crate) args: Vec<Args>,
}

/// The state of a parcel's row.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) epoch: u64,
    pub(crate) losses: u32,
    pub(crate) done: Bitmap,
    pub(crate) seal: Option<Seal>,
    pub(crate) finished: bool,
}

/// A delivery of a message.
pub(crate) struct Delivered {
    /// Its parcel, if it is one.
    pub(crate) parcel: Option<ParcelId>,
    pub(crate) queue: Arc<str>,
    pub(crate) at_us: u64,
    /// Whether SQS deletes it soon, so that it may be sent anew.
    pub(crate) old: bool,
}

/// A claim that a host was given.
pub(crate) struct Hold {
    pub(crate) parcel: ParcelId,
    pub(crate) epoch: u64,
    pub(crate) done: Bitmap,
    pub(crate) since_us: u64,
    /// Whether it may run the calls: a sealed parcel must not run.
    pub(crate) runs: bool,
}

/// The observations of a call.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) starts: u32,
    /// The parcels in which it started.
    pub(crate) begun: BTreeSet<ParcelId>,
    /// Failed attempts that another may follow, and dead letters that were sent again.
    pub(crate) failed: u32,
    /// How many times a holder lost a parcel in which the call was not done.
    pub(crate) lost: u32,
    /// Attempts that were running when their process died, without an observed end.
    pub(crate) vanished: u32,
    pub(crate) succeeded: u32,
    /// Attempts that were cut at their timeout.
    pub(crate) cut: u32,
    /// Attempts that were cut because their process was stopped.
    pub(crate) stopped: u32,
    /// Final verdicts, and how many are allowed.
    pub(crate) verdicts: u32,
    pub(crate) revived: u32,
}

impl Stored {
    pub(crate) fn position(&self, index: u64) -> Option<u32> {
        self.indexes.binary_search(&index).ok().map(|position| position as u32)
    }

    pub(crate) fn calls(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.indexes.iter().map(|index| self.batch.call(*index))
    }
}

impl Facts {
    pub(crate) fn violated(&mut self, what: impl Into<String>, call: Option<TaskId>, parcel: Option<ParcelId>) {
        if self.violations.len() < MAX_VIOLATIONS {
            let (mut what, id) = (what.into(), parcel.map(short).unwrap_or_default());
            if parcel.is_some() {
                what = format!("parcel {id}: {what}");
            }
            if let Some(call) = call {
                what = format!("call {call}: {what}");
            }
            self.violations.push(Violation { what, call, parcel });
        }
    }

    /// A call starts on a host. Returns the number of its starts.
    pub(crate) fn begins(&mut self, host: HostId, call: TaskId, attempt: u32, now_us: u64) -> u32 {
        let seen = self.calls.entry(call).or_default();
        seen.starts += 1;
        let (starts, allowed) = (seen.starts, 1 + seen.failed + seen.lost.max(seen.vanished));
        let (once, repeated) = (1 + seen.failed, starts > allowed);
        let holds = self.held.get(&host).into_iter().flatten().rev();
        let has = |hold: &Hold| {
            let stored = self.parcels.get(&hold.parcel).filter(|stored| stored.batch == call.batch)?;
            stored.position(call.index)
        };
        let (mut found, mut others) = (None, false);
        for hold in holds.filter(|hold| hold.runs) {
            let Some(position) = has(hold) else { continue };
            others |= found.is_some();
            // A retried dead letter may be here beside the parcel in which it died.
            let is_done = |found: &(ParcelId, u32, &Hold)| found.2.done.contains(found.1);
            if found.as_ref().is_none_or(is_done) {
                found = Some((hold.parcel, position, hold));
            }
        }
        let Some((parcel, position, hold)) = found else {
            self.violated("runs on a host that has no claim on it", Some(call), None);
            return starts;
        };
        let (was_done, since_us) = (hold.done.contains(position), hold.since_us);
        self.calls.entry(call).or_default().begun.insert(parcel);
        let stored = &self.parcels[&parcel];
        let (due_ms, expires_ms, batch) = (stored.due_ms, stored.expires_ms, stored.batch);
        let not_after_ms = stored.not_after_ms;
        let options = tasks::options(&stored.task);
        let revived = stored.revived;
        let now_ms = BEGIN_MS + now_us / 1000;
        let mut wrong = Vec::new();
        if was_done {
            wrong.push("runs although it was recorded done before this claim".to_owned());
        }
        if repeated {
            wrong.push(format!("runs for the {starts}. time, although it may at most {allowed} times"));
        }
        if let Some(options) = options {
            if options.at_most_once && starts > once {
                wrong.push(format!("is at most once, and runs for the {starts}. time"));
            }
            if attempt > options.retries + 1 {
                wrong.push(format!("makes attempt {attempt} of {}", options.retries + 1));
            }
            let running = self.running.entry((host, parcel)).or_default();
            running.insert(call, now_us);
            // A call past its timeout is about to be dropped.
            let over_us = now_us.saturating_sub(options.timeout.as_micros() as u64);
            let running = running.values().filter(|since_us| over_us == 0 || **since_us > over_us).count();
            // A child may be here beside its parent, which was lost without knowing it yet: either may run it.
            if running > options.concurrency as usize && !others {
                wrong.push(format!("is one of {running} that run at a time, of at most {}", options.concurrency));
            }
        }
        let at_once = self.running.range((host, FIRST)..=(host, LAST)).count();
        if at_once > self.parcels_at_once {
            wrong.push(format!(
                "is of one of {at_once} parcels that run at a time, of at most {} (G6)",
                self.parcels_at_once
            ));
        }
        if now_ms + self.early_ms < due_ms {
            wrong.push(format!("runs {} ms before it is due", due_ms - now_ms));
        }
        if now_ms > not_after_ms + 2 * self.skew_ms {
            wrong.push("runs although its parcel is too old (rule 8)".to_owned());
        }
        if attempt == 1 && !revived && expires_ms.is_some_and(|expires_ms| now_ms > expires_ms + 2 * self.skew_ms) {
            wrong.push("starts although it has expired".to_owned());
        }
        if self.revoked.get(&batch).is_some_and(|revoked_us| *revoked_us < since_us) {
            wrong.push("runs although its batch was revoked before this claim".to_owned());
        }
        for what in wrong {
            self.violated(what, Some(call), Some(parcel));
        }
        starts
    }

    /// An attempt ends on a host.
    pub(crate) fn ends(&mut self, host: HostId, call: TaskId, outcome: Outcome, once: bool) {
        let seen = self.calls.entry(call).or_default();
        match outcome {
            Outcome::Succeeded => seen.succeeded += 1,
            Outcome::Failed => seen.failed += 1,
            Outcome::Cut => {
                seen.cut += 1;
                seen.failed += u32::from(!once);
            }
            Outcome::Stopped => {
                seen.stopped += 1;
                seen.failed += u32::from(!once);
            }
            Outcome::Dropped => {}
        }
        for (_, running) in self.running.range_mut((host, FIRST)..=(host, LAST)) {
            running.remove(&call);
        }
        self.running.retain(|_, running| !running.is_empty());
    }

    /// A process dies, with everything that runs on it.
    pub(crate) fn died(&mut self, host: HostId) {
        self.harmed = true;
        self.dead.insert(host);
        self.held.remove(&host);
        let of_host: Vec<_> = self.running.keys().filter(|(other, _)| *other == host).copied().collect();
        for key in of_host {
            for call in self.running.remove(&key).unwrap_or_default().into_keys() {
                self.calls.entry(call).or_default().vanished += 1;
            }
        }
    }

    /// All stored calls that must end, whether or not a client was told.
    pub(crate) fn accepted(&self) -> BTreeSet<TaskId> {
        let roots = self.parcels.values().filter(|stored| stored.parent.is_none());
        roots.flat_map(Stored::calls).collect()
    }
}
