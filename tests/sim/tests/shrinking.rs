//! A failing run is shrunk to a minimum, and can be repeated by its name.

use simulation::{Case, Cut, Mutation, Report, Shrunk, run_case, shrink};

/// The most seeds until a fault shows.
const SEEDS: u64 = 300;

/// Faults of different kinds: one that needs nothing to go wrong beside it, and two that need it.
const MUTATIONS: [Mutation; 3] = [Mutation::SealSkipped, Mutation::AcknowledgedEarly, Mutation::FenceIgnored];

fn first_wrong(mutation: Mutation) -> Report {
    let mut reports = (0..SEEDS).map(|seed| run_case(&seed.into(), Some(mutation), false));
    reports.find(|report| !report.violations.is_empty()).expect("every mutation is noticed")
}

#[test]
fn a_fault_is_shrunk_to_a_run_that_still_shows_it() {
    for mutation in MUTATIONS {
        let found = first_wrong(mutation);
        let Shrunk { case, report, runs } = shrink(&found.case, Some(mutation)).expect("something goes wrong in it");
        println!(
            "{mutation:?}: {} calls in {}, {} calls in {case}, {runs} runs",
            found.calls, found.case, report.calls
        );
        assert!(!case.cuts.is_empty(), "there is always something that it does not need");
        assert!(report.calls <= found.calls);
        assert!(report.story.lines().count() > 3, "it is told");

        let named: Case = case.to_string().parse().expect("a case can be had again by its name");
        assert_eq!(named, case);
        let again = run_case(&named, Some(mutation), true);
        assert!(again.violations == report.violations && again.trace == report.trace, "{case} is one run");
        assert_eq!(run_case(&case, None, false).violations, Vec::<String>::new(), "the product does well in {case}");
    }
}

#[test]
fn a_run_in_which_nothing_goes_wrong_is_not_shrunk() {
    assert!(shrink(&0.into(), None).is_none());
}

#[test]
fn an_unknown_case_is_refused_with_the_known_parts() {
    let refused = |text: &str| text.parse::<Case>().expect_err("it is no case").to_string();
    assert_eq!(refused("x"), "`x` is no seed: a run is named by a number, as in 110766+3-late-r2");
    assert_eq!(refused("7+"), "`` is no salt: after `+` there is a number, as in 110766+3-late-r2");
    let wrong = refused("7-late-r");
    assert!(
        wrong.starts_with("`r` cannot be left out: r2 (the third request), h2 (half of its calls), or one of weather,")
    );
    let case: Case = "7+2-r1-h0-h0-late".parse().expect("a case");
    assert_eq!((case.seed, case.salt, &case.cuts[..2]), (7, 2, &[Cut::Request(1), Cut::Half(0)][..]));
    assert_eq!(case.to_string(), "7+2-r1-h0-h0-late");
}
