//! The calendar of a cron: the times that its fields give, and the search among them. They are times as a clock shows
//! them, in whole minutes. [`Wall`](super::wall::Wall) applies the time zone.

use std::{collections::BTreeSet, ops::RangeBounds};

use jiff::civil::{Date, DateTime, date};

use super::{
    crontab::{Days, Fields},
    days::{DaysOfMonth, DaysOfWeek, Month},
    fields::{DAY_OF_MONTH, DAY_OF_WEEK, EVENT_BRIDGE, HOUR, MINUTE, MONTH, YEAR},
    number_set::NumberSet,
};

/// The times that the fields of a cron give.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    minutes: NumberSet,
    hours: NumberSet,
    days_of_month: DaysOfMonth,
    months: NumberSet,
    days_of_week: DaysOfWeek,
    years: BTreeSet<i16>,
    days: Days,
}

impl Calendar {
    /// Reads fields without ranges that wrap around.
    pub(super) fn read(fields: &Fields) -> Result<Self, String> {
        let [minute, hour, day_of_month, month, day_of_week, year] = &fields.six;
        Ok(Self {
            minutes: MINUTE.set(minute)?,
            hours: HOUR.set(hour)?,
            days_of_month: DaysOfMonth::read(day_of_month)?,
            months: MONTH.set(month)?,
            days_of_week: DaysOfWeek::read(day_of_week)?,
            years: YEAR.set::<Vec<u32>>(year)?.into_iter().map(|year| year as i16).collect(),
            days: fields.days,
        })
    }

    pub(super) fn has_all_minutes(&self) -> bool {
        self.minutes.len() == 60
    }

    pub(super) fn has_all_hours(&self) -> bool {
        self.hours.len() == 24
    }

    /// The first time after this one.
    pub(super) fn after(&self, wall: DateTime) -> Option<DateTime> {
        let today = wall.date();
        if self.contains(today)
            && let Some(time) = self.time_after(wall)
        {
            return Some(time);
        }
        let date = self.first_date(today.tomorrow().ok()?)?;
        Some(at(date, self.hours.first()?, self.minutes.first()?))
    }

    /// The latest time that is not after this one.
    pub(super) fn until(&self, wall: DateTime) -> Option<DateTime> {
        let today = wall.date();
        if self.contains(today)
            && let Some(time) = self.time_until(wall)
        {
            return Some(time);
        }
        let date = self.last_date(today.yesterday().ok()?)?;
        Some(at(date, self.hours.last()?, self.minutes.last()?))
    }

    /// The first time after this one on the same day, if the calendar has that day.
    fn time_after(&self, wall: DateTime) -> Option<DateTime> {
        let (hour, minute) = (wall.hour() as u32, wall.minute() as u32);
        let this_hour = self.minutes.at_least(minute + 1).first().filter(|_| self.hours.contains(hour));
        match this_hour {
            Some(minute) => Some(at(wall.date(), hour, minute)),
            None => Some(at(wall.date(), self.hours.at_least(hour + 1).first()?, self.minutes.first()?)),
        }
    }

    /// The latest time that is not after this one on the same day, if the calendar has that day.
    fn time_until(&self, wall: DateTime) -> Option<DateTime> {
        let (hour, minute) = (wall.hour() as u32, wall.minute() as u32);
        let this_hour = self.minutes.below(minute + 1).last().filter(|_| self.hours.contains(hour));
        match this_hour {
            Some(minute) => Some(at(wall.date(), hour, minute)),
            None => Some(at(wall.date(), self.hours.below(hour).last()?, self.minutes.last()?)),
        }
    }

    fn contains(&self, date: Date) -> bool {
        self.years.contains(&date.year())
            && self.months.contains(date.month() as u32)
            && self.days_in(date).contains(date.day() as u32)
    }

    /// The first date from this one on.
    fn first_date(&self, from: Date) -> Option<Date> {
        self.months_of(from.year()..)
            .skip_while(|month| month.last_of_month() < from)
            .find_map(|month| on(month, self.days_in(month).at_least(from.max(month).day() as u32).first()?))
    }

    /// The latest date up to this one.
    fn last_date(&self, until: Date) -> Option<Date> {
        self.months_of(..=until.year()).rev().skip_while(|month| *month > until).find_map(|month| {
            let last = until.min(month.last_of_month()).day() as u32;
            on(month, self.days_in(month).below(last + 1).last()?)
        })
    }

    /// The first days of its months in these years.
    fn months_of(&self, years: impl RangeBounds<i16>) -> impl DoubleEndedIterator<Item = Date> {
        self.years.range(years).flat_map(|year| self.months.iter().map(|month| date(*year, month as i8, 1)))
    }

    /// Its days in the month of a date.
    fn days_in(&self, date: Date) -> NumberSet {
        let month = Month::of(date);
        let (by_month, by_week) = (self.days_of_month.of(month), self.days_of_week.of(month));
        match self.days {
            // `?` stands for all days.
            Days::One | Days::Both => by_month & by_week,
            Days::Either => by_month | by_week,
        }
    }
}

/// Why a field without ranges that wrap around is invalid.
pub(super) fn check(place: usize, text: &str) -> Result<(), String> {
    match place {
        DAY_OF_MONTH => DaysOfMonth::read(text).map(drop),
        DAY_OF_WEEK => DaysOfWeek::read(text).map(drop),
        _ => EVENT_BRIDGE[place].set::<Vec<u32>>(text).map(drop),
    }
}

fn at(date: Date, hour: u32, minute: u32) -> DateTime {
    date.at(hour as i8, minute as i8, 0, 0)
}

/// The day of this number in the month of a date.
fn on(month: Date, day: u32) -> Option<Date> {
    Date::new(month.year(), month.month(), day as i8).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::datetime;

    use super::*;

    fn calendar(fields: &str, days: Days) -> Calendar {
        let six: Vec<String> = fields.split(' ').map(str::to_owned).collect();
        Calendar::read(&Fields { six: six.try_into().unwrap(), days }).unwrap()
    }

    #[test]
    fn a_search_goes_on_to_the_next_hour_day_month_and_year() {
        let calendar = calendar("10,50 8,20 1,15 3,9 ? 2027,2030", Days::One);
        let times = [
            datetime(2027, 3, 1, 8, 10, 0, 0),
            datetime(2027, 3, 1, 8, 50, 0, 0),
            datetime(2027, 3, 1, 20, 10, 0, 0),
            datetime(2027, 3, 1, 20, 50, 0, 0),
            datetime(2027, 3, 15, 8, 10, 0, 0),
        ];
        for pair in times.windows(2) {
            assert_eq!((calendar.after(pair[0]), calendar.until(pair[1])), (Some(pair[1]), Some(pair[1])));
            assert_eq!(calendar.until(pair[1] - jiff::Span::new().seconds(1)), Some(pair[0]));
        }
        let (last, first) = (datetime(2027, 9, 15, 20, 50, 0, 0), datetime(2030, 3, 1, 8, 10, 0, 0));
        assert_eq!((calendar.after(last), calendar.until(first)), (Some(first), Some(first)));
        assert_eq!(calendar.until(datetime(2030, 3, 1, 8, 9, 59, 0)), Some(last));
    }

    #[test]
    fn the_ends_of_the_years_are_the_ends_of_a_search() {
        let calendar = calendar("0 0 * * ? *", Days::One);
        let (first, last) = (datetime(1970, 1, 1, 0, 0, 0, 0), datetime(2199, 12, 31, 0, 0, 0, 0));
        assert_eq!(calendar.after(datetime(-9999, 1, 1, 0, 0, 0, 0)), Some(first));
        assert_eq!(calendar.until(datetime(1969, 12, 31, 23, 59, 0, 0)), None);
        assert_eq!(calendar.until(datetime(9999, 12, 31, 23, 59, 59, 0)), Some(last));
        assert_eq!(calendar.after(last), None);
    }

    #[test]
    fn a_step_through_the_years_begins_in_1970() {
        let calendar = calendar("0 0 1 1 ? */2", Days::One);
        assert_eq!(calendar.after(datetime(2026, 1, 1, 0, 0, 0, 0)), Some(datetime(2028, 1, 1, 0, 0, 0, 0)));
    }
}
