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

#[test]
fn a_seed_is_one_run() {
    for seed in 0..20 {
        let (first, second) = (simulation::story(&seed.into()), simulation::story(&seed.into()));
        assert!(first.trace.lines().count() > 10, "seed {seed} does something");
        assert!(first.trace == second.trace, "seed {seed} runs differently the second time");
    }
}
