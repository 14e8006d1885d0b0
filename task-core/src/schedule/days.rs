//! The two fields for days: which days of a month they give.

use jiff::civil::Date;

use super::{
    fields::{DAY_OF_MONTH, DAY_OF_WEEK, EVENT_BRIDGE},
    number_set::NumberSet,
};

/// Sunday and Saturday, as `cron(..)` numbers the days of the week.
const SUNDAY: u32 = 1;
const SATURDAY: u32 = 7;

/// The field for the day of the month.
#[derive(Clone, Debug, Default)]
pub(super) struct DaysOfMonth {
    listed: NumberSet,
    /// `15W`: the weekday, Monday to Friday, nearest to that day in the same month.
    near: NumberSet,
    /// `L`.
    last: bool,
    /// `LW`: the last weekday, Monday to Friday.
    near_last: bool,
}

impl DaysOfMonth {
    /// Reads a field without ranges that wrap around.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let field = &EVENT_BRIDGE[DAY_OF_MONTH];
        let mut days = Self::default();
        for item in text.split(',') {
            match item.strip_suffix('W') {
                Some("L") => days.near_last = true,
                Some(day) => days.near.insert(field.value(day)?),
                None if item == "L" => days.last = true,
                None => days.listed.extend(field.item(item)?),
            }
        }
        Ok(days)
    }

    /// Its days in a month. A day that the month lacks is left out.
    pub(super) fn of(&self, month: Month) -> NumberSet {
        let near = self.near.below(month.days + 1).iter().map(|day| month.weekday_near(day));
        let last = self.last.then_some(month.days);
        let near_last = self.near_last.then(|| month.weekday_near(month.days));
        self.listed.below(month.days + 1) | near.chain(last).chain(near_last).collect()
    }
}

/// The field for the day of the week.
#[derive(Clone, Debug, Default)]
pub(super) struct DaysOfWeek {
    listed: NumberSet,
    /// `2#1`: the first Monday of the month is in the first set.
    nth: [NumberSet; 5],
    /// `6L`: the last Friday of the month.
    last: NumberSet,
}

impl DaysOfWeek {
    /// Reads a field without ranges that wrap around.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let field = &EVENT_BRIDGE[DAY_OF_WEEK];
        let mut days = Self::default();
        for item in text.split(',') {
            match (item.strip_suffix('L'), item.split_once('#')) {
                // The last day of the week.
                (Some(""), _) => days.listed.insert(SATURDAY),
                (Some(day), _) => days.last.insert(field.value(day)?),
                (None, Some((range, nth))) => {
                    let nth = nth.parse().ok().and_then(|nth: usize| days.nth.get_mut(nth.checked_sub(1)?));
                    nth.ok_or("`#` is followed by 1 to 5")?.extend(field.item(range)?);
                }
                (None, None) => days.listed.extend(field.item(item)?),
            }
        }
        Ok(days)
    }

    /// Its days in a month.
    pub(super) fn of(&self, month: Month) -> NumberSet {
        (1..=month.days).filter(|day| self.contains(*day, month)).collect()
    }

    fn contains(&self, day: u32, month: Month) -> bool {
        let weekday = month.day_of_week(day);
        self.listed.contains(weekday)
            || self.nth[(day as usize - 1) / 7].contains(weekday)
            || (day + 7 > month.days && self.last.contains(weekday))
    }
}

/// What days depend on in a month.
#[derive(Clone, Copy, Debug)]
pub(super) struct Month {
    /// How many days it has.
    days: u32,
    /// The day of the week that it begins on, from 0 = Sunday.
    begins_on: u32,
}

impl Month {
    /// The month of a date.
    pub(super) fn of(date: Date) -> Self {
        let begins_on = date.first_of_month().weekday().to_sunday_zero_offset();
        Self { days: date.days_in_month() as u32, begins_on: begins_on as u32 }
    }

    fn day_of_week(self, day: u32) -> u32 {
        (self.begins_on + day - 1) % 7 + 1
    }

    /// The day from Monday to Friday that is nearest to a day, in the same month.
    fn weekday_near(self, day: u32) -> u32 {
        match self.day_of_week(day) {
            SATURDAY if day == 1 => 3,
            SATURDAY => day - 1,
            SUNDAY if day == self.days => day - 2,
            SUNDAY => day + 1,
            _ => day,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn by_month(text: &str, year: i16, month: i8) -> Vec<u32> {
        DaysOfMonth::read(text).unwrap().of(Month::of(date(year, month, 1))).iter().collect()
    }

    fn by_week(text: &str, year: i16, month: i8) -> Vec<u32> {
        DaysOfWeek::read(text).unwrap().of(Month::of(date(year, month, 1))).iter().collect()
    }

    #[test]
    fn the_nearest_weekday_stays_in_its_month() {
        // 2026-08-01 is a Saturday, 2026-05-31 a Sunday.
        assert_eq!(by_month("1W", 2026, 8), [3]);
        assert_eq!(by_month("8W,16W,19W", 2026, 8), [7, 17, 19]);
        assert_eq!(by_month("31W", 2026, 5), [29]);
        assert_eq!(by_month("31W", 2026, 6), [0; 0]);
    }

    #[test]
    fn the_last_day_and_the_last_weekday_depend_on_the_month() {
        assert_eq!(by_month("L", 2028, 2), [29]);
        assert_eq!(by_month("LW", 2026, 5), [29]);
        assert_eq!(by_month("LW", 2026, 6), [30]);
        assert_eq!(by_month("L,LW,15", 2026, 5), [15, 29, 31]);
    }

    #[test]
    fn a_day_of_the_week_may_be_one_of_the_month() {
        // 2026-06 begins on a Monday and has 30 days.
        assert_eq!(by_week("2#1", 2026, 6), [1]);
        assert_eq!(by_week("MON#5,WED#5", 2026, 6), [29]);
        assert_eq!(by_week("2L,4L", 2026, 6), [24, 29]);
        assert_eq!(by_week("MON-WED#2", 2026, 6), [8, 9, 10]);
        assert_eq!(by_week("L,SUN", 2026, 6), [6, 7, 13, 14, 20, 21, 27, 28]);
    }

    #[test]
    fn an_item_that_means_nothing_is_refused() {
        let month = |text| DaysOfMonth::read(text).unwrap_err();
        assert_eq!(month("W"), "a number is missing");
        assert_eq!(month("32W"), "number out of bounds");
        assert_eq!(month("15W5"), "`15W5` is no number");
        let week = |text| DaysOfWeek::read(text).unwrap_err();
        assert_eq!(week("2#6"), "`#` is followed by 1 to 5");
        assert_eq!(week("2#0"), "`#` is followed by 1 to 5");
        assert_eq!(week("#1"), "a number is missing");
        assert_eq!(week("8L"), "number out of bounds");
    }
}
