//! Tests many kinds of patterns on the days around changes of the clock, against [`Clock`].

use std::{collections::BTreeSet, sync::LazyLock};

use celeriac_core::schedule::Schedule;
use proptest::prelude::*;

use crate::{at, oracle::Clock, times};

const HOUR_MS: u64 = 3_600_000;

/// Changes of the clock: by an hour and by half an hour, at midnight, by a whole day, and none.
const CHANGES: &[(&str, &str)] = &[
    ("Europe/Berlin", "2029-03-25T01:00:00Z"),
    ("Europe/Berlin", "2027-10-31T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("America/Sao_Paulo", "2019-02-17T02:00:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("UTC", "2026-06-01T00:00:00Z"),
];

/// The clock around each change, for longer than patterns are checked, so that the times that a gap skips at the edges
/// are known.
static CLOCKS: LazyLock<Vec<Clock>> = LazyLock::new(|| {
    let clock = |(zone, change): &(&str, &str)| Clock::of(zone, at(change) - 60 * HOUR_MS, at(change) + 60 * HOUR_MS);
    CHANGES.iter().map(clock).collect()
});

/// The text of a field, its numbers, and whether it follows elapsed time.
type Field = (String, BTreeSet<u32>, bool);

fn item(size: u32) -> impl Strategy<Value = Field> {
    let numbers = move |from: u32, to: u32, step: u32| -> BTreeSet<u32> {
        let to = if to < from { to + size } else { to };
        (from..=to).step_by(step as usize).map(|number| number % size).collect()
    };
    prop_oneof![
        4 => (0..size).prop_map(move |n| (n.to_string(), numbers(n, n, 1), false)),
        2 => (0..size, 0..size).prop_map(move |(a, b)| (format!("{a}-{b}"), numbers(a, b, 1), false)),
        2 => (0..size, 0..size, 1..size)
            .prop_map(move |(a, b, n)| (format!("{a}-{b}/{n}"), numbers(a, b, n), false)),
        1 => (0..size, 1..size).prop_map(move |(a, n)| (format!("{a}/{n}"), numbers(a, size - 1, n), true)),
        1 => (1..size).prop_map(move |n| (format!("*/{n}"), numbers(0, size - 1, n), true)),
    ]
}

fn field(size: u32) -> impl Strategy<Value = Field> {
    let items = proptest::collection::vec(item(size), 1..4).prop_map(move |items| {
        let text = items.iter().map(|(text, ..)| text.as_str()).collect::<Vec<_>>().join(",");
        let numbers: BTreeSet<u32> = items.iter().flat_map(|(_, numbers, _)| numbers.clone()).collect();
        let open = items.iter().any(|(.., open)| *open) || numbers.len() == size as usize;
        (text, numbers, open)
    });
    prop_oneof![8 => items, 1 => Just(("*".to_owned(), (0..size).collect(), true))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_listed_time_runs_once_a_day_and_what_repeats_goes_by_elapsed_time(
        change_of in 0..CHANGES.len(),
        (minute, minutes, open_minute) in field(60),
        (hour, hours, open_hour) in field(24),
        now_ms in 0..60 * HOUR_MS,
        back_ms in 0..48 * HOUR_MS,
    ) {
        let (zone, change) = CHANGES[change_of];
        let (from, until) = (at(change) - 30 * HOUR_MS, at(change) + 30 * HOUR_MS);
        let clock = &CLOCKS[change_of];
        let due = if open_minute || open_hour {
            clock.elapsed(&minutes, &hours)
        } else {
            clock.listed(&minutes, &hours)
        };
        let due: BTreeSet<u64> = due.range(from + 1..=until).copied().collect();
        let pattern = format!("cron({minute} {hour} * * ? *)");
        let found = times(&pattern, zone, from, until);
        prop_assert_eq!(&found, &due.iter().copied().collect::<Vec<_>>(), "{} in {}", pattern, zone);

        let schedule = Schedule::parse(&pattern, zone).unwrap();
        let now = from + now_ms;
        let after = now.saturating_sub(back_ms).max(from);
        let latest = schedule.latest_between(after, now);
        prop_assert_eq!(latest, due.range((after + 1)..=now).next_back().copied(), "{} in {}", pattern, zone);
    }
}
