//! Reads durations of options at compile time, and prints durations.

use std::time::Duration;

const FORM: &str = "a duration is a whole number and a unit (ms, s, m, h, d), such as \"30s\"";

/// Reads `"30s"`.
pub const fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    parse_bytes(text.as_bytes())
}

/// A duration for people: `1h`, `90s`, `1.5s`, `20ms`.
pub fn duration_text(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{:.1}s", duration.as_secs_f64()),
    }
}

/// Reads `"2s..10m"`.
pub(super) const fn parse_range(text: &str) -> Result<(Duration, Duration), &'static str> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        if bytes[at] == b'.' && bytes[at + 1] == b'.' {
            let (low, rest) = bytes.split_at(at);
            let (_, high) = rest.split_at(2);
            return match (parse_bytes(low), parse_bytes(high)) {
                (Ok(low), Ok(high)) if low.as_millis() <= high.as_millis() => Ok((low, high)),
                (Ok(_), Ok(_)) => Err("backoff: the first bound must not exceed the second"),
                (Err(error), _) | (_, Err(error)) => Err(error),
            };
        }
        at += 1;
    }
    Err("backoff: a range of durations, such as \"2s..10m\"")
}

const fn parse_bytes(mut bytes: &[u8]) -> Result<Duration, &'static str> {
    let mut number: u64 = 0;
    let mut digits = 0;
    while let [digit @ b'0'..=b'9', rest @ ..] = bytes {
        number = match number.checked_mul(10) {
            Some(tens) => match tens.checked_add((*digit - b'0') as u64) {
                Some(number) => number,
                None => return Err(FORM),
            },
            None => return Err(FORM),
        };
        digits += 1;
        bytes = rest;
    }
    if digits == 0 {
        return Err(FORM);
    }
    let unit_ms = match bytes {
        b"ms" => 1,
        b"s" => 1000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => 86_400_000,
        _ => return Err(FORM),
    };
    match number.checked_mul(unit_ms) {
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Err("a duration must fit in 64 bits of milliseconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit() {
        for (text, ms) in [("7ms", 7), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn refuses_a_text_that_is_no_duration() {
        for text in ["", "s", "30", "30 s", "1.5s", "-1s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_range("10m..2s").is_err() && parse_range("2s").is_err());
    }
}
