//! The errors of a schedule.

use jiff::Timestamp;

use super::{
    MAX_PATTERN_BYTES,
    rate::{LONGEST_DAYS, SHORTEST_S},
};

/// Why the schedule of a task is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task `{task}` ({}:{}), schedule `{pattern}`: {error}", .at.0, .at.1)]
pub struct ScheduleError {
    pub(crate) task: &'static str,
    pub(crate) at: (&'static str, u32),
    pub(crate) pattern: &'static str,
    pub(crate) error: Box<PatternError>,
}

impl ScheduleError {
    /// Whether the schedule has had its last run, and nothing else is wrong with it.
    pub fn is_over(&self) -> bool {
        matches!(*self.error, PatternError::NeverAgain { .. })
    }
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It has none of the known forms.
    #[error(
        "write `cron(minute hour day-of-month month day-of-week year)`, such as `cron(0 3 * * ? *)` for three in the \
         morning, a line of a crontab, such as `0 3 * * 1` for three in the morning on Mondays, or `rate(5 minutes)`"
    )]
    Form,
    /// It is longer than a pattern may be.
    #[error("a pattern of {bytes} bytes; at most {MAX_PATTERN_BYTES}")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A cron pattern with too few or too many fields.
    #[error(
        "a cron pattern has 6 fields (minute hour day-of-month month day-of-week year), this one has {found}{}",
        match (*.found, *.question) {
            (5, true) => ": the year is missing, write `*` last",
            (5, false) => ": a line of a crontab, where 1 is Monday, stands without `cron(..)`",
            _ => "",
        }
    )]
    Fields {
        /// How many it has.
        found: usize,
        /// Whether one of them is `?`, which no crontab has.
        question: bool,
    },
    /// A line of a crontab with too few or too many fields.
    #[error(
        "a line of a crontab has 5 fields (minute hour day-of-month month day-of-week), this one has {found}{}",
        if *.found == 6 {
            ": write `cron(..)` around the six fields of EventBridge, where 1 is Sunday"
        } else {
            ""
        }
    )]
    Line {
        /// How many it has.
        found: usize,
    },
    /// An unknown nickname.
    #[error(
        "there is no `@{name}`: write `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`; `rate(5m)` is every five \
         minutes, and the set-up is what runs when a program starts"
    )]
    Nickname {
        /// The text after the `@`.
        name: String,
    },
    /// A field that cannot be read.
    #[error("{name} `{field}`: {why}; it takes {takes}")]
    Field {
        /// Which field.
        name: &'static str,
        /// Its text.
        field: String,
        /// Its fault.
        why: String,
        /// What it may contain.
        takes: &'static str,
    },
    /// Both days given, or neither.
    #[error(
        "exactly one of day-of-month and day-of-week is `?`: write `?` for the day of the week to go by the date, or \
         for the day of the month to go by the week"
    )]
    Days,
    /// An unknown time zone.
    #[error("there is no time zone `{timezone}`: names are those of the IANA database, such as `Europe/Berlin`")]
    Zone {
        /// Its name.
        timezone: String,
    },
    /// A time zone on a rate, where it has no effect.
    #[error(
        "a rate counts from 1970 in UTC and takes no time zone: remove `timezone = \"{timezone}\"`, or write `cron(..)`"
    )]
    RateWithZone {
        /// Its name.
        timezone: String,
    },
    /// A rate that cannot be read.
    #[error(
        "`{period}` is no period: a whole number and a unit, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(30s)`"
    )]
    Period {
        /// Its text.
        period: String,
    },
    /// A rate out of bounds.
    #[error("a period is at least {SHORTEST_S} second and at most {LONGEST_DAYS} days")]
    PeriodBounds,
    /// A date that does not exist.
    #[error("never due: there is no such date")]
    Never,
    /// All of its times are past.
    #[error("never due again: the last time was {last}")]
    NeverAgain {
        /// The last time.
        last: Timestamp,
    },
    /// The task cannot be called without arguments.
    #[error(
        "a schedule calls without arguments, and that does not work here: {0}; give each argument a default with \
         `#[serde(default)]`"
    )]
    Arguments(String),
}
