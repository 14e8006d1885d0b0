//! Tests ranges that wrap around, in each field, against times and days listed by hand.

use std::collections::BTreeSet;

use celeriac_core::schedule::{PatternError, Schedule};
use jiff::Timestamp;

use crate::{at, shown, times};

/// go-cron#278: the example of `EventBridge`'s documentation.
#[test]
fn hours_go_round_midnight() {
    let day =
        times("cron(0/30 20-2 ? * MON-FRI *)", "UTC", at("2026-06-01T00:00:00Z") - 1, at("2026-06-02T00:00:00Z") - 1);
    assert_eq!(
        shown(&day),
        [
            "00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "20:00", "20:30", "21:00", "21:30", "22:00", "22:30",
            "23:00", "23:30"
        ]
    );
    let saturday =
        times("cron(0/30 20-2 ? * MON-FRI *)", "UTC", at("2026-06-06T00:00:00Z") - 1, at("2026-06-08T00:00:00Z") - 1);
    assert!(saturday.is_empty());
}

#[test]
fn hours_go_round_in_steps() {
    let day = times("cron(0 20-3/2 * * ? *)", "UTC", at("2026-06-01T00:00:00Z") - 1, at("2026-06-01T23:59:00Z"));
    assert_eq!(shown(&day), ["00:00", "02:00", "20:00", "22:00"]);
}

#[test]
fn minutes_go_round_the_hour() {
    let of = |pattern| shown(&times(pattern, "UTC", at("2026-06-01T00:00:00Z"), at("2026-06-01T01:00:00Z")));
    assert_eq!(of("cron(58-1 * * * ? *)"), ["00:01", "00:58", "00:59", "01:00"]);
    assert_eq!(of("cron(50-15/10 * * * ? *)"), ["00:10", "00:50", "01:00"]);
    assert_eq!(of("58-1 * * * *"), ["00:01", "00:58", "00:59", "01:00"]);
}

/// The days of a year on which a pattern is due at noon.
fn days(pattern: &str, format: &str) -> Vec<String> {
    let year = times(pattern, "UTC", at("2026-01-01T00:00:00Z"), at("2026-12-31T23:59:00Z"));
    let show = |ms: u64| Timestamp::from_millisecond(ms as i64).unwrap().strftime(format).to_string();
    let shown: BTreeSet<String> = year.into_iter().map(show).collect();
    shown.into_iter().collect()
}

#[test]
fn months_go_round_the_year() {
    for pattern in ["cron(0 12 1 NOV-FEB ? *)", "cron(0 12 1 11-2 ? *)", "0 12 1 nov-feb *", "0 12 1 11-2 *"] {
        assert_eq!(days(pattern, "%m"), ["01", "02", "11", "12"], "{pattern}");
    }
    assert_eq!(days("cron(0 12 1 10-3/3 ? *)", "%m"), ["01", "10"]);
    assert_eq!(days("cron(0 12 1 DEC-JAN ? *)", "%m"), ["01", "12"]);
}

#[test]
fn days_of_the_week_go_round_the_week() {
    // %u numbers from 1 = Monday to 7 = Sunday.
    for pattern in ["cron(0 12 ? * FRI-MON *)", "cron(0 12 ? * 6-2 *)", "0 12 * * fri-mon", "0 12 * * 5-1"] {
        assert_eq!(days(pattern, "%u"), ["1", "5", "6", "7"], "{pattern}");
    }
    for pattern in
        ["cron(0 12 ? * SAT-SUN *)", "cron(0 12 ? * 7-1 *)", "0 12 * * sat-sun", "0 12 * * 6-7", "0 12 * * 6-0"]
    {
        assert_eq!(days(pattern, "%u"), ["6", "7"], "{pattern}");
    }
}

#[test]
fn days_of_the_month_go_round_the_month() {
    for pattern in ["cron(0 12 30-2 * ? *)", "0 12 30-2 * *"] {
        assert_eq!(days(pattern, "%d"), ["01", "02", "30", "31"], "{pattern}");
    }
    assert_eq!(days("cron(0 12 25-5/3 * ? *)", "%d"), ["03", "25", "28", "31"]);
}

#[test]
fn years_do_not_go_round() {
    let error = Schedule::parse("cron(0 12 1 1 ? 2030-2027)", "UTC").unwrap_err();
    assert!(matches!(error, PatternError::Field { name: "year", .. }), "{error}");
}

#[test]
fn a_range_that_goes_round_keeps_to_the_bounds_of_its_field() {
    for pattern in [
        "cron(0 24-2 * * ? *)",
        "cron(60-1 * * * ? *)",
        "cron(0 3 32-2 * ? *)",
        "cron(0 20-2/0 * * ? *)",
        "0 3 * * 8-2",
    ] {
        let error = Schedule::parse(pattern, "UTC").unwrap_err();
        assert!(matches!(error, PatternError::Field { .. }), "{pattern}: {error}");
    }
}
