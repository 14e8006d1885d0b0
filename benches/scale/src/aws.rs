//! The AWS account that all simulated programs of a run share: its capacity, and the count of requests.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use celeriac_aws::{Operation, Usage};
use celeriac_core::ports::{Clock, PortError};
use celeriac_sim::Dice;

use crate::{bucket::Bucket, limits};

/// The part of AWS that all programs of a run share.
#[derive(Clone)]
pub(crate) struct Aws(Arc<Mutex<State>>);

/// One program's access to it.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) aws: Aws,
    pub(crate) clock: Arc<dyn Clock>,
}

pub(crate) struct State {
    usage: BTreeMap<Operation, Usage>,
    dice: Dice,
    writes: Bucket,
    reads: Bucket,
    /// The capacity of partition keys that many programs write or read.
    keys: BTreeMap<Key, Bucket>,
    /// Until when a transaction locks an item.
    held_us: BTreeMap<Key, u64>,
    gb_seconds: f64,
    invocations: u64,
    pub(crate) throttled: u64,
    pub(crate) conflicts: u64,
    pub(crate) failed: u64,
    /// How many environments the account may use at a time, and how many it does.
    pub(crate) account: Option<usize>,
    pub(crate) running: usize,
    /// The most that an event has waited that found no room.
    pub(crate) throttled_for: Duration,
    /// When the last parcel was finished.
    pub(crate) ended: Duration,
    /// The most calls of a parcel.
    pub(crate) calls_per_parcel: u32,
    /// The most bytes of parcels that a dispatcher was handed.
    pub(crate) in_hand: usize,
}

/// A partition key that is counted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// The record of the batch, when it is read.
    BatchRead,
    /// The same, when it is written.
    Batch,
    /// A shard of the batch's counters.
    Counter(u8),
    /// The count of outstanding invocations, when it is read.
    OutstandingRead,
    /// A shard of it, when it is written.
    Outstanding(u8),
}

/// A request to the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) operation: &'static str,
    pub(crate) units: f64,
    pub(crate) key: Option<Key>,
}

impl Aws {
    pub(crate) fn new(dice: Dice, table_writes: f64) -> Self {
        Self(Arc::new(Mutex::new(State {
            usage: BTreeMap::new(),
            dice,
            writes: Bucket::new(table_writes, table_writes),
            reads: Bucket::new(limits::TABLE_READS.max(table_writes), limits::TABLE_READS.max(table_writes)),
            keys: BTreeMap::new(),
            held_us: BTreeMap::new(),
            gb_seconds: 0.0,
            invocations: 0,
            throttled: 0,
            conflicts: 0,
            failed: 0,
            account: None,
            running: 0,
            throttled_for: Duration::ZERO,
            ended: Duration::ZERO,
            calls_per_parcel: 0,
            in_hand: 0,
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request and its billed units.
    pub(crate) fn count(&self, service: &'static str, operation: &'static str, units: f64) {
        self.state().count(service, operation, units);
    }

    /// Adds the time that a function has run.
    pub(crate) fn ran(&self, took: Duration) {
        let mut state = self.state();
        // It is billed by the millisecond.
        let billed_s = took.as_micros().div_ceil(1000) as f64 / 1e3;
        state.gb_seconds += billed_s * f64::from(limits::MEMORY_MB) / 1024.0;
        state.invocations += 1;
    }

    /// All requests, and the functions' time.
    pub(crate) fn used(&self) -> (BTreeMap<Operation, Usage>, u64, f64) {
        let state = self.state();
        (state.usage.clone(), state.invocations, state.gb_seconds)
    }
}

impl State {
    fn count(&mut self, service: &'static str, operation: &'static str, units: f64) {
        let usage = self.usage.entry((Cow::Borrowed(service), Cow::Borrowed(operation))).or_default();
        usage.requests += 1;
        usage.units += units;
    }

    /// A time of about this length: up to half as much more or less.
    pub(crate) fn about(&mut self, time: Duration) -> Duration {
        let us = time.as_micros() as u64;
        Duration::from_micros(self.dice.between(us / 2, us + us / 2))
    }

    /// A random time up to this one.
    pub(crate) fn upto(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.dice.between(0, most.as_micros() as u64))
    }

    /// Whether the table has capacity for this.
    fn grants(&mut self, ask: Ask, now_us: u64) -> bool {
        let reads = matches!(ask.operation, "GetItem" | "BatchGetItem" | "Query");
        let (all, most) =
            if reads { (&mut self.reads, limits::KEY_READS) } else { (&mut self.writes, limits::KEY_WRITES) };
        let key = ask.key.map(|key| self.keys.entry(key).or_insert_with(|| Bucket::new(most, most)));
        // One of the two items of a transaction has the key.
        let of_key = if ask.operation == "TransactWriteItems" { ask.units / 2.0 } else { ask.units };
        key.is_none_or(|key| key.take(of_key, now_us)) && all.take(ask.units, now_us)
    }

    /// Holds an item for a transaction, unless another transaction holds it.
    fn holds(&mut self, key: Key, now_us: u64) -> bool {
        let held_us = self.held_us.entry(key).or_default();
        let free = *held_us <= now_us;
        if free {
            *held_us = now_us + limits::TRANSACTION_HELD.as_micros() as u64;
        }
        free
    }
}

/// The most pauses of the product while transactions are in its way (`backends/aws/src/dynamo/patience.rs`).
const PAUSES: u32 = 14;
const FIRST_PAUSE_MS: u64 = 10;
const LONGEST_PAUSE_MS: u64 = 1000;

impl Way {
    /// Lets about this much time pass.
    pub(crate) async fn takes(&self, time: Duration) {
        let time = self.aws.state().about(time);
        self.clock.sleep(time).await;
    }

    /// Sends a request to the table, as the SDK does: a throttled request is repeated a few times.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<(), PortError> {
        self.takes(limits::DYNAMODB).await;
        self.insist(ask).await
    }

    async fn insist(&self, ask: Ask) -> Result<(), PortError> {
        for attempt in 1..=limits::SDK_ATTEMPTS {
            let now_us = self.clock.monotonic_us();
            let pause = {
                let mut state = self.aws.state();
                if state.grants(ask, now_us) {
                    state.count("DynamoDB", ask.operation, ask.units);
                    return Ok(());
                }
                state.throttled += 1;
                state.upto(limits::SDK_PAUSE * (1 << (attempt - 1)))
            };
            if attempt < limits::SDK_ATTEMPTS {
                self.clock.sleep(pause).await;
            }
        }
        self.aws.state().failed += 1;
        Err(unavailable("too much is asked at once"))
    }

    /// Writes in a transaction that locks an item which other programs write too.
    pub(crate) async fn transact(&self, units: f64, key: Key) -> Result<(), PortError> {
        let ask = Ask { operation: "TransactWriteItems", units, key: Some(key) };
        for pauses in 0..=PAUSES {
            self.takes(limits::TRANSACTION).await;
            let now_us = self.clock.monotonic_us();
            let pause = {
                let mut state = self.aws.state();
                if state.holds(key, now_us) {
                    None
                } else {
                    // Refused, and billed all the same.
                    state.conflicts += 1;
                    state.count("DynamoDB", ask.operation, 2.0);
                    let most_ms = (FIRST_PAUSE_MS << pauses.min(10)).min(LONGEST_PAUSE_MS);
                    Some(state.upto(Duration::from_millis(most_ms)))
                }
            };
            match pause {
                None => return self.insist(ask).await,
                Some(pause) => self.clock.sleep(pause).await,
            }
        }
        self.aws.state().failed += 1;
        Err(unavailable("others write the same items all the time"))
    }
}

fn unavailable(why: &str) -> PortError {
    PortError::Unavailable { what: format!("the simulated DynamoDB does not do it: {why}"), source: None }
}
