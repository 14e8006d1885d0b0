//! The scenario of a seed: which programs run where, their requests, and the faults.

use std::time::Duration;

use celeriac_core::{planner, ports::Profile};
use celeriac_sim::{Dice, FunctionOptions, Outage, Service, Steps, Weather};

use crate::{deployed, hands::Limits};

/// The scenario of a seed.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(crate) struct Scenario {
    pub(crate) shape: Shape,
    pub(crate) weather: Weather,
    /// There are no faults at all.
    pub(crate) calm: bool,
    /// How long faults last.
    pub(crate) trouble: Duration,
    /// How many faults of hosts there are.
    pub(crate) blows: u64,
    /// The kinds of these faults.
    pub(crate) kinds: Vec<Blow>,
    /// How wrong clocks are.
    pub(crate) skew_ms: u64,
    pub(crate) profile: Profile,
    pub(crate) steps: Steps,
    pub(crate) servers: usize,
    pub(crate) slots: usize,
    /// Whether some calls kill their process.
    pub(crate) killers: bool,
    /// Whether servers start with a program that lacks some tasks.
    pub(crate) old: bool,
    /// How many parcels are sent while servers run an old program that cannot read their version.
    pub(crate) newer: u64,
    /// Whether the queue of long calls has no dispatcher.
    pub(crate) narrow: bool,
    pub(crate) functions: FunctionOptions,
    /// How many requests there are.
    pub(crate) requests: u64,
    /// How many messages are sent that are no parcels.
    pub(crate) rubbish: u64,
    /// Whether servers send the runs of a scheduled task.
    pub(crate) scheduled: bool,
    /// For how many days all hosts are off while messages wait that were received too often.
    pub(crate) away_days: u64,
    /// The memory limits of programs.
    pub(crate) limits: Limits,
    /// How a deployed stack is deployed.
    pub(crate) deployed: deployed::Options,
}

/// Where calls run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In the processes that dispatch.
    Pool,
    /// In functions.
    Functions,
    /// In functions that are mapped to queues, as are the dispatchers.
    Deployed,
}

/// A fault of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// It dies.
    Crash,
    /// It dies at one of its next requests.
    CrashAtRequest,
    /// It is frozen for a while.
    Freeze,
    /// It is stopped and started again.
    Restart,
    /// Its clock jumps.
    Clock,
    /// A client dies at one of its next requests.
    Client,
}

impl Scenario {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let calm = dice.happens(120_000);
        let trouble = Duration::from_secs(dice.between(30, 300));
        let profile = Profile {
            message_bytes: dice.one_of(&[6 << 10, 256 << 10]),
            checkpoint_ms: dice.one_of(&[25, 1000, 5000]),
            gather_ms: dice.one_of(&[0, 2000]),
            lease_ms: dice.one_of(&[10_000, 30_000, 60_000]),
            ..planner::PROFILE
        };
        let profile = Profile { call_bytes: profile.message_bytes, ..profile };
        let kinds = [Blow::Crash, Blow::CrashAtRequest, Blow::Freeze, Blow::Restart, Blow::Clock, Blow::Client];
        let kinds: Vec<_> = kinds.into_iter().filter(|_| dice.happens(500_000)).collect();
        let skew_ms = dice.one_of(&[0, 0, 200, 2000, 40_000]);
        let shape = dice.one_of(&[Shape::Pool, Shape::Functions, Shape::Deployed]);
        Self {
            shape,
            weather: if calm { Weather::calm() } else { weather(dice, trouble) },
            calm,
            trouble,
            blows: if calm { 0 } else { dice.one_of(&[0, 2, 6, 20]) },
            kinds,
            skew_ms: if calm { 0 } else { skew_ms },
            profile,
            steps: if dice.happens(300_000) && shape != Shape::Deployed { Steps::InOneWrite } else { Steps::OneByOne },
            servers: dice.between(1, 3) as usize,
            slots: dice.one_of(&[1, 2, 8]),
            killers: !calm && dice.happens(250_000),
            old: !calm && dice.happens(200_000),
            newer: 0,
            narrow: dice.happens(500_000),
            functions: FunctionOptions {
                concurrency: dice.one_of(&[1, 3, 8]),
                cap: dice.one_of(&[2, 4, 16]),
                time_limit: Duration::from_secs(dice.one_of(&[60, 120])),
                cold_start: Duration::from_millis(dice.between(20, 400)),
                skew_ms: if calm { 0 } else { skew_ms },
            },
            requests: dice.between(3, 10),
            rubbish: if calm { 0 } else { dice.one_of(&[0, 0, 3]) },
            scheduled: dice.happens(300_000),
            away_days: dice.one_of(&[0, 0, 0, 3, 15, 20]),
            limits: Limits::default_of_programs(),
            deployed: deployed::Options::new(dice),
        }
        .with_few_receives(dice)
    }
}

impl Scenario {
    /// A deployed stack in which nothing goes wrong by itself.
    pub(crate) fn deployed(cap: usize, dispatchers: usize, max_receives: u32, cold_start: Duration) -> Self {
        let functions =
            FunctionOptions { concurrency: cap, cap, time_limit: Duration::from_mins(2), cold_start, skew_ms: 0 };
        Self {
            shape: Shape::Deployed,
            weather: Weather { max_receives, ..Weather::calm() },
            calm: true,
            trouble: Duration::ZERO,
            blows: 0,
            kinds: Vec::new(),
            skew_ms: 0,
            profile: planner::PROFILE,
            steps: Steps::OneByOne,
            servers: 1,
            slots: 1,
            killers: false,
            old: false,
            newer: 0,
            narrow: false,
            functions,
            requests: 0,
            rubbish: 0,
            scheduled: false,
            away_days: 0,
            limits: Limits::default_of_programs(),
            deployed: deployed::Options::plain(dispatchers),
        }
    }

    /// Sometimes lowers the number of receives before a message is dead, if such messages are handled.
    fn with_few_receives(mut self, dice: &mut Dice) -> Self {
        if self.shape == Shape::Deployed && self.weather.max_receives > 0 {
            self.weather.max_receives = dice.one_of(&[5, 12, self.weather.max_receives]);
        }
        self
    }

    /// Sometimes lowers the memory limits of programs.
    pub(crate) fn with_limits(mut self, dice: &mut Dice) -> Self {
        self.limits = Limits::draw(dice, &mut self.profile);
        self.profile.message_bytes = dice.one_of(&[2 << 10, self.profile.message_bytes]);
        self.profile.call_bytes = self.profile.message_bytes;
        self
    }

    /// Sometimes lets a newer program send parcels that old servers cannot read.
    pub(crate) fn with_newer(mut self, dice: &mut Dice) -> Self {
        // The deployed stack's mappings hand parcels to functions as text. A test of its handlers has this case.
        let newer = dice.one_of(&[0, 1, 4]);
        self.newer = if self.old && self.shape != Shape::Deployed { newer } else { 0 };
        self
    }

    /// The most parcels that may run on a host at once.
    pub(crate) fn parcels_at_once(&self) -> usize {
        match self.shape {
            // Each lane has slots of its own.
            Shape::Pool => 2 * self.slots * (self.limits.parcels + usize::from(self.narrow)),
            Shape::Functions => self.limits.parcels,
            Shape::Deployed => planner::MAX_PARCELS as usize,
        }
    }

    /// How early a call may start because of wrong clocks.
    pub(crate) fn early_ms(&self) -> u64 {
        if self.shape == Shape::Deployed { (2 * self.skew_ms).min(1000) } else { 0 }
    }
}

fn weather(dice: &mut Dice, trouble: Duration) -> Weather {
    let mut rate = |of: &[u32]| if dice.happens(500_000) { dice.one_of(of) } else { 0 };
    let (few, some) = ([1_000, 10_000, 50_000], [10_000, 50_000, 200_000]);
    let weather = Weather {
        latency_us: (500, 20_000),
        late: rate(&some),
        refused: rate(&some),
        unsent: rate(&few),
        stray: rate(&few),
        unanswered: rate(&few),
        sent_twice: rate(&few),
        item_refused: rate(&few),
        overlooked: rate(&some),
        delivered_twice: rate(&few),
        deleted_in_vain: rate(&some),
        max_receives: rate(&[3, 30, 200]),
        in_flight: 0,
        event_twice: rate(&some),
        event_lost: rate(&some),
        outages: Vec::new(),
    };
    let outages = if dice.happens(300_000) { dice.between(1, 3) } else { 0 };
    let outage = |_| {
        let from = Duration::from_millis(dice.between(0, trouble.as_millis() as u64));
        let service = dice.one_of(&[Service::Queue, Service::Ledger, Service::Ledger, Service::Functions]);
        Outage { service, from, to: from + Duration::from_secs(dice.between(1, 120)) }
    };
    Weather { outages: (0..outages).map(outage).collect(), ..weather }
}
