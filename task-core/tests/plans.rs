//! Tests that plans keep to their bounds, for all options of a task and any number of calls.

use std::time::Duration;

use celeriac_core::{
    planner::{LEAST_WORK, MAX_PARCELS, MOST_WORK, PROFILE, calls_per_parcel, coalesced_calls, expected},
    planner::{parcels_per_invocation, work},
    ports::Profile,
    task::Options,
    wire::MAX_CALLS,
};
use proptest::prelude::*;

fn options() -> impl Strategy<Value = Options> {
    (1..=4096_u32, prop::option::of(0..=50_000_000_u64)).prop_map(|(concurrency, takes_ms)| Options {
        concurrency,
        takes: takes_ms.map(Duration::from_millis),
        ..Options::new()
    })
}

proptest! {
    #[test]
    fn parcels_keep_to_their_bounds(options in options(), lease_ms in 1..=43_200_000_u64, count in any::<u64>()) {
        let profile = Profile { lease_ms, ..PROFILE };
        let most = MOST_WORK.min(Duration::from_millis(lease_ms / 2));
        let unknown = calls_per_parcel(&options, profile, None);
        for calls in [unknown, calls_per_parcel(&options, profile, Some(count)), coalesced_calls(&options)] {
            prop_assert!((1..=MAX_CALLS).contains(&calls), "{calls} calls");
            // A call cannot be cut in two: one round of them is the least.
            prop_assert!(work(&options, calls) <= most.max(expected(&options)).max(Duration::from_secs(1)));
        }
        let known = calls_per_parcel(&options, profile, Some(count));
        prop_assert!(known <= unknown, "a batch of known size has smaller parcels, not larger ones");
        prop_assert_eq!(known, calls_per_parcel(&options, profile, Some(count)), "cut at the same places again");
        prop_assert!(calls_per_parcel(&options, profile, Some(count / 2)) <= known);
    }

    #[test]
    fn invocations_keep_to_their_bounds(work_ms in any::<u64>()) {
        let work = Duration::from_millis(work_ms);
        let parcels = parcels_per_invocation(work);
        prop_assert!((1..=MAX_PARCELS).contains(&parcels));
        prop_assert!(parcels == 1 || work.saturating_mul(parcels) <= LEAST_WORK);
    }
}
