//! Tests that lines of a crontab follow crontab's rules, and `cron(..)` those of `EventBridge`.

use celeriac_core::schedule::Schedule;
use jiff::Timestamp;

use crate::{at, times};

/// The first days on which a pattern is due in June 2026, which begins on a Monday.
fn june(pattern: &str) -> Vec<String> {
    let days = times(pattern, "UTC", at("2026-06-01T00:00:00Z") - 1, at("2026-06-30T23:59:00Z"));
    days.into_iter().map(|ms| Timestamp::from_millisecond(ms as i64).unwrap().strftime("%a %d").to_string()).collect()
}

#[test]
fn one_is_monday_in_a_line_and_sunday_in_event_bridge() {
    assert_eq!(june("0 3 * * 1"), ["Mon 01", "Mon 08", "Mon 15", "Mon 22", "Mon 29"]);
    assert_eq!(june("cron(0 3 ? * 1 *)"), ["Sun 07", "Sun 14", "Sun 21", "Sun 28"]);
    assert_eq!(june("0 3 * * 0"), june("cron(0 3 ? * 1 *)"));
    assert_eq!(june("0 3 * * 7"), june("cron(0 3 ? * 1 *)"));
    assert_eq!(june("0 3 * * MON"), june("0 3 * * 1"));
}

#[test]
fn a_day_is_right_by_the_month_or_by_the_week_when_both_are_given() {
    assert_eq!(june("0 3 13 * 5"), ["Fri 05", "Fri 12", "Sat 13", "Fri 19", "Fri 26"]);
    assert_eq!(june("0 3 1-3 * 1"), ["Mon 01", "Tue 02", "Wed 03", "Mon 08", "Mon 15", "Mon 22", "Mon 29"]);
    // With a star in one of them, both have to match: Mondays with an odd date.
    assert_eq!(june("0 3 */2 * 1"), ["Mon 01", "Mon 15", "Mon 29"]);
}

#[test]
fn a_nickname_is_due_when_its_line_is() {
    assert_eq!(june("@weekly"), ["Sun 07", "Sun 14", "Sun 21", "Sun 28"]);
    assert_eq!(june("@monthly"), ["Mon 01"]);
    assert_eq!(june("@daily").len(), 30);
    assert_eq!(june("@hourly").len(), 30 * 24);
    assert!(june("@yearly").is_empty());
}

#[test]
fn a_hint_leads_to_the_same_day() {
    let error = |pattern| Schedule::parse(pattern, "UTC").unwrap_err().to_string();
    assert_eq!(
        error("cron(0 3 * * 1)"),
        "a cron pattern has 6 fields (minute hour day-of-month month day-of-week year), this one has 5: a line of a \
         crontab, where 1 is Monday, stands without `cron(..)`"
    );
    assert_eq!(
        error("0 3 ? * 1 *"),
        "a line of a crontab has 5 fields (minute hour day-of-month month day-of-week), this one has 6: write \
         `cron(..)` around the six fields of EventBridge, where 1 is Sunday"
    );
}
