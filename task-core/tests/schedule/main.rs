//! Tests when schedules are due, through `next_after` and `latest_between`.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    reason = "tests of times that are far from the ends of their types"
)]

mod clock;
mod croner;
mod crontab;
mod oracle;
mod property;
mod ranges;

use celeriac_core::schedule::Schedule;
use jiff::Timestamp;

/// A time, in milliseconds since 1970.
fn at(text: &str) -> u64 {
    text.parse::<Timestamp>().unwrap().as_millisecond() as u64
}

/// All times after `from` and not after `until`.
fn times(pattern: &str, zone: &str, from: u64, until: u64) -> Vec<u64> {
    let schedule = Schedule::parse(pattern, zone).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let times = std::iter::successors(schedule.next_after(from), |ms| schedule.next_after(*ms));
    times.take_while(|ms| *ms <= until).collect()
}

/// Times in UTC, as `01:00`, of the day of `from` on.
fn shown(times: &[u64]) -> Vec<String> {
    let show = |ms: &u64| Timestamp::from_millisecond(*ms as i64).unwrap().strftime("%H:%M").to_string();
    times.iter().map(show).collect()
}
