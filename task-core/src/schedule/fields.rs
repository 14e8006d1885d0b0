//! The fields of a pattern: what each accepts, and why one is invalid. Two dialects share them: `EventBridge`'s
//! `cron(..)` and the lines of a crontab.

use std::{iter::StepBy, ops::RangeInclusive};

use super::{PatternError, calendar};

/// A field of a pattern.
pub(super) struct Field {
    name: &'static str,
    /// The signs and letters that it accepts, in addition to digits.
    pub(super) signs: &'static str,
    pub(super) words: &'static [&'static str],
    /// The numbers that it accepts. The first word stands for the first number.
    pub(super) numbers: RangeInclusive<u32>,
    /// Whether its ranges may wrap around: 22 to 2 o'clock, Friday to Monday.
    round: bool,
    /// Everything that it accepts, for people.
    takes: &'static str,
    /// The same as a sentence, since the compiler cannot format one.
    pub(super) sentence: &'static str,
}

macro_rules! field {
    ($name:literal, $signs:literal, $words:expr, $numbers:expr, $round:literal, $takes:literal) => {
        Field {
            name: $name,
            signs: $signs,
            words: $words,
            numbers: $numbers,
            round: $round,
            takes: $takes,
            sentence: concat!("schedule: ", $name, " takes ", $takes),
        }
    };
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const MINUTE: Field = field!("minute", ",-*/", &[], 0..=59, true, "0 to 59 with `,` `-` `*` `/`");
pub(super) const HOUR: Field = field!("hour", ",-*/", &[], 0..=23, true, "0 to 23 with `,` `-` `*` `/`");
pub(super) const MONTH: Field =
    field!("month", ",-*/", MONTHS, 1..=12, true, "1 to 12 or JAN to DEC with `,` `-` `*` `/`");
pub(super) const YEAR: Field = field!("year", ",-*/", &[], 1970..=2199, false, "1970 to 2199 with `,` `-` `*` `/`");

/// The places of the two days, in both dialects.
pub(super) const DAY_OF_MONTH: usize = 2;
pub(super) const DAY_OF_WEEK: usize = 4;

/// The fields of `cron(..)`.
pub(super) const EVENT_BRIDGE: [Field; 6] = [
    MINUTE,
    HOUR,
    field!("day-of-month", ",-*/?LW", &[], 1..=31, true, "1 to 31 with `,` `-` `*` `/` `?` `L` `W`"),
    MONTH,
    field!(
        "day-of-week",
        ",-*/?L#",
        DAYS,
        1..=7,
        true,
        "1 (Sunday) to 7 or SUN to SAT with `,` `-` `*` `/` `?` `L` `#`"
    ),
    YEAR,
];

/// The fields of a line of a crontab.
pub(super) const CRONTAB: [Field; 5] = [
    MINUTE,
    HOUR,
    field!("day-of-month", ",-*/", &[], 1..=31, true, "1 to 31 with `,` `-` `*` `/`"),
    MONTH,
    field!("day-of-week", ",-*/", DAYS, 0..=7, true, "0 or 7 (Sunday) to 6 or SUN to SAT with `,` `-` `*` `/`"),
];

impl Field {
    /// Checks the text of this field, in capitals, and expands its ranges that wrap around: `20-2` becomes `20-23,0-2`.
    pub(super) fn read(&self, place: usize, text: &str) -> Result<String, PatternError> {
        self.form(text)
            .and_then(|()| text.split(',').map(|item| self.straight(item)).collect::<Result<Vec<_>, _>>())
            .map(|items| items.join(","))
            .and_then(|field| calendar::check(place, &field).map(|()| field))
            .map_err(|why| self.wrong(text, why))
    }

    /// Checks which signs a text has, and where.
    pub(super) fn form(&self, text: &str) -> Result<(), String> {
        if text.contains('?') && text != "?" && self.signs.contains('?') {
            return Err("`?` stands alone".to_owned());
        }
        if text.contains(',') && text.split(',').any(|item| item == "*") {
            return Err("`*` stands alone".to_owned());
        }
        for item in text.split(',') {
            if item.is_empty() {
                return Err("an item is missing between commas".to_owned());
            }
            let rest = self.words.iter().fold(item.to_owned(), |rest, word| rest.replace(word, "1"));
            if let Some(sign) = rest.chars().find(|sign| !sign.is_ascii_digit() && !self.signs.contains(*sign)) {
                return Err(format!("`{sign}` does not belong here"));
            }
        }
        // The other fields wrap around; their readers check the bounds.
        let bounds = text.split(',').flat_map(|item| item.split('/').next().unwrap_or(item).split('-'));
        if !self.round && bounds.filter_map(|bound| bound.parse().ok()).any(|bound: u32| !self.numbers.contains(&bound))
        {
            return Err("out of bounds".to_owned());
        }
        Ok(())
    }

    /// The value of a number or a word, if this field accepts it.
    pub(super) fn number(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| *word == text);
        let number = word.map_or_else(|| text.parse().ok(), |at| Some(self.numbers.start() + at as u32))?;
        self.numbers.contains(&number).then_some(number)
    }

    /// The numbers of a text without ranges that wrap around.
    pub(super) fn set<S: FromIterator<u32>>(&self, text: &str) -> Result<S, String> {
        let items = text.split(',').map(|item| self.item(item)).collect::<Result<Vec<_>, _>>()?;
        Ok(items.into_iter().flatten().collect())
    }

    /// The numbers of one item. A step without an end, such as `5/10`, goes on to the end of the field, and `/10` is
    /// `*/10`.
    pub(super) fn item(&self, item: &str) -> Result<StepBy<RangeInclusive<u32>>, String> {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let (first, last) = (*self.numbers.start(), *self.numbers.end());
        let (from, to) = match (range, range.split_once('-'), step) {
            ("*" | "?", ..) | ("", _, Some(_)) => (first, last),
            (_, Some((from, to)), _) => (self.value(from)?, self.value(to)?),
            (_, None, Some(_)) => (self.value(range)?, last),
            (_, None, None) => {
                let number = self.value(range)?;
                (number, number)
            }
        };
        if from > to {
            return Err("a range ends before it begins".to_owned());
        }
        Ok((from..=to).step_by(step.map_or(Ok(1), whole_step)?))
    }

    /// The value of a number or a word.
    pub(super) fn value(&self, text: &str) -> Result<u32, String> {
        self.number(text).ok_or_else(|| match text {
            "" => "a number is missing".to_owned(),
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => "number out of bounds".to_owned(),
            _ => format!("`{text}` is no number"),
        })
    }

    /// The error for a text in this field.
    pub(super) fn wrong(&self, text: &str, why: String) -> PatternError {
        PatternError::Field { name: self.name, field: text.to_owned(), why, takes: self.takes }
    }

    /// An item without ranges that wrap around.
    fn straight(&self, item: &str) -> Result<String, String> {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let Some((from, to)) = range.split_once('-').filter(|_| self.round) else { return Ok(item.to_owned()) };
        let (Some(from), Some(to)) = (self.number(from), self.number(to)) else { return Ok(item.to_owned()) };
        if from <= to {
            return Ok(item.to_owned());
        }
        let (first, last) = (*self.numbers.start(), *self.numbers.end());
        let Some(step) = step else { return Ok(format!("{},{}", range_of(from, last), range_of(first, to))) };
        let around = last - first + 1;
        let numbers = (from..=to + around).step_by(whole_step(step)?).map(|number| (number - first) % around + first);
        Ok(numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(","))
    }
}

/// The value of a step.
pub(super) fn whole_step(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|step| *step > 0).ok_or_else(|| "a step is a whole number from 1 on".to_owned())
}

fn range_of(from: u32, to: u32) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}
