//! Models other ways to run the same calls on AWS, by arithmetic under the same limits. Unknown quantities are set in
//! favour of the other way: no start-up, no failures, no overhead of its own.

use std::time::Duration;

use celeriac_aws::PRICES;

use crate::{Setup, limits};

/// A way, and its results.
#[derive(Clone, Debug)]
pub struct Rival {
    /// Its name.
    pub name: &'static str,
    /// How many calls have started after how many seconds, as a line.
    pub starts: Vec<(f64, f64)>,
    /// When the last call has started.
    pub started: Duration,
    /// When the last call has ended.
    pub done: Duration,
    /// How many requests are billed.
    pub requests: f64,
    /// What it costs, without the mail itself.
    pub dollars: f64,
    /// The limit that keeps it from being faster.
    pub binds: &'static str,
}

/// How many threads a client invokes or sends with, if it uses more than one.
const THREADS: f64 = 64.0;

/// The smallest memory of a function, in MB: enough for a call that waits.
const SMALL_MB: f64 = 128.0;

/// How many requests Celery's transport makes for a call, measured with kombu (`benches/fan_out`): send, receive, delete.
const KOMBU_REQUESTS: f64 = 2.78;

/// How many calls a Celery worker runs at a time with its pool of green threads: as many as ours.
const CELERY_AT_A_TIME: f64 = 100.0;

/// The cost of a worker that is always on, in a month of 730 hours.
const ALWAYS_ON: f64 = 28.8;
const MONTH_S: f64 = 730.0 * 3600.0;

/// How many children of a Distributed Map run at a time (Step Functions' quotas).
const CHILDREN: f64 = 10_000.0;

/// How many state transitions of Standard workflows an account has per second in its largest regions (Step Functions'
/// quotas). Each child takes at least one, which is also what its price counts.
const TRANSITIONS: f64 = 5000.0;

/// A million state transitions, and a million requests of Express workflows (Step Functions' price list).
const STANDARD: f64 = 25.0;
const EXPRESS: f64 = 1.0;

/// A gigabyte of an Express workflow's memory for a second, of which it is billed 64 MB at least, by 100 ms.
const EXPRESS_GB_S: f64 = 0.000_016_67;
const EXPRESS_GB: f64 = 64.0 / 1024.0;

/// How many synchronous invocations per second an account may make for each of its environments.
const SYNCHRONOUS: f64 = 10.0;

/// All other ways.
pub fn all(setup: &Setup) -> Vec<Rival> {
    vec![
        invoke("one Invoke a call, one after the other", setup, 1.0),
        invoke("one Invoke a call, 64 at a time", setup, THREADS),
        celery(setup),
        standard(setup),
        express(setup),
    ]
}

/// How fast calls are started.
#[derive(Clone, Copy)]
struct Pace {
    /// The upper limit, whatever the number of workers.
    most: f64,
    /// The start-up time of a function's environment; `None` if workers exist from the beginning.
    environment: Option<f64>,
}

/// An asynchronous Invoke for each call, from one client: 100 ms for each and each thread.
fn invoke(name: &'static str, setup: &Setup, threads: f64) -> Rival {
    let (calls, call_s) = (setup.calls as f64, setup.length.takes().as_secs_f64());
    let launched = threads / limits::INVOKE.as_secs_f64();
    let run = setup.workers as f64 / call_s;
    let binds = if launched < run { "Invokes" } else { "workers, one call each" };
    let pace = Pace { most: launched, environment: Some(1.0 / call_s) };
    Rival::new(name, setup, pace, calls, function(calls, call_s), binds)
}

/// A message a call, sent by 64 threads. Existing workers receive ten at a time and run a hundred. Messages that wait
/// in a worker are in flight, so SQS's quota limits them. Only busy workers are billed, for as long as they are busy.
fn celery(setup: &Setup) -> Rival {
    let (calls, call_s) = (setup.calls as f64, setup.length.takes().as_secs_f64());
    let workers = setup.workers as f64;
    let sent = THREADS / limits::SQS.as_secs_f64();
    let received = workers * limits::SQS_BATCH as f64 / limits::SQS.as_secs_f64();
    let run = (workers * CELERY_AT_A_TIME).min(limits::IN_FLIGHT as f64) / call_s;
    let (most, binds) = least([(sent, "sends"), (received, "receives"), (run, "workers")]);
    let requests = calls * KOMBU_REQUESTS;
    let busy_s = calls * call_s / CELERY_AT_A_TIME;
    let dollars = requests * PRICES.of("SQS", "SendMessage") + busy_s * ALWAYS_ON / MONTH_S;
    let pace = Pace { most, environment: None };
    Rival::new("Celery on SQS, workers always on", setup, pace, requests, dollars, binds)
}

/// A Standard child workflow a call: a state transition each, and a function that it waits for.
fn standard(setup: &Setup) -> Rival {
    let (calls, call_s) = (setup.calls as f64, setup.length.takes().as_secs_f64());
    let (most, binds) = least([
        (TRANSITIONS, "state transitions"),
        (children(setup) / call_s, "children and workers, one call each"),
        (SYNCHRONOUS * setup.workers as f64, "synchronous Invokes"),
    ]);
    let dollars = calls * STANDARD / 1e6 + function(calls, call_s);
    let pace = Pace { most, environment: Some(1.0 / call_s) };
    Rival::new("Distributed Map, Standard", setup, pace, 2.0 * calls, dollars, binds)
}

/// The same with Express workflows: a request each, and its time.
fn express(setup: &Setup) -> Rival {
    let (calls, call_s) = (setup.calls as f64, setup.length.takes().as_secs_f64());
    let (most, binds) = least([
        (children(setup) / call_s, "children and workers, one call each"),
        (SYNCHRONOUS * setup.workers as f64, "synchronous Invokes"),
    ]);
    let billed_s = (call_s * 10.0).ceil() / 10.0;
    let workflow = calls * EXPRESS / 1e6 + calls * billed_s * EXPRESS_GB * EXPRESS_GB_S;
    let pace = Pace { most, environment: Some(1.0 / call_s) };
    Rival::new("Distributed Map, Express", setup, pace, 2.0 * calls, workflow + function(calls, call_s), binds)
}

fn children(setup: &Setup) -> f64 {
    CHILDREN.min(setup.workers as f64)
}

/// The cost of the function of each call.
fn function(calls: f64, call_s: f64) -> f64 {
    calls * PRICES.of("Lambda", "Invoke") + calls * call_s * SMALL_MB / 1024.0 * PRICES.lambda_gb_s
}

fn least<const N: usize>(of: [(f64, &'static str); N]) -> (f64, &'static str) {
    of.into_iter().min_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap_or((f64::INFINITY, "nothing"))
}

/// The step of the sums while a function grows, and by which factor the points of a line follow one another.
const STEP_S: f64 = 0.05;
const POINTS: f64 = 1.2;

impl Rival {
    fn new(name: &'static str, setup: &Setup, pace: Pace, requests: f64, dollars: f64, binds: &'static str) -> Self {
        let starts = pace.starts(setup);
        let started = Duration::from_secs_f64(starts.last().map_or(0.0, |(at_s, _)| *at_s));
        Self { name, starts, started, done: started + setup.length.takes(), requests, dollars, binds }
    }
}

impl Pace {
    fn rate(self, workers: usize, at_s: f64) -> f64 {
        let grown = self.environment.map_or(f64::INFINITY, |rate| limits::environments(workers, at_s) * rate);
        grown.min(self.most)
    }

    /// How many calls have started at which time, until all have.
    fn starts(self, setup: &Setup) -> Vec<(f64, f64)> {
        let (all, mut calls, mut at_s, mut next_s) = (setup.calls as f64, 0.0, 0.0, 2.0 * STEP_S);
        let grown_s = limits::growth_s(setup.workers);
        let mut points = Vec::new();
        loop {
            let rate = self.rate(setup.workers, at_s);
            let step_s = if at_s < grown_s { STEP_S } else { (next_s - at_s).max(STEP_S) };
            if calls + rate * step_s >= all {
                points.push((at_s + (all - calls) / rate, all));
                return points;
            }
            (calls, at_s) = (calls + rate * step_s, at_s + step_s);
            if at_s + STEP_S / 2.0 >= next_s {
                points.push((at_s, calls));
                next_s = at_s * POINTS;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Length;

    fn of(name: &str, workers: usize) -> Rival {
        let setup = Setup::new(1_000_000, Length::Usual, workers);
        all(&setup).into_iter().find(|rival| rival.name == name).expect("there is such a way")
    }

    #[test]
    fn an_invoke_a_call_costs_what_the_table_of_prices_says() {
        let one = of("one Invoke a call, one after the other", 1000);
        assert!((one.started.as_secs_f64() - 100_000.0).abs() < 1.0, "ten a second: {one:?}");
        assert!((one.dollars - 0.283).abs() < 0.01, "0.2 and 50 ms of 128 MB: {one:?}");
    }

    #[test]
    fn a_child_a_call_costs_twenty_five_dollars_a_million() {
        let (standard, express) = (of("Distributed Map, Standard", 1000), of("Distributed Map, Express", 1000));
        assert!((25.0..26.0).contains(&standard.dollars), "{standard:?}");
        assert!((1.2..1.6).contains(&express.dollars), "{express:?}");
        let rate = |of: &Rival| 1e6 / of.started.as_secs_f64();
        assert!((rate(&standard) - 5000.0).abs() < 1.0 && (rate(&express) - 10_000.0).abs() < 1.0, "{standard:?}");
    }

    #[test]
    fn celery_is_as_fast_as_it_is_fed() {
        let (few, many) = (of("Celery on SQS, workers always on", 1), of("Celery on SQS, workers always on", 1000));
        assert_eq!((few.binds, many.binds), ("receives", "sends"));
        let grows = of("Distributed Map, Express", 10_000);
        assert!(grows.starts.is_sorted_by(|(a, b), (c, d)| a < c && b < d), "{grows:?}");
        assert!((0.84..1.3).contains(&few.dollars), "{few:?}");
    }
}
