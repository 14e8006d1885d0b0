//! `rate(5 minutes)`: due at the multiples of its period since 1970.

use std::time::Duration;

use super::PatternError;
use crate::duration::parse_duration;

/// Why a text is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPeriod {
    /// It cannot be read.
    Form,
    /// It is too short or too long.
    Bounds,
}

pub(super) const SHORTEST_S: u64 = 1;
pub(super) const LONGEST_DAYS: u64 = 366;

#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    every_ms: u64,
}

impl Rate {
    /// Reads `5 minutes`, as in `EventBridge`, or `5m`, as in other options.
    pub(super) fn parse(period: &str) -> Result<Self, PatternError> {
        match period_ms(period) {
            Ok(every_ms) => Ok(Self { every_ms }),
            Err(NoPeriod::Form) => Err(PatternError::Period { period: period.to_owned() }),
            Err(NoPeriod::Bounds) => Err(PatternError::PeriodBounds),
        }
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

/// The milliseconds of a period, if it is within bounds.
pub(super) const fn period_ms(period: &str) -> Result<u64, NoPeriod> {
    let text = period.trim_ascii();
    let every = match in_words(text.as_bytes()) {
        Some(every) => every,
        None => match parse_duration(text) {
            Ok(every) => every,
            Err(_) => return Err(NoPeriod::Form),
        },
    };
    if every.as_secs() < SHORTEST_S || every.as_millis() > Duration::from_hours(24 * LONGEST_DAYS).as_millis() {
        return Err(NoPeriod::Bounds);
    }
    Ok(every.as_millis() as u64)
}

const fn in_words(text: &[u8]) -> Option<Duration> {
    let (mut rest, mut number) = (text, 0_u64);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        let Some(tens) = number.checked_mul(10) else { return None };
        let Some(more) = tens.checked_add((*digit - b'0') as u64) else { return None };
        (number, rest) = (more, after);
    }
    if rest.len() == text.len() || !matches!(rest, [space, ..] if space.is_ascii_whitespace()) {
        return None;
    }
    let unit_s = match rest.trim_ascii_start() {
        b"second" | b"seconds" => 1,
        b"minute" | b"minutes" => 60,
        b"hour" | b"hours" => 3600,
        b"day" | b"days" => 86_400,
        _ => return None,
    };
    match number.checked_mul(unit_s) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => None,
    }
}

impl NoPeriod {
    /// The error text without the period, since the compiler shows that itself.
    pub(super) const fn plain(self) -> &'static str {
        match self {
            Self::Form => {
                "schedule: this is no period: a whole number and a unit, such as `rate(5 minutes)`, `rate(1 hour)` or `rate(30s)`"
            }
            Self::Bounds => "schedule: a period is at least 1 second and at most 366 days",
        }
    }
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
    fn an_invalid_period_is_refused() {
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
