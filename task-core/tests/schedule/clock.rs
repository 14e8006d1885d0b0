//! Tests the nights on which the clock changes, with times listed by hand. Berlin goes from 02:00 to 03:00 on
//! 2029-03-25 (01:00 UTC) and from 03:00 back to 02:00 on 2027-10-31 (01:00 UTC).

use celeriac_core::schedule::Schedule;

use crate::{at, shown, times};

const SPRING: (&str, &str) = ("2029-03-24T22:59:00Z", "2029-03-25T04:00:00Z");
const AUTUMN: (&str, &str) = ("2027-10-30T21:59:00Z", "2027-10-31T04:00:00Z");

fn night(pattern: &str, (from, until): (&str, &str)) -> Vec<String> {
    shown(&times(pattern, "Europe/Berlin", at(from), at(until)))
}

/// node-cron#563, cron-plus#131.
#[test]
fn a_listed_time_that_spring_skips_runs_right_after_the_gap() {
    for (pattern, due) in [
        ("cron(30 2 * * ? *)", &["01:00"][..]),
        ("cron(30 2,14 * * ? *)", &["01:00"]),
        // The first run of the day is at midnight, which is 23:00 UTC.
        ("cron(0 0,2,4 * * ? *)", &["23:00", "01:00", "02:00"]),
        // All times that the gap skips are one run, at 03:00, together with what is due there anyway.
        ("cron(0,15,30 2 * * ? *)", &["01:00"]),
        ("cron(0,30 2,3 * * ? *)", &["01:00", "01:30"]),
        ("cron(30 1-3 * * ? *)", &["00:30", "01:00", "01:30"]),
        ("cron(0-59/30 1-3 * * ? *)", &["00:00", "00:30", "01:00", "01:30"]),
        ("cron(0 0-4/2 * * ? *)", &["23:00", "01:00", "02:00"]),
        ("cron(30 22-3 * * ? *)", &["23:30", "00:30", "01:00", "01:30"]),
        ("30 2,14 * * *", &["01:00"]),
    ] {
        assert_eq!(night(pattern, SPRING), due, "{pattern}");
    }
}

#[test]
fn a_listed_time_that_autumn_repeats_runs_once() {
    for (pattern, due) in [
        ("cron(30 2 * * ? *)", &["00:30"][..]),
        ("cron(30 2,14 * * ? *)", &["00:30"]),
        ("cron(0,30 2,3 * * ? *)", &["00:00", "00:30", "02:00", "02:30"]),
        ("cron(30 1-3 * * ? *)", &["23:30", "00:30", "02:30"]),
        ("cron(0-59/30 2 * * ? *)", &["00:00", "00:30"]),
        ("30 2,14 * * *", &["00:30"]),
    ] {
        assert_eq!(night(pattern, AUTUMN), due, "{pattern}");
    }
}

#[test]
fn a_repeating_cron_follows_elapsed_time() {
    for (pattern, spring, autumn) in [
        (
            "cron(0 * * * ? *)",
            &["23:00", "00:00", "01:00", "02:00", "03:00", "04:00"][..],
            &["22:00", "23:00", "00:00", "01:00", "02:00", "03:00", "04:00"][..],
        ),
        (
            "0 0-23 * * *",
            &["23:00", "00:00", "01:00", "02:00", "03:00", "04:00"],
            &["22:00", "23:00", "00:00", "01:00", "02:00", "03:00", "04:00"],
        ),
        // The clock shows no half past two in spring, and two of them in autumn.
        ("cron(0/30 2 * * ? *)", &[], &["00:00", "00:30", "01:00", "01:30"]),
        ("cron(*/30 2 * * ? *)", &[], &["00:00", "00:30", "01:00", "01:30"]),
        ("cron(0 0/2 * * ? *)", &["23:00", "02:00", "04:00"], &["22:00", "00:00", "01:00", "03:00"]),
        ("0 */2 * * *", &["23:00", "02:00", "04:00"], &["22:00", "00:00", "01:00", "03:00"]),
    ] {
        assert_eq!(night(pattern, SPRING), spring, "{pattern}");
        assert_eq!(night(pattern, AUTUMN), autumn, "{pattern}");
    }
}

#[test]
fn the_latest_time_is_never_after_now() {
    let hourly = Schedule::parse("cron(0 * * * ? *)", "Europe/Berlin").unwrap();
    assert_eq!(hourly.latest_between(0, at("2027-10-31T00:59:59.5Z")), Some(at("2027-10-31T00:00:00Z")));
    assert_eq!(hourly.latest_between(0, at("2027-10-31T00:59:59.999Z")), Some(at("2027-10-31T00:00:00Z")));
    assert_eq!(hourly.latest_between(0, at("2027-10-31T01:00:00Z")), Some(at("2027-10-31T01:00:00Z")));
    assert_eq!(hourly.latest_between(at("2027-10-31T00:00:00Z"), at("2027-10-31T00:59:59.5Z")), None);
}

/// On Lord Howe the clock changes by half an hour, in Apia it once skipped a day.
#[test]
fn other_gaps_are_as_long_as_they_are() {
    let of = |pattern, zone, from, until| shown(&times(pattern, zone, at(from), at(until)));
    let spring = ("2026-10-03T14:00:00Z", "2026-10-03T17:00:00Z");
    assert_eq!(of("15 2,3 * * *", "Australia/Lord_Howe", spring.0, spring.1), ["15:30", "16:15"]);
    assert_eq!(of("*/15 2 * * *", "Australia/Lord_Howe", spring.0, spring.1), ["15:30", "15:45"]);
    let skipped = ("2011-12-29T12:00:00Z", "2011-12-31T00:00:00Z");
    assert_eq!(of("0 12,18 * * *", "Pacific/Apia", skipped.0, skipped.1), ["22:00", "04:00", "10:00", "22:00"]);
}

#[test]
fn a_rare_repeating_cron_is_found_beyond_many_changes_of_the_clock() {
    for (pattern, zone) in
        [("cron(*/30 2 31 10 ? 2027)", "Europe/Berlin"), ("cron(0/20 * 29 2 ? 2096)", "America/New_York")]
    {
        let schedule = Schedule::parse(pattern, zone).unwrap();
        let first = schedule.next_after(at("2026-01-01T00:00:00Z")).unwrap();
        let last = schedule.latest_between(0, at("2199-01-01T00:00:00Z")).unwrap();
        assert!(first < last);
        assert_eq!(schedule.next_after(last), None);
        assert_eq!(schedule.latest_between(0, first), Some(first));
        assert_eq!(schedule.latest_between(0, first - 1), None);
    }
    // The last of them is in the second pass of the repeated hour.
    let last = Schedule::parse("cron(*/30 2 31 10 ? 2027)", "Europe/Berlin").unwrap();
    assert_eq!(last.next_after(at("2027-10-31T00:30:00Z")), Some(at("2027-10-31T01:00:00Z")));
    assert_eq!(last.latest_between(0, at("2028-01-01T00:00:00Z")), Some(at("2027-10-31T01:30:00Z")));
}
