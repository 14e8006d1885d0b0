//! The promises hold under all faults, and a seed always gives the same run.

use std::thread;

use simulation::Case;

/// How many seeds are run here. `simulation soak` runs more.
const SEEDS: u64 = 400;

/// On how many threads.
const THREADS: u64 = 2;

#[test]
fn all_promises_hold() {
    if let Ok(case) = std::env::var("CELERIAC_SEED") {
        let case: Case = case.parse().unwrap_or_else(|error| panic!("CELERIAC_SEED: {error}"));
        let report = simulation::story(&case);
        println!("{report}");
        assert!(report.violations.is_empty(), "seed {case}");
        return;
    }
    let part = |at: u64| move || (0..SEEDS).filter(|seed| seed % THREADS == at).find_map(wrong);
    let parts: Vec<_> = (0..THREADS).map(|at| thread::spawn(part(at))).collect();
    let wrong: Vec<String> = parts.into_iter().filter_map(|part| part.join().expect("a run does not panic")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong(seed: u64) -> Option<String> {
    let report = simulation::run(seed);
    (!report.violations.is_empty()).then(|| format!("{report}\nCELERIAC_SEED={seed} tells the story"))
}

/// Cases beyond those seeds in which something went wrong once.
const MENDED: [&str; 5] = [
    // An event ran twice in one environment, and the table refused to count its first end.
    "1168+1-r1-r2-crash-freeze-restart-limits-narrow-slots",
    "1728+14-r0-r1-r2-r4-r5-blows-crash-freeze-restart-clock-schedule-limits-slots-item_refused-latency-h3",
    // A probe waited in Lambda until its lease was over.
    "1661",
    "1878+16-r0-r1-r2-r3-r5-r6-r7-r8-weather-blows-crash-freeze-client-skew-rubbish-old-limits-narrow-latency",
    // The child of a snoozed call was sent again and again, and no worker began it.
    "9840-r1-blows-crash-clock-slots-h2-h2-h2-h2",
];

#[test]
fn nothing_goes_wrong_again() {
    for case in MENDED {
        let report = simulation::run_case(&case.parse().expect("it is a case"), None, false);
        assert_eq!(report.violations, Vec::<String>::new(), "{case}");
    }
}

#[test]
fn a_seed_is_one_run() {
    for seed in 0..20 {
        let (first, second) = (simulation::story(&seed.into()), simulation::story(&seed.into()));
        assert!(first.trace.lines().count() > 10, "seed {seed} does something");
        assert!(first.trace == second.trace, "seed {seed} runs differently the second time");
    }
}
