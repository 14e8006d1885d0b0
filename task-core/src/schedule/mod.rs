//! Computes when a scheduled task is due. Its forms are `cron(minute hour day-of-month month day-of-week year)` as in
//! `EventBridge`, a line of a crontab such as `0 3 * * 1`, and `rate(5 minutes)`. It is pure: callers pass the time,
//! and it reads no clock. Faults in a pattern's form are compiler errors. The others are errors when a program starts,
//! not when a run fails to come.

mod calendar;
mod cron;
mod crontab;
mod days;
mod error;
mod fields;
mod form;
mod number_set;
mod rate;
mod wall;

pub use error::{PatternError, ScheduleError};
pub(crate) use form::check;

use std::time::Duration;

use jiff::Timestamp;

use self::{cron::CronPattern, form::Form, rate::Rate};

/// The most bytes of a pattern: the limit of `EventBridge`.
const MAX_PATTERN_BYTES: usize = 256;

/// When a scheduled task is due.
#[derive(Clone, Debug)]
pub struct Schedule(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Cron(Box<CronPattern>),
    Rate(Rate),
}

impl Schedule {
    /// Reads a pattern. A `rate` counts from 1970, so that all processes agree on when it is due. It takes no time
    /// zone.
    pub fn parse(pattern: &str, timezone: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong { bytes: pattern.len() });
        }
        let cron = |cron: CronPattern| Self(Kind::Cron(Box::new(cron)));
        match Form::of(pattern) {
            Some(Form::Cron(fields)) => CronPattern::parse(fields, timezone).map(cron),
            Some(Form::Line(line)) => CronPattern::line(line, timezone).map(cron),
            Some(Form::Rate(_)) if timezone != "UTC" => {
                Err(PatternError::RateWithZone { timezone: timezone.to_owned() })
            }
            Some(Form::Rate(period)) => Rate::parse(period).map(|rate| Self(Kind::Rate(rate))),
            None => Err(PatternError::Form),
        }
    }

    /// The period of a `rate`; `None` for a `cron`.
    pub fn period(&self) -> Option<Duration> {
        match &self.0 {
            Kind::Cron(_) => None,
            Kind::Rate(rate) => Some(rate.period()),
        }
    }

    /// The six fields of a cron in the form of `cron(..)`, without ranges that wrap around. `None` for a `rate`, and
    /// for a line of a crontab that goes by both the day of the month and the day of the week, which that form cannot
    /// express.
    pub fn fields(&self) -> Option<&[String; 6]> {
        match &self.0 {
            Kind::Cron(cron) => cron.fields(),
            Kind::Rate(_) => None,
        }
    }

    /// The first time after `ms` at which it is due, in milliseconds since 1970; `None` if it never is.
    pub fn next_after(&self, ms: u64) -> Option<u64> {
        match &self.0 {
            Kind::Cron(cron) => cron.next_after(ms),
            Kind::Rate(rate) => rate.next_after(ms),
        }
    }

    /// The latest due time after `last_ms` and not after `now_ms`.
    pub fn latest_between(&self, last_ms: u64, now_ms: u64) -> Option<u64> {
        let latest = match &self.0 {
            Kind::Cron(cron) => cron.latest_until(now_ms),
            Kind::Rate(rate) => Some(rate.latest_until(now_ms)),
        };
        latest.filter(|due_ms| *due_ms > last_ms)
    }

    pub(crate) fn never(&self, now_ms: u64) -> PatternError {
        match self.latest_between(0, now_ms).and_then(timestamp) {
            Some(last) => PatternError::NeverAgain { last },
            None => PatternError::Never,
        }
    }
}

/// The encoded arguments of a call without arguments.
pub(crate) const NO_ARGS: &[u8] = &[0x80];

/// A time, unless it is beyond the year 9999.
fn timestamp(ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn at(text: &str) -> u64 {
        text.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64
    }

    #[test]
    fn the_latest_missed_run_is_the_one_that_counts() {
        let nightly = Schedule::parse("cron(0 3 * * ? *)", "UTC").unwrap();
        let now = at("2026-03-10T12:00:00Z");
        assert_eq!(nightly.latest_between(at("2026-03-01T03:00:00Z"), now), Some(at("2026-03-10T03:00:00Z")));
        assert_eq!(nightly.latest_between(at("2026-03-10T03:00:00Z"), now), None);
        assert_eq!(nightly.latest_between(0, at("2026-03-10T03:00:00Z")), Some(at("2026-03-10T03:00:00Z")));
    }

    #[test]
    fn a_time_zone_says_nothing_to_a_rate() {
        assert_eq!(
            Schedule::parse("rate(1 day)", "Europe/Berlin").unwrap_err().to_string(),
            "a rate counts from 1970 in UTC and takes no time zone: remove `timezone = \"Europe/Berlin\"`, or write \
             `cron(..)`"
        );
    }
}
