//! Simulates a function of Lambda: its environments handle one event at a time, are frozen in between, and are killed
//! at the time limit. Its events are synchronous or asynchronous.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use celeriac_lambda::Request;
use celeriac_sim::{Fate, Host, HostId, Sim};
use serde_json::Value;

use super::{event, event::Why, launches::Launches};
use crate::{facts, mutation::Mutation};

/// How often an environment is checked for death or timeout.
const LOOK: Duration = Duration::from_secs(1);

/// The longest delay of a report, or of its duplicate.
const LATEST_MS: u64 = 300_000;

/// Sets up a new environment; returns the handler of its events.
pub(super) type Boot = Arc<dyn Fn(&Host) -> Arc<dyn celeriac_lambda::Function> + Send + Sync>;

/// The settings of a function.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    /// Its name.
    pub(super) name: String,
    /// The most environments.
    pub(super) concurrency: usize,
    pub(super) time_limit: Duration,
    /// How long an environment takes to start.
    pub(super) cold_start: Duration,
    /// How long an event may wait.
    pub(super) event_age: Duration,
    /// Whether it runs calls: then its invocations are counted, reported when they fail, and stop by themselves before
    /// their time limit.
    pub(super) works: bool,
    /// How wrong clocks may be.
    pub(super) skew_ms: u64,
}

/// A function.
#[derive(Clone)]
pub(super) struct Function(Arc<Shared>);

struct Shared {
    deployment: Deployment,
    boot: Boot,
    fate: Fate,
    facts: facts::Shared,
    launches: Launches,
    mutation: Option<Mutation>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Waiting asynchronous events.
    waiting: VecDeque<Event>,
    idle: Vec<Environment>,
    /// How many environments there are.
    environments: usize,
    busy: BTreeMap<HostId, Run>,
    /// Environments frozen by a fault, which may exceed their time limit.
    meddled: Vec<HostId>,
    numbers: u64,
    /// How often another program was deployed.
    version: u64,
    /// Why no event can be handled.
    broken: Option<Broken>,
    /// How many events were handled, or failed before that.
    begun: u64,
}

/// Why a function handles no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Its program ends in its set-up: no event reaches a handler, and each is reported as failed.
    Init,
    /// Its reserved concurrency is 0. "Any new events go to the dead-letter queue or the on-failure event destination,
    /// without any retries" (Lambda's guide, "Configuring reserved concurrency").
    NoConcurrency,
}

/// An event of a function.
pub(super) struct Event {
    pub(super) request: String,
    pub(super) text: Arc<str>,
    pub(super) since_us: u64,
    /// Receives the answer; `None` for an asynchronous event.
    pub(super) reply: Option<Reply>,
}

pub(super) type Reply = Box<dyn FnOnce(Outcome) + Send>;

/// The outcome that the caller of a synchronous event sees.
pub(super) enum Outcome {
    Answered(Value),
    /// It failed, or there was no environment for it.
    Failed,
}

#[derive(Clone)]
struct Environment {
    host: Host,
    handler: Arc<dyn celeriac_lambda::Function>,
    version: u64,
}

struct Run {
    number: u64,
    event: Event,
    environment: Environment,
}

impl Function {
    pub(super) fn new(
        deployment: Deployment,
        boot: Boot,
        (fate, facts): (Fate, facts::Shared),
        launches: Launches,
        mutation: Option<Mutation>,
    ) -> Self {
        Self(Arc::new(Shared { deployment, boot, fate, facts, launches, mutation, state: Mutex::default() }))
    }

    pub(super) fn now_us(&self) -> u64 {
        self.0.fate.now_us()
    }

    /// A new request id.
    pub(super) fn number(&self) -> String {
        let mut state = self.state();
        state.numbers += 1;
        format!("{}-{:04x}", self.0.deployment.name, state.numbers)
    }

    /// The environments that are handling an event.
    pub(super) fn busy(&self) -> Vec<HostId> {
        self.state().busy.keys().copied().collect()
    }

    /// A fault is about to freeze an environment without its knowledge.
    pub(super) fn meddle(&self, host: HostId) {
        self.state().meddled.push(host);
    }

    /// From now on no event is handled, or all are again.
    pub(super) fn set_broken(&self, sim: &mut Sim, broken: Option<Broken>) {
        self.state().broken = broken;
        self.renew(sim);
    }

    /// How many events were handled, or failed before that.
    pub(super) fn begun(&self) -> u64 {
        self.state().begun
    }

    /// Deploys another program: environments of the old one handle no further event.
    pub(super) fn renew(&self, sim: &mut Sim) {
        let idle = {
            let mut state = self.state();
            state.version += 1;
            let idle = std::mem::take(&mut state.idle);
            state.environments -= idle.len();
            idle
        };
        for environment in idle {
            sim.crash(environment.host.id());
        }
    }

    /// An asynchronous event arrives once, twice or never.
    pub(super) fn accept(&self, request: &str, text: &Arc<str>) {
        let (copies, delay_ms) = self.0.fate.draw(|dice, weather| {
            let lost = dice.happens(weather.event_lost);
            let copies = if lost { 0 } else { 1 + u32::from(dice.happens(weather.event_twice)) };
            (copies, dice.between(1, 40))
        });
        if copies == 0 {
            self.0.fate.say(0, || format!("the event of request {request} was dropped"));
            self.0.launches.ended(request);
        }
        for _ in 0..copies {
            let (function, request, text) = (self.clone(), request.to_owned(), Arc::clone(text));
            self.0.fate.after(Duration::from_millis(delay_ms), move |sim| {
                let since_us = function.now_us();
                function.state().waiting.push_back(Event { request, text, since_us, reply: None });
                function.start(sim);
            });
        }
    }

    /// Handles a synchronous event, if an environment is free.
    pub(super) fn take(&self, sim: &mut Sim, event: Event) {
        let broken = self.state().broken;
        if let Some(broken) = broken {
            return self.fail(broken, event);
        }
        match self.environment() {
            Some(environment) => self.handle(sim, environment, event),
            None if self.state().environments < self.0.deployment.concurrency => self.boot(sim, event),
            None => {
                self.0.fate.say(0, || format!("request {} was throttled", event.request));
                if let Some(reply) = event.reply {
                    reply(Outcome::Failed);
                }
            }
        }
    }

    /// Gives waiting events to environments, as far as concurrency allows.
    fn start(&self, sim: &mut Sim) {
        loop {
            let has_room = !self.state().idle.is_empty() || self.state().environments < self.0.deployment.concurrency;
            let Some(event) = self.state().waiting.pop_front_if(|_| has_room) else { return };
            let age_us = self.now_us() - event.since_us;
            if u128::from(age_us) > self.0.deployment.event_age.as_micros() {
                self.report(&event, &Why::TooOld);
            } else {
                self.take(sim, event);
            }
        }
    }

    /// The end of an event that no handler gets.
    fn fail(&self, broken: Broken, event: Event) {
        let (function, takes) = match broken {
            Broken::Init => (self.clone(), 2 * self.0.deployment.cold_start),
            Broken::NoConcurrency => (self.clone(), Duration::ZERO),
        };
        {
            let mut state = self.state();
            state.begun += 1;
            state.environments += 1;
        }
        self.0.fate.after(takes, move |sim| {
            function.state().environments -= 1;
            function.0.fate.say(0, || format!("request {} failed before it began: {broken:?}", event.request));
            if let Some(reply) = event.reply {
                reply(Outcome::Failed);
            } else {
                let what = match broken {
                    Broken::Init => "RequestId: .. Error: Runtime exited with error: exit status 1",
                    Broken::NoConcurrency => "Rate Exceeded.",
                };
                let why = Why::Error("Runtime.ExitError".to_owned(), what.to_owned());
                function.report(&Event { reply: None, ..event }, &why);
            }
            function.start(sim);
        });
    }

    fn environment(&self) -> Option<Environment> {
        let mut state = self.state();
        loop {
            let environment = state.idle.pop()?;
            if environment.host.is_alive() {
                return Some(environment);
            }
            state.environments -= 1;
        }
    }

    fn boot(&self, sim: &mut Sim, event: Event) {
        self.state().environments += 1;
        let skew_ms = self.0.deployment.skew_ms;
        let skew_ms = self.0.fate.draw(|dice, _| dice.around_zero(skew_ms));
        let host = sim.boot(&format!("an environment of {}", self.0.deployment.name), skew_ms);
        let (version, handler) = (self.state().version, (self.0.boot)(&host));
        let (function, environment) = (self.clone(), Environment { host, handler, version });
        self.0.fate.after(self.0.deployment.cold_start, move |sim| function.handle(sim, environment, event));
    }

    fn handle(&self, sim: &mut Sim, environment: Environment, event: Event) {
        let (host, text) = (environment.host.clone(), Arc::clone(&event.text));
        sim.thaw(host.id());
        let limit = self.0.deployment.time_limit;
        let request = Request {
            id: event.request.clone(),
            function: self.0.deployment.name.clone(),
            log_stream: format!("2023/11/14/[$LATEST]{}", host.id()),
            deadline_ms: host.clock().now_ms() + limit.as_millis() as u64,
        };
        let request = self.0.mutation.map_or(request.clone(), |mutation| mutation.twist_request(request));
        self.0.fate.say(host.id(), || format!("handles request {}", event.request));
        self.0.facts.lock().invocations.insert(host.id(), event.request.clone());
        if self.0.deployment.works {
            self.0.launches.begins(host.id(), &event.request);
        }
        let number = {
            let mut state = self.state();
            state.numbers += 1;
            let number = state.numbers;
            state.begun += 1;
            state.busy.insert(host.id(), Run { number, event, environment: environment.clone() });
            number
        };
        let (function, at) = (self.clone(), host.clone());
        host.spawn(async move {
            let answer = environment.handler.handle(&text, &request).await;
            let answer = answer.map(|answer| serde_json::to_value(answer).unwrap_or_default());
            let answer = answer.map_err(|error| Why::Error(error.kind().to_owned(), error.to_string()));
            let worn = environment.handler.is_worn();
            if at.is_alive() {
                let again = function.clone();
                function.0.fate.after(Duration::ZERO, move |sim| again.answered(sim, at.id(), number, answer, worn));
            }
        });
        self.watch(host.id(), number, limit);
    }

    /// Watches a run until it has answered, is dead, or has timed out.
    fn watch(&self, host: HostId, number: u64, left: Duration) {
        let (function, step) = (self.clone(), LOOK.min(left));
        self.0.fate.after(step, move |sim| {
            let runs = function.state().busy.get(&host).is_some_and(|run| run.number == number);
            if !runs {
                return;
            }
            let died = |what: &str| Why::Error("Runtime.ExitError".to_owned(), what.to_owned());
            if !sim.is_alive(host) {
                function.ended(sim, host, Err(died("RequestId: .. Error: Runtime exited with error: signal: killed")));
            } else if left > step {
                function.watch(host, number, left.saturating_sub(step));
            } else {
                function.is_over(host);
                sim.crash(host);
                function.ended(sim, host, Err(died("Task timed out")));
            }
        });
    }

    /// A worker stops before its time limit, unless it was frozen.
    fn is_over(&self, host: HostId) {
        if self.0.deployment.works && !self.state().meddled.contains(&host) {
            let request = self.0.facts.lock().invocations.get(&host).cloned().unwrap_or_default();
            let what = format!("request {request} ran on to its time limit, and vanishes without a word (G4)");
            self.0.facts.lock().violated(what, None, None);
        }
    }

    fn answered(&self, sim: &mut Sim, host: HostId, number: u64, answer: Result<Value, Why>, worn: bool) {
        let runs = self.state().busy.get(&host).is_some_and(|run| run.number == number);
        if !runs {
            return;
        }
        if worn {
            sim.crash(host);
        }
        self.ended(sim, host, answer);
    }

    fn ended(&self, sim: &mut Sim, host: HostId, answer: Result<Value, Why>) {
        let Some(Run { event, environment, .. }) = self.state().busy.remove(&host) else { return };
        self.0.facts.lock().invocations.remove(&host);
        self.0.fate.say(host, || format!("request {} ended: {answer:?}", event.request));
        match (answer, event.reply) {
            (Ok(answer), Some(reply)) => reply(Outcome::Answered(answer)),
            (Err(_), Some(reply)) => reply(Outcome::Failed),
            (Ok(_), None) => self.0.launches.ended(&event.request),
            (Err(why), None) => self.report(&Event { reply: None, ..event }, &why),
        }
        let goes_on = sim.is_alive(host) && environment.version == self.state().version;
        if goes_on {
            sim.freeze(host);
            self.state().idle.push(environment);
        } else {
            sim.crash(host);
            self.state().environments -= 1;
        }
        let function = self.clone();
        self.0.fate.after(Duration::ZERO, move |sim| function.start(sim));
    }

    /// Reports a failed event: never, late, or twice.
    fn report(&self, event: &Event, why: &Why) {
        self.0.launches.ended(&event.request);
        if !self.0.deployment.works {
            return;
        }
        self.0.facts.lock().reported.insert(event.request.clone());
        let report = event::failure(&self.0.deployment.name, &event.request, &event.text, why);
        let delays = self.0.fate.draw(|dice, weather| {
            let lost = dice.happens(weather.event_lost);
            let copies = if lost { 0 } else { 1 + u32::from(dice.happens(weather.event_twice)) };
            let late = dice.happens(weather.late);
            let latest_ms = |copy| if copy > 0 || late { LATEST_MS } else { 500 };
            (0..copies).map(|copy| dice.between(10, latest_ms(copy))).collect::<Vec<_>>()
        });
        for delay_ms in delays {
            let report = report.clone();
            self.0.fate.after(Duration::from_millis(delay_ms), move |sim| sim.drop_in("failures", report));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
