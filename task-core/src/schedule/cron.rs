//! `cron(0 3 * * ? *)`. The search is croner's; what stands here is `EventBridge`'s dialect, which is stricter than
//! croner in form: six fields, exactly one `?`, days of the week from 1 = Sunday.
//!
//! Where the clock jumps, croner's rules hold, which are Vixie cron's: a time that is skipped in spring runs right
//! after the gap, a time that occurs twice in autumn runs once, the first time. Patterns that repeat within a day
//! (`0 * * * ? *`) follow real time instead: nothing extra after the gap, both halves of the hour that occurs twice.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Zoned, tz::TimeZone};

use super::{PatternError, timestamp};

#[derive(Clone, Debug)]
pub(super) struct CronPattern {
    cron: Cron,
    zone: TimeZone,
}

/// A field of a pattern: its name, the letters and signs it takes beside digits, and all it takes, for people.
struct Field {
    name: &'static str,
    signs: &'static str,
    words: &'static [&'static str],
    takes: &'static str,
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 6] = [
    Field { name: "minute", signs: ",-*/", words: &[], takes: "0 to 59 with `,` `-` `*` `/`" },
    Field { name: "hour", signs: ",-*/", words: &[], takes: "0 to 23 with `,` `-` `*` `/`" },
    Field { name: "day-of-month", signs: ",-*/?LW", words: &[], takes: "1 to 31 with `,` `-` `*` `/` `?` `L` `W`" },
    Field { name: "month", signs: ",-*/", words: MONTHS, takes: "1 to 12 or JAN to DEC with `,` `-` `*` `/`" },
    Field {
        name: "day-of-week",
        signs: ",-*/?L#",
        words: DAYS,
        takes: "1 (Sunday) to 7 or SUN to SAT with `,` `-` `*` `/` `?` `L` `#`",
    },
    Field { name: "year", signs: ",-*/", words: &[], takes: "1970 to 2199 with `,` `-` `*` `/`" },
];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;
const YEAR: usize = 5;
const YEARS: std::ops::RangeInclusive<u32> = 1970..=2199;

impl CronPattern {
    pub(super) fn parse(fields: &str, timezone: &str) -> Result<Self, PatternError> {
        let fields = fields.to_uppercase();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let fields: [&str; 6] =
            fields.try_into().map_err(|fields: Vec<&str>| PatternError::Fields { found: fields.len() })?;
        for (place, field) in fields.iter().enumerate() {
            check(place, field).map_err(|why| PatternError::Field {
                name: FIELDS[place].name,
                field: (*field).to_owned(),
                why,
                takes: FIELDS[place].takes,
            })?;
        }
        if (fields[DAY_OF_MONTH] == "?") == (fields[DAY_OF_WEEK] == "?") {
            return Err(PatternError::Days);
        }
        let cron = croner(fields).map_err(|_| PatternError::Form)?;
        let zone = TimeZone::get(timezone).map_err(|_| PatternError::Zone { timezone: timezone.to_owned() })?;
        Ok(Self { cron, zone })
    }

    pub(super) fn next_after(&self, ms: u64) -> Option<u64> {
        let next = self.cron.find_next_occurrence(&self.zoned(ms)?, false).ok()?;
        millis(&next)
    }

    pub(super) fn latest_until(&self, ms: u64) -> Option<u64> {
        let latest = self.cron.find_previous_occurrence(&self.zoned(ms)?, true).ok()?;
        millis(&latest)
    }

    fn zoned(&self, ms: u64) -> Option<Zoned> {
        timestamp(ms).map(|at| at.to_zoned(self.zone.clone()))
    }
}

fn millis(at: &Zoned) -> Option<u64> {
    u64::try_from(at.timestamp().as_millisecond()).ok()
}

fn croner(fields: [&str; 6]) -> Result<Cron, croner::errors::CronError> {
    let [minute, hour, day, month, mut weekday, year] = fields;
    if weekday == "L" {
        // To EventBridge the week's last day; to croner nothing.
        weekday = "7";
    }
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build()
        .parse(&format!("0 {minute} {hour} {day} {month} {weekday} {year}"))
}

/// What is wrong with one field. Croner's words do not name the field, so it is asked for each by itself.
fn check(place: usize, field: &str) -> Result<(), String> {
    let Field { signs, words, .. } = &FIELDS[place];
    if field.contains('?') && field != "?" && signs.contains('?') {
        return Err("`?` stands alone".to_owned());
    }
    for item in field.split(',') {
        if item.is_empty() {
            return Err("an item is missing between commas".to_owned());
        }
        let rest = words.iter().fold(item.to_owned(), |rest, word| rest.replace(word, "1"));
        if let Some(sign) = rest.chars().find(|sign| !sign.is_ascii_digit() && !signs.contains(*sign)) {
            return Err(format!("`{sign}` does not belong here"));
        }
    }
    if place == YEAR {
        let years = field.split(',').flat_map(|item| item.split('/').next().unwrap_or(item).split('-'));
        if years.filter(|year| *year != "*").any(|year| year.parse().is_ok_and(|year: u32| !YEARS.contains(&year))) {
            return Err("out of bounds".to_owned());
        }
    }
    let mut alone = ["*"; 6];
    alone[place] = field;
    croner(alone).map(|_| ()).map_err(|error| plain(&error))
}

/// Croner's message without its headings.
fn plain(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError::{ComponentError, IllegalCharacters, InvalidPattern};
    match error {
        // How croner stores a weekday is nothing to a reader.
        ComponentError(message) if message.starts_with("Position") => "number out of bounds".to_owned(),
        ComponentError(message) | InvalidPattern(message) | IllegalCharacters(message) => {
            message.trim_end_matches('.').to_lowercase()
        }
        other => other.to_string().trim_end_matches('.').to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::at, *};

    /// The first `n` times after `from`, in UTC.
    fn times(fields: &str, zone: &str, from: &str, n: usize) -> Vec<String> {
        let cron = CronPattern::parse(fields, zone).unwrap();
        std::iter::successors(cron.next_after(at(from)), |ms| cron.next_after(*ms))
            .take(n)
            .map(|ms| timestamp(ms).unwrap().to_string())
            .collect()
    }

    fn error(fields: &str) -> String {
        CronPattern::parse(fields, "UTC").unwrap_err().to_string()
    }

    #[test]
    fn reads_the_dialect_of_event_bridge() {
        let from = "2026-01-01T00:00:00Z";
        // 2026-01-01 is a Thursday.
        for (fields, first) in [
            ("0 3 * * ? *", "2026-01-01T03:00:00Z"),
            ("0/15 * * * ? *", "2026-01-01T00:15:00Z"),
            ("0 18 ? * MON-FRI *", "2026-01-01T18:00:00Z"),
            ("0 18 ? * 1 *", "2026-01-04T18:00:00Z"),
            ("0 18 ? * 7 *", "2026-01-03T18:00:00Z"),
            ("0 18 ? * L *", "2026-01-03T18:00:00Z"),
            ("0 8 ? * 2#1 *", "2026-01-05T08:00:00Z"),
            ("15 10 ? * 6L 2027-2030", "2027-01-29T10:15:00Z"),
            ("0 8 L * ? *", "2026-01-31T08:00:00Z"),
            ("0 8 LW * ? *", "2026-01-30T08:00:00Z"),
            ("0 8 3W * ? *", "2026-01-02T08:00:00Z"),
            ("0 0 29 feb ? *", "2028-02-29T00:00:00Z"),
            ("0 0 1 JAN,jul ? *", "2026-07-01T00:00:00Z"),
        ] {
            assert_eq!(times(fields, "UTC", from, 1), [first], "{fields}");
        }
    }

    #[test]
    fn follows_the_clock_of_its_time_zone() {
        assert_eq!(
            times("0 3 * * ? *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3),
            ["2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"]
        );
    }

    #[test]
    fn a_time_that_spring_skips_runs_right_after_the_gap() {
        // On 2026-03-29 Berlin goes from 02:00 to 03:00, which is 01:00 UTC.
        assert_eq!(
            times("30 2 * * ? *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        assert_eq!(
            times("0 * * * ? *", "Europe/Berlin", "2026-03-28T23:30:00Z", 3),
            ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]
        );
    }

    #[test]
    fn a_time_that_autumn_repeats_runs_once_and_an_hourly_one_twice() {
        // On 2026-10-25 Berlin goes from 03:00 back to 02:00, which is 01:00 UTC.
        assert_eq!(
            times("30 2 * * ? *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
        );
        assert_eq!(
            times("30 * * * ? *", "Europe/Berlin", "2026-10-25T00:00:00Z", 3),
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
        );
        let daily = CronPattern::parse("30 2 * * ? *", "Europe/Berlin").unwrap();
        for now in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T12:00:00Z"] {
            assert_eq!(daily.latest_until(at(now)), Some(at("2026-10-25T00:30:00Z")), "{now}");
        }
    }

    #[test]
    fn the_latest_time_counts_the_present_millisecond_and_no_later() {
        let cron = CronPattern::parse("0 3 * * ? *", "UTC").unwrap();
        let due = at("2026-01-01T03:00:00Z");
        assert_eq!(cron.latest_until(due), Some(due));
        assert_eq!(cron.latest_until(due + 1), Some(due));
        assert_eq!(cron.latest_until(due - 1), Some(due - 86_400_000));
        assert_eq!(cron.next_after(due - 1), Some(due));
        assert_eq!(cron.next_after(due), Some(due + 86_400_000));
        assert_eq!(cron.next_after(due + 1), Some(due + 86_400_000));
    }

    #[test]
    fn what_never_comes_is_found_out_at_once() {
        for fields in ["0 3 30 2 ? *", "0 3 31 4,6 ? *", "0 3 29 2 ? 2027", "0 3 * * ? 2024"] {
            let cron = CronPattern::parse(fields, "UTC").unwrap();
            assert_eq!(cron.next_after(at("2026-01-01T00:00:00Z")), None, "{fields}");
        }
    }

    #[test]
    fn an_error_says_which_field_and_what_it_takes() {
        assert_eq!(error("0 25 * * ? *"), "hour `25`: number out of bounds; it takes 0 to 23 with `,` `-` `*` `/`");
        assert_eq!(
            error("0 MON * * ? *"),
            "hour `MON`: `M` does not belong here; it takes 0 to 23 with `,` `-` `*` `/`"
        );
        assert_eq!(
            error("0 3 ? * 0 *"),
            "day-of-week `0`: number out of bounds; it takes 1 (Sunday) to 7 or SUN to SAT with \
             `,` `-` `*` `/` `?` `L` `#`"
        );
        assert_eq!(
            error("0 3 1,,2 * ? *"),
            "day-of-month `1,,2`: an item is missing between commas; it takes 1 to 31 with `,` `-` `*` `/` `?` `L` `W`"
        );
        assert_eq!(error("0 3 * * ? 2300"), "year `2300`: out of bounds; it takes 1970 to 2199 with `,` `-` `*` `/`");
        for fields in [
            "@daily * * * ? *",
            "*/0 3 * * ? *",
            "0 3 1-50 * ? *",
            "0 3 40W * ? *",
            "0 3 ? * 2#6 *",
            "0 3 ? * +2 *",
            "0 3 ? FOO 2 *",
        ] {
            assert!(matches!(CronPattern::parse(fields, "UTC"), Err(PatternError::Field { .. })), "{fields}");
        }
    }

    #[test]
    fn an_error_says_what_the_six_fields_are() {
        assert_eq!(
            error("0 3 * * ?"),
            "a cron pattern has 6 fields (minute hour day-of-month month day-of-week year), this one has 5: the year \
             is missing, write `*`"
        );
        for fields in ["0 3 * * * *", "0 3 ? * ? *", "0 3 1 * 2 *"] {
            assert!(error(fields).starts_with("exactly one of day-of-month and day-of-week is `?`"), "{fields}");
        }
        assert_eq!(
            CronPattern::parse("0 3 * * ? *", "Europe/Belrin").unwrap_err().to_string(),
            "there is no time zone `Europe/Belrin`: names are those of the IANA database, such as `Europe/Berlin`"
        );
    }
}
