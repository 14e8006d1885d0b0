//! Runs the simulation from a shell.

use std::{
    env,
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use scale::{Failed, Length, Outcome, Runs, Setup, run, search, write};

/// The usage text.
const USAGE: &str = "\
usage: scale page DOCS [FEWER]       runs everything and writes the tables and drawings of DOCS/scale.md; with so many times
                                     fewer calls, to try that out
       scale run CALLS WORKERS [LENGTH [KEY=NUMBER..]]
                                     one run, with its bill; LENGTH is quick, usual, slow or long (default: usual), keys
                                     are seed, dispatchers, table, calls_per_parcel, parcels, account";

/// How many simulations run at a time.
const THREADS: usize = 2;

/// The runs of the page: calls, workers, dispatchers, and the table's writes per second.
const RUNS: [(u64, usize, usize, f64); 5] = [
    (10_000_000, 100, 10, 4000.0),
    (10_000_000, 1000, 10, 4000.0),
    (10_000_000, 10_000, 100, 40_000.0),
    (10_000_000, 1000, 30, 4000.0),
    (10_000_000, 1000, 30, 40_000.0),
];

/// The numbers of calls and of workers for which the ways are drawn side by side.
const DRAWN: (u64, usize) = (10_000_000, 1000);

/// The numbers of calls, and the caps, for which the planner's choice is compared.
const PLANNED: [(u64, usize); 4] = [(1000, 1000), (10_000, 1000), (1_000_000, 100), (1_000_000, 1000)];

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["page", docs] => page(Path::new(docs), 1),
        ["page", docs, fewer] => fewer.parse().map_or_else(|_| Err(USAGE.into()), |fewer| page(Path::new(docs), fewer)),
        ["run", calls, workers, ref rest @ ..] => one(calls, workers, rest),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn page(docs: &Path, fewer: u64) -> Result<(), Failed> {
    let seed = env::var("CELERIAC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}; CELERIAC_SEED draws another");
    let setups = RUNS.map(|(calls, workers, dispatchers, table_writes)| Setup {
        seed,
        dispatchers,
        table_writes,
        ..Setup::new(calls / fewer, Length::Usual, workers)
    });
    let outcomes = at_a_time(&setups, |setup| {
        let outcome = run(setup);
        println!("{}", summary(&outcome));
        outcome
    });
    let planned =
        |length| PLANNED.map(|(calls, cap)| Setup { seed, ..Setup::new((calls / fewer).max(1), length, cap) });
    let planned: Vec<Setup> = Length::ALL.into_iter().flat_map(planned).collect();
    let found = at_a_time(&planned, |setup| {
        let found = search(setup);
        println!("{found:?}");
        found
    });
    write(docs, &Runs { outcomes, found, drawn: (DRAWN.0 / fewer, DRAWN.1) })
}

fn one(calls: &str, workers: &str, rest: &[&str]) -> Result<(), Failed> {
    let length = match rest.first() {
        None | Some(&"usual") => Length::Usual,
        Some(&"quick") => Length::Quick,
        Some(&"slow") => Length::Slow,
        Some(&"long") => Length::Long,
        Some(_) => return Err(USAGE.into()),
    };
    let mut setup = Setup::new(calls.parse()?, length, workers.parse()?);
    for pair in rest.iter().skip(1) {
        match pair.split_once('=').ok_or(USAGE)? {
            ("seed", number) => setup.seed = number.parse()?,
            ("dispatchers", number) => setup.dispatchers = number.parse()?,
            ("table", number) => setup.table_writes = number.parse()?,
            ("calls_per_parcel", number) => setup.calls_per_parcel = Some(number.parse()?),
            ("parcels", number) => setup.parcels = number.parse()?,
            ("account", number) => setup.account = Some(number.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    let outcome = run(&setup);
    println!("{}\n{}", outcome.bill, summary(&outcome));
    Ok(())
}

fn summary(outcome: &Outcome) -> String {
    let Outcome { setup, started, done, accepted, parcels, calls_per_parcel, took, .. } = outcome;
    format!(
        "{} calls, {} workers: first {:.2?}, all started {:.2?}, done {done:.2?}, accepted {accepted:.2?}, bound {:.2?}; \
         {parcels} parcels of at most {calls_per_parcel}, {} starts again, {} workers at a time at {:.2?}, {} dispatchers, {} \
         bytes in hand, {} in flight; {} events without room, for {:.1?} at most, {} writes throttled, {} conflicts, {} failed; ${:.4}; simulated \
         in {took:.1?}",
        setup.calls,
        setup.workers,
        started.first,
        started.last,
        setup.bound(),
        started.again,
        outcome.most_workers,
        outcome.most_workers_at,
        outcome.most_dispatchers,
        outcome.dispatcher_bytes,
        outcome.in_flight,
        outcome.throttled_events,
        outcome.throttled_for,
        outcome.throttled_writes,
        outcome.conflicts,
        outcome.failed,
        outcome.bill.dollars(),
    )
}

/// Does the work for each item, some at a time. The answers are in order.
fn at_a_time<T: Sync, R: Send>(of: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((at, one)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    of.get(at).map(|one| (at, one))
                } {
                    let answer = work(one);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, answer)| answer).collect()
}
