//! Each mutation is noticed within this many seeds.

use std::thread;

use simulation::{Mutation, run_case};

/// The most seeds until a mutation is noticed.
const SEEDS: u64 = 300;

/// Mutations that rarely matter, and the first seed to try: all seeds before would take a minute.
const RARE: [(Mutation, u64); 1] = [(Mutation::AnyHolderIsDead, 1_200)];

/// Mutations that show only when a fault lasts for hours, or with a large cap: `drills.rs` notices them.
const SLOW: [Mutation; 6] = [
    Mutation::BrakeIgnored,
    Mutation::ProbesTogether,
    Mutation::BrakedForEver,
    Mutation::ResentForEver,
    Mutation::AgeUnknown,
    Mutation::ShardsIgnored,
];

/// On how many threads.
const THREADS: usize = 2;

#[test]
fn every_broken_rule_is_noticed() {
    assert!(Mutation::ALL.len() >= 40);
    let part = |at| move || quick().skip(at).step_by(THREADS).filter(|mutation| !is_noticed(**mutation));
    let parts: Vec<_> = (0..THREADS).map(|at| thread::spawn(move || part(at)().collect::<Vec<_>>())).collect();
    let missed = parts.into_iter().flat_map(|part| part.join().expect("a run does not panic"));
    let missed: Vec<_> = missed.collect();
    assert!(missed.is_empty(), "not noticed within {SEEDS} seeds: {missed:?}");
}

/// Those that show within the minutes of a seed.
fn quick() -> impl Iterator<Item = &'static Mutation> {
    Mutation::ALL.iter().filter(|mutation| !SLOW.contains(mutation))
}

fn is_noticed(mutation: Mutation) -> bool {
    let from = RARE.iter().find(|(rare, _)| *rare == mutation).map_or(0, |(_, from)| *from);
    let noticed = (from..from + SEEDS).find_map(|seed| {
        let what = run_case(&seed.into(), Some(mutation), false).violations.into_iter().next()?;
        Some((seed, what))
    });
    if let Some((seed, what)) = &noticed {
        println!("{mutation:?}: seed {seed}: {what}");
    }
    noticed.is_some()
}
