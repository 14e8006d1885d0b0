//! A fault of a deployment that lasts for hours or days, and is mended at last: workers never begin, and calls wait
//! meanwhile. Nothing else goes wrong.

use std::{sync::Arc, time::Duration};

use celeriac_core::{
    client::{Call, Client},
    ports::{Clock, DeadQuery},
    wire::KEPT_MS,
};
use celeriac_sim::{Dice, Sim};

use crate::{
    Mutation,
    audit::Audit,
    deployed::Broken,
    end, facts,
    facts::{Age, Shared},
    scenario::Scenario,
    site::Site,
    tasks::{Args, Script, Slow},
};

/// How long calls may take to end once the fault is mended. The longest wait of a message is a quarter of an hour.
const MENDED_WITHIN: Duration = Duration::from_mins(30);

/// How often to check whether all has ended.
const LOOK: Duration = Duration::from_mins(1);

/// The pause of a client after an error.
const PAUSE: Duration = Duration::from_secs(3);

/// A fault of a deployment.
#[derive(Clone, Debug)]
pub struct Drill {
    /// Why workers do not begin.
    pub broken: Broken,
    /// For how long.
    pub lasts: Duration,
    /// How long an environment takes to start, or half of the time until its failure is known: Lambda tries twice.
    pub cold_start: Duration,
    /// How many calls wait meanwhile, each in a parcel of its own.
    pub calls: u32,
    /// The most invocations that may be outstanding, and the most workers.
    pub cap: usize,
    /// The most dispatchers.
    pub dispatchers: usize,
    /// The most receives of a message before it is in a dead-letter queue.
    pub max_receives: u32,
    /// The most invocations of workers while the fault lasts.
    pub most_invocations: u64,
    /// What becomes of the calls.
    pub end: Waited,
}

/// What becomes of calls that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// They run once the fault is mended.
    Run,
    /// They are dead letters before it is mended, and run when they are retried then.
    Retried,
}

/// The result of a drill.
#[derive(Clone, Debug)]
pub struct Drilled {
    /// What went wrong with the product.
    pub violations: Vec<String>,
    /// How many invocations of workers there were while the fault lasted.
    pub invocations: u64,
    /// How many calls have run at last.
    pub ran: usize,
    /// One line for each event, if enabled.
    pub trace: String,
}

/// Runs a drill, optionally with a mutation.
///
/// # Panics
/// Never: the site is a deployed one.
pub fn drill(drill: &Drill, mutation: Option<Mutation>, traced: bool) -> Drilled {
    let facts = Shared::default();
    let scenario = Scenario::deployed(drill.cap, drill.dispatchers, drill.max_receives, drill.cold_start);
    let mut sim = Sim::new(1, scenario.weather.clone());
    sim.watch(Audit(facts.clone()));
    if traced {
        sim.trace();
    }
    {
        let mut known = facts.lock();
        (known.calm, known.early_ms, known.parcels_at_once) = (true, scenario.early_ms(), scenario.parcels_at_once());
        if drill.lasts.as_millis() as u64 >= KEPT_MS {
            known.age = Age::TooOld;
        }
    }
    let site = Site::new(&mut sim, scenario, facts.clone(), mutation, Dice::new(1));
    let stack = site.stack().expect("a deployed site has a stack");
    stack.set_broken(&mut sim, Some(drill.broken));
    let (host, client, _hands) = site.client(&mut sim);
    host.spawn(send(client.clone(), host.clock(), facts.clone(), drill.calls));
    run_until(&mut sim, &facts, drill.lasts);
    let invocations = stack.invocations();
    if invocations > drill.most_invocations {
        let what =
            format!("{invocations} workers were launched in vain, at most {} may be (G6)", drill.most_invocations);
        facts.lock().violated(what, None, None);
    }
    let accepted = facts.lock().told.calls.clone();
    let dead = accepted.iter().filter(|call| sim.letter(**call).is_some()).count();
    let expected = if drill.end == Waited::Retried { drill.calls as usize } else { 0 };
    if (accepted.len(), dead) != (drill.calls as usize, expected) {
        let what =
            format!("of {} calls {dead} are dead while the fault lasts, and not {expected} (G2)", accepted.len());
        facts.lock().violated(what, None, None);
    }
    stack.set_broken(&mut sim, None);
    if drill.end == Waited::Retried {
        host.spawn(retry(client, host.clock()));
        sim.run_until(sim.now() + LOOK);
    }
    let until = sim.now() + MENDED_WITHIN;
    while sim.now() < until && !site.is_quiet(&sim) && facts.lock().violations.is_empty() {
        sim.run_until(sim.now() + LOOK);
    }
    let ran =
        accepted.iter().filter(|call| facts.lock().calls.get(call).is_some_and(|seen| seen.succeeded > 0)).count();
    if facts.lock().violations.is_empty() {
        end::check(&mut facts.lock(), &sim);
        if ran < accepted.len() || !site.is_quiet(&sim) {
            let what = format!("{ran} of {} calls have run although all is mended (G2)", accepted.len());
            facts.lock().violated(what, None, None);
        }
    }
    let violations = facts.lock().violations.iter().map(|violation| violation.what.clone()).collect();
    Drilled { violations, invocations, ran, trace: sim.take_trace() }
}

/// Lets time pass until then, or until something is wrong.
fn run_until(sim: &mut Sim, facts: &Shared, until: Duration) {
    while sim.now() < until && facts.lock().violations.is_empty() {
        sim.run_until((sim.now() + LOOK).min(until));
    }
}

/// Sends calls, each in a parcel of its own.
async fn send(client: Client, clock: Arc<dyn Clock>, facts: facts::Shared, calls: u32) {
    for number in 1..=calls {
        let args = Args { script: Script::Succeeds, number };
        match Call::<Slow>::new(args).on(&client).send().await {
            Ok(handle) => drop(facts.lock().told.calls.insert(handle.id())),
            Err(_) => clock.sleep(PAUSE).await,
        }
    }
}

/// Sends all dead letters again.
async fn retry(client: Client, clock: Arc<dyn Clock>) {
    loop {
        match client.dead(DeadQuery::new(100)).await {
            Ok(letters) if letters.is_empty() => return,
            Ok(letters) => drop(client.retry_dead(&letters).await),
            Err(_) => {}
        }
        clock.sleep(PAUSE).await;
    }
}
