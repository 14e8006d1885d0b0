//! Checks the form of a pattern while it is compiled: as a `const fn`, so that a missing field is a compiler error.
//! Faults that only a calendar or a time zone database shows are reported when a program starts.

use super::{
    MAX_PATTERN_BYTES,
    crontab::NICKNAMES,
    fields::{CRONTAB, EVENT_BRIDGE, Field},
    rate,
};

/// The forms of a pattern.
pub(super) enum Form<'a> {
    /// The text inside `cron(..)`.
    Cron(&'a str),
    /// The text inside `rate(..)`.
    Rate(&'a str),
    /// A line of a crontab, or a nickname.
    Line(&'a str),
}

impl<'a> Form<'a> {
    /// Tells the forms apart.
    pub(super) const fn of(pattern: &'a str) -> Option<Self> {
        let text = pattern.trim_ascii();
        match text.as_bytes() {
            [b'c', b'r', b'o', b'n', b'(', .., b')'] => Some(Self::Cron(inside(text))),
            [b'r', b'a', b't', b'e', b'(', .., b')'] => Some(Self::Rate(inside(text))),
            [b'0'..=b'9' | b'*' | b'@', ..] => Some(Self::Line(text)),
            _ => None,
        }
    }
}

/// The text between the five bytes of `cron(` or `rate(` and the last byte. All of these are ASCII.
const fn inside(text: &str) -> &str {
    let (_, rest) = text.split_at(5);
    rest.split_at(rest.len() - 1).0
}

/// Checks the form of a pattern.
pub(crate) const fn check(pattern: &str) -> Result<(), &'static str> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err("schedule: a pattern has at most 256 bytes");
    }
    match Form::of(pattern) {
        Some(Form::Cron(fields)) => event_bridge(fields.as_bytes()),
        Some(Form::Rate(period)) => match rate::period_ms(period) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.plain()),
        },
        Some(Form::Line(line)) => crontab(line.as_bytes()),
        None => Err(
            "schedule: write \"cron(minute hour day-of-month month day-of-week year)\", a line of a crontab such as \
             \"0 3 * * 1\", or \"rate(5m)\"",
        ),
    }
}

const fn event_bridge(text: &[u8]) -> Result<(), &'static str> {
    match count(text) {
        6 => {}
        5 if !contains(text, b'?') => {
            return Err(
                "schedule: `cron(..)` has 6 fields (minute hour day-of-month month day-of-week year), this one has 5; a line \
                 of a crontab, where 1 is Monday, stands without `cron(..)`",
            );
        }
        5 => {
            return Err(
                "schedule: `cron(..)` has 6 fields (minute hour day-of-month month day-of-week year), this one has 5: the year \
                 is missing, write `*` last",
            );
        }
        _ => {
            return Err("schedule: `cron(..)` has 6 fields: minute hour day-of-month month day-of-week year");
        }
    }
    let (mut rest, mut place, mut questions) = (text, 0, 0);
    while place < 6 {
        let (field, after) = next(rest);
        if let Err(error) = fits(field, &EVENT_BRIDGE[place]) {
            return Err(error);
        }
        if matches!(field, b"?") {
            questions += 1;
        }
        (rest, place) = (after, place + 1);
    }
    if questions != 1 {
        return Err("schedule: exactly one of day-of-month and day-of-week of `cron(..)` is `?`");
    }
    Ok(())
}

const fn crontab(text: &[u8]) -> Result<(), &'static str> {
    if let [b'@', name @ ..] = text {
        let mut at = 0;
        while at < NICKNAMES.len() {
            if name.eq_ignore_ascii_case(NICKNAMES[at].0.as_bytes()) {
                return Ok(());
            }
            at += 1;
        }
        return Err(
            "schedule: write `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`, or `rate(5m)` for every five minutes",
        );
    }
    match count(text) {
        5 => {}
        6 => {
            return Err(
                "schedule: a line of a crontab has 5 fields, this one has 6: write `cron(..)` around the six fields of \
                 EventBridge, where 1 is Sunday",
            );
        }
        _ => {
            return Err("schedule: a line of a crontab has 5 fields: minute hour day-of-month month day-of-week");
        }
    }
    let (mut rest, mut place) = (text, 0);
    while place < 5 {
        let (field, after) = next(rest);
        if let Err(error) = fits(field, &CRONTAB[place]) {
            return Err(error);
        }
        (rest, place) = (after, place + 1);
    }
    Ok(())
}

/// Whether a field accepts the signs, words and numbers of a text.
const fn fits(text: &[u8], field: &Field) -> Result<(), &'static str> {
    let (mut rest, mut before) = (text, b',');
    while let [first, ..] = rest {
        let (token, after) = rest.split_at(run(rest));
        let right = match *first {
            b'0'..=b'9' => {
                let number = number(token);
                match before {
                    b'/' => number > 0,
                    b'#' => number >= 1 && number <= 5,
                    _ => number >= *field.numbers.start() && number <= *field.numbers.end(),
                }
            }
            b'A'..=b'Z' | b'a'..=b'z' => letters(token, field),
            sign => contains(field.signs.as_bytes(), sign),
        };
        if !right {
            return Err(field.sentence);
        }
        before = *first;
        rest = after;
    }
    // The last item is missing, or one between commas is.
    if before == b',' || has_gap(text) { Err(field.sentence) } else { Ok(()) }
}

/// Whether letters are a word of this field, signs that it accepts, or both, such as `FRIL`.
const fn letters(token: &[u8], field: &Field) -> bool {
    let (word, signs) = token.split_at(if token.len() >= 3 { 3 } else { 0 });
    if !word.is_empty() && !is_one_of(word, field.words) {
        return false;
    }
    let mut at = 0;
    while at < signs.len() {
        if !contains(field.signs.as_bytes(), signs[at].to_ascii_uppercase()) {
            return false;
        }
        at += 1;
    }
    true
}

const fn has_gap(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if text[at] == b',' && (at == 0 || text[at - 1] == b',') {
            return true;
        }
        at += 1;
    }
    false
}

/// The length in bytes of the number or word that a text begins with; 1 for a sign.
const fn run(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        let alike = (text[0].is_ascii_digit() && text[at].is_ascii_digit())
            || (text[0].is_ascii_alphabetic() && text[at].is_ascii_alphabetic());
        if !alike {
            break;
        }
        at += 1;
    }
    at
}

const fn number(digits: &[u8]) -> u32 {
    let (mut at, mut number) = (0, 0_u32);
    while at < digits.len() {
        number = number.saturating_mul(10).saturating_add((digits[at] - b'0') as u32);
        at += 1;
    }
    number
}

const fn is_one_of(word: &[u8], words: &[&str]) -> bool {
    let mut at = 0;
    while at < words.len() {
        if word.eq_ignore_ascii_case(words[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn contains(text: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < text.len() {
        if text[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// How many fields a text has.
const fn count(text: &[u8]) -> usize {
    let (mut rest, mut fields) = (text.trim_ascii_end(), 0);
    while !rest.is_empty() {
        (_, rest) = next(rest);
        fields += 1;
    }
    fields
}

/// The first field of a text, and the rest.
const fn next(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let mut at = 0;
    while at < text.len() && !text[at].is_ascii_whitespace() {
        at += 1;
    }
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    #[test]
    fn every_pattern_that_can_be_read_has_the_right_form() {
        for pattern in [
            "cron(0 3 * * ? *)",
            " cron( */15  8-18 ? jan-MAR mon-fri 2026-2030 ) ",
            "cron(0,30 2,14 L * ? *)",
            "cron(0 8 LW * ? 2027/2)",
            "cron(0 8 15W 2,4 ? *)",
            "cron(0 8 ? * 6#3 *)",
            "cron(0 8 ? * 2L *)",
            "cron(0 8 ? * FRIL *)",
            "cron(0 8 ? * L *)",
            "cron(0/30 20-2 ? NOV-FEB FRI-MON *)",
            "0 3 * * 1",
            "\t*/5 0-23/2 1,15 JAN sun ",
            "@daily",
            "@Weekly",
            "rate(5 minutes)",
            "rate( 1  day )",
            "rate(30s)",
        ] {
            assert!(Schedule::parse(pattern, "UTC").is_ok(), "{pattern}: {:?}", Schedule::parse(pattern, "UTC"));
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_the_wrong_form_is_refused_in_both_places() {
        for (pattern, why) in [
            ("", "\"0 3 * * 1\", or \"rate(5m)\""),
            ("every day", "\"0 3 * * 1\", or \"rate(5m)\""),
            ("cron(0 3 * * ? *", "\"0 3 * * 1\", or \"rate(5m)\""),
            ("cron(0 3 * * ?)", "the year is missing"),
            ("cron(0 3 * * 1)", "where 1 is Monday, stands without `cron(..)`"),
            ("cron(0 3 *)", "`cron(..)` has 6 fields"),
            ("cron(60 3 * * ? *)", "schedule: minute takes 0 to 59"),
            ("cron(0 24 * * ? *)", "schedule: hour takes 0 to 23"),
            ("cron(0 3 32 * ? *)", "schedule: day-of-month takes 1 to 31"),
            ("cron(0 3 * 13 ? *)", "schedule: month takes 1 to 12"),
            ("cron(0 3 ? * 0 *)", "schedule: day-of-week takes 1 (Sunday) to 7"),
            ("cron(0 3 * * ? 1969)", "schedule: year takes 1970 to 2199"),
            ("cron(0 3 ? FOO 2 *)", "schedule: month takes"),
            ("cron(0 3, * * ? *)", "schedule: hour takes"),
            ("cron(*/0 3 * * ? *)", "schedule: minute takes"),
            ("cron(0 3 1 * 2 *)", "exactly one of"),
            ("cron(0 3 ? * ? *)", "exactly one of"),
            ("0 3 * *", "a line of a crontab has 5 fields"),
            ("0 3 * * ? *", "where 1 is Sunday"),
            ("0 3 * * 8", "schedule: day-of-week takes 0 or 7 (Sunday)"),
            ("0 3 ? * 1", "schedule: day-of-month takes"),
            ("@reboot", "write `@hourly`"),
            ("rate(5)", "this is no period"),
            ("rate(367d)", "at most 366 days"),
        ] {
            let said = check(pattern).expect_err(pattern);
            assert!(said.contains(why) && said.starts_with("schedule: "), "{pattern}: {said}");
            assert!(Schedule::parse(pattern, "UTC").is_err(), "{pattern}");
        }
    }
}
