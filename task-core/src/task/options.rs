//! The options of a task, set once in its source. Each is a method of a `const` builder, so that a value out of range
//! is a compiler error with the sentence written here.

#![allow(clippy::missing_panics_doc, reason = "they panic while compiling: the message is the compiler's error")]

use std::time::Duration;

use crate::{
    duration::{parse_duration, parse_range},
    schedule::check,
};

/// The options of a task. The methods have the names used in `#[task(..)]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own that a task's author sets by its name")]
pub struct Options {
    /// See [`Options::alias`].
    pub alias: Option<&'static str>,
    /// See [`Options::retries`].
    pub retries: u32,
    /// See [`Options::backoff`].
    pub backoff: (Duration, Duration),
    /// See [`Options::timeout`].
    pub timeout: Duration,
    /// See [`Options::queue`].
    pub queue: &'static str,
    /// See [`Options::concurrency`].
    pub concurrency: u32,
    /// Whether the task sets [`Options::concurrency`] itself.
    pub has_concurrency: bool,
    /// Whether the task is a plain function, whose calls each take a thread.
    pub is_plain: bool,
    /// See [`Options::expires`].
    pub expires: Option<Duration>,
    /// See [`Options::takes`].
    pub takes: Option<Duration>,
    /// See [`Options::memory`].
    pub memory: Option<u32>,
    /// See [`Options::at_most_once`].
    pub at_most_once: bool,
    /// See [`Options::schedule`].
    pub schedule: Option<&'static str>,
    /// See [`Options::timezone`].
    pub timezone: &'static str,
    /// See [`Options::catch_up`].
    pub catch_up: bool,
}

impl Options {
    /// All defaults.
    pub const fn new() -> Self {
        Self {
            alias: None,
            retries: 3,
            backoff: (Duration::from_secs(1), Duration::from_mins(10)),
            timeout: Duration::from_mins(1),
            queue: "default",
            concurrency: 100,
            has_concurrency: false,
            is_plain: false,
            expires: None,
            takes: None,
            memory: None,
            at_most_once: false,
            schedule: None,
            timezone: "UTC",
            catch_up: true,
        }
    }

    /// The task's stable name, which queued calls carry. 1 to 128 letters, digits, `.`, `_`, `-` or `:`. Defaults to
    /// the bare name of the function or struct. Celery: `name`.
    #[must_use]
    #[track_caller]
    pub const fn name(self, name: &'static str) -> Self {
        assert!(plain(name, 128), "name: 1 to 128 letters, digits, `.`, `_`, `-` or `:`");
        self
    }

    /// A former name of the task, so that calls queued under it still run. Defaults to none. Celery has no such option.
    #[must_use]
    #[track_caller]
    pub const fn alias(mut self, name: &'static str) -> Self {
        assert!(plain(name, 128), "alias: 1 to 128 letters, digits, `.`, `_`, `-` or `:`");
        self.alias = Some(name);
        self
    }

    /// How many times a failed call is tried again. At most 1,000. Defaults to 3. Celery: `max_retries`, with
    /// `autoretry_for=(Exception,)`.
    #[must_use]
    #[track_caller]
    pub const fn retries(mut self, retries: u32) -> Self {
        assert!(retries <= 1000, "retries: at most 1000");
        self.retries = retries;
        self
    }

    /// How long to wait before a retry: a random time between half of the first bound and all of it. The bound doubles
    /// with each attempt, up to the second. Defaults to `"1s..10m"`. Celery: `retry_backoff`, `retry_backoff_max`,
    /// `retry_jitter`.
    #[must_use]
    #[track_caller]
    pub const fn backoff(mut self, range: &'static str) -> Self {
        self.backoff = match parse_range(range) {
            Ok(range) => range,
            Err(error) => panic!("{}", error),
        };
        self
    }

    /// How long one attempt may take. More than zero, at most 12 hours. Defaults to `"60s"`. Celery: `soft_time_limit`.
    #[must_use]
    #[track_caller]
    pub const fn timeout(mut self, timeout: &'static str) -> Self {
        self.timeout = duration(timeout);
        assert!(self.timeout.as_millis() > 0, "timeout: must be more than zero");
        assert!(self.timeout.as_secs() <= 12 * 3600, "timeout: at most 12 hours; split longer work into several calls");
        self
    }

    /// The queue that calls are sent to. 1 to 80 letters, digits, `_` or `-`. Defaults to `"default"`. Celery:
    /// `queue`.
    #[must_use]
    #[track_caller]
    pub const fn queue(mut self, queue: &'static str) -> Self {
        assert!(crate::name::queue_name(queue), "queue: 1 to 80 letters, digits, `_` or `-`");
        self.queue = queue;
        self
    }

    /// How many calls of one parcel run at a time in a worker. 1 to 4,096. Defaults to 100 for an `async fn`. Plain
    /// functions without this option run as many calls at a time as the machine has processors; all such tasks of a
    /// worker share that number. Celery has none per task; its `-c` applies to a whole worker: see `App::concurrency`.
    #[must_use]
    #[track_caller]
    pub const fn concurrency(mut self, calls: u32) -> Self {
        assert!(calls >= 1 && calls <= 4096, "concurrency: 1 to 4096");
        self.concurrency = calls;
        self.has_concurrency = true;
        self
    }

    /// Declares that the task is a plain function. `#[task]` does so.
    #[doc(hidden)]
    #[must_use]
    pub const fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// How many calls of one parcel a worker is expected to run at a time, for planning. For a plain function without
    /// `concurrency` this depends on the worker's processors. Two are assumed, so that its parcels are not cut for a
    /// hundred.
    pub const fn planned_concurrency(&self) -> u32 {
        if self.is_plain && !self.has_concurrency { 2 } else { self.concurrency }
    }

    /// How long after it was accepted a call may still be started; later it becomes a dead letter. Defaults to no
    /// limit. Celery: `expires`.
    #[must_use]
    #[track_caller]
    pub const fn expires(mut self, expires: &'static str) -> Self {
        self.expires = Some(duration(expires));
        self
    }

    /// How long one attempt usually takes. The planner sizes parcels by it. Defaults to unknown, which plans for 50 ms.
    /// Celery has no such option.
    #[must_use]
    #[track_caller]
    pub const fn takes(mut self, takes: &'static str) -> Self {
        self.takes = Some(duration(takes));
        self
    }

    /// How much memory the task needs, in MB. On AWS its calls run in a function of that size, which also decides their
    /// processor share (1,769 MB are one core): `memory = 1769` for a task that computes. 128 to 10,240. Tasks of one
    /// size share a function. Defaults to the size in the deployment's settings, 512 unless they say otherwise: enough
    /// for a task that waits for the network. Other backends ignore it. Celery has no such option.
    #[must_use]
    #[track_caller]
    pub const fn memory(mut self, mb: u32) -> Self {
        assert!(mb >= 128 && mb <= 10_240, "memory: 128 to 10240 MB, which is what Lambda offers");
        self.memory = Some(mb);
        self
    }

    /// A call whose worker died, or that did not end within the grace of a stop, becomes a dead letter with the reason
    /// `unknown` instead of running again. A call that exceeded its timeout is not retried. Calls are then marked before they start, which costs a write. Defaults to off. Celery:
    /// `acks_late=False`, its default.
    #[must_use]
    pub const fn at_most_once(mut self) -> Self {
        self.at_most_once = true;
        self
    }

    /// Runs the task at these times, without arguments. Defaults to none. Celery: `beat_schedule`.
    ///
    /// - `"cron(0 3 * * ? *)"`: minute, hour, day of month, month, day of week from 1 = Sunday, year, as in
    ///   `EventBridge`.
    /// - `"0 3 * * 1"`: a line of a crontab, where 0 and 7 are Sunday and 1 is Monday; also `"@daily"` and the like.
    /// - `"rate(5m)"`: counted from 1970, one second to 366 days.
    ///
    /// A listed time that the clock skips in spring runs right after the gap. One that it repeats in autumn runs once.
    /// A cron whose minute or hour is `*` or a step (`0/15`) follows elapsed time instead. A pattern of the wrong form
    /// is a compiler error; one that is never due keeps the program from starting.
    #[must_use]
    #[track_caller]
    pub const fn schedule(mut self, schedule: &'static str) -> Self {
        if let Err(error) = check(schedule) {
            panic!("{}", error);
        }
        self.schedule = Some(schedule);
        self
    }

    /// The time zone of a cron or a line of a crontab, by its IANA name. Defaults to `"UTC"`. Celery: `timezone`.
    #[must_use]
    pub const fn timezone(mut self, timezone: &'static str) -> Self {
        self.timezone = timezone;
        self
    }

    /// Whether to catch up on scheduled runs that were missed while no process was running: with `true` the latest of
    /// them runs once, with `false` none. Defaults to `true`. Celery runs none.
    #[must_use]
    pub const fn catch_up(mut self, catch_up: bool) -> Self {
        self.catch_up = catch_up;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

#[track_caller]
const fn duration(text: &'static str) -> Duration {
    match parse_duration(text) {
        Ok(duration) => duration,
        Err(error) => panic!("{}", error),
    }
}

const fn plain(name: &str, most: usize) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'.' | b'_' | b'-' | b':')) {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= most
}
