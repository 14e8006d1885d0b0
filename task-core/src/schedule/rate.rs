//! `rate(5 minutes)`: due at the multiples of its period since 1970.

use std::time::Duration;

use super::PatternError;
use crate::task::parse_duration;

pub(super) const SHORTEST_S: u64 = 1;
pub(super) const LONGEST_DAYS: u64 = 366;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    every_ms: u64,
}

impl Rate {
    /// Reads `5 minutes`, as `EventBridge` has it, or `5m`, as options have it elsewhere.
    pub(super) fn parse(period: &str) -> Result<Self, PatternError> {
        let every = in_words(period)
            .or_else(|| parse_duration(period.trim()).ok())
            .ok_or_else(|| PatternError::Period { period: period.to_owned() })?;
        if every.as_secs() < SHORTEST_S || every > Duration::from_hours(24 * LONGEST_DAYS) {
            return Err(PatternError::PeriodBounds);
        }
        Ok(Self { every_ms: every.as_millis() as u64 })
    }

    pub(super) fn period(self) -> Duration {
        Duration::from_millis(self.every_ms)
    }

    pub(super) fn next_after(self, ms: u64) -> Option<u64> {
        (ms / self.every_ms + 1).checked_mul(self.every_ms)
    }

    pub(super) fn latest_until(self, ms: u64) -> u64 {
        ms - ms % self.every_ms
    }
}

fn in_words(period: &str) -> Option<Duration> {
    let (number, unit) = period.trim().split_once(char::is_whitespace)?;
    let unit_s = match unit.trim_start() {
        "second" | "seconds" => 1,
        "minute" | "minutes" => 60,
        "hour" | "hours" => 3600,
        "day" | "days" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_s).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_units_mean_the_same() {
        for (words, short) in [("5 minutes", "5m"), ("1 minute", "60s"), ("2 hours", "2h"), ("1  day ", " 24h")] {
            assert_eq!(Rate::parse(words).unwrap().every_ms, Rate::parse(short).unwrap().every_ms, "{words}");
        }
    }

    #[test]
    fn it_is_due_at_the_multiples_of_its_period() {
        let rate = Rate::parse("5m").unwrap();
        assert_eq!(rate.next_after(300_000), Some(600_000));
        assert_eq!(rate.next_after(299_999), Some(300_000));
        assert_eq!(rate.latest_until(300_000), 300_000);
        assert_eq!(rate.latest_until(299_999), 0);
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for period in ["", "5", "minutes", "5 fortnights", "-5 minutes", "1.5h", "5 m", "99999999999999999999 days"] {
            assert_eq!(Rate::parse(period).unwrap_err(), PatternError::Period { period: period.to_owned() });
        }
        for period in ["0m", "999ms", "367d", "0 minutes"] {
            assert_eq!(Rate::parse(period).unwrap_err(), PatternError::PeriodBounds, "{period}");
        }
        assert_eq!(
            Rate::parse("5").unwrap_err().to_string(),
            "`5` is no period: a whole number and a unit, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(30s)`"
        );
    }
}
