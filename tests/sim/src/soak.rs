//! Runs many seeds on all processors, and continues where it stopped.

use std::{
    fmt::Write as _,
    fs, io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use crate::{Report, run};

/// How many seeds are run between two records of progress.
const CHUNK: u64 = 256;

/// The result of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Soaked {
    /// How many seeds were run.
    pub seeds: u64,
    /// Calls that were accepted in them.
    pub calls: u64,
    /// How often a holder lost a parcel.
    pub losses: u64,
    /// The virtual time of their runs.
    pub passed: Duration,
    /// The violations, by seed.
    pub wrong: Vec<(u64, String)>,
}

/// Runs seeds up to `upto` on this many threads, from where `progress` says that it stopped.
///
/// # Errors
/// If that file cannot be written.
pub fn soak(upto: u64, threads: usize, progress: &Path) -> io::Result<Soaked> {
    let mut noted = fs::read_to_string(progress).unwrap_or_default();
    let from = noted.lines().next().and_then(|line| line.parse().ok()).unwrap_or(0);
    noted = noted.lines().skip(1).fold(String::new(), |text, line| text + line + "\n");
    let mut soaked = Soaked::default();
    let mut at = from;
    while at < upto {
        let end = upto.min(at + CHUNK);
        for report in chunk(at, end, threads) {
            soaked.take(&report);
            for what in &report.violations {
                writeln!(noted, "seed {}: {what}", report.case).expect("a text takes all");
            }
        }
        at = end;
        fs::write(progress, format!("{at}\n{noted}"))?;
    }
    Ok(soaked)
}

fn chunk(from: u64, upto: u64, threads: usize) -> Vec<Report> {
    let next = AtomicU64::new(from);
    let work = || {
        let mut reports = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= upto {
                return reports;
            }
            reports.push(run(seed));
        }
    };
    let mut reports: Vec<Report> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run does not panic")).collect()
    });
    reports.sort_by_key(|report| report.case.seed);
    reports
}

impl Soaked {
    fn take(&mut self, report: &Report) {
        self.seeds += 1;
        self.calls += report.calls;
        self.losses += report.losses;
        self.passed += report.passed;
        self.wrong.extend(report.violations.iter().map(|what| (report.case.seed, what.clone())));
    }
}
