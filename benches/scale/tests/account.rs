//! In a small account, dispatchers leave workers their place.

use std::time::Duration;

use scale::{Length, Outcome, Setup, run};

/// New accounts have a concurrency of 10, which all of their functions share.
#[test]
fn ten_thousand_parcels_end_within_one_and_a_half_times_the_bound_in_a_new_account() {
    within_one_and_a_half_times_the_bound(10);
}

#[test]
fn ten_thousand_parcels_end_within_one_and_a_half_times_the_bound_at_a_concurrency_of_100() {
    within_one_and_a_half_times_the_bound(100);
}

fn within_one_and_a_half_times_the_bound(concurrency: usize) {
    let outcome = run(&Setup::in_account(10_000, Length::Slow, concurrency));
    let Outcome { done, throttled_for, parcels, most_workers, most_dispatchers, .. } = outcome;
    let bound = outcome.setup.bound();
    println!(
        "{concurrency}: {parcels} parcels in {done:?}, bound {bound:?}, {most_workers} workers, {most_dispatchers} \
         dispatchers, {} events throttled, for {throttled_for:?} at most",
        outcome.throttled_events
    );
    assert!((9_000..=11_000).contains(&parcels), "{parcels}");
    assert!(done.as_secs_f64() <= 1.5 * bound.as_secs_f64(), "{done:?} > 1.5 * {bound:?}");
    assert!(throttled_for <= Duration::from_mins(1), "{throttled_for:?}");
}
