//! Finds when a cron is due. It reads the six fields of `EventBridge`'s dialect, of which exactly one is `?`, or a line
//! of a crontab. [`Calendar`] searches the times that they give, and [`Wall`] handles the changes of the clock.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    PatternError,
    calendar::Calendar,
    crontab::{self, Days, Fields},
    fields::{DAY_OF_MONTH, DAY_OF_WEEK, EVENT_BRIDGE},
    wall::{Rule, Wall},
};

#[derive(Clone, Debug)]
pub(super) struct CronPattern {
    fields: Fields,
    wall: Wall,
}

impl CronPattern {
    /// Reads the text inside `cron(..)`.
    pub(super) fn parse(fields: &str, timezone: &str) -> Result<Self, PatternError> {
        let upper = fields.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
        let fields: [&str; 6] = fields
            .try_into()
            .map_err(|fields: Vec<&str>| PatternError::Fields { found: fields.len(), question: upper.contains('?') })?;
        let mut six = [const { String::new() }; 6];
        for (place, text) in fields.iter().enumerate() {
            six[place] = EVENT_BRIDGE[place].read(place, text)?;
        }
        if (fields[DAY_OF_MONTH] == "?") == (fields[DAY_OF_WEEK] == "?") {
            return Err(PatternError::Days);
        }
        Self::new(Fields { six, days: Days::One }, timezone)
    }

    /// Reads a line of a crontab.
    pub(super) fn line(line: &str, timezone: &str) -> Result<Self, PatternError> {
        Self::new(crontab::read(line)?, timezone)
    }

    fn new(fields: Fields, timezone: &str) -> Result<Self, PatternError> {
        let calendar = Calendar::read(&fields).map_err(|_| PatternError::Form)?;
        let zone = TimeZone::get(timezone).map_err(|_| PatternError::Zone { timezone: timezone.to_owned() })?;
        let rule = if repeats(&fields, &calendar) { Rule::Elapsed } else { Rule::Listed };
        Ok(Self { fields, wall: Wall::new(calendar, zone, rule) })
    }

    /// Its fields in the form of `cron(..)`. `None` if it goes by both days, which that form cannot express.
    pub(super) fn fields(&self) -> Option<&[String; 6]> {
        (self.fields.days == Days::One).then_some(&self.fields.six)
    }

    pub(super) fn next_after(&self, ms: u64) -> Option<u64> {
        self.wall.next_after(second(ms)?).and_then(millis)
    }

    pub(super) fn latest_until(&self, ms: u64) -> Option<u64> {
        self.wall.latest_until(second(ms)?).and_then(millis)
    }
}

/// The second that this millisecond is in: all times are whole minutes.
fn second(ms: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(ms / 1000).ok()?).ok()
}

fn millis(at: Timestamp) -> Option<u64> {
    u64::try_from(at.as_millisecond()).ok()
}

/// Whether a pattern repeats as time passes, rather than listing times of a day: its minute or hour is `*`, a step
/// without an end (`0/15`, `*/2`), or has all values.
fn repeats(fields: &Fields, calendar: &Calendar) -> bool {
    let [minute, hour, ..] = &fields.six;
    let open = |field: &String| {
        field
            .split(',')
            .any(|item| item.starts_with('*') || item.split_once('/').is_some_and(|(range, _)| !range.contains('-')))
    };
    open(minute) || open(hour) || calendar.has_all_minutes() || calendar.has_all_hours()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{tests::at, timestamp},
        *,
    };

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
    fn a_date_that_never_comes_is_found_at_once() {
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
             is missing, write `*` last"
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
