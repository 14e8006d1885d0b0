//! Compares the search of the calendar with that of the crate `croner`, forwards and backwards, on random patterns with
//! all specials. `croner` differs in these forms, which are left out:
//!
//! - A step of all years, such as `*/2`: its years begin with 1, those of `EventBridge` with 1970.
//! - `L` in a list of days of the week: it ignores it. In `EventBridge` it is the last day of the week.
//! - `L` and `LW` in one list: it takes both for `LW`.

use celeriac_core::schedule::Schedule;
use croner::{
    Cron,
    parser::{CronParser, CronParserBuilder, Seconds, Year},
};
use jiff::{
    Timestamp,
    civil::{DateTime, date},
    tz::Offset,
};
use proptest::{prelude::*, sample::select};

const YEARS: std::ops::RangeInclusive<i16> = 1970..=2199;

/// An item with numbers, a range, or a step.
fn item(first: u32, last: u32) -> BoxedStrategy<String> {
    let range = move || (first..=last).prop_flat_map(move |from| (Just(from), from..=last));
    prop_oneof![
        4 => (first..=last).prop_map(|n| n.to_string()),
        2 => range().prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (range(), 1..=last).prop_map(|((from, to), step)| format!("{from}-{to}/{step}")),
    ]
    .boxed()
}

/// An item with a step to the end of the field.
fn open_step(first: u32, last: u32) -> impl Strategy<Value = String> {
    (first..=last, 1..=last).prop_map(|(from, step)| format!("{from}/{step}"))
}

/// An item with a step of all numbers.
fn step(last: u32) -> impl Strategy<Value = String> {
    (1..=last).prop_map(|step| format!("*/{step}"))
}

fn list(item: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    proptest::collection::vec(item, 1..4).prop_map(|items| items.join(","))
}

fn all() -> Just<String> {
    Just("*".to_owned())
}

fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
    let item = prop_oneof![5 => item(first, last), 1 => open_step(first, last), 1 => step(last)];
    prop_oneof![3 => list(item), 1 => all()]
}

fn day_of_month(last: &'static str) -> impl Strategy<Value = String> {
    let item = prop_oneof![
        4 => item(1, 31),
        1 => open_step(1, 31),
        1 => step(31),
        3 => (1..=31_u8).prop_map(|day| format!("{day}W")),
        2 => Just(last.to_owned()),
    ];
    prop_oneof![6 => list(item), 1 => all()]
}

fn day_of_week() -> impl Strategy<Value = String> {
    let day = || {
        let word = select(&["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]);
        prop_oneof![(1..=7_u8).prop_map(|day| day.to_string()), word.prop_map(str::to_owned)]
    };
    let item = prop_oneof![
        4 => item(1, 7),
        1 => day(),
        1 => open_step(1, 7),
        1 => step(7),
        3 => (day(), 1..=5_u8).prop_map(|(day, nth)| format!("{day}#{nth}")),
        1 => (item(1, 7), 1..=5_u8).prop_map(|(days, nth)| format!("{days}#{nth}")),
        2 => day().prop_map(|day| format!("{day}L")),
    ];
    prop_oneof![8 => list(item), 1 => Just("L".to_owned()), 1 => all()]
}

fn year() -> impl Strategy<Value = String> {
    prop_oneof![3 => list(prop_oneof![4 => item(1970, 2199), 1 => open_step(1970, 2199)]), 3 => all()]
}

/// A pattern of `EventBridge`.
fn event_bridge() -> impl Strategy<Value = String> {
    let by_month = prop_oneof![day_of_month("L"), day_of_month("LW")].prop_map(|day| (day, "?".to_owned()));
    let by_week = day_of_week().prop_map(|day| ("?".to_owned(), day));
    (field(0, 59), field(0, 23), prop_oneof![by_month, by_week], field(1, 12), year()).prop_map(
        |(minute, hour, (day, weekday), month, year)| format!("{minute} {hour} {day} {month} {weekday} {year}"),
    )
}

/// A line of a crontab. Steps have an end there.
fn line() -> impl Strategy<Value = String> {
    let field = |first, last| prop_oneof![3 => list(prop_oneof![4 => item(first, last), 1 => step(last)]), 1 => all()];
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let second = |date: DateTime| Offset::UTC.to_timestamp(date).unwrap().as_second();
    let years = second(date(1970, 1, 1).at(0, 0, 0, 0))..second(date(2200, 1, 1).at(0, 0, 0, 0));
    years.prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn parser() -> CronParserBuilder {
    CronParser::builder().seconds(Seconds::Required).year(Year::Required)
}

/// The croner of a pattern of `EventBridge`.
fn of_event_bridge(fields: &str) -> Cron {
    let fields = match fields.split_once(" L ") {
        // The last day of the week, which croner does not know. The day of the month is followed by more than a year.
        Some((before, year)) if !year.contains(' ') => format!("{before} 7 {year}"),
        _ => fields.to_owned(),
    };
    parser().alternative_weekdays(true).sloppy_ranges(true).build().parse(&format!("0 {fields}")).unwrap()
}

/// The croner of a line of a crontab, whose days both have to match if one begins with `*`.
fn of_line(line: &str) -> Cron {
    let fields: Vec<&str> = line.split(' ').collect();
    let both = fields[2].starts_with('*') || fields[4].starts_with('*');
    parser().dom_and_dow(both && fields[2] != "*" && fields[4] != "*").build().parse(&format!("0 {line} *")).unwrap()
}

/// Compares a few times after and before one.
fn compare(pattern: &str, croner: &Cron, at: Timestamp) {
    let schedule = Schedule::parse(pattern, "UTC").unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let within = |wall: &DateTime| YEARS.contains(&wall.year());
    let ms = |wall: DateTime| Offset::UTC.to_timestamp(wall).unwrap().as_millisecond() as u64;
    let start = Offset::UTC.to_datetime(at);
    let (mut wall, mut now) = (start, at.as_millisecond() as u64);
    for _ in 0..3 {
        let expected = croner.find_next_occurrence(&wall, false).ok().filter(within);
        assert_eq!(schedule.next_after(now), expected.map(ms), "`{pattern}` after {wall}");
        let Some(next) = expected else { break };
        (wall, now) = (next, ms(next));
    }
    (wall, now) = (start, at.as_millisecond() as u64);
    for _ in 0..3 {
        // The start of 1970 is the time 0, and no run is due then.
        let expected = croner.find_previous_occurrence(&wall, true).ok().filter(within).map(ms).filter(|ms| *ms > 0);
        assert_eq!(schedule.latest_between(0, now), expected, "`{pattern}` until {wall}");
        let Some(latest) = expected else { break };
        now = latest - 1000;
        wall = Offset::UTC.to_datetime(Timestamp::from_millisecond(now as i64).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_of_event_bridge_is_due_when_croner_says(fields in event_bridge(), at in moment()) {
        compare(&format!("cron({fields})"), &of_event_bridge(&fields), at);
    }

    #[test]
    fn a_line_of_a_crontab_is_due_when_croner_says(line in line(), at in moment()) {
        compare(&line, &of_line(&line), at);
    }
}
