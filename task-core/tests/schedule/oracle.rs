//! An oracle for crons: finds their due times by looking at the clock each minute.

use std::collections::{BTreeSet, HashMap};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

const MINUTE_MS: u64 = 60_000;

/// What the clock of a zone shows at each minute of a stretch of time.
pub(crate) struct Clock(Vec<(u64, DateTime)>);

impl Clock {
    pub(crate) fn of(zone: &str, from_ms: u64, until_ms: u64) -> Self {
        let zone = TimeZone::get(zone).unwrap();
        let show = |ms| zone.to_datetime(Timestamp::from_millisecond(ms as i64).unwrap());
        Self((from_ms..=until_ms).step_by(MINUTE_MS as usize).map(|ms| (ms, show(ms))).collect())
    }

    /// Each minute at which the clock shows one of these times.
    pub(crate) fn elapsed(&self, minutes: &BTreeSet<u32>, hours: &BTreeSet<u32>) -> BTreeSet<u64> {
        let due = |wall: &DateTime| minutes.contains(&(wall.minute() as u32)) && hours.contains(&(wall.hour() as u32));
        self.0.iter().filter(|(_, wall)| due(wall)).map(|(ms, _)| *ms).collect()
    }

    /// For each of these times of each day, the first minute at which the clock shows it or has passed it.
    pub(crate) fn listed(&self, minutes: &BTreeSet<u32>, hours: &BTreeSet<u32>) -> BTreeSet<u64> {
        let (first, last) = (self.0[0].1.date(), self.0[self.0.len() - 1].1.date());
        // Later minutes first, so that of two that show the same time the first is kept.
        let shown: HashMap<DateTime, u64> = self.0.iter().rev().map(|(ms, wall)| (*wall, *ms)).collect();
        let mut due = BTreeSet::new();
        for date in first.series(jiff::ToSpan::days(1)).take_while(|date| *date <= last) {
            for (hour, minute) in hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute))) {
                let listed = date.at(hour as i8, minute as i8, 0, 0);
                due.extend(shown.get(&listed).copied().or_else(|| self.past(listed)));
            }
        }
        due
    }

    fn past(&self, listed: DateTime) -> Option<u64> {
        self.0.windows(2).find(|pair| pair[0].1 < listed && pair[1].1 > listed).map(|pair| pair[1].0)
    }
}
