//! Reads a line of a crontab, such as `0 3 * * 1` for three in the morning each Monday, and nicknames, such as
//! `@daily`. It produces the fields of `cron(..)`, whose week begins on 1 = Sunday while a crontab's begins on 0.

use super::{
    PatternError,
    fields::{CRONTAB, DAY_OF_MONTH, DAY_OF_WEEK, Field, whole_step},
};

/// The fields of a cron, in the form of `cron(..)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) six: [String; 6],
    pub(super) days: Days,
}

/// How the day of the month and the day of the week combine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// One of them is given.
    One,
    /// Both are given, and a day matches if either matches.
    Either,
    /// Both are given, and a day matches if both match: cron's rule if one of them begins with `*`, such as `*/2`.
    Both,
}

/// The crontab nicknames and their lines.
pub(super) const NICKNAMES: [(&str, &str); 7] = [
    ("hourly", "0 * * * *"),
    ("daily", "0 0 * * *"),
    ("midnight", "0 0 * * *"),
    ("weekly", "0 0 * * 0"),
    ("monthly", "0 0 1 * *"),
    ("yearly", "0 0 1 1 *"),
    ("annually", "0 0 1 1 *"),
];

/// Reads a line or a nickname.
pub(super) fn read(line: &str) -> Result<Fields, PatternError> {
    if let Some(name) = line.strip_prefix('@') {
        let known = NICKNAMES.iter().find(|(nickname, _)| nickname.eq_ignore_ascii_case(name));
        return known.map_or_else(|| Err(PatternError::Nickname { name: name.to_owned() }), |(_, line)| read(line));
    }
    let line = line.to_ascii_uppercase();
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let fields: [&str; 5] =
        fields.try_into().map_err(|fields: Vec<&str>| PatternError::Line { found: fields.len() })?;
    let mut six = [const { String::new() }; 6];
    for (place, text) in fields.iter().enumerate() {
        let field = &CRONTAB[place];
        steps(text).map_err(|why| field.wrong(text, why))?;
        six[place] = if place == DAY_OF_WEEK { week(field, text)? } else { field.read(place, text)? };
    }
    "*".clone_into(&mut six[5]);
    let days = days(&mut six);
    Ok(Fields { six, days })
}

/// A crontab counts steps within a range. Other programs disagree on what `5/10` means.
fn steps(text: &str) -> Result<(), String> {
    let open = |item: &&str| item.split_once('/').is_some_and(|(range, _)| range != "*" && !range.contains('-'));
    match text.split(',').find(open) {
        Some(_) => Err("a step goes with `*` or a range, such as `5-59/10`".to_owned()),
        None => Ok(()),
    }
}

/// The days of the week as `cron(..)` numbers them.
fn week(field: &Field, text: &str) -> Result<String, PatternError> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let read = || {
        field.form(text)?;
        let mut days = [false; 7];
        for item in text.split(',') {
            for day in week_item(field, item)? {
                days[day as usize % 7] = true;
            }
        }
        let numbers = (1..=7).filter(|number| days[number - 1]).map(|number: usize| number.to_string());
        Ok(numbers.collect::<Vec<_>>().join(","))
    };
    let numbers = read().map_err(|why| field.wrong(text, why))?;
    // A leading `*` says that the day is not restricted.
    Ok(if text.starts_with('*') { format!("*,{numbers}") } else { numbers })
}

fn week_item(field: &Field, item: &str) -> Result<impl Iterator<Item = u32>, String> {
    let (range, step) = item.split_once('/').map_or((item, "1"), |(range, step)| (range, step));
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => (0, 6),
        Some((from, to)) => (field.value(from)?, field.value(to)?),
        None => (field.value(range)?, field.value(range)?),
    };
    Ok((from..=if from > to { to + 7 } else { to }).step_by(whole_step(step)?))
}

/// Writes `?` for a day that is not given, and tells how the days combine.
fn days(six: &mut [String; 6]) -> Days {
    let starred = |field: &str| field.starts_with('*');
    let (month, week) = (&six[DAY_OF_MONTH], &six[DAY_OF_WEEK]);
    let days = match (month.as_str(), week.as_str()) {
        (_, "*") | ("*", _) => Days::One,
        (month, week) if starred(month) || starred(week) => Days::Both,
        _ => Days::Either,
    };
    let absent = if six[DAY_OF_WEEK] == "*" { DAY_OF_WEEK } else { DAY_OF_MONTH };
    if days == Days::One {
        "?".clone_into(&mut six[absent]);
    }
    if let Some(numbers) = six[DAY_OF_WEEK].strip_prefix("*,").map(str::to_owned) {
        six[DAY_OF_WEEK] = numbers;
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn six(line: &str) -> String {
        read(line).unwrap().six.join(" ")
    }

    fn error(line: &str) -> String {
        read(line).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_read_into_the_fields_of_event_bridge() {
        for (line, fields) in [
            ("0 3 * * *", "0 3 * * ? *"),
            ("0 3 * * 1", "0 3 ? * 2 *"),
            ("0 3 * * 0", "0 3 ? * 1 *"),
            ("0 3 * * 7", "0 3 ? * 1 *"),
            ("0 3 * * sun", "0 3 ? * 1 *"),
            ("0 3 * * 1-5", "0 3 ? * 2,3,4,5,6 *"),
            ("0 3 * * 5-7", "0 3 ? * 1,6,7 *"),
            ("0 3 * * fri-mon", "0 3 ? * 1,2,6,7 *"),
            ("0 3 * * 7-2", "0 3 ? * 1,2,3 *"),
            ("0 3 * * */2", "0 3 ? * 1,3,5,7 *"),
            ("0 3 1,15 * *", "0 3 1,15 * ? *"),
            ("*/15 20-2 * nov-feb 1,3", "*/15 20-23,0-2 ? 11-12,1-2 2,4 *"),
        ] {
            assert_eq!(six(line), fields, "{line}");
        }
    }

    #[test]
    fn two_days_combine_as_in_cron() {
        for (line, days) in [
            ("0 0 13 * 5", Days::Either),
            ("0 0 13 * 0-6", Days::Either),
            ("0 0 */2 * 1", Days::Both),
            ("0 0 1-7 * */2", Days::Both),
            ("0 0 * * 1", Days::One),
            ("0 0 1 * *", Days::One),
        ] {
            assert_eq!(read(line).unwrap().days, days, "{line}");
        }
    }

    #[test]
    fn a_nickname_stands_for_its_line() {
        for (nickname, fields) in [
            ("@hourly", "0 * * * ? *"),
            ("@daily", "0 0 * * ? *"),
            ("@Midnight", "0 0 * * ? *"),
            ("@weekly", "0 0 ? * 1 *"),
            ("@monthly", "0 0 1 * ? *"),
            ("@yearly", "0 0 1 1 ? *"),
            ("@annually", "0 0 1 1 ? *"),
        ] {
            assert_eq!(six(nickname), fields, "{nickname}");
        }
    }

    #[test]
    fn an_invalid_line_is_refused_with_the_cure() {
        assert_eq!(
            error("0 3 * * 8"),
            "day-of-week `8`: number out of bounds; it takes 0 or 7 (Sunday) to 6 or SUN to SAT with `,` `-` `*` `/`"
        );
        assert_eq!(
            error("0 3 ? * 1"),
            "day-of-month `?`: `?` does not belong here; it takes 1 to 31 with `,` `-` `*` `/`"
        );
        assert_eq!(
            error("5/10 * * * *"),
            "minute `5/10`: a step goes with `*` or a range, such as `5-59/10`; it takes 0 to 59 with `,` `-` `*` `/`"
        );
        assert_eq!(
            error("0 3 * *"),
            "a line of a crontab has 5 fields (minute hour day-of-month month day-of-week), this one has 4"
        );
        assert_eq!(
            error("0 3 * * ? *"),
            "a line of a crontab has 5 fields (minute hour day-of-month month day-of-week), this one has 6: write \
             `cron(..)` around the six fields of EventBridge, where 1 is Sunday"
        );
        assert_eq!(
            error("@reboot"),
            "there is no `@reboot`: write `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`; `rate(5m)` is every \
             five minutes, and the set-up is what runs when a program starts"
        );
        for line in ["60 3 * * *", "0 24 * * *", "0 3 0 * *", "0 3 * 13 *", "0 3 * * 1#2", "0 3 L * *", "*/0 * * * *"] {
            assert!(matches!(read(line), Err(PatternError::Field { .. })), "{line}");
        }
    }
}
