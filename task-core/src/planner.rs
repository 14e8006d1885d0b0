//! Decides how many calls go into a parcel and how many parcels into an invocation, and predicts the size of a
//! `fan_out` before anything is sent.
//!
//! The cost of a parcel does not depend on how many calls it has (G7), so it should have many. Three things limit it:
//!
//! 1. **A parcel is lost as a whole.** If its worker dies, it waits for the lease to end, and unrecorded calls run
//!    again. So it has at most [`MOST_WORK`] of work, and at most half a lease.
//! 2. **A parcel runs in one worker.** Few large ones leave workers idle. So a batch of known size is cut for
//!    [`WIDTH`] workers, but not into parcels of less than [`LEAST_WORK`]: launching a worker costs about 100 ms, so
//!    smaller parcels would cost more than they save. Parcels of more than [`MUCH_WORK`] are cut for [`MOST_WIDTH`].
//! 3. **Limits**: [`MAX_CALLS`] and the bytes of a message, which the packer keeps.
//!
//! The work of a parcel is its calls, run `concurrency` at a time, times `takes`. A task without `takes` is planned
//! with [`ASSUMED`]. At the default concurrency that gives full parcels, so quick tasks stay cheap. A slow task without
//! `takes` runs in parcels of a few seconds, unless a call takes longer than about a second.

use std::{fmt, time::Duration};

use crate::{
    ports::{Lanes, Profile},
    task::Options,
    wire::MAX_CALLS,
};

/// How long a call is assumed to take if its task does not say.
pub const ASSUMED: Duration = Duration::from_millis(50);

/// The most work of a parcel.
pub const MOST_WORK: Duration = Duration::from_secs(30);

/// The least work that justifies its own invocation.
pub const LEAST_WORK: Duration = Duration::from_secs(2);

/// A batch of known size is cut for this many workers.
pub const WIDTH: u64 = 100;

/// A batch is cut for this many workers if its parcels still have much work: as many as Lambda starts at once.
pub const MOST_WIDTH: u64 = 1000;

/// Parcels of at least this much work have much: launching one costs less than a fiftieth of it, so cutting for more
/// workers than exist is no loss. (A million calls of a second with 1,000 workers take 21 s in parcels of 19 s and 13 s
/// in these parcels, at the same cost. In parcels of 2 s, 100,000 such calls cost a fifth more with 100 workers. See
/// `docs/scale.md`.)
pub const MUCH_WORK: Duration = Duration::from_secs(10);

/// How long coalesced calls may delay each other.
pub const COALESCED_WORK: Duration = Duration::from_secs(1);

/// The most parcels of an invocation: the limit of one receive from a queue.
pub const MAX_PARCELS: u32 = 10;

/// The profile to plan with when no backend is known: messages of 256 KB, the cheapest size per byte.
pub const PROFILE: Profile = Profile {
    message_bytes: 256 << 10,
    call_bytes: 256 << 10,
    checkpoint_ms: 1000,
    gather_ms: 0,
    lanes: Lanes::Apart,
    wait_ms: 500,
    lease_ms: 60_000,
    send_bytes: 2 << 20,
    buffer_bytes: 64 << 20,
};

/// How long one call is expected to take.
pub fn expected(options: &Options) -> Duration {
    options.takes.unwrap_or(ASSUMED).max(Duration::from_millis(1))
}

/// How many calls a parcel of a batch has. `count` is the batch's size, if known. Depends on nothing else, so that a
/// resumed batch is cut at the same places.
pub fn calls_per_parcel(options: &Options, profile: Profile, count: Option<u64>) -> u32 {
    let most = MOST_WORK.min(Duration::from_millis(profile.lease_ms / 2));
    let most = calls_in(options, most.as_micros() / expected(options).as_micros());
    let least = calls_in(options, LEAST_WORK.as_micros().div_ceil(expected(options).as_micros())).min(most);
    let much = u64::from(calls_in(options, MUCH_WORK.as_micros() / expected(options).as_micros()));
    let cut = |count: u64| count.div_ceil(WIDTH).min(much).max(count.div_ceil(MOST_WIDTH));
    count.map_or(most, |count| u32::try_from(cut(count)).unwrap_or(MAX_CALLS).clamp(least, most))
}

/// How many calls a parcel of coalesced `delay`s has.
pub fn coalesced_calls(options: &Options) -> u32 {
    calls_in(options, COALESCED_WORK.as_micros() / expected(options).as_micros())
}

/// How many parcels of this much work an invocation has.
pub fn parcels_per_invocation(work: Duration) -> u32 {
    let fit = LEAST_WORK.as_millis() / work.as_millis().max(1);
    u32::try_from(fit).unwrap_or(MAX_PARCELS).clamp(1, MAX_PARCELS)
}

/// How long this many calls take in one worker.
pub fn work(options: &Options, calls: u32) -> Duration {
    expected(options).saturating_mul(calls.div_ceil(options.planned_concurrency()))
}

/// The calls that run in this many rounds of `concurrency`, up to the limit of one parcel.
fn calls_in(options: &Options, rounds: u128) -> u32 {
    let calls = rounds.max(1).saturating_mul(u128::from(options.planned_concurrency()));
    u32::try_from(calls).unwrap_or(MAX_CALLS).min(MAX_CALLS)
}

/// The predicted size and time of a `fan_out`. `{}` prints it in a few lines.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The task.
    pub task: String,
    /// How many calls.
    pub calls: u64,
    /// How many parcels.
    pub parcels: u64,
    /// The most calls of a parcel.
    pub calls_per_parcel: u32,
    /// The bytes of all encoded arguments.
    pub args_bytes: u64,
    /// The bytes of all parcels as sent.
    pub sent_bytes: u64,
    /// How many parcels one invocation has.
    pub parcels_per_invocation: u32,
    /// How many times a worker is invoked.
    pub invocations: u64,
    /// How many calls run at a time in a worker.
    pub concurrency: u32,
    /// The memory that the task needs, in MB.
    pub memory_mb: Option<u32>,
    /// How long a call is expected to take, in milliseconds.
    pub call_ms: u64,
    /// Whether `call_ms` is assumed because the task does not say.
    pub assumed: bool,
}

impl Plan {
    /// A plan without parcels yet.
    pub fn new(task: &str, options: &Options, profile: Profile) -> Self {
        let work = work(options, calls_per_parcel(options, profile, None));
        Self {
            task: task.to_owned(),
            calls: 0,
            parcels: 0,
            calls_per_parcel: 0,
            args_bytes: 0,
            sent_bytes: 0,
            parcels_per_invocation: parcels_per_invocation(work),
            invocations: 0,
            concurrency: options.planned_concurrency(),
            memory_mb: options.memory,
            call_ms: expected(options).as_millis() as u64,
            assumed: options.takes.is_none(),
        }
    }

    /// Adds a parcel.
    pub fn add(&mut self, calls: u32, args_bytes: usize, sent_bytes: usize) {
        self.calls += u64::from(calls);
        self.parcels += 1;
        self.calls_per_parcel = self.calls_per_parcel.max(calls);
        self.args_bytes += args_bytes as u64;
        self.sent_bytes += sent_bytes as u64;
        self.parcels_per_invocation = parcels_per_invocation(self.parcel_work());
        self.invocations = self.parcels.div_ceil(u64::from(self.parcels_per_invocation));
    }

    /// How many calls run at a time with this many workers.
    pub fn peak(&self, workers: u64) -> u64 {
        let calls =
            u64::from(self.concurrency.min(self.calls_per_parcel)).saturating_mul(workers.min(self.invocations));
        calls.min(self.calls)
    }

    /// The time it takes with this many workers, at least one.
    pub fn time(&self, workers: u64) -> Duration {
        let parcels_each = self.parcels.div_ceil(workers.clamp(1, self.parcels.max(1)));
        self.parcel_work().saturating_mul(u32::try_from(parcels_each).unwrap_or(u32::MAX))
    }

    fn parcel_work(&self) -> Duration {
        Duration::from_millis(self.call_ms).saturating_mul(self.calls_per_parcel.div_ceil(self.concurrency.max(1)))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.args_bytes / self.calls.max(1);
        writeln!(f, "plan for task `{}`", self.task)?;
        writeln!(f, "  calls        {}, about {each} bytes of arguments each", self.calls)?;
        writeln!(
            f,
            "  parcels      {}, of at most {} calls; {} KB sent",
            self.parcels,
            self.calls_per_parcel,
            self.sent_bytes.div_ceil(1024)
        )?;
        match self.parcels_per_invocation {
            1 => writeln!(f, "  invocations  {}, of one parcel each", self.invocations)?,
            parcels => writeln!(f, "  invocations  {}, of up to {parcels} parcels each", self.invocations)?,
        }
        let source = if self.assumed { "assumed; the task's option `takes` would say" } else { "as its task says" };
        writeln!(f, "  a call       takes {} ms ({source}), {} at a time in a worker", self.call_ms, self.concurrency)?;
        write!(f, "  time         about {:?} with 1 worker", self.time(1))?;
        match self.invocations {
            0 | 1 => Ok(()),
            workers => {
                let (time, peak) = (self.time(workers), self.peak(workers));
                write!(f, "; about {time:?} with {workers}, and then up to {peak} calls at a time")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE_60: Profile = PROFILE;

    #[test]
    fn a_task_that_says_nothing_gets_full_parcels() {
        assert_eq!(calls_per_parcel(&Options::new(), LEASE_60, Some(10_000_000)), MAX_CALLS);
        assert_eq!(calls_per_parcel(&Options::new(), LEASE_60, None), MAX_CALLS);
        // Few calls make no difference: 100 at a time are done in two seconds.
        assert_eq!(calls_per_parcel(&Options::new(), LEASE_60, Some(10_000)), 4000);
    }

    #[test]
    fn a_parcel_has_a_bounded_amount_of_work() {
        for takes in ["1ms", "200ms", "1s", "20s", "10m"] {
            for concurrency in [1, 7, 100, 4096] {
                let options = Options::new().takes(takes).concurrency(concurrency);
                for count in [None, Some(1), Some(5_000), Some(u64::MAX)] {
                    let calls = calls_per_parcel(&options, LEASE_60, count);
                    assert!((1..=MAX_CALLS).contains(&calls), "{takes} {concurrency} {count:?}");
                    assert!(work(&options, calls) <= MOST_WORK.max(expected(&options)), "{takes} {concurrency}");
                }
            }
        }
    }

    #[test]
    fn a_batch_of_known_size_is_cut_for_many_workers() {
        let slow = Options::new().takes("1s").concurrency(10);
        assert_eq!(calls_per_parcel(&slow, LEASE_60, None), 300);
        assert_eq!(calls_per_parcel(&slow, LEASE_60, Some(10_000)), 100);
        assert_eq!(calls_per_parcel(&slow, LEASE_60, Some(100_000)), 100, "ten seconds are much, for more workers too");
        assert_eq!(
            calls_per_parcel(&slow, LEASE_60, Some(200_000)),
            200,
            "a thousand workers are as many as there are"
        );
        assert_eq!(calls_per_parcel(&slow, LEASE_60, Some(50)), 20, "two seconds are worth a worker, less is not");
    }

    #[test]
    fn parcels_of_a_plain_function_are_cut_for_the_processors_that_run_it() {
        assert_eq!(coalesced_calls(&Options::new().takes("100ms").plain()), 20);
        assert_eq!(coalesced_calls(&Options::new().takes("100ms").plain().concurrency(50)), 500);
        assert_eq!(calls_per_parcel(&Options::new().takes("1s").plain(), LEASE_60, Some(100_000)), 60);
    }

    #[test]
    fn a_short_lease_bounds_a_parcel() {
        let profile = Profile { lease_ms: 10_000, ..PROFILE };
        assert_eq!(calls_per_parcel(&Options::new().takes("1s").concurrency(10), profile, None), 50);
    }

    #[test]
    fn coalesced_calls_do_not_wait_for_one_another() {
        assert_eq!(coalesced_calls(&Options::new().takes("10s").concurrency(1)), 1);
        assert_eq!(coalesced_calls(&Options::new().takes("10s").concurrency(20)), 20);
        assert_eq!(coalesced_calls(&Options::new()), 2000);
    }

    #[test]
    fn a_plan_reads_well() {
        let options = Options::new().takes("200ms").concurrency(50);
        let mut plan = Plan::new("mail.send", &options, PROFILE);
        for _ in 0..20 {
            plan.add(500, 50_000, 20_000);
        }
        assert_eq!(
            plan.to_string(),
            "plan for task `mail.send`\n  \
             calls        10000, about 100 bytes of arguments each\n  \
             parcels      20, of at most 500 calls; 391 KB sent\n  \
             invocations  20, of one parcel each\n  \
             a call       takes 200 ms (as its task says), 50 at a time in a worker\n  \
             time         about 40s with 1 worker; about 2s with 20, and then up to 1000 calls at a time"
        );
    }

    #[test]
    fn a_plan_of_nothing_divides_by_nothing() {
        let plan = Plan::new("mail.send", &Options::new(), PROFILE);
        assert_eq!(plan.time(0), Duration::ZERO);
        assert!(plan.to_string().contains("calls        0, about 0 bytes"));
    }
}
