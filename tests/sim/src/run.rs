//! Runs one case.

use std::{fmt, time::Duration};

use celeriac_core::wire::KEPT_MS;
use celeriac_sim::{Dice, Sim};

use crate::{
    Case, Mutation,
    audit::Audit,
    cut::Cut,
    end,
    facts::{Age, Facts, Shared, Violation},
    scenario::Scenario,
    site::Site,
    story,
    work::{self, Request},
};

/// How long after the last fault nothing may come to an end before all is quiet: longer than all back-offs, leases and
/// waits of the product.
const QUIET_WITHIN: Duration = Duration::from_hours(2);

/// The limit in all: one worker needs hours for a backlog of hanging calls.
const QUIET_AT_LAST: Duration = Duration::from_hours(24);

/// How often to check whether all is quiet.
const LOOK: Duration = Duration::from_secs(5);

/// How often an operator moves messages back that were received too often.
const REDRIVE: Duration = Duration::from_mins(10);

/// The report of a run.
#[derive(Debug)]
pub struct Report {
    /// The case.
    pub case: Case,
    /// The violations.
    pub violations: Vec<String>,
    /// Calls that were accepted.
    pub calls: u64,
    /// Parcels that were stored.
    pub parcels: u64,
    /// How often a holder lost a parcel.
    pub losses: u64,
    /// The virtual time of the run.
    pub passed: Duration,
    /// One line for each event, if enabled.
    pub trace: String,
    /// The lines about the first violation.
    pub story: String,
}

/// The plan that follows from a case, without the random draws of hosts and network.
#[derive(Clone, Debug)]
pub(crate) struct CasePlan {
    scenario: Scenario,
    pub(crate) requests: Vec<Request>,
    /// The random bits of the network and of faults.
    sim: u64,
    site: Dice,
}

impl CasePlan {
    pub(crate) fn new(case: &Case) -> Self {
        let mut dice = Dice::new(case.seed);
        // Drawn separately: these were added later, and older seeds must keep their meaning.
        let mut later = Dice::new(!case.seed);
        let scenario = Scenario::new(&mut dice).with_limits(&mut later).with_newer(&mut later);
        let sim = dice.next_u64().wrapping_add(case.salt);
        let site = Dice::new(dice.next_u64().wrapping_add(case.salt));
        let requests = work::requests(&scenario, &mut dice);
        let mut plan = Self { scenario, requests, sim, site };
        case.cuts.iter().for_each(|cut| plan.cut(*cut));
        plan
    }

    fn cut(&mut self, cut: Cut) {
        cut.apply(&mut self.scenario, &mut self.requests);
    }

    /// Whether it has the part that a cut removes.
    pub(crate) fn has(&self, cut: Cut) -> bool {
        let mut less = self.clone();
        less.cut(cut);
        format!("{less:?}") != format!("{self:?}")
    }
}

/// Runs a seed.
pub fn run(seed: u64) -> Report {
    run_case(&seed.into(), None, false)
}

/// Runs a case, optionally with a mutation and with a trace.
pub fn run_case(case: &Case, mutation: Option<Mutation>, traced: bool) -> Report {
    let CasePlan { scenario, requests, sim, site } = CasePlan::new(case);
    let facts = Shared::default();
    let mut sim = Sim::new(sim, scenario.weather.clone());
    sim.watch(Audit(facts.clone()));
    if traced {
        sim.trace();
    }
    facts.lock().calm = scenario.calm;
    facts.lock().skew_ms = scenario.skew_ms;
    facts.lock().early_ms = scenario.early_ms();
    facts.lock().parcels_at_once = scenario.parcels_at_once();
    let (trouble, redrives) = (scenario.trouble, scenario.weather.max_receives > 0);
    let away = Duration::from_hours(24 * scenario.away_days);
    let site = Site::new(&mut sim, scenario, facts.clone(), mutation, site);
    work::start(&mut sim, &site, requests);
    site.trouble();
    sim.run_until(trouble);
    site.clear_up(&mut sim);
    let quiet = settle(&mut sim, &site, redrives.then_some(away));
    let (passed, trace) = (sim.now(), sim.take_trace());
    let mut known = facts.lock();
    let known = &mut *known;
    if known.violations.is_empty() {
        if quiet {
            end::check(known, &sim);
        } else {
            restless(known, &sim);
        }
    }
    report(case, known, passed, trace)
}

/// Lets time pass until all is quiet, and returns whether it is. Messages that were received too often are moved back
/// from time to time. Once only such messages are left, all hosts may be off for a while first.
fn settle(sim: &mut Sim, site: &Site, redrives: Option<Duration>) -> bool {
    let facts = &site.facts;
    let mut away = redrives.unwrap_or_default();
    let (mut redrive, mut at_last) = (sim.now() + REDRIVE, sim.now() + QUIET_AT_LAST);
    let (mut until, mut finished) = (sim.now() + QUIET_WITHIN, 0);
    while sim.now() < until.min(at_last) {
        sim.run_until(sim.now() + LOOK);
        if !facts.lock().violations.is_empty() {
            return false;
        }
        let so_far = facts.lock().finished;
        if std::mem::replace(&mut finished, so_far) < so_far {
            until = sim.now() + QUIET_WITHIN;
        }
        if redrives.is_some() && sim.now() >= redrive {
            if sim.messages() == 0 {
                let forgotten = sim.skip(away);
                let age = match away.as_millis() as u64 {
                    _ if forgotten > 0 => Age::Forgotten,
                    KEPT_MS.. => Age::TooOld,
                    _ => Age::Fresh,
                };
                let mut known = facts.lock();
                known.age = known.age.max(age);
                (until, at_last) = (until + away, at_last + away);
                away = Duration::ZERO;
            }
            sim.redrive();
            redrive = sim.now() + REDRIVE;
        }
        if site.is_quiet(sim) {
            return true;
        }
    }
    false
}

/// Reports what does not come to an end.
fn restless(facts: &mut Facts, sim: &Sim) {
    let open = facts.parcels.iter().find(|(id, _)| !facts.rows.get(id).is_some_and(|row| row.finished));
    let (parcel, call) = match open {
        Some((id, stored)) => (Some(*id), stored.calls().next()),
        None => (None, None),
    };
    let (messages, owes) = (sim.messages(), sim.owes());
    let what = format!("there is no end to it: {messages} messages are left, callbacks are owed: {owes}");
    facts.violated(what, call, parcel);
}

fn report(case: &Case, facts: &Facts, passed: Duration, trace: String) -> Report {
    Report {
        case: case.clone(),
        violations: facts.violations.iter().map(|Violation { what, .. }| what.clone()).collect(),
        calls: facts.accepted().len() as u64,
        parcels: facts.parcels.len() as u64,
        losses: facts.rows.values().map(|row| u64::from(row.losses)).sum(),
        passed,
        story: story::tell(facts, &trace),
        trace,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, calls, parcels, losses, passed, violations, story, .. } = self;
        let passed = passed.as_secs();
        writeln!(f, "seed {case}: {calls} calls in {parcels} parcels, {losses} losses, {passed} s of virtual time")?;
        violations.iter().try_for_each(|what| writeln!(f, "  {what}"))?;
        if story.is_empty() { Ok(()) } else { writeln!(f, "\nThe story of the first:\n{story}") }
    }
}
