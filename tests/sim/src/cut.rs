//! Cuts: parts of a scenario or of its requests that can be left out, one at a time.

use std::{fmt, str::FromStr};

use celeriac_core::{planner, ports::Profile};
use celeriac_sim::Weather;

use crate::{
    hands::Limits,
    scenario::{Blow, Scenario},
    work::Request,
};

/// A cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A request: `r2` is the third.
    Request(usize),
    /// The second half of a request's calls: `h2`.
    Half(usize),
    /// A part of the scenario, by its index in the list of possible cuts.
    Of(usize),
}

/// Removes a part of a scenario.
type Change = fn(&mut Scenario);

/// The possible cuts of a scenario, the large ones first, so that few tries are needed.
const SCENARIO: &[(&str, Change)] = &[
    ("weather", |scenario| scenario.weather = scenario.weather.clearing()),
    ("blows", |scenario| scenario.blows = 0),
    ("blow", |scenario| scenario.blows /= 2),
    ("crash", |scenario| scenario.kinds.retain(|kind| !matches!(kind, Blow::Crash | Blow::CrashAtRequest))),
    ("freeze", |scenario| scenario.kinds.retain(|kind| *kind != Blow::Freeze)),
    ("restart", |scenario| scenario.kinds.retain(|kind| *kind != Blow::Restart)),
    ("clock", |scenario| scenario.kinds.retain(|kind| *kind != Blow::Clock)),
    ("client", |scenario| scenario.kinds.retain(|kind| *kind != Blow::Client)),
    ("skew", |scenario| (scenario.skew_ms, scenario.functions.skew_ms) = (0, 0)),
    ("rubbish", |scenario| scenario.rubbish = 0),
    ("schedule", |scenario| scenario.scheduled = false),
    ("old", |scenario| scenario.old = false),
    ("newer", |scenario| scenario.newer = 0),
    ("limits", |scenario| {
        let Profile { send_bytes, buffer_bytes, .. } = planner::PROFILE;
        (scenario.profile.send_bytes, scenario.profile.buffer_bytes) = (send_bytes, buffer_bytes);
        scenario.limits = Limits::default_of_programs();
    }),
    ("narrow", |scenario| scenario.narrow = false),
    ("servers", |scenario| scenario.servers = 1),
    ("slots", |scenario| scenario.slots = 1),
    ("concurrency", |scenario| scenario.functions.concurrency = 1),
    ("outages", |scenario| scenario.weather.outages.clear()),
    ("outage", |scenario| {
        scenario.weather.outages.pop();
    }),
    ("late", |scenario| scenario.weather.late = 0),
    ("refused", |scenario| scenario.weather.refused = 0),
    ("unsent", |scenario| scenario.weather.unsent = 0),
    ("stray", |scenario| scenario.weather.stray = 0),
    ("unanswered", |scenario| scenario.weather.unanswered = 0),
    ("sent_twice", |scenario| scenario.weather.sent_twice = 0),
    ("item_refused", |scenario| scenario.weather.item_refused = 0),
    ("overlooked", |scenario| scenario.weather.overlooked = 0),
    ("delivered_twice", |scenario| scenario.weather.delivered_twice = 0),
    ("deleted_in_vain", |scenario| scenario.weather.deleted_in_vain = 0),
    ("max_receives", |scenario| scenario.weather.max_receives = 0),
    ("event_twice", |scenario| scenario.weather.event_twice = 0),
    ("event_lost", |scenario| scenario.weather.event_lost = 0),
    ("latency", |scenario| scenario.weather.latency_us = Weather::calm().latency_us),
];

impl Cut {
    /// All possible cuts with this many requests: whole requests, then the scenario, then calls.
    pub(crate) fn all(requests: usize) -> impl Iterator<Item = Self> {
        let scenario = (0..SCENARIO.len()).map(Self::Of);
        (0..requests).map(Self::Request).chain(scenario).chain((0..requests).map(Self::Half))
    }

    /// Applies the cut. Nothing happens if the part is missing.
    pub(crate) fn apply(self, scenario: &mut Scenario, requests: &mut [Request]) {
        match self {
            Self::Request(number) => requests.iter_mut().skip(number).take(1).for_each(|request| request.args.clear()),
            Self::Half(number) => {
                for request in requests.iter_mut().skip(number).take(1) {
                    request.args.truncate(request.args.len().div_ceil(2));
                }
            }
            Self::Of(number) => {
                if let Some((_, cut)) = SCENARIO.get(number) {
                    cut(scenario);
                }
            }
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(number) => write!(f, "r{number}"),
            Self::Half(number) => write!(f, "h{number}"),
            Self::Of(number) => f.write_str(SCENARIO.get(*number).map_or("nothing", |(name, _)| name)),
        }
    }
}

/// An unknown cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCut(String);

impl FromStr for Cut {
    type Err = NoCut;

    fn from_str(text: &str) -> Result<Self, NoCut> {
        if let Some(number) = SCENARIO.iter().position(|(name, _)| *name == text) {
            return Ok(Self::Of(number));
        }
        let number = |prefix| text.strip_prefix(prefix)?.parse().ok();
        number('r').map(Self::Request).or_else(|| number('h').map(Self::Half)).ok_or_else(|| NoCut(text.to_owned()))
    }
}

impl fmt::Display for NoCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = SCENARIO.iter().map(|(name, _)| *name).collect();
        let (wrong, names) = (&self.0, names.join(", "));
        write!(f, "`{wrong}` cannot be left out: r2 (the third request), h2 (half of its calls), or one of {names}")
    }
}

impl std::error::Error for NoCut {}
