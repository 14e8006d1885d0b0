//! Applies the clock changes of a time zone to the times of a cron. The rules are those of Vixie cron:
//!
//! - **Listed** times, such as `30 2,14`, run once each on each of their days. A time that the clock skips in spring
//!   runs right after the gap, in one run with the others that were skipped. A time that the clock repeats in autumn
//!   runs the first time.
//! - A pattern that **repeats**, because its minute or its hour is `*` or a step, follows elapsed time. It runs
//!   whenever the clock shows one of its times: never in the gap, and in both passes of the repeated hour.
//!
//! [`Calendar`] has the times, and knows no zones.

use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::calendar::Calendar;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Longer than any clock is set back. After that it shows no time a second time.
const FAR: SignedDuration = SignedDuration::from_hours(72);

/// The times of a cron in a time zone.
#[derive(Clone, Debug)]
pub(super) struct Wall {
    calendar: Calendar,
    zone: TimeZone,
    rule: Rule,
}

/// How the times follow the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Each listed time of a day runs once.
    Listed,
    /// Runs whenever the clock shows a time of the cron.
    Elapsed,
}

impl Wall {
    pub(super) fn new(calendar: Calendar, zone: TimeZone, rule: Rule) -> Self {
        Self { calendar, zone, rule }
    }

    /// The first time after a whole second.
    pub(super) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match self.rule {
            Rule::Listed => self.next_listed(at),
            Rule::Elapsed => self.next_elapsed(at),
        }
    }

    /// The latest time that is not after a whole second.
    pub(super) fn latest_until(&self, at: Timestamp) -> Option<Timestamp> {
        match self.rule {
            Rule::Listed => self.latest_listed(at),
            Rule::Elapsed => self.latest_elapsed(at),
        }
    }

    fn next_listed(&self, at: Timestamp) -> Option<Timestamp> {
        let mut wall = self.zone.to_datetime(at);
        loop {
            wall = self.calendar.after(wall)?;
            // Some have already run if the clock was set back since.
            let due = self.run(wall)?;
            if due > at {
                return Some(due);
            }
        }
    }

    fn latest_listed(&self, at: Timestamp) -> Option<Timestamp> {
        let mut wall = self.zone.to_datetime(at);
        if let AmbiguousOffset::Fold { before, .. } = self.zone.to_ambiguous_timestamp(wall).offset() {
            // A time that the clock will show again has already run.
            wall = before.to_datetime(at);
        }
        loop {
            wall = self.calendar.until(wall)?;
            let due = self.run(wall)?;
            if due <= at {
                return Some(due);
            }
            wall = wall.checked_sub(SECOND).ok()?;
        }
    }

    /// When a listed time runs.
    fn run(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        let gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let earlier = ambiguous.earlier().ok()?;
        // The earlier reading of a time in a gap lies before the gap.
        if gap { self.change_after(earlier) } else { Some(earlier) }
    }

    fn next_elapsed(&self, at: Timestamp) -> Option<Timestamp> {
        // A time within the searched stretch without clock changes, and the clock's reading before it.
        let (mut within, mut wall) = (at, self.zone.to_datetime(at));
        loop {
            let offset = self.zone.to_offset(within);
            let due = self.calendar.after(wall).and_then(|wall| offset.to_timestamp(wall).ok());
            let Some(change) = self.change_after(within) else { return due };
            if due.is_some_and(|due| due < change) {
                return due;
            }
            let may_return = change < within.checked_add(FAR).ok()?;
            within = if may_return { change } else { change.max(due?.checked_sub(FAR).ok()?) };
            wall = self.zone.to_datetime(within).checked_sub(SECOND).ok()?;
        }
    }

    fn latest_elapsed(&self, at: Timestamp) -> Option<Timestamp> {
        let mut within = at;
        loop {
            let offset = self.zone.to_offset(within);
            let due = self.calendar.until(offset.to_datetime(within)).and_then(|wall| offset.to_timestamp(wall).ok());
            let next = within.checked_add(SECOND).ok()?;
            let Some(change) = self.zone.preceding(next).next().map(|change| change.timestamp()) else { return due };
            if due.is_some_and(|due| due >= change) {
                return due;
            }
            let may_return = change > within.checked_sub(FAR).ok()?;
            let before = change.checked_sub(SECOND).ok()?;
            within = if may_return { before } else { before.min(due?.checked_add(FAR).ok()?) };
        }
    }

    /// The first change of the clock after a time.
    fn change_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.zone.following(at).next().map(|change| change.timestamp())
    }
}
