//! Each way to break the product is noticed within this many seeds.

use simulation::{Mutation, run_with};

/// Within how many seeds each is noticed.
const SEEDS: u64 = 120;

#[test]
fn whatever_breaks_a_rule_is_noticed() {
    let mut missed = Vec::new();
    for mutation in Mutation::ALL {
        let noticed = (0..SEEDS).find_map(|seed| {
            let report = run_with(seed, Some(*mutation), false);
            report.violations.into_iter().next().map(|what| (seed, what))
        });
        match noticed {
            Some((seed, what)) => println!("{mutation:?}: seed {seed}: {what}"),
            None => missed.push(mutation),
        }
    }
    assert!(Mutation::ALL.len() >= 25);
    assert!(missed.is_empty(), "not noticed within {SEEDS} seeds: {missed:?}");
}
